use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{create, dedicated, delete, done, refused, seconds};
use crate::bench::{Bench, Call};

const ALL: &str = "/groups/{groupId}/databaseUsers";
const ONE: &str = "/groups/{groupId}/databaseUsers/{databaseName}/{username}";
const ROLES: &str = "/groups/{groupId}/customDBRoles/roles";
const ROLE: &str = "/groups/{groupId}/customDBRoles/roles/{roleName}";

fn user(name: &str) -> Value {
    json!({"databaseName": "admin", "username": name, "password": "correct horse",
        "roles": [{"roleName": "readWrite", "databaseName": "orders"}]})
}

fn write<'a>(body: Value) -> Call<'a> {
    Call::new("POST", ALL).body(body)
}

fn on<'a>(method: &'a str, name: &str) -> Call<'a> {
    Call::new(method, ONE).param("databaseName", "admin").param("username", name)
}

fn with(change: impl Fn(&mut Value)) -> Value {
    let mut body = user("api");
    change(&mut body);
    body
}

#[test]
fn a_password_is_never_seen_again() {
    let mut bench = Bench::new(1);
    let created = done(&mut bench, write(user("api")));
    let changed = done(&mut bench, on("PATCH", "api").body(json!({"password": "battery staple"})));
    let everything = bench.world.snapshot().to_string();
    for text in [created.to_string(), changed.to_string(), everything] {
        assert!(!text.contains("correct horse") && !text.contains("battery staple") && !text.contains("\"password\""));
    }
}

#[test]
fn what_is_not_there_is_reported_differently_by_get_and_delete() {
    let mut bench = Bench::new(1);
    done(&mut bench, write(user("api")));
    assert_eq!(refused(&mut bench, write(user("api"))), (409, "USER_ALREADY_EXISTS".to_owned()));
    assert_eq!(bench.call(on("DELETE", "api")).0, 204);
    assert_eq!(refused(&mut bench, on("GET", "api")), (404, "USERNAME_NOT_FOUND".to_owned()));
    assert_eq!(refused(&mut bench, on("DELETE", "api")), (404, "USER_NOT_FOUND".to_owned()));
}

#[test]
fn what_a_user_refers_to_must_exist() {
    let mut bench = Bench::new(1);
    for (body, code) in [
        (with(|user| user["roles"][0]["roleName"] = json!("auditor")), "ATLAS_INVALID_ROLE"),
        (with(|user| user["roles"][0]["roleName"] = json!("atlasAdmin")), "ATLAS_INVALID_ROLE_DATABASE"),
        (with(|user| user["scopes"] = json!([{"name": "orders", "type": "CLUSTER"}])), "ATLAS_SCOPE_CLUSTER_NOT_FOUND"),
        (with(|user| user["password"] = json!("short")), "WEAK_PASSWORD"),
        (with(|user| user["password"] = Value::Null), "MISSING_ATTRIBUTE"),
        (with(|user| user["databaseName"] = json!("$external")), "DATABASE_NAME_INVALID_ADMIN"),
        (with(|user| user["databaseName"] = json!("orders")), "INVALID_ENUM_VALUE"),
        (with(|user| user["x509Type"] = json!("MANAGED")), "ATLAS_INVALID_AUTH_SETTINGS"),
        (with(|user| user["groupId"] = json!("f0123456789abcdef012345f")), "GROUP_MISMATCH"),
    ] {
        assert_eq!(refused(&mut bench, write(body)), (400, code.to_owned()));
    }
    done(&mut bench, create(dedicated("orders")));
    done(&mut bench, write(with(|user| user["scopes"] = json!([{"name": "orders", "type": "CLUSTER"}]))));
}

#[test]
fn an_update_keeps_what_it_does_not_mention() {
    let mut bench = Bench::new(1);
    let before = done(&mut bench, write(with(|user| user["description"] = json!("the api"))));
    let roles = json!([{"roleName": "read", "databaseName": "orders"}]);
    let after = done(&mut bench, on("PATCH", "api").body(json!({"roles": roles})));
    assert_eq!((&after["roles"], &after["description"]), (&roles, &before["description"]));
    let rename = on("PATCH", "api").body(json!({"username": "other"}));
    assert_eq!(refused(&mut bench, rename).0, 409);
}

#[test]
fn a_temporary_user_vanishes_and_a_permanent_one_stays_permanent() {
    let mut bench = Bench::new(1);
    let date = |bench: &Bench, hours| json!((bench.world.now + SignedDuration::from_hours(hours)).to_string());
    let (past, soon, later) = (date(&bench, -1), date(&bench, 1), date(&bench, 2));
    let temporary = |date: Value| write(with(|user| user["deleteAfterDate"] = date.clone()));
    assert_eq!(refused(&mut bench, temporary(past)).1, "EXPIRATION_DATE_IN_PAST");
    done(&mut bench, temporary(soon.clone()));
    done(&mut bench, on("PATCH", "api").body(json!({"deleteAfterDate": later})));
    let forever = done(&mut bench, on("PATCH", "api").body(json!({"deleteAfterDate": null})));
    assert!(forever.get("deleteAfterDate").is_some(), "a temporary user stays temporary");
    seconds(&mut bench, 3700);
    done(&mut bench, on("GET", "api"));
    seconds(&mut bench, 3600);
    assert_eq!(refused(&mut bench, on("GET", "api")).0, 404);
    done(&mut bench, write(user("api")));
    let made_temporary = on("PATCH", "api").body(json!({"deleteAfterDate": date(&bench, 1)}));
    assert_eq!(refused(&mut bench, made_temporary).1, "PERMANENT_ENTITY_CANNOT_BE_MADE_TEMPORARY");
}

#[test]
fn a_role_comes_back_in_another_form_and_stays_while_it_is_somebodys_only_one() {
    let mut bench = Bench::new(1);
    let role = json!({"roleName": "auditor", "actions": [
        {"action": "FIND", "resources": [{"db": "orders", "collection": ""}]},
        {"action": "FIND", "resources": [{"db": "users", "collection": "log"}]},
    ]});
    let (status, created) = bench.call(Call::new("POST", ROLES).body(role.clone()));
    assert_eq!(status, 202);
    let merged = json!([{"action": "FIND", "resources": [{"db": "orders"}, {"db": "users", "collection": "log"}]}]);
    assert_eq!((&created["actions"], &created["inheritedRoles"]), (&merged, &json!([])));
    let again = Call::new("POST", ROLES).body(role);
    assert_eq!(refused(&mut bench, again), (409, "ATLAS_CUSTOM_ROLE_NAME_ALREADY_EXISTS".to_owned()));
    let custom = with(|user| user["roles"] = json!([{"roleName": "auditor", "databaseName": "admin"}]));
    done(&mut bench, write(custom));
    let delete = || Call::new("DELETE", ROLE).param("roleName", "auditor");
    assert_eq!(refused(&mut bench, delete()), (409, "ATLAS_CUSTOM_ROLE_IN_USE_BY_USERS".to_owned()));
    bench.call(on("DELETE", "api"));
    assert_eq!(bench.call(delete()).0, 204);
    assert_eq!(refused(&mut bench, delete()), (404, "ATLAS_CUSTOM_ROLE_NOT_FOUND".to_owned()));
}

#[test]
fn a_role_that_cannot_be_is_refused() {
    let mut bench = Bench::new(1);
    let inherits =
        |name: &str, from: &str| json!({"roleName": name, "inheritedRoles": [{"db": "admin", "role": from}]});
    let find = json!([{"action": "FIND", "resources": [{"db": "orders", "collection": "c"}]}]);
    done(&mut bench, Call::new("POST", ROLES).body(json!({"roleName": "parent", "actions": find})));
    done(&mut bench, Call::new("POST", ROLES).body(inherits("child", "parent")));
    for (body, code) in [
        (json!({"roleName": "empty"}), "ATLAS_CUSTOM_ROLE_HAS_NO_PERMISSIONS"),
        (json!({"roleName": "read", "actions": find}), "ATLAS_INVALID_CUSTOM_ROLE_RESTRICTED"),
        (json!({"roleName": "a b", "actions": find}), "ATLAS_CUSTOM_ROLE_INVALID_NAME"),
        (inherits("orphan", "nobody"), "ATLAS_INVALID_CUSTOM_ROLE_INHERITANCE"),
        (
            json!({"roleName": "no-db", "actions": [{"action": "FIND", "resources": [{"db": "", "collection": ""}]}]}),
            "INVALID_DATABASE_NAME",
        ),
        (json!({"roleName": "odd", "actions": [{"action": "FLY", "resources": []}]}), "INVALID_ENUM_VALUE"),
    ] {
        assert_eq!(refused(&mut bench, Call::new("POST", ROLES).body(body)), (400, code.to_owned()));
    }
    let circle = Call::new("PATCH", ROLE).param("roleName", "parent");
    let circle = circle.body(json!({"inheritedRoles": [{"db": "admin", "role": "child"}]}));
    assert_eq!(refused(&mut bench, circle).1, "ATLAS_INVALID_CUSTOM_ROLE_CIRCULAR_DEPENDENCY");
}

#[test]
fn a_scope_outlives_its_cluster_and_cannot_be_written_again() {
    let mut bench = Bench::new(1);
    done(&mut bench, create(dedicated("orders")));
    let scopes = json!([{"name": "orders", "type": "CLUSTER"}]);
    done(&mut bench, write(with(|user| user["scopes"] = scopes.clone())));
    done(&mut bench, delete("orders"));
    seconds(&mut bench, 3000);
    assert_eq!(done(&mut bench, on("GET", "api"))["scopes"], scopes);
    done(&mut bench, on("PATCH", "api").body(json!({"description": "still there"})));
    let again = on("PATCH", "api").body(json!({"scopes": scopes}));
    assert_eq!(refused(&mut bench, again).1, "ATLAS_SCOPE_CLUSTER_NOT_FOUND");
}

#[test]
fn a_project_has_a_hundred_users() {
    let mut bench = Bench::new(1);
    for number in 0..100 {
        done(&mut bench, write(user(&format!("user-{number}"))));
    }
    assert_eq!(refused(&mut bench, write(user("one-more"))), (403, "GROUP_USERS_LIMIT_EXCEEDED".to_owned()));
}

#[test]
fn the_parts_of_a_role_come_back_in_an_order_of_their_own() {
    let mut bench = Bench::new(1);
    let resources = json!([{"db": "orders", "collection": "a"}, {"db": "orders", "collection": "b"}]);
    let actions = json!([{"action": "FIND", "resources": resources}, {"action": "INSERT", "resources": resources}]);
    done(&mut bench, Call::new("POST", ROLES).body(json!({"roleName": "auditor", "actions": actions})));
    let mut seen = Vec::new();
    for _ in 0..8 {
        let role = done(&mut bench, Call::new("GET", ROLE).param("roleName", "auditor"));
        let first = &role["actions"][0];
        seen.push(format!("{} {}", first["action"], first["resources"][0]["collection"]));
        seconds(&mut bench, 60);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["\"FIND\" \"a\"", "\"INSERT\" \"b\""]);
}
