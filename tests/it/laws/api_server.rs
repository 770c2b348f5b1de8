//! An API server in this process, for the controllers as they run: it lists and watches, and may refuse, hang or break.
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use atlas_operator::{
    atlas::{Clients, Endpoint, Settings},
    engine::{
        Clock, Engine, Options,
        control::{self, Ended, Range, Stopped},
        lists::Synced,
        object::FINALIZER,
        policy::Defaults,
    },
    kind::Kind,
    kinds,
    kubernetes::Limits,
    leader::Term,
    telemetry::metrics::Metrics,
};
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{Either, Full, StreamBody};
use jiff::Timestamp;
use kube::client::{Body, ClientBuilder};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::world::condition;

/// For whatever the operator does by itself: a refused list is asked for again within half a minute, or twice that with
/// the spread of delays, and a wait is looked at again after a minute.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// Plural, namespace and name; a namespace itself is in none.
type Key = (String, String, String);

#[derive(Default)]
pub struct State {
    objects: BTreeMap<Key, Value>,
    version: u64,
    /// What happened, for watches that begin later.
    events: Vec<(u64, Key, Bytes)>,
    watches: Vec<(String, String, UnboundedSender<Bytes>)>,
    /// The namespace in which nothing may be listed.
    pub closed: Option<&'static str>,
    /// The plural whose list breaks this server.
    pub broken: Option<&'static str>,
    /// How long the writing of a status takes.
    pub delay: Duration,
    /// Whether the writing of a status is never answered,
    pub holds: bool,
    /// and of which objects that was asked for, in order;
    pub held: Vec<Key>,
    /// whose first condition was to be written beside that;
    pub first: Vec<Key>,
    /// how many wait for it at this moment.
    pub waiting: usize,
    /// Whose status was written, in order, and for which generation.
    pub written: Vec<(String, i64)>,
    /// What else was written.
    pub patched: Vec<String>,
}

#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<State>>);

/// What an answer is.
enum Answer {
    Whole(u16, Value),
    Events(UnboundedReceiver<Bytes>),
    Never,
}

/// Counts a request that waits, as long as somebody waits for it.
struct Waiting(Server);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.set(|state| state.waiting -= 1);
    }
}

/// An operator that runs until it is stopped or the test ends.
pub struct Running {
    pub engine: Arc<Engine>,
    pub synced: Synced,
    pub task: JoinHandle<Result<(), Ended>>,
}

impl Server {
    pub fn set<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// An object that an operator has seen before.
    pub fn put(&self, plural: &str, namespace: &str, name: &str, spec: &Value) {
        self.create(plural, namespace, name, spec, &[FINALIZER]);
    }

    pub fn create(&self, plural: &str, namespace: &str, name: &str, spec: &Value, finalizers: &[&str]) {
        let kind = kinds::all().iter().find(|kind| kind.plural() == plural).unwrap().name();
        let metadata = json!({
            "name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"), "generation": 1,
            "finalizers": finalizers,
        });
        let object = json!({
            "apiVersion": "atlas-operator.io/v1", "kind": kind, "metadata": metadata, "spec": spec,
        });
        self.store((plural.to_owned(), namespace.to_owned(), name.to_owned()), object, "ADDED");
    }

    pub fn namespace(&self, name: &str, annotations: &Value) {
        let metadata = json!({"name": name, "uid": name, "annotations": annotations});
        let key = ("namespaces".to_owned(), String::new(), name.to_owned());
        self.store(key, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}), "ADDED");
    }

    /// Gives an object another spec.
    pub fn edit(&self, plural: &str, namespace: &str, name: &str, spec: &Value) {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = self.set(|state| state.objects[&key].clone());
        let generation = object["metadata"]["generation"].as_i64().unwrap() + 1;
        object["metadata"]["generation"] = generation.into();
        object["spec"] = spec.clone();
        self.store(key, object, "MODIFIED");
    }

    /// Leaves of the status of an object only that it was seen, so that it is written again.
    pub fn forget(&self, plural: &str, namespace: &str, name: &str) {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        self.set(|state| {
            let status = &mut state.objects.get_mut(&key).unwrap()["status"];
            *status = json!({"observedGeneration": status["observedGeneration"]});
        });
    }

    /// Removes an object, finalizers or not.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let object = self.set(|state| state.objects[&key].clone());
        self.store(key.clone(), object, "DELETED");
        self.set(|state| state.objects.remove(&key));
    }

    /// Ends every watch, and what happens meanwhile is forgotten: the operator must list anew.
    pub fn relist(&self, meanwhile: impl Fn(&Self)) {
        let watches = self.set(|state| std::mem::take(&mut state.watches));
        meanwhile(self);
        self.set(|state| state.events.clear());
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410}}"#;
        for (_, _, events) in watches {
            drop(events.unbounded_send(Bytes::from(format!("{gone}\n"))));
        }
    }

    fn store(&self, key: Key, mut object: Value, event: &str) {
        self.set(|state| {
            state.version += 1;
            object["metadata"]["resourceVersion"] = state.version.to_string().into();
            // In the order in which the API server writes them.
            let line = Bytes::from(format!("{{\"type\":\"{event}\",\"object\":{object}}}\n"));
            let (plural, namespace, _) = &key;
            for (watched, within, events) in &state.watches {
                if watched == plural && (within.is_empty() || within == namespace) {
                    drop(events.unbounded_send(line.clone()));
                }
            }
            state.events.push((state.version, key.clone(), line));
            state.objects.insert(key, object);
        });
    }

    /// The condition `Ready` of an object.
    pub fn ready(&self, plural: &str, namespace: &str, name: &str) -> Value {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        self.set(|state| condition(&state.objects[&key], "Ready"))
    }

    /// Waits until the condition `Ready` of an object has this reason; answers its message.
    pub async fn reason(&self, plural: &str, namespace: &str, name: &str, reason: &str) -> String {
        let told = self.until(|| self.ready(plural, namespace, name)["reason"] == reason).await;
        let ready = self.ready(plural, namespace, name);
        assert!(told, "{plural} {namespace}/{name} is not {reason}: {ready}");
        ready["message"].as_str().unwrap().to_owned()
    }

    /// Waits for something that the operator does by itself, and answers whether it came.
    pub async fn until(&self, it_is: impl Fn() -> bool) -> bool {
        let wait = async {
            while !it_is() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, wait).await.is_ok()
    }

    fn client(&self, bounded: bool) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
                if parts.method == Method::PATCH && path.ends_with("/status") {
                    sleep(server.set(|state| state.delay)).await;
                }
                let answer = server.set(|state| state.answer(&parts.method, path, query, body));
                Ok::<_, Infallible>(match answer {
                    Answer::Whole(status, answer) => {
                        let body = Either::Left(Full::new(Bytes::from(serde_json::to_vec(&answer).unwrap())));
                        Response::builder().status(status).body(body).unwrap()
                    }
                    Answer::Events(events) => {
                        let frames = events.map(|line| Ok::<_, Infallible>(Frame::data(line)));
                        Response::new(Either::Right(StreamBody::new(frames)))
                    }
                    Answer::Never => {
                        server.set(|state| state.waiting += 1);
                        let _waiting = Waiting(server.clone());
                        pending().await
                    }
                })
            }
        });
        if bounded {
            return ClientBuilder::new(service, "operators").with_layer(&Limits::new(Term::unlimited())).build();
        }
        ClientBuilder::new(service, "operators").build()
    }

    /// An operator, whose requests to this server have limits or not.
    pub fn operator(&self, range: Range, concurrency: u16) -> Running {
        self.run(range, concurrency, kinds::all(), true, pending().boxed().shared())
    }

    pub fn run(
        &self,
        range: Range,
        concurrency: u16,
        catalogue: &'static [&'static dyn Kind],
        bounded: bool,
        stop: Stopped,
    ) -> Running {
        drop(rustls::crypto::ring::default_provider().install_default());
        let (stores, namespaces, feeds) = control::prepare(catalogue, range);
        let options = Options {
            resync: Duration::from_mins(10),
            default_secret: None,
            policies: Defaults::default(),
            concurrency,
        };
        let engine = Engine::new(
            self.client(bounded),
            Clients::new(Endpoint::parse("http://127.0.0.1:1").unwrap(), Settings::default()),
            stores,
            Arc::new(AtRest),
            options,
            Arc::new(Metrics::default()),
            Term::unlimited(),
        );
        let engine = Arc::new(Engine { namespaces, catalogue, ..engine });
        let synced = feeds.synced();
        let task = tokio::spawn(control::run(Arc::clone(&engine), feeds, stop));
        Running { engine, synced, task }
    }
}

pub fn within(namespaces: &[&str]) -> Range {
    Range::Namespaces(namespaces.iter().map(|&namespace| namespace.to_owned()).collect())
}

/// What the API server writes into objects is not looked at here.
struct AtRest;

impl Clock for AtRest {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// Namespace, plural and the rest of a path: `/apis/GROUP/v1/namespaces/NAMESPACE/PLURAL/…` or `/api/v1/PLURAL/…`.
fn taken_apart(path: &str) -> (&str, &str, Vec<&str>) {
    let mut words = path.split('/').skip(1);
    let skipped = if words.next() == Some("apis") { 2 } else { 1 };
    let words: Vec<_> = words.skip(skipped).collect();
    match words.as_slice() {
        ["namespaces", namespace, plural, rest @ ..] => (namespace, plural, rest.to_vec()),
        [plural, rest @ ..] => ("", plural, rest.to_vec()),
        [] => panic!("{path}"),
    }
}

impl State {
    fn answer(&mut self, method: &Method, path: &str, query: &str, body: Value) -> Answer {
        let (namespace, plural, rest) = taken_apart(path);
        let here = |key: &Key| key.0 == plural && (namespace.is_empty() || key.1 == namespace);
        let key = |name: &str| (plural.to_owned(), namespace.to_owned(), name.to_owned());
        match (method.clone(), rest.as_slice()) {
            _ if plural == "events" => Answer::Whole(201, body),
            (Method::GET, []) if self.broken == Some(plural) => panic!("{plural} cannot be listed"),
            (Method::GET, []) if self.closed.is_some_and(|closed| closed == namespace) => {
                let refusal = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403});
                Answer::Whole(403, refusal)
            }
            (Method::GET, []) if query.contains("watch=true") => {
                let (sender, events) = unbounded();
                let since = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
                let since: u64 = since.unwrap().parse().unwrap();
                for (_, _, line) in self.events.iter().filter(|(version, key, _)| *version > since && here(key)) {
                    sender.unbounded_send(line.clone()).unwrap();
                }
                self.watches.push((plural.to_owned(), namespace.to_owned(), sender));
                Answer::Events(events)
            }
            (Method::GET, []) => {
                let items: Vec<_> =
                    self.objects.iter().filter(|(key, _)| here(key)).map(|(_, object)| object).collect();
                let version = self.version.max(1).to_string();
                let metadata = json!({"resourceVersion": version});
                Answer::Whole(200, json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}))
            }
            (Method::PATCH, [name, "status"])
                if self.holds && body["status"]["conditions"][0]["reason"] == "Pending" =>
            {
                self.first.push(key(name));
                Answer::Never
            }
            (Method::PATCH, [name, "status"]) if self.holds => {
                self.held.push(key(name));
                Answer::Never
            }
            (Method::PATCH, [name, "status"]) => {
                let generation = body["status"]["observedGeneration"].as_i64().unwrap_or_default();
                self.written.push((format!("{namespace}/{name}"), generation));
                let Some(object) = self.objects.get_mut(&key(name)) else {
                    let missing = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404});
                    return Answer::Whole(404, missing);
                };
                object["status"] = body["status"].clone();
                Answer::Whole(200, object.clone())
            }
            (Method::PATCH, [name]) => {
                self.patched.push(format!("{plural} {namespace}/{name}"));
                Answer::Whole(200, self.objects[&key(name)].clone())
            }
            _ => panic!("{method} {path}?{query}"),
        }
    }
}
