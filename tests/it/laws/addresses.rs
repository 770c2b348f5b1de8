//! Stories of the addresses in connection Secrets: they come from Atlas and from nothing else, and Secrets stay as long as
//! the cluster does.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    fake_kube::Key,
    stories::Story,
    users::{CLUSTER, DAY, PROJECT, USER, USERS, expect_ready, key, lines},
    world::{NAMESPACE, condition, documents},
};

const SECRET: &str = "shop-orders-api";
const MINUTE: Duration = Duration::from_mins(1);

/// The cluster, with a policy.
fn under(policy: &str) -> impl FnOnce(&mut Value) {
    let annotations = json!({"atlas-operator.io/policy": policy});
    move |document| document["metadata"]["annotations"] = annotations
}

/// The user, of every cluster.
fn everywhere(document: &mut Value) {
    document["spec"]["scopes"] = json!([]);
}

fn with_password(story: &Story, password: &str) -> impl FnOnce(&mut Value) + use<> {
    let secret = json!({"metadata": {"name": "mine"}, "stringData": {"password": password}});
    story.world.kube.apply("secrets", NAMESPACE, &secret);
    |document| {
        everywhere(document);
        document["spec"]["passwordSecretRef"] = json!({"name": "mine"});
    }
}

#[tokio::test]
async fn a_secret_stays_with_a_cluster_that_is_kept_and_goes_when_atlas_has_it_no_more() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.edit(USER, with_password(&story, "first word"));
    story.go_on().await;
    let uri = story.secret(SECRET, "uri").unwrap();
    story.world.kube.delete(&key("atlasclusters", "orders"));
    story.wait(DAY).await;
    expect_ready(&story);
    assert_eq!(story.secret(SECRET, "uri").unwrap(), uri);
    assert_eq!(story.get(USERS, "api").unwrap()["status"]["connectionSecrets"], json!([SECRET]));

    // It is kept up to date, by a process that never saw the cluster's object too.
    story.stop_for(MINUTE).await;
    story.edit(USER, with_password(&story, "second word"));
    story.go_on().await;
    expect_ready(&story);
    assert_eq!(story.secret(SECRET, "uri").unwrap(), uri.replace("first%20word", "second%20word"));
    story.sent().await;

    // An absence in passing is none.
    let path = format!("/groups/{}/clusters/orders", story.group());
    let absent = json!({"status": 404, "errorCode": "CLUSTER_NOT_FOUND"});
    for fault in [
        json!({"operation": "GET /groups/{groupId}/clusters", "kind": "500", "times": 3}),
        json!({"operation": "GET /groups/{groupId}/clusters/{clusterName}", "error": absent}),
    ] {
        story.world.simulator.add_fault(&fault).await.unwrap();
    }
    story.wait(DAY).await;
    story.world.simulator.clear_faults().await.unwrap();
    assert!(story.secret(SECRET, "uri").is_some());
    story.world.simulator.remove(&path).await.unwrap();
    story.wait(Duration::from_hours(2)).await;
    assert_eq!(story.get("secrets", SECRET), None);
    assert!(story.get(USERS, "api").unwrap()["status"]["connectionSecrets"].is_null());
    expect_ready(&story);
    assert_eq!(lines(&story).await, [""; 0], "none of this changes anything in Atlas");
}

#[tokio::test]
async fn a_secret_goes_with_a_cluster_that_is_deleted() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.edit(USER, everywhere);
    story.edit(CLUSTER, |document| {
        document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "delete"});
    });
    story.go_on().await;
    story.world.kube.delete(&key("atlasclusters", "orders"));
    story.wait(2 * MINUTE).await;
    let leaving = story.get("atlasclusters", "orders").is_some();
    assert!(!leaving || story.get("secrets", SECRET).is_some(), "applications keep it as long as the cluster is there");
    story.wait(Duration::from_hours(1)).await;
    assert_eq!(story.get("atlasclusters", "orders"), None, "{}", story.world.describe());
    assert_eq!(story.get("secrets", SECRET), None, "{}", story.world.describe());
}

#[tokio::test]
async fn users_of_an_observed_cluster_have_their_secrets() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.world.kube.delete(&key("atlasclusters", "orders"));
    story.go_on().await;
    story.sent().await;
    // Whoever manages it does so in another way than the object says.
    story.edit(CLUSTER, |document| {
        under("observe")(document);
        document["spec"]["tags"] = json!([{"key": "made-by", "value": "somebody"}]);
    });
    story.edit(USER, everywhere);
    story.go_on().await;
    assert_eq!(story.reason("atlasclusters", "orders"), "DriftDetected");
    let host = story.secret(SECRET, "host").unwrap_or_else(|| panic!("{}", story.world.describe()));
    assert!(host.starts_with("orders."), "{host}");
    let sent = lines(&story).await;
    assert_eq!(sent, ["POST databaseUsers"], "the cluster is left alone");

    // Another process, which has not seen the cluster yet, leaves the Secret as it is.
    let before = story.get("secrets", SECRET);
    story.stop_for(MINUTE).await;
    story.go_on().await;
    assert_eq!(story.get("secrets", SECRET), before);

    // Somebody else's deletion of it is seen as well.
    let path = format!("/groups/{}/clusters/orders", story.group());
    story.world.simulator.remove(&path).await.unwrap();
    story.wait(Duration::from_hours(3)).await;
    assert_eq!(story.get("secrets", SECRET), None, "{}", story.world.describe());
}

/// Writes into a status what somebody may who may write it.
fn forge(story: &Story, object: &Key, forged: &Value) {
    let mut status = story.world.kube.get(object).unwrap()["status"].clone();
    status["connectionStrings"] = json!({
        "standard": "mongodb://evil.example.com:27017/?ssl=true", "standardSrv": "mongodb+srv://evil.example.com",
    });
    if !forged.is_null() {
        status["atlas"] = forged.clone();
    }
    story.world.kube.forge_status(object, status);
}

#[tokio::test]
async fn no_address_comes_from_a_status() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.edit(USER, with_password(&story, "first word"));
    story.go_on().await;
    let cluster = key("atlasclusters", "orders");
    let group = story.group();
    let before = story.get("secrets", SECRET);
    for restart in [false, true] {
        // One that the operator looks at, and one that it was told not to look at.
        for policy in ["manage", "pause"] {
            story.edit(CLUSTER, under(policy));
            story.go_on().await;
            forge(&story, &cluster, &Value::Null);
            if restart {
                story.stop_for(MINUTE).await;
            }
            story.wait(Duration::from_hours(3)).await;
            assert_eq!(story.get("secrets", SECRET), before, "{policy}, {restart}");
        }
    }
    // A cluster that no credentials can see is nobody's, whatever its status says.
    let mut theirs = documents(CLUSTER).pop().unwrap();
    theirs["metadata"]["name"] = json!("theirs");
    theirs["spec"]["name"] = json!("theirs");
    theirs["metadata"]["annotations"] = json!({"atlas-operator.io/policy": "pause"});
    for namespace in ["elsewhere", NAMESPACE] {
        let theirs = story.world.kube.apply("atlasclusters", namespace, &theirs);
        story.go_on().await;
        forge(&story, &theirs, &json!({"id": "5f0000000000000000000001", "projectId": group}));
        story.wait(Duration::from_hours(3)).await;
        let secrets = story.world.kube.all("secrets");
        let names: Vec<&str> = secrets.iter().map(|(key, _)| key.2.as_str()).collect();
        assert!(!names.iter().any(|name| name.contains("theirs")), "{names:?}");
        let text = format!("{secrets:?}");
        assert!(!text.contains("evil") && !text.contains("ZXZpbC"), "in plain or in base64");
    }
    // A new password reaches the Secret of a cluster that is paused, and the operator has not looked at.
    story.edit(USER, with_password(&story, "second word"));
    story.wait(Duration::from_hours(1)).await;
    assert_eq!(story.secret(SECRET, "password").as_deref(), Some("second word"));
    assert!(story.secret(SECRET, "host").unwrap().starts_with("orders."));
}

#[tokio::test]
async fn a_user_in_atlas_is_given_no_other_password_unasked() {
    const MADE: &str = "api-generated-password";
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    let retained = |document: &mut Value| {
        document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "retain"});
    };
    let user = story.edit(USER, retained);
    story.go_on().await;
    story.world.kube.delete(&user);
    story.go_on().await;
    story.world.kube.delete(&key("secrets", MADE));
    assert!(story.get(USERS, "api").is_none());
    story.sent().await;

    story.edit(USER, |_| {});
    story.go_on().await;
    let stalled = condition(&story.get(USERS, "api").unwrap(), "Stalled").clone();
    assert_eq!(stalled["reason"], "AlreadyExists");
    assert!(stalled["message"].as_str().unwrap().contains("spec.passwordSecretRef"), "{stalled}");
    story.stop_for(MINUTE).await;
    story.wait(DAY).await;
    assert_eq!((lines(&story).await, story.get("secrets", MADE)), (Vec::new(), None), "nothing was touched");

    // With the password that is in use, it is taken over.
    let secret = json!({"metadata": {"name": "mine"}, "stringData": {"password": "in use for years"}});
    story.world.kube.apply("secrets", NAMESPACE, &secret);
    story.edit(USER, |document| document["spec"]["passwordSecretRef"] = json!({"name": "mine"}));
    story.go_on().await;
    expect_ready(&story);
    let sent = story.sent().await;
    assert_eq!((sent.len(), &sent[0].1["password"]), (1, &json!("in use for years")));

    // And with another one, if that is what is asked for.
    let user = story.edit(USER, |document| {
        retained(document);
        document["spec"]["passwordSecretRef"] = json!({"name": "mine"});
    });
    story.go_on().await;
    story.world.kube.delete(&user);
    story.go_on().await;
    story.edit(USER, |document| {
        document["metadata"]["annotations"] = json!({"atlas-operator.io/adopt": "always"});
    });
    story.go_on().await;
    expect_ready(&story);
    let sent = story.sent().await;
    assert_eq!((sent.len(), sent[0].1["password"].as_str()), (1, story.secret(MADE, "password").as_deref()));
}
