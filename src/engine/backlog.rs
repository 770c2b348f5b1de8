//! What is due to be looked at and waits for a free hand.
//!
//! The controllers keep their queues to themselves. What goes into them is known all the same, and what comes out: an
//! object that changed or was woken is due now, one that a pass put off is due later, and one whose pass begins is not
//! due any more. This is what decides whether a pass is due at all: a controller may ask twice for one change.
use std::{collections::HashMap, sync::Mutex};

use tokio::time::Instant;

use super::{
    turns::Cause,
    wake::{Subject, lock},
};

/// Since when, or from when on, each object that waits is due.
#[derive(Default)]
pub struct Backlog(Mutex<HashMap<Subject, Due>>);

#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// Why, and since when for that reason.
    cause: Cause,
    since: Instant,
}

impl Backlog {
    /// `subject` is due at `instant` by its timer, or earlier if it was already.
    pub fn due(&self, subject: Subject, instant: Instant) {
        self.add(subject, Due { at: instant, cause: Cause::Timer, since: instant });
    }

    /// `subject` is due at `now` because something changed.
    pub fn changed(&self, subject: Subject, now: Instant) {
        self.add(subject, Due { at: now, cause: Cause::Change, since: now });
    }

    fn add(&self, subject: Subject, new: Due) {
        let mut waiting = lock(&self.0);
        let due = waiting.entry(subject).or_insert(new);
        let (cause, since) = (new.cause, new.since).min((due.cause, due.since));
        *due = Due { at: new.at.min(due.at), cause, since };
    }

    /// Why a pass over `subject` is due at `now`, and since when; or when it will be.
    pub fn why(&self, subject: &Subject, now: Instant) -> Result<(Cause, Instant), Option<Instant>> {
        match lock(&self.0).get(subject) {
            Some(due) if due.at <= now => Ok((due.cause, due.since)),
            Some(due) => Err(Some(due.at)),
            None => Err(None),
        }
    }

    /// A pass over `subject` begins, or it is gone.
    pub fn done(&self, subject: &Subject) {
        lock(&self.0).remove(subject);
    }

    /// What is due by `now`, and since when.
    pub fn overdue(&self, now: Instant) -> Vec<(Subject, Instant)> {
        let waiting = lock(&self.0);
        waiting.iter().filter(|(_, due)| due.at <= now).map(|(subject, due)| (subject.clone(), due.at)).collect()
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
        backlog.due(subject("b"), now + Duration::from_mins(1));
        assert_eq!(backlog.why(&subject("b"), now), Err(Some(now + Duration::from_mins(1))));
        backlog.changed(subject("b"), now);
        assert_eq!(backlog.why(&subject("b"), now), Ok((Cause::Change, now)));
        backlog.changed(subject("a"), now + Duration::from_secs(3));
        assert_eq!(
            backlog.why(&subject("a"), now),
            Ok((Cause::Change, now + Duration::from_secs(3))),
            "not before it changed"
        );
        backlog.done(&subject("a"));
        backlog.done(&subject("b"));
        assert_eq!(backlog.why(&subject("a"), now), Err(None));
        assert!(backlog.overdue(now + Duration::from_hours(1)).is_empty());
    }
}
