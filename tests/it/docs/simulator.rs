//! The page about the simulator: its commands work as they stand, and its tables are those of the program.
use std::{path::PathBuf, process::Stdio, time::Duration};

use harness::{Simulator, SimulatorOptions, repository};
use tokio::{process::Command, time::timeout};

use super::{
    examples::blocks_run_by,
    generated::{code, keep_current, table},
    page::pages,
};

/// As the page calls the test that runs its commands.
pub const NAME: &str = "docs::simulator";
pub const PAGE: &str = "docs/simulator.md";

/// Longer than the commands take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// The folder of the programs of this workspace.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).unwrap().to_owned()
}

fn page() -> String {
    pages().into_iter().find(|page| page.path == PAGE).unwrap().text
}

#[tokio::test]
async fn the_commands_of_the_page_work_one_after_the_other() {
    let blocks = blocks_run_by(NAME, PAGE);
    let commands: String = blocks.iter().map(|block| block.code.as_str()).collect();
    let programs = programs();
    let script = format!(
        "set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\nexport PATH=\"{}:$PATH\"\nset -x\n{commands}",
        programs.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, bash.output()).await.expect("the commands end").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn its_tables_are_those_of_the_program() {
    let simulator = Simulator::start(&SimulatorOptions::default()).await.unwrap();
    let kinds = simulator.fault_kinds().await.unwrap().into_iter().map(|fault| vec![code(&fault.kind), fault.does]);
    let parts = [
        ("fault kinds".to_owned(), table(&["kind", "what becomes of the call"], kinds)),
        ("options".to_owned(), options().await),
    ];
    keep_current("simulated", &parts);
}

/// The options as `--help` shows them.
async fn options() -> String {
    let help = Command::new(programs().join("atlas-simulator")).arg("--help").output().await.unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let (_, help) = help.split_once("\nOptions:\n").unwrap();
    let (help, _) = help.split_once("\nExamples:\n").unwrap();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in help.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('-') && line.contains("--") {
            rows.push(vec![code(line), String::new(), String::new()]);
            continue;
        }
        let row = rows.last_mut().unwrap();
        if let Some(default) = line.strip_prefix("[default: ").and_then(|rest| rest.strip_suffix(']')) {
            row[1] = code(default);
        } else if line == "Possible values:" {
            row[2].push(':');
        } else if !line.starts_with("[possible values") {
            let value = line.strip_prefix("- ").and_then(|value| value.split_once(':'));
            let said =
                value.map_or_else(|| line.to_owned(), |(name, does)| format!("{}: {};", code(name), does.trim()));
            if !row[2].is_empty() {
                row[2].push(' ');
            }
            row[2].push_str(&said);
        }
    }
    for row in &mut rows {
        let length = row[2].trim_end_matches(';').len();
        row[2].truncate(length);
    }
    table(&["option", "default", "meaning"], rows)
}

/// Every request that the control interface answers is in the page, by the arms of the match that answers them.
#[test]
fn every_control_request_is_in_the_page() {
    let source = std::fs::read_to_string(repository().join("simulator/src/control.rs")).unwrap();
    let page = page();
    let mut checked = 0;
    for line in source.lines().filter_map(|line| line.trim().strip_prefix("(\"")) {
        let Some((method, rest)) = line.split_once("\", \"") else { continue };
        let Some((path, _)) = rest.split_once("\") =>") else { continue };
        assert!(page.contains(&format!("| `{method} /_sim/{path}` |")), "{PAGE} does not say {method} /_sim/{path}");
        checked += 1;
    }
    assert!(checked > 15, "only {checked} requests were found");
    // What the name of a setting is in the source is its name in the page.
    let settings = std::fs::read_to_string(repository().join("simulator/src/settings.rs")).unwrap();
    let (_, patch) = settings.split_once("pub struct Patch {").unwrap();
    let (patch, _) = patch.split_once("\n}").unwrap();
    for field in patch.lines().map(|line| line.trim().trim_start_matches("pub ")).filter(|line| !line.starts_with("//"))
    {
        let Some((name, _)) = field.split_once(": ") else { continue };
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        let name = words.fold(first, |name, word| {
            let (initial, rest) = word.split_at(1);
            format!("{name}{}{rest}", initial.to_uppercase())
        });
        assert!(page.contains(&format!("`{name}`")), "{PAGE} does not say what {name} is");
    }
}
