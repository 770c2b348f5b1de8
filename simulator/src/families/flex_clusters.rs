//! Flex clusters: small ones with an API of their own. They share their names with all other clusters, which are
//! refused here as these are refused there. A deletion answers 204 at once and takes a while nevertheless; afterwards
//! the name cannot be used again for a minute.
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::body::{self, Document, Shape, TAGS, optional, required};
use super::clusters::hardware::Provider;
use super::clusters::{Hosts, check_name, upgrade};
use super::states::{self, CREATING, DELETING, IDLE, Pace, Steps, UPDATING};
use super::{admit, errors, project, project_mut, sets};
use crate::api::{ApiError, Evidence, Method, Operation, Reply, Request, VersionDate};
use crate::auth::directory::derive;
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;
use crate::world::{Project, World};

/// The name of the collection in paths.
pub const COLLECTION: &str = "flexClusters";

/// Size of the disk in GB (recorded).
const DISK: f64 = 5.0;

/// How long the name of a flex cluster that is gone stays taken (other clients speak of a minute).
const NAME_TAKEN: SignedDuration = SignedDuration::from_secs(60);

/// Seconds, measured; the least and the 10th percentile of creations and deletions are those of all flex clusters.
const PACE: Pace = Pace {
    create: Quantiles::new(6.0, 7.0, 14.0, 53.0, 117.0, 231.0),
    detour: Quantiles::new(8.0, 9.0, 23.0, 80.0, 83.0, 83.0),
    update: Quantiles::new(12.0, 16.0, 20.0, 72.0, 223.0, 223.0),
    delete: Quantiles::new(4.0, 8.0, 32.0, 52.0, 366.0, 509.0),
};

const STEPS: Steps = Steps { idle: become_idle, updating: become_updating, gone: vanish };

pub const CREATION: &[body::Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required(
        "providerSettings",
        Shape::Object(&[
            required("backingProviderName", Shape::Choice(&["AWS", "AZURE", "GCP"])),
            required("regionName", Shape::Text(64)),
            optional("diskSizeGB", Shape::ReadOnly),
            optional("providerName", Shape::ReadOnly),
        ]),
    ),
    optional("tags", TAGS),
    optional("terminationProtectionEnabled", Shape::Flag),
];

const UPDATE: &[body::Field] = &[optional("tags", TAGS), optional("terminationProtectionEnabled", Shape::Flag)];

/// One flex cluster, with what its host names are made of.
pub struct FlexCluster {
    /// As GET shows it.
    pub document: Document,
    pub hosts: Hosts,
}

impl FlexCluster {
    pub fn name(&self) -> &str {
        body::text(&self.document, "name")
    }
}

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/flexClusters";
    const ONE: &str = "/groups/{groupId}/flexClusters/{name}";
    const UPGRADE: &str = "/groups/{groupId}/flexClusters:tenantUpgrade";
    const VERSIONS: &[VersionDate] = &[VersionDate::new("2024-11-13")];
    let operation = |method, path, evidence, handler| Operation {
        method,
        path,
        versions: VERSIONS,
        set: sets::FLEX_CLUSTERS,
        evidence,
        handler,
    };
    vec![
        operation(Method::Get, ALL, Evidence::Recorded, list),
        operation(Method::Post, ALL, Evidence::Recorded, create),
        operation(Method::Post, UPGRADE, Evidence::SpecOnly, upgrade::flex),
        operation(Method::Get, ONE, Evidence::Recorded, get),
        operation(Method::Patch, ONE, Evidence::SpecOnly, update),
        operation(Method::Delete, ONE, Evidence::Recorded, delete),
    ]
}

/// The flex cluster that a request is about, to be changed.
fn flex_mut<'a>(world: &'a mut World, request: &Request) -> Result<&'a mut FlexCluster, ApiError> {
    flex(world, request)?;
    let (name, group) = (request.param("name"), request.param("groupId"));
    project_mut(world, request)?.flex_cluster_mut(name).ok_or_else(|| errors::cluster_not_found(name, group))
}

fn flex<'a>(world: &'a World, request: &Request) -> Result<&'a FlexCluster, ApiError> {
    let project = project(world, request)?;
    let name = request.param("name");
    project.flex_cluster(name).ok_or_else(|| missing(project, request, name))
}

/// Why no flex cluster of this name is here: there is none, or it is of another kind.
pub fn missing(project: &Project, request: &Request, name: &str) -> ApiError {
    match project.cluster(name) {
        Some(_) => errors::cluster_in_flex_api(name),
        None => errors::cluster_not_found(name, request.param("groupId")),
    }
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let flex_clusters = &project(world, request)?.flex_clusters;
    Ok(Reply::page(200, flex_clusters.iter().map(|flex| Value::Object(flex.document.clone())).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, Value::Object(flex(world, request)?.document.clone())))
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, CREATION)?;
    let (now, group) = (world.now, request.param("groupId"));
    let name = body::text(&sent, "name");
    let project = project(world, request)?;
    check_name(project, group, name)?;
    if project.released_names.get(name).is_some_and(|until| *until > now) {
        return Err(errors::flex_name_being_cleaned_up());
    }
    admit(world, request)?;
    let hosts = Hosts::shared(name, &mut world.chance);
    let flex = build(world, group, &sent, hosts)?;
    let mut answer = flex.document.clone();
    if let Some(project) = world.project_mut(group) {
        project.flex_clusters.push(flex);
    }
    states::creation(world, Subject::new(group, COLLECTION, name), &PACE, &STEPS);
    // The answer to a creation shows tags only when tags were sent; GET shows an empty list (recorded).
    if !sent.contains_key("tags") {
        answer.remove("tags");
    }
    Ok(Reply::document(201, Value::Object(answer)))
}

/// A flex cluster that is not yet in its project, from the body of a creation.
pub fn build(world: &mut World, group: &str, sent: &Document, hosts: Hosts) -> Result<FlexCluster, ApiError> {
    let settings = sent.get("providerSettings").and_then(Value::as_object).cloned().unwrap_or_default();
    let (backing, region) = (body::text(&settings, "backingProviderName"), body::text(&settings, "regionName"));
    let provider = Provider::named(backing).ok_or_else(|| errors::invalid_enum_value(backing))?;
    if !provider.regions.contains(&region) {
        return Err(errors::invalid_region(region, backing));
    }
    if !provider.offers("FLEX", region) {
        return Err(errors::size_not_offered("FLEX", region));
    }
    let id = world.chance.identifier(world.now);
    let document = json!({
        "backupSettings": {"enabled": true},
        "clusterType": "REPLICASET",
        "connectionStrings": if has_no_name_yet(&id) { json!({}) } else { hosts.shared_strings(false) },
        "createDate": body::moment(world.now),
        "groupId": group,
        "id": id,
        "mongoDBVersion": "8.0.29",
        "name": body::text(sent, "name"),
        "providerSettings": {
            "backingProviderName": backing,
            "diskSizeGB": DISK,
            "providerName": "FLEX",
            "regionName": region,
        },
        "stateName": CREATING,
        "tags": body::list(sent, "tags"),
        "terminationProtectionEnabled": body::flag(sent, "terminationProtectionEnabled"),
        "versionReleaseSystem": "LTS",
    });
    Ok(FlexCluster { document: document.as_object().cloned().unwrap_or_default(), hosts })
}

/// Whether a new flex cluster does not show yet what it is called: 2 of 27 did not (history).
fn has_no_name_yet(id: &str) -> bool {
    let [byte, ..] = derive(0, &["unnamed", id]);
    usize::from(byte) < 256 * 2 / 27
}

/// Sets the timer of a flex cluster that a free one was upgraded to: it takes as long as a creation (assumed).
pub fn schedule_upgrade(world: &mut World, subject: Subject) {
    let upgrade = world.chance.duration(&PACE.create);
    world.after(upgrade, subject, IDLE, STEPS.idle);
}

/// Tags and termination protection are all that can be changed.
fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, UPDATE)?;
    let flex = flex_mut(world, request)?;
    if states::state(&flex.document) == DELETING {
        return Err(errors::cluster_already_requested_deletion(flex.name()));
    }
    let before = flex.document.clone();
    flex.document.extend(sent);
    if flex.document != before && states::state(&flex.document) != CREATING {
        states::enter(&mut flex.document, UPDATING);
        let subject = Subject::new(request.param("groupId"), COLLECTION, request.param("name"));
        states::change(world, subject, &PACE, &STEPS);
    }
    get(world, request)
}

fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let flex = flex_mut(world, request)?;
    if states::state(&flex.document) == DELETING {
        return Err(errors::cluster_already_requested_deletion(flex.name()));
    }
    if body::flag(&flex.document, "terminationProtectionEnabled") {
        return Err(errors::termination_protected(flex.name(), request.param("groupId")));
    }
    states::strip_for_deletion(&mut flex.document);
    let subject = Subject::new(request.param("groupId"), COLLECTION, request.param("name"));
    states::deletion(world, subject, &PACE, &STEPS);
    Ok(Reply::empty(204))
}

fn become_idle(world: &mut World, subject: &Subject) {
    let project = world.project_mut(&subject.group);
    if let Some(flex) = project.and_then(|project| project.flex_cluster_mut(&subject.name)) {
        states::enter(&mut flex.document, IDLE);
        flex.document.insert("connectionStrings".to_owned(), flex.hosts.shared_strings(true));
    }
}

pub fn become_updating(world: &mut World, subject: &Subject) {
    let project = world.project_mut(&subject.group);
    if let Some(flex) = project.and_then(|project| project.flex_cluster_mut(&subject.name)) {
        states::enter(&mut flex.document, UPDATING);
    }
}

fn vanish(world: &mut World, subject: &Subject) {
    let until = world.now.saturating_add(NAME_TAKEN);
    if let (Some(project), Ok(until)) = (world.project_mut(&subject.group), until) {
        project.flex_clusters.retain(|flex| flex.name() != subject.name);
        project.successors.remove(&subject.name);
        project.released_names.insert(subject.name.clone(), until);
    }
}
