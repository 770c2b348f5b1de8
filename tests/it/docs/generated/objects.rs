//! Outcomes and reasons.
use std::time::Duration;

use atlas_operator::{
    engine::{
        conditions::SYNCED,
        outcome::{Outcome, Reason, patience},
    },
    status::Common,
};
use jiff::Timestamp;

use super::{code, table};

/// Stands for the value of `--resync`, and is no other delay.
const RESYNC: Duration = Duration::from_secs(12_345);

fn seconds(duration: Duration) -> String {
    match duration {
        RESYNC => "`--resync`".to_owned(),
        Duration::ZERO => "at once".to_owned(),
        other if other.as_secs() % 60 == 0 => format!("{} min", other.as_secs() / 60),
        other => format!("{} s", other.as_secs()),
    }
}

fn samples() -> [Outcome; 10] {
    let message = String::new;
    [
        Outcome::Settled { remark: None },
        Outcome::Acted { reason: Reason::Updating, action: message(), note: message() },
        Outcome::Busy { reason: Reason::Updating, state: message(), usually: None, again: patience(Duration::ZERO) },
        Outcome::Waiting { reason: Reason::SecretNotFound, message: message() },
        Outcome::Blocked { message: message() },
        Outcome::Throttled { after: Duration::ZERO },
        Outcome::Failed { reason: Reason::AtlasUnavailable, message: message() },
        Outcome::Refused { reason: Reason::InvalidSpec, message: message() },
        Outcome::Idle { reason: Reason::Paused, message: message() },
        Outcome::Idle { reason: Reason::DriftDetected, message: message() },
    ]
}

fn meaning(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Settled { .. } => "nothing is left to do",
        Outcome::Acted { .. } => "a call that changes Atlas was sent",
        Outcome::Busy { .. } => "Atlas is at work",
        Outcome::Waiting { .. } => "something in Kubernetes must come first; Atlas was not asked",
        Outcome::Blocked { .. } => "Atlas says that something else must come first",
        Outcome::Throttled { .. } => "Atlas asked for fewer requests",
        Outcome::Failed { .. } => "something failed that may work later",
        Outcome::Refused { .. } => "a person must change something",
        Outcome::Idle { reason: Reason::DriftDetected, .. } => "the policy is observe, and Atlas differs from the spec",
        Outcome::Idle { .. } => "the policy is pause",
    }
}

fn next_look(outcome: &Outcome) -> String {
    // After the first failure in a row, and after so many that the delay grows no more.
    let (first, last) = (outcome.requeue(1, RESYNC), outcome.requeue(40, RESYNC));
    let growing =
        if first == last { seconds(first) } else { format!("{}, growing to {}", seconds(first), seconds(last)) };
    match outcome {
        Outcome::Acted { .. } => {
            format!("{}; where the same call repeats itself, {growing}", seconds(outcome.requeue(0, RESYNC)))
        }
        Outcome::Busy { reason, .. } => {
            let day = Duration::from_hours(24);
            let longest = Outcome::Busy { reason: *reason, state: String::new(), usually: None, again: patience(day) }
                .requeue(1, RESYNC);
            format!("a tenth of the time it has taken, {} to {}", seconds(first), seconds(longest))
        }
        Outcome::Throttled { .. } => format!("when Atlas allows; at least {growing}"),
        Outcome::Settled { .. }
        | Outcome::Waiting { .. }
        | Outcome::Blocked { .. }
        | Outcome::Failed { .. }
        | Outcome::Refused { .. }
        | Outcome::Idle { .. } => growing,
    }
}

pub fn outcomes() -> String {
    let row = |outcome: Outcome| {
        let mut status = Common::default();
        outcome.write(&mut status, 1, Timestamp::UNIX_EPOCH);
        let value = |type_: &str| status.conditions.iter().find(|it| it.type_ == type_).map(|it| it.status.clone());
        let others = status.conditions.iter().filter(|it| it.type_ != "Ready" && it.type_ != SYNCED);
        let beside: Vec<String> = others.map(|it| code(&it.type_)).collect();
        let ready = match &outcome {
            Outcome::Refused { .. } => "`False`; as it was where Atlas refuses the credentials".to_owned(),
            _ if outcome.is_unchecked() => "as it was; `False` while a change is pending".to_owned(),
            _ => code(&value("Ready").unwrap()),
        };
        let synced = match &outcome {
            Outcome::Refused { .. } => "`True`; `False` where Atlas could not be asked".to_owned(),
            _ => code(&value(SYNCED).unwrap()),
        };
        let event = if outcome.is_warning() { "Warning" } else { "Normal" };
        vec![
            code(outcome.label()),
            meaning(&outcome).to_owned(),
            ready,
            beside.join(", "),
            synced,
            event.to_owned(),
            next_look(&outcome),
        ]
    };
    table(&["outcome", "meaning", "`Ready`", "beside it", "`Synced`", "Event", "next look"], samples().map(row))
}

/// What stands beside `Ready` with a reason. The reasons that can stand beside two conditions are those of something
/// that is believed, or can be blamed on the spec, only later.
fn shown_as(reason: Reason) -> &'static str {
    match reason {
        Reason::Synced => "Ready",
        Reason::ConfirmingAbsence => "Reconciling of an object that says nothing yet, else in the log only",
        Reason::Paused | Reason::DriftDetected => "Ready is Unknown",
        Reason::Pending
        | Reason::Creating
        | Reason::Updating
        | Reason::Deleting
        | Reason::DependencyNotReady
        | Reason::ChildrenExist
        | Reason::SecretNotFound
        | Reason::SecretInvalid
        | Reason::Blocked
        | Reason::DeadlineExceeded
        | Reason::InternalError => "Reconciling",
        Reason::Throttled | Reason::AtlasUnavailable | Reason::KubernetesUnavailable => {
            "Reconciling while a change is pending, else `Synced` only"
        }
        Reason::DependencyNotFound => "Reconciling; Stalled if Atlas lacks the project",
        Reason::CredentialsNotFound => "Reconciling; Stalled if none are named, and at a deletion",
        Reason::OwnershipConflict => "Stalled; Reconciling while the other object is being deleted",
        Reason::CredentialsRejected | Reason::AccessDenied => "Reconciling at first sight, then Stalled",
        Reason::NotAllowed
        | Reason::StatusUnreadable
        | Reason::AlreadyExists
        | Reason::CredentialsInvalid
        | Reason::InvalidSpec
        | Reason::ImmutableField
        | Reason::Held
        | Reason::Expired => "Stalled",
        Reason::Rejected => "Stalled; Reconciling if the operator does not know Atlas's code",
    }
}

pub fn reasons() -> String {
    let row = |(reason, advice): &(Reason, &str)| {
        vec![code(&reason.to_string()), shown_as(*reason).to_owned(), (*advice).to_owned()]
    };
    table(&["reason", "condition", "meaning, or what to do"], Reason::ALL.iter().map(row))
}
