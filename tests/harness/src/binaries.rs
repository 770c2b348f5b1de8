//! Where the programs are that the harness starts.
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Error;

/// The folder of this repository, as it was when the harness was compiled.
pub fn repository() -> &'static Path {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.ancestors().nth(2).unwrap_or(harness)
}

/// A binary of this workspace: the one that `variable` names, else the one beside the running program, which Cargo
/// puts in the profile's folder (the demo) or in `deps` below it (tests).
#[expect(clippy::disallowed_methods, reason = "a developer's override, which no command line carries to a test")]
pub(crate) fn workspace_binary(name: &str, variable: &'static str) -> Result<PathBuf, Error> {
    let path = if let Some(path) = std::env::var_os(variable) {
        PathBuf::from(path)
    } else {
        let program = std::env::current_exe().map_err(Error::spawn(name))?;
        let profile = program.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
        profile.unwrap_or(&program).join(name)
    };
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::NotBuilt { path, build: format!("cargo build -p {name}"), variable })
    }
}

/// The folder with etcd, kube-apiserver, kube-controller-manager, kubectl and, with `helm`, helm, which
/// `tests/control-plane/build` makes on the first use on a machine. Its progress goes to this program's error output.
pub(crate) async fn control_plane(helm: bool) -> Result<PathBuf, Error> {
    let script = repository().join("tests/control-plane/build");
    let mut command = tokio::process::Command::new(&script);
    if !helm {
        command.arg("--without-helm");
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::spawn(script.display().to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    match printed.lines().last() {
        Some(folder) if output.status.success() => Ok(PathBuf::from(folder)),
        _ => Err(Error::Command {
            command: script.display().to_string(),
            status: output.status,
            output: format!("{printed}(what went wrong stands above, in its error output)"),
        }),
    }
}

/// A program of a pinned Go module, which `tests/go-tool` builds on the first use on a machine: the folder of the module in
/// this repository, and the package of the program.
pub fn go_tool(module: &str, package: &str) -> Result<PathBuf, Error> {
    let script = repository().join("tests/go-tool");
    let output = std::process::Command::new(&script)
        .arg(repository().join(module))
        .arg(package)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::spawn(script.display().to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(PathBuf::from(printed.trim()))
    } else {
        Err(Error::Command { command: script.display().to_string(), status: output.status, output: printed })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_repository_holds_the_script_that_builds_the_control_plane() {
        assert!(repository().join("tests/control-plane/build").is_file());
    }

    #[test]
    fn a_missing_binary_is_named_with_the_command_that_builds_it() {
        let error = workspace_binary("no-such-program", "HARNESS_NO_SUCH_PROGRAM").unwrap_err().to_string();
        assert!(error.contains("`cargo build -p no-such-program`"), "{error}");
        assert!(error.contains("HARNESS_NO_SUCH_PROGRAM"), "{error}");
        assert!(!error.contains("deps/no-such-program"), "{error}");
    }
}
