//! Notices what others can know of an object, and wakes them when that changes.
use std::{collections::HashMap, sync::Mutex};

use kube::runtime::watcher;
use serde_json::{Value, json};

use super::{
    Engine,
    object::Object,
    wake::{Subject, Topic, lock},
};
use crate::{
    kind::{Home, Kind},
    kinds::PROJECT,
};

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
                let fact = fact(engine, kind, object);
                let before = lock(&self.0)
                    .insert(subject.clone(), Fact { known: fact.known.clone(), topics: fact.topics.clone() });
                // One of the same name may have been made while the watch was down.
                if let Some(uid) = before.as_ref().map(Fact::uid).filter(|uid| *uid != object.own_uid()) {
                    engine.ledger.forget(uid);
                }
                if before.as_ref().is_none_or(|before| before.known != fact.known) {
                    engine.wakes.publish_of(&subject, &Topic::Object(subject.clone()));
                    let mut topics = before.map(|before| before.topics).unwrap_or_default();
                    topics.retain(|topic| !fact.topics.contains(topic));
                    for topic in topics.iter().chain(&fact.topics) {
                        engine.wakes.publish_of(&subject, topic);
                    }
                }
            }
            watcher::Event::Delete(object) => self.gone(engine, Subject::of(kind, object)),
            watcher::Event::Init | watcher::Event::InitDone => {}
        }
    }

    /// Takes notice that an object is gone, once the stores do not show it any more; the first time counts.
    pub fn gone(&self, engine: &Engine, subject: Subject) {
        let Some(before) = lock(&self.0).remove(&subject) else { return };
        engine.claims.forget(&subject, before.uid());
        engine.ledger.forget(before.uid());
        engine.backlog.done(&subject);
        engine.serial.forget(&engine.wakes, &subject);
        engine.outages.forget(&subject);
        engine.wakes.depend(&subject, []);
        engine.wakes.publish(&Topic::Object(subject));
        for topic in before.topics {
            engine.wakes.publish(&topic);
        }
    }
}

impl Fact {
    fn uid(&self) -> &str {
        self.known[0].as_str().unwrap_or_default()
    }
}

/// What others can know of an object. An object that may not be where it says it is wakes nobody but those who refer to
/// it by its own name.
fn fact(engine: &Engine, kind: &'static dyn Kind, object: &Object) -> Fact {
    let status = object.read_status();
    let entry = engine.claims.saw(kind, object, &status);
    let mut topics = Vec::new();
    let mut place = None;
    if let Some(entry) = &entry {
        let project_id = engine.project_of(entry);
        if engine.is_trusted(entry, object.own_uid(), "") {
            if let Some(id) = &project_id {
                topics.push(Topic::Members(kind.name(), id.clone()));
                topics.push(Topic::Named(kind.name(), id.clone(), entry.key.clone()));
            }
            if kind.name() == PROJECT {
                topics.push(Topic::Named(kind.name(), String::new(), entry.key.clone()));
            }
        }
        if let Home::Project(reference) = &entry.home {
            let namespace = reference.namespace.clone().unwrap_or_else(|| object.namespace_name().to_owned());
            topics.push(Topic::Referrers(namespace, reference.name.clone()));
        }
        place = project_id;
    }
    let atlas = &status.common.atlas;
    let known = json!([
        object.own_uid(),
        object.is_leaving(),
        atlas.id,
        atlas.is_in_use(),
        engine.is_usable(object, &status),
        place,
        status.own.get("connectionStrings"),
        entry.as_ref().map(|entry| &entry.key),
        entry.as_ref().map(|entry| &entry.credentials),
        entry.as_ref().map(|entry| &entry.allowed),
    ]);
    Fact { known, topics }
}
