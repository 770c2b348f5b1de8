//! The conditions that an outcome means.
//!
//! They follow kstatus: `Reconciling` while the operator is at work, `Stalled` when it needs a person, both absent
//! otherwise, and `Ready` always, all written together with `observedGeneration`. `Ready` says whether the object is as
//! its spec says, as far as anybody knows; `Synced` says whether that could be checked.
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::outcome::{Outcome, Reason, bounded};
use crate::status::Common;

/// The condition that says whether the object can be compared with Atlas.
pub const SYNCED: &str = "Synced";

/// How the conditions are to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Light {
    Ready,
    Reconciling,
    Stalled,
    Unknown,
}

impl Outcome {
    /// What the condition `Synced` says: whether the object can be compared with Atlas.
    fn synced(&self) -> &'static str {
        match self {
            Self::Settled { .. } | Self::Acted { .. } | Self::Busy { .. } | Self::Blocked { .. } => "True",
            Self::Idle { reason, .. } if *reason == Reason::DriftDetected => "True",
            // Nobody has asked.
            Self::Waiting { .. } | Self::Idle { .. } => "Unknown",
            Self::Throttled { .. } | Self::Failed { .. } => "False",
            Self::Refused { reason, .. } => match reason {
                Reason::AlreadyExists | Reason::ImmutableField | Reason::Held | Reason::Expired | Reason::Rejected => {
                    "True"
                }
                _ => "False",
            },
        }
    }

    fn light(&self) -> Light {
        match self {
            Self::Settled { .. } => Light::Ready,
            Self::Acted { .. }
            | Self::Busy { .. }
            | Self::Waiting { .. }
            | Self::Blocked { .. }
            | Self::Throttled { .. }
            | Self::Failed { .. } => Light::Reconciling,
            Self::Refused { .. } => Light::Stalled,
            Self::Idle { .. } => Light::Unknown,
        }
    }

    /// Sets the conditions that this outcome means.
    pub fn write(&self, status: &mut Common, generation: i64, now: Timestamp) {
        let (reason, message) = (self.reason(), self.message());
        status.observed_generation = generation;
        let synced = self.write_synced(status, now, now);
        let (ready, reconciling, stalled) = match self.light() {
            Light::Ready => ("True", false, false),
            Light::Reconciling => ("False", true, false),
            Light::Stalled => ("False", false, true),
            Light::Unknown => ("Unknown", false, false),
        };
        let mut conditions = vec![condition(status, "Ready", ready, reason, &message, now)];
        if reconciling {
            conditions.push(condition(status, "Reconciling", "True", reason, &message, now));
        }
        if stalled {
            conditions.push(condition(status, "Stalled", "True", reason, &message, now));
        }
        conditions.push(synced);
        status.conditions = conditions;
    }

    /// Leaves what was said of an object that was Ready, and says in `Synced` that it could not be checked `since`.
    pub fn keep(&self, status: &mut Common, since: Timestamp, now: Timestamp) {
        let synced = self.write_synced(status, since, now);
        status.conditions.retain(|condition| condition.type_ != SYNCED);
        status.conditions.push(synced);
    }

    fn write_synced(&self, status: &Common, since: Timestamp, now: Timestamp) -> Condition {
        let value = self.synced();
        if value == "True" {
            return condition(status, SYNCED, value, Reason::Synced, "Atlas could be asked.", now);
        }
        let reason = self.reason();
        let before = status.conditions.iter().find(|condition| condition.type_ == SYNCED && condition.status == value);
        let message = match before {
            // The first words stay: an outage that words itself otherwise each time is no change of state.
            Some(before) if before.reason == reason.to_string() && self.is_unchecked() => before.message.clone(),
            _ if self.is_unchecked() => {
                let message = self.message();
                let next = match (self, reason) {
                    (Self::Throttled { .. }, _) => "when Atlas allows it",
                    (_, Reason::AtlasUnavailable) => "within 5 minutes, or as soon as Atlas answers again",
                    (Self::Refused { .. }, _) => "within 10 minutes, or as soon as the Secret changes",
                    _ => "within 5 minutes",
                };
                let stop = if message.ends_with('.') { "" } else { "." };
                bounded(&format!("{message}{stop} Not checked since {}; the next try is {next}.", whole_second(since)))
            }
            _ => self.message(),
        };
        condition(status, SYNCED, value, reason, &message, now)
    }
}

fn condition(before: &Common, type_: &str, value: &str, reason: Reason, message: &str, now: Timestamp) -> Condition {
    let since = before
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_ && condition.status == value)
        // Whole seconds, as the API server stores them: anything finer would read as a change.
        .map_or_else(|| Time(whole_second(now)), |condition| condition.last_transition_time.clone());
    Condition {
        type_: type_.to_owned(),
        status: value.to_owned(),
        reason: reason.to_string(),
        message: message.to_owned(),
        observed_generation: Some(before.observed_generation),
        last_transition_time: since,
    }
}

/// `time` without the fraction of its second.
pub fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The `Synced` condition of a status, if it has one.
pub fn synced(status: &Common) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == SYNCED)
}

/// The `Ready` condition of a status, if it has one.
pub fn ready(status: &Common) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == "Ready")
}

/// Whether a status says that the object is ready for this generation.
pub fn is_ready(status: &Common, generation: i64) -> bool {
    status.observed_generation == generation && ready(status).is_some_and(|condition| condition.status == "True")
}
