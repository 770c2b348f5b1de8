//! What a pass came to, mapped exhaustively to an event, the time of the next look, and a metric;
//! [`conditions`](super::conditions) maps it to conditions.
use std::{fmt, time::Duration};

pub use super::conditions::{is_ready, ready, synced, whole_second};
use super::{ledger::APART, plan::Cause};
use crate::status::OperationType;

/// The longest message a condition carries, in characters: enough for a sentence with a way out.
const LONGEST_MESSAGE: usize = 1000;

/// The closed set of reasons of the conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Seen, and about to be compared with Atlas.
    Pending,
    /// Atlas is as the spec says; of `Synced`, that Atlas could be asked.
    Synced,
    /// Created, and being brought up by Atlas.
    Creating,
    /// Changed, or being changed by Atlas itself.
    Updating,
    /// Being removed.
    Deleting,
    /// Atlas has just stopped showing it; looked at once more before that is believed.
    ConfirmingAbsence,
    /// The policy is `pause`.
    Paused,
    /// The policy is `observe`, and Atlas is not as the spec says.
    DriftDetected,
    /// What this one refers to is not there: an object, or a resource of Atlas.
    DependencyNotFound,
    /// An object that this one refers to is not in Atlas yet.
    DependencyNotReady,
    /// Objects that belong to this one must go first.
    ChildrenExist,
    /// The project does not let this namespace refer to it.
    NotAllowed,
    /// A Secret is not there.
    SecretNotFound,
    /// A Secret lacks a key, or its value cannot be used.
    SecretInvalid,
    /// No credentials are given anywhere, or their Secret is not there.
    CredentialsNotFound,
    /// The credentials Secret is not what it should be.
    CredentialsInvalid,
    /// Atlas does not know the credentials.
    CredentialsRejected,
    /// The credentials do not allow this.
    AccessDenied,
    /// The spec cannot be acted on.
    InvalidSpec,
    /// The spec changes what Atlas cannot change.
    ImmutableField,
    /// It is in Atlas already, and is not this object's.
    AlreadyExists,
    /// Another object manages the same resource of Atlas.
    OwnershipConflict,
    /// What the operator recorded in `status.atlas` cannot be decoded.
    StatusUnreadable,
    /// The state of the resource forbids what is wanted.
    Held,
    /// Its time has passed.
    Expired,
    /// Atlas refused the request as it stands.
    Rejected,
    /// Something else in Atlas must change first.
    Blocked,
    /// Atlas asked for fewer requests.
    Throttled,
    /// Atlas could not be reached, or failed.
    AtlasUnavailable,
    /// Kubernetes could not be reached, or failed.
    KubernetesUnavailable,
    /// A pass took longer than any may.
    DeadlineExceeded,
    /// The operator itself failed: a pass panicked.
    InternalError,
}

impl Reason {
    /// Whether Atlas answered, and only to say that these credentials may not ask.
    pub fn is_about_credentials(self) -> bool {
        matches!(self, Self::CredentialsRejected | Self::AccessDenied)
    }

    /// Every reason, with what a person is told of it in the documentation.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Pending, "The operator has seen it, and compares it with Atlas next. Nothing to do."),
        (Self::Synced, "Atlas is as the spec says."),
        (Self::Creating, "Atlas is creating it. Nothing to do."),
        (Self::Updating, "Atlas is changing it. Nothing to do."),
        (Self::Deleting, "Atlas is deleting it. Nothing to do."),
        (
            Self::ConfirmingAbsence,
            "Atlas, or Kubernetes, does not show something; the operator looks again before it believes that.",
        ),
        (Self::Paused, "The policy annotation says pause. Remove it to go on."),
        (Self::DriftDetected, "The policy annotation says observe, and Atlas differs; see `status.drift`."),
        (Self::DependencyNotFound, "Create what the message names, or correct the reference."),
        (Self::DependencyNotReady, "Wait for, or fix, the object that the message names."),
        (Self::ChildrenExist, "Delete the objects that the message names first."),
        (Self::NotAllowed, "Add this namespace to `spec.allowedNamespaces` of the project."),
        (Self::SecretNotFound, "Create the Secret that the message names."),
        (Self::SecretInvalid, "Put a usable value under the key that the message names."),
        (Self::CredentialsNotFound, "Create the credentials Secret, or refer to one."),
        (Self::CredentialsInvalid, "Fix the credentials Secret as the message says."),
        (Self::CredentialsRejected, "Atlas does not accept the key. Put a valid one in the Secret."),
        (Self::AccessDenied, "Give the key the role, or the API access list entry, that the message names."),
        (Self::InvalidSpec, "Fix the field that the message names."),
        (Self::ImmutableField, "Put the old value back, or delete the object and create another."),
        (Self::AlreadyExists, "Make the spec equal to what is in Atlas, or set the adopt annotation."),
        (Self::OwnershipConflict, "Delete this object or the one that the message names: a resource has one object."),
        (
            Self::StatusUnreadable,
            "Run the release that wrote `status.atlas`, or correct the field that the message names.",
        ),
        (Self::Held, "Do what the message says first."),
        (Self::Expired, "Set a later time, or delete the object."),
        (Self::Rejected, "Fix what Atlas's message names."),
        (Self::Blocked, "Something else in Atlas must change first; the operator keeps trying."),
        (Self::Throttled, "Nothing to do; the operator waits as Atlas asks."),
        (Self::AtlasUnavailable, "Nothing to do at first; if it lasts, look at Atlas's status and the network."),
        (Self::KubernetesUnavailable, "Nothing to do at first; if it lasts, look at the API server and RBAC."),
        (
            Self::DeadlineExceeded,
            "Nothing to do at first; if it lasts, check how fast Atlas and the API server answer.",
        ),
        (Self::InternalError, "Report the bug with the place that the message names. Other objects are not affected."),
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name of the variant is the word that users see.
        fmt::Debug::fmt(self, f)
    }
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::AlreadyExists => Self::AlreadyExists,
            Cause::Immutable => Self::ImmutableField,
            Cause::Held => Self::Held,
            Cause::Expired => Self::Expired,
            Cause::Missing => Self::DependencyNotFound,
        }
    }
}

impl From<OperationType> for Reason {
    fn from(operation: OperationType) -> Self {
        match operation {
            OperationType::Create => Self::Creating,
            OperationType::Update | OperationType::Upgrade => Self::Updating,
            OperationType::Delete => Self::Deleting,
        }
    }
}

/// What a pass came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to do.
    Settled {
        /// What a person should know of it all the same, as a sentence.
        remark: Option<&'static str>,
    },
    /// A call was sent; look again at once.
    Acted {
        /// `Creating`, `Updating` or `Deleting`.
        reason: Reason,
        /// What was sent, as Events name it: `UpdateSettings`.
        action: String,
        /// What was sent, as a sentence.
        note: String,
    },
    /// Atlas is at work.
    Busy {
        /// `Creating`, `Updating` or `Deleting`.
        reason: Reason,
        /// Atlas's name for the state.
        state: String,
        /// How long such an operation usually takes.
        usually: Option<String>,
        /// When to look again.
        again: Duration,
    },
    /// Something else must come first. Atlas was not asked, so the wait is free.
    Waiting {
        /// For what.
        reason: Reason,
        /// A sentence that names it.
        message: String,
    },
    /// Atlas says that something else must come first. Asking again costs a call, so it is done ever less often.
    Blocked {
        /// A sentence that names it.
        message: String,
    },
    /// Atlas asked for fewer requests.
    Throttled {
        /// How long it asked to be left alone.
        after: Duration,
    },
    /// Something failed that may work later.
    Failed {
        /// What.
        reason: Reason,
        /// A sentence.
        message: String,
    },
    /// A person must change something.
    Refused {
        /// What.
        reason: Reason,
        /// A sentence that names the field and the way out.
        message: String,
    },
    /// Nothing is done because the policy says so.
    Idle {
        /// `Paused` or `DriftDetected`.
        reason: Reason,
        /// A sentence.
        message: String,
    },
}

/// When to look again at an operation that has been under way for so long. A tenth of that keeps the number of looks
/// small for long operations, and the delay in noticing the end of short ones too.
pub fn patience(elapsed: Duration) -> Duration {
    (elapsed / 10).clamp(Duration::from_secs(2), Duration::from_secs(30))
}

impl Outcome {
    /// The reason of the `Ready` condition.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Settled { .. } => Reason::Synced,
            Self::Acted { reason, .. }
            | Self::Busy { reason, .. }
            | Self::Waiting { reason, .. }
            | Self::Failed { reason, .. }
            | Self::Refused { reason, .. }
            | Self::Idle { reason, .. } => *reason,
            Self::Blocked { .. } => Reason::Blocked,
            Self::Throttled { .. } => Reason::Throttled,
        }
    }

    /// The message of the conditions.
    pub fn message(&self) -> String {
        let message = match self {
            Self::Settled { remark } => {
                let more = remark.map(|remark| format!(" {remark}")).unwrap_or_default();
                format!("Atlas is as the spec says.{more}")
            }
            Self::Acted { note, .. } => note.clone(),
            Self::Busy { state, usually, .. } => {
                let usually = usually.as_ref().map(|usually| format!(" This usually takes {usually}."));
                let waits = if state == "IDLE" { "; waiting until it says so again" } else { "" };
                format!("Atlas reports {state}{waits}.{}", usually.unwrap_or_default())
            }
            Self::Throttled { .. } => {
                "Atlas limits the rate of requests; nothing is sent before the time that it asked for.".to_owned()
            }
            Self::Waiting { message, .. }
            | Self::Blocked { message }
            | Self::Failed { message, .. }
            | Self::Refused { message, .. }
            | Self::Idle { message, .. } => message.clone(),
        };
        bounded(&message)
    }

    /// The value of the `outcome` label in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Settled { .. } => "settled",
            Self::Acted { .. } => "acted",
            Self::Busy { .. } => "busy",
            Self::Waiting { .. } => "waiting",
            Self::Blocked { .. } => "blocked",
            Self::Throttled { .. } => "throttled",
            Self::Failed { .. } => "failed",
            Self::Refused { .. } => "refused",
            Self::Idle { .. } => "idle",
        }
    }

    /// Whether an event about it is a warning.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Settled { .. } | Self::Acted { .. } | Self::Busy { .. } | Self::Waiting { .. } => false,
            Self::Blocked { .. } | Self::Throttled { .. } | Self::Failed { .. } | Self::Refused { .. } => true,
            Self::Idle { reason, .. } => *reason == Reason::DriftDetected,
        }
    }

    /// Whether it counts as one more failure in a row.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::Refused { .. } | Self::Blocked { .. } | Self::Throttled { .. } => true,
            Self::Settled { .. }
            | Self::Acted { .. }
            | Self::Busy { .. }
            | Self::Waiting { .. }
            | Self::Idle { .. } => false,
        }
    }

    /// Whether Atlas was asked, and all that it said was believed.
    pub fn is_sure(&self) -> bool {
        match self {
            Self::Settled { .. } | Self::Acted { .. } | Self::Busy { .. } | Self::Idle { .. } => true,
            Self::Waiting { .. }
            | Self::Blocked { .. }
            | Self::Throttled { .. }
            | Self::Failed { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// The call that was sent, in the words of its note.
    pub fn call(&self) -> Option<&str> {
        match self {
            Self::Acted { note, .. } => Some(note),
            _ => None,
        }
    }

    /// Whether it says nothing about an object that was Ready, only that it could not be checked.
    pub fn is_unchecked(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::Throttled { .. } => true,
            Self::Refused { reason, .. } => reason.is_about_credentials(),
            _ => false,
        }
    }

    /// When to look again, after `failures` failures in a row (this one included), or as many repetitions of one call.
    pub fn requeue(&self, failures: u32, resync: Duration) -> Duration {
        // 2 s, 4 s, 8 s … up to `most`, from the first failure after `free` ones; the exponent is bounded so that it
        // cannot overflow.
        let grow = |first: u64, free: u32, most: Duration| {
            Duration::from_secs(first << failures.saturating_sub(1 + free).min(12)).min(most)
        };
        match self {
            // What is over stays so until the spec is changed.
            Self::Settled { .. } | Self::Idle { .. } | Self::Refused { reason: Reason::Expired, .. } => resync,
            Self::Acted { .. } if failures == 0 => Duration::ZERO,
            Self::Busy { again, .. } => *again,
            Self::Waiting { reason: Reason::ConfirmingAbsence, .. } => APART,
            // A wait is woken by what it waits for; this is the second wake-up, and costs no Atlas call.
            Self::Waiting { .. } => Duration::from_mins(1).min(resync),
            // Atlas may ask for no wait at all; one that is not enough must grow all the same.
            Self::Throttled { after } => (*after).max(grow(1, 0, Duration::from_mins(2))),
            Self::Acted { .. } | Self::Failed { .. } => grow(2, 0, Duration::from_mins(5)),
            Self::Blocked { .. } => grow(5, 0, Duration::from_mins(5)),
            Self::Refused { reason, .. } => {
                // What had to be said twice has failed twice before, and that is not held against it.
                let twice =
                    matches!(reason, Reason::CredentialsRejected | Reason::AccessDenied | Reason::DependencyNotFound);
                grow(15, if twice { 2 } else { 0 }, Duration::from_mins(10))
            }
        }
    }
}

pub(super) fn bounded(message: &str) -> String {
    if message.chars().count() <= LONGEST_MESSAGE {
        return message.to_owned();
    }
    let mut short: String = message.chars().take(LONGEST_MESSAGE - 1).collect();
    short.push('…');
    short
}
