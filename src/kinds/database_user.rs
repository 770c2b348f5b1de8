//! Database users, in all the forms in which they can log in.
//! <https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Database-Users>
//!
//! How a user proves who it is stands in [`login`], what it may do and where in [`access`], what is published for
//! applications in [`connection_secret`].
use jiff::{SignedDuration, Timestamp};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    CLUSTER,
    common::{self, Label, Placement},
};
use crate::{
    kind::{
        Blames, By, Connection, Declare, Deletion, Describe, Documents, Endpoint, Example, Field, Given, Invalid,
        Issue, Needs, ObjectNeed, Part, Policy, Route, SecretNeed, SecretSource, Slots, template,
    },
    status::With,
};

pub mod access;
pub mod connection_secret;
mod errors;
mod import;
pub mod login;

pub use access::{ClusterPointer, Role, Scope, ScopeType};
pub use connection_secret::ConnectionSecret;
pub use login::{Authentication, AuthenticationDatabase, Certificate, PasswordPointer, X509Type};
use login::{LONGEST_PASSWORD, PASSWORD, SHORTEST_PASSWORD};

/// How long a temporary user may live (the `deleteAfterDate` field of the Administration API).
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

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
    doc = "A user of the databases of one project in MongoDB Atlas, who logs in with a password, a certificate, LDAP, AWS IAM or OIDC."
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = login::rules)]
#[schemars(transform = crate::kind::definition::descriptions_of_fields)]
#[x_kube(
    validation = Rule::new(
        "!has(self.connectionSecret) || !has(self.connectionSecret.name) \
         || (has(self.scopes) && self.scopes.filter(scope, !has(scope.type) || scope.type == 'CLUSTER').size() == 1)"
    )
        .message(
            "connectionSecret.name names one Secret, so the user must have exactly one scope of type CLUSTER; remove \
             the name to have a Secret for each cluster"
        )
        .field_path(".connectionSecret"),
    validation = Rule::new(
        "!has(self.connectionSecret) || !has(self.connectionSecret.template) || (self.x509Type == 'NONE' \
         && self.ldapAuthType == 'NONE' && self.awsIAMType == 'NONE' && self.oidcAuthType == 'NONE') \
         || self.connectionSecret.template.all(key, !self.connectionSecret.template[key].contains('$(password'))"
    )
        .message("the template names a password, and only a user with a password has one")
        .field_path(".connectionSecret.template"),
    validation = Rule::new("!has(self.ttl) || !has(self.deleteAfterDate)")
        .message("give either ttl or deleteAfterDate: each says when the user ends")
        .field_path(".ttl"),
    validation = Rule::new(
        "(has(self.ttl) || has(self.deleteAfterDate)) == (has(oldSelf.ttl) || has(oldSelf.deleteAfterDate))"
    )
        .message("Atlas makes no permanent user temporary and no temporary one permanent (ttl, deleteAfterDate): create another user")
        .field_path(".deleteAfterDate"),
    validation = Rule::new("self.x509Type == 'NONE' || !(has(self.ttl) || has(self.deleteAfterDate))")
        .message("Atlas has no temporary users with a certificate: remove ttl and deleteAfterDate")
        .field_path(".x509Type")
)]
pub struct AtlasDatabaseUserSpec {
    /// Where the user belongs.
    #[serde(flatten)]
    pub placement: Placement,
    /// Who the user is, and how it proves that.
    #[serde(flatten)]
    pub authentication: Authentication,
    /// What the user may do: built-in and custom roles, at most 100.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(validation = Rule::new("self.all(role, self.exists_one(other, other == role))")
        .message("a role is listed twice: remove one of the two"))]
    pub roles: Vec<Role>,
    /// The clusters and other resources that the user may use, at most 100. With an empty list, and without any when it
    /// is created, it may use all of the project. Absent later, the scopes that it has stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(validation = Rule::new(
        "self.all(scope, self.exists_one(other, \
         (has(other.type) ? other.type : 'CLUSTER') == (has(scope.type) ? scope.type : 'CLUSTER') \
         && (has(other.name) ? has(scope.name) && other.name == scope.name \
         : has(other.clusterRef) == has(scope.clusterRef) \
         && (!has(other.clusterRef) || other.clusterRef.name == scope.clusterRef.name))))"
    )
        .message("a scope is listed twice: remove one of the two"))]
    pub scopes: Option<Vec<Scope>>,
    /// Labels of the user, which the Atlas console does not show: at most 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = common::once_in(&["key"], common::LABEL_TWICE))]
    pub labels: Option<Vec<Label>>,
    /// What the user is for: at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub description: Option<String>,
    /// When Atlas removes the user by itself, as 2030-01-31T12:00:00Z: at most one week ahead. It is not made again
    /// after that time. It can be moved, and neither be set nor taken away later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub delete_after_date: Option<String>,
    /// How long after the creation of this object Atlas removes the user by itself, in hours, minutes and seconds, as
    /// 8h or 1h30m: at most 168h, one week. In place of deleteAfterDate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(
        validation = Rule::new("self.matches('^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && self != ''")
            .message("a time is written in hours, minutes and seconds: 8h, 90m or 1h30m"),
        validation = Rule::new(
            "!self.matches('^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') || self == '' \
             || (duration(self) > duration('0s') && duration(self) <= duration('168h'))"
        )
            .message("a temporary user lives for at least a second and at most one week, 168h")
    )]
    pub ttl: Option<String>,
    /// How the Secrets are published with which applications connect as this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secret: Option<ConnectionSecret>,
}

/// What a database user reports of itself beside the common part.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseUserStatus {
    /// The Secrets with which applications connect as this user, by name, in the object's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secrets: Option<Vec<String>>,
    /// The Secret that holds the password which the operator made, under the key password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<String>,
    /// The certificate that Atlas issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateStatus>,
    /// When Atlas removes the user by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_date: Option<String>,
}

/// A certificate, and where it is.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// The Secret that holds it with its private key.
    pub secret_name: String,
    /// When it ends.
    pub not_after: Timestamp,
}

static DATABASE_USER: Route = Route {
    names: &[("groupId", "groupId"), ("databaseName", "databaseName"), ("username", "username")],
    listed: Some(Endpoint::new("/groups/{groupId}/databaseUsers", "2023-01-01")),
    expires: Some("deleteAfterDate"),
    carries: &["databaseName", "groupId", "roles", "username"],
    fields: &[
        Field { path: "username", policy: Policy::Immutable },
        Field { path: "databaseName", policy: Policy::Immutable },
        Field { path: "x509Type", policy: Policy::Immutable },
        Field { path: "ldapAuthType", policy: Policy::Immutable },
        Field { path: "awsIAMType", policy: Policy::Immutable },
        Field { path: "oidcAuthType", policy: Policy::Immutable },
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

const USER: &str = "user";
/// Issues a certificate, and answers it as text.
const CERTIFICATES: Endpoint = Endpoint::new("/groups/{groupId}/databaseUsers/{username}/certs", "2023-01-01");

impl Describe for AtlasDatabaseUser {
    const KIND: &'static str = "AtlasDatabaseUser";
    const PLURAL: &'static str = "atlasdatabaseusers";
    const DELETION: Deletion = Deletion::Delete;
    const BLAMES: Blames = errors::BLAMES;

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
            Example {
                name: "everything",
                manifest: include_str!("database_user/everything.yaml"),
                edit: Some(("/scopes/2/name", r#""clicks""#)),
                drift: Some(("/groups/{groupId}/databaseUsers/admin/helpdesk", r#"{"scopes": []}"#)),
            },
            Example {
                name: "with a certificate of Atlas's",
                manifest: include_str!("database_user/certificate.yaml"),
                edit: Some(("/roles/0/databaseName", r#""stock""#)),
                drift: Some(("/groups/{groupId}/databaseUsers/$external/orders-worker", r#"{"labels": []}"#)),
            },
            Example {
                name: "temporary, with a password made for it",
                manifest: include_str!("database_user/temporary.yaml"),
                edit: Some(("/ttl", r#""96h""#)),
                drift: Some(("/groups/{groupId}/databaseUsers/admin/visitor", r#"{"description": "lost"}"#)),
            },
        ]
    }

    fn import(observed: &Documents) -> Value {
        observed.get(USER).map_or(Value::Null, import::spec)
    }
}

impl AtlasDatabaseUserSpec {
    /// The scopes that are clusters, with the key of their Atlas name in [`Given::names`].
    fn clusters(&self) -> impl Iterator<Item = (String, &Scope)> {
        let scopes = self.scopes.iter().flatten().enumerate();
        scopes.filter(|(_, scope)| scope.type_ == ScopeType::Cluster).map(|(index, scope)| {
            let field = if scope.cluster_ref.is_some() { "clusterRef" } else { "name" };
            (format!("spec.scopes[{index}].{field}"), scope)
        })
    }

    /// The names in Atlas of the clusters that the user may use. At a deletion the objects may be gone, and then the
    /// names are not needed.
    fn cluster_names(&self, given: &Given) -> Vec<String> {
        let name = |(key, scope): (String, &Scope)| scope.name.clone().or_else(|| given.names.get(&key).cloned());
        self.clusters().filter_map(name).collect()
    }

    /// The scopes as Atlas knows them.
    fn document_of_scopes(&self, given: &Given) -> Option<Value> {
        let scopes = self.scopes.as_ref()?;
        let others = scopes.iter().filter(|scope| scope.type_ != ScopeType::Cluster);
        let others = others.map(|scope| json!({"name": scope.name, "type": scope.type_}));
        let clusters = self.cluster_names(given).into_iter();
        Some(clusters.map(|name| json!({"name": name, "type": ScopeType::Cluster})).chain(others).collect())
    }

    /// When the user ends, as Atlas is told.
    fn expiry(&self, given: &Given) -> Result<Option<String>, Invalid> {
        let Some(ttl) = &self.ttl else { return Ok(self.delete_after_date.clone()) };
        let invalid = |message: &str| Invalid::new("spec.ttl", message);
        let life: SignedDuration =
            ttl.parse().map_err(|_| invalid("write a time in hours, minutes and seconds: 8h, 90m or 1h30m"))?;
        if !life.is_positive() || life > LONGEST_LIFE {
            return Err(invalid("a temporary user lives for at least a second and at most one week, 168h"));
        }
        let created = given.created.ok_or_else(|| invalid("the object has no time of creation to count from"))?;
        Ok(Some((created + life).to_string()))
    }

    /// The database that the user logs in against and its name, which together are its address.
    fn slots(&self) -> Slots {
        let (database, username) = (self.authentication.database(), &self.authentication.username);
        Slots::from([("databaseName", database.to_owned()), ("username", username.clone())])
    }
}

impl Declare for AtlasDatabaseUserSpec {
    fn needs(&self) -> Needs {
        let clusters = self.clusters().map(|(path, scope)| {
            let by = match (&scope.cluster_ref, &scope.name) {
                (Some(reference), _) => By::Object(reference.name.clone()),
                // The schema admits no scope with neither.
                (None, name) => By::AtlasName(name.clone().unwrap_or_default()),
            };
            ObjectNeed { kind: CLUSTER, by, path }
        });
        let roles = self.roles.iter().enumerate().filter(|(_, role)| common::is_custom(&role.role, &role.database));
        let roles = roles.map(|(index, role)| ObjectNeed {
            kind: "AtlasCustomRole",
            by: By::AtlasName(role.role.clone()),
            path: format!("spec.roles[{index}].roleName"),
        });
        let password = self.authentication.has_password().then(|| SecretNeed {
            field: PASSWORD,
            path: "spec.passwordSecretRef",
            source: self.authentication.password_secret_ref.as_ref().map_or(SecretSource::Made, |reference| {
                SecretSource::Named { name: reference.name.clone(), key: reference.key.clone() }
            }),
            min_length: SHORTEST_PASSWORD,
            max_length: LONGEST_PASSWORD,
        });
        Needs {
            secrets: password.into_iter().collect(),
            objects: clusters.chain(roles).collect(),
            ..self.placement.needs()
        }
    }

    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        for (key, text) in self.connection_secret.iter().flat_map(|secret| &secret.template).flatten() {
            let field = || format!("spec.connectionSecret.template.{key}");
            template::check(text).map_err(|error| Invalid::new(field(), error.to_string()))?;
        }
        let mut user = self.itself(given)?;
        if let Some(expiry) = self.expiry(given)? {
            user.desired["deleteAfterDate"] = expiry.into();
        }
        Ok(vec![user])
    }

    fn itself(&self, given: &Given) -> Result<Part, Invalid> {
        let ours = ["passwordSecretRef", "certificate", "connectionSecret", "scopes", "ttl"];
        let mut desired = common::document(self, &ours)?;
        desired["databaseName"] = self.authentication.database().into();
        if let Some(scopes) = self.document_of_scopes(given) {
            desired["scopes"] = scopes;
        }
        Ok(Part {
            slots: self.slots(),
            // Atlas wants the project in the body too, and never returns it.
            at_creation: json!({"groupId": given.project_id}),
            ..Part::new(USER, &DATABASE_USER, desired)
        })
    }

    fn key(&self) -> Option<String> {
        Some(self.slots().into_values().collect::<Vec<_>>().join("/"))
    }

    fn report(&self, observed: &Documents) -> Value {
        observed.get(USER).map_or_else(|| json!({}), |user| json!({"deleteAfterDate": user["deleteAfterDate"]}))
    }

    fn connection(&self, given: &Given, observed: &Documents) -> Option<Connection> {
        // Of scopes that the spec says nothing of, those count that the user has.
        let shown = observed.get(USER).and_then(|user| user["scopes"].as_array()).map_or(&[][..], Vec::as_slice);
        let (is_scoped, clusters) = match &self.scopes {
            Some(scopes) => (!scopes.is_empty(), self.cluster_names(given)),
            None => (!shown.is_empty(), access::clusters(shown)),
        };
        if is_scoped && clusters.is_empty() {
            // It is scoped to things that are no clusters.
            return None;
        }
        let secret = self.connection_secret.clone().unwrap_or_default();
        Some(Connection {
            username: self.authentication.username.clone(),
            auth_database: self.authentication.database().to_owned(),
            login: self.authentication.login(),
            clusters,
            secret_name: secret.name,
            template: secret.template,
        })
    }

    fn issue(&self) -> Option<Issue> {
        if self.authentication.x509 != X509Type::Managed {
            return None;
        }
        let certificate = self.authentication.certificate.clone().unwrap_or_default();
        Some(Issue {
            name: "certificate",
            endpoint: CERTIFICATES,
            slots: self.slots(),
            body: json!({"monthsUntilExpiration": certificate.months_until_expiration}),
            secret_name: certificate.secret_name,
            renew_before: SignedDuration::from_hours(24 * i64::from(certificate.renew_before_days)),
        })
    }
}

#[cfg(test)]
mod tests;
