//! Two minutes in which the real API server answers nothing, with three hundred settled objects.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use harness::eventually;
use serde_json::{Value, json};

use super::{
    day::{passes, rested},
    examples::{password, project, role, user},
    stage::{Scenery, Stage},
};

const NAMESPACE: &str = "outage";
const OUTAGE: Duration = Duration::from_mins(2);
/// Within which every object has been looked at afterwards.
const RECOVERY: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_mins(3);
/// In each of so many projects,
const PROJECTS: usize = 3;
/// so many users
const USERS: usize = 89;
/// and roles.
const ROLES: usize = 10;
/// Watches and the lists of each kind that fail, and that they are back.
const MOST_LINES: usize = 60;

/// The condition Ready of every object, with the time since when it is as it is.
async fn ready(stage: &Stage) -> BTreeMap<String, Value> {
    let objects = stage.kube.objects(NAMESPACE).await.into_iter();
    objects
        .map(|object| {
            let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
            (name, super::kube::condition(&object, "Ready"))
        })
        .collect()
}

/// How many passes found that nothing is to be done.
async fn settled_passes(stage: &Stage) -> u64 {
    passes(stage).await.into_iter().filter(|((_, outcome), _)| outcome == "settled").map(|(_, count)| count).sum()
}

#[tokio::test]
async fn no_object_changes_ready_while_the_api_server_is_away_and_all_are_looked_at_soon_after() {
    let scenery = Scenery { namespaces: vec![NAMESPACE.to_owned()], ..Scenery::default() };
    let stage = Stage::alone(scenery.arguments(&["--resync", "10s"])).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &password("password", "correct-horse-battery")).await;
    for number in 0..PROJECTS {
        let shop = format!("shop-{number}");
        stage.kube.apply(NAMESPACE, &project(&shop, &shop)).await;
        let named = |mut object: Value, field: &str, at: usize| {
            object["metadata"]["name"] = json!(format!("{field}-{number}-{at}").to_lowercase());
            object["spec"]["projectRef"]["name"] = json!(shop);
            object["spec"][field] = json!(format!("{field}-{at}"));
            object
        };
        for at in 0..USERS {
            stage.kube.apply(NAMESPACE, &named(user("user"), "username", at)).await;
        }
        for at in 0..ROLES {
            stage.kube.apply(NAMESPACE, &named(role("role"), "roleName", at)).await;
        }
    }
    stage.all_ready_within(NAMESPACE, PATIENCE).await;
    rested(&stage).await;
    stage.simulator.settings(&json!({"speed": 1.0})).await.unwrap();
    let (before, since) = (ready(&stage).await, stage.simulator.latest_call().await.unwrap());
    let (events, lines) = (stage.kube.list(NAMESPACE, "Event").await.len(), stage.operator.logs().lines().count());

    let server = stage.plane().control_plane.processes().nth(1).unwrap();
    server.pause();
    tokio::time::sleep(OUTAGE).await;
    server.resume();

    let (back, passes) = (Instant::now(), settled_passes(&stage).await);
    let count = u64::try_from(before.len()).unwrap();
    eventually(PATIENCE, "every object to be looked at", || async {
        let looked = settled_passes(&stage).await - passes;
        if looked >= count { Ok(()) } else { Err(format!("{looked} of {count}")) }
    })
    .await
    .unwrap();
    let took = back.elapsed();
    let log = stage.operator.logs();
    let said: Vec<&str> = log.lines().skip(lines).collect();
    let events = stage.kube.list(NAMESPACE, "Event").await.len() - events;
    println!(
        "{count} objects, all looked at {:.1} s after the API server was back; {} lines, {events} Events",
        took.as_secs_f64(),
        said.len()
    );
    assert_eq!(ready(&stage).await, before, "an object changed Ready");
    assert!(took < RECOVERY, "{took:?}");
    assert!(said.len() <= MOST_LINES, "{said:#?}");
    assert_eq!(events, 0);
    assert!(stage.simulator.mutating_calls(since).await.unwrap().is_empty());
    stage.end().await;
}
