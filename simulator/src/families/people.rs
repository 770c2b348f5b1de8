//! The people of an organization, read only. Every organization has the same three: an owner, who also owns every
//! project, a member, and somebody who may read. They can be put into teams by name, and a team gives them its roles in
//! a project where it has any.
use serde_json::{Value, json};

use super::body::{self, Document};
use super::{possessions, project, project_teams, sets, teams};
use crate::api::{ApiError, EndpointSet, Evidence, Method, Operation, Reply, Request, VersionDate};
use crate::auth::directory::{derive, hex};
use crate::world::World;

struct Person {
    username: &'static str,
    first_name: &'static str,
    last_name: &'static str,
    organization_role: &'static str,
}

const OWNER: Person =
    Person { username: "owner@example.com", first_name: "Olga", last_name: "Owner", organization_role: "ORG_OWNER" };

const PEOPLE: [Person; 3] = [
    OWNER,
    Person {
        username: "member@example.com",
        first_name: "Miguel",
        last_name: "Member",
        organization_role: "ORG_MEMBER",
    },
    Person {
        username: "reader@example.com",
        first_name: "Rana",
        last_name: "Reader",
        organization_role: "ORG_READ_ONLY",
    },
];

/// Roles of the organization with which somebody has access to every project.
const IMPLICIT: [&str; 2] = ["ORG_OWNER", "ORG_READ_ONLY"];

/// All have the one state, since nobody can be invited.
const ACTIVE: &str = "ACTIVE";

pub fn operations() -> Vec<Operation> {
    const VERSIONS: &[VersionDate] = &[VersionDate::new("2025-02-19")];
    let operation = |path, set: EndpointSet, handler| Operation {
        method: Method::Get,
        path,
        versions: VERSIONS,
        set,
        evidence: Evidence::Recorded,
        handler,
    };
    vec![
        operation("/orgs/{orgId}/users", sets::ORGANIZATION, of_organization),
        operation("/groups/{groupId}/users", sets::PROJECT, of_project),
    ]
}

impl Person {
    /// What both lists show.
    fn shown(&self, organization: &str, roles: Value) -> Document {
        let id = hex(&derive(0, &["person", organization, self.username]));
        Document::from_iter([
            ("country".to_owned(), json!("IE")),
            ("createdAt".to_owned(), json!("2020-02-18T10:58:47Z")),
            ("firstName".to_owned(), self.first_name.into()),
            ("id".to_owned(), id.get(..24).into()),
            ("lastAuth".to_owned(), json!("2026-08-08T18:15:51Z")),
            ("lastName".to_owned(), self.last_name.into()),
            ("mobileNumber".to_owned(), Value::Null),
            ("orgMembershipStatus".to_owned(), ACTIVE.into()),
            ("roles".to_owned(), roles),
            ("username".to_owned(), self.username.into()),
        ])
    }

    fn is_owner(&self) -> bool {
        self.username == OWNER.username
    }

    fn is_in(&self, team: &Document) -> bool {
        body::list(team, "usernames").iter().any(|name| name == self.username)
    }
}

/// Those whom the query asks for: by name, and by state as one or as a list.
fn asked(request: &Request) -> impl Iterator<Item = &'static Person> {
    let query = |name: &str| request.query.get(name);
    let state = |name: &str| query(name).is_none_or(|states| states.split(',').any(|state| state == ACTIVE));
    let any = state("orgMembershipStatus") && state("orgMembershipStatuses");
    let username = query("username").cloned();
    PEOPLE.iter().filter(move |person| any && username.as_ref().is_none_or(|name| name == person.username))
}

fn of_organization(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let organization = request.param("orgId");
    let known = &possessions(world, request)?.teams;
    let of_organization = |group: &&crate::world::Project| body::text(&group.document, "orgId") == organization;
    let owned: Vec<Value> = world
        .projects()
        .filter(of_organization)
        .map(|group| json!({"groupId": body::text(&group.document, "id"), "groupRoles": ["GROUP_OWNER"]}))
        .collect();
    let shown = |person: &Person| {
        let assignments: &[Value] = if person.is_owner() { &owned } else { &[] };
        let roles = json!({"groupRoleAssignments": assignments, "orgRoles": [person.organization_role]});
        let mut document = person.shown(organization, roles);
        let own = known.iter().filter(|team| person.is_in(team)).map(teams::id);
        document.insert("teamIds".to_owned(), own.collect());
        Value::Object(document)
    };
    Ok(Reply::page(200, asked(request).map(shown).collect()))
}

/// Whoever has a role in the project. `flattenTeams` adds those who have one through a team, `includeOrgUsers` those whose
/// role in the organization gives access.
fn of_project(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let flag = |name: &str| request.query.get(name).is_some_and(|value| value == "true");
    let (through_teams, implicit) = (flag("flattenTeams"), flag("includeOrgUsers"));
    let project = project(world, request)?;
    let organization = body::text(&project.document, "orgId");
    let known = world.possessions(organization).map(|own| own.teams.as_slice()).unwrap_or_default();
    let roles = |person: &Person| {
        let mut roles: Vec<Value> = if person.is_owner() { vec!["GROUP_OWNER".into()] } else { Vec::new() };
        let assigned = project.teams.iter().filter(|assigned| {
            let mut own = known.iter().filter(|team| person.is_in(team));
            through_teams && own.any(|team| teams::id(team) == project_teams::id(assigned))
        });
        for role in assigned.flat_map(|assigned| body::list(assigned, "roleNames")) {
            if !roles.contains(role) {
                roles.push(role.clone());
            }
        }
        roles
    };
    let shown = |person: &Person| {
        let roles = roles(person);
        let belongs = !roles.is_empty() || implicit && IMPLICIT.contains(&person.organization_role);
        belongs.then(|| Value::Object(person.shown(organization, roles.into())))
    };
    Ok(Reply::page(200, asked(request).filter_map(shown).collect()))
}
