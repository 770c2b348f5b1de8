#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::{
    engine::plan::{self, Adopt, Memory, Observed, Scene, Step, Wanted},
    kind::{Erased, Login},
    kinds,
};

fn spec(manifest: &str) -> AtlasDatabaseUserSpec {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    serde_json::from_value(documents.last().unwrap()["spec"].clone()).unwrap()
}

fn scoped() -> AtlasDatabaseUserSpec {
    spec(include_str!("scoped.yaml"))
}

/// A user of one of the forms: `{"x509Type": "MANAGED"}`.
fn of_form(fields: &Value) -> AtlasDatabaseUserSpec {
    let mut spec = json!({"projectId": "32b6e34b3d91647abb20e7b8", "username": "CN=a", "roles": []});
    plan::merge(&mut spec, fields);
    serde_json::from_value(spec).unwrap()
}

fn given() -> Given {
    Given { project_id: Some("32b6e34b3d91647abb20e7b8".into()), ..Given::default() }
}

fn documents(spec: &AtlasDatabaseUserSpec) -> Value {
    spec.parts(&given()).unwrap().remove(0).desired
}

#[test]
fn the_document_holds_neither_the_password_nor_where_it_is() {
    let parts = scoped().parts(&given()).unwrap();
    assert_eq!(
        parts[0].desired,
        json!({
            "username": "orders-api",
            "databaseName": "admin",
            "x509Type": "NONE",
            "ldapAuthType": "NONE",
            "awsIAMType": "NONE",
            "oidcAuthType": "NONE",
            "roles": [{"roleName": "readWrite", "databaseName": "orders"}],
            "scopes": [{"name": "orders", "type": "CLUSTER"}],
        })
    );
    assert_eq!(parts[0].at_creation, json!({"groupId": "32b6e34b3d91647abb20e7b8"}));
    assert_eq!((&*parts[0].slots["databaseName"], &*parts[0].slots["username"]), ("admin", "orders-api"));
    assert!(parts[0].route.has(PASSWORD, |policy| matches!(policy, Policy::WriteOnly)));
}

#[test]
fn each_form_has_its_database_and_its_way_to_log_in() {
    let outside = |mechanism, named| Login::Outside { mechanism, named };
    for (fields, database, login) in [
        (json!({}), "admin", Login::Password("password")),
        (json!({"x509Type": "MANAGED"}), "$external", outside("MONGODB-X509", false)),
        (json!({"x509Type": "CUSTOMER"}), "$external", outside("MONGODB-X509", false)),
        (json!({"ldapAuthType": "USER"}), "$external", outside("PLAIN", true)),
        (json!({"ldapAuthType": "GROUP"}), "$external", outside("PLAIN", false)),
        (json!({"ldapAuthType": "GROUP", "databaseName": "admin"}), "admin", outside("PLAIN", false)),
        (json!({"awsIAMType": "USER"}), "$external", outside("MONGODB-AWS", false)),
        (json!({"awsIAMType": "ROLE"}), "$external", outside("MONGODB-AWS", false)),
        (json!({"oidcAuthType": "IDP_GROUP"}), "admin", outside("MONGODB-OIDC", false)),
        (json!({"oidcAuthType": "USER"}), "$external", outside("MONGODB-OIDC", false)),
    ] {
        let spec = of_form(&fields);
        let connection = spec.connection(&given(), &Documents::new()).unwrap();
        assert_eq!(connection.login, login, "{fields}");
        assert_eq!(
            (documents(&spec)["databaseName"].as_str(), &*spec.slots()["databaseName"]),
            (Some(database), database)
        );
        assert_eq!(spec.needs().secrets.is_empty(), login != Login::Password("password"), "{fields}");
        assert_eq!(spec.issue().is_some(), fields == json!({"x509Type": "MANAGED"}), "{fields}");
    }
}

#[test]
fn whoever_logs_in_elsewhere_is_looked_up_elsewhere() {
    // The driver takes $external for what it is known by outside, whatever database Atlas lists a group under.
    let group = of_form(&json!({"oidcAuthType": "IDP_GROUP"}));
    assert_eq!(group.connection(&given(), &Documents::new()).unwrap().auth_source(), "$external");
    assert_eq!(scoped().connection(&given(), &Documents::new()).unwrap().auth_source(), "admin");
}

#[test]
fn password_cluster_and_custom_role_are_needed_first() {
    let needs = scoped().needs();
    let named = |name: &str, key: &str| SecretSource::Named { name: name.to_owned(), key: key.to_owned() };
    assert_eq!(needs.secrets[0].source, named("orders-api-password", "password"));
    assert_eq!(needs.secrets[0].min_length, 8);
    let objects = |spec: AtlasDatabaseUserSpec| -> Vec<_> {
        spec.needs().objects.into_iter().map(|object| (object.kind, object.by, object.path)).collect()
    };
    assert_eq!(
        objects(scoped()),
        [("AtlasCluster", By::AtlasName("orders".to_owned()), "spec.scopes[0].name".to_owned())]
    );
    let report = spec(include_str!("custom_role.yaml"));
    assert_eq!(report.needs().secrets[0].source, named("report-password", "secret"));
    assert_eq!(
        objects(report),
        [("AtlasCustomRole", By::AtlasName("report".to_owned()), "spec.roles[0].roleName".to_owned())]
    );
    let worker = spec(include_str!("certificate.yaml"));
    assert_eq!(
        objects(worker),
        [("AtlasCluster", By::Object("orders".to_owned()), "spec.scopes[0].clusterRef".to_owned())]
    );
    assert_eq!(spec(include_str!("temporary.yaml")).needs().secrets[0].source, SecretSource::Made);
}

#[test]
fn a_cluster_by_its_object_goes_by_its_name_in_atlas() {
    let worker = spec(include_str!("certificate.yaml"));
    let names = BTreeMap::from([("spec.scopes[0].clusterRef".to_owned(), "orders-in-atlas".to_owned())]);
    let given = Given { names, ..given() };
    let parts = worker.parts(&given).unwrap();
    assert_eq!(parts[0].desired["scopes"], json!([{"name": "orders-in-atlas", "type": "CLUSTER"}]));
    assert_eq!(worker.connection(&given, &Documents::new()).unwrap().clusters, ["orders-in-atlas"]);
    assert!(worker.parts(&Given::default()).is_ok(), "at a deletion the object may be gone");
}

#[test]
fn the_life_of_a_temporary_user_is_counted_from_the_creation_of_its_object() {
    let visitor =
        |ttl: &str| AtlasDatabaseUserSpec { ttl: Some(ttl.to_owned()), ..spec(include_str!("temporary.yaml")) };
    let created = |created: Option<&str>| Given { created: created.map(|at| at.parse().unwrap()), ..given() };
    let parts = visitor("1h30m").parts(&created(Some("2026-08-10T03:05:41Z"))).unwrap();
    assert_eq!(parts[0].desired["deleteAfterDate"], "2026-08-10T04:35:41Z");
    assert_eq!(parts[0].route.expiry(&parts[0].desired), Some("2026-08-10T04:35:41Z".parse().unwrap()));
    for (ttl, at) in
        [("169h", Some("2026-08-10T03:05:41Z")), ("0s", Some("2026-08-10T03:05:41Z")), ("8h", None), ("soon", None)]
    {
        let error = visitor(ttl).parts(&created(at)).unwrap_err();
        assert_eq!(error.path, "spec.ttl", "{ttl}");
    }
}

#[test]
fn a_template_that_got_past_the_schema_is_refused_by_its_key() {
    let template = BTreeMap::from([("url".to_owned(), "$(url)".to_owned())]);
    let secret = ConnectionSecret { name: None, template: Some(template) };
    let spec = AtlasDatabaseUserSpec { connection_secret: Some(secret), ..scoped() };
    assert_eq!(spec.parts(&given()).unwrap_err().path, "spec.connectionSecret.template.url");
}

#[test]
fn a_certificate_is_asked_for_as_the_spec_says() {
    let worker = spec(include_str!("certificate.yaml")).issue().unwrap();
    assert_eq!(worker.body, json!({"monthsUntilExpiration": 6}));
    assert_eq!(worker.renew_before, SignedDuration::from_hours(30 * 24));
    let usual = of_form(&json!({"x509Type": "MANAGED"})).issue().unwrap();
    assert_eq!(usual.body, json!({"monthsUntilExpiration": 3}));
    assert_eq!((usual.renew_before, usual.secret_name), (SignedDuration::from_hours(14 * 24), None));
}

#[test]
fn a_user_publishes_a_secret_for_each_cluster_it_may_use() {
    let connection = scoped().connection(&given(), &Documents::new()).unwrap();
    assert_eq!((connection.username, connection.auth_database), ("orders-api".into(), "admin".into()));
    assert_eq!(connection.clusters, ["orders"]);
    assert_eq!(connection.secret_name, None);

    let secret = ConnectionSecret { name: Some("login".into()), template: None };
    let named = AtlasDatabaseUserSpec { connection_secret: Some(secret), ..scoped() };
    assert_eq!(named.connection(&given(), &Documents::new()).unwrap().secret_name.as_deref(), Some("login"));

    for everywhere in [None, Some(Vec::new())] {
        let unscoped = AtlasDatabaseUserSpec { scopes: everywhere, ..scoped() };
        assert_eq!(unscoped.connection(&given(), &Documents::new()).unwrap().clusters, Vec::<String>::new());
    }
}

#[test]
fn a_user_of_no_cluster_publishes_nothing() {
    let lake = vec![Scope { name: Some("lake".into()), type_: ScopeType::DataLake, ..Scope::default() }];
    let spec = AtlasDatabaseUserSpec { scopes: Some(lake), ..scoped() };
    assert_eq!(spec.connection(&given(), &Documents::new()), None, "no cluster is not every cluster");
    assert_eq!(documents(&spec)["scopes"], json!([{"name": "lake", "type": "DATA_LAKE"}]));
}

// ---------------------------------------------------------------------------------------------------------------
// Import

const KIND: Erased<AtlasDatabaseUser> = Erased::new();

fn imported(user: &Value) -> Value {
    kinds::import(&KIND, &BTreeMap::from([(USER, user.clone())])).unwrap()
}

/// What is planned for an imported user against a document of Atlas.
fn planned(spec: &Value, user: &Value) -> Step {
    let mut spec = spec.clone();
    spec["projectId"] = json!("32b6e34b3d91647abb20e7b8");
    let spec: AtlasDatabaseUserSpec = serde_json::from_value(spec).unwrap();
    // Before any of the recorded users ends.
    let now: Timestamp = "2026-08-10T00:00:00Z".parse().unwrap();
    plan::next(&Scene {
        wanted: Wanted::Present,
        parts: spec.parts(&given()).unwrap(),
        observed: BTreeMap::from([(USER, Observed::Present(user.clone()))]),
        slots: Slots::from([("groupId", "32b6e34b3d91647abb20e7b8".to_owned())]),
        memory: Memory::default(),
        adopt: Adopt::Identical,
        secrets: BTreeMap::new(),
        stale: Vec::new(),
        issuance: None,
        now,
    })
    .unwrap()
}

/// The same, with every list the other way round and something of Atlas's own in every document.
fn disguised(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().rev().map(disguised).collect(),
        Value::Object(fields) => {
            let mut fields: serde_json::Map<_, _> =
                fields.iter().map(|(name, value)| (name.clone(), disguised(value))).collect();
            fields.insert("addedByAtlas".to_owned(), json!({"since": 2027}));
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

fn user(fields: &Value) -> Value {
    let mut user = json!({
        "awsIAMType": "NONE", "databaseName": "admin", "groupId": "32b6e34b3d91647abb20e7b8", "labels": [],
        "ldapAuthType": "NONE", "links": [{"href": "https://example", "rel": "self"}], "oidcAuthType": "NONE",
        "roles": [{"databaseName": "admin", "roleName": "atlasAdmin"}], "scopes": [], "username": "User 1",
        "x509Type": "NONE",
    });
    plan::merge(&mut user, fields);
    user
}

#[test]
fn an_imported_spec_says_only_what_somebody_said() {
    assert_eq!(
        imported(&user(&json!({}))),
        json!({
            "username": "User 1",
            "databaseName": "admin",
            "roles": [{"databaseName": "admin", "roleName": "atlasAdmin"}],
            "passwordSecretRef": {"name": "user-1-password"},
        })
    );
    let worker = imported(&user(&json!({"x509Type": "MANAGED", "databaseName": "$external", "description": "x"})));
    assert_eq!((&worker["x509Type"], &worker["description"]), (&json!("MANAGED"), &json!("x")));
    assert!(worker.get("passwordSecretRef").is_none() && worker.get("awsIAMType").is_none(), "{worker}");
}

/// Users of every form, with everything that can be said of one.
fn users() -> Vec<Value> {
    let scopes =
        json!([{"name": "a", "type": "CLUSTER"}, {"name": "b", "type": "STREAM"}, {"name": "a", "type": "DATA_LAKE"}]);
    let roles = json!([
        {"databaseName": "admin", "roleName": "support"},
        {"databaseName": "b", "roleName": "read", "collectionName": "c"},
        {"databaseName": "b", "roleName": "read"},
    ]);
    let labels = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]);
    let mut users: Vec<Value> = [
        ("x509Type", "MANAGED", "$external"),
        ("x509Type", "CUSTOMER", "$external"),
        ("ldapAuthType", "USER", "$external"),
        ("ldapAuthType", "GROUP", "$external"),
        ("ldapAuthType", "GROUP", "admin"),
        ("awsIAMType", "USER", "$external"),
        ("awsIAMType", "ROLE", "$external"),
        ("oidcAuthType", "IDP_GROUP", "admin"),
        ("oidcAuthType", "USER", "$external"),
        ("x509Type", "NONE", "admin"),
    ]
    .into_iter()
    .map(|(field, form, database)| {
        let said = json!({"databaseName": database, "scopes": scopes, "roles": roles, "labels": labels});
        let mut user = user(&said);
        user[field] = json!(form);
        user
    })
    .collect();
    users.push(user(&json!({"deleteAfterDate": "2026-08-11T03:05:41Z"})));
    users
}

/// The users of recorded answers, where the recordings are at hand.
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn recorded() -> Vec<Value> {
    let folder = std::env::var_os("ATLAS_API_DATA")
        .map_or_else(|| harness::repository().join("../shared/atlas-api"), std::path::PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("recorded.jsonl")) else {
        println!("skipped: there are no recordings at {}, and ATLAS_API_DATA names no other place", folder.display());
        return Vec::new();
    };
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_users = |row: &Value| {
        let path = row["path"].as_str().unwrap_or_default();
        path.contains("/databaseUsers") && !path.ends_with("/certs") && row["status"].as_u64() < Some(300)
    };
    rows.filter(of_users)
        .flat_map(|row| match &row["response_body"]["results"] {
            Value::Array(users) => users.clone(),
            _ => vec![row["response_body"].clone()],
        })
        .filter(|user| user["username"].is_string())
        .collect()
}

#[test]
fn an_imported_user_is_no_difference() {
    let recorded = recorded();
    println!("{} recorded users are imported", recorded.len());
    for user in users().into_iter().chain(recorded) {
        let spec = imported(&user);
        assert_eq!(planned(&spec, &user), Step::Done, "{spec}");
        assert_eq!(planned(&spec, &disguised(&user)), Step::Done, "{spec} in another order");
    }
}

#[test]
fn a_difference_in_an_imported_user_is_seen() {
    for user in users() {
        let spec = imported(&user);
        for (field, other) in [
            ("roles", json!([{"databaseName": "admin", "roleName": "backup"}])),
            ("description", json!("other")),
            ("labels", json!([{"key": "a", "value": "3"}])),
        ] {
            let mut changed = spec.clone();
            changed[field] = other;
            let Step::Refuse(refusal) = planned(&changed, &user) else { panic!("{field} of {spec}") };
            assert_eq!(refusal.changes[0].path, field, "another's user is adopted only when it is identical");
        }
    }
}
