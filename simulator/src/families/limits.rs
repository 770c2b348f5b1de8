//! The limits of a project. Each has a default; setting one overrides it, deleting it brings the default back.
//!
//! Names and numbers are those of the specification. Limits on clusters, users, roles and access list entries are
//! enforced by their families, the others by none. What Atlas answers to an unknown name or to a value out of bounds is
//! assumed.
use serde_json::{Value, json};

use super::body::{self, Shape, optional, required};
use super::{errors, project, project_mut, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::{Project, World};

/// A limit, its default and the bounds of what may be asked for. Where the specification gives none there is no limit
/// until it is set.
pub struct Limit {
    pub name: &'static str,
    default: Option<i64>,
    minimum: i64,
    maximum: Option<i64>,
    usage: fn(&Project) -> Option<usize>,
}

/// A limit with bounds whose use is counted.
const fn counted(name: &'static str, default: i64, maximum: i64, usage: fn(&Project) -> Option<usize>) -> Limit {
    Limit { name, default: Some(default), minimum: 0, maximum: Some(maximum), usage }
}

/// A limit on what the simulator does not have.
const fn uncounted(name: &'static str, default: Option<i64>, maximum: Option<i64>) -> Limit {
    Limit { name, default, minimum: 0, maximum, usage: |_| None }
}

/// Deployments of every kind.
pub const CLUSTERS: Limit =
    counted("atlas.project.deployment.clusters", 25, 100, |project| Some(project.deployment_names().count()));

pub const DATABASE_USERS: Limit =
    counted("atlas.project.security.databaseAccess.users", 100, 100, |project| Some(project.database_users.len()));

pub const CUSTOM_ROLES: Limit =
    counted("atlas.project.security.databaseAccess.customRoles", 100, 1400, |project| Some(project.custom_roles.len()));

/// The specification gives 20 as the highest value that may be asked for, below the default; taken as a misprint.
pub const ACCESS_LIST_ENTRIES: Limit =
    counted("atlas.project.security.networkAccess.entries", 200, 200, |project| Some(project.access_list.len()));

/// The size of a network rather than a number of things, with a lower bound of its own.
const SUBNET_MASK: Limit = Limit {
    minimum: 20,
    ..uncounted("atlas.project.deployment.privateServiceConnectionsSubnetMask", Some(27), Some(27))
};

const ALL: &[Limit] = &[
    CLUSTERS,
    uncounted("atlas.project.deployment.nodesPerPrivateLinkRegion", Some(50), Some(90)),
    uncounted("atlas.project.deployment.privateServiceConnectionsPerRegionGroup", Some(50), Some(100)),
    SUBNET_MASK,
    uncounted("atlas.project.deployment.serverlessMTMs", None, None),
    CUSTOM_ROLES,
    DATABASE_USERS,
    uncounted("atlas.project.security.networkAccess.crossRegionEntries", Some(40), Some(220)),
    ACCESS_LIST_ENTRIES,
    uncounted("dataFederation.bytesProcessed.query", None, None),
    uncounted("dataFederation.bytesProcessed.daily", None, None),
    uncounted("dataFederation.bytesProcessed.weekly", None, None),
    uncounted("dataFederation.bytesProcessed.monthly", None, None),
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
    /// What holds in a project now, if anything does.
    fn value(&self, project: &Project) -> Option<i64> {
        project.limits.get(self.name).copied().or(self.default)
    }

    /// The value that would be exceeded if so many were added.
    pub fn exceeded_by(&self, project: &Project, added: usize) -> Option<i64> {
        let limit = self.value(project)?;
        let wanted = (self.usage)(project)? + added;
        let fits = i64::try_from(wanted).is_ok_and(|wanted| wanted <= limit);
        (!fits).then_some(limit)
    }

    fn allows(&self, value: i64) -> bool {
        value >= self.minimum && self.maximum.is_none_or(|maximum| value <= maximum)
    }

    /// Without a value there is nothing to show.
    fn shown(&self, project: &Project) -> Option<Value> {
        let mut shown = json!({"name": self.name, "value": self.value(project)?});
        let usage = (self.usage)(project).and_then(|usage| i64::try_from(usage).ok());
        let numbers = [("currentUsage", usage), ("defaultLimit", self.default), ("maximumLimit", self.maximum)];
        for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            shown[name] = number.into();
        }
        Some(shown)
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
    ALL.iter().filter_map(|limit| limit.shown(project)).collect()
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
    let limit = limit(request)?;
    let shown = limit.shown(project(world, request)?);
    let path = || format!("/api/atlas/v2/groups/{}/limits/{}", request.param("groupId"), limit.name);
    Ok(Reply::document(200, shown.ok_or_else(|| errors::resource_not_found(&path()))?))
}

fn set(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let limit = limit(request)?;
    let sent = body::complete(&request.body, FIELDS)?;
    let value = body::whole(&sent, "value").filter(|value| limit.allows(*value));
    let value = value.ok_or_else(|| errors::invalid_attribute("value"))?;
    project_mut(world, request)?.limits.insert(limit.name.to_owned(), value);
    get(world, request)
}

fn reset(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let limit = limit(request)?;
    project_mut(world, request)?.limits.remove(limit.name);
    Ok(Reply::empty(204))
}
