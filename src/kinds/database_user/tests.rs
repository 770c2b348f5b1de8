#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use serde_json::Value;

use super::*;

fn spec(manifest: &str) -> AtlasDatabaseUserSpec {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    serde_json::from_value(documents.last().unwrap()["spec"].clone()).unwrap()
}

fn scoped() -> AtlasDatabaseUserSpec {
    spec(include_str!("scoped.yaml"))
}

#[test]
fn the_document_holds_neither_the_password_nor_where_it_is() {
    let given = Given { project_id: Some("32b6e34b3d91647abb20e7b8".into()), ..Given::default() };
    let parts = scoped().parts(&given).unwrap();
    assert_eq!(
        parts[0].desired,
        json!({
            "username": "orders-api",
            "databaseName": "admin",
            "roles": [{"roleName": "readWrite", "databaseName": "orders"}],
            "scopes": [{"name": "orders", "type": "CLUSTER"}],
        })
    );
    assert_eq!(parts[0].at_creation, json!({"groupId": "32b6e34b3d91647abb20e7b8"}));
    assert_eq!((&*parts[0].slots["databaseName"], &*parts[0].slots["username"]), ("admin", "orders-api"));
    assert!(parts[0].route.has(PASSWORD, |policy| matches!(policy, Policy::WriteOnly)));
}

#[test]
fn password_cluster_and_custom_role_are_needed_first() {
    let needs = scoped().needs();
    assert_eq!((&*needs.secrets[0].name, &*needs.secrets[0].key), ("orders-api-password", "password"));
    assert_eq!(needs.secrets[0].min_length, 8);
    let objects = |spec: AtlasDatabaseUserSpec| -> Vec<_> {
        spec.needs().objects.into_iter().map(|object| (object.kind, object.by, object.path)).collect()
    };
    assert_eq!(
        objects(scoped()),
        [("AtlasCluster", By::AtlasName("orders".to_owned()), "spec.scopes[0].name".to_owned())]
    );
    let report = spec(include_str!("custom_role.yaml"));
    assert_eq!(report.needs().secrets[0].key, "secret");
    assert_eq!(
        objects(report),
        [("AtlasCustomRole", By::AtlasName("report".to_owned()), "spec.roles[0].roleName".to_owned())]
    );
}

#[test]
fn a_user_publishes_a_secret_for_each_cluster_it_may_use() {
    let connection = scoped().connection().unwrap();
    assert_eq!((connection.username, connection.auth_database), ("orders-api".into(), "admin".into()));
    assert_eq!(connection.clusters, ["orders"]);
    assert_eq!(connection.secret_name, None);

    let named =
        AtlasDatabaseUserSpec { connection_secret: Some(ConnectionSecret { name: Some("login".into()) }), ..scoped() };
    assert_eq!(named.connection().unwrap().secret_name.as_deref(), Some("login"));

    for everywhere in [None, Some(Vec::new())] {
        let unscoped = AtlasDatabaseUserSpec { scopes: everywhere, ..scoped() };
        assert_eq!(unscoped.connection().unwrap().clusters, Vec::<String>::new());
    }
}

#[test]
fn a_user_of_no_cluster_publishes_nothing() {
    let lake = vec![Scope { name: "lake".into(), type_: ScopeType::DataLake }];
    let spec = AtlasDatabaseUserSpec { scopes: Some(lake), ..scoped() };
    assert_eq!(spec.connection(), None, "no cluster is not every cluster");
}
