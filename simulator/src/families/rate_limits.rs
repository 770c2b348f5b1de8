//! What the rate limits are, for clients that ask instead of guessing. The list is made from the operations that the
//! simulator serves, so it says what the transport enforces.
use serde_json::{Value, json};

use super::{errors, sets};
use crate::api::{ApiError, EndpointSet, Evidence, Method, Operation, Reply, Request, Scope, VersionDate};
use crate::world::World;

pub fn operations() -> Vec<Operation> {
    const VERSIONS: &[VersionDate] = &[VersionDate::new("2025-03-12")];
    let operation = |path, handler| Operation {
        method: Method::Get,
        path,
        versions: VERSIONS,
        set: sets::RATE_LIMITS,
        evidence: Evidence::SpecOnly,
        handler,
    };
    vec![operation("/rateLimits", list), operation("/rateLimits/{endpointSetId}", get)]
}

/// An endpoint set as the API shows it, with the operations that belong to it.
struct Shown {
    id: String,
    set: EndpointSet,
    endpoints: Vec<(Method, String)>,
}

impl Shown {
    fn document(&self) -> Value {
        let endpoints: Vec<Value> = self
            .endpoints
            .iter()
            .map(|(method, path)| json!({"method": format!("{method:?}").to_uppercase(), "path": path}))
            .collect();
        json!({
            "capacity": {"value": self.set.capacity},
            "endpointSetId": self.id,
            "endpointSetName": self.set.name,
            "endpoints": endpoints,
            "refillDurationSeconds": {"value": 60},
            "refillRate": {"value": self.set.refill},
            "scope": scope_name(self.set.scope),
        })
    }
}

fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Organization => "ORGANIZATION",
        Scope::Project => "GROUP",
        Scope::User => "USER",
        Scope::Ip => "IP",
    }
}

/// The identifier of a set: its name in camel case and its scope, as in the specification's example.
fn identifier(set: &EndpointSet) -> String {
    let mut words = set.name.split(' ');
    let first = words.next().unwrap_or_default().to_lowercase();
    let rest: String = words.collect();
    let scope = match set.scope {
        Scope::Organization => "organization",
        Scope::Project => "group",
        Scope::User => "user",
        Scope::Ip => "ip",
    };
    format!("{first}{rest}_{scope}")
}

/// Every endpoint set, in the order in which its first operation is served.
fn all() -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for operation in super::operations().into_iter().filter(|operation| !operation.is_older()) {
        let endpoint = (operation.method, format!("/api/atlas/v2{}", operation.path));
        match shown.iter_mut().find(|other| other.set == operation.set) {
            Some(known) => known.endpoints.push(endpoint),
            None => shown.push(Shown { id: identifier(&operation.set), set: operation.set, endpoints: vec![endpoint] }),
        }
    }
    shown
}

/// Filters by the entity that is asked for (one scope each), by name and by path.
#[expect(clippy::unnecessary_wraps, reason = "the signature of every handler")]
fn list(_: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let asked = |name: &str| request.query.contains_key(name);
    let scopes = [
        (asked("groupId"), Scope::Project),
        (asked("orgId"), Scope::Organization),
        (asked("userId"), Scope::User),
        (asked("ipAddress"), Scope::Ip),
    ];
    let all_scopes = scopes.iter().all(|(asked, _)| !asked);
    let kept = all().into_iter().filter(|shown| {
        let scope = all_scopes || scopes.contains(&(true, shown.set.scope));
        let name = request.query.get("name").is_none_or(|name| name == shown.set.name);
        let path =
            request.query.get("endpointPath").is_none_or(|path| shown.endpoints.iter().any(|(_, other)| other == path));
        scope && name && path
    });
    Ok(Reply::page(200, kept.map(|shown| shown.document()).collect()))
}

/// What Atlas answers for an unknown set is assumed.
fn get(_: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let id = request.param("endpointSetId");
    let shown = all().into_iter().find(|shown| shown.id == id);
    let shown = shown.ok_or_else(|| errors::resource_not_found(&format!("/api/atlas/v2/rateLimits/{id}")))?;
    Ok(Reply::document(200, shown.document()))
}
