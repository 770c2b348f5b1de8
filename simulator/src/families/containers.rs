//! Network containers: the block of addresses that a project has in a region of a cloud (in all regions of GCP). A
//! dedicated cluster brings the containers that it needs; they stay when it goes.
//!
//! A container is provisioned once a cluster runs in it, which shows in ids of the cloud's own network. From then on its
//! block is fixed, until some minutes after the last cluster is gone. The list of one cloud is recorded; the rest follows
//! the specification and what other clients wait for.
use std::net::Ipv4Addr;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional};
use super::clusters::hardware::Provider;
use super::clusters::{self, Cluster};
use super::{errors, project, project_mut, recorded, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::auth::directory::{derive, hex};
use crate::world::timers::Subject;
use crate::world::{Project, World};

/// The name of the collection in paths.
const COLLECTION: &str = "containers";

/// How long a container is still provisioned when its last cluster is gone (other clients wait for two minutes).
const UNTIL_RELEASED: SignedDuration = SignedDuration::from_mins(2);

const FIELDS: &[body::Field] = &[
    optional("atlasCidrBlock", Shape::Text(18)),
    optional("providerName", Shape::Choice(&["AWS", "AZURE", "GCP"])),
    optional("region", Shape::Text(64)),
    optional("regionName", Shape::Text(64)),
    optional("regions", Shape::List(&Shape::Text(64))),
    optional("azureSubscriptionId", Shape::ReadOnly),
    optional("gcpProjectId", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("networkName", Shape::ReadOnly),
    optional("provisioned", Shape::ReadOnly),
    optional("vnetName", Shape::ReadOnly),
    optional("vpcId", Shape::ReadOnly),
];

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/containers";
    const EVERY: &str = "/groups/{groupId}/containers/all";
    const ONE: &str = "/groups/{groupId}/containers/{containerId}";
    vec![
        recorded(Method::Get, ALL, sets::CONTAINERS, list),
        specified(Method::Post, ALL, sets::CONTAINERS, create),
        specified(Method::Get, EVERY, sets::CONTAINERS, list_all),
        specified(Method::Get, ONE, sets::CONTAINERS, get),
        specified(Method::Patch, ONE, sets::CONTAINERS, update),
        specified(Method::Delete, ONE, sets::CONTAINERS, delete),
    ]
}

/// The identifier of a container.
pub fn id(container: &Document) -> &str {
    body::text(container, "id")
}

/// A cloud and the region in it, in the words of clusters. There is none of GCP's regions, which share a container.
#[derive(PartialEq, Eq)]
struct Place {
    provider: String,
    region: String,
}

impl Place {
    fn new(provider: &str, region: &str) -> Self {
        let region = if provider == "GCP" { "" } else { region };
        Self { provider: provider.to_owned(), region: region.to_owned() }
    }

    fn of_container(container: &Document) -> Self {
        let provider = body::text(container, "providerName");
        let field = if provider == "AZURE" { "region" } else { "regionName" };
        Self::new(provider, body::text(container, field))
    }

    /// Where a dedicated cluster has nodes.
    fn of_cluster(cluster: &Cluster) -> Vec<Self> {
        let mut places = Vec::new();
        for spec in body::documents(&cluster.document, "replicationSpecs") {
            for region in body::documents(spec, "regionConfigs") {
                let place = Self::new(body::text(region, "providerName"), body::text(region, "regionName"));
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        places
    }

    /// A container here that no cluster runs in yet.
    fn container(&self, id: String, block: &str) -> Document {
        let mut container = Document::from_iter([
            ("atlasCidrBlock".to_owned(), block.into()),
            ("id".to_owned(), id.into()),
            ("providerName".to_owned(), self.provider.as_str().into()),
        ]);
        match self.provider.as_str() {
            "AZURE" => container.insert("region".to_owned(), self.region.as_str().into()),
            "GCP" => container.insert("regions".to_owned(), json!([])),
            _ => container.insert("regionName".to_owned(), self.region.as_str().into()),
        };
        provision(&mut container, false);
        container
    }
}

/// Shows whether a cluster runs in a container, with the ids that the cloud gives its network.
fn provision(container: &mut Document, provisioned: bool) {
    let id = id(container).to_owned();
    let digits = hex(&derive(0, &["network", &id]));
    let digits = |count: usize| digits.get(..count).unwrap_or_default();
    let ids: [(&str, String); 2] = match body::text(container, "providerName") {
        "AZURE" => [("azureSubscriptionId", digits(24).to_owned()), ("vnetName", format!("vnet_{id}_{}", digits(8)))],
        "GCP" => [("gcpProjectId", format!("p-{}", digits(24))), ("networkName", format!("nt-{id}-{}", digits(8)))],
        _ => [("vpcId", format!("vpc-{}", digits(17))), ("", String::new())],
    };
    container.insert("provisioned".to_owned(), provisioned.into());
    for (name, value) in ids.into_iter().filter(|(name, _)| !name.is_empty()) {
        container.insert(name.to_owned(), if provisioned { value.into() } else { Value::Null });
    }
}

/// Whether a container is where a cluster has nodes.
fn is_used(project: &Project, container: &Document) -> bool {
    let place = Place::of_container(container);
    dedicated(project).flat_map(Place::of_cluster).any(|used| used == place)
}

fn dedicated(project: &Project) -> impl Iterator<Item = &Cluster> {
    project.clusters.iter().filter(|cluster| !cluster.is_tenant())
}

/// Brings a project's containers in line with its clusters, after one of these began, changed, arrived or went.
pub fn follow(world: &mut World, group: &str) {
    let Some(project) = world.project(group) else { return };
    let mut missing: Vec<Place> = Vec::new();
    for place in dedicated(project).flat_map(Place::of_cluster) {
        let known = project.containers.iter().any(|container| Place::of_container(container) == place);
        if !known && !missing.contains(&place) {
            missing.push(place);
        }
    }
    for place in missing {
        let id = world.chance.identifier(world.now);
        if let Some(project) = world.project_mut(group)
            && let Some(block) = free_block(project, &place.provider)
        {
            project.containers.push(place.container(id, &block.to_string()));
        }
    }
    let Some(project) = world.project_mut(group) else { return };
    let running: Vec<Place> =
        dedicated(project).filter(|cluster| clusters::is_reachable(cluster)).flat_map(Place::of_cluster).collect();
    for container in &mut project.containers {
        if running.contains(&Place::of_container(container)) && !body::flag(container, "provisioned") {
            provision(container, true);
        }
    }
    let left = project.containers.iter().filter(|it| body::flag(it, "provisioned") && !is_used(project, it));
    let left: Vec<Subject> = left.map(|container| Subject::new(group, COLLECTION, id(container))).collect();
    for subject in left {
        world.cancel(&subject);
        world.after(UNTIL_RELEASED, subject, "no longer provisioned", release);
    }
}

fn release(world: &mut World, subject: &Subject) {
    let Some(project) = world.project_mut(&subject.group) else { return };
    let Some(at) = project.containers.iter().position(|container| id(container) == subject.name) else { return };
    if !is_used(project, &project.containers[at]) {
        provision(&mut project.containers[at], false);
    }
}

/// An IPv4 network.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Block {
    first: u32,
    prefix: u32,
}

impl std::fmt::Display for Block {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{}/{}", Ipv4Addr::from(self.first), self.prefix)
    }
}

impl Block {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (address, prefix): (Ipv4Addr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
        let block = Self { first: address.to_bits(), prefix };
        (prefix <= 32 && block.first & !block.mask() == 0).then_some(block)
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - self.prefix).unwrap_or_default()
    }

    fn overlaps(self, other: Self) -> bool {
        let mask = self.mask() & other.mask();
        self.first & mask == other.first & mask
    }

    /// Private addresses (RFC 1918) and a size that the cloud takes (specification).
    fn is_allowed(self, provider: &str) -> bool {
        let sizes = if provider == "GCP" { 8..=18 } else { 21..=24 };
        Ipv4Addr::from(self.first).is_private() && sizes.contains(&self.prefix)
    }
}

/// Blocks of the containers of one cloud.
fn blocks<'a>(project: &'a Project, provider: &'a str) -> impl Iterator<Item = Block> + 'a {
    let own = project.containers.iter().filter(move |container| body::text(container, "providerName") == provider);
    own.filter_map(|container| Block::parse(body::text(container, "atlasCidrBlock")))
}

/// The block that a container gets which names none: the uppermost of 192.168.0.0/16 that the cloud does not have yet
/// (recorded: 192.168.248.0/21, then 192.168.240.0/21), and when they are all given out, of 172.31.0.0/16 (assumed, as is
/// the one of GCP).
fn free_block(project: &Project, provider: &str) -> Option<Block> {
    const WHOLES: [(u8, u8); 2] = [(192, 168), (172, 31)];
    let prefix = if provider == "GCP" { 18 } else { 21 };
    let step = 1u32 << (32 - prefix);
    let candidates = WHOLES.into_iter().flat_map(|(first, second)| {
        let whole = Ipv4Addr::new(first, second, 0, 0).to_bits();
        (0..(1u32 << 16) / step).rev().map(move |number| Block { first: whole + number * step, prefix })
    });
    let taken: Vec<Block> = blocks(project, provider).collect();
    candidates.into_iter().find(|block| !taken.iter().any(|other| other.overlaps(*block)))
}

/// Of one cloud; AWS when none is named, so that this list hides the containers of the others (specification).
fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let provider = request.query.get("providerName").map_or("AWS", String::as_str);
    let provider = Provider::named(provider).ok_or_else(|| errors::invalid_enum_value(provider))?;
    let containers = project(world, request)?.containers.iter();
    let own = containers.filter(|container| body::text(container, "providerName") == provider.name);
    Ok(Reply::page(200, own.cloned().map(Value::Object).collect()))
}

fn list_all(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::page(200, project(world, request)?.containers.iter().cloned().map(Value::Object).collect()))
}

/// The container that a path names, as its place in the list.
fn position(world: &World, request: &Request) -> Result<usize, ApiError> {
    let asked = request.param("containerId");
    let position = project(world, request)?.containers.iter().position(|container| id(container) == asked);
    position.ok_or_else(|| errors::container_not_found(asked, request.param("groupId")))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let at = position(world, request)?;
    Ok(Reply::document(200, Value::Object(project(world, request)?.containers[at].clone())))
}

/// The block that a body asks for, if it asks for one that could be.
fn asked_block(project: &Project, sent: &Document, provider: &str, own: &str) -> Result<Option<Block>, ApiError> {
    let Some(text) = sent.get("atlasCidrBlock").and_then(Value::as_str) else { return Ok(None) };
    let block = Block::parse(text).filter(|block| block.is_allowed(provider));
    let block = block.ok_or_else(|| errors::invalid_attribute("atlasCidrBlock"))?;
    let same_cloud = |it: &&Document| body::text(it, "providerName") == provider && id(it) != own;
    let mut others = project.containers.iter().filter(same_cloud).map(|it| body::text(it, "atlasCidrBlock"));
    if others.any(|other| Block::parse(other).is_some_and(|other| other.overlaps(block))) {
        return Err(errors::overlapping_container_block(text));
    }
    Ok(Some(block))
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, FIELDS)?;
    let provider = match body::text(&sent, "providerName") {
        "" => "AWS",
        named => named,
    };
    let cloud = Provider::named(provider).ok_or_else(|| errors::invalid_enum_value(provider))?;
    let field = if provider == "AZURE" { "region" } else { "regionName" };
    let place = Place::new(provider, body::text(&sent, field));
    if provider != "GCP" && place.region.is_empty() {
        return Err(errors::missing_attribute(field));
    }
    if provider != "GCP" && !cloud.regions.contains(&place.region.as_str()) {
        return Err(errors::invalid_region(&place.region, provider));
    }
    let group = request.param("groupId");
    let project = project(world, request)?;
    if project.containers.iter().any(|container| Place::of_container(container) == place) {
        return Err(errors::container_already_exists(group));
    }
    let block = match asked_block(project, &sent, provider, "")? {
        Some(block) => block,
        None if provider == "AWS" => free_block(project, provider).ok_or_else(errors::unexpected)?,
        None => return Err(errors::missing_attribute("atlasCidrBlock")),
    };
    let id = world.chance.identifier(world.now);
    let mut container = place.container(id, &block.to_string());
    if let Some(regions) = sent.get("regions").filter(|_| provider == "GCP") {
        container.insert("regions".to_owned(), regions.clone());
    }
    project_mut(world, request)?.containers.push(container.clone());
    Ok(Reply::document(200, Value::Object(container)))
}

/// Only the block of a container in which nothing runs can be changed.
fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, FIELDS)?;
    let at = position(world, request)?;
    let project = project_mut(world, request)?;
    let current = &project.containers[at];
    let block = asked_block(project, &sent, body::text(current, "providerName"), id(current))?;
    if let Some(block) = block.map(|block| block.to_string())
        && block != body::text(current, "atlasCidrBlock")
    {
        if body::flag(current, "provisioned") || is_used(project, current) {
            return Err(errors::containers_in_use());
        }
        project.containers[at].insert("atlasCidrBlock".to_owned(), block.into());
    }
    get(world, request)
}

fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let at = position(world, request)?;
    let project = project_mut(world, request)?;
    let current = &project.containers[at];
    if body::flag(current, "provisioned") || is_used(project, current) {
        return Err(errors::containers_in_use());
    }
    project.containers.remove(at);
    Ok(Reply::empty(204))
}
