//! A world with one project, and a way to call its operations as the transport does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use atlas_simulator::api::{Body, Method, Operation, Request};
use atlas_simulator::families;
use atlas_simulator::world::{Organization, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The organization of the world.
pub const ORGANIZATION: &str = "a0123456789abcdef012345a";
/// The public key of the caller.
pub const USER: &str = "abcdefgh";
const HOST: &str = "http://localhost:8080";

/// How often to look before giving up: for longer than anything takes.
const PATIENCE: usize = 2_000;

pub struct Bench {
    pub world: World,
    operations: Vec<Operation>,
    pub group: String,
}

/// One call.
pub struct Call<'a> {
    pub method: &'a str,
    /// With placeholders.
    pub path: &'a str,
    /// The values of the placeholders, `groupId` aside.
    pub params: BTreeMap<String, String>,
    /// The newest one when it is not given.
    pub version: Option<&'a str>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
}

impl<'a> Call<'a> {
    pub fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, params: BTreeMap::new(), version: None, query: BTreeMap::new(), body: Value::Null }
    }

    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    pub fn version(mut self, version: Option<&'a str>) -> Self {
        self.version = version;
        self
    }

    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.insert(name.to_owned(), value.into());
        self
    }
}

/// The body that creates a project.
pub fn project(name: &str) -> Value {
    json!({"name": name, "orgId": ORGANIZATION})
}

impl Bench {
    /// `seed` decides whether a creation takes a detour, so a caller that needs a state can try several.
    pub fn new(seed: u64) -> Self {
        let start = Timestamp::from_second(1_786_330_000).unwrap(); // August 2026, as the recordings
        let organization = Organization { id: ORGANIZATION.to_owned(), name: "Recordings".to_owned() };
        let world = World::new(seed, start, vec![organization]);
        let mut bench = Self { world, operations: families::operations(), group: String::new() };
        let (_, project) = bench.call(Call::new("POST", "/groups").body(project("bench")));
        let id = project["id"].as_str().map(str::to_owned);
        Self { group: id.unwrap(), ..bench }
    }

    /// Calls an operation and renders its answer as the transport does.
    pub fn call(&mut self, call: Call) -> (u16, Value) {
        self.world.advance(self.world.now + SignedDuration::from_millis(1));
        let operation = self
            .operations
            .iter()
            .find(|operation| method(operation.method) == call.method && operation.path == call.path)
            .unwrap_or_else(|| panic!("no operation {} {}", call.method, call.path));
        let version = match call.version {
            Some(date) => operation.versions.iter().find(|version| version.date == date),
            None => operation.versions.last(),
        };
        let Some(version) = version else { return (406, Value::Null) };
        let mut params = call.params;
        params.entry("groupId".to_owned()).or_insert_with(|| self.group.clone());
        let request = Request {
            params,
            query: call.query,
            version: version.date,
            body: call.body,
            org_id: ORGANIZATION.to_owned(),
            user: USER.to_owned(),
            host: HOST.to_owned(),
            address: "127.0.0.1".to_owned(),
            now: self.world.now,
        };
        match (operation.handler)(&mut self.world, &request) {
            Ok(reply) => (reply.status, rendered(reply.body)),
            Err(error) => {
                let (detail, code, parameters) = (error.detail, error.code, error.parameters);
                let body =
                    json!({"detail": detail, "error": error.status, "errorCode": code, "parameters": parameters});
                (error.status, body)
            }
        }
    }

    /// A call that prepares something.
    pub fn prepare(&mut self, call: Call) -> Result<Value, String> {
        let what = format!("{} {}", call.method, call.path);
        let (status, body) = self.call(call);
        if status < 300 { Ok(body) } else { Err(format!("the prior state was refused: {what}: {status} {body}")) }
    }

    /// Lets time pass until a cluster or flex cluster looks as wanted.
    pub fn wait(&mut self, path: &str, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<(), String> {
        for attempt in 0..PATIENCE {
            if wanted(&self.prepare(Call::new("GET", path).param("clusterName", name).param("name", name))?) {
                return Ok(());
            }
            // Some states of an upgrade, at its beginning, last for seconds only.
            let step = if attempt < 60 { 1 } else { 10 };
            self.world.advance(self.world.now + SignedDuration::from_secs(step));
        }
        Err(format!("{name} never came into the prior state"))
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Patch => "PATCH",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    }
}

/// A body as the transport writes it.
fn rendered(body: Body) -> Value {
    match body {
        Body::Document(document) => document,
        Body::Page(items) => {
            json!({"links": [{"href": HOST, "rel": "self"}], "totalCount": items.len(), "results": items})
        }
        Body::Array(items) => Value::Array(items),
        Body::Empty => Value::Null,
    }
}
