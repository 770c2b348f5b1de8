//! What is sent when the nodes of a cluster change, and that it is enough: what Atlas shows then is no difference.
use super::*;

/// A region as Atlas shows it, with the nodes of each role it has: number and size.
fn shown(name: &str, priority: u8, electable: (u8, &str), read_only: (u8, &str), analytics: (u8, &str)) -> Value {
    let nodes = |(count, size): (u8, &str)| {
        json!({
            "instanceSize": size, "nodeCount": count, "diskSizeGB": 30.0, "diskIOPS": 3000, "ebsVolumeType": "STANDARD",
        })
    };
    let (electable, read_only, analytics) = (nodes(electable), nodes(read_only), nodes(analytics));
    json!({
        "providerName": "AWS", "regionName": name, "priority": priority,
        "electableSpecs": electable, "readOnlySpecs": read_only, "analyticsSpecs": analytics,
        "effectiveElectableSpecs": electable, "effectiveReadOnlySpecs": read_only, "effectiveAnalyticsSpecs": analytics,
        "autoScaling": {"compute": {"enabled": false, "scaleDownEnabled": false}, "diskGB": {"enabled": false}},
    })
}

fn region(name: &str, priority: u8, nodes: Value) -> Value {
    let mut region = json!({"providerName": "AWS", "regionName": name, "priority": priority});
    let (Value::Object(all), Value::Object(nodes)) = (&mut region, nodes) else { panic!("nodes by role") };
    all.extend(nodes);
    region
}

fn bounds() -> Value {
    json!({"enabled": true, "scaleDownEnabled": true, "minInstanceSize": "M10", "maxInstanceSize": "M40"})
}

fn replica_set(regions: &[Value]) -> Value {
    json!({
        "projectRef": {"name": "shop"}, "name": "a", "clusterType": "REPLICASET", "stateName": "IDLE",
        "replicationSpecs": [{"zoneName": "Zone 1", "regionConfigs": regions}],
    })
}

/// The regions of the first shard of the PATCH.
fn patched(spec: &Value, document: Value) -> Value {
    let sending = sent(spec, document).unwrap();
    assert!(sending.call.to_string().starts_with("PATCH "), "{}", sending.call);
    let body = body(sending);
    assert_eq!(body.as_object().unwrap().len(), 1, "{body:#}");
    body["replicationSpecs"][0]["regionConfigs"].clone()
}

#[test]
fn a_region_that_is_given_priority_0_loses_its_electable_nodes() {
    let spec = replica_set(&[
        region("EU_WEST_1", 7, json!({"electableSpecs": {"instanceSize": "M10", "nodeCount": 3}})),
        region("US_EAST_1", 0, json!({"readOnlySpecs": {"instanceSize": "M10", "nodeCount": 1}})),
    ]);
    let europe = shown("EU_WEST_1", 7, (3, "M10"), (0, "M10"), (0, "M10"));
    let before = replica_set(&[europe.clone(), shown("US_EAST_1", 6, (2, "M10"), (0, "M10"), (0, "M10"))]);
    let sending = sent(&spec, before.clone()).unwrap();
    let paths: Vec<_> = sending.changes.iter().map(|change| change.path.rsplit_once("[1].").unwrap().1).collect();
    assert_eq!(paths, ["electableSpecs.nodeCount", "priority", "readOnlySpecs.nodeCount"], "the plan says so");
    let america = &patched(&spec, before)[1];
    assert_eq!(america["priority"], 0);
    assert_eq!(america["electableSpecs"], json!({"instanceSize": "M10", "nodeCount": 0}));
    assert_eq!(america["readOnlySpecs"], json!({"instanceSize": "M10", "nodeCount": 1}));

    let after = replica_set(&[europe, shown("US_EAST_1", 0, (0, "M10"), (1, "M10"), (0, "M10"))]);
    assert_eq!(sent(&spec, after), None);
}

#[test]
fn a_zone_that_takes_the_place_of_another_inherits_nothing_of_it() {
    let scaling = json!({"compute": bounds(), "diskGB": {"enabled": true}});
    let nodes = json!({"instanceSize": "M30", "nodeCount": 3, "diskSizeGB": 40, "diskIOPS": 3000});
    let shard = |zone: &str| {
        let region = region("EU_WEST_1", 7, json!({"electableSpecs": nodes, "autoScaling": scaling}));
        json!({"zoneName": zone, "regionConfigs": [region]})
    };
    let running = |zone: &str, size: &str| {
        let mut region = shown("EU_WEST_1", 7, (3, size), (1, size), (0, size));
        region["autoScaling"] = scaling.clone();
        for nodes in ["electableSpecs", "effectiveElectableSpecs", "readOnlySpecs", "effectiveReadOnlySpecs"] {
            region[nodes]["diskSizeGB"] = json!(60.0);
            region[nodes]["diskIOPS"] = json!(6000);
            region[nodes]["ebsVolumeType"] = json!("PROVISIONED");
        }
        json!({"zoneName": zone, "regionConfigs": [region]})
    };
    let global = |shards: &[Value]| {
        json!({
            "projectRef": {"name": "shop"}, "name": "a", "clusterType": "GEOSHARDED", "stateName": "IDLE",
            "replicationSpecs": shards,
        })
    };
    let spec = global(&[shard("A"), shard("C")]);
    let sending = sent(&spec, global(&[running("A", "M40"), running("B", "M40")])).unwrap();
    assert_eq!(sending.notes, ["Shard 2 moves from zone B to zone C, for which Atlas builds it anew."]);
    let shards = body(sending)["replicationSpecs"].clone();
    let stays = &shards[0]["regionConfigs"][0];
    assert_eq!(stays["electableSpecs"], json!({"nodeCount": 3, "ebsVolumeType": "PROVISIONED"}));
    assert_eq!(shards[1]["zoneName"], "C");
    let comes = &shards[1]["regionConfigs"][0];
    let nodes = json!({"instanceSize": "M30", "nodeCount": 3, "diskSizeGB": 60.0, "diskIOPS": 3000});
    assert_eq!(comes["electableSpecs"], nodes, "as declared, but for the one disk size of the cluster");
    assert_eq!(comes["readOnlySpecs"], Value::Null);

    assert_eq!(sent(&spec, global(&[running("A", "M40"), running("C", "M30")])), None);
}

#[test]
fn bounds_wait_while_nothing_is_scaled() {
    for scaling in ["autoScaling", "analyticsAutoScaling"] {
        let nodes = json!({"instanceSize": "M10", "nodeCount": 3});
        let role = if scaling == "autoScaling" { "electableSpecs" } else { "analyticsSpecs" };
        let mut spec = replica_set(&[region("EU_WEST_1", 7, json!({"electableSpecs": nodes, role: nodes}))]);
        let mut seen =
            shown("EU_WEST_1", 7, (3, "M10"), (0, "M10"), (if role == "analyticsSpecs" { 3 } else { 0 }, "M10"));
        let mut compute = bounds();
        compute["enabled"] = json!(false);
        compute["scaleDownEnabled"] = Value::Null;
        spec["replicationSpecs"][0]["regionConfigs"][0][scaling] = json!({"compute": compute});

        seen[scaling] = json!({"compute": bounds(), "diskGB": {"enabled": false}});
        let off = patched(&spec, replica_set(&[seen.clone()]));
        let sent_off = json!({"compute": {"enabled": false, "scaleDownEnabled": false}});
        assert_eq!(off[0][scaling], sent_off, "nothing is scaled down where nothing is scaled");

        seen[scaling]["compute"] = json!({"enabled": false, "scaleDownEnabled": false});
        assert_eq!(sent(&spec, replica_set(&[seen.clone()])), None, "{scaling}");

        let unsaid = &mut spec["replicationSpecs"][0]["regionConfigs"][0][scaling]["compute"];
        *unsaid = json!({"maxInstanceSize": "M40"});
        assert_eq!(sent(&spec, replica_set(&[seen.clone()])), None, "{scaling}: Atlas says that it is off");

        spec["replicationSpecs"][0]["regionConfigs"][0][scaling]["compute"] = bounds();
        assert_eq!(patched(&spec, replica_set(&[seen]))[0][scaling]["compute"], bounds());
    }
}

#[test]
fn a_cluster_is_created_without_what_atlas_does_not_show() {
    let nodes = json!({"instanceSize": "M10", "nodeCount": 3});
    let compute = json!({
        "enabled": false, "predictiveEnabled": false, "minInstanceSize": "M10", "maxInstanceSize": "M40",
    });
    let spec =
        replica_set(&[region("EU_WEST_1", 7, json!({"electableSpecs": nodes, "autoScaling": {"compute": compute}}))]);
    let sending = settled(&spec, Observed::Absent).unwrap();
    assert!(sending.call.to_string().starts_with("POST "));
    let scaling = &body(sending)["replicationSpecs"][0]["regionConfigs"][0]["autoScaling"];
    assert_eq!(*scaling, json!({"compute": {"enabled": false}}));
}

#[test]
fn predictive_scaling_that_is_off_is_the_same_as_none() {
    let nodes = json!({"instanceSize": "M10", "nodeCount": 3});
    let mut compute = bounds();
    compute["predictiveEnabled"] = json!(false);
    let mut spec =
        replica_set(&[region("EU_WEST_1", 7, json!({"electableSpecs": nodes, "autoScaling": {"compute": compute}}))]);
    let seen = |predictive: Value| {
        let mut region = shown("EU_WEST_1", 7, (3, "M10"), (0, "M10"), (0, "M10"));
        region["autoScaling"]["compute"] = bounds();
        region["autoScaling"]["compute"]["predictiveEnabled"] = predictive;
        replica_set(&[region])
    };
    assert_eq!(sent(&spec, seen(Value::Null)), None);
    assert_eq!(sent(&spec, seen(json!(false))), None);
    let off = patched(&spec, seen(json!(true)));
    assert_eq!(off[0]["autoScaling"]["compute"]["predictiveEnabled"], false);
    spec["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["nodeCount"] = json!(5);
    let other = patched(&spec, seen(Value::Null));
    assert_eq!(other[0]["autoScaling"]["compute"].get("predictiveEnabled"), None);
}

#[test]
fn what_nodes_would_be_like_that_are_not_there_does_not_matter() {
    let electable = json!({"instanceSize": "M10", "nodeCount": 3});
    let none = json!({
        "instanceSize": "M10", "nodeCount": 0, "diskSizeGB": 30, "diskIOPS": 1000, "ebsVolumeType": "PROVISIONED",
    });
    let spec = replica_set(&[
        region("EU_WEST_1", 7, json!({"electableSpecs": electable, "analyticsSpecs": none})),
        region(
            "US_EAST_1",
            6,
            json!({
                "electableSpecs": {"instanceSize": "M10", "nodeCount": 2},
                "analyticsSpecs": {"instanceSize": "M20", "nodeCount": 1},
            }),
        ),
    ]);
    let seen = |size: &str, left: u8| {
        replica_set(&[
            shown("EU_WEST_1", 7, (3, "M10"), (0, "M10"), (left, size)),
            shown("US_EAST_1", 6, (2, "M10"), (0, "M10"), (1, size)),
        ])
    };
    assert_eq!(sent(&spec, seen("M20", 0)), None);
    for (size, left) in [("M10", 0), ("M10", 1), ("M20", 1)] {
        let europe = patched(&spec, seen(size, left));
        let gone = json!({"instanceSize": "M20", "nodeCount": 0});
        assert_eq!(europe[0]["analyticsSpecs"], gone, "one size for all analytics nodes");
    }
}

#[test]
fn a_volume_of_an_nvme_tier_is_carried_along_without_operations_and_not_out_of_it() {
    let spec = |size: &str, count: u8| {
        let nodes = json!({"instanceSize": size, "nodeCount": count});
        replica_set(&[region("EU_WEST_1", 7, json!({"electableSpecs": nodes}))])
    };
    let mut seen = shown("EU_WEST_1", 7, (3, "M40_NVME"), (0, "M40_NVME"), (0, "M40_NVME"));
    seen["electableSpecs"]["ebsVolumeType"] = json!("HIGH_PERFORMANCE");
    let seen = replica_set(&[seen]);
    let stays = json!({"instanceSize": "M40_NVME", "nodeCount": 5, "ebsVolumeType": "HIGH_PERFORMANCE"});
    assert_eq!(patched(&spec("M40_NVME", 5), seen.clone())[0]["electableSpecs"], stays);
    assert_eq!(patched(&spec("M40", 3), seen)[0]["electableSpecs"], json!({"instanceSize": "M40", "nodeCount": 3}));
}

#[test]
fn what_is_imported_of_an_nvme_tier_can_be_applied() {
    let import = |size: &str| {
        let mut seen = shown("EU_WEST_1", 7, (3, size), (0, size), (0, size));
        seen["electableSpecs"]["ebsVolumeType"] = json!("PROVISIONED");
        let spec = AtlasCluster::import(&Documents::from([(CLUSTER, replica_set(&[seen]))]));
        spec["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"].clone()
    };
    let nvme = json!({"instanceSize": "M40_NVME", "nodeCount": 3, "ebsVolumeType": "PROVISIONED"});
    assert_eq!(import("M40_NVME"), nvme);
    assert_eq!(import("M40")["diskIOPS"], 3000, "of another tier it is somebody's choice");
}

#[test]
fn how_a_collection_begins_is_said_once() {
    let spec: AtlasClusterSpec = serde_json::from_value(json!({
        "projectRef": {"name": "shop"}, "name": "a", "clusterType": "GEOSHARDED", "replicationSpecs": [],
        "managedNamespaces": [{
            "db": "shop", "collection": "orders", "customShardKey": "id", "isCustomShardKeyHashed": true,
            "numInitialChunks": 64, "presplitHashedZones": true,
        }],
    }))
    .unwrap();
    let mut parts = spec.parts(&Given::default()).unwrap().into_iter();
    let part = parts.find(|part| part.name == MANAGED_NAMESPACES).unwrap();
    let planned =
        |seen: Value| next(&scene(vec![part.clone()], [(MANAGED_NAMESPACES, Observed::Present(seen))].into())).unwrap();
    let Step::Send(sending) = planned(json!([])) else { panic!("it is not there yet") };
    assert_eq!(body(sending)["numInitialChunks"], 64);
    let mut entry = json!({
        "db": "shop", "collection": "orders", "customShardKey": "id", "isCustomShardKeyHashed": true,
        "isShardKeyUnique": false, "numInitialChunks": 8, "presplitHashedZones": false,
    });
    assert_eq!(planned(json!([entry])), Step::Done, "it began as it did");
    entry["customShardKey"] = json!("number");
    let Step::Send(sending) = planned(json!([entry])) else { panic!("it has another key") };
    assert!(sending.call.to_string().starts_with("DELETE "), "{}", sending.call);
}
