//! A day in which nothing changes.
use std::{collections::BTreeMap, time::Duration};

use harness::eventually;
use serde_json::{Value, json};

use super::{
    examples,
    stage::{Scenery, Stage},
};

/// A day of Atlas in a minute: nonces, tokens and rate limits go on as they would.
const DAY_IN_A_MINUTE: f64 = 24.0 * 60.0;
const DAY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// A minute and, for a machine that is busy elsewhere, as much again.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often each object is looked at in that minute at the least, on a busy machine: as in a day of hourly resyncs.
const RESYNCS: u64 = 24;

#[tokio::test]
async fn a_day_without_a_change_costs_no_write_to_atlas_or_kubernetes() {
    let examples = examples::all();
    let namespaces: Vec<String> = (1..=examples.len()).map(|number| format!("day-{number}")).collect();
    let scenery = Scenery {
        namespaces: namespaces.clone(),
        organizations: examples.len(),
        checked: true,
        ..Scenery::default().arguments(&["--resync", "1s"])
    };
    let stage = Stage::shared(scenery).await;
    for ((namespace, organization), example) in namespaces.iter().zip(stage.simulator.organizations()).zip(&examples) {
        stage.apply_example(namespace, organization, example).await;
    }
    for namespace in &namespaces {
        stage.all_ready(namespace).await;
    }
    let is_user = |example: &&atlas_operator::kind::Example| example.manifest.contains("scopes:");
    for (namespace, _) in namespaces.iter().zip(&examples).filter(|(_, example)| is_user(example)) {
        stage.connection_secrets(namespace).await;
    }
    rested(&stage).await;

    stage.simulator.settings(&json!({"speed": DAY_IN_A_MINUTE})).await.unwrap();
    let (seen, position) = (everything(&stage).await, stage.plane().position());
    let (since, begun) = (stage.simulator.latest_call().await.unwrap(), stage.simulator.clock().await.unwrap());
    let (passes, objects) = (passes(&stage).await, objects(&stage).await);
    eventually(PATIENCE, "the day to pass", || async {
        let elapsed = stage.simulator.clock().await.unwrap().duration_since(begun);
        if elapsed >= DAY { Ok(()) } else { Err(elapsed.to_string()) }
    })
    .await
    .unwrap();

    let after = self::passes(&stage).await;
    let mutating = stage.simulator.mutating_calls(since).await.unwrap();
    assert!(mutating.is_empty(), "{:?}", super::stage::lines(&mutating));
    assert_json_diff::assert_json_eq!(everything(&stage).await, seen);
    assert_eq!(stage.writes(position), Vec::new(), "written to Kubernetes");
    let reads = stage.simulator.calls(since).await.unwrap().len();
    println!("in a simulated day: {reads} requests to Atlas, all of them reads");
    for (kind, count) in objects {
        let settled =
            |passes: &BTreeMap<(String, String), u64>| passes.get(&(kind.clone(), "settled".to_owned())).copied();
        let each = (settled(&after).unwrap() - settled(&passes).unwrap()) / count;
        println!("{kind}: {each} passes over each of {count}");
        assert!(each >= RESYNCS, "{kind} was looked at {each} times");
    }
    let others: Vec<_> =
        after.iter().filter(|(label, count)| label.1 != "settled" && passes.get(*label) != Some(count)).collect();
    assert!(others.is_empty(), "passes that did not find everything settled: {others:?}");
    stage.end().await;
}

/// Waits until nothing was written for some resyncs.
pub async fn rested(stage: &Stage) {
    let mut last = everything(stage).await;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = everything(stage).await;
        if now == last {
            return;
        }
        last = now;
    }
}

/// Everything in the namespaces of the stage, by its uid.
async fn everything(stage: &Stage) -> Value {
    let mut everything = serde_json::Map::new();
    for namespace in stage.namespaces() {
        let mut objects = stage.kube.objects(namespace).await;
        for kind in ["Secret", "Event"] {
            objects.extend(stage.kube.list(namespace, kind).await);
        }
        everything.extend(objects.into_iter().map(|object| {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
            (format!("{namespace}/{uid}"), object)
        }));
    }
    Value::Object(everything)
}

/// How many objects there are of each kind.
pub async fn objects(stage: &Stage) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for namespace in stage.namespaces() {
        for object in stage.kube.objects(namespace).await {
            *counts.entry(object["kind"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    counts
}

/// Passes by kind and outcome, from the operator's metrics.
pub async fn passes(stage: &Stage) -> BTreeMap<(String, String), u64> {
    let metrics = stage.operator.metrics().await.unwrap();
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("atlas_operator_passes_total{"));
    let parse = |line: &str| {
        let (labels, count) = line.split_once("} ").unwrap();
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        };
        ((label("kind"), label("outcome")), count.parse().unwrap())
    };
    lines.map(parse).collect()
}
