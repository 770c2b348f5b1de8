//! How each story goes: what is done to an example and to the world around it, from nothing on.
use std::time::Duration;

use atlas_operator::{kind::Example, kinds};
use serde_json::{Value, json};

use super::{
    super::{
        fake_kube::Key,
        world::{NAMESPACE, TestOperator, World, documents},
    },
    stories::Story,
};

/// Long enough for every error to be shown, and for a cluster to be built.
const A_WHILE: Duration = Duration::from_mins(30);
/// Longer than any temporary user of an example lives.
const AFTER_ITS_TIME: Duration = Duration::from_hours(24 * 5);

/// An example in a world in which nothing has happened yet.
pub(super) struct Scene<'a> {
    pub(super) world: &'a World,
    pub(super) example: &'a Example,
}

impl Scene<'_> {
    /// Plays a story that [suits](Story::suits) the example.
    pub(super) async fn play(self, story: Story) {
        match story {
            Story::Created => drop(self.created().await),
            Story::Edited => self.edited().await,
            Story::Deleted => self.deleted().await,
            Story::AloneAtFirst => self.alone_at_first().await,
            Story::ParentPaused => self.parent_paused().await,
            Story::ParentUnknown => self.with_parents(in_unknown_project).await,
            Story::ParentInAnotherNamespace => self.parent_in_another_namespace().await,
            Story::SecretMissing => self.with_secrets(None).await,
            Story::SecretEmpty => self.with_secrets(Some(json!({}))).await,
            Story::NoCredentials => {
                self.parents().await;
                self.world.kube.delete(&credentials());
                self.arrives(|_| {}).await;
            }
            Story::NoCredentialsNamed => self.arrives(in_unknown_project).await,
            Story::CredentialsIncomplete => self.with_credentials("publicApiKey", &Value::Null).await,
            Story::CredentialsWrong => self.with_credentials("privateApiKey", &json!("not-the-key")).await,
            Story::NotPermitted => self.with_fault(&json!({"kind": "403-ip-access-list"})).await,
            Story::Rejected => self.with_fault(&error(400, "INVALID_ATTRIBUTE")).await,
            Story::Quota => self.with_fault(&error(400, "MAX_SOMETHING_EXCEEDED")).await,
            Story::Throttled => self.with_fault(&json!({"kind": "429-retry-after-60"})).await,
            Story::AtlasDown => self.with_fault(&json!({"kind": "500"})).await,
            Story::AtlasLost => {
                let (mut operator, _) = self.created().await;
                let fault = json!({"kind": "503-empty", "times": -1});
                self.world.simulator.add_fault(&fault).await.unwrap();
                self.world.run_for(&mut operator, Some(Duration::from_hours(3))).await;
                assert_eq!(self.world.unready(), Vec::<String>::new(), "{}", self.example.name);
            }
            Story::SecretsUnreadable => {
                self.parents().await;
                self.world.kube.make_unreadable("secrets");
                self.arrives(|_| {}).await;
            }
            Story::Unreadable => {
                self.with_parents(|own| own["spec"] = json!({"name": {"not": "a name"}, "projectRef": 7})).await;
            }
            Story::MadeFlex => self.made_flex().await,
            Story::InAtlasAlready => {
                let (mut operator, key) = self.created().await;
                self.world.kube.lose_status(&key);
                self.change(|own| edit(self.example, own));
                self.world.run(&mut operator).await;
            }
            Story::DeclaredTwice => {
                let (mut operator, _) = self.created().await;
                let mut copy = documents(self.example.manifest).pop().unwrap();
                copy["metadata"]["name"] = json!("copy");
                self.world.apply_one(&copy);
                self.world.run(&mut operator).await;
            }
            Story::OfALaterRelease => {
                let (_, key) = self.created().await;
                let mut status = self.world.kube.get(&key).unwrap()["status"].clone();
                status["atlas"]["id"] = json!(["of", "parts"]);
                self.world.kube.forge_status(&key, status);
                self.world.run(&mut self.world.operator()).await;
            }
            Story::PausedEditedDeleted => self.paused_edited_deleted().await,
            Story::Observed => self.observed().await,
            Story::Outlived => {
                let (mut operator, _) = self.created().await;
                self.world.run_for(&mut operator, Some(AFTER_ITS_TIME)).await;
            }
            Story::HeldByPause => self.held_by_pause().await,
            Story::HeldByProtection => {
                let (mut operator, key) = self.created().await;
                self.change(|own| own["spec"]["terminationProtectionEnabled"] = json!(true));
                self.world.run(&mut operator).await;
                self.world.kube.delete(&key);
                self.world.run(&mut operator).await;
            }
            Story::DeletedBeforeItsChildren => self.deleted_before_its_children().await,
            Story::DeletedAndKept => {
                let (mut operator, key) = self.created().await;
                self.annotate("deletion", "retain");
                self.world.kube.delete(&key);
                self.world.run(&mut operator).await;
            }
            Story::DeletedWithoutCredentials => {
                let (mut operator, key) = self.created().await;
                self.world.kube.delete(&credentials());
                self.world.kube.delete(&key);
                self.world.run(&mut operator).await;
            }
        }
    }

    fn own(&self) -> Value {
        documents(self.example.manifest).pop().unwrap()
    }

    /// Changes the example as its user does.
    fn change(&self, change: impl FnOnce(&mut Value)) -> Key {
        let mut own = self.own();
        change(&mut own);
        self.world.apply_one(&own)
    }

    fn annotate(&self, name: &str, value: &str) -> Key {
        self.change(|own| own["metadata"]["annotations"] = json!({format!("atlas-operator.io/{name}"): value}))
    }

    /// All at once, what refers to others before those others: nothing but the operator orders them.
    async fn created(&self) -> (TestOperator, Key) {
        self.world.provide_credentials();
        let mut operator = self.world.operator();
        let keys: Vec<Key> =
            documents(self.example.manifest).iter().rev().map(|document| self.world.apply_one(document)).collect();
        self.world.run(&mut operator).await;
        assert_eq!(self.world.unready(), Vec::<String>::new(), "{}", self.example.name);
        (operator, keys.into_iter().next().unwrap())
    }

    async fn edited(self) {
        let (mut operator, _) = self.created().await;
        self.change(|own| edit(self.example, own));
        self.world.run(&mut operator).await;
        assert_eq!(self.world.unready(), Vec::<String>::new(), "{}", self.example.name);
    }

    async fn deleted(self) {
        let (mut operator, key) = self.created().await;
        self.world.kube.delete(&key);
        self.world.run(&mut operator).await;
        assert!(self.world.kube.get(&key).is_none(), "{}", self.world.describe());
    }

    /// What the example refers to, settled.
    async fn parents(&self) {
        self.world.provide_credentials();
        let mut parents = documents(self.example.manifest);
        parents.pop();
        for parent in &parents {
            self.world.apply_one(parent);
        }
        self.world.run(&mut self.world.operator()).await;
    }

    /// The example comes, changed, and the operator starts and has a while.
    async fn arrives(&self, change: impl FnOnce(&mut Value)) {
        self.change(change);
        self.world.run_for(&mut self.world.operator(), Some(A_WHILE)).await;
    }

    async fn with_parents(self, change: impl FnOnce(&mut Value)) {
        self.parents().await;
        self.arrives(change).await;
    }

    async fn alone_at_first(self) {
        self.world.provide_credentials();
        self.arrives(|_| {}).await;
        self.created().await;
    }

    async fn parent_paused(self) {
        self.world.provide_credentials();
        for mut document in documents(self.example.manifest) {
            if document["kind"] == "AtlasProject" {
                document["metadata"]["annotations"] = json!({"atlas-operator.io/policy": "pause"});
            }
            self.world.apply_one(&document);
        }
        self.world.run_for(&mut self.world.operator(), Some(A_WHILE)).await;
    }

    async fn parent_in_another_namespace(self) {
        self.parents().await;
        let mut own = self.own();
        own["spec"]["projectRef"]["namespace"] = json!(NAMESPACE);
        let plural = kinds::by_name(own["kind"].as_str().unwrap()).unwrap().plural();
        self.world.kube.apply(plural, "elsewhere", &own);
        self.world.run_for(&mut self.world.operator(), Some(A_WHILE)).await;
    }

    /// With this content in the Secrets of the example, or without them.
    async fn with_secrets(self, content: Option<Value>) {
        self.world.provide_credentials();
        for mut document in documents(self.example.manifest) {
            if document["kind"] == "Secret" {
                let Some(content) = &content else { continue };
                document["stringData"] = content.clone();
            }
            self.world.apply_one(&document);
        }
        self.world.run_for(&mut self.world.operator(), Some(A_WHILE)).await;
    }

    /// With another value under a key of the credentials, which are right until the example comes.
    async fn with_credentials(self, key: &str, value: &Value) {
        self.parents().await;
        let mut secret = self.world.simulator.organizations()[0].api_key_secret("operator", "default");
        match value {
            Value::Null => drop(secret["stringData"].as_object_mut().unwrap().remove(key)),
            value => secret["stringData"][key] = value.clone(),
        }
        self.world.kube.apply("secrets", "operator", &secret);
        self.arrives(|_| {}).await;
    }

    /// With a fault that strikes every creation.
    async fn with_fault(self, fault: &Value) {
        self.parents().await;
        let mut fault = fault.clone();
        fault["method"] = json!("POST");
        fault["times"] = json!(-1);
        self.world.simulator.add_fault(&fault).await.unwrap();
        self.arrives(|_| {}).await;
    }

    /// A change that Atlas does not make. The API server refuses it too, but not when an object is made anew for a
    /// cluster that was kept.
    async fn made_flex(self) {
        let (mut operator, _) = self.created().await;
        self.change(|own| {
            let flex = json!({"providerName": "FLEX", "backingProviderName": "AWS", "regionName": "EU_WEST_1"});
            own["spec"] = json!({
                "projectRef": own["spec"]["projectRef"], "name": own["spec"]["name"], "clusterType": "REPLICASET",
                "replicationSpecs": [{"regionConfigs": [flex]}],
            });
        });
        self.world.run(&mut operator).await;
    }

    async fn paused_edited_deleted(self) {
        let (mut operator, key) = self.created().await;
        self.annotate("policy", "pause");
        self.world.run(&mut operator).await;
        self.change(|own| {
            own["metadata"]["annotations"] = json!({"atlas-operator.io/policy": "pause"});
            edit(self.example, own);
        });
        self.world.run(&mut operator).await;
        self.world.kube.delete(&key);
        self.world.run(&mut operator).await;
    }

    async fn observed(self) {
        let (mut operator, _) = self.created().await;
        self.annotate("policy", "observe");
        let state = self.world.simulator.state().await.unwrap();
        let group = state["groups"].as_object().unwrap().keys().next().unwrap().clone();
        let (path, drift) = self.example.drift.unwrap();
        let drift = serde_json::from_str(drift).unwrap();
        self.world.simulator.merge(&path.replace("{groupId}", &group), &drift).await.unwrap();
        self.world.run_for(&mut operator, Some(Duration::from_hours(3))).await;
    }

    async fn held_by_pause(self) {
        let (mut operator, _) = self.created().await;
        self.change(|own| own["spec"]["paused"] = json!(true));
        self.world.run(&mut operator).await;
        self.change(|own| {
            own["spec"]["paused"] = json!(true);
            edit(self.example, own);
        });
        self.world.run(&mut operator).await;
    }

    async fn deleted_before_its_children(self) {
        let (mut operator, key) = self.created().await;
        let project = documents(self.example.manifest).into_iter().find(|it| it["kind"] == "AtlasProject").unwrap();
        let name = project["metadata"]["name"].as_str().unwrap().to_owned();
        self.world.kube.delete(&("atlasprojects".to_owned(), NAMESPACE.to_owned(), name));
        self.world.run(&mut operator).await;
        self.world.kube.delete(&key);
        self.world.run(&mut operator).await;
    }
}

/// The Secret of [`World::provide_credentials`].
fn credentials() -> Key {
    ("secrets".to_owned(), "operator".to_owned(), "default".to_owned())
}

/// A fault that answers with an error of the API.
fn error(status: u16, code: &str) -> Value {
    json!({"error": {"status": status, "errorCode": code, "detail": "Told in a story."}})
}

/// The edit that an example brings with it.
fn edit(example: &Example, own: &mut Value) {
    let (pointer, value) = example.edit.unwrap();
    let field = own["spec"].pointer_mut(pointer).unwrap();
    *field = serde_json::from_str(value).unwrap();
}

/// Names a project by an id that Atlas does not know, where the example is in one.
fn in_unknown_project(own: &mut Value) {
    let spec = own["spec"].as_object_mut().unwrap();
    if spec.remove("projectRef").is_some() {
        spec.insert("projectId".to_owned(), json!("0123456789abcdef01234567"));
    }
}
