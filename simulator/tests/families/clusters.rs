use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    CLUSTER, FLEX, FLEX_CLUSTERS, create, dedicated, delete, done, flex, free, get, patch, refused, region, seconds,
    settle, with_idle_cluster,
};
use crate::bench::{Bench, Call};

#[test]
fn a_cluster_shows_its_connection_strings_once_it_is_idle() {
    let mut bench = Bench::new(1);
    let created = done(&mut bench, create(dedicated("Orders")));
    assert_eq!((&created["stateName"], &created["connectionStrings"]), (&json!("CREATING"), &json!({})));
    settle(&mut bench, "Orders");
    let strings = done(&mut bench, get("Orders"))["connectionStrings"].clone();
    assert!(strings["standardSrv"].as_str().unwrap().starts_with("mongodb+srv://orders."));
    assert_eq!(strings["standard"].as_str().unwrap().matches(":27017").count(), 3);
}

#[test]
fn a_free_cluster_shows_its_service_name_at_once() {
    let mut bench = Bench::new(1);
    let strings = done(&mut bench, create(free("trial")))["connectionStrings"].clone();
    assert!(strings.get("standardSrv").is_some() && strings.get("standard").is_none());
    settle(&mut bench, "trial");
    assert!(done(&mut bench, get("trial"))["connectionStrings"].get("standard").is_some());
}

#[test]
fn one_creation_in_eight_passes_through_updating() {
    let mut detours = 0;
    for seed in 0..200 {
        let mut bench = Bench::new(seed);
        done(&mut bench, create(dedicated("orders")));
        bench.wait(CLUSTER, "orders", |cluster| cluster["stateName"] != "CREATING").unwrap();
        detours += usize::from(done(&mut bench, get("orders"))["stateName"] == "UPDATING");
        settle(&mut bench, "orders");
    }
    // 12 % of 200 are 24; fewer than 10 or more than 45 come up less than once in a thousand seeds.
    assert!((10..45).contains(&detours), "{detours} of 200");
}

#[test]
fn a_creation_takes_exactly_as_long_as_it_is_told_to() {
    for seed in 0..20 {
        let mut bench = Bench::new(seed);
        bench.world.creation = Some(SignedDuration::from_mins(10));
        done(&mut bench, create(dedicated("orders")));
        seconds(&mut bench, 599);
        assert_eq!(done(&mut bench, get("orders"))["stateName"], "CREATING");
        seconds(&mut bench, 1);
        assert_eq!(done(&mut bench, get("orders"))["stateName"], "IDLE");
    }
}

#[test]
fn names_are_shared_with_flex_and_unique_in_what_hosts_show() {
    let mut bench = Bench::new(1);
    done(&mut bench, create(dedicated("orders-of-the-old-world")));
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("sessions")));
    for (name, code) in [
        ("orders-of-the-old-world", "DUPLICATE_CLUSTER_NAME"),
        ("sessions", "DUPLICATE_CLUSTER_NAME"),
        ("orders-of-the-old-world-2", "DUPLICATE_CLUSTER_NAME_PREFIX"),
        ("twenty-two-characters--and", "CLUSTER_NAME_PREFIX_INVALID"),
        ("under_score", "CLUSTER_NAME_INVALID"),
        ("", "CLUSTER_NAME_INVALID"),
    ] {
        assert_eq!(refused(&mut bench, create(dedicated(name))), (400, code.to_owned()), "{name}");
    }
    let other = Call::new("POST", FLEX_CLUSTERS).body(flex("orders-of-the-old-world"));
    assert_eq!(refused(&mut bench, other).1, "DUPLICATE_CLUSTER_NAME");
}

#[test]
fn each_interface_refuses_the_clusters_of_the_other() {
    let mut bench = Bench::new(1);
    done(&mut bench, create(dedicated("orders")));
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("sessions")));
    for call in [get("sessions"), patch("sessions", json!({})), delete("sessions")] {
        assert_eq!(refused(&mut bench, call), (400, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API".to_owned()));
    }
    for method in ["GET", "DELETE"] {
        let call = Call::new(method, FLEX).param("name", "orders");
        assert_eq!(refused(&mut bench, call), (400, "CANNOT_USE_NON_FLEX_CLUSTER_IN_FLEX_API".to_owned()));
    }
}

#[test]
fn a_project_has_one_free_cluster_and_it_cannot_be_changed() {
    let mut bench = with_idle_cluster(free("trial"));
    assert_eq!(refused(&mut bench, create(free("second"))).1, "CANNOT_CREATE_FREE_CLUSTER_VIA_PUBLIC_API");
    let change = patch("trial", json!({"tags": []}));
    assert_eq!(refused(&mut bench, change).1, "TENANT_CLUSTER_UPDATE_UNSUPPORTED");
}

#[test]
fn a_shape_that_cannot_be_is_refused() {
    let with_region = |region: Value| {
        let mut body = dedicated("orders");
        body["replicationSpecs"][0]["regionConfigs"] = json!([region]);
        body
    };
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut region = region("M10");
        change(&mut region);
        with_region(region)
    };
    let mut bench = Bench::new(1);
    for (body, code) in [
        (changed(&|region| region["regionName"] = json!("ATLANTIS_1")), "INVALID_REGION"),
        (changed(&|region| region["electableSpecs"]["instanceSize"] = json!("M11")), "INVALID_ENUM_VALUE"),
        (changed(&|region| region["electableSpecs"]["nodeCount"] = json!(4)), "CLUSTER_REPLICATION_FACTOR_INVALID"),
        (changed(&|region| region["providerName"] = json!("IBM")), "INVALID_ENUM_VALUE"),
        (
            changed(&|region| region["autoScaling"] = json!({"compute": {"enabled": true}})),
            "COMPUTE_AUTO_SCALING_MAX_INSTANCE_SIZE_REQUIRED",
        ),
        (
            changed(&|region| {
                region["electableSpecs"]["diskSizeGB"] = json!(40);
                region["readOnlySpecs"] = json!({"instanceSize": "M10", "nodeCount": 1, "diskSizeGB": 50});
            }),
            "DISK_SIZE_GB_INCONSISTENT",
        ),
        (json!({"name": "orders", "clusterType": "REPLICASET"}), "MISSING_ATTRIBUTE"),
    ] {
        assert_eq!(refused(&mut bench, create(body)), (400, code.to_owned()));
    }
    let nvme = changed(&|region| {
        region["regionName"] = json!("MX_CENTRAL_1");
        region["electableSpecs"]["instanceSize"] = json!("M40_NVME");
    });
    let (status, body) = bench.call(create(nvme));
    let detail = body["detail"].as_str().unwrap();
    assert!(status == 400 && detail.contains("M40_NVME") && detail.contains("MX_CENTRAL_1"), "{detail}");
}

#[test]
fn backup_goes_with_the_deletion() {
    let mut body = dedicated("orders");
    body["backupEnabled"] = json!(true);
    body["pitEnabled"] = json!(true);
    body["tags"] = json!([{"key": "env", "value": "prod"}]);
    let mut bench = with_idle_cluster(body);
    let cluster = done(&mut bench, get("orders"));
    assert_eq!((&cluster["backupEnabled"], &cluster["pitEnabled"]), (&json!(true), &json!(true)));
    done(&mut bench, delete("orders"));
    let cluster = done(&mut bench, get("orders"));
    assert_eq!(cluster["stateName"], "DELETING");
    assert_eq!((&cluster["backupEnabled"], &cluster["tags"]), (&json!(false), &json!([])));
    assert_eq!(refused(&mut bench, delete("orders")).1, "CLUSTER_ALREADY_REQUESTED_DELETION");
    assert_eq!(refused(&mut bench, create(dedicated("orders"))).1, "DUPLICATE_CLUSTER_NAME", "until it is gone");
    seconds(&mut bench, 3000);
    assert_eq!(refused(&mut bench, get("orders")), (404, "CLUSTER_NOT_FOUND".to_owned()));
    done(&mut bench, create(dedicated("orders")));
}

#[test]
fn termination_protection_protects() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    done(&mut bench, patch("orders", json!({"terminationProtectionEnabled": true})));
    let code = "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED";
    assert_eq!(refused(&mut bench, delete("orders")), (400, code.to_owned()));
    done(&mut bench, patch("orders", json!({"terminationProtectionEnabled": false})));
    done(&mut bench, delete("orders"));
}

#[test]
fn the_old_version_has_its_own_ids_and_cannot_tell_shards_apart() {
    let mut body = dedicated("orders");
    body["clusterType"] = json!("SHARDED");
    let shard = body["replicationSpecs"][0].clone();
    body["replicationSpecs"] = json!([shard, shard]);
    let mut bench = with_idle_cluster(body);
    let legacy = || get("orders").version(Some("2023-02-01"));
    let (old, new) = (done(&mut bench, legacy()), done(&mut bench, get("orders")));
    assert_eq!(old["replicationSpecs"].as_array().unwrap().len(), 1);
    assert_eq!(old["replicationSpecs"][0]["numShards"], 2);
    assert_ne!(old["replicationSpecs"][0]["id"], new["replicationSpecs"][0]["id"]);
    let mut shards = new["replicationSpecs"].clone();
    for name in ["electableSpecs", "readOnlySpecs", "analyticsSpecs"] {
        shards[1]["regionConfigs"][0][name]["instanceSize"] = json!("M30");
    }
    done(&mut bench, patch("orders", json!({"replicationSpecs": shards})));
    assert_eq!(refused(&mut bench, legacy()), (400, "ASYMMETRIC_SHARD_UNSUPPORTED".to_owned()));
    assert_eq!(done(&mut bench, get("orders"))["replicationSpecs"][1]["id"], new["replicationSpecs"][1]["id"]);
}
