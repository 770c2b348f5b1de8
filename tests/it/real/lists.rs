//! Lists that are emptied by server-side apply, as kubectl, Flux and Helm do it.
//!
//! The API server drops a list of type `map` or `set` that server-side apply empties, so that nobody can tell it from one
//! that was taken out. So lists for which absent and empty mean different things are atomic, and the others are named here
//! with the reason.
use std::collections::BTreeSet;

use atlas_operator::kinds;
use harness::{Call, eventually};
use serde_json::{Value, json};

use super::{
    examples,
    kube::Kube,
    stage::{PATIENCE, Plane, Scenery, Stage},
};

/// The field managers of those who apply on the server, each of which forces conflicts.
const APPLIERS: [&str; 3] = ["kubectl", "kustomize-controller", "helm"];

/// Lists that the API server may drop: absent, they mean the same as empty.
const ABSENT_IS_EMPTY: [&str; 4] = [
    "AtlasProject.allowedNamespaces",
    // Entries that the object made leave with the whole list.
    "AtlasProject.limits",
    "AtlasCluster.managedNamespaces",
    "AtlasCluster.customZoneMapping",
];

/// The lists of a schema that are in no other list, which are applied whole with theirs: path, type, and whether they
/// may be empty.
fn lists(schema: &Value, path: &str, found: &mut Vec<(String, String, bool)>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property["type"] == "array" {
            let merged = property["x-kubernetes-list-type"].as_str().unwrap_or("atomic");
            found.push((path, merged.to_owned(), property["minItems"].as_u64().unwrap_or_default() == 0));
        } else {
            lists(property, &path, found);
        }
    }
}

fn all() -> Vec<(String, String, bool)> {
    let mut found = Vec::new();
    for kind in kinds::all() {
        let definition = serde_json::to_value(kind.definition()).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        lists(schema, kind.name(), &mut found);
    }
    found
}

#[test]
fn a_list_that_may_be_empty_is_atomic_unless_absent_means_the_same() {
    let all = all();
    for (path, merged, may_be_empty) in &all {
        let is_told = ABSENT_IS_EMPTY.contains(&path.as_str());
        assert_eq!(merged != "atomic" && *may_be_empty, is_told, "{path} is of type {merged}");
    }
    assert!(all.len() >= 14, "{all:?}");
}

#[tokio::test]
async fn the_api_server_keeps_an_empty_list_where_it_means_something() {
    const NAMESPACE: &str = "empty-lists";
    let plane = Plane::shared().await;
    let kube = Kube::connect(plane.control_plane.kubeconfig()).await;
    kube.create_namespace(NAMESPACE).await;
    let lists = all();
    let (mut tried, mut count) = (BTreeSet::new(), 0);
    for example in examples::all() {
        let filled = examples::objects(&example).pop().unwrap();
        let kind = filled["kind"].as_str().unwrap();
        for (path, merged, _) in &lists {
            let Some(below) = path.strip_prefix(kind) else { continue };
            let pointer = format!("/spec{}", below.replace('.', "/"));
            if filled.pointer(&pointer).and_then(Value::as_array).is_none_or(Vec::is_empty) {
                continue;
            }
            for applier in APPLIERS {
                let mut filled = filled.clone();
                count += 1;
                filled["metadata"]["name"] = json!(format!("list-{count}"));
                kube.apply_as(applier, NAMESPACE, &filled).await.unwrap();
                let mut emptied = filled.clone();
                *emptied.pointer_mut(&pointer).unwrap() = json!([]);
                // What must not be empty is refused, and so nothing is lost.
                let Ok(stored) = kube.apply_as(applier, NAMESPACE, &emptied).await else { continue };
                let expected = (merged == "atomic").then(|| json!([]));
                assert_eq!(stored.pointer(&pointer), expected.as_ref(), "{path} by {applier}");
                tried.insert((path.clone(), applier));
            }
        }
    }
    for (path, _, may_be_empty) in lists {
        // A list of ciphers is empty only where another is not.
        let is_tried = APPLIERS.iter().all(|applier| tried.contains(&(path.clone(), applier)));
        assert!(is_tried || !may_be_empty || path.contains("Cipher"), "{path} is in no example");
    }
    println!("{} lists emptied by server-side apply", tried.len());
}

#[tokio::test]
async fn what_is_emptied_by_server_side_apply_is_emptied_in_atlas() {
    const NAMESPACE: &str = "emptied";
    let stage = Stage::shared(Scenery::of(NAMESPACE).arguments(&["--resync", "1s"])).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &examples::password("password", "correct horse battery")).await;
    let with = |mut object: Value, field: &str, list: Value| {
        object["spec"][field] = list;
        object
    };
    let tags = || json!([{"key": "team", "value": "checkout"}]);
    let mut role = examples::role("support");
    role["spec"]["actions"] = json!([{"action": "FIND", "resources": [{"db": "orders"}]}]);
    let objects = [
        (examples::project("shop", "Shop"), "tags", tags(), String::new()),
        (examples::cluster("orders"), "tags", tags(), "clusters/orders".to_owned()),
        (examples::user("api"), "labels", tags(), "databaseUsers/admin/api".to_owned()),
        (role, "inheritedRoles", json!([{"db": "catalog", "role": "read"}]), "customDBRoles/roles/support".to_owned()),
    ];
    for applier in APPLIERS {
        for (object, field, list, _) in &objects {
            stage.kube.apply_as(applier, NAMESPACE, &with(object.clone(), field, list.clone())).await.unwrap();
        }
        stage.all_ready(NAMESPACE).await;
        let project = stage.kube.get(NAMESPACE, "AtlasProject", "shop").await.unwrap();
        let group = project["status"]["atlas"]["projectId"].as_str().unwrap().to_owned();
        let since = stage.simulator.latest_call().await.unwrap();
        for (object, field, ..) in &objects {
            stage.kube.apply_as(applier, NAMESPACE, &with(object.clone(), field, json!([]))).await.unwrap();
        }
        for (object, field, _, path) in &objects {
            let path = format!("/groups/{group}/{path}").trim_end_matches('/').to_owned();
            eventually(PATIENCE, "the list to be emptied in Atlas", || async {
                let calls = stage.simulator.calls_with_bodies(since).await.map_err(|error| error.to_string())?;
                let empties = |call: &&Call| {
                    call.method == "PATCH" && call.path.ends_with(&path) && call.request[*field] == json!([])
                };
                calls.iter().find(empties).map(drop).ok_or_else(|| format!("no PATCH of {path} empties {field}"))
            })
            .await
            .unwrap_or_else(|error| panic!("{} by {applier}: {error}", object["kind"]));
        }
        stage.all_ready(NAMESPACE).await;
    }
    stage.end().await;
}
