//! Whatever autoscaling moved, a change of something else does not move it back.
use super::*;

/// What Atlas moved.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moved {
    Compute,
    Disk,
    Both,
}

/// How many shards there are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shards {
    One,
    Several,
    /// Two were declared, and Atlas added a third.
    Added,
}

const ROLES: [&str; 3] = ["electableSpecs", "analyticsSpecs", "readOnlySpecs"];

/// A cluster whose nodes and disks Atlas may move, with nodes of every role.
fn declared(shards: Shards) -> Value {
    let scaling = json!({
        "compute": {
            "enabled": true, "scaleDownEnabled": true, "predictiveEnabled": true,
            "minInstanceSize": "M30", "maxInstanceSize": "M80",
        },
        "diskGB": {"enabled": true},
    });
    let nodes = |count: u8| {
        json!({
            "instanceSize": "M30", "nodeCount": count, "diskSizeGB": 40, "diskIOPS": 3000, "ebsVolumeType": "PROVISIONED",
        })
    };
    let region = json!({
        "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
        "electableSpecs": nodes(3), "analyticsSpecs": nodes(1), "readOnlySpecs": nodes(2),
        "autoScaling": scaling, "analyticsAutoScaling": scaling,
    });
    let count = if shards == Shards::One { 1 } else { 2 };
    json!({
        "projectRef": {"name": "shop"}, "name": "a",
        "clusterType": if shards == Shards::One { "REPLICASET" } else { "SHARDED" },
        "tags": [{"key": "env", "value": "prod"}],
        "replicationSpecs": vec![json!({"regionConfigs": [region]}); count],
    })
}

/// The same cluster as Atlas shows it, after it moved something of the nodes of a role.
fn shown(moved: Moved, role: &str, shards: Shards) -> Value {
    let mut document = declared(shards);
    let list = document["replicationSpecs"].as_array_mut().unwrap();
    if shards == Shards::Added {
        list.push(list[0].clone());
    }
    for shard in list {
        shard["zoneName"] = json!("Zone 1");
        for region in shard["regionConfigs"].as_array_mut().unwrap() {
            // Electable and read-only nodes have one size.
            let scaled = |other: &str| (role == "analyticsSpecs") == (other == "analyticsSpecs");
            for other in ROLES {
                let nodes = &mut region[other];
                if moved != Moved::Disk && scaled(other) {
                    nodes["instanceSize"] = json!("M50");
                    nodes["diskIOPS"] = json!(6000);
                }
                // All nodes have one disk size.
                if moved != Moved::Compute {
                    nodes["diskSizeGB"] = json!(90.0);
                    nodes["diskIOPS"] = json!(6000);
                }
                let effective = format!("effective{}{}", other[..1].to_uppercase(), &other[1..]);
                region[&effective] = region[other].clone();
            }
        }
    }
    document["stateName"] = json!("IDLE");
    document
}

fn matrix() -> impl Iterator<Item = (Moved, &'static str, Shards)> {
    let shards = [Shards::One, Shards::Several, Shards::Added];
    let moved = [Moved::Compute, Moved::Disk, Moved::Both];
    moved.into_iter().flat_map(move |moved| {
        ROLES.into_iter().flat_map(move |role| shards.into_iter().map(move |shards| (moved, role, shards)))
    })
}

#[test]
fn what_autoscaling_moved_is_no_difference() {
    for (moved, role, shards) in matrix() {
        assert_eq!(sent(&declared(shards), shown(moved, role, shards)), None, "{moved:?}, {role}, {shards:?}");
    }
}

#[test]
fn a_tag_edit_never_sends_back_what_autoscaling_moved() {
    for (moved, role, shards) in matrix() {
        let mut spec = declared(shards);
        spec["tags"][0]["value"] = json!("test");
        let sending = sent(&spec, shown(moved, role, shards)).unwrap();
        assert_eq!(sending.call.to_string(), "PATCH /groups/000000000000000000000000/clusters/a");
        assert_eq!(body(sending), json!({"tags": [{"key": "env", "value": "test"}]}), "{moved:?}, {role}, {shards:?}");
    }
}

#[test]
fn an_edit_of_the_nodes_leaves_what_autoscaling_moved() {
    for (moved, role, shards) in matrix() {
        let mut spec = declared(shards);
        spec["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["nodeCount"] = json!(5);
        let about = format!("{moved:?}, {role}, {shards:?}");
        let body = body(sent(&spec, shown(moved, role, shards)).unwrap());
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["replicationSpecs"], "{about}");
        let list = body["replicationSpecs"].as_array().unwrap();
        let before = shown(moved, role, shards);
        assert_eq!(list.len(), before["replicationSpecs"].as_array().unwrap().len(), "{about}: no shard is lost");
        for (index, shard) in list.iter().enumerate() {
            let region = &shard["regionConfigs"][0];
            let count = if index == 0 { 5 } else { 3 };
            assert_eq!(region["electableSpecs"]["nodeCount"], count, "{about}");
            for role in ROLES {
                let now = &before["replicationSpecs"][index]["regionConfigs"][0][role];
                for field in ["instanceSize", "diskSizeGB", "diskIOPS"] {
                    let carried = &region[role][field];
                    assert!(carried.is_null(), "{about}: {role} {field} {carried} over {}", now[field]);
                }
                assert_eq!(now["ebsVolumeType"], region[role]["ebsVolumeType"], "{about}: the volume stays special");
            }
        }
    }
}

#[test]
fn other_bounds_move_only_what_lies_outside_of_them() {
    for (least, most, expected) in
        [("M30", "M40", json!("M40")), ("M60", "M80", json!("M60")), ("M40", "M60", Value::Null)]
    {
        let mut spec = declared(Shards::One);
        let region = &mut spec["replicationSpecs"][0]["regionConfigs"][0];
        region["autoScaling"]["compute"]["minInstanceSize"] = json!(least);
        region["autoScaling"]["compute"]["maxInstanceSize"] = json!(most);
        let body = body(sent(&spec, shown(Moved::Compute, "electableSpecs", Shards::One)).unwrap());
        let region = &body["replicationSpecs"][0]["regionConfigs"][0];
        assert_eq!(region["autoScaling"]["compute"]["maxInstanceSize"], most);
        assert_eq!(region["electableSpecs"]["instanceSize"], expected, "{least} to {most}");
        assert_eq!(region["readOnlySpecs"]["instanceSize"], expected, "{least} to {most}");
        assert!(region["analyticsSpecs"]["instanceSize"].is_null(), "its own bounds are as they were");
    }
}

/// Rather than to say nothing of it and keep the shard, which may be one of Atlas's own.
#[test]
fn a_shard_is_taken_out_only_where_nothing_is_scaled_any_more() {
    let kind = crate::kinds::by_name("AtlasCluster").unwrap();
    let object = |shards: &[bool]| {
        let mut spec = declared(Shards::One);
        spec["clusterType"] = json!("SHARDED");
        let one = spec["replicationSpecs"][0].clone();
        let all = shards.iter().map(|scaled| {
            let mut shard = one.clone();
            if !scaled {
                shard["regionConfigs"][0]["autoScaling"]["compute"] = json!({"enabled": false});
            }
            shard
        });
        spec["replicationSpecs"] = all.collect();
        json!({"apiVersion": "atlas-operator.io/v1", "kind": kind.name(), "metadata": {"name": "a"}, "spec": spec})
    };
    for (before, after, is_taken) in [
        (&[true, true][..], &[true][..], false),
        (&[true, false, true], &[true, false], false),
        (&[true, true], &[false], true),
        (&[true, true], &[false, true], true),
        (&[true, false], &[true], true),
        (&[false, false], &[false], true),
        (&[true], &[true, true], true),
    ] {
        let verdict = crate::kinds::tests::judge(kind, &object(after), Some(&object(before)));
        assert_eq!(verdict.is_ok(), is_taken, "{before:?} to {after:?}: {verdict:?}");
        if let Err(errors) = verdict {
            assert!(errors.to_string().contains("a shard stays"), "{errors}");
        }
    }
}
