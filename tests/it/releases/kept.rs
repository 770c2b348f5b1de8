//! The form in which a release is kept.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use harness::repository;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::real::kube::documents;

/// A release that is kept.
pub struct Release {
    /// As it is tagged: `v0.1.0`.
    pub version: String,
    folder: PathBuf,
}

impl Release {
    /// The one that is being made.
    pub fn present() -> Self {
        Self::of(format!("v{}", env!("CARGO_PKG_VERSION")))
    }

    fn of(version: String) -> Self {
        Self { folder: repository().join("tests/releases").join(&version), version }
    }

    /// Every one, in the order of their names.
    pub fn all() -> Vec<Self> {
        let names = names(&repository().join("tests/releases"));
        assert!(!names.is_empty(), "no release is kept");
        names.into_iter().map(Self::of).collect()
    }

    /// The folder with its definitions, for kubectl.
    pub fn crds(&self) -> PathBuf {
        self.folder.join("crds")
    }

    /// Its definitions.
    pub fn definitions(&self) -> Vec<Value> {
        let read = |name: String| documents(&std::fs::read_to_string(self.crds().join(name)).unwrap()).remove(0);
        names(&self.crds()).into_iter().map(read).collect()
    }

    /// What it stored, one for each example that it had.
    pub fn stored(&self) -> Vec<Stored> {
        let folder = self.folder.join("stored");
        let read = |name: String| serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        names(&folder).into_iter().map(read).collect()
    }

    /// Writes everything anew: the definitions of `crds/`, and what was stored.
    pub fn keep(&self, stored: &[Stored]) {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).unwrap();
        }
        for folder in [self.crds(), self.folder.join("stored")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let crds = repository().join("crds");
        for name in names(&crds) {
            std::fs::copy(crds.join(&name), self.crds().join(&name)).unwrap();
        }
        for stored in stored {
            let file = self.folder.join("stored").join(format!("{}.json", stored.namespace));
            std::fs::write(file, serde_json::to_string_pretty(stored).unwrap() + "\n").unwrap();
        }
    }
}

/// The names of what is in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a release left of one example once everything was Ready.
///
/// Others gave part of it out: Kubernetes the uids and versions, Atlas its ids and certificates. Whoever puts it back is
/// given others, and replaces each by what it stands for: [`Replacements`].
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The namespace that it was in.
    pub namespace: String,
    /// The id of the organization that it was in.
    pub organization: String,
    /// The objects of our kinds with their status, those first that others refer to.
    pub objects: Vec<Value>,
    /// The Secrets beside them, those of users and those of the operator, but for the credentials. The values are text.
    pub secrets: Vec<Value>,
    /// What changed Atlas, in order.
    pub calls: Vec<Said>,
}

/// A call to Atlas and its answer.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    pub method: String,
    pub path: String,
    pub version: String,
    pub request: Value,
    pub response: Value,
}

/// Texts that stand for others.
#[derive(Default)]
pub struct Replacements(BTreeMap<String, String>);

impl Replacements {
    /// From now on `new` stands for `old`.
    pub fn learn(&mut self, old: &str, new: &str) {
        if old != new {
            self.0.insert(old.to_owned(), new.to_owned());
        }
    }

    /// Learns what can be learned from two answers to the same request: the ids, and what is written in PEM.
    pub fn compare(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                old.iter().filter_map(|(name, old)| Some((old, new.get(name)?))).for_each(|(old, new)| {
                    self.compare(old, new);
                });
            }
            (Value::Array(old), Value::Array(new)) => old.iter().zip(new).for_each(|(old, new)| self.compare(old, new)),
            (Value::String(old), Value::String(new)) if is_id(old) && is_id(new) => self.learn(old, new),
            (Value::String(old), Value::String(new)) => {
                pem(old).into_iter().zip(pem(new)).for_each(|(old, new)| self.learn(old, new));
            }
            _ => {}
        }
    }

    /// Replaces them in every text of a document.
    pub fn put(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.apply(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.put(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.put(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Replaces them in a text.
    pub fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }
}

/// Whether a text has the form of Atlas's ids.
fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What stands between the first and last line of each block of PEM.
pub fn pem(text: &str) -> Vec<&str> {
    let blocks = text.split("-----BEGIN ").skip(1).filter_map(|block| block.split_once("\n-----END "));
    blocks.filter_map(|(block, _)| Some(block.split_once("-----\n")?.1)).collect()
}

#[test]
fn what_answers_differ_in_is_replaced_wherever_it_stands() {
    let block = |body: &str| format!("-----BEGIN X-----\n{body}\n-----END X-----\n");
    let old = serde_json::json!({"id": "1".repeat(24), "name": "same", "text": block("old") + &block("older")});
    let new = serde_json::json!({"id": "2".repeat(24), "name": "other", "text": block("new") + &block("newer")});
    let mut replacements = Replacements::default();
    replacements.compare(&old, &new);
    let mut document = serde_json::json!([{"path": format!("/groups/{}/x", "1".repeat(24))}, "same", block("older")]);
    replacements.put(&mut document);
    let expected = serde_json::json!([{"path": format!("/groups/{}/x", "2".repeat(24))}, "same", block("newer")]);
    assert_eq!(document, expected);
}
