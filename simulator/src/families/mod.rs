//! The resource families: one file, or one folder, for each.
//!
//! A family is a list of operations over the [`World`], the documents that it keeps there, and the timers that move
//! them on. It decides what Atlas decides: which fields a body may hold, which defaults appear, what refuses what, how
//! long things take. Each operation says whether recordings stand behind its answers ([`Evidence`]).
//!
//! Not served, and therefore answered with 406 by the transport: every `preview` version.
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::api::{ApiError, EndpointSet, Evidence, Method, Operation, Reply, Request, VersionDate};
use crate::world::{Possessions, Project, World};

pub mod access_list;
pub mod audit_log;
pub mod body;
pub mod certificates;
pub mod clusters;
pub mod containers;
pub mod custom_dns;
pub mod custom_roles;
pub mod database_users;
pub mod errors;
mod expiry;
pub mod flex_clusters;
pub mod groups;
mod ip_addresses;
mod ip_info;
pub mod ldap_verification;
pub mod limits;
pub mod maintenance_window;
pub mod order;
pub mod organizations;
mod people;
mod processes;
pub mod project_teams;
pub mod rate_limits;
pub mod resource_policies;
mod sample_datasets;
pub mod sets;
pub mod settings;
pub mod singletons;
pub mod states;
pub mod teams;
pub mod user_security;

/// Every operation that the simulator serves. Where a literal path and a path with a parameter both match (`byName`,
/// `provider/regions`), the literal one is meant.
pub fn operations() -> Vec<Operation> {
    [
        organizations::operations(),
        people::operations(),
        teams::operations(),
        resource_policies::operations(),
        groups::operations(),
        settings::operations(),
        limits::operations(),
        maintenance_window::operations(),
        audit_log::operations(),
        custom_dns::operations(),
        project_teams::operations(),
        access_list::operations(),
        clusters::operations(),
        flex_clusters::operations(),
        sample_datasets::operations(),
        processes::operations(),
        ip_addresses::operations(),
        containers::operations(),
        database_users::operations(),
        certificates::operations(),
        custom_roles::operations(),
        user_security::operations(),
        ldap_verification::operations(),
        rate_limits::operations(),
        ip_info::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What an operation does.
type Handler = fn(&mut World, &Request) -> Result<Reply, ApiError>;

/// The version that most operations have had from the beginning.
const FIRST_VERSION: &[VersionDate] = &[VersionDate::new("2023-01-01")];

/// An operation of the first version whose answers were recorded.
fn recorded(method: Method, path: &'static str, set: EndpointSet, handler: Handler) -> Operation {
    Operation { method, path, versions: FIRST_VERSION, set, evidence: Evidence::Recorded, handler }
}

/// An operation of the first version that is known from the specification and other clients only.
fn specified(method: Method, path: &'static str, set: EndpointSet, handler: Handler) -> Operation {
    Operation { evidence: Evidence::SpecOnly, ..recorded(method, path, set, handler) }
}

/// The project that a request is about.
fn project<'a>(world: &'a World, request: &Request) -> Result<&'a Project, ApiError> {
    let id = request.param("groupId");
    world.project(id).ok_or_else(|| errors::group_not_found(id))
}

/// The project that a request is about, to be changed.
fn project_mut<'a>(world: &'a mut World, request: &Request) -> Result<&'a mut Project, ApiError> {
    let id = request.param("groupId");
    world.project_mut(id).ok_or_else(|| errors::group_not_found(id))
}

/// What the organization owns that a request is about.
fn possessions<'a>(world: &'a World, request: &Request) -> Result<&'a Possessions, ApiError> {
    let id = request.param("orgId");
    world.possessions(id).ok_or_else(|| errors::organization_not_found(id))
}

/// What the organization owns that a request is about, to be changed.
fn possessions_mut<'a>(world: &'a mut World, request: &Request) -> Result<&'a mut Possessions, ApiError> {
    let id = request.param("orgId");
    world.possessions_mut(id).ok_or_else(|| errors::organization_not_found(id))
}

/// What may refuse a new deployment of any kind whose body is right: the organization's policies, the project's limit.
fn admit(world: &World, request: &Request) -> Result<(), ApiError> {
    resource_policies::check(world, request)?;
    match limits::CLUSTERS.exceeded_by(project(world, request)?, 1) {
        Some(_) => Err(errors::limit_exceeded()),
        None => Ok(()),
    }
}

/// What Atlas encodes when it writes a name into a link. A `$` stays as it is, a `/` does not (recorded).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A name as one segment of a link.
fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}
