//! Auditing: whether a project's clusters write an audit log, and of what.
//!
//! The filter is a JSON document in a text, and comes back letter by letter as it was written. The answer to a change
//! is a 202, yet the next GET shows it (recorded).
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional};
use super::{errors, project, project_mut, recorded, sets};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;

/// The last segment of its path.
pub const NAME: &str = "auditLog";

const FIELDS: &[body::Field] = &[
    optional("auditAuthorizationSuccess", Shape::Flag),
    optional("auditFilter", Shape::Text(usize::MAX)),
    optional("configurationType", Shape::ReadOnly),
    optional("enabled", Shape::Flag),
];

pub fn operations() -> Vec<Operation> {
    const PATH: &str = "/groups/{groupId}/auditLog";
    vec![recorded(Method::Get, PATH, sets::AUDITING, get), recorded(Method::Patch, PATH, sets::AUDITING, update)]
}

/// Nothing is audited in a new project (recorded).
pub fn defaults() -> Document {
    Document::from_iter([
        ("auditAuthorizationSuccess".to_owned(), json!(false)),
        ("configurationType".to_owned(), json!("NONE")),
        ("enabled".to_owned(), json!(false)),
    ])
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, Value::Object(project(world, request)?.singleton(NAME))))
}

/// A filter that comes through the API is a `FILTER_JSON`; `FILTER_BUILDER` is one that was put together in the
/// console, where the simulator has none. How Atlas refuses a filter that is no JSON is assumed.
fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, FIELDS)?;
    let filter = body::text(&sent, "auditFilter");
    if !filter.is_empty() && !serde_json::from_str(filter).is_ok_and(|filter: Value| filter.is_object()) {
        return Err(errors::invalid_attribute("auditFilter"));
    }
    let current = project_mut(world, request)?.singleton_mut(NAME);
    current.extend(sent);
    let kind = if body::text(current, "auditFilter").is_empty() { "NONE" } else { "FILTER_JSON" };
    current.insert("configurationType".to_owned(), kind.into());
    Ok(Reply::document(202, Value::Object(current.clone())))
}
