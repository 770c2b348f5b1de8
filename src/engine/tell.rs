//! Tells the user: status, Events, the finalizer, and when to look again.
use std::{fmt, time::Duration};

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    events::Say,
    ledger::{spread, until_round},
    object::{FINALIZER, KindRef, Object},
    outcome::{self, Outcome, Reason},
    pass::{End, Pass},
    resolve::kubernetes,
};
use crate::kind::{GROUP, VERSION};

/// The name under which the operator owns fields.
pub const MANAGER: &str = "atlas-operator";

/// How long the watch may take to show a finalizer before the object is looked at all the same.
const HELD: Duration = Duration::from_secs(2);

/// How many hiccups in a row a ready object may have before its status says so.
const TOLERATED_HICCUPS: u32 = 3;

/// Why an object is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Released {
    /// Atlas deleted its resource.
    Deleted,
    /// The resource stays, as the policies say.
    Retained,
    /// It never had one.
    NeverCreated,
    /// The resource stays, because another object manages it.
    HandedOver,
    /// Somebody else had deleted it.
    AlreadyGone,
    /// The resource was to be deleted, and the credentials for that are gone.
    OutOfReach,
}

impl fmt::Display for Released {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Deleted => "Deleted in Atlas.",
            Self::Retained => "Kept in Atlas, and no longer managed.",
            Self::HandedOver => "Left in Atlas, where another object manages it.",
            Self::NeverCreated => "There was nothing in Atlas for it.",
            Self::AlreadyGone => "It was already gone from Atlas.",
            Self::OutOfReach => {
                "Left in Atlas, although it was to be deleted: its credentials were deleted with their namespace."
            }
        })
    }
}

impl Pass<'_> {
    /// Ends a pass: conditions, Event, metric; answers when the next pass is due.
    pub(super) async fn tell(mut self, end: End) -> Option<Duration> {
        let engine = self.engine;
        // What came to nothing because another replica is at work is nothing to tell.
        if !engine.term.is_running() {
            return None;
        }
        let outcome = match end {
            End::Outcome(outcome) => outcome,
            End::Held => return Some(HELD),
            End::Released => {
                engine.wakes.depend(&super::wake::Subject::of(self.kind, self.object), []);
                engine.metrics.reconciled(self.kind.name(), "released");
                return None;
            }
        };
        tracing::Span::current().record("outcome", outcome.label());
        let failures = engine.ledger.failures(self.object, outcome.is_failure());
        if outcome.is_sure() {
            engine.ledger.is_certain(self.object);
        }
        let repeats = engine.ledger.repeats(self.object, outcome.call());
        engine.metrics.reconciled(self.kind.name(), outcome.label());
        let mut delay = outcome.requeue(failures.max(repeats), engine.options.resync);
        if outcome.is_failure() {
            delay = spread(delay, self.object);
        }
        if outcome == Outcome::Settled {
            let project = self.status.common.atlas.project_id.as_deref().unwrap_or_default();
            delay = until_round(delay, engine.clock.now(), project);
            if let Some(at) = self.appointment {
                let until = Duration::try_from(at.duration_since(engine.clock.now())).unwrap_or_default();
                // A second more: what is due at a moment is to have happened.
                delay = delay.min(until + Duration::from_secs(1));
            }
        }
        let generation = self.object.metadata.generation.unwrap_or_default();
        let was_ready = outcome::is_ready(&self.before.common, generation);
        let silent = outcome.reason() == Reason::ConfirmingAbsence
            || outcome.is_hiccup() && failures < TOLERATED_HICCUPS && was_ready;
        let (label, reason, message) = (outcome.label(), outcome.reason(), outcome.message());
        if silent {
            tracing::debug!(outcome = label, %reason, "{message}");
        } else {
            let changed = outcome::ready(&self.before.common).is_none_or(|before| {
                before.reason != outcome.reason().to_string() || before.message != outcome.message()
            });
            if changed && outcome.is_warning() {
                tracing::warn!(outcome = label, %reason, "{message}");
            } else if changed {
                tracing::info!(outcome = label, %reason, "{message}");
            }
            let written = self.write(&outcome).await;
            let unwritten = engine.ledger.unwritten(self.object, written.is_err());
            if let Err(failed) = written {
                tracing::warn!(error = failed.message(), "the status was not written; it is tried again");
                delay = spread(failed.requeue(failures.max(unwritten), engine.options.resync), self.object);
            }
        }
        self.watching.finish();
        Some(delay)
    }

    /// Writes the status with the conditions that `outcome` means, if that changes anything, and an Event about a call,
    /// a new reason, or a warning with a new text.
    pub(super) async fn write(&mut self, outcome: &Outcome) -> Result<(), Outcome> {
        self.set(outcome);
        let (reason, note) = (outcome.reason().to_string(), outcome.message());
        let is_new = outcome::ready(&self.before.common)
            .is_none_or(|before| before.reason != reason || outcome.is_warning() && before.message != note);
        let action = match outcome {
            Outcome::Acted { action, .. } => Some(action.as_str()),
            _ => is_new.then_some("Reconcile"),
        };
        if let (true, Some(action)) = (self.save().await?, action) {
            self.event(Say { reason: &reason, action, note: &note, warning: outcome.is_warning() }).await;
        }
        Ok(())
    }

    /// Sets the conditions that `outcome` means.
    pub(super) fn set(&mut self, outcome: &Outcome) {
        let generation = self.object.metadata.generation.unwrap_or_default();
        outcome.write(&mut self.status.common, generation, self.engine.clock.now());
    }

    /// Writes the status as it is, and answers whether there was anything to write.
    pub(super) async fn save(&mut self) -> Result<bool, Outcome> {
        if self.status == self.before {
            return Ok(false);
        }
        let patch = self.apply(&json!({ "status": self.status }));
        let written = self
            .api()
            .patch_status(self.object.own_name(), &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch))
            .await
            .map_err(|error| kubernetes("write the status", &error))?;
        self.engine.ledger.wrote(&written, self.status.clone());
        self.before = self.status.clone();
        Ok(true)
    }

    /// Puts the finalizer on the object, before anything is asked of Atlas.
    pub(super) async fn hold(&self) -> Result<(), Outcome> {
        let patch = self.apply(&json!({ "metadata": { "finalizers": [FINALIZER] } }));
        self.api()
            .patch(self.object.own_name(), &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch))
            .await
            .map(drop)
            .map_err(|error| kubernetes("put the finalizer on the object", &error))
    }

    /// Lets the object go, and says why.
    pub(super) async fn release(&self, why: Released) -> Result<End, Outcome> {
        let finalizers = self.object.metadata.finalizers.as_deref().unwrap_or_default();
        let index = finalizers.iter().position(|finalizer| finalizer == FINALIZER);
        if let Some(index) = index {
            let path = format!("/metadata/finalizers/{index}");
            // The test makes this the removal of our finalizer whatever happened to the list in between.
            let operations = json!([
                { "op": "test", "path": path, "value": FINALIZER },
                { "op": "remove", "path": path },
            ]);
            let removal: json_patch::Patch = serde_json::from_value(operations).map_err(|error| Outcome::Failed {
                reason: Reason::KubernetesUnavailable,
                message: error.to_string(),
            })?;
            let patched =
                self.api().patch(self.object.own_name(), &PatchParams::default(), &Patch::<()>::Json(removal)).await;
            match patched {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(kubernetes("remove the finalizer", &error)),
            }
        }
        let note = why.to_string();
        if matches!(why, Released::OutOfReach) {
            tracing::warn!("{note}");
        } else {
            tracing::info!("{note}");
        }
        let reason = if why == Released::Deleted { "Deleted" } else { "Released" };
        self.event(Say { reason, action: "Release", note: &note, warning: why == Released::OutOfReach }).await;
        self.engine.ledger.forget(self.object.own_uid());
        Ok(End::Released)
    }

    /// Publishes an Event. It is for people who look; one that cannot be published changes nothing about the object.
    pub(super) async fn event(&self, say: Say<'_>) {
        let reference = self.object.object_ref(&KindRef::of(self.kind));
        if let Err(error) = self.engine.events.publish(&reference, &say, self.engine.clock.now()).await {
            tracing::debug!(%error, "an Event was not published");
        }
    }

    fn api(&self) -> Api<Object> {
        let kind = KindRef::of(self.kind);
        Api::namespaced_with(self.engine.kube.clone(), self.object.namespace_name(), &kind)
    }

    /// A server-side apply of `fields`. The uid makes it a change to this object or nothing: were the object gone, it
    /// would be created otherwise.
    fn apply(&self, fields: &serde_json::Value) -> serde_json::Value {
        let mut patch = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": self.kind.name(),
            "metadata": { "name": self.object.own_name(), "uid": self.object.own_uid() },
        });
        for (name, value) in fields.as_object().into_iter().flatten() {
            if name == "metadata" {
                patch["metadata"]["finalizers"] = value["finalizers"].clone();
            } else {
                patch[name] = value.clone();
            }
        }
        patch
    }
}
