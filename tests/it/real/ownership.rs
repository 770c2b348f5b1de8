//! What of an object is the user's and what the operator's: `spec` is the user's alone.
use std::collections::BTreeSet;

use atlas_operator::kinds;
use harness::eventually;
use serde_json::{Value, json};

use super::{
    examples,
    stage::{PATIENCE, Scenery, Stage},
};

const NAMESPACE: &str = "ownership";
/// The operator's finalizer, as its key in a field set.
const FINALIZER: &str = r#"v:"atlas-operator.io/finalizer""#;
/// Keeps objects after the operator has let them go.
const KEEP: &str = "example.com/keep";

/// Each object, and how often its user has written to its `spec` or deleted it.
type Writes<'a> = [(&'a str, &'a str, u64)];

#[tokio::test]
async fn the_generation_counts_the_users_writes_and_the_operator_owns_only_status_and_its_finalizer() {
    let stage = Stage::shared(Scenery::of(NAMESPACE).arguments(&["--resync", "1s"])).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &examples::password("password", "correct horse battery")).await;
    let mut kept = examples::role("support");
    kept["metadata"]["finalizers"] = json!([KEEP]);
    for object in [examples::project("shop", "Shop"), examples::cluster("orders"), examples::user("orders-api"), kept] {
        stage.kube.apply(NAMESPACE, &object).await;
    }
    stage.all_ready(NAMESPACE).await;
    stage.connection_secrets(NAMESPACE).await;
    expect(
        &stage,
        "created",
        &[
            ("AtlasProject", "shop", 1),
            ("AtlasCluster", "orders", 1),
            ("AtlasDatabaseUser", "orders-api", 1),
            ("AtlasCustomRole", "support", 1),
        ],
    )
    .await;

    let edits = [
        ("AtlasProject", "shop", json!({"tags": [{"key": "team", "value": "checkout"}]})),
        ("AtlasCluster", "orders", json!({"tags": [{"key": "env", "value": "test"}]})),
        ("AtlasDatabaseUser", "orders-api", json!({"description": "reads and writes orders"})),
        ("AtlasCustomRole", "support", json!({"inheritedRoles": [{"db": "orders", "role": "read"}]})),
    ];
    for (kind, name, edit) in edits {
        stage.kube.merge(NAMESPACE, kind, name, &json!({"spec": edit})).await;
    }
    stage.all_ready(NAMESPACE).await;
    let edited = [
        ("AtlasProject", "shop", 2),
        ("AtlasCluster", "orders", 2),
        ("AtlasDatabaseUser", "orders-api", 2),
        ("AtlasCustomRole", "support", 2),
    ];
    expect(&stage, "edited", &edited).await;

    let group = drift(&stage).await;
    expect(&stage, "drifted and healed", &edited).await;

    // Paused by policy: an edit waits, and an annotation is no write to the spec.
    let policy = "atlas-operator.io/policy";
    stage.kube.annotate(NAMESPACE, "AtlasCluster", "orders", policy, "pause").await;
    stage.reason(NAMESPACE, "AtlasCluster", "orders", "Paused").await;
    stage.kube.merge(NAMESPACE, "AtlasCluster", "orders", &json!({"spec": {"paused": true}})).await;
    stage.reason(NAMESPACE, "AtlasCluster", "orders", "Paused").await;
    expect(&stage, "paused by policy", &[("AtlasCluster", "orders", 3)]).await;
    stage.kube.annotate(NAMESPACE, "AtlasCluster", "orders", policy, "manage").await;
    stage.reason(NAMESPACE, "AtlasCluster", "orders", "Synced").await;
    assert_eq!(stage.simulator.state().await.unwrap()["groups"][&group]["clusters"]["orders"]["paused"], true);
    expect(&stage, "paused in Atlas", &[("AtlasCluster", "orders", 3)]).await;

    // With the clock stopped a cluster goes on being deleted, and the project waits for it. A deletion counts as one
    // write: the API server itself adds it to the generation.
    stage.simulator.settings(&json!({"speed": 0})).await.unwrap();
    for (kind, name) in [("AtlasCluster", "orders"), ("AtlasProject", "shop"), ("AtlasCustomRole", "support")] {
        stage.kube.annotate(NAMESPACE, kind, name, "atlas-operator.io/deletion", "delete").await;
        stage.kube.delete(NAMESPACE, kind, name).await;
    }
    stage.reason(NAMESPACE, "AtlasCluster", "orders", "Deleting").await;
    stage.reason(NAMESPACE, "AtlasProject", "shop", "ChildrenExist").await;
    eventually(PATIENCE, "the operator to let the kept object go", || async {
        let object = stage.kube.get(NAMESPACE, "AtlasCustomRole", "support").await.unwrap();
        if object["metadata"]["finalizers"] == json!([KEEP]) { Ok(()) } else { Err(object.to_string()) }
    })
    .await
    .unwrap();
    expect(
        &stage,
        "being deleted",
        &[("AtlasCluster", "orders", 4), ("AtlasProject", "shop", 3), ("AtlasCustomRole", "support", 3)],
    )
    .await;
    stage.end().await;
}

/// Lets every resource drift in Atlas, and waits until all are as the spec says again; returns the project's id.
async fn drift(stage: &Stage) -> String {
    let project = stage.kube.get(NAMESPACE, "AtlasProject", "shop").await.unwrap();
    let group = project["status"]["atlas"]["projectId"].as_str().unwrap().to_owned();
    let lost = json!([{"key": "lost", "value": "yes"}]);
    let drifts = [
        (String::new(), json!({"tags": lost})),
        ("/clusters/orders".to_owned(), json!({"tags": lost})),
        ("/databaseUsers/admin/orders-api".to_owned(), json!({"description": "lost"})),
        ("/customDBRoles/roles/support".to_owned(), json!({"inheritedRoles": []})),
    ];
    let since = stage.simulator.latest_call().await.unwrap();
    for (path, patch) in &drifts {
        stage.simulator.merge(&format!("groups/{group}{path}"), patch).await.unwrap();
    }
    let calls = stage.mutating_calls(since, drifts.len()).await;
    assert!(calls.iter().all(|call| call.method == "PATCH"), "{calls:#?}");
    stage.all_ready(NAMESPACE).await;
    group
}

/// Every object has as many generations as its user has written, and its field managers are as they should be.
async fn expect(stage: &Stage, when: &str, writes: &Writes<'_>) {
    let plurals: Vec<&str> = kinds::all().iter().map(|kind| kind.plural()).collect();
    let get = ["get", &plurals.join(","), "-n", NAMESPACE, "--show-managed-fields", "-o", "json"];
    let list = stage.plane().control_plane.kubectl(get).json().await.unwrap();
    for (kind, name, count) in writes {
        let mut items = list["items"].as_array().unwrap().iter();
        let object = items.find(|item| item["kind"] == *kind && item["metadata"]["name"] == *name).unwrap();
        assert_eq!(object["metadata"]["generation"], *count, "{kind} {when}: {object}");
        let owned = owned(object);
        let expected = if object["metadata"]["finalizers"] == json!([KEEP]) {
            BTreeSet::from(["f:status".to_owned()])
        } else {
            BTreeSet::from(["f:metadata/f:finalizers/".to_owned() + FINALIZER, "f:status".to_owned()])
        };
        assert_eq!(owned, expected, "{kind} {when}: {}", object["metadata"]["managedFields"]);
    }
}

/// What the operator owns: `f:status` as a whole, everything else by its leaf.
fn owned(object: &Value) -> BTreeSet<String> {
    let managers = object["metadata"]["managedFields"].as_array().unwrap();
    let (operator, others): (Vec<_>, Vec<_>) = managers.iter().partition(|entry| entry["manager"] == "atlas-operator");
    for other in others {
        assert_eq!(other["manager"], "a-user", "{other}");
        assert_eq!(other["subresource"], Value::Null, "{other}");
    }
    let mut owned = BTreeSet::new();
    for entry in operator {
        assert_eq!(entry["operation"], "Apply", "{entry}");
        leaves("", &entry["fieldsV1"], &mut owned);
    }
    owned
}

fn leaves(path: &str, fields: &Value, owned: &mut BTreeSet<String>) {
    let fields = fields.as_object().unwrap();
    if path == "f:status" || fields.is_empty() {
        owned.insert(path.to_owned());
        return;
    }
    for (name, below) in fields {
        // `.` says that the manager owns the list or map itself too.
        if name != "." {
            leaves(&if path.is_empty() { name.clone() } else { format!("{path}/{name}") }, below, owned);
        }
    }
}
