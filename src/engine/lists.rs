//! How listing and watching goes: what the first passes wait for, and what the API server refuses to list.
//!
//! What has not been listed yet may be there all the same, so no pass begins before every first list has come. A
//! namespace, one of several, in which the operator has no rights must not hold up the others: that is how a namespace
//! looks which was deleted, and its Role with it. There a refusal counts as an answer, and what is in it is not known:
//! who refers to something in it waits, and nothing is removed because it is not seen. It is asked for again, at least
//! twice a minute, and taken up when the right is there.
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::Hash,
    sync::Mutex,
};

use kube::runtime::watcher;
use tokio::sync::watch;

use super::wake::lock;

/// The first lists that have not come yet, each by the name of what it lists.
///
/// A `Store`'s own signal wakes only the last of several who wait for it, and its controller is one of them.
#[derive(Clone)]
pub struct Synced(watch::Sender<BTreeSet<String>>);

impl Synced {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(BTreeSet::new()))
    }

    /// Waits until every first list has come.
    pub async fn wait(&self) {
        self.follow(|_| ()).await;
    }

    /// The same, and says what is waited for, at first and whenever that has changed.
    pub async fn follow(&self, say: impl Fn(&BTreeSet<String>)) {
        let mut awaited = self.0.subscribe();
        loop {
            {
                let awaited = awaited.borrow_and_update();
                if awaited.is_empty() {
                    return;
                }
                say(&awaited);
            }
            // An error would mean that no sender is left, and one is in `self`.
            drop(awaited.changed().await);
        }
    }
}

/// The listing and watching of one resource in one namespace, or in all.
pub(super) struct Listing {
    /// What is listed, as people are told.
    what: String,
    /// Where its first list is waited for, until it has come.
    awaited: Option<Synced>,
    /// The failure that was logged last, while it lasts.
    failure: String,
}

impl Listing {
    /// One whose first list nothing waits for.
    pub(super) fn new(resource: &str, namespace: Option<&str>) -> Self {
        let what = namespace.map_or_else(|| resource.to_owned(), |namespace| format!("{resource} in {namespace}"));
        Self { what, awaited: None, failure: String::new() }
    }

    /// One whose first list is waited for.
    pub(super) fn awaited(resource: &str, namespace: Option<&str>, synced: &Synced) -> Self {
        let listing = Self::new(resource, namespace);
        synced.0.send_modify(|awaited| {
            awaited.insert(listing.what.clone());
        });
        Self { awaited: Some(synced.clone()), ..listing }
    }

    /// A list has come, or will not come for now.
    pub(super) fn answered(&mut self) {
        if let Some(synced) = self.awaited.take() {
            synced.0.send_modify(|awaited| {
                awaited.remove(&self.what);
            });
        }
    }

    /// Takes notice of an event. The first, that a list begins, comes before the API server is asked for it.
    pub(super) fn saw<T>(&mut self, event: &watcher::Event<T>) {
        if !matches!(event, watcher::Event::Init) && !std::mem::take(&mut self.failure).is_empty() {
            tracing::info!(what = self.what, "listed and watched again");
        }
    }

    /// It failed, and is taken up again, ever less often. Without a word a missing right would look like silence; the
    /// same word again and again would hide others.
    pub(super) fn failed(&mut self, error: &watcher::Error) {
        let failure = error.to_string();
        if self.failure != failure {
            tracing::warn!(what = self.what, error = failure, "cannot be listed and watched; it is tried again");
            self.failure = failure;
        }
    }
}

/// What a watch has shown to be there. What is deleted while a watch is down is missing in the next list, and nothing
/// else says so.
pub(super) struct Known<K> {
    there: HashSet<K>,
    /// Those of `there` that the list which is under way has not shown.
    missing: HashSet<K>,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self { there: HashSet::new(), missing: HashSet::new() }
    }
}

impl<K: Clone + Eq + Hash> Known<K> {
    /// Takes notice of an event, and answers what is gone.
    pub(super) fn saw<T>(&mut self, event: &watcher::Event<T>, name: impl Fn(&T) -> K) -> Vec<K> {
        match event {
            watcher::Event::Apply(object) => {
                self.there.insert(name(object));
            }
            watcher::Event::InitApply(object) => {
                let name = name(object);
                self.missing.remove(&name);
                self.there.insert(name);
            }
            watcher::Event::Delete(object) => return self.there.take(&name(object)).into_iter().collect(),
            watcher::Event::Init => self.missing.clone_from(&self.there),
            watcher::Event::InitDone => {
                let missing: Vec<_> = self.missing.drain().collect();
                for name in &missing {
                    self.there.remove(name);
                }
                return missing;
            }
        }
        Vec::new()
    }
}

/// Whether the API server will not list something, for lack of rights or of what is asked for.
pub(super) fn is_refused(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kube::Error::Api(status)) if matches!(status.code, 403 | 404))
}

/// The namespaces whose objects of a kind the API server refuses to list, by the name of the kind.
#[derive(Default)]
pub struct Unreadable(Mutex<BTreeMap<&'static str, BTreeSet<String>>>);

impl Unreadable {
    /// The objects of `kind` in `namespace` cannot be listed.
    pub fn refused(&self, kind: &'static str, namespace: &str) {
        lock(&self.0).entry(kind).or_default().insert(namespace.to_owned());
    }

    /// They have been listed.
    pub fn listed(&self, kind: &'static str, namespace: &str) {
        if let Some(namespaces) = lock(&self.0).get_mut(kind) {
            namespaces.remove(namespace);
        }
    }

    /// A sentence about the objects of a kind in a namespace, when they cannot be listed.
    pub fn about(&self, kind: &str, namespace: &str) -> Option<String> {
        let refused = lock(&self.0).get(kind).is_some_and(|namespaces| namespaces.contains(namespace));
        refused.then(|| {
            format!("Objects of kind {kind} in namespace {namespace} are watched, but the operator may not list them.")
        })
    }
}

#[cfg(test)]
mod tests {
    use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};

    use super::*;

    #[test]
    fn what_a_new_list_lacks_is_gone() {
        let mut known = Known::default();
        let mut gone = |event: watcher::Event<&'static str>| known.saw(&event, |name| *name);
        for event in [Init, InitApply("a"), InitApply("b"), InitDone, Apply("c")] {
            assert!(gone(event).is_empty());
        }
        assert_eq!(gone(Delete("a")), ["a"]);
        // A list that breaks off says nothing.
        for event in [Init, InitApply("b"), Init, InitApply("c")] {
            assert!(gone(event).is_empty());
        }
        assert_eq!(gone(InitDone), ["b"]);
        assert!(gone(Init).is_empty());
        assert_eq!(gone(InitDone), ["c"]);
    }
}
