//! Makes what Atlas shows an object's own: a resource that it made, found, or takes over from the object that it was under
//! another name.
use std::collections::BTreeMap;

use super::{
    claims::{Confirmed, Place},
    outcome::Outcome,
    ownership,
    pass::Pass,
    plan::{Observed, Scene},
    policy::Manage,
    resolve::Resolved,
};
use crate::{
    kind::{Passage, Progress, Way},
    status::OperationType,
};

impl Pass<'_> {
    /// Takes over what a predecessor knows of the resource. From its deletion on the resource is this object's, as if it
    /// had made it.
    pub(super) fn inherit(&mut self) {
        let Some(predecessor) = self.engine.predecessor(self.kind, self.object, &self.status) else { return };
        let known = self.engine.ledger.status(&predecessor).common.atlas;
        if known.id.is_some() && known.pending.is_none() && known.upgrading.is_none() {
            self.status.common.atlas = known;
        }
    }

    /// Makes the resource that Atlas shows this object's, if it is or may be.
    pub(super) fn claim(&mut self, scene: &mut Scene, resolved: &Resolved, manage: Manage) -> Result<(), Outcome> {
        let Some(first) = scene.parts.first() else { return Ok(()) };
        let Some(document) = scene.observed.get(first.name).and_then(Observed::document) else { return Ok(()) };
        let is_here = matches!(scene.see(first), Observed::Present(_));
        let usable = is_here && first.route.progress(document) == Progress::Settled;
        let project_id = match first.route.id_slot {
            Some(_) => document["id"].as_str().map(str::to_owned),
            None => resolved.given.project_id.clone(),
        };
        let is_refused = manage == Manage::Manage && scene.adoption().is_some();
        if first.route.id_slot.is_some() {
            // What was refused is not this object's, and nothing is made in it.
            self.status.common.atlas.project_id = project_id.clone().filter(|_| !is_refused);
        }
        if is_refused {
            self.engine.claims.revoke(self.object.own_uid());
            return Ok(());
        }
        if manage == Manage::Manage && first.route.id_slot.is_some() {
            let place = Place {
                project_id: project_id.as_deref(),
                org_id: Some(&resolved.given.org_id),
                credentials: Some(&resolved.credentials),
            };
            self.engine.check_claim(self.kind, self.object, &self.status, &place)?;
        }
        let credentials = resolved.credentials.clone();
        let known = self.engine.claims.confirmed(self.object.own_uid()).is_some_and(|known| known.usable);
        let confirmed = Confirmed { credentials, project_id, usable: usable || known };
        self.engine.confirm(self.kind, self.object, confirmed);
        if manage == Manage::Observe {
            return Ok(());
        }
        let atlas = &mut self.status.common.atlas;
        atlas.id = Some(first.identity(document));
        if let Some(pending) = atlas.pending.take() {
            atlas.sent = pending.sent;
        }
        let arrived = |way: &Passage| (way.way)(&first.desired, document) == Way::Here;
        if is_here && first.route.passage.as_ref().is_none_or(arrived) {
            atlas.upgrading = None;
        }
        if let Some(operation) = self.status.common.operation.as_mut().filter(|_| usable) {
            operation.settled = (operation.type_ == OperationType::Create).then_some(true);
        }
        scene.memory.upgrading = atlas.upgrading;
        scene.memory.id.clone_from(&atlas.id);
        scene.memory.pending = None;
        scene.stale = stale(&atlas.sent, &resolved.versions);
        ownership::claim(&mut atlas.entries, scene);
        scene.memory.entries.clone_from(&atlas.entries);
        Ok(())
    }
}

pub(super) fn stale(sent: &BTreeMap<String, String>, versions: &BTreeMap<&'static str, String>) -> Vec<&'static str> {
    versions.iter().filter(|(field, version)| sent.get(**field) != Some(version)).map(|(field, _)| *field).collect()
}
