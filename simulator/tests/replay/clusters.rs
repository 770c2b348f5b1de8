//! The prior states of records about clusters.
use serde_json::{Value, json};

use super::corpus::Record;
use super::hints;
use super::prior::{Asked, items};
use crate::bench::{Bench, Call};

const CLUSTERS: &str = "/groups/{groupId}/clusters";
const CLUSTER: &str = "/groups/{groupId}/clusters/{clusterName}";
const ARGUMENTS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";
const UPGRADE: &str = "/groups/{groupId}/clusters/tenantUpgrade";

/// Brings a cluster into the state in which a record was made, and says what to ask.
pub fn asked<'a>(bench: &mut Bench, record: &'a Record, before: Option<&Value>, call: Call<'a>) -> Asked<'a> {
    let description = &record.response_body;
    let sent = Some(&record.request_body).filter(|body| body.is_object()).cloned();
    let name = record.cluster_name();
    let before = before.ok_or("the cluster is described nowhere");
    match (record.method.as_str(), record.template()) {
        ("GET", CLUSTERS) => bring_all(bench, &items(description))?,
        ("POST", CLUSTERS) => return Ok(call.body(sent.unwrap_or_else(|| hints::cluster(description)))),
        ("GET", CLUSTER) => bring(bench, description)?,
        ("PATCH", CLUSTER) => {
            let before = before?;
            bring(bench, before)?;
            let body = sent.unwrap_or_else(|| hints::cluster_update(before, description));
            return Ok(call.param("clusterName", name).body(body));
        }
        ("DELETE", CLUSTER) => create_small(bench, name, false)?,
        ("POST", UPGRADE) => {
            bring(bench, before?)?;
            return Ok(call.body(sent.unwrap_or_default()));
        }
        (method, ARGUMENTS) => {
            // A cluster of which nothing else is known is taken for a small one.
            match before {
                Ok(before) => {
                    let mut before = before.clone();
                    // Seen later, while it was being deleted.
                    if before["stateName"] == "DELETING" {
                        before["stateName"] = "IDLE".into();
                    }
                    bring(bench, &before)?;
                }
                Err(_) => create_small(bench, name, false)?,
            }
            let body = sent.unwrap_or_else(|| arguments(description));
            if method == "PATCH" {
                return Ok(call.param("clusterName", name).body(body));
            }
            bench.prepare(Call::new("PATCH", ARGUMENTS).param("clusterName", name).body(body))?;
        }
        _ => bring(bench, before?)?,
    }
    Ok(call.param("clusterName", name))
}

/// A small cluster with termination protection.
pub fn create_protected(bench: &mut Bench, name: &str) -> Result<(), String> {
    create_small(bench, name, true)
}

fn create_small(bench: &mut Bench, name: &str, protected: bool) -> Result<(), String> {
    let specs = json!({"instanceSize": "M10", "nodeCount": 3});
    let region = json!({"providerName": "AWS", "regionName": "US_EAST_1", "priority": 7, "electableSpecs": specs});
    let body = json!({
        "clusterType": "REPLICASET",
        "name": name,
        "replicationSpecs": [{"regionConfigs": [region]}],
        "terminationProtectionEnabled": protected,
    });
    bench.prepare(Call::new("POST", CLUSTERS).body(body)).map(drop)
}

/// The process arguments that somebody set: those that are not as every cluster has them.
fn arguments(description: &Value) -> Value {
    let untouched =
        [("javascriptEnabled", json!(true)), ("noTableScan", json!(false)), ("queryStatsLogVerbosity", json!(1))];
    let arguments = description.as_object().into_iter().flatten();
    let set = arguments.filter(|(name, value)| {
        let default = untouched.iter().any(|(other, default)| other == name && default == *value);
        !value.is_null() && !value.is_array() && !default
    });
    Value::Object(set.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Creates a cluster like the described one and brings it into its state.
pub fn bring(bench: &mut Bench, description: &Value) -> Result<(), String> {
    bring_all(bench, &[description])
}

/// First everything settles, which takes time, and what is new is made last; then what is passing begins, and what
/// takes time to reach comes before what passes at once.
fn bring_all(bench: &mut Bench, descriptions: &[&Value]) -> Result<(), String> {
    let (upgraded, plain): (Vec<&Value>, Vec<&Value>) = descriptions.iter().partition(|cluster| is_upgraded(cluster));
    let (reachable, new): (Vec<&Value>, Vec<&Value>) =
        plain.iter().partition(|cluster| cluster["connectionStrings"].get("standard").is_some());
    for description in &upgraded {
        create_free(bench, description)?;
    }
    for description in reachable.iter().chain(&new) {
        settle(bench, description)?;
    }
    for description in &upgraded {
        upgrade(bench, description)?;
    }
    for description in &plain {
        begin(bench, description)?;
    }
    Ok(())
}

fn name_of(description: &Value) -> &str {
    description["name"].as_str().unwrap_or_default()
}

fn is_idle(cluster: &Value) -> bool {
    cluster["stateName"] == "IDLE"
}

fn settle(bench: &mut Bench, description: &Value) -> Result<(), String> {
    let name = name_of(description);
    let version = Some(hints::write_version(description));
    bench.prepare(Call::new("POST", CLUSTERS).version(version).body(hints::cluster(description)))?;
    if description["connectionStrings"].get("standard").is_some() {
        bench.wait(CLUSTER, name, is_idle)?;
    }
    if description["paused"] == true {
        bench.prepare(Call::new("PATCH", CLUSTER).param("clusterName", name).body(json!({"paused": true})))?;
        if description["stateName"] != "UPDATING" {
            bench.wait(CLUSTER, name, is_idle)?;
        }
    }
    Ok(())
}

fn begin(bench: &mut Bench, description: &Value) -> Result<(), String> {
    let on = |method: &'static str| Call::new(method, CLUSTER).param("clusterName", name_of(description));
    match description["stateName"].as_str().unwrap_or_default() {
        "UPDATING" if description["paused"] != true => {
            let flipped = description["terminationProtectionEnabled"] != true;
            bench.prepare(on("PATCH").body(json!({"terminationProtectionEnabled": flipped}))).map(drop)
        }
        "DELETING" => bench.prepare(on("DELETE")).map(drop),
        _ => Ok(()),
    }
}

/// Whether the described cluster is a free one on its way to a dedicated one, or was one.
fn is_upgraded(description: &Value) -> bool {
    hints::was_upgraded(description) || (hints::is_free(description) && description["stateName"] == "UPDATING")
}

fn create_free(bench: &mut Bench, description: &Value) -> Result<(), String> {
    let region = json!({
        "backingProviderName": "AWS",
        "electableSpecs": {"instanceSize": "M0"},
        "priority": 7,
        "providerName": "TENANT",
        "regionName": "US_EAST_1",
    });
    let specs = json!([{"regionConfigs": [region]}]);
    let body = json!({"clusterType": "REPLICASET", "name": name_of(description), "replicationSpecs": specs});
    bench.prepare(Call::new("POST", CLUSTERS).body(body))?;
    bench.wait(CLUSTER, name_of(description), is_idle)
}

/// Upgrades a free cluster and waits until it looks like the described one.
fn upgrade(bench: &mut Bench, description: &Value) -> Result<(), String> {
    let mut body = json!({
        "name": name_of(description),
        "providerSettings": {"instanceSizeName": "M10", "providerName": "AWS", "regionName": "US_EAST_1"},
    });
    // Without tags now, a cluster may still have had them at the beginning: they vanish for a while.
    if description["tags"] != json!([]) || hints::is_free(description) {
        body["tags"] = json!([{"key": "env", "value": "e2e"}]);
    }
    bench.prepare(Call::new("POST", UPGRADE).body(body))?;
    let signs = |cluster: &Value| {
        let count = |value: &Value| value.as_object().map(serde_json::Map::len);
        (
            cluster["stateName"].clone(),
            hints::is_free(cluster),
            count(&cluster["connectionStrings"]),
            cluster["tags"].as_array().map(Vec::len),
            // Version 2023-02-01 never shows this one.
            hints::is_legacy(description) || cluster.get("useAwsTimeBasedSnapshotCopyForFastInitialSync").is_some(),
        )
    };
    let wanted = signs(description);
    bench.wait(CLUSTER, name_of(description), |cluster| signs(cluster) == wanted)
}
