use serde_json::{Value, json};

use super::{create, dedicated, delete, done, free, get, patch, refused, region, settle, shard, with_idle_cluster};
use crate::bench::Bench;

fn cluster(kind: &str, shards: &Value) -> Value {
    json!({"name": "orders", "clusterType": kind, "replicationSpecs": shards})
}

fn reshape(bench: &mut Bench, body: Value) -> Value {
    let answer = done(bench, patch("orders", body));
    assert_eq!(answer["stateName"], "UPDATING");
    settle(bench, "orders");
    done(bench, get("orders"))
}

fn of(cluster: &Value, field: &str) -> Vec<String> {
    let specs = cluster["replicationSpecs"].as_array().unwrap();
    specs.iter().map(|spec| spec[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_replica_set_grows_into_a_global_cluster_and_keeps_its_shard() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let before = done(&mut bench, get("orders"));
    let shards = json!([shard("Zone 1", "M10"), shard("Zone 1", "M10")]);
    let sharded = reshape(&mut bench, json!({"clusterType": "SHARDED", "replicationSpecs": shards}));
    assert_eq!(of(&sharded, "id")[0], of(&before, "id")[0]);
    assert_eq!(
        (&sharded["configServerType"], &sharded["configServerManagementMode"]),
        (&json!("EMBEDDED"), &json!("ATLAS_MANAGED"))
    );
    let strings = &sharded["connectionStrings"];
    assert_eq!(strings["standard"].as_str().unwrap().matches(":27016").count(), 6);
    let shards = json!([shard("Zone 1", "M10"), shard("Zone 1", "M10"), shard("Europe", "M10")]);
    let global = reshape(&mut bench, json!({"clusterType": "GEOSHARDED", "replicationSpecs": shards}));
    assert_eq!(of(&global, "id")[..2], of(&sharded, "id")[..]);
    assert_eq!(of(&global, "zoneId")[0], of(&global, "zoneId")[1]);
    assert_ne!(of(&global, "zoneId")[0], of(&global, "zoneId")[2]);
    for (kind, code) in
        [("SHARDED", "CANNOT_CHANGE_GEOSHARDED_CLUSTER_TYPE"), ("REPLICASET", "CANNOT_CHANGE_GEOSHARDED_CLUSTER_TYPE")]
    {
        assert_eq!(refused(&mut bench, patch("orders", json!({"clusterType": kind}))), (400, code.to_owned()));
    }
}

#[test]
fn a_shard_keeps_its_identity_by_id_or_by_zone_and_position() {
    let names = ["Zone 1", "Zone 1", "Zone 1"];
    let body = cluster("SHARDED", &names.iter().map(|zone| shard(zone, "M10")).collect());
    let mut bench = with_idle_cluster(body);
    let before = of(&done(&mut bench, get("orders")), "id");
    let with_id = |id: &str| {
        let mut shard = shard("Zone 1", "M10");
        shard["id"] = id.into();
        shard
    };
    // The first goes; the others are named.
    let after = reshape(&mut bench, json!({"replicationSpecs": [with_id(&before[1]), with_id(&before[2])]}));
    assert_eq!(of(&after, "id"), before[1..]);
    // By position, the last goes.
    let after = reshape(&mut bench, json!({"replicationSpecs": [shard("Zone 1", "M10")]}));
    assert_eq!(of(&after, "id"), before[1..2]);
    // A named shard is not another one's predecessor, too.
    let shards = json!([shard("Zone 1", "M10"), with_id(&before[1])]);
    let after = of(&reshape(&mut bench, json!({"replicationSpecs": shards})), "id");
    assert_eq!(after[1], before[1]);
    assert!(!before.contains(&after[0]), "a new shard has a new id");
}

#[test]
fn another_zone_name_is_another_shard() {
    let mut bench = with_idle_cluster(cluster("GEOSHARDED", &json!([shard("A", "M10"), shard("B", "M10")])));
    let before = done(&mut bench, get("orders"));
    let after = reshape(&mut bench, json!({"replicationSpecs": [shard("A", "M10"), shard("C", "M10")]}));
    assert_eq!((&of(&after, "id")[0], &of(&after, "zoneId")[0]), (&of(&before, "id")[0], &of(&before, "zoneId")[0]));
    assert_ne!(of(&after, "id")[1], of(&before, "id")[1]);
    assert_ne!(of(&after, "zoneId")[1], of(&before, "zoneId")[1]);
}

#[test]
fn regions_come_and_go_highest_priority_first() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let place = |name: &str, priority: u8, nodes: u8| {
        json!({"providerName": "AWS", "regionName": name, "priority": priority,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": nodes}})
    };
    let regions = json!([place("EU_WEST_1", 6, 2), place("EU_CENTRAL_1", 7, 3)]);
    let after = reshape(&mut bench, json!({"replicationSpecs": [{"regionConfigs": regions}]}));
    let names: Vec<&Value> =
        (0..2).map(|at| &after["replicationSpecs"][0]["regionConfigs"][at]["regionName"]).collect();
    assert_eq!(names, ["EU_CENTRAL_1", "EU_WEST_1"]);
    let after = reshape(&mut bench, json!({"replicationSpecs": [{"regionConfigs": [place("EU_CENTRAL_1", 7, 3)]}]}));
    assert_eq!(after["replicationSpecs"][0]["regionConfigs"].as_array().unwrap().len(), 1);
    let twice = json!([place("EU_WEST_1", 7, 2), place("EU_WEST_1", 6, 3)]);
    let code = refused(&mut bench, patch("orders", json!({"replicationSpecs": [{"regionConfigs": twice}]}))).1;
    assert_eq!(code, "INVALID_CLUSTER_CONFIGURATION");
}

#[test]
fn what_cannot_be_reached_is_refused() {
    let mut bench = with_idle_cluster(cluster("SHARDED", &json!([shard("Zone 1", "M10")])));
    let too_many: Vec<Value> = (0..71).map(|_| shard("Zone 1", "M10")).collect();
    let mut mixed = region("M10");
    mixed["readOnlySpecs"] = json!({"instanceSize": "M30", "nodeCount": 1});
    for (body, code) in [
        (json!({"replicationSpecs": free("orders")["replicationSpecs"]}), "CLUSTER_CANNOT_CHANGE_PROVIDER_NAME"),
        (json!({"clusterType": "REPLICASET"}), "SHARDED_CLUSTER_CANT_BECOME_REPLICA_SET"),
        (json!({"clusterType": "ROUND"}), "INVALID_ENUM_VALUE"),
        (json!({"replicationSpecs": too_many}), "CLUSTER_NUM_SHARDS_INVALID"),
        (json!({"replicationSpecs": []}), "INVALID_CLUSTER_CONFIGURATION"),
        (json!({"replicationSpecs": [{"regionConfigs": [mixed]}]}), "INVALID_CLUSTER_CONFIGURATION"),
    ] {
        assert_eq!(refused(&mut bench, patch("orders", body)), (400, code.to_owned()));
    }
}

#[test]
fn who_manages_the_sharding_of_a_global_cluster_is_decided_once() {
    let mut body = dedicated("orders");
    body["globalClusterSelfManagedSharding"] = json!(true);
    let mut bench = Bench::new(1);
    let code = "CANNOT_SET_SELF_MANAGED_SHARDING_FOR_NON_GLOBAL_CLUSTER";
    assert_eq!(refused(&mut bench, create(body.clone())), (400, code.to_owned()));
    body["clusterType"] = json!("GEOSHARDED");
    assert_eq!(done(&mut bench, create(body))["globalClusterSelfManagedSharding"], true);
    let back = patch("orders", json!({"globalClusterSelfManagedSharding": false}));
    let code = "CANNOT_MODIFY_GLOBAL_CLUSTER_MANAGEMENT_SETTING";
    assert_eq!(refused(&mut bench, back), (400, code.to_owned()));
    done(&mut bench, delete("orders"));
}

#[test]
fn disks_have_one_size_within_bounds() {
    let mut bench = with_idle_cluster(cluster("SHARDED", &json!([shard("Zone 1", "M10"), shard("Zone 1", "M30")])));
    let with_disks = |first: Value, second: Value| {
        let mut shards = json!([shard("Zone 1", "M10"), shard("Zone 1", "M30")]);
        for (at, size) in [first, second].into_iter().enumerate() {
            shards[at]["regionConfigs"][0]["electableSpecs"]["diskSizeGB"] = size;
        }
        json!({"replicationSpecs": shards})
    };
    for (first, second, code) in [
        (json!(40), json!(50), "DISK_SIZE_GB_INCONSISTENT"),
        (json!(40.5), Value::Null, "CLUSTER_DISK_SIZE_NOT_WHOLE_NUMBER"),
        (json!(0), Value::Null, "CLUSTER_DISK_SIZE_NOT_WHOLE_NUMBER"),
        (json!(5000), Value::Null, "CLUSTER_DISK_SIZE_INVALID"),
    ] {
        assert_eq!(refused(&mut bench, patch("orders", with_disks(first, second))), (400, code.to_owned()));
    }
    for (asked, given) in [(json!(60), 60.0), (json!(4), 10.0)] {
        let after = reshape(&mut bench, with_disks(asked, Value::Null));
        for spec in after["replicationSpecs"].as_array().unwrap() {
            for kind in ["electableSpecs", "readOnlySpecs", "analyticsSpecs", "effectiveElectableSpecs"] {
                assert_eq!(spec["regionConfigs"][0][kind]["diskSizeGB"], given);
            }
        }
    }
}

#[test]
fn the_speed_of_a_disk_follows_its_volume() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let with = |volume: &str, speed: Value| {
        let mut place = region("M30");
        place["electableSpecs"]["ebsVolumeType"] = volume.into();
        place["electableSpecs"]["diskIOPS"] = speed;
        json!({"replicationSpecs": [{"regionConfigs": [place]}]})
    };
    assert_eq!(refused(&mut bench, patch("orders", with("STANDARD", json!(6000)))).1, "CLUSTER_DISK_IOPS_INVALID");
    let shown = |cluster: &Value| {
        let specs = &cluster["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"];
        (specs["ebsVolumeType"].clone(), specs["diskIOPS"].clone())
    };
    let after = reshape(&mut bench, with("PROVISIONED", json!(6000)));
    assert_eq!(shown(&after), (json!("PROVISIONED"), json!(6000)));
    let after = reshape(&mut bench, with("STANDARD", Value::Null));
    assert_eq!(shown(&after), (json!("STANDARD"), json!(3000)));
}

#[test]
fn a_region_of_priority_0_has_no_electable_nodes_and_a_new_zone_names_its_size() {
    let mut bench = with_idle_cluster(cluster("GEOSHARDED", &json!([shard("A", "M10"), shard("B", "M10")])));
    let mut beside = region("M10");
    beside["regionName"] = json!("EU_CENTRAL_1");
    beside["priority"] = json!(0);
    beside["electableSpecs"]["nodeCount"] = json!(2);
    let with = |beside: &Value| {
        let first = shard("A", "M10")["regionConfigs"][0].clone();
        let zone = json!({"zoneName": "A", "regionConfigs": [first, beside]});
        patch("orders", json!({"replicationSpecs": [zone, shard("B", "M10")]}))
    };
    assert_eq!(refused(&mut bench, with(&beside)).0, 400);
    beside["electableSpecs"]["nodeCount"] = json!(0);
    done(&mut bench, with(&beside));

    let mut other = shard("C", "M10");
    other["regionConfigs"][0]["electableSpecs"] = json!({"nodeCount": 3});
    let change = patch("orders", json!({"replicationSpecs": [shard("A", "M10"), other]}));
    assert_eq!(refused(&mut bench, change).1, "MISSING_ATTRIBUTE");
}

#[test]
fn an_nvme_size_brings_its_disk_and_needs_backup() {
    let mut body = dedicated("orders");
    body["replicationSpecs"] = json!([{"regionConfigs": [region("M40_NVME")]}]);
    let mut bench = Bench::new(1);
    assert_eq!(refused(&mut bench, create(body.clone())).1, "NVME_STORAGE_PROVIDER_BACKUP_REQUIRED");
    body["backupEnabled"] = json!(true);
    let created = done(&mut bench, create(body.clone()));
    let specs = &created["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"];
    assert_eq!((&specs["diskSizeGB"], &specs["ebsVolumeType"]), (&json!(380.0), &json!("PROVISIONED")));
    settle(&mut bench, "orders");
    body["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["diskSizeGB"] = json!(500);
    let change = patch("orders", json!({"replicationSpecs": body["replicationSpecs"]}));
    assert_eq!(refused(&mut bench, change).1, "CLUSTER_DISK_SIZE_INVALID");
    let mut volume = region("M40_NVME");
    volume["electableSpecs"]["ebsVolumeType"] = json!("STANDARD");
    let change = patch("orders", json!({"replicationSpecs": [{"regionConfigs": [volume]}]}));
    assert_eq!(refused(&mut bench, change).1, "INVALID_ATTRIBUTE");
    volume["electableSpecs"]["ebsVolumeType"] = json!("HIGH_PERFORMANCE");
    let after = reshape(&mut bench, json!({"replicationSpecs": [{"regionConfigs": [volume]}]}));
    let specs = &after["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"];
    assert_eq!(specs["ebsVolumeType"], "HIGH_PERFORMANCE");
    assert_eq!(refused(&mut bench, patch("orders", json!({"paused": true}))).1, "CANNOT_PAUSE_NVME_CLUSTER");
}
