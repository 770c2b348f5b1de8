//! A Kubernetes API in this process: what the operator uses of one, and nothing more.
//!
//! It keeps objects and Secrets, counts requests, and can hold one of them for ever, before or after it takes effect,
//! which is how a crash at that request looks from the outside. What only the real one can show (schemas, CEL, field
//! ownership, RBAC) is tested on the real one.
use std::{
    io,
    sync::{Arc, Mutex},
};

use atlas_operator::engine::Clock;
use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{
    disturbance::{self, Disturbance, Fate},
    trap::Trap,
    world::TestClock,
};

mod state;

use self::state::{State, failure, is_met};

/// (plural, namespace, name)
pub type Key = (String, String, String);
/// What became of an object: it is so now, or it is gone.
pub type Change = (Key, Option<Value>);

#[derive(Clone)]
pub struct FakeKube {
    state: Arc<Mutex<State>>,
    trap: Arc<Trap>,
    clock: TestClock,
}

/// What becomes of some requests for as long as it lasts.
#[derive(Clone, Copy)]
pub struct Damage {
    /// Whether it strikes the request of this method and path.
    pub strikes: fn(&Method, &str) -> bool,
    pub fate: Fate,
}

impl FakeKube {
    pub fn new(trap: Arc<Trap>, clock: TestClock) -> Self {
        Self { state: Arc::default(), trap, clock }
    }

    /// One that is disturbed, if it is.
    pub fn disturbed(self, disturbance: Option<Disturbance>) -> Self {
        self.state.lock().unwrap().disturbance = disturbance;
        self
    }

    /// What chance decides where it decides anything.
    pub fn chance<T>(&self, decide: impl FnOnce(&mut Disturbance) -> T) -> Option<T> {
        self.state.lock().unwrap().disturbance.as_mut().map(decide)
    }

    /// Damages requests from here on, or no longer.
    pub fn damage(&self, damage: Option<Damage>) {
        self.state.lock().unwrap().damage = damage;
    }

    /// What becomes of a request.
    fn fate(&self, method: &Method, path: &str) -> Fate {
        let mut state = self.state.lock().unwrap();
        match state.damage {
            Some(damage) if (damage.strikes)(method, path) => damage.fate,
            _ => state.disturbance.as_mut().map_or(Fate::Sound, |chance| chance.fate(method)),
        }
    }

    /// Annotates every namespace that there is or will be.
    pub fn set_policies(&self, policies: impl IntoIterator<Item = (&'static str, String)>) {
        let mut state = self.state.lock().unwrap();
        state.policies = policies.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let names: Vec<String> =
            state.objects.keys().filter(|key| key.0 == "namespaces").map(|key| key.2.clone()).collect();
        for name in names {
            state.put_namespace(&name);
        }
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
                async move { kube.answer(request).await }
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
        state.stir();
        state.enter_namespace(namespace);
        state.put(key.clone(), object);
        key
    }

    /// What a user does with `kubectl delete`.
    pub fn delete(&self, key: &Key) {
        let mut state = self.state.lock().unwrap();
        state.stir();
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
    pub fn take_changed(&self) -> Vec<Change> {
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

    async fn answer(&self, request: Request<Body>) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let label = format!("{} {}", parts.method, parts.uri.path());
        let permit = self.trap.before(&label).await;
        let fate = self.fate(&parts.method, parts.uri.path());
        let (mut status, mut answer) = match fate {
            Fate::Refused(status) => failure(status, "Refused"),
            Fate::Unheard => return given_up().await,
            Fate::Page => return Ok(Response::new(Body::from(b"<html>502 Bad Gateway</html>".to_vec()))),
            _ => self.carry_out(&parts.method, parts.uri.path(), parts.uri.query(), &body),
        };
        match fate {
            Fate::Unanswered => return given_up().await,
            Fate::Slow(time) => tokio::time::sleep(time).await,
            Fate::Denied(code) => (status, answer) = failure(code, "Denied"),
            Fate::Sound | Fate::Refused(_) | Fate::Unheard | Fate::Garbled | Fate::Page => {}
        }
        self.trap.after(permit).await;
        let mut text = serde_json::to_vec(&answer).unwrap();
        if fate == Fate::Garbled {
            text.truncate(text.len() / 2);
        }
        Ok(Response::builder().status(status).body(Body::from(text)).unwrap())
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

/// A client waits a while for an answer that does not come.
async fn given_up<T>() -> io::Result<T> {
    tokio::time::sleep(disturbance::GIVEN_UP).await;
    Err(disturbance::given_up())
}

fn encoded(value: &Value) -> Value {
    let text = k8s_openapi::ByteString(value.as_str().unwrap().as_bytes().to_vec());
    serde_json::to_value(text).unwrap()
}
