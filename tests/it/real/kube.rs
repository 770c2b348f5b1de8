//! The API server as its administrator, or a user who may do everything, sees it. Objects are plain JSON here.
use std::path::Path;

use atlas_operator::{
    engine::tell::MANAGER,
    kind::{GROUP, VERSION},
    kinds,
};
use k8s_openapi::api::{
    core::v1::{Namespace, Secret},
    events::v1::Event,
};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

/// The field manager of what tests write.
const USER: &str = "a-user";

/// Access to everything.
pub struct Kube(pub Client);

impl Kube {
    pub async fn connect(kubeconfig: &Path) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Self(Client::try_from(config).unwrap())
    }

    fn api(&self, namespace: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.0.clone(), namespace, &resource(kind))
    }

    pub async fn create_namespace(&self, name: &str) {
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        Api::all(self.0.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }

    /// What `kubectl apply --server-side` does; the error is what the API server says.
    pub async fn try_apply(&self, namespace: &str, document: &Value, dry_run: bool) -> Result<Value, kube::Error> {
        let (kind, name) = (document["kind"].as_str().unwrap(), document["metadata"]["name"].as_str().unwrap());
        let params = PatchParams { dry_run, ..PatchParams::apply(USER).force() };
        let object = self.api(namespace, kind).patch(name, &params, &Patch::Apply(document)).await?;
        Ok(serde_json::to_value(object).unwrap())
    }

    /// The same by another field manager, such as a tool of GitOps.
    pub async fn apply_as(&self, manager: &str, namespace: &str, document: &Value) -> Result<Value, kube::Error> {
        let (kind, name) = (document["kind"].as_str().unwrap(), document["metadata"]["name"].as_str().unwrap());
        let params = PatchParams::apply(manager).force();
        let object = self.api(namespace, kind).patch(name, &params, &Patch::Apply(document)).await?;
        Ok(serde_json::to_value(object).unwrap())
    }

    pub async fn apply(&self, namespace: &str, document: &Value) -> Value {
        self.try_apply(namespace, document, false).await.unwrap_or_else(|error| panic!("{error}: {document}"))
    }

    /// Writes the status of an object as the operator does.
    pub async fn operator_tells(&self, namespace: &str, object: &Value) {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let told = json!({"apiVersion": object["apiVersion"], "kind": kind, "status": object["status"]});
        let (params, patch) = (PatchParams::apply(MANAGER).force(), Patch::Apply(&told));
        let written = self.api(namespace, kind).patch_status(name, &params, &patch).await;
        assert!(written.is_ok(), "{written:?}: {object}");
    }

    pub async fn get(&self, namespace: &str, kind: &str, name: &str) -> Option<Value> {
        let object = self.api(namespace, kind).get_opt(name).await.unwrap();
        object.map(|object| serde_json::to_value(object).unwrap())
    }

    pub async fn list(&self, namespace: &str, kind: &str) -> Vec<Value> {
        let list = self.api(namespace, kind).list(&ListParams::default()).await.unwrap();
        list.items.into_iter().map(|object| serde_json::to_value(object).unwrap()).collect()
    }

    /// A JSON merge patch.
    pub async fn merge(&self, namespace: &str, kind: &str, name: &str, patch: &Value) -> Value {
        let params = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
        let object = self.api(namespace, kind).patch(name, &params, &Patch::Merge(patch)).await.unwrap();
        serde_json::to_value(object).unwrap()
    }

    pub async fn annotate(&self, namespace: &str, kind: &str, name: &str, annotation: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        self.merge(namespace, kind, name, &patch).await;
    }

    /// Asks for a deletion and does not wait for it.
    pub async fn delete(&self, namespace: &str, kind: &str, name: &str) {
        drop(self.api(namespace, kind).delete(name, &DeleteParams::default()).await.unwrap());
    }

    /// The objects of the operator's kinds in a namespace.
    pub async fn objects(&self, namespace: &str) -> Vec<Value> {
        let mut objects = Vec::new();
        for kind in kinds::all() {
            objects.extend(self.list(namespace, kind.name()).await);
        }
        objects
    }

    /// The connection Secrets that the operator published in a namespace.
    pub async fn connection_secrets(&self, namespace: &str) -> Vec<Value> {
        let mut secrets = self.list(namespace, "Secret").await;
        secrets.retain(|secret| secret["metadata"]["annotations"]["atlas-operator.io/cluster"].is_string());
        secrets
    }
}

pub fn resource(kind: &str) -> ApiResource {
    match kind {
        "Secret" => ApiResource::erase::<Secret>(&()),
        "Event" => ApiResource::erase::<Event>(&()),
        kind => {
            let plural = kinds::by_name(kind).unwrap_or_else(|| panic!("no kind {kind}")).plural();
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural)
        }
    }
}

/// A condition of an object; null when it has none of that type.
pub fn condition(object: &Value, type_: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|condition| condition["type"] == type_).cloned().unwrap_or_default()
}

/// Whether the status of an object is about its present generation.
pub fn is_current(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// Whether an object is Ready for its present generation.
pub fn is_ready(object: &Value) -> bool {
    is_current(object) && condition(object, "Ready")["status"] == "True"
}

/// The documents of a YAML stream.
pub fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}
