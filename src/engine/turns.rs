//! Turns: how many objects of a kind are worked on at once, and who is next.
//!
//! `kube`'s controller keeps what is due in hash sets, and takes from them in no order. So it hands over whatever is due
//! at once, and the order is made here: by the time at which each became due. Objects that changed and objects that are
//! due by their own timer (retries, polls, resyncs) wait in a line each. While both wait, of four turns three go to the
//! first line and one to the second: a change is not held up by a thousand retries, and these still come to an end.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use tokio::{sync::oneshot, time::Instant};

use super::wake::{Subject, lock};

/// Of so many turns one goes to what is due by its timer, while something that changed waits as well.
const ROUND: u32 = 4;

/// What made an object due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It changed, or something that it depends on; or a pass has more to do.
    Change,
    /// Time is up.
    Timer,
}

/// When something became due, and the number of its arrival, which tells apart what came at one moment.
type Place = (Instant, u64);

#[derive(Default)]
struct State {
    free: usize,
    arrivals: u64,
    given: u32,
    lines: [BTreeMap<Place, (Subject, oneshot::Sender<Turn>)>; 2],
    places: HashMap<Subject, (Cause, Place)>,
}

/// The turns of one kind.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<State>>);

/// A turn, until it is dropped.
pub struct Turn(Option<Turns>);

/// A place in line, until it is dropped.
struct Waiting<'a>(&'a Turns, &'a Subject);

impl Turns {
    /// So many at once.
    pub fn new(number: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: number, ..State::default() })))
    }

    /// Waits for the turn of `subject`, which became due at `since`.
    pub async fn take(&self, subject: &Subject, cause: Cause, since: Instant) -> Option<Turn> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = lock(&self.0);
            state.arrivals += 1;
            let place = (since, state.arrivals);
            state.lines[cause as usize].insert(place, (subject.clone(), sender));
            state.places.insert(subject.clone(), (cause, place));
        }
        let _waiting = Waiting(self, subject);
        self.give();
        receiver.await.ok()
    }

    /// What waits because of its timer changes now: it is moved to the other line.
    pub fn hurry(&self, subject: &Subject, now: Instant) {
        let mut state = lock(&self.0);
        let Some((Cause::Timer, place)) = state.places.get(subject).copied() else { return };
        let Some(entry) = state.lines[Cause::Timer as usize].remove(&place) else { return };
        let place = (now, place.1);
        state.lines[Cause::Change as usize].insert(place, entry);
        state.places.insert(subject.clone(), (Cause::Change, place));
    }

    /// Gives free turns to those who are next.
    fn give(&self) {
        loop {
            let sender = {
                let mut state = lock(&self.0);
                if state.free == 0 {
                    return;
                }
                let [changes, timers] = &state.lines;
                let timers_turn = changes.is_empty() || state.given % ROUND == ROUND - 1;
                let cause = if timers_turn && !timers.is_empty() { Cause::Timer } else { Cause::Change };
                let Some((_, (subject, sender))) = state.lines[cause as usize].pop_first() else { return };
                state.places.remove(&subject);
                state.given = state.given.wrapping_add(1);
                state.free -= 1;
                sender
            };
            // One who waits no more gives it back by dropping it.
            drop(sender.send(Turn(Some(self.clone()))));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            lock(&turns.0).free += 1;
            turns.give();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.0);
        if let Some((cause, place)) = state.places.remove(self.1) {
            state.lines[cause as usize].remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    // A task of a test ends with the test's runtime.
    #![allow(clippy::disallowed_methods)]
    use std::time::Duration;

    use super::*;

    fn subject(namespace: &str, name: &str) -> Subject {
        Subject { kind: "AtlasProject", namespace: namespace.into(), name: name.into() }
    }

    /// Lets each of these wait behind one who has the only turn, and answers in which order they had theirs.
    async fn order(waiting: &[(&str, Cause, u64)], hurried: Option<&str>) -> Vec<String> {
        let (turns, start) = (Turns::new(1), Instant::now());
        let first = turns.take(&subject("ns", "first"), Cause::Change, start).await.unwrap();
        let had = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, cause, due) in waiting {
            let (turns, had, subject) = (turns.clone(), Arc::clone(&had), subject("ns", name));
            let (cause, due) = (*cause, start + Duration::from_secs(*due));
            tasks.push(tokio::spawn(async move {
                let _turn = turns.take(&subject, cause, due).await.unwrap();
                lock(&had).push(subject.name);
                tokio::task::yield_now().await;
            }));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(name) = hurried {
            turns.hurry(&subject("ns", name), start + Duration::from_secs(1));
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(lock(&turns.0).free, 1);
        lock(&had).clone()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_the_order_in_which_objects_became_due() {
        let waiting =
            [("c", Cause::Change, 3), ("a", Cause::Change, 1), ("d", Cause::Change, 3), ("b", Cause::Change, 2)];
        assert_eq!(order(&waiting, None).await, ["a", "b", "c", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_go_first_and_timers_are_not_starved() {
        let mut waiting: Vec<_> = ["r1", "r2", "r3"].map(|name| (name, Cause::Timer, 0)).into();
        waiting.extend(["c1", "c2", "c3", "c4", "c5"].map(|name| (name, Cause::Change, 9)));
        // The turn that `first` had counts as the first of four.
        assert_eq!(order(&waiting, None).await, ["c1", "c2", "r1", "c3", "c4", "c5", "r2", "r3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_while_it_waits_for_its_timer_is_not_behind_the_others() {
        let waiting = ["r1", "r2", "r3", "r4"].map(|name| (name, Cause::Timer, 0));
        assert_eq!(order(&waiting, Some("r4")).await, ["r4", "r1", "r2", "r3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_takes_no_turn_with_it() {
        let (turns, now) = (Turns::new(1), Instant::now());
        let first = turns.take(&subject("ns", "a"), Cause::Change, now).await.unwrap();
        let second = turns.clone();
        let gone = tokio::spawn(async move { second.take(&subject("ns", "b"), Cause::Change, now).await.is_some() });
        tokio::time::sleep(Duration::from_secs(1)).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        drop(first);
        drop(turns.take(&subject("ns", "c"), Cause::Timer, now).await.unwrap());
        let state = lock(&turns.0);
        assert!(state.free == 1 && state.places.is_empty() && state.lines.iter().all(BTreeMap::is_empty));
    }
}
