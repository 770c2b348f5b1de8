//! Clusters: free, dedicated replica sets, sharded and global ones. They are known by name within their project, and
//! share their names with [flex clusters](super::flex_clusters), which have an API of their own and are refused here.
//!
//! A cluster is kept in the shape of the newest version. [`legacy`] translates to and from version 2023-02-01, which
//! has one replication spec for each zone and cannot describe every cluster.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::body::{self, Document};
use super::states::{self, DELETING};
use super::{errors, project, project_mut, sets};
use crate::api::{ApiError, Evidence, Method, Operation, Reply, Request, VersionDate};
use crate::world::timers::Subject;
use crate::world::{Project, World};

mod change;
mod connection;
mod create;
mod fields;
pub mod hardware;
mod legacy;
mod lifecycle;
mod process_args;
mod regions;
mod topology;
mod update;
mod upgrade;
mod versions;
mod view;

pub use connection::Hosts;
pub use create::check_name;
pub use process_args::current as process_args;
pub use upgrade::Successor;
pub use view::current;

/// The name of the collection in paths.
pub const COLLECTION: &str = "clusters";

/// The version of which the shape differs from all later ones.
const LEGACY: VersionDate = VersionDate {
    date: "2023-02-01",
    deprecation: Some("Mon, 5 Aug 2024 00:00:00 GMT"),
    sunset: Some("Thu, 1 Jul 2027 00:00:00 GMT"),
};

const READ: &[VersionDate] = &[LEGACY, VersionDate::new("2024-08-05")];

/// 2024-08-05 takes the same bodies as its successor. That its answers announce its end, and when, is assumed from the
/// reading of the autoscaling mode, which belonged to it.
const WRITE: &[VersionDate] = &[
    LEGACY,
    VersionDate { date: "2024-08-05", deprecation: Some("Wed, 23 Oct 2024 00:00:00 GMT"), sunset: None },
    VersionDate::new("2024-10-23"),
];

/// The version from which on each shard scales on its own.
const INDEPENDENT_SHARDS_SINCE: &str = "2024-10-23";

/// Deleting has one version, which nothing has replaced.
const DELETE: &[VersionDate] = &[VersionDate::new("2023-02-01")];

const AUTOSCALING_MODE: &[VersionDate] =
    &[VersionDate { date: "2024-08-05", deprecation: Some("Wed, 23 Oct 2024 00:00:00 GMT"), sunset: None }];

const PROCESS_ARGS: &[VersionDate] = &[VersionDate { date: "2023-01-01", ..LEGACY }, VersionDate::new("2024-08-05")];

/// A cluster of any kind but flex.
pub struct Cluster {
    /// As the newest version shows it, without what is computed (links, effective hardware).
    pub document: Document,
    /// Process arguments that were set, beside those that the document holds as `advancedConfiguration`.
    pub process_args: Document,
    /// The ids of the replication specs in version 2023-02-01, by zone: they are not those of later versions.
    pub legacy_ids: BTreeMap<String, String>,
    pub hosts: Hosts,
    /// When the cluster was last resumed.
    pub resumed: Option<Timestamp>,
    /// What will take the place of this cluster while it is being upgraded.
    pub successor: Option<Box<Successor>>,
    /// Whether the shape was last written in a version in which each shard scales on its own.
    pub independent_shards: bool,
}

impl Cluster {
    pub fn name(&self) -> &str {
        body::text(&self.document, "name")
    }

    pub fn state(&self) -> &str {
        states::state(&self.document)
    }

    pub fn specs(&self) -> Vec<Document> {
        body::documents(&self.document, "replicationSpecs").cloned().collect()
    }

    /// Whether this is a free cluster, for which other rules hold than for dedicated ones.
    pub fn is_tenant(&self) -> bool {
        topology::is_tenant(&self.specs())
    }

    fn subject(&self) -> Subject {
        Subject::new(body::text(&self.document, "groupId"), COLLECTION, self.name())
    }
}

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/clusters";
    const ONE: &str = "/groups/{groupId}/clusters/{clusterName}";
    const MODE: &str = "/groups/{groupId}/clusters/{clusterName}/autoScalingConfiguration";
    const UPGRADE: &str = "/groups/{groupId}/clusters/tenantUpgrade";
    const ARGS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";
    let operation = |method, path, versions, handler| Operation {
        method,
        path,
        versions,
        set: sets::CLUSTERS,
        evidence: Evidence::Recorded,
        handler,
    };
    vec![
        operation(Method::Get, ALL, READ, list),
        operation(Method::Post, ALL, WRITE, create::create),
        operation(Method::Get, "/groups/{groupId}/clusters/provider/regions", super::FIRST_VERSION, regions::list),
        operation(Method::Post, UPGRADE, super::FIRST_VERSION, upgrade::upgrade),
        operation(Method::Get, ONE, READ, get),
        operation(Method::Patch, ONE, WRITE, update::update),
        operation(Method::Delete, ONE, DELETE, delete),
        operation(Method::Get, MODE, AUTOSCALING_MODE, autoscaling_mode),
        operation(Method::Get, ARGS, PROCESS_ARGS, process_args::get),
        operation(Method::Patch, ARGS, PROCESS_ARGS, process_args::update),
    ]
}

/// Why no cluster of this name is here: there is none, or it is a flex cluster.
fn missing(project: &Project, request: &Request, name: &str) -> ApiError {
    match project.flex_cluster(name) {
        Some(_) => errors::flex_in_cluster_api(name),
        None => errors::cluster_not_found(name, request.param("groupId")),
    }
}

/// The cluster that a request is about.
fn cluster<'a>(world: &'a World, request: &Request) -> Result<&'a Cluster, ApiError> {
    let project = project(world, request)?;
    let name = request.param("clusterName");
    project.cluster(name).ok_or_else(|| missing(project, request, name))
}

/// The cluster that a request is about, to be changed.
fn cluster_mut<'a>(world: &'a mut World, request: &Request) -> Result<&'a mut Cluster, ApiError> {
    cluster(world, request)?;
    let name = request.param("clusterName");
    let group = request.param("groupId");
    project_mut(world, request)?.cluster_mut(name).ok_or_else(|| errors::cluster_not_found(name, group))
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let clusters = &project(world, request)?.clusters;
    Ok(Reply::page(200, clusters.iter().map(|cluster| view::shown(cluster, request)).collect::<Result<_, _>>()?))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, view::shown(cluster(world, request)?, request)?))
}

/// Accepted in any state; a second deletion is refused.
fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let cluster = cluster_mut(world, request)?;
    if cluster.state() == DELETING {
        return Err(errors::cluster_already_requested_deletion(cluster.name()));
    }
    if body::flag(&cluster.document, "terminationProtectionEnabled") {
        return Err(errors::termination_protected(cluster.name(), request.param("groupId")));
    }
    states::strip_for_deletion(&mut cluster.document);
    cluster.document.insert("backupEnabled".to_owned(), false.into());
    let (subject, pace) = (cluster.subject(), lifecycle::pace(cluster));
    states::deletion(world, subject, pace, &lifecycle::STEPS);
    Ok(Reply::braces(202))
}

fn autoscaling_mode(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let independent = cluster(world, request)?.independent_shards;
    let mode: Value = if independent { "INDEPENDENT_SHARD_SCALING" } else { "CLUSTER_WIDE_SCALING" }.into();
    Ok(Reply::document(200, json!({"autoScalingMode": mode})))
}
