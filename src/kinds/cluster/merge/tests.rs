#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use serde_json::json;

use super::*;

fn nodes(size: &str, count: u8, disk: f64) -> Value {
    let mut nodes = json!({"instanceSize": size, "nodeCount": count, "diskSizeGB": disk});
    nodes["diskIOPS"] = json!(3000);
    nodes["ebsVolumeType"] = json!("STANDARD");
    nodes
}

/// A region as Atlas shows it, with all that it fills in.
fn seen_region(name: &str, priority: u8, size: &str) -> Value {
    json!({
        "providerName": "AWS", "regionName": name, "priority": priority,
        "electableSpecs": nodes(size, 3, 30.0),
        "readOnlySpecs": nodes(size, 0, 30.0),
        "analyticsSpecs": nodes(size, 0, 30.0),
        "effectiveElectableSpecs": nodes(size, 3, 30.0),
        "effectiveReadOnlySpecs": nodes(size, 0, 30.0),
        "effectiveAnalyticsSpecs": nodes(size, 0, 30.0),
        "autoScaling": {
            "compute": {"enabled": false, "scaleDownEnabled": false}, "diskGB": {"enabled": false},
        },
    })
}

fn cluster(regions: Vec<Value>) -> Value {
    json!({"replicationSpecs": [
        {"id": "1", "zoneId": "2", "zoneName": "Zone 1", "regionConfigs": Value::Array(regions)},
    ]})
}

fn wanted(regions: &Value) -> Value {
    json!({"replicationSpecs": [{"regionConfigs": regions}]})
}

fn scaling(least: &str, most: &str) -> Value {
    let compute = json!({"enabled": true, "scaleDownEnabled": true, "minInstanceSize": least, "maxInstanceSize": most});
    json!({"compute": compute, "diskGB": {"enabled": true}})
}

/// A region that Atlas scales.
fn scaled_region(name: &str, priority: u8, size: &str, least: &str, most: &str) -> Value {
    let mut region = seen_region(name, priority, size);
    region["autoScaling"] = scaling(least, most);
    region
}

/// What is left of the wishes, and what a PATCH would carry.
fn both(desired: &Value, observed: &Value) -> (Value, Value) {
    let mut desired = desired.clone();
    yields(&mut desired, observed, &Settled::new());
    let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
    (desired["replicationSpecs"][0]["regionConfigs"].clone(), sent[0]["regionConfigs"].clone())
}

fn scaled(least: &str, most: &str) -> Value {
    wanted(&json!([{
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 3, "diskSizeGB": 20},
        "autoScaling": scaling(least, most),
    }]))
}

#[test]
fn sizes_that_autoscaling_moved_are_neither_wanted_back_nor_sent() {
    for running in ["M10", "M20", "M30"] {
        let observed = cluster(vec![scaled_region("EU_WEST_1", 7, running, "M10", "M30")]);
        let (left, sent) = both(&scaled("M10", "M30"), &observed);
        assert_eq!(left[0]["electableSpecs"], json!({"nodeCount": 3}), "running at {running}");
        assert_eq!(sent[0]["electableSpecs"], json!({"nodeCount": 3}));
    }
}

#[test]
fn autoscaling_that_only_atlas_knows_of_is_left_to_atlas_too() {
    let desired = wanted(&json!([{
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
    }]));
    let mut region = seen_region("EU_WEST_1", 7, "M20");
    region["autoScaling"] = scaling("M10", "M30");
    let (left, sent) = both(&desired, &cluster(vec![region]));
    assert_eq!(left[0]["electableSpecs"], json!({"nodeCount": 3}));
    assert!(sent[0]["electableSpecs"]["instanceSize"].is_null());
    assert!(sent[0]["electableSpecs"]["diskSizeGB"].is_null(), "nor is a disk that grew sent back");
}

#[test]
fn outside_of_the_bounds_the_nearest_bound_is_wanted() {
    for (running, least, most, wanted) in [("M10", "M20", "M40", "M20"), ("M80", "M10", "M40", "M40")] {
        let observed = cluster(vec![scaled_region("EU_WEST_1", 7, running, "M10", "M80")]);
        let (left, sent) = both(&scaled(least, most), &observed);
        assert_eq!(left[0]["electableSpecs"]["instanceSize"], wanted);
        assert_eq!(sent[0]["electableSpecs"]["instanceSize"], wanted);
        assert!(sent[0]["electableSpecs"]["diskIOPS"].is_null());
    }
}

#[test]
fn without_a_smallest_size_the_declared_one_is_it() {
    let mut desired = scaled("M10", "M40");
    let region = &mut desired["replicationSpecs"][0]["regionConfigs"][0];
    region["electableSpecs"]["instanceSize"] = json!("M30");
    region["autoScaling"]["compute"] = json!({"enabled": true, "scaleDownEnabled": false, "maxInstanceSize": "M40"});
    let left = |running| {
        let mut region = scaled_region("EU_WEST_1", 7, running, "M10", "M40");
        remove(&mut region["autoScaling"]["compute"], "minInstanceSize");
        both(&desired, &cluster(vec![region])).0
    };
    assert_eq!(left("M20")[0]["electableSpecs"]["instanceSize"], "M30");
    assert!(left("M40")[0]["electableSpecs"]["instanceSize"].is_null());
}

#[test]
fn a_larger_disk_is_wanted_even_where_disks_grow_by_themselves() {
    let mut desired = scaled("M10", "M30");
    desired["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["diskSizeGB"] = json!(80);
    let mut region = scaled_region("EU_WEST_1", 7, "M20", "M10", "M30");
    region["analyticsSpecs"]["nodeCount"] = json!(1);
    let (left, sent) = both(&desired, &cluster(vec![region]));
    assert_eq!(left[0]["electableSpecs"]["diskSizeGB"], 80);
    assert_eq!(sent[0]["electableSpecs"]["diskSizeGB"], 80);
    assert_eq!(sent[0]["analyticsSpecs"]["diskSizeGB"], 80, "all nodes have one disk size");
    assert!(sent[0]["electableSpecs"]["instanceSize"].is_null());
}

#[test]
fn a_new_region_of_a_scaled_shard_starts_at_the_size_the_others_run_at() {
    let region = |name: &str, priority: u8| {
        json!({
            "providerName": "AWS", "regionName": name, "priority": priority,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": 3}, "autoScaling": scaling("M10", "M40"),
        })
    };
    let desired = wanted(&json!([region("EU_WEST_1", 7), region("EU_WEST_2", 6)]));
    let (_, sent) = both(&desired, &cluster(vec![scaled_region("EU_WEST_1", 7, "M30", "M10", "M40")]));
    assert!(sent[0]["electableSpecs"]["instanceSize"].is_null());
    assert_eq!(sent[1]["electableSpecs"]["instanceSize"], "M30");
}

#[test]
fn scaling_that_is_switched_on_or_off_starts_from_the_declared_size() {
    let switched_on = both(&scaled("M10", "M30"), &cluster(vec![seen_region("EU_WEST_1", 7, "M20")])).1;
    assert_eq!(switched_on[0]["electableSpecs"]["instanceSize"], "M10");
    let mut off = scaled("M10", "M30");
    off["replicationSpecs"][0]["regionConfigs"][0]["autoScaling"] = json!({"compute": {"enabled": false}});
    let switched_off = both(&off, &cluster(vec![scaled_region("EU_WEST_1", 7, "M20", "M10", "M30")])).1;
    assert_eq!(switched_off[0]["electableSpecs"]["instanceSize"], "M10");
}

#[test]
fn a_change_carries_what_is_wanted_and_what_makes_it_whole() {
    let desired = wanted(&json!([{
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 5},
    }]));
    let observed = cluster(vec![seen_region("EU_WEST_1", 7, "M10")]);
    let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
    let region = json!({
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 5},
    });
    assert_eq!(sent, json!([{"zoneName": "Zone 1", "regionConfigs": [region]}]));
}

#[test]
fn another_size_takes_the_unmanaged_read_only_nodes_along() {
    let desired = wanted(&json!([{
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": {"instanceSize": "M30", "nodeCount": 3},
    }]));
    let mut region = seen_region("EU_WEST_1", 7, "M10");
    region["readOnlySpecs"]["nodeCount"] = json!(2);
    region["analyticsSpecs"]["nodeCount"] = json!(1);
    let (_, sent) = both(&desired, &cluster(vec![region]));
    assert_eq!(sent[0]["electableSpecs"], json!({"instanceSize": "M30", "nodeCount": 3}));
    assert_eq!(sent[0]["readOnlySpecs"], json!({"instanceSize": "M30", "nodeCount": 2}));
    assert_eq!(sent[0]["analyticsSpecs"], json!({"instanceSize": "M10", "nodeCount": 1}));
}

#[test]
fn a_special_volume_stays_and_its_operations_with_it_unless_the_nodes_change() {
    let mut region = seen_region("EU_WEST_1", 7, "M30");
    region["electableSpecs"]["ebsVolumeType"] = json!("PROVISIONED");
    region["electableSpecs"]["diskIOPS"] = json!(2000);
    let observed = cluster(vec![region]);
    let sent = |size: &str| {
        let desired = wanted(&json!([{
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": {"instanceSize": size, "nodeCount": 5},
        }]));
        both(&desired, &observed).1[0]["electableSpecs"].clone()
    };
    assert_eq!((&sent("M30")["ebsVolumeType"], &sent("M30")["diskIOPS"]), (&json!("PROVISIONED"), &json!(2000)));
    assert_eq!((&sent("M40")["ebsVolumeType"], &sent("M40")["diskIOPS"]), (&json!("PROVISIONED"), &Value::Null));
}

#[test]
fn scaling_that_the_spec_says_half_of_stays_on() {
    let mut desired = scaled("M10", "M40");
    desired["replicationSpecs"][0]["regionConfigs"][0]["autoScaling"] = json!({"compute": {"maxInstanceSize": "M40"}});
    let observed = cluster(vec![scaled_region("EU_WEST_1", 7, "M20", "M10", "M30")]);
    let (_, sent) = both(&desired, &observed);
    assert_eq!(sent[0]["autoScaling"], scaling("M10", "M40"));
}

#[test]
fn shards_that_atlas_added_stay_while_it_scales_the_others() {
    let shard = |regions: Value| json!({"zoneName": "Zone 1", "regionConfigs": regions});
    let seen = shard(json!([scaled_region("EU_WEST_1", 7, "M20", "M10", "M30")]));
    let observed = json!({"replicationSpecs": [seen, seen]});
    let mut desired = scaled("M10", "M30");
    yields(&mut desired, &observed, &Settled::new());
    assert_eq!(desired["replicationSpecs"].as_array().unwrap().len(), 2);
    let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
    let same = json!({
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7, "electableSpecs": {"nodeCount": 3},
    });
    assert_eq!(sent[1], shard(json!([same])), "and nothing is said of its sizes");
    let mut off = scaled("M10", "M30");
    off["replicationSpecs"][0]["regionConfigs"][0]["autoScaling"] = json!({"compute": {"enabled": false}});
    yields(&mut off, &observed, &Settled::new());
    assert_eq!(off["replicationSpecs"].as_array().unwrap().len(), 1, "switched off, the list counts as it is");

    // What the spec does not say is as it is in Atlas: on, where both are scaled, and off, where one is of a fixed size.
    let fixed = shard(json!([seen_region("EU_WEST_1", 7, "M20")]));
    for (other, left) in [(&seen, 2), (&fixed, 1)] {
        let observed = json!({"replicationSpecs": [other, seen]});
        let mut silent = scaled("M10", "M30");
        silent["replicationSpecs"][0]["regionConfigs"][0]["autoScaling"] = Value::Null;
        yields(&mut silent, &observed, &Settled::new());
        assert_eq!(silent["replicationSpecs"].as_array().unwrap().len(), left, "of {observed:#}");
    }
}

#[test]
fn a_disk_that_grew_is_what_a_new_region_starts_with() {
    let region = |name: &str, priority: u8| {
        json!({
            "providerName": "AWS", "regionName": name, "priority": priority,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": 3, "diskSizeGB": 20},
            "autoScaling": {"diskGB": {"enabled": true}},
        })
    };
    let desired = wanted(&json!([region("EU_WEST_1", 7), region("EU_WEST_2", 6)]));
    let mut seen = seen_region("EU_WEST_1", 7, "M10");
    seen["autoScaling"]["diskGB"] = json!({"enabled": true});
    let (_, sent) = both(&desired, &cluster(vec![seen]));
    assert!(sent[0]["electableSpecs"]["diskSizeGB"].is_null());
    assert_eq!(sent[1]["electableSpecs"]["diskSizeGB"], 30.0);
}

#[test]
fn regions_are_compared_with_themselves_and_sent_by_priority() {
    let region = |name: &str, priority: u8| {
        json!({
            "providerName": "AWS", "regionName": name, "priority": priority,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
        })
    };
    let desired = wanted(&json!([region("EU_WEST_2", 7), region("EU_WEST_1", 6)]));
    let observed = cluster(vec![seen_region("EU_WEST_1", 7, "M10"), seen_region("EU_WEST_2", 6, "M10")]);
    let (left, sent) = both(&desired, &observed);
    assert_eq!((&left[0]["regionName"], &left[0]["priority"]), (&json!("EU_WEST_1"), &json!(6)));
    assert_eq!((&sent[0]["regionName"], &sent[0]["priority"]), (&json!("EU_WEST_2"), &json!(7)));
    assert_eq!((&sent[1]["regionName"], &sent[1]["priority"]), (&json!("EU_WEST_1"), &json!(6)));
}

#[test]
fn a_region_that_is_not_wanted_is_not_sent_and_a_shard_keeps_its_place() {
    let desired = json!({"replicationSpecs": [
        {"regionConfigs": [{"providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7}]},
        {"zoneName": "b", "regionConfigs": [{"providerName": "GCP", "regionName": "WESTERN_EUROPE", "priority": 7}]},
    ]});
    let observed = cluster(vec![seen_region("EU_WEST_1", 7, "M10"), seen_region("EU_WEST_2", 6, "M10")]);
    let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
    assert_eq!(sent[0]["regionConfigs"].as_array().unwrap().len(), 1);
    assert_eq!(sent[0]["zoneName"], "Zone 1");
    assert_eq!(sent[1], desired["replicationSpecs"][1], "a new shard is sent as it is wanted");
}

/// Whether the document shows all that is wanted of it.
fn shows(wanted: &Value, seen: &Value) -> bool {
    match (wanted, seen) {
        (Value::Object(fields), _) => fields.iter().all(|(name, value)| shows(value, &seen[name])),
        (Value::Array(items), Value::Array(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(item, other)| shows(item, other))
        }
        _ => wanted == seen || wanted.as_f64().is_some_and(|wanted| seen.as_f64() == Some(wanted)),
    }
}

fn overlay(base: &Value, over: &Value) -> Value {
    let (Value::Object(base), Value::Object(over)) = (base, over) else {
        return if over.is_null() { base.clone() } else { over.clone() };
    };
    let names = base.keys().chain(over.keys());
    let none = &Value::Null;
    let both = |name: &String| overlay(base.get(name).unwrap_or(none), over.get(name).unwrap_or(none));
    names.map(|name| (name.clone(), both(name))).collect::<Map<String, Value>>().into()
}

/// What Atlas makes of a PATCH: the list as it was sent, with what was left out as it was before.
fn applied(sent: &Value, before: &Value) -> Value {
    let shards = list(sent).iter().enumerate().map(|(index, shard)| {
        let old = &before[index];
        let regions = list(&shard["regionConfigs"]).iter().map(|region| {
            let there = position(region, &old["regionConfigs"]).map(|there| &old["regionConfigs"][there]);
            let mut after = overlay(there.unwrap_or(&Value::Null), region);
            // Once it is done, everything runs as it was asked for.
            after["effectiveElectableSpecs"] = after["electableSpecs"].clone();
            after
        });
        let mut after = overlay(old, shard);
        after["regionConfigs"] = regions.collect();
        after
    });
    shards.collect()
}

#[test]
fn one_patch_is_enough_whatever_is_wanted_and_seen() {
    let (mut met, mut patched) = (0, 0);
    for running in ["M10", "M20", "M40", "M80", "R40"] {
        for scaled_in_atlas in [false, true] {
            for (wanted_scaling, disk) in
                [(None, None), (None, Some(80)), (Some(("M10", "M40")), None), (Some(("M20", "M40")), Some(20))]
            {
                for names in [&["A"][..], &["B"], &["A", "B"], &["B", "A"], &["B", "C", "A"]] {
                    let mut seen = vec![seen_region("A", 7, running), seen_region("B", 6, running)];
                    if scaled_in_atlas {
                        for region in &mut seen {
                            region["autoScaling"] = scaling("M10", "M80");
                        }
                    }
                    let observed = cluster(seen);
                    let regions = names.iter().zip((1..=7).rev()).map(|(name, priority)| {
                        let mut region = json!({
                            "providerName": "AWS", "regionName": name, "priority": priority,
                            "electableSpecs": {"instanceSize": "M20", "nodeCount": 3},
                        });
                        if let Some(disk) = disk {
                            region["electableSpecs"]["diskSizeGB"] = json!(disk);
                        }
                        if let Some((least, most)) = wanted_scaling {
                            region["autoScaling"] = scaling(least, most);
                        }
                        region
                    });
                    let wanted = wanted(&regions.collect());
                    let mut desired = wanted.clone();
                    yields(&mut desired, &observed, &Settled::new());
                    if shows(&desired, &observed) {
                        met += 1;
                        continue;
                    }
                    patched += 1;
                    let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
                    let after = json!({"replicationSpecs": applied(&sent, &observed["replicationSpecs"])});
                    let mut desired = wanted;
                    yields(&mut desired, &after, &Settled::new());
                    assert!(shows(&desired, &after), "{desired:#} is not met by {after:#}, which {sent:#} made");
                }
            }
        }
    }
    assert!(met > 0 && patched > 100, "{met} were met, {patched} patched: the cases miss the point");
}
