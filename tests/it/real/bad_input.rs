//! Everything that people get wrong: each mistake ends in a condition that says what to do, costs Atlas and Kubernetes
//! next to nothing while it lasts, and is gone without a restart once it is mended.
//!
//! The cases of the table run side by side under one operator, so that each also shows that it harms no other.
use std::time::Duration;

use atlas_operator::kind::GROUP;
use futures::future::{BoxFuture, join_all};
use harness::{AuditEvent, Organization, eventually, free_port};
use serde_json::{Value, json};

use super::{
    examples::project,
    kube::condition,
    stage::{PATIENCE, Scenery, Stage},
};

mod cases;

use cases::cases;

/// How long mistakes are left alone, and watched.
const NEGLECT: Duration = Duration::from_secs(20);

/// How often a mistake is looked into in that time.
#[derive(Clone, Copy, Debug)]
enum Tries {
    /// Never: the operator knows by itself that something is missing.
    None,
    /// Now and then, ever less often: after 2, 4 and 8 s, or after 5 and 10.
    Few,
}

impl Tries {
    /// The requests to Atlas that this may take. A try has up to six: the documents of a project, the call that Atlas
    /// refuses, and a challenge for a nonce that has ended.
    fn requests(self) -> usize {
        match self {
            Self::None => 0,
            Self::Few => 24,
        }
    }

    /// The times that the status is written: a creation is noted before it is tried, and the note goes when it failed.
    fn writes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Few => 8,
        }
    }
}

/// The namespace and organization of a case, on the stage of all.
#[derive(Clone, Copy)]
struct Place<'a> {
    stage: &'a Stage,
    namespace: &'a str,
    organization: &'a Organization,
}

impl Place<'_> {
    async fn apply(&self, object: &Value) {
        self.stage.kube.apply(self.namespace, object).await;
    }

    async fn merge(&self, kind: &str, name: &str, spec: &Value) {
        self.stage.kube.merge(self.namespace, kind, name, &json!({"spec": spec})).await;
    }

    async fn credentials(&self) {
        self.stage.provide_credentials(self.namespace, self.organization).await;
    }

    /// The project object `shop`; in Atlas it has the name of the case.
    fn project(&self) -> Value {
        project("shop", self.namespace)
    }

    /// The requests to Atlas with the organization's key, or about its project where no key was accepted.
    async fn requests(&self, since: u64) -> usize {
        let mut calls = self.stage.simulator.calls(since).await.unwrap();
        calls.retain(|call| match &call.principal {
            Some(principal) => *principal == self.organization.public_key,
            None => call.path.ends_with(self.namespace),
        });
        calls.len()
    }
}

type Doing = for<'a> fn(Place<'a>) -> BoxFuture<'a, ()>;

/// One mistake.
struct Case {
    /// Also the name of its namespace.
    name: &'static str,
    /// Makes the mistake. The credentials are there, and a project object `shop` is Ready, unless `bare`.
    make: Doing,
    /// Whether there is nothing before.
    bare: bool,
    /// The object that shows it.
    shown_by: (&'static str, &'static str),
    /// Whether a person has to do something first: `Stalled`, else `Reconciling`.
    stalled: bool,
    reason: &'static str,
    /// Parts of the message: what is wrong, and what to do about it.
    says: &'static [&'static str],
    tries: Tries,
    mend: Doing,
}

impl Case {
    /// Waits until the mistake shows, compares what is said, and answers the conditions.
    async fn shown(&self, place: Place<'_>) -> Value {
        let (kind, name) = self.shown_by;
        let type_ = if self.stalled { "Stalled" } else { "Reconciling" };
        let object = place.stage.until(place.namespace, kind, name, type_, self.reason).await;
        expect_said(&object, self.reason, self.says);
        assert_eq!(condition(&object, type_)["status"], "True");
        object["status"]["conditions"].clone()
    }

    /// Nobody was told anything while nothing changed, and Atlas and Kubernetes were left in peace.
    async fn expect_neglected(&self, place: Place<'_>, position: u64, since: u64) {
        let mut writes = place.stage.writes(position);
        writes.retain(|write| write.namespace == self.name);
        let all = writes.len();
        writes.retain(|write| write.subresource != "status");
        assert!(writes.is_empty(), "{}: told while nothing changed: {writes:#?}", self.name);
        let requests = place.requests(since).await;
        println!("{}: {requests} requests to Atlas and {all} writes in {} s", self.name, NEGLECT.as_secs());
        assert!(requests <= self.tries.requests() && all <= self.tries.writes(), "{}", self.name);
    }

    /// At most one Event went out for each time that the status changed.
    fn expect_few_events(&self, place: Place<'_>, position: u64) {
        let mut writes = place.stage.writes(position);
        writes.retain(|write| write.namespace == self.name);
        let events = writes.iter().filter(|write| write.resource == "events").count();
        let changes = writes.iter().filter(|write| write.subresource == "status").count();
        assert!(
            events > 0 && events <= changes + released(&writes),
            "{}: {events} Events for {changes} changes",
            self.name
        );
    }
}

/// How many objects were let go: each takes an Event, and has no status any more. The finalizer is put on by a
/// server-side apply, which names its field manager, and taken off by a patch that does not.
fn released(writes: &[AuditEvent]) -> usize {
    let of_object = |write: &&AuditEvent| write.group == GROUP && write.subresource.is_empty();
    writes.iter().filter(of_object).filter(|write| !write.uri.contains("fieldManager=")).count()
}

fn expect_said(object: &Value, reason: &str, says: &[&str]) {
    let ready = condition(object, "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!(reason)));
    let message = ready["message"].as_str().unwrap();
    for part in says {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[tokio::test]
async fn every_mistake_says_what_to_do_and_is_forgotten_once_mended() {
    let cases = cases();
    let namespaces = cases.iter().map(|case| case.name.to_owned()).collect();
    let scenery = Scenery { namespaces, organizations: cases.len(), ..Scenery::default() };
    // No routine look falls into the time in which nothing is to be asked: the first comes after a tenth of this.
    let stage = Stage::shared(scenery.arguments(&["--resync", "1h"])).await;
    let begun = stage.plane().position();
    let places: Vec<Place<'_>> = cases
        .iter()
        .zip(stage.simulator.organizations())
        .map(|(case, organization)| Place { stage: &stage, namespace: case.name, organization })
        .collect();
    let all = || cases.iter().zip(places.iter().copied());

    join_all(all().filter(|(case, _)| !case.bare).map(|(_, place)| async move {
        place.credentials().await;
        place.apply(&place.project()).await;
        place.stage.all_ready(place.namespace).await;
    }))
    .await;
    join_all(all().map(|(case, place)| (case.make)(place))).await;
    let before = join_all(all().map(|(case, place)| case.shown(place))).await;

    let position = told(&stage, |write| write.subresource != "status").await;
    let since = stage.simulator.latest_call().await.unwrap();
    tokio::time::sleep(NEGLECT).await;
    for ((case, place), before) in all().zip(before) {
        case.expect_neglected(place, position, since).await;
        assert_eq!(case.shown(place).await, before, "{}", case.name);
    }

    join_all(all().map(|(case, place)| (case.mend)(place))).await;
    join_all(all().map(|(_, place)| place.stage.all_ready(place.namespace))).await;
    for (case, place) in all() {
        case.expect_few_events(place, begun);
    }
    stage.end().await;
}

#[tokio::test]
async fn an_address_that_the_api_access_list_lacks_is_said_and_forgotten_once_added() {
    const NAMESPACE: &str = "access-list";
    let stage = Stage::shared(Scenery::of(NAMESPACE)).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.simulator.settings(&json!({"apiAccess": false})).await.unwrap();
    stage.kube.apply(NAMESPACE, &project("shop", "Shop")).await;
    let object = stage.until(NAMESPACE, "AtlasProject", "shop", "Stalled", "AccessDenied").await;
    let says = ["IP address 127.0.0.1", "IP_ADDRESS_NOT_ON_ACCESS_LIST", "Put this address on the API access list"];
    expect_said(&object, "AccessDenied", &says);
    neglect(&stage).await;
    stage.simulator.settings(&json!({"apiAccess": true})).await.unwrap();
    stage.all_ready(NAMESPACE).await;
    stage.end().await;
}

#[tokio::test]
async fn an_atlas_that_is_down_at_the_start_is_said_and_found_once_it_is_there() {
    const NAMESPACE: &str = "atlas-down";
    let port = free_port();
    let scenery = Scenery { atlas_url: Some(format!("http://127.0.0.1:{port}")), ..Scenery::of(NAMESPACE) };
    let mut stage = Stage::shared(scenery).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &project("shop", "Shop")).await;
    let object = stage.reason(NAMESPACE, "AtlasProject", "shop", "AtlasUnavailable").await;
    expect_said(&object, "AtlasUnavailable", &["Atlas gave no answer", "/groups/byName/Shop"]);
    neglect(&stage).await;
    stage.restart_simulator(port).await;
    stage.all_ready(NAMESPACE).await;
    stage.end().await;
}

/// Leaves the stage alone and expects that nothing is written about what lasts, and that Atlas is seldom asked.
async fn neglect(stage: &Stage) {
    // The second failure may still be told.
    let (position, since) = (told(stage, |_| true).await, stage.simulator.latest_call().await.unwrap());
    tokio::time::sleep(NEGLECT / 2).await;
    assert_eq!(stage.writes(position), Vec::new(), "written while nothing changed");
    let requests = stage.simulator.calls(since).await.unwrap().len();
    assert!(requests <= Tries::Few.requests(), "{requests} requests to Atlas");
}

/// Waits until a second has passed without a write that `counts`, and answers the place in the audit log from which on
/// there is none: an Event follows the status that it is about, and either stands in the log after it is seen.
pub async fn told(stage: &Stage, counts: impl Fn(&AuditEvent) -> bool) -> u64 {
    eventually(PATIENCE, "everything to be told", || async {
        let position = stage.plane().position();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut writes = stage.writes(position);
        writes.retain(&counts);
        if writes.is_empty() { Ok(position) } else { Err(format!("{writes:?}")) }
    })
    .await
    .unwrap()
}
