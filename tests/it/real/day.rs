//! A day in which nothing changes.
use std::{collections::BTreeMap, time::Duration};

use harness::eventually;
use serde_json::{Value, json};

use super::{
    examples,
    stage::{Scenery, Stage},
};

/// A day of Atlas in a minute: rate limits go on as they would. Credentials live on the clock of the operator.
const DAY_IN_A_MINUTE: f64 = 24.0 * 60.0;
const DAY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// A minute and, for a machine that is busy elsewhere, four more.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often each object is looked at on that day at the least: as in one of hourly resyncs.
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
    // How often each object of a kind was found settled since then.
    let each = |after: &BTreeMap<(String, String), u64>| -> BTreeMap<String, u64> {
        let settled = |passes: &BTreeMap<(String, String), u64>, kind: &String| {
            passes.get(&(kind.clone(), "settled".to_owned())).copied().unwrap()
        };
        objects
            .iter()
            .map(|(kind, count)| (kind.clone(), (settled(after, kind) - settled(&passes, kind)) / count))
            .collect()
    };
    // A busy machine may need longer than a day for all the looks of one.
    let after = eventually(PATIENCE, "a day and its resyncs to pass", || async {
        let elapsed = stage.simulator.clock().await.unwrap().duration_since(begun);
        let after = self::passes(&stage).await;
        let each = each(&after);
        if elapsed >= DAY && each.values().all(|passes| *passes >= RESYNCS) {
            Ok(after)
        } else {
            Err(format!("{elapsed}, {each:?}"))
        }
    })
    .await
    .unwrap();

    let mutating = stage.simulator.mutating_calls(since).await.unwrap();
    assert!(mutating.is_empty(), "{:?}", super::stage::lines(&mutating));
    assert_json_diff::assert_json_eq!(everything(&stage).await, seen);
    assert_eq!(stage.writes(position), Vec::new(), "written to Kubernetes");
    let reads = stage.simulator.calls(since).await.unwrap().len();
    println!("in a simulated day: {reads} requests to Atlas, all of them reads");
    for (kind, each) in each(&after) {
        println!("{kind}: {each} passes over each of {}", objects[&kind]);
    }
    let others: Vec<_> =
        after.iter().filter(|(label, count)| label.1 != "settled" && passes.get(*label) != Some(count)).collect();
    assert!(others.is_empty(), "passes that did not find everything settled: {others:?}");
    stage.end().await;
}

/// Waits until nothing was written for some resyncs.
pub async fn rested(stage: &Stage) {
    eventually(PATIENCE, "some resyncs without a write", || async {
        let before = everything(stage).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        if everything(stage).await == before { Ok(()) } else { Err("something was written") }
    })
    .await
    .unwrap();
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
