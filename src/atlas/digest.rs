//! HTTP digest authentication with an API key.
//!
//! Atlas hands out nonces that are good for a short time and a few uses, and every use has to count up. So a nonce
//! belongs to one request at a time: a call checks a session (a nonce and its count) out of a pool and brings it back,
//! last in, first out, which keeps as few nonces as there are calls at a time and uses them while they are fresh. A spent
//! nonce costs one request: the 401 that refuses it carries the next.
//!
//! The arithmetic and the count are those of `diqwest`'s session. Its own way of sending is not used, because it
//! answers whatever challenge comes, only once, and asks for a second challenge when a nonce is spent although it has
//! one in hand.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use diqwest::{DigestAuthCredentials, DigestAuthSession};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret, SecretString};
use url::Position;

use super::client::{Exchanged, Trouble};
use super::refusal::is_from_the_application;
use super::text::tidy;
use super::transport::{Prepared, Raw, Transport};

/// The only realm that is ever answered: that of the Administration API.
const REALM: &str = "MMS Public API";

/// How many fresh nonces are tried before Atlas's no counts as its answer. A wrong key, a spent nonce and a moment of
/// confusion at the edge look the same.
const FRESH_NONCES: u32 = 2;

/// How many unused sessions are kept. More calls than this at a time are possible and cost a challenge each.
const IDLE_SESSIONS: usize = 32;

/// A nonce or opaque value longer than this is not one of Atlas's (32 characters).
const LONGEST_VALUE: usize = 512;

/// Sessions are keyed by host; each of ours is used for one endpoint only, so one key will do.
const HOST: &str = "atlas";

/// The digest sessions of one API key.
pub(super) struct Sessions {
    public_key: String,
    private_key: SecretString,
    idle: Mutex<Vec<Arc<DigestAuthSession>>>,
}

impl Sessions {
    pub(super) fn new(public_key: String, private_key: SecretString) -> Self {
        Self { public_key, private_key, idle: Mutex::new(Vec::new()) }
    }

    /// Sends a request, answering up to two fresh challenges, and once more from the start when Atlas refuses the
    /// request without a challenge: such a 401 comes from the edge, and the request was not carried out.
    pub(super) async fn exchange(&self, transport: &Transport, prepared: &Prepared) -> Result<Exchanged, Trouble> {
        let session = self.check_out();
        let mut fresh_nonces = 0;
        let mut fresh = None;
        let mut started_over = false;
        loop {
            let authorization = match fresh.take() {
                Some(challenge) => Some(self.first_use(&challenge, prepared)?),
                None => session.next_use(prepared)?,
            };
            let authorized = authorization.is_some();
            let raw = transport.once(prepared, authorization).await?;
            if raw.status != StatusCode::UNAUTHORIZED || (authorized && is_from_the_application(&raw)) {
                return Ok(self.exchanged(raw, false));
            }
            session.forget()?;
            match Challenge::find(&raw.headers) {
                Ok(Some(challenge)) if fresh_nonces < FRESH_NONCES => {
                    fresh_nonces += 1;
                    session.accept(&challenge)?;
                    fresh = Some(challenge);
                }
                Ok(None) if authorized && !started_over => started_over = true,
                Ok(_) => return Ok(self.exchanged(raw, fresh_nonces == FRESH_NONCES)),
                Err(offered) => return Err(Trouble::Challenge(offered)),
            }
        }
    }

    fn exchanged(&self, raw: Raw, credential_refused: bool) -> Exchanged {
        Exchanged { raw, credential_refused, proofs: vec![self.private_key.clone()] }
    }

    /// The header that answers a challenge. A session counts on from this first use of a nonce; it is computed from the
    /// challenge itself.
    fn first_use(&self, challenge: &Challenge, prepared: &Prepared) -> Result<HeaderValue, Trouble> {
        let challenge = HeaderValue::try_from(challenge.to_string())
            .map_err(|_| Trouble::Unsendable("the challenge cannot be put into a header".to_owned()))?;
        let credentials = (self.public_key.as_str(), self.private_key.expose_secret());
        authorization(credentials, prepared, &HeaderMap::from_iter([(WWW_AUTHENTICATE, challenge)]))
    }

    fn check_out(&self) -> CheckedOut<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session = idle.unwrap_or_else(|| {
            Arc::new(DigestAuthSession::new(self.public_key.as_str(), self.private_key.expose_secret()))
        });
        CheckedOut { sessions: self, session }
    }
}

/// A session in the hands of one request. It goes back to the pool however the request ends.
struct CheckedOut<'a> {
    sessions: &'a Sessions,
    session: Arc<DigestAuthSession>,
}

impl CheckedOut<'_> {
    /// The header for the next use of the session's nonce, after the first; `None` when it has no nonce.
    fn next_use(&self, prepared: &Prepared) -> Result<Option<HeaderValue>, Trouble> {
        let session = &*self.session;
        if session.cached_context(HOST).map_err(broken)?.is_none() {
            return Ok(None);
        }
        authorization(session, prepared, &HeaderMap::new()).map(Some)
    }

    /// Takes the nonce of a challenge and starts counting.
    fn accept(&self, challenge: &Challenge) -> Result<(), Trouble> {
        (&*self.session).store_context(HOST, &challenge.to_string()).map_err(broken)
    }

    /// Drops the nonce.
    fn forget(&self) -> Result<(), Trouble> {
        (&*self.session).clear_context(HOST).map_err(broken)
    }
}

impl Drop for CheckedOut<'_> {
    fn drop(&mut self) {
        let mut idle = self.sessions.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_SESSIONS {
            idle.push(Arc::clone(&self.session));
        }
    }
}

/// The header that proves the credential for a request, by a session's nonce or by the challenge in the headers.
///
/// With `qop=auth` the digest covers the method and the path with its query, both exactly as they are sent, and not the
/// body.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the trait is implemented for a reference to a session, and not for a session"
)]
fn authorization(
    credentials: impl DigestAuthCredentials,
    prepared: &Prepared,
    challenge: &HeaderMap,
) -> Result<HeaderValue, Trouble> {
    let uri = &prepared.request.url()[Position::BeforePath..];
    let method = prepared.request.method().as_str().into();
    let header = credentials.calculate_authorization(HOST, uri, method, None, challenge).map_err(broken)?;
    HeaderValue::try_from(header.to_header_string())
        .map_err(|_| Trouble::Unsendable("the API key cannot be put into a header".to_owned()))
}

/// A failure inside the digest session. None is known to happen with a challenge that was checked first.
#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn broken(error: diqwest::error::Error) -> Trouble {
    Trouble::Unsendable(format!("the digest could not be computed: {error}"))
}

/// A challenge that this client answers: digest, `qop=auth`, MD5, the realm of the Administration API.
#[derive(Debug, PartialEq)]
struct Challenge {
    nonce: String,
    opaque: Option<String>,
}

impl Challenge {
    /// The first acceptable challenge among the `WWW-Authenticate` headers; the same one may come twice.
    ///
    /// `Ok(None)` when there is no challenge at all; the description of what was offered when none is acceptable. A
    /// weaker scheme, such as Basic, would hand the private key to whoever asks.
    fn find(headers: &HeaderMap) -> Result<Option<Self>, String> {
        let mut offered = None;
        for header in headers.get_all(WWW_AUTHENTICATE) {
            let text = header.to_str().unwrap_or_default();
            match Self::parse(text) {
                Ok(challenge) => return Ok(Some(challenge)),
                Err(fault) => offered = offered.or(Some(fault)),
            }
        }
        offered.map_or(Ok(None), Err)
    }

    /// Reads one header; otherwise says what in it is not acceptable.
    fn parse(header: &str) -> Result<Self, String> {
        let (scheme, parameters) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if !scheme.eq_ignore_ascii_case("digest") {
            return Err(format!("the scheme {}", quoted(scheme)));
        }
        let parameters = parameters_of(parameters).ok_or("a digest challenge that cannot be read")?;
        let parameter = |name: &str| {
            parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let realm = parameter("realm").unwrap_or_default();
        if realm != REALM {
            return Err(format!("digest for the realm {}", quoted(realm)));
        }
        let qop = parameter("qop").unwrap_or_default();
        if !qop.split(',').any(|option| option.trim().eq_ignore_ascii_case("auth")) {
            return Err(format!("digest with qop {}", quoted(qop)));
        }
        let algorithm = parameter("algorithm").unwrap_or("MD5");
        if !algorithm.eq_ignore_ascii_case("MD5") {
            return Err(format!("digest with the algorithm {}", quoted(algorithm)));
        }
        // These two go back in quoted strings, so nothing in them may end one.
        let value_of = |name: &str| {
            let value = parameter(name)?;
            let plain = value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
            Some((plain && !value.is_empty() && value.len() <= LONGEST_VALUE).then(|| value.to_owned()))
        };
        let nonce = value_of("nonce").flatten().ok_or("digest without a usable nonce")?;
        let opaque =
            value_of("opaque").map(|opaque| opaque.ok_or("digest with an unusable opaque value")).transpose()?;
        Ok(Self { nonce, opaque })
    }
}

/// The challenge in the one form that the session reads, with nothing in it that was not checked.
impl fmt::Display for Challenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest realm=\"{REALM}\", qop=\"auth\", nonce=\"{}\"", self.nonce)?;
        match &self.opaque {
            Some(opaque) => write!(formatter, ", opaque=\"{opaque}\""),
            None => Ok(()),
        }
    }
}

/// A value from a challenge, for a message.
fn quoted(value: &str) -> String {
    format!("\"{}\"", tidy(value, 40))
}

/// The parameters of a challenge (RFC 9110, section 11.2): `name=value` or `name="value"`, with commas between them.
fn parameters_of(text: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(text) = after.trim_start().strip_prefix('"') {
            quoted_value(text)?
        } else {
            let (value, after) = after.split_once(',').unwrap_or((after, ""));
            (value.trim().to_owned(), after)
        };
        parameters.push((name.trim().to_owned(), value));
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(parameters)
}

/// The content of a quoted string up to its closing quote, and what follows it.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[position + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// As it was recorded, but for the nonce.
    const RECORDED: &str = "Digest realm=\"MMS Public API\", domain=\"\", nonce=\"Nfx+VMFO0sY4tpgy1sHRakvvv0NN4S91\", \
                            algorithm=MD5, qop=\"auth\", stale=false";

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_challenge_of_atlas_is_accepted_once_or_twice() {
        let expected = Challenge { nonce: "Nfx+VMFO0sY4tpgy1sHRakvvv0NN4S91".to_owned(), opaque: None };
        for given in [vec![RECORDED], vec![RECORDED, RECORDED], vec!["Basic realm=\"x\"", RECORDED]] {
            assert_eq!(Challenge::find(&headers(&given)).unwrap().unwrap(), expected);
        }
        assert_eq!(Challenge::find(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn the_first_of_two_challenges_counts() {
        let second = RECORDED.replace("Nfx", "Zzz");
        let found = Challenge::find(&headers(&[RECORDED, &second])).unwrap().unwrap();
        assert!(found.nonce.starts_with("Nfx"));
    }

    #[test]
    fn spelling_of_a_challenge_does_not_matter() {
        for text in [
            "digest REALM=\"MMS Public API\",nonce=\"n\",qop=\"auth-int, auth\",opaque=\"o\"",
            "Digest  qop=auth , nonce=n ,realm=\"MMS \\Public API\", opaque=\"o\", algorithm=\"md5\"",
        ] {
            let challenge = Challenge::parse(text).unwrap();
            assert_eq!(challenge, Challenge { nonce: "n".to_owned(), opaque: Some("o".to_owned()) });
            assert_eq!(
                challenge.to_string(),
                "Digest realm=\"MMS Public API\", qop=\"auth\", nonce=\"n\", opaque=\"o\""
            );
        }
    }

    #[test]
    fn nothing_else_is_answered() {
        for (header, offered) in [
            ("", "the scheme \"\""),
            ("Basic realm=\"MMS Public API\"", "the scheme \"Basic\""),
            ("Bearer", "the scheme \"Bearer\""),
            ("Negotiate", "the scheme \"Negotiate\""),
            (&RECORDED.replace("MMS Public API", "evil"), "digest for the realm \"evil\""),
            ("Digest nonce=\"n\", qop=\"auth\"", "digest for the realm \"\""),
            (&RECORDED.replace("qop=\"auth\"", "qop=\"auth-int\""), "digest with qop \"auth-int\""),
            (&RECORDED.replace("qop=\"auth\", ", ""), "digest with qop \"\""),
            (&RECORDED.replace("MD5", "SHA-256"), "digest with the algorithm \"SHA-256\""),
            (&RECORDED.replace("MD5", "MD5-sess"), "digest with the algorithm \"MD5-sess\""),
            ("Digest realm=\"MMS Public API\", qop=\"auth\"", "digest without a usable nonce"),
            ("Digest realm=\"MMS Public API\", qop=\"auth\", nonce=\"\"", "digest without a usable nonce"),
            ("Digest realm=\"MMS Public API\", qop=\"auth\", nonce=\"a\\\"b\"", "digest without a usable nonce"),
            (
                "Digest realm=\"MMS Public API\", qop=\"auth\", nonce=\"n\", opaque=\"a b\"",
                "digest with an unusable opaque value",
            ),
            ("Digest realm=\"MMS Public API", "a digest challenge that cannot be read"),
            ("Digest what", "a digest challenge that cannot be read"),
        ] {
            assert_eq!(Challenge::find(&headers(&[header])), Err(offered.to_owned()), "{header}");
        }
    }
}
