//! The words in which a resource family describes its operations.
//!
//! A family (`families/*.rs`) is a list of [`Operation`]s over the [`World`]. The transport decides everything else
//! before a handler runs: authentication, API version, rate limit, scope (unknown project, project of another
//! organization), faults; and after it: envelope, paging, `pretty`, headers, gzip, the call log.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::World;

/// HTTP methods that the Administration API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Patch,
    Put,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a call with this method is meant to change something.
    pub const fn mutates(self) -> bool {
        !matches!(self, Self::Get)
    }
}

/// Whom a rate limit counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Organization,
    Project,
    User,
    Ip,
}

/// Endpoints that share one token bucket per scope, with the capacity and refill that were observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndpointSet {
    pub name: &'static str,
    pub scope: Scope,
    pub capacity: u32,
    /// Tokens that come back in 60 seconds.
    pub refill: u32,
}

/// Whether a recording stands behind the shape of an operation's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    Recorded,
    SpecOnly,
}

/// One operation of one family.
pub struct Operation {
    pub method: Method,
    /// Below `/api/atlas/v2`, with `{parameters}`: `/groups/{groupId}/clusters/{clusterName}`. One that begins with
    /// `/api/` is a whole path: that of an [older interface](Operation::is_older).
    pub path: &'static str,
    /// The dates this operation is served under, oldest first.
    pub versions: &'static [VersionDate],
    pub set: EndpointSet,
    pub evidence: Evidence,
    pub handler: fn(&mut World, &Request) -> Result<Reply, ApiError>,
}

impl Operation {
    /// `POST /groups/{groupId}/clusters`: how faults, coverage and violations name it.
    pub fn name(&self) -> String {
        format!("{} {}", self.method.as_str(), self.path)
    }

    /// Whether it belongs to an interface beside the Administration API's second version. Those know no versions by date
    /// and no rate limits, and the specification has none of them.
    pub fn is_older(&self) -> bool {
        self.path.starts_with("/api/")
    }
}

/// A version of an operation, and whether its answers announce its end.
#[derive(Clone, Copy, Debug)]
pub struct VersionDate {
    pub date: &'static str,
    /// The values of `Deprecation` and `Sunset`, where that version carries them.
    pub deprecation: Option<&'static str>,
    pub sunset: Option<&'static str>,
    /// What stands behind this version, where that is not what stands behind the others of its operation.
    pub evidence: Option<Evidence>,
}

impl VersionDate {
    /// What the operations of [older interfaces](Operation::is_older) have in place of a version.
    pub const NONE: Self = Self::new("");

    pub const fn new(date: &'static str) -> Self {
        Self { date, deprecation: None, sunset: None, evidence: None }
    }

    pub fn is_none(&self) -> bool {
        self.date.is_empty()
    }
}

/// What a handler sees of a request that passed the transport.
pub struct Request {
    /// Path parameters, percent-decoded.
    pub params: BTreeMap<String, String>,
    pub query: BTreeMap<String, String>,
    /// The version date that was asked for.
    pub version: &'static str,
    /// `Value::Null` when there is none.
    pub body: Value,
    /// The organization of the credential.
    pub org_id: String,
    /// Public key or client id of the credential.
    pub user: String,
    /// `http://host:port` as the caller wrote it; links point there.
    pub host: String,
    /// From which address it came.
    pub address: String,
    pub now: Timestamp,
}

impl Request {
    /// A path parameter; empty when the template has none of that name.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The address of a resource in the interface that was asked: below `/api/atlas/v2`, or `/api/atlas/v1.0` where there
    /// are no versions by date.
    pub fn href(&self, path: &str) -> String {
        let interface = if self.version.is_empty() { "v1.0" } else { "v2" };
        format!("{}/api/atlas/{interface}{path}", self.host)
    }

    /// A link with `rel: self`.
    pub fn self_link(&self, path: &str) -> Value {
        json!({"href": self.href(path), "rel": "self"})
    }
}

/// What a handler answers; the transport writes it.
pub struct Reply {
    pub status: u16,
    pub body: Body,
    /// Headers beyond those that every answer carries (`location`).
    pub headers: Vec<(&'static str, String)>,
}

pub enum Body {
    /// One document. A text is written as it is, without the quotes of JSON, although its type says JSON (recorded).
    Document(Value),
    /// A collection that the transport cuts into pages, with `links` and `totalCount`.
    Page(Vec<Value>),
    /// A bare array, never paged.
    Array(Vec<Value>),
    /// No body. A 204 keeps the content type of its version, other statuses have none, as recorded.
    Empty,
}

impl Reply {
    pub fn document(status: u16, document: Value) -> Self {
        Self { status, body: Body::Document(document), headers: Vec::new() }
    }
    pub fn page(status: u16, items: Vec<Value>) -> Self {
        Self { status, body: Body::Page(items), headers: Vec::new() }
    }
    pub fn array(status: u16, items: Vec<Value>) -> Self {
        Self { status, body: Body::Array(items), headers: Vec::new() }
    }
    /// A bare text in place of a document.
    pub fn text(status: u16, text: String) -> Self {
        Self::document(status, Value::String(text))
    }
    pub fn empty(status: u16) -> Self {
        Self { status, body: Body::Empty, headers: Vec::new() }
    }
    /// `202 {}`: what most asynchronous deletions answer.
    pub fn braces(status: u16) -> Self {
        Self::document(status, json!({}))
    }
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A refusal, in the standard error shape; the transport adds `reason` from the status.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub status: u16,
    pub code: &'static str,
    pub detail: String,
    pub parameters: Vec<Value>,
}

impl ApiError {
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), parameters: Vec::new() }
    }
    #[must_use]
    pub fn with(mut self, parameters: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        self.parameters = parameters.into_iter().map(Into::into).collect();
        self
    }
}
