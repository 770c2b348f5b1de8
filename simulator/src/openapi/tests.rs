//! Against a small document that has every peculiarity of the large one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const VERSION: &str = "2024-08-05";

fn specification() -> Specification {
    let content = |schema: &str| json!({media_type(VERSION): {"schema": {"$ref": schema}}});
    let thing = content("#/components/schemas/Thing");
    let document = json!({
        "paths": {"/api/atlas/v2/things/{id}": {
            "post": {
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^[a-f]+$"}},
                    {"$ref": "#/components/parameters/limit"},
                ],
                "requestBody": {"required": true, "content": thing},
                "responses": {"201": {"content": thing}},
            },
            "delete": {"responses": {"204": {"content": {media_type(VERSION): {}}}}},
        }},
        "components": {
            "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 5}}},
            "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["id", "size", "secret"],
                    "properties": {
                        "id": {"type": "string", "readOnly": true},
                        "size": {"$ref": "#/components/schemas/Size"},
                        "secret": {"type": "string", "writeOnly": true},
                        "note": {"type": "string", "nullable": true, "enum": ["x"]},
                        "region": {"type": "object", "oneOf": [{"type": "string", "enum": ["here"]}]},
                    },
                },
                // A base that chooses a variant that includes the base.
                "Size": {
                    "type": "object",
                    "properties": {"kind": {"type": "string", "enum": ["SMALL", "LARGE"]}},
                    "discriminator": {"propertyName": "kind", "mapping": {
                        "SMALL": "#/components/schemas/Small", "LARGE": "#/components/schemas/Large",
                    }},
                    "oneOf": [{"$ref": "#/components/schemas/Small"}, {"$ref": "#/components/schemas/Large"}],
                },
                "Small": {"allOf": [{"$ref": "#/components/schemas/Size"}]},
                "Large": {"allOf": [
                    {"$ref": "#/components/schemas/Size"},
                    {"type": "object", "properties": {"weight": {"type": "integer", "minimum": 1}}},
                ]},
                "ApiError": {"type": "object", "required": ["error"], "properties": {"error": {"type": "integer"}}},
            },
        },
    });
    Specification::new(document).unwrap()
}

fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.at.as_str()).collect()
}

/// Where an answer differs from the document.
fn answer(body: &Value) -> Vec<String> {
    let findings = specification().check_answer(Method::Post, "/things/{thingId}", VERSION, 201, Some(body));
    places(&findings).into_iter().map(str::to_owned).collect()
}

fn request(body: Value, id: &str, query: &[(&str, &str)]) -> Vec<String> {
    let request = Request {
        params: [("thingId".to_owned(), id.to_owned())].into(),
        query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        version: VERSION,
        body,
        org_id: String::new(),
        user: "key".to_owned(),
        host: String::new(),
        address: "127.0.0.1".to_owned(),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let findings = specification().check_request(Method::Post, "/things/{thingId}", &request);
    places(&findings).into_iter().map(str::to_owned).collect()
}

const NONE: Vec<String> = Vec::new();

#[test]
fn an_answer_as_described_has_no_findings() {
    let body = json!({"id": "1", "size": {"kind": "LARGE", "weight": 2}, "note": null, "region": "here"});
    assert_eq!(answer(&body), NONE);
    assert_eq!(answer(&json!({"id": "1", "size": {"kind": "SMALL"}})), NONE);
    assert_eq!(specification().check_answer(Method::Delete, "/things/{id}", VERSION, 204, None), []);
}

#[test]
fn a_wrong_field_is_named_and_nothing_else() {
    let body = |size: Value| json!({"id": "1", "size": size});
    assert_eq!(answer(&body(json!({"kind": "LARGE", "weight": 0}))), ["/size/weight"]);
    assert_eq!(answer(&body(json!({"kind": "HUGE"}))), ["/size/kind"]);
    assert_eq!(answer(&json!({"id": "1", "size": {"kind": "SMALL"}, "region": "there"})), ["/region"]);
    assert_eq!(answer(&json!({"size": {"kind": "SMALL"}})), [""], "the id is missing");
}

#[test]
fn a_field_of_another_variant_or_of_none_is_unknown() {
    assert_eq!(answer(&json!({"id": "1", "size": {"kind": "SMALL", "weight": 2}})), ["/size"]);
    assert_eq!(answer(&json!({"id": "1", "size": {"kind": "SMALL"}, "colour": "red"})), [""]);
}

#[test]
fn a_secret_is_required_in_a_request_and_forbidden_in_an_answer() {
    let size = json!({"kind": "SMALL"});
    assert_eq!(request(json!({"size": size, "secret": "s"}), "ab", &[]), NONE);
    assert_eq!(request(json!({"size": size}), "ab", &[]), [""]);
    assert_eq!(answer(&json!({"id": "1", "size": size, "secret": "s"})), ["/secret"]);
}

#[test]
fn parameters_are_checked_by_name_and_by_place() {
    let body = json!({"size": {"kind": "SMALL"}, "secret": "s"});
    assert_eq!(request(body.clone(), "xyz", &[]), ["id"]);
    assert_eq!(request(body.clone(), "ab", &[("limit", "5")]), NONE);
    assert_eq!(request(body.clone(), "ab", &[("limit", "6")]), ["limit"]);
    assert_eq!(request(body.clone(), "ab", &[("limit", "many")]), ["limit"]);
    assert_eq!(request(body, "ab", &[("other", "1")]), ["other"]);
    assert_eq!(request(Value::Null, "ab", &[]), [""], "a body is required");
}

#[test]
fn unknown_operations_versions_and_statuses_are_findings() {
    let specification = specification();
    let check = |method, path, version, status| {
        specification.check_answer(method, path, version, status, Some(&json!({}))).len()
    };
    assert_eq!(check(Method::Get, "/things/{id}", VERSION, 200), 1);
    assert_eq!(check(Method::Post, "/others", VERSION, 201), 1);
    assert_eq!(check(Method::Post, "/things/{id}", "2020-01-01", 201), 1);
    assert_eq!(check(Method::Post, "/things/{id}", VERSION, 200), 1);
    let error = json!({"error": 418});
    assert_eq!(specification.check_answer(Method::Post, "/things/{id}", VERSION, 418, Some(&error)), []);
}

#[test]
fn messages_do_not_repeat_values() {
    let body = json!({"id": "1", "size": {"kind": "canary"}});
    let findings = specification().check_answer(Method::Post, "/things/{id}", VERSION, 201, Some(&body));
    assert!(!findings.is_empty() && findings.iter().all(|finding| !finding.message.contains("canary")));
}

#[test]
fn a_document_without_paths_is_none() {
    assert!(Specification::new(json!({"paths": {}})).is_err());
    assert!(Specification::new(json!({"components": {"schemas": {}}})).is_err());
}
