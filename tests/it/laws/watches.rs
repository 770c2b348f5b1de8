//! The controllers as they run, on an API server that lists what there is and may refuse to.
//!
//! The other laws show the operator what changed; here it watches for itself. The API server is in this process and time
//! is virtual. Nothing here gets as far as Atlas: no object has credentials.
use std::time::Duration;

use atlas_operator::engine::control::Range;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::api_server::{PATIENCE, Server, within};

const PROJECTS: &str = "atlasprojects";
const ROLES: &str = "atlascustomroles";

#[tokio::test(start_paused = true)]
async fn a_namespace_that_may_not_be_listed_holds_up_no_other_and_is_taken_up_later() {
    let server = Server::default();
    let role = |project: Value| json!({"projectRef": project, "roleName": "support", "inheritedRoles": []});
    server.put(PROJECTS, "here", "shop", &json!({"name": "Shop"}));
    server.put(PROJECTS, "gone", "depot", &json!({"name": "Depot", "allowedNamespaces": ["here"]}));
    server.put(ROLES, "here", "near", &role(json!({"name": "shop"})));
    server.put(ROLES, "here", "far", &role(json!({"name": "depot", "namespace": "gone"})));
    server.put(ROLES, "gone", "far", &role(json!({"name": "depot"})));
    server.set(|state| state.closed = Some("gone"));
    let operator = server.operator(within(&["gone", "here"]), 8);
    assert!(timeout(PATIENCE, operator.synced.wait()).await.is_ok(), "it waits for what it may not list");

    server.reason(PROJECTS, "here", "shop", "CredentialsNotFound").await;
    server.reason(ROLES, "here", "near", "DependencyNotReady").await;
    let message = server.reason(ROLES, "here", "far", "DependencyNotReady").await;
    assert!(message.contains("AtlasProject gone/depot is not known") && message.contains("may not list"), "{message}");
    assert_eq!(server.ready(ROLES, "gone", "far"), Value::Null);
    assert!(operator.engine.unreadable.about("AtlasProject", "gone").is_some());

    server.set(|state| state.closed = None);
    server.reason(PROJECTS, "gone", "depot", "CredentialsNotFound").await;
    server.reason(ROLES, "gone", "far", "DependencyNotReady").await;
    let known = server.until(|| server.ready(ROLES, "here", "far")["message"].as_str() != Some(&message)).await;
    assert!(known, "{message}");
    let message = server.reason(ROLES, "here", "far", "DependencyNotReady").await;
    assert!(message.contains("AtlasProject gone/depot is not in Atlas yet"), "{message}");
    assert_eq!(operator.engine.unreadable.about("AtlasProject", "gone"), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_in_a_namespace_whose_annotations_are_not_known() {
    let server = Server::default();
    server.create(PROJECTS, "new", "shop", &json!({"name": "Shop"}), &[]);
    let _operator = server.operator(Range::All, 8);
    let message = server.reason(PROJECTS, "new", "shop", "DependencyNotReady").await;
    assert!(message.contains("Namespace new"), "{message}");
    sleep(PATIENCE).await;
    assert_eq!(server.set(|state| state.patched.clone()), [""; 0], "the finalizer was put on it");
    // The watch shows it, and that is what ends the wait.
    server.namespace("new", &json!({"atlas-operator.io/policy": "pause"}));
    sleep(Duration::from_secs(1)).await;
    server.reason(PROJECTS, "new", "shop", "Paused").await;
    assert_eq!(server.set(|state| state.patched.clone()), [""; 0]);
    server.namespace("new", &json!({}));
    assert!(server.until(|| server.set(|state| state.patched == ["atlasprojects new/shop"])).await);
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_sees_its_object_as_it_is_when_its_turn_has_come() {
    let server = Server::default();
    for namespace in ["one", "two", "three"] {
        server.put(PROJECTS, namespace, "shop", &json!({"name": namespace}));
    }
    server.set(|state| state.holds = true);
    let _operator = server.operator(within(&["one", "two", "three"]), 1);
    assert!(server.until(|| server.set(|state| state.held.len() == 1)).await);
    // One has the only turn, and the others wait for it.
    let first = server.set(|state| state.held[0].1.clone());
    let waiting: Vec<_> = ["one", "two", "three"].into_iter().filter(|namespace| **namespace != *first).collect();
    sleep(Duration::from_secs(1)).await;
    server.edit(PROJECTS, waiting[0], "shop", &json!({"name": "Another"}));
    server.remove(PROJECTS, waiting[1], "shop");
    sleep(Duration::from_secs(1)).await;
    server.set(|state| state.holds = false);
    server.reason(PROJECTS, &first, "shop", "CredentialsNotFound").await;
    server.reason(PROJECTS, waiting[0], "shop", "CredentialsNotFound").await;
    let written = server.set(|state| state.written.clone());
    let edited: Vec<_> = written.iter().filter(|(name, _)| *name == format!("{}/shop", waiting[0])).collect();
    assert!(!edited.is_empty() && edited.iter().all(|(_, generation)| *generation == 2), "{written:?}");
    assert!(written.iter().all(|(name, _)| *name != format!("{}/shop", waiting[1])), "{written:?}");
}
