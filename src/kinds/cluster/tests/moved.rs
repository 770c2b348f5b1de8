//! While Atlas scales anything of a cluster, what it moved up is left, whichever kind of scaling is on.
use super::*;
use crate::kinds::cluster::moved as memory;

const ROLES: [&str; 3] = ["electableSpecs", "analyticsSpecs", "readOnlySpecs"];
const FIELDS: [&str; 3] = ["instanceSize", "diskSizeGB", "diskIOPS"];

/// Which switch is on.
const SWITCHES: [(&str, &str); 4] = [
    ("autoScaling", "compute"),
    ("autoScaling", "diskGB"),
    ("analyticsAutoScaling", "compute"),
    ("analyticsAutoScaling", "diskGB"),
];

fn nodes(count: u8) -> Value {
    json!({"instanceSize": "M30", "nodeCount": count, "diskSizeGB": 40, "diskIOPS": 3000, "ebsVolumeType": "PROVISIONED"})
}

/// A cluster with nodes of every role and one switch on, or none.
fn declared(on: Option<(&str, &str)>) -> Value {
    let mut region = json!({
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": nodes(3), "analyticsSpecs": nodes(1), "readOnlySpecs": nodes(2),
    });
    for scaling in ["autoScaling", "analyticsAutoScaling"] {
        region[scaling] =
            json!({"compute": {"enabled": false, "scaleDownEnabled": false}, "diskGB": {"enabled": false}});
    }
    match on {
        Some((scaling, "compute")) => {
            region[scaling]["compute"] = json!({
                "enabled": true, "scaleDownEnabled": true, "minInstanceSize": "M30", "maxInstanceSize": "M80",
            });
        }
        Some((scaling, kind)) => region[scaling][kind]["enabled"] = json!(true),
        None => {}
    }
    json!({
        "projectRef": {"name": "shop"}, "name": "a", "clusterType": "SHARDED", "stateName": "IDLE",
        "replicationSpecs": [{"zoneName": "Zone 1", "regionConfigs": [region]}, {"zoneName": "Zone 1", "regionConfigs": [region]}],
    })
}

/// The same cluster as Atlas shows it, with one field of all nodes moved up.
fn moved(mut document: Value, field: &str) -> Value {
    for shard in document["replicationSpecs"].as_array_mut().unwrap() {
        let region = &mut shard["regionConfigs"][0];
        for role in ROLES {
            region[role][field] = match field {
                "instanceSize" => json!("M50"),
                "diskSizeGB" => json!(130.0),
                _ => json!(6000),
            };
            let effective = format!("effective{}{}", role[..1].to_uppercase(), &role[1..]);
            region[&effective] = region[role].clone();
        }
    }
    document
}

/// The spec as a user writes it: without what only Atlas says.
fn spec_of(document: &Value) -> Value {
    let mut spec = document.clone();
    spec.as_object_mut().unwrap().remove("stateName");
    spec
}

/// The PATCH that is sent for a spec when `before` was the one that the cluster was last settled with.
fn sent_after(before: Option<&Value>, spec: &Value, seen: Value) -> Option<Value> {
    let read = |spec: &Value| -> AtlasClusterSpec { serde_json::from_value(spec_of(spec)).unwrap() };
    let mut scene = scene(read(spec).parts(&Given::default()).unwrap(), [(CLUSTER, Observed::Present(seen))].into());
    if let Some(before) = before {
        scene.memory.settled = memory::remembered(&read(before).itself(&Given::default()).unwrap().desired);
    }
    match next(&scene).unwrap() {
        Step::Send(sending) => Some(body(sending)),
        Step::Done => None,
        step => panic!("{step:?}"),
    }
}

#[test]
fn whatever_is_switched_on_what_atlas_moved_up_is_left() {
    for on in SWITCHES {
        for field in FIELDS {
            let spec = declared(Some(on));
            let seen = moved(spec.clone(), field);
            assert_eq!(sent_after(Some(&spec), &spec, seen.clone()), None, "{field} with {on:?}");
            let mut edited = spec.clone();
            edited["tags"] = json!([{"key": "env", "value": "test"}]);
            let expected = json!({"tags": [{"key": "env", "value": "test"}]});
            assert_eq!(sent_after(Some(&spec), &edited, seen.clone()), Some(expected), "{field} with {on:?}");
            let mut edited = spec.clone();
            edited["replicationSpecs"][0]["regionConfigs"][0]["analyticsSpecs"]["nodeCount"] = json!(2);
            let sent = sent_after(Some(&spec), &edited, seen.clone()).unwrap();
            for (index, shard) in sent["replicationSpecs"].as_array().unwrap().iter().enumerate() {
                for role in ROLES {
                    let carried = &shard["regionConfigs"][0][role][field];
                    let runs = &seen["replicationSpecs"][index]["regionConfigs"][0][role][field];
                    assert!(carried.is_null() || carried == runs, "{field} with {on:?}: {carried} over {runs}");
                }
            }
        }
    }
}

#[test]
fn where_nothing_is_scaled_what_somebody_moved_is_put_back() {
    for field in FIELDS {
        let spec = declared(None);
        assert!(sent_after(Some(&spec), &spec, moved(spec.clone(), field)).is_some(), "{field}");
        // Nor is it left once the spec switches scaling off.
        let before = declared(Some(("autoScaling", "diskGB")));
        let sent = sent_after(Some(&before), &spec, moved(before.clone(), field)).unwrap();
        let nodes = &sent["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"];
        assert_eq!(nodes[field], self::nodes(3)[field], "{field}");
    }
}

#[test]
fn a_smaller_size_that_the_spec_declares_anew_is_sent() {
    let before = {
        let mut spec = declared(Some(("autoScaling", "diskGB")));
        for shard in spec["replicationSpecs"].as_array_mut().unwrap() {
            for role in ROLES {
                shard["regionConfigs"][0][role]["instanceSize"] = json!("M50");
            }
        }
        spec
    };
    let after = declared(Some(("autoScaling", "diskGB")));
    let sent = sent_after(Some(&before), &after, moved(after.clone(), "instanceSize")).unwrap();
    for role in ROLES {
        assert_eq!(sent["replicationSpecs"][1]["regionConfigs"][0][role]["instanceSize"], "M30");
    }
    // What was never settled is compared as it is.
    assert!(sent_after(None, &after, moved(after.clone(), "instanceSize")).is_some());
}

#[test]
fn another_shard_keeps_what_atlas_moved_in_it() {
    let before = declared(Some(("autoScaling", "diskGB")));
    let mut after = before.clone();
    for role in ROLES {
        after["replicationSpecs"][0]["regionConfigs"][0][role]["instanceSize"] = json!("M40");
    }
    let sent = sent_after(Some(&before), &after, moved(before.clone(), "instanceSize")).unwrap();
    assert_eq!(sent["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["instanceSize"], "M40");
    assert_eq!(sent["replicationSpecs"][1]["regionConfigs"][0]["electableSpecs"]["instanceSize"], "M50");
}

#[test]
fn a_new_region_begins_at_the_size_that_runs() {
    let before = declared(Some(("autoScaling", "diskGB")));
    let mut after = before.clone();
    let mut region = after["replicationSpecs"][0]["regionConfigs"][0].clone();
    region["regionName"] = json!("US_EAST_1");
    region["priority"] = json!(0);
    region.as_object_mut().unwrap().remove("electableSpecs");
    region.as_object_mut().unwrap().remove("analyticsSpecs");
    after["replicationSpecs"][0]["regionConfigs"].as_array_mut().unwrap().push(region);
    let sent = sent_after(Some(&before), &after, moved(before.clone(), "instanceSize")).unwrap();
    let regions = &sent["replicationSpecs"][0]["regionConfigs"];
    assert_eq!(regions[1]["readOnlySpecs"]["instanceSize"], "M50");
    assert_ne!(regions[0]["electableSpecs"]["instanceSize"], "M30");
}

#[test]
fn what_is_remembered_is_little_and_has_no_order_of_regions() {
    let spec: AtlasClusterSpec = serde_json::from_value(spec_of(&declared(None))).unwrap();
    let remembered = memory::remembered(&spec.itself(&Given::default()).unwrap().desired);
    let expected = ["Zone 1#1 analytics", "Zone 1#1 base", "Zone 1#2 analytics", "Zone 1#2 base"];
    assert_eq!(remembered.keys().collect::<Vec<_>>(), expected);
    assert!(remembered.values().all(|figures| figures == "M30/40/3000"), "{remembered:?}");
}

#[test]
fn of_a_role_that_is_not_declared_nothing_is_said() {
    let mut spec = declared(Some(("autoScaling", "diskGB")));
    for shard in spec["replicationSpecs"].as_array_mut().unwrap() {
        shard["regionConfigs"][0].as_object_mut().unwrap().remove("readOnlySpecs");
    }
    let seen = moved(declared(Some(("autoScaling", "diskGB"))), "instanceSize");
    assert_eq!(sent_after(Some(&spec), &spec, seen), None);
}
