//! What can go wrong.
use std::{io, path::Path, path::PathBuf, process::ExitStatus};

/// By the stage that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A program could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn { program: &'static str, source: io::Error },
    /// A program did not succeed.
    #[error("{command} ended with {status}: {output}")]
    Command { command: String, status: ExitStatus, output: String },
    /// A program's output was not what it promises.
    #[error("the output of {command} is unreadable: {reason}")]
    Unreadable { command: String, reason: String },
    /// A licence asks for its text to be there, and nobody brings it.
    #[error("{0} brings no text of its licence")]
    License(String),
    /// There are no images for this target.
    #[error("{0} is not a target that images are made for")]
    Target(String),
}

impl Error {
    /// For `map_err` on operations that do not name their file.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
