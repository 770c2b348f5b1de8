//! Teams of an organization: names for groups of people, to which projects give roles.
//!
//! Who is in a team is told once, by the answer to its creation (recorded); people are not simulated otherwise, so any
//! name will do. A team that some project has cannot be deleted.
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional, required};
use super::{errors, possessions, possessions_mut, project_teams, recorded, sets};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;

/// Most teams of one organization (specification).
const MOST_TEAMS: usize = 250;

const CREATION: &[body::Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required("usernames", Shape::List(&Shape::Text(usize::MAX))),
    optional("id", Shape::ReadOnly),
    optional("links", Shape::ReadOnly),
];

const UPDATE: &[body::Field] = &[required("name", Shape::Text(usize::MAX)), optional("links", Shape::ReadOnly)];

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/orgs/{orgId}/teams";
    const ONE: &str = "/orgs/{orgId}/teams/{teamId}";
    const BY_NAME: &str = "/orgs/{orgId}/teams/byName/{teamName}";
    vec![
        recorded(Method::Get, ALL, sets::TEAMS, list),
        recorded(Method::Post, ALL, sets::TEAMS, create),
        recorded(Method::Get, BY_NAME, sets::TEAMS, get_by_name),
        recorded(Method::Get, ONE, sets::TEAMS, get),
        recorded(Method::Patch, ONE, sets::TEAMS, rename),
        recorded(Method::Delete, ONE, sets::TEAMS, delete),
    ]
}

/// The identifier of a team.
pub fn id(team: &Document) -> &str {
    body::text(team, "id")
}

fn shown(team: &Document, request: &Request) -> Value {
    let mut document = team.clone();
    document.remove("usernames");
    let path = format!("/orgs/{}/teams/{}", request.param("orgId"), id(team));
    document.insert("links".to_owned(), json!([request.self_link(&path)]));
    Value::Object(document)
}

fn named<'a>(teams: &'a [Document], name: &str) -> Option<&'a Document> {
    teams.iter().find(|team| body::text(team, "name") == name)
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::page(200, possessions(world, request)?.teams.iter().map(|team| shown(team, request)).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("teamId");
    let team = possessions(world, request)?.teams.iter().find(|team| id(team) == asked);
    Ok(Reply::document(200, shown(team.ok_or_else(|| errors::team_not_found(asked))?, request)))
}

fn get_by_name(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("teamName");
    let team = named(&possessions(world, request)?.teams, asked);
    Ok(Reply::document(200, shown(team.ok_or_else(|| errors::team_name_not_found(asked))?, request)))
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut team = body::complete(&request.body, CREATION)?;
    let (name, organization) = (body::text(&team, "name"), request.param("orgId"));
    if name.is_empty() {
        return Err(errors::invalid_team_name(name));
    }
    let teams = &possessions(world, request)?.teams;
    if named(teams, name).is_some() {
        return Err(errors::team_name_taken(name, organization));
    }
    if teams.len() >= MOST_TEAMS {
        return Err(errors::too_many_teams(organization, MOST_TEAMS));
    }
    let new = world.chance.identifier(world.now);
    team.insert("id".to_owned(), new.clone().into());
    let mut answer = shown(&team, request);
    answer["usernames"] = team.get("usernames").cloned().unwrap_or_default();
    possessions_mut(world, request)?.teams.push(team);
    // Without the base path, as recorded.
    let location = format!("{}/orgs/{organization}/teams/{new}", request.host);
    Ok(Reply::document(201, answer).header("location", location))
}

fn rename(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, UPDATE)?;
    let (name, asked) = (body::text(&sent, "name"), request.param("teamId"));
    if name.is_empty() {
        return Err(errors::invalid_team_name(name));
    }
    if named(&possessions(world, request)?.teams, name).is_some_and(|other| id(other) != asked) {
        return Err(errors::team_name_taken(name, request.param("orgId")));
    }
    let mut teams = possessions_mut(world, request)?.teams.iter_mut();
    let team = teams.find(|team| id(team) == asked).ok_or_else(|| errors::team_not_found(asked))?;
    team.insert("name".to_owned(), name.into());
    Ok(Reply::document(200, shown(team, request)))
}

fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("teamId");
    if !possessions(world, request)?.teams.iter().any(|team| id(team) == asked) {
        return Err(errors::team_not_found(asked));
    }
    if world.projects().flat_map(|project| &project.teams).any(|team| project_teams::id(team) == asked) {
        return Err(errors::team_is_assigned());
    }
    possessions_mut(world, request)?.teams.retain(|team| id(team) != asked);
    Ok(Reply::empty(204))
}
