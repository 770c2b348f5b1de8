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

#[tokio::test(start_paused = true)]
async fn what_was_deleted_while_no_watch_ran_is_noticed_by_the_next_list() {
    let server = Server::default();
    server.put(PROJECTS, "team", "shop", &json!({"name": "Shop"}));
    server.put(ROLES, "team", "support", &json!({"projectRef": {"name": "shop"}, "roleName": "support"}));
    server.namespace("team", &json!({"atlas-operator.io/policy": "manage"}));
    let operator = server.operator(Range::All, 8);
    server.reason(ROLES, "team", "support", "DependencyNotReady").await;
    server.relist(|server| server.remove(PROJECTS, "team", "shop"));
    // What it depended on wakes it, before its minute is up.
    let started = tokio::time::Instant::now();
    server.reason(ROLES, "team", "support", "DependencyNotFound").await;
    println!("noticed after {:?}", started.elapsed());
    let shop = |engine: &atlas_operator::engine::Engine| engine.object("AtlasProject", "team", "shop").is_some();
    assert!(!shop(&operator.engine));
    server.relist(|server| server.remove(ROLES, "team", "support"));
    assert!(server.until(|| operator.engine.wakes.is_empty()).await, "dependencies of what is gone are kept");
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_that_ends_after_its_object_is_gone_leaves_nothing_behind() {
    let server = Server::default();
    server.put(PROJECTS, "team", "shop", &json!({"name": "Shop"}));
    server.set(|state| state.holds = true);
    let operator = server.operator(within(&["team"]), 8);
    assert!(server.until(|| server.set(|state| state.waiting == 1)).await);
    server.remove(PROJECTS, "team", "shop");
    assert!(server.until(|| server.set(|state| state.waiting == 0)).await);
    sleep(PATIENCE).await;
    assert!(operator.engine.wakes.is_empty());
    assert_eq!(server.set(|state| state.held.len()), 1, "it was tried again");
    assert_eq!(server.set(|state| state.first.len()), 1, "an object without conditions has one within a second");
}

#[tokio::test(start_paused = true)]
async fn a_change_goes_ahead_of_what_fails_and_in_the_order_in_which_it_came() {
    let server = Server::default();
    let names: Vec<_> = (0..200).map(|number| format!("p{number}")).collect();
    for name in &names {
        server.put(PROJECTS, "busy", name, &json!({"name": name}));
    }
    for name in ["a", "b", "c", "d"] {
        server.put(PROJECTS, "quiet", name, &json!({"name": name}));
    }
    let first = server.operator(within(&["busy", "quiet"]), 1);
    for name in &names {
        server.reason(PROJECTS, "busy", name, "CredentialsNotFound").await;
    }
    first.task.abort();
    // Each pass takes a second from here on: it writes a status, as none is like the last.
    server.set(|state| (state.delay, state.written) = (Duration::from_secs(1), Vec::new()));
    for name in &names {
        server.forget(PROJECTS, "busy", name);
    }
    let _second = server.operator(within(&["busy", "quiet"]), 1);
    assert!(server.until(|| server.set(|state| state.written.len() == 5)).await);
    for name in ["c", "a", "d", "b"] {
        server.edit(PROJECTS, "quiet", name, &json!({"name": format!("{name}2")}));
        sleep(Duration::from_millis(20)).await;
    }
    assert!(
        server
            .until(|| server.set(|state| state.written.iter().filter(|(_, generation)| *generation == 2).count() == 4))
            .await
    );
    let written = server.set(|state| state.written.clone());
    let quiet: Vec<_> =
        written.iter().filter(|(_, generation)| *generation == 2).map(|(name, _)| name.as_str()).collect();
    assert_eq!(quiet, ["quiet/c", "quiet/a", "quiet/d", "quiet/b"]);
    // Of the turns that were given since the first edit, the others had one in four.
    assert!(written.len() < 16, "{written:?}");
}
