//! Looks up how things stand, for metrics.
use std::{borrow::Cow, collections::HashMap};

use kube::runtime::reflector::ObjectRef;
use serde::{Deserialize, de::IgnoredAny};
use tokio::time::Instant;

use super::{
    Engine,
    conditions::SYNCED,
    object::{KindRef, Object},
    outcome::Reason,
    wake::Subject,
};
use crate::telemetry::metrics::{Queue, Standing, Survey, Unsynced};

/// The reason that is counted for objects that have none yet.
const PENDING: &str = "Pending";

/// As much of a status as is counted; the rest is skipped, which makes a survey of many objects cheap.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown<'a> {
    #[serde(borrow)]
    conditions: Vec<Seen<'a>>,
    drift: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow, rename = "type")]
    type_: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

impl Engine {
    /// How things stand now.
    pub fn survey(&self) -> Survey {
        let reasons: HashMap<String, Reason> =
            Reason::ALL.iter().map(|(reason, _)| (reason.to_string(), *reason)).collect();
        let mut survey = Survey { leader: self.term.is_running(), ..Survey::default() };
        for kind in self.catalogue {
            survey.queues.insert(kind.name(), Queue::default());
            let drifted = survey.drifted.entry(kind.name()).or_default();
            for object in self.objects(kind.name()) {
                let shown = shown(&object);
                *drifted += u32::from(!shown.drift.is_empty());
                if let Some(unsynced) = unsynced(kind.name(), &shown, &reasons) {
                    *survey.unsynced.entry(unsynced).or_default() += 1;
                }
                *survey.objects.entry(standing(kind.name(), &shown, &reasons)).or_default() += 1;
            }
        }
        let now = Instant::now();
        for (subject, due) in self.backlog.overdue(now) {
            // What a watch lost sight of is not waited for.
            if !self.has(&subject) {
                self.backlog.done(&subject);
            } else if let Some(queue) = survey.queues.get_mut(subject.kind) {
                queue.depth += 1;
                queue.oldest = queue.oldest.max(now.duration_since(due));
            }
        }
        survey
    }

    fn has(&self, subject: &Subject) -> bool {
        let Some(kind) = self.kind(subject.kind) else { return false };
        let reference = ObjectRef::<Object>::new_with(&subject.name, KindRef::of(kind)).within(&subject.namespace);
        self.stores.get(subject.kind).into_iter().flatten().any(|store| store.get(&reference).is_some())
    }
}

fn shown(object: &Object) -> Shown<'_> {
    object.status.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// What keeps an object from being compared with Atlas.
fn unsynced(kind: &'static str, shown: &Shown<'_>, reasons: &HashMap<String, Reason>) -> Option<Unsynced> {
    let synced = shown.conditions.iter().find(|condition| condition.type_ == SYNCED)?;
    let reason = reasons.get(&*synced.reason)?.to_string();
    (synced.status != "True").then_some(Unsynced { kind, reason })
}

/// Only what the operator itself would say becomes a label: a status may be written by anybody.
fn standing(kind: &'static str, shown: &Shown<'_>, reasons: &HashMap<String, Reason>) -> Standing {
    let ready = shown.conditions.iter().find(|condition| condition.type_ == "Ready");
    let status = match ready.map(|ready| &*ready.status) {
        Some("True") => "True",
        Some("False") => "False",
        _ => "Unknown",
    };
    let reason = ready.and_then(|ready| reasons.get(&*ready.reason));
    Standing { kind, ready: status, reason: reason.map_or_else(|| PENDING.to_owned(), Reason::to_string) }
}
