//! Trying out an LDAP server: a request that is pending for a while and then ends.
//!
//! There is no LDAP server on this machine to be asked, so the name decides: a host in the reserved domain `.invalid`
//! (RFC 2606) cannot be reached, any other can. The specification calls a failure `FAIL`; Atlas says `FAILED`
//! (recorded). A second request of a project while one is pending ends in a 500 (seen by other clients).
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional, required};
use super::{errors, project, project_mut, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;

/// The name of the collection in paths.
const COLLECTION: &str = "userSecurity/ldap/verify";

const PENDING: &str = "PENDING";

/// Until a request has ended. Not measured: other clients poll for it every few seconds.
const UNTIL_DECIDED: Quantiles = Quantiles::new(2.0, 5.0, 15.0, 30.0, 60.0, 120.0);

const FIELDS: &[body::Field] = &[
    required("bindPassword", Shape::Text(usize::MAX)),
    required("bindUsername", Shape::Text(usize::MAX)),
    required("hostname", Shape::Text(usize::MAX)),
    required("port", Shape::Whole(1, 65_535)),
    optional("authzQueryTemplate", Shape::Text(usize::MAX)),
    optional("caCertificate", Shape::Text(usize::MAX)),
    optional("links", Shape::ReadOnly),
];

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/userSecurity/ldap/verify";
    const ONE: &str = "/groups/{groupId}/userSecurity/ldap/verify/{requestId}";
    vec![
        specified(Method::Post, ALL, sets::USER_SECURITY, create),
        specified(Method::Get, ONE, sets::USER_SECURITY, get),
    ]
}

fn shown(verification: &Document, request: &Request) -> Value {
    let id = body::text(verification, "requestId");
    let path = format!("/groups/{}/{COLLECTION}/{id}", request.param("groupId"));
    let mut document = verification.clone();
    document.insert("links".to_owned(), json!([request.self_link(&path)]));
    Value::Object(document)
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut sent = body::complete(&request.body, FIELDS)?;
    sent.remove("bindPassword");
    // The template comes back even when it is empty, the certificate only when it is not (recorded).
    if body::text(&sent, "caCertificate").is_empty() {
        sent.remove("caCertificate");
    }
    let group = request.param("groupId");
    let project = project(world, request)?;
    if project.deployment_names().next().is_none() {
        return Err(errors::nothing_to_verify_ldap_with(group));
    }
    if project.ldap_verifications.iter().any(|other| body::text(other, "status") == PENDING) {
        return Err(errors::unexpected());
    }
    let id = world.chance.identifier(world.now);
    let verification = Document::from_iter([
        ("groupId".to_owned(), group.into()),
        ("request".to_owned(), Value::Object(sent)),
        ("requestId".to_owned(), id.clone().into()),
        ("status".to_owned(), PENDING.into()),
        ("validations".to_owned(), json!([])),
    ]);
    let answer = shown(&verification, request);
    let subject = Subject::new(group, COLLECTION, &id);
    project_mut(world, request)?.ldap_verifications.push(verification);
    let delay = world.chance.duration(&UNTIL_DECIDED);
    world.after(delay, subject, "ends", end);
    Ok(Reply::document(200, answer))
}

fn end(world: &mut World, subject: &Subject) {
    let verifications = world.project_mut(&subject.group).map(|project| &mut project.ldap_verifications);
    let mut verifications = verifications.into_iter().flatten();
    let Some(verification) = verifications.find(|other| body::text(other, "requestId") == subject.name) else { return };
    let asked = verification.get("request").and_then(Value::as_object);
    let reachable = asked.is_some_and(|asked| !body::text(asked, "hostname").ends_with(".invalid"));
    let validation =
        |name: &str, good: bool| json!({"status": if good { "OK" } else { "FAIL" }, "validationType": name});
    // One that cannot be reached shows this alone (recorded).
    let validations = if reachable {
        ["SERVER_SPECIFIED", "CONNECT", "AUTHENTICATE"].map(|name| validation(name, true)).to_vec()
    } else {
        vec![validation("CONNECT", false)]
    };
    verification.insert("status".to_owned(), if reachable { "SUCCESS" } else { "FAILED" }.into());
    verification.insert("validations".to_owned(), validations.into());
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let id = request.param("requestId");
    let mut verifications = project(world, request)?.ldap_verifications.iter();
    let verification = verifications.find(|verification| body::text(verification, "requestId") == id);
    let verification = verification.ok_or_else(|| errors::ldap_verification_not_found(id, request.param("groupId")))?;
    Ok(Reply::document(200, shown(verification, request)))
}
