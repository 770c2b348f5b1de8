//! Wakes an object when something that it depends on changes: one index, whatever the kinds.
//!
//! Every wait has two wake-ups, this and a timed retry, so a lost wake-up costs time and nothing else.
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, StreamExt, channel::mpsc};
use kube::runtime::reflector::ObjectRef;

use super::object::{KindRef, Object};
use crate::kind::Kind;

/// An object, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// `AtlasProject`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Subject {
    /// The subject that `object` of `kind` is.
    pub fn of(kind: &dyn Kind, object: &Object) -> Self {
        Self { kind: kind.name(), namespace: object.namespace_name().to_owned(), name: object.own_name().to_owned() }
    }
}

/// Something that can change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What others can know of an object.
    Object(Subject),
    /// A Secret, by namespace and name.
    Secret(String, String),
    /// The policies that a namespace sets.
    Namespace(String),
    /// The objects of a kind in the Atlas project with this id.
    Members(&'static str, String),
    /// The objects of a kind that declare the resource of this name in the Atlas project with this id, which is empty
    /// for projects themselves.
    Named(&'static str, String, String),
    /// The objects that refer to the AtlasProject of this namespace and name.
    Referrers(String, String),
    /// The addresses that this process saw of the AtlasCluster with this uid.
    Addresses(String),
}

/// Who depends on what, and how to wake them.
#[derive(Default)]
pub struct Wakes {
    index: Mutex<Index>,
    // Unbounded, because the watch that sends must never wait for the controller that receives; what is queued is
    // bounded by the number of objects, since a queue entry is an object's name and the controller drops repeats.
    senders: Mutex<HashMap<&'static str, Vec<mpsc::UnboundedSender<Subject>>>>,
}

#[derive(Default)]
struct Index {
    dependents: HashMap<Topic, HashSet<Subject>>,
    topics: HashMap<Subject, HashSet<Topic>>,
}

impl Wakes {
    /// The stream of objects of `kind` that are to be looked at again.
    pub fn stream(&self, kind: &'static dyn Kind) -> impl Stream<Item = ObjectRef<Object>> + Send + use<> {
        let (sender, receiver) = mpsc::unbounded();
        lock(&self.senders).entry(kind.name()).or_default().push(sender);
        let kind = KindRef::of(kind);
        receiver
            .map(move |subject: Subject| ObjectRef::new_with(&subject.name, kind.clone()).within(&subject.namespace))
    }

    /// Sets what `dependent` depends on, in place of what it depended on before.
    pub fn depend(&self, dependent: &Subject, on: impl IntoIterator<Item = Topic>) {
        let on: HashSet<Topic> = on.into_iter().collect();
        let mut index = lock(&self.index);
        let before = index.topics.remove(dependent).unwrap_or_default();
        for topic in before.difference(&on) {
            if let Some(dependents) = index.dependents.get_mut(topic) {
                dependents.remove(dependent);
                if dependents.is_empty() {
                    index.dependents.remove(topic);
                }
            }
        }
        for topic in on.difference(&before) {
            index.dependents.entry(topic.clone()).or_default().insert(dependent.clone());
        }
        if !on.is_empty() {
            index.topics.insert(dependent.clone(), on);
        }
    }

    /// Adds to what `dependent` depends on.
    fn also(&self, dependent: &Subject, topic: Topic) {
        let mut index = lock(&self.index);
        index.dependents.entry(topic.clone()).or_default().insert(dependent.clone());
        index.topics.entry(dependent.clone()).or_default().insert(topic);
    }

    /// Wakes all that depend on `topic`.
    pub fn publish(&self, topic: &Topic) {
        self.publish_beside(topic, None);
    }

    /// Wakes all that depend on `topic` but the one that it is about, which knows.
    pub fn publish_of(&self, subject: &Subject, topic: &Topic) {
        self.publish_beside(topic, Some(subject));
    }

    fn publish_beside(&self, topic: &Topic, beside: Option<&Subject>) {
        let woken: Vec<Subject> = lock(&self.index).dependents.get(topic).into_iter().flatten().cloned().collect();
        for subject in woken.iter().filter(|subject| Some(*subject) != beside) {
            self.wake(subject);
        }
    }

    /// Whether nothing depends on anything.
    pub fn is_empty(&self) -> bool {
        let index = lock(&self.index);
        index.topics.is_empty() && index.dependents.is_empty()
    }

    /// Wakes one object.
    pub fn wake(&self, subject: &Subject) {
        for sender in lock(&self.senders).get(subject.kind).into_iter().flatten() {
            // A closed receiver is a controller that has ended: nobody is left to wake.
            drop(sender.unbounded_send(subject.clone()));
        }
    }
}

/// What one pass looked at. A topic counts from the moment it is named, before it is looked at, so that a change in
/// between is not missed; what earlier passes looked at and this one did not is dropped at the end.
pub struct Watching<'a> {
    wakes: &'a Wakes,
    subject: &'a Subject,
    topics: HashSet<Topic>,
}

impl<'a> Watching<'a> {
    /// Nothing yet, for `subject`.
    pub fn new(wakes: &'a Wakes, subject: &'a Subject) -> Self {
        Self { wakes, subject, topics: HashSet::new() }
    }

    /// For `subject` again, with all that it depends on already.
    pub fn again(wakes: &'a Wakes, subject: &'a Subject) -> Self {
        let topics = lock(&wakes.index).topics.get(subject).cloned().unwrap_or_default();
        Self { wakes, subject, topics }
    }

    /// Looks at `topic`.
    pub fn on(&mut self, topic: Topic) {
        self.wakes.also(self.subject, topic.clone());
        self.topics.insert(topic);
    }

    /// Drops what was not looked at.
    pub fn finish(self) {
        self.wakes.depend(self.subject, self.topics);
    }
}

/// A panic elsewhere does not make these maps wrong, so a poisoned lock is taken as it is.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(kind: &'static str, name: &str) -> Subject {
        Subject { kind, namespace: "ns".into(), name: name.into() }
    }

    #[test]
    fn only_those_who_depend_now_are_woken() {
        let wakes = Wakes::default();
        let (sender, mut receiver) = mpsc::unbounded();
        lock(&wakes.senders).insert("AtlasDatabaseUser", vec![sender]);
        let (user, project) = (subject("AtlasDatabaseUser", "u"), Topic::Object(subject("AtlasProject", "p")));
        let secret = Topic::Secret("ns".into(), "s".into());
        wakes.depend(&user, [project.clone(), secret.clone()]);
        wakes.publish(&project);
        assert!(receiver.try_recv().is_ok_and(|woken| woken == user));
        wakes.depend(&user, [project.clone()]);
        wakes.publish(&secret);
        assert!(receiver.try_recv().is_err(), "the Secret is no longer of interest");
        wakes.depend(&user, []);
        wakes.publish(&project);
        assert!(receiver.try_recv().is_err());
        assert!(lock(&wakes.index).dependents.is_empty() && lock(&wakes.index).topics.is_empty());
    }
}
