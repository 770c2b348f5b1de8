//! Keeping quiet where Atlas limits the rate.
//!
//! Atlas counts requests by endpoint set and scope: all operations on the clusters of one project share one bucket, the
//! settings of that project another. Which operation belongs to which set is not published with the operations, so this
//! goes by the path: what stands behind the project or organisation names the set. A refused call thus holds back its
//! own kind in its own project, and nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Call;

/// Obeying less than a second would be a spin: `Retry-After: 0` was seen where the bucket refills in between.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// When a 429 comes without a `Retry-After`: the first step of the wait that the documentation recommends.
const WAIT_WITHOUT_ADVICE: Duration = Duration::from_secs(10);

/// Buckets refill within a minute. Whoever asks for longer is asked again after twice that, by one call.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// How long one call may take that shows whether the others may follow: longer than a request can take.
const LONGEST_PROBE: Duration = Duration::from_mins(1);

/// How long is remembered that calls were held back for which none has come since.
const LONGEST_MEMORY: Duration = Duration::from_mins(10);

/// How long to wait after an answer of 429, from its `Retry-After` header in seconds.
///
/// The other form of the header, a date, is not used by Atlas and counts as absent.
pub(super) fn wait_after(retry_after: Option<&str>) -> Duration {
    retry_after
        .and_then(|seconds| seconds.trim().parse().ok())
        .map_or(WAIT_WITHOUT_ADVICE, Duration::from_secs)
        .clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

/// What is throttled, and until when.
#[derive(Default)]
pub(super) struct Pace {
    held: Mutex<HashMap<Bucket, Held>>,
}

/// Calls that are held back: all of them for a time, and then all but one until that one is answered.
struct Held {
    until: Instant,
    /// When the one was let through.
    probe: Option<Instant>,
}

/// An endpoint set and its scope, as far as a path tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Bucket {
    /// `groups/clusters` for all below `/groups/{groupId}/clusters`, `groups` for `/groups` and `/groups/{groupId}`.
    set: String,
    /// The id in the path; empty where there is none and the scope is that of the credential.
    scope: String,
}

impl Bucket {
    fn of(call: &Call) -> Self {
        let mut template = call.template.split('/').skip(1);
        let collection = template.next().unwrap_or_default();
        if !template.next().is_some_and(|segment| segment.starts_with('{')) {
            return Self { set: collection.to_owned(), scope: String::new() };
        }
        let set = template.next().map_or_else(|| collection.to_owned(), |child| format!("{collection}/{child}"));
        Self { set, scope: call.path.split('/').nth(2).unwrap_or_default().to_owned() }
    }
}

impl Pace {
    /// How long calls like this one have to wait still; `None` when this one may be sent.
    pub(super) fn wait(&self, call: &Call) -> Option<Duration> {
        let (mut held, now) = (self.lock(), Instant::now());
        let held = held.get_mut(&Bucket::of(call))?;
        let left = held.until.saturating_duration_since(now);
        if !left.is_zero() {
            return Some(left);
        }
        if held.probe.is_some_and(|since| now.duration_since(since) < LONGEST_PROBE) {
            return Some(SHORTEST_WAIT);
        }
        held.probe = Some(now);
        None
    }

    /// Remembers that calls like this one have to wait.
    pub(super) fn hold(&self, call: &Call, wait: Duration) {
        let now = Instant::now();
        let mut all = self.lock();
        // What has passed goes here, so that the map never holds more than what was throttled lately.
        all.retain(|_, held| held.until + LONGEST_MEMORY > now);
        if wait.is_zero() {
            return;
        }
        let held = all.entry(Bucket::of(call)).or_insert(Held { until: now, probe: None });
        held.until = held.until.max(now + wait);
        held.probe = None;
    }

    /// A call was answered, and not by a limit: those that were held back with it may follow. One that was sent before
    /// they were held says nothing.
    pub(super) fn answered(&self, call: &Call) {
        let mut all = self.lock();
        let bucket = Bucket::of(call);
        if all.get(&bucket).is_some_and(|held| held.until <= Instant::now()) {
            all.remove(&bucket);
        }
    }

    /// A call was not answered: another is to show whether the limit has gone.
    pub(super) fn unanswered(&self, call: &Call) {
        if let Some(held) = self.lock().get_mut(&Bucket::of(call)) {
            held.probe = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Bucket, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use reqwest::Method;

    use super::*;

    fn call(template: &'static str, path: &str) -> Call {
        Call {
            method: Method::GET,
            path: path.to_owned(),
            query: Vec::new(),
            template,
            version: "2023-01-01",
            body: None,
        }
    }

    #[test]
    fn the_wait_is_never_zero_and_never_endless() {
        for (header, seconds) in [
            (Some("0"), 1),
            (Some("1"), 1),
            (Some(" 7 "), 7),
            (Some("60"), 60),
            (Some("120"), 120),
            (Some("86400"), 120),
            (Some("99999999999999999999"), 10),
            (Some("-1"), 10),
            (Some("Fri, 07 Aug 2026 10:00:00 GMT"), 10),
            (Some(""), 10),
            (None, 10),
        ] {
            assert_eq!(wait_after(header), Duration::from_secs(seconds), "{header:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_call_holds_back_its_own_set_and_scope_only() {
        let pace = Pace::default();
        let clusters = call("/groups/{groupId}/clusters", "/groups/a/clusters");
        let cluster = call("/groups/{groupId}/clusters/{clusterName}", "/groups/a/clusters/x");
        let free = [
            call("/groups/{groupId}/clusters", "/groups/b/clusters"),
            call("/groups/{groupId}/databaseUsers", "/groups/a/databaseUsers"),
            call("/groups/{groupId}", "/groups/a"),
            call("/groups", "/groups"),
            call("/orgs/{orgId}/teams", "/orgs/a/teams"),
        ];
        assert_eq!(pace.wait(&cluster), None);
        pace.hold(&clusters, Duration::from_secs(5));
        assert_eq!(pace.wait(&cluster), Some(Duration::from_secs(5)));
        for call in &free {
            assert_eq!(pace.wait(call), None, "{call}");
        }
        pace.hold(&cluster, Duration::from_secs(2));
        assert_eq!(pace.wait(&clusters), Some(Duration::from_secs(5)), "a shorter wait does not end a longer one");

        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(pace.wait(&cluster), None);
        tokio::time::advance(LONGEST_MEMORY).await;
        pace.hold(&free[2], Duration::from_secs(1));
        assert_eq!(pace.lock().len(), 1, "what has passed is forgotten");
        assert_eq!(pace.wait(&free[3]), None, "one project does not hold back the list of all");
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_wait_one_call_is_sent_and_the_others_follow_its_answer() {
        let pace = Pace::default();
        let clusters = call("/groups/{groupId}/clusters", "/groups/a/clusters");
        let waits = || pace.wait(&clusters);
        pace.hold(&clusters, Duration::from_secs(5));
        pace.answered(&clusters);
        assert_eq!(waits(), Some(Duration::from_secs(5)), "an answer to what was sent before lifts nothing");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!((waits(), waits(), waits()), (None, Some(SHORTEST_WAIT), Some(SHORTEST_WAIT)), "one");
        pace.hold(&clusters, Duration::from_secs(7));
        assert_eq!(waits(), Some(Duration::from_secs(7)), "the one was refused too");
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!((waits(), waits()), (None, Some(SHORTEST_WAIT)));
        pace.unanswered(&clusters);
        assert_eq!((waits(), waits()), (None, Some(SHORTEST_WAIT)), "another in place of the one that was lost");
        tokio::time::advance(LONGEST_PROBE).await;
        assert_eq!((waits(), waits()), (None, Some(SHORTEST_WAIT)), "and of one that nobody heard of again");
        pace.answered(&clusters);
        assert_eq!((waits(), waits()), (None, None), "all");
        pace.hold(&clusters, Duration::ZERO);
        assert_eq!((waits(), waits()), (None, None), "nobody waits for no time");
    }
}
