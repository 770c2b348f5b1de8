//! Edits of the nodes of a cluster: each is one PATCH, after which the operator finds nothing more to say.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    stories::{CLUSTER, PROJECT, Story},
    world::condition,
};

fn region(name: &str, priority: u8, nodes: Value) -> Value {
    let mut region = json!({"providerName": "AWS", "regionName": name, "priority": priority});
    let (Value::Object(all), Value::Object(nodes)) = (&mut region, nodes) else { panic!("nodes by role") };
    all.extend(nodes);
    region
}

/// A spec of these regions in one shard.
fn replica_set(regions: &[Value]) -> Value {
    json!({"clusterType": "REPLICASET", "backupEnabled": true, "replicationSpecs": [{"regionConfigs": regions}]})
}

fn nodes(size: &str, count: u8) -> Value {
    json!({"instanceSize": size, "nodeCount": count})
}

fn in_zones(zones: &[(&str, &str)]) -> Value {
    let scaling = json!({"compute": bounds(true), "diskGB": {"enabled": true}});
    let shard = |(zone, size): &(&str, &str)| {
        // Atlas lets a region come first in one zone only.
        let name = if *zone == "A" { "EU_WEST_1" } else { "US_EAST_1" };
        let region = region(name, 7, json!({"electableSpecs": nodes(size, 3), "autoScaling": scaling}));
        json!({"zoneName": zone, "regionConfigs": [region]})
    };
    json!({"clusterType": "GEOSHARDED", "replicationSpecs": zones.iter().map(shard).collect::<Vec<_>>()})
}

fn bounds(enabled: bool) -> Value {
    let mut compute = json!({"enabled": enabled, "minInstanceSize": "M10", "maxInstanceSize": "M60"});
    if enabled {
        compute["scaleDownEnabled"] = json!(true);
    }
    compute
}

fn scaled(compute: &Value) -> Value {
    replica_set(&[region(
        "EU_WEST_1",
        7,
        json!({"electableSpecs": nodes("M30", 3), "autoScaling": {"compute": compute}}),
    )])
}

/// An edit, as the spec before and after it.
struct Edit {
    about: &'static str,
    before: Value,
    after: Value,
}

fn edits() -> Vec<Edit> {
    let europe = |analytics: Value| {
        region("EU_WEST_1", 7, json!({"electableSpecs": nodes("M10", 3), "analyticsSpecs": analytics}))
    };
    let america = |size: &str| {
        region("US_EAST_1", 6, json!({"electableSpecs": nodes("M10", 2), "analyticsSpecs": nodes(size, 1)}))
    };
    let read_only = region("US_EAST_1", 0, json!({"readOnlySpecs": nodes("M10", 1)}));
    let alone = |nodes: Value| replica_set(&[region("EU_WEST_1", 7, json!({"electableSpecs": nodes}))]);
    let mut predictive = bounds(true);
    predictive["predictiveEnabled"] = json!(true);
    let mut reactive = bounds(true);
    reactive["predictiveEnabled"] = json!(false);
    vec![
        Edit {
            about: "a region made read-only",
            before: replica_set(&[
                region("EU_WEST_1", 7, json!({"electableSpecs": nodes("M10", 3)})),
                region("US_EAST_1", 6, json!({"electableSpecs": nodes("M10", 2)})),
            ]),
            after: replica_set(&[region("EU_WEST_1", 7, json!({"electableSpecs": nodes("M10", 3)})), read_only]),
        },
        Edit {
            about: "analytics nodes of one region gone and of another grown",
            before: replica_set(&[europe(nodes("M10", 1)), america("M10")]),
            after: replica_set(&[europe(nodes("M10", 0)), america("M20")]),
        },
        Edit {
            about: "a zone instead of another",
            before: in_zones(&[("A", "M10"), ("B", "M10")]),
            after: in_zones(&[("A", "M10"), ("C", "M30")]),
        },
        Edit { about: "scaling switched off", before: scaled(&bounds(true)), after: scaled(&bounds(false)) },
        Edit { about: "predictive scaling switched off", before: scaled(&predictive), after: scaled(&reactive) },
        Edit {
            about: "an NVMe tier on fast volumes",
            before: alone(nodes("M40", 3)),
            after: alone(json!({"instanceSize": "M40_NVME", "nodeCount": 3, "ebsVolumeType": "HIGH_PERFORMANCE"})),
        },
    ]
}

fn with(spec: &Value) -> impl Fn(&mut Value) + use<'_> {
    |document| {
        for (name, value) in spec.as_object().unwrap() {
            document["spec"][name] = value.clone();
        }
    }
}

#[tokio::test]
async fn each_edit_of_nodes_is_one_patch() {
    let mut story = Story::begin(&[PROJECT]).await;
    for Edit { about, before, after } in edits() {
        story.world.reset().await;
        story.world.provide_credentials();
        story.edit(PROJECT, |_| {});
        story.edit(CLUSTER, with(&before));
        story.stop_for(Duration::ZERO).await;
        story.go_on().await;
        assert!(story.world.unready().is_empty(), "{about}: {}", story.world.describe());
        story.sent().await;

        story.edit(CLUSTER, with(&after));
        story.go_on().await;
        let sent = story.sent().await;
        let calls: Vec<&str> = sent.iter().map(|(call, _)| call.as_str()).collect();
        assert_eq!(calls, ["PATCH clusters/orders"], "{about}: {sent:#?}");
        story.wait(Duration::from_hours(3)).await;
        assert_eq!(story.sent().await, [], "{about}: nothing is left to say");
        assert!(story.world.unready().is_empty(), "{about}: {}", story.world.describe());
    }
}

#[tokio::test]
async fn zone_mappings_of_others_are_not_removed_with_one_of_ours() {
    let mut story = Story::begin(&[PROJECT]).await;
    let mapped = |places: &[&str]| {
        let mut spec = in_zones(&[("A", "M10"), ("B", "M10")]);
        spec["customZoneMapping"] = places.iter().map(|place| json!({"location": place, "zone": "A"})).collect();
        spec
    };
    story.edit(CLUSTER, with(&mapped(&["DE", "FR"])));
    story.go_on().await;
    let path = format!("/groups/{}/clusters/orders/globalWrites", story.group());
    story.world.simulator.merge(&path, &json!({"customZoneMapping": {"JP": "B"}})).await.unwrap();
    story.sent().await;

    story.edit(CLUSTER, with(&mapped(&["FR"])));
    story.go_on().await;
    assert_eq!(story.sent().await, [], "theirs would go as well");
    let stalled = condition(&story.get("atlasclusters", "orders").unwrap(), "Stalled");
    assert_eq!(stalled["status"], "True", "{}", story.world.describe());
    let message = stalled["message"].as_str().unwrap();
    assert!(message.contains("what others made there: JP."), "{message}");

    let mut declared = mapped(&["FR", "JP"]);
    declared["customZoneMapping"][1]["zone"] = json!("B");
    story.edit(CLUSTER, with(&declared));
    story.go_on().await;
    let calls: Vec<String> = story.sent().await.into_iter().map(|(call, _)| call).collect();
    let address = "clusters/orders/globalWrites/customZoneMapping";
    assert_eq!(calls, [format!("DELETE {address}"), format!("POST {address}")]);
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
}
