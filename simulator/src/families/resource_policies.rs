//! Resource policies of an organization: rules in the policy language Cedar about what its projects may hold.
//!
//! They come with ids that change at every update, and with an error of their own shape when there is none (both
//! recorded). What they forbid is refused where it would be written, with 403; see [`Rule`] for the texts that are
//! understood. What exists already stays.
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional, required};
use super::{errors, possessions, possessions_mut, sets};
use crate::api::{ApiError, Evidence, Method, Operation, Reply, Request, VersionDate};
use crate::auth::directory::hex;
use crate::world::World;

mod rule;

use rule::Rule;

const VERSIONS: &[VersionDate] = &[VersionDate::new("2024-08-05")];

const POLICIES: Shape =
    Shape::List(&Shape::Object(&[required("body", Shape::Text(usize::MAX)), optional("id", Shape::ReadOnly)]));

const FIELDS: &[body::Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required("policies", POLICIES),
    optional("description", Shape::Text(usize::MAX)),
    optional("createdByUser", Shape::ReadOnly),
    optional("createdDate", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("lastUpdatedByUser", Shape::ReadOnly),
    optional("lastUpdatedDate", Shape::ReadOnly),
    optional("orgId", Shape::ReadOnly),
    optional("version", Shape::ReadOnly),
];

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/orgs/{orgId}/resourcePolicies";
    const ONE: &str = "/orgs/{orgId}/resourcePolicies/{resourcePolicyId}";
    let operation = |method, path, handler| Operation {
        method,
        path,
        versions: VERSIONS,
        set: sets::RESOURCE_POLICIES,
        evidence: Evidence::Recorded,
        handler,
    };
    vec![
        operation(Method::Get, ALL, list),
        operation(Method::Post, ALL, create),
        operation(Method::Post, "/orgs/{orgId}/resourcePolicies:validate", validate),
        operation(Method::Get, ONE, get),
        operation(Method::Patch, ONE, update),
        operation(Method::Delete, ONE, delete),
    ]
}

/// The identifier of a policy.
pub fn id(policy: &Document) -> &str {
    body::text(policy, "id")
}

/// Refuses a body that places a cluster where a policy of the project's organization forbids it. Only what the body
/// says is judged: a change that does not mention regions passes, wherever the cluster is.
///
/// # Errors
/// 403 `ATLAS_RESOURCE_POLICIES_VIOLATION_NOT_AUTHORIZED`.
pub fn check(world: &World, request: &Request) -> Result<(), ApiError> {
    let organization = world.organization_of(request.param("groupId")).unwrap_or_default();
    let policies = world.possessions(organization).map(|own| own.resource_policies.as_slice()).unwrap_or_default();
    let mut rules = policies
        .iter()
        .flat_map(|policy| body::documents(policy, "policies"))
        .filter_map(|policy| Rule::read(body::text(policy, "body")));
    if rules.any(|rule| rule.forbids(&request.body)) { Err(errors::resource_policy_violated()) } else { Ok(()) }
}

/// Recorded: an error in a shape that no other family has.
fn not_found(id: &str) -> Reply {
    Reply::document(
        404,
        json!({
            "errorCode": "RESOURCE_POLICY_NOT_FOUND",
            "message": format!("Resource Policy with id \"{id}\" not found"),
            "status": "ERROR",
            "version": "1",
        }),
    )
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let policies = &possessions(world, request)?.resource_policies;
    Ok(Reply::array(200, policies.iter().cloned().map(Value::Object).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("resourcePolicyId");
    let policy = possessions(world, request)?.resource_policies.iter().find(|policy| id(policy) == asked);
    Ok(policy.map_or_else(|| not_found(asked), |policy| Reply::document(200, Value::Object(policy.clone()))))
}

/// Who did it: the key of the caller, and an id that is always the same for it.
fn author(request: &Request) -> Value {
    let digest = hex(&Md5::digest(request.user.as_bytes()));
    json!({"id": digest.get(..24), "name": request.user})
}

/// Writes what was sent into a policy and marks who did so when. The texts get new ids (recorded).
fn write(world: &mut World, request: &Request, mut policy: Document, mut sent: Document) -> Document {
    for text in sent.get_mut("policies").and_then(Value::as_array_mut).into_iter().flatten() {
        text["id"] = world.chance.identifier(world.now).into();
    }
    policy.extend(sent);
    policy.insert("lastUpdatedByUser".to_owned(), author(request));
    policy.insert("lastUpdatedDate".to_owned(), body::moment(world.now));
    policy
}

/// A policy that is not yet kept.
fn build(world: &mut World, request: &Request) -> Result<Document, ApiError> {
    let sent = body::complete(&request.body, FIELDS)?;
    let policy = Document::from_iter([
        ("createdByUser".to_owned(), author(request)),
        ("createdDate".to_owned(), body::moment(world.now)),
        ("id".to_owned(), world.chance.identifier(world.now).into()),
        ("orgId".to_owned(), request.param("orgId").into()),
        ("version".to_owned(), "v1".into()),
    ]);
    Ok(write(world, request, policy, sent))
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let policy = build(world, request)?;
    let name = body::text(&policy, "name");
    if possessions(world, request)?.resource_policies.iter().any(|other| body::text(other, "name") == name) {
        return Err(errors::duplicate_policy_name());
    }
    possessions_mut(world, request)?.resource_policies.push(policy.clone());
    Ok(Reply::document(201, Value::Object(policy)))
}

/// Answers as a creation would, with ids that lead nowhere, also for a policy that is there already (recorded).
fn validate(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, Value::Object(build(world, request)?)))
}

fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, FIELDS)?;
    let asked = request.param("resourcePolicyId");
    let policies = &possessions(world, request)?.resource_policies;
    let name = body::text(&sent, "name");
    if !name.is_empty() && policies.iter().any(|other| body::text(other, "name") == name && id(other) != asked) {
        return Err(errors::duplicate_policy_name());
    }
    let Some(position) = policies.iter().position(|policy| id(policy) == asked) else { return Ok(not_found(asked)) };
    let current = policies[position].clone();
    let policy = write(world, request, current, sent);
    possessions_mut(world, request)?.resource_policies[position].clone_from(&policy);
    Ok(Reply::document(200, Value::Object(policy)))
}

fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("resourcePolicyId");
    let policies = &mut possessions_mut(world, request)?.resource_policies;
    let before = policies.len();
    policies.retain(|policy| id(policy) != asked);
    Ok(if policies.len() == before { not_found(asked) } else { Reply::braces(200) })
}
