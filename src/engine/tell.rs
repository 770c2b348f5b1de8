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
    outage::{Cause, Failure, Recovery},
    outcome::{self, Outcome, Reason},
    pass::{End, Pass},
    resolve::kubernetes,
    wake::Subject,
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
                let subject = Subject::of(self.kind, self.object);
                engine.wakes.depend(&subject, []);
                engine.outages.forget(&subject);
                engine.metrics.reconciled(self.kind.name(), "released");
                return None;
            }
        };
        tracing::Span::current().record("outcome", outcome.label());
        let failures = engine.ledger.failures(self.object, outcome.is_failure());
        if outcome.is_sure() {
            engine.ledger.clear_doubt(self.object);
        }
        let repeats = engine.ledger.repeats(self.object, outcome.call());
        engine.metrics.reconciled(self.kind.name(), outcome.label());
        let mut delay = outcome.requeue(failures.max(repeats), engine.options.resync);
        if outcome.is_failure() {
            delay = spread(delay, self.object);
        }
        if matches!(outcome, Outcome::Settled { .. }) {
            let project = self.status.common.atlas.project_id.as_deref().unwrap_or_default();
            delay = until_round(delay, engine.clock.now(), project);
            if let Some(at) = self.appointment {
                let until = Duration::try_from(at.duration_since(engine.clock.now())).unwrap_or_default();
                // A second more: what is due at a moment is to have happened.
                delay = delay.min(until + Duration::from_secs(1));
            }
        }
        let failure = self.weigh(&outcome, &mut delay);
        let generation = self.object.metadata.generation.unwrap_or_default();
        // What cannot be asked says nothing about an object that was as its spec says.
        let kept = outcome.is_unchecked() && !self.differs && outcome::is_ready(&self.before.common, generation);
        let known = failure.as_ref().is_some_and(|failure| failure.known);
        let (label, reason, message) = (outcome.label(), outcome.reason(), outcome.message());
        // An object that says nothing yet says at least that.
        let confirms = reason == Reason::ConfirmingAbsence && !self.before.common.conditions.is_empty();
        let silent = confirms || kept && failures < TOLERATED_HICCUPS && !known;
        // An outage is logged once, and not for each object that is Ready.
        let news = !(silent || kept && known) && self.is_news(&outcome, kept);
        if !news {
            tracing::debug!(outcome = label, %reason, "{message}");
        } else if outcome.is_warning() {
            tracing::warn!(outcome = label, %reason, "{message}");
        } else {
            tracing::info!(outcome = label, %reason, "{message}");
        }
        if !silent {
            if kept {
                let now = self.engine.clock.now();
                let since = failure.map_or(now, |failure| failure.since);
                outcome.keep(&mut self.status.common, since, now);
            } else {
                self.set(&outcome);
            }
            let written = self.write(&outcome, news).await;
            let unwritten = engine.ledger.unwritten(self.object, written.is_err());
            match written {
                Ok(()) => self.reached(&outcome),
                Err(failed) => {
                    let own = spread(failed.requeue(failures.max(unwritten), engine.options.resync), self.object);
                    delay = self.unwritten(&failed, own);
                }
            }
        }
        self.watching.finish();
        Some(delay)
    }

    /// Counts this outcome for or against an outage of Atlas, and wakes those who can be checked again. While an outage
    /// lasts, it decides when the next try is.
    fn weigh(&self, outcome: &Outcome, delay: &mut Duration) -> Option<Failure> {
        let (engine, now) = (self.engine, self.engine.clock.now());
        let subject = Subject::of(self.kind, self.object);
        let secret = self.status.common.atlas.credentials.as_ref().map(ToString::to_string).unwrap_or_default();
        let cause = match outcome {
            // Atlas answered before, so it is this write that fails.
            Outcome::Failed { reason: Reason::AtlasUnavailable, .. } | Outcome::Throttled { .. } if self.sends => {
                engine.outages.forget(&subject);
                return None;
            }
            Outcome::Failed { reason: Reason::AtlasUnavailable, .. } => Cause::Unreachable,
            Outcome::Failed { reason: Reason::KubernetesUnavailable, .. } => Cause::Kubernetes,
            Outcome::Throttled { .. } => Cause::Limited(secret),
            // What may not be changed says nothing about what may be read.
            Outcome::Failed { reason, .. } | Outcome::Refused { reason, .. }
                if reason.is_about_credentials() && !self.sends =>
            {
                Cause::Refused(secret)
            }
            Outcome::Settled { .. }
            | Outcome::Acted { .. }
            | Outcome::Busy { .. }
            | Outcome::Blocked { .. }
            | Outcome::Idle { reason: Reason::DriftDetected, .. } => {
                self.recover(engine.outages.succeeded(&secret, &subject, now));
                return None;
            }
            Outcome::Waiting { .. } | Outcome::Refused { .. } | Outcome::Failed { .. } | Outcome::Idle { .. } => {
                engine.outages.forget(&subject);
                return None;
            }
        };
        let failure = engine.outages.failed(&cause, &subject, &outcome.message(), *delay, now);
        *delay = failure.again;
        if let Some(line) = &failure.line {
            tracing::warn!(parent: None, "{line}");
        }
        Some(failure)
    }

    /// The status was not written because of `failed`; answers when to try again, which by itself would be after `own`.
    fn unwritten(&self, failed: &Outcome, own: Duration) -> Duration {
        let (subject, now) = (Subject::of(self.kind, self.object), self.engine.clock.now());
        let failure = self.engine.outages.failed(&Cause::Kubernetes, &subject, &failed.message(), own, now);
        match failure.line {
            Some(line) => tracing::warn!(parent: None, "{line}"),
            None if failure.known => {}
            None => tracing::warn!(error = failed.message(), "the status was not written; it is tried again"),
        }
        failure.again
    }

    /// Ends an outage of Kubernetes, where a pass with this outcome has read and written all that it had to.
    fn reached(&self, outcome: &Outcome) {
        if !matches!(outcome, Outcome::Failed { .. } | Outcome::Idle { .. }) {
            let (engine, subject) = (self.engine, Subject::of(self.kind, self.object));
            self.recover(engine.outages.reached_kubernetes(&subject, engine.clock.now()));
        }
    }

    fn recover(&self, recovery: Recovery) {
        for line in recovery.lines {
            tracing::info!(parent: None, "{line}");
        }
        for subject in recovery.wake {
            self.engine.wakes.wake(&subject);
        }
    }

    /// Whether the object does not say so already.
    fn is_news(&self, outcome: &Outcome, kept: bool) -> bool {
        let (reason, message) = (outcome.reason().to_string(), outcome.message());
        let before = &self.before.common;
        if kept {
            return outcome::synced(before).is_none_or(|synced| synced.status == "True" || synced.reason != reason);
        }
        outcome::ready(before).is_none_or(|ready| ready.reason != reason || ready.message != message)
    }

    /// Writes the status, if that changes anything, and an Event about a call, a new reason, or a warning with a new text.
    async fn write(&mut self, outcome: &Outcome, news: bool) -> Result<(), Outcome> {
        let (reason, note) = (outcome.reason().to_string(), outcome.message());
        let is_new = outcome::ready(&self.before.common).is_none_or(|before| before.reason != reason);
        let action = match outcome {
            Outcome::Acted { action, .. } => Some(action.as_str()),
            _ => (news && (is_new || outcome.is_warning())).then_some("Reconcile"),
        };
        if let (true, Some(action)) = (self.save().await?, action) {
            self.event(Say { reason: &reason, action, note: &note, warning: outcome.is_warning() }).await;
        }
        Ok(())
    }

    /// Gives an object that says nothing yet its first condition, unless another write comes before this one: the
    /// version makes sure of that, because a reconcile of the object is under way.
    pub(super) async fn greet(mut self) {
        let common = &self.before.common;
        if !common.conditions.is_empty() || common.atlas.unreadable.is_some() || self.object.is_leaving() {
            return;
        }
        let message = "The operator compares it with Atlas.".to_owned();
        self.set(&Outcome::Waiting { reason: Reason::Pending, message });
        let mut patch = self.apply(&json!({ "status": self.status }));
        patch["metadata"]["resourceVersion"] = json!(self.object.metadata.resource_version);
        let parameters = PatchParams::apply(MANAGER).force();
        if let Err(error) = self.api().patch_status(self.object.own_name(), &parameters, &Patch::Apply(patch)).await {
            tracing::debug!(%error, "the first condition was not written");
        }
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
