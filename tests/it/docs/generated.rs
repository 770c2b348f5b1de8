//! The parts of the documents that are made from the program.
//!
//! `UPDATE_DOCS=1` in the environment rewrites them; without it a stale part fails.
mod catalogue;
mod objects;
mod program;

use std::fmt::Write as _;

use harness::repository;

use super::page::pages;

const END: &str = "<!-- end -->";

/// Every part, by the name in its marker.
fn parts() -> Vec<(&'static str, String)> {
    vec![
        ("outcomes", objects::outcomes()),
        ("reasons", objects::reasons()),
        ("status", catalogue::status()),
        ("columns", catalogue::columns()),
        ("deletion", catalogue::deletion()),
        ("kinds", catalogue::kind_table()),
        ("operations", catalogue::operations()),
        ("flags", program::flags()),
        ("metrics", program::metrics()),
    ]
}

fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    for row in rows {
        assert_eq!(row.len(), headings.len());
        let cells: Vec<String> = row.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Puts the parts into a text, each between its markers; answers which were there.
fn fill(text: &str, parts: &[(&'static str, String)]) -> (String, Vec<&'static str>) {
    let (mut filled, mut used) = (text.to_owned(), Vec::new());
    for (name, part) in parts {
        let marker = format!("<!-- generated: {name} -->\n");
        if let Some(start) = filled.find(&marker).map(|start| start + marker.len()) {
            let end = start + filled[start..].find(END).unwrap_or_else(|| panic!("{name} does not end"));
            // A table needs an empty line before it, or it is taken for a part of the comment.
            filled.replace_range(start..end, &format!("\n{part}\n"));
            used.push(*name);
        }
    }
    (filled, used)
}

#[test]
fn what_is_generated_is_current() {
    let parts = parts();
    let update = std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1");
    let (mut used, mut stale, mut markers) = (Vec::new(), Vec::new(), 0);
    for page in pages() {
        markers += page.text.matches("\n<!-- generated: ").count();
        let (filled, here) = fill(&page.text, &parts);
        used.extend(here);
        if filled != page.text {
            if update {
                std::fs::write(repository().join(&page.path), filled).unwrap();
            } else {
                stale.push(page.path);
            }
        }
    }
    used.sort_unstable();
    let mut names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(
        (used, markers),
        (names.clone(), names.len()),
        "each part stands in one place, and each marker is known"
    );
    assert!(
        stale.is_empty(),
        "{stale:?} are stale: run `UPDATE_DOCS=1 cargo test -p atlas-operator --test it docs::generated`"
    );
}

#[test]
fn a_part_replaces_what_stood_between_its_markers_and_nothing_else() {
    let parts = [("a", "new\n".to_owned()), ("b", "no\n".to_owned())];
    let (filled, used) = fill("x\n<!-- generated: a -->\nold\n<!-- end -->\ny\n", &parts);
    assert_eq!(
        (filled.as_str(), used.as_slice()),
        ("x\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\ny\n", &["a"][..])
    );
    assert_eq!(fill(&filled, &parts).0, filled, "a current page stays as it is");
}
