//! The `mongod` and `mongos` processes of dedicated clusters that can be reached.
//!
//! Those of a replica set are recorded: each has a name of its own beside the one that connection strings have, and one
//! of them is the primary. What a sharded cluster has follows its connection strings and the specification: the nodes of
//! each shard, a `mongos` on each node, and three servers of the configuration where those are dedicated. That free and
//! flex clusters have no processes here is assumed.
use serde_json::{Value, json};

use super::body::{self, Document};
use super::clusters::{self, Cluster};
use super::{errors, project, recorded, segment, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::{Project, World};

const PORT: u16 = 27017;
const MONGOS_PORT: u16 = 27016;

/// How many servers keep the configuration of a sharded cluster apart from its shards (published).
const CONFIGURATION_SERVERS: i64 = 3;

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/processes";
    const ONE: &str = "/groups/{groupId}/processes/{processId}";
    vec![recorded(Method::Get, ALL, sets::PROCESSES, list), specified(Method::Get, ONE, sets::PROCESSES, get)]
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::page(200, all(project(world, request)?, request).map(Value::Object).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("processId");
    let found = all(project(world, request)?, request).find(|process| body::text(process, "id") == asked);
    let found = found.ok_or_else(|| errors::process_not_found(asked, request.param("groupId")))?;
    Ok(Reply::document(200, Value::Object(found)))
}

fn all(project: &Project, request: &Request) -> impl Iterator<Item = Document> {
    project.clusters.iter().filter(|cluster| clusters::is_reachable(cluster)).flat_map(|cluster| of(cluster, request))
}

/// One kind of processes of a cluster: those of one shard, its `mongos` or the servers of its configuration.
struct Kind<'a> {
    /// In host names: `shard-00`.
    part: &'a str,
    replica_set: Option<String>,
    sharded: bool,
    port: u16,
    /// Of which node the type is `primary`, and what the others are.
    primary: Option<(i64, &'a str)>,
    other: &'a str,
}

fn of(cluster: &Cluster, request: &Request) -> Vec<Document> {
    let sharded = clusters::is_sharded(&cluster.document);
    let (primary, secondary) =
        if sharded { ("SHARD_PRIMARY", "SHARD_SECONDARY") } else { ("REPLICA_PRIMARY", "REPLICA_SECONDARY") };
    let mut processes = Vec::new();
    for (shard, (part, nodes)) in cluster.hosts.shards(&cluster.document).into_iter().enumerate() {
        let data = Kind {
            part: &part,
            replica_set: Some(cluster.hosts.replica_set_name(shard)),
            sharded,
            port: PORT,
            primary: Some(((nodes - 1 - cluster.failovers).rem_euclid(nodes.max(1)), primary)),
            other: secondary,
        };
        processes.extend((0..nodes).map(|node| process(cluster, request, &data, node)));
        if sharded {
            let router = Kind { replica_set: None, port: MONGOS_PORT, primary: None, other: "SHARD_MONGOS", ..data };
            processes.extend((0..nodes).map(|node| process(cluster, request, &router, node)));
        }
    }
    if body::text(&cluster.document, "configServerType") == "DEDICATED" {
        let part = "config-00";
        let configuration =
            Kind { part, replica_set: None, sharded: false, port: PORT, primary: None, other: "SHARD_CONFIG" };
        processes.extend((0..CONFIGURATION_SERVERS).map(|node| process(cluster, request, &configuration, node)));
    }
    processes
}

fn process(cluster: &Cluster, request: &Request, kind: &Kind, node: i64) -> Document {
    let host = cluster.hosts.machine(kind.part, node);
    let id = format!("{host}:{}", kind.port);
    let path = format!("/groups/{}/processes/{}", request.param("groupId"), segment(&id));
    let type_name = match kind.primary {
        Some((primary, name)) if primary == node => name,
        _ => kind.other,
    };
    let mut shown = Document::from_iter([
        ("created".to_owned(), cluster.document.get("createDate").cloned().unwrap_or_default()),
        ("groupId".to_owned(), request.param("groupId").into()),
        ("hostname".to_owned(), host.into()),
        ("id".to_owned(), id.into()),
        ("lastPing".to_owned(), body::moment(request.now)),
        ("links".to_owned(), json!([request.self_link(&path)])),
        ("port".to_owned(), kind.port.into()),
        ("typeName".to_owned(), type_name.into()),
        ("userAlias".to_owned(), cluster.hosts.alias(kind.part, node).into()),
        ("version".to_owned(), body::text(&cluster.document, "mongoDBVersion").into()),
    ]);
    if let Some(replica_set) = &kind.replica_set {
        shown.insert("replicaSetName".to_owned(), replica_set.as_str().into());
        if kind.sharded {
            shown.insert("shardName".to_owned(), replica_set.as_str().into());
        }
    }
    shown
}
