//! What users of other clients report of Atlas.
use serde_json::{Value, json};

use super::{create, dedicated, done, flex, get, patch, refused, region, settle, with_idle_cluster};
use crate::bench::{Bench, Call, project};

const ENTRIES: &str = "/groups/{groupId}/accessList";
const ENTRY: &str = "/groups/{groupId}/accessList/{entryValue}";
const ARGUMENTS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";

#[test]
fn the_address_0_0_0_0_is_everybody() {
    let mut bench = Bench::new(1);
    let listed = done(&mut bench, Call::new("POST", ENTRIES).body(json!([{"ipAddress": "0.0.0.0", "comment": "all"}])));
    let entry = &listed["results"][0];
    assert_eq!((&entry["cidrBlock"], entry.get("ipAddress")), (&json!("0.0.0.0/0"), None));
    let found = done(&mut bench, Call::new("GET", ENTRY).param("entryValue", "0.0.0.0"));
    assert_eq!(found["cidrBlock"], "0.0.0.0/0");
    let both = json!([{"ipAddress": "0.0.0.0"}, {"cidrBlock": "0.0.0.0/0"}]);
    assert_eq!(refused(&mut bench, Call::new("POST", ENTRIES).body(both)).0, 400, "they are one entry");
    let listed = done(&mut bench, Call::new("POST", ENTRIES).body(json!([{"cidrBlock": "0.0.0.0/32"}])));
    assert_eq!(listed["totalCount"], 2, "a block of one address is what it says");
}

#[test]
fn regions_of_one_priority_come_back_by_name_from_the_end() {
    let mut bench = Bench::new(1);
    let reading = |name: &str| {
        json!({"providerName": "AWS", "regionName": name, "priority": 0,
        "readOnlySpecs": {"instanceSize": "M10", "nodeCount": 1}})
    };
    let mut body = dedicated("orders");
    body["replicationSpecs"][0]["regionConfigs"] =
        json!([reading("AP_SOUTH_1"), reading("US_WEST_2"), region("M10"), reading("EU_WEST_2")]);
    let created = done(&mut bench, create(body));
    let regions = created["replicationSpecs"][0]["regionConfigs"].as_array().unwrap();
    let names: Vec<&Value> = regions.iter().map(|region| &region["regionName"]).collect();
    assert_eq!(names, ["EU_WEST_1", "US_WEST_2", "EU_WEST_2", "AP_SOUTH_1"]);
}

#[test]
fn a_region_comes_first_in_one_zone_only() {
    let mut bench = Bench::new(1);
    let mut body = dedicated("orders");
    body["clusterType"] = json!("GEOSHARDED");
    let shard = |zone: &str, region: Value| json!({"zoneName": zone, "regionConfigs": [region]});
    body["replicationSpecs"] = json!([shard("A", region("M30")), shard("A", region("M30")), shard("B", region("M30"))]);
    let (status, error) = bench.call(create(body.clone()));
    let words = "Each region can only be the highest priority region in one zone.";
    assert_eq!((status, &error["detail"]), (400, &json!(words)));
    body["replicationSpecs"][2]["regionConfigs"][0]["regionName"] = json!("US_EAST_1");
    done(&mut bench, create(body));
}

#[test]
fn the_oplog_keeps_its_hours_only_while_disks_grow() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let hours = |hours: i64| {
        let call = Call::new("PATCH", ARGUMENTS).param("clusterName", "orders").version(Some("2024-08-05"));
        call.body(json!({"oplogMinRetentionHours": hours}))
    };
    let scaling = |enabled: bool| {
        let mut region = region("M10");
        region["autoScaling"] = json!({"diskGB": {"enabled": enabled}});
        patch("orders", json!({"replicationSpecs": [{"regionConfigs": [region]}]}))
    };
    let refusal = (400, "OPLOG_MIN_RETENTION_HOURS_NO_DISK_AUTO_SCALING".to_owned());
    assert_eq!(refused(&mut bench, hours(48)), refusal);
    done(&mut bench, hours(0));
    done(&mut bench, scaling(true));
    settle(&mut bench, "orders");
    done(&mut bench, hours(48));
    settle(&mut bench, "orders");
    assert_eq!(refused(&mut bench, scaling(false)), refusal);
    done(&mut bench, hours(0));
    settle(&mut bench, "orders");
    done(&mut bench, scaling(false));
    let region = &done(&mut bench, get("orders"))["replicationSpecs"][0]["regionConfigs"][0];
    assert_eq!(region["autoScaling"]["diskGB"]["enabled"], false);
}

#[test]
fn tags_have_few_signs() {
    let mut bench = Bench::new(1);
    let tags = |key: &str, value: &str| json!([{"key": key, "value": value}]);
    let calls = |tags: &Value| {
        let mut cluster = dedicated("orders");
        let mut small = flex("small");
        let mut group = project("other");
        for body in [&mut cluster, &mut small, &mut group] {
            body["tags"] = tags.clone();
        }
        [create(cluster), Call::new("POST", super::FLEX_CLUSTERS).body(small), Call::new("POST", "/groups").body(group)]
    };
    for tags in [tags("example.com-team", "github:acme/repo"), tags("a/b", "c"), tags("ä=", "c")] {
        for call in calls(&tags) {
            assert_eq!(refused(&mut bench, call), (400, "INVALID_ATTRIBUTE".to_owned()), "{tags}");
        }
    }
    for call in calls(&tags("example.com-team_1", "John Doe; john+1@example.com")) {
        done(&mut bench, call);
    }
}
