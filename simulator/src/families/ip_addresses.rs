//! The addresses of a project's dedicated clusters: one for each node, as long as the node is there. They are made of the
//! node's name and come from the ranges that are reserved for documentation (RFC 5737), so nothing real has them.
use serde_json::{Value, json};

use super::clusters::{self, Cluster};
use super::{project, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::auth::directory::derive;
use crate::world::World;

/// The three ranges, without their last byte.
const RANGES: [&str; 3] = ["192.0.2", "198.51.100", "203.0.113"];

pub fn operations() -> Vec<Operation> {
    vec![specified(Method::Get, "/groups/{groupId}/ipAddresses", sets::PROJECT, get)]
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let reachable = project(world, request)?.clusters.iter().filter(|cluster| clusters::is_reachable(cluster));
    let shown: Vec<Value> = reachable
        .map(|cluster| {
            let addresses = addresses(cluster);
            json!({
                "clusterName": cluster.name(),
                "futureInbound": [],
                "futureOutbound": [],
                "inbound": addresses,
                "outbound": addresses,
            })
        })
        .collect();
    Ok(Reply::document(200, json!({"groupId": request.param("groupId"), "services": {"clusters": shown}})))
}

fn addresses(cluster: &Cluster) -> Vec<String> {
    let shards = cluster.hosts.shards(&cluster.document);
    let machines = shards.iter().flat_map(|(part, nodes)| (0..*nodes).map(|node| cluster.hosts.machine(part, node)));
    machines
        .map(|machine| {
            let [range, last, ..] = derive(0, &["address", &machine]);
            format!("{}.{}", RANGES[usize::from(range) % RANGES.len()], last.max(1))
        })
        .collect()
}
