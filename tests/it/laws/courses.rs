//! What the laws about faults carry through: everything that leads to a call which changes something in Atlas.
use std::collections::BTreeSet;

use atlas_operator::kind::Given;
use jiff::Timestamp;
use serde_json::{Value, value::RawValue};

use super::{
    fake_kube::Key,
    world::{TestOperator, World, documents, examples},
};

/// A change that the operator is to carry through: from nothing, or from what another manifest made.
pub struct Course {
    pub name: String,
    /// What was there and settled before.
    pub before: Option<&'static str>,
    /// What is to be.
    pub manifest: Vec<Value>,
}

impl World {
    /// Stands at the beginning of a course: what was there before is settled, what is to be is applied, and no operator
    /// has seen it. Answers the keys of what is to be.
    pub async fn begin(&mut self, course: &Course) -> Vec<Key> {
        self.reset().await;
        self.provide_credentials();
        if let Some(before) = course.before {
            self.put(&documents(before));
            let mut operator = self.operator();
            self.run(&mut operator).await;
            assert_eq!(self.unready(), Vec::<String>::new(), "{}: before", course.name);
            self.simulator.clear_calls().await.unwrap();
        }
        self.trap.set(None);
        self.put(&course.manifest)
    }

    /// Carries a course through.
    pub async fn carry(&mut self, course: &Course) -> (TestOperator, Vec<Key>) {
        let keys = self.begin(course).await;
        let mut operator = self.operator();
        self.run(&mut operator).await;
        (operator, keys)
    }

    fn put(&self, manifest: &[Value]) -> Vec<Key> {
        manifest.iter().map(|document| self.apply_one(document)).collect()
    }
}

/// Changes that lead to calls which the edit of no example takes: the example that each begins with, and a merge patch
/// of its spec.
const CHANGES: &[(&str, &str)] = &[
    ("AtlasProject (everything)", include_str!("courses/project.yaml")),
    ("AtlasCluster (global)", "{managedNamespaces: [], customZoneMapping: []}"),
    (
        "AtlasCluster (with process arguments and a pinned version)",
        "{featureCompatibilityVersionPin: {enabled: false, expirationDate: null}}",
    ),
];

/// Changes of a cluster that take more than a PATCH, each from what is there to what is to be.
const JOURNEYS: &[(&str, &str, &str)] = &[
    ("from M0 to flex", include_str!("courses/m0.yaml"), include_str!("courses/flex.yaml")),
    ("from M0 to dedicated", include_str!("courses/m0.yaml"), include_str!("courses/dedicated.yaml")),
    ("from flex to dedicated", include_str!("courses/flex.yaml"), include_str!("courses/dedicated.yaml")),
    ("a paused cluster, changed", include_str!("courses/paused.yaml"), include_str!("courses/paused-changed.yaml")),
];

/// One example for each way a kind is written to Atlas (examples that differ only in what they say share their calls),
/// the edit of each, and the changes that lead to calls of their own.
pub fn courses() -> Vec<Course> {
    let mut seen = BTreeSet::new();
    let mut courses = Vec::new();
    for (name, kind, example) in examples() {
        let spec = documents(example.manifest).pop().unwrap()["spec"].to_string();
        let declared = kind.read(&RawValue::from_string(spec).unwrap()).unwrap();
        let created = Some(Timestamp::UNIX_EPOCH);
        let given = Given { project_id: Some("0".repeat(24)), created, ..Given::default() };
        let parts = declared.parts(&given).unwrap();
        let issued = declared.issue().map(|issue| issue.endpoint.template);
        // A list that is not declared is only looked at.
        let declared = parts.iter().filter(|part| part.declared);
        let routes: Vec<_> = declared.map(|part| part.route.read.template).chain(issued).collect();
        if seen.insert(routes) {
            courses.push(Course { name: name.clone(), before: None, manifest: documents(example.manifest) });
            let edit = example.edit.map(|(pointer, value)| {
                let mut manifest = documents(example.manifest);
                let spec = &mut manifest.last_mut().unwrap()["spec"];
                *spec.pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
                Course { name: format!("{name}, edited"), before: Some(example.manifest), manifest }
            });
            courses.extend(edit);
        }
        for (_, patch) in CHANGES.iter().filter(|(before, _)| *before == name) {
            let mut manifest = documents(example.manifest);
            json_patch::merge(&mut manifest.last_mut().unwrap()["spec"], &documents(patch)[0]);
            courses.push(Course { name: format!("{name}, changed"), before: Some(example.manifest), manifest });
        }
    }
    courses.extend(JOURNEYS.iter().map(|(name, before, manifest)| Course {
        name: (*name).to_owned(),
        before: Some(before),
        manifest: documents(manifest),
    }));
    courses
}
