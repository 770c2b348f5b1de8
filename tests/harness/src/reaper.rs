//! Ends what this program started, however this program ends.
//!
//! `Drop` ends children on a normal return and on a panic that unwinds, but not the children of a value in a
//! `static`, nor any child after Ctrl-C or SIGKILL. So one small shell process per program reads a pipe that only this
//! program holds. When the pipe closes, and the kernel closes it in every case, the watcher kills each process group
//! that was named and not taken back, and removes the temporary folders.
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// Reads lines `started PID`, `ended PID` and `folder PATH` until end of file. It ignores the signals that a terminal
/// sends, since it must outlive the program that a Ctrl-C ends. A killed process may still write for a moment: a
/// folder that cannot be removed at once is tried again a second later. `kill -s KILL --` is the one spelling for a
/// group that both dash and bash read so.
const WATCHER: &str = r#"
trap '' HUP INT TERM
processes=
while read -r word value; do
  case $word in
    started) processes="$processes $value" ;;
    ended)
      kept=
      for process in $processes; do [ "$process" = "$value" ] || kept="$kept $process"; done
      processes=$kept ;;
    folder) set -- "$@" "$value" ;;
  esac
done
for process in $processes; do kill -s KILL -- "-$process"; done
rm -rf -- "$@" || { sleep 1; rm -rf -- "$@"; }
"#;

static WATCHING: Mutex<Option<Child>> = Mutex::new(None);

/// Has the process group of `id` killed when this program ends.
pub(crate) fn started(id: u32) -> Result<(), Error> {
    tell(&format!("started {id}\n"))
}

/// Takes a process back that has ended and was waited for, since its id may be given to another.
pub(crate) fn ended(id: u32) {
    // Without the watcher nothing would be killed that must be taken back.
    let _ = tell(&format!("ended {id}\n"));
}

/// Has a folder removed when this program ends, if it still exists then.
pub(crate) fn folder(path: &Path) -> Result<(), Error> {
    tell(&format!("folder {}\n", path.display()))
}

fn tell(line: &str) -> Result<(), Error> {
    let mut watching = WATCHING.lock().unwrap_or_else(PoisonError::into_inner);
    if watching.is_none() {
        *watching = Some(
            Command::new("sh")
                .args(["-c", WATCHER, "harness-reaper"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .map_err(Error::spawn("sh"))?,
        );
    }
    match watching.as_mut().and_then(|child| child.stdin.as_mut()) {
        Some(pipe) => pipe.write_all(line.as_bytes()).map_err(Error::spawn("sh (the harness's watcher)")),
        None => Ok(()),
    }
}
