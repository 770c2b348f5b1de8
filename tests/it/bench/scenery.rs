//! The objects of the scenarios.
use serde_json::{Value, json};

/// The project of all scenarios.
pub const PROJECT: &str = "shop";

/// Atlas's name for the limit on database users in a project, which is 100 unless it is raised.
const USERS: &str = "atlas.project.security.databaseAccess.users";

/// The project, with one entry in its access list.
pub fn project() -> Value {
    object("AtlasProject", PROJECT, &json!({"name": "Shop", "ipAccessList": [{"cidrBlock": "203.0.113.0/24"}]}))
}

/// Dedicated cluster number `number`.
pub fn cluster(number: usize) -> Value {
    let name = cluster_name(number);
    let region = json!({
        "providerName": "AWS",
        "regionName": "EU_WEST_1",
        "priority": 7,
        "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
    });
    let spec = json!({
        "projectRef": {"name": PROJECT},
        "name": name,
        "clusterType": "REPLICASET",
        "replicationSpecs": [{"regionConfigs": [region]}],
    });
    object("AtlasCluster", &name, &spec)
}

fn cluster_name(number: usize) -> String {
    format!("cluster-{number}")
}

/// The Secret with the password of every user.
pub fn password() -> Value {
    let data = json!({"password": "correct-horse-battery-staple"});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password"}, "stringData": data})
}

/// A user of one cluster, or of the whole project.
pub fn user(name: &str, cluster: Option<usize>) -> Value {
    let mut spec = json!({
        "projectRef": {"name": PROJECT},
        "username": name,
        "passwordSecretRef": {"name": "password"},
        "roles": [{"roleName": "readWrite", "databaseName": "orders"}],
    });
    if let Some(number) = cluster {
        spec["scopes"] = json!([{"name": cluster_name(number), "type": "CLUSTER"}]);
    }
    object("AtlasDatabaseUser", name, &spec)
}

/// `count` users, named after `prefix`.
pub fn users(prefix: &str, count: usize, cluster: Option<usize>) -> Vec<Value> {
    (0..count).map(|number| user(&format!("{prefix}-{number}"), cluster)).collect()
}

/// The path below the API, and the content, of a limit that is out of the way.
pub fn raised_limit(group: &str) -> (String, Value) {
    (format!("/groups/{group}/limits/{USERS}"), json!({"value": 100_000}))
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "atlas-operator.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}
