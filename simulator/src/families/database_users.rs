//! Database users, known by authentication database and name.
//!
//! A user proves who it is in one of nine ways, which decides where it lives:
//!
//! | way | field | database |
//! |---|---|---|
//! | password | none | `admin` |
//! | X.509, certificates by Atlas or by the customer | `x509Type` `MANAGED`, `CUSTOMER` | `$external` |
//! | LDAP user; group | `ldapAuthType` `USER`; `GROUP` | `$external`; either, as descriptions of it differ |
//! | AWS IAM user or role | `awsIAMType` `USER`, `ROLE` | `$external` |
//! | OIDC workforce group | `oidcAuthType` `IDP_GROUP` | `admin` (recorded) |
//! | OIDC workload | `oidcAuthType` `USER` | `$external` |
//!
//! A password is checked, counted and forgotten: nothing shows it again. Custom roles must exist and live on `admin`;
//! clusters named as scopes must exist when the user is written, and may go later. A user with an expiry vanishes by
//! itself. Roles and scopes come back in an order of their own.
use jiff::Timestamp;
use serde_json::{Value, json};

use super::body::{self, Document, KEYS_WITH_VALUES, Shape, optional, required};
use super::{custom_roles, errors, expiry, limits, order, project, project_mut, recorded, segment, sets};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::timers::Subject;
use crate::world::{Project, World};

/// The name of the collection in paths.
pub const COLLECTION: &str = "databaseUsers";

/// How long a user may last that has an expiry (specification).
const MOST_DAYS: i64 = 7;

/// Shortest password (specification).
const SHORTEST_PASSWORD: usize = 8;

/// The four ways to prove who one is besides a password. At most one of them is not `NONE`.
const AUTHENTICATION_TYPES: [&str; 4] = ["awsIAMType", "ldapAuthType", "oidcAuthType", "x509Type"];

const ROLES: Shape = Shape::List(&Shape::Object(&[
    required("databaseName", Shape::Text(usize::MAX)),
    required("roleName", Shape::Text(usize::MAX)),
    optional("collectionName", Shape::Text(usize::MAX)),
]));

const SCOPES: Shape = Shape::List(&Shape::Object(&[
    required("name", Shape::Text(usize::MAX)),
    required("type", Shape::Choice(&["CLUSTER", "DATA_LAKE", "STREAM"])),
]));

const FIELDS: &[body::Field] = &[
    required("databaseName", Shape::Choice(&["admin", "$external"])),
    required("roles", ROLES),
    required("username", Shape::Text(1024)),
    optional("awsIAMType", Shape::Choice(&["NONE", "USER", "ROLE"])),
    optional("deleteAfterDate", Shape::Instant),
    optional("description", Shape::Text(100)),
    optional("groupId", Shape::Text(24)),
    optional("labels", KEYS_WITH_VALUES),
    optional("ldapAuthType", Shape::Choice(&["NONE", "GROUP", "USER"])),
    optional("oidcAuthType", Shape::Choice(&["NONE", "IDP_GROUP", "USER"])),
    optional("password", Shape::Text(usize::MAX)),
    optional("scopes", SCOPES),
    optional("x509Type", Shape::Choice(&["NONE", "CUSTOMER", "MANAGED"])),
    optional("links", Shape::ReadOnly),
];

/// One user. Its password is not kept.
pub struct DatabaseUser {
    pub document: Document,
    /// How often a password was written after the first.
    pub password_changes: u64,
}

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/databaseUsers";
    const ONE: &str = "/groups/{groupId}/databaseUsers/{databaseName}/{username}";
    vec![
        recorded(Method::Get, ALL, sets::DATABASE_USERS, list),
        recorded(Method::Post, ALL, sets::DATABASE_USERS, create),
        recorded(Method::Get, ONE, sets::DATABASE_USERS, get),
        recorded(Method::Patch, ONE, sets::DATABASE_USERS, update),
        recorded(Method::Delete, ONE, sets::DATABASE_USERS, delete),
    ]
}

/// What names a user within a project.
pub fn identity(user: &Document) -> String {
    format!("{}/{}", body::text(user, "databaseName"), body::text(user, "username"))
}

/// What names a user without a password within a project.
pub fn external(username: &str) -> String {
    format!("$external/{username}")
}

fn asked(request: &Request) -> String {
    format!("{}/{}", request.param("databaseName"), request.param("username"))
}

fn shown(user: &Document, request: &Request) -> Value {
    let (database, name) = (body::text(user, "databaseName"), body::text(user, "username"));
    let path = format!("/groups/{}/{COLLECTION}/{}/{}", request.param("groupId"), segment(database), segment(name));
    let mut document = user.clone();
    for list in ["labels", "roles", "scopes"] {
        order::unsteady(&mut document, list, request.now);
    }
    document.insert("links".to_owned(), json!([request.self_link(&path)]));
    Value::Object(document)
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let users = &project(world, request)?.database_users;
    Ok(Reply::page(200, users.iter().map(|user| shown(&user.document, request)).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let user = project(world, request)?.database_user(&asked(request));
    let user = user.ok_or_else(|| errors::username_not_found(request.param("username")))?;
    Ok(Reply::document(200, shown(&user.document, request)))
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut user = body::complete(&request.body, FIELDS)?;
    let password = take_password(&mut user, request)?;
    for name in AUTHENTICATION_TYPES {
        user.entry(name).or_insert_with(|| "NONE".into());
    }
    for name in ["labels", "scopes"] {
        user.entry(name).or_insert_with(|| json!([]));
    }
    user.insert("groupId".to_owned(), request.param("groupId").into());
    check_authentication(&user, password)?;
    let client = world.client;
    let project = project_mut(world, request)?;
    if project.database_user(&identity(&user)).is_some() {
        return Err(errors::user_already_exists(body::text(&user, "username")));
    }
    if let Some(limit) = limits::DATABASE_USERS.exceeded_by(project, 1) {
        return Err(errors::too_many_database_users(limit));
    }
    check_roles(project, body::text(&user, "username"), &user)?;
    check_scopes(project, &user)?;
    check_expiry(&user, client)?;
    project.database_users.push(DatabaseUser { document: user.clone(), password_changes: 0 });
    expire(world, request, &user);
    Ok(Reply::document(201, shown(&user, request)))
}

/// Omitted fields stay; roles, scopes and labels are replaced as a whole. What names a user cannot be changed.
fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut sent = body::partial(&request.body, FIELDS)?;
    let password = take_password(&mut sent, request)?;
    let (asked, username, client) = (asked(request), request.param("username"), world.client);
    let project = project_mut(world, request)?;
    let not_found = || errors::username_not_found(username);
    let current = &project.database_user(&asked).ok_or_else(not_found)?.document;
    let changes = |name: &str| sent.get(name).is_some_and(|value| current.get(name) != Some(value));
    if changes("username") {
        return Err(errors::cannot_be_changed("DATABASE_USERNAME_CANNOT_BE_CHANGED", "username"));
    }
    if changes("databaseName") {
        return Err(errors::cannot_be_changed("DATABASE_NAME_CANNOT_BE_CHANGED", "authentication database"));
    }
    if AUTHENTICATION_TYPES.into_iter().any(changes) {
        return Err(errors::cannot_be_changed("AUTH_TYPE_CANNOT_BE_CHANGED", "authentication type"));
    }
    if sent.contains_key("deleteAfterDate") && !current.contains_key("deleteAfterDate") {
        return Err(errors::permanent_cannot_be_made_temporary());
    }
    if password && AUTHENTICATION_TYPES.into_iter().any(|name| body::text(current, name) != "NONE") {
        return Err(errors::invalid_authentication_settings("Externally authenticated users have no password"));
    }
    check_roles(project, username, &sent)?;
    check_scopes(project, &sent)?;
    check_expiry(&sent, client)?;
    let user = project.database_user_mut(&asked).ok_or_else(not_found)?;
    user.document.extend(sent);
    user.password_changes += u64::from(password);
    let user = user.document.clone();
    expire(world, request, &user);
    Ok(Reply::document(200, shown(&user, request)))
}

fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = asked(request);
    let users = &mut project_mut(world, request)?.database_users;
    let before = users.len();
    users.retain(|user| identity(&user.document) != asked);
    if users.len() == before {
        return Err(errors::user_not_found(request.param("username")));
    }
    world.cancel(&Subject::new(request.param("groupId"), COLLECTION, &asked));
    Ok(Reply::empty(204))
}

/// Takes what is only ever written out of a body: the password, of which only the presence matters from here on, and
/// the project, which the path gives.
fn take_password(user: &mut Document, request: &Request) -> Result<bool, ApiError> {
    if let Some(group) = user.remove("groupId")
        && group != *request.param("groupId")
    {
        return Err(errors::group_mismatch(group.as_str().unwrap_or_default()));
    }
    let Some(password) = user.remove("password") else { return Ok(false) };
    let length = password.as_str().map_or(0, |password| password.chars().count());
    if (1..SHORTEST_PASSWORD).contains(&length) { Err(errors::weak_password()) } else { Ok(length > 0) }
}

/// Which database goes with which way to authenticate, as the table of this module has it.
fn check_authentication(user: &Document, password: bool) -> Result<(), ApiError> {
    let external = body::text(user, "databaseName") == "$external";
    let mut kinds = AUTHENTICATION_TYPES.into_iter().filter(|name| body::text(user, name) != "NONE");
    let Some(kind) = kinds.next() else {
        if external {
            return Err(errors::only_on_admin("SCRAM users"));
        }
        return if password { Ok(()) } else { Err(errors::missing_attribute("password")) };
    };
    if kinds.next().is_some() {
        return Err(errors::invalid_authentication_settings("Only one authentication type can be set"));
    }
    if password {
        return Err(errors::invalid_authentication_settings("Externally authenticated users have no password"));
    }
    match body::text(user, kind) {
        "IDP_GROUP" if external => Err(errors::only_on_admin("OIDC groups")),
        "GROUP" | "IDP_GROUP" => Ok(()),
        _ if external => Ok(()),
        _ => Err(errors::only_on_external()),
    }
}

fn check_roles(project: &Project, username: &str, user: &Document) -> Result<(), ApiError> {
    let roles = body::list(user, "roles");
    if let Some(twice) = roles.iter().enumerate().find_map(|(at, role)| roles[..at].contains(role).then_some(role)) {
        let role = format!(
            "{}@{}",
            twice["roleName"].as_str().unwrap_or_default(),
            twice["databaseName"].as_str().unwrap_or_default()
        );
        return Err(errors::duplicate_database_roles(username, &role));
    }
    body::documents(user, "roles").try_for_each(|role| {
        custom_roles::check_reference(project, body::text(role, "roleName"), body::text(role, "databaseName"))
    })
}

/// Data lakes and stream workspaces are not simulated, so only clusters are looked up.
fn check_scopes(project: &Project, user: &Document) -> Result<(), ApiError> {
    let mut clusters = body::documents(user, "scopes").filter(|scope| body::text(scope, "type") == "CLUSTER");
    let missing = clusters.find(|scope| !project.deployment_names().any(|name| name == body::text(scope, "name")));
    missing.map_or(Ok(()), |scope| Err(errors::scope_cluster_not_found(body::text(scope, "name"))))
}

fn check_expiry(user: &Document, client: Timestamp) -> Result<(), ApiError> {
    body::instant(user, "deleteAfterDate").map_or(Ok(()), |date| expiry::check(date, client, MOST_DAYS))
}

fn expire(world: &mut World, request: &Request, user: &Document) {
    let subject = Subject::new(request.param("groupId"), COLLECTION, &identity(user));
    world.cancel(&subject);
    if let Some(expiry) = body::instant(user, "deleteAfterDate") {
        world.on(expiry, subject, "expires", |world, subject| {
            if let Some(project) = world.project_mut(&subject.group) {
                project.database_users.retain(|user| identity(&user.document) != subject.name);
            }
        });
    }
}
