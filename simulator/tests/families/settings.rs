//! The fields at the top of a cluster, and what follows from them.
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    CLUSTER, CLUSTERS, create, dedicated, delete, done, free, get, patch, refused, region, seconds, settle,
    with_idle_cluster,
};
use crate::bench::{Bench, Call};

const ARGUMENTS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";
const PIN: &str = "/groups/{groupId}/clusters/{clusterName}:pinFeatureCompatibilityVersion";
const UNPIN: &str = "/groups/{groupId}/clusters/{clusterName}:unpinFeatureCompatibilityVersion";

fn on<'a>(method: &'a str, path: &'a str) -> Call<'a> {
    Call::new(method, path).param("clusterName", "orders")
}

#[test]
fn every_field_that_can_be_written_is_read_back() {
    let fields = [
        ("adaptiveCapacity", json!("ENABLED")),
        (
            "advancedConfiguration",
            json!({"customOpensslCipherConfigTls12": ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
            "customOpensslCipherConfigTls13": [], "minimumEnabledTlsProtocol": "TLS1_2",
            "tlsCipherConfigMode": "CUSTOM"}),
        ),
        ("backupEnabled", json!(true)),
        ("biConnector", json!({"enabled": true, "readPreference": "primary"})),
        ("configServerManagementMode", json!("FIXED_TO_DEDICATED")),
        ("diskWarmingMode", json!("VISIBLE_EARLIER")),
        ("encryptionAtRestProvider", json!("AWS")),
        ("labels", json!([{"key": "cost", "value": "1"}])),
        ("mongoDBMajorVersion", json!("7.0")),
        ("pitEnabled", json!(false)),
        ("redactClientLogData", json!(true)),
        ("replicaSetScalingStrategy", json!("SEQUENTIAL")),
        ("retainBackups", json!(true)),
        ("rootCertType", json!("ISRGROOTX1")),
        ("tags", json!([{"key": "env", "value": "prod"}])),
        ("terminationProtectionEnabled", json!(true)),
        ("useAwsTimeBasedSnapshotCopyForFastInitialSync", json!(true)),
        ("versionReleaseSystem", json!("LTS")),
    ];
    let mut body = dedicated("orders");
    body["clusterType"] = json!("SHARDED");
    body["acceptDataRisksAndForceReplicaSetReconfig"] = json!("2026-08-10T03:03:11Z");
    for (name, value) in &fields {
        body[*name] = value.clone();
    }
    let mut bench = with_idle_cluster(body);
    let cluster = done(&mut bench, get("orders"));
    for (name, value) in &fields {
        assert_eq!(&cluster[*name], value, "{name}");
    }
    assert_eq!(cluster["configServerType"], "DEDICATED");
    for (name, value) in fields.into_iter().filter(|(name, _)| *name != "mongoDBMajorVersion") {
        done(&mut bench, patch("orders", json!({name: value})));
        assert_eq!(done(&mut bench, get("orders"))["stateName"], "IDLE", "{name} is as it was");
    }
}

#[test]
fn a_strategy_shows_only_once_it_was_set() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    assert_eq!(done(&mut bench, get("orders")).get("replicaSetScalingStrategy"), None);
    let after = done(&mut bench, patch("orders", json!({"replicaSetScalingStrategy": "NODE_TYPE"})));
    assert_eq!(after["replicaSetScalingStrategy"], "NODE_TYPE");
}

#[test]
fn a_value_that_cannot_be_is_refused() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    for (body, code) in [
        (json!({"adaptiveCapacity": "MAYBE"}), "INVALID_ENUM_VALUE"),
        (json!({"biConnector": {"readPreference": "NEAREST"}}), "INVALID_ENUM_VALUE"),
        (
            json!({"biConnector": {"enabled": true, "readPreference": "ANALYTICS"}}),
            "INVALID_BI_CONNECTOR_READ_PREFERENCE_FOR_TOPOLOGY",
        ),
        (json!({"configServerManagementMode": "NONE"}), "INVALID_ENUM_VALUE"),
        (json!({"diskWarmingMode": "HOT"}), "INVALID_ENUM_VALUE"),
        (json!({"encryptionAtRestProvider": "IBM"}), "INVALID_ENUM_VALUE"),
        (json!({"replicaSetScalingStrategy": "PARALLEL"}), "INVALID_ENUM_VALUE"),
        (json!({"rootCertType": "DST"}), "INVALID_ENUM_VALUE"),
        (json!({"versionReleaseSystem": "NIGHTLY"}), "INVALID_ENUM_VALUE"),
        (json!({"redactClientLogData": "yes"}), "INVALID_JSON_ATTRIBUTE"),
        (json!({"retainBackups": 1}), "INVALID_JSON_ATTRIBUTE"),
        (json!({"labels": [{"key": "k"}]}), "MISSING_ATTRIBUTE"),
        (json!({"backupEnable": true}), "INVALID_ATTRIBUTE"),
        (json!({"mongoDBMajorVersion": "9.9"}), "MONGODB_VERSION_INVALID"),
    ] {
        assert_eq!(refused(&mut bench, patch("orders", body)), (400, code.to_owned()));
    }
    let azure = json!([{"regionConfigs": [{"providerName": "AZURE", "regionName": "EUROPE_WEST", "priority": 7,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 3}}]}]);
    let body = json!({"name": "azure", "clusterType": "REPLICASET", "replicationSpecs": azure,
        "useAwsTimeBasedSnapshotCopyForFastInitialSync": true});
    assert_eq!(refused(&mut bench, create(body)).1, "AWS_TIME_BASED_SNAPSHOT_COPY_REQUIRES_AWS_NODES");
    let mut body = free("trial");
    body["encryptionAtRestProvider"] = json!("AWS");
    assert_eq!(refused(&mut bench, create(body)).1, "CANNOT_USE_ENCRYPTION_AT_REST_TENANT");
}

#[test]
fn a_paused_cluster_takes_no_arguments_and_no_pin() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    done(&mut bench, patch("orders", json!({"paused": true})));
    settle(&mut bench, "orders");
    let refusal = (409, "CANNOT_UPDATE_PAUSED_CLUSTER".to_owned());
    assert_eq!(refused(&mut bench, on("PATCH", ARGUMENTS).body(json!({"noTableScan": true}))), refusal);
    assert_eq!(refused(&mut bench, on("POST", PIN)), refusal);
    assert_eq!(refused(&mut bench, patch("orders", json!({"tags": [{"key": "a", "value": "b"}]}))), refusal);
}

#[test]
fn ciphers_follow_the_same_rules_in_both_places() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let ciphers = json!({"customOpensslCipherConfigTls12": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]});
    assert_eq!(done(&mut bench, on("PATCH", ARGUMENTS).body(ciphers))["tlsCipherConfigMode"], "CUSTOM");
    assert_eq!(done(&mut bench, get("orders"))["advancedConfiguration"]["tlsCipherConfigMode"], "CUSTOM");
    done(&mut bench, patch("orders", json!({"advancedConfiguration": {"tlsCipherConfigMode": "DEFAULT"}})));
    assert_eq!(done(&mut bench, on("GET", ARGUMENTS))["customOpensslCipherConfigTls12"], json!([]));
    let zero = on("PATCH", ARGUMENTS).body(json!({"transactionLifetimeLimitSeconds": 0}));
    assert_eq!(refused(&mut bench, zero), (400, "INVALID_ATTRIBUTE".to_owned()));
}

#[test]
fn a_pin_holds_the_compatibility_version_and_opens_the_way_back() {
    let mut body = dedicated("orders");
    body["mongoDBMajorVersion"] = json!("7.0");
    let mut bench = with_idle_cluster(body);
    assert_eq!(bench.call(on("POST", PIN)).0, 204);
    let pinned = done(&mut bench, get("orders"));
    assert_eq!(pinned["stateName"], "UPDATING");
    let until = bench.world.now + SignedDuration::from_hours(28 * 24);
    assert_eq!(pinned["featureCompatibilityVersionExpirationDate"].as_str().unwrap()[..16], until.to_string()[..16]);
    settle(&mut bench, "orders");
    let up = done(&mut bench, patch("orders", json!({"mongoDBMajorVersion": "8.0"})));
    assert_eq!((&up["mongoDBMajorVersion"], &up["featureCompatibilityVersion"]), (&json!("8.0"), &json!("7.0")));
    let back = done(&mut bench, patch("orders", json!({"mongoDBMajorVersion": "7.0"})));
    assert_eq!(back["mongoDBMajorVersion"], "7.0");
    done(&mut bench, patch("orders", json!({"mongoDBMajorVersion": "8.0"})));
    settle(&mut bench, "orders");
    assert_eq!(bench.call(on("POST", UNPIN)).0, 204);
    let free = done(&mut bench, get("orders"));
    assert_eq!((&free["stateName"], &free["featureCompatibilityVersion"]), (&json!("UPDATING"), &json!("8.0")));
    assert_eq!(free.get("featureCompatibilityVersionExpirationDate"), None);
    settle(&mut bench, "orders");
    assert_eq!(bench.call(on("POST", UNPIN)).0, 204);
    assert_eq!(done(&mut bench, get("orders"))["stateName"], "IDLE");
    let down = patch("orders", json!({"mongoDBMajorVersion": "7.0"}));
    assert_eq!(refused(&mut bench, down).1, "CLUSTER_UPGRADE_INVALID");
}

#[test]
fn a_pin_ends_on_its_day_whatever_happened_in_between() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let day = |bench: &Bench, days: i64| json!({"expirationDate": (bench.world.now + SignedDuration::from_hours(24 * days)).to_string()});
    for (days, code) in [(-1, "EXPIRATION_DATE_IN_PAST"), (29, "EXPIRATION_DATE_EXCEEDS_MAX")] {
        let call = on("POST", PIN).body(day(&bench, days));
        assert_eq!(refused(&mut bench, call), (400, code.to_owned()));
    }
    let (early, late) = (day(&bench, 1), day(&bench, 3));
    done(&mut bench, on("POST", PIN).body(early));
    done(&mut bench, on("POST", PIN).body(late.clone()));
    done(&mut bench, patch("orders", json!({"terminationProtectionEnabled": true})));
    seconds(&mut bench, 2 * 24 * 3600);
    assert!(done(&mut bench, get("orders")).get("featureCompatibilityVersionExpirationDate").is_some(), "{late}");
    seconds(&mut bench, 25 * 3600);
    assert_eq!(done(&mut bench, get("orders")).get("featureCompatibilityVersionExpirationDate"), None);
}

#[test]
fn connection_strings_of_private_endpoints_stay() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let endpoints = json!([{"connectionString": "mongodb://pl-0:1024/", "srvConnectionString": "mongodb+srv://pl-0",
        "type": "MONGOD", "endpoints": [{"endpointId": "vpce-1", "providerName": "AWS", "region": "EU_WEST_1"}]}]);
    let path = format!("/groups/{}/clusters/orders", bench.group);
    bench.world.merge(&path, &json!({"connectionStrings": {"privateEndpoint": endpoints}})).unwrap();
    let before = done(&mut bench, get("orders"))["connectionStrings"].clone();
    assert!(before["standardSrv"].is_string() && before["privateEndpoint"] == endpoints);
    done(&mut bench, patch("orders", json!({"replicationSpecs": [{"regionConfigs": [region("M30")]}]})));
    settle(&mut bench, "orders");
    assert_eq!(done(&mut bench, get("orders"))["connectionStrings"], before);
    bench.world.merge(&path, &json!({"connectionStrings": {"privateEndpoint": null}})).unwrap();
    assert_eq!(done(&mut bench, get("orders"))["connectionStrings"].get("privateEndpoint"), None);
}

#[test]
fn a_deleted_cluster_with_retained_backups_is_listed_when_that_is_asked_for() {
    for (asked, retained) in [(None, 0), (Some("true"), 1)] {
        let mut body = dedicated("orders");
        body["backupEnabled"] = json!(true);
        let mut bench = with_idle_cluster(body);
        let call = asked.map_or_else(|| delete("orders"), |asked| delete("orders").query("retainBackups", asked));
        done(&mut bench, call);
        assert_eq!(done(&mut bench, get("orders"))["retainBackups"], retained == 1);
        seconds(&mut bench, 3600);
        assert_eq!(bench.call(on("GET", CLUSTER)).0, 404);
        assert_eq!(done(&mut bench, Call::new("GET", CLUSTERS))["totalCount"], 0);
        let all = done(&mut bench, Call::new("GET", CLUSTERS).query("includeDeletedWithRetainedBackups", "true"));
        assert_eq!(all["totalCount"], Value::from(retained));
        done(&mut bench, create(dedicated("orders")));
    }
}
