//! What tests take from pinned Go modules, which the scripts beside the pins build or fetch on a machine's first use.
use std::process::{Command, Stdio};

use harness::repository;

/// The paths that a script of this repository prints.
pub fn paths(script: &str) -> Vec<String> {
    let output = Command::new(repository().join(script)).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
