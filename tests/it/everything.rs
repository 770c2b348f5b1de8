//! Metrics in which everything has been counted: every operation of the catalogue however it can end, and ten thousand
//! objects in every state. What is exposed then is all that can be exposed.
use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use atlas_operator::{
    atlas::{Clients, Endpoint, Observer, RequestSeen, Settings, TokenSeen},
    engine::{
        Clock, Engine, Options, Stores,
        object::{KindRef, Object},
        outcome::Reason,
        policy::Defaults,
        wake::Subject,
    },
    kinds,
    leader::Term,
    telemetry::metrics::Metrics,
};
use jiff::Timestamp;
use kube::{
    Client,
    client::Body,
    runtime::{reflector::store::Writer, watcher::Event},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::docs::generated::every_operation;

/// What a pass can come to, as metrics call it.
const OUTCOMES: &[&str] =
    &["settled", "acted", "busy", "waiting", "blocked", "throttled", "failed", "refused", "idle", "released"];
/// One status of each class, and no answer.
const STATUSES: &[Option<u16>] = &[Some(200), Some(302), Some(404), Some(503), None];

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// So many objects of every kind, evenly over all reasons and all values of the Ready condition.
fn objects(number: usize) -> Stores {
    let mut stores = Stores::new();
    let each = number / kinds::all().len();
    for kind in kinds::all() {
        let mut writer = Writer::<Object>::new(KindRef::of(*kind));
        for index in 0..each {
            writer.apply_watcher_event(&Event::Apply(object(index)));
        }
        stores.insert(kind.name(), vec![writer.as_reader()]);
    }
    stores
}

fn object(index: usize) -> Object {
    let (reason, _) = Reason::ALL[index % Reason::ALL.len()];
    let ready = ["True", "False", "Unknown"][index / Reason::ALL.len() % 3];
    let drift = json!([{"path": "x", "desired": "1", "observed": "2", "since": "2026-01-01T00:00:00Z"}]);
    let status: Value = match index {
        // One that the operator has not looked at yet, and one whose status somebody else wrote.
        0 => Value::Null,
        1 => json!({"conditions": [{"type": "Ready", "status": "Perhaps", "reason": format!("Canary{index}")}]}),
        _ => json!({
            "conditions": [
                {"type": "Ready", "status": ready, "reason": reason.to_string()},
                {"type": "Synced", "status": ready, "reason": reason.to_string()},
            ],
            "drift": if index.is_multiple_of(5) { drift } else { json!([]) },
        }),
    };
    let name = format!("object-{index}");
    let metadata = json!({"name": name, "namespace": format!("namespace-{}", index % 100), "uid": name});
    serde_json::from_value(json!({"metadata": metadata, "spec": {}, "status": status})).unwrap()
}

/// An engine that never runs, over these objects.
fn engine(stores: Stores, metrics: Arc<Metrics>) -> Engine {
    let nobody = tower::service_fn(|_: http::Request<Body>| pending::<Result<http::Response<Body>, Infallible>>());
    let kube = Client::new(nobody, "default");
    let options = Options {
        resync: Duration::from_mins(10),
        default_secret: None,
        policies: Defaults { manage: None, deletion: None, adopt: None },
        concurrency: 1,
    };
    let clients = Clients::new(Endpoint::parse("http://127.0.0.1:1").unwrap(), Settings::default());
    Engine::new(kube, clients, stores, Arc::new(NoClock), options, metrics, Term::unlimited())
}

/// Everything counted, with so many objects. Must be called on a runtime.
pub fn counted(number: usize) -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    let engine = engine(objects(number), Arc::clone(&metrics));
    for kind in kinds::all() {
        let name = kind.name();
        for outcome in OUTCOMES {
            metrics.reconciled(name, outcome);
        }
        metrics.passed(name, Duration::from_secs(1));
        metrics.corrected(name);
        for (name, since) in [("object-1", 30), ("object-2", 90), ("gone", 500)] {
            let index: usize = name.rsplit('-').next().and_then(|index| index.parse().ok()).unwrap_or_default();
            let subject = Subject { kind: kind.name(), namespace: format!("namespace-{index}"), name: name.to_owned() };
            engine.backlog.due(subject, Instant::now().checked_sub(Duration::from_secs(since)).unwrap());
        }
    }
    for (method, template) in &every_operation() {
        for status in STATUSES {
            metrics.request(&RequestSeen { method, template, status: *status, duration: Duration::from_millis(200) });
        }
        metrics.retry(method, template);
        metrics.held_back(method, template);
    }
    metrics.throttled(Duration::from_secs(10));
    metrics.token(TokenSeen::Granted);
    metrics.token(TokenSeen::Failed);
    metrics.renewed();
    metrics.surveyed(move || engine.survey());
    metrics
}
