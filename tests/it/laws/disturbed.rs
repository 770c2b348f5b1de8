//! The laws once more, in worlds whose Kubernetes is slow, forgetful and now and then away.
use std::process::Command;

use super::world::SEED;

/// Each is another world.
const SEEDS: [u64; 1] = [1];
/// The laws that are tried in each: those that lead objects through their lives.
const LAWS: &[&str] = &["laws::steady::", "laws::stories::"];

/// Every law is a test of this program; here they run in a process whose worlds are disturbed.
#[test]
fn the_laws_hold_where_events_are_late_passes_overlap_and_requests_fail() {
    for seed in SEEDS {
        let mut tests = Command::new(std::env::current_exe().unwrap());
        let output = tests.args(LAWS).env(SEED, seed.to_string()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let summary = text.lines().find(|line| line.starts_with("test result")).unwrap_or_default();
        println!("{SEED}={seed}: {summary}");
        assert!(output.status.success(), "{SEED}={seed}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(!summary.contains(" 0 passed"), "no law is called so: {LAWS:?}");
    }
}
