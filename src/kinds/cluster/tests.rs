#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::{
    kind::{Home, ProjectReference},
    status::With,
};

fn spec(manifest: &str) -> AtlasClusterSpec {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    serde_json::from_value(documents.last().unwrap()["spec"].clone()).unwrap()
}

fn part(manifest: &str) -> Part {
    spec(manifest).parts(&Given::default()).unwrap().pop().unwrap()
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
fn an_m0_is_never_updated() {
    let observed = json!({"replicationSpecs": [{"regionConfigs": [{"providerName": "TENANT"}]}]});
    let hold = guard(Intent::Update, &json!({}), &observed).unwrap();
    assert_eq!(hold.path, "spec.replicationSpecs");
    assert_eq!(guard(Intent::Delete, &json!({}), &observed), None);
}

#[test]
fn a_paused_cluster_that_stays_paused_is_not_updated() {
    let observed = json!({"paused": true});
    for desired in [json!({"paused": true}), json!({})] {
        assert_eq!(guard(Intent::Update, &desired, &observed).unwrap().path, "spec.paused");
    }
    assert_eq!(guard(Intent::Update, &json!({"paused": false}), &observed), None, "it is resumed first");
    assert_eq!(guard(Intent::Update, &json!({"paused": true}), &json!({"paused": false})), None, "and paused last");
    assert_eq!(guard(Intent::Delete, &json!({}), &observed), None);
}

#[test]
fn a_protected_cluster_is_not_deleted_whatever_the_spec_says() {
    let observed = json!({"terminationProtectionEnabled": true});
    for desired in [json!({}), json!({"terminationProtectionEnabled": false})] {
        let hold = guard(Intent::Delete, &desired, &observed).unwrap();
        assert_eq!(hold.path, "spec.terminationProtectionEnabled");
    }
    assert_eq!(guard(Intent::Update, &json!({}), &observed), None);
    assert_eq!(guard(Intent::Delete, &json!({"terminationProtectionEnabled": true}), &json!({})), None);
}

#[test]
fn the_status_shows_state_version_and_addresses() {
    let observed = json!({
        "stateName": "IDLE",
        "mongoDBVersion": "8.0.29",
        "connectionStrings": {
            "standard": "mongodb://a:27017",
            "standardSrv": "mongodb+srv://a",
            "privateEndpoint": [],
            "private": null,
        },
        "paused": false,
    });
    let report = spec(include_str!("dedicated.yaml")).report(&Documents::from([("cluster", observed)]));
    let strings = json!({"standard": "mongodb://a:27017", "standardSrv": "mongodb+srv://a"});
    assert_eq!(report, json!({"stateName": "IDLE", "mongoDBVersion": "8.0.29", "connectionStrings": strings}));
    let status: With<ClusterStatus> = serde_json::from_value(report.clone()).unwrap();
    assert_eq!(serde_json::to_value(status.own).unwrap(), report, "the schema knows every field that is reported");
}

#[test]
fn a_cluster_that_is_not_there_or_has_no_address_yet_reports_none() {
    let spec = spec(include_str!("dedicated.yaml"));
    assert_eq!(spec.report(&Documents::new()), json!({}));
    let creating = json!({"stateName": "CREATING", "connectionStrings": {}});
    assert_eq!(spec.report(&Documents::from([("cluster", creating)])), json!({"stateName": "CREATING"}));
}
