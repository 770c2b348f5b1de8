//! What the forge does calls what is there.
use std::collections::BTreeMap;

use harness::repository;
use serde_json::Value;

/// Every workflow, by the name of its file.
fn workflows() -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(repository().join(".github/workflows")).unwrap();
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), serde_saphyr::from_str(&text).unwrap())
    };
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().unwrap().iter()
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn what_they_call_is_there() {
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let workflows = workflows();
    let mut called = 0;
    for (file, workflow) in &workflows {
        for (name, job) in jobs(workflow) {
            let place = format!("{file}, {name}");
            if let Some(other) = job["uses"].as_str() {
                let other = other.strip_prefix("./.github/workflows/").unwrap_or_else(|| panic!("{place}: {other}"));
                assert!(workflows.contains_key(other), "{place}: there is no {other}");
            }
            for needed in
                job["needs"].as_array().into_iter().flatten().chain(job["needs"].as_str().map(|_| &job["needs"]))
            {
                assert!(workflow["jobs"][needed.as_str().unwrap()].is_object(), "{place}: there is no job {needed}");
            }
            for line in steps(job).iter().filter_map(|step| step["run"].as_str()).flat_map(str::lines) {
                let mut words = line.split_whitespace().skip_while(|word| *word != "make").skip(1);
                while let Some(target) = words.next().filter(|word| !["&&", "|", ";"].contains(word)) {
                    let is_there = target.contains('=') || makefile.contains(&format!("\n{target}:"));
                    assert!(is_there, "{place}: the Makefile has no target {target}");
                    called += 1;
                }
                for path in line.split_whitespace().filter(|word| word.starts_with("tests/")) {
                    let path = path.trim_end_matches([')', '"']);
                    assert!(repository().join(path).exists(), "{place}: there is no {path}");
                }
            }
        }
    }
    assert!(called >= 3, "only {called} targets are called");
}

#[test]
fn they_may_only_read_unless_a_job_says_more_and_use_actions_of_a_known_version() {
    for (file, workflow) in workflows() {
        assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}), "{file}");
        for (name, job) in jobs(&workflow) {
            for action in steps(job).iter().filter_map(|step| step["uses"].as_str()) {
                let version = action.rsplit_once('@').map_or("", |(_, version)| version);
                let is_tag = version.strip_prefix('v').is_some_and(|major| major.parse::<u32>().is_ok());
                let is_commit = version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(is_tag || is_commit, "{file}, {name}: {action}");
                assert!(action.starts_with("actions/"), "{file}, {name}: {action} is not the forge's own");
            }
            assert!(job["uses"].is_string() || job["timeout-minutes"].is_u64(), "{file}, {name} may run for ever");
        }
    }
}
