//! The parts of the documents that are made from the program.
//!
//! What stands between `<!-- FAMILY: NAME -->` and `<!-- end -->` is made here. `UPDATE_DOCS=1` in the environment rewrites
//! it; without it a stale part fails.
mod catalogue;
pub mod charts;
mod fields;
mod objects;
mod program;

pub use catalogue::every_operation;

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use harness::repository;

use super::page::pages;
use crate::laws::transitions;

const END: &str = "<!-- end -->";
/// How everything that is generated here is brought up to date.
const UPDATE: &str = "run this test with UPDATE_DOCS=1 in the environment";

/// Whether stale files are to be rewritten.
pub fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1")
}

/// Held while pages are read and rewritten, since families share pages.
static PAGES: Mutex<()> = Mutex::new(());

/// A part by the name in its marker.
pub type Part = (String, String);

fn parts() -> Vec<Part> {
    let parts = [
        ("outcomes", objects::outcomes()),
        ("reasons", objects::reasons()),
        ("status", catalogue::status()),
        ("columns", catalogue::columns()),
        ("deletion", catalogue::deletion()),
        ("kinds", catalogue::kind_table()),
        ("operations", catalogue::operations()),
        ("flags", program::flags()),
        ("metrics", program::metrics()),
        ("transitions", transitions::table()),
    ];
    parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect()
}

pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    for row in rows {
        assert_eq!(row.len(), headings.len());
        let cells: Vec<String> = row.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

pub fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Puts the parts of a family into a text, each between its markers; answers which were there.
fn fill(text: &str, family: &str, parts: &[Part]) -> (String, Vec<String>) {
    let (mut filled, mut used) = (text.to_owned(), Vec::new());
    for (name, part) in parts {
        let marker = format!("<!-- {family}: {name} -->\n");
        if let Some(start) = filled.find(&marker).map(|start| start + marker.len()) {
            let end = start + filled[start..].find(END).unwrap_or_else(|| panic!("{name} does not end"));
            // A table needs an empty line before it, or it is taken for a part of the comment.
            filled.replace_range(start..end, &format!("\n{part}\n"));
            used.push(name.clone());
        }
    }
    (filled, used)
}

/// Fails unless each part of the family stands in one place of the documents, current, and no other is asked for there.
pub fn keep_current(family: &str, parts: &[Part]) {
    let _guard = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut used, mut stale, mut markers) = (Vec::new(), Vec::new(), 0);
    for page in pages() {
        markers += page.text.matches(&format!("\n<!-- {family}: ")).count();
        let (filled, here) = fill(&page.text, family, parts);
        used.extend(here);
        if filled != page.text {
            if is_update() {
                std::fs::write(repository().join(&page.path), filled).unwrap();
            } else {
                stale.push(page.path);
            }
        }
    }
    used.sort_unstable();
    let mut names: Vec<_> = parts.iter().map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    assert_eq!(
        (used, markers),
        (names.clone(), names.len()),
        "each part stands in one place, and each marker is known"
    );
    assert!(stale.is_empty(), "{stale:?} are stale: {UPDATE}");
}

#[test]
fn what_is_generated_is_current() {
    keep_current("generated", &parts());
}

#[test]
fn the_fields_of_every_kind_are_current() {
    keep_current("fields", &fields::tables());
}

#[test]
fn the_values_of_every_chart_are_current() {
    keep_current("values", &charts::tables());
}

#[test]
fn a_part_replaces_what_stood_between_its_markers_and_nothing_else() {
    let parts = [("a", "new\n"), ("b", "no\n")].map(|(name, part)| (name.to_owned(), part.to_owned()));
    let text = "x\n<!-- generated: a -->\nold\n<!-- end -->\ny\n<!-- counted: a -->\nthis\n<!-- end -->\n";
    let (filled, used) = fill(text, "generated", &parts);
    let expected = "x\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\ny\n<!-- counted: a -->\nthis\n<!-- end -->\n";
    assert_eq!((filled.as_str(), used), (expected, vec!["a".to_owned()]));
    assert_eq!(fill(&filled, "generated", &parts).0, filled, "a current page stays as it is");
}
