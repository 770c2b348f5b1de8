//! The controllers as they run, on an API server that lists what there is and may refuse to.
//!
//! The other laws show the operator what changed; here it watches for itself. The API server is in this process and time
//! is virtual. Nothing here gets as far as Atlas: no object has credentials.
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
        control::{self, Range},
        lists::Synced,
        object::FINALIZER,
        policy::Defaults,
    },
    kinds,
    leader::Term,
    telemetry::metrics::Metrics,
};
use futures::FutureExt;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::world::condition;

/// For whatever the operator does by itself: a refused list is asked for again within half a minute, or twice that with
/// the spread of delays, and a wait is looked at again after a minute.
const PATIENCE: Duration = Duration::from_mins(5);

#[derive(Default)]
struct State {
    /// By plural, namespace and name.
    objects: BTreeMap<(String, String, String), Value>,
    /// The namespace in which nothing may be listed.
    closed: Option<&'static str>,
    /// Whether the writing of a status is never answered,
    holds: bool,
    /// and how many wait for that, by plural.
    held: BTreeMap<String, usize>,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

impl Server {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    /// An object that an operator has seen before.
    fn put(&self, plural: &str, namespace: &str, name: &str, spec: &Value) {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let kind = kinds::all().iter().find(|kind| kind.plural() == plural).unwrap().name();
        let metadata = json!({
            "name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"), "resourceVersion": "1",
            "generation": 1, "finalizers": [FINALIZER],
        });
        let object = json!({
            "apiVersion": "atlas-operator.io/v1", "kind": kind, "metadata": metadata, "spec": spec,
        });
        self.set(|state| drop(state.objects.insert(key, object)));
    }

    /// The condition `Ready` of an object.
    fn ready(&self, plural: &str, namespace: &str, name: &str) -> Value {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        condition(&self.0.lock().unwrap().objects[&key], "Ready")
    }

    /// Waits until the condition `Ready` of an object has this reason; answers its message.
    async fn reason(&self, plural: &str, namespace: &str, name: &str, reason: &str) -> String {
        let told = async {
            while self.ready(plural, namespace, name)["reason"] != reason {
                sleep(Duration::from_secs(1)).await;
            }
        };
        let told = timeout(PATIENCE, told).await;
        let ready = self.ready(plural, namespace, name);
        assert!(told.is_ok(), "{plural} {namespace}/{name} is not {reason}: {ready}");
        ready["message"].as_str().unwrap().to_owned()
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let (method, path, query) = (parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default());
                let answer = server.0.lock().unwrap().answer(&method, path, query, body);
                let Some((status, answer)) = answer else { pending().await };
                let answer = Body::from(serde_json::to_vec(&answer).unwrap());
                Ok::<_, Infallible>(Response::builder().status(status).body(answer).unwrap())
            }
        });
        Client::new(service, "operators")
    }

    /// Runs an operator of these namespaces until the end of the test.
    fn operator(&self, namespaces: &[&str], concurrency: u16) -> (Arc<Engine>, Synced) {
        drop(rustls::crypto::ring::default_provider().install_default());
        let range = Range::Namespaces(namespaces.iter().map(|&namespace| namespace.to_owned()).collect());
        let (stores, _, feeds) = control::prepare(kinds::all(), range);
        let options = Options {
            resync: Duration::from_mins(10),
            default_secret: None,
            policies: Defaults::default(),
            concurrency,
        };
        let engine = Arc::new(Engine::new(
            self.client(),
            Clients::new(Endpoint::parse("http://127.0.0.1:1").unwrap(), Settings::default()),
            stores,
            Arc::new(AtRest),
            options,
            Arc::new(Metrics::default()),
            Term::unlimited(),
        ));
        let synced = feeds.synced();
        tokio::spawn(control::run(Arc::clone(&engine), feeds, pending().boxed().shared()));
        (engine, synced)
    }
}

/// What the API server writes into objects is not looked at here.
struct AtRest;

impl Clock for AtRest {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

impl State {
    /// Status and body; none where no answer comes, which for a watch means that nothing happens.
    fn answer(&mut self, method: &Method, path: &str, query: &str, body: Value) -> Option<(u16, Value)> {
        let (_, rest) = path.split_once("/namespaces/").unwrap();
        match (method.clone(), rest.split('/').collect::<Vec<_>>().as_slice()) {
            (Method::GET, [namespace, _]) if self.closed.is_some_and(|closed| closed == *namespace) => {
                Some((403, json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403})))
            }
            (Method::GET, [_, _]) if query.contains("watch=true") => None,
            (Method::GET, [namespace, plural]) => {
                let here = |key: &(String, String, String)| key.0 == *plural && key.1 == *namespace;
                let items: Vec<_> =
                    self.objects.iter().filter(|(key, _)| here(key)).map(|(_, object)| object).collect();
                Some((
                    200,
                    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}),
                ))
            }
            (Method::PATCH, [_, plural, _, "status"]) if self.holds => {
                *self.held.entry((*plural).to_owned()).or_default() += 1;
                None
            }
            (Method::PATCH, [namespace, plural, name, "status"]) => {
                let key = ((*plural).to_owned(), (*namespace).to_owned(), (*name).to_owned());
                let object = self.objects.get_mut(&key).unwrap();
                object["status"] = body["status"].clone();
                Some((200, object.clone()))
            }
            (_, [_, "events", ..]) => Some((201, body)),
            _ => panic!("{method} {path}?{query}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_may_not_be_listed_holds_up_no_other_and_is_taken_up_later() {
    let server = Server::default();
    let role = |project: Value| json!({"projectRef": project, "roleName": "support", "inheritedRoles": []});
    server.put("atlasprojects", "here", "shop", &json!({"name": "Shop"}));
    server.put("atlasprojects", "gone", "depot", &json!({"name": "Depot", "allowedNamespaces": ["here"]}));
    server.put("atlascustomroles", "here", "near", &role(json!({"name": "shop"})));
    server.put("atlascustomroles", "here", "far", &role(json!({"name": "depot", "namespace": "gone"})));
    server.put("atlascustomroles", "gone", "far", &role(json!({"name": "depot"})));
    server.set(|state| state.closed = Some("gone"));
    let (engine, synced) = server.operator(&["gone", "here"], 8);
    assert!(timeout(PATIENCE, synced.wait()).await.is_ok(), "it waits for what it may not list");

    server.reason("atlasprojects", "here", "shop", "CredentialsNotFound").await;
    server.reason("atlascustomroles", "here", "near", "DependencyNotReady").await;
    let message = server.reason("atlascustomroles", "here", "far", "DependencyNotReady").await;
    assert!(message.contains("AtlasProject gone/depot is not known") && message.contains("may not list"), "{message}");
    assert_eq!(server.ready("atlascustomroles", "gone", "far"), Value::Null);
    assert!(!engine.unreadable.sees_all("AtlasProject"));

    server.set(|state| state.closed = None);
    server.reason("atlasprojects", "gone", "depot", "CredentialsNotFound").await;
    server.reason("atlascustomroles", "gone", "far", "DependencyNotReady").await;
    let known = async {
        while server.ready("atlascustomroles", "here", "far")["message"].as_str() == Some(&message) {
            sleep(Duration::from_secs(1)).await;
        }
    };
    assert!(timeout(PATIENCE, known).await.is_ok(), "{message}");
    let message = server.reason("atlascustomroles", "here", "far", "DependencyNotReady").await;
    assert!(message.contains("AtlasProject gone/depot is not in Atlas yet"), "{message}");
    assert!(engine.unreadable.sees_all("AtlasProject"));
}

#[tokio::test(start_paused = true)]
async fn so_many_objects_of_a_kind_are_worked_on_at_once_in_all_namespaces_together() {
    let server = Server::default();
    let namespaces = ["one", "two", "three"];
    for namespace in namespaces {
        for name in ["a", "b", "c"] {
            server.put("atlasprojects", namespace, name, &json!({"name": name}));
            server.put("atlascustomroles", namespace, name, &json!({"projectRef": {"name": "a"}, "roleName": name}));
        }
    }
    server.set(|state| state.holds = true);
    server.operator(&namespaces, 2);
    // Time goes on when nothing else is left to do.
    sleep(PATIENCE).await;
    let held = server.0.lock().unwrap().held.clone();
    let expected = BTreeMap::from(["atlascustomroles", "atlasprojects"].map(|plural| (plural.to_owned(), 2)));
    assert_eq!(held, expected);
}
