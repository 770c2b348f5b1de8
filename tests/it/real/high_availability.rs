//! Several replicas of the operator, of which one works.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use harness::{Call, Operator, eventually};
use serde_json::{Value, json};

use super::{
    bad_input::told,
    examples,
    gate::Gate,
    stage::{PATIENCE, Scenery, Stage, lines},
};

/// How soon a leader that died is replaced, and one that hands over, with the lease as it is shipped.
const TAKEOVER: Duration = Duration::from_secs(15);
/// The release itself may take 2 s; a lease that is not released is held for longer than this.
const HANDOVER: Duration = Duration::from_secs(6);
/// The shortest lease, for what need not be waited for longer.
const SHORT: &str = "5s";
/// What a replica logs when its turn has come.
const ELECTED: &str = "this replica is the leader";

fn scenery(namespace: &str, duration: Option<&str>) -> Scenery {
    let name = format!("--lease-name={namespace}");
    let scenery = Scenery::of(namespace).arguments(&["--leader-election", "--lease-namespace=atlas-operator", &name]);
    match duration {
        Some(duration) => scenery.arguments(&["--lease-duration", duration]),
        None => scenery,
    }
}

/// Waits until a replica works, and says how long that took.
async fn elected(operator: &Operator) -> Duration {
    let asked = Instant::now();
    let look = || async { if operator.logs().contains(ELECTED) { Ok(()) } else { Err(operator.last_lines()) } };
    eventually(PATIENCE, "a replica to become the leader", look).await.unwrap();
    asked.elapsed()
}

/// A second replica beside one that works.
async fn standby(stage: &Stage) -> Operator {
    elected(&stage.operator).await;
    let standby = stage.another_operator(stage.simulator.base_url()).await;
    assert!(!standby.logs().contains(ELECTED), "{}", standby.last_lines());
    standby
}

/// Projects that hold roles: ten of the one, and four of the other in each.
async fn apply_fifty(stage: &Stage, namespace: &str) {
    for project in 0..10 {
        let name = format!("shop-{project}");
        stage.kube.apply(namespace, &examples::project(&name, &name)).await;
        for role in 0..4 {
            let mut object = examples::role(&format!("support-{project}-{role}"));
            object["spec"]["projectRef"]["name"] = Value::from(name.as_str());
            object["spec"]["roleName"] = Value::from(format!("support-{role}"));
            stage.kube.apply(namespace, &object).await;
        }
    }
}

/// How often each resource was asked for, by what tells it from others.
fn creations(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls.iter().filter(|call| call.method == "POST") {
        let name = call.request["name"].as_str().or(call.request["roleName"].as_str()).unwrap_or_default();
        *counts.entry(format!("{} {name}", call.path)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn when_the_leader_is_killed_in_the_middle_the_standby_goes_on_and_creates_nothing_twice() {
    const NAMESPACE: &str = "ha-killed";
    let stage = Stage::shared(scenery(NAMESPACE, None)).await;
    let standby = standby(&stage).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    // While objects still come, so that there is work left however slow this machine is to see the fifteenth call.
    let killed = async {
        stage.mutating_calls(0, 15).await;
        stage.operator.kill();
        let took = elected(&standby);
        let (before, took) = tokio::join!(stage.simulator.mutating_calls(0), took);
        (before.unwrap().len(), took)
    };
    let ((), (before, took)) = tokio::join!(apply_fifty(&stage, NAMESPACE), killed);
    println!("killed after {before} of 50 creations; the standby took over after {:.1} s", took.as_secs_f64());
    assert!(before < 50, "the leader was killed too late for the test to mean anything");
    assert!(took < TAKEOVER, "{took:?}");
    stage.ready_without_me(NAMESPACE).await;
    let calls = stage.simulator.mutating_calls(0).await.unwrap();
    let creations = creations(&calls);
    let repeated: Vec<_> = creations.iter().filter(|(_, count)| **count != 1).collect();
    assert!(
        creations.len() == 50 && repeated.is_empty(),
        "{} creations, more than once: {repeated:?}",
        creations.len()
    );
    assert!(standby.stop().await.unwrap().success());
    stage.look_back().await;
}

#[tokio::test]
async fn a_leader_that_was_stopped_past_its_lease_changes_nothing_when_it_goes_on() {
    const NAMESPACE: &str = "ha-stopped";
    let gate = Gate::open("POST /api/atlas/v2/groups ").await;
    let scenery = Scenery {
        atlas_url: Some(gate.url()),
        port: Some(gate.behind()),
        // Of the nonces' time, which must not end while the process is stopped.
        speed: 1.0,
        ..scenery(NAMESPACE, Some(SHORT))
    };
    let stage = Stage::shared(scenery).await;
    let standby = standby(&stage).await;
    // Every request is answered with a challenge first. For creations that answer comes when the lease is long lost, and
    // all that is left to do is to send them once more with a proof.
    stage.simulator.settings(&json!({"nonceUses": 1})).await.unwrap();
    gate.close();
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    for project in 0..8 {
        let name = format!("shop-{project}");
        stage.kube.apply(NAMESPACE, &examples::project(&name, &name)).await;
    }
    eventually(PATIENCE, "challenges to all creations", || async {
        let calls = stage.simulator.calls(0).await.map_err(|error| error.to_string())?;
        let challenged = calls.iter().filter(|call| call.method == "POST" && call.status == 401).count();
        if challenged >= 8 { Ok(()) } else { Err(format!("{challenged} were challenged")) }
    })
    .await
    .unwrap();
    stage.operator.pause();
    let took = elected(&standby).await;
    stage.ready_without_me(NAMESPACE).await;
    let calls = stage.simulator.mutating_calls(0).await.unwrap();
    assert_eq!(calls.len(), 8, "{:?}", lines(&calls));

    let (since, position) = (stage.simulator.latest_call().await.unwrap(), told(&stage, |_| true).await);
    gate.reopen();
    stage.operator.resume();
    let ended = || async { stage.operator.ended().ok_or("it runs") };
    let status = eventually(PATIENCE, "the end of the former leader", ended).await.unwrap();
    println!("taken over after {:.1} s; the former leader ended: {status}", took.as_secs_f64());
    assert_eq!(status.code(), Some(1), "{}", stage.operator.last_lines());
    assert!(stage.operator.logs().contains("no longer the leader"), "{}", stage.operator.last_lines());
    // Not even what Atlas would have refused.
    let mut sent = stage.simulator.calls(since).await.unwrap();
    sent.retain(|call| call.method != "GET");
    assert!(sent.is_empty(), "{:?}", lines(&sent));
    let written = stage.writes(position);
    assert!(written.is_empty(), "{written:#?}");
    assert!(standby.stop().await.unwrap().success());
    stage.look_back().await;
}

#[tokio::test]
async fn a_leader_that_is_told_to_stop_hands_over_at_once() {
    const NAMESPACE: &str = "ha-handover";
    let stage = Stage::shared(scenery(NAMESPACE, None)).await;
    // Its own probe says that it is ready although it does not work.
    let standby = standby(&stage).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &examples::project("shop", "Shop")).await;
    stage.all_ready(NAMESPACE).await;
    assert!(stage.operator.stop().await.unwrap().success());
    let took = elected(&standby).await;
    println!("handed over after {:.1} s", took.as_secs_f64());
    assert!(took < HANDOVER, "{took:?}");
    let since = stage.simulator.latest_call().await.unwrap();
    stage.kube.apply(NAMESPACE, &examples::role("support")).await;
    stage.mutating_calls(since, 1).await;
    stage.ready_without_me(NAMESPACE).await;
    assert!(standby.stop().await.unwrap().success());
    stage.look_back().await;
}
