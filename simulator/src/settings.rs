//! What `PATCH /_sim/settings` can change while the simulator runs.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::auth::ChallengeBody;
use crate::options::{Options, Switch};

/// The settings as they are. `GET /_sim/settings` shows them under these names.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How many requests one digest nonce is good for; 0 sets no limit. Applies to nonces already out, too.
    pub nonce_uses: u32,
    /// How many seconds of the clients' clock a nonce lives that is handed out from now on.
    pub nonce_seconds: u32,
    /// How many seconds of the clients' clock an access token lives that is issued from now on.
    pub token_seconds: u32,
    /// Whether calls are counted against the rate limits; when not, no RateLimit header is sent either.
    pub rate_limits: bool,
    /// By the name of an endpoint set, what holds in place of its observed capacity and refill.
    pub buckets: BTreeMap<String, BucketSize>,
    /// Whether the caller's address is on the API access list; when not, authenticated calls get a 403.
    pub api_access: bool,
    pub challenge_body: ChallengeBody,
    /// Every how many challenges the header is sent twice; 0 never.
    pub double_challenge_every: u32,
    /// What a call about a deleted project gets.
    pub deleted_projects: DeletedProjects,
    /// The share of calls below a project that is not two seconds old that get a 404 `RESOURCE_NOT_FOUND`, from 0 to 1.
    /// The real API does so now and then in the second of the creation. By default one in a thousand, and none when the
    /// simulator was started with a clock that stands still.
    pub new_project_lag: f64,
    /// How many real milliseconds a write to an access list or to custom roles takes. Two such writes of one project that
    /// overlap harm each other as in the real API: one to an access list undoes what happened to the list meanwhile, one
    /// to custom roles ends in a 500. At 0 they happen one after the other.
    pub serial_write_milliseconds: u64,
    /// How many simulated seconds each creation of a cluster takes from now on, without detours; by chance as measured
    /// when null.
    pub creation_seconds: Option<u32>,
}

/// What the lag of new projects is when nothing is said. Not measured: some nightly runs of other clients, which make
/// thousands of projects, have it.
const NEW_PROJECT_LAG: f64 = 0.001;

/// The size of a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSize {
    pub capacity: u32,
    /// Tokens that come back in 60 seconds.
    pub refill: u32,
}

/// Both answers were observed for a project that was deleted a moment ago, and no rule behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeletedProjects {
    /// One or the other, and for one project always the same: `Unauthorized` where the last digit of its id is even.
    Mixed,
    /// 401 `USER_CANNOT_ACCESS_GROUP`.
    Unauthorized,
    /// 404 `GROUP_NOT_FOUND`.
    NotFound,
}

impl DeletedProjects {
    /// Whether this project's calls get the 401.
    pub fn unauthorized(self, group_id: &str) -> bool {
        match self {
            Self::Unauthorized => true,
            Self::NotFound => false,
            Self::Mixed => {
                let last = group_id.chars().next_back().and_then(|digit| digit.to_digit(16));
                last.is_some_and(|digit| digit.is_multiple_of(2))
            }
        }
    }
}

impl Settings {
    pub fn new(options: &Options) -> Self {
        Self {
            nonce_uses: options.nonce_uses,
            nonce_seconds: options.nonce_seconds,
            token_seconds: options.token_seconds,
            rate_limits: options.rate_limits == Switch::On,
            buckets: BTreeMap::new(),
            api_access: true,
            challenge_body: options.challenge_body,
            double_challenge_every: options.double_challenge_every,
            deleted_projects: DeletedProjects::Mixed,
            new_project_lag: if options.speed > 0.0 { NEW_PROJECT_LAG } else { 0.0 },
            serial_write_milliseconds: 0,
            creation_seconds: None,
        }
    }

    /// Takes over what the patch names.
    pub fn apply(&mut self, patch: Patch) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut self.nonce_uses, patch.nonce_uses);
        set(&mut self.nonce_seconds, patch.nonce_seconds);
        set(&mut self.token_seconds, patch.token_seconds);
        set(&mut self.rate_limits, patch.rate_limits);
        set(&mut self.api_access, patch.api_access);
        set(&mut self.challenge_body, patch.challenge_body);
        set(&mut self.double_challenge_every, patch.double_challenge_every);
        set(&mut self.deleted_projects, patch.deleted_projects);
        set(&mut self.new_project_lag, patch.new_project_lag);
        set(&mut self.serial_write_milliseconds, patch.serial_write_milliseconds);
        self.creation_seconds = patch.creation_seconds.or(self.creation_seconds);
        for (name, size) in patch.buckets {
            match size {
                Some(size) => self.buckets.insert(name, size),
                None => self.buckets.remove(&name),
            };
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new(&Options::default())
    }
}

/// A share as a setting may give it.
///
/// # Errors
/// Says what is wrong with a number that is no share.
pub fn check_share(share: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share is a number from 0 to 1".to_owned()) }
}

/// The body of `PATCH /_sim/settings`: any of the settings, and four things to do.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Patch {
    nonce_uses: Option<u32>,
    nonce_seconds: Option<u32>,
    token_seconds: Option<u32>,
    rate_limits: Option<bool>,
    /// A size of null brings back the observed one.
    pub buckets: BTreeMap<String, Option<BucketSize>>,
    api_access: Option<bool>,
    challenge_body: Option<ChallengeBody>,
    double_challenge_every: Option<u32>,
    deleted_projects: Option<DeletedProjects>,
    pub new_project_lag: Option<f64>,
    serial_write_milliseconds: Option<u64>,
    /// Whether projects are peered with a network of the customer's, which security groups on access lists need; when
    /// that ends, those entries vanish. `GET /_sim/state` shows it.
    pub peered: Option<bool>,
    creation_seconds: Option<u32>,
    /// How fast the clock runs from now on.
    pub speed: Option<f64>,
    /// Ends every access token at once.
    pub revoke_tokens: bool,
    /// An organization, by id or name, whose key and service account are replaced; the old ones are refused.
    pub rotate_keys: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let mut settings = Settings::default();
        let patch =
            json!({"nonceUses": 5, "buckets": {"groups": {"capacity": 2, "refill": 1}}, "challengeBody": "empty"});
        settings.apply(serde_json::from_value(patch).unwrap());
        assert_eq!((settings.nonce_uses, settings.nonce_seconds), (5, 300));
        assert_eq!(settings.buckets["groups"], BucketSize { capacity: 2, refill: 1 });
        assert_eq!(settings.challenge_body, ChallengeBody::Empty);
        settings.apply(serde_json::from_value(json!({"buckets": {"groups": null}})).unwrap());
        assert!(settings.buckets.is_empty());
        assert_eq!(settings.nonce_uses, 5);
    }

    #[test]
    fn a_misspelt_setting_is_an_error() {
        assert!(serde_json::from_value::<Patch>(json!({"nonceuses": 5})).is_err());
    }

    #[test]
    fn a_new_project_lags_only_where_the_clock_runs() {
        let lag = |speed: f64| Settings::new(&Options { speed, ..Options::default() }).new_project_lag;
        assert!(lag(0.0) <= 0.0 && lag(60.0) > 0.0);
        assert!(check_share(1.0).is_ok() && check_share(1.1).is_err() && check_share(f64::NAN).is_err());
    }

    #[test]
    fn a_deleted_project_gets_one_of_the_two_answers_and_keeps_it() {
        let of = |id: &str| DeletedProjects::Mixed.unauthorized(id);
        assert!(of("6a793f6cc0eb9e7a17715910") && !of("6a793f6cc0eb9e7a17715911"));
        assert!(of("6a793f6cc0eb9e7a1771591c") && !of("6a793f6cc0eb9e7a1771591f"));
    }
}
