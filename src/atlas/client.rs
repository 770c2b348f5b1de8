//! Sending calls with one credential.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use secrecy::SecretString;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::class::is_throttled;
use super::digest::Sessions;
use super::pace::{self, Pace};
use super::token::Tokens;
use super::transport::{NoAnswer, Prepared, Raw, Stage, Transport, root_cause};
use super::view::Views;
use super::{Call, ClientError, Credentials, Endpoint, Error, Refusal, Settings, TokenError};

/// Where the versioned API begins.
const BASE_PATH: &str = "/api/atlas/v2";

/// How long giving a token back may take when nobody waits for it any more.
const REVOCATION_LIMIT: Duration = Duration::from_secs(5);

/// An answer of success.
#[derive(Clone, PartialEq)]
pub struct Answer<Content = Value> {
    /// The HTTP status, a 2xx. Which one means nothing: see what a later read says.
    pub status: u16,
    /// The document; `Null` when there is none.
    pub body: Content,
}

/// Without the body: the answer to a creation can hold a new key in the clear.
impl<Content> fmt::Debug for Answer<Content> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Sends calls with one credential. Clones share everything: connections, nonces, token and pace.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    org_id: String,
    transport: Arc<Transport>,
    authentication: Authentication,
    pace: Pace,
    views: Views,
}

/// How a credential is proven.
enum Authentication {
    Digest(Sessions),
    /// Shared with the task that gives the token back when the last clone of the client is gone.
    Bearer(Arc<Tokens>),
}

/// An authenticated exchange that ended in an answer.
pub(super) struct Exchanged {
    pub(super) raw: Raw,
    /// Whether the answer is 401 although everything was tried to prove the credential.
    pub(super) credential_refused: bool,
    /// What the credential was proven with. By the time of the answer the client may have another token.
    pub(super) proofs: Vec<SecretString>,
}

/// An exchange that did not end in an answer.
#[derive(Debug)]
pub(super) enum Trouble {
    NoAnswer(NoAnswer),
    Challenge(String),
    Token(TokenError),
    Unsendable(String),
}

impl From<NoAnswer> for Trouble {
    fn from(problem: NoAnswer) -> Self {
        Self::NoAnswer(problem)
    }
}

impl From<TokenError> for Trouble {
    fn from(problem: TokenError) -> Self {
        Self::Token(problem)
    }
}

impl Client {
    /// A client for one credential. Nothing is sent yet.
    pub fn new(endpoint: &Endpoint, credentials: Credentials, settings: Settings) -> Result<Self, ClientError> {
        let transport = Arc::new(Transport::new(endpoint, settings)?);
        let (org_id, authentication) = match credentials {
            Credentials::ApiKey { org_id, public_key, private_key } => {
                (org_id, Authentication::Digest(Sessions::new(public_key, private_key)))
            }
            Credentials::ServiceAccount { org_id, client_id, client_secret } => {
                (org_id, Authentication::Bearer(Arc::new(Tokens::new(client_id, client_secret))))
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                org_id,
                transport,
                authentication,
                pace: Pace::default(),
                views: Views::default(),
            }),
        })
    }

    /// The organisation of the credential.
    pub fn org_id(&self) -> &str {
        &self.inner.org_id
    }

    pub(super) fn views(&self) -> &Views {
        &self.inner.views
    }

    /// Sends a call.
    ///
    /// A `GET` that fails in passing is repeated a few times. Everything else is sent once, apart from what
    /// authentication needs: a 401 is answered with a fresh proof of the credential, since the request it refused was not
    /// carried out. A call of a kind that Atlas throttles at the time fails at once and without a request.
    ///
    /// A write that was sent leaves one line in the log, with the outcome and without the body.
    pub async fn send(&self, call: &Call) -> Result<Answer, Error> {
        self.exchange(call, answer).await
    }

    /// Sends a call whose answer is text and not JSON, whatever its media type says: a certificate with its private
    /// key. The text is handed on as the secret that it may be.
    ///
    /// Everything else is as with [`Client::send`]; an empty answer is [`Error::Unreadable`].
    pub async fn send_for_text(&self, call: &Call) -> Result<Answer<SecretString>, Error> {
        self.exchange(call, text).await
    }

    /// Sends a call, and reads the answer of success with `read`. All that this takes is one span.
    #[tracing::instrument(
        name = "call",
        skip_all,
        fields(method = %call.method, operation = call.template, status = tracing::field::Empty)
    )]
    async fn exchange<T>(&self, call: &Call, read: Read<T>) -> Result<Answer<T>, Error> {
        let settings = &self.inner.transport.settings;
        let retries = if call.mutates() { 0 } else { settings.retries };
        let prepared = self.prepare(call).map_err(|reason| unsendable(call, reason))?;
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            match self.once(call, &prepared, read).await {
                Err(error)
                    if attempt < retries
                        && error.is_worth_repeating(attempt)
                        && started.elapsed() < settings.total_timeout =>
                {
                    tracing::debug!(%call, %error, attempt, "repeating a read");
                    settings.observer.retry(&call.method, call.template);
                    tokio::time::sleep(delay(settings.retry_delay, attempt)).await;
                    attempt += 1;
                }
                outcome => {
                    let status = outcome.as_ref().map_or_else(Error::status, |answer| Some(answer.status));
                    tracing::Span::current().record("status", status);
                    return outcome;
                }
            }
        }
    }

    /// Gives an access token back to Atlas, best effort. For the end of the program: a client that is dropped while the
    /// runtime goes on does so by itself.
    pub async fn revoke(&self) {
        if let Authentication::Bearer(tokens) = &self.inner.authentication {
            tokens.revoke(&self.inner.transport).await;
        }
    }

    /// One authenticated exchange, unless calls like this one have to wait.
    async fn once<T>(&self, call: &Call, prepared: &Prepared, read: Read<T>) -> Result<Answer<T>, Error> {
        let Inner { transport, authentication, pace, .. } = &*self.inner;
        if let Some(after) = pace.wait(call) {
            transport.settings.observer.held_back(&call.method, call.template);
            // Less than a second may be left of the wait; no one should call back sooner than that.
            return Err(throttled(call, after.max(Duration::from_secs(1))));
        }
        let exchanged = match authentication {
            Authentication::Digest(sessions) => sessions.exchange(transport, prepared).await,
            Authentication::Bearer(tokens) => tokens.exchange(transport, prepared).await,
        };
        let outcome = match exchanged {
            Ok(exchanged) => self.outcome(call, exchanged, read),
            Err(trouble) => Err(error_of(call, trouble)),
        };
        match &outcome {
            // It is held already.
            Err(Error::Throttled { .. }) => {}
            Err(Error::Unsendable { .. } | Error::Withheld { .. } | Error::Unreachable { .. } | Error::Token(_)) => {
                pace.unanswered(call);
            }
            Ok(_) | Err(Error::Refused(_) | Error::Unreadable { .. } | Error::Challenge { .. }) => pace.answered(call),
        }
        if call.mutates() {
            log(call, outcome.as_ref().map(|answer| answer.status));
        }
        outcome
    }

    /// What an answer means for its call.
    fn outcome<T>(
        &self,
        call: &Call,
        Exchanged { raw, credential_refused, proofs }: Exchanged,
        read: Read<T>,
    ) -> Result<Answer<T>, Error> {
        if raw.status.is_success() {
            return read(call, raw);
        }
        // All that was sent and must not come back in a text.
        let sent = call.body.iter().flat_map(super::Body::secrets).cloned();
        let secrets: Vec<SecretString> = sent.chain(proofs).collect();
        let refusal = Refusal::read(call, &raw, credential_refused, &secrets);
        if is_throttled(refusal.status, refusal.code.as_deref()) {
            let after = pace::wait_after(raw.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()));
            self.inner.transport.settings.observer.throttled(after);
            self.inner.pace.hold(call, after.min(self.inner.transport.settings.hold_limit));
            return Err(throttled(call, after));
        }
        Err(refusal.into())
    }

    /// Builds the request that is sent, secrets included.
    fn prepare(&self, call: &Call) -> Result<Prepared, String> {
        let transport = &self.inner.transport;
        let url = transport
            .endpoint
            .join(&format!("{BASE_PATH}{}", call.path), &call.query)
            .ok_or("its path is not one that a URL carries unchanged")?;
        let media_type = format!("application/vnd.atlas.{}+json", call.version);
        let mut builder = transport.builder(call.method.clone(), url).header(ACCEPT, &media_type);
        if let Some(body) = &call.body {
            let bytes = body.exposed().map_err(|pointer| format!("there is no place for the secret at {pointer}"))?;
            builder = builder.header(CONTENT_TYPE, &media_type).body(bytes);
        }
        let request = builder.build().map_err(|error| root_cause(&error))?;
        Ok(Prepared { request, template: call.template, mutates: call.mutates() })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("org_id", &self.inner.org_id).finish_non_exhaustive()
    }
}

/// The token of a client that nobody holds any more is given back, if there is still a runtime to do it on.
impl Drop for Inner {
    fn drop(&mut self) {
        let Authentication::Bearer(tokens) = &self.authentication else { return };
        if !tokens.holds_token() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let (tokens, transport) = (Arc::clone(tokens), Arc::clone(&self.transport));
            runtime.spawn(async move {
                let _ = tokio::time::timeout(REVOCATION_LIMIT, tokens.revoke(&transport)).await;
            });
        }
    }
}

/// Reads the body of a success.
type Read<T> = fn(&Call, Raw) -> Result<Answer<T>, Error>;

/// Reads a text. What is wrong with one is said without quoting it.
fn text(call: &Call, raw: Raw) -> Result<Answer<SecretString>, Error> {
    let status = raw.status.as_u16();
    let unreadable = |reason| Error::unreadable(call, status, reason);
    let body = raw.body.map_err(unreadable)?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(unreadable("is empty".to_owned()));
    }
    let text = String::from_utf8(body).map_err(|_| unreadable("is not text in UTF-8".to_owned()))?;
    Ok(Answer { status, body: SecretString::from(text) })
}

/// Reads a JSON document. Atlas names the kind of every one that it answers with; what names another is somebody else's.
/// Only a write may be answered with nothing.
fn answer(call: &Call, raw: Raw) -> Result<Answer, Error> {
    let status = raw.status.as_u16();
    let unreadable = |reason| Error::unreadable(call, status, reason);
    let is_document = is_of_the_api(&raw.headers);
    let body = raw.body.map_err(unreadable)?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return if call.mutates() {
            Ok(Answer { status, body: Value::Null })
        } else {
            Err(unreadable("is empty".to_owned()))
        };
    }
    if !is_document {
        return Err(unreadable("is not of a content type of the Atlas Administration API".to_owned()));
    }
    // Only where the fault is: the parser's own words could quote the answer.
    serde_json::from_slice(&body)
        .map(|body| Answer { status, body })
        .map_err(|error| unreadable(format!("is not JSON (line {}, column {})", error.line(), error.column())))
}

/// Whether the content type is `application/vnd.atlas.2024-08-05+json`, whatever the date.
fn is_of_the_api(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("application/vnd.atlas.") && kind.ends_with("+json")
}

/// An exchange that did not end in an answer, as the failure of its call.
fn error_of(call: &Call, trouble: Trouble) -> Error {
    let (method, path) = (call.method.clone(), call.path.clone());
    match trouble {
        Trouble::NoAnswer(NoAnswer { stage: Stage::Withheld, .. }) => Error::Withheld { method, path },
        Trouble::NoAnswer(NoAnswer { stage, reason }) => {
            Error::Unreachable { method, path, sent: stage == Stage::Sent, reason }
        }
        Trouble::Challenge(offered) => Error::Challenge { method, path, offered },
        Trouble::Token(error) => Error::Token(error),
        Trouble::Unsendable(reason) => unsendable(call, reason),
    }
}

fn throttled(call: &Call, after: Duration) -> Error {
    Error::Throttled { method: call.method.clone(), template: call.template, path: call.path.clone(), after }
}

fn unsendable(call: &Call, reason: String) -> Error {
    Error::Unsendable { method: call.method.clone(), path: call.path.clone(), reason }
}

/// The wait before repetition `attempt` (from 0): doubled each time, and up to half of it taken off by chance.
fn delay(base: Duration, attempt: u32) -> Duration {
    base.saturating_mul(1 << attempt.min(10)).mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// What a write leaves in the log of this module; the line for people is the caller's, who knows the object and why.
fn log(call: &Call, outcome: Result<u16, &Error>) {
    let Call { method, path, version, .. } = call;
    match outcome {
        Ok(status) => tracing::debug!(%method, path, status, version, "sent"),
        // Without a token there was nothing to send it with.
        Err(Error::Token(_) | Error::Unsendable { .. } | Error::Withheld { .. }) => {}
        Err(error) => {
            // A call that is held back does not come here: this is Atlas saying so.
            let throttled = matches!(error, Error::Throttled { .. }).then_some(429);
            let (status, code) = (error.status().or(throttled), error.code());
            tracing::debug!(%method, path, status, code, version, "sent, and it failed");
        }
    }
}
