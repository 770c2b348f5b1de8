//! Where the addresses in connection Secrets come from: from Atlas, as this process saw it.
//!
//! Whoever may write a status could write addresses there, so those in the status of an AtlasCluster are for people. The pass
//! over an AtlasCluster remembers what Atlas answered, and users take that. After a start nothing is known until each
//! cluster was looked at once; Secrets that are there stay as they are until then.
//!
//! Where there is a Secret already, and no object that shows the cluster (it is gone and Atlas keeps the cluster, or it is
//! paused), Atlas is asked with the user's own credentials.
use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use super::connection::includes;
use crate::{
    engine::{
        ledger::{Addresses, Seen},
        object::Object,
        observe::observe,
        pass::Pass,
        plan::{Observed, Scene},
        resolve::Resolved,
        wake::Topic,
    },
    kind::{Connection, Declared, Progress, Slots},
    kinds::{CLUSTER, cluster},
    status::OperationType,
};

/// How long Atlas must go on saying that a cluster is not there before its Secrets go: an absence may be a whim.
const ABSENT_FOR: SignedDuration = SignedDuration::from_secs(30);

/// What is known of a cluster that a user may use.
pub(super) enum Known {
    /// It can be used, and has these addresses.
    Up(Value),
    /// It has these addresses, and no Secret is made for it any more; one that is there is kept up to date.
    Kept(Value),
    /// It was not seen by this process, or was never up.
    Unseen {
        /// Whether it is to be waited for.
        expected: bool,
    },
}

/// What became of a cluster that no object shows.
pub(super) enum Fate {
    /// Atlas has it, with these addresses.
    There(Value),
    /// Atlas has said for a while that it is not there.
    Gone,
    /// Atlas has not said, or has only begun to say that it is not there.
    Unknown,
}

/// Whether an address that was known is not shown.
fn lacks(before: Option<&Addresses>, strings: Option<&Value>) -> bool {
    let Some(Addresses { seen: Seen::Up(before), .. }) = before else { return false };
    let is_shown = |name: &String| strings.is_some_and(|strings| strings.get(name).is_some());
    before.as_object().is_some_and(|before| !before.keys().all(is_shown))
}

impl Pass<'_> {
    /// Remembers what Atlas shows of a cluster: `shown` is the report of what was observed and of nothing else.
    pub(crate) fn remember_addresses(&self, declared: &dyn Declared, scene: &Scene, shown: &Value) {
        let (Some(name), Some(first)) = (declared.atlas_name(), scene.parts.first()) else { return };
        let Some(project_id) = self.status.common.atlas.project_id.clone().filter(|_| self.kind.name() == CLUSTER)
        else {
            return;
        };
        let before = self.engine.ledger.addresses(self.object);
        let observed = scene.observed.get(first.name);
        let seen = match observed.and_then(Observed::document) {
            // On the way from one kind of cluster to another Atlas shows less and less, and for a while nothing.
            _ if scene.is_upgrading() => return,
            None if observed.is_some_and(Observed::is_absent) => Seen::Absent,
            None => return,
            Some(_) if scene.adoption().is_some() => Seen::NotUp,
            Some(document) => {
                let strings = shown.get("connectionStrings").filter(|strings| strings["standardSrv"].is_string());
                let was_up = || matches!(&before, Some(Addresses { seen: Seen::Up(_), .. }));
                let settled = first.route.progress(document) == Progress::Settled;
                let operation = self.status.common.operation.as_ref().map(|operation| operation.type_);
                if operation == Some(OperationType::Upgrade) && lacks(before.as_ref(), strings) {
                    // Atlas may show the new cluster before all of its addresses.
                    return;
                }
                match strings {
                    // A cluster that is changing stays usable; one that was never up is not yet.
                    Some(strings) if settled || was_up() || self.status.common.is_established() => {
                        Seen::Up(strings.clone())
                    }
                    None if was_up() => return,
                    _ => Seen::NotUp,
                }
            }
        };
        let now = Addresses { project_id, name: name.to_owned(), seen };
        if before.as_ref() != Some(&now) {
            self.engine.ledger.remember_addresses(self.object, now);
            self.engine.wakes.publish(&Topic::Addresses(self.object.own_uid().to_owned()));
        }
    }

    /// The clusters in scope that have an object, by name. Whatever is not known yet of one wakes the user once it is.
    pub(super) fn known_clusters(&mut self, connection: &Connection, project_id: &str) -> BTreeMap<String, Known> {
        self.watching.on(Topic::Members(CLUSTER, project_id.to_owned()));
        let mut found: BTreeMap<String, Known> = BTreeMap::new();
        for object in self.engine.objects(CLUSTER) {
            let mut seen = self.engine.ledger.addresses(&object);
            let name = match &seen {
                Some(seen) => Some(seen.name.clone()).filter(|_| seen.project_id == project_id),
                None => self.claimed_name(&object, project_id),
            };
            let Some(name) = name.filter(|name| includes(connection, name)) else { continue };
            if !matches!(&seen, Some(Addresses { seen: Seen::Up(_), .. })) {
                self.watching.on(Topic::Addresses(object.own_uid().to_owned()));
                seen = self.engine.ledger.addresses(&object);
            }
            let known = match seen.map(|seen| seen.seen) {
                // Whether there is another by this name, or its end is confirmed, is asked of Atlas.
                Some(Seen::Absent) => continue,
                Some(Seen::Up(strings)) if object.is_leaving() => Known::Kept(strings),
                Some(Seen::Up(strings)) => Known::Up(strings),
                // Somebody else's object may never be looked at, and keeps nobody waiting.
                Some(Seen::NotUp) | None => Known::Unseen {
                    expected: object.namespace_name() == self.object.namespace_name() && !object.is_leaving(),
                },
            };
            // Of several objects for one cluster the one counts that knows most.
            let rank = |known: &Known| match known {
                Known::Unseen { expected: false } => 0,
                Known::Unseen { expected: true } => 1,
                Known::Kept(_) => 2,
                Known::Up(_) => 3,
            };
            if found.get(&name).is_none_or(|before| rank(before) < rank(&known)) {
                found.insert(name, known);
            }
        }
        found
    }

    /// The name of a cluster that this process has not seen, if its object says that it is in this project: enough to
    /// wait for it, and for nothing else.
    fn claimed_name(&self, object: &Object, project_id: &str) -> Option<String> {
        let kind = self.engine.kind(CLUSTER)?;
        let name = kind.read(object.spec.as_deref()?).ok()?.atlas_name()?.to_owned();
        let theirs = self.engine.ledger.status(object).common.atlas.project_id;
        (theirs.as_deref() == Some(project_id)).then_some(name)
    }

    /// What became of a cluster that no object shows. An absence is believed once it has lasted.
    pub(super) async fn fate(&mut self, resolved: &Resolved, name: &str) -> Fate {
        let slots: Slots = resolved.given.project_id.iter().map(|id| ("groupId", id.clone())).collect();
        let part = cluster::known_by(name);
        let glance = Some(self.engine.glance());
        let seen = match observe(&resolved.client, std::slice::from_ref(&part), &slots, true, glance).await {
            Ok(observation) => observation.parts.into_iter().next().map(|(_, observed)| observed),
            Err(error) => {
                tracing::debug!(cluster = name, error = %error, "whether it is still there could not be seen");
                return Fate::Unknown;
            }
        };
        let now = self.engine.clock.now();
        let absent = seen.as_ref().is_some_and(Observed::is_absent);
        let since = self.engine.ledger.missing(self.object, name, absent.then_some(now));
        if let Some(since) = since {
            let end = since + ABSENT_FOR;
            if now >= end {
                self.engine.ledger.missing(self.object, name, None);
                return Fate::Gone;
            }
            self.appointment = Some(self.appointment.map_or(end, |at| at.min(end)));
            return Fate::Unknown;
        }
        let strings = seen.as_ref().and_then(Observed::document).map(cluster::connection_strings);
        strings.filter(|strings| strings["standardSrv"].is_string()).map_or(Fate::Unknown, Fate::There)
    }
}
