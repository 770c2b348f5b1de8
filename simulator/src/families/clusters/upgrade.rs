//! Upgrading a free cluster to a dedicated or a flex one, and a flex cluster to a dedicated one.
//!
//! All three put another deployment in the place of the first: `id` and `createDate` are new. Two were not recorded, and
//! follow what other clients wait for.
//!
//! * Free to dedicated (recorded step by step): the answer describes the old cluster, which may show as `IDLE` once more
//!   before it is `UPDATING`. Then its tags vanish, then its host names, then the other cluster stands in its place,
//!   without connection strings at first, then with those of the old one. After `IDLE` it may be updated once more by
//!   itself.
//! * Between flex and the others: the old one is `UPDATING`, each interface refusing what belongs to the other; then
//!   neither shows it, the flex interface with 404, the cluster interface with the refusal of a flex cluster, for its
//!   list as well; then the new one is `UPDATING` in its interface.
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::change::Change;
use super::{COLLECTION, Cluster, connection, create, first_version, lifecycle, missing};
use crate::api::{ApiError, Reply, Request};
use crate::families::body::{self, Document};
use crate::families::flex_clusters::{self, FlexCluster};
use crate::families::states::{self, IDLE, UPDATING};
use crate::families::{errors, project, resource_policies};
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;
use crate::world::{Project, World};

/// How long an upgrade to a dedicated cluster takes in seconds, from the moment at which it is there: 10 to 25 minutes in
/// the recordings that were looked at, all of free clusters.
const UPGRADE: Quantiles = Quantiles::new(600.0, 660.0, 900.0, 1380.0, 1500.0, 1500.0);

/// The share of upgrades after which the cluster is updated once more by itself: one of two that were recorded.
const AFTERMATH: f64 = 0.5;

/// The share of upgrades at the beginning of which the old cluster shows as `IDLE` once more (other clients guard
/// against it; how often is assumed), and for how long (assumed).
const STALE: f64 = 0.5;
const STALE_FOR: SignedDuration = SignedDuration::from_secs(3);

/// When the tags, the host names and the old cluster itself are gone, in seconds (the last as recorded, the others
/// spread before it).
const TAGS_GONE: SignedDuration = SignedDuration::from_secs(5);
const HOSTS_GONE: SignedDuration = SignedDuration::from_secs(10);
const REPLACED: SignedDuration = SignedDuration::from_secs(20);

/// For how long neither interface shows what changes between flex and the others (assumed).
const BETWEEN_KINDS: SignedDuration = SignedDuration::from_secs(10);

/// Fields that are set while a cluster is made and that an upgraded one lacks: the first for good, the second until
/// shortly before the end.
const WARMING: &str = "diskWarmingMode";
const COPY: &str = "useAwsTimeBasedSnapshotCopyForFastInitialSync";

/// What will take the place of a deployment.
pub enum Successor {
    Cluster(Box<Cluster>),
    Flex(Box<FlexCluster>),
}

/// `POST clusters/tenantUpgrade`: a free cluster becomes a dedicated or a flex one.
pub fn tenant(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, first_version::FIELDS)?;
    let (group, name) = (request.param("groupId"), body::text(&sent, "name"));
    let here = project(world, request)?;
    let old = here.cluster(name).ok_or_else(|| missing(here, request, name))?;
    // What Atlas answers for other clusters and for one that is busy is assumed.
    if !old.is_tenant() || old.state() != IDLE || here.successors.contains_key(name) {
        return Err(errors::invalid_attribute("name"));
    }
    resource_policies::check(world, request)?;
    let hosts = old.hosts.clone();
    let tags = sent.get("tags").or_else(|| old.document.get("tags")).cloned();
    let settings = sent.get("providerSettings").and_then(Value::as_object).cloned().unwrap_or_default();
    let to_flex = body::text(&settings, "providerName") == "FLEX";
    let mut successor = if to_flex {
        Successor::Flex(Box::new(flex_clusters::build(world, group, &flex_creation(&sent, &settings)?, hosts)?))
    } else {
        dedicated(world, request, first_version::change(&sent, &[]), hosts)?
    };
    successor.document().extend(tags.clone().map(|tags| ("tags".to_owned(), tags)));
    let subject = Subject::new(group, COLLECTION, name);
    let old = lifecycle::of(world, &subject).ok_or_else(|| errors::cluster_not_found(name, group))?;
    states::enter(&mut old.document, UPDATING);
    old.document.extend(tags.map(|tags| ("tags".to_owned(), tags)));
    old.document.remove(COPY);
    let answer = first_version::view(old, request)?;
    begin(world, &subject, successor);
    if to_flex {
        return Ok(Reply::document(200, answer));
    }
    for (delay, what, act) in [
        (TAGS_GONE, "upgrade: tags vanish", tags_vanish as states::Act),
        (HOSTS_GONE, "upgrade: host names vanish", hosts_vanish),
    ] {
        world.after(delay, subject.clone(), what, act);
    }
    Ok(Reply::document(200, answer))
}

/// `POST flexClusters:tenantUpgrade`: a flex cluster becomes a dedicated one.
pub fn flex(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let change = Change::creation(request)?;
    let (group, name) = (request.param("groupId"), body::text(&change.fields, "name").to_owned());
    let here = project(world, request)?;
    let old = here.flex_cluster(&name).ok_or_else(|| flex_clusters::missing(here, request, &name))?;
    // What Atlas answers for one that is busy, and to a free cluster as the goal, is assumed.
    let free = change.shards.as_deref().is_some_and(super::topology::is_tenant);
    if states::state(&old.document) != IDLE || here.successors.contains_key(&name) || free {
        return Err(errors::invalid_attribute(if free { "providerName" } else { "name" }));
    }
    resource_policies::check(world, request)?;
    let hosts = old.hosts.clone();
    let tags = change.fields.get("tags").or_else(|| old.document.get("tags")).cloned();
    let mut successor = dedicated(world, request, change, hosts)?;
    successor.document().extend(tags.map(|tags| ("tags".to_owned(), tags)));
    let subject = Subject::new(group, flex_clusters::COLLECTION, &name);
    flex_clusters::become_updating(world, &subject);
    let answer = project(world, request)?.flex_cluster(&name).map(|flex| flex.document.clone());
    begin(world, &subject, successor);
    Ok(Reply::document(200, json!(answer)))
}

impl Successor {
    fn document(&mut self) -> &mut Document {
        match self {
            Self::Cluster(cluster) => &mut cluster.document,
            Self::Flex(flex) => &mut flex.document,
        }
    }
}

/// A dedicated cluster that keeps the host names of the one before it.
fn dedicated(
    world: &mut World,
    request: &Request,
    change: Change,
    hosts: connection::Hosts,
) -> Result<Successor, ApiError> {
    let mut cluster = create::build(world, request, change)?;
    cluster.hosts = hosts;
    cluster.document.remove(WARMING);
    cluster.document.remove(COPY);
    Ok(Successor::Cluster(Box::new(cluster)))
}

/// The body that creates a flex cluster like the one that an upgrade asks for.
fn flex_creation(sent: &Document, settings: &Document) -> Result<Document, ApiError> {
    if body::text(settings, "instanceSizeName") != "FLEX" {
        return Err(errors::invalid_enum_value(body::text(settings, "instanceSizeName")));
    }
    let creation = json!({
        "name": sent.get("name"),
        "providerSettings": {
            "backingProviderName": settings.get("backingProviderName"),
            "regionName": settings.get("regionName"),
        },
        "tags": sent.get("tags"),
        "terminationProtectionEnabled": sent.get("terminationProtectionEnabled"),
    });
    body::complete(&creation, flex_clusters::CREATION)
}

/// Sets the timers until the successor is there. The caller has entered `UPDATING`.
fn begin(world: &mut World, subject: &Subject, mut successor: Successor) {
    states::enter(successor.document(), UPDATING);
    world.cancel(subject);
    if let Some(project) = world.project_mut(&subject.group) {
        project.successors.insert(subject.name.clone(), successor);
    }
    if world.chance.happens(STALE) {
        enter(world, subject, IDLE);
        world.after(STALE_FOR, subject.clone(), UPDATING, |world, subject| enter(world, subject, UPDATING));
    }
    world.after(REPLACED, subject.clone(), "upgrade: the old one goes", replace);
}

/// Enters a state whichever kind the deployment is of.
fn enter(world: &mut World, subject: &Subject, state: &str) {
    let Some(project) = world.project_mut(&subject.group) else { return };
    let flex = project.flex_clusters.iter_mut().map(|flex| &mut flex.document);
    let mut all = project.clusters.iter_mut().map(|cluster| &mut cluster.document).chain(flex);
    if let Some(document) = all.find(|document| body::text(document, "name") == subject.name) {
        states::enter(document, state);
    }
}

fn tags_vanish(world: &mut World, subject: &Subject) {
    set(world, subject, "tags", json!([]));
}

fn hosts_vanish(world: &mut World, subject: &Subject) {
    if let Some(cluster) = lifecycle::of(world, subject) {
        let strings = cluster.hosts.shared_strings(false);
        cluster.document.insert("connectionStrings".to_owned(), strings);
    }
}

fn set(world: &mut World, subject: &Subject, field: &str, value: Value) {
    if let Some(cluster) = lifecycle::of(world, subject) {
        cluster.document.insert(field.to_owned(), value);
    }
}

/// The old one goes. One of the other interface's kind leaves a gap before what follows.
fn replace(world: &mut World, subject: &Subject) {
    let Some(project) = world.project_mut(&subject.group) else { return };
    let at = project.clusters.iter().position(|cluster| cluster.name() == subject.name);
    let same_kind = at.is_some() && matches!(project.successors.get(&subject.name), Some(Successor::Cluster(_)));
    if same_kind {
        return appear(world, subject);
    }
    project.clusters.retain(|cluster| cluster.name() != subject.name);
    project.flex_clusters.retain(|flex| flex.name() != subject.name);
    world.after(BETWEEN_KINDS, subject.clone(), "upgrade: the new one appears", appear);
}

/// The successor is there, and on its way to `IDLE`.
fn appear(world: &mut World, old: &Subject) {
    let now = world.now;
    let Some(project) = world.project_mut(&old.group) else { return };
    let Some(mut successor) = project.successors.remove(&old.name) else { return };
    successor.document().insert("createDate".to_owned(), body::moment(now));
    match successor {
        Successor::Cluster(mut cluster) => {
            cluster.document.insert("connectionStrings".to_owned(), json!({}));
            put(project, *cluster);
            schedule_dedicated(world, &Subject::new(&old.group, COLLECTION, &old.name));
        }
        Successor::Flex(flex) => {
            project.flex_clusters.push(*flex);
            flex_clusters::schedule_upgrade(world, Subject::new(&old.group, flex_clusters::COLLECTION, &old.name));
        }
    }
}

/// Puts a cluster in the place of the one of its name, or behind the others.
fn put(project: &mut Project, cluster: Cluster) {
    match project.clusters.iter().position(|old| old.name() == cluster.name()) {
        Some(at) => project.clusters[at] = cluster,
        None => project.clusters.push(cluster),
    }
}

fn schedule_dedicated(world: &mut World, subject: &Subject) {
    let whole = world.chance.duration(&UPGRADE);
    world.after(whole * 8 / 10, subject.clone(), "upgrade: host names return", |world, subject| {
        if let Some(cluster) = lifecycle::of(world, subject) {
            connection::refresh(&mut cluster.document, &cluster.hosts);
        }
    });
    world.after(whole * 9 / 10, subject.clone(), "upgrade: copies are configured", |world, subject| {
        set(world, subject, COPY, json!(false));
    });
    world.after(whole, subject.clone(), IDLE, lifecycle::STEPS.idle);
    if world.chance.happens(AFTERMATH) {
        let begin = whole + world.chance.duration(&lifecycle::UNTIL_ARGUMENTS_APPLY) + SignedDuration::from_secs(30);
        let update = world.chance.duration(&lifecycle::UPDATE);
        world.after(begin, subject.clone(), UPDATING, lifecycle::STEPS.updating);
        world.after(begin + update, subject.clone(), IDLE, lifecycle::STEPS.idle);
    }
}
