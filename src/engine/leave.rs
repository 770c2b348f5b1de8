//! The way of an object out: what it made in Atlas goes first, or stays, and then the object is let go.
//!
//! All that this takes is in the status: project, credentials, identity. Nothing that the object refers to need be there;
//! what is there must agree.
use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    Engine,
    claims::Entry,
    object::Object,
    observe::{Observation, observe},
    outcome::{Outcome, Reason},
    pass::{End, Pass, Prospect, bug},
    plan::{self, Adopt, LONGEST_UPGRADE, Observed, Step, Wanted, few, is_within},
    policy::{Manage, Policies},
    resolve::{Resolved, invalid, no_credentials},
    tell::Released,
    wake::{Subject, Topic, Watching},
};
use crate::{
    atlas::Class,
    kind::{Deletion, Given, Home, Kind},
    kinds::PROJECT,
    status::{OperationType, SecretReference, Status},
};

/// How long Atlas may take to show what was created: seen to last for up to half a minute, and given twice that.
pub(super) const LONGEST_LAG: SignedDuration = SignedDuration::from_mins(1);
/// How long the object that takes over a resource has to record that. It may wait for something else.
const LONGEST_HANDOVER: SignedDuration = SignedDuration::from_mins(5);
/// How often is looked for what may yet appear.
const UNSEEN: Duration = Duration::from_secs(5);

/// Where a resource is that is to be deleted, and with which credentials.
struct Remains {
    credentials: SecretReference,
    project_id: Option<String>,
}

impl Engine {
    /// What a deletion needs, from the status, as far as the spec or this process vouches for it: a status can be
    /// restored, copied or written by hand. When the project's object is gone, what the status says is used with
    /// credentials of the object's own namespace, which reach nothing that the object could not reach anyway.
    fn remains(&self, kind: &dyn Kind, object: &Object, status: &Status) -> Result<Remains, Outcome> {
        let atlas = &status.common.atlas;
        let credentials = atlas.credentials.clone().ok_or_else(no_credentials)?;
        if let Some(confirmed) = self.claims.confirmed(object.own_uid())
            && confirmed.credentials == credentials
            && confirmed.project_id == atlas.project_id
            && !self.is_revoked(kind, object)
        {
            return Ok(Remains { credentials, project_id: confirmed.project_id });
        }
        let is_own = credentials.namespace == object.namespace_name();
        let is_default = self.options.default_secret.as_ref() == Some(&credentials);
        let entry = self.claims.entry(&Subject::of(kind, object));
        let place = entry.as_deref().map(|entry| (entry, self.project_of(entry)));
        let (project_id, is_allowed) = match place {
            Some((entry, Some(id))) => {
                let is_projects = self.project_credentials(entry).as_ref() == Some(&credentials);
                (Some(id), is_own || is_default || is_projects)
            }
            // The id of a project that its object does not vouch for: the one in Atlas is found by its name.
            Some((Entry { home: Home::Organization, .. }, None)) => (None, is_own || is_default),
            Some((_, None)) | None => (atlas.project_id.clone(), is_own && !self.is_revoked(kind, object)),
        };
        if is_allowed {
            return Ok(Remains { credentials, project_id });
        }
        let message = format!(
            "The status names Secret {credentials}, which this object may not use: neither its spec, nor its project, \
             nor the operator's settings refer to it."
        );
        Err(Outcome::Refused { reason: Reason::NotAllowed, message: escape(&message) })
    }

    /// Whether there is a project that an object refers to, and it does not let the object's namespace do so.
    fn is_revoked(&self, kind: &dyn Kind, object: &Object) -> bool {
        let Some(entry) = self.claims.entry(&Subject::of(kind, object)) else { return false };
        let Some(project) = self.claims.project_entry(&entry) else { return false };
        project.subject.namespace != entry.subject.namespace && !project.allowed.contains(&entry.subject.namespace)
    }

    /// The credentials that the project of an object refers to.
    fn project_credentials(&self, entry: &Entry) -> Option<SecretReference> {
        let project = self.claims.project_entry(entry)?;
        let name = project.credentials.clone()?;
        Some(SecretReference { namespace: project.subject.namespace.clone(), name })
    }

    /// Finds what a deletion needs. None when the object's namespace took the credentials with it, and they are not
    /// remembered: nothing can come that the deletion could wait for.
    async fn resolve_deletion(
        &self,
        kind: &dyn Kind,
        object: &Object,
        status: &Status,
        watching: &mut Watching<'_>,
    ) -> Result<Option<Resolved>, Outcome> {
        let Remains { credentials, project_id } = self.remains(kind, object, status)?;
        let client = match self.client(&credentials, watching).await {
            Ok(client) => client,
            Err(Outcome::Waiting { reason, message }) => {
                let going = self.is_going(&credentials.namespace).await?;
                match self.clients.last(&credentials.to_string()).filter(|_| going) {
                    Some(client) => client,
                    None if going && credentials.namespace == object.namespace_name() => return Ok(None),
                    None => return Err(Outcome::Refused { reason, message: escape(&message) }),
                }
            }
            Err(Outcome::Refused { reason, message }) => {
                return Err(Outcome::Refused { reason, message: escape(&message) });
            }
            Err(other) => return Err(other),
        };
        let org_id = client.org_id().to_owned();
        let given = Given { org_id, project_id, created: object.created(), ..Given::default() };
        let project_name = object.own_name().to_owned();
        let (versions, made) = (BTreeMap::new(), BTreeMap::new());
        Ok(Some(Resolved { client, credentials, given, versions, made, project_name }))
    }
}

impl Pass<'_> {
    pub(super) async fn leave(&mut self, policies: Policies) -> Result<End, Outcome> {
        self.unpublish().await?;
        let atlas = &self.status.common.atlas;
        let untouched = !atlas.is_in_use();
        if untouched || policies.deletion == Deletion::Retain || policies.manage == Manage::Observe {
            return self.release(if untouched { Released::NeverCreated } else { Released::Retained }).await;
        }
        if let Some(heir) = self.engine.heir(self.kind, self.object, &self.status) {
            return self.hand_over(&heir).await;
        }
        if self.kind.name() == PROJECT {
            self.await_children()?;
        }
        let declared = self.declared()?;
        let engine = self.engine;
        let found = engine.resolve_deletion(self.kind, self.object, &self.status, &mut self.watching).await?;
        let Some(resolved) = found else {
            return self.release(Released::OutOfReach).await;
        };
        let parts = vec![declared.itself(&resolved.given).map_err(|error| invalid(&error))?];
        let slots = Self::slots(&parts, &resolved);
        let observation = match observe(&resolved.client, &parts, &slots, true, None).await {
            Ok(observation) => observation,
            // Once a project is deleted, Atlas says of it and of all in it that the key has no access.
            Err(error) if is_not_found(&error) || self.is_deleting() && is_cut_off(&error) => {
                let parts = parts.iter().map(|part| (part.name, Observed::Absent)).collect();
                Observation { parts, slots, glimpsed: false }
            }
            Err(error) => return Err(self.atlas(&error)),
        };
        if observation.parts.values().all(Observed::is_absent) {
            if let Some(outcome) = self.may_appear() {
                return Ok(End::Outcome(outcome));
            }
            self.confirm_absence()?;
            let why = if self.is_deleting() { Released::Deleted } else { Released::AlreadyGone };
            return self.release(why).await;
        }
        let scene = self.scene(Wanted::Gone, parts, observation, Adopt::Never, &resolved);
        match plan::next(&scene).map_err(|error| bug(&error.to_string()))? {
            Step::Done | Step::Rest { .. } => self.release(Released::Retained).await,
            Step::Wait { state, .. } => {
                let prospect = Prospect { resolved, declared, scene };
                Ok(End::Outcome(self.busy(state, &prospect)))
            }
            Step::Refuse(refusal) => Err(Outcome::Refused { reason: refusal.cause.into(), message: refusal.message }),
            Step::Send(sending) => {
                self.confirm_presence()?;
                self.send(sending, &resolved, &scene).await.map(End::Outcome)
            }
        }
    }

    /// Leaves the resource to the object that declares it too. One of the same namespace is this object under another name:
    /// it takes over what this one knows, edits included, and has to record that before this one goes.
    async fn hand_over(&mut self, heir: &Object) -> Result<End, Outcome> {
        let (engine, kind) = (self.engine, self.kind);
        let (name, atlas) = (heir.own_name(), &self.status.common.atlas);
        let is_recorded = atlas.id.is_none() || engine.ledger.status(heir).common.atlas.id == atlas.id;
        let may_record = || engine.policies(kind, heir).is_ok_and(|policies| policies.manage == Manage::Manage);
        if heir.namespace_name() == self.object.namespace_name() && !is_recorded && may_record() {
            self.watching.on(Topic::Object(Subject::of(kind, heir)));
            let now = engine.clock.now();
            let since = engine.ledger.hands_over(self.object, now);
            if is_within(LONGEST_HANDOVER, since, now) {
                let message = format!("{} {name} takes over the resource; waiting until it has.", kind.name());
                return Err(Outcome::Waiting { reason: Reason::Deleting, message });
            }
        }
        tracing::info!(heir = name, "another object manages the resource: it stays");
        self.release(Released::HandedOver).await
    }

    /// Whether what Atlas does not show may yet come of something that it was asked for.
    fn may_appear(&self) -> Option<Outcome> {
        let (atlas, now) = (&self.status.common.atlas, self.engine.clock.now());
        let begun =
            |since: Option<Timestamp>, lasts: SignedDuration| since.is_some_and(|since| is_within(lasts, since, now));
        let state = if begun(atlas.upgrading, LONGEST_UPGRADE) {
            "UPDATING"
        } else if begun(atlas.pending.as_ref().map(|pending| pending.since), LONGEST_LAG) {
            "CREATING"
        } else {
            return None;
        };
        Some(Outcome::Busy { reason: Reason::Deleting, state: state.to_owned(), usually: None, again: UNSEEN })
    }

    fn is_deleting(&self) -> bool {
        self.status.common.operation.as_ref().is_some_and(|operation| operation.type_ == OperationType::Delete)
    }

    /// A project waits for what is in it: the objects go first, and take their Atlas resources with them or not.
    fn await_children(&mut self) -> Result<(), Outcome> {
        let (namespace, name) = (self.object.namespace_name().to_owned(), self.object.own_name().to_owned());
        let project_id = self.status.common.atlas.project_id.clone();
        self.watching.on(Topic::Referrers(namespace.clone(), name.clone()));
        let mut children = Vec::new();
        for kind in self.engine.catalogue.iter().filter(|kind| kind.name() != PROJECT) {
            if let Some(id) = &project_id {
                self.watching.on(Topic::Members(kind.name(), id.clone()));
            }
            for child in self.engine.objects(kind.name()) {
                let status = self.engine.ledger.status(&child).common;
                let mine = match child.spec.as_deref().map(|raw| kind.read(raw).map(|declared| declared.needs().home)) {
                    Some(Ok(Home::Project(reference))) => {
                        reference.name == name
                            && reference.namespace.as_deref().unwrap_or(child.namespace_name()) == namespace
                    }
                    Some(Ok(Home::ProjectId(id))) => Some(id) == project_id,
                    _ => project_id.is_some() && status.atlas.project_id == project_id,
                };
                // What has nothing in Atlas does not hold the project.
                if mine && status.atlas.is_in_use() {
                    children.push(format!("{} {}/{}", kind.name(), child.namespace_name(), child.own_name()));
                }
            }
        }
        let waiting = |message| Err(Outcome::Waiting { reason: Reason::ChildrenExist, message });
        if !children.is_empty() {
            children.sort();
            return waiting(format!("The project is deleted once these are: {}.", few(&children)));
        }
        let allowed = self.declared()?.needs().allowed_namespaces;
        let places = || std::iter::once(&namespace).chain(&allowed);
        let unseen = self
            .engine
            .catalogue
            .iter()
            .filter(|kind| kind.name() != PROJECT)
            .find_map(|kind| places().find_map(|namespace| self.engine.unreadable.about(kind.name(), namespace)));
        unseen.map_or(Ok(()), |unseen| {
            waiting(format!(
                "The project is deleted once it is known what is in it. {unseen} Give it the right, or take the \
                 namespace out of spec.allowedNamespaces."
            ))
        })
    }
}

fn is_not_found(error: &crate::atlas::Error) -> bool {
    error.class() == Class::ParentAbsent && error.status() == Some(404)
}

fn is_cut_off(error: &crate::atlas::Error) -> bool {
    error.code() == Some("USER_CANNOT_ACCESS_GROUP")
}

fn escape(message: &str) -> String {
    format!(
        "{message} Without them Atlas cannot be asked to delete anything; to let this object go and keep the Atlas \
         resource, set the annotation atlas-operator.io/deletion: retain."
    )
}
