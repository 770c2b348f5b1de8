//! Keeping quiet where Atlas limits the rate.
//!
//! Atlas counts requests by endpoint set and scope: all operations on the clusters of one project share one bucket, the
//! settings of that project another. Which operation belongs to which set is not published with the operations, so this
//! goes by the path: what stands behind the project or organisation names the set. A refused call thus holds back its
//! own kind in its own project, and nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Call;

/// Obeying less than a second would be a spin: `Retry-After: 0` was seen where the bucket refills in between.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// When a 429 comes without a `Retry-After`: the first step of the wait that the documentation recommends.
const WAIT_WITHOUT_ADVICE: Duration = Duration::from_secs(10);

/// Buckets refill within a minute. A longer wait is obeyed, but none that a broken header could make endless.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

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
    until: Mutex<HashMap<Bucket, Instant>>,
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
    /// How long calls like this one have to wait still; `None` when they need not.
    pub(super) fn wait(&self, call: &Call) -> Option<Duration> {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = until.get(&Bucket::of(call))?.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some(wait)
    }

    /// Remembers that calls like this one have to wait.
    pub(super) fn hold(&self, call: &Call, wait: Duration) {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // What has passed goes here, so that the map never holds more than what is throttled at present.
        until.retain(|_, instant| *instant > now);
        let instant = until.entry(Bucket::of(call)).or_insert(now);
        *instant = (*instant).max(now + wait);
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
            (Some("86400"), 900),
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
        pace.hold(&free[2], Duration::from_secs(1));
        assert_eq!(pace.until.lock().unwrap().len(), 1, "what has passed is forgotten");
        assert_eq!(pace.wait(&free[3]), None, "one project does not hold back the list of all");
    }
}
