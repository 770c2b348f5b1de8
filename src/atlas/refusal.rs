//! An answer with an error, read from whatever shape it came in.

use std::fmt;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::Call;
use super::error::{is_failure_of_the_server, named};
use super::redaction::without_secrets;
use super::text::tidy;
use super::transport::Raw;

/// The longest detail that is kept of an answer, in characters. What Atlas says in one sentence fits, and a sentence of
/// ours with the longest detail, path and code in it is not longer than it may be.
const DETAIL_LIMIT: usize = 240;

/// The longest error code that is kept, in characters. The longest known has 83.
const CODE_LIMIT: usize = 100;

/// How many parameters of an error are kept; none is known with more than five.
const PARAMETER_LIMIT: usize = 16;

/// The header that repeats the error code of the body.
const ERROR_CODE_HEADER: &str = "x-error-code";

/// The code that says nothing: it comes with any status, on the challenges of digest authentication too.
pub(super) const UNEXPECTED_ERROR: &str = "UNEXPECTED_ERROR";

/// An answer with an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Atlas's error code, such as `CLUSTER_NOT_FOUND`.
    pub code: Option<String>,
    /// What Atlas says about it: one line, bounded, without the secrets that were sent. Empty when it says nothing.
    pub detail: String,
    /// The values in the detail, as Atlas lists them: names, limits, sentences.
    pub parameters: Vec<Value>,
    /// The method of the call.
    pub method: Method,
    /// The operation's path template.
    pub template: &'static str,
    /// The path of the call.
    pub path: String,
    /// Whether Atlas names fields of the request that are not valid.
    pub names_fields: bool,
    /// Whether the credential itself was refused, with fresh nonces or a fresh token.
    pub credential_refused: bool,
}

/// The error document. Nothing in it can be relied on: every member was seen to be missing or null.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    #[serde(rename = "errorCode")]
    code: Value,
    detail: Value,
    /// In place of `detail` in errors about resource policies.
    message: Value,
    reason: Value,
    parameters: Value,
    #[serde(rename = "badRequestDetail")]
    bad_request: Value,
}

impl Document {
    /// The document of an answer. What is of another content type than JSON is not from Atlas and says nothing.
    fn read(raw: &Raw) -> Self {
        if is_foreign(&raw.headers) {
            return Self::default();
        }
        serde_json::from_slice(raw.body.as_deref().unwrap_or_default()).unwrap_or_default()
    }

    /// The detail, followed by what is wrong with each field.
    fn detail(&self) -> String {
        let said = [&self.detail, &self.message, &self.reason].into_iter().find_map(Value::as_str).unwrap_or_default();
        let mut detail = said.to_owned();
        for field in self.fields() {
            let text = |name: &str| field.get(name).and_then(Value::as_str).unwrap_or_default();
            detail.push_str(if detail.is_empty() { "" } else { "; " });
            detail.extend([text("field"), ": ", text("description")]);
        }
        detail
    }

    fn fields(&self) -> &[Value] {
        self.bad_request.get("fields").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

impl Refusal {
    /// Reads an answer with an error. `secrets` are taken out of every text in it.
    pub(super) fn read(call: &Call, raw: &Raw, credential_refused: bool, secrets: &[SecretString]) -> Self {
        let document = Document::read(raw);
        let clean = |text: &str| without_secrets(text, secrets);
        let parameters = document.parameters.as_array().map_or(&[][..], Vec::as_slice);
        Self {
            status: raw.status.as_u16(),
            code: code(&document, &raw.headers).map(|code| tidy(&clean(&code), CODE_LIMIT)),
            detail: tidy(&clean(&document.detail()), DETAIL_LIMIT),
            parameters: parameters.iter().take(PARAMETER_LIMIT).map(|value| cleaned(value, &clean)).collect(),
            method: call.method.clone(),
            template: call.template,
            path: call.path.clone(),
            names_fields: !document.fields().is_empty(),
            credential_refused,
        }
    }
}

/// A parameter without secrets and of a bounded length.
fn cleaned(value: &Value, clean: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(tidy(&clean(text), DETAIL_LIMIT)),
        Value::Array(_) | Value::Object(_) => Value::String(tidy(&clean(&value.to_string()), DETAIL_LIMIT)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The error code of the body, or of the header where the body has none.
fn code(document: &Document, headers: &HeaderMap) -> Option<String> {
    let header =
        || headers.get(ERROR_CODE_HEADER).filter(|_| !is_foreign(headers)).and_then(|value| value.to_str().ok());
    document.code.as_str().or_else(header).filter(|code| !code.is_empty()).map(str::to_owned)
}

/// Whether an answer names another content type than JSON, which Atlas never does of an error.
fn is_foreign(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    !kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().ends_with("json")
}

/// Whether an answer of 401 comes from the application behind the authentication: it names a reason. The credential was
/// then accepted, and offering it again changes nothing.
pub(super) fn is_from_the_application(raw: &Raw) -> bool {
    let document = Document::read(raw);
    !is_silent(code(&document, &raw.headers).as_deref())
}

/// Whether an error says nothing about its cause.
pub(super) fn is_silent(code: Option<&str>) -> bool {
    code.is_none_or(|code| code == UNEXPECTED_ERROR)
}

/// `Atlas refused DELETE /groups/5f: Cannot close group while … (CANNOT_CLOSE_GROUP_ACTIVE_ATLAS_CLUSTERS, HTTP 409)`.
impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if is_failure_of_the_server(self.status) { "failed at" } else { "refused" };
        write!(formatter, "Atlas {verb} {}", named(&self.method, &self.path))?;
        if self.credential_refused {
            formatter.write_str(": the credential is not accepted")?;
        } else if (300..400).contains(&self.status) {
            formatter.write_str(": it was answered with a redirect, which is never followed")?;
        } else if self.detail.is_empty() {
            formatter.write_str(" without an explanation")?;
        } else {
            write!(formatter, ": {}", self.detail.trim_end_matches('.'))?;
        }
        // Of a credential that is refused the edge says sometimes UNEXPECTED_ERROR and sometimes nothing; a message that
        // came and went with it would be written anew each time.
        match self.code.as_deref().filter(|code| !(self.credential_refused && is_silent(Some(code)))) {
            Some(code) => write!(formatter, " ({code}, HTTP {})", self.status),
            None => write!(formatter, " (HTTP {})", self.status),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use reqwest::StatusCode;
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::super::Error;
    use super::*;

    pub(in super::super) fn call(method: Method) -> Call {
        Call {
            method,
            path: "/groups/5f/clusters/a".to_owned(),
            query: Vec::new(),
            template: "/groups/{groupId}/clusters/{clusterName}",
            version: "2024-08-05",
            body: None,
        }
    }

    pub(in super::super) fn refusal(method: Method, status: u16, body: &str) -> Refusal {
        let raw = Raw {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Ok(body.as_bytes().to_vec()),
        };
        Refusal::read(&call(method), &raw, false, &["hunter2-canary".into()])
    }
    #[test]
    fn every_recorded_shape_of_an_error_body_is_read() {
        for (body, code, detail, parameters) in [
            (
                r#"{"detail":"No cluster named a exists in group 5f.","error":404,"errorCode":"CLUSTER_NOT_FOUND","parameters":["a","5f",55,0],"reason":"Not Found"}"#,
                Some("CLUSTER_NOT_FOUND"),
                "No cluster named a exists in group 5f.",
                vec![json!("a"), json!("5f"), json!(55), json!(0)],
            ),
            (
                r#"{"detail":"x","error":404,"errorCode":null,"parameters":null,"reason":"Not Found"}"#,
                None,
                "x",
                vec![],
            ),
            (
                r#"{"errorCode":"RESOURCE_POLICY_NOT_FOUND","message":"No such policy.","status":"ERROR","version":"1"}"#,
                Some("RESOURCE_POLICY_NOT_FOUND"),
                "No such policy.",
                vec![],
            ),
            (
                "{\n  \"error\" : 401,\n  \"reason\" : \"Unauthorized\",\n  \"detail\" : \"You are not authorized.\"\n}",
                None,
                "You are not authorized.",
                vec![],
            ),
            (
                r#"{"errorCode":"VALIDATION_ERROR","badRequestDetail":{"fields":[{"field":"name","description":"too long"},{"field":"x"}]}}"#,
                Some("VALIDATION_ERROR"),
                "name: too long; x:",
                vec![],
            ),
            ("", None, "", vec![]),
            ("<html><body>502 Bad Gateway</body></html>", None, "", vec![]),
            ("[]", None, "", vec![]),
            ("\"text\"", None, "", vec![]),
            (r#"{"errorCode":7,"detail":{},"parameters":"p"}"#, None, "", vec![]),
        ] {
            let refusal = refusal(Method::GET, 404, body);
            assert_eq!(refusal.code.as_deref(), code, "{body}");
            assert_eq!(refusal.detail, detail, "{body}");
            assert_eq!(refusal.parameters, parameters, "{body}");
        }
    }

    #[test]
    fn the_header_stands_in_for_a_code_that_the_body_lacks() {
        let mut headers = HeaderMap::new();
        headers.insert(ERROR_CODE_HEADER, HeaderValue::from_static("GROUP_NOT_FOUND"));
        let raw = Raw { status: StatusCode::NOT_FOUND, headers, body: Err("broke off".to_owned()) };
        let refusal = Refusal::read(&call(Method::GET), &raw, false, &[]);
        assert_eq!(refusal.code.as_deref(), Some("GROUP_NOT_FOUND"));
    }

    #[test]
    fn an_answer_of_another_content_type_says_nothing() {
        for (kind, code) in [
            (None, Some("CLUSTER_NOT_FOUND")),
            (Some("application/json"), Some("CLUSTER_NOT_FOUND")),
            (Some("application/vnd.atlas.2023-01-01+json;charset=utf-8"), Some("CLUSTER_NOT_FOUND")),
            (Some("text/html"), None),
            (Some("text/plain;charset=utf-8"), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ERROR_CODE_HEADER, HeaderValue::from_static("CLUSTER_NOT_FOUND"));
            headers.extend(kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
            let body = Ok(br#"{"errorCode":"CLUSTER_NOT_FOUND"}"#.to_vec());
            let raw = Raw { status: StatusCode::NOT_FOUND, headers, body };
            assert_eq!(Refusal::read(&call(Method::GET), &raw, false, &[]).code.as_deref(), code, "{kind:?}");
            assert_eq!(is_from_the_application(&raw), code.is_some(), "{kind:?}");
        }
    }

    #[test]
    fn a_secret_that_the_answer_quotes_is_taken_out() {
        let body = json!({
            "errorCode": "hunter2-canary",
            "detail": "The password hunter2-canary is weak.",
            "parameters": ["hunter2-canary", {"p": "hunter2-canary"}, ["hunter2-canary"], 3],
            "badRequestDetail": {"fields": [{"field": "password", "description": "hunter2-canary"}]},
        });
        let refusal = refusal(Method::POST, 400, &body.to_string());
        let seen = format!("{refusal:?} {refusal} {:?}", Error::from(refusal.clone()));
        assert!(!seen.contains("hunter2"), "{seen}");
        assert!(refusal.names_fields);
    }
}
