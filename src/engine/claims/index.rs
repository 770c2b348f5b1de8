//! Every object by what it says of its place in Atlas, and what this process has confirmed of it.
use std::{
    collections::{BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use super::super::{
    object::Object,
    wake::{Subject, lock},
};
use crate::{
    kind::{Home, Kind, ProjectReference},
    kinds::PROJECT,
    status::{SecretReference, Status},
};

/// What a spec says about where its resource is.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// The object.
    pub subject: Subject,
    /// What tells the resource from others of its kind in the same parent.
    pub key: String,
    /// The parent.
    pub home: Home,
    /// `spec.connectionSecretRef.name`.
    pub credentials: Option<String>,
    /// `spec.allowedNamespaces`.
    pub allowed: Vec<String>,
}

impl Entry {
    /// Reads it from a spec. None when the spec cannot be read, or names nothing.
    pub fn of(kind: &dyn Kind, object: &Object) -> Option<Self> {
        let declared = kind.read(object.spec.as_deref()?).ok()?;
        let needs = declared.needs();
        let key = match &needs.home {
            Home::Existing(id) => id.clone(),
            Home::Organization | Home::Project(_) | Home::ProjectId(_) => declared.key()?,
        };
        Some(Self {
            subject: Subject::of(kind, object),
            key,
            home: needs.home,
            credentials: needs.credentials,
            allowed: needs.allowed_namespaces,
        })
    }

    /// The AtlasProject that it refers to, as a subject.
    fn project(&self, reference: &ProjectReference) -> Subject {
        let namespace = reference.namespace.as_ref().unwrap_or(&self.subject.namespace);
        Subject { kind: PROJECT, namespace: namespace.clone(), name: reference.name.clone() }
    }
}

/// What a reconcile of this process found out about an object, and a status alone cannot say.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed {
    /// The credentials that the spec allowed it.
    pub credentials: SecretReference,
    /// The project that it is in, or is.
    pub project_id: Option<String>,
    /// Whether Atlas has shown the resource as ready for use.
    pub usable: bool,
}

/// Every object by name in Atlas and by project id, and what is confirmed of it.
#[derive(Default)]
pub struct Claims(Mutex<Maps>);

#[derive(Default)]
struct Maps {
    entries: HashMap<Subject, Arc<Entry>>,
    named: HashMap<(&'static str, String), BTreeSet<Subject>>,
    /// AtlasProject objects by the project id that their status records.
    recorded: HashMap<String, BTreeSet<Subject>>,
    ids: HashMap<Subject, String>,
    confirmed: HashMap<String, Confirmed>,
}

impl Claims {
    /// Takes up what a watch showed of an object.
    pub fn saw(&self, kind: &dyn Kind, object: &Object, status: &Status) -> Option<Arc<Entry>> {
        let subject = Subject::of(kind, object);
        // A panic of a kind is an outcome of the object's reconcile, and not the end of the watch.
        let entry = catch_unwind(AssertUnwindSafe(|| Entry::of(kind, object))).ok().flatten().map(Arc::new);
        let mut maps = lock(&self.0);
        maps.remove(&subject);
        if let Some(entry) = &entry {
            maps.named.entry((subject.kind, entry.key.clone())).or_default().insert(subject.clone());
            maps.entries.insert(subject.clone(), Arc::clone(entry));
        }
        if let Some(id) = status.common.atlas.project_id.as_ref().filter(|_| kind.name() == PROJECT) {
            maps.recorded.entry(id.clone()).or_default().insert(subject.clone());
            maps.ids.insert(subject, id.clone());
        }
        entry
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, subject: &Subject, uid: &str) {
        let mut maps = lock(&self.0);
        maps.remove(subject);
        maps.confirmed.remove(uid);
    }

    /// What the spec of an object says about where its resource is.
    pub fn entry(&self, subject: &Subject) -> Option<Arc<Entry>> {
        lock(&self.0).entries.get(subject).cloned()
    }

    /// The objects of a kind whose resource has this name, in whatever project.
    pub fn named(&self, kind: &'static str, key: &str) -> Vec<Arc<Entry>> {
        let maps = lock(&self.0);
        let subjects = maps.named.get(&(kind, key.to_owned()));
        subjects.into_iter().flatten().filter_map(|subject| maps.entries.get(subject).cloned()).collect()
    }

    /// The AtlasProject objects whose status records this project id.
    pub(super) fn recording(&self, project_id: &str) -> Vec<Arc<Entry>> {
        let maps = lock(&self.0);
        let subjects = maps.recorded.get(project_id);
        subjects.into_iter().flatten().filter_map(|subject| maps.entries.get(subject).cloned()).collect()
    }

    /// The AtlasProject that an object refers to.
    pub(in crate::engine) fn project_entry(&self, entry: &Entry) -> Option<Arc<Entry>> {
        let Home::Project(reference) = &entry.home else { return None };
        self.entry(&entry.project(reference))
    }

    /// What this process has confirmed of the object with this uid.
    pub fn confirmed(&self, uid: &str) -> Option<Confirmed> {
        lock(&self.0).confirmed.get(uid).cloned()
    }

    /// Remembers what a reconcile found out.
    pub(super) fn confirm(&self, uid: &str, confirmed: Confirmed) {
        lock(&self.0).confirmed.insert(uid.to_owned(), confirmed);
    }

    /// Forgets what was found out: the resource is gone, or is not the object's.
    pub fn revoke(&self, uid: &str) {
        lock(&self.0).confirmed.remove(uid);
    }
}

impl Maps {
    fn remove(&mut self, subject: &Subject) {
        if let Some(entry) = self.entries.remove(subject) {
            take(&mut self.named, &(subject.kind, entry.key.clone()), subject);
        }
        if let Some(id) = self.ids.remove(subject) {
            take(&mut self.recorded, &id, subject);
        }
    }
}

fn take<K: Eq + std::hash::Hash>(sets: &mut HashMap<K, BTreeSet<Subject>>, key: &K, subject: &Subject) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(subject);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
