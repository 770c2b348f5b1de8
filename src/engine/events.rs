//! Publishes Events (`events.k8s.io/v1`).
//!
//! The text is part of an Event's identity: what repeats word by word within a while is counted in one Event, and
//! everything else is an Event of its own. One object cannot publish without end, and neither can all together.
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Mutex,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{tell::MANAGER, wake::lock};

/// For how long after an Event an equal one is counted and not made anew.
const WINDOW: SignedDuration = SignedDuration::from_mins(6);
/// So many Events of different texts may be about one object within [`WINDOW`].
const MOST_OF_ONE: usize = 25;
/// So many Events are remembered for counting.
const MOST: usize = 4096;
/// The longest note that an Event may carry, in bytes.
const LONGEST_NOTE: usize = 1024;
/// As much of an object's name as an Event's name begins with: with the hash it stays within 253 letters.
const LONGEST_NAME: usize = 200;

/// What there is to say about an object.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Say<'a> {
    /// A word from the closed set of reasons.
    pub reason: &'a str,
    /// What was done.
    pub action: &'a str,
    /// A sentence.
    pub note: &'a str,
    /// Whether a person should see it.
    pub warning: bool,
}

/// Where Events go.
pub struct Publisher {
    kube: Client,
    said: Mutex<Said>,
}

/// An Event by the uid of its object and a hash of what it says.
type Identity = (String, u64);

/// What was published lately.
#[derive(Default)]
struct Said(HashMap<Identity, Series>);

#[derive(Clone, Debug, PartialEq)]
struct Series {
    name: String,
    count: i32,
    last: Timestamp,
}

/// What publishing takes.
#[derive(Debug, PartialEq)]
enum Need {
    Create(String),
    Count(Series),
    Nothing,
}

impl Said {
    fn say(&mut self, uid: &str, object: &str, say: &Say<'_>, now: Timestamp) -> (Identity, Need) {
        self.0.retain(|_, series| series.last + WINDOW > now);
        let identity = (uid.to_owned(), hash(&(uid, say)));
        if let Some(series) = self.0.get_mut(&identity) {
            series.count = series.count.saturating_add(1);
            series.last = now;
            return (identity, Need::Count(series.clone()));
        }
        if self.0.keys().filter(|(about, _)| about == uid).count() >= MOST_OF_ONE {
            return (identity, Need::Nothing);
        }
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, series)| series.last).map(|(identity, _)| identity.clone());
            oldest.and_then(|identity| self.0.remove(&identity));
        }
        // With the time in it, a series that begins later, or in another process, has a name of its own.
        let object: String = object.chars().take(LONGEST_NAME).collect();
        let name = format!("{}.{:016x}", object.trim_end_matches(['.', '-']), hash(&(uid, say, now.as_nanosecond())));
        self.0.insert(identity.clone(), Series { name: name.clone(), count: 1, last: now });
        (identity, Need::Create(name))
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

impl Publisher {
    /// One that has said nothing yet.
    pub fn new(kube: Client) -> Self {
        Self { kube, said: Mutex::default() }
    }

    /// Publishes that, or counts it where the same was published lately.
    pub async fn publish(&self, about: &ObjectReference, say: &Say<'_>, now: Timestamp) -> Result<(), kube::Error> {
        let (uid, object) = (about.uid.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default());
        let say = Say { note: shortened(say.note), ..*say };
        let (identity, need) = lock(&self.said).say(uid, object, &say, now);
        let events: Api<Event> = Api::namespaced(self.kube.clone(), about.namespace.as_deref().unwrap_or_default());
        let done = match need {
            Need::Nothing => return Ok(()),
            Need::Create(name) => events.create(&PostParams::default(), &event(name, about, &say, now)).await.map(drop),
            Need::Count(series) => {
                let count = json!({ "series": { "count": series.count, "lastObservedTime": MicroTime(now) } });
                events.patch(&series.name, &PatchParams::default(), &Patch::Merge(count)).await.map(drop)
            }
        };
        if done.is_err() {
            // The next of its kind begins a new series: this one may be gone, or never have been there.
            lock(&self.said).0.remove(&identity);
        }
        done
    }
}

fn event(name: String, about: &ObjectReference, say: &Say<'_>, now: Timestamp) -> Event {
    Event {
        metadata: ObjectMeta { name: Some(name), namespace: about.namespace.clone(), ..ObjectMeta::default() },
        action: Some(say.action.to_owned()),
        reason: Some(say.reason.to_owned()),
        note: Some(say.note.to_owned()),
        type_: Some(if say.warning { "Warning" } else { "Normal" }.to_owned()),
        event_time: Some(MicroTime(now)),
        regarding: Some(about.clone()),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(MANAGER.to_owned()),
        ..Event::default()
    }
}

/// As much of a note as fits, cut between letters.
fn shortened(note: &str) -> &str {
    let mut end = note.len().min(LONGEST_NOTE);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    note.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn note(note: &str) -> Say<'_> {
        Say { reason: "Updating", action: "UpdateCluster", note, warning: false }
    }

    #[test]
    fn only_equal_texts_are_counted_together() {
        let mut said = Said::default();
        let mut names = Vec::new();
        for text in ["tags", "size", "paused"] {
            let (_, need) = said.say("u", "orders", &note(text), NOW);
            let Need::Create(name) = need else { unreachable!("{need:?}") };
            assert!(name.starts_with("orders.") && !names.contains(&name), "{name}");
            names.push(name);
        }
        let later = NOW + SignedDuration::from_mins(5);
        let (_, again) = said.say("u", "orders", &note("size"), later);
        assert_eq!(again, Need::Count(Series { name: names[1].clone(), count: 2, last: later }));
        let warning = Say { warning: true, ..note("size") };
        for (uid, say) in [("u", warning), ("v", note("size")), ("u", Say { action: "Reconcile", ..note("size") })] {
            let (_, need) = said.say(uid, "orders", &say, later);
            assert!(matches!(need, Need::Create(_)), "{uid} {say:?}: {need:?}");
        }
        let (_, need) = said.say("u", "orders", &note("tags"), later + SignedDuration::from_mins(2));
        assert!(matches!(&need, Need::Create(name) if !names.contains(name)), "its window is over: {need:?}");
    }

    #[test]
    fn neither_one_object_nor_all_together_are_remembered_without_end() {
        let mut said = Said::default();
        for number in 0..100 {
            said.say("u", "orders", &note(&number.to_string()), NOW);
        }
        assert_eq!(said.0.len(), MOST_OF_ONE);
        assert_eq!(said.say("u", "orders", &note("one more"), NOW).1, Need::Nothing);
        assert!(matches!(said.say("u", "orders", &note("one more"), NOW + WINDOW).1, Need::Create(_)));
        for number in 0..5000 {
            said.say(&number.to_string(), "orders", &note("text"), NOW + WINDOW);
        }
        assert_eq!(said.0.len(), MOST);
    }

    #[test]
    fn what_is_too_long_is_cut_between_letters() {
        let long = "ä".repeat(LONGEST_NOTE);
        assert_eq!(shortened(&long).len(), LONGEST_NOTE);
        assert_eq!(shortened(&format!("x{long}")).len(), LONGEST_NOTE - 1);
        let name = "x".repeat(199) + "-" + &"y".repeat(53);
        let (_, need) = Said::default().say("u", &name, &note("text"), NOW);
        assert!(matches!(need, Need::Create(name) if name.len() == 199 + 17), "no part of a name ends in a hyphen");
    }
}
