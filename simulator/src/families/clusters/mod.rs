//! Clusters: free, dedicated replica sets, sharded and global ones. They are known by name within their project, and
//! share their names with [flex clusters](super::flex_clusters), which have an API of their own and are refused here.
//!
//! A cluster is kept in the shape of the newest version. [`legacy`] translates to and from version 2023-02-01, which
//! has one replication spec for each zone and cannot describe every cluster; [`first_version`] to and from 2023-01-01.
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
pub mod command;
mod compatibility;
mod connection;
mod create;
mod disks;
mod fields;
mod first_version;
mod global_writes;
pub mod hardware;
mod legacy;
mod lifecycle;
mod process_args;
mod regions;
mod scaling;
mod status;
mod topology;
mod update;
pub mod upgrade;
mod versions;
mod view;

pub use compatibility::subject as pin_subject;
pub use connection::{Hosts, is_sharded};
pub use create::check_name;
pub use global_writes::GlobalWrites;
pub use global_writes::{current as global_writes, merge as merge_global_writes};
pub use process_args::current as process_args;
pub use view::current;

/// The name of the collection in paths.
pub const COLLECTION: &str = "clusters";

/// The second version, of which the shape differs from all others.
const LEGACY: VersionDate = VersionDate {
    date: "2023-02-01",
    deprecation: Some("Mon, 5 Aug 2024 00:00:00 GMT"),
    sunset: Some("Thu, 1 Jul 2027 00:00:00 GMT"),
    evidence: None,
};

/// The first one. No recording has it for clusters; its end is published (specification), and that it was announced when
/// the second came is assumed.
const FIRST: VersionDate = VersionDate {
    date: "2023-01-01",
    deprecation: Some("Wed, 1 Feb 2023 00:00:00 GMT"),
    evidence: Some(Evidence::SpecOnly),
    ..LEGACY
};

/// What the interface before the versions by date has.
const OLDER: &[VersionDate] = &[VersionDate::NONE];

const READ: &[VersionDate] = &[FIRST, LEGACY, VersionDate::new("2024-08-05")];

/// 2024-08-05 takes the same bodies as its successor. That its answers announce its end, and when, is assumed from the
/// reading of the autoscaling mode, which belonged to it.
const WRITE: &[VersionDate] = &[FIRST, LEGACY, SHARDS_TOGETHER, VersionDate::new("2024-10-23")];

/// The version from which on each shard scales on its own.
const INDEPENDENT_SHARDS_SINCE: &str = "2024-10-23";

/// The last version before that.
const SHARDS_TOGETHER: VersionDate =
    VersionDate { deprecation: Some("Wed, 23 Oct 2024 00:00:00 GMT"), ..VersionDate::new("2024-08-05") };

/// Nothing has replaced the second version here.
const DELETE: &[VersionDate] = &[FIRST, VersionDate::new("2023-02-01")];

const AUTOSCALING_MODE: &[VersionDate] = &[SHARDS_TOGETHER];

const PROCESS_ARGS: &[VersionDate] = &[VersionDate { date: "2023-01-01", ..LEGACY }, VersionDate::new("2024-08-05")];

/// The query parameter that lists deleted clusters of which backups are retained, too.
const WITH_RETAINED: &str = "includeDeletedWithRetainedBackups";

/// A cluster of any kind but flex.
pub struct Cluster {
    /// As the newest version shows it, without what is computed (links, effective hardware).
    pub document: Document,
    /// Process arguments that were set, beside those that the document holds as `advancedConfiguration`.
    pub process_args: Document,
    /// The ids of the replication specs in version 2023-02-01, by zone: they are not those of later versions.
    pub legacy_ids: BTreeMap<String, String>,
    pub hosts: Hosts,
    /// How often the primaries were restarted, and so others became primary.
    pub failovers: i64,
    /// When the cluster was last resumed.
    pub resumed: Option<Timestamp>,
    pub global_writes: GlobalWrites,
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

    /// Whether it takes changes: not while it is being deleted, nor while it is paused.
    fn check_changeable(&self) -> Result<(), ApiError> {
        if self.state() == DELETING {
            Err(errors::cluster_already_requested_deletion(self.name()))
        } else if body::flag(&self.document, "paused") {
            Err(errors::cannot_update_paused(self.name()))
        } else {
            Ok(())
        }
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
    const OLDER_UPGRADE: &str = "/api/atlas/v1.0/groups/{groupId}/clusters/tenantUpgrade";
    const OLDER_ONE: &str = "/api/atlas/v1.0/groups/{groupId}/clusters/{clusterName}";
    const ARGS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";
    const PIN: &str = "/groups/{groupId}/clusters/{clusterName}:pinFeatureCompatibilityVersion";
    const UNPIN: &str = "/groups/{groupId}/clusters/{clusterName}:unpinFeatureCompatibilityVersion";
    const STATUS: &str = "/groups/{groupId}/clusters/{clusterName}/status";
    const RESTART: &str = "/groups/{groupId}/clusters/{clusterName}/restartPrimaries";
    const GLOBAL: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites";
    const NAMESPACES: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites/managedNamespaces";
    const MAPPINGS: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites/customZoneMapping";
    let operation = |evidence| {
        move |method, path, versions, handler| Operation {
            method,
            path,
            versions,
            set: sets::CLUSTERS,
            evidence,
            handler,
        }
    };
    let recorded = operation(Evidence::Recorded);
    let specified = operation(Evidence::SpecOnly);
    vec![
        recorded(Method::Get, ALL, READ, list),
        recorded(Method::Post, ALL, WRITE, create::create),
        recorded(Method::Get, "/groups/{groupId}/clusters/provider/regions", super::FIRST_VERSION, regions::list),
        // To a dedicated cluster; that to a flex one was not recorded.
        recorded(Method::Post, UPGRADE, super::FIRST_VERSION, upgrade::tenant),
        recorded(Method::Post, OLDER_UPGRADE, OLDER, upgrade::tenant),
        recorded(Method::Get, OLDER_ONE, OLDER, get),
        recorded(Method::Get, ONE, READ, get),
        recorded(Method::Patch, ONE, WRITE, update::update),
        recorded(Method::Delete, ONE, DELETE, delete),
        recorded(Method::Get, MODE, AUTOSCALING_MODE, autoscaling_mode),
        recorded(Method::Get, ARGS, PROCESS_ARGS, process_args::get),
        recorded(Method::Patch, ARGS, PROCESS_ARGS, process_args::update),
        specified(Method::Post, PIN, compatibility::VERSIONS, compatibility::pin),
        specified(Method::Post, UNPIN, compatibility::VERSIONS, compatibility::unpin),
        specified(Method::Get, STATUS, super::FIRST_VERSION, status::get),
        specified(Method::Post, RESTART, status::RESTART, status::restart_primaries),
        specified(Method::Get, GLOBAL, global_writes::VERSIONS, global_writes::get),
        specified(Method::Post, NAMESPACES, global_writes::VERSIONS, global_writes::add_namespace),
        specified(Method::Delete, NAMESPACES, global_writes::VERSIONS, global_writes::remove_namespace),
        specified(Method::Post, MAPPINGS, global_writes::VERSIONS, global_writes::add_mappings),
        specified(Method::Delete, MAPPINGS, global_writes::VERSIONS, global_writes::remove_mappings),
    ]
}

/// Whether a cluster is a dedicated one that can be reached.
pub fn is_reachable(cluster: &Cluster) -> bool {
    !cluster.is_tenant() && connection::is_reachable(&cluster.document)
}

/// Why no cluster of this name is here: there is none, or it is a flex cluster, or is just becoming or has just been one.
fn missing(project: &Project, request: &Request, name: &str) -> ApiError {
    if project.flex_cluster(name).is_some() || project.successors.contains_key(name) {
        errors::flex_in_cluster_api(name)
    } else {
        errors::cluster_not_found(name, request.param("groupId"))
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

/// One cluster that is changing between flex and the others makes the whole list fail (recorded).
fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let project = project(world, request)?;
    if let Some(name) = project.between_kinds().next() {
        return Err(errors::flex_in_cluster_api(name));
    }
    let first = request.version == FIRST.date;
    let told = project.clusters.iter().filter(|cluster| !first || first_version::can_tell(cluster));
    let clusters = told.map(|cluster| view::shown(cluster, request));
    let mut shown = clusters.collect::<Result<Vec<_>, _>>()?;
    if request.query.get(WITH_RETAINED).is_some_and(|wanted| wanted == "true") {
        shown.extend(project.retained_clusters.iter().cloned().map(Value::Object));
    }
    Ok(Reply::page(200, shown))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, view::shown(cluster(world, request)?, request)?))
}

/// Accepted in any state; a second deletion is refused. Backups are retained where the query or the cluster itself says
/// so.
fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let cluster = cluster_mut(world, request)?;
    if cluster.state() == DELETING {
        return Err(errors::cluster_already_requested_deletion(cluster.name()));
    }
    if body::flag(&cluster.document, "terminationProtectionEnabled") {
        return Err(errors::termination_protected(cluster.name(), request.param("groupId")));
    }
    let asked = request
        .query
        .get("retainBackups")
        .map_or_else(|| body::flag(&cluster.document, "retainBackups"), |asked| asked == "true");
    let retained = asked && body::flag(&cluster.document, "backupEnabled");
    cluster.document.insert("retainBackups".to_owned(), retained.into());
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
