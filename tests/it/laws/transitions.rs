//! Every pair of forms that a cluster can have: it gets from one to the other by the calls that are expected, or is
//! refused with a reason and nothing is sent.
use std::fmt::Write;

use serde_json::{Value, json};

use super::world::{World, condition};

/// The forms, in the order of the table.
pub const FORMS: [&str; 8] = ["M0", "flex", "replica set", "sharded", "asymmetric", "global", "multi-cloud", "paused"];

/// What leads from each form (row) to each other (column). `–` is nothing, `refused` that there is no way.
pub const WAYS: [[&str; 8]; 8] = [
    [
        "–",
        "upgrade",
        "upgrade",
        "upgrade, change",
        "upgrade, change",
        "upgrade, change",
        "upgrade, change",
        "upgrade, pause",
    ],
    ["refused", "–", "upgrade", "upgrade, change", "upgrade, change", "upgrade, change", "upgrade", "upgrade, pause"],
    ["refused", "refused", "–", "change", "change", "change", "change", "pause"],
    ["refused", "refused", "refused", "–", "change", "change", "refused", "refused"],
    ["refused", "refused", "refused", "change", "–", "change", "refused", "refused"],
    ["refused", "refused", "refused", "refused", "refused", "–", "refused", "refused"],
    ["refused", "refused", "change", "change", "change", "change", "–", "change, pause"],
    ["refused", "refused", "resume", "resume, change", "resume, change", "resume, change", "resume, change", "–"],
];

/// The table as the documentation shows it.
pub fn table() -> String {
    let mut text = format!("| from \\ to | {} |\n|---{}|\n", FORMS.join(" | "), "|---".repeat(FORMS.len()));
    for (form, ways) in FORMS.iter().zip(WAYS) {
        writeln!(text, "| **{form}** | {} |", ways.join(" | ")).unwrap();
    }
    text
}

/// The spec of a cluster in a form.
fn spec(form: &str) -> Value {
    let region = |provider: &str, region: &str, priority: i32, size: &str, nodes: i32| {
        json!({
            "providerName": provider, "regionName": region, "priority": priority,
            "electableSpecs": {"instanceSize": size, "nodeCount": nodes},
        })
    };
    let shared =
        |provider: &str| json!({"providerName": provider, "backingProviderName": "AWS", "regionName": "EU_WEST_1"});
    let one = |region: Value| json!([{"regionConfigs": [region]}]);
    let zone =
        |name: &str, place: &str| json!({"zoneName": name, "regionConfigs": [region("AWS", place, 7, "M30", 3)]});
    let mut spec = match form {
        "M0" => {
            let mut tenant = shared("TENANT");
            tenant["electableSpecs"] = json!({"instanceSize": "M0"});
            json!({"clusterType": "REPLICASET", "replicationSpecs": one(tenant)})
        }
        "flex" => json!({"clusterType": "REPLICASET", "replicationSpecs": one(shared("FLEX"))}),
        "replica set" | "paused" => json!({
            "clusterType": "REPLICASET", "replicationSpecs": one(region("AWS", "EU_WEST_1", 7, "M10", 3)),
            "paused": form == "paused",
        }),
        "sharded" | "asymmetric" => {
            let second = if form == "sharded" { "M30" } else { "M40" };
            json!({
                "clusterType": "SHARDED", "paused": false,
                "replicationSpecs": [
                    {"regionConfigs": [region("AWS", "EU_WEST_1", 7, "M30", 3)]},
                    {"regionConfigs": [region("AWS", "EU_WEST_1", 7, second, 3)]},
                ],
            })
        }
        "global" => json!({
            "clusterType": "GEOSHARDED", "paused": false,
            "replicationSpecs": [zone("Zone 1", "EU_WEST_1"), zone("Americas", "US_EAST_1")],
        }),
        "multi-cloud" => json!({
            "clusterType": "REPLICASET", "paused": false,
            "replicationSpecs": [{"regionConfigs": [
                region("AWS", "EU_WEST_1", 7, "M10", 2), region("AZURE", "EUROPE_NORTH", 6, "M10", 1),
            ]}],
        }),
        other => panic!("there is no form {other}"),
    };
    spec["projectRef"] = json!({"name": "shop"});
    spec["name"] = json!("orders");
    spec
}

fn cluster(form: &str) -> Value {
    json!({
        "apiVersion": "atlas-operator.io/v1", "kind": "AtlasCluster", "metadata": {"name": "orders"}, "spec": spec(form),
    })
}

/// One word for a call.
fn word(call: &harness::Call) -> &'static str {
    let fields: Vec<&String> = call.request.as_object().into_iter().flatten().map(|(field, _)| field).collect();
    match (call.method.as_str(), fields.as_slice()) {
        ("POST", _) if call.path.contains("tenantUpgrade") => "upgrade",
        ("PATCH", [field]) if *field == "paused" => {
            if call.request["paused"] == true {
                "pause"
            } else {
                "resume"
            }
        }
        ("PATCH", _) => "change",
        _ => "something else",
    }
}

/// Goes one way, and answers the calls, or why there is none.
async fn go(world: &mut World, from: &str, to: &str) -> String {
    let case = format!("{from} to {to}");
    world.reset().await;
    world.provide_credentials();
    world.apply_one(&json!({
        "apiVersion": "atlas-operator.io/v1", "kind": "AtlasProject", "metadata": {"name": "shop"}, "spec": {"name": "shop"},
    }));
    let key = world.apply_one(&cluster(from));
    let mut operator = world.operator();
    world.run(&mut operator).await;
    assert_eq!(world.unready(), Vec::<String>::new(), "{case}: the start");
    world.simulator.clear_calls().await.unwrap();
    world.apply_one(&cluster(to));
    world.run(&mut operator).await;
    let calls: Vec<harness::Call> = world.simulator.calls_with_bodies(0).await.unwrap();
    let words: Vec<&str> = calls.iter().filter(|call| call.mutating && call.status < 300).map(word).collect();
    let failed: Vec<_> = calls.iter().filter(|call| call.mutating && call.status >= 300).collect();
    assert!(failed.is_empty(), "{case}: {failed:?}");
    let object = world.kube.get(&key).unwrap();
    let stalled = condition(&object, "Stalled");
    if stalled["status"] == "True" {
        assert_eq!(words, Vec::<&str>::new(), "{case}: nothing is sent when it is refused");
        let reason = stalled["reason"].as_str().unwrap();
        assert_eq!(reason, "ImmutableField", "{case}: {stalled}");
        let message = stalled["message"].as_str().unwrap();
        assert!(message.len() > 40 && message.ends_with('.'), "{case}: says the way out: {message}");
        return "refused".to_owned();
    }
    assert_eq!(world.unready(), Vec::<String>::new(), "{case}");
    let state = if object["spec"]["paused"] == true { "PAUSED" } else { "IDLE" };
    assert_eq!(object["status"]["stateName"], state, "{case}");
    let message = condition(&object, "Ready")["message"].as_str().unwrap().to_owned();
    assert_eq!(message.contains("paused: it takes no connections"), state == "PAUSED", "{case}: {message}");
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}

#[tokio::test]
async fn every_pair_of_forms_is_gone_by_the_expected_calls_or_refused() {
    let mut world = World::new().await;
    let mut wrong = Vec::new();
    for (from, ways) in FORMS.iter().zip(WAYS) {
        for (to, expected) in FORMS.iter().zip(ways) {
            let way = go(&mut world, from, to).await;
            if way != expected {
                wrong.push(format!("{from} to {to}: expected {expected}, but it was {way}"));
            }
        }
    }
    println!("transitions:\n{}", table());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
