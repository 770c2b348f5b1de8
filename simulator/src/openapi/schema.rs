//! From the schemas of OpenAPI 3.0 to JSON Schema 2020-12.
//!
//! The two differ in more than spelling, and the Administration API uses most of the differences:
//!
//! * `nullable` becomes a second type.
//! * A `oneOf` with a `discriminator` becomes a choice by the discriminating field. Its variants include their base
//!   through `allOf`, which then means the fields of the base and not the choice again; otherwise it would never end.
//! * A `oneOf` without one becomes `anyOf`, because its variants overlap.
//! * A `oneOf` of texts is said to be an object, which no text is; the type of the whole is then left out.
//! * `readOnly` fields are not required in a request; `writeOnly` fields are not required in an answer, and must not be
//!   in it: they are secrets. A `readOnly` field in a request is ignored by Atlas and allowed here.
//! * An object has no other fields than those listed somewhere in its composition, unless it says so.
use serde_json::{Map, Value, json};

use super::Side;

/// Keywords that mean the same in both.
const SAME: [&str; 8] =
    ["pattern", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"];

/// Formats whose meaning is the same in both. The others (`int32`, `double`, `password`, …) say nothing about text.
const FORMATS: [&str; 5] = ["date-time", "date", "uuid", "email", "uri"];

const REFERENCE: &str = "#/components/schemas/";

/// Converts a schema together with everything that it refers to in `schemas`.
pub fn convert(schemas: &Value, schema: &Value, side: Side) -> Value {
    let mut converter = Converter { schemas, side, definitions: Map::new(), within: Vec::new() };
    let mut whole = converter.convert(schema, Shape::Whole);
    if let Some(object) = whole.as_object_mut() {
        object.insert("$defs".to_owned(), Value::Object(converter.definitions));
    }
    whole
}

/// As what a schema is used; each use of a named schema becomes a definition of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// It describes a value completely.
    Whole,
    /// It describes a value together with others, so fields that it does not list are none of its business.
    Part,
    /// A part, and without its choice of variants, because one of them is what includes it.
    Base,
}

struct Converter<'a> {
    schemas: &'a Value,
    side: Side,
    definitions: Map<String, Value>,
    /// The named schemas that are being converted, the innermost last.
    within: Vec<String>,
}

impl Converter<'_> {
    fn convert(&mut self, schema: &Value, shape: Shape) -> Value {
        let Some(source) = schema.as_object() else { return schema.clone() };
        if let Some(name) = reference(schema) {
            return self.refer(name, shape);
        }
        let mut out = Map::new();
        for keyword in SAME {
            copy(source, keyword, &mut out);
        }
        scalars(source, &mut out);
        if let Some(items) = source.get("items") {
            out.insert("items".to_owned(), self.convert(items, Shape::Whole));
        }
        self.fields(source, &mut out);
        if let Some(parts) = source.get("allOf").and_then(Value::as_array) {
            let parts = parts.iter().map(|part| self.include(part)).collect();
            out.insert("allOf".to_owned(), parts);
        }
        if shape != Shape::Base {
            self.choice(source, &mut out);
        }
        let composed = ["properties", "allOf", "oneOf", "anyOf"].iter().any(|keyword| source.contains_key(*keyword));
        if shape == Shape::Whole && composed && !source.contains_key("additionalProperties") {
            out.insert("unevaluatedProperties".to_owned(), json!(false));
        }
        Value::Object(out)
    }

    /// `properties`, `required` and `additionalProperties`.
    fn fields(&mut self, source: &Map<String, Value>, out: &mut Map<String, Value>) {
        let fields = source.get("properties").and_then(Value::as_object);
        let marked = |field: &Value, mark: &str| field.get(mark) == Some(&json!(true));
        if let Some(fields) = fields {
            let secret = |field: &Value| self.side == Side::Response && marked(field, "writeOnly");
            let secrets: Vec<&String> =
                fields.iter().filter(|(_, field)| secret(field)).map(|(name, _)| name).collect();
            let converted = fields.iter().map(|(name, field)| {
                let field = if secrets.contains(&name) { json!(false) } else { self.convert(field, Shape::Whole) };
                (name.clone(), field)
            });
            let converted = converted.collect();
            out.insert("properties".to_owned(), Value::Object(converted));
        }
        if let Some(required) = source.get("required").and_then(Value::as_array) {
            let mark = match self.side {
                Side::Request => "readOnly",
                Side::Response => "writeOnly",
            };
            let field = |name: &Value| fields.and_then(|fields| fields.get(name.as_str()?));
            let needed = required.iter().filter(|name| !field(name).is_some_and(|field| marked(field, mark)));
            out.insert("required".to_owned(), needed.cloned().collect());
        }
        if let Some(others) = source.get("additionalProperties") {
            out.insert("additionalProperties".to_owned(), self.convert(others, Shape::Whole));
        }
    }

    /// A part of an `allOf`.
    fn include(&mut self, part: &Value) -> Value {
        let chooses_us = |name: &str| {
            let chosen = variants(&self.schemas[name]);
            self.within.last().is_some_and(|current| chosen.iter().any(|(_, variant)| variant == current))
        };
        let shape = if reference(part).is_some_and(chooses_us) { Shape::Base } else { Shape::Part };
        self.convert(part, shape)
    }

    /// `oneOf`, `anyOf` and discriminators.
    fn choice(&mut self, source: &Map<String, Value>, out: &mut Map<String, Value>) {
        let schema = Value::Object(source.clone());
        let field = schema["discriminator"]["propertyName"].as_str();
        let chosen = variants(&schema);
        if let Some(field) = field.filter(|_| !chosen.is_empty()) {
            let any: Value = chosen.iter().map(|(_, name)| self.refer(name, Shape::Part)).collect();
            let unsaid = json!({"if": {"not": {"required": [field]}}, "then": {"anyOf": any}});
            let mut cases = vec![unsaid];
            for (value, name) in &chosen {
                let is_it = json!({"properties": {field: {"const": value}}, "required": [field]});
                cases.push(json!({"if": is_it, "then": self.refer(name, Shape::Part)}));
            }
            let all = out.entry("allOf").or_insert_with(|| json!([]));
            if let Some(all) = all.as_array_mut() {
                all.extend(cases);
            }
            return;
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(branches) = source.get(keyword).and_then(Value::as_array) {
                if branches.iter().any(|branch| branch["type"].as_str().is_some_and(|kind| kind != "object")) {
                    out.remove("type");
                }
                let branches = branches.iter().map(|branch| self.convert(branch, Shape::Part)).collect();
                out.insert("anyOf".to_owned(), branches);
            }
        }
    }

    /// A reference to a named schema, which is converted when it is met first.
    fn refer(&mut self, name: &str, shape: Shape) -> Value {
        let key = format!("{name}.{shape:?}");
        if !self.definitions.contains_key(&key) {
            // Holds the place, so that a schema within itself ends here.
            self.definitions.insert(key.clone(), json!(true));
            self.within.push(name.to_owned());
            let converted = self.convert(&self.schemas[name], shape);
            self.within.pop();
            self.definitions.insert(key.clone(), converted);
        }
        json!({"$ref": format!("#/$defs/{key}")})
    }
}

/// Types, numbers and enumerations.
fn scalars(source: &Map<String, Value>, out: &mut Map<String, Value>) {
    let nullable = source.get("nullable") == Some(&json!(true));
    match source.get("type") {
        Some(kind) if nullable => drop(out.insert("type".to_owned(), json!([kind, "null"]))),
        Some(kind) => drop(out.insert("type".to_owned(), kind.clone())),
        None => {}
    }
    if let Some(values) = source.get("enum").and_then(Value::as_array) {
        let null = (nullable && !values.contains(&Value::Null)).then_some(Value::Null);
        out.insert("enum".to_owned(), values.iter().cloned().chain(null).collect());
    }
    if let Some(format) = source.get("format").filter(|format| FORMATS.iter().any(|known| *format == known)) {
        out.insert("format".to_owned(), format.clone());
    }
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        // OpenAPI 3.0 has a flag that makes the bound itself exclusive.
        let keyword = if source.get(exclusive) == Some(&json!(true)) { exclusive } else { bound };
        if let Some(value) = source.get(bound) {
            out.insert(keyword.to_owned(), value.clone());
        }
    }
}

fn copy(source: &Map<String, Value>, keyword: &str, out: &mut Map<String, Value>) {
    if let Some(value) = source.get(keyword) {
        out.insert(keyword.to_owned(), value.clone());
    }
}

/// The name of the schema that this one refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(REFERENCE)
}

/// The values of a discriminator and the schemas they choose.
fn variants(schema: &Value) -> Vec<(String, String)> {
    let mapping = schema["discriminator"]["mapping"].as_object().into_iter().flatten();
    mapping
        .filter_map(|(value, target)| Some((value.clone(), target.as_str()?.strip_prefix(REFERENCE)?.to_owned())))
        .collect()
}
