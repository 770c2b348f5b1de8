//! What the fake Kubernetes holds, and how writes change it.
use std::collections::BTreeMap;

use atlas_operator::engine::object::FINALIZER;
use serde_json::{Value, json};

use super::{super::disturbance::Disturbance, Change, Damage, Key};

#[derive(Default)]
pub struct State {
    pub version: u64,
    pub uids: u64,
    pub objects: BTreeMap<Key, Value>,
    pub changed: Vec<Change>,
    pub events: Vec<Value>,
    pub writes: u64,
    /// Namespaces that are being deleted.
    pub going: Vec<String>,
    /// Namespaces in which the operator may make no Secrets.
    pub closed: Vec<String>,
    /// Every version of every object, oldest first, while they are kept.
    pub versions: Option<Vec<Value>>,
    /// The resource that cannot be read.
    pub unreadable: Option<&'static str>,
    /// Text that is not in a Secret: what a canary must not be found in.
    pub said: Vec<String>,
    /// The annotations of every namespace.
    pub policies: BTreeMap<String, String>,
    /// What chance decides, if anything.
    pub disturbance: Option<Disturbance>,
    /// What becomes of requests, whatever chance says.
    pub damage: Option<Damage>,
}

impl State {
    pub fn patch(&mut self, key: Key, mut object: Value, body: &Value) -> (u16, Value) {
        if let Some(operations) = body.as_array() {
            for operation in operations {
                let path = operation["path"].as_str().unwrap();
                match operation["op"].as_str().unwrap() {
                    "test" if object.pointer(path) == Some(&operation["value"]) => {}
                    "remove" => {
                        let index: usize = path.rsplit('/').next().unwrap().parse().unwrap();
                        object["metadata"]["finalizers"].as_array_mut().unwrap().remove(index);
                    }
                    _ => return failure(422, "Invalid"),
                }
            }
            if object["metadata"]["deletionTimestamp"].is_string()
                && object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty)
            {
                self.writes += 1;
                self.remove(&key);
                return (200, object);
            }
            return (200, self.change(key, object));
        }
        if body["apiVersion"].is_string() {
            if body["metadata"]["uid"] != object["metadata"]["uid"] {
                return failure(409, "Conflict");
            }
            // What others hold the object by is theirs.
            let held = |list: &Value| list.as_array().cloned().unwrap_or_default();
            let mut finalizers = held(&object["metadata"]["finalizers"]);
            finalizers.retain(|finalizer| finalizer != FINALIZER);
            finalizers.extend(held(&body["metadata"]["finalizers"]));
            object["metadata"]["finalizers"] = Value::from(finalizers);
            return (200, self.change(key, object));
        }
        if !is_met(&body["metadata"], &object) {
            return failure(409, "Conflict");
        }
        json_patch::merge(&mut object, body);
        (200, self.change(key, object))
    }

    /// Requests fail again where they do.
    pub fn stir(&mut self) {
        if let Some(disturbance) = &mut self.disturbance {
            disturbance.stir();
        }
    }

    /// Makes a namespace that is not there.
    pub fn enter_namespace(&mut self, name: &str) {
        if !self.objects.contains_key(&namespace_key(name)) {
            self.put_namespace(name);
        }
    }

    pub fn put_namespace(&mut self, name: &str) {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": self.policies},
        });
        self.put(namespace_key(name), namespace);
    }

    pub fn change(&mut self, key: Key, mut object: Value) -> Value {
        self.writes += 1;
        shorten_numbers(&mut object);
        if self.objects.get(&key) == Some(&object) {
            return object;
        }
        self.put(key, object)
    }

    pub fn put(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.changed.push((key.clone(), Some(object.clone())));
        self.objects.insert(key, object.clone());
        if let Some(versions) = &mut self.versions {
            versions.push(object.clone());
        }
        object
    }

    pub fn remove(&mut self, key: &Key) {
        self.version += 1;
        self.objects.remove(key);
        self.changed.push((key.clone(), None));
    }
}

pub fn namespace_key(name: &str) -> Key {
    ("namespaces".to_owned(), String::new(), name.to_owned())
}

/// Whether an object is the one, and of the version, that a request is about, as far as it says so.
pub fn is_met(said: &Value, object: &Value) -> bool {
    let same = |field: &str| said[field].is_null() || said[field] == object["metadata"][field];
    same("uid") && same("resourceVersion")
}

/// Writes whole numbers as the API server does, without a fraction.
fn shorten_numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(shorten_numbers),
        Value::Array(items) => items.iter_mut().for_each(shorten_numbers),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15) {
                *value = serde_json::from_str(&format!("{whole:.0}")).unwrap();
            }
        }
        _ => {}
    }
}

/// What the API server answers that refuses something.
pub fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code,
    });
    (code, status)
}
