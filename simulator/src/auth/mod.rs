//! Who is calling: HTTP digest with an API key, or a bearer token of a service account.
//!
//! Authentication happens at the edge, before anything else is looked at. What fails there gets the same 401 with a
//! fresh challenge, whether the key is unknown, the secret wrong, the nonce used up or the token expired: recordings do
//! not tell these apart, so neither can a client.
pub mod digest;
pub mod directory;
pub mod oauth;

use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::http::answer::Answer;
use crate::settings::Settings;
use digest::Nonces;
use directory::Directory;
use oauth::{Ask, Endpoint, Tokens};

/// Whom a request was authenticated as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The public key or the client id.
    pub name: String,
    pub org_id: String,
}

/// The three bodies that a digest challenge was recorded with over the years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum ChallengeBody {
    /// No body and no content type.
    Empty,
    /// The error object without an `errorCode`.
    Plain,
    /// The error object with `errorCode: UNEXPECTED_ERROR`, on several lines; the present form.
    Coded,
    /// One after the other, beginning with the present form.
    Rotate,
}

/// Written out, because the order of their keys is not that of the application's errors.
const PLAIN: &str = r#"{"error":401,"reason":"Unauthorized","detail":"You are not authorized for this resource."}"#;
const CODED: &str = r#"{
  "error" : 401,
  "reason" : "Unauthorized",
  "detail" : "You are not authorized for this resource.",
  "errorCode" : "UNEXPECTED_ERROR"
}"#;

/// Everything that authentication remembers.
pub struct Gate {
    pub directory: Directory,
    pub tokens: Tokens,
    nonces: Nonces,
    /// How many challenges were sent: decides which body the next one has, and whether its header is sent twice.
    challenges: u32,
}

impl Gate {
    pub fn new(seed: u64, directory: Directory) -> Self {
        Self { directory, tokens: Tokens::new(seed), nonces: Nonces::new(seed), challenges: 0 }
    }

    /// The principal of a request, or none when it has to be challenged. Counts as a use of the nonce.
    ///
    /// `method` and `target` are what the digest must have been made for: the request line as it was sent. `now` is the
    /// time on the clients' clock, here and in [`Gate::challenge`]: what a client holds lives as long as it was told.
    pub fn authenticate(
        &mut self,
        authorization: Option<&str>,
        method: &str,
        target: &str,
        now: Timestamp,
        settings: &Settings,
    ) -> Option<Principal> {
        let (scheme, rest) = authorization?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("digest") {
            let signed = digest::Signed::parse(rest)?;
            let key = self.directory.api_key(&signed.username)?;
            let principal = Principal { name: key.public.clone(), org_id: key.org_id.clone() };
            let right = signed.matches(&key.private, method, target);
            // A nonce is used up by whoever presents it, so that guessing at a secret costs challenges.
            (self.nonces.spend(&signed.nonce, now, settings.nonce_uses) && right).then_some(principal)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            self.tokens.principal(rest.trim(), now)
        } else {
            None
        }
    }

    /// Replaces the key and service account of an organization, by id or name; what was issued to them ends with them.
    /// False when there is no such organization.
    pub fn rotate(&mut self, org: &str) -> bool {
        let Some(org_id) = self.directory.rotate(org) else { return false };
        self.tokens.revoke_organization(&org_id);
        true
    }

    /// Answers a request to one of the endpoints of service accounts, and says as whom it was authenticated.
    pub fn answer(&mut self, endpoint: Endpoint, ask: &Ask) -> (Answer, Option<Principal>) {
        self.tokens.answer(endpoint, ask, &self.directory)
    }

    /// The 401 of the edge, with a fresh nonce.
    pub fn challenge(&mut self, now: Timestamp, settings: &Settings) -> Answer {
        let nonce = self.nonces.issue(now, settings.nonce_seconds);
        let body = match settings.challenge_body {
            ChallengeBody::Rotate => match self.challenges % 3 {
                0 => ChallengeBody::Coded,
                1 => ChallengeBody::Plain,
                _ => ChallengeBody::Empty,
            },
            fixed => fixed,
        };
        self.challenges = self.challenges.wrapping_add(1);
        let answer = match body {
            ChallengeBody::Empty => Answer::empty(401),
            ChallengeBody::Plain => Answer::with_body(401, "application/json", PLAIN),
            ChallengeBody::Coded | ChallengeBody::Rotate => Answer::with_body(401, "application/json", CODED),
        };
        let header = digest::challenge(&nonce);
        let twice =
            settings.double_challenge_every > 0 && self.challenges.is_multiple_of(settings.double_challenge_every);
        let answer = if twice { answer.header("www-authenticate", header.clone()) } else { answer };
        answer.header("www-authenticate", header)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn gate() -> Gate {
        Gate::new(1, Directory::new(1, &["One".to_owned()]).unwrap())
    }

    #[test]
    fn the_three_recorded_bodies_take_turns() {
        let (mut gate, settings) = (gate(), Settings::default());
        let bodies: Vec<_> =
            (0..4).map(|_| gate.challenge(Timestamp::UNIX_EPOCH, &settings).body).map(|body| body.len()).collect();
        assert_eq!(bodies, [CODED.len(), PLAIN.len(), 0, CODED.len()]);
    }

    #[test]
    fn a_fixed_body_stays() {
        let mut gate = gate();
        let settings = Settings { challenge_body: ChallengeBody::Plain, ..Settings::default() };
        for _ in 0..3 {
            assert_eq!(gate.challenge(Timestamp::UNIX_EPOCH, &settings).body, PLAIN.as_bytes());
        }
    }

    #[test]
    fn the_header_is_doubled_as_often_as_asked() {
        let mut gate = gate();
        let settings = Settings { double_challenge_every: 3, ..Settings::default() };
        let headers: Vec<_> = (0..6)
            .map(|_| gate.challenge(Timestamp::UNIX_EPOCH, &settings))
            .map(|answer| answer.headers.iter().filter(|(name, _)| *name == "www-authenticate").count())
            .collect();
        assert_eq!(headers, [1, 1, 2, 1, 1, 2]);
    }

    #[test]
    fn other_schemes_are_challenged() {
        let settings = Settings::default();
        for authorization in [None, Some("Basic YTpi"), Some("Digest"), Some("Bearer nonsense"), Some("")] {
            assert_eq!(gate().authenticate(authorization, "GET", "/", Timestamp::UNIX_EPOCH, &settings), None);
        }
    }
}
