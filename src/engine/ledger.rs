//! What the operator remembers between passes without writing it down: how often an object failed in a row, and
//! what was last written for it, which a watch may be slow to show.
use std::{collections::HashMap, sync::Mutex, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{object::Object, wake::lock};
use crate::{atlas::Class, status::Status};

/// How far apart two answers of Atlas are before the second confirms the first.
pub const APART: Duration = Duration::from_secs(5);

/// What Atlas says of an object that it may say in passing, so that it is believed only when it is said again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The resource is not there.
    Absent,
    /// The resource is there, and a moment ago it was not.
    Back,
    /// Lists lack entries of the object: the part and the key of each.
    Shrunk(Vec<(&'static str, String)>),
    /// A resource that the spec names is not there.
    NotFound(String),
    /// A call was refused so.
    Refused(Class),
}

/// How many writes in a row Atlas may refuse before the next one waits.
const SERVED_AT_ONCE: u32 = 4;

/// Memory by uid, so that an object made again under an old name starts afresh. Losing it is harmless.
#[derive(Default)]
pub struct Ledger(Mutex<HashMap<String, Entry>>);

#[derive(Default)]
struct Entry {
    generation: i64,
    failures: u32,
    unwritten: u32,
    /// What is not believed yet, and since when Atlas has been saying so.
    doubt: Option<(Doubt, Timestamp)>,
    /// The keys of the entries that a list was last believed to have, by part, without those deleted since.
    listed: HashMap<&'static str, Vec<String>>,
    sent: (String, u32),
    refusals: u32,
    refused: Option<Timestamp>,
    written: Option<(u64, Status)>,
    addresses: Option<Addresses>,
    missing: HashMap<String, Timestamp>,
    handover: Option<Timestamp>,
}

/// What this process saw of a cluster in Atlas, when it last looked.
#[derive(Clone, Debug, PartialEq)]
pub struct Addresses {
    /// The id of the project that it is in.
    pub project_id: String,
    /// Its name in Atlas.
    pub name: String,
    /// What was seen.
    pub seen: Seen,
}

/// How a cluster was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It was brought up, and has these connection strings.
    Up(Value),
    /// It is there, and cannot be used yet, or is not the object's.
    NotUp,
    /// It is not there.
    Absent,
}

impl Ledger {
    /// The newest status of `object`: its own, or what was written since the watch last showed it.
    pub fn status(&self, object: &Object) -> Status {
        let mut entries = lock(&self.0);
        let Some(entry) = entries.get_mut(object.own_uid()) else { return object.read_status() };
        match &entry.written {
            // Resource versions of one resource grow, and may be compared.
            Some((version, status)) if version_of(object).is_none_or(|seen| seen < *version) => status.clone(),
            _ => {
                entry.written = None;
                object.read_status()
            }
        }
    }

    /// Whether this process has had a pass over `object` before.
    pub fn knows(&self, object: &Object) -> bool {
        lock(&self.0).contains_key(object.own_uid())
    }

    /// Remembers what was written, and the version of `object` that holds it.
    pub fn wrote(&self, object: &Object, status: Status) {
        if let Some(version) = version_of(object) {
            self.with(object.own_uid(), |entry| entry.written = Some((version, status)));
        }
    }

    /// Counts a failure, or forgets all failures; answers how many there are in a row. A new generation starts anew.
    pub fn failures(&self, object: &Object, failed: bool) -> u32 {
        let generation = object.metadata.generation.unwrap_or_default();
        self.with(object.own_uid(), |entry| {
            if entry.generation != generation {
                entry.generation = generation;
                entry.failures = 0;
            }
            entry.failures = if failed { entry.failures.saturating_add(1) } else { 0 };
            entry.failures
        })
    }

    /// Counts a status that could not be written, or forgets all of them; answers how many there are in a row. What was sent
    /// meanwhile was repeated because nothing could be written down, and not because Atlas does not do it.
    pub fn unwritten(&self, object: &Object, failed: bool) -> u32 {
        self.with(object.own_uid(), |entry| {
            if failed {
                entry.sent = Default::default();
            }
            entry.unwritten = if failed { entry.unwritten.saturating_add(1) } else { 0 };
            entry.unwritten
        })
    }

    /// Whether Atlas has been saying `doubt`, and nothing else, for long enough to be believed. The first time it is
    /// not; a failure that says nothing about the object comes in between without harm.
    pub fn is_confirmed(&self, object: &Object, doubt: &Doubt, now: Timestamp) -> bool {
        let apart = SignedDuration::try_from(APART).unwrap_or(SignedDuration::MAX);
        self.with(object.own_uid(), |entry| match &entry.doubt {
            Some((standing, since)) if standing == doubt => now.duration_since(*since) >= apart,
            _ => {
                entry.doubt = Some((doubt.clone(), now));
                false
            }
        })
    }

    /// What is not believed yet of an object.
    pub fn doubt(&self, object: &Object) -> Option<Doubt> {
        self.with(object.own_uid(), |entry| entry.doubt.as_ref().map(|(doubt, _)| doubt.clone()))
    }

    /// Nothing is in doubt any more.
    pub fn clear_doubt(&self, object: &Object) {
        self.with(object.own_uid(), |entry| entry.doubt = None);
    }

    /// Remembers which entries a list was believed to have.
    pub fn listed(&self, object: &Object, part: &'static str, keys: Vec<String>) {
        self.with(object.own_uid(), |entry| entry.listed.insert(part, keys));
    }

    /// Atlas was asked to delete an entry of a list, or all of them.
    pub fn removed(&self, object: &Object, part: &str, key: Option<&str>) {
        self.with(object.own_uid(), |entry| {
            if let Some(keys) = entry.listed.get_mut(part) {
                keys.retain(|listed| key.is_some_and(|key| listed != key));
            }
        });
    }

    /// Whether an entry of the object that a list lacks was there, as far as this process can know.
    pub fn was_listed(&self, object: &Object, part: &str, key: &String) -> bool {
        self.with(object.own_uid(), |entry| entry.listed.get(part).is_none_or(|keys| keys.contains(key)))
    }

    /// Forgets the lists of an object, whose entries are gone with it.
    pub fn forget_lists(&self, object: &Object) {
        self.with(object.own_uid(), |entry| entry.listed.values_mut().for_each(Vec::clear));
    }

    /// Whether the last pass over this generation failed.
    pub fn is_failing(&self, object: &Object) -> bool {
        let generation = object.metadata.generation.unwrap_or_default();
        self.with(object.own_uid(), |entry| entry.generation == generation && entry.failures > 0)
    }

    /// How often in a row a pass before this one sent the same call, or was said to; `None` is a pass that sent none.
    /// Atlas may take a call and not do it, and asking again at once for ever helps nobody.
    pub fn repeats(&self, object: &Object, call: Option<&str>) -> u32 {
        self.with(object.own_uid(), |entry| match call {
            Some(call) if entry.sent.0 == call => {
                entry.sent.1 = entry.sent.1.saturating_add(1);
                entry.sent.1
            }
            _ => {
                entry.sent = (call.unwrap_or_default().to_owned(), 0);
                0
            }
        })
    }

    /// Notes whether Atlas refused a write as it stood.
    pub fn refused(&self, object: &Object, refused: bool, now: Timestamp) {
        self.with(object.own_uid(), |entry| {
            entry.refusals = if refused { entry.refusals.saturating_add(1) } else { 0 };
            entry.refused = refused.then_some(now);
        });
    }

    /// Whether the next write must wait because Atlas refused the ones before. Unlike [failures](Self::failures) this
    /// outlasts edits: a person who corrects a spec is served at once a few times, and a spec that changes all the time
    /// costs no more than one refused write in two minutes.
    pub fn defers_writes(&self, object: &Object, now: Timestamp) -> bool {
        self.with(object.own_uid(), |entry| {
            let Some(over) = entry.refusals.checked_sub(SERVED_AT_ONCE) else { return false };
            let pause = (10_i64 << over.min(4)).min(120);
            entry.refused.is_some_and(|at| now < at + SignedDuration::from_secs(pause))
        })
    }

    /// What was seen of the cluster that `object` is.
    pub fn addresses(&self, object: &Object) -> Option<Addresses> {
        lock(&self.0).get(object.own_uid()).and_then(|entry| entry.addresses.clone())
    }

    /// Remembers what was seen of the cluster that `object` is.
    pub fn remember_addresses(&self, object: &Object, addresses: Addresses) {
        self.with(object.own_uid(), |entry| entry.addresses = Some(addresses));
    }

    /// Since when a cluster that `object` uses has been missing, if it is `now`; one that is there is no longer missed.
    pub fn missing(&self, object: &Object, cluster: &str, now: Option<Timestamp>) -> Option<Timestamp> {
        self.with(object.own_uid(), |entry| {
            if now.is_none() {
                entry.missing.remove(cluster);
            }
            now.map(|now| *entry.missing.entry(cluster.to_owned()).or_insert(now))
        })
    }

    /// Since when `object` hands its resource over to another object, which is `now` at first.
    pub fn hands_over(&self, object: &Object, now: Timestamp) -> Timestamp {
        self.with(object.own_uid(), |entry| *entry.handover.get_or_insert(now))
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        lock(&self.0).remove(uid);
    }

    fn with<T>(&self, uid: &str, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(lock(&self.0).entry(uid.to_owned()).or_default())
    }
}

fn version_of(object: &Object) -> Option<u64> {
    object.metadata.resource_version.as_deref()?.parse().ok()
}

/// `delay` and up to a tenth more, by which objects that fail together do not try again together.
pub fn spread(delay: Duration, object: &Object) -> Duration {
    let share = u32::try_from(hash(object.own_uid()) % 1000).unwrap_or_default();
    delay + delay / 10 * share / 1000
}

/// FNV-1a: small, stable over versions, and good enough to spread.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How long a settled object is left alone: until the next of the moments, `period` apart, at which all that is in
/// `project` is looked at. Together its objects can share what they read, and projects have moments of their own. What
/// was settled shortly before such a moment passes it by, so it is at least a tenth of `period` and at most a tenth more
/// than `period`.
pub fn until_round(period: Duration, now: Timestamp, project: &str) -> Duration {
    let hash = hash(project);
    let milliseconds = i128::try_from(period.as_millis()).unwrap_or(i128::MAX).max(1);
    let since = (i128::from(now.as_millisecond()) + i128::from(hash)).rem_euclid(milliseconds);
    let left = Duration::from_millis(u64::try_from(milliseconds - since).unwrap_or_default());
    if left < period / 10 { left + period } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str) -> Object {
        let json = serde_json::json!({"metadata": {"uid": "u", "resourceVersion": version, "generation": 1}});
        serde_json::from_value(json).unwrap_or_else(|error| unreachable!("{error}"))
    }

    #[test]
    fn a_status_just_written_is_believed_until_the_watch_has_caught_up() {
        let ledger = Ledger::default();
        let mut status = Status::default();
        status.common.atlas.id = Some("x".into());
        ledger.wrote(&object("10"), status);
        assert_eq!(ledger.status(&object("9")).common.atlas.id.as_deref(), Some("x"));
        assert_eq!(ledger.status(&object("10")).common.atlas.id, None, "now the object itself speaks");
        assert_eq!(ledger.status(&object("9")).common.atlas.id, None);
    }

    #[test]
    fn refused_writes_are_spaced_whatever_is_edited() {
        let (ledger, object, start) = (Ledger::default(), object("1"), Timestamp::UNIX_EPOCH);
        let mut sent = 0;
        for second in 0..600 {
            let now = start + SignedDuration::from_secs(second);
            if !ledger.defers_writes(&object, now) {
                ledger.refused(&object, true, now);
                sent += 1;
            }
        }
        assert!((8..=12).contains(&sent), "{sent} writes in ten minutes");
        ledger.refused(&object, false, start);
        assert!(!ledger.defers_writes(&object, start), "one success ends it");
    }

    #[test]
    fn what_atlas_may_say_in_passing_is_believed_when_it_is_said_again_some_seconds_later() {
        let (ledger, object) = (Ledger::default(), object("1"));
        let at = |second: i64| Timestamp::from_second(1_767_225_600 + second).unwrap_or_default();
        let says = |doubt: &Doubt, second| ledger.is_confirmed(&object, doubt, at(second));
        let refused = Doubt::Refused(Class::Unauthenticated);
        // Twice within a moment, as when a change wakes the object in between, is once.
        assert!(!says(&Doubt::Absent, 0) && !says(&Doubt::Absent, 0) && !says(&Doubt::Absent, 4));
        assert!(says(&Doubt::Absent, 5) && says(&Doubt::Absent, 6));
        // Another failure is no first time, and whatever says otherwise starts anew.
        ledger.failures(&object, true);
        assert!(!says(&refused, 20), "a failure is no refusal");
        assert!(!says(&Doubt::Refused(Class::Forbidden), 26), "another refusal is not the same");
        assert!(!says(&refused, 32) && says(&refused, 37));
        assert!(!says(&Doubt::Absent, 40));
        assert!(!says(&Doubt::Back, 46), "and what was absent and is back is not believed at once either");
        assert!(!says(&Doubt::Absent, 52) && !says(&Doubt::Back, 58) && says(&Doubt::Back, 63));
        ledger.clear_doubt(&object);
        assert!(!says(&Doubt::Back, 70));
        let shrunk = |keys: &[&str]| Doubt::Shrunk(keys.iter().map(|key| ("limits", (*key).to_owned())).collect());
        assert!(!says(&shrunk(&["a", "c"]), 80) && !says(&shrunk(&["b", "d"]), 86), "other entries each time");
        assert!(says(&shrunk(&["b", "d"]), 91));
    }

    #[test]
    fn an_entry_was_listed_if_it_was_there_or_nobody_knows() {
        let (ledger, object) = (Ledger::default(), object("1"));
        let was_listed = |part: &str, key: &str| ledger.was_listed(&object, part, &key.to_owned());
        assert!(was_listed("limits", "a"), "nothing is known after a start");
        ledger.listed(&object, "limits", vec!["a".to_owned(), "b".to_owned()]);
        assert!(was_listed("limits", "a") && was_listed("teams", "a"));
        assert!(!was_listed("limits", "c"), "it was only claimed");
        ledger.removed(&object, "limits", Some("a"));
        assert!(!was_listed("limits", "a") && was_listed("limits", "b"));
        ledger.removed(&object, "limits", None);
        assert!(!was_listed("limits", "b"), "all of them");
        ledger.listed(&object, "limits", vec!["a".to_owned()]);
        assert!(was_listed("limits", "a"), "it came back");
        ledger.forget_lists(&object);
        assert!(!was_listed("limits", "a"));
    }

    #[test]
    fn what_is_in_one_project_is_looked_at_together_and_projects_are_not() {
        let period = Duration::from_mins(10);
        let moment = |second: i64, project: &str| {
            let now = Timestamp::from_second(second).unwrap_or_default();
            let left = until_round(period, now, project);
            assert!(left >= period / 10 && left <= period + period / 10, "{left:?}");
            now + left
        };
        let start = 1_767_225_600;
        let first = moment(start, "a");
        // Settled at whatever time, the next moment or the one after it is theirs.
        for second in 0..600 {
            let mine = moment(start + second, "a");
            assert!(mine == first || mine == first + period || mine == first - period, "{mine} beside {first}");
        }
        assert_eq!(moment(first.as_second(), "a"), first + period, "at the moment itself the next one is meant");
        assert_ne!(moment(start, "b"), first);
    }

    #[test]
    fn failures_of_many_are_spread_over_a_tenth_more() {
        let delay = Duration::from_secs(100);
        let mut delays: Vec<_> = (0..100)
            .map(|n| {
                let json = serde_json::json!({"metadata": {"uid": format!("uid-{n}")}});
                spread(delay, &serde_json::from_value(json).unwrap_or_else(|error| unreachable!("{error}")))
            })
            .collect();
        delays.sort();
        delays.dedup();
        assert!(delays.len() > 80 && delays.iter().all(|spread| *spread >= delay && *spread <= delay * 11 / 10));
    }
}
