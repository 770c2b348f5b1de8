//! What the demo reads from an object of the API server. Pure.
use serde_json::Value;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Status of the condition `Ready`; `Unknown` while the last write of the spec was not looked at.
    pub(crate) ready: String,
    pub(crate) reason: String,
    /// Atlas's own word for the state, where the kind has one.
    pub(crate) state: String,
    pub(crate) messages: Vec<String>,
}

impl Row {
    pub(crate) fn of(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let conditions = conditions.map(Vec::as_slice).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
        let current = object["metadata"]["generation"] == object["status"]["observedGeneration"];
        let of_ready = |key: &str| ready.and_then(|condition| condition[key].as_str());
        Self {
            kind: text("/kind"),
            name: text("/metadata/name"),
            ready: of_ready("status").filter(|_| current).unwrap_or("Unknown").to_owned(),
            reason: of_ready("reason").unwrap_or_default().to_owned(),
            state: text("/status/stateName"),
            messages: conditions.iter().map(message).collect(),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready == "True"
    }

    /// Why it is not Ready, in full.
    pub(crate) fn explanation(&self) -> String {
        let messages =
            if self.messages.is_empty() { "no condition yet".to_owned() } else { self.messages.join("\n    ") };
        format!("{} {}:\n    {messages}", self.kind, self.name)
    }
}

fn message(condition: &Value) -> String {
    let text = |key: &str| condition[key].as_str().unwrap_or("?");
    format!("{}={} {}: {}", text("type"), text("status"), text("reason"), text("message"))
}

const MASK: &str = "********";
/// The key of a password, in a connection Secret and in Atlas's documents.
const PASSWORD: &str = "password";

/// A Secret's value as the demo shows it: nothing of a password, alone or within a connection string.
pub(crate) fn masked(key: &str, value: &str) -> String {
    if key == PASSWORD {
        return MASK.to_owned();
    }
    // The password ends at the last @ before the host; one within it would be percent-encoded, but let a mistake in
    // that show as a wrong host, never as half a password.
    let parts = value.split_once("://").and_then(|(scheme, rest)| {
        let (account, host) = rest.rsplit_once('@')?;
        let (user, _) = account.split_once(':')?;
        Some(format!("{scheme}://{user}:{MASK}@{host}"))
    });
    parts.unwrap_or_else(|| value.to_owned())
}

/// A request's body as the demo shows it.
pub(crate) fn without_passwords(body: &Value) -> Value {
    match body {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), if key == PASSWORD { MASK.into() } else { without_passwords(value) }))
            .collect(),
        Value::Array(items) => items.iter().map(without_passwords).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn object(generation: u64, observed: i64) -> Value {
        json!({
            "kind": "AtlasCluster",
            "metadata": {"name": "orders", "generation": generation},
            "status": {
                "observedGeneration": observed,
                "stateName": "CREATING",
                "conditions": [{"type": "Ready", "status": "True", "reason": "Settled", "message": "all as wanted"}],
            },
        })
    }

    #[test]
    fn an_object_is_ready_only_for_the_generation_that_was_looked_at() {
        assert!(Row::of(&object(2, 2)).is_ready());
        assert!(!Row::of(&object(2, 1)).is_ready());
        assert!(!Row::of(&object(1, -1)).is_ready());
    }

    #[test]
    fn an_object_that_nobody_looked_at_says_so() {
        let row = Row::of(&json!({"kind": "AtlasProject", "metadata": {"name": "shop", "generation": 1}}));
        assert_eq!(row.ready, "Unknown");
        assert_eq!(row.explanation(), "AtlasProject shop:\n    no condition yet");
    }

    #[test]
    fn a_password_is_masked_alone_and_in_connection_strings() {
        assert_eq!(masked("password", "secret"), "********");
        assert_eq!(masked("uri", "mongodb+srv://me:sec%40ret@host/x?a=b"), "mongodb+srv://me:********@host/x?a=b");
        assert_eq!(
            masked("uri", "mongodb://me:se@c:ret@h1:27017,h2:27017/"),
            "mongodb://me:********@h1:27017,h2:27017/"
        );
        assert_eq!(masked("host", "orders.abcde.mongodb.net"), "orders.abcde.mongodb.net");
    }

    #[test]
    fn a_body_shows_everything_but_passwords() {
        let body = json!([{"username": "me", "password": "secret", "roles": [{"roleName": "read"}]}]);
        let shown = json!([{"username": "me", "password": "********", "roles": [{"roleName": "read"}]}]);
        assert_eq!(without_passwords(&body), shown);
    }
}
