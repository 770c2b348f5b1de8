//! One pass with an end: what takes too long or panics is an outcome of its object, like any other.
use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout};

use super::{
    Engine,
    object::Object,
    outcome::{Outcome, Reason},
    pass::{End, Pass},
    wake::{Subject, Watching, lock},
};
use crate::{kind::Kind, panics};

/// How long a pass may take. Each request of it has a limit of its own, so this is for many slow ones in a row.
pub const LONGEST_PASS: Duration = Duration::from_mins(3);
/// How long it may take to write down that a pass had no end.
const REPORT: Duration = Duration::from_secs(45);
/// How long a first reconcile may take before its object says that it is under way.
const SOON: Duration = Duration::from_millis(700);
/// What runs for longer than both and this is stuck where no deadline reaches it.
const SLACK: Duration = Duration::from_mins(1);

/// The passes that are under way.
#[derive(Debug, Default)]
pub struct Running {
    last: AtomicU64,
    since: Mutex<HashMap<u64, (Subject, Instant)>>,
}

struct Entry<'a>(&'a Running, u64);

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        lock(&self.0.since).remove(&self.1);
    }
}

impl Running {
    fn begin(&self, subject: Subject) -> Entry<'_> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        lock(&self.since).insert(number, (subject, Instant::now()));
        Entry(self, number)
    }

    /// A pass that should have ended long ago, in a sentence.
    pub fn stuck(&self) -> Option<String> {
        let since = lock(&self.since);
        let oldest = since.values().min_by_key(|(_, since)| *since)?;
        let (Subject { kind, namespace, name }, since) = oldest;
        let age = since.elapsed();
        (age > LONGEST_PASS + REPORT + SLACK)
            .then(|| format!("the reconcile of {kind} {namespace}/{name} has not ended for {} s", age.as_secs()))
    }
}

impl Engine {
    /// Does one pass over `object`, and says when the next is due, whatever becomes of it. Of an object that is gone by
    /// then nothing is kept.
    pub async fn attend(&self, kind: &'static dyn Kind, object: &Object) -> Option<Duration> {
        let subject = Subject::of(kind, object);
        let again = self.bounded(kind, object, &subject).await;
        let now = self.object(kind.name(), &subject.namespace, &subject.name);
        if now.as_ref().is_some_and(|now| now.own_uid() == object.own_uid()) {
            return again;
        }
        // One of the same name may be there by now: what is due for that one stays so.
        self.ledger.forget(object.own_uid());
        if now.is_none() {
            self.wakes.depend(&subject, []);
        }
        None
    }

    async fn bounded(&self, kind: &'static dyn Kind, object: &Object, subject: &Subject) -> Option<Duration> {
        let _running = self.running.begin(subject.clone());
        let pass = panics::caught(Box::pin(self.pass(kind, object)));
        let pass = unless_soon(pass, || async { drop(panics::caught(Box::pin(self.greet(kind, object))).await) });
        let failed = match timeout(LONGEST_PASS, pass).await {
            Ok(Ok(again)) => return again,
            Ok(Err(place)) => {
                self.metrics.panicked(kind.name());
                let (namespace, name) = (object.namespace_name(), object.own_name());
                tracing::error!(kind = kind.name(), namespace, name, %place, "a reconcile panicked");
                Outcome::Failed {
                    reason: Reason::InternalError,
                    message: format!(
                        "The operator panicked at {place}, which is a bug; it tries again ever less often."
                    ),
                }
            }
            Err(_) => Outcome::Failed {
                reason: Reason::DeadlineExceeded,
                message: format!("The reconcile was stopped because it took longer than {} s.", LONGEST_PASS.as_secs()),
            },
        };
        let report = panics::caught(Box::pin(self.report(kind, object, failed.clone())));
        match timeout(REPORT, report).await {
            Ok(Ok(again)) => again,
            _ => Some(failed.requeue(self.ledger.failures(object, true), self.options.resync)),
        }
    }

    /// Tells what became of a pass that cannot tell it any more. What wakes the object stays as it is.
    async fn report(&self, kind: &'static dyn Kind, object: &Object, failed: Outcome) -> Option<Duration> {
        let subject = Subject::of(kind, object);
        self.beside(kind, object, &subject).tell(End::Outcome(failed)).await
    }

    async fn greet(&self, kind: &'static dyn Kind, object: &Object) {
        let subject = Subject::of(kind, object);
        self.beside(kind, object, &subject).greet().await;
    }

    /// A pass that only writes, beside or after the one that does the work.
    fn beside<'a>(&'a self, kind: &'static dyn Kind, object: &'a Object, subject: &'a Subject) -> Pass<'a> {
        let before = self.ledger.status(object);
        let watching = Watching::again(&self.wakes, subject);
        let (status, differs) = (before.clone(), object.is_leaving());
        Pass { engine: self, kind, object, watching, status, before, differs, sends: false, appointment: None }
    }
}

/// Does `work`, and `meanwhile` once beside it when it does not end soon.
async fn unless_soon<T, M: Future<Output = ()>>(work: impl Future<Output = T>, meanwhile: impl FnOnce() -> M) -> T {
    tokio::pin!(work);
    if let Ok(done) = timeout(SOON, &mut work).await {
        return done;
    }
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = meanwhile() => {}
    }
    work.await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_object_whose_first_reconcile_takes_long_says_so_within_a_second_and_no_other_does() {
        for (takes, says) in [(100, 0), (650, 0), (900, 1), (60_000, 1)] {
            let (begun, said) = (Instant::now(), AtomicU64::new(0));
            let work = tokio::time::sleep(Duration::from_millis(takes));
            let meanwhile = || async {
                assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
                said.fetch_add(1, Ordering::Relaxed);
            };
            unless_soon(work, meanwhile).await;
            assert_eq!(said.into_inner(), says, "{takes} ms");
            assert_eq!(begun.elapsed().as_millis(), u128::from(takes), "nothing waits for it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_runs_for_longer_than_it_may_is_stuck_and_nothing_else() {
        let running = Running::default();
        let subject = |name: &str| Subject { kind: "AtlasProject", namespace: "ns".into(), name: name.into() };
        assert_eq!(running.stuck(), None, "nothing is to be done");
        let first = running.begin(subject("a"));
        tokio::time::advance(LONGEST_PASS + REPORT).await;
        let _second = running.begin(subject("b"));
        assert_eq!(running.stuck(), None);
        tokio::time::advance(SLACK + Duration::from_secs(1)).await;
        assert!(running.stuck().unwrap().contains("AtlasProject ns/a has not ended for 286 s"), "{running:?}");
        drop(first);
        assert_eq!(running.stuck(), None);
    }
}
