//! Writes that Atlas cannot take concurrently: one at a time in a project, of one family of documents.
//!
//! An object whose family is being written to does not wait with a plan in its hands and a turn taken: its reconcile
//! ends, and it is woken when it is next.
use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use tokio::time::Instant;

use super::wake::{Subject, Wakes, lock};

/// How long the first in line has to come back before another may go ahead of it.
const RESERVED: Duration = Duration::from_secs(5);

/// A family of documents in a project: the project's id, and the template of the address that they share.
type Family = (String, &'static str);

#[derive(Default)]
struct Line {
    busy: bool,
    waiting: VecDeque<Subject>,
    /// When the last write ended.
    free: Option<Instant>,
}

/// The families that are written to, or are waited for.
#[derive(Default)]
pub struct Serial(Mutex<HashMap<Family, Line>>);

/// The right to write to a family, until it is dropped. That wakes the first who waits for it.
pub struct Alone<'a> {
    serial: &'a Serial,
    wakes: &'a Wakes,
    family: Family,
}

impl Serial {
    /// Lets `subject` write to a family unless another writes to it or is next; then `subject` is put in line.
    pub fn enter<'a>(
        &'a self,
        wakes: &'a Wakes,
        project: &str,
        family: &'static str,
        subject: &Subject,
    ) -> Option<Alone<'a>> {
        let family = (project.to_owned(), family);
        let mut lines = lock(&self.0);
        let line = lines.entry(family.clone()).or_default();
        if !line.waiting.contains(subject) {
            line.waiting.push_back(subject.clone());
        }
        let first = line.waiting.front() == Some(subject);
        let reserved = line.free.is_some_and(|free| free.elapsed() < RESERVED);
        if line.busy || !first && reserved {
            return None;
        }
        if !first {
            // Whoever had the first place did not come back for it.
            line.waiting.pop_front();
        }
        line.waiting.retain(|waiting| waiting != subject);
        line.busy = true;
        drop(lines);
        Some(Alone { serial: self, wakes, family })
    }

    /// Takes an object that is gone out of every line, and wakes whoever is next in its place.
    pub fn forget(&self, wakes: &Wakes, subject: &Subject) {
        let mut next = Vec::new();
        lock(&self.0).retain(|_, line| {
            let was_first = line.waiting.front() == Some(subject);
            line.waiting.retain(|waiting| waiting != subject);
            next.extend(line.waiting.front().filter(|_| was_first && !line.busy).cloned());
            line.busy || !line.waiting.is_empty()
        });
        for subject in next {
            wakes.wake(&subject);
        }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let next = {
            let mut lines = lock(&self.serial.0);
            let Some(line) = lines.get_mut(&self.family) else { return };
            (line.busy, line.free) = (false, Some(Instant::now()));
            let next = line.waiting.front().cloned();
            if next.is_none() {
                lines.remove(&self.family);
            }
            next
        };
        if let Some(next) = next {
            self.wakes.wake(&next);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::{FutureExt, StreamExt};

    use super::*;
    use crate::kinds;

    const ROLES: &str = "/groups/{groupId}/customDBRoles/roles/{roleName}";

    fn role(name: &str) -> Subject {
        Subject { kind: "AtlasCustomRole", namespace: "ns".into(), name: name.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn one_writes_and_the_others_are_woken_in_their_order() {
        let (serial, wakes) = (Serial::default(), Wakes::default());
        let kind = *kinds::all().iter().find(|kind| kind.name() == "AtlasCustomRole").unwrap();
        let mut woken = wakes.stream(kind).boxed();
        let enter = |name: &str| serial.enter(&wakes, "shop", ROLES, &role(name));
        let first = enter("a").unwrap();
        assert!(enter("b").is_none() && enter("c").is_none() && enter("b").is_none());
        assert!(serial.enter(&wakes, "depot", ROLES, &role("d")).is_some(), "another project waits for nothing");
        drop(first);
        assert_eq!(woken.next().now_or_never().flatten().unwrap().name, "b");
        assert!(enter("c").is_none(), "it is not its turn");
        drop(enter("b").unwrap());
        assert_eq!(woken.next().now_or_never().flatten().unwrap().name, "c");
        drop(enter("c").unwrap());
        assert!(woken.next().now_or_never().is_none());
        assert!(lock(&serial.0).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_back_holds_up_nobody() {
        let (serial, wakes) = (Serial::default(), Wakes::default());
        let enter = |name: &str| serial.enter(&wakes, "shop", ROLES, &role(name));
        let first = enter("a").unwrap();
        assert!(enter("b").is_none() && enter("c").is_none());
        drop(first);
        assert!(enter("c").is_none());
        tokio::time::advance(RESERVED).await;
        drop(enter("c").unwrap());
        drop(enter("d").unwrap());
        assert!(lock(&serial.0).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_gone_leaves_its_place_to_the_next() {
        let (serial, wakes) = (Serial::default(), Wakes::default());
        let kind = *kinds::all().iter().find(|kind| kind.name() == "AtlasCustomRole").unwrap();
        let mut woken = wakes.stream(kind).boxed();
        let enter = |name: &str| serial.enter(&wakes, "shop", ROLES, &role(name));
        let first = enter("a").unwrap();
        assert!(enter("b").is_none() && enter("c").is_none());
        drop(first);
        serial.forget(&wakes, &role("b"));
        let names = [woken.next().now_or_never(), woken.next().now_or_never()].map(|name| name.flatten().unwrap().name);
        assert_eq!(names, ["b", "c"]);
        assert!(enter("c").is_some());
        assert!(lock(&serial.0).is_empty());
    }
}
