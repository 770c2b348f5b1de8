//! Which object owns which Atlas address, and what this process knows to be true of each object.
//!
//! One address has one owner. A status can be restored, copied or written by hand, so it never decides that alone: an
//! id counts for an object as long as no other object records it too, or once a reconcile of this process has found it
//! under the object's own name with credentials that the object may use.
use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Engine,
    object::Object,
    outcome::{Outcome, Reason},
    policy::Manage,
    wake::{Subject, Topic},
};
use crate::{
    kind::{Home, Kind},
    kinds::PROJECT,
    status::{Common, SecretReference, Status},
};

mod index;

pub use index::{Claims, Confirmed, Entry};

/// Another object that declares the same resource.
struct Rival {
    entry: Arc<Entry>,
    /// Its claim; the least one owns the resource.
    claim: Claim,
    /// Whether it competes now: it owns the resource, or is on its way to.
    competes: bool,
    /// Whether the resource stays for it when the object that owns it is deleted.
    inherits: bool,
    object: Arc<Object>,
    /// Whether it is known to reach the project: by its reference, or because it did.
    trusted: bool,
}

/// What decides between two objects that declare one resource: what this process has confirmed, then what a status
/// records, then age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    unconfirmed: bool,
    unrecorded: bool,
    created: Option<Timestamp>,
    uid: String,
}

impl Rival {
    /// `AtlasCluster shop/orders`.
    fn name(&self) -> String {
        let Subject { kind, namespace, name } = &self.entry.subject;
        format!("{kind} {namespace}/{name}")
    }
}

impl Engine {
    /// The id of the Atlas project that an AtlasProject object is, as far as that is sure.
    pub(super) fn project_id(&self, project: &Object, status: &Status) -> Option<String> {
        if let Some(confirmed) = self.claims.confirmed(project.own_uid()) {
            return confirmed.project_id;
        }
        let recorded = status.common.atlas.project_id.as_ref()?;
        let is_this = |entry: &Entry| {
            entry.subject.namespace == project.namespace_name() && entry.subject.name == project.own_name()
        };
        self.claims.recording(recorded).iter().all(|entry| is_this(entry)).then(|| recorded.clone())
    }

    /// The Atlas project that an object is in, or is, by its spec; none when it may not refer to it, or it is not known.
    pub(super) fn project_of(&self, entry: &Entry) -> Option<String> {
        match &entry.home {
            Home::Existing(id) | Home::ProjectId(id) => Some(id.clone()),
            Home::Organization => {
                let object = self.object_of(&entry.subject)?;
                self.project_id(&object, &self.ledger.status(&object))
            }
            Home::Project(_) => {
                let project = self.claims.project_entry(entry)?;
                let own = project.subject.namespace == entry.subject.namespace;
                if !own && !project.allowed.contains(&entry.subject.namespace) {
                    return None;
                }
                let object = self.object_of(&project.subject)?;
                self.project_id(&object, &self.ledger.status(&object))
            }
        }
    }

    /// Whether what an object says of its place can be taken as it is by others in `namespace`: it refers to a project
    /// that allows it, or is one of their own, or has reached the project in this process.
    pub(super) fn is_trusted(&self, entry: &Entry, uid: &str, namespace: &str) -> bool {
        let by_id = matches!(entry.home, Home::ProjectId(_) | Home::Existing(_) | Home::Organization);
        !by_id || entry.subject.namespace == namespace || self.claims.confirmed(uid).is_some()
    }

    /// Whether others can use the resource of an object: it is there, and was ready for use once.
    pub(crate) fn is_usable(&self, object: &Object, status: &Status) -> bool {
        status.common.is_established() || self.claims.confirmed(object.own_uid()).is_some_and(|known| known.usable)
    }

    pub(super) fn object_of(&self, subject: &Subject) -> Option<Arc<Object>> {
        self.object(subject.kind, &subject.namespace, &subject.name)
    }

    /// The objects beside `object` that declare its resource, to manage it, the strongest claim first.
    fn rivals(&self, kind: &dyn Kind, object: &Object, entry: &Entry, place: &Place<'_>) -> Vec<Rival> {
        let mut entries = self.claims.named(kind.name(), &entry.key);
        if let Some(id) = place.project_id.filter(|_| kind.name() == PROJECT) {
            entries.extend(self.claims.recording(id));
            entries.extend(self.claims.named(PROJECT, id));
            entries.sort_by(|one, other| one.subject.cmp(&other.subject));
            entries.dedup_by(|one, other| one.subject == other.subject);
        }
        let mut rivals: Vec<_> =
            entries.into_iter().filter_map(|other| self.rival(kind, object, other, place)).collect();
        rivals.sort_by(|one, other| one.claim.cmp(&other.claim));
        rivals
    }

    fn rival(&self, kind: &dyn Kind, object: &Object, entry: Arc<Entry>, place: &Place<'_>) -> Option<Rival> {
        let other = self.object_of(&entry.subject).filter(|other| other.own_uid() != object.own_uid())?;
        let status = self.ledger.status(&other);
        if !self.shares(&entry, &status, place) {
            return None;
        }
        let leaving = other.is_leaving();
        let holds = status.common.atlas.is_in_use();
        let generation = other.metadata.generation.unwrap_or_default();
        let idle = leaving || is_stalled(&status.common, generation);
        let competes = match self.policies(kind, &other).map_or(Manage::Manage, |policies| policies.manage) {
            Manage::Manage => holds || !idle,
            Manage::Pause => holds,
            Manage::Observe => return None,
        };
        let trusted = self.is_trusted(&entry, other.own_uid(), object.namespace_name());
        // What no reference allows counts as far as it says that it was there, and does not fail now.
        let credible = trusted || holds && !self.ledger.is_failing(&other);
        let competes = competes && credible;
        // A project that anybody else declares is not worth the risk.
        let inherits = !leaving && (credible || kind.name() == PROJECT);
        Some(Rival { entry, claim: self.claim_of(&other, &status), competes, inherits, object: other, trusted })
    }

    /// Whether another object of the same name is in the same place.
    fn shares(&self, entry: &Entry, status: &Status, place: &Place<'_>) -> bool {
        let theirs = self.project_of(entry);
        if let (Some(theirs), Some(mine)) = (theirs.as_deref(), place.project_id) {
            return theirs == mine;
        }
        // Two projects that are not known by id yet are the same when they have one name in one organization.
        let by_name = matches!(entry.home, Home::Organization);
        let same_org = || {
            let known = place.org_id.is_some() && status.common.atlas.org_id.as_deref() == place.org_id;
            known || place.credentials.is_some() && self.credentials_of(entry).as_ref() == place.credentials
        };
        by_name && same_org()
    }

    /// The Secret with credentials that an object refers to by itself, or that serves for those that refer to none.
    fn credentials_of(&self, entry: &Entry) -> Option<SecretReference> {
        let named = entry.credentials.as_ref();
        named
            .map(|name| SecretReference { namespace: entry.subject.namespace.clone(), name: name.clone() })
            .or_else(|| self.options.default_secret.clone())
    }

    fn claim_of(&self, object: &Object, status: &Status) -> Claim {
        Claim {
            unconfirmed: !self.claims.confirmed(object.own_uid()).is_some_and(|known| known.usable),
            unrecorded: !status.common.atlas.is_in_use(),
            created: object.created(),
            uid: object.own_uid().to_owned(),
        }
    }

    /// Refuses an object whose resource another object owns.
    pub(super) fn check_claim(
        &self,
        kind: &dyn Kind,
        object: &Object,
        status: &Status,
        place: &Place<'_>,
    ) -> Result<(), Outcome> {
        let Some(entry) = self.claims.entry(&Subject::of(kind, object)) else { return Ok(()) };
        let mine = self.claim_of(object, status);
        let rivals = self.rivals(kind, object, &entry, place);
        let Some(owner) = rivals.iter().find(|rival| rival.competes && rival.claim < mine) else { return Ok(()) };
        let name = owner.name();
        if !owner.trusted && owner.claim.unconfirmed {
            let message = format!("{name} says that it manages this resource too; waiting until that is confirmed.");
            return Err(Outcome::Waiting { reason: Reason::ConfirmingAbsence, message });
        }
        if owner.object.is_leaving() {
            let message = format!("{name} manages this resource and is being deleted; waiting until it is gone.");
            return Err(Outcome::Waiting { reason: Reason::OwnershipConflict, message });
        }
        let message = format!(
            "{name} manages this resource already, and one Atlas resource has one object. Delete one of the two \
             objects: the other one keeps the resource."
        );
        Err(Outcome::Refused { reason: Reason::OwnershipConflict, message })
    }

    /// The object that declares what a deleted object leaves, and so keeps it.
    pub(super) fn heir(&self, kind: &dyn Kind, object: &Object, status: &Status) -> Option<Arc<Object>> {
        self.others(kind, object, status).into_iter().find(|rival| rival.inherits).map(|rival| rival.object)
    }

    /// The object of the same namespace that is being deleted and whose resource `object` declares: the same object
    /// under another name.
    pub(super) fn predecessor(&self, kind: &dyn Kind, object: &Object, status: &Status) -> Option<Arc<Object>> {
        let same = |rival: &Rival| rival.object.namespace_name() == object.namespace_name();
        let leaves = |rival: &Rival| rival.competes && rival.object.is_leaving() && same(rival);
        self.others(kind, object, status).into_iter().find(leaves).map(|rival| rival.object)
    }

    /// The objects beside `object` that declare its resource, as far as its status says where that is.
    fn others(&self, kind: &dyn Kind, object: &Object, status: &Status) -> Vec<Rival> {
        let Some(entry) = self.claims.entry(&Subject::of(kind, object)) else { return Vec::new() };
        let atlas = &status.common.atlas;
        let project_id = self.project_of(&entry).or_else(|| atlas.project_id.clone());
        let credentials = atlas.credentials.clone().or_else(|| self.credentials_of(&entry));
        let place = Place {
            project_id: project_id.as_deref(),
            org_id: atlas.org_id.as_deref(),
            credentials: credentials.as_ref(),
        };
        self.rivals(kind, object, &entry, &place)
    }

    /// Remembers what a reconcile found out about an object, and wakes those who wait for that.
    pub(super) fn confirm(&self, kind: &dyn Kind, object: &Object, confirmed: Confirmed) {
        let subject = Subject::of(kind, object);
        let Some(entry) = self.claims.entry(&subject) else { return };
        let status = self.ledger.status(object);
        let known = || (self.project_of(&entry), self.is_usable(object, &status));
        let trusted = || self.is_trusted(&entry, object.own_uid(), "");
        let (before, project_id) = ((known(), trusted()), confirmed.project_id.clone());
        self.claims.confirm(object.own_uid(), confirmed);
        let after = (known(), trusted());
        let mut topics = Vec::new();
        if after.0 != before.0 {
            topics.push(Topic::Object(subject.clone()));
        }
        if after != before {
            if let Some(id) = project_id {
                topics.push(Topic::Named(kind.name(), id.clone(), entry.key.clone()));
                topics.push(Topic::Members(kind.name(), id));
            }
            if kind.name() == PROJECT {
                topics.push(Topic::Named(kind.name(), String::new(), entry.key.clone()));
            }
        }
        for topic in topics {
            self.wakes.publish_of(&subject, &topic);
        }
    }
}

/// Whether a status says that the object needs a person for this generation.
fn is_stalled(status: &Common, generation: i64) -> bool {
    let mut conditions = status.conditions.iter();
    status.observed_generation == generation
        && conditions.any(|condition| condition.type_ == "Stalled" && condition.status == "True")
}

/// Where an object's own resource is, as far as that is known before Atlas is asked.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The project that it is in, or is.
    pub project_id: Option<&'a str>,
    /// The organization of its credentials.
    pub org_id: Option<&'a str>,
    /// The Secret with its credentials.
    pub credentials: Option<&'a SecretReference>,
}
