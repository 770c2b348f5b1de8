//! Asks the simulator what the real Atlas was asked, in the state in which it was asked, and compares the answers by
//! shape.
//!
//! The recordings are data beside the repository; where they are not, the test says so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beside;
mod clusters;
mod compare;
pub mod corpus;
mod hints;
mod organizations;
mod prior;
mod sent;

use std::collections::BTreeMap;

use atlas_simulator::families;
use corpus::{Record, Scene};
use serde_json::Value;

/// The share of records that must be answered as Atlas did.
const WANTED: f64 = 0.95;

#[test]
fn the_families_answer_as_the_recordings_do() {
    let Some(folder) = corpus::folder() else {
        println!("skipped: no recordings; ATLAS_API_DATA is not set and there are none beside the repository");
        return;
    };
    let records = corpus::load(&folder);
    let operations = families::operations();
    let served = |record: &Record| operations.iter().any(|operation| operation.path == record.template());
    let mut excluded: BTreeMap<&str, usize> = BTreeMap::new();
    let mut scores: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut misses = Vec::new();
    for (position, record) in records.iter().enumerate().filter(|(_, record)| served(record)) {
        if let Some(reason) = record.excluded().or_else(|| beside::excluded(record)) {
            *excluded.entry(reason).or_default() += 1;
            continue;
        }
        let (hits, count) = scores.entry(record.label()).or_default();
        *count += 1;
        match judge(Scene { records: &records, position }, seen_elsewhere(&records, position)) {
            Ok(()) => *hits += 1,
            Err(reason) => misses.push(format!("{} ({}, record {position}): {reason}", record.label(), record.test)),
        }
    }
    let (hits, count) = scores.values().fold((0, 0), |sum, score| (sum.0 + score.0, sum.1 + score.1));
    for (label, (hits, count)) in &scores {
        println!("{hits:4} of {count:4}  {label}");
    }
    for miss in &misses {
        println!("missed: {miss}");
    }
    for (reason, count) in excluded {
        println!("not asked: {count} ({reason})");
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred records")]
    let score = hits as f64 / count as f64;
    println!("replay: {hits} of {count} records, {:.1} %", score * 100.0);
    assert!(count > 0 && score >= WANTED, "{:.1} % of the records are answered as recorded", score * 100.0);
}

/// What another record shows of the cluster that a record is about: the last one before it in the same test, or else
/// any. How a cluster scales depends on the version in which it was written, which only answers to writes tell.
fn seen_elsewhere(records: &[Record], position: usize) -> Option<&Value> {
    let record = &records[position];
    let same_test = records[..position].iter().rev().filter(|other| other.test == record.test);
    let only_writes = record.template().ends_with("autoScalingConfiguration");
    let telling = |other: &&Record| other.status < 300 && !(only_writes && other.method == "GET");
    same_test.chain(records).filter(telling).find_map(|other| {
        let clusters = prior::items(&other.response_body).into_iter();
        let mut clusters = clusters.filter(|body| hints::is_cluster(body));
        clusters.find(|body| body["name"] == record.cluster_name())
    })
}

/// Why the simulator does not answer as recorded, if it does not. A state that cannot be reached is a reason too.
fn judge(scene: Scene, before: Option<&Value>) -> Result<(), String> {
    let record = scene.record();
    let (status, body) = prior::answer(scene, before)?;
    if status != record.status {
        return Err(format!("status {status} instead of {}: {body}", record.status));
    }
    let mut recorded = beside::without_their_end(record, record.response_body.clone());
    // The transport writes the reason of an error.
    if let (true, Some(error)) = (status >= 400, recorded.as_object_mut()) {
        error.remove("reason");
    }
    let differences = compare::differences(&recorded, &body, record.is_from_2025());
    if differences.is_empty() { Ok(()) } else { Err(differences.join("; ")) }
}
