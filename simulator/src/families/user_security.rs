//! How database users of a project prove who they are outside of MongoDB: an LDAP server, or certificates of the
//! customer's own authority.
//!
//! Changes answer 202 and show at once; in Atlas they restart the clusters. The password with which Atlas binds to the
//! LDAP server is taken and never shown. Statuses are recorded; the bodies follow the specification.
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional, required};
use super::{project, project_mut, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::{Project, World};

/// The last segment of its path.
pub const NAME: &str = "userSecurity";

/// The defaults of the specification for a server that is configured.
pub const DEFAULT_PORT: i64 = 636;
pub const DEFAULT_QUERY: &str = "{USER}?memberOf?base";

const MAPPINGS: Shape = Shape::List(&Shape::Object(&[
    required("match", Shape::Text(usize::MAX)),
    optional("ldapQuery", Shape::Text(usize::MAX)),
    optional("substitution", Shape::Text(usize::MAX)),
]));

const LDAP: Shape = Shape::Object(&[
    optional("authenticationEnabled", Shape::Flag),
    optional("authorizationEnabled", Shape::Flag),
    optional("authzQueryTemplate", Shape::Text(usize::MAX)),
    optional("bindPassword", Shape::Text(usize::MAX)),
    optional("bindUsername", Shape::Text(usize::MAX)),
    optional("caCertificate", Shape::Text(usize::MAX)),
    optional("hostname", Shape::Text(usize::MAX)),
    optional("links", Shape::ReadOnly),
    optional("port", Shape::Whole(1, 65_535)),
    optional("userToDNMapping", MAPPINGS),
]);

const FIELDS: &[body::Field] = &[
    optional(
        "customerX509",
        Shape::Object(&[optional("cas", Shape::Text(usize::MAX)), optional("links", Shape::ReadOnly)]),
    ),
    optional("ldap", LDAP),
    optional("links", Shape::ReadOnly),
];

pub fn operations() -> Vec<Operation> {
    const PATH: &str = "/groups/{groupId}/userSecurity";
    const SET: crate::api::EndpointSet = sets::USER_SECURITY;
    vec![
        specified(Method::Get, PATH, SET, get),
        specified(Method::Patch, PATH, SET, update),
        specified(Method::Delete, "/groups/{groupId}/userSecurity/customerX509", SET, remove_authority),
        specified(Method::Delete, "/groups/{groupId}/userSecurity/ldap/userToDNMapping", SET, remove_mapping),
    ]
}

/// Neither is configured in a new project.
pub fn defaults() -> Document {
    Document::from_iter([
        ("customerX509".to_owned(), json!({})),
        ("ldap".to_owned(), json!({"authenticationEnabled": false, "authorizationEnabled": false})),
    ])
}

/// Whether certificates of users come from the customer's own authority.
pub fn has_own_authority(project: &Project) -> bool {
    let security = project.singleton(NAME);
    security.get("customerX509").and_then(Value::as_object).is_some_and(|x509| !body::text(x509, "cas").is_empty())
}

/// One of the two halves, to be changed.
fn half<'a>(security: &'a mut Document, name: &str) -> Option<&'a mut Document> {
    security.get_mut(name).and_then(Value::as_object_mut)
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, Value::Object(project(world, request)?.singleton(NAME))))
}

fn accepted(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    get(world, request).map(|reply| Reply { status: 202, ..reply })
}

/// Fields that are not sent stay (assumed). An empty text takes the certificate of the LDAP server's authority away
/// (specification).
fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut sent = body::partial(&request.body, FIELDS)?;
    if let Some(ldap) = half(&mut sent, "ldap") {
        ldap.remove("bindPassword");
    }
    let security = project_mut(world, request)?.singleton_mut(NAME);
    body::merge(security, &sent);
    if let Some(ldap) = half(security, "ldap")
        && ldap.contains_key("hostname")
    {
        ldap.entry("port").or_insert_with(|| json!(DEFAULT_PORT));
        ldap.entry("authzQueryTemplate").or_insert_with(|| json!(DEFAULT_QUERY));
        // What is empty is left out (specification for the certificate, recorded for the template).
        for name in ["authzQueryTemplate", "caCertificate"] {
            if body::text(ldap, name).is_empty() {
                ldap.remove(name);
            }
        }
    }
    accepted(world, request)
}

fn remove_authority(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    project_mut(world, request)?.singleton_mut(NAME).insert("customerX509".to_owned(), json!({}));
    accepted(world, request)
}

fn remove_mapping(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    if let Some(ldap) = half(project_mut(world, request)?.singleton_mut(NAME), "ldap") {
        ldap.remove("userToDNMapping");
    }
    accepted(world, request)
}
