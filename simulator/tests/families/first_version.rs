//! Clusters in version 2023-01-01.
use serde_json::{Value, json};

use super::{CLUSTERS, create, dedicated, delete, done, get, patch, refused, region, settle, with_idle_cluster};
use crate::bench::{Bench, Call};

const FIRST: Option<&str> = Some("2023-01-01");

fn first(name: &str) -> Value {
    json!({"name": name, "clusterType": "REPLICASET", "diskSizeGB": 40, "providerBackupEnabled": true,
        "autoScaling": {"compute": {"enabled": true, "scaleDownEnabled": true}, "diskGBEnabled": false},
        "providerSettings": {"providerName": "AWS", "instanceSizeName": "M20", "regionName": "EU_WEST_1",
            "autoScaling": {"compute": {"minInstanceSize": "M10", "maxInstanceSize": "M30"}}}})
}

#[test]
fn a_cluster_made_in_the_first_version_is_the_same_in_every_other() {
    let mut bench = Bench::new(1);
    let created = done(&mut bench, create(first("orders")).version(FIRST));
    assert_eq!(created["providerSettings"]["instanceSizeName"], "M20");
    assert_eq!(
        (&created["replicationFactor"], &created["numShards"], &created["diskSizeGB"]),
        (&json!(3), &json!(1), &json!(40.0))
    );
    let nodes = json!({"EU_WEST_1": {"analyticsNodes": 0, "electableNodes": 3, "priority": 7, "readOnlyNodes": 0}});
    assert_eq!((&created["replicationSpec"], &created["replicationSpecs"][0]["regionsConfig"]), (&nodes, &nodes));
    assert_eq!(created["providerBackupEnabled"], true);
    assert_eq!(created.get("srvAddress"), None);
    settle(&mut bench, "orders");
    let newest = done(&mut bench, get("orders"));
    let region = &newest["replicationSpecs"][0]["regionConfigs"][0];
    assert_eq!((&newest["backupEnabled"], &region["electableSpecs"]["instanceSize"]), (&json!(true), &json!("M20")));
    let scaling = json!({"compute": {"enabled": true, "scaleDownEnabled": true, "minInstanceSize": "M10",
        "maxInstanceSize": "M30"}, "diskGB": {"enabled": false}});
    assert_eq!(region["autoScaling"], scaling);
    let old = done(&mut bench, get("orders").version(FIRST));
    assert_eq!(old["srvAddress"], newest["connectionStrings"]["standardSrv"]);
    assert_eq!(old["autoScaling"], first("orders")["autoScaling"]);
    assert_eq!(done(&mut bench, Call::new("GET", CLUSTERS).version(FIRST))["results"][0], old);
    assert_eq!(bench.call(delete("orders").version(FIRST)).0, 202);
}

#[test]
fn an_update_in_the_first_version_keeps_what_it_does_not_mention() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let before = done(&mut bench, get("orders"));
    let update = |body: Value| patch("orders", body).version(FIRST);
    let labelled = done(&mut bench, update(json!({"labels": [{"key": "a", "value": "b"}]})));
    assert_eq!(labelled["providerSettings"]["instanceSizeName"], "M10");
    assert_eq!(done(&mut bench, get("orders"))["replicationSpecs"], before["replicationSpecs"]);
    let larger = json!({"providerSettings": {"providerName": "AWS", "instanceSizeName": "M30"}});
    assert_eq!(done(&mut bench, update(larger))["providerSettings"]["instanceSizeName"], "M30");
    let after = done(&mut bench, get("orders"));
    assert_eq!(after["replicationSpecs"][0]["id"], before["replicationSpecs"][0]["id"]);
    let sharded = json!({"clusterType": "SHARDED", "numShards": 2, "providerSettings": {"providerName": "AWS"}});
    let sharded = done(&mut bench, update(sharded));
    assert_eq!((&sharded["numShards"], &sharded["replicationSpecs"][0]["numShards"]), (&json!(2), &json!(2)));
    assert_eq!(done(&mut bench, get("orders"))["replicationSpecs"].as_array().unwrap().len(), 2);
}

#[test]
fn zones_have_nodes_by_region() {
    let mut bench = Bench::new(1);
    let mut body = first("orders");
    body["clusterType"] = json!("GEOSHARDED");
    let zone = |name: &str, region: &str| {
        json!({"zoneName": name, "numShards": 2, "regionsConfig": {
        region: {"electableNodes": 3, "priority": 7, "readOnlyNodes": 0}}})
    };
    body["replicationSpecs"] = json!([zone("West", "EU_WEST_1"), zone("East", "AP_SOUTH_1")]);
    let created = done(&mut bench, create(body).version(FIRST));
    assert_eq!(created["replicationSpec"], json!({}));
    let zones = created["replicationSpecs"].as_array().unwrap();
    assert_eq!(zones.iter().map(|zone| &zone["numShards"]).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(done(&mut bench, get("orders"))["replicationSpecs"].as_array().unwrap().len(), 4);
}

#[test]
fn what_the_first_version_cannot_tell_it_leaves_out() {
    let mut bench = with_idle_cluster(dedicated("plain"));
    let mut body = dedicated("clouds");
    let azure = json!({"providerName": "AZURE", "regionName": "EUROPE_NORTH", "priority": 6,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 2}});
    body["replicationSpecs"][0]["regionConfigs"] = json!([region("M10"), azure]);
    done(&mut bench, create(body));
    let listed = done(&mut bench, Call::new("GET", CLUSTERS).version(FIRST));
    assert_eq!((&listed["totalCount"], &listed["results"][0]["name"]), (&json!(1), &json!("plain")));
    assert_eq!(refused(&mut bench, get("clouds").version(FIRST)).0, 400);
    let update = patch("clouds", json!({"labels": []})).version(FIRST);
    assert_eq!(refused(&mut bench, update).0, 400);
    assert_eq!(done(&mut bench, Call::new("GET", CLUSTERS))["totalCount"], 2);
}
