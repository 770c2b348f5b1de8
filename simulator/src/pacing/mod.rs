//! Rate limits: one token bucket for each pair of endpoint set and scope, refilled evenly on the simulated clock.
//!
//! Atlas counts together whoever shares the scope (an organization, a project, a user, an address), so `Remaining` is
//! not one client's own number. Capacities were observed in `RateLimit-Limit`; the refill is known for few sets.
use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::api::{ApiError, EndpointSet, Scope};
use crate::settings::BucketSize;

/// The span that refill rates are stated for.
const REFILL_SECONDS: u32 = 60;

/// One token, in the unit that buckets are counted in. A bucket with a refill of one token in 60 seconds gains one unit
/// in a nanosecond, so refills add up exactly however often they are counted.
const TOKEN: u128 = REFILL_SECONDS as u128 * NANOSECONDS;
const NANOSECONDS: u128 = 1_000_000_000;

/// What a call may be counted under.
pub struct Caller<'a> {
    pub org_id: &'a str,
    /// The project that the call is about, if any.
    pub group_id: Option<&'a str>,
    /// The public key or client id.
    pub user: &'a str,
    pub address: &'a str,
}

/// What the two headers say after a call was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: u32,
    pub remaining: u32,
}

/// A call that was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub size: BucketSize,
    /// Whole seconds until the next token, rounded down: 0 when it comes within the second.
    pub retry_after: u32,
}

#[derive(Default)]
pub struct Buckets {
    buckets: HashMap<(&'static str, String), Bucket>,
}

struct Bucket {
    /// In units of [`TOKEN`].
    level: u128,
    counted_at: Timestamp,
}

impl Buckets {
    /// Takes one token for a call.
    ///
    /// # Errors
    /// The bucket is empty; nothing was taken.
    pub fn take(
        &mut self,
        set: EndpointSet,
        size: BucketSize,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Quota, Exceeded> {
        let scope = match set.scope {
            Scope::Organization => caller.org_id,
            // A set that is counted by project also has calls that name none, such as a list over all projects.
            Scope::Project => caller.group_id.unwrap_or(caller.org_id),
            Scope::User => caller.user,
            Scope::Ip => caller.address,
        };
        let full = u128::from(size.capacity) * TOKEN;
        let bucket =
            self.buckets.entry((set.name, scope.to_owned())).or_insert(Bucket { level: full, counted_at: now });
        let passed = u128::try_from(now.duration_since(bucket.counted_at).as_nanos()).unwrap_or(0);
        bucket.level = (bucket.level + passed * u128::from(size.refill)).min(full);
        bucket.counted_at = now;
        let Some(left) = bucket.level.checked_sub(TOKEN) else {
            let wait = (TOKEN - bucket.level).checked_div(u128::from(size.refill)).unwrap_or(u128::MAX);
            return Err(Exceeded { size, retry_after: number(wait / NANOSECONDS) });
        };
        bucket.level = left;
        Ok(Quota { limit: size.capacity, remaining: number(left / TOKEN) })
    }

    /// Fills every bucket of a set, so that a new size takes effect from full.
    pub fn forget(&mut self, set: &str) {
        self.buckets.retain(|(name, _), _| *name != set);
    }
}

/// A count as headers have it. What is too large, such as the wait for a bucket that is never refilled, is the largest
/// number.
fn number(count: u128) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The 429 of the token bucket, letter for letter as recorded. `path` is decoded; the text has it without its first
/// slash.
pub fn too_many_requests(path: &str, size: BucketSize, retry_after: u32) -> ApiError {
    let path = path.trim_start_matches('/');
    let BucketSize { capacity, refill } = size;
    let detail = format!(
        "Rate limit exceeded for {path}. Please retry after {retry_after} seconds. Request capacity: {capacity}. \
         Refill rate: {refill} per {REFILL_SECONDS} seconds. For more information, see: \
         http://dochub.mongodb.org/core/atlas-api-rate-limit."
    );
    let numbers = [retry_after, capacity, refill, REFILL_SECONDS].map(Value::from);
    ApiError::new(429, "RATE_LIMITED_TOKEN_BUCKET", detail).with([Value::from(path)].into_iter().chain(numbers))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::clock::later;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const SMALL: BucketSize = BucketSize { capacity: 2, refill: 5 };

    fn set(scope: Scope) -> EndpointSet {
        EndpointSet { name: "set", scope, capacity: 2, refill: 5 }
    }

    fn caller<'a>(org_id: &'a str, group_id: Option<&'a str>) -> Caller<'a> {
        Caller { org_id, group_id, user: "key", address: "127.0.0.1" }
    }

    fn after(milliseconds: u64) -> Timestamp {
        later(NOW, Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_bucket_empties_and_refills_evenly() {
        let mut buckets = Buckets::default();
        let mut take = |at| buckets.take(set(Scope::Organization), SMALL, &caller("org", None), at);
        assert_eq!(take(NOW), Ok(Quota { limit: 2, remaining: 1 }));
        assert_eq!(take(NOW), Ok(Quota { limit: 2, remaining: 0 }));
        assert_eq!(take(NOW), Err(Exceeded { size: SMALL, retry_after: 12 }));
        assert_eq!(take(after(11_500)), Err(Exceeded { size: SMALL, retry_after: 0 }), "under a second rounds to none");
        assert_eq!(take(after(12_000)), Ok(Quota { limit: 2, remaining: 0 }));
        assert_eq!(take(after(600_000)), Ok(Quota { limit: 2, remaining: 1 }), "never more than its capacity");
    }

    #[test]
    fn scopes_are_counted_apart() {
        let mut buckets = Buckets::default();
        let size = BucketSize { capacity: 1, refill: 1 };
        let mut take = |scope, caller: &Caller| buckets.take(set(scope), size, caller, NOW).is_ok();
        assert!(take(Scope::Project, &caller("org", Some("one"))));
        assert!(!take(Scope::Project, &caller("org", Some("one"))));
        assert!(take(Scope::Project, &caller("org", Some("two"))));
        assert!(take(Scope::Project, &caller("org", None)));
        assert!(take(Scope::User, &caller("org", Some("one"))));
        assert!(!take(Scope::User, &caller("other", Some("two"))));
    }

    #[test]
    fn a_bucket_without_refill_says_never() {
        let mut buckets = Buckets::default();
        let size = BucketSize { capacity: 0, refill: 0 };
        let refused = buckets.take(set(Scope::User), size, &caller("org", None), NOW);
        assert_eq!(refused, Err(Exceeded { size, retry_after: u32::MAX }));
    }

    #[test]
    fn a_new_size_starts_full() {
        let mut buckets = Buckets::default();
        let one = BucketSize { capacity: 1, refill: 0 };
        assert!(buckets.take(set(Scope::User), one, &caller("org", None), NOW).is_ok());
        assert!(buckets.take(set(Scope::User), one, &caller("org", None), NOW).is_err());
        buckets.forget("set");
        assert!(buckets.take(set(Scope::User), one, &caller("org", None), NOW).is_ok());
    }

    #[test]
    fn the_body_has_the_recorded_words_and_numbers() {
        let error = too_many_requests("/api/atlas/v2/orgs", BucketSize { capacity: 10, refill: 5 }, 55);
        assert_eq!(error.parameters, [json!("api/atlas/v2/orgs"), json!(55), json!(10), json!(5), json!(60)]);
        assert!(error.detail.starts_with("Rate limit exceeded for api/atlas/v2/orgs. Please retry after 55 seconds."));
        assert!(error.detail.contains("Request capacity: 10. Refill rate: 5 per 60 seconds."));
    }
}
