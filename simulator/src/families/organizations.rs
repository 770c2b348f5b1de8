//! Organizations, read only: they are given when the simulator starts. A credential sees its own.
use serde_json::{Value, json};

use super::{errors, recorded, sets};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::{Organization, World};

pub fn operations() -> Vec<Operation> {
    vec![
        recorded(Method::Get, "/orgs", sets::ORGANIZATION_LIST, list),
        recorded(Method::Get, "/orgs/{orgId}", sets::ORGANIZATION, get),
    ]
}

/// An organization with one link in a list and four on its own.
fn shown(organization: &Organization, request: &Request, alone: bool) -> Value {
    let path = format!("/orgs/{}", organization.id);
    let related: &[&str] = if alone { &["groups", "teams", "users"] } else { &[] };
    let related = related
        .iter()
        .map(|name| json!({"href": request.href(&format!("{path}/{name}")), "rel": format!("https://cloud.mongodb.com/{name}")}));
    json!({
        "id": organization.id,
        "isDeleted": false,
        "links": std::iter::once(request.self_link(&path)).chain(related).collect::<Vec<_>>(),
        "name": organization.name,
        "skipDefaultAlertsSettings": false,
    })
}

/// `name` keeps the organizations whose name begins so; an empty one keeps all (recorded).
#[expect(clippy::unnecessary_wraps, reason = "the signature of every handler")]
fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let prefix = request.query.get("name").map_or("", String::as_str);
    let own = world.organizations().iter().filter(|organization| organization.id == request.org_id);
    let named = own.filter(|organization| organization.name.starts_with(prefix));
    Ok(Reply::page(200, named.map(|organization| shown(organization, request, false)).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let id = request.param("orgId");
    match world.organizations().iter().find(|organization| organization.id == id) {
        None => Err(errors::organization_not_found(id)),
        Some(organization) if organization.id != request.org_id => Err(errors::user_cannot_access_organization()),
        Some(organization) => Ok(Reply::document(200, shown(organization, request, true))),
    }
}
