//! What to do about a refusal: the one place that decides it, from status, error code and operation together.
//!
//! A status alone says little at Atlas. A name that is taken is a 400 for a cluster and a 409 for a project; a missing
//! permission is a 401; 404 is the answer for what is gone, for what is not there yet, and for a list in which one member is
//! being deleted; and some of the 400s pass by themselves. The codes are those that were recorded or that the
//! documentation of the API lists. Two rules keep a mistake here harmless: a code that is not listed is tried again, so
//! nothing new can bring an object to a standstill; and only a 404 that names the very resource of the call means that
//! this resource is not there.

use std::time::Duration;

use reqwest::Method;

use super::codes::{ABSENT, BLOCKED, ELSEWHERE, EXISTS, FORBIDDEN, PASSES, PASSES_WITH_PHRASE, REJECTED};
use super::error::is_failure_of_the_server;
use super::refusal::is_silent;
use super::{Refusal, pace};

/// What to do about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Atlas limits the rate: call again after this time, not before.
    RetryAfter(Duration),
    /// It may pass by itself: call again, at growing distances.
    Backoff,
    /// The resource that the call addresses is not there. Believe it when two reads in a row say so: a resource that was
    /// created a moment ago can be missing once.
    Absent,
    /// Of a read: the name is that of a resource which another API serves, for good or while it is upgraded.
    Elsewhere,
    /// The project that the resource belongs to is not there, or is closed to this credential: Atlas does not say which.
    ParentAbsent,
    /// What was to be created is there already.
    Exists,
    /// The credential is wrong.
    Unauthenticated,
    /// The credential is right and not allowed to do this.
    Forbidden,
    /// Something else must come or go first: wait, and look again.
    Blocked,
    /// The request itself is wrong: wait for a change of what it was made from.
    Rejected,
    /// Atlas refused the request for a reason that is not listed here: say what Atlas says, and call again at growing
    /// distances, because it may pass.
    Unlisted,
}

impl Class {
    /// Decides about an answer with an error.
    pub(super) fn of(refusal: &Refusal) -> Self {
        let code = refusal.code.as_deref().filter(|code| !is_silent(Some(code)));
        if is_throttled(refusal.status, code) {
            return Self::RetryAfter(pace::wait_after(None));
        }
        if is_failure_of_the_server(refusal.status) {
            return Self::Backoff;
        }
        if refusal.credential_refused {
            return Self::Unauthenticated;
        }
        let Some(code) = code else {
            return if refusal.status == 400 && refusal.names_fields { Self::Rejected } else { Self::Backoff };
        };
        match refusal.status {
            401 | 403 => of_denied(refusal, code),
            404 => of_missing(refusal, code).or_else(|| of_code(refusal, code)).unwrap_or(Self::Backoff),
            // These say nothing about what was sent.
            406 | 410 => of_code(refusal, code).unwrap_or(Self::Backoff),
            400..=499 => of_code(refusal, code).unwrap_or(Self::Unlisted),
            _ => Self::Backoff,
        }
    }
}

/// Whether an answer says that the rate is limited. Invitations have a limit of their own, which answers 400.
pub(super) fn is_throttled(status: u16, code: Option<&str>) -> bool {
    status == 429 || code.is_some_and(|code| code.starts_with("RATE_LIMITED"))
}

/// 401 and 403 with a code: the credential was accepted and is not enough.
fn of_denied(refusal: &Refusal, code: &str) -> Class {
    match code {
        // The answer for a project that was deleted a while ago, and for one of another organisation. For the project
        // itself that must not be read as "gone".
        "USER_CANNOT_ACCESS_GROUP" if is_below_group(refusal.template) => Class::ParentAbsent,
        _ if FORBIDDEN.contains(&code) => Class::Forbidden,
        _ if is_quota(code) => Class::Blocked,
        _ => Class::Backoff,
    }
}

/// 404 with a code that says what is missing; `None` where the code is about something else.
fn of_missing(refusal: &Refusal, code: &str) -> Option<Class> {
    if code == "GROUP_NOT_FOUND" && is_below_group(refusal.template) {
        return Some(Class::ParentAbsent);
    }
    let shape = shape(refusal.template);
    let mut rows = ABSENT.iter().filter(|(_, codes)| codes.contains(&code)).peekable();
    rows.peek()?;
    // Below what is missing, a part of it was addressed. Elsewhere, as in a list, the code tells of another resource.
    rows.find_map(|(missing, _)| match shape.strip_prefix(missing) {
        Some("") => Some(Class::Absent),
        Some(below) if below.starts_with('/') => Some(Class::Blocked),
        _ => None,
    })
    .or(Some(Class::Backoff))
}

/// What a code says by itself.
fn of_code(refusal: &Refusal, code: &str) -> Option<Class> {
    let passes = |(listed, phrase): &(&str, &str)| *listed == code && refusal.detail.contains(phrase);
    if PASSES_WITH_PHRASE.iter().any(passes) || PASSES.contains(&code) {
        Some(Class::Backoff)
    } else if EXISTS.contains(&code) {
        // Elsewhere than in a creation, as when a project is renamed, somebody else's resource stands in the way.
        Some(if refusal.method == Method::POST { Class::Exists } else { Class::Blocked })
    } else if ELSEWHERE.contains(&code) {
        Some(if refusal.method == Method::GET { Class::Elsewhere } else { Class::Blocked })
    } else if BLOCKED.contains(&code) || code.starts_with("CANNOT_CLOSE_GROUP_ACTIVE_") || is_quota(code) {
        Some(Class::Blocked)
    } else if FORBIDDEN.contains(&code) {
        Some(Class::Forbidden)
    } else if REJECTED.contains(&code) || refusal.names_fields {
        Some(Class::Rejected)
    } else {
        None
    }
}

/// A limit on how many there may be of something. It is lifted by removing another one or by MongoDB's support.
fn is_quota(code: &str) -> bool {
    (code.starts_with("MAX_") && code.ends_with("_EXCEEDED"))
        || code.ends_with("_LIMIT_EXCEEDED")
        || code.ends_with("_MAXIMUM_REACHED")
}

/// Whether a template addresses something in a project, and not the project itself.
fn is_below_group(template: &str) -> bool {
    shape(template).starts_with("/groups/{}/")
}

/// A template without the names of its slots.
fn shape(template: &str) -> String {
    let mut shape = String::with_capacity(template.len());
    let mut in_slot = false;
    for character in template.chars() {
        match character {
            '{' => {
                in_slot = true;
                shape.push_str("{}");
            }
            '}' => in_slot = false,
            _ if in_slot => {}
            _ => shape.push(character),
        }
    }
    shape
}

#[cfg(test)]
#[path = "class_tests.rs"]
mod tests;
