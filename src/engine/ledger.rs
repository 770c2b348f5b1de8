//! What the operator remembers between passes without writing it down: how often an object failed in a row, and
//! what was last written for it, which a watch may be slow to show.
use std::{collections::HashMap, sync::Mutex, time::Duration};

use super::{object::Object, wake::lock};
use crate::status::Status;

/// Memory by uid, so that an object made again under an old name starts afresh. Losing it is harmless.
#[derive(Default)]
pub struct Ledger(Mutex<HashMap<String, Entry>>);

#[derive(Default)]
struct Entry {
    generation: i64,
    failures: u32,
    absences: u32,
    sent: (String, u32),
    written: Option<(u64, Status)>,
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

    /// How many passes in a row saw Atlas say that the object is not there, this one included; `false` starts anew.
    pub fn absences(&self, object: &Object, absent: bool) -> u32 {
        self.with(object.own_uid(), |entry| {
            entry.absences = if absent { entry.absences.saturating_add(1) } else { 0 };
            entry.absences
        })
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

/// Spreads `period` by up to a tenth, differently for each object and always alike for one, so that objects made
/// together are not looked at together for ever.
pub fn spread(period: Duration, uid: &str) -> Duration {
    // FNV-1a: small, stable over versions, and good enough to spread.
    let hash = uid
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let share = u32::try_from(hash % 1000).unwrap_or_default();
    period + period / 10 * share / 1000
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
    fn periods_are_spread_by_at_most_a_tenth_and_stay_the_same_for_one_object() {
        let period = Duration::from_mins(10);
        for uid in ["a", "b", "c"] {
            assert!(spread(period, uid) >= period && spread(period, uid) <= period + period / 10);
            assert_eq!(spread(period, uid), spread(period, uid));
        }
        assert_ne!(spread(period, "a"), spread(period, "b"));
    }
}
