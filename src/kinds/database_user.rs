//! Database users that log in with a password.
//! <https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Database-Users>
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::common::{self, Placement, Tag};
use crate::{
    kind::{
        By, Connection, Declare, Deletion, Describe, Example, Field, Given, Invalid, Needs, ObjectNeed, Part, Policy,
        Route, SecretNeed, Slots,
    },
    status::With,
};

/// What the database user should be. A field that is absent is not managed: Atlas's value stays, whoever set it. A
/// list that is present is managed whole, so an empty one empties it.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "atlas-operator.io",
    version = "v1",
    kind = "AtlasDatabaseUser",
    namespaced,
    status = "With<DatabaseUserStatus>",
    shortname = "adu",
    doc = "A user of the databases of one project in MongoDB Atlas, who logs in with a password from a Secret."
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "!has(self.connectionSecret) || !has(self.connectionSecret.name) \
         || (has(self.scopes) && self.scopes.filter(scope, scope.type == 'CLUSTER').size() == 1)"
    )
        .message(
            "connectionSecret.name names one Secret, so the user must have exactly one scope of type CLUSTER; remove \
             the name to have a Secret for each cluster"
        )
        .field_path(".connectionSecret")
)]
pub struct AtlasDatabaseUserSpec {
    /// Where the user belongs.
    #[serde(flatten)]
    pub placement: Placement,
    /// The name to log in with, unique in the project: 1 to 1024 characters. It cannot be changed later.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("a database user cannot be renamed: put the old name back, or create another user"))]
    pub username: String,
    /// The database that the user logs in against: admin, which is where users with passwords are. It cannot be
    /// changed later.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("databaseName cannot be changed"))]
    pub database_name: AuthenticationDatabase,
    /// The Secret, in this object's namespace, with the password: at least 8 characters. When the Secret changes, the
    /// password is changed in Atlas.
    pub password_secret_ref: PasswordPointer,
    /// What the user may do: built-in and custom roles, at most 100.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(validation = Rule::new("self.all(role, self.exists_one(other, other == role))")
        .message("a role is listed twice: remove one of the two"))]
    pub roles: Vec<Role>,
    /// The clusters and other resources that the user may use, at most 100. Absent or empty, it may use all of the
    /// project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into(), "type".into()]))]
    pub scopes: Option<Vec<Scope>>,
    /// Labels of the user, which the Atlas console does not show: at most 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub labels: Option<Vec<Tag>>,
    /// What the user is for: at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub description: Option<String>,
    /// When Atlas removes the user by itself, as 2030-01-31T12:00:00Z: at most one week ahead. It is not made again
    /// after that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub delete_after_date: Option<String>,
    /// How the Secrets are published with which applications connect as this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secret: Option<ConnectionSecret>,
}

/// Where a user logs in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthenticationDatabase {
    /// Users with a password.
    #[default]
    Admin,
}

/// A password in a Secret.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PasswordPointer {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in the Secret.
    #[serde(default = "password")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn password() -> String {
    PASSWORD.to_owned()
}

/// The field of Atlas's document, and the usual key in a Secret.
const PASSWORD: &str = "password";

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
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
pub struct Scope {
    /// Its name in Atlas.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9][a-zA-Z0-9-]*$')")
        .message("a scope names a cluster or another resource by its name in Atlas: letters, digits and hyphens"))]
    pub name: String,
    /// CLUSTER for a cluster of any flavour, DATA_LAKE for a federated database instance, STREAM for a stream
    /// processing workspace.
    #[serde(rename = "type")]
    pub type_: ScopeType,
}

/// What a scope names.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScopeType {
    /// A cluster of any flavour.
    Cluster,
    /// A federated database instance.
    DataLake,
    /// A stream processing workspace.
    Stream,
}

/// How connection Secrets are published.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ConnectionSecret {
    /// The name of the Secret, for a user of exactly one cluster. Absent, each Secret is named after project, cluster
    /// and user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: Option<String>,
}

/// What a database user reports of itself beside the common part.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseUserStatus {
    /// The Secrets with which applications connect as this user, by name, in the object's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secrets: Option<Vec<String>>,
}

static DATABASE_USER: Route = Route {
    expires: Some("deleteAfterDate"),
    carries: &["databaseName", "groupId", "roles", "username"],
    fields: &[
        Field { path: "username", policy: Policy::Immutable },
        Field { path: "databaseName", policy: Policy::Immutable },
        Field { path: PASSWORD, policy: Policy::WriteOnly },
        Field { path: "roles", policy: Policy::Set(&["databaseName", "roleName", "collectionName"]) },
        Field { path: "scopes", policy: Policy::Set(&["name", "type"]) },
        Field { path: "labels", policy: Policy::Set(&["key"]) },
        Field { path: "deleteAfterDate", policy: Policy::Same(common::moment) },
    ],
    ..Route::document(
        "/groups/{groupId}/databaseUsers",
        "/groups/{groupId}/databaseUsers/{databaseName}/{username}",
        "2023-01-01",
    )
};

impl Describe for AtlasDatabaseUser {
    const KIND: &'static str = "AtlasDatabaseUser";
    const PLURAL: &'static str = "atlasdatabaseusers";
    const DELETION: Deletion = Deletion::Delete;

    fn examples() -> Vec<Example> {
        vec![
            Example {
                name: "of one cluster",
                manifest: include_str!("database_user/scoped.yaml"),
                edit: Some(("/roles/0/roleName", r#""read""#)),
                drift: Some((
                    "/groups/{groupId}/databaseUsers/admin/orders-api",
                    r#"{"roles": [{"roleName": "atlasAdmin", "databaseName": "admin"}]}"#,
                )),
            },
            Example {
                name: "of the whole project, with a custom role",
                manifest: include_str!("database_user/custom_role.yaml"),
                edit: Some(("/description", r#""asks for numbers at night""#)),
                drift: Some(("/groups/{groupId}/databaseUsers/admin/report", r#"{"description": "lost"}"#)),
            },
        ]
    }
}

impl AtlasDatabaseUserSpec {
    /// The clusters that the user may use, with their place in the scopes.
    fn clusters(&self) -> impl Iterator<Item = (usize, &str)> {
        let scopes = self.scopes.iter().flatten().enumerate();
        scopes.filter(|(_, scope)| scope.type_ == ScopeType::Cluster).map(|(index, scope)| (index, scope.name.as_str()))
    }
}

impl Declare for AtlasDatabaseUserSpec {
    fn needs(&self) -> Needs {
        let clusters = self.clusters().map(|(index, name)| ObjectNeed {
            kind: "AtlasCluster",
            by: By::AtlasName(name.to_owned()),
            path: format!("spec.scopes[{index}].name"),
        });
        let roles = self.roles.iter().enumerate().filter(|(_, role)| common::is_custom(&role.role, &role.database));
        let roles = roles.map(|(index, role)| ObjectNeed {
            kind: "AtlasCustomRole",
            by: By::AtlasName(role.role.clone()),
            path: format!("spec.roles[{index}].roleName"),
        });
        Needs {
            secrets: vec![SecretNeed {
                field: PASSWORD,
                path: "spec.passwordSecretRef",
                name: self.password_secret_ref.name.clone(),
                key: self.password_secret_ref.key.clone(),
                min_length: 8,
            }],
            objects: clusters.chain(roles).collect(),
            ..self.placement.needs()
        }
    }

    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        let desired = common::document(self, &["passwordSecretRef", "connectionSecret"])?;
        let database = desired["databaseName"].as_str().unwrap_or_default().to_owned();
        Ok(vec![Part {
            slots: Slots::from([("databaseName", database), ("username", self.username.clone())]),
            // Atlas wants the project in the body too, and never returns it.
            at_creation: json!({"groupId": given.project_id}),
            ..Part::new("user", &DATABASE_USER, desired)
        }])
    }

    fn connection(&self) -> Option<Connection> {
        let clusters: Vec<String> = self.clusters().map(|(_, name)| name.to_owned()).collect();
        if clusters.is_empty() && self.scopes.as_ref().is_some_and(|scopes| !scopes.is_empty()) {
            // It is scoped to things that are no clusters.
            return None;
        }
        Some(Connection {
            username: self.username.clone(),
            auth_database: "admin".to_owned(),
            password: PASSWORD,
            clusters,
            secret_name: self.connection_secret.as_ref().and_then(|secret| secret.name.clone()),
        })
    }
}

#[cfg(test)]
mod tests;
