//! Whether clusters on AWS get host names that a private DNS can resolve. A change answers 202 and shows at once
//! (recorded).
use serde_json::{Value, json};

use super::body::{self, Document, Shape, required};
use super::{project, project_mut, recorded, sets};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;

/// The last segment of its path.
pub const NAME: &str = "awsCustomDNS";

const FIELDS: &[body::Field] = &[required("enabled", Shape::Flag)];

pub fn operations() -> Vec<Operation> {
    const PATH: &str = "/groups/{groupId}/awsCustomDNS";
    vec![recorded(Method::Get, PATH, sets::CUSTOM_DNS, get), recorded(Method::Patch, PATH, sets::CUSTOM_DNS, update)]
}

/// Off in a new project (specification).
pub fn defaults() -> Document {
    Document::from_iter([("enabled".to_owned(), json!(false))])
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, Value::Object(project(world, request)?.singleton(NAME))))
}

fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, FIELDS)?;
    project_mut(world, request)?.singleton_mut(NAME).extend(sent);
    get(world, request).map(|reply| Reply { status: 202, ..reply })
}
