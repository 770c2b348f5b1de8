//! A Kubernetes API in this process: what the operator uses of one, and nothing more.
//!
//! It keeps objects and Secrets, counts requests, and can hold one of them for ever, before or after it takes effect,
//! which is how a crash at that request looks from the outside. What only the real one can show (schemas, CEL, field
//! ownership, RBAC) is tested on the real one.
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use atlas_operator::engine::Clock;
use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{trap::Trap, world::TestClock};

/// (plural, namespace, name)
pub type Key = (String, String, String);

#[derive(Clone)]
pub struct FakeKube {
    state: Arc<Mutex<State>>,
    trap: Arc<Trap>,
    clock: TestClock,
}

#[derive(Default)]
struct State {
    version: u64,
    uids: u64,
    objects: BTreeMap<Key, Value>,
    changed: Vec<Key>,
    events: Vec<Value>,
    writes: u64,
    /// Namespaces that are being deleted.
    going: Vec<String>,
    /// Namespaces in which the operator may make no Secrets.
    closed: Vec<String>,
    /// Every version of every object, oldest first, while they are kept.
    versions: Option<Vec<Value>>,
    /// The resource that cannot be read.
    unreadable: Option<&'static str>,
    /// Text that is not in a Secret: what a canary must not be found in.
    said: Vec<String>,
}

impl FakeKube {
    pub fn new(trap: Arc<Trap>, clock: TestClock) -> Self {
        Self { state: Arc::default(), trap, clock }
    }

    /// The time as Kubernetes writes it.
    fn now(&self) -> Value {
        json!(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Clock::now(&self.clock)))
    }

    pub fn client(&self) -> Client {
        let kube = self.clone();
        Client::new(
            tower::service_fn(move |request: Request<Body>| {
                let kube = kube.clone();
                async move { Ok::<_, Infallible>(kube.answer(request).await) }
            }),
            "default",
        )
    }

    /// What a user does with `kubectl apply`: makes or changes metadata and spec.
    pub fn apply(&self, plural: &str, namespace: &str, manifest: &Value) -> Key {
        let name = manifest["metadata"]["name"].as_str().unwrap().to_owned();
        let key = (plural.to_owned(), namespace.to_owned(), name);
        let mut state = self.state.lock().unwrap();
        let mut object = state.objects.get(&key).cloned().unwrap_or_else(|| {
            state.uids += 1;
            let uid = format!("00000000-0000-0000-0000-{:012}", state.uids);
            let mut metadata = json!({"uid": uid, "generation": 0, "namespace": namespace});
            metadata["creationTimestamp"] = self.now();
            json!({"metadata": metadata})
        });
        for field in ["apiVersion", "kind", "type"] {
            if !manifest[field].is_null() {
                object[field] = manifest[field].clone();
            }
        }
        object["metadata"]["name"] = manifest["metadata"]["name"].clone();
        for field in ["annotations", "labels", "ownerReferences"] {
            if !manifest["metadata"][field].is_null() {
                object["metadata"][field] = manifest["metadata"][field].clone();
            }
        }
        if object["spec"] != manifest["spec"] {
            object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
            object["spec"] = manifest["spec"].clone();
        }
        if let Some(text) = manifest["stringData"].as_object() {
            object["data"] = text.iter().map(|(key, value)| (key.clone(), encoded(value))).collect();
        }
        state.put(key.clone(), object);
        key
    }

    /// What a user does with `kubectl delete`.
    pub fn delete(&self, key: &Key) {
        let mut state = self.state.lock().unwrap();
        let Some(mut object) = state.objects.get(key).cloned() else { return };
        if object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty) {
            state.remove(key);
            return;
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = self.now();
            object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
            state.put(key.clone(), object);
        }
    }

    /// What a user does with `kubectl delete namespace`, as far as nothing can be made in it any more.
    pub fn end_namespace(&self, name: &str) {
        self.state.lock().unwrap().going.push(name.to_owned());
    }

    /// What a backup tool does that restores objects without their status.
    pub fn lose_status(&self, key: &Key) {
        let mut state = self.state.lock().unwrap();
        if let Some(mut object) = state.objects.get(key).cloned() {
            object.as_object_mut().unwrap().remove("status");
            state.put(key.clone(), object);
        }
    }

    /// What somebody does who may write the status of an object, or restores it with another one.
    pub fn forge_status(&self, key: &Key, status: Value) {
        let mut state = self.state.lock().unwrap();
        if let Some(mut object) = state.objects.get(key).cloned() {
            object["status"] = status;
            state.put(key.clone(), object);
        }
    }

    /// What an administrator does who grants the operator no more than to read what is in a namespace.
    pub fn close_namespace(&self, name: &str) {
        self.state.lock().unwrap().closed.push(name.to_owned());
    }

    pub fn get(&self, key: &Key) -> Option<Value> {
        self.state.lock().unwrap().objects.get(key).cloned()
    }

    /// All objects of a plural, with their keys.
    pub fn all(&self, plural: &str) -> Vec<(Key, Value)> {
        let state = self.state.lock().unwrap();
        state
            .objects
            .iter()
            .filter(|(key, _)| key.0 == plural)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// What changed since this was last asked, oldest first.
    pub fn take_changed(&self) -> Vec<Key> {
        std::mem::take(&mut self.state.lock().unwrap().changed)
    }

    /// From here on every version of every object is kept, and [`FakeKube::versions`] answers them.
    pub fn keep_versions(&self) {
        self.state.lock().unwrap().versions = Some(Vec::new());
    }

    /// Every version of every object that was stored since they are kept, oldest first.
    pub fn versions(&self) -> Vec<Value> {
        self.state.lock().unwrap().versions.clone().unwrap_or_default()
    }

    /// Lets every read of a resource fail from here on.
    pub fn make_unreadable(&self, plural: &'static str) {
        self.state.lock().unwrap().unreadable = Some(plural);
    }

    /// How many requests of the operator were to change something, whether they did or not.
    pub fn writes(&self) -> u64 {
        self.state.lock().unwrap().writes
    }

    pub fn events(&self) -> Vec<Value> {
        self.state.lock().unwrap().events.clone()
    }

    /// All that the operator wrote anywhere but into Secrets.
    pub fn said(&self) -> String {
        self.state.lock().unwrap().said.join("\n")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let label = format!("{} {}", parts.method, parts.uri.path());
        let permit = self.trap.before(&label).await;
        let (status, answer) = self.carry_out(&parts.method, parts.uri.path(), parts.uri.query(), &body);
        self.trap.after(permit).await;
        Response::builder().status(status).body(Body::from(serde_json::to_vec(&answer).unwrap())).unwrap()
    }

    fn carry_out(&self, method: &Method, path: &str, query: Option<&str>, body: &Value) -> (u16, Value) {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        // A dry run is answered as if it had been done.
        let dry_run = query.is_some_and(|query| query.contains("dryRun=All"));
        let mut state = self.state.lock().unwrap();
        let after = segments.iter().position(|segment| *segment == "namespaces").map_or(segments.len(), |at| at + 1);
        let rest = &segments[after.min(segments.len())..];
        if method == Method::GET && state.unreadable.is_some_and(|plural| rest.contains(&plural)) {
            return failure(500, "InternalError");
        }
        match (method, rest) {
            (&Method::POST | &Method::PATCH, [_, "events", ..]) => {
                state.said.push(body.to_string());
                state.events.push(body.clone());
                (201, body.clone())
            }
            (&Method::GET, [namespace, "secrets"]) => {
                let owner = query.and_then(|query| query.split("owner-uid%3D").nth(1)).unwrap_or_default();
                let owner = owner.split('&').next().unwrap_or_default();
                let mine = |secret: &&Value| secret["metadata"]["labels"]["atlas-operator.io/owner-uid"] == owner;
                let items: Vec<Value> = state
                    .objects
                    .iter()
                    .filter(|(key, _)| key.0 == "secrets" && key.1 == *namespace)
                    .map(|(_, value)| value)
                    .filter(mine)
                    .cloned()
                    .collect();
                (200, json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": items}))
            }
            (&Method::POST, [namespace, "secrets"]) if state.going.iter().any(|going| going == namespace) => {
                let (code, mut status) = failure(403, "Forbidden");
                status["details"] = json!({"causes": [{"reason": "NamespaceTerminating"}]});
                (code, status)
            }
            (&Method::POST, [namespace, "secrets"]) if state.closed.iter().any(|closed| closed == namespace) => {
                failure(403, "Forbidden")
            }
            (&Method::POST, [namespace, "secrets"]) => {
                let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let key = ("secrets".to_owned(), (*namespace).to_owned(), name);
                if state.objects.contains_key(&key) {
                    return failure(409, "AlreadyExists");
                }
                let mut secret = body.clone();
                if dry_run {
                    return (201, secret);
                }
                assert_ne!(key.2, "", "names are not made here");
                state.uids += 1;
                secret["metadata"]["uid"] = json!(format!("00000000-0000-0000-0000-{:012}", state.uids));
                secret["metadata"]["namespace"] = json!(namespace);
                state.writes += 1;
                (201, state.put(key, secret))
            }
            (_, [namespace, plural, name]) => {
                let key = ((*plural).to_owned(), (*namespace).to_owned(), (*name).to_owned());
                let Some(object) = state.objects.get(&key).cloned() else { return failure(404, "NotFound") };
                match *method {
                    Method::GET => (200, object),
                    Method::DELETE if !is_met(&body["preconditions"], &object) => failure(409, "Conflict"),
                    Method::DELETE => {
                        state.writes += 1;
                        state.remove(&key);
                        (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
                    }
                    Method::PATCH if dry_run => (200, object),
                    Method::PATCH => state.patch(key, object, body),
                    _ => failure(405, "MethodNotAllowed"),
                }
            }
            (&Method::PATCH, [namespace, plural, name, "status"]) => {
                let key = ((*plural).to_owned(), (*namespace).to_owned(), (*name).to_owned());
                let Some(mut object) = state.objects.get(&key).cloned() else { return failure(404, "NotFound") };
                if body["metadata"]["uid"] != object["metadata"]["uid"] {
                    return failure(409, "Conflict");
                }
                state.said.push(body["status"].to_string());
                object["status"] = body["status"].clone();
                (200, state.change(key, object))
            }
            _ => failure(404, "NotFound"),
        }
    }
}

impl State {
    fn patch(&mut self, key: Key, mut object: Value, body: &Value) -> (u16, Value) {
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
            object["metadata"]["finalizers"] = body["metadata"]["finalizers"].clone();
            return (200, self.change(key, object));
        }
        if !is_met(&body["metadata"], &object) {
            return failure(409, "Conflict");
        }
        json_patch::merge(&mut object, body);
        (200, self.change(key, object))
    }

    fn change(&mut self, key: Key, mut object: Value) -> Value {
        self.writes += 1;
        shorten_numbers(&mut object);
        if self.objects.get(&key) == Some(&object) {
            return object;
        }
        self.put(key, object)
    }

    fn put(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.changed.push(key.clone());
        self.objects.insert(key, object.clone());
        if let Some(versions) = &mut self.versions {
            versions.push(object.clone());
        }
        object
    }

    fn remove(&mut self, key: &Key) {
        self.version += 1;
        self.objects.remove(key);
        self.changed.push(key.clone());
    }
}

/// Whether an object is the one, and of the version, that a request is about, as far as it says so.
fn is_met(said: &Value, object: &Value) -> bool {
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

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code,
    });
    (code, status)
}

fn encoded(value: &Value) -> Value {
    let text = k8s_openapi::ByteString(value.as_str().unwrap().as_bytes().to_vec());
    serde_json::to_value(text).unwrap()
}
