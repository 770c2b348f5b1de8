//! Answers as Atlas writes them: which headers come with which answer, envelope, `pretty`, pages.
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Incoming;
use super::answer::{Answer, error_body};
use super::handlers::java_method;
use super::paging::Window;
use super::query;
use crate::api::{ApiError, Body, Operation, Reply, VersionDate};
use crate::pacing::Quota;
use crate::version;

/// Headers of every answer. Names are recorded; the values of the two that recordings leave out are the usual ones.
const EDGE: [(&str, &str); 3] = [
    ("server", "mdbws"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains;"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
];

/// Headers of every answer of the application.
const APPLICATION: [(&str, &str); 3] =
    [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("x-permitted-cross-domain-policies", "none")];

const JAVA_VERSION: (&str, &str) = ("x-java-version", "17.0.19+10-LTS");

/// In the form that Atlas has; a build of its server cannot be named here.
const SERVICE_VERSION: &str = concat!(
    "gitHash=0000000000000000000000000000000000000000; versionString=atlas-simulator-",
    env!("CARGO_PKG_VERSION")
);

/// Bodies below this many bytes are never compressed, and their answers say so (recorded of bodies up to 20 bytes; this
/// is the default of the proxy that Atlas's headers name).
const LEAST_COMPRESSED: usize = 30;

/// What is known of a call when its answer is written.
pub struct Facts<'a> {
    pub incoming: &'a Incoming,
    pub now: Timestamp,
    /// How long the call took so far.
    pub elapsed: Duration,
    pub operation: Option<&'a Operation>,
    pub version: Option<VersionDate>,
    /// False for a project that does not exist; that answer lacks the service version, as recorded.
    pub project_found: bool,
    pub quota: Option<Quota>,
    pub retry_after: Option<u32>,
}

impl Facts<'_> {
    /// Only answers to these methods say that they depend on the encoding (recorded).
    fn is_read_or_posted(&self) -> bool {
        ["GET", "POST"].contains(&self.incoming.method.as_str())
    }
}

/// Adds the headers that even the edge writes.
pub fn edge(mut answer: Answer, facts: &Facts) -> Answer {
    for (name, value) in EDGE {
        answer.replace(name, value);
    }
    answer.replace("date", facts.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    answer.replace("x-envoy-upstream-service-time", facts.elapsed.as_millis().to_string());
    let is_plain_json =
        answer.headers.iter().any(|(name, value)| *name == "content-type" && value == "application/json");
    // Answers of older interfaces are of this type and do not say so (recorded).
    let older = answer.status < 400 && facts.version.is_some_and(|version| version.is_none());
    if is_plain_json && !older && facts.is_read_or_posted() {
        answer.replace("vary", "Accept-Encoding");
    }
    answer
}

/// Writes what a handler answered or the application refused, and gives the document behind it as the specification
/// knows it: before envelope and layout.
pub fn application(result: Result<Reply, ApiError>, facts: &Facts) -> (Answer, Option<Value>) {
    let query = query::parse(facts.incoming.query.as_deref().unwrap_or_default());
    let flag = |name: &str| query.get(name).is_some_and(|value| value == "true");
    let result = result.and_then(|reply| content(reply, facts));
    let (mut answer, document) = match result {
        Ok((reply, document)) => (success(reply, document.as_ref(), facts), document),
        Err(error) => {
            let body = error_body(error.status, error.code, &error.detail, &error.parameters);
            (Answer::error(&error), Some(body))
        }
    };
    if let Some(document) = &document {
        let status = answer.status;
        let shown = if flag("envelope") { enveloped(status, document.clone()) } else { document.clone() };
        answer.body = match (&shown, serde_json::to_string_pretty(&shown)) {
            (Value::String(text), _) => text.clone().into_bytes(),
            (_, Ok(text)) if flag("pretty") => text.into_bytes(),
            _ => shown.to_string().into_bytes(),
        };
    }
    application_headers(&mut answer, facts);
    if document.is_some() && answer.body.len() < LEAST_COMPRESSED && facts.is_read_or_posted() {
        answer.replace("vary", "Accept-Encoding");
    }
    (edge(answer, facts), document)
}

/// The status and headers of a reply, and its document.
fn content(reply: Reply, facts: &Facts) -> Result<(Reply, Option<Value>), ApiError> {
    let Reply { status, body, headers } = reply;
    let document = match body {
        Body::Document(document) => Some(document),
        Body::Array(items) => Some(Value::Array(items)),
        Body::Empty => None,
        Body::Page(items) => {
            let query = query::parse(facts.incoming.query.as_deref().unwrap_or_default());
            let address = format!("http://{}{}", facts.incoming.authority, facts.incoming.path);
            let operation = facts.operation.map(|operation| (operation.method, operation.path));
            Some(Window::of(&query)?.cut(items, &address, operation, &query))
        }
    };
    Ok((Reply { status, body: Body::Empty, headers }, document))
}

fn success(reply: Reply, document: Option<&Value>, facts: &Facts) -> Answer {
    /// The one status whose answers keep a content type without a body.
    const NO_CONTENT: u16 = 204;
    /// Where a family names the type in this header, there is no other.
    const OTHER_TYPE: &str = "x-content-type";
    let typed = reply.headers.iter().any(|(name, _)| *name == OTHER_TYPE);
    let mut answer = Answer::empty(reply.status);
    if let Some(version) = facts.version
        && !typed
        && (document.is_some() || reply.status == NO_CONTENT)
    {
        answer.replace("content-type", version::content_type(version));
    }
    for (name, value) in reply.headers {
        answer.replace(name, value);
    }
    answer
}

/// Adds the headers of what is answered to everybody, which is no operation (recorded).
pub fn unauthenticated(mut answer: Answer) -> Answer {
    for (name, value) in APPLICATION {
        answer.replace(name, value);
    }
    answer.replace("vary", "Accept-Encoding");
    answer.replace("x-mongodb-service-version", SERVICE_VERSION);
    answer
}

fn application_headers(answer: &mut Answer, facts: &Facts) {
    for (name, value) in APPLICATION.into_iter().chain([JAVA_VERSION]) {
        answer.replace(name, value);
    }
    if facts.project_found {
        answer.replace("x-mongodb-service-version", SERVICE_VERSION);
    }
    if let (Some(operation), Some(version)) = (facts.operation, facts.version)
        && let Some(name) = java_method(operation.method, operation.path, version)
    {
        answer.replace("x-java-method", name);
    }
    if let Some(version) = facts.version {
        let announced = [("deprecation", version.deprecation), ("sunset", version.sunset)];
        for (name, value) in announced.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            answer.replace(name, value);
        }
    }
    if let Some(quota) = facts.quota {
        answer.replace("ratelimit-limit", quota.limit.to_string());
        answer.replace("ratelimit-remaining", quota.remaining.to_string());
    }
    if let Some(seconds) = facts.retry_after {
        answer.replace("retry-after", seconds.to_string());
    }
}

/// `envelope=true`: a page gets the status beside its results, everything else is wrapped.
fn enveloped(status: u16, mut document: Value) -> Value {
    if document.get("results").is_some() && document.get("links").is_some() {
        document["status"] = json!(status);
        document
    } else {
        json!({"status": status, "content": document})
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn incoming(method: &str, query: Option<&str>) -> Incoming {
        Incoming {
            method: method.to_owned(),
            path: "/api/atlas/v2/groups".to_owned(),
            query: query.map(str::to_owned),
            headers: hyper::HeaderMap::new(),
            body: hyper::body::Bytes::new(),
            peer: [127, 0, 0, 1].into(),
            authority: "host:1".to_owned(),
        }
    }

    fn facts(incoming: &Incoming) -> Facts<'_> {
        Facts {
            incoming,
            now: Timestamp::UNIX_EPOCH,
            elapsed: Duration::from_millis(7),
            operation: None,
            version: Some(VersionDate {
                deprecation: Some("Mon, 5 Aug 2024 00:00:00 GMT"),
                ..VersionDate::new("2023-02-01")
            }),
            project_found: true,
            quota: Some(Quota { limit: 10, remaining: 9 }),
            retry_after: None,
        }
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn written(query: Option<&str>, result: Result<Reply, ApiError>) -> (Answer, Value) {
        let incoming = incoming("GET", query);
        let (answer, _) = application(result, &facts(&incoming));
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer, body)
    }

    #[test]
    fn a_success_has_the_type_of_its_version_and_an_error_has_plain_json() {
        for (document, vary) in [(json!({"text": "x".repeat(30)}), None), (json!({}), Some("Accept-Encoding"))] {
            let (answer, _) = written(None, Ok(Reply::document(200, document)));
            assert_eq!(header(&answer, "content-type"), Some("application/vnd.atlas.2023-02-01+json;charset=utf-8"));
            assert_eq!(header(&answer, "vary"), vary, "a short body is never compressed");
        }
        let (answer, body) = written(None, Err(ApiError::new(409, "GROUP_ALREADY_EXISTS", "Exists.").with(["x"])));
        assert_eq!(header(&answer, "content-type"), Some("application/json"));
        assert_eq!(header(&answer, "x-error-code"), Some("GROUP_ALREADY_EXISTS"));
        assert_eq!(header(&answer, "vary"), Some("Accept-Encoding"));
        let expected = json!({
            "detail": "Exists.", "error": 409, "errorCode": "GROUP_ALREADY_EXISTS", "parameters": ["x"],
            "reason": "Conflict",
        });
        assert_eq!(body, expected);
        for answer in [answer, written(None, Ok(Reply::empty(204))).0] {
            assert_eq!(header(&answer, "deprecation"), Some("Mon, 5 Aug 2024 00:00:00 GMT"));
            assert_eq!(header(&answer, "sunset"), None);
            assert_eq!(header(&answer, "ratelimit-remaining"), Some("9"));
            assert_eq!(header(&answer, "date"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
            assert_eq!(header(&answer, "x-envoy-upstream-service-time"), Some("7"));
        }
    }

    #[test]
    fn only_a_204_keeps_its_type_without_a_body() {
        assert!(header(&written(None, Ok(Reply::empty(204))).0, "content-type").is_some());
        assert_eq!(header(&written(None, Ok(Reply::empty(200))).0, "content-type"), None);
    }

    #[test]
    fn a_text_is_no_json_and_a_type_may_stand_elsewhere() {
        let incoming = incoming("POST", None);
        let (answer, document) = application(Ok(Reply::text(201, "a\nb".to_owned())), &facts(&incoming));
        assert_eq!((answer.body.as_slice(), document), (b"a\nb".as_slice(), Some(json!("a\nb"))));
        assert!(header(&answer, "content-type").is_some_and(|kind| kind.contains("json")));
        let (answer, _) = written(None, Ok(Reply::empty(204).header("x-content-type", "there")));
        assert_eq!((header(&answer, "content-type"), header(&answer, "x-content-type")), (None, Some("there")));
    }

    #[test]
    fn an_envelope_wraps_documents_and_joins_pages() {
        let query = Some("envelope=true");
        let (_, body) = written(query, Ok(Reply::document(201, json!({"id": "1"}))));
        assert_eq!(body, json!({"status": 201, "content": {"id": "1"}}));
        let (_, body) = written(query, Ok(Reply::page(200, vec![json!(1)])));
        assert_eq!((&body["status"], &body["results"]), (&json!(200), &json!([1])));
        let (_, body) = written(query, Ok(Reply::array(200, vec![json!(1)])));
        assert_eq!(body["content"], json!([1]));
    }

    #[test]
    fn pretty_is_layout_only() {
        let (plain, body) = written(None, Ok(Reply::document(200, json!({"id": "1"}))));
        let (pretty, same) = written(Some("pretty=true"), Ok(Reply::document(200, json!({"id": "1"}))));
        assert_eq!(body, same);
        assert!(!plain.body.contains(&b'\n') && pretty.body.contains(&b'\n'));
    }

    #[test]
    fn the_edge_knows_nothing_of_the_application() {
        let incoming = incoming("DELETE", None);
        let answer = edge(Answer::json(401, &json!({})), &facts(&incoming));
        for name in ["ratelimit-limit", "x-java-version", "x-mongodb-service-version", "deprecation", "vary"] {
            assert_eq!(header(&answer, name), None, "{name}");
        }
        assert_eq!(header(&answer, "server"), Some("mdbws"));
    }
}
