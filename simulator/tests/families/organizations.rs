use serde_json::{Value, json};

use super::{FLEX_CLUSTERS, create, dedicated, done, flex, patch, refused, region, with_idle_cluster};
use crate::bench::{Bench, Call, ORGANIZATION, USER};

const TEAMS: &str = "/orgs/{orgId}/teams";
const TEAM: &str = "/orgs/{orgId}/teams/{teamId}";
const BY_NAME: &str = "/orgs/{orgId}/teams/byName/{teamName}";
const GROUP_TEAMS: &str = "/groups/{groupId}/teams";
const GROUP_TEAM: &str = "/groups/{groupId}/teams/{teamId}";
const POLICIES: &str = "/orgs/{orgId}/resourcePolicies";
const POLICY: &str = "/orgs/{orgId}/resourcePolicies/{resourcePolicyId}";
const VALIDATION: &str = "/orgs/{orgId}/resourcePolicies:validate";

fn on<'a>(method: &'a str, path: &'a str) -> Call<'a> {
    Call::new(method, path).param("orgId", ORGANIZATION)
}

fn team<'a>(name: &str) -> Call<'a> {
    on("POST", TEAMS).body(json!({"name": name, "usernames": ["somebody@example.com"]}))
}

fn id(document: &Value) -> String {
    document["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_team_is_found_by_id_and_name_and_its_people_are_told_once() {
    let mut bench = Bench::new(1);
    let (status, created) = bench.call(team("readers"));
    assert_eq!((status, &created["usernames"]), (201, &json!(["somebody@example.com"])));
    let by_id = done(&mut bench, on("GET", TEAM).param("teamId", id(&created)));
    assert_eq!(by_id.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "links", "name"]);
    assert_eq!(done(&mut bench, on("GET", BY_NAME).param("teamName", "readers")), by_id);
    assert_eq!(done(&mut bench, on("GET", TEAMS))["results"], json!([by_id]));
    assert_eq!(refused(&mut bench, team("readers")), (409, "TEAM_NAME_NOT_AVAILABLE".to_owned()));
    done(&mut bench, on("PATCH", TEAM).param("teamId", id(&created)).body(json!({"name": "writers"})));
    let old = on("GET", BY_NAME).param("teamName", "readers");
    assert_eq!(refused(&mut bench, old), (404, "TEAM_NAME_NOT_FOUND".to_owned()));
    assert_eq!(refused(&mut bench, on("GET", TEAM).param("teamId", "none")).1, "TEAM_NOT_FOUND");
}

#[test]
fn a_team_stays_while_a_project_has_it() {
    let mut bench = Bench::new(1);
    let created = done(&mut bench, team("readers"));
    let team_id = id(&created);
    let assign =
        |id: &str, roles: Value| Call::new("POST", GROUP_TEAMS).body(json!([{"teamId": id, "roleNames": roles}]));
    for (call, code) in [
        (assign(&team_id, json!([])), "NO_ROLES_IN_ASSIGNMENT"),
        (assign(&team_id, json!(["ORG_OWNER"])), "INVALID_ROLE_FOR_GROUP"),
        (assign("f0123456789abcdef012345f", json!(["GROUP_OWNER"])), "TEAM_NOT_FOUND"),
    ] {
        assert_eq!(refused(&mut bench, call).1, code);
    }
    let page = done(&mut bench, assign(&team_id, json!(["GROUP_OWNER"])));
    assert_eq!((&page["totalCount"], &page["results"][0]["teamId"]), (&json!(1), &json!(team_id)));
    assert_eq!(refused(&mut bench, assign(&team_id, json!(["GROUP_OWNER"]))).1, "TEAM_EXISTS_IN_GROUP");
    let one = |method: &'static str| Call::new(method, GROUP_TEAM).param("teamId", team_id.clone());
    let changed = done(&mut bench, one("PATCH").body(json!({"roleNames": ["GROUP_READ_ONLY"]})));
    assert_eq!(changed["results"][0]["roleNames"], json!(["GROUP_READ_ONLY"]), "the answer is a list");
    assert_eq!(done(&mut bench, one("GET"))["roleNames"], json!(["GROUP_READ_ONLY"]));
    let delete = || on("DELETE", TEAM).param("teamId", team_id.clone());
    assert_eq!(refused(&mut bench, delete()), (404, "CANNOT_DELETE_TEAM_ASSIGNED_TO_PROJECT".to_owned()));
    assert_eq!(bench.call(one("DELETE")).0, 204);
    assert_eq!(refused(&mut bench, one("DELETE")), (404, "TEAM_NOT_IN_GROUP".to_owned()));
    assert_eq!(bench.call(delete()).0, 204);
}

/// A policy in the recorded form.
fn policy(name: &str, condition: &str) -> Value {
    let head = "forbid (principal, action == cloud::Action::\"cluster.createEdit\", resource)";
    json!({"name": name, "policies": [{"body": format!("{head} when {{\n context.cluster.{condition}\n}};\n")}]})
}

const NO_AWS: &str = "cloudProviders.containsAny([cloud::cloudProvider::\"aws\"])";

#[test]
fn the_texts_of_a_policy_get_new_ids_with_every_change() {
    let mut bench = Bench::new(1);
    let (status, created) = bench.call(on("POST", POLICIES).body(policy("no-aws", NO_AWS)));
    assert_eq!((status, &created["createdByUser"]["name"]), (201, &json!(USER)));
    let one = |method: &'static str| on(method, POLICY).param("resourcePolicyId", id(&created));
    let changed = done(&mut bench, one("PATCH").body(policy("none", NO_AWS)));
    assert_eq!((&changed["id"], &changed["name"]), (&created["id"], &json!("none")));
    assert_ne!(changed["policies"][0]["id"], created["policies"][0]["id"]);
    let tried = done(&mut bench, on("POST", VALIDATION).body(policy("other", NO_AWS)));
    let nowhere = on("GET", POLICY).param("resourcePolicyId", id(&tried));
    let (status, error) = bench.call(nowhere);
    let keys: Vec<_> = error.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((status, keys), (404, vec!["errorCode", "message", "status", "version"]));
    assert_eq!(done(&mut bench, on("GET", POLICIES)), json!([changed]), "a bare array");
    assert_eq!(bench.call(one("DELETE")), (200, json!({})));
    assert_eq!(bench.call(one("DELETE")).0, 404);
}

#[test]
fn what_a_policy_forbids_is_refused_where_it_would_be_written() {
    let mut bench = with_idle_cluster(dedicated("before"));
    let created = done(&mut bench, on("POST", POLICIES).body(policy("no-aws", NO_AWS)));
    let (status, error) = bench.call(create(dedicated("orders")));
    assert_eq!((status, &error["parameters"]), (403, &json!([])));
    let violated = (403, "ATLAS_RESOURCE_POLICIES_VIOLATION_NOT_AUTHORIZED".to_owned());
    assert_eq!(refused(&mut bench, create(dedicated("orders"))), violated);
    assert_eq!(refused(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("small"))), violated);
    let shape = json!({"replicationSpecs": [{"regionConfigs": [region("M20")]}]});
    assert_eq!(refused(&mut bench, patch("before", shape)), violated);
    done(&mut bench, patch("before", json!({"tags": []})));
    let dublin = policy("no-aws", "regions.containsAny([cloud::region::\"aws:eu-west-1\"])");
    done(&mut bench, on("PATCH", POLICY).param("resourcePolicyId", id(&created)).body(dublin));
    assert_eq!(refused(&mut bench, create(dedicated("orders"))), violated);
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("small")));
    done(&mut bench, on("DELETE", POLICY).param("resourcePolicyId", id(&created)));
    done(&mut bench, create(dedicated("orders")));
}
