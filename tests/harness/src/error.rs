//! What can go wrong, by the stage that failed.
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A failure of the harness itself; what a test expects of the programs under test is not an error but a value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A binary of this workspace was not built.
    #[error("{} does not exist; build it with `{build}`, or name another with {variable}", path.display())]
    NotBuilt { path: PathBuf, build: String, variable: &'static str },
    /// A program could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn { program: String, source: io::Error },
    /// A file or folder of the harness could not be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A program that should go on running has ended; with the end of what it logged.
    #[error("{program} ended with {status}; its last lines:\n{log}")]
    Ended { program: String, status: ExitStatus, log: String },
    /// A command that runs to its end did not succeed.
    #[error("`{command}` ended with {status}:\n{output}")]
    Command { command: String, status: ExitStatus, output: String },
    /// A condition did not hold before its deadline.
    #[error("waited {seconds} s for {what}; last seen: {last}")]
    Deadline { what: String, seconds: u64, last: String },
    /// An HTTP request got no answer.
    #[error("{url}: {source}")]
    Unreachable { url: String, source: reqwest::Error },
    /// An HTTP request was refused.
    #[error("{url} answered {status}: {body}")]
    Refused { url: String, status: u16, body: String },
    /// An answer or a file was not what its format promises.
    #[error("{what} is unreadable: {reason}")]
    Unreadable { what: String, reason: String },
}

impl Error {
    /// For `map_err` on operations that do not name their file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }

    /// For `map_err` on the start of a program.
    pub(crate) fn spawn(program: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let program = program.into();
        move |source| Self::Spawn { program, source }
    }

    /// For `map_err` on the decoding of what another program wrote.
    pub(crate) fn unreadable<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |reason| Self::Unreadable { what, reason: reason.to_string() }
    }
}
