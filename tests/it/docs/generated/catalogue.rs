//! What the catalogue of kinds says.
use std::collections::{BTreeSet, HashSet};

use atlas_operator::{
    atlas::Method,
    kind::{Add, Alter, Create, Delete, Deletion, Endpoint, Given, Kind, Policy, Route, Shape},
    kinds,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};
use serde_json::value::RawValue;

use super::{code, table};

pub fn schema(kind: &dyn Kind) -> JSONSchemaProps {
    kind.definition().spec.versions.remove(0).schema.unwrap().open_api_v3_schema.unwrap()
}

fn fate(kind: &dyn Kind) -> &'static str {
    match kind.deletion() {
        Deletion::Delete => "delete",
        Deletion::Retain => "retain",
    }
}

pub fn deletion() -> String {
    table(&["kind", "default"], kinds::all().iter().map(|kind| vec![kind.name().to_owned(), code(fate(*kind))]))
}

pub fn kind_table() -> String {
    let row = |kind: &&dyn Kind| {
        let definition = kind.definition();
        let short = definition.spec.names.short_names.unwrap_or_default();
        vec![
            code(kind.name()),
            short.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
            schema(*kind).description.unwrap(),
            code(fate(*kind)),
        ]
    };
    table(&["kind", "short", "what it is", "on deletion"], kinds::all().iter().map(row))
}

/// Every operation of every part that the examples of a kind have, once, in the order of a part's life.
fn operations_of(kind: &dyn Kind) -> Vec<(&'static str, Method, Endpoint)> {
    let given = Given {
        org_id: "org".to_owned(),
        project_id: Some("project".to_owned()),
        created: Some(jiff::Timestamp::UNIX_EPOCH),
        ..Given::default()
    };
    let (mut seen, mut operations) = (BTreeSet::new(), Vec::new());
    for example in kind.examples() {
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(example.manifest).unwrap();
        let spec = RawValue::from_string(documents.last().unwrap()["spec"].to_string()).unwrap();
        let declared = kind.read(&spec).unwrap();
        let parts = declared.parts(&given).unwrap().into_iter();
        let of_parts = parts.flat_map(|part| {
            of_route(part.route).into_iter().map(move |(method, endpoint)| (part.name, method, endpoint))
        });
        let issue = declared.issue().map(|issue| (issue.name, Method::POST, issue.endpoint));
        for (part, method, endpoint) in of_parts.chain(issue) {
            if seen.insert((part, method.to_string(), endpoint.template)) {
                operations.push((part, method, endpoint));
            }
        }
    }
    operations
}

/// Every operation of every kind, as a table.
pub fn operations() -> String {
    let mut rows = Vec::new();
    for kind in kinds::all() {
        rows.extend(operations_of(*kind).into_iter().map(|(part, method, endpoint)| {
            let operation = format!("{method} {}", endpoint.template);
            vec![kind.name().to_owned(), part.to_owned(), code(&operation), endpoint.version.to_owned()]
        }));
    }
    table(&["kind", "part", "operation", "version"], rows)
}

/// Every operation that the operator uses, the one that grants tokens included: method and path template.
pub fn every_operation() -> HashSet<(Method, &'static str)> {
    let of_kinds = kinds::all().iter().flat_map(|kind| operations_of(*kind));
    let mut all: HashSet<_> = of_kinds.map(|(_, method, endpoint)| (method, endpoint.template)).collect();
    all.insert((Method::POST, "/api/oauth/token"));
    all
}

fn of_route(route: &Route) -> Vec<(Method, Endpoint)> {
    let mut operations = vec![(Method::GET, route.read)];
    operations.extend(route.find.map(|find| (Method::GET, find)));
    operations.extend(route.listed.map(|list| (Method::GET, list)));
    if let Create::Post(create) = route.create {
        operations.push((Method::POST, create));
    }
    match route.shape {
        Shape::Document => operations.push((Method::PATCH, route.update)),
        Shape::Entries(entries) => {
            operations.extend(match entries.add {
                Add::Together(add) | Add::Wrapped(add, _) | Add::Singly(add) => Some((Method::POST, add)),
                Add::Never => None,
            });
            if let Alter::Patch(alter) = entries.alter {
                operations.push((Method::PATCH, alter));
            }
        }
    }
    let upgrades = route.passage.map_or_else(Default::default, |passage| passage.upgrades);
    operations.extend(upgrades.iter().map(|upgrade| (Method::POST, *upgrade)));
    for field in route.fields {
        if let Policy::Verb { set, clear, .. } = field.policy {
            operations.extend([(Method::POST, set), (Method::POST, clear)]);
        }
    }
    match route.delete {
        Delete::Delete(delete) | Delete::Selected(delete, _) | Delete::Reset(delete, _) | Delete::All(delete) => {
            operations.push((Method::DELETE, delete));
        }
        Delete::WithParent => {}
    }
    operations
}

/// For whom something is: all kinds, or those named.
fn whose(owners: &[&str]) -> String {
    if owners.len() == kinds::all().len() { "all".to_owned() } else { owners.join(", ") }
}

/// The fields of every kind's status, with what their definition says.
pub fn status() -> String {
    let mut fields: Vec<(String, String, Vec<&str>)> = Vec::new();
    for kind in kinds::all() {
        let mut own = Vec::new();
        leaves(&schema(*kind).properties.unwrap()["status"], "", &mut own);
        for (path, meaning) in own {
            match fields.iter_mut().find(|(known, ..)| *known == path) {
                Some((_, _, owners)) => owners.push(kind.name()),
                None => fields.push((path, meaning, vec![kind.name()])),
            }
        }
    }
    let row = |(path, meaning, owners): (String, String, Vec<&str>)| vec![code(&path), whose(&owners), meaning];
    table(&["field", "kinds", "meaning"], fields.into_iter().map(row))
}

/// Every field below a schema. Conditions are of Kubernetes, and explained by it.
fn leaves(schema: &JSONSchemaProps, path: &str, found: &mut Vec<(String, String)>) {
    for (name, property) in schema.properties.iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        found.push((path.clone(), property.description.clone().unwrap_or_default()));
        match &property.items {
            Some(JSONSchemaPropsOrArray::Schema(item)) if name != "conditions" => {
                leaves(item, &format!("{path}[]"), found);
            }
            _ => leaves(property, &path, found),
        }
    }
}

pub fn columns() -> String {
    let mut columns: Vec<(String, &str, Vec<&str>)> = Vec::new();
    for kind in kinds::all() {
        for column in kind.definition().spec.versions.remove(0).additional_printer_columns.unwrap() {
            let shown = if column.priority.is_some() { "with `-o wide`" } else { "always" };
            match columns.iter_mut().find(|(name, ..)| *name == column.name) {
                Some((_, _, owners)) => owners.push(kind.name()),
                None => columns.push((column.name, shown, vec![kind.name()])),
            }
        }
    }
    let row = |(name, shown, owners): (String, &str, Vec<&str>)| vec![name, whose(&owners), shown.to_owned()];
    table(&["column", "kinds", "shown"], columns.into_iter().map(row))
}
