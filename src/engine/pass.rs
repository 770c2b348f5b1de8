//! One pass over one object: at most one mutating call, then look again.
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Engine,
    ledger::Doubt,
    object::Object,
    observe::{self, Observation, observe},
    outcome::{self, Outcome, Reason, patience},
    ownership,
    plan::{self, Adopt, Cause, Issuance, Memory, Observed, Purpose, Scene, Step, Wanted},
    policy::{Manage, POLICY, Policies},
    resolve::{Asking, Resolved, invalid},
    shown::documents,
    takeover::stale,
    wake::{Subject, Topic, Watching},
};
use crate::{
    atlas::Class,
    kind::{Declared, Kind, Part, Slots},
    secrets::takeover,
    status::{Operation, OperationType, Status},
};

/// The work on one object.
pub(crate) struct Pass<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) kind: &'static dyn Kind,
    pub(crate) object: &'a Object,
    pub(crate) watching: Watching<'a>,
    /// The status as it will be.
    pub(crate) status: Status,
    /// The status as it was last written.
    pub(crate) before: Status,
    /// Whether Atlas is known not to be as the spec says.
    pub(crate) differs: bool,
    /// Whether Atlas has answered all that was read, and something is sent.
    pub(crate) sends: bool,
    /// When something is known to be due that no watch and no resync would notice in time.
    pub(crate) appointment: Option<Timestamp>,
}

/// What a pass looked at and decided on.
pub(super) struct Prospect {
    pub(super) resolved: Resolved,
    pub(super) declared: Box<dyn Declared>,
    pub(super) scene: Scene,
}

/// How a pass ended.
pub(super) enum End {
    /// With this outcome.
    Outcome(Outcome),
    /// The finalizer was put on the object; the watch will show that, and so start the next pass.
    Held,
    /// The object is let go.
    Released,
}

impl Engine {
    /// Does one pass over `object`, and says when the next is due; `None` when only a change can make one useful.
    #[tracing::instrument(
        skip_all,
        fields(
            kind = kind.name(),
            namespace = object.namespace_name(),
            name = object.own_name(),
            outcome = tracing::field::Empty
        )
    )]
    pub async fn pass(&self, kind: &'static dyn Kind, object: &Object) -> Option<Duration> {
        if object.is_leaving() && !object.is_held() || !self.term.is_running() {
            return None;
        }
        let (subject, started) = (Subject::of(kind, object), Instant::now());
        let before = self.ledger.status(object);
        let watching = Watching::new(&self.wakes, &subject);
        let (status, differs) = (before.clone(), object.is_leaving());
        let mut pass =
            Pass { engine: self, kind, object, watching, status, before, differs, sends: false, appointment: None };
        // Boxed, as are its branches: the future is large, and a thread's stack is not.
        let end = match Box::pin(pass.go()).await {
            Ok(end) => end,
            Err(outcome) => End::Outcome(outcome),
        };
        let again = pass.tell(end).await;
        self.metrics.passed(kind.name(), started.elapsed());
        again
    }
}

impl Pass<'_> {
    async fn go(&mut self) -> Result<End, Outcome> {
        if let Some(error) = &self.before.common.atlas.unreadable {
            let message = format!(
                "status.atlas cannot be decoded: {error}. It holds what this object is in Atlas, so nothing is done \
                 until it can. Run the release of the operator that wrote it, or correct the field."
            );
            return Err(Outcome::Refused { reason: Reason::StatusUnreadable, message });
        }
        self.watching.on(Topic::Namespace(self.object.namespace_name().to_owned()));
        let policies = self.engine.policies(self.kind, self.object)?;
        if policies.manage == Manage::Pause {
            let message = self.engine.policy_of(self.object, POLICY).map_or_else(
                || {
                    "The flag --policy says pause: nothing is done for any object that does not say otherwise."
                        .to_owned()
                },
                |place| format!("The annotation {POLICY} of {place} says pause: nothing is done until it is removed."),
            );
            return Err(Outcome::Idle { reason: Reason::Paused, message });
        }
        if self.object.is_leaving() {
            return Box::pin(self.leave(policies)).await;
        }
        if policies.manage == Manage::Manage && !self.object.is_held() {
            self.hold().await?;
            return Ok(End::Held);
        }
        let manages = policies.manage == Manage::Manage;
        let outcome = Box::pin(self.stay(policies)).await;
        if let (true, Err(Outcome::Waiting { reason: Reason::OwnershipConflict, .. })) = (manages, &outcome) {
            self.inherit();
        }
        outcome.map(End::Outcome)
    }

    // -----------------------------------------------------------------------------------------------------------
    // The object is wanted

    async fn stay(&mut self, policies: Policies) -> Result<Outcome, Outcome> {
        let declared = self.declared()?;
        let manages = policies.manage == Manage::Manage;
        let asking = Asking { kind: self.kind, object: self.object, status: &self.status, makes_secrets: manages };
        let mut resolved = self.engine.resolve(&asking, &*declared, &mut self.watching).await?;
        self.look_up(&*declared, &mut resolved).await?;
        let mut parts = declared.parts(&resolved.given).map_err(|error| invalid(&error))?;
        parts.retain(|part| part.declared || self.status.common.atlas.entries.contains_key(part.name));
        self.remember(&resolved);
        let slots = Self::slots(&parts, &resolved);
        let observation = self.look(&resolved, &parts, &slots).await.map_err(|error| self.atlas(&error))?;
        self.confirm_entries(&parts, &observation)?;
        if self.is_lost(&parts, &observation)? {
            let note = "It is no longer in Atlas, though nothing here deleted it. It will be created again.";
            return Ok(Outcome::Acted {
                reason: Reason::Creating,
                action: "Recreate".to_owned(),
                note: note.to_owned(),
            });
        }
        let adopt = if policies.manage == Manage::Observe { Adopt::Always } else { policies.adopt };
        let found = parts.first().and_then(|part| observation.parts.get(part.name)).and_then(Observed::document);
        if manages && (found.is_none() || adopt == Adopt::Always) {
            self.make_secrets(&*declared, &mut resolved).await?;
        }
        let mut scene = self.scene(Wanted::Present, parts, observation, adopt, &resolved);
        if manages && let Some(refused) = takeover(&scene, &*declared, &resolved) {
            return Err(refused);
        }
        self.claim(&mut scene, &resolved, policies.manage)?;
        if !manages {
            // What Atlas never shows is not known to differ.
            scene.stale = Vec::new();
        }
        self.status.common.others = ownership::others(&scene);
        self.report(&scene, &*declared, &resolved);
        if let (true, Some(issue)) = (manages, declared.issue()) {
            scene.issuance = Some(self.issuance(issue).await?);
        }
        let expiry = scene.parts.first().and_then(|part| part.route.expiry(&part.desired));
        let renewal = scene.issuance.as_ref().and_then(Issuance::renewal);
        self.appointment = expiry.into_iter().chain(renewal).min();
        let step = plan::next(&scene).map_err(|error| bug(&error.to_string()))?;
        let prospect = Prospect { resolved, declared, scene };
        self.take(step, prospect, policies.manage).await
    }

    /// Looks at Atlas. For an object that is settled a listing will do that all like it share, as long as that confirms
    /// that nothing is to be done; before anything is done the object itself is read.
    async fn look(
        &self,
        resolved: &Resolved,
        parts: &[Part],
        slots: &Slots,
    ) -> Result<Observation, crate::atlas::Error> {
        let owned = self.status.common.atlas.id.is_some();
        let generation = self.object.metadata.generation.unwrap_or_default();
        let settled = owned && outcome::is_ready(&self.before.common, generation);
        let glance = settled.then(|| self.engine.glance());
        let seen = observe(&resolved.client, parts, slots, owned, glance).await?;
        if !seen.glimpsed {
            return Ok(seen);
        }
        let scene = self.scene(Wanted::Present, parts.to_vec(), seen, Adopt::Never, resolved);
        if plan::next(&scene) == Ok(Step::Done) {
            return Ok(Observation { parts: scene.observed, slots: scene.slots, glimpsed: true });
        }
        observe(&resolved.client, parts, slots, owned, None).await
    }

    async fn take(&mut self, step: Step, prospect: Prospect, manage: Manage) -> Result<Outcome, Outcome> {
        let common = &mut self.status.common;
        match step {
            Step::Done => {
                common.operation = None;
                common.drift = Vec::new();
                if manage == Manage::Manage {
                    common.atlas.settled = prospect.scene.settled();
                    let observed = documents(&prospect.scene);
                    self.publish(&*prospect.declared, &prospect.resolved, &observed).await?;
                }
                Ok(Outcome::Settled { remark: prospect.declared.remark(&documents(&prospect.scene)) })
            }
            Step::Wait { state, .. } => {
                common.drift = Vec::new();
                Ok(self.busy(state, &prospect))
            }
            Step::Rest { until } => {
                common.drift = Vec::new();
                let again = Duration::try_from(until.duration_since(self.engine.clock.now())).unwrap_or_default();
                let operation = common.operation.as_ref();
                let usually = operation.and_then(|operation| operation.usually.clone());
                let type_ = operation.map_or(OperationType::Update, |operation| operation.type_);
                Ok(Outcome::Busy { reason: type_.into(), state: "IDLE".to_owned(), usually, again })
            }
            Step::Refuse(refusal) => {
                self.show(&refusal.changes);
                if refusal.cause == Cause::Expired {
                    self.unpublish().await?;
                }
                Err(Outcome::Refused { reason: refusal.cause.into(), message: refusal.message })
            }
            Step::Send(sending) if manage == Manage::Observe => {
                self.show(&sending.changes);
                let message = match sending.purpose {
                    Purpose::Create => "It is not in Atlas, and the policy is observe.".to_owned(),
                    Purpose::Update | Purpose::Upgrade | Purpose::Issue | Purpose::Delete => format!(
                        "The policy is observe, and Atlas differs from the spec in {}.",
                        plan::list(&sending.changes)
                    ),
                };
                Ok(Outcome::Idle { reason: Reason::DriftDetected, message })
            }
            Step::Send(sending) => {
                self.confirm_presence()?;
                self.status.common.drift = Vec::new();
                self.send_or_pass(sending, prospect).await
            }
        }
    }

    // -----------------------------------------------------------------------------------------------------------
    // Small things

    pub(super) fn declared(&self) -> Result<Box<dyn Declared>, Outcome> {
        let raw = self.object.spec.as_deref().ok_or_else(|| Outcome::Refused {
            reason: Reason::InvalidSpec,
            message: "spec: there is none.".to_owned(),
        })?;
        self.kind.read(raw).map_err(|error| invalid(&error))
    }

    /// What an error of Atlas comes to here.
    pub(super) fn atlas(&self, error: &crate::atlas::Error) -> Outcome {
        self.atlas_about(error, None)
    }

    /// The same, where the error is about a field of the spec unless its code names another.
    pub(super) fn atlas_about(&self, error: &crate::atlas::Error, field: Option<&str>) -> Outcome {
        let secret = self.status.common.atlas.credentials.as_ref().map_or_else(
            || "the Secret with the credentials".to_owned(),
            |secret| format!("Secret {}/{}", secret.namespace, secret.name),
        );
        let field = error.code().and_then(|code| self.kind.blamed(code)).or(field);
        let again = match error.class() {
            class @ (Class::Unauthenticated | Class::Forbidden | Class::ParentAbsent) => self.is_refused(class),
            _ => false,
        };
        observe::outcome(error, &secret, again, field)
    }

    /// The values that all parts share: the project's id, once there is one.
    pub(super) fn slots(parts: &[Part], resolved: &Resolved) -> Slots {
        let slot = parts.first().and_then(|part| part.route.id_slot).unwrap_or("groupId");
        resolved.given.project_id.iter().map(|id| (slot, id.clone())).collect()
    }

    fn remember(&mut self, resolved: &Resolved) {
        let atlas = &mut self.status.common.atlas;
        atlas.credentials = Some(resolved.credentials.clone());
        atlas.org_id = Some(resolved.given.org_id.clone());
        atlas.project_id.clone_from(&resolved.given.project_id);
    }

    pub(super) fn scene(
        &self,
        wanted: Wanted,
        parts: Vec<Part>,
        observation: Observation,
        adopt: Adopt,
        resolved: &Resolved,
    ) -> Scene {
        let atlas = &self.status.common.atlas;
        Scene {
            wanted,
            parts,
            observed: observation.parts,
            slots: observation.slots,
            memory: Memory {
                id: atlas.id.clone(),
                pending: atlas.pending.as_ref().map(|pending| pending.since),
                upgrading: atlas.upgrading,
                asked: self.status.common.operation.as_ref().and_then(|operation| operation.asked_at),
                entries: atlas.entries.clone(),
                settled: atlas.settled.clone(),
                refused: Vec::new(),
            },
            adopt,
            secrets: resolved.given.secrets.clone(),
            issuance: None,
            stale: stale(&atlas.sent, &resolved.versions),
            now: self.engine.clock.now(),
        }
    }

    pub(super) fn busy(&mut self, state: String, prospect: &Prospect) -> Outcome {
        let type_ = match (state.as_str(), &self.status.common.operation) {
            ("DELETING", _) => OperationType::Delete,
            // A creation may pass through UPDATING before it is done, and so does an upgrade through any state.
            (_, Some(Operation { type_: OperationType::Upgrade, .. })) => OperationType::Upgrade,
            ("CREATING", _) | (_, Some(Operation { type_: OperationType::Create, .. })) => OperationType::Create,
            _ => OperationType::Update,
        };
        self.start(type_);
        if let Some(shown) = self.status.own.get_mut("stateName") {
            *shown = state.clone().into();
        }
        let now = self.engine.clock.now();
        let usually = prospect.declared.usually(type_, &documents(&prospect.scene)).map(str::to_owned);
        let mut elapsed = Duration::ZERO;
        if let Some(operation) = &mut self.status.common.operation {
            operation.phase = Some(state.clone());
            operation.usually.clone_from(&usually);
            elapsed = Duration::try_from(now.duration_since(operation.started_at)).unwrap_or_default();
        }
        Outcome::Busy { reason: type_.into(), state, usually, again: patience(elapsed) }
    }

    /// Asks Atlas for what the spec names and only Atlas knows.
    async fn look_up(&self, declared: &dyn Declared, resolved: &mut Resolved) -> Result<(), Outcome> {
        for lookup in declared.needs().lookups {
            let mut slots = lookup.slots.clone();
            slots.insert("orgId", resolved.given.org_id.clone());
            slots.extend(resolved.given.project_id.iter().map(|id| ("groupId", id.clone())));
            match observe::look_up(&resolved.client, &lookup, &slots).await {
                Ok(Some(answer)) => {
                    resolved.given.found.insert(lookup.key, answer);
                }
                Ok(None) => {
                    let reason = Reason::DependencyNotFound;
                    let message = format!("{}: there is nothing of this name in Atlas.", lookup.path);
                    let doubt = Doubt::NotFound(lookup.path);
                    self.confirm(&doubt, &message)?;
                    return Err(Outcome::Refused { reason, message });
                }
                Err(error) => return Err(self.atlas(&error)),
            }
        }
        Ok(())
    }
}

/// A plan that cannot be made is our mistake; it is said, and tried again, and harms no other object.
pub(super) fn bug(detail: &str) -> Outcome {
    Outcome::Failed {
        reason: Reason::InvalidSpec,
        message: format!("The operator cannot address the resource: {detail}"),
    }
}
