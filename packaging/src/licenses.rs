//! The licences of everything in the image, as one text.
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    components::{Component, Components, GLIBC},
    error::Error,
};

/// How the names of files begin that hold a licence, or a notice that goes with one.
const NAMES: [&str; 5] = ["licence", "license", "copying", "notice", "unlicense"];
/// The texts of what packages offer that bring none.
const STANDARD: [(&str, &str); 2] =
    [("Apache-2.0", include_str!("../../LICENSE")), ("MIT", include_str!("../MIT.txt"))];
/// The licence of the C library, which no package of Rust brings.
const LGPL: &str = include_str!("../LGPL-2.1.txt");
/// What that licence asks for when the library is linked statically, in one sentence.
const ON_LGPL: &str = "The GNU C Library is linked statically and unchanged. Whoever changes it can link the program anew, \
                       from the program's source code, which is open.";

/// What is in the image under which licence, and then every text, each once.
pub fn text(components: &Components) -> Result<String, Error> {
    let about = &components.root;
    let mut text = format!("{} {} is compiled of:\n\n", about.name, about.version);
    for component in components.all() {
        // Writing to a string does not fail.
        let license = component.license.as_deref().unwrap_or("as its text below says");
        let _ = writeln!(text, "  {} {}: {license}", component.name, component.version);
    }
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for component in components.all() {
        let name = format!("{} {}", component.name, component.version);
        for content in texts_of(component)? {
            let names = texts.entry(content).or_default();
            if names.last() != Some(&name) {
                names.push(name.clone());
            }
        }
    }
    let mut texts: Vec<(Vec<String>, String)> = texts.into_iter().map(|(content, names)| (names, content)).collect();
    texts.sort();
    for (names, content) in texts {
        let _ = write!(text, "\n{}\n{}:\n\n{}\n", "-".repeat(80), names.join(", "), content.trim_matches('\n'));
    }
    Ok(text)
}

/// The texts that a component brings; where it brings none, the standard text of a licence that it offers.
fn texts_of(component: &Component) -> Result<Vec<String>, Error> {
    if component.name == GLIBC {
        return Ok(vec![format!("{ON_LGPL}\n\n{LGPL}")]);
    }
    let brought = component.folder().map_or_else(|| Ok(Vec::new()), |folder| texts_in(&folder))?;
    if !brought.is_empty() {
        return Ok(brought);
    }
    let offered = component.license.as_deref().unwrap_or_default();
    match STANDARD.iter().find(|(license, _)| offered.contains(license)) {
        Some((_, standard)) => Ok(vec![(*standard).to_owned()]),
        None => Err(Error::License(format!("{} {}", component.name, component.version))),
    }
}

/// The licences in a folder.
fn texts_in(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = std::fs::read_dir(folder).map_err(Error::file(folder))?;
    let is_license = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && NAMES.iter().any(|start| name.starts_with(start))
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_license).collect();
    paths.sort();
    // Line breaks as everywhere else in the file, so that texts that differ in nothing else are one.
    let read = |path: PathBuf| match std::fs::read(&path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n")),
        Err(source) => Err(Error::File { path, source }),
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use crate::components::tests::components;

    #[test]
    fn texts_of_several_packages_stand_once_with_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for (package, file, content) in [
            ("program", "LICENSE", "the one\n"),
            ("program", "README.md", "no licence"),
            ("used", "LICENSE-APACHE", "the one\r\n"),
            ("used", "NOTICE.txt", "a notice"),
        ] {
            let path = folder.path().join(package);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join(file), content).unwrap();
        }
        let mut components = components(folder.path());
        let text = super::text(&components).unwrap();
        assert!(text.contains("  used 1.0.0: MIT/Apache-2.0\n"), "{text}");
        assert!(text.contains("\nprogram 1.0.0, used 1.0.0:\n\nthe one\n"), "{text}");
        assert!(text.contains("\nused 1.0.0:\n\na notice\n"), "{text}");
        assert_eq!(text.matches("the one").count(), 1);
        assert!(!text.contains("no licence"), "{text}");

        // A library that brings no text has the standard one.
        for file in ["LICENSE-APACHE", "NOTICE.txt"] {
            std::fs::remove_file(folder.path().join("used").join(file)).unwrap();
        }
        let text = super::text(&components).unwrap();
        assert!(text.contains("\nused 1.0.0:\n\n") && text.contains("  Apache License\n"), "{text}");
        components.libraries[0].license = Some("Zlib".to_owned());
        assert_eq!(super::text(&components).unwrap_err().to_string(), "used 1.0.0 brings no text of its licence");
    }
}
