#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use std::collections::BTreeMap;

use crate::{
    engine::plan::{Adopt, Memory, Observed, Scene, Sending, Step, Wanted, next},
    kind::{Home, ProjectReference},
};

mod autoscaling;
mod changes;
mod moved;

fn spec(manifest: &str) -> AtlasClusterSpec {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    serde_json::from_value(documents.last().unwrap()["spec"].clone()).unwrap()
}

fn part(manifest: &str) -> Part {
    spec(manifest).itself(&Given::default()).unwrap()
}

/// What is decided of a cluster that is the object's own.
fn scene(parts: Vec<Part>, observed: BTreeMap<&'static str, Observed>) -> Scene {
    let document = observed.get(parts[0].name).and_then(Observed::document);
    let id = document.map_or_else(|| "1".to_owned(), |document| parts[0].identity(document));
    Scene {
        wanted: Wanted::Present,
        parts,
        observed,
        slots: Slots::from([("groupId", "0".repeat(24))]),
        memory: Memory { id: Some(id), ..Memory::default() },
        adopt: Adopt::Never,
        secrets: [].into(),
        stale: Vec::new(),
        issuance: None,
        now: jiff::Timestamp::UNIX_EPOCH,
    }
}

/// The call that is next for a cluster as it is seen; none when nothing is left to do.
fn settled(spec: &Value, seen: Observed) -> Option<Sending> {
    let spec: AtlasClusterSpec = serde_json::from_value(spec.clone()).unwrap();
    match next(&scene(spec.parts(&Given::default()).unwrap(), [(CLUSTER, seen)].into())).unwrap() {
        Step::Send(sending) => Some(sending),
        Step::Done => None,
        step => panic!("{step:?}"),
    }
}

fn sent(spec: &Value, document: Value) -> Option<Sending> {
    settled(spec, Observed::Present(document))
}

fn body(sending: Sending) -> Value {
    sending.call.body.unwrap().json().clone()
}

#[test]
fn a_dedicated_cluster_is_what_the_spec_says_in_atlas_own_words() {
    let part = part(include_str!("dedicated.yaml"));
    assert_eq!(
        part.desired,
        json!({
            "name": "orders",
            "clusterType": "REPLICASET",
            "backupEnabled": true,
            "tags": [{"key": "env", "value": "prod"}],
            "replicationSpecs": [{"regionConfigs": [{
                "providerName": "AWS",
                "regionName": "EU_WEST_1",
                "priority": 7,
                "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
            }]}],
        })
    );
    assert_eq!(part.route.read.template, "/groups/{groupId}/clusters/{clusterName}");
    assert_eq!(part.slots["clusterName"], "orders");
}

#[test]
fn an_m0_is_told_the_only_priority_there_is() {
    let part = part(include_str!("m0.yaml"));
    let region = &part.desired["replicationSpecs"][0]["regionConfigs"][0];
    assert_eq!(
        *region,
        json!({
            "providerName": "TENANT",
            "backingProviderName": "AWS",
            "regionName": "EU_WEST_1",
            "priority": 7,
            "electableSpecs": {"instanceSize": "M0"},
        })
    );
    assert_eq!(part.route.read.template, "/groups/{groupId}/clusters/{clusterName}");
}

#[test]
fn a_flex_cluster_goes_to_its_own_address_in_its_own_shape() {
    let part = part(include_str!("flex.yaml"));
    assert_eq!(
        part.desired,
        json!({
            "name": "trial",
            "providerSettings": {"backingProviderName": "AWS", "regionName": "EU_WEST_1"},
            "tags": [{"key": "env", "value": "dev"}],
            "terminationProtectionEnabled": false,
        })
    );
    assert_eq!(part.route.read.template, "/groups/{groupId}/flexClusters/{name}");
    assert_eq!(part.slots["name"], "trial");
}

#[test]
fn disk_sizes_and_version_are_spelled_as_atlas_spells_them() {
    let desired = part(include_str!("regions.yaml")).desired;
    assert_eq!(desired["mongoDBMajorVersion"], "8.0");
    let region = &desired["replicationSpecs"][0]["regionConfigs"][0];
    assert_eq!(region["electableSpecs"]["diskSizeGB"], 40);
    assert_eq!(region["autoScaling"]["diskGB"]["enabled"], true);
    assert_eq!(region["autoScaling"]["compute"]["maxInstanceSize"], "M60");
}

#[test]
fn the_project_is_needed_first() {
    let needs = spec(include_str!("dedicated.yaml")).needs();
    assert_eq!(needs.home, Home::Project(ProjectReference { namespace: None, name: "shop".into() }));
    assert!(needs.secrets.is_empty() && needs.objects.is_empty());
}

#[test]
fn a_cluster_that_is_not_there_or_has_no_address_yet_reports_none() {
    let spec = spec(include_str!("dedicated.yaml"));
    assert_eq!(spec.report(&Documents::new()), json!({}));
    let creating = json!({"stateName": "CREATING", "connectionStrings": {}});
    assert_eq!(spec.report(&Documents::from([("cluster", creating)])), json!({"stateName": "CREATING"}));
}
