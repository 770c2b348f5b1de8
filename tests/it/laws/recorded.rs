//! Sequences that were recorded from the real Atlas, carried through as edits of specs.
//!
//! Each recorded step becomes an edit of an object, and the operator must send what was recorded for it: the same
//! operations, in the same order, with the same body where the recording has one, and less only where what is left out
//! changes nothing. Where only answers were recorded, the spec is what the importer makes of the answer. At the end of
//! each step the simulator must show what Atlas showed, as far as a spec can say it.
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::PathBuf,
};

use atlas_operator::{
    engine::plan::Observed,
    kind::{Documents, Kind},
    kinds,
};
use serde_json::{Value, json};

use super::{
    fake_kube::Key,
    plans::scene,
    world::{NAMESPACE, World},
};
use crate::somebody::Somebody;

/// Recordings that tell of something else, or of nothing that a spec can say, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("TestMaintenanceWindows", "neither the request nor a readable answer was recorded"),
    ("TestCaptureMockConfigClientModifier_clusterExample", "a template, not a recording; its M5 is no longer offered"),
];

/// Steps that do not end as they did in the recording, and why.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "TestAccMockableAdvancedCluster_removeBlocksFromConfig/step2",
        "a size within the bounds of autoscaling is Atlas's to choose, so an edit of it is not sent",
    ),
    (
        "TestSharedClusterUpgrade/Upgrade_to_dedicated_tier",
        "the command line sends back that disks do not grow; where an upgrade says nothing of it, they do",
    ),
];

/// One recorded exchange that changed something.
#[derive(Clone)]
struct Exchange {
    step: String,
    method: String,
    /// Below the project: `/clusters/{clusterName}`; empty for the project itself.
    path: String,
    request: Value,
    response: Value,
    /// The last segment of the path as it was sent.
    last: String,
}

impl Exchange {
    /// The same, about a team that is there.
    fn with_team(&self, team: &str) -> Self {
        let mut exchange = self.clone();
        for entry in exchange.response.get_mut("results").and_then(Value::as_array_mut).into_iter().flatten() {
            if entry["teamId"].is_string() {
                entry["teamId"] = json!(team);
            }
        }
        exchange
    }
}

/// Every recorded sequence with something for us in it, by name.
fn sequences() -> Option<BTreeMap<String, Vec<Exchange>>> {
    let beside = harness::repository().join("../shared/atlas-api");
    let folder = env::var_os("ATLAS_API_DATA").map_or(beside, PathBuf::from);
    let text = fs::read_to_string(folder.join("recorded.jsonl")).ok()?;
    let mut sequences: BTreeMap<String, Vec<Exchange>> = BTreeMap::new();
    for row in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let path = text("path");
        let below = path.trim_start_matches("/api/atlas/v2").trim_start_matches("/api/atlas/v1.0");
        let below = below.trim_start_matches("/groups/{groupId}").to_owned();
        let status = row["status"].as_u64().unwrap_or_default();
        if text("method") == "GET" && below == "/clusters/{clusterName}" && status == 200 {
            // An upgrade answers with what was there before; what it comes to is seen later.
            let upgrade = sequences.get_mut(&text("test")).and_then(|sequence| sequence.last_mut());
            if let Some(upgrade) = upgrade.filter(|exchange| exchange.path.ends_with("tenantUpgrade")) {
                upgrade.response = row["response_body"].clone();
            }
        }
        if text("method") == "GET" || !(200..300).contains(&status) || family(&below).is_none() {
            continue;
        }
        let sequence = sequences.entry(text("test")).or_default();
        // A user with a managed certificate is one wish, and was two commands.
        let step = sequence.last().filter(|_| below.ends_with("/certs")).map(|last| last.step.clone());
        sequence.push(Exchange {
            step: step.unwrap_or_else(|| text("step")),
            method: text("method"),
            path: below,
            request: row["request_body"].clone(),
            response: row["response_body"].clone(),
            last: text("raw_path").rsplit('/').next().unwrap_or_default().to_owned(),
        });
    }
    Some(sequences)
}

/// The kind that owns what is at a path, and the part.
fn family(path: &str) -> Option<(&'static str, &'static str)> {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    Some(match (first, path.rsplit('/').next().unwrap_or_default()) {
        ("clusters", "processArgs") => ("AtlasCluster", "processArgs"),
        ("clusters" | "flexClusters", "clusters" | "{clusterName}" | "tenantUpgrade" | "flexClusters" | "{name}") => {
            ("AtlasCluster", "cluster")
        }
        ("databaseUsers", "certs") => ("AtlasDatabaseUser", "certificate"),
        ("databaseUsers", _) => ("AtlasDatabaseUser", "user"),
        ("customDBRoles", _) => ("AtlasCustomRole", "role"),
        ("accessList", _) => ("AtlasProject", "ipAccessList"),
        ("settings", _) => ("AtlasProject", "settings"),
        ("teams", _) => ("AtlasProject", "teams"),
        ("groups" | "", _) => ("AtlasProject", "group"),
        _ => return None,
    })
}

fn kind(name: &str) -> &'static dyn Kind {
    kinds::by_name(name).unwrap()
}

/// The objects of a sequence as they are declared at one moment, by kind and Atlas name.
#[derive(Default)]
struct Declared {
    specs: BTreeMap<(&'static str, String), Value>,
    /// What Atlas answered about each, by part.
    told: BTreeMap<(&'static str, String), Documents>,
    /// How often a password was changed.
    rotations: usize,
}

impl Declared {
    /// Declares what an exchange did; answers the object that it was about, and whether it is still wanted.
    fn edit(&mut self, exchange: &Exchange, now: jiff::Timestamp) -> ((&'static str, String), bool) {
        let (kind_name, part) = family(&exchange.path).unwrap();
        let source = if exchange.request.is_object() { &exchange.request } else { &exchange.response };
        let named = ["name", "username", "roleName"].iter().find_map(|field| source.get(field)?.as_str());
        let existing = self.specs.keys().find(|(kind, _)| *kind == kind_name).cloned();
        let id = match (part, existing) {
            ("user" | "role", _) | (_, None) => (kind_name, named.unwrap_or(&exchange.last).to_owned()),
            (_, Some(existing)) => existing,
        };
        let id = if kind_name == "AtlasProject" { (kind_name, "shop".to_owned()) } else { id };
        if exchange.method == "DELETE" && part != "ipAccessList" && part != "teams" {
            return (id, false);
        }
        let told = self.told.entry(id.clone()).or_default();
        if kind_name == "AtlasProject" {
            told.entry("group").or_insert_with(|| json!({"name": id.1}));
        }
        if part != "certificate" {
            told.insert(part, answer(part, exchange));
        }
        let before = self.specs.get(&id).cloned().unwrap_or_else(|| json!({}));
        let mut spec = before.clone();
        match (part, exchange.request.is_object()) {
            ("processArgs", true) => merge(&mut spec["processArgs"], &exchange.request),
            (_, true) => merge(&mut spec, &exchange.request),
            ("certificate", _) => {}
            ("teams", _) if exchange.method == "DELETE" => spec["teams"] = json!([]),
            _ => {
                let imported = kinds::import(kind(kind_name), &self.told[&id]).unwrap();
                merge(&mut spec, &imported);
                // What was emptied or switched off is nothing that an importer would say, and something a person must.
                for (field, now) in exchange.response.as_object().into_iter().flatten() {
                    if [json!([]), json!(false)].contains(now) && before.get(field).is_some() {
                        spec[field] = now.clone();
                    }
                }
            }
        }
        if kind_name == "AtlasProject" {
            spec["name"] = spec["name"].as_str().map_or_else(|| json!(id.1), |name| json!(name));
        } else {
            spec["projectRef"] = json!({"name": "shop"});
        }
        if spec["deleteAfterDate"].is_string() {
            // The moment that was recorded has passed.
            spec["deleteAfterDate"] = json!((now + jiff::SignedDuration::from_hours(24)).to_string());
        }
        if part == "user" && spec["databaseName"] != "$external" && spec["oidcAuthType"].is_null() {
            spec["passwordSecretRef"] = json!({"name": "password"});
            self.rotations += usize::from(spec == before);
        }
        self.specs.insert(id.clone(), spec);
        (id, true)
    }
}

/// What was answered, as a GET of the newest version would answer it.
fn answer(part: &str, exchange: &Exchange) -> Value {
    let response = &exchange.response;
    match part {
        "ipAccessList" | "teams" => response["results"].clone(),
        "cluster" => newest(response),
        _ => response.clone(),
    }
}

/// A cluster of version 2023-02-01, which has a count of shards and one disk size, in the shape of the newest.
fn newest(cluster: &Value) -> Value {
    let mut cluster = cluster.clone();
    let disk = cluster["diskSizeGB"].take();
    let Some(zones) = cluster["replicationSpecs"].as_array().cloned() else { return cluster };
    if zones.iter().all(|zone| zone["numShards"].is_null()) {
        return cluster;
    }
    let mut shards = Vec::new();
    for zone in zones {
        for _ in 0..zone["numShards"].as_u64().unwrap_or(1) {
            let mut shard = zone.clone();
            shard.as_object_mut().unwrap().remove("numShards");
            for region in shard["regionConfigs"].as_array_mut().into_iter().flatten() {
                for role in ["electableSpecs", "readOnlySpecs", "analyticsSpecs"] {
                    if region[role].is_object() && region["providerName"] != "TENANT" {
                        region[role]["diskSizeGB"] = disk.clone();
                    }
                }
            }
            shards.push(shard);
        }
    }
    cluster["replicationSpecs"] = Value::Array(shards);
    cluster
}

fn merge(under: &mut Value, over: &Value) {
    if !under.is_object() {
        *under = json!({});
    }
    for (name, value) in over.as_object().into_iter().flatten() {
        under[name] = value.clone();
    }
}

/// What a body leaves out of what was recorded; an error where it says more, or something else.
fn less(ours: &Value, theirs: &Value, path: &str, missing: &mut Vec<String>) -> Result<(), String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            if let Some(more) = ours.keys().find(|name| !theirs.contains_key(*name)) {
                return Err(format!("{path}.{more} was not sent in the recording"));
            }
            for (name, theirs) in theirs {
                let path = format!("{path}.{name}");
                match ours.get(name) {
                    Some(ours) => less(ours, theirs, &path, missing)?,
                    None => missing.push(path),
                }
            }
            Ok(())
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => ours
            .iter()
            .zip(theirs)
            .enumerate()
            .try_for_each(|(index, (ours, theirs))| less(ours, theirs, &format!("{path}[{index}]"), missing)),
        (Value::Number(ours), Value::Number(theirs)) if ours.as_f64() == theirs.as_f64() => Ok(()),
        _ if ours == theirs => Ok(()),
        _ => Err(format!("{path} is {ours}, recorded was {theirs}")),
    }
}

/// The path of a call as recordings template it.
fn template(call: &harness::Call) -> String {
    let path = call.path.trim_start_matches("/api/atlas/v2");
    let mut segments: Vec<&str> = path.split('?').next().unwrap().trim_start_matches('/').split('/').collect();
    if segments.first() == Some(&"groups") {
        segments.drain(..segments.len().min(2));
    }
    let template = match segments.as_slice() {
        ["clusters", "tenantUpgrade"] => "clusters/tenantUpgrade".to_owned(),
        ["clusters", _] => "clusters/{clusterName}".to_owned(),
        ["clusters", _, rest] => format!("clusters/{{clusterName}}/{rest}"),
        ["flexClusters", _] => "flexClusters/{name}".to_owned(),
        ["databaseUsers", _, "certs"] => "databaseUsers/{username}/certs".to_owned(),
        ["databaseUsers", _, _] => "databaseUsers/{databaseName}/{username}".to_owned(),
        ["customDBRoles", "roles", _] => "customDBRoles/roles/{roleName}".to_owned(),
        ["teams", _] => "teams/{teamId}".to_owned(),
        other => other.join("/"),
    };
    match (template.as_str(), call.method.as_str()) {
        ("groups", _) | ("", "POST") => "/groups".to_owned(),
        ("", _) => String::new(),
        _ => format!("/{template}"),
    }
}

/// The clusters that users of a sequence are scoped to, and that it does not make.
fn scopes(sequence: &[Exchange]) -> BTreeSet<String> {
    let scopes = sequence.iter().filter_map(|exchange| exchange.response.get("scopes")?.as_array()).flatten();
    let clusters = scopes.filter(|scope| scope["type"] == "CLUSTER");
    clusters.filter_map(|scope| scope["name"].as_str().map(str::to_owned)).collect()
}

fn object(id: &(&'static str, String), spec: &Value) -> Value {
    let name = if id.0 == "AtlasProject" { "shop".to_owned() } else { slug(&id.1) };
    json!({"apiVersion": "atlas-operator.io/v1", "kind": id.0, "metadata": {"name": name}, "spec": spec})
}

fn slug(name: &str) -> String {
    name.to_ascii_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

fn key(id: &(&'static str, String)) -> Key {
    let name = object(id, &Value::Null)["metadata"]["name"].as_str().unwrap().to_owned();
    (kind(id.0).plural().to_owned(), NAMESPACE.to_owned(), name)
}

/// What the simulator shows of an object, by part.
async fn shown(world: &World, id: &(&'static str, String), spec: &Value) -> Documents {
    let status = world.kube.get(&key(id)).unwrap()["status"].clone();
    let scene = scene(world, kind(id.0), spec, &status).await;
    let document = |(name, observed): (&'static str, Observed)| Some((name, observed.document()?.clone()));
    scene.observed.into_iter().filter_map(document).collect()
}

/// Carries one sequence through; answers how many calls were as recorded, and what was left out of them.
async fn carry(world: &mut World, name: &str, sequence: &[Exchange]) -> (usize, Vec<String>) {
    world.reset().await;
    world.provide_credentials();
    world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
    let somebody = Somebody::of(&world.simulator, &world.simulator.organizations()[0]);
    let team = somebody.make_team("recorded").await;
    let sequence: Vec<Exchange> = sequence.iter().map(|exchange| exchange.with_team(&team)).collect();
    world.simulator.clear_calls().await.unwrap();
    let mut declared = Declared::default();
    let mut operator = world.operator();
    let (mut equal, mut lighter) = (0, Vec::new());
    // What the recording takes for granted.
    if sequence.first().is_none_or(|first| first.path != "/groups") {
        declared.specs.insert(("AtlasProject", "shop".to_owned()), json!({"name": "shop"}));
        world.apply_one(&object(&("AtlasProject", "shop".to_owned()), &json!({"name": "shop"})));
        world.run(&mut operator).await;
        let project = world.kube.get(&key(&("AtlasProject", "shop".to_owned()))).unwrap();
        for name in scopes(&sequence) {
            somebody.make_flex_cluster(project["status"]["atlas"]["projectId"].as_str().unwrap(), &name).await;
        }
        world.simulator.clear_calls().await.unwrap();
    }
    let mut rest = sequence.as_slice();
    while let Some(first) = rest.first() {
        let length = rest.iter().take_while(|exchange| exchange.step == first.step).count();
        let (step, after) = rest.split_at(length);
        rest = after;
        let case = format!("{name}/{}", first.step);
        println!("{case}");
        let ids = declare(world, &mut declared, step).await;
        world.run(&mut operator).await;
        let calls = world.simulator.calls_with_bodies(0).await.unwrap();
        let calls: Vec<_> = calls.into_iter().filter(|call| call.mutating && call.status < 300).collect();
        // Nothing orders the calls about different objects.
        let mut ours: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for call in calls.iter().rev() {
            ours.entry(family(&template(call)).map(|(kind, _)| kind)).or_default().push(call);
        }
        for exchange in step {
            let line = format!("{} {}", exchange.method, exchange.path);
            let of_object = ours.entry(family(&exchange.path).map(|(kind, _)| kind)).or_default();
            let Some(call) = of_object.pop_if(|call| format!("{} {}", call.method, template(call)) == line) else {
                lighter.push(format!("{case}: no {line}, because Atlas is as it says already"));
                continue;
            };
            equal += 1;
            if exchange.request.is_object() {
                let mut missing = Vec::new();
                less(&call.request, &exchange.request, "", &mut missing)
                    .unwrap_or_else(|more| panic!("{case}: {} {more}\n{}", call.line(), call.request));
                lighter.extend(missing.into_iter().map(|path| format!("{case}: {} without {path}", call.line())));
            }
        }
        let more: Vec<_> =
            ours.into_values().flatten().map(|call| format!("{} {}", call.line(), call.request)).collect();
        assert!(more.is_empty(), "{case}: sent, and not recorded there: {more:?}");
        assert_eq!(world.unready(), Vec::<String>::new(), "{case}");
        for id in ids {
            let Some(spec) = declared.specs.get(&id) else { continue };
            let (ours, theirs) = (shown(world, &id, spec).await, declared.told.get(&id).cloned().unwrap_or_default());
            let import = |documents: &Documents| kinds::import(kind(id.0), documents).unwrap();
            let ours: Documents = ours.into_iter().filter(|(part, _)| theirs.contains_key(part)).collect();
            if let Some((_, reason)) = OTHERWISE.iter().find(|(step, _)| *step == case) {
                println!("{case} ends otherwise: {reason}");
                assert_ne!(comparable(import(&ours)), comparable(import(&theirs)), "{case}: it does not any more");
            } else if !theirs.is_empty() {
                assert_eq!(comparable(import(&ours)), comparable(import(&theirs)), "{case}: how it ends");
            }
        }
        world.simulator.clear_calls().await.unwrap();
    }
    (equal, lighter)
}

/// A spec without moments, which the recordings have of their own time, and with lists in one order where it has no
/// meaning.
fn comparable(mut spec: Value) -> Value {
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("deleteAfterDate");
    }
    sort(&mut spec);
    spec
}

fn sort(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                sort(value);
                if let (false, Value::Array(items)) = (["replicationSpecs", "regionConfigs"].contains(&&**name), value)
                {
                    items.sort_by_key(Value::to_string);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Applies a step; answers the objects that it was about.
async fn declare(world: &World, declared: &mut Declared, step: &[Exchange]) -> Vec<(&'static str, String)> {
    let mut ids = Vec::new();
    for exchange in step {
        let rotations = declared.rotations;
        let (id, wanted) = declared.edit(exchange, world.simulator.clock().await.unwrap());
        let secret = ("secrets".to_owned(), NAMESPACE.to_owned(), "password".to_owned());
        if declared.rotations > rotations || world.kube.get(&secret).is_none() {
            world.kube.apply(
                "secrets",
                NAMESPACE,
                &json!({
                    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password"},
                    "stringData": {"password": format!("Never-guessed-{}", declared.rotations)},
                }),
            );
        }
        if wanted {
            world.apply_one(&object(&id, &declared.specs[&id]));
        } else {
            declared.specs.remove(&id);
            world.kube.delete(&key(&id));
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

#[tokio::test]
async fn every_recorded_sequence_is_sent_as_it_was_recorded() {
    let Some(sequences) = sequences() else {
        println!("skipped: no recordings; ATLAS_API_DATA is not set and there are none beside the repository");
        return;
    };
    let mut world = World::new().await;
    let (mut carried, mut calls) = (0, 0);
    for (name, sequence) in &sequences {
        if let Some((_, reason)) = LEFT_OUT.iter().find(|(left, _)| left == name) {
            println!("{name}: left out, {reason}");
            continue;
        }
        let (equal, lighter) = carry(&mut world, name, sequence).await;
        carried += 1;
        calls += equal;
        for line in lighter {
            println!("less than recorded: {line}");
        }
    }
    println!("recorded sequences: {carried} carried through, {calls} calls as recorded");
    assert!(carried > 20 && calls > 50, "{carried} sequences, {calls} calls");
}
