//! Validation of exchanges against an OpenAPI document of the Administration API.
//!
//! A **violation** is a request that the document forbids and the simulator carried out, or an answer of the simulator
//! that the document does not describe, apart from the [known deviations](deviations) of the real API. A request that
//! was refused is none: there document and simulator agree. Answers that a fault made up are not looked at.
//!
//! Unknown fields count: the document is read as if objects had no fields but those it lists. Error answers are checked
//! for the error object whatever their status, because the document lists statuses of errors incompletely.
pub mod deviations;
mod schema;
#[cfg(test)]
mod tests;
pub mod violations;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{Method, Operation, Request};
use crate::http::handlers::anonymous;
use crate::http::route::BASE;
use schema::convert;
pub use violations::Violations;

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
    #[error("{0} is not YAML: {1}")]
    Syntax(PathBuf, Box<serde_saphyr::Error>),
    #[error("{0} is no OpenAPI document: it has no {1}")]
    Shape(PathBuf, &'static str),
}

/// Which half of an exchange a finding is about; schemas differ in what is required and allowed in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Request,
    Response,
}

/// One thing that the document does not describe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub side: Side,
    /// A JSON pointer into the body, or the name of a parameter.
    pub at: String,
    /// Without the values in question, which may be secret.
    pub message: String,
}

impl Finding {
    fn new(side: Side, at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { side, at: at.into(), message: message.into() }
    }
}

/// A call that reached its handler.
pub struct Exchange<'a> {
    pub operation: &'a Operation,
    pub request: &'a Request,
    pub status: u16,
    /// The answer before envelope and layout.
    pub document: Option<&'a Value>,
}

/// An OpenAPI document, and the schemas of it that were needed so far.
pub struct Specification {
    document: Value,
    /// The document's own spelling of each path, by method and path with anonymous parameters.
    paths: HashMap<(Method, String), String>,
    compiled: Mutex<HashMap<String, Compiled>>,
}

/// A schema ready for use, or why it cannot be.
type Compiled = Result<Arc<Validator>, String>;

impl Specification {
    /// # Errors
    /// The file cannot be read, or is no OpenAPI document.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path).map_err(|error| LoadError::Read(path.to_owned(), error))?;
        let document =
            serde_saphyr::from_str(&text).map_err(|error| LoadError::Syntax(path.to_owned(), Box::new(error)))?;
        Self::new(document).map_err(|missing| LoadError::Shape(path.to_owned(), missing))
    }

    /// # Errors
    /// Names the part that an OpenAPI document has and this one lacks.
    pub fn new(mut document: Value) -> Result<Self, &'static str> {
        let mut paths = HashMap::new();
        for (spelling, item) in document.get("paths").and_then(Value::as_object).ok_or("paths")? {
            let Some(below) = spelling.strip_prefix(BASE) else { continue };
            for method in [Method::Get, Method::Post, Method::Patch, Method::Put, Method::Delete] {
                if item.get(method.as_str().to_ascii_lowercase()).is_some() {
                    paths.insert((method, anonymous(below)), spelling.clone());
                }
            }
        }
        document.pointer("/components/schemas").ok_or("components.schemas")?;
        deviations::apply(&mut document);
        Ok(Self { document, paths, compiled: Mutex::default() })
    }

    /// Everything in an exchange that the document does not describe.
    pub fn check(&self, exchange: &Exchange) -> Vec<Finding> {
        let Exchange { operation, request, status, document } = *exchange;
        let (method, path, version) = (operation.method, operation.path, request.version);
        let mut findings = Vec::new();
        if operation.is_older() {
            return findings;
        }
        if (200..300).contains(&status) {
            findings.extend(self.check_request(method, path, request));
        }
        findings.extend(self.check_answer(method, path, version, status, document));
        findings
    }

    /// What an answer has that the document does not describe. `path` is below the base path.
    pub fn check_answer(
        &self,
        method: Method,
        path: &str,
        version: &str,
        status: u16,
        document: Option<&Value>,
    ) -> Vec<Finding> {
        let found = |at: &str, message: String| vec![Finding::new(Side::Response, at, message)];
        if status >= 400 {
            let schema = || json!({"$ref": "#/components/schemas/ApiError"});
            return document.map_or_else(Vec::new, |body| self.validate("error", schema, Side::Response, body));
        }
        let Some(operation) = self.operation(method, path) else {
            return found("", format!("the specification has no {} {path}", method.as_str()));
        };
        let specified = deviations::specified_status(method, path, status);
        let Some(response) = operation["responses"].get(specified.to_string()) else {
            return found("", format!("the specification has no status {status} here"));
        };
        let content = &response["content"];
        match (content.get(media_type(version)), document) {
            // Several answers without a body have no content in the document at all.
            (None, None) => Vec::new(),
            (None, Some(_)) => found("", format!("the specification has no version {version} here")),
            (Some(content), _) if content.get("schema").is_none() => Vec::new(),
            (Some(_), None) => found("", "the answer has no body".to_owned()),
            (Some(content), Some(body)) => {
                let name = format!("{} {} {version} {specified}", method.as_str(), anonymous(path));
                self.validate(&name, || content["schema"].clone(), Side::Response, body)
            }
        }
    }

    fn check_request(&self, method: Method, path: &str, request: &Request) -> Vec<Finding> {
        // An unknown operation is a finding of the answer.
        let Some(operation) = self.operation(method, path) else { return Vec::new() };
        let mut findings = self.check_parameters(operation, method, path, request);
        let content = operation["requestBody"]["content"].get(media_type(request.version));
        let found = |message: &str| Finding::new(Side::Request, "", message);
        match (content.and_then(|content| content.get("schema")), &request.body) {
            (Some(_), Value::Null) if operation["requestBody"]["required"] == true => {
                findings.push(found("a body is required"));
            }
            (_, Value::Null) => {}
            (None, _) => findings.push(found("the specification has no body here")),
            (Some(schema), body) => {
                let name = format!("{} {} {}", method.as_str(), anonymous(path), request.version);
                findings.extend(self.validate(&name, || schema.clone(), Side::Request, body));
            }
        }
        findings
    }

    /// Parameters in path and query, by name. Path parameters are compared in their order, since names may differ.
    fn check_parameters(&self, operation: &Value, method: Method, path: &str, request: &Request) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut query: BTreeMap<&str, &str> =
            request.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let names = names(path);
        let specified_names =
            self.paths.get(&(method, anonymous(path))).map(|path| self::names(path)).unwrap_or_default();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = self.resolve(parameter);
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = match parameter["in"].as_str() {
                Some("query") => query.remove(name),
                Some("path") => {
                    let at = specified_names.iter().position(|known| *known == name);
                    at.and_then(|at| names.get(at)).map(|own| request.param(own))
                }
                _ => continue,
            };
            let Some(value) = value else {
                if parameter["required"] == true {
                    findings.push(Finding::new(Side::Request, name, "the parameter is required"));
                }
                continue;
            };
            let key = format!("{} {} {name}", method.as_str(), anonymous(path));
            let schema = &parameter["schema"];
            let value = typed(value, schema["type"].as_str());
            let wrong = self.validate(&key, || schema.clone(), Side::Request, &value);
            findings.extend(wrong.into_iter().map(|finding| Finding { at: name.to_owned(), ..finding }));
        }
        let unknown = |name: &&str| Finding::new(Side::Request, *name, "the specification has no such parameter");
        findings.extend(query.keys().map(unknown));
        findings
    }

    fn operation(&self, method: Method, path: &str) -> Option<&Value> {
        let spelling = self.paths.get(&(method, anonymous(path)))?;
        self.document["paths"].get(spelling)?.get(method.as_str().to_ascii_lowercase())
    }

    /// What a reference points to, or the value itself.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|reference| self.document.pointer(reference.strip_prefix('#')?));
        target.unwrap_or(value)
    }

    /// Checks a value against a schema, which is compiled at its first use and kept under its name and side.
    fn validate(&self, name: &str, schema: impl FnOnce() -> Value, side: Side, value: &Value) -> Vec<Finding> {
        let key = format!("{side:?} {name}");
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = compiled.entry(key).or_insert_with(|| self.compile(&schema(), side)).clone();
        drop(compiled);
        match validator {
            Ok(validator) => findings(&validator, side, value),
            Err(error) => vec![Finding::new(side, "", format!("the schema cannot be compiled: {error}"))],
        }
    }

    fn compile(&self, schema: &Value, side: Side) -> Compiled {
        let converted = convert(&self.document["components"]["schemas"], schema, side);
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        options.build(&converted).map(Arc::new).map_err(|error| error.to_string())
    }
}

/// The errors of a value, without those that only follow from another. Where a field is wrong, its object no longer
/// counts as described, and the validator calls all its fields unknown.
fn findings(validator: &Validator, side: Side, value: &Value) -> Vec<Finding> {
    const UNKNOWN: &str = "unevaluatedProperties";
    let errors: Vec<_> = validator.iter_errors(value).collect();
    let places: Vec<String> = errors.iter().map(|error| error.instance_path().to_string()).collect();
    let follows = |at: usize| {
        let inner = format!("{}/", places[at]);
        errors[at].kind().keyword() == UNKNOWN
            && errors.iter().zip(&places).enumerate().any(|(other, (error, place))| {
                other != at
                    && (place.starts_with(&inner) || (*place == places[at] && error.kind().keyword() != UNKNOWN))
            })
    };
    let mut told = Vec::new();
    for at in (0..errors.len()).filter(|&at| !follows(at)) {
        let finding = Finding::new(side, places[at].clone(), errors[at].masked().to_string());
        // A field of a base is described by the base and by its variant, and is wrong for both.
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    told
}

fn media_type(version: &str) -> String {
    format!("application/vnd.atlas.{version}+json")
}

/// The names of the parameters of a path, in their order.
fn names(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|part| Some(part.strip_prefix('{')?.split_once('}')?.0)).collect()
}

/// A parameter's text as the type that its schema has. What does not fit stays text, and the schema will say so.
fn typed(text: &str, kind: Option<&str>) -> Value {
    let parsed = match kind {
        Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
        Some("array") => Some(text.split(',').map(Value::from).collect()),
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::from(text))
}
