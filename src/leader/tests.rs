//! Elections among several candidates, on virtual time and an API server that is a map with one entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// A task of a test ends with the test's runtime.
#![allow(clippy::disallowed_methods)]

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, Request, Response};
use jiff::Timestamp;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep, timeout};

use super::{Candidate, Leader, LeaseSettings, Loss};
use crate::engine::Clock;

/// The lease as shipped.
const DURATION: Duration = Duration::from_secs(10);
/// How soon it is promised that a leader that died is replaced.
const TAKEOVER: Duration = Duration::from_secs(15);

/// What the API server keeps, and how it fails.
#[derive(Default)]
struct Store {
    lease: Option<Value>,
    version: u64,
    /// Answers nothing at all.
    silent: bool,
    /// Carries a write out and never answers it.
    deaf: bool,
    /// How long each answer takes.
    slow: Duration,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Store>>);

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let slow = server.0.lock().unwrap().slow;
                sleep(slow).await;
                let (silent, answer, deaf) = {
                    let mut store = server.0.lock().unwrap();
                    (store.silent, (!store.silent).then(|| store.answer(&parts.method, &body)), store.deaf)
                };
                if silent || deaf && parts.method == Method::PUT {
                    pending::<()>().await;
                }
                let (status, body) = answer.unwrap();
                let body = Body::from(serde_json::to_vec(&body).unwrap());
                Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(body).unwrap())
            }
        });
        Client::new(service, "operators")
    }

    fn set(&self, change: impl FnOnce(&mut Store)) {
        change(&mut self.0.lock().unwrap());
    }

    fn holder(&self) -> Option<String> {
        let store = self.0.lock().unwrap();
        store.lease.as_ref()?["spec"]["holderIdentity"].as_str().map(str::to_owned)
    }

    fn candidate(&self, identity: &str) -> Candidate {
        let settings = LeaseSettings {
            namespace: "operators".to_owned(),
            name: "atlas-operator".to_owned(),
            duration: DURATION,
            identity: identity.to_owned(),
        };
        Candidate::new(self.client(), settings, Arc::new(NoClock))
    }

    async fn leader(&self, identity: &str) -> Leader {
        timeout(DURATION * 2, self.candidate(identity).elected()).await.unwrap()
    }
}

impl Store {
    fn answer(&mut self, method: &Method, body: &[u8]) -> (u16, Value) {
        let refuse = |code: u16, reason: &str| (code, json!({"kind": "Status", "code": code, "reason": reason}));
        let given = || serde_json::from_slice::<Value>(body).unwrap();
        match (method, &self.lease) {
            (&Method::GET, Some(lease)) => (200, lease.clone()),
            (_, None) if method != Method::POST => refuse(404, "NotFound"),
            (&Method::POST, None) => (201, self.keep(given())),
            (&Method::POST, Some(_)) => refuse(409, "AlreadyExists"),
            (&Method::PUT, Some(_)) => {
                let lease = given();
                if lease["metadata"]["resourceVersion"] != *self.version.to_string() {
                    return refuse(409, "Conflict");
                }
                (200, self.keep(lease))
            }
            other => panic!("{other:?}"),
        }
    }

    fn keep(&mut self, mut lease: Value) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        if self.lease.is_none() {
            lease["metadata"]["uid"] = Value::from(format!("uid-{}", self.version));
        }
        self.lease = Some(lease.clone());
        lease
    }
}

/// All machines disagree about the time, and it does not matter.
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(rand::random::<i32>().into()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_renews_stays_and_a_standby_waits() {
    let server = Server::default();
    let mut leader = server.leader("a").await;
    let term = leader.term();
    let standby = server.candidate("b").elected();
    tokio::select! {
        loss = leader.hold() => panic!("{loss}"),
        _ = standby => panic!("two leaders"),
        () = sleep(Duration::from_hours(1)) => {}
    }
    assert!(term.is_running());
    assert_eq!(server.holder().as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_has_died_is_replaced_and_its_term_was_over_long_before() {
    let server = Server::default();
    let leader = server.leader("a").await;
    let (term, began) = (leader.term(), Instant::now());
    let standby = tokio::spawn(server.candidate("b").elected());
    // It has renewed while it was elected, within the last two seconds.
    sleep(Duration::from_millis(4_600)).await;
    assert!(term.is_running());
    sleep(Duration::from_millis(2_100)).await;
    assert!(!term.is_running(), "two thirds of the duration have passed without a renewal");
    let successor = standby.await.unwrap();
    let took = began.elapsed();
    assert!(took + Duration::from_secs(2) >= DURATION && took < TAKEOVER, "{took:?}");
    assert!(successor.term().is_running() && server.holder().as_deref() == Some("b"));
    assert_eq!(server.0.lock().unwrap().lease.as_ref().unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn of_several_standbys_one_takes_over() {
    let server = Server::default();
    let first = server.leader("first").await;
    let standbys: Vec<_> = (0..5).map(|n| tokio::spawn(server.candidate(&n.to_string()).elected())).collect();
    drop(first);
    sleep(DURATION * 2).await;
    let mut elected = 0;
    for standby in standbys {
        if standby.is_finished() {
            elected += 1;
            assert!(server.holder().is_some_and(|holder| holder != "first"));
        }
    }
    // None of them renews, so the others follow after it; in this time, one each.
    assert_eq!(elected, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_taken_at_once() {
    let server = Server::default();
    let leader = server.leader("a").await;
    let term = leader.term();
    let standby = tokio::spawn(server.candidate("b").elected());
    sleep(Duration::from_secs(3)).await;
    leader.release().await;
    assert!(!term.is_running());
    timeout(Duration::from_secs(2), standby).await.unwrap().unwrap();
    assert_eq!(server.holder().as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_an_api_server_gives_up_before_others_may_take_over() {
    let server = Server::default();
    let mut leader = server.leader("a").await;
    let (term, began) = (leader.term(), Instant::now());
    server.set(|store| store.silent = true);
    assert_eq!(leader.hold().await, Loss::Expired);
    assert!(began.elapsed() <= DURATION * 3 / 4, "{:?}", began.elapsed());
    assert!(!term.is_running());
}

#[tokio::test(start_paused = true)]
async fn an_interruption_that_ends_in_time_costs_nothing() {
    let server = Server::default();
    let mut leader = server.leader("a").await;
    let term = leader.term();
    let interruption = async {
        sleep(Duration::from_secs(2)).await;
        server.set(|store| store.silent = true);
        sleep(Duration::from_millis(2500)).await;
        server.set(|store| store.silent = false);
        sleep(Duration::from_mins(1)).await;
    };
    tokio::select! { loss = leader.hold() => panic!("{loss}"), () = interruption => {} }
    assert!(term.is_running());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_is_known_for_our_own() {
    let server = Server::default();
    let mut leader = server.leader("a").await;
    let term = leader.term();
    let deafness = async {
        sleep(Duration::from_secs(1)).await;
        server.set(|store| store.deaf = true);
        sleep(Duration::from_secs(3)).await;
        server.set(|store| store.deaf = false);
        sleep(Duration::from_secs(30)).await;
    };
    tokio::select! { loss = leader.hold() => panic!("{loss}"), () = deafness => {} }
    assert!(term.is_running());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_does_not_ask_whether_it_is_still_the_leader() {
    let server = Server::default();
    let mut leader = server.leader("a").await;
    let term = leader.term();
    // No task has run in between.
    advance(Duration::from_mins(1)).await;
    assert!(!term.is_running());
    assert_eq!(leader.hold().await, Loss::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_took_or_somebody_deleted_is_lost() {
    for taken in [true, false] {
        let server = Server::default();
        let mut leader = server.leader("a").await;
        let term = leader.term();
        server.set(|store| {
            let mut lease = store.lease.take().unwrap();
            if taken {
                lease["spec"]["holderIdentity"] = json!("b");
                store.keep(lease);
            }
        });
        let expected = if taken { "b" } else { "" };
        assert_eq!(leader.hold().await, Loss::Taken(expected.to_owned()));
        assert!(!term.is_running());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_has_died_is_replaced_in_time_on_a_slow_machine_too() {
    let server = Server::default();
    let leader = server.leader("a").await;
    let began = Instant::now();
    server.set(|store| store.slow = Duration::from_millis(1500));
    let standby = tokio::spawn(server.candidate("b").elected());
    standby.await.unwrap();
    assert!(began.elapsed() < TAKEOVER, "{:?}", began.elapsed());
    assert!(!leader.term().is_running());
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_a_lease_anew_acts_only_when_the_term_of_the_former_leader_is_over() {
    // Whatever the time since its last renewal, and whether it can ask or not.
    for (waited, silent) in [(100, false), (1_900, false), (100, true), (1_900, true)] {
        let server = Server::default();
        let mut leader = server.leader("a").await;
        let term = leader.term();
        let former = tokio::spawn(async move {
            if silent {
                pending::<()>().await;
            }
            leader.hold().await
        });
        sleep(Duration::from_millis(waited)).await;
        server.set(|store| store.lease = None);
        let successor = tokio::spawn(server.candidate("b").elected());
        while !successor.is_finished() {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(!term.is_running(), "two may write");
        assert!(successor.await.unwrap().term().is_running());
        former.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_is_tried_again() {
    for deaf in [false, true] {
        let server = Server::default();
        let leader = server.leader("a").await;
        server.set(|store| (store.silent, store.deaf) = (!deaf, deaf));
        let release = tokio::spawn(leader.release());
        sleep(Duration::from_secs(3)).await;
        server.set(|store| (store.silent, store.deaf) = (false, false));
        timeout(Duration::from_secs(5), release).await.unwrap().unwrap();
        assert_eq!(server.holder(), None);
    }
}
