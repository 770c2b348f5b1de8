//! What is compiled into a binary, as Cargo and the compiler know it.
//!
//! `cargo tree` says which packages these are: it leaves out what only tests, build scripts and macros use, and the
//! features that only tests turn on. `cargo metadata` has the rest: licences, folders, and who needs whom.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
};

use serde::Deserialize;

use crate::error::Error;

/// A library or program that is in the binary.
#[derive(Clone, Debug, Deserialize)]
pub struct Component {
    id: String,
    pub name: String,
    pub version: String,
    pub description: Option<String>,
    /// An SPDX expression.
    pub license: Option<String>,
    pub repository: Option<String>,
    /// Where its manifest is; none for what Cargo did not build.
    manifest_path: Option<PathBuf>,
    /// What it is made by: `cargo` for a package of Rust.
    #[serde(skip, default = "by_cargo")]
    made_by: &'static str,
}

fn by_cargo() -> &'static str {
    "cargo"
}

impl Component {
    /// Its package URL.
    pub fn purl(&self) -> String {
        format!("pkg:{}/{}@{}", self.made_by, self.name, self.version)
    }

    /// Its folder, in which its licences are.
    pub fn folder(&self) -> Option<PathBuf> {
        self.manifest_path.as_ref()?.parent().map(PathBuf::from)
    }

    /// What the compiler adds to every binary.
    fn beside(name: &str, version: &str, license: &str, repository: &str) -> Self {
        Self {
            id: String::new(),
            name: name.to_owned(),
            version: version.to_owned(),
            description: None,
            license: Some(license.to_owned()),
            repository: Some(repository.to_owned()),
            manifest_path: None,
            made_by: "generic",
        }
    }
}

/// Everything that is in a binary.
pub struct Components {
    /// The program itself.
    pub root: Component,
    /// The libraries, by name and version.
    pub libraries: Vec<Component>,
    /// Package URLs: of each component, those of the components that it uses.
    pub uses: BTreeMap<String, BTreeSet<String>>,
}

/// The name of the C library that is linked statically, where it is this one.
pub const GLIBC: &str = "glibc";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Component>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    /// None for what is compiled in, `dev` for tests, `build` for build scripts.
    kind: Option<String>,
}

impl Components {
    /// What is in the binary of a package of this workspace, compiled for a target.
    pub fn of(package: &str, target: &str) -> Result<Self, Error> {
        let tree = ["tree", "--locked", "--prefix", "none", "--edges", "normal,no-proc-macro", "--format", "{p}"];
        let tree = run("cargo", &[&tree[..], &["--package", package, "--target", target]].concat())?;
        let metadata = ["metadata", "--locked", "--format-version", "1", "--filter-platform", target];
        let metadata: Metadata = serde_json::from_str(&run("cargo", &metadata)?)
            .map_err(|error| Error::Unreadable { command: "cargo metadata".to_owned(), reason: error.to_string() })?;
        let mut components = select(&tree, metadata, package)?;
        components.libraries.extend(beside(target)?);
        Ok(components)
    }

    /// Everything, the program first.
    pub fn all(&self) -> impl Iterator<Item = &Component> {
        [&self.root].into_iter().chain(&self.libraries)
    }
}

/// The packages of a `cargo tree`, in which each line begins with a name and a version, with their metadata.
fn select(tree: &str, metadata: Metadata, package: &str) -> Result<Components, Error> {
    let named: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let mut chosen: Vec<Component> = metadata.packages;
    chosen.retain(|it| named.contains(&(it.name.as_str(), it.version.as_str())));
    chosen.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    let purls: BTreeMap<String, String> = chosen.iter().map(|it| (it.id.clone(), it.purl())).collect();
    let uses = metadata.resolve.nodes.iter().filter_map(|node| {
        let compiled_in = |edge: &&Edge| edge.dep_kinds.iter().any(|it| it.kind.is_none());
        let used = node.deps.iter().filter(compiled_in).filter_map(|edge| purls.get(&edge.pkg).cloned());
        Some((purls.get(&node.id)?.clone(), used.collect()))
    });
    let uses = uses.collect();
    let root = chosen.iter().position(|it| it.name == package).ok_or_else(|| Error::Unreadable {
        command: "cargo tree".to_owned(),
        reason: format!("{package} is not in it"),
    })?;
    Ok(Components { root: chosen.remove(root), libraries: chosen, uses })
}

/// What is linked statically into every binary for a target: the standard library, and the C library.
fn beside(target: &str) -> Result<Vec<Component>, Error> {
    let version = run("rustc", &["--version"])?;
    let version = version.split(' ').nth(1).unwrap_or_default();
    let standard = "https://github.com/rust-lang/rust";
    let mut beside = vec![Component::beside("rust-std", version, "MIT OR Apache-2.0", standard)];
    if target.ends_with("-gnu") {
        let told = run("getconf", &["GNU_LIBC_VERSION"])?;
        let version = told.split_whitespace().last().unwrap_or_default();
        let source = "https://sourceware.org/git/glibc.git";
        beside.push(Component::beside(GLIBC, version, "LGPL-2.1-or-later", source));
    }
    Ok(beside)
}

/// What a program prints.
fn run(program: &'static str, arguments: &[&str]) -> Result<String, Error> {
    let output = Command::new(program).args(arguments).output().map_err(|source| Error::Spawn { program, source })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let command = [&[program], arguments].concat().join(" ");
    Err(Error::Command { command, status: output.status, output: text(&output.stderr) })
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    /// A program, a library that it uses, and one that only tests use.
    pub fn components(folder: &std::path::Path) -> Components {
        let package = |name: &str| {
            json!({
                "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0", "description": "It is one.",
                "repository": format!("https://example.com/{name}"), "manifest_path": folder.join(name).join("Cargo.toml"),
            })
        };
        let metadata = json!({
            "packages": [package("used"), package("unused"), package("program")],
            "resolve": {"nodes": [
                {"id": "program", "deps": [
                    {"pkg": "used", "dep_kinds": [{"kind": "dev"}, {"kind": null}]},
                    {"pkg": "unused", "dep_kinds": [{"kind": "dev"}]},
                ]},
                {"id": "used", "deps": []},
                {"id": "unused", "deps": []},
            ]},
        });
        let tree = "program v1.0.0 (/somewhere)\nused v1.0.0\nused v1.0.0 (*)\n";
        select(tree, serde_json::from_value(metadata).unwrap(), "program").unwrap()
    }

    #[test]
    fn what_only_tests_use_is_not_in_the_binary() {
        let components = components("".as_ref());
        assert_eq!(components.root.name, "program");
        assert_eq!(
            components.all().map(Component::purl).collect::<Vec<_>>(),
            ["pkg:cargo/program@1.0.0", "pkg:cargo/used@1.0.0"]
        );
        let used = BTreeSet::from(["pkg:cargo/used@1.0.0".to_owned()]);
        assert_eq!(components.uses["pkg:cargo/program@1.0.0"], used);
        assert_eq!(components.uses.len(), 2);
    }

    #[test]
    fn this_workspace_has_libraries_without_those_of_its_tests() {
        let components = Components::of("packaging", "x86_64-unknown-linux-gnu").unwrap();
        let names: BTreeSet<&str> = components.all().map(|it| it.name.as_str()).collect();
        for (name, is_in) in
            [("packaging", true), ("tar", true), (GLIBC, true), ("rust-std", true), ("tempfile", false), ("syn", false)]
        {
            assert_eq!(names.contains(name), is_in, "{name}");
        }
    }
}
