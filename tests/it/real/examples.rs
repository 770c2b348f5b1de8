//! The examples of the catalogue, and short manifests for tests that are not about their content.
use atlas_operator::{
    kind::Example,
    kinds::{self, PROJECT},
};
use harness::Organization;
use serde_json::{Value, json};

use super::{
    super::somebody::Somebody,
    kube::documents,
    stage::{CREDENTIALS, Stage},
};

/// Every example of every kind.
pub fn all() -> Vec<Example> {
    kinds::all().iter().flat_map(|kind| kind.examples()).collect()
}

/// The objects of an example, with its project's credentials put in. What the example is about comes last.
pub fn objects(example: &Example) -> Vec<Value> {
    let mut objects = documents(example.manifest);
    for project in objects.iter_mut().filter(|object| object["kind"] == PROJECT) {
        project["spec"]["connectionSecretRef"] = json!({"name": CREDENTIALS});
    }
    objects
}

impl Stage {
    /// Applies the credentials of an organization and the objects of an example, and makes the teams that it names.
    pub async fn apply_example(&self, namespace: &str, organization: &Organization, example: &Example) {
        Somebody::of(&self.simulator, organization).make_teams().await;
        self.provide_credentials(namespace, organization).await;
        for object in objects(example) {
            self.kube.apply(namespace, &object).await;
        }
    }
}

/// A project with nothing but a name and the credentials of its namespace.
pub fn project(object: &str, name: &str) -> Value {
    json!({
        "apiVersion": "atlas-operator.io/v1",
        "kind": "AtlasProject",
        "metadata": {"name": object},
        "spec": {"name": name, "connectionSecretRef": {"name": CREDENTIALS}},
    })
}

/// The smallest dedicated cluster of the project object `shop`.
pub fn cluster(name: &str) -> Value {
    let region = json!({
        "providerName": "AWS",
        "regionName": "EU_WEST_1",
        "priority": 7,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
    });
    json!({
        "apiVersion": "atlas-operator.io/v1",
        "kind": "AtlasCluster",
        "metadata": {"name": name},
        "spec": {
            "projectRef": {"name": "shop"},
            "name": name,
            "clusterType": "REPLICASET",
            "replicationSpecs": [{"regionConfigs": [region]}],
        },
    })
}

/// A user of the project object `shop`, whose password is in the Secret [`password`] makes.
pub fn user(name: &str) -> Value {
    json!({
        "apiVersion": "atlas-operator.io/v1",
        "kind": "AtlasDatabaseUser",
        "metadata": {"name": name},
        "spec": {
            "projectRef": {"name": "shop"},
            "username": name,
            "passwordSecretRef": {"name": "password"},
            "roles": [{"roleName": "readWrite", "databaseName": "orders"}],
        },
    })
}

/// A custom role of the project object `shop`.
pub fn role(name: &str) -> Value {
    json!({
        "apiVersion": "atlas-operator.io/v1",
        "kind": "AtlasCustomRole",
        "metadata": {"name": name},
        "spec": {
            "projectRef": {"name": "shop"},
            "roleName": name,
            "actions": [{"action": "FIND", "resources": [{"db": "orders"}]}],
        },
    })
}

/// A Secret called `password` with one key and value.
pub fn password(key: &str, value: &str) -> Value {
    secret("password", &json!({key: value}))
}

pub fn secret(name: &str, content: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content})
}
