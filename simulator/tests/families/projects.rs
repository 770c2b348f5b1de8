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
