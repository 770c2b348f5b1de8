use serde_json::json;

use super::{FLEX, FLEX_CLUSTERS, create, dedicated, delete, done, flex, get, refused, seconds};
use crate::bench::{Bench, Call, ORGANIZATION, project};

const GROUP: &str = "/groups/{groupId}";
const LIMIT: &str = "/groups/{groupId}/limits/{limitName}";

#[test]
fn a_name_is_unique_in_its_organization() {
    let mut bench = Bench::new(1);
    let call = |name| Call::new("POST", "/groups").body(project(name));
    let id = done(&mut bench, call("shop"))["id"].as_str().unwrap().to_owned();
    assert_eq!(refused(&mut bench, call("shop")), (409, "GROUP_ALREADY_EXISTS".to_owned()));
    let rename = |name| Call::new("PATCH", GROUP).param("groupId", id.clone()).body(json!({"name": name}));
    assert_eq!(refused(&mut bench, rename("bench")).1, "GROUP_ALREADY_EXISTS");
    done(&mut bench, rename("shop"));
    assert_eq!(done(&mut bench, Call::new("GET", "/groups/byName/{groupName}").param("groupName", "shop"))["id"], id);
}

#[test]
fn an_organization_is_full_at_250_projects() {
    let mut bench = Bench::new(1);
    for number in 1..250 {
        done(&mut bench, Call::new("POST", "/groups").body(project(&format!("project-{number}"))));
    }
    let one_more = Call::new("POST", "/groups").body(project("one-more"));
    assert_eq!(refused(&mut bench, one_more), (400, "MAX_GROUPS_PER_ORG_EXCEEDED".to_owned()));
}

#[test]
fn tags_are_absent_from_a_creation_without_them_and_empty_ever_after() {
    let mut bench = Bench::new(1);
    let created = done(&mut bench, Call::new("POST", "/groups").body(project("plain")));
    assert!(created.get("tags").is_none());
    let call = Call::new("GET", GROUP).param("groupId", created["id"].as_str().unwrap());
    assert_eq!(done(&mut bench, call)["tags"], json!([]));
}

#[test]
fn what_a_body_lacks_or_misspells_is_named() {
    let mut bench = Bench::new(1);
    for (body, code) in [
        (json!({"orgId": ORGANIZATION}), "MISSING_ATTRIBUTE"),
        (json!({"name": "a", "orgId": ORGANIZATION, "tag": []}), "INVALID_ATTRIBUTE"),
        (json!({"name": "a/b", "orgId": ORGANIZATION}), "INVALID_GROUP_NAME"),
        (json!({"name": "", "orgId": ORGANIZATION}), "INVALID_GROUP_NAME"),
    ] {
        assert_eq!(refused(&mut bench, Call::new("POST", "/groups").body(body)), (400, code.to_owned()));
    }
    let elsewhere = json!({"name": "a", "orgId": "f0123456789abcdef012345f"});
    assert_eq!(refused(&mut bench, Call::new("POST", "/groups").body(elsewhere)).0, 401);
}

#[test]
fn a_project_stays_until_the_last_cluster_is_gone() {
    let mut bench = Bench::new(1);
    let id = bench.group.clone();
    let close = || Call::new("DELETE", GROUP);
    let busy = (409, "CANNOT_CLOSE_GROUP_ACTIVE_ATLAS_CLUSTERS".to_owned());
    done(&mut bench, create(dedicated("orders")));
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("sessions")));
    assert_eq!(done(&mut bench, Call::new("GET", GROUP))["clusterCount"], 2);
    assert_eq!(refused(&mut bench, close()), busy);
    done(&mut bench, delete("orders"));
    done(&mut bench, Call::new("DELETE", FLEX).param("name", "sessions"));
    assert_eq!(refused(&mut bench, close()), busy, "while they are being deleted");
    seconds(&mut bench, 3000);
    assert_eq!(refused(&mut bench, get("orders")).1, "CLUSTER_NOT_FOUND");
    done(&mut bench, close());
    assert!(bench.world.tombstoned(&id) && bench.world.organization_of(&id).is_none());
}

#[test]
fn settings_are_merged() {
    let mut bench = Bench::new(1);
    let path = "/groups/{groupId}/settings";
    let before = done(&mut bench, Call::new("GET", path));
    let after = done(&mut bench, Call::new("PATCH", path).body(json!({"isDataExplorerEnabled": false})));
    for (name, value) in before.as_object().unwrap() {
        assert_eq!(after[name], if name == "isDataExplorerEnabled" { json!(false) } else { value.clone() });
    }
}

#[test]
fn a_limit_holds_and_deleting_it_brings_the_default_back() {
    let mut bench = Bench::new(1);
    let name = "atlas.project.security.networkAccess.entries";
    let on = |method: &'static str| Call::new(method, LIMIT).param("limitName", name);
    assert_eq!(done(&mut bench, on("PATCH").body(json!({"value": 1})))["value"], 1);
    let entries = json!([{"ipAddress": "192.0.2.1"}, {"ipAddress": "192.0.2.2"}]);
    let write = || Call::new("POST", "/groups/{groupId}/accessList").body(entries.clone());
    assert_eq!(refused(&mut bench, write()).0, 403);
    assert_eq!(bench.call(on("DELETE")).0, 204);
    assert_eq!(done(&mut bench, on("GET"))["value"], 200);
    done(&mut bench, write());
    assert_eq!(done(&mut bench, on("GET"))["currentUsage"], 2);
    assert_eq!(refused(&mut bench, on("PATCH").body(json!({"value": 1_000_000}))).0, 400);
}

#[test]
fn what_a_project_is_made_with_stays() {
    let mut bench = Bench::new(1);
    let mut body = project("governed");
    body["withDefaultAlertsSettings"] = json!(false);
    body["regionUsageRestrictions"] = json!("GOV_REGIONS_ONLY");
    let wrong = Call::new("POST", "/groups").body(body.clone()).query("projectOwnerId", "me");
    assert_eq!(refused(&mut bench, wrong), (400, "INVALID_QUERY_PARAMETER".to_owned()));
    let call = Call::new("POST", "/groups").body(body).query("projectOwnerId", "f0123456789abcdef012345f");
    let id = done(&mut bench, call)["id"].as_str().unwrap().to_owned();
    let on = |method: &'static str| Call::new(method, GROUP).param("groupId", id.clone());
    done(&mut bench, on("PATCH").body(json!({"withDefaultAlertsSettings": true, "name": "still-governed"})));
    let now = done(&mut bench, on("GET"));
    assert_eq!((&now["withDefaultAlertsSettings"], &now["name"]), (&json!(false), &json!("still-governed")));
    assert_eq!(now["regionUsageRestrictions"], "GOV_REGIONS_ONLY");
    assert!(done(&mut bench, Call::new("GET", GROUP)).get("regionUsageRestrictions").is_none());
}

#[test]
fn tags_are_replaced_and_come_back_in_an_order_of_their_own() {
    let mut bench = Bench::new(1);
    let tag = |key: &str| json!({"key": key, "value": "v"});
    for tags in [json!([tag("a")]), json!([tag("b"), tag("c"), tag("d")])] {
        done(&mut bench, Call::new("PATCH", GROUP).body(json!({"tags": tags})));
    }
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let shown = done(&mut bench, Call::new("GET", GROUP))["tags"].clone();
        orders.insert(shown.as_array().unwrap().iter().map(|tag| tag["key"].as_str().unwrap()).collect::<String>());
        seconds(&mut bench, 60);
    }
    assert_eq!(orders.into_iter().collect::<Vec<_>>(), ["bcd", "dcb"]);
}

#[test]
fn the_limit_of_clusters_counts_every_kind() {
    let mut bench = Bench::new(1);
    let limit = Call::new("PATCH", LIMIT).param("limitName", "atlas.project.deployment.clusters");
    done(&mut bench, limit.body(json!({"value": 1})));
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("sessions")));
    let full = (400, "DEFAULT_CONFIG_LIMIT_EXCEPTION".to_owned());
    assert_eq!(refused(&mut bench, create(dedicated("orders"))), full);
    assert_eq!(refused(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("other"))), full);
}

#[test]
fn a_limit_without_a_default_is_there_when_it_is_set() {
    let mut bench = Bench::new(1);
    let on = |method: &'static str, name: &str| Call::new(method, LIMIT).param("limitName", name);
    let daily = "dataFederation.bytesProcessed.daily";
    assert_eq!(refused(&mut bench, on("GET", daily)).0, 404);
    assert_eq!(done(&mut bench, on("PATCH", daily).body(json!({"value": 1_000_000})))["value"], 1_000_000);
    let listed = done(&mut bench, Call::new("GET", "/groups/{groupId}/limits"));
    assert!(listed.as_array().unwrap().iter().any(|limit| limit["name"] == daily), "a bare array");
    let mask = "atlas.project.deployment.privateServiceConnectionsSubnetMask";
    for (name, value, code) in [
        (mask, 19, "INVALID_ATTRIBUTE"),
        ("atlas.project.deployment.clusters", 101, "INVALID_ATTRIBUTE"),
        ("atlas.project.moons", 1, "INVALID_ENUM_VALUE"),
    ] {
        assert_eq!(refused(&mut bench, on("PATCH", name).body(json!({"value": value}))), (400, code.to_owned()));
    }
    done(&mut bench, on("PATCH", mask).body(json!({"value": 20})));
}
