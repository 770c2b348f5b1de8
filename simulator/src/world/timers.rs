//! What will happen by itself: changes of state and expiries, in the order in which they are due.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::World;

/// What a timer is about. Together the three name one resource of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub group: String,
    /// The collection below the project: `clusters`, `accessList`.
    pub collection: &'static str,
    /// The resource within its collection, as it stands in the path.
    pub name: String,
}

impl Subject {
    pub fn new(group: &str, collection: &'static str, name: &str) -> Self {
        Self { group: group.to_owned(), collection, name: name.to_owned() }
    }
}

/// Something that will happen to a subject.
pub struct Timer {
    pub subject: Subject,
    /// In a few words, for the reader of the state.
    pub what: &'static str,
    pub act: fn(&mut World, &Subject),
}

/// All timers. Two that are due at the same instant fire in the order in which they were set.
#[derive(Default)]
pub struct Timers {
    due: BTreeMap<(Timestamp, u64), Timer>,
    set: u64,
}

impl Timers {
    pub fn set(&mut self, at: Timestamp, timer: Timer) {
        self.set += 1;
        self.due.insert((at, self.set), timer);
    }

    /// Forgets everything that was to happen to subjects of which `about` is true.
    pub fn cancel(&mut self, about: impl Fn(&Subject) -> bool) {
        self.due.retain(|_, timer| !about(&timer.subject));
    }

    /// When the earliest timer is due.
    pub fn due(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the earliest timer that is due at `until`, with its instant.
    pub fn next(&mut self, until: Timestamp) -> Option<(Timestamp, Timer)> {
        let entry = self.due.first_entry()?;
        let at = entry.key().0;
        (at <= until).then(|| (at, entry.remove()))
    }

    /// Every timer, for the reader of the state.
    pub fn snapshot(&self) -> Vec<Value> {
        self.due
            .iter()
            .map(|((at, _), timer)| {
                let Subject { group, collection, name } = &timer.subject;
                json!({"at": at.to_string(), "path": format!("/groups/{group}/{collection}/{name}"), "what": timer.what})
            })
            .collect()
    }
}
