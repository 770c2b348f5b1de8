//! A JSON document whose secret values are kept apart.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What stands where a secret value will be when the document is sent.
pub const PLACEHOLDER: &str = "«secret»";

/// A JSON document whose secret values are kept apart from it.
///
/// Everything that looks at the document, from `Debug` to comparison, sees [`PLACEHOLDER`] where a secret belongs; only
/// sending puts the secrets in. Two bodies that differ in nothing but the values of their secrets are equal.
#[derive(Clone)]
pub struct Body {
    json: Value,
    /// JSON pointers (RFC 6901) to the secret values.
    secrets: BTreeMap<String, SecretString>,
}

impl Body {
    /// A document without secrets.
    pub fn new(json: Value) -> Self {
        Self { json, secrets: BTreeMap::new() }
    }

    /// Adds a secret string at a JSON pointer (RFC 6901), such as `/password`.
    ///
    /// Objects that are missing on the way are created; elements of an array are not. A pointer that leads nowhere is
    /// found when the body is sent, which then fails before anything leaves the process.
    #[must_use]
    pub fn with_secret(mut self, pointer: &str, secret: SecretString) -> Self {
        place(&mut self.json, pointer, PLACEHOLDER);
        self.secrets.insert(pointer.to_owned(), secret);
        self
    }

    /// The document with [`PLACEHOLDER`] in the place of every secret.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The bytes to send, secrets included; the pointer of a secret that has no place in the document otherwise.
    pub(super) fn exposed(&self) -> Result<Vec<u8>, String> {
        let mut json = self.json.clone();
        for (pointer, secret) in &self.secrets {
            if !place(&mut json, pointer, secret.expose_secret()) {
                return Err(pointer.clone());
            }
        }
        // A `Value` has string keys and no custom serialiser, so writing it to memory cannot fail.
        Ok(json.to_string().into_bytes())
    }

    /// The secrets, to take them out of what Atlas says about this body.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.secrets.values()
    }
}

/// Puts a string at a JSON pointer and says whether that was possible. Missing members of objects are created.
fn place(json: &mut Value, pointer: &str, text: &str) -> bool {
    let mut steps = pointer.split('/');
    if steps.next() != Some("") {
        return false;
    }
    let mut target = json;
    for step in steps {
        let name = step.replace("~1", "/").replace("~0", "~");
        if target.is_null() {
            *target = Value::Object(serde_json::Map::new());
        }
        target = match target {
            Value::Object(members) => members.entry(name).or_insert(Value::Null),
            Value::Array(elements) => {
                match name.parse::<usize>().ok().and_then(|position| elements.get_mut(position)) {
                    Some(element) => element,
                    None => return false,
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return false,
        };
    }
    *target = Value::String(text.to_owned());
    true
}

/// Compares the redacted documents and where their secrets are, not what the secrets are.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json && self.secrets.keys().eq(other.secrets.keys())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Body({})", self.json)
    }
}

/// The redacted document as compact JSON.
impl fmt::Display for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.json)
    }
}

/// The redacted document.
impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;

    const CANARY: &str = "canary-5d2c";

    #[test]
    fn only_sending_sees_the_secret() {
        let body = Body::new(json!({"username": "u", "auth": [{"kind": "scram"}]}))
            .with_secret("/password", CANARY.into())
            .with_secret("/auth/0/key", CANARY.into())
            .with_secret("/deep/er/a~1b~0c", CANARY.into());
        let seen = [
            format!("{body:?}"),
            format!("{body:#?}"),
            body.to_string(),
            serde_json::to_string(&body).unwrap(),
            body.json().to_string(),
        ];
        for text in seen {
            assert!(!text.contains(CANARY), "{text}");
            assert_eq!(text.matches(PLACEHOLDER).count(), 3, "{text}");
        }
        let sent: Value = serde_json::from_slice(&body.exposed().unwrap()).unwrap();
        assert_eq!(
            sent,
            json!({
                "username": "u",
                "password": CANARY,
                "auth": [{"kind": "scram", "key": CANARY}],
                "deep": {"er": {"a/b~c": CANARY}},
            })
        );
    }

    #[test]
    fn a_secret_replaces_what_stood_in_its_place() {
        let body = Body::new(json!({"password": "old"})).with_secret("/password", CANARY.into());
        assert_eq!(body.exposed().unwrap(), format!("{{\"password\":\"{CANARY}\"}}").into_bytes());
        let whole = Body::new(Value::Null).with_secret("", CANARY.into());
        assert_eq!(whole.exposed().unwrap(), format!("\"{CANARY}\"").into_bytes());
    }

    #[test]
    fn a_secret_without_a_place_is_never_sent_as_its_placeholder() {
        for pointer in ["/list/3/key", "/list/x", "/name/key", "password"] {
            let body = Body::new(json!({"list": [], "name": "n"})).with_secret(pointer, CANARY.into());
            assert_eq!(body.exposed(), Err(pointer.to_owned()));
        }
    }

    #[test]
    fn equality_ignores_the_value_of_a_secret_but_not_its_place() {
        let with = |pointer: &str, secret: &str| Body::new(json!({"a": 1})).with_secret(pointer, secret.into());
        assert_eq!(with("/password", "one"), with("/password", "two"));
        assert_ne!(with("/password", "one"), with("/other", "one"));
        assert_ne!(
            with("/password", "one"),
            Body::new(json!({"a": 1, "password": PLACEHOLDER})),
            "a secret is not the text of its placeholder"
        );
    }
}
