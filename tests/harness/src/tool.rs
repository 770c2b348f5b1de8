//! One call of a command-line tool against a control plane.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::{Error, binaries};

/// Longer than any call takes: one that hangs is to fail its test, and not the whole run.
const PATIENCE: Duration = Duration::from_mins(5);

/// A call of kubectl or Helm that has not run yet; [`crate::ControlPlane::kubectl`] makes one.
#[must_use = "the tool runs with `run`, `output` or `json`"]
#[derive(Debug)]
pub struct Tool {
    program: PathBuf,
    arguments: Vec<OsString>,
    kubeconfig: PathBuf,
    cache: PathBuf,
    input: Option<String>,
    /// What differs from this program's own.
    path: Option<OsString>,
    folder: Option<PathBuf>,
}

impl Tool {
    pub(crate) fn new<I>(program: PathBuf, arguments: I, kubeconfig: &Path, cache: &Path) -> Self
    where
        I: IntoIterator<Item: Into<OsString>>,
    {
        Self {
            program,
            arguments: arguments.into_iter().map(Into::into).collect(),
            kubeconfig: kubeconfig.to_owned(),
            cache: cache.to_owned(),
            input: None,
            path: None,
            folder: None,
        }
    }

    /// Where it finds other programs.
    pub(crate) fn path(mut self, path: OsString) -> Self {
        self.path = Some(path);
        self
    }

    /// The folder that it runs in.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// A call of Helm that needs no control plane, such as `lint` and `template`. The first use on a machine builds Helm.
    pub async fn helm<I: IntoIterator<Item: Into<OsString>>>(arguments: I) -> Result<Self, Error> {
        let helm = binaries::control_plane(true).await?.join("helm");
        let folder = std::env::temp_dir();
        Ok(Self::new(helm, arguments, &folder.join("no-kubeconfig"), &folder))
    }

    /// What it reads on standard input (`-f -`).
    pub fn stdin(mut self, input: impl Into<String>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Runs it as another user than the administrator: with a kubeconfig of
    /// [`crate::ControlPlane::as_service_account`].
    pub fn kubeconfig(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.kubeconfig);
        self
    }

    /// Runs it to its end, whatever that is: for tests of what it refuses and says. One that has not ended after five minutes
    /// is killed, and that is an error.
    pub async fn output(&self) -> Result<Output, Error> {
        let failed = || Error::spawn(self.program.display().to_string());
        let mut command = Command::new(&self.program);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let mut child = command
            .args(&self.arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            // Neither reads nor leaves anything in the home of the person who runs the tests.
            .env("KUBECACHEDIR", &self.cache)
            .env("KUBERC", "off")
            .env("HELM_CACHE_HOME", &self.cache)
            .env("HELM_CONFIG_HOME", &self.cache)
            .env("HELM_DATA_HOME", &self.cache)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed())?;
        let pipe = child.stdin.take();
        let write = async {
            if let (Some(mut pipe), Some(input)) = (pipe, &self.input) {
                // A tool may end without reading its input; its status tells.
                let _ = pipe.write_all(input.as_bytes()).await;
            }
        };
        let ended = timeout(PATIENCE, async { tokio::join!(write, child.wait_with_output()).1 });
        let last = "it runs".to_owned();
        let late = |_| Error::Deadline { what: format!("`{self}` to end"), seconds: PATIENCE.as_secs(), last };
        ended.await.map_err(late)?.map_err(failed())
    }

    /// Runs it and returns its standard output; anything but success is an error that carries all it printed.
    pub async fn run(&self) -> Result<String, Error> {
        let output = self.output().await?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        Err(Error::Command {
            command: self.to_string(),
            status: output.status,
            output: format!("{printed}{}", String::from_utf8_lossy(&output.stderr)),
        })
    }

    /// Runs it and reads its standard output as JSON (`-o json`).
    pub async fn json(&self) -> Result<Value, Error> {
        serde_json::from_str(&self.run().await?).map_err(Error::unreadable(format!("the output of `{self}`")))
    }
}

impl std::fmt::Display for Tool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.program.file_name().unwrap_or_default().to_string_lossy())?;
        self.arguments.iter().try_for_each(|argument| write!(formatter, " {}", argument.to_string_lossy()))
    }
}
