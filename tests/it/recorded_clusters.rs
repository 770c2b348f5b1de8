//! What Atlas was recorded to say of clusters, and what it was asked, held against the kind: whatever Atlas shows can be
//! made into a spec that wants nothing changed, and whatever it took is taken.
use std::{collections::BTreeMap, path::PathBuf};

use atlas_operator::{
    engine::plan::{self, Adopt, Memory, Observed, Scene, Step, Wanted},
    kind::{Documents, Given, Kind, Part, Slots},
    kinds,
};
use harness::repository;
use jiff::Timestamp;
use serde_json::{Value, json, value::RawValue};

use crate::definition::Definition;

const CLUSTER: &str = "/groups/{groupId}/clusters/{clusterName}";

/// A request that was recorded, with its answer.
pub struct Recording {
    pub test: String,
    pub method: String,
    /// Below `/api/atlas/v2`.
    pub path: String,
    pub version: String,
    pub request: Value,
    pub answer: Value,
}

/// The recordings, where they are at hand.
pub fn recordings() -> Option<Vec<Recording>> {
    #[expect(clippy::disallowed_methods, reason = "tests find the recordings through this variable")]
    let folder = std::env::var_os("ATLAS_API_DATA");
    let folder = folder.map_or_else(|| repository().join("../shared/atlas-api"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("recorded.jsonl")) else {
        println!("skipped: no recorded.jsonl; set ATLAS_API_DATA to the folder that holds it");
        return None;
    };
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let taken = rows.filter(|row| row["status"].as_u64().is_some_and(|status| status < 300));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let read = |row: Value| Recording {
        test: text(&row["test"]),
        method: text(&row["method"]),
        path: text(&row["path"]).replace("/api/atlas/v2", ""),
        version: text(&row["api_version"]),
        request: row["request_body"].clone(),
        answer: row["response_body"].clone(),
    };
    Some(taken.map(read).collect())
}

fn kind() -> &'static dyn Kind {
    kinds::by_name("AtlasCluster").unwrap()
}

/// Fails unless the definition takes a spec in place of an old one, and the kind can make documents of it.
fn expect_taken(definition: &Definition, spec: &Value, old: Option<&Value>, about: &str) {
    let object = |spec: &Value| {
        let mut spec = spec.clone();
        spec["projectRef"] = json!({"name": "shop"});
        json!({"apiVersion": "atlas-operator.io/v1", "kind": "AtlasCluster", "metadata": {"name": "a"}, "spec": spec})
    };
    let verdict = definition.judge(&object(spec), old.map(object).as_ref());
    verdict.unwrap_or_else(|errors| panic!("{about}: {errors} in {spec:#}"));
    parts(definition.kind, &object(spec)["spec"]);
}

/// What a spec comes to in a project.
fn parts(kind: &dyn Kind, spec: &Value) -> Vec<Part> {
    let spec = RawValue::from_string(spec.to_string()).unwrap();
    let given = Given { org_id: "org".to_owned(), project_id: Some("0".repeat(24)), ..Given::default() };
    kind.read(&spec).unwrap().parts(&given).unwrap()
}

/// What is left to do for a spec when Atlas shows these documents.
pub fn left_to_do(kind: &dyn Kind, spec: &Value, documents: &Documents) -> Step {
    let mut spec = spec.clone();
    if kind.name() != kinds::PROJECT {
        spec["projectRef"] = json!({"name": "shop"});
    }
    let parts = parts(kind, &spec);
    let observed = parts.iter().map(|part| match documents.get(part.name) {
        Some(document) => (part.name, Observed::Present(document.clone())),
        None => (part.name, Observed::Unknown),
    });
    let id = parts.first().and_then(|part| Some(part.identity(documents.get(part.name)?)));
    let scene = Scene {
        wanted: Wanted::Present,
        observed: observed.collect(),
        slots: Slots::from([("groupId", "0".repeat(24))]),
        memory: Memory { id, ..Memory::default() },
        adopt: Adopt::Never,
        secrets: BTreeMap::new(),
        stale: Vec::new(),
        issuance: None,
        now: Timestamp::UNIX_EPOCH,
        parts,
    };
    plan::next(&scene).unwrap()
}

/// Calls `change` with every object at and below `value`.
pub fn everywhere(value: &mut Value, change: &impl Fn(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| everywhere(value, change));
            change(fields);
        }
        Value::Array(items) => items.iter_mut().for_each(|value| everywhere(value, change)),
        _ => {}
    }
}

/// The same cluster as Atlas may show it another day, by what is different about it.
fn other_days(documents: &Documents) -> Vec<(&'static str, Documents)> {
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut documents = documents.clone();
        documents.values_mut().for_each(change);
        documents
    };
    let mut days = vec![
        (
            "reordered",
            altered(&|document| {
                for list in ["tags", "labels"] {
                    if let Some(Value::Array(items)) = document.get_mut(list) {
                        items.reverse();
                    }
                }
                if let Some(Value::Object(tls)) = document.get_mut("advancedConfiguration") {
                    tls.values_mut().filter_map(Value::as_array_mut).for_each(|list| list.reverse());
                }
            }),
        ),
        (
            "with fields that are new",
            altered(&|document| {
                everywhere(document, &|fields| {
                    drop(fields.insert("newsOfTheDay".to_owned(), json!({"enabled": true})));
                });
            }),
        ),
        (
            "with other defaults",
            altered(&|document| {
                for (field, value) in
                    [("mongoDBVersion", "8.0.99"), ("mongoDBMajorVersion", "8.0"), ("stateName", "IDLE")]
                {
                    if document.get("replicationSpecs").is_some() {
                        document[field] = json!(value);
                    }
                }
                everywhere(document, &|fields| {
                    let standard = fields.get("ebsVolumeType").is_none_or(|kind| kind == "STANDARD");
                    for (field, value) in [("diskSizeGB", 77.0), ("diskIOPS", 4321.0)] {
                        if standard && fields.contains_key(field) {
                            fields.insert(field.to_owned(), json!(value));
                        }
                    }
                });
            }),
        ),
        (
            "with null for what is not there",
            altered(&|document| {
                everywhere(document, &|fields| {
                    for field in ["adaptiveCapacity", "oplogSizeMB", "analyticsAutoScaling", "zoneMappings"] {
                        fields.entry(field).or_insert(Value::Null);
                    }
                });
            }),
        ),
    ];
    // The effective sizes move, and with them what is shown as declared.
    days.push((
        "scaled",
        altered(&|document| {
            everywhere(document, &|fields| {
                let scaled = fields.get("autoScaling").is_some_and(|scaling| scaling["compute"]["enabled"] == true);
                for role in ["electableSpecs", "readOnlySpecs"] {
                    for name in [role.to_owned(), format!("effective{}{}", role[..1].to_uppercase(), &role[1..])] {
                        if let (true, Some(Value::Object(nodes))) = (scaled, fields.get_mut(&name)) {
                            nodes.insert("instanceSize".to_owned(), json!("M30"));
                        }
                    }
                }
            });
        }),
    ));
    days
}

#[test]
fn what_atlas_shows_of_a_cluster_makes_a_spec_that_wants_nothing_changed() {
    let Some(recordings) = recordings() else { return };
    let definition = Definition::of(kind());
    let mut arguments: BTreeMap<String, Value> = BTreeMap::new();
    let (mut clusters, mut flex, mut withdrawn) = (0, 0, 0);
    for recording in recordings.iter().filter(|recording| recording.method == "GET") {
        let address = (recording.path.as_str(), recording.version.as_str());
        if address.1 == "2024-08-05" && address.0 == format!("{CLUSTER}/processArgs") {
            arguments.insert(recording.test.clone(), recording.answer.clone());
        }
        let is_flex = address.1 == "2024-11-13";
        let members: Vec<&Value> = match address {
            (CLUSTER, "2024-08-05") | ("/groups/{groupId}/flexClusters/{name}", "2024-11-13") => {
                vec![&recording.answer]
            }
            ("/groups/{groupId}/clusters", "2024-08-05") | ("/groups/{groupId}/flexClusters", "2024-11-13") => {
                recording.answer["results"].as_array().into_iter().flatten().collect()
            }
            _ => continue,
        };
        for member in members {
            if member["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["instanceSize"] == "M5" {
                // Atlas gave up this size in 2026: those clusters are flex clusters now.
                withdrawn += 1;
                continue;
            }
            if is_flex {
                flex += 1;
            } else {
                clusters += 1;
            }
            let mut documents = Documents::from([("cluster", member.clone())]);
            if let (false, Some(arguments)) = (is_flex, arguments.get(&recording.test)) {
                documents.insert("processArgs", arguments.clone());
            }
            let spec = kinds::import(kind(), &documents).unwrap();
            let about = format!("{} {}", recording.test, recording.path);
            expect_taken(&definition, &spec, None, &about);
            // What is being changed or deleted is waited for.
            documents.get_mut("cluster").unwrap()["stateName"] = json!("IDLE");
            assert_eq!(left_to_do(kind(), &spec, &documents), Step::Done, "{about}: {spec:#}");
            for (day, documents) in other_days(&documents) {
                assert_eq!(left_to_do(kind(), &spec, &documents), Step::Done, "{about}, {day}: {spec:#}");
            }
        }
    }
    println!(
        "{clusters} documents of clusters and {flex} of flex clusters are imported; {withdrawn} are of a withdrawn size"
    );
    assert!(clusters > 90 && flex > 2, "{clusters} and {flex}");
}

/// The fields of a request over those of the spec.
fn over(spec: &Value, request: &Value, below: Option<&str>) -> Value {
    let mut spec = spec.clone();
    let target = match below {
        Some(field) => &mut spec[field],
        None => &mut spec,
    };
    for (name, value) in request.as_object().unwrap() {
        target[name] = value.clone();
    }
    spec
}

#[test]
fn what_atlas_was_asked_for_is_a_spec_that_is_taken() {
    let Some(recordings) = recordings() else { return };
    let definition = Definition::of(kind());
    let mut specs: BTreeMap<&str, Value> = BTreeMap::new();
    let (mut taken, mut withdrawn) = (0, 0);
    for recording in recordings.iter().filter(|recording| recording.request.is_object()) {
        let old = specs.get(recording.test.as_str());
        let spec = match (recording.method.as_str(), recording.path.as_str(), old) {
            ("POST", "/groups/{groupId}/clusters" | "/groups/g1/clusters", _) => recording.request.clone(),
            ("PATCH", CLUSTER, Some(old)) => over(old, &recording.request, None),
            ("PATCH", path, Some(old)) if path.ends_with("/processArgs") => {
                over(old, &recording.request, Some("processArgs"))
            }
            _ => continue,
        };
        if spec["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["instanceSize"] == "M5" {
            withdrawn += 1;
            continue;
        }
        expect_taken(&definition, &spec, old, &format!("{} {} {}", recording.test, recording.method, recording.path));
        taken += 1;
        specs.insert(&recording.test, spec);
    }
    println!("{taken} requests are specs that are taken; {withdrawn} is for a withdrawn size");
    assert!(taken >= 9, "{taken}");
}
