//! Reading a request body: a table of fields says what a document may hold, and one function checks a body against it
//! and names the field that is wrong, in the words of the Administration API.
//!
//! A `null` counts as absent, as it does in Atlas. What a client may send back although only the server writes it
//! (ids, links, states) is dropped. A field that no table knows is refused: Atlas does so too, and a client that
//! misspells a field should learn it here rather than in production.
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::api::ApiError;
use crate::families::errors;

/// A JSON object.
pub type Document = Map<String, Value>;

/// What a value may be.
pub enum Shape {
    /// A text of at most this many characters.
    Text(usize),
    /// A key or a value of a tag: of the characters that tags may have, and so many of them at most.
    Tag(usize),
    Flag,
    /// A whole number within these bounds, both included.
    Whole(i64, i64),
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An instant in RFC 3339 notation; read to the second, in UTC.
    Instant,
    Object(&'static [Field]),
    List(&'static Shape),
    /// An object of any names.
    Map(&'static Shape),
    /// Written by the server alone: accepted and dropped.
    ReadOnly,
}

/// One field of a document.
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
}

/// A field that may be absent.
pub const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

/// A field without which its document is refused.
pub const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

/// Beside letters, digits and spaces, what tags may have (published; the refusal is assumed).
const IN_TAGS: &str = " ;@_-.+";

pub const TAGS: Shape =
    Shape::List(&Shape::Object(&[required("key", Shape::Tag(255)), required("value", Shape::Tag(255))]));

/// Labels: a list of keys with values.
pub const KEYS_WITH_VALUES: Shape =
    Shape::List(&Shape::Object(&[required("key", Shape::Text(255)), required("value", Shape::Text(255))]));

/// The body of a creation: every required field must be there.
pub fn complete(body: &Value, fields: &[Field]) -> Result<Document, ApiError> {
    let document = partial(body, fields)?;
    match fields.iter().find(|field| field.required && !document.contains_key(field.name)) {
        Some(field) => Err(errors::missing_attribute(field.name)),
        None => Ok(document),
    }
}

/// The body of an update: any field may be absent, but a nested document that is sent must be complete.
pub fn partial(body: &Value, fields: &[Field]) -> Result<Document, ApiError> {
    let Value::Object(sent) = body else { return Err(errors::invalid_json()) };
    let mut document = Document::new();
    for (name, value) in sent {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(errors::invalid_attribute(name));
        };
        if value.is_null() || matches!(field.shape, Shape::ReadOnly) {
            continue;
        }
        document.insert(name.clone(), check(name, value, &field.shape)?);
    }
    Ok(document)
}

fn check(name: &str, value: &Value, shape: &Shape) -> Result<Value, ApiError> {
    let mismatch = || errors::invalid_json_attribute(name);
    match shape {
        Shape::Text(longest) => match value.as_str() {
            Some(text) if text.chars().count() <= *longest => Ok(value.clone()),
            Some(_) => Err(errors::invalid_attribute(name)),
            None => Err(mismatch()),
        },
        Shape::Tag(longest) => {
            let allowed = |letter: char| letter.is_alphanumeric() || IN_TAGS.contains(letter);
            match value.as_str() {
                Some(text) if text.chars().count() <= *longest && text.chars().all(allowed) => Ok(value.clone()),
                Some(_) => Err(errors::invalid_attribute(name)),
                None => Err(mismatch()),
            }
        }
        Shape::Flag => value.is_boolean().then(|| value.clone()).ok_or_else(mismatch),
        Shape::Whole(lowest, highest) => {
            // Clients that read 3.0 send 3.0 back.
            let whole = value.as_i64().or_else(|| whole_number(value.as_f64()?)).ok_or_else(mismatch)?;
            if (*lowest..=*highest).contains(&whole) { Ok(whole.into()) } else { Err(errors::invalid_attribute(name)) }
        }
        Shape::Number => value.as_f64().map(Value::from).ok_or_else(mismatch),
        Shape::Choice(words) => match value.as_str() {
            Some(word) if words.contains(&word) => Ok(value.clone()),
            Some(word) => Err(errors::invalid_enum_value(word)),
            None => Err(mismatch()),
        },
        Shape::Instant => {
            let text = value.as_str().ok_or_else(mismatch)?;
            let instant: Timestamp = text.parse().map_err(|_| errors::invalid_date_format(text))?;
            Ok(moment(instant))
        }
        Shape::Object(fields) => complete(value, fields).map(Value::Object).map_err(|error| {
            // A value of the wrong kind is reported under the name of the field that holds it.
            if value.is_object() { error } else { mismatch() }
        }),
        Shape::List(item) => {
            let items = value.as_array().ok_or_else(mismatch)?;
            items.iter().map(|value| check(name, value, item)).collect::<Result<_, _>>().map(Value::Array)
        }
        Shape::Map(item) => {
            let entries = value.as_object().ok_or_else(mismatch)?.iter();
            let checked = entries.map(|(name, value)| Ok((name.clone(), check(name, value, item)?)));
            checked.collect::<Result<Document, _>>().map(Value::Object)
        }
        Shape::ReadOnly => Ok(Value::Null),
    }
}

/// A number without a fraction, within the range that a double holds exactly.
fn whole_number(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked beside it")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// An instant as Atlas writes it: UTC, without fractions of a second.
pub fn moment(instant: Timestamp) -> Value {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant).to_string().into()
}

/// A text of a document; empty when it is absent.
pub fn text<'a>(document: &'a Document, name: &str) -> &'a str {
    document.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A flag of a document; false when it is absent.
pub fn flag(document: &Document, name: &str) -> bool {
    document.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// A whole number of a document.
pub fn whole(document: &Document, name: &str) -> Option<i64> {
    document.get(name).and_then(Value::as_i64)
}

/// A list of a document; empty when it is absent.
pub fn list<'a>(document: &'a Document, name: &str) -> &'a [Value] {
    document.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The documents of a list of a document.
pub fn documents<'a>(document: &'a Document, name: &str) -> impl Iterator<Item = &'a Document> {
    list(document, name).iter().filter_map(Value::as_object)
}

/// The instant that a document holds under `name`.
pub fn instant(document: &Document, name: &str) -> Option<Timestamp> {
    text(document, name).parse().ok()
}

/// Writes `patch` over `target`: objects are merged, `null` removes, everything else replaces (RFC 7396).
pub fn merge(target: &mut Document, patch: &Document) {
    for (name, value) in patch {
        match (target.get_mut(name), value) {
            (_, Value::Null) => {
                target.remove(name);
            }
            (Some(Value::Object(inner)), Value::Object(patch)) => merge(inner, patch),
            _ => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    const FIELDS: &[Field] = &[
        required("name", Shape::Text(5)),
        optional("size", Shape::Choice(&["M10", "M20"])),
        optional("nodes", Shape::Whole(0, 7)),
        optional("until", Shape::Instant),
        optional("id", Shape::ReadOnly),
        optional("tags", TAGS),
        optional("zones", Shape::Map(&Shape::Flag)),
    ];

    fn refused(body: &Value) -> (&'static str, String) {
        let error = complete(body, FIELDS).unwrap_err();
        (error.code, error.detail)
    }

    #[test]
    fn every_refusal_names_what_is_wrong() {
        for (body, code, named) in [
            (json!({}), "MISSING_ATTRIBUTE", "name"),
            (json!({"name": null}), "MISSING_ATTRIBUTE", "name"),
            (json!({"name": 3}), "INVALID_JSON_ATTRIBUTE", "name"),
            (json!({"name": "too long"}), "INVALID_ATTRIBUTE", "name"),
            (json!({"name": "a", "size": "M11"}), "INVALID_ENUM_VALUE", "M11"),
            (json!({"name": "a", "nodes": 8}), "INVALID_ATTRIBUTE", "nodes"),
            (json!({"name": "a", "nodes": 2.5}), "INVALID_JSON_ATTRIBUTE", "nodes"),
            (json!({"name": "a", "until": "soon"}), "INVALID_DATE_FORMAT", "soon"),
            (json!({"name": "a", "nmae": 1}), "INVALID_ATTRIBUTE", "nmae"),
            (json!({"name": "a", "tags": [{"key": "k"}]}), "MISSING_ATTRIBUTE", "value"),
            (json!({"name": "a", "tags": [{"key": "k", "value": "github:acme/repo"}]}), "INVALID_ATTRIBUTE", "value"),
            (json!({"name": "a", "tags": [{"key": "a/b", "value": ""}]}), "INVALID_ATTRIBUTE", "key"),
            (json!({"name": "a", "tags": ["k"]}), "INVALID_JSON_ATTRIBUTE", "tags"),
            (json!({"name": "a", "zones": ["k"]}), "INVALID_JSON_ATTRIBUTE", "zones"),
            (json!({"name": "a", "zones": {"north": 3}}), "INVALID_JSON_ATTRIBUTE", "north"),
        ] {
            let (found, detail) = refused(&body);
            assert_eq!(found, code, "{body}");
            assert!(detail.contains(named), "{detail}");
        }
        assert_eq!(refused(&json!([])).0, "INVALID_JSON");
    }

    #[test]
    fn what_the_server_writes_is_dropped_and_dates_are_normalised() {
        let body = json!({"name": "a", "id": 7, "size": null, "nodes": 3.0, "until": "2026-01-01T01:00:00.25+01:00"});
        assert_eq!(
            Value::Object(complete(&body, FIELDS).unwrap()),
            json!({"name": "a", "nodes": 3, "until": "2026-01-01T00:00:00Z"})
        );
    }
}
