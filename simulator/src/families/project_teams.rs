//! Teams in a project, each with its roles there. Roles come back in an order of their own.
//!
//! What adds teams answers all teams of the project; what changes one answers a list, too (both recorded).
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional, required};
use super::{errors, order, project, project_mut, recorded, sets, specified, teams};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;

/// Most teams of one project (specification).
const MOST_TEAMS: usize = 100;

/// What the names of roles in a project begin with. The specification has no list of them.
const PROJECT_ROLE: &str = "GROUP_";

const ROLES: Shape = Shape::List(&Shape::Text(usize::MAX));

const ASSIGNMENT: &[body::Field] =
    &[required("roleNames", ROLES), required("teamId", Shape::Text(24)), optional("links", Shape::ReadOnly)];

/// The path says which team it is, so a body need not (assumed).
const UPDATE: &[body::Field] =
    &[required("roleNames", ROLES), optional("teamId", Shape::ReadOnly), optional("links", Shape::ReadOnly)];

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/teams";
    const ONE: &str = "/groups/{groupId}/teams/{teamId}";
    vec![
        recorded(Method::Get, ALL, sets::PROJECT_TEAMS, list),
        recorded(Method::Post, ALL, sets::PROJECT_TEAMS, add),
        specified(Method::Get, ONE, sets::PROJECT_TEAMS, get),
        recorded(Method::Patch, ONE, sets::PROJECT_TEAMS, update),
        recorded(Method::Delete, ONE, sets::PROJECT_TEAMS, remove),
    ]
}

/// The identifier of an assigned team.
pub fn id(assignment: &Document) -> &str {
    body::text(assignment, "teamId")
}

fn shown(assignment: &Document, request: &Request) -> Value {
    let path = format!("/groups/{}/teams/{}", request.param("groupId"), id(assignment));
    let mut document = assignment.clone();
    order::unsteady(&mut document, "roleNames", request.now);
    document.insert("links".to_owned(), json!([request.self_link(&path)]));
    Value::Object(document)
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::page(200, project(world, request)?.teams.iter().map(|team| shown(team, request)).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("teamId");
    let team = project(world, request)?.teams.iter().find(|team| id(team) == asked);
    Ok(Reply::document(200, shown(team.ok_or_else(errors::team_not_in_group)?, request)))
}

fn check_roles(assignment: &Document, group: &str) -> Result<(), ApiError> {
    let mut roles = body::list(assignment, "roleNames").iter().filter_map(Value::as_str).peekable();
    if roles.peek().is_none() {
        return Err(errors::team_without_roles());
    }
    match roles.find(|role| !role.starts_with(PROJECT_ROLE)) {
        Some(role) => Err(errors::invalid_role_for_group(role, group)),
        None => Ok(()),
    }
}

fn add(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = request.body.as_array().ok_or_else(errors::invalid_json)?;
    let group = request.param("groupId");
    let new: Vec<Document> = sent.iter().map(|one| body::complete(one, ASSIGNMENT)).collect::<Result<_, _>>()?;
    let organization = world.organization_of(group).unwrap_or_default().to_owned();
    let known = world.possessions(&organization).map(|own| own.teams.as_slice()).unwrap_or_default();
    for assignment in &new {
        check_roles(assignment, group)?;
        if !known.iter().any(|team| teams::id(team) == id(assignment)) {
            return Err(errors::team_not_found(id(assignment)));
        }
    }
    let project = project_mut(world, request)?;
    let twice = |assignment: &&Document| project.teams.iter().any(|other| id(other) == id(assignment));
    if new.iter().any(|assignment| twice(&assignment)) {
        return Err(errors::team_exists_in_group());
    }
    if project.teams.len() + new.len() > MOST_TEAMS {
        return Err(errors::too_many_teams_in_group(group, MOST_TEAMS));
    }
    project.teams.extend(new);
    list(world, request)
}

fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, UPDATE)?;
    check_roles(&sent, request.param("groupId"))?;
    let asked = request.param("teamId");
    let mut teams = project_mut(world, request)?.teams.iter_mut();
    let team = teams.find(|team| id(team) == asked).ok_or_else(errors::team_not_in_group)?;
    team.extend(sent);
    Ok(Reply::page(200, vec![shown(team, request)]))
}

fn remove(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("teamId");
    let teams = &mut project_mut(world, request)?.teams;
    let before = teams.len();
    teams.retain(|team| id(team) != asked);
    if teams.len() == before { Err(errors::team_not_in_group()) } else { Ok(Reply::empty(204)) }
}
