//! Documents of one object that wait for one another, and what an edit sends in which order.
use std::time::Duration;

use serde_json::{Value, json};

use super::stories::{CLUSTER, PROJECT, Story};

/// The cluster with disks that grow by themselves or not, and with this window of the oplog.
fn with(grows: bool, hours: i64) -> impl Fn(&mut Value) {
    move |document| {
        let spec = &mut document["spec"];
        spec["replicationSpecs"][0]["regionConfigs"][0]["autoScaling"] = json!({"diskGB": {"enabled": grows}});
        spec["processArgs"] = json!({"oplogMinRetentionHours": hours});
    }
}

#[tokio::test]
async fn a_window_of_the_oplog_goes_before_disks_stop_growing_and_comes_after_they_grow() {
    let mut story = Story::begin(&[PROJECT]).await;
    story.edit(CLUSTER, with(true, 48));
    story.go_on().await;
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
    story.sent().await;

    story.edit(CLUSTER, with(false, 0));
    story.go_on().await;
    let calls: Vec<String> = story.sent().await.into_iter().map(|(call, _)| call).collect();
    assert_eq!(calls, ["PATCH clusters/orders/processArgs", "PATCH clusters/orders"]);
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());

    story.edit(CLUSTER, with(true, 48));
    story.go_on().await;
    let calls: Vec<String> = story.sent().await.into_iter().map(|(call, _)| call).collect();
    assert_eq!(calls, ["PATCH clusters/orders", "PATCH clusters/orders/processArgs"]);
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
}

#[tokio::test]
async fn a_window_that_is_to_stay_holds_the_switch_and_no_other_document() {
    let mut story = Story::begin(&[PROJECT]).await;
    story.edit(CLUSTER, with(true, 48));
    story.go_on().await;
    story.sent().await;
    // The spec says nothing of the window any more, so it stays in Atlas.
    story.edit(CLUSTER, |document| {
        with(false, 48)(document);
        document["spec"]["processArgs"] = json!({"noTableScan": true});
    });
    story.go_on().await;
    assert_eq!(story.sent().await, [("PATCH clusters/orders/processArgs".to_owned(), json!({"noTableScan": true}))]);
    assert_eq!(story.reason("atlasclusters", "orders"), "Held");
    let message = story.message("atlasclusters", "orders");
    assert!(message.contains("processArgs.oplogMinRetentionHours is 48"), "{message}");
}

#[tokio::test]
async fn a_document_that_atlas_refuses_does_not_keep_the_others_from_changing() {
    let mut story = Story::begin(&[PROJECT]).await;
    story.edit(CLUSTER, with(true, 0));
    story.go_on().await;
    story.sent().await;
    story.edit(CLUSTER, |document| {
        with(true, 0)(document);
        document["spec"]["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["instanceSize"] = json!("M31");
        document["spec"]["processArgs"] = json!({"noTableScan": true});
    });
    story.go_on().await;
    let calls: Vec<String> = story.sent().await.into_iter().map(|(call, _)| call).collect();
    assert!(calls.contains(&"PATCH clusters/orders/processArgs".to_owned()), "{calls:?}");
    assert_eq!(story.reason("atlasclusters", "orders"), "Rejected");
}

#[tokio::test]
async fn a_version_raised_in_atlas_is_named_and_other_edits_go_on() {
    let mut story = Story::begin(&[PROJECT]).await;
    let version = |document: &mut Value| {
        with(true, 0)(document);
        document["spec"]["mongoDBMajorVersion"] = json!("7.0");
    };
    story.edit(CLUSTER, version);
    story.go_on().await;
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
    story.sent().await;
    let path = format!("/groups/{}/clusters/orders", story.group());
    let raised = json!({"mongoDBMajorVersion": "8.0", "mongoDBVersion": "8.0.1", "featureCompatibilityVersion": "8.0"});
    story.world.simulator.merge(&path, &raised).await.unwrap();
    story.wait(Duration::from_hours(1)).await;
    assert_eq!(story.sent().await, [], "no version goes back");
    assert_eq!(story.reason("atlasclusters", "orders"), "Held");
    let message = story.message("atlasclusters", "orders");
    assert!(message.contains(r#"Set spec.mongoDBMajorVersion: "8.0""#), "{message}");

    story.edit(CLUSTER, |document| {
        version(document);
        document["spec"]["tags"][0]["value"] = json!("test");
        document["spec"]["processArgs"]["noTableScan"] = json!(true);
    });
    story.go_on().await;
    let expected = [
        ("PATCH clusters/orders".to_owned(), json!({"tags": [{"key": "env", "value": "test"}]})),
        ("PATCH clusters/orders/processArgs".to_owned(), json!({"noTableScan": true})),
    ];
    assert_eq!(story.sent().await, expected);
    assert_eq!(story.reason("atlasclusters", "orders"), "Held");
}

/// Server-side apply drops a list whose last item goes, so absent means the same as empty where entries are the object's.
#[tokio::test]
async fn entries_of_a_global_cluster_leave_with_the_whole_list() {
    let example = atlas_operator::kinds::by_name("AtlasCluster").unwrap().examples();
    let example = example.into_iter().find(|example| example.name == "global").unwrap();
    let mut story = Story::begin(&[example.manifest]).await;
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
    story.sent().await;
    story.edit(example.manifest, |document| {
        let spec = document["spec"].as_object_mut().unwrap();
        assert!(spec.remove("managedNamespaces").is_some() && spec.remove("customZoneMapping").is_some());
    });
    story.go_on().await;
    let mut calls: Vec<String> = story.sent().await.into_iter().map(|(call, _)| call).collect();
    calls.dedup();
    assert!(calls.iter().all(|call| call.starts_with("DELETE ") && call.contains("/globalWrites/")), "{calls:?}");
    assert!(calls.iter().any(|call| call.ends_with("/customZoneMapping")), "{calls:?}");
    assert!(calls.iter().any(|call| call.contains("/managedNamespaces")), "{calls:?}");
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
    // What is no longer the object's is not looked at again.
    story.wait(Duration::from_hours(1)).await;
    assert_eq!(story.sent().await, []);
}
