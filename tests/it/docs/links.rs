//! Links, anchors and paths lead somewhere.
use std::path::{Component, Path, PathBuf};

use harness::repository;

use super::page::{Page, pages};

/// Folders of the repository: a path that begins with one is taken for a file.
const FOLDERS: [&str; 10] =
    ["src/", "tests/", "docs/", "deploy/", "charts/", "crds/", "examples/", "simulator/", ".ci/", ".github/"];

/// A text without what stands between single backticks, where a pattern may look like a link.
fn uncoded(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target)).collect()
}

/// What stands between single backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The anchors that a page's headings get.
fn anchors(page: &Page) -> Vec<String> {
    let prose = page.prose();
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Small letters, digits, hyphens and underscores stay, spaces become hyphens, the rest goes.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// `docs/../crds` is `crds`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
        plain
    })
}

#[test]
fn links_and_anchors_lead_somewhere() {
    let pages = pages();
    let mut checked = 0;
    for page in &pages {
        let prose = uncoded(&page.prose());
        for target in links(&prose).into_iter().filter(|target| !target.starts_with("https://")) {
            let (path, fragment) = target.split_once('#').map_or((target, None), |(path, part)| (path, Some(part)));
            let folder = Path::new(&page.path).parent().unwrap();
            let path = if path.is_empty() { PathBuf::from(&page.path) } else { plain(&folder.join(path)) };
            assert!(repository().join(&path).exists(), "{}: {target} leads nowhere", page.path);
            if let Some(fragment) = fragment {
                let there = pages.iter().find(|page| Path::new(&page.path) == path);
                let anchors = there.map(anchors).unwrap_or_default();
                assert!(anchors.iter().any(|anchor| anchor == fragment), "{}: {target} is no heading", page.path);
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} links were found");
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let pages = pages();
    let linked = links(&pages[0].text);
    // Those for alerts are reached from the page about alerts; another test sees to it.
    for page in pages[1..].iter().filter(|page| !page.path.starts_with("docs/runbooks/")) {
        assert!(linked.contains(&page.path.as_str()), "README.md does not link to {}", page.path);
    }
}

#[test]
fn every_file_that_is_named_is_there() {
    let mut checked = 0;
    for page in pages() {
        let prose = page.prose();
        for path in quoted(&prose).filter(|path| FOLDERS.iter().any(|folder| path.starts_with(folder))) {
            if !path.contains([' ', '*', '<', '{']) {
                assert!(repository().join(path).exists(), "{}: there is no {path}", page.path);
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "only {checked} paths were found");
}

#[test]
fn anchors_are_made_as_readers_make_them() {
    assert_eq!(anchor("What is `this`, and why?"), "what-is-this-and-why");
    assert_eq!(plain(Path::new("docs/../crds/./x")), Path::new("crds/x"));
    assert_eq!(links(&uncoded("[a](b), `[0-9](x)` and [`c`](d#e)")), ["b", "d#e"]);
}
