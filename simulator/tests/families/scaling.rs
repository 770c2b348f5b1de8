//! Autoscaling, and what else Atlas does to clusters on command.
use atlas_simulator::families::clusters::command;
use serde_json::{Value, json};

use super::{done, free, get, patch, refused, seconds, settle, with_idle_cluster};
use crate::bench::Bench;

fn bounds(smallest: &str, largest: &str) -> Value {
    json!({"compute": {"enabled": true, "scaleDownEnabled": true, "minInstanceSize": smallest,
        "maxInstanceSize": largest}, "diskGB": {"enabled": true}})
}

/// A sharded cluster with two regions and all kinds of nodes that scales by itself.
fn scaling_cluster() -> Bench {
    let place = |name: &str, priority: u8, nodes: u8| {
        json!({"providerName": "AWS", "regionName": name, "priority": priority,
            "electableSpecs": {"instanceSize": "M30", "nodeCount": nodes},
            "readOnlySpecs": {"instanceSize": "M30", "nodeCount": 1},
            "analyticsSpecs": {"instanceSize": "M30", "nodeCount": 1},
            "autoScaling": bounds("M30", "M60"), "analyticsAutoScaling": bounds("M30", "M60")})
    };
    let shard = json!({"regionConfigs": [place("EU_WEST_1", 7, 2), place("US_EAST_1", 6, 1)]});
    with_idle_cluster(json!({"name": "orders", "clusterType": "SHARDED", "replicationSpecs": [shard, shard]}))
}

fn autoscale(bench: &mut Bench, how: Value) -> Result<Value, String> {
    let wanted = aimed(bench, how);
    command::autoscale(&mut bench.world, &serde_json::from_value(wanted).unwrap())
}

fn add_shard(bench: &mut Bench, how: Value) -> Result<Value, String> {
    let wanted = aimed(bench, how);
    command::add_shard(&mut bench.world, &serde_json::from_value(wanted).unwrap())
}

fn maintain(bench: &mut Bench, how: Value) -> Result<Value, String> {
    let wanted = aimed(bench, how);
    command::maintain(&mut bench.world, &serde_json::from_value(wanted).unwrap())
}

fn aimed(bench: &Bench, mut how: Value) -> Value {
    how["groupId"] = bench.group.as_str().into();
    how["cluster"] = "orders".into();
    how
}

/// The sizes of a kind of nodes: shards, and in them regions.
fn sizes(cluster: &Value, list: &str, kind: &str) -> Vec<Vec<String>> {
    let regions = |spec: &Value| spec["regionConfigs"].as_array().unwrap().clone();
    let size = |region: Value| region[kind]["instanceSize"].as_str().unwrap().to_owned();
    cluster[list].as_array().unwrap().iter().map(|spec| regions(spec).into_iter().map(size).collect()).collect()
}

#[test]
fn base_nodes_of_one_shard_are_moved_together_and_show_everywhere() {
    let mut bench = scaling_cluster();
    autoscale(&mut bench, json!({"shard": 1, "instanceSize": "M50"})).unwrap();
    let cluster = done(&mut bench, get("orders"));
    assert_eq!(cluster["stateName"], "UPDATING");
    for (list, kind) in [
        ("replicationSpecs", "electableSpecs"),
        ("replicationSpecs", "readOnlySpecs"),
        ("replicationSpecs", "effectiveElectableSpecs"),
        ("replicationSpecs", "effectiveReadOnlySpecs"),
        ("effectiveReplicationSpecs", "electableSpecs"),
    ] {
        assert_eq!(sizes(&cluster, list, kind), [["M30", "M30"], ["M50", "M50"]], "{list} {kind}");
    }
    assert_eq!(sizes(&cluster, "replicationSpecs", "analyticsSpecs"), [["M30", "M30"], ["M30", "M30"]]);
    settle(&mut bench, "orders");
}

#[test]
fn analytics_nodes_regions_and_disks_are_moved_apart() {
    let mut bench = scaling_cluster();
    autoscale(&mut bench, json!({"role": "analytics", "region": "US_EAST_1", "instanceSize": "M40", "done": true}))
        .unwrap();
    autoscale(&mut bench, json!({"diskSizeGB": 120, "done": true})).unwrap();
    let cluster = done(&mut bench, get("orders"));
    assert_eq!(cluster["stateName"], "IDLE");
    assert_eq!(sizes(&cluster, "replicationSpecs", "analyticsSpecs"), [["M30", "M40"], ["M30", "M40"]]);
    assert_eq!(sizes(&cluster, "replicationSpecs", "electableSpecs"), [["M30", "M30"], ["M30", "M30"]]);
    let disk =
        |shard: usize, kind: &str| cluster["replicationSpecs"][shard]["regionConfigs"][1][kind]["diskSizeGB"].clone();
    assert_eq!((disk(0, "electableSpecs"), disk(1, "effectiveAnalyticsSpecs")), (json!(120.0), json!(120.0)));
}

#[test]
fn a_change_that_names_no_size_keeps_what_autoscaling_moved() {
    let mut bench = scaling_cluster();
    let mut shape = done(&mut bench, get("orders"))["replicationSpecs"].clone();
    autoscale(&mut bench, json!({"instanceSize": "M50", "diskSizeGB": 100, "done": true})).unwrap();
    autoscale(&mut bench, json!({"role": "analytics", "instanceSize": "M40", "done": true})).unwrap();
    for region in
        shape.as_array_mut().unwrap().iter_mut().flat_map(|spec| spec["regionConfigs"].as_array_mut().unwrap())
    {
        region["readOnlySpecs"]["nodeCount"] = json!(2);
        for kind in ["electableSpecs", "readOnlySpecs", "analyticsSpecs"] {
            for moved in ["instanceSize", "diskSizeGB"] {
                region[kind].as_object_mut().unwrap().remove(moved);
            }
        }
    }
    let after = done(&mut bench, patch("orders", json!({"replicationSpecs": shape})));
    assert_eq!(sizes(&after, "replicationSpecs", "electableSpecs"), [["M50", "M50"], ["M50", "M50"]]);
    assert_eq!(sizes(&after, "replicationSpecs", "readOnlySpecs"), [["M50", "M50"], ["M50", "M50"]]);
    assert_eq!(sizes(&after, "replicationSpecs", "analyticsSpecs"), [["M40", "M40"], ["M40", "M40"]]);
    let region = &after["replicationSpecs"][1]["regionConfigs"][1];
    assert_eq!(
        (&region["readOnlySpecs"]["nodeCount"], &region["electableSpecs"]["diskSizeGB"]),
        (&json!(2), &json!(100.0))
    );
    let tags = done(&mut bench, patch("orders", json!({"tags": [{"key": "a", "value": "b"}]})));
    assert_eq!(tags["replicationSpecs"], after["replicationSpecs"], "a change of tags moves no size");
}

#[test]
fn a_new_shard_names_its_size() {
    let mut bench = scaling_cluster();
    autoscale(&mut bench, json!({"instanceSize": "M40", "done": true})).unwrap();
    let place = json!({"providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": {"nodeCount": 3}});
    let mut shape = done(&mut bench, get("orders"))["replicationSpecs"].clone();
    shape.as_array_mut().unwrap().push(json!({"regionConfigs": [place]}));
    let change = patch("orders", json!({"replicationSpecs": shape}));
    assert_eq!(refused(&mut bench, change), (400, "MISSING_ATTRIBUTE".to_owned()));
    shape[2]["regionConfigs"][0]["electableSpecs"]["instanceSize"] = json!("M40");
    let after = done(&mut bench, patch("orders", json!({"replicationSpecs": shape})));
    assert_eq!(sizes(&after, "replicationSpecs", "electableSpecs")[2], ["M40"]);
}

#[test]
fn bounds_and_sizes_must_fit_each_other() {
    let mut bench = scaling_cluster();
    let with = |smallest: &str, largest: &str, bench: &mut Bench| {
        let mut shape = done(bench, get("orders"))["replicationSpecs"].clone();
        shape[0]["regionConfigs"][0]["autoScaling"] = bounds(smallest, largest);
        patch("orders", json!({"replicationSpecs": shape}))
    };
    for (smallest, largest, code) in [
        ("M60", "M30", "COMPUTE_AUTO_SCALING_INSTANCE_SIZE_RANGE_INVALID"),
        ("M40", "M60", "COMPUTE_AUTO_SCALING_MIN_INSTANCE_SIZE_INVALID"),
        ("M10", "M20", "COMPUTE_AUTO_SCALING_MAX_INSTANCE_SIZE_INVALID"),
        ("M10", "M11", "INVALID_ENUM_VALUE"),
    ] {
        let call = with(smallest, largest, &mut bench);
        assert_eq!(refused(&mut bench, call), (400, code.to_owned()));
    }
    let call = with("M20", "M40", &mut bench);
    done(&mut bench, call);
}

#[test]
fn predictive_scaling_shows_where_it_is_on() {
    let mut bench = scaling_cluster();
    let mut shape = done(&mut bench, get("orders"))["replicationSpecs"].clone();
    shape[0]["regionConfigs"][0]["autoScaling"]["compute"]["predictiveEnabled"] = json!(true);
    let after = done(&mut bench, patch("orders", json!({"replicationSpecs": shape})));
    let compute = |at: usize| after["replicationSpecs"][0]["regionConfigs"][at]["autoScaling"]["compute"].clone();
    assert_eq!(compute(0)["predictiveEnabled"], true);
    assert_eq!(compute(1).get("predictiveEnabled"), None);
    shape[0]["regionConfigs"][0]["autoScaling"]["compute"]["predictiveEnabled"] = json!(false);
    let after = done(&mut bench, patch("orders", json!({"replicationSpecs": shape})));
    assert_eq!(
        after["replicationSpecs"][0]["regionConfigs"][0]["autoScaling"]["compute"].get("predictiveEnabled"),
        None
    );
}

#[test]
fn a_command_that_atlas_would_not_follow_is_refused() {
    let mut bench = scaling_cluster();
    for how in [
        json!({}),
        json!({"instanceSize": "M80"}),
        json!({"instanceSize": "M11"}),
        json!({"instanceSize": "M40", "shard": 2}),
        json!({"instanceSize": "M40", "region": "AP_SOUTH_1"}),
    ] {
        autoscale(&mut bench, how.clone()).expect_err(&how.to_string());
    }
    let none = json!({"groupId": bench.group, "cluster": "none", "instanceSize": "M40"});
    command::autoscale(&mut bench.world, &serde_json::from_value(none).unwrap()).unwrap_err();
    let mut free = with_idle_cluster(free("orders"));
    autoscale(&mut free, json!({"instanceSize": "M40"})).unwrap_err();
}

#[test]
fn a_shard_is_added_like_the_last_of_its_zone() {
    let shards = json!([super::shard("A", "M30"), super::shard("B", "M40")]);
    let mut bench =
        with_idle_cluster(json!({"name": "orders", "clusterType": "GEOSHARDED", "replicationSpecs": shards}));
    let before = done(&mut bench, get("orders"));
    add_shard(&mut bench, json!({"zone": "A"})).unwrap();
    let after = done(&mut bench, get("orders"));
    assert_eq!(after["stateName"], "UPDATING");
    assert_eq!(sizes(&after, "replicationSpecs", "electableSpecs"), [["M30"], ["M30"], ["M40"]]);
    let (old, new) = (&before["replicationSpecs"], &after["replicationSpecs"]);
    assert_eq!((&new[0]["id"], &new[2]["id"]), (&old[0]["id"], &old[1]["id"]));
    assert!(new[1]["id"] != old[0]["id"] && new[1]["zoneId"] == old[0]["zoneId"]);
    settle(&mut bench, "orders");
    add_shard(&mut bench, json!({"done": true})).unwrap();
    let after = done(&mut bench, get("orders"));
    assert_eq!((&after["stateName"], after["replicationSpecs"].as_array().unwrap().len()), (&json!("IDLE"), 4));
    add_shard(&mut bench, json!({"zone": "C"})).unwrap_err();
    let mut replica_set = with_idle_cluster(super::dedicated("orders"));
    add_shard(&mut replica_set, json!({})).unwrap_err();
}

#[test]
fn maintenance_comes_and_goes_and_may_need_a_repair() {
    let mut bench = with_idle_cluster(super::dedicated("orders"));
    let before = done(&mut bench, get("orders"));
    maintain(&mut bench, json!({})).unwrap();
    assert_eq!(done(&mut bench, get("orders"))["stateName"], "UPDATING");
    settle(&mut bench, "orders");
    maintain(&mut bench, json!({"repair": true})).unwrap();
    let mut seen = Vec::new();
    for _ in 0..1000 {
        let state = done(&mut bench, get("orders"))["stateName"].clone();
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        seconds(&mut bench, 1);
    }
    assert_eq!(seen, ["UPDATING", "REPAIRING", "IDLE"]);
    assert_eq!(done(&mut bench, get("orders")), before);
}
