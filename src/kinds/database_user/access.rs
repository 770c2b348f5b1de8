//! What a user may do, and where: roles and scopes.
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kinds::common::OBJECT_NAME;

/// One role, and where it counts.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(
    validation = Rule::new("self.databaseName == 'admin' || self.roleName in ['read', 'readWrite', 'dbAdmin']")
        .message(
            "only read, readWrite and dbAdmin are granted on one database; every other role, custom ones too, has \
             databaseName: admin"
        )
        .field_path(".databaseName"),
    validation = Rule::new("!has(self.collectionName) || self.roleName in ['read', 'readWrite']")
        .message("only read and readWrite are granted on one collection: remove collectionName")
        .field_path(".collectionName")
)]
pub struct Role {
    /// A built-in role (atlasAdmin, backup, clusterMonitor, dbAdmin, dbAdminAnyDatabase, enableSharding, read,
    /// readAnyDatabase, readWrite, readWriteAnyDatabase) or the name of a custom role of the project.
    #[serde(rename = "roleName")]
    #[schemars(length(min = 1, max = 255))]
    pub role: String,
    /// The database that the role counts for; admin for every role but read, readWrite and dbAdmin.
    #[serde(rename = "databaseName")]
    #[schemars(length(min = 1, max = 64))]
    pub database: String,
    /// The collection that the role counts for, with read and readWrite. Absent, all collections of the database.
    #[serde(rename = "collectionName", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub collection: Option<String>,
}

/// Something in the project that the user may use.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.name) != has(self.clusterRef)")
        .message("give exactly one of name (in Atlas) and clusterRef (an AtlasCluster object)")
        .field_path(".name"),
    validation = Rule::new("!has(self.clusterRef) || !has(self.type) || self.type == 'CLUSTER'")
        .message("a clusterRef is of type CLUSTER: remove type, or name the resource by its name in Atlas")
        .field_path(".type")
)]
pub struct Scope {
    /// Its name in Atlas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9][a-zA-Z0-9-]*$')")
        .message("a scope names a cluster or another resource by its name in Atlas: letters, digits and hyphens"))]
    pub name: Option<String>,
    /// The AtlasCluster object, in this object's namespace, of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_ref: Option<ClusterPointer>,
    /// CLUSTER, as it is when absent, for a cluster of any flavour, DATA_LAKE for a federated database instance, STREAM for a stream
    /// processing workspace.
    #[serde(rename = "type", default)]
    pub type_: ScopeType,
}

/// An AtlasCluster object in the object's own namespace.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ClusterPointer {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

/// What a scope names.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScopeType {
    /// A cluster of any flavour.
    #[default]
    Cluster,
    /// A federated database instance.
    DataLake,
    /// A stream processing workspace.
    Stream,
}

/// The clusters among scopes, as Atlas shows them.
pub(super) fn clusters(scopes: &[Value]) -> Vec<String> {
    let clusters = scopes.iter().filter(|scope| scope["type"] == json!(ScopeType::Cluster));
    clusters.filter_map(|scope| scope["name"].as_str().map(str::to_owned)).collect()
}
