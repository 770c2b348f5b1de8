//! Time limits and other figures of a client, and the hook that metrics hang on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;

use super::Egress;

/// The figures of a client. `Default` is what production uses; tests shorten the times.
#[derive(Clone)]
pub struct Settings {
    /// How long opening a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// How long one HTTP request may take from its start to the last byte of the answer. A read is not repeated once
    /// a call has lasted this long.
    pub total_timeout: Duration,
    /// The largest answer, in bytes after decompression.
    pub body_limit: usize,
    /// How often a read is repeated after a passing failure. Writes are never repeated.
    pub retries: u32,
    /// The wait before the first repetition; each further one doubles it. Up to half of it is taken off by chance, so
    /// that callers that failed together do not come back together.
    pub retry_delay: Duration,
    /// How long calls are held back at most, without a request, after Atlas limited the rate of their kind. At zero
    /// every call asks anew.
    pub hold_limit: Duration,
    /// How long a failure to get an access token answers for all who need one, before the next attempt.
    pub token_failure_hold: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Whom to trust on the way to Atlas, and the proxy that it leads through.
    pub egress: Egress,
    /// Asked immediately before each HTTP request that may change something: without a permit the request is not sent,
    /// and one that has none any more is given up, connected or not.
    pub permit: Permit,
    /// Told of every HTTP request.
    pub observer: Arc<dyn Observer>,
}

/// For how long from now something may be changed; `None` if not even now.
pub type Permit = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

impl Default for Settings {
    fn default() -> Self {
        Self {
            // A connection that takes longer than this is as good as none; the kernel alone would try for minutes.
            connect_timeout: Duration::from_secs(10),
            // The slowest operations of everyday use answer within 8 s (creating a project); building a rolling index
            // is the exception with 53 s.
            total_timeout: Duration::from_secs(30),
            // The largest page recorded is well below 1 MiB; this much is still harmless to hold in memory.
            body_limit: 16 * 1024 * 1024,
            // Edge failures last for seconds. What lasts longer is for the caller's own, slower rhythm.
            retries: 2,
            retry_delay: Duration::from_millis(500),
            // What Atlas asks for is obeyed up to here: buckets refill within a minute.
            hold_limit: Duration::from_mins(2),
            // The token endpoint has a low rate limit of its own.
            token_failure_hold: Duration::from_secs(5),
            user_agent: concat!("atlas-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
            egress: Egress::default(),
            permit: Arc::new(|| Some(Duration::MAX)),
            observer: Arc::new(Unobserved),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("connect_timeout", &self.connect_timeout)
            .field("total_timeout", &self.total_timeout)
            .field("body_limit", &self.body_limit)
            .field("retries", &self.retries)
            .field("retry_delay", &self.retry_delay)
            .field("hold_limit", &self.hold_limit)
            .field("token_failure_hold", &self.token_failure_hold)
            .field("user_agent", &self.user_agent)
            .field("egress", &self.egress)
            .finish_non_exhaustive()
    }
}

/// Told what a client does on the wire; metrics are made of it.
///
/// The methods are called on the task that waits for the answer, so they must return at once.
pub trait Observer: Send + Sync {
    /// One HTTP request came to its end: authentication challenges, repetitions and token requests count too.
    fn request(&self, seen: &RequestSeen<'_>) {
        let _ = seen;
    }

    /// An access token was asked for.
    fn token(&self, seen: TokenSeen) {
        let _ = seen;
    }

    /// A read is about to be repeated.
    fn retry(&self, method: &Method, template: &'static str) {
        let _ = (method, template);
    }

    /// Atlas limited the rate of a call, and asked for a wait of `after` before the next of its kind.
    fn throttled(&self, after: Duration) {
        let _ = after;
    }

    /// A call was held back without a request, because Atlas limits the rate of its kind at the time.
    fn held_back(&self, method: &Method, template: &'static str) {
        let _ = (method, template);
    }
}

/// One HTTP request. Its labels are few enough for a metric: no names and no ids.
#[derive(Clone, Copy, Debug)]
pub struct RequestSeen<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// The operation's path template.
    pub template: &'static str,
    /// The status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// From the start of the request to the last byte of the answer.
    pub duration: Duration,
}

/// What became of asking for an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSeen {
    /// A token was granted.
    Granted,
    /// None was: refused, or no usable answer.
    Failed,
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {}
