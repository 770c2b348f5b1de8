//! What the families do over time and what they refuse, asked in the way the transport asks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access_list;
mod anything;
mod authentication;
mod back_door;
mod clusters;
mod containers;
mod database_users;
mod dates;
mod first_version;
mod flex_clusters;
mod global_writes;
mod organizations;
mod people;
mod processes;
mod projects;
mod real_clients;
mod scaling;
mod settings;
mod singletons;
mod topology;
mod trackers;
mod updates;
mod upgrades;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bench::{Bench, Call};

const CLUSTERS: &str = "/groups/{groupId}/clusters";
const CLUSTER: &str = "/groups/{groupId}/clusters/{clusterName}";
const FLEX_CLUSTERS: &str = "/groups/{groupId}/flexClusters";
const FLEX: &str = "/groups/{groupId}/flexClusters/{name}";

/// A call that must succeed.
fn done(bench: &mut Bench, call: Call) -> Value {
    bench.prepare(call).unwrap()
}

/// Status and code of a call that must be refused.
fn refused(bench: &mut Bench, call: Call) -> (u16, String) {
    let (status, body) = bench.call(call);
    assert!(status >= 400, "not refused: {body}");
    (status, body["errorCode"].as_str().unwrap().to_owned())
}

fn seconds(bench: &mut Bench, seconds: i64) {
    bench.world.advance(bench.world.now + SignedDuration::from_secs(seconds));
}

/// The body of a dedicated replica set in one region.
fn dedicated(name: &str) -> Value {
    json!({"name": name, "clusterType": "REPLICASET", "replicationSpecs": [{"regionConfigs": [region("M10")]}]})
}

fn region(size: &str) -> Value {
    let specs = json!({"instanceSize": size, "nodeCount": 3});
    json!({"providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7, "electableSpecs": specs})
}

/// A shard in a zone, with nodes of a size in a region that no other zone begins with.
fn shard(zone: &str, size: &str) -> Value {
    const REGIONS: [&str; 6] = ["EU_WEST_1", "US_EAST_1", "AP_SOUTH_1", "EU_CENTRAL_2", "US_WEST_2", "SA_EAST_1"];
    let mut region = region(size);
    region["regionName"] = json!(REGIONS[usize::from(zone.as_bytes()[0]) % REGIONS.len()]);
    json!({"zoneName": zone, "regionConfigs": [region]})
}

/// The body of a free cluster.
fn free(name: &str) -> Value {
    json!({"name": name, "clusterType": "REPLICASET", "replicationSpecs": [{"regionConfigs": [{
        "providerName": "TENANT", "backingProviderName": "AWS", "regionName": "US_EAST_1", "priority": 7,
        "electableSpecs": {"instanceSize": "M0"}}]}]})
}

fn flex(name: &str) -> Value {
    json!({"name": name, "providerSettings": {"backingProviderName": "AWS", "regionName": "US_EAST_1"}})
}

fn create<'a>(body: Value) -> Call<'a> {
    Call::new("POST", CLUSTERS).body(body)
}

fn get<'a>(name: &str) -> Call<'a> {
    Call::new("GET", CLUSTER).param("clusterName", name)
}

fn patch<'a>(name: &str, body: Value) -> Call<'a> {
    Call::new("PATCH", CLUSTER).param("clusterName", name).body(body)
}

fn delete<'a>(name: &str) -> Call<'a> {
    Call::new("DELETE", CLUSTER).param("clusterName", name)
}

/// A bench with an idle cluster.
fn with_idle_cluster(body: Value) -> Bench {
    let mut bench = Bench::new(1);
    let name = body["name"].as_str().unwrap().to_owned();
    done(&mut bench, create(body));
    settle(&mut bench, &name);
    bench
}

fn settle(bench: &mut Bench, name: &str) {
    bench.wait(CLUSTER, name, |cluster| cluster["stateName"] == "IDLE").unwrap();
}
