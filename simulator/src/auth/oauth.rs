//! Service accounts: `POST /api/oauth/token` and `POST /api/oauth/revoke` (RFC 6749 client credentials, RFC 7009).
//!
//! The shape of a token and of the answers is documented; error bodies of these two endpoints were never recorded and
//! follow the RFCs. The API access list is not asked here: it applies to using a token, not to issuing one.
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;

use super::Principal;
use super::directory::{Directory, derive, hex};
use crate::clock::later;
use crate::http::answer::Answer;
use crate::http::query;

/// Tokens that are remembered at once: a bound for a clock that stands still while tokens are fetched.
const REMEMBERED: usize = 100_000;

/// The two endpoints of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Token,
    Revoke,
}

impl Endpoint {
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "/api/oauth/token" => Some(Self::Token),
            "/api/oauth/revoke" => Some(Self::Revoke),
            _ => None,
        }
    }
}

/// The access tokens that were issued, by token.
pub struct Tokens {
    seed: u64,
    issued: u64,
    live: BTreeMap<String, Token>,
}

struct Token {
    principal: Principal,
    expires: Timestamp,
    /// Its place in the order of issue; the lowest is the first to be forgotten.
    number: u64,
}

/// A request to one of the endpoints.
pub struct Ask<'a> {
    pub authorization: Option<&'a str>,
    pub content_type: Option<&'a str>,
    pub body: &'a [u8],
    /// On the clients' clock.
    pub now: Timestamp,
    /// How long a token that is issued now will live, in seconds of the clients' clock.
    pub token_seconds: u32,
}

impl Tokens {
    pub fn new(seed: u64) -> Self {
        Self { seed, issued: 0, live: BTreeMap::new() }
    }

    /// Whose token this is, while it is good.
    pub fn principal(&self, token: &str, now: Timestamp) -> Option<Principal> {
        self.live.get(token).filter(|token| now < token.expires).map(|token| token.principal.clone())
    }

    /// Ends every token.
    pub fn revoke_all(&mut self) {
        self.live.clear();
    }

    /// Ends the tokens of an organization's service accounts.
    pub fn revoke_organization(&mut self, org_id: &str) {
        self.live.retain(|_, token| token.principal.org_id != org_id);
    }

    /// Answers a request, and says as whom it was authenticated.
    pub fn answer(&mut self, endpoint: Endpoint, ask: &Ask, directory: &Directory) -> (Answer, Option<Principal>) {
        let Some(principal) = ask.authorization.and_then(|header| client(header, directory)) else {
            let refusal = error(401, "invalid_client", "Client authentication failed.");
            return (refusal.header("www-authenticate", "Basic realm=\"Atlas\""), None);
        };
        let form = query::parse(&String::from_utf8_lossy(ask.body));
        let is_form = ask.content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let answer = match endpoint {
            _ if !is_form => error(400, "invalid_request", "The body must be application/x-www-form-urlencoded."),
            Endpoint::Token => match form.get("grant_type").map(String::as_str) {
                Some("client_credentials") => self.issue(&principal, ask),
                Some(_) => error(400, "unsupported_grant_type", "Only client_credentials is supported."),
                None => error(400, "invalid_request", "grant_type is missing."),
            },
            Endpoint::Revoke => match form.get("token") {
                Some(token) => self.revoke(token, &principal),
                None => error(400, "invalid_request", "token is missing."),
            },
        };
        (answer, Some(principal))
    }

    fn issue(&mut self, principal: &Principal, ask: &Ask) -> Answer {
        self.live.retain(|_, token| ask.now < token.expires);
        if self.live.len() >= REMEMBERED
            && let Some(oldest) = self.live.iter().min_by_key(|(_, token)| token.number).map(|(name, _)| name.clone())
        {
            self.live.remove(&oldest);
        }
        self.issued += 1;
        let number = self.issued;
        let part = |what: &str| hex(&derive(self.seed, &["token", &number.to_string(), what]));
        let name = format!("{}{}", part("first"), part("second"));
        let expires = later(ask.now, Duration::from_secs(ask.token_seconds.into()));
        self.live.insert(name.clone(), Token { principal: principal.clone(), expires, number });
        let body = json!({"access_token": name, "expires_in": ask.token_seconds, "token_type": "Bearer"});
        Answer::json(200, &body).header("cache-control", "no-store")
    }

    /// An unknown token is revoked already (RFC 7009, section 2.2); one of another client is left alone.
    fn revoke(&mut self, token: &str, principal: &Principal) -> Answer {
        if self.live.get(token).is_some_and(|known| known.principal == *principal) {
            self.live.remove(token);
        }
        Answer::empty(200)
    }
}

/// The service account that a `Basic` header proves.
fn client(header: &str, directory: &Directory) -> Option<Principal> {
    let (scheme, encoded) = header.split_once(' ')?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let account = directory.service_account(id)?;
    (scheme.eq_ignore_ascii_case("basic") && account.client_secret == secret)
        .then(|| Principal { name: id.to_owned(), org_id: account.org_id.clone() })
}

fn error(status: u16, code: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": code, "error_description": description}))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::Value;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const FORM: &str = "application/x-www-form-urlencoded;charset=UTF-8";

    struct Bench {
        directory: Directory,
        tokens: Tokens,
        header: String,
    }

    fn basic(id: &str, secret: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    }

    impl Bench {
        fn new() -> Self {
            let directory = Directory::new(1, &["One".to_owned(), "Two".to_owned()]).unwrap();
            let org = directory.greeting()[0].clone();
            let header = basic(org["clientId"].as_str().unwrap(), org["clientSecret"].as_str().unwrap());
            Self { directory, tokens: Tokens::new(1), header }
        }

        fn ask(&mut self, endpoint: Endpoint, header: Option<&str>, body: &str) -> (u16, Value) {
            let ask = Ask {
                authorization: header,
                content_type: Some(FORM),
                body: body.as_bytes(),
                now: NOW,
                token_seconds: 3600,
            };
            let (answer, _) = self.tokens.answer(endpoint, &ask, &self.directory);
            (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
        }

        fn token(&mut self) -> String {
            let header = self.header.clone();
            let (status, body) = self.ask(Endpoint::Token, Some(&header), "grant_type=client_credentials");
            assert_eq!(status, 200);
            assert_eq!(body["expires_in"], 3600);
            assert_eq!(body["token_type"], "Bearer");
            body["access_token"].as_str().unwrap().to_owned()
        }
    }

    #[test]
    fn a_token_is_good_for_its_hour() {
        let mut bench = Bench::new();
        let token = bench.token();
        assert!(bench.tokens.principal(&token, later(NOW, Duration::from_secs(3599))).is_some());
        assert!(bench.tokens.principal(&token, later(NOW, Duration::from_hours(1))).is_none());
        assert_ne!(bench.token(), token);
    }

    #[test]
    fn a_wrong_secret_is_an_invalid_client() {
        let mut bench = Bench::new();
        let id = bench.directory.greeting()[0]["clientId"].as_str().unwrap().to_owned();
        for header in
            [None, Some(basic(&id, "wrong")), Some(basic("mdb_sa_id_unknown", "x")), Some("Basic ?".to_owned())]
        {
            let (status, body) = bench.ask(Endpoint::Token, header.as_deref(), "grant_type=client_credentials");
            assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
        }
    }

    #[test]
    fn other_grants_are_refused() {
        let mut bench = Bench::new();
        let header = bench.header.clone();
        let (status, body) = bench.ask(Endpoint::Token, Some(&header), "grant_type=password");
        assert_eq!((status, &body["error"]), (400, &json!("unsupported_grant_type")));
        assert_eq!(bench.ask(Endpoint::Token, Some(&header), "").0, 400);
        assert_eq!(bench.ask(Endpoint::Revoke, Some(&header), "").0, 400);
    }

    #[test]
    fn a_revoked_token_is_refused_and_one_of_another_client_is_left_alone() {
        let mut bench = Bench::new();
        let (first, second) = (bench.token(), bench.token());
        let header = bench.header.clone();
        let body = format!("token={first}&token_type_hint=access_token");
        assert_eq!(bench.ask(Endpoint::Revoke, Some(&header), &body).0, 200);
        assert!(bench.tokens.principal(&first, NOW).is_none());
        let other = bench.directory.greeting()[1].clone();
        let other = basic(other["clientId"].as_str().unwrap(), other["clientSecret"].as_str().unwrap());
        assert_eq!(bench.ask(Endpoint::Revoke, Some(&other), &format!("token={second}")).0, 200);
        assert!(bench.tokens.principal(&second, NOW).is_some());
    }
}
