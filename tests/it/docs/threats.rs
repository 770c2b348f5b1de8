//! `SECURITY.md` does not promise what no test keeps.
use std::path::Path;

use harness::repository;

use super::page::pages;

/// The rows of the threat model, each as threat, answer and tests.
fn rows() -> Vec<[String; 3]> {
    let page = pages().into_iter().find(|page| page.path == "SECURITY.md").unwrap();
    let (_, table) = page.text.split_once("| threat | what is done about it | tests |\n").unwrap();
    let lines = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    lines.map(|line| cells(line).try_into().unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Whether there is a test that `cargo test` calls so.
fn is_test(path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else { return false };
    let file = module.replace("::", "/");
    // A module may stand in the file of the one around it.
    let outer = file.rsplit_once('/').map_or(file.as_str(), |(outer, _)| outer);
    let files = ["src", "tests/it"]
        .into_iter()
        .flat_map(|root| [format!("{root}/{file}.rs"), format!("{root}/{file}/mod.rs"), format!("{root}/{outer}.rs")]);
    files.map(|file| repository().join(file)).filter(|file| file.exists()).any(|file| declares(&file, name))
}

/// Whether a file has a test of this name.
fn declares(file: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(file).unwrap();
    let Some(start) = text.find(&format!("fn {name}(")) else { return false };
    let before = text[..start].rsplit("}\n").next().unwrap_or_default();
    before.contains("#[test]") || before.contains("#[tokio::test")
}

#[test]
fn each_threat_has_tests_that_are_there() {
    let rows = rows();
    // As many as the threats that were found when the operator was designed.
    assert!(rows.len() >= 12, "{} threats", rows.len());
    for [threat, answer, tests] in rows {
        assert!(answer.len() > 40, "{threat}: {answer}");
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{threat} has no test");
        for test in tests {
            assert!(is_test(test), "{threat}: there is no test {test}");
        }
    }
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    assert!(is_test("docs::threats::a_test_that_is_not_there_is_missed"));
    assert!(is_test("kinds::tests::every_example_can_be_edited_as_it_says"));
    for other in ["docs::threats::is_test", "docs::threats::nothing", "nowhere::rows", "rows"] {
        assert!(!is_test(other), "{other}");
    }
}
