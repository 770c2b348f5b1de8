//! What users do, one story a test: policies, adoption, autoscaling, pausing, connection Secrets.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    fake_kube::Key,
    world::{NAMESPACE, TestOperator, World, condition, documents},
};

pub(super) const PROJECT: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasProject
metadata: {name: shop}
spec:
  name: Shop
  tags: [{key: team, value: checkout}]
  ipAccessList: [{cidrBlock: 203.0.113.0/24, comment: office}, {ipAddress: 198.51.100.7}]
";

pub(super) const CLUSTER: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasCluster
metadata: {name: orders}
spec:
  projectRef: {name: shop}
  name: orders
  clusterType: REPLICASET
  tags: [{key: env, value: prod}]
  replicationSpecs:
  - regionConfigs:
    - providerName: AWS
      regionName: EU_WEST_1
      priority: 7
      electableSpecs: {instanceSize: M30, nodeCount: 3}
      autoScaling:
        compute: {enabled: true, scaleDownEnabled: true, minInstanceSize: M30, maxInstanceSize: M60}
        diskGB: {enabled: true}
";

const USER: &str = r"
apiVersion: v1
kind: Secret
metadata: {name: api-password}
stringData: {password: 'p@ss/w:rd 1'}
---
apiVersion: atlas-operator.io/v1
kind: AtlasDatabaseUser
metadata: {name: api}
spec:
  projectRef: {name: shop}
  username: api
  passwordSecretRef: {name: api-password}
  roles: [{roleName: readWrite, databaseName: orders}]
  scopes: [{name: orders, type: CLUSTER}]
";

/// A world and an operator in it, from one thing that a user does to the next.
pub(super) struct Story {
    pub(super) world: World,
    pub(super) operator: TestOperator,
}

impl Story {
    pub(super) async fn begin(manifests: &[&str]) -> Self {
        let world = World::new().await;
        world.provide_credentials();
        for manifest in manifests {
            for document in documents(manifest) {
                world.apply_one(&document);
            }
        }
        let operator = world.operator();
        let mut story = Self { world, operator };
        story.go_on().await;
        story
    }

    pub(super) async fn go_on(&mut self) {
        self.world.run(&mut self.operator).await;
    }

    pub(super) async fn wait(&mut self, span: Duration) {
        self.world.run_for(&mut self.operator, Some(span)).await;
    }

    /// Waits for `span`, and a few times more where requests fail, until something is so.
    pub(super) async fn wait_for(&mut self, span: Duration, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..4 {
            self.wait(span).await;
            if is_so(self) {
                return;
            }
        }
    }

    /// The operator is stopped, and another is started after `span`; it has not looked yet.
    pub(super) async fn stop_for(&mut self, span: Duration) {
        self.world.advance(span).await;
        self.operator = self.world.operator();
    }

    /// Applies the last document of a manifest with its spec, or metadata, edited.
    pub(super) fn edit(&self, manifest: &str, edit: impl FnOnce(&mut Value)) -> Key {
        let mut document = documents(manifest).pop().unwrap();
        edit(&mut document);
        self.world.apply_one(&document)
    }

    fn annotate(&self, manifest: &str, name: &str, value: &str) -> Key {
        let annotations = json!({format!("atlas-operator.io/{name}"): value});
        self.edit(manifest, |document| document["metadata"]["annotations"] = annotations)
    }

    pub(super) fn get(&self, plural: &str, name: &str) -> Option<Value> {
        self.world.kube.get(&(plural.to_owned(), NAMESPACE.to_owned(), name.to_owned()))
    }

    /// A value of a Secret.
    pub(super) fn secret(&self, name: &str, key: &str) -> Option<String> {
        let bytes: k8s_openapi::ByteString =
            serde_json::from_value(self.get("secrets", name)?["data"].get(key)?.clone()).unwrap();
        Some(String::from_utf8(bytes.0).unwrap())
    }

    pub(super) fn reason(&self, plural: &str, name: &str) -> String {
        condition(&self.get(plural, name).unwrap(), "Ready")["reason"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn message(&self, plural: &str, name: &str) -> String {
        condition(&self.get(plural, name).unwrap(), "Ready")["message"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn group(&self) -> String {
        self.get("atlasprojects", "shop").unwrap()["status"]["atlas"]["projectId"].as_str().unwrap().to_owned()
    }

    /// How many entries the project's access list has.
    pub(super) async fn access_list(&self) -> usize {
        let state = self.world.simulator.state().await.unwrap();
        state["groups"][&self.group()]["accessList"].as_object().unwrap().len()
    }

    /// The mutating calls since the last time this was asked, as `METHOD last/segments body`.
    pub(super) async fn sent(&self) -> Vec<(String, Value)> {
        let calls = self.world.simulator.calls_with_bodies(0).await.unwrap();
        self.world.simulator.clear_calls().await.unwrap();
        let path = |call: &harness::Call| {
            let below = call.path.trim_start_matches("/api/atlas/v2/groups/");
            format!("{} {}", call.method, below.split_once('/').map_or("", |(_, rest)| rest))
        };
        calls.into_iter().filter(|call| call.mutating).map(|call| (path(&call), call.request)).collect()
    }
}

#[tokio::test]
async fn pause_asks_atlas_nothing_and_observe_changes_nothing() {
    let mut story = Story::begin(&[PROJECT]).await;
    story.sent().await;
    story.annotate(PROJECT, "policy", "pause");
    story.world.simulator.merge(&format!("/groups/{}", story.group()), &json!({"tags": []})).await.unwrap();
    story.wait(Duration::from_hours(5)).await;
    assert!(story.world.simulator.calls(0).await.unwrap().is_empty());
    assert_eq!(story.reason("atlasprojects", "shop"), "Paused");

    story.annotate(PROJECT, "policy", "observe");
    story.wait(Duration::from_hours(5)).await;
    assert_eq!(story.sent().await, []);
    let project = story.get("atlasprojects", "shop").unwrap();
    assert_eq!(story.reason("atlasprojects", "shop"), "DriftDetected");
    assert_eq!(project["status"]["drift"][0]["path"], "tags", "{project}");

    story.edit(PROJECT, |document| document["metadata"]["annotations"] = json!({}));
    story.go_on().await;
    assert_eq!(story.sent().await.len(), 1);
    let project = story.get("atlasprojects", "shop").unwrap();
    assert!(project["status"]["drift"].is_null() && story.world.unready().is_empty());
}

#[tokio::test]
async fn what_is_in_atlas_already_is_adopted_only_if_identical_or_told_to() {
    let mut story = Story::begin(&[PROJECT]).await;
    // Somebody else's project: the object that made it is gone and has kept it.
    story.world.kube.delete(&("atlasprojects".into(), NAMESPACE.into(), "shop".into()));
    story.go_on().await;
    story.sent().await;
    story.edit(PROJECT, |document| document["spec"]["tags"][0]["value"] = json!("other"));
    story.go_on().await;
    let project = story.get("atlasprojects", "shop").unwrap();
    assert_eq!(condition(&project, "Stalled")["reason"], "AlreadyExists", "{project}");
    assert_eq!(project["status"]["drift"][0]["path"], "tags");
    assert_eq!(story.sent().await, []);

    // Deleting the object does not delete what was never its own,
    let differs = |document: &mut Value| document["spec"]["tags"][0]["value"] = json!("other");
    let key = story.edit(PROJECT, |document| {
        differs(document);
        document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "delete"});
    });
    story.go_on().await;
    story.world.kube.delete(&key);
    story.go_on().await;
    assert!(story.get("atlasprojects", "shop").is_none());
    assert_eq!(story.sent().await, []);
    // and another may take it over if its author says so.
    story.edit(PROJECT, |document| {
        differs(document);
        document["metadata"]["annotations"] = json!({"atlas-operator.io/adopt": "always"});
    });
    story.go_on().await;
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
    let sent = story.sent().await;
    assert_eq!(sent, [("PATCH ".to_owned(), json!({"tags": [{"key": "team", "value": "other"}]}))]);
}

#[tokio::test]
async fn an_object_that_never_owned_a_resource_does_not_delete_it() {
    let mut story = Story::begin(&[PROJECT]).await;
    let key = ("atlasprojects".into(), NAMESPACE.into(), "shop".into());
    story.world.kube.delete(&key);
    story.go_on().await;
    story.edit(PROJECT, |document| {
        document["spec"]["tags"] = json!([]);
        document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "delete"});
    });
    story.go_on().await;
    story.sent().await;
    story.world.kube.delete(&key);
    story.go_on().await;
    assert_eq!(story.sent().await, []);
    assert!(story.get("atlasprojects", "shop").is_none());
}

#[tokio::test]
async fn a_project_deleted_in_atlas_is_made_again_with_all_that_is_in_it() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER]).await;
    assert_eq!(story.world.unready(), Vec::<String>::new());
    let (before, made) = (story.group(), story.world.dump().await["atlas"].clone());
    assert!(made[0]["clusters"].to_string().contains("orders") && made[0].to_string().contains("api"), "{made}");
    story.world.simulator.remove(&format!("/groups/{before}")).await.unwrap();
    assert_eq!(story.world.dump().await["atlas"], json!([]));
    story.wait(Duration::from_hours(6)).await;
    assert_ne!(story.group(), before);
    assert_eq!(story.world.unready(), Vec::<String>::new());
    assert_json_diff::assert_json_eq!(story.world.dump().await["atlas"], made);
}

#[tokio::test]
async fn entries_of_the_access_list_come_and_go_with_the_spec() {
    let mut story = Story::begin(&[PROJECT]).await;
    assert_eq!(story.access_list().await, 2);
    story.sent().await;
    story.edit(PROJECT, |document| {
        document["spec"]["ipAccessList"].as_array_mut().unwrap().push(json!({"cidrBlock": "192.0.2.0/24"}));
    });
    story.go_on().await;
    assert_eq!(story.access_list().await, 3);
    let sent = story.sent().await;
    assert_eq!(sent, [("POST accessList".to_owned(), json!([{"cidrBlock": "192.0.2.0/24"}]))]);
    story.edit(PROJECT, |document| document["spec"]["ipAccessList"].as_array_mut().unwrap().truncate(1));
    story.go_on().await;
    let sent: Vec<String> = story.sent().await.into_iter().map(|(line, _)| line).collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent.iter().all(|line| line.starts_with("DELETE accessList/")), "{sent:?}");
    assert_eq!(story.access_list().await, 1);
}

#[tokio::test]
async fn an_edit_beside_an_autoscaled_size_does_not_send_it_back() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    let scaled = json!({"groupId": story.group(), "cluster": "orders", "instanceSize": "M40", "diskSizeGB": 120});
    story.world.simulator.command("autoscale", &scaled).await.unwrap();
    story.wait(Duration::from_hours(6)).await;
    story.sent().await;
    // Atlas replaces the list whole, and an absent size is one that stays.
    story.edit(CLUSTER, |document| {
        document["spec"]["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["nodeCount"] = json!(5);
    });
    story.go_on().await;
    let sent = story.sent().await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    let region = &sent[0].1["replicationSpecs"][0]["regionConfigs"][0];
    assert_eq!(region["electableSpecs"]["nodeCount"], 5);
    assert!(region["electableSpecs"]["instanceSize"].is_null() && region["electableSpecs"]["diskSizeGB"].is_null());
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
}

#[tokio::test]
async fn pausing_travels_alone_and_a_paused_cluster_waits_with_its_changes() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.sent().await;
    let paused = |document: &mut Value| {
        document["spec"]["paused"] = json!(true);
        document["spec"]["tags"][0]["value"] = json!("test");
    };
    story.edit(CLUSTER, paused);
    story.go_on().await;
    let sent: Vec<Value> = story.sent().await.into_iter().map(|(_, body)| body).collect();
    assert_eq!(sent, [json!({"tags": [{"key": "env", "value": "test"}]}), json!({"paused": true})]);
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());

    // A change to a cluster that is to stay paused is not sent, and the object says why.
    story.edit(CLUSTER, |document| {
        paused(document);
        document["spec"]["backupEnabled"] = json!(true);
    });
    story.go_on().await;
    assert_eq!(story.sent().await, []);
    assert_eq!(story.reason("atlasclusters", "orders"), "Held");

    story.edit(CLUSTER, |document| {
        document["spec"]["paused"] = json!(false);
        document["spec"]["tags"][0]["value"] = json!("test");
        document["spec"]["backupEnabled"] = json!(true);
    });
    story.go_on().await;
    let sent: Vec<Value> = story.sent().await.into_iter().map(|(_, body)| body).collect();
    assert_eq!(sent, [json!({"paused": false}), json!({"backupEnabled": true})]);
}

#[tokio::test]
async fn termination_protection_holds_a_deletion_until_it_is_lifted() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    let protected = |on: bool| {
        move |document: &mut Value| {
            document["spec"]["terminationProtectionEnabled"] = json!(on);
            document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "delete"});
        }
    };
    let key = story.edit(CLUSTER, protected(true));
    story.go_on().await;
    story.sent().await;
    story.world.kube.delete(&key);
    story.go_on().await;
    assert_eq!(story.sent().await, []);
    assert_eq!(story.reason("atlasclusters", "orders"), "Held");
    let path = format!("/groups/{}/clusters/orders", story.group());
    story.world.simulator.merge(&path, &json!({"terminationProtectionEnabled": false})).await.unwrap();
    story.wait(Duration::from_hours(2)).await;
    assert!(story.get("atlasclusters", "orders").is_none(), "{}", story.world.describe());
}

#[tokio::test]
async fn a_connection_secret_comes_with_the_settled_cluster_and_goes_with_its_user() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER]).await;
    let secret = story.get("secrets", "shop-orders-api").unwrap();
    let text = |secret: &Value, key: &str| {
        let bytes: k8s_openapi::ByteString = serde_json::from_value(secret["data"][key].clone()).unwrap();
        String::from_utf8(bytes.0).unwrap()
    };
    assert_eq!(text(&secret, "password"), "p@ss/w:rd 1");
    assert!(
        text(&secret, "uri").starts_with("mongodb+srv://api:p%40ss%2Fw%3Ard%201@orders."),
        "{}",
        text(&secret, "uri")
    );
    assert_eq!(secret["metadata"]["ownerReferences"][0]["kind"], "AtlasDatabaseUser");

    // A new password reaches Atlas once, and the Secret.
    story.sent().await;
    let new = json!({"metadata": {"name": "api-password"}, "stringData": {"password": "another one"}});
    story.world.kube.apply("secrets", NAMESPACE, &new);
    story.go_on().await;
    assert_eq!(story.sent().await.len(), 1);
    assert_eq!(text(&story.get("secrets", "shop-orders-api").unwrap(), "password"), "another one");

    // Whoever deletes it gets it back.
    story.world.kube.delete(&("secrets".into(), NAMESPACE.into(), "shop-orders-api".into()));
    story.go_on().await;
    assert!(story.get("secrets", "shop-orders-api").is_some());

    story.world.kube.delete(&("atlasdatabaseusers".into(), NAMESPACE.into(), "api".into()));
    story.go_on().await;
    assert!(story.get("atlasdatabaseusers", "api").is_none());
    assert!(story.get("secrets", "shop-orders-api").is_none());
}

#[tokio::test]
async fn a_user_waits_for_its_cluster_without_asking_atlas_and_no_secret_comes_too_early() {
    let mut story = Story::begin(&[PROJECT]).await;
    for document in documents(CLUSTER).into_iter().chain(documents(USER)) {
        story.world.apply_one(&document);
    }
    story
        .wait_for(Duration::from_secs(20), |story| story.get("atlasclusters", "orders").as_ref().is_some_and(is_begun))
        .await;
    let cluster = story.get("atlasclusters", "orders").unwrap();
    assert_eq!(cluster["status"]["stateName"], "CREATING", "{cluster}");
    assert!(story.get("secrets", "shop-orders-api").is_none(), "the cluster cannot be used yet");
    story.go_on().await;
    assert!(story.get("secrets", "shop-orders-api").is_some(), "{}", story.world.describe());
}

/// Whether Atlas has begun to make what an object declares.
pub(super) fn is_begun(object: &Value) -> bool {
    object["status"]["stateName"].is_string()
}
