//! Which operation a path and method name.
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::api::{Method, Operation};

/// What all paths of the API begin with, but those of older interfaces.
pub const BASE: &str = "/api/atlas/v2";

/// The operations, ready to be found.
pub struct Router {
    operations: Vec<Operation>,
    /// The segments of each operation's path.
    templates: Vec<Vec<Segment>>,
}

enum Segment {
    Literal(&'static str),
    /// `{name}` or `{name}:action`: a value that is not empty, and what must follow it.
    Parameter {
        name: &'static str,
        suffix: &'static str,
    },
}

/// What was found at a path.
pub enum Found<'a> {
    Operation {
        at: usize,
        operation: &'a Operation,
        params: BTreeMap<String, String>,
    },
    /// The path is known; these are its methods.
    OtherMethod(Vec<Method>),
    Nothing,
}

impl Router {
    pub fn new(operations: Vec<Operation>) -> Self {
        let templates = operations.iter().map(|operation| segments(operation.path)).collect();
        Self { operations, templates }
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// `path` is as it was sent. A literal segment wins over a parameter, from the left.
    pub fn find(&self, method: &str, path: &str) -> Found<'_> {
        let below = path.strip_prefix(BASE);
        let older = below.is_none();
        let below = below.unwrap_or(path);
        let path: Vec<String> =
            below.split('/').skip(1).map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
        let asked = |at: usize, template: &[Segment]| self.operations[at].is_older() == older && fits(template, &path);
        let fitting = self.templates.iter().enumerate().filter(|(at, template)| asked(*at, template));
        let literal = |&at: &usize| -> Vec<bool> {
            self.templates[at].iter().map(|segment| matches!(segment, Segment::Literal(_))).collect()
        };
        let fitting: Vec<usize> = fitting.map(|(at, _)| at).collect();
        let Some(best) = fitting.iter().max_by_key(|at| literal(at)).map(literal) else { return Found::Nothing };
        let same_path = || fitting.iter().copied().filter(|at| literal(at) == best);
        match same_path().find(|&at| self.operations[at].method.as_str() == method) {
            Some(at) => {
                let params = parameters(&self.templates[at], &path);
                Found::Operation { at, operation: &self.operations[at], params }
            }
            None => Found::OtherMethod(same_path().map(|at| self.operations[at].method).collect()),
        }
    }
}

fn segments(template: &'static str) -> Vec<Segment> {
    let segment = |part: &'static str| match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((name, suffix)) => Segment::Parameter { name, suffix },
        None => Segment::Literal(part),
    };
    template.split('/').skip(1).map(segment).collect()
}

fn fits(template: &[Segment], path: &[String]) -> bool {
    template.len() == path.len()
        && template.iter().zip(path).all(|(segment, part)| match segment {
            Segment::Literal(literal) => literal == part,
            Segment::Parameter { suffix, .. } => part.strip_suffix(suffix).is_some_and(|value| !value.is_empty()),
        })
}

fn parameters(template: &[Segment], path: &[String]) -> BTreeMap<String, String> {
    let pairs = template.iter().zip(path).filter_map(|(segment, part)| match segment {
        Segment::Literal(_) => None,
        Segment::Parameter { name, suffix } => Some(((*name).to_owned(), part.strip_suffix(suffix)?.to_owned())),
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::api::{EndpointSet, Evidence, Reply, Scope};

    fn router(operations: &[(Method, &'static str)]) -> Router {
        let operation = |&(method, path): &(Method, &'static str)| Operation {
            method,
            path,
            versions: &[],
            set: EndpointSet { name: "set", scope: Scope::User, capacity: 1, refill: 1 },
            evidence: Evidence::SpecOnly,
            handler: |_, _| Ok(Reply::empty(200)),
        };
        Router::new(operations.iter().map(operation).collect())
    }

    fn found(router: &Router, method: &str, path: &str) -> String {
        match router.find(method, &format!("{BASE}{path}")) {
            Found::Operation { operation, params, .. } => format!("{} {params:?}", operation.name()),
            Found::OtherMethod(methods) => format!("{methods:?}"),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_literal_wins_over_a_parameter() {
        let router = router(&[
            (Method::Get, "/groups/{groupId}"),
            (Method::Get, "/groups/byName/{name}"),
            (Method::Get, "/groups/{groupId}/{what}"),
            (Method::Delete, "/groups/{groupId}"),
        ]);
        assert_eq!(found(&router, "GET", "/groups/byName/x"), r#"GET /groups/byName/{name} {"name": "x"}"#);
        assert_eq!(
            found(&router, "GET", "/groups/a/b"),
            r#"GET /groups/{groupId}/{what} {"groupId": "a", "what": "b"}"#
        );
        assert_eq!(found(&router, "POST", "/groups/a"), "[Get, Delete]");
        assert_eq!(found(&router, "DELETE", "/groups/byName/x"), "[Get]");
    }

    #[test]
    fn parameters_are_decoded_and_never_empty() {
        let router = router(&[(Method::Get, "/groups/{groupId}/databaseUsers/{databaseName}/{username}")]);
        assert_eq!(
            found(&router, "GET", "/groups/g/databaseUsers/$external/arn%3Aaws%3A%2Fa%20b"),
            r#"GET /groups/{groupId}/databaseUsers/{databaseName}/{username} {"databaseName": "$external", "groupId": "g", "username": "arn:aws:/a b"}"#
        );
        assert_eq!(found(&router, "GET", "/groups//databaseUsers/admin/u"), "nothing");
        assert_eq!(found(&router, "GET", "/groups/g/databaseUsers/admin/u/"), "nothing");
    }

    #[test]
    fn an_action_after_a_colon_is_part_of_the_template() {
        let router = router(&[(Method::Post, "/groups/{groupId}:migrate"), (Method::Get, "/groups/{groupId}")]);
        assert_eq!(found(&router, "POST", "/groups/g:migrate"), r#"POST /groups/{groupId}:migrate {"groupId": "g"}"#);
        assert_eq!(found(&router, "GET", "/groups/g"), r#"GET /groups/{groupId} {"groupId": "g"}"#);
    }

    #[test]
    fn an_older_interface_is_beside_the_base() {
        let router = router(&[(Method::Get, "/orgs"), (Method::Get, "/api/atlas/v1.0/orgs")]);
        let found = |path: &str| match router.find("GET", path) {
            Found::Operation { operation, .. } => operation.path,
            _ => "",
        };
        assert_eq!(found("/api/atlas/v1.0/orgs"), "/api/atlas/v1.0/orgs");
        assert_eq!(found("/api/atlas/v2/orgs"), "/orgs");
        assert_eq!(found("/api/atlas/v2/api/atlas/v1.0/orgs"), "");
        assert_eq!(found("/orgs"), "");
    }

    #[test]
    fn what_is_not_below_the_base_is_nothing() {
        let router = router(&[(Method::Get, "/orgs")]);
        assert!(matches!(router.find("GET", "/api/atlas/v1.0/orgs"), Found::Nothing));
        assert!(matches!(router.find("GET", "/"), Found::Nothing));
        assert!(matches!(router.find("GET", "/api/atlas/v2/orgs"), Found::Operation { .. }));
        assert!(matches!(router.find("GET", "/api/atlas/v2orgs"), Found::Nothing));
    }
}
