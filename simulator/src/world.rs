//! Everything that exists in the simulated Atlas, and what will happen to it by itself.
//!
//! A [`World`] is plain data: projects with their resources, two clocks that only [`World::pass`] moves, timers, and one
//! seeded source of chance. It knows no HTTP. What a resource looks like and how it behaves is the business of its
//! [family](crate::families); the world keeps the documents, fires the timers and offers the back door through which
//! tests read and change state behind the API's back.
//!
//! *Guarantees.* Timers fire in the order in which they are due, each with `now` at its own instant; a date on the
//! client's clock is due at the share of a step of the world's clock at which the client's clock reaches it. The same
//! seed, start and calls lead to the same world. Nothing here blocks, sleeps or reads a clock.
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::families::access_list::AccessEntry;
use crate::families::body::{self, Document};
use crate::families::certificates::Certificate;
use crate::families::clusters::Cluster;
use crate::families::clusters::upgrade::Successor;
use crate::families::database_users::{self, DatabaseUser};
use crate::families::flex_clusters::FlexCluster;

mod back_door;
pub mod chance;
pub mod timers;

use chance::Chance;
use timers::{Subject, Timer, Timers};

/// One organization, as it was named when the simulator started.
#[derive(Clone, Debug)]
pub struct Organization {
    pub id: String,
    pub name: String,
}

/// What belongs to an organization and to none of its projects.
#[derive(Default)]
pub struct Possessions {
    pub teams: Vec<Document>,
    pub resource_policies: Vec<Document>,
}

/// A project with everything that is in it.
pub struct Project {
    /// As `GET /groups/{groupId}` shows it, without what is computed (`clusterCount`, `links`).
    pub document: Document,
    /// The documents of which a project has exactly one, by the last segment of their path.
    pub singletons: BTreeMap<&'static str, Document>,
    /// Limits that were set to something else than their default, by name.
    pub limits: BTreeMap<String, i64>,
    pub access_list: Vec<AccessEntry>,
    pub clusters: Vec<Cluster>,
    pub flex_clusters: Vec<FlexCluster>,
    /// What will take the place of the deployment of a name while it is being upgraded. For a moment there may be neither.
    pub successors: BTreeMap<String, Successor>,
    /// Clusters that are gone and of which backups are retained, as they were last seen.
    pub retained_clusters: Vec<Document>,
    pub database_users: Vec<DatabaseUser>,
    /// Certificates that were issued to users, present or past.
    pub certificates: Vec<Certificate>,
    pub ldap_verifications: Vec<Document>,
    /// Requests to load sample data.
    pub sample_datasets: Vec<Document>,
    /// Network containers, in the order in which they were made.
    pub containers: Vec<Document>,
    /// Which teams of the organization have which roles here.
    pub teams: Vec<Document>,
    pub custom_roles: Vec<Document>,
    /// The part of host names that all dedicated clusters of the project share.
    pub host_suffix: String,
    /// Names of flex clusters that are gone, and until when such a name cannot be used again.
    pub released_names: BTreeMap<String, Timestamp>,
}

impl Project {
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name() == name)
    }

    pub fn cluster_mut(&mut self, name: &str) -> Option<&mut Cluster> {
        self.clusters.iter_mut().find(|cluster| cluster.name() == name)
    }

    pub fn flex_cluster(&self, name: &str) -> Option<&FlexCluster> {
        self.flex_clusters.iter().find(|flex| flex.name() == name)
    }

    pub fn flex_cluster_mut(&mut self, name: &str) -> Option<&mut FlexCluster> {
        self.flex_clusters.iter_mut().find(|flex| flex.name() == name)
    }

    /// The user of this [identity](database_users::identity).
    pub fn database_user(&self, identity: &str) -> Option<&DatabaseUser> {
        self.database_users.iter().find(|user| database_users::identity(&user.document) == identity)
    }

    pub fn database_user_mut(&mut self, identity: &str) -> Option<&mut DatabaseUser> {
        self.database_users.iter_mut().find(|user| database_users::identity(&user.document) == identity)
    }

    /// The names of all deployments: clusters of every kind share one name space.
    pub fn deployment_names(&self) -> impl Iterator<Item = &str> {
        let clusters = self.clusters.iter().map(Cluster::name);
        clusters.chain(self.flex_clusters.iter().map(FlexCluster::name)).chain(self.between_kinds())
    }

    /// The names of deployments that are just becoming flex clusters or ceasing to be, and that neither interface shows.
    pub fn between_kinds(&self) -> impl Iterator<Item = &str> {
        let shown = |name: &str| self.cluster(name).is_some() || self.flex_cluster(name).is_some();
        self.successors.keys().map(String::as_str).filter(move |name| !shown(name))
    }
}

/// The whole state of the simulated Atlas.
pub struct World {
    /// The instant up to which everything has happened. Only [`World::pass`] moves it.
    pub now: Timestamp,
    /// What the clients' own clock shows at `now`: dates that a client sends are dates on it (see [`crate::clock`]).
    pub client: Timestamp,
    pub(crate) chance: Chance,
    /// How long each creation takes that is not left to chance.
    pub creation: Option<SignedDuration>,
    organizations: Vec<Organization>,
    /// By the id of the organization; every organization has an entry.
    possessions: BTreeMap<String, Possessions>,
    /// Whether projects have a peering connection to a network of the customer's. Peering itself is not simulated.
    peered: bool,
    projects: BTreeMap<String, Project>,
    /// The ids of projects that were deleted.
    tombstones: BTreeSet<String>,
    timers: Timers,
    /// What is due on the clients' clock.
    dates: Timers,
}

impl World {
    /// An empty world: organizations without projects.
    pub fn new(seed: u64, start: Timestamp, orgs: Vec<Organization>) -> Self {
        Self {
            now: start,
            client: start,
            chance: Chance::new(seed),
            possessions: orgs.iter().map(|org| (org.id.clone(), Possessions::default())).collect(),
            creation: None,
            organizations: orgs,
            peered: false,
            projects: BTreeMap::new(),
            tombstones: BTreeSet::new(),
            timers: Timers::default(),
            dates: Timers::default(),
        }
    }

    /// Lets as much time pass on both clocks: runs every timer that is due up to and including `to`, in order. Time never
    /// goes back.
    pub fn advance(&mut self, to: Timestamp) {
        let client = self.client.saturating_add(to.duration_since(self.now)).unwrap_or(Timestamp::MAX);
        self.pass(to, client);
    }

    /// Lets time pass up to `to`, where the clients' clock shows `client`.
    pub fn pass(&mut self, to: Timestamp, client: Timestamp) {
        let (now, before) = (self.now, self.client);
        let translate = |date: Timestamp| {
            let (passed, whole) = (date.duration_since(before), client.duration_since(before));
            share(passed, whole, to.duration_since(now), now)
        };
        while let Some((at, timer)) = self.next(to, client, translate) {
            self.now = self.now.max(at);
            (timer.act)(self, &timer.subject);
        }
        self.now = self.now.max(to);
        self.client = self.client.max(client);
    }

    /// Takes the earliest timer of both clocks, with its instant on the world's. `translate` gives that of a date.
    fn next(
        &mut self,
        to: Timestamp,
        client: Timestamp,
        translate: impl Fn(Timestamp) -> Timestamp,
    ) -> Option<(Timestamp, Timer)> {
        let date = self.dates.due().filter(|date| *date <= client).map(translate);
        match date {
            Some(at) if self.timers.due().is_none_or(|due| at < due) => {
                self.dates.next(client).map(|(_, timer)| (at, timer))
            }
            _ => self.timers.next(to),
        }
    }

    /// The organization to which a project belongs; `None` when there is no such project (any more).
    pub fn organization_of(&self, group_id: &str) -> Option<&str> {
        self.projects.get(group_id).map(|project| body::text(&project.document, "orgId"))
    }

    /// Whether a project of this id existed and was deleted.
    pub fn tombstoned(&self, group_id: &str) -> bool {
        self.tombstones.contains(group_id)
    }

    pub fn organizations(&self) -> &[Organization] {
        &self.organizations
    }

    pub fn possessions(&self, org_id: &str) -> Option<&Possessions> {
        self.possessions.get(org_id)
    }

    pub fn possessions_mut(&mut self, org_id: &str) -> Option<&mut Possessions> {
        self.possessions.get_mut(org_id)
    }

    /// Whether projects are peered, without which no security group can be on an access list.
    pub fn is_peered(&self) -> bool {
        self.peered
    }

    /// Peers all projects, or ends that, and with it every access list entry that rests on it.
    pub fn set_peered(&mut self, peered: bool) {
        self.peered = peered;
        if !peered {
            for project in self.projects.values_mut() {
                project.access_list.retain(|entry| !entry.is_security_group());
            }
        }
    }

    pub fn projects(&self) -> impl Iterator<Item = &Project> {
        self.projects.values()
    }

    pub fn project(&self, id: &str) -> Option<&Project> {
        self.projects.get(id)
    }

    pub fn project_mut(&mut self, id: &str) -> Option<&mut Project> {
        self.projects.get_mut(id)
    }

    pub(crate) fn add_project(&mut self, id: String, project: Project) {
        self.projects.insert(id, project);
    }

    /// Removes a project with all that is in it, at once and without asking what still runs there.
    pub(crate) fn remove_project(&mut self, id: &str) -> bool {
        for timers in [&mut self.timers, &mut self.dates] {
            timers.cancel(|subject| subject.group == id);
        }
        self.tombstones.insert(id.to_owned());
        self.projects.remove(id).is_some()
    }

    /// Sets a timer. Several timers of one subject stand beside each other; see [`World::cancel`].
    pub(crate) fn after(
        &mut self,
        delay: SignedDuration,
        subject: Subject,
        what: &'static str,
        act: fn(&mut World, &Subject),
    ) {
        let at = self.now.checked_add(delay).unwrap_or(Timestamp::MAX);
        self.timers.set(at, Timer { subject, what, act });
    }

    /// Sets a timer for a date that a client gave.
    pub(crate) fn on(&mut self, date: Timestamp, subject: Subject, what: &'static str, act: fn(&mut World, &Subject)) {
        self.dates.set(date, Timer { subject, what, act });
    }

    /// Forgets everything that was to happen to a subject.
    pub(crate) fn cancel(&mut self, subject: &Subject) {
        for timers in [&mut self.timers, &mut self.dates] {
            timers.cancel(|other| other == subject);
        }
    }

    /// Everything, for a person or a test to read: documents as GET shows them in the newest version, without links,
    /// and what will happen by itself under `_timers` and, on the clients' clock, under `_dates`.
    pub fn snapshot(&self) -> Value {
        let organizations: Vec<Value> =
            self.organizations.iter().map(|org| back_door::organization(org, self.possessions(&org.id))).collect();
        let groups: Map<String, Value> =
            self.projects.iter().map(|(id, project)| (id.clone(), back_door::snapshot(project))).collect();
        json!({
            "now": self.now.to_string(),
            "organizations": organizations,
            "groups": groups,
            "deletedGroups": self.tombstones,
            "peered": self.peered,
            "_timers": self.timers.snapshot(),
            "_dates": self.dates.snapshot(),
        })
    }

    /// Writes changes into the resource at a path below `/api/atlas/v2`, behind the API's back: objects are merged,
    /// `null` removes a field, everything else replaces (RFC 7396). The resource must exist. Nothing is checked and no
    /// timer is set; a state that is written here lasts until something else changes it.
    pub fn merge(&mut self, path: &str, changes: &Value) -> Result<(), String> {
        let changes = changes.as_object().ok_or("the changes must be a JSON object")?;
        back_door::merge(self, path, changes)
    }

    /// Removes the resource at a path below `/api/atlas/v2` at once, whatever state it is in.
    pub fn remove(&mut self, path: &str) -> Result<(), String> {
        back_door::remove(self, path)
    }
}

/// The instant at which so much of a stretch of time is over that began at `from` and lasts for `length`: as much of it
/// as `part` is of `whole`. In whole microseconds, of which products fit.
fn share(part: SignedDuration, whole: SignedDuration, length: SignedDuration, from: Timestamp) -> Timestamp {
    let passed = (length.as_micros() * part.as_micros()).checked_div(whole.as_micros()).unwrap_or_default();
    let passed = i64::try_from(passed).map_or(SignedDuration::MAX, SignedDuration::from_micros);
    from.saturating_add(passed.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX)
}
