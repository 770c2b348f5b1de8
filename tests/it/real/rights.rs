//! The rights of `deploy/rbac.yaml`: enough for everything, and none too many.
use std::collections::{BTreeMap, BTreeSet};

use atlas_operator::kinds;
use harness::{AuditEvent, repository};
use serde_json::{Value, json};

use super::{
    examples,
    kube::documents,
    stage::{Scenery, Stage},
};

const NAMESPACE: &str = "rights";

/// `verb resource.group/subresource`, as [`AuditEvent::permission`] writes it.
type Permissions = BTreeSet<String>;

fn rules() -> Vec<Value> {
    let text = std::fs::read_to_string(repository().join("deploy/rbac.yaml")).unwrap();
    let rules = |document: Value| document["rules"].as_array().cloned().unwrap_or_default();
    documents(&text).into_iter().flat_map(rules).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Every verb on every resource that the rules grant.
fn granted() -> Permissions {
    let mut granted = Permissions::new();
    for rule in rules() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                for verb in texts(&rule["verbs"]) {
                    let event = AuditEvent {
                        verb: verb.to_owned(),
                        group: group.to_owned(),
                        resource: resource.to_owned(),
                        subresource: subresource.to_owned(),
                        ..nobody()
                    };
                    granted.insert(event.permission());
                }
            }
        }
    }
    granted
}

fn nobody() -> AuditEvent {
    let empty = String::new;
    AuditEvent {
        user: empty(),
        verb: empty(),
        group: empty(),
        resource: empty(),
        subresource: empty(),
        namespace: empty(),
        name: empty(),
        uri: empty(),
        code: 0,
        time: empty(),
    }
}

#[test]
fn the_rights_are_those_that_the_catalogue_makes() {
    let file = std::fs::read_to_string(repository().join("deploy/rbac.yaml")).unwrap();
    assert_eq!(file, atlas_operator::cli::rbac::manifest(), "deploy/rbac.yaml is stale: run `make crds`");
}

/// Every way in which the operator uses Kubernetes, in one namespace.
async fn use_everything(stage: &Stage) {
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &examples::password("password", "correct horse battery")).await;
    let objects = [
        ("AtlasProject", "shop", examples::project("shop", "Shop")),
        ("AtlasCluster", "orders", examples::cluster("orders")),
        ("AtlasCustomRole", "support", examples::role("support")),
        ("AtlasDatabaseUser", "orders-api", examples::user("orders-api")),
    ];
    assert_eq!(objects.len(), kinds::all().len(), "a new kind goes here too");
    for (_, _, object) in &objects {
        stage.kube.apply(NAMESPACE, object).await;
    }
    stage.all_ready(NAMESPACE).await;
    let before = stage.connection_secrets(NAMESPACE).await;

    // A published Secret is brought up to date, and an Event that repeats within minutes is counted, not made again.
    for password in ["battery correct horse", "horse battery correct"] {
        let since = stage.simulator.latest_call().await.unwrap();
        stage.kube.apply(NAMESPACE, &examples::password("password", password)).await;
        stage.mutating_calls(since, 1).await;
        stage.all_ready(NAMESPACE).await;
    }
    let after = stage.connection_secrets(NAMESPACE).await;
    assert_eq!(after[0]["metadata"]["uid"], before[0]["metadata"]["uid"]);
    assert_ne!(after[0]["data"]["password"], before[0]["data"]["password"]);

    // Policies come from a namespace too.
    let namespace = ["annotate", "namespace", NAMESPACE, "atlas-operator.io/deletion=delete"];
    stage.plane().control_plane.kubectl(namespace).run().await.unwrap();
    for (kind, name, _) in &objects {
        stage.kube.delete(NAMESPACE, kind, name).await;
    }
    for (kind, name, _) in &objects {
        stage.gone(NAMESPACE, kind, name).await;
    }
    assert_eq!(stage.simulator.state().await.unwrap()["groups"], json!({}), "the namespace's policy was not followed");
}

#[tokio::test]
async fn every_right_is_used_and_none_is_missing() {
    let stage =
        Stage::alone(Scenery::of(NAMESPACE).arguments(&["--leader-election", "--lease-namespace=atlas-operator"]))
            .await;
    use_everything(&stage).await;
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for request in stage.plane().requests(0) {
        *used.entry(request.permission()).or_default() += 1;
    }
    let unused: Vec<String> = granted().into_iter().filter(|permission| !used.contains_key(permission)).collect();
    println!("{used:#?}");
    assert!(unused.is_empty(), "granted by deploy/rbac.yaml and never used: {unused:?}");
    stage.end().await;
}
