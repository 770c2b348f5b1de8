//! Stories of clusters on their way: from one kind to another, from one version to the next, and out.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    stories::Story,
    users::{CLUSTER, PROJECT, USER, expect_ready, lines},
    world::condition,
};

const CLUSTERS: &str = "atlasclusters";

/// The region of a cluster that shares its machines with others.
fn shared(provider: &str) -> impl FnOnce(&mut Value) {
    move |document| {
        let size = if provider == "TENANT" { json!({"instanceSize": "M0"}) } else { Value::Null };
        document["spec"]["replicationSpecs"][0]["regionConfigs"][0] = json!({
            "providerName": provider, "backingProviderName": "AWS", "regionName": "EU_WEST_1", "electableSpecs": size,
        });
    }
}

fn is_ready(story: &Story) -> bool {
    let cluster = story.get(CLUSTERS, "orders").unwrap();
    let ready = condition(&cluster, "Ready");
    ready["status"] == "True" && ready["observedGeneration"] == cluster["metadata"]["generation"]
}

/// A cluster and a user of it, Ready.
async fn begin(provider: &'static str) -> Story {
    let mut story = Story::begin(&[PROJECT]).await;
    story.edit(CLUSTER, shared(provider));
    story.go_on().await;
    story.edit(USER, |_| {});
    story.go_on().await;
    expect_ready(&story);
    story.sent().await;
    story
}

#[tokio::test]
async fn an_upgrade_leaves_applications_what_they_connect_with() {
    for (from, to) in [("TENANT", None), ("FLEX", None), ("TENANT", Some("FLEX"))] {
        let mut story = begin(from).await;
        let before = story.get("secrets", "shop-orders-api").unwrap()["data"].clone();
        match to {
            Some(provider) => story.edit(CLUSTER, shared(provider)),
            None => story.edit(CLUSTER, |_| {}),
        };
        let mut seconds = 0;
        while !is_ready(&story) {
            story.wait(Duration::from_secs(1)).await;
            seconds += 1;
            assert!(seconds < 7200, "{from} to {to:?}: {}", story.world.describe());
            let secret = story.get("secrets", "shop-orders-api");
            let data = secret.map(|secret| secret["data"].clone());
            if !is_ready(&story) {
                assert_eq!(data.as_ref(), Some(&before), "{from} to {to:?}, after {seconds} s");
            }
        }
        story.go_on().await;
        expect_ready(&story);
        assert!(story.secret("shop-orders-api", "uri").is_some());
    }
}

#[tokio::test]
async fn what_is_deleted_while_it_is_upgraded_leaves_nothing_behind() {
    // At any moment of it, that in which neither interface of Atlas shows it included.
    for moment in (0..40).step_by(3) {
        let mut story = begin("TENANT").await;
        let key = story.edit(CLUSTER, |document| {
            shared("FLEX")(document);
            document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "delete"});
        });
        story.wait(Duration::from_secs(moment)).await;
        story.world.kube.delete(&key);
        story.wait(Duration::from_hours(2)).await;
        assert!(story.get(CLUSTERS, "orders").is_none(), "{}", story.world.describe());
        let project = &story.world.dump().await["atlas"][0];
        for list in ["clusters", "flexClusters"] {
            assert_eq!(project[list], json!({}), "deleted {moment} s after the upgrade was wanted: {list}");
        }
    }
}

#[tokio::test]
async fn a_version_that_is_pinned_and_raised_in_one_edit_can_still_go_back() {
    let mut story = Story::begin(&[PROJECT]).await;
    let version = |version: &'static str, pin: Value| {
        move |document: &mut Value| {
            document["spec"]["mongoDBMajorVersion"] = json!(version);
            document["spec"]["featureCompatibilityVersionPin"] = pin;
        }
    };
    story.edit(CLUSTER, version("7.0", Value::Null));
    story.go_on().await;
    story.sent().await;
    story.edit(CLUSTER, version("8.0", json!({"enabled": true})));
    story.go_on().await;
    expect_ready(&story);
    let cluster = story.get(CLUSTERS, "orders").unwrap();
    assert_eq!(cluster["status"]["featureCompatibilityVersion"], "7.0", "{}", cluster["status"]);
    assert_eq!(lines(&story).await, ["POST clusters/orders:pinFeatureCompatibilityVersion", "PATCH clusters/orders"]);
    // The edit that returns, and takes the pin away with the next.
    story.edit(CLUSTER, version("7.0", json!({"enabled": true})));
    story.edit(CLUSTER, version("7.0", json!({"enabled": false})));
    story.go_on().await;
    expect_ready(&story);
    assert_eq!(lines(&story).await, ["PATCH clusters/orders", "POST clusters/orders:unpinFeatureCompatibilityVersion"]);
}

#[tokio::test]
async fn a_paused_cluster_that_is_protected_is_resumed_to_be_deleted() {
    let mut story = Story::begin(&[PROJECT]).await;
    let key = story.edit(CLUSTER, |document| {
        document["spec"]["paused"] = json!(true);
        document["spec"]["terminationProtectionEnabled"] = json!(false);
        document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "delete"});
    });
    story.go_on().await;
    expect_ready(&story);
    let path = format!("/groups/{}/clusters/orders", story.group());
    story.world.simulator.merge(&path, &json!({"terminationProtectionEnabled": true})).await.unwrap();
    story.sent().await;
    story.world.kube.delete(&key);
    story.wait(Duration::from_hours(2)).await;
    assert!(story.get(CLUSTERS, "orders").is_none(), "{}", story.world.describe());
    assert_eq!(
        story.sent().await,
        [
            ("PATCH clusters/orders".to_owned(), json!({"paused": false})),
            ("PATCH clusters/orders".to_owned(), json!({"terminationProtectionEnabled": false})),
            ("DELETE clusters/orders".to_owned(), Value::Null),
        ]
    );
}
