//! Objects that declare one resource of Atlas: one owns it, the others say so, and whoever goes takes nothing from those
//! who stay.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::somebody::Somebody,
    fake_kube::Key,
    stories::Story,
    world::{NAMESPACE, condition, documents},
};

const SHARED: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasProject
metadata: {name: shop}
spec: {name: Shop, allowedNamespaces: [elsewhere]}
---
apiVersion: v1
kind: Secret
metadata: {name: api-password}
stringData: {password: 'correct horse battery'}
";

/// A manifest of each kind that two objects can share, and what makes it another.
const KINDS: [(&str, &str, &str); 4] = [
    (
        "{apiVersion: atlas-operator.io/v1, kind: AtlasProject, metadata: {name: x}, spec: {name: Shared}}",
        "/spec/settings",
        r#"{"isSchemaAdvisorEnabled": false}"#,
    ),
    (
        "{apiVersion: atlas-operator.io/v1, kind: AtlasCluster, metadata: {name: x}, spec: {projectRef: {name: shop, \
         namespace: team}, name: orders, clusterType: REPLICASET, tags: [], replicationSpecs: [{regionConfigs: \
         [{providerName: AWS, regionName: EU_WEST_1, priority: 7, electableSpecs: {instanceSize: M10, nodeCount: \
         3}}]}]}}",
        "/spec/tags",
        r#"[{"key": "owner", "value": "two"}]"#,
    ),
    (
        "{apiVersion: atlas-operator.io/v1, kind: AtlasCustomRole, metadata: {name: x}, spec: {projectRef: {name: \
         shop, namespace: team}, roleName: audit, actions: [{action: FIND, resources: [{db: orders, collection: \
         ''}]}]}}",
        "/spec/actions/0/resources/0/db",
        r#""stock""#,
    ),
    (
        "{apiVersion: atlas-operator.io/v1, kind: AtlasDatabaseUser, metadata: {name: x}, spec: {projectRef: {name: \
         shop, namespace: team}, username: api, passwordSecretRef: {name: api-password}, roles: [{roleName: read, \
         databaseName: orders}]}}",
        "/spec/roles/0/roleName",
        r#""readWrite""#,
    ),
];

struct Pair {
    story: Story,
    plural: String,
    manifest: Value,
}

impl Pair {
    async fn begin(manifest: &str) -> Self {
        let story = Story::begin(&[SHARED]).await;
        for document in documents(SHARED).into_iter().filter(|document| document["kind"] == "Secret") {
            story.world.kube.apply("secrets", "elsewhere", &document);
        }
        let manifest = documents(manifest).pop().unwrap();
        let plural = format!("{}s", manifest["kind"].as_str().unwrap().to_lowercase());
        Self { story, plural, manifest }
    }

    fn apply(&self, namespace: &str, name: &str, edit: Option<(&str, &str)>, policy: &str) -> Key {
        let mut manifest = self.manifest.clone();
        manifest["metadata"] = json!({"name": name, "annotations": {"atlas-operator.io/policy": policy, "atlas-operator.io/deletion": "delete"}});
        if let Some((pointer, value)) = edit {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            manifest.pointer_mut(parent).unwrap()[field] = serde_json::from_str(value).unwrap();
        }
        self.story.world.kube.apply(&self.plural, namespace, &manifest)
    }

    fn reason(&self, key: &Key) -> String {
        let object = self.story.world.kube.get(key).unwrap_or_default();
        condition(&object, "Ready")["reason"].as_str().unwrap_or("none").to_owned()
    }

    fn message(&self, key: &Key) -> String {
        condition(&self.story.world.kube.get(key).unwrap(), "Ready")["message"].as_str().unwrap().to_owned()
    }

    async fn settle(&mut self, restarts: bool) {
        if restarts {
            self.story.stop_for(Duration::from_secs(1)).await;
        }
        self.story.go_on().await;
    }

    async fn sent(&self) -> Vec<String> {
        self.story.sent().await.into_iter().map(|(call, _)| call).collect()
    }
}

/// Every kind × equal or different × same or another namespace × a restart in between or none.
#[tokio::test]
async fn the_older_of_two_objects_keeps_the_resource_and_what_goes_takes_nothing_along() {
    for (manifest, pointer, value) in KINDS {
        for different in [false, true] {
            for namespace in [NAMESPACE, "elsewhere"] {
                for restarts in [false, true] {
                    let mut pair = Pair::begin(manifest).await;
                    let case = format!("{} different={different} {namespace} restarts={restarts}", pair.plural);
                    let edit = Some((pointer, value)).filter(|_| different);
                    let first = pair.apply(NAMESPACE, "first", None, "manage");
                    pair.settle(restarts).await;
                    assert_eq!(pair.reason(&first), "Synced", "{case}: {}", pair.story.world.describe());
                    pair.story.wait(Duration::from_secs(5)).await;
                    pair.sent().await;

                    let second = pair.apply(namespace, "second", edit, "manage");
                    pair.settle(restarts).await;
                    pair.story.wait(Duration::from_hours(3)).await;
                    assert_eq!(pair.reason(&second), "OwnershipConflict", "{case}: {}", pair.message(&second));
                    assert!(pair.message(&second).contains(&format!("{NAMESPACE}/first")), "{case}");
                    assert_eq!(pair.reason(&first), "Synced", "{case}");
                    pair.story.world.kube.delete(&second);
                    pair.settle(restarts).await;
                    assert!(pair.story.world.kube.get(&second).is_none(), "{case}: the second stays");
                    assert_eq!(pair.sent().await, [""; 0], "{case}: the second changed something");
                    assert_eq!(pair.reason(&first), "Synced", "{case}");

                    // Renamed in Git: the new one is applied, then the old one is pruned.
                    let second = pair.apply(namespace, "second", edit, "manage");
                    pair.settle(restarts).await;
                    pair.story.world.kube.delete(&first);
                    pair.settle(restarts).await;
                    assert!(pair.story.world.kube.get(&first).is_none(), "{case}: the first stays");
                    pair.story.wait(Duration::from_mins(1)).await;
                    // In its own namespace it is the same object under another name, edited or not.
                    let refused = different && namespace != NAMESPACE;
                    let expected = if refused { "AlreadyExists" } else { "Synced" };
                    assert_eq!(pair.reason(&second), expected, "{case}: {}", pair.message(&second));
                    let deleted: Vec<_> =
                        pair.sent().await.into_iter().filter(|call| call.contains("DELETE")).collect();
                    assert_eq!(deleted, [""; 0], "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn of_two_objects_that_are_applied_at_once_one_makes_the_resource() {
    for (manifest, pointer, value) in KINDS {
        for edit in [None, Some((pointer, value))] {
            let mut pair = Pair::begin(manifest).await;
            let first = pair.apply(NAMESPACE, "first", None, "manage");
            let second = pair.apply(NAMESPACE, "second", edit, "manage");
            pair.settle(false).await;
            pair.story.wait(Duration::from_hours(2)).await;
            let mut reasons = [pair.reason(&first), pair.reason(&second)];
            reasons.sort();
            assert_eq!(reasons, ["OwnershipConflict", "Synced"], "{}", pair.story.world.describe());
            let made = pair.sent().await.into_iter().filter(|call| call.starts_with("POST")).count();
            // The project that all are in is made first; its own kind makes one more.
            assert!(made <= 2, "{made} creations of {}", pair.plural);
        }
    }
}

/// An observer and a paused object that owns nothing are in nobody's way, and neither owns anything.
#[tokio::test]
async fn what_does_not_manage_a_resource_does_not_own_it() {
    for (manifest, ..) in KINDS {
        for (policy, reason) in [("observe", "Synced"), ("pause", "Paused")] {
            let mut pair = Pair::begin(manifest).await;
            let first = pair.apply(NAMESPACE, "first", None, policy);
            pair.settle(false).await;
            pair.story.wait(Duration::from_secs(5)).await;
            let second = pair.apply(NAMESPACE, "second", None, "manage");
            pair.settle(false).await;
            pair.story.wait(Duration::from_hours(2)).await;
            assert_eq!(pair.reason(&second), "Synced", "{policy} {}: {}", pair.plural, pair.message(&second));
            assert_eq!(pair.reason(&first), reason, "{policy} {}", pair.plural);
            pair.sent().await;
            pair.story.world.kube.delete(&first);
            pair.settle(false).await;
            assert_eq!(pair.sent().await, [""; 0], "{policy} {}", pair.plural);
            assert_eq!(pair.reason(&second), "Synced");
            // The last one that declares it takes it along, as its annotation says.
            pair.story.world.kube.delete(&second);
            pair.settle(false).await;
            let deleted = pair.sent().await;
            assert!(deleted.iter().any(|call| call.contains("DELETE")), "{policy} {}: {deleted:?}", pair.plural);
        }
    }
}

/// The old one is pruned first: whether its deletion has begun or not, and whether the file was edited too, the new one
/// ends up with the resource, whatever moment the operator is stopped at.
#[tokio::test]
async fn a_rename_that_prunes_first_ends_with_the_new_object() {
    for (manifest, pointer, value) in KINDS {
        for (restarts, edit) in [(0, None), (1, None), (1, Some((pointer, value))), (5, Some((pointer, value)))] {
            let mut pair = Pair::begin(manifest).await;
            let first = pair.apply(NAMESPACE, "first", None, "manage");
            pair.settle(false).await;
            pair.story.wait(Duration::from_secs(5)).await;
            pair.story.world.kube.delete(&first);
            let second = pair.apply(NAMESPACE, "second", edit, "manage");
            pair.sent().await;
            for _ in 1..restarts {
                pair.story.wait(Duration::from_secs(1)).await;
                pair.story.stop_for(Duration::from_secs(1)).await;
            }
            pair.settle(restarts > 0).await;
            pair.story.wait(Duration::from_hours(1)).await;
            assert!(pair.story.world.kube.get(&first).is_none());
            assert_eq!(pair.reason(&second), "Synced", "{}: {}", pair.plural, pair.message(&second));
            let sent = pair.sent().await;
            let made_anew = |call: &&String| call.contains("DELETE") || call.contains("POST");
            assert_eq!(sent.iter().filter(made_anew).count(), 0, "{}: {sent:?}", pair.plural);
        }
    }
}

/// What does not manage the resource never takes it over, and does not keep the other one from going.
#[tokio::test]
async fn an_heir_that_is_paused_holds_nothing_up_and_takes_over_later() {
    for (manifest, pointer, value) in KINDS {
        let mut pair = Pair::begin(manifest).await;
        let first = pair.apply(NAMESPACE, "first", None, "manage");
        pair.settle(false).await;
        pair.story.wait(Duration::from_secs(5)).await;
        let second = pair.apply(NAMESPACE, "second", Some((pointer, value)), "manage");
        pair.settle(false).await;
        pair.apply(NAMESPACE, "second", Some((pointer, value)), "pause");
        pair.settle(false).await;
        pair.sent().await;
        pair.story.world.kube.delete(&first);
        pair.story.wait(Duration::from_mins(3)).await;
        assert!(pair.story.world.kube.get(&first).is_none(), "{}: {}", pair.plural, pair.message(&first));
        assert_eq!(pair.reason(&second), "Paused", "{}", pair.plural);
        assert_eq!(pair.sent().await, [""; 0], "{}", pair.plural);
    }
}

#[tokio::test]
async fn one_unready_duplicate_blocks_nobody() {
    let user = KINDS[3].0.replace("roles:", "scopes: [{name: orders, type: CLUSTER}], roles:");
    for namespace in [NAMESPACE, "elsewhere", "stranger"] {
        let mut pair = Pair::begin(KINDS[1].0).await;
        let first = pair.apply(NAMESPACE, "first", None, "manage");
        pair.settle(false).await;
        pair.story.wait(Duration::from_secs(5)).await;
        let second = pair.apply(namespace, "second", Some((KINDS[1].1, KINDS[1].2)), "manage");
        pair.settle(false).await;
        let user = documents(&user).pop().unwrap();
        let user = pair.story.world.kube.apply("atlasdatabaseusers", NAMESPACE, &user);
        pair.settle(false).await;
        assert_eq!(pair.reason(&user), "Synced", "{namespace}: {}", pair.message(&user));
        assert_eq!(pair.reason(&first), "Synced");
        assert_ne!(pair.reason(&second), "Synced");
    }
}

#[tokio::test]
async fn nothing_is_made_in_a_project_that_was_not_taken_over() {
    let mut story = Story::begin(&[SHARED]).await;
    story.world.kube.delete(&("atlasprojects".into(), NAMESPACE.into(), "shop".into()));
    story.go_on().await;
    story.edit(
        "{apiVersion: atlas-operator.io/v1, kind: AtlasProject, metadata: {name: shop}, spec: {name: Shop}}",
        |document| {
            document["spec"]["settings"] = json!({"isSchemaAdvisorEnabled": false});
        },
    );
    let user = story.world.apply_one(&documents(KINDS[3].0).pop().unwrap());
    story.sent().await;
    story.go_on().await;
    assert_eq!(story.reason("atlasprojects", "shop"), "AlreadyExists");
    assert_eq!(condition(&story.world.kube.get(&user).unwrap(), "Ready")["reason"], "DependencyNotReady");
    assert_eq!(story.sent().await, []);
}

/// A creation whose answer was lost is judged by the next attempt: once Atlas has refused that, what a person makes under
/// the name is the person's.
#[tokio::test]
async fn a_refused_creation_leaves_no_claim_on_what_somebody_else_makes() {
    const ROLES: &str = "POST /groups/*/customDBRoles/roles";
    let mut pair = Pair::begin(KINDS[2].0).await;
    let refusal = json!({"status": 400, "errorCode": "MAX_CUSTOM_ROLES_REACHED"});
    pair.story
        .world
        .simulator
        .add_fault(&json!({"operation": ROLES, "kind": "reset", "when": "before"}))
        .await
        .unwrap();
    pair.story
        .world
        .simulator
        .add_fault(&json!({"operation": ROLES, "error": refusal, "nth": 2, "times": -1}))
        .await
        .unwrap();
    let role = pair.apply(NAMESPACE, "first", None, "manage");
    pair.story.wait(Duration::from_mins(30)).await;
    let status = pair.story.world.kube.get(&role).unwrap()["status"].clone();
    assert!(status["atlas"]["pending"].is_null(), "{status}");

    pair.story.world.simulator.clear_faults().await.unwrap();
    let other =
        json!({"roleName": "audit", "actions": [{"action": "INSERT", "resources": [{"db": "a", "collection": "b"}]}]});
    let somebody = Somebody::of(&pair.story.world.simulator, &pair.story.world.simulator.organizations()[0]);
    somebody.post_in(&pair.story.group(), "/groups/{groupId}/customDBRoles/roles", other).await;
    pair.sent().await;
    pair.story.wait(Duration::from_hours(1)).await;
    assert_eq!(pair.reason(&role), "AlreadyExists", "{}", pair.message(&role));
    pair.story.world.kube.delete(&role);
    pair.settle(false).await;
    assert_eq!(pair.sent().await, [""; 0]);
}

#[tokio::test]
async fn a_cluster_whose_options_are_refused_can_be_used() {
    let cluster = KINDS[1].0.replace("tags: []", "processArgs: {javascriptEnabled: false}");
    let user = KINDS[3].0.replace("roles:", "scopes: [{name: orders, type: CLUSTER}], roles:");
    let mut pair = Pair::begin(&cluster).await;
    let refusal = json!({"status": 400, "errorCode": "INVALID_ATTRIBUTE"});
    let fault = json!({"operation": "PATCH /groups/*/clusters/*/processArgs", "error": refusal, "times": -1});
    pair.story.world.simulator.add_fault(&fault).await.unwrap();
    let cluster = pair.apply(NAMESPACE, "first", None, "manage");
    let user = pair.story.world.apply_one(&documents(&user).pop().unwrap());
    pair.settle(false).await;
    assert_eq!(pair.reason(&cluster), "Rejected", "{}", pair.message(&cluster));
    assert_eq!(pair.reason(&user), "Synced", "{}", pair.message(&user));
    assert!(pair.story.get("secrets", "shop-orders-api").is_some());
}
