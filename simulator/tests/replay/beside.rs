//! Records of what stands beside a cluster: its network, its processes, sample data, the people, and the interfaces that
//! are older than the versions by date.
use serde_json::{Value, json};

use super::corpus::Record;
use super::prior::{Asked, items};
use crate::bench::{Bench, Call};

const CLUSTERS: &str = "/groups/{groupId}/clusters";
const CLUSTER: &str = "/groups/{groupId}/clusters/{clusterName}";
const CONTAINERS: &str = "/groups/{groupId}/containers";
const LOAD: &str = "/groups/{groupId}/sampleDatasetLoad/{name}";
const OLDER_CLUSTER: &str = "/api/atlas/v1.0/groups/{groupId}/clusters/{clusterName}";
const OLDER_UPGRADE: &str = "/api/atlas/v1.0/groups/{groupId}/clusters/tenantUpgrade";
const OTHERS: [&str; 3] = ["/groups/{groupId}/processes", "/groups/{groupId}/users", "/api/private/ipinfo"];

pub fn concern(record: &Record) -> bool {
    [CONTAINERS, LOAD, OLDER_CLUSTER, OLDER_UPGRADE].contains(&record.template()) || OTHERS.contains(&record.template())
}

/// Why a record is not asked about here.
pub fn excluded(record: &Record) -> Option<&'static str> {
    let people = record.template().ends_with("/users");
    (people && items(&record.response_body).len() > 1 || record.template() == "/orgs/{orgId}/users")
        .then_some("how many people there are is given")
}

/// Clusters of the vendor's own environment say when they end by themselves.
pub fn without_their_end(record: &Record, mut recorded: Value) -> Value {
    if [OLDER_CLUSTER, OLDER_UPGRADE].contains(&record.template())
        && let Some(recorded) = recorded.as_object_mut()
    {
        recorded.remove("deleteAfterDate");
    }
    recorded
}

pub fn asked<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let description = &record.response_body;
    match record.template() {
        CONTAINERS => {
            let listed = items(description);
            let of = |provisioned: bool| listed.iter().filter(move |container| container["provisioned"] == provisioned);
            create(bench, "one", &dedicated(of(true).copied()))?;
            idle(bench, "one")?;
            if of(false).next().is_some() {
                create(bench, "two", &dedicated(of(false).copied()))?;
            }
            Ok(call.query("providerName", listed[0]["providerName"].as_str().unwrap_or_default()))
        }
        LOAD => {
            create(bench, record.last_segment(), &one_region())?;
            Ok(call.param("name", record.last_segment()))
        }
        OLDER_CLUSTER | OLDER_UPGRADE => {
            let name = description["name"].as_str().unwrap_or_default();
            create(
                bench,
                name,
                &json!([{"providerName": "TENANT", "backingProviderName": "AWS", "priority": 7,
                "regionName": "US_EAST_1", "electableSpecs": {"instanceSize": "M0"}}]),
            )?;
            idle(bench, name)?;
            // What was read goes back with another size.
            let mut body = bench.prepare(Call::new("GET", OLDER_CLUSTER).param("clusterName", name))?;
            body["providerSettings"] =
                json!({"providerName": "AWS", "instanceSizeName": "M10", "regionName": "US_EAST_1"});
            body["tags"] = description["tags"].clone();
            Ok(call.param("clusterName", name).body(if record.method == "POST" { body } else { Value::Null }))
        }
        "/groups/{groupId}/processes" => {
            create(bench, "one", &one_region())?;
            idle(bench, "one")?;
            Ok(call)
        }
        _ => Ok(call),
    }
}

fn one_region() -> Value {
    dedicated([&json!({"providerName": "AWS", "regionName": "US_EAST_1"})].into_iter())
}

/// The regions of a cluster that has nodes where these containers are.
fn dedicated<'a>(containers: impl Iterator<Item = &'a Value>) -> Value {
    let region = |(at, container): (usize, &Value)| {
        let name = container.get("regionName").or_else(|| container.get("region"));
        let (kind, priority, nodes) = if at == 0 { ("electableSpecs", 7, 3) } else { ("readOnlySpecs", 0, 1) };
        json!({"providerName": container["providerName"], "regionName": name, "priority": priority,
            kind: {"instanceSize": "M10", "nodeCount": nodes}})
    };
    containers.enumerate().map(region).collect()
}

fn create(bench: &mut Bench, name: &str, regions: &Value) -> Result<(), String> {
    let body = json!({"name": name, "clusterType": "REPLICASET", "replicationSpecs": [{"regionConfigs": regions}]});
    bench.prepare(Call::new("POST", CLUSTERS).body(body)).map(drop)
}

fn idle(bench: &mut Bench, name: &str) -> Result<(), String> {
    bench.wait(CLUSTER, name, |cluster| cluster["stateName"] == "IDLE")
}
