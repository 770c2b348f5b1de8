//! Notices what others can know of an object, and wakes them when that changes.
use std::{collections::HashMap, sync::Mutex};

use kube::runtime::watcher;
use serde_json::{Value, json};

use super::{
    Engine,
    object::Object,
    outcome,
    wake::{Subject, Topic, lock},
};
use crate::kind::Kind;

/// What others can know of each object: a change in it, and in nothing else, wakes them.
#[derive(Default)]
pub struct Facts(Mutex<HashMap<Subject, Fact>>);

/// The facts of one object, and the topics they were published under.
struct Fact {
    known: Value,
    topics: Vec<Topic>,
}

impl Facts {
    /// Takes notice of what a watch showed, once the stores show it too.
    pub fn saw(&self, engine: &Engine, kind: &'static dyn Kind, event: &watcher::Event<Object>) {
        match event {
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                let subject = Subject::of(kind, object);
                let fact = fact(kind, object);
                let before = lock(&self.0)
                    .insert(subject.clone(), Fact { known: fact.known.clone(), topics: fact.topics.clone() });
                if before.as_ref().is_none_or(|before| before.known != fact.known) {
                    engine.wakes.publish(&Topic::Object(subject));
                    for topic in before.into_iter().flat_map(|before| before.topics).chain(fact.topics) {
                        engine.wakes.publish(&topic);
                    }
                }
            }
            watcher::Event::Delete(object) => {
                let subject = Subject::of(kind, object);
                engine.ledger.forget(object.own_uid());
                engine.backlog.done(&subject);
                engine.serial.forget(&engine.wakes, &subject);
                engine.wakes.depend(&subject, []);
                let before = lock(&self.0).remove(&subject);
                engine.wakes.publish(&Topic::Object(subject));
                for topic in before.into_iter().flat_map(|before| before.topics) {
                    engine.wakes.publish(&topic);
                }
            }
            watcher::Event::Init | watcher::Event::InitDone => {}
        }
    }
}

fn fact(kind: &'static dyn Kind, object: &Object) -> Fact {
    let (spec, status) = (object.spec_value(), object.read_status());
    let atlas = &status.common.atlas;
    let mut topics = Vec::new();
    if let Some(id) = &atlas.project_id {
        topics.push(Topic::Members(kind.name(), id.clone()));
    }
    if let Some(name) = spec["projectRef"]["name"].as_str() {
        let namespace = spec["projectRef"]["namespace"].as_str().unwrap_or(object.namespace_name());
        topics.push(Topic::Referrers(namespace.to_owned(), name.to_owned()));
    }
    let known = json!([
        object.own_uid(),
        object.is_leaving(),
        outcome::is_ready(&status.common, object.metadata.generation.unwrap_or_default()),
        atlas.id,
        status.common.is_established(),
        atlas.project_id,
        status.own.get("connectionStrings"),
        spec["name"],
        spec["connectionSecretRef"],
        spec["allowedNamespaces"],
    ]);
    Fact { known, topics }
}
