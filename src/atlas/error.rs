//! What can go wrong with a call, as data and as a sentence.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, StatusCode};

use super::refusal::is_silent;
use super::text::tidy;
use super::{Call, Class, Refusal, TokenError};

/// The longest sentence, in characters. It goes into a condition message, next to others.
const SENTENCE_LIMIT: usize = 512;

/// The longest path in a sentence, in characters; user names in paths can be a kilobyte.
const PATH_LIMIT: usize = 80;

/// A call that did not end in an answer that can be used. The variants are the stages that failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// The request could not be built; nothing was sent. A mistake in the program.
    Unsendable {
        /// The method of the call.
        method: Method,
        /// The path of the call.
        path: String,
        /// Why.
        reason: String,
    },
    /// The write was not sent: nothing may be changed at present ([`Settings::permit`](super::Settings::permit)).
    Withheld {
        /// The method of the call.
        method: Method,
        /// The path of the call.
        path: String,
    },
    /// There was no answer: no connection, TLS, a time limit, a reset.
    Unreachable {
        /// The method of the call.
        method: Method,
        /// The path of the call.
        path: String,
        /// Whether the request may have reached Atlas.
        sent: bool,
        /// Why.
        reason: String,
    },
    /// Atlas limits the rate of calls like this one, or did so a moment ago and the call was held back.
    Throttled {
        /// The method of the call.
        method: Method,
        /// The operation's path template.
        template: &'static str,
        /// The path of the call.
        path: String,
        /// How long to wait before the next one; at least a second.
        after: Duration,
    },
    /// Atlas answered with an error.
    Refused(Box<Refusal>),
    /// Success, and an answer that is none to the call: of another content type, not JSON, cut off, too large, about
    /// something else.
    Unreadable {
        /// The method of the call.
        method: Method,
        /// The path of the call.
        path: String,
        /// The status of the answer.
        status: u16,
        /// What is wrong with the body.
        reason: String,
    },
    /// The server asked for the credential in a way that is never answered, such as Basic.
    Challenge {
        /// The method of the call.
        method: Method,
        /// The path of the call.
        path: String,
        /// What it asked for.
        offered: String,
    },
    /// An access token could not be had; the call was not sent.
    Token(TokenError),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Error {
    /// An answer of success that is not one to its call; `reason` goes on after "the answer to GET /groups/5f".
    pub fn unreadable(call: &Call, status: u16, reason: impl Into<String>) -> Self {
        Self::Unreadable { method: call.method.clone(), path: call.path.clone(), status, reason: reason.into() }
    }

    /// What to do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Throttled { after, .. } => Class::RetryAfter(*after),
            Self::Refused(refusal) => Class::of(refusal),
            Self::Token(error) => error.class(),
            Self::Unsendable { .. } => Class::Rejected,
            Self::Withheld { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } | Self::Challenge { .. } => {
                Class::Backoff
            }
        }
    }

    /// Atlas's error code.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.code.as_deref(),
            Self::Token(error) => error.code.as_deref(),
            Self::Unsendable { .. }
            | Self::Withheld { .. }
            | Self::Unreachable { .. }
            | Self::Throttled { .. }
            | Self::Unreadable { .. }
            | Self::Challenge { .. } => None,
        }
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Unreadable { status, .. } => Some(*status),
            Self::Token(error) => error.status,
            Self::Challenge { .. } => Some(StatusCode::UNAUTHORIZED.as_u16()),
            Self::Unsendable { .. } | Self::Withheld { .. } | Self::Unreachable { .. } | Self::Throttled { .. } => None,
        }
    }

    /// Whether the call may have changed something although it failed: a write whose outcome is not known, because the
    /// answer was lost, could not be read, or was a failure of the server. Look before sending it again.
    pub fn may_have_committed(&self) -> bool {
        match self {
            Self::Unreachable { method, sent, .. } => *sent && !method.is_safe(),
            Self::Unreadable { method, .. } => !method.is_safe(),
            Self::Refused(refusal) => !refusal.method.is_safe() && is_failure_of_the_server(refusal.status),
            Self::Unsendable { .. }
            | Self::Withheld { .. }
            | Self::Throttled { .. }
            | Self::Challenge { .. }
            | Self::Token(_) => false,
        }
    }

    /// Whether a read that ended so may be repeated at once, being a read for the `attempt`th time (from 0).
    ///
    /// An answer without any body comes from the edge and is worth one more try even when it claims that the credential
    /// is not good enough.
    pub(super) fn is_worth_repeating(&self, attempt: u32) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unreadable { .. } => true,
            Self::Refused(refusal) => {
                is_failure_of_the_server(refusal.status)
                    || (attempt == 0
                        && is_silent(refusal.code.as_deref())
                        && !refusal.credential_refused
                        && matches!(refusal.status, 401 | 403))
            }
            Self::Unsendable { .. }
            | Self::Withheld { .. }
            | Self::Throttled { .. }
            | Self::Challenge { .. }
            | Self::Token(_) => false,
        }
    }
}

/// Whether a status says that the server, or something before it, failed at the request: 5xx, or a time limit.
pub(super) fn is_failure_of_the_server(status: u16) -> bool {
    status >= 500 || status == StatusCode::REQUEST_TIMEOUT.as_u16()
}

/// One sentence for a person: what failed, what Atlas says about it, and its error code. It holds nothing that changes
/// between two failures of the same kind, so that a message made of it stays the same.
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = if self.may_have_committed() { "; it may have been carried out all the same" } else { "" };
        let sentence = match self {
            Self::Unsendable { method, path, reason } => {
                format!("the request {} could not be built: {reason}", named(method, path))
            }
            Self::Withheld { method, path } => {
                format!("{} was not sent: nothing may be changed at present", named(method, path))
            }
            Self::Unreachable { method, path, reason, .. } => {
                format!("Atlas gave no answer to {}: {reason}{unknown}", named(method, path))
            }
            Self::Throttled { method, path, .. } => {
                format!("Atlas limits the rate of requests like {} at present", named(method, path))
            }
            Self::Refused(refusal) => format!("{refusal}{unknown}"),
            Self::Unreadable { method, path, status, reason } => {
                format!("the answer to {} (HTTP {status}) {reason}{unknown}", named(method, path))
            }
            Self::Challenge { method, path, offered } => {
                format!(
                    "{} was answered with a request for a login that is never given: {offered}",
                    named(method, path)
                )
            }
            Self::Token(error) => error.to_string(),
        };
        formatter.write_str(&tidy(&sentence, SENTENCE_LIMIT))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Unsendable { .. }
            | Self::Withheld { .. }
            | Self::Unreachable { .. }
            | Self::Throttled { .. }
            | Self::Refused(_)
            | Self::Unreadable { .. }
            | Self::Challenge { .. } => None,
        }
    }
}

pub(super) fn named(method: &Method, path: &str) -> String {
    format!("{method} {}", tidy(path, PATH_LIMIT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::super::refusal::tests::refusal;
    use super::*;

    #[test]
    fn a_sentence_says_what_failed_and_why() {
        let error = |status, body: &str, method| Error::from(refusal(method, status, body)).to_string();
        assert_eq!(
            error(400, r#"{"detail":"Bad name.","errorCode":"CLUSTER_NAME_INVALID"}"#, Method::PATCH),
            "Atlas refused PATCH /groups/5f/clusters/a: Bad name (CLUSTER_NAME_INVALID, HTTP 400)"
        );
        assert_eq!(
            error(503, "", Method::PATCH),
            "Atlas failed at PATCH /groups/5f/clusters/a without an explanation (HTTP 503); it may have been carried \
             out all the same"
        );
        assert_eq!(
            error(503, "", Method::GET),
            "Atlas failed at GET /groups/5f/clusters/a without an explanation (HTTP 503)"
        );
        assert_eq!(
            error(302, "", Method::GET),
            "Atlas refused GET /groups/5f/clusters/a: it was answered with a redirect, which is never followed (HTTP \
             302)"
        );
    }

    #[test]
    fn a_sentence_is_one_bounded_line() {
        let body = json!({"detail": "ä\u{1b}[2J\n".repeat(5000), "errorCode": "X".repeat(5000)}).to_string();
        let mut refusal = refusal(Method::POST, 500, &body);
        refusal.path = format!("/{}", "p".repeat(5000));
        let sentence = Error::from(refusal).to_string();
        assert!(sentence.chars().count() <= SENTENCE_LIMIT, "{}", sentence.chars().count());
        assert!(!sentence.chars().any(char::is_control));
        assert!(sentence.ends_with("it may have been carried out all the same"), "{sentence}");
    }

    #[test]
    fn the_outcome_of_a_write_is_unknown_exactly_when_it_may_have_been_carried_out() {
        let unreachable =
            |method, sent| Error::Unreachable { method, path: String::new(), sent, reason: String::new() };
        let unreadable = |method| Error::Unreadable { method, path: String::new(), status: 201, reason: String::new() };
        assert!(unreachable(Method::POST, true).may_have_committed());
        assert!(!unreachable(Method::POST, false).may_have_committed());
        assert!(!unreachable(Method::GET, true).may_have_committed());
        assert!(unreadable(Method::DELETE).may_have_committed());
        assert!(!unreadable(Method::GET).may_have_committed());
        for status in 300..600 {
            let unknown = status >= 500 || status == 408;
            for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
                let error = Error::from(refusal(method, status, ""));
                assert_eq!(error.may_have_committed(), unknown, "{status}");
            }
            assert!(!Error::from(refusal(Method::GET, status, "")).may_have_committed());
        }
    }
}
