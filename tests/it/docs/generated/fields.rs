//! Every field of every kind's spec, from its definition.
use atlas_operator::{kind::Kind, kinds};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use super::{Part, catalogue::schema, code, table};

/// For each kind a table of fields, and one of the rules that its definition has beside their bounds.
pub fn tables() -> Vec<Part> {
    let of_kind = |kind: &&dyn Kind| {
        let spec = &schema(*kind).properties.unwrap()["spec"];
        let (mut fields, mut rules) = (Vec::new(), Vec::new());
        below(spec, "", &mut fields);
        self::rules(spec, "", &mut rules);
        let fields = table(&["field of `spec`", "type", "required", "default", "bounds", "meaning"], fields);
        let rules = table(&["at", "what `kubectl apply` requires beside that"], rules);
        (kind.name().to_owned(), format!("{fields}\n{rules}"))
    };
    kinds::all().iter().map(of_kind).collect()
}

/// A row for each field below a schema. What stands in lists is shown with `[]`, and the values of maps with `.*`.
fn below(schema: &JSONSchemaProps, path: &str, rows: &mut Vec<Vec<String>>) {
    for (name, field) in schema.properties.iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let required = schema.required.iter().flatten().any(|required| required == name);
        let default = field.default.as_ref().map(|default| code(&default.0.to_string())).unwrap_or_default();
        rows.push(vec![
            code(&path),
            type_of(field),
            if required { "yes" } else { "" }.to_owned(),
            default,
            bounds(field),
            field.description.as_deref().unwrap_or_default().replace("\n\n", " "),
        ]);
        let (mut inner, mut path) = (field, path);
        while let Some((held, step)) = held(inner) {
            (inner, path) = (held, format!("{path}{step}"));
        }
        below(inner, &path, rows);
    }
}

/// A row for each rule of a schema and of all below it.
fn rules(schema: &JSONSchemaProps, path: &str, rows: &mut Vec<Vec<String>>) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        let at = format!("{path}{}", rule.field_path.as_deref().unwrap_or_default());
        let at = at.trim_start_matches('.');
        let at = if at.is_empty() { "spec" } else { at };
        rows.push(vec![code(at), rule.message.clone().unwrap_or_else(|| code(&rule.rule))]);
    }
    for (name, field) in schema.properties.iter().flatten() {
        rules(field, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, rows);
    }
    if let Some((held, step)) = held(schema) {
        rules(held, &format!("{path}{step}"), rows);
    }
}

/// What a list or a map holds, and how that is shown in a path.
fn held(field: &JSONSchemaProps) -> Option<(&JSONSchemaProps, &'static str)> {
    item(field).map(|item| (item, "[]")).or_else(|| value(field).map(|value| (value, ".*")))
}

fn item(field: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &field.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => Some(item),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
    }
}

fn value(field: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &field.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(value)) => Some(value),
        Some(JSONSchemaPropsOrBool::Bool(_)) | None => None,
    }
}

fn type_of(field: &JSONSchemaProps) -> String {
    let named = field.type_.as_deref().unwrap_or("any");
    match (named, field.format.as_deref()) {
        ("array", _) => format!("list of {}", item(field).map_or("anything".to_owned(), plural)),
        ("object", _) => value(field).map_or("object".to_owned(), |value| format!("map to {}", plural(value))),
        ("string", Some("date-time")) => "date and time".to_owned(),
        _ if field.x_kubernetes_int_or_string == Some(true) => "integer or string".to_owned(),
        _ => named.to_owned(),
    }
}

fn plural(field: &JSONSchemaProps) -> String {
    match type_of(field).as_str() {
        "date and time" => "dates and times".to_owned(),
        other => match other.split_once(' ') {
            Some((first, rest)) => format!("{first}s {rest}"),
            None => format!("{other}s"),
        },
    }
}

/// What the API server requires of a value by itself.
fn bounds(field: &JSONSchemaProps) -> String {
    let mut all = own_bounds(field);
    if let Some((held, _)) = held(field) {
        let each = own_bounds(held);
        all.extend(each.into_iter().map(|bound| format!("each: {bound}")));
    }
    all.join("; ")
}

fn own_bounds(field: &JSONSchemaProps) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(values) = &field.enum_ {
        let values: Vec<_> =
            values.iter().map(|value| code(value.0.as_str().unwrap_or(&value.0.to_string()))).collect();
        all.push(values.join(", "));
    }
    let whole = |number: i64| number.to_string();
    all.extend(range(field.minimum.map(|least| least.to_string()), field.maximum.map(|most| most.to_string()), ""));
    all.extend(range(field.min_length.map(whole), field.max_length.map(whole), " characters"));
    all.extend(range(field.min_items.map(whole), field.max_items.map(whole), " items"));
    all.extend(range(field.min_properties.map(whole), field.max_properties.map(whole), " keys"));
    all.extend(field.pattern.as_deref().map(|pattern| format!("matches {}", code(pattern))));
    all
}

fn range(least: Option<String>, most: Option<String>, unit: &str) -> Option<String> {
    Some(match (least.filter(|least| unit.is_empty() || least != "0"), most) {
        (Some(least), Some(most)) if least == most => format!("{least}{unit}"),
        (Some(least), Some(most)) => format!("{least} to {most}{unit}"),
        (Some(least), None) => format!("at least {least}{unit}"),
        (None, Some(most)) => format!("at most {most}{unit}"),
        (None, None) => return None,
    })
}

#[test]
fn a_table_says_what_the_schema_says() {
    let schema = serde_json::json!({
        "required": ["zones"],
        "properties": {
            "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}},
            "size": {"type": "integer", "minimum": 1, "maximum": 7, "default": 3, "description": "How large."},
            "zones": {"type": "array", "maxItems": 2, "items": {"type": "object", "properties": {
                "at": {"type": "string", "format": "date-time"},
                "kind": {"type": "string", "enum": ["A", "B"]},
            }, "x-kubernetes-validations": [{"rule": "true", "message": "one at a time", "fieldPath": ".at"}]}},
        },
        "x-kubernetes-validations": [{"rule": "self == oldSelf"}],
    });
    let schema = serde_json::from_value(schema).unwrap();
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    below(&schema, "", &mut rows);
    rules(&schema, "", &mut found);
    assert_eq!(found, [["`spec`", "`self == oldSelf`"], ["`zones[].at`", "one at a time"]]);
    let expected = [
        ["`labels`", "map to strings", "", "", "each: at most 63 characters", ""],
        ["`size`", "integer", "", "`3`", "1 to 7", "How large."],
        ["`zones`", "list of objects", "yes", "", "at most 2 items", ""],
        ["`zones[].at`", "date and time", "", "", "", ""],
        ["`zones[].kind`", "string", "", "", "`A`, `B`", ""],
    ];
    assert_eq!(rows, expected);
}
