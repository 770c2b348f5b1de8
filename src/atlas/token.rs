//! OAuth2 access tokens of a service account (client credentials, RFC 6749 section 4.4).
//!
//! One token serves all calls of a credential. It is replaced when two thirds of its life are over; whoever notices
//! first asks for the new one, and the others go on with the old one, which is still good. Only when there is no usable
//! token does a call wait, and then all wait for one request. A failure is shared in the same way, for a short time:
//! the token endpoint has a low rate limit, and a wrong secret does not get better by asking again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::form_urlencoded;

use super::client::{Exchanged, Trouble};
use super::redaction::without_secrets;
use super::refusal::is_from_the_application;
use super::text::tidy;
use super::transport::{Prepared, Raw, Transport, root_cause};
use super::{Class, TokenSeen, pace};

const TOKEN_PATH: &str = "/api/oauth/token";
const REVOKE_PATH: &str = "/api/oauth/revoke";

/// Atlas grants an hour; RFC 6749 allows an answer that does not say.
const LIFE_WITHOUT_WORD: Duration = Duration::from_hours(1);

/// A day: a longer promise changes nothing, since a refused token is replaced anyway.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The longest text of a failure, in characters.
const DETAIL_LIMIT: usize = 200;

/// The access tokens of one service account.
pub(super) struct Tokens {
    client_id: String,
    client_secret: SecretString,
    current: Mutex<Option<Arc<Token>>>,
    /// Held by whoever asks for a token; keeps the last failure and when it happened.
    turn: tokio::sync::Mutex<Option<(Instant, TokenError)>>,
}

/// A token and its times.
struct Token {
    value: SecretString,
    replace_at: Instant,
    ends_at: Instant,
}

/// An access token could not be had.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenError {
    /// The status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// The error code, such as `invalid_client`.
    pub code: Option<String>,
    /// What was said about it, or why there was no usable answer: one line, bounded, without secrets.
    pub detail: String,
    /// Whether the answer had no body at all: such answers come from the edge and say nothing about the credential.
    pub empty: bool,
    /// How long to wait, when the token endpoint limits the rate.
    pub after: Option<Duration>,
}

impl TokenError {
    /// What to do about it.
    pub fn class(&self) -> Class {
        match (self.status, self.code.as_deref()) {
            (Some(429), _) => Class::RetryAfter(self.after.unwrap_or_else(|| pace::wait_after(None))),
            (Some(400 | 401 | 403), Some("invalid_client" | "unauthorized_client" | "access_denied")) => {
                Class::Unauthenticated
            }
            (Some(403), Some("IP_ADDRESS_NOT_ON_ACCESS_LIST")) => Class::Forbidden,
            (Some(401), _) if !self.empty => Class::Unauthenticated,
            _ => Class::Backoff,
        }
    }
}

impl Tokens {
    pub(super) fn new(client_id: String, client_secret: SecretString) -> Self {
        Self { client_id, client_secret, current: Mutex::new(None), turn: tokio::sync::Mutex::new(None) }
    }

    /// Sends a request with the token, and once more with a new one when Atlas refuses it as unauthenticated.
    pub(super) async fn exchange(&self, transport: &Transport, prepared: &Prepared) -> Result<Exchanged, Trouble> {
        let token = self.usable(transport).await?;
        let raw = transport.once(prepared, Some(bearer(&token)?)).await?;
        if raw.status != StatusCode::UNAUTHORIZED || is_from_the_application(&raw) {
            return Ok(Exchanged { raw, credential_refused: false, proofs: self.proofs([&token]) });
        }
        let first = token;
        let token = self.instead_of(&first, transport).await?;
        let raw = transport.once(prepared, Some(bearer(&token)?)).await?;
        let refused = raw.status == StatusCode::UNAUTHORIZED && !is_from_the_application(&raw);
        Ok(Exchanged { raw, credential_refused: refused, proofs: self.proofs([&first, &token]) })
    }

    /// What a server that was sent these tokens may quote.
    fn proofs<'a>(&self, sent: impl IntoIterator<Item = &'a Arc<Token>>) -> Vec<SecretString> {
        let tokens = sent.into_iter().map(|token| token.value.clone());
        std::iter::once(self.client_secret.clone()).chain(tokens).collect()
    }

    /// Gives the token back to Atlas, so that it is worth nothing to anybody. Best effort: a token that is not revoked
    /// ends by itself.
    pub(super) async fn revoke(&self, transport: &Transport) {
        let token = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(token) = token else { return };
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.value.expose_secret())
            .append_pair("token_type_hint", "access_token")
            .finish();
        let outcome = match self.form(transport, REVOKE_PATH, form) {
            Ok(prepared) => transport.once(&prepared, None).await.map(|raw| raw.status),
            Err(_) => return,
        };
        match outcome {
            Ok(status) => tracing::debug!(status = status.as_u16(), "asked Atlas to revoke an access token"),
            Err(problem) => tracing::debug!(problem = problem.reason, "an access token was not revoked"),
        }
    }

    /// Whether there is a token that could be revoked.
    pub(super) fn holds_token(&self) -> bool {
        self.present().is_some()
    }

    fn present(&self) -> Option<Arc<Token>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A token that is not over, replaced early.
    async fn usable(&self, transport: &Transport) -> Result<Arc<Token>, TokenError> {
        let now = Instant::now();
        match self.present().filter(|token| now < token.ends_at) {
            Some(token) if now < token.replace_at => Ok(token),
            Some(token) => {
                let Ok(mut turn) = self.turn.try_lock() else { return Ok(token) };
                Ok(self.renew(&mut turn, &token, transport).await.unwrap_or(token))
            }
            None => {
                let mut turn = self.turn.lock().await;
                match self.present().filter(|token| Instant::now() < token.ends_at) {
                    Some(token) => Ok(token),
                    None => self.fetch(&mut turn, transport).await,
                }
            }
        }
    }

    /// A token other than the one that Atlas refused.
    async fn instead_of(&self, refused: &Arc<Token>, transport: &Transport) -> Result<Arc<Token>, TokenError> {
        let mut turn = self.turn.lock().await;
        self.renew(&mut turn, refused, transport).await
    }

    /// A token other than the given one: the present one if somebody else replaced it already.
    async fn renew(
        &self,
        turn: &mut Option<(Instant, TokenError)>,
        old: &Arc<Token>,
        transport: &Transport,
    ) -> Result<Arc<Token>, TokenError> {
        match self.present() {
            Some(token) if !Arc::ptr_eq(&token, old) => Ok(token),
            _ => self.fetch(turn, transport).await,
        }
    }

    /// Asks for a token, unless that failed a moment ago.
    async fn fetch(
        &self,
        turn: &mut Option<(Instant, TokenError)>,
        transport: &Transport,
    ) -> Result<Arc<Token>, TokenError> {
        if let Some((since, failure)) = &*turn {
            let hold = failure.after.unwrap_or(transport.settings.token_failure_hold);
            let left = hold.saturating_sub(since.elapsed());
            if !left.is_zero() {
                return Err(TokenError { after: failure.after.map(|_| left), ..failure.clone() });
            }
        }
        let fetched = self.request(transport).await;
        transport.settings.observer.token(if fetched.is_ok() { TokenSeen::Granted } else { TokenSeen::Failed });
        match fetched {
            Ok(token) => {
                let token = Arc::new(token);
                *turn = None;
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(failure) => {
                *turn = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn request(&self, transport: &Transport) -> Result<Token, TokenError> {
        let unusable = |detail: String| TokenError { status: None, code: None, detail, empty: false, after: None };
        let prepared =
            self.form(transport, TOKEN_PATH, "grant_type=client_credentials".to_owned()).map_err(unusable)?;
        // Counted from before the request, so that the token is never thought to be good for longer than it is.
        let asked_at = Instant::now();
        let raw = transport.once(&prepared, None).await.map_err(|problem| unusable(problem.reason))?;
        if !raw.status.is_success() {
            return Err(self.refusal(&raw));
        }
        let status = Some(raw.status.as_u16());
        let unreadable = |detail: &str| TokenError { status, ..unusable(detail.to_owned()) };
        let body = raw.body.map_err(|problem| unreadable(&format!("the answer {problem}")))?;
        // What the parser would say may quote the token.
        let granted: Granted =
            serde_json::from_slice(&body).map_err(|_| unreadable("the answer is not an access token"))?;
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(unreadable("the answer is a token of another type than Bearer"));
        }
        let life = granted.expires_in.map_or(LIFE_WITHOUT_WORD, Duration::from_secs).min(LONGEST_LIFE);
        let token =
            Token { value: granted.access_token.into(), replace_at: asked_at + life * 2 / 3, ends_at: asked_at + life };
        if bearer(&token).is_err() {
            return Err(unreadable("the answer is a token that no header can carry"));
        }
        Ok(token)
    }

    /// A request to the token endpoint: the only place that is ever sent the secret of the account.
    fn form(&self, transport: &Transport, path: &'static str, form: String) -> Result<Prepared, String> {
        let url = transport.endpoint.join(path, &[]).ok_or("the URL of the token endpoint cannot be built")?;
        let request = transport
            .builder(Method::POST, url)
            .basic_auth(&self.client_id, Some(self.client_secret.expose_secret()))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .build()
            .map_err(|error| root_cause(&error))?;
        Ok(Prepared { request, template: path, mutates: false })
    }

    fn refusal(&self, raw: &Raw) -> TokenError {
        let body = raw.body.as_deref().unwrap_or_default();
        let said: Refused = serde_json::from_slice(body).unwrap_or_default();
        let detail = said.error_description.or(said.detail).unwrap_or_default();
        let oauth_code = said.error.and_then(|error| error.as_str().map(str::to_owned));
        let fit = |text: &str| tidy(&without_secrets(text, [&self.client_secret]), DETAIL_LIMIT);
        TokenError {
            status: Some(raw.status.as_u16()),
            code: said.error_code.or(oauth_code).map(|code| fit(&code)),
            detail: fit(&detail),
            empty: raw.body.as_ref().is_ok_and(Vec::is_empty),
            after: (raw.status == StatusCode::TOO_MANY_REQUESTS)
                .then(|| pace::wait_after(raw.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()))),
        }
    }
}

/// The header that carries a token.
fn bearer(token: &Token) -> Result<HeaderValue, Trouble> {
    HeaderValue::try_from(format!("Bearer {}", token.value.expose_secret()))
        .map_err(|_| Trouble::Unsendable("the access token cannot be put into a header".to_owned()))
}

/// The answer that grants a token (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

/// The answer that refuses one: RFC 6749, section 5.2, or the error document of the rest of the API, where `error` is the
/// status.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: Option<serde_json::Value>,
    error_description: Option<String>,
    #[serde(rename = "errorCode")]
    error_code: Option<String>,
    detail: Option<String>,
}

/// One sentence for a person.
impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no access token for the service account")?;
        if !self.detail.is_empty() {
            write!(formatter, ": {}", self.detail)?;
        }
        match (&self.code, self.status) {
            (Some(code), Some(status)) => write!(formatter, " ({code}, HTTP {status})"),
            (None, Some(status)) => write!(formatter, " (HTTP {status})"),
            (_, None) => Ok(()),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_refused_token_is_classified() {
        let error = |status, code: Option<&str>, empty| TokenError {
            status,
            code: code.map(str::to_owned),
            detail: String::new(),
            empty,
            after: None,
        };
        for (status, code, empty, class) in [
            (None, None, false, Class::Backoff),
            (Some(200), None, false, Class::Backoff),
            (Some(400), Some("invalid_client"), false, Class::Unauthenticated),
            (Some(401), Some("invalid_client"), false, Class::Unauthenticated),
            (Some(401), None, false, Class::Unauthenticated),
            (Some(401), None, true, Class::Backoff),
            (Some(403), None, true, Class::Backoff),
            (Some(403), Some("IP_ADDRESS_NOT_ON_ACCESS_LIST"), false, Class::Forbidden),
            (Some(400), Some("unsupported_grant_type"), false, Class::Backoff),
            (Some(400), None, false, Class::Backoff),
            (Some(429), None, true, Class::RetryAfter(Duration::from_secs(10))),
            (Some(500), Some("invalid_client"), false, Class::Backoff),
            (Some(503), None, true, Class::Backoff),
        ] {
            assert_eq!(error(status, code, empty).class(), class, "{status:?} {code:?}");
        }
    }

    #[test]
    fn a_failure_is_one_sentence() {
        let error = TokenError {
            status: Some(401),
            code: Some("invalid_client".to_owned()),
            detail: "Client authentication failed".to_owned(),
            empty: false,
            after: None,
        };
        assert_eq!(
            error.to_string(),
            "no access token for the service account: Client authentication failed (invalid_client, HTTP 401)"
        );
    }
}
