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
    /// How many simulated seconds a nonce lives that is handed out from now on.
    pub nonce_seconds: u32,
    /// How many simulated seconds an access token lives that is issued from now on.
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
}

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

/// The body of `PATCH /_sim/settings`: any of the settings, and three things to do.
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
    fn a_deleted_project_gets_one_of_the_two_answers_and_keeps_it() {
        let of = |id: &str| DeletedProjects::Mixed.unauthorized(id);
        assert!(of("6a793f6cc0eb9e7a17715910") && !of("6a793f6cc0eb9e7a17715911"));
        assert!(of("6a793f6cc0eb9e7a1771591c") && !of("6a793f6cc0eb9e7a1771591f"));
    }
}
