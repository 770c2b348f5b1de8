//! Custom database roles, known by name. They live on `admin`.
//!
//! The list is a bare array. What comes back is not what was sent: resources of one action are gathered under it, an
//! empty collection disappears, and the order is another one now and then, on every level.
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional, required};
use super::{errors, limits, order, project, project_mut, recorded, sets};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::{Project, World};

/// Roles that exist on every database (MongoDB manual).
const BUILT_IN_ANYWHERE: [&str; 6] = ["read", "readWrite", "dbAdmin", "dbOwner", "userAdmin", "enableSharding"];

/// Roles that exist on `admin` only (MongoDB manual; `atlasAdmin` and `backup` as Atlas defines them).
const BUILT_IN_ON_ADMIN: [&str; 10] = [
    "atlasAdmin",
    "backup",
    "clusterMonitor",
    "clusterManager",
    "clusterAdmin",
    "hostManager",
    "dbAdminAnyDatabase",
    "readAnyDatabase",
    "readWriteAnyDatabase",
    "restore",
];

/// What an action may apply to: the whole cluster, or a database and perhaps a collection of it. The specification
/// demands all three fields; Atlas takes and shows either kind alone (recorded).
const RESOURCES: Shape = Shape::List(&Shape::Object(&[
    optional("cluster", Shape::Flag),
    optional("collection", Shape::Text(usize::MAX)),
    optional("db", Shape::Text(usize::MAX)),
]));

const ACTIONS: Shape =
    Shape::List(&Shape::Object(&[required("action", Shape::Choice(ACTION_NAMES)), required("resources", RESOURCES)]));

const INHERITED: Shape =
    Shape::List(&Shape::Object(&[required("db", Shape::Text(usize::MAX)), required("role", Shape::Text(usize::MAX))]));

const FIELDS: &[body::Field] = &[
    required("roleName", Shape::Text(usize::MAX)),
    optional("actions", ACTIONS),
    optional("inheritedRoles", INHERITED),
];

const UPDATE: &[body::Field] =
    &[optional("actions", ACTIONS), optional("inheritedRoles", INHERITED), optional("roleName", Shape::ReadOnly)];

/// Every action that the specification lists.
#[rustfmt::skip]
const ACTION_NAMES: &[&str] = &[
    "FIND", "INSERT", "REMOVE", "UPDATE", "BYPASS_DOCUMENT_VALIDATION", "USE_UUID", "KILL_OP",
    "BYPASS_DEFAULT_MAX_TIME_MS", "CREATE_COLLECTION", "CREATE_INDEX", "DROP_COLLECTION", "ENABLE_PROFILER",
    "KILL_ANY_CURSOR", "ANALYZE", "CHANGE_STREAM", "COLL_MOD", "COMPACT", "CONVERT_TO_CAPPED", "DROP_DATABASE",
    "DROP_INDEX", "RE_INDEX", "RENAME_COLLECTION_SAME_DB", "SET_USER_WRITE_BLOCK", "BYPASS_USER_WRITE_BLOCK",
    "LIST_SESSIONS", "KILL_ANY_SESSION", "COLL_STATS", "CONN_POOL_STATS", "DB_HASH", "DB_STATS", "GET_CMD_LINE_OPTS",
    "GET_LOG", "GET_PARAMETER", "GET_SHARD_MAP", "HOST_INFO", "IN_PROG", "LIST_DATABASES", "LIST_COLLECTIONS",
    "LIST_INDEXES", "LIST_SHARDS", "NET_STAT", "REPL_SET_GET_CONFIG", "REPL_SET_GET_STATUS", "SERVER_STATUS",
    "VALIDATE", "SHARDING_STATE", "TOP", "SQL_GET_SCHEMA", "SQL_SET_SCHEMA", "VIEW_ALL_HISTORY", "OUT_TO_S3",
    "OUT_TO_AZURE", "OUT_TO_GCS", "STORAGE_GET_CONFIG", "STORAGE_SET_CONFIG", "FLUSH_ROUTER_CONFIG",
    "ENABLE_SHARDING", "CHECK_METADATA_CONSISTENCY", "MOVE_CHUNK", "SPLIT_CHUNK", "ANALYZE_SHARD_KEY",
    "REFINE_COLLECTION_SHARD_KEY", "CLEAR_JUMBO_FLAG", "RESHARD_COLLECTION", "SHARDED_DATA_DISTRIBUTION",
    "GET_STREAM_PROCESSOR", "CREATE_STREAM_PROCESSOR", "PROCESS_STREAM_PROCESSOR", "MODIFY_STREAM_PROCESSOR",
    "START_STREAM_PROCESSOR", "STOP_STREAM_PROCESSOR", "DROP_STREAM_PROCESSOR", "SAMPLE_STREAM_PROCESSOR",
    "LIST_STREAM_PROCESSORS", "LIST_CONNECTIONS", "STREAM_PROCESSOR_STATS", "CREATE_SEARCH_INDEX",
    "DROP_SEARCH_INDEX", "LIST_SEARCH_INDEXES", "UPDATE_SEARCH_INDEX",
];

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/customDBRoles/roles";
    const ONE: &str = "/groups/{groupId}/customDBRoles/roles/{roleName}";
    vec![
        recorded(Method::Get, ALL, sets::CUSTOM_ROLES, list),
        recorded(Method::Post, ALL, sets::CUSTOM_ROLES, create),
        recorded(Method::Get, ONE, sets::CUSTOM_ROLES, get),
        recorded(Method::Patch, ONE, sets::CUSTOM_ROLES, update),
        recorded(Method::Delete, ONE, sets::CUSTOM_ROLES, delete),
    ]
}

/// Whether a role that a user or another role names exists: built in, or custom and on `admin`.
pub fn check_reference(project: &Project, role: &str, database: &str) -> Result<(), ApiError> {
    if BUILT_IN_ANYWHERE.contains(&role) {
        return Ok(());
    }
    if BUILT_IN_ON_ADMIN.contains(&role) {
        return if database == "admin" { Ok(()) } else { Err(errors::role_only_on_database(role, "admin")) };
    }
    let custom = project.custom_roles.iter().any(|known| name(known) == role);
    if custom && database == "admin" { Ok(()) } else { Err(errors::invalid_role(role, database)) }
}

pub fn name(role: &Document) -> &str {
    body::text(role, "roleName")
}

fn shown(role: &Document, request: &Request) -> Value {
    let mut document = role.clone();
    for list in ["actions", "inheritedRoles"] {
        order::unsteady(&mut document, list, request.now);
    }
    let actions = document.get_mut("actions").and_then(Value::as_array_mut).into_iter().flatten();
    for action in actions.filter_map(Value::as_object_mut) {
        order::unsteady(action, "resources", request.now);
    }
    Value::Object(document)
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let roles = &project(world, request)?.custom_roles;
    Ok(Reply::array(200, roles.iter().map(|role| shown(role, request)).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("roleName");
    let role = project(world, request)?.custom_roles.iter().find(|role| name(role) == asked);
    let role = role.ok_or_else(|| errors::custom_role_not_found(asked))?;
    Ok(Reply::document(200, shown(role, request)))
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut role = body::complete(&request.body, FIELDS)?;
    check_name(name(&role))?;
    let project = project_mut(world, request)?;
    if project.custom_roles.iter().any(|known| name(known) == name(&role)) {
        return Err(errors::custom_role_already_exists(name(&role)));
    }
    if limits::CUSTOM_ROLES.exceeded_by(project, 1).is_some() {
        return Err(errors::too_many_custom_roles());
    }
    settle(&mut role);
    check(project, &role)?;
    let answer = shown(&role, request);
    project.custom_roles.push(role);
    Ok(Reply::document(202, answer))
}

/// Actions and inherited roles are each replaced as a whole; what is not sent stays (assumed).
fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, UPDATE)?;
    let asked = request.param("roleName");
    let project = project_mut(world, request)?;
    let position = project.custom_roles.iter().position(|role| name(role) == asked);
    let position = position.ok_or_else(|| errors::custom_role_not_found(asked))?;
    let mut role = project.custom_roles[position].clone();
    role.extend(sent);
    settle(&mut role);
    check(project, &role)?;
    let answer = shown(&role, request);
    project.custom_roles[position] = role;
    Ok(Reply::document(200, answer))
}

/// Refused when it would leave a user without any role, or a role without any permission.
fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = request.param("roleName");
    let project = project_mut(world, request)?;
    if !project.custom_roles.iter().any(|role| name(role) == asked) {
        return Err(errors::custom_role_not_found(asked));
    }
    let only_role = |user: &Document| {
        !body::list(user, "roles").is_empty()
            && body::documents(user, "roles").all(|role| body::text(role, "roleName") == asked)
    };
    let users = project.database_users.iter().map(|user| &user.document);
    let users: Vec<&str> = users.filter(|user| only_role(user)).map(|user| body::text(user, "username")).collect();
    if !users.is_empty() {
        return Err(errors::custom_role_used_by_users(&users.join(", ")));
    }
    let only_parent = |role: &Document| {
        body::list(role, "actions").is_empty()
            && !body::list(role, "inheritedRoles").is_empty()
            && body::documents(role, "inheritedRoles").all(|inherited| body::text(inherited, "role") == asked)
    };
    let roles: Vec<&str> = project.custom_roles.iter().filter(|role| only_parent(role)).map(name).collect();
    if !roles.is_empty() {
        return Err(errors::custom_role_used_by_roles(&roles.join(", ")));
    }
    project.custom_roles.retain(|role| name(role) != asked);
    for user in &mut project.database_users {
        forget(&mut user.document, "roles", "roleName", asked);
    }
    for role in &mut project.custom_roles {
        forget(role, "inheritedRoles", "role", asked);
    }
    Ok(Reply::empty(204))
}

/// Removes references to a role from a list.
fn forget(document: &mut Document, list: &str, field: &str, role: &str) {
    if let Some(references) = document.get_mut(list).and_then(Value::as_array_mut) {
        references.retain(|reference| reference[field] != role);
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
        Err(errors::custom_role_name_invalid(name))
    } else if name.starts_with("xgen-") || BUILT_IN_ANYWHERE.contains(&name) || BUILT_IN_ON_ADMIN.contains(&name) {
        Err(errors::custom_role_name_is_built_in(name))
    } else {
        Ok(())
    }
}

/// Brings a role into the form in which Atlas keeps it.
fn settle(role: &mut Document) {
    let mut gathered: Vec<(String, Vec<Value>)> = Vec::new();
    for action in body::documents(role, "actions") {
        let mut resources = body::list(action, "resources").to_vec();
        for resource in resources.iter_mut().filter_map(Value::as_object_mut) {
            let whole_cluster = body::flag(resource, "cluster");
            let unsaid = |name: &str, value: &Value| match name {
                "collection" => value == "",
                // Clients send it empty with an action on the cluster.
                "db" => whole_cluster && value == "",
                "cluster" => value == false,
                _ => false,
            };
            resource.retain(|name, value| !unsaid(name, value));
        }
        let name = body::text(action, "action");
        match gathered.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.extend(resources),
            None => gathered.push((name.to_owned(), resources)),
        }
    }
    let actions: Vec<Value> =
        gathered.into_iter().map(|(action, resources)| json!({"action": action, "resources": resources})).collect();
    role.insert("actions".to_owned(), actions.into());
    role.entry("inheritedRoles").or_insert_with(|| json!([]));
}

fn check(project: &Project, role: &Document) -> Result<(), ApiError> {
    if body::list(role, "actions").is_empty() && body::list(role, "inheritedRoles").is_empty() {
        return Err(errors::custom_role_without_permissions());
    }
    let mut resources = body::documents(role, "actions").flat_map(|action| body::documents(action, "resources"));
    if resources.any(|resource| !resource.contains_key("cluster") && body::text(resource, "db").is_empty()) {
        return Err(errors::invalid_database_name(""));
    }
    for inherited in body::documents(role, "inheritedRoles") {
        let parent = body::text(inherited, "role");
        if parent == name(role) {
            return Err(errors::custom_role_inherits_itself());
        }
        check_reference(project, parent, body::text(inherited, "db")).map_err(|_| errors::inherited_role_missing())?;
        if inherits(project, parent, name(role), project.custom_roles.len()) {
            return Err(errors::custom_roles_inherit_in_a_circle());
        }
    }
    Ok(())
}

/// Whether a role inherits from another, directly or not. `depth` bounds the search by the number of roles.
fn inherits(project: &Project, role: &str, ancestor: &str, depth: usize) -> bool {
    let Some(role) = project.custom_roles.iter().find(|known| name(known) == role) else { return false };
    depth > 0
        && body::documents(role, "inheritedRoles").any(|inherited| {
            let parent = body::text(inherited, "role");
            parent == ancestor || inherits(project, parent, ancestor, depth - 1)
        })
}
