//! The prior states of records about clusters.
use serde_json::{Value, json};

use super::corpus::{Record, Scene};
use super::hints;
use super::prior::{Asked, items};
use super::sent::{self, ARGUMENTS, CLUSTER, CLUSTERS};
use crate::bench::{Bench, Call};

const UPGRADE: &str = "/groups/{groupId}/clusters/tenantUpgrade";

/// Brings a cluster into the state in which a record was made, and says what to ask.
pub fn asked<'a>(bench: &mut Bench, scene: Scene<'a>, before: Option<&Value>, call: Call<'a>) -> Asked<'a> {
    let record = scene.record();
    let description = &record.response_body;
    let name = record.cluster_name();
    let before = before.ok_or("the cluster is described nowhere");
    match (record.method.as_str(), record.template()) {
        ("GET", CLUSTERS) => bring_all(bench, scene, &items(description))?,
        ("POST", CLUSTERS) => return Ok(call.body(sent::creation(record).ok_or("nobody knows what was sent")?)),
        ("GET", CLUSTER) => bring(bench, scene, description)?,
        ("PATCH", CLUSTER) => {
            bring(bench, scene, before?)?;
            let body = sent::change(bench, record).ok_or("nobody knows what was sent")?;
            return Ok(call.param("clusterName", name).body(body));
        }
        ("DELETE", CLUSTER) => create_small(bench, name, false)?,
        ("POST", UPGRADE) => {
            bring(bench, scene, before?)?;
            return Ok(call.body(record.request_body.clone()));
        }
        (method, ARGUMENTS) => {
            // A cluster of which nothing else is known is taken for a small one.
            match before {
                Ok(before) => {
                    let unknown = writes(scene, before).is_empty();
                    let mut before = before.clone();
                    // Seen later, while it was being deleted.
                    if before["stateName"] == "DELETING" {
                        before["stateName"] = "IDLE".into();
                    }
                    bring(bench, scene, &before)?;
                    if unknown {
                        let set = Call::new("PATCH", ARGUMENTS).param("clusterName", name);
                        bench.prepare(set.body(hints::arguments(description)))?;
                    }
                }
                Err(_) => create_small(bench, name, false)?,
            }
            if method == "PATCH" {
                let body = sent::change(bench, record).ok_or("nobody knows what was sent")?;
                return Ok(call.param("clusterName", name).body(body));
            }
        }
        _ => bring(bench, scene, before?)?,
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

/// What was sent for a cluster before a record, in the test that made it.
fn writes<'a>(scene: Scene<'a>, description: &Value) -> Vec<&'a Record> {
    let name = name_of(description);
    let is_creation = |record: &Record| record.is_sent(&["POST"], &[CLUSTERS]) && record.response_body["name"] == name;
    let is_change =
        |record: &Record| record.is_sent(&["PATCH"], &[CLUSTER, ARGUMENTS]) && record.cluster_name() == name;
    let of = |records: &'a [Record], test: &str| -> Vec<&'a Record> {
        let own = |record: &&Record| record.test == test && (is_creation(record) || is_change(record));
        records.iter().filter(own).collect()
    };
    let own = of(&scene.records[..scene.position], &scene.record().test);
    if own.first().is_some_and(|record| record.method == "POST") {
        return own;
    }
    // Seen in passing while another test had it.
    let Some(elsewhere) = scene.records.iter().find(|record| is_creation(record)) else { return Vec::new() };
    let mut all = of(scene.records, &elsewhere.test);
    if !is_reachable(description) {
        all.truncate(1);
    }
    all
}

fn is_reachable(description: &Value) -> bool {
    description["connectionStrings"].get("standard").is_some()
}

/// Creates a cluster like the described one and brings it into its state.
pub fn bring(bench: &mut Bench, scene: Scene, description: &Value) -> Result<(), String> {
    bring_all(bench, scene, &[description])
}

/// First everything settles, which takes time, and what is new is made last; then what is passing begins, and what
/// takes time to reach comes before what passes at once.
fn bring_all(bench: &mut Bench, scene: Scene, descriptions: &[&Value]) -> Result<(), String> {
    let (upgraded, plain): (Vec<&Value>, Vec<&Value>) = descriptions.iter().partition(|cluster| is_upgraded(cluster));
    let (reachable, new): (Vec<&Value>, Vec<&Value>) = plain.iter().partition(|cluster| is_reachable(cluster));
    for description in &upgraded {
        create_free(bench, description)?;
    }
    for description in reachable.iter().chain(&new) {
        settle(bench, &writes(scene, description), description)?;
    }
    for description in &upgraded {
        upgrade(bench, description)?;
    }
    for description in &plain {
        begin(bench, &writes(scene, description), description)?;
    }
    Ok(())
}

/// The change that is under way in the described state, if that is what is under way.
fn passing<'a>(writes: &[&'a Record], description: &Value) -> Option<&'a Record> {
    let last = writes.last().filter(|record| record.method == "PATCH");
    last.filter(|_| description["stateName"] == "UPDATING").copied()
}

fn name_of(description: &Value) -> &str {
    description["name"].as_str().unwrap_or_default()
}

fn is_idle(cluster: &Value) -> bool {
    cluster["stateName"] == "IDLE"
}

/// Sends what was sent, but for what is still under way. A cluster of which nobody knows who made it is made from its
/// description.
fn settle(bench: &mut Bench, writes: &[&Record], description: &Value) -> Result<(), String> {
    let name = name_of(description);
    if writes.is_empty() {
        return settle_unknown(bench, description);
    }
    let done = writes.len() - usize::from(passing(writes, description).is_some());
    for write in &writes[..done] {
        sent::again(bench, write)?;
        if is_reachable(description) {
            bench.wait(CLUSTER, name, is_idle)?;
        }
    }
    Ok(())
}

fn settle_unknown(bench: &mut Bench, description: &Value) -> Result<(), String> {
    let name = name_of(description);
    let version = Some(hints::write_version(description));
    bench.prepare(Call::new("POST", CLUSTERS).version(version).body(hints::cluster(description)))?;
    if is_reachable(description) {
        bench.wait(CLUSTER, name, is_idle)?;
    }
    Ok(())
}

fn begin(bench: &mut Bench, writes: &[&Record], description: &Value) -> Result<(), String> {
    let name = name_of(description);
    if let Some(write) = passing(writes, description) {
        sent::again(bench, write)?;
        return bench.wait(CLUSTER, name, |cluster| cluster["stateName"] == "UPDATING");
    }
    let on = |method: &'static str| Call::new(method, CLUSTER).param("clusterName", name);
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
