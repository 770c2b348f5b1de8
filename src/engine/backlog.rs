//! What is due to be looked at and waits for a free hand.
//!
//! The controllers keep their queues to themselves. What goes into them is known all the same, and what comes out: an
//! object that changed or was woken is due now, one that a pass put off is due later, and one whose pass begins is not
//! due any more.
use std::{collections::HashMap, sync::Mutex};

use tokio::time::Instant;

use super::wake::{Subject, lock};

/// Since when, or from when on, each object that waits is due.
#[derive(Default)]
pub struct Backlog(Mutex<HashMap<Subject, Instant>>);

impl Backlog {
    /// `subject` is due at `instant`, or earlier if it was already.
    pub fn due(&self, subject: Subject, instant: Instant) {
        let mut waiting = lock(&self.0);
        let due = waiting.entry(subject).or_insert(instant);
        *due = instant.min(*due);
    }

    /// A pass over `subject` begins, or it is gone.
    pub fn done(&self, subject: &Subject) {
        lock(&self.0).remove(subject);
    }

    /// What is due by `now`, and since when.
    pub fn overdue(&self, now: Instant) -> Vec<(Subject, Instant)> {
        let waiting = lock(&self.0);
        waiting.iter().filter(|(_, due)| **due <= now).map(|(subject, due)| (subject.clone(), *due)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_time_counts_and_what_begins_waits_no_more() {
        let (backlog, now) = (Backlog::default(), Instant::now());
        let subject = |name: &str| Subject { kind: "AtlasProject", namespace: "ns".into(), name: name.into() };
        backlog.due(subject("a"), now + Duration::from_mins(1));
        assert!(backlog.overdue(now).is_empty());
        backlog.due(subject("a"), now);
        backlog.due(subject("a"), now + Duration::from_secs(5));
        assert_eq!(backlog.overdue(now + Duration::from_secs(1)), [(subject("a"), now)]);
        backlog.done(&subject("a"));
        assert!(backlog.overdue(now + Duration::from_hours(1)).is_empty());
    }
}
