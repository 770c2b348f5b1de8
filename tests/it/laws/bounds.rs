//! Nothing that one object does takes the turn of another, or the process, away: requests without an answer, passes
//! without an end, panics, and tasks that die.
use std::{future::pending, time::Duration};

use atlas_operator::{
    engine::control::Range,
    kind::{Blames, Declared, Deletion, Documents, Example, Invalid, Kind},
    kinds,
};
use futures::{FutureExt, channel::oneshot};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json, value::RawValue};
use tokio::time::{sleep, timeout};

use super::api_server::{PATIENCE, Server, within};

const PROJECTS: &str = "atlasprojects";
const ROLES: &str = "atlascustomroles";

#[tokio::test(start_paused = true)]
async fn requests_that_are_never_answered_hold_no_turn_for_ever() {
    let server = Server::default();
    let namespaces = ["one", "two", "three"];
    for namespace in namespaces {
        for name in ["a", "b", "c"] {
            server.put(PROJECTS, namespace, name, &json!({"name": name}));
            server.put(ROLES, namespace, name, &json!({"projectRef": {"name": "a"}, "roleName": name}));
        }
    }
    server.set(|state| state.holds = true);
    let operator = server.operator(within(&namespaces), 2);
    // So many objects of a kind are worked on at once, in all namespaces together.
    sleep(Duration::from_secs(20)).await;
    let of = |plural: &str| server.set(|state| state.held.iter().filter(|key| key.0 == plural).count());
    assert_eq!((of(PROJECTS), of(ROLES)), (2, 2));
    // Each has its turn all the same.
    sleep(PATIENCE).await;
    let mut held = server.set(|state| state.held.clone());
    held.sort();
    held.dedup();
    assert_eq!(held.len(), 18, "{held:?}");
    assert_eq!(operator.engine.running.stuck(), None);
    server.set(|state| state.holds = false);
    for namespace in namespaces {
        server.reason(PROJECTS, namespace, "c", "CredentialsNotFound").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_without_an_end_is_stopped_and_another_object_has_its_turn() {
    let server = Server::default();
    server.put(PROJECTS, "team", "a", &json!({"name": "A"}));
    server.put(PROJECTS, "team", "b", &json!({"name": "B"}));
    server.set(|state| state.holds = true);
    // Not even the requests have an end here.
    let _operator = server.run(within(&["team"]), 1, kinds::all(), false, pending().boxed().shared());
    assert!(server.until(|| server.set(|state| state.held.len() == 1)).await);
    let first = server.set(|state| state.held[0].2.clone());
    assert!(server.until(|| server.set(|state| state.held.iter().any(|key| key.2 != first))).await);
    server.set(|state| state.holds = false);
    let written = server.until(|| server.ready(PROJECTS, "team", &first)["reason"] == "CredentialsNotFound").await;
    assert!(written, "it was not tried again");
}

/// A kind that panics over some objects, and is like another otherwise.
struct Trapped(&'static dyn Kind);

impl Kind for Trapped {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn plural(&self) -> &'static str {
        self.0.plural()
    }
    fn definition(&self) -> CustomResourceDefinition {
        self.0.definition()
    }
    fn deletion(&self) -> Deletion {
        self.0.deletion()
    }
    fn blames(&self) -> Blames {
        self.0.blames()
    }
    fn read(&self, spec: &RawValue) -> Result<Box<dyn Declared>, Invalid> {
        assert!(!spec.get().contains("panic"), "the spec is {spec}");
        self.0.read(spec)
    }
    fn examples(&self) -> Vec<Example> {
        self.0.examples()
    }
    fn import(&self, observed: &Documents) -> Value {
        self.0.import(observed)
    }
}

fn trapped() -> &'static [&'static dyn Kind] {
    let trapped = kinds::all().iter().map(|kind| &*Box::leak(Box::new(Trapped(*kind))) as &'static dyn Kind);
    Box::leak(trapped.collect::<Vec<_>>().into_boxed_slice())
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_condition_of_its_object_and_the_others_go_on() {
    let server = Server::default();
    server.put(PROJECTS, "team", "bad", &json!({"name": "panic"}));
    server.put(PROJECTS, "team", "good", &json!({"name": "Good"}));
    let operator = server.run(within(&["team"]), 8, trapped(), true, pending().boxed().shared());
    let message = server.reason(PROJECTS, "team", "bad", "InternalError").await;
    assert!(message.contains("tests/it/laws/bounds.rs:"), "the place is missing: {message}");
    assert!(!message.contains("the spec is"), "what the panic says may be anything: {message}");
    server.reason(PROJECTS, "team", "good", "CredentialsNotFound").await;
    // It is tried again, ever less often: in five minutes some eight times.
    sleep(PATIENCE).await;
    let exposition = operator.engine.metrics.expose();
    let count = |kind: &str| {
        let series = format!("atlas_operator_reconcile_panics_total{{kind=\"{kind}\"}} ");
        let line = exposition.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap_or_else(|| panic!("{exposition}")).parse::<u32>().unwrap()
    };
    assert!((3..12).contains(&count("AtlasProject")), "{}", count("AtlasProject"));
    assert_eq!(count("AtlasCluster"), 0, "what has not happened is shown as well");
    // What comes later is still worked on, and the bad one as soon as it is right.
    server.put(PROJECTS, "team", "later", &json!({"name": "Later"}));
    server.edit(PROJECTS, "team", "bad", &json!({"name": "Right"}));
    server.reason(PROJECTS, "team", "later", "CredentialsNotFound").await;
    server.reason(PROJECTS, "team", "bad", "CredentialsNotFound").await;
    assert!(!operator.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_watch_or_controller_that_ends_is_an_error_of_the_process() {
    for broken in ["secrets", "namespaces", "atlasprojects"] {
        let server = Server::default();
        server.set(|state| state.broken = Some(broken));
        let operator = server.operator(Range::All, 8);
        let ended = timeout(PATIENCE, operator.task).await.expect("it goes on without").unwrap().unwrap_err();
        assert!(ended.to_string().contains(broken), "{ended}");
        assert!(ended.to_string().contains("panicked at tests/it/laws/api_server.rs:"), "{ended}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_ends_with_the_operator() {
    let server = Server::default();
    server.put(PROJECTS, "team", "a", &json!({"name": "A"}));
    server.set(|state| state.holds = true);
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = stopped.map(drop).boxed().shared();
    let operator = server.run(within(&["team"]), 1, kinds::all(), true, stopped);
    assert!(server.until(|| server.set(|state| state.waiting == 1)).await);
    // A stop lets it finish; when that takes too long, all of it is dropped.
    drop(stop);
    sleep(Duration::from_secs(10)).await;
    assert!(!operator.task.is_finished());
    operator.task.abort();
    assert!(server.until(|| server.set(|state| state.waiting == 0)).await);

    let (stop, stopped) = oneshot::channel::<()>();
    let operator = server.run(within(&["team"]), 1, kinds::all(), true, stopped.map(drop).boxed().shared());
    assert!(server.until(|| server.set(|state| state.waiting == 1)).await);
    drop(stop);
    let ended = timeout(PATIENCE, operator.task).await.unwrap().unwrap();
    assert!(ended.is_ok(), "{ended:?}");
}
