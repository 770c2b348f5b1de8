//! Sends the one call of a pass, after writing down what must survive a crash.
use std::collections::BTreeMap;

use serde_json::Map;

use super::{
    advice,
    events::Say,
    leave::LONGEST_LAG,
    outcome::{self, Outcome, Reason, whole_second},
    pass::{Pass, Prospect},
    plan::{self, Purpose, Scene, Sending, Step, Wanted},
    resolve::Resolved,
    sentence,
    wake::Subject,
};
use crate::{
    atlas::{Class, Error, Method},
    kind::Delete,
    status::{Operation, OperationType, Pending},
};

impl Pass<'_> {
    /// Sends a call. Where Atlas refuses it, other documents of the object still change: one of them may be what it is
    /// refused for. What was refused is tried again in the next pass.
    pub(super) async fn send_or_pass(&mut self, sending: Sending, mut prospect: Prospect) -> Result<Outcome, Outcome> {
        let (part, purpose) = (sending.part, sending.purpose);
        let result = self.send(sending, &prospect.resolved, &prospect.scene).await;
        let is_refused = result
            .as_ref()
            .is_err_and(|outcome| matches!(outcome, Outcome::Blocked { .. }) || outcome.reason() == Reason::Rejected);
        if purpose != Purpose::Update || !is_refused {
            return result;
        }
        prospect.scene.memory.refused.push(part);
        match plan::next(&prospect.scene) {
            Ok(Step::Send(other)) if other.purpose == Purpose::Update => {
                self.send(other, &prospect.resolved, &prospect.scene).await
            }
            _ => result,
        }
    }

    /// Sends a call and says what it came to.
    pub(super) async fn send(
        &mut self,
        sending: Sending,
        resolved: &Resolved,
        scene: &Scene,
    ) -> Result<Outcome, Outcome> {
        let now = self.engine.clock.now();
        if sending.purpose != Purpose::Delete && self.engine.ledger.defers_writes(self.object, now) {
            let refused = outcome::ready(&self.before.common).filter(|ready| ready.reason == "Rejected");
            let message = refused.map_or_else(
                || "Atlas refused the last writes of this object. The next one is sent within two minutes.".to_owned(),
                |ready| ready.message.clone(),
            );
            return Err(Outcome::Refused { reason: Reason::Rejected, message });
        }
        let generation = self.object.metadata.generation.unwrap_or_default();
        let was_ready = outcome::is_ready(&self.before.common, generation);
        self.differs = true;
        self.sends = true;
        let route = scene.parts.iter().find(|part| part.name == sending.part).map(|part| part.route);
        let _alone = match (route.filter(|route| route.serial), &resolved.given.project_id) {
            (Some(route), Some(project)) => {
                let (family, subject) = (route.read.template, Subject::of(self.kind, self.object));
                let alone = self.engine.serial.enter(&self.engine.wakes, project, family, &subject);
                Some(alone.ok_or_else(|| queued(&sending))?)
            }
            _ => None,
        };
        for note in &sending.notes {
            tracing::warn!("{note}");
            let reason = reason(sending.purpose).to_string();
            self.event(Say { reason: &reason, action: &action(&sending), note, warning: true }).await;
        }
        let fresh = self.write_ahead(&sending, resolved).await?;
        let why = match sending.purpose {
            Purpose::Create => "create".to_owned(),
            Purpose::Update => format!("update {}", plan::list(&sending.changes)),
            Purpose::Upgrade => format!("upgrade {}", plan::list(&sending.changes)),
            Purpose::Issue => format!("issue {}", sending.part),
            Purpose::Delete => "delete".to_owned(),
        };
        let result = if sending.purpose == Purpose::Issue {
            self.try_keeping(scene).await?;
            let answer = resolved.client.send_for_text(&sending.call).await;
            answer.map(|answer| (answer.status, Some(answer.body)))
        } else {
            resolved.client.send(&sending.call).await.map(|answer| (answer.status, None))
        };
        let (method, path) = (&sending.call.method, &sending.call.path);
        match &result {
            Ok((status, _)) => tracing::info!(%method, path, status, why, "sent to Atlas"),
            Err(error) => {
                tracing::warn!(%method, path, status = error.status(), error = %error, why, "Atlas call failed");
            }
        }
        match &result {
            Ok(_) => self.engine.ledger.refused(self.object, false, now),
            Err(error) if matches!(error.class(), Class::Rejected | Class::Unlisted) => {
                self.engine.ledger.refused(self.object, true, now);
            }
            Err(_) => {}
        }
        let committed = result.as_ref().map_or_else(Error::may_have_committed, |_| true);
        if let (true, true, Some(route)) = (committed, *method == Method::DELETE, route) {
            let entry = sending.entry.as_deref().filter(|_| !matches!(route.delete, Delete::All(_)));
            self.engine.ledger.removed(self.object, sending.part, entry);
        }
        let error = match result {
            Ok((_, given)) => {
                if was_ready && is_correction(&sending, resolved, scene) {
                    self.engine.metrics.corrected(self.kind.name());
                }
                if let Some(text) = given {
                    self.keep(scene, &text).await?;
                }
                return Ok(self.sent(&sending, resolved, scene));
            }
            Err(error) => error,
        };
        match (sending.purpose, error.class()) {
            (Purpose::Delete, Class::Absent) => return Ok(self.sent(&sending, resolved, scene)),
            (Purpose::Create, Class::Exists) => {
                if fresh {
                    self.status.common.atlas.pending = None;
                }
                let reason = Reason::AlreadyExists;
                let message = error.to_string();
                return Err(if self.is_refused(Class::Exists) {
                    Outcome::Refused { reason, message }
                } else {
                    Outcome::Failed { reason, message }
                });
            }
            _ => {}
        }
        if fresh && !error.may_have_committed() {
            self.status.common.atlas.pending = None;
            self.status.common.atlas.upgrading = None;
            self.status.common.operation = None;
        }
        // The first document of an object has the names of its spec.
        let is_first = scene.parts.first().is_some_and(|part| part.name == sending.part);
        let value =
            sending.call.body.as_ref().filter(|_| is_first).and_then(|body| advice::refused_value(&error, body.json()));
        Err(self.atlas_about(&error, value.as_deref()))
    }

    /// Writes down what is about to be made, so that it is known for ours even if its answer is never seen. Answers
    /// whether this is the first attempt.
    async fn write_ahead(&mut self, sending: &Sending, resolved: &Resolved) -> Result<bool, Outcome> {
        let now = whole_second(self.engine.clock.now());
        let mut fresh = false;
        if sending.purpose == Purpose::Create {
            let sent = owned(&resolved.versions);
            // An attempt whose answer was not seen would show by now: this one is judged by itself.
            let pending = self.status.common.atlas.pending.take().filter(|pending| now < pending.since + LONGEST_LAG);
            fresh = pending.is_none();
            let since = pending.map_or(now, |pending| pending.since);
            self.status.common.atlas.pending = Some(Pending { since, sent, unknown: Map::new() });
            self.start(OperationType::Create);
        }
        if sending.purpose == Purpose::Upgrade {
            fresh = self.status.common.atlas.upgrading.replace(now).is_none();
            self.start(OperationType::Upgrade);
        }
        let common = &self.status.common;
        let before = &self.before.common.atlas;
        if fresh || common.atlas.entries != before.entries || common.atlas.id != before.id {
            // While it fails it goes on saying why: one more try is no change of state.
            if !self.engine.ledger.is_failing(self.object) {
                let note = sentence::beginning(sending);
                self.set(&Outcome::Acted { reason: reason(sending.purpose), action: action(sending), note });
            }
            self.save().await?;
        }
        Ok(fresh)
    }

    /// What a call that Atlas took means.
    fn sent(&mut self, sending: &Sending, resolved: &Resolved, scene: &Scene) -> Outcome {
        let note = sentence::of(sending);
        match sending.purpose {
            Purpose::Create => self.start(OperationType::Create),
            Purpose::Upgrade => self.start(OperationType::Upgrade),
            Purpose::Delete => self.start(OperationType::Delete),
            Purpose::Issue => self.start(OperationType::Update),
            // What is changed on the way to a deletion belongs to it.
            Purpose::Update if scene.wanted == Wanted::Gone => self.start(OperationType::Delete),
            Purpose::Update => {
                self.start(OperationType::Update);
                for change in &sending.changes {
                    if let Some(version) = resolved.versions.get(change.path.as_str()) {
                        self.status.common.atlas.sent.insert(change.path.clone(), version.clone());
                    }
                }
            }
        }
        if let Some(operation) = &mut self.status.common.operation {
            operation.asked_at = Some(whole_second(self.engine.clock.now()));
        }
        Outcome::Acted { reason: reason(sending.purpose), action: action(sending), note }
    }

    /// Notes that something is under way, unless that is noted already.
    pub(super) fn start(&mut self, type_: OperationType) {
        let now = whole_second(self.engine.clock.now());
        let operation = &mut self.status.common.operation;
        if operation.as_ref().is_none_or(|running| running.type_ != type_) {
            *operation =
                Some(Operation { type_, phase: None, started_at: now, asked_at: None, usually: None, settled: None });
        }
    }
}

/// Whether a call that an object which was Ready as it stands led to undoes what others did in Atlas, and does not only
/// bring a Secret there that has changed.
fn is_correction(sending: &Sending, resolved: &Resolved, scene: &Scene) -> bool {
    let is_secret = |path: &str| resolved.versions.contains_key(path);
    sending.purpose == Purpose::Update
        && scene.wanted == Wanted::Present
        && !sending.changes.iter().all(|change| is_secret(&change.path))
}

/// Another object writes to the same family.
fn queued(sending: &Sending) -> Outcome {
    let message =
        format!("Waiting for another write: Atlas takes one change to a project's {} at a time.", sending.part);
    Outcome::Waiting { reason: reason(sending.purpose), message }
}

fn reason(purpose: Purpose) -> Reason {
    match purpose {
        Purpose::Create => Reason::Creating,
        Purpose::Update | Purpose::Upgrade | Purpose::Issue => Reason::Updating,
        Purpose::Delete => Reason::Deleting,
    }
}

/// `UpdateSettings`: what an Event calls the call.
fn action(sending: &Sending) -> String {
    let mut letters = sending.part.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let part: String = first.into_iter().chain(letters).collect();
    format!("{:?}{part}", sending.purpose)
}

fn owned(versions: &BTreeMap<&'static str, String>) -> BTreeMap<String, String> {
    versions.iter().map(|(field, version)| ((*field).to_owned(), version.clone())).collect()
}
