//! A child process that ends with its handle.
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{Error, reaper};

/// How often a child that was asked to end is looked at.
const INTERVAL: Duration = Duration::from_millis(20);
/// Lines of a log that an error carries: enough for a stack trace and what led to it.
const LAST_LINES: usize = 30;

/// A running program in a process group of its own, so that a terminal's Ctrl-C reaches only the harness, which then
/// ends its children in order. Dropped, it is killed and waited for.
pub struct Process {
    name: String,
    id: u32,
    child: Mutex<Child>,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with no input. What it writes goes to the file `log`; its standard output, with `output`, to
    /// that file instead.
    pub fn start(name: &str, mut command: Command, log: &Path, output: Option<&Path>) -> Result<Self, Error> {
        let errors = File::create(log).map_err(Error::file(log))?;
        let output = match output {
            Some(path) => File::create(path).map_err(Error::file(path))?,
            None => errors.try_clone().map_err(Error::file(log))?,
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Error::spawn(command.get_program().to_string_lossy()))?;
        let process = Self { name: name.to_owned(), id: child.id(), child: Mutex::new(child), log: log.to_owned() };
        reaper::started(process.id)?;
        Ok(process)
    }

    /// The operating system's id of the process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The file that [`Process::log`] reads.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Everything it wrote to its log so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The end of the log.
    pub fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// How it ended, or `None` while it runs.
    pub fn ended(&self) -> Option<ExitStatus> {
        let status = self.child().try_wait().ok().flatten();
        if status.is_some() {
            reaper::ended(self.id);
        }
        status
    }

    /// An error that carries the log when the process has ended.
    pub fn expect_running(&self) -> Result<(), Error> {
        match self.ended() {
            None => Ok(()),
            Some(status) => Err(Error::Ended { program: self.name.clone(), status, log: self.last_lines() }),
        }
    }

    /// Asks it to end with SIGTERM and waits. A process that is still there after `patience` is killed, and that is
    /// an error.
    pub async fn stop(&self, patience: Duration) -> Result<ExitStatus, Error> {
        self.signal(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < patience {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            tokio::time::sleep(INTERVAL).await;
        }
        self.kill();
        Err(Error::Deadline {
            what: format!("{} to end after SIGTERM", self.name),
            seconds: patience.as_secs(),
            last: self.last_lines(),
        })
    }

    /// Stops it where it is (SIGSTOP), until [`Process::resume`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it at once with SIGKILL and waits for it.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        // A child that ended before keeps its status, so waiting again does no harm.
        let _ = self.child().wait();
        reaper::ended(self.id);
    }

    /// Signals the whole group, unless the process has ended: its id may belong to another by then.
    fn signal(&self, signal: Signal) {
        let mut child = self.child();
        if let (Ok(None), Some(group)) = (child.try_wait(), i32::try_from(self.id).ok().and_then(Pid::from_raw)) {
            // It can have ended in this instant; it stays a zombie, and its id its own, until it is waited for.
            let _ = kill_process_group(group, signal);
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use tempfile::TempDir;

    use super::*;
    use crate::eventually;

    const LONG: Duration = Duration::from_secs(10);

    fn shell(folder: &TempDir, script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start("a shell", command, &folder.path().join("log"), None).unwrap()
    }

    async fn wait_for_log(process: &Process, text: &str) {
        let look = || async { if process.log().contains(text) { Ok(()) } else { Err(process.log()) } };
        eventually(LONG, text, look).await.unwrap();
    }

    #[tokio::test]
    async fn both_outputs_are_in_the_log_and_an_early_end_is_an_error_that_carries_them() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell(&folder, "echo one; echo two >&2; exit 3");
        let ended = || async { process.ended().ok_or("it runs") };
        assert_eq!(eventually(LONG, "the end", ended).await.unwrap().code(), Some(3));
        let error = process.expect_running().unwrap_err().to_string();
        assert!(error.starts_with("a shell ended with exit status: 3"), "{error}");
        assert!(error.ends_with("one\ntwo"), "{error}");
    }

    #[tokio::test]
    async fn it_is_asked_to_end_and_gives_its_own_status() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell(&folder, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
        wait_for_log(&process, "ready").await;
        assert_eq!(process.stop(LONG).await.unwrap().code(), Some(7));
    }

    #[tokio::test]
    async fn one_that_will_not_end_is_killed_with_its_own_children_and_that_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let process = shell(&folder, "trap '' TERM; sleep 600 & echo child $!; wait");
        wait_for_log(&process, "child ").await;
        let child: i32 = process.log().trim().trim_start_matches("child ").parse().unwrap();
        let error = process.stop(Duration::from_millis(100)).await.unwrap_err().to_string();
        assert!(error.contains("a shell to end after SIGTERM"), "{error}");
        assert!(process.ended().is_some());
        let look = || async {
            // The child's new parent may leave it a zombie for a while.
            let status = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            if status.is_empty() || status.contains(") Z ") { Ok(()) } else { Err(status) }
        };
        eventually(LONG, "the child's end", look).await.unwrap();
    }
}
