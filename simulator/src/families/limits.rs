//! The limits of a project. Each has a default; setting one overrides it, deleting it brings the default back.
//!
//! Names and numbers are those of the specification. Limits on users, roles and access list entries are enforced by
//! their families; the limit on clusters is not, because how Atlas refuses one too many is not known. What Atlas answers to an unknown name or to a value above the maximum is assumed.
use serde_json::{Value, json};

use super::body::{self, Shape, optional, required};
use super::{errors, project, project_mut, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::{Project, World};

/// A limit, its default and the highest value that may be asked for.
pub struct Limit {
    pub name: &'static str,
    default: i64,
    maximum: i64,
    usage: fn(&Project) -> Option<usize>,
}

pub const DATABASE_USERS: Limit = Limit {
    name: "atlas.project.security.databaseAccess.users",
    default: 100,
    maximum: 100,
    usage: |project| Some(project.database_users.len()),
};

pub const CUSTOM_ROLES: Limit = Limit {
    name: "atlas.project.security.databaseAccess.customRoles",
    default: 100,
    maximum: 1400,
    usage: |project| Some(project.custom_roles.len()),
};

/// The specification gives 20 as the highest value that may be asked for, below the default; taken as a misprint.
pub const ACCESS_LIST_ENTRIES: Limit = Limit {
    name: "atlas.project.security.networkAccess.entries",
    default: 200,
    maximum: 200,
    usage: |project| Some(project.access_list.len()),
};

const ALL: &[Limit] = &[
    Limit {
        name: "atlas.project.deployment.clusters",
        default: 25,
        maximum: 100,
        usage: |project| Some(project.deployment_names().count()),
    },
    Limit { name: "atlas.project.deployment.nodesPerPrivateLinkRegion", default: 50, maximum: 90, usage: |_| None },
    Limit {
        name: "atlas.project.deployment.privateServiceConnectionsPerRegionGroup",
        default: 50,
        maximum: 100,
        usage: |_| None,
    },
    Limit {
        name: "atlas.project.deployment.privateServiceConnectionsSubnetMask",
        default: 27,
        maximum: 27,
        usage: |_| None,
    },
    CUSTOM_ROLES,
    DATABASE_USERS,
    Limit {
        name: "atlas.project.security.networkAccess.crossRegionEntries",
        default: 40,
        maximum: 220,
        usage: |_| None,
    },
    ACCESS_LIST_ENTRIES,
];

const FIELDS: &[body::Field] = &[
    required("value", Shape::Whole(0, i64::MAX)),
    optional("name", Shape::ReadOnly),
    optional("currentUsage", Shape::ReadOnly),
    optional("defaultLimit", Shape::ReadOnly),
    optional("maximumLimit", Shape::ReadOnly),
    optional("links", Shape::ReadOnly),
];

impl Limit {
    /// What holds in a project now.
    pub fn value(&self, project: &Project) -> i64 {
        project.limits.get(self.name).copied().unwrap_or(self.default)
    }

    fn shown(&self, project: &Project) -> Value {
        let mut shown = json!({
            "defaultLimit": self.default,
            "maximumLimit": self.maximum,
            "name": self.name,
            "value": self.value(project),
        });
        if let Some(usage) = (self.usage)(project) {
            shown["currentUsage"] = usage.into();
        }
        shown
    }
}

pub fn operations() -> Vec<Operation> {
    const ONE: &str = "/groups/{groupId}/limits/{limitName}";
    vec![
        specified(Method::Get, "/groups/{groupId}/limits", sets::PROJECT, list),
        specified(Method::Get, ONE, sets::PROJECT, get),
        specified(Method::Patch, ONE, sets::PROJECT, set),
        specified(Method::Delete, ONE, sets::PROJECT, reset),
    ]
}

/// All limits of a project.
pub fn current(project: &Project) -> Vec<Value> {
    ALL.iter().map(|limit| limit.shown(project)).collect()
}

/// Whether there is a limit of this name.
pub fn exists(name: &str) -> bool {
    ALL.iter().any(|limit| limit.name == name)
}

fn limit(request: &Request) -> Result<&'static Limit, ApiError> {
    let name = request.param("limitName");
    ALL.iter().find(|limit| limit.name == name).ok_or_else(|| errors::invalid_enum_value(name))
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::array(200, current(project(world, request)?)))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, limit(request)?.shown(project(world, request)?)))
}

fn set(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let limit = limit(request)?;
    let sent = body::complete(&request.body, FIELDS)?;
    let value = body::whole(&sent, "value").filter(|value| *value <= limit.maximum);
    let value = value.ok_or_else(|| errors::invalid_attribute("value"))?;
    let project = project_mut(world, request)?;
    project.limits.insert(limit.name.to_owned(), value);
    Ok(Reply::document(200, limit.shown(project)))
}

fn reset(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let limit = limit(request)?;
    project_mut(world, request)?.limits.remove(limit.name);
    Ok(Reply::empty(204))
}
