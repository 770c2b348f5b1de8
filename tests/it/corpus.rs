//! The corpus of specs that are refused or taken: every `corpus.yaml` of `src/kinds`, where its form is explained.
use std::collections::BTreeMap;

use atlas_operator::kinds;
use harness::repository;
use serde::Deserialize;
use serde_json::Value;

use crate::{definition::Definition, laws::world::documents};

/// One change of an example.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `kind/name`
    pub example: String,
    #[serde(rename = "case")]
    pub name: String,
    /// By JSON pointer.
    pub set: BTreeMap<String, Value>,
    /// What is said about it; nothing of what is taken.
    pub says: Option<String>,
    #[serde(default)]
    pub by: By,
    #[serde(default)]
    pub update: bool,
}

/// What refuses a case.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum By {
    #[default]
    Rule,
    Schema,
    /// Nobody at `kubectl apply`; the object says so.
    Operator,
}

impl Case {
    pub fn about(&self) -> String {
        format!("{}, {}", self.example, self.name)
    }

    /// The documents of the example.
    pub fn example(&self) -> Vec<Value> {
        let (kind, name) = self.example.split_once('/').unwrap();
        let mut examples = kinds::by_name(kind).unwrap().examples().into_iter();
        let example = examples.find(|example| example.name == name);
        documents(example.unwrap_or_else(|| panic!("there is no example {}", self.example)).manifest)
    }

    /// The changed object, from the one that it is about.
    pub fn change(&self, object: &Value) -> Value {
        let mut changed = object.clone();
        for (pointer, value) in &self.set {
            set(&mut changed, pointer, value.clone());
        }
        changed
    }

    /// Whether what is said points to what is changed: the field is it, or holds it, or is in it; or it is the other one
    /// of a pair, and the message names the one that is changed.
    pub fn points_to(&self, field: &str, message: &str) -> bool {
        let named: Vec<&str> = field.split(['.', '[', ']']).filter(|segment| !segment.is_empty()).collect();
        self.set.keys().any(|pointer| {
            let changed: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
            let name = changed.iter().rev().find(|segment| segment.parse::<usize>().is_err()).unwrap();
            changed.iter().zip(&named).all(|(changed, named)| changed == named) || message.contains(name)
        })
    }
}

/// Sets the value at a pointer; null takes it away, and an index one past the end appends.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match object.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}")) {
        Value::Object(fields) if value.is_null() => drop(fields.remove(name)),
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(items) => match name.parse::<usize>().unwrap() {
            index if index == items.len() => items.push(value),
            index => items[index] = value,
        },
        other => panic!("{parent} is {other}"),
    }
}

/// The cases of every `corpus.yaml`: one for all kinds, and one in the folder of a kind.
pub fn corpus() -> Vec<Case> {
    let kinds = repository().join("src/kinds");
    let folders = std::fs::read_dir(&kinds).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.chain([kinds]).map(|folder| folder.join("corpus.yaml")).filter(|file| file.exists());
    let read = |file| -> Vec<Case> { serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap() };
    files.flat_map(read).collect()
}

#[test]
fn the_rules_refuse_and_take_what_the_corpus_says() {
    let definitions: BTreeMap<&str, Definition> =
        kinds::all().iter().map(|kind| (kind.name(), Definition::of(*kind))).collect();
    let (mut judged, mut wrong) = (0, Vec::new());
    for case in corpus().iter().filter(|case| case.by != By::Schema) {
        let old = case.example().pop().unwrap();
        let definition = &definitions[old["kind"].as_str().unwrap()];
        let verdict = definition.judge(&case.change(&old), case.update.then_some(&old));
        let verdict = verdict.map_err(|errors| errors.to_string());
        let says = case.says.as_ref().filter(|_| case.by == By::Rule);
        match (&verdict, says) {
            (Ok(()), None) => {}
            (Err(said), Some(says)) if said.contains(says) => {}
            _ => wrong.push(format!("{}: {verdict:?} instead of {says:?}", case.about())),
        }
        judged += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged > 100, "only {judged} cases are judged by rules");
}
