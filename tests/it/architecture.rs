//! The shape of the program: which part may know of which, and how long a file may be. What the compiler enforces is
//! not repeated here.
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use harness::repository;
use serde_json::Value;

/// What decides must be a function of its arguments: it does no I/O and reads no clock.
const PURE: &[&str] = &[
    "src/engine/diff.rs",
    "src/engine/outcome.rs",
    "src/engine/ownership.rs",
    "src/engine/plan.rs",
    "src/engine/plan",
    "src/engine/policy.rs",
    "src/engine/predict.rs",
    "src/kind.rs",
    "src/kind",
    "src/kinds.rs",
    "src/kinds",
];
/// What would make it more than that, as a path or as the beginning of one.
const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "hyper",
    "axum",
    "kube::Client",
    "kube::Api",
    "kube::client",
    "kube::runtime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::TcpStream",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
];
/// Words that are the same in disguise, wherever they stand.
const IMPURE_CALLS: &[&str] = &["Timestamp::now", "Zoned::now", "Instant::now", "SystemTime::now"];

/// The longest file.
const HARD_LIMIT: usize = 800;
/// The longest file that needs no reason.
const SOFT_LIMIT: usize = 400;

/// Every Rust file at or below a path of the repository.
fn files(path: &str) -> Vec<PathBuf> {
    let path = repository().join(path);
    let mut found = Vec::new();
    collect(&path, &mut found);
    assert!(!found.is_empty(), "there is nothing at {}", path.display());
    found
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap_or(path).display().to_string()
}

/// The source without comments; text in quotes stays, and does no harm here.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// Every path that a source names: those of its `use` declarations, taken apart, and those that stand in its code.
fn paths(code: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for statement in code.split("use ").skip(1) {
        if let Some((tree, _)) = statement.split_once(';') {
            expand("", &tree.split_whitespace().collect::<String>(), &mut paths);
        }
    }
    let part_of_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    paths.extend(code.split(|letter| !part_of_path(letter)).filter(|word| word.contains("::")).map(str::to_owned));
    paths
}

/// Takes `a::{b, c::d}` apart into `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut BTreeSet<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        paths.insert(format!("{prefix}{tree}"));
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0_usize, 0);
    for (index, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&format!("{prefix}{head}"), &group[start..index], paths);
                start = index + 1;
            }
            _ => {}
        }
    }
    expand(&format!("{prefix}{head}"), &group[start..], paths);
}

/// Whether `path` is `beginning` or something in it.
fn begins(path: &str, beginning: &str) -> bool {
    path.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn declarations_are_taken_apart() {
    let code = "use a::{b, c::{self, d::E}};\npub use f;\nfn g() { crate::engine::h() }";
    let expected = ["a::b", "a::c::d::E", "a::c::self", "crate::engine::h", "f"].map(str::to_owned);
    let found = paths(code);
    assert!(expected.iter().all(|path| found.contains(path)), "{found:?}");
    assert!(begins("kube::Client", "kube::Client") && begins("tokio::sync", "tokio") && !begins("tokio_util", "tokio"));
}

#[test]
fn what_decides_does_no_io_and_reads_no_clock() {
    // Tests read what the machine has.
    let tests = |file: &PathBuf| file.file_name().is_some_and(|name| name == "tests.rs");
    for file in PURE.iter().flat_map(|path| files(path)).filter(|file| !tests(file)) {
        let code = code(&file);
        for path in paths(&code) {
            let impure = IMPURE.iter().find(|impure| begins(&path, impure));
            assert_eq!(impure, None, "{} knows {path}", shown(&file));
        }
        for call in IMPURE_CALLS {
            assert!(!code.contains(call), "{} reads a clock: {call}", shown(&file));
        }
    }
}

#[test]
fn the_client_of_atlas_knows_nothing_of_kinds_and_the_engine() {
    for file in files("src/atlas") {
        for path in paths(&code(&file)) {
            let known = [
                "crate::engine",
                "crate::kind",
                "crate::kinds",
                "atlas_operator::engine",
                "atlas_operator::kinds",
                "kube",
                "k8s_openapi",
            ];
            let known = known.iter().find(|known| begins(&path, known));
            assert_eq!(known, None, "{} knows {path}", shown(&file));
        }
    }
}

/// The packages of this workspace that a package depends on, in whatever way.
fn dependencies() -> Vec<(String, BTreeSet<String>)> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(repository().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let here = dependencies.filter(|dependency| dependency["path"].is_string());
        here.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), of(package))).collect()
}

#[test]
fn the_operator_and_the_simulator_meet_only_over_http() {
    let expected: [(&str, &[&str]); 4] =
        [("atlas-operator", &["harness"]), ("atlas-simulator", &[]), ("harness", &[]), ("packaging", &[])];
    let dependencies = dependencies();
    assert_eq!(dependencies.len(), expected.len(), "{dependencies:?}");
    for (package, allowed) in expected {
        let (_, found) = dependencies.iter().find(|(name, _)| name == package).unwrap();
        let allowed: BTreeSet<String> = allowed.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(*found, allowed, "of {package}");
    }
}

#[test]
fn no_file_is_too_long_and_a_long_one_has_its_reason_written_down() {
    let reasons = std::fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).unwrap_or_default();
    let mut unexplained = Vec::new();
    for file in ["src", "simulator", "packaging", "tests"].into_iter().flat_map(files) {
        let (lines, name) = (std::fs::read_to_string(&file).unwrap().lines().count(), shown(&file));
        assert!(lines <= HARD_LIMIT, "{name} has {lines} lines, and none may have more than {HARD_LIMIT}");
        if lines > SOFT_LIMIT && !reasons.contains(&format!("`{name}`")) {
            unexplained.push(format!("{name}: {lines}"));
        }
    }
    assert!(
        unexplained.is_empty(),
        "over {SOFT_LIMIT} lines without a reason in docs/ARCHITECTURE.md: {}",
        unexplained.join(", ")
    );
}
