//! Laws under fault: crashes between any two calls, and every error on every call.
use std::{collections::BTreeSet, time::Duration};

use atlas_operator::{atlas::Method, kind::Deletion, kinds};
use harness::Call;
use serde_json::{Value, json};

use super::{
    courses::{Course, courses},
    fake_kube::Key,
    trap::When,
    world::{PATIENCE, Run, TestOperator, World},
};
use crate::docs::generated::every_operation;

/// Grants tokens, and is none of a kind's.
const TOKEN: &str = "/api/oauth/token";

/// Those that can follow a write which took effect.
const AFTER_COMMIT: &[&str] =
    &["500", "502-html", "503-empty", "timeout", "reset", "truncated-json", "wrong-content-type", "gzip-garbage"];
/// How long an error lasts that lasts.
const LASTING: Duration = Duration::from_mins(30);
/// How long the operator waits for an answer that is held for ever. Some hundreds are, each for as long; whoever waits so
/// short for an answer that does come may take it for lost on a busy machine, and that is one more fault.
const HELD: Duration = Duration::from_millis(100);
/// Within which a world must be as it should once nothing fails any more: a few of the longest delays.
const RECOVERY: Duration = Duration::from_hours(3);
/// More HTTP requests than this while an error lasts is not backing off: an object that fails is looked at some 15
/// times in that time, each time with a few reads, each of them repeated at most twice and challenged once.
const MOST_REQUESTS: usize = 400;

/// Law 6: killed at any call, before it took effect or before its answer was seen, the operator ends where it would
/// have ended, with one resource in Atlas for each object.
#[tokio::test]
async fn a_crash_at_every_call_ends_as_if_there_had_been_none() {
    let mut world = World::trapped().await;
    world.defaults.deletion = Some(Deletion::Delete);
    let (mut boundaries, mut crashes) = (0, 0);
    let mut seen = BTreeSet::new();
    for course in courses() {
        let name = &course.name;
        let (settled, calls) = reference(&mut world, &course).await;
        for held in unseen(&mut seen, &calls) {
            boundaries += 1;
            world.begin(&course).await;
            world.trap.set(Some(held));
            let mut operator = world.operator();
            crashes += usize::from(world.run(&mut operator).await == Run::Killed);
            drop(operator);
            world.trap.set(None);
            let mut operator = world.operator();
            assert_eq!(world.run(&mut operator).await, Run::Quiet);
            assert_eq!(world.unready(), Vec::<String>::new(), "{name}: killed {held:?}");
            same(&world.dump().await, &settled, &format!("{name}: killed {held:?}"));
        }
    }
    println!("law 6: {crashes} crashes at {boundaries} call boundaries of creation");
    assert!(crashes * 10 >= boundaries * 9, "{crashes} of {boundaries} crashes took place");
}

/// Law 6 on the way out: a deletion that is interrupted anywhere still leaves nothing behind.
#[tokio::test]
async fn a_crash_at_every_call_of_a_deletion_leaves_nothing_behind() {
    let mut world = World::trapped().await;
    world.defaults.deletion = Some(Deletion::Delete);
    let (mut boundaries, mut crashes) = (0, 0);
    let mut seen = BTreeSet::new();
    for course in courses() {
        let name = &course.name;
        let (mut operator, keys) = world.carry(&course).await;
        world.trap.set(None);
        for key in &keys {
            world.kube.delete(key);
        }
        world.run(&mut operator).await;
        for held in unseen(&mut seen, &world.trap.calls()) {
            boundaries += 1;
            let (mut operator, keys) = world.carry(&course).await;
            world.trap.set(Some(held));
            for key in &keys {
                world.kube.delete(key);
            }
            crashes += usize::from(world.run(&mut operator).await == Run::Killed);
            drop(operator);
            world.trap.set(None);
            let mut operator = world.operator();
            assert_eq!(world.run(&mut operator).await, Run::Quiet);
            let due = operator.due(&world);
            assert!(world.objects().is_empty(), "{name}: killed {held:?}; {due}\n{}", world.describe());
            assert_eq!(world.dump().await["atlas"], json!([]), "{name}: killed {held:?}");
        }
    }
    println!("law 6: {crashes} crashes at {boundaries} call boundaries of deletion");
    assert!(crashes * 10 >= boundaries * 9, "{crashes} of {boundaries} crashes took place");
}

/// Law 7 and law 15: every error, once, on every call of the way to ready and of the way out.
#[tokio::test]
async fn every_error_on_every_call_once_is_recovered_from() {
    let mut world = World::new().await;
    let every = every_kind(&world).await;
    world.defaults.deletion = Some(Deletion::Delete);
    let (mut pairs, mut struck) = (0, 0);
    let mut seen = BTreeSet::new();
    for course in courses() {
        let name = &course.name;
        let settled = settle(&mut world, &course).await;
        for (call, fault, about) in blows(&mut seen, &every, &authenticated(&world).await) {
            pairs += 1;
            world.total_timeout = patience(&fault);
            world.begin(&course).await;
            world.simulator.add_fault(&fault).await.unwrap();
            let mut operator = world.operator();
            world.run(&mut operator).await;
            recover(&world, &mut operator, &settled, &format!("{name}: {about} ({call})")).await;
            struck += u64::from(fired(&world).await > 0);
        }
        world.total_timeout = PATIENCE;
        let (mut operator, keys) = world.carry(&course).await;
        leave(&world, &mut operator, &keys).await;
        for (call, fault, about) in blows(&mut seen, &every, &authenticated(&world).await) {
            pairs += 1;
            world.total_timeout = patience(&fault);
            let (mut operator, keys) = world.carry(&course).await;
            world.simulator.add_fault(&fault).await.unwrap();
            leave(&world, &mut operator, &keys).await;
            world.run_for(&mut operator, Some(RECOVERY)).await;
            let case = format!("{name}, deleted: {about} ({call})");
            assert!(world.objects().is_empty(), "{case}\n{}", world.describe());
            assert_eq!(world.dump().await["atlas"], json!([]), "{case}");
            struck += u64::from(fired(&world).await > 0);
        }
    }
    let sites: BTreeSet<String> =
        seen.into_iter().map(|(site, ..)| site).filter(|site| !site.starts_with("GET")).collect();
    let mutating =
        every_operation().into_iter().filter(|(method, template)| *method != Method::GET && *template != TOKEN);
    let operations: BTreeSet<String> =
        mutating.map(|(method, template)| generic(&format!("{method} {template}"))).collect();
    assert_eq!(sites, operations, "every operation that changes something was struck");
    println!(
        "law 7: {pairs} (operation × fault) pairs, once each; {struck} struck; {} operations change something",
        sites.len()
    );
    assert!(struck * 10 >= pairs * 9, "{struck} of {pairs} faults struck");
}

/// Every fault, on every call that was not seen yet: the call, the order for the simulator, and what it is.
fn blows(
    seen: &mut BTreeSet<(String, String, &'static str)>,
    kinds: &[String],
    calls: &[Call],
) -> Vec<(String, Value, String)> {
    let lines: Vec<String> = calls.iter().map(Call::line).collect();
    let mut blows = Vec::new();
    for (index, call) in calls.iter().enumerate().filter(|(index, _)| !between(&lines, *index)) {
        let before = kinds.iter().map(|kind| (kind.as_str(), "before"));
        for (kind, when) in before.chain(AFTER_COMMIT.iter().filter(|_| call.mutating).map(|kind| (*kind, "after"))) {
            // Once is enough for each operation: courses share most of their ways.
            if seen.insert((site(call), kind.to_owned(), when)) {
                let fault = json!({"nth": index + 1, "kind": kind, "when": when});
                blows.push((call.line(), fault, format!("{kind} {when} call {}", index + 1)));
            }
        }
    }
    blows
}

/// Everything that can become of a call, as the simulator names it.
async fn every_kind(world: &World) -> Vec<String> {
    let kinds: Vec<String> = world.simulator.fault_kinds().await.unwrap().into_iter().map(|fault| fault.kind).collect();
    let unknown: Vec<_> = AFTER_COMMIT.iter().filter(|kind| !kinds.iter().any(|known| known == **kind)).collect();
    assert!(unknown.is_empty(), "the simulator does not know {unknown:?}");
    kinds
}

/// How long an operator waits that meets this fault.
fn patience(fault: &Value) -> Duration {
    if fault["kind"] == "timeout" { HELD } else { PATIENCE }
}

/// Deletes what a course has made, in a log of its own.
async fn leave(world: &World, operator: &mut TestOperator, keys: &[Key]) {
    world.simulator.clear_calls().await.unwrap();
    for key in keys {
        world.kube.delete(key);
    }
    world.run(operator).await;
}

/// Law 7 and law 15: every error, on every operation, for half an hour: bounded calls, an honest status, and recovery
/// once it ends.
#[tokio::test]
async fn every_error_that_lasts_is_borne_and_recovered_from() {
    let mut world = World::new().await;
    let every = every_kind(&world).await;
    let mut pairs = 0;
    let mut seen = BTreeSet::new();
    for course in courses() {
        let name = &course.name;
        let settled = settle(&mut world, &course).await;
        let sites: BTreeSet<String> = authenticated(&world).await.iter().map(site).collect();
        for site in sites.iter().filter(|site| seen.insert((*site).clone())) {
            for kind in &every {
                pairs += 1;
                let fault = json!({"operation": site, "times": -1, "kind": kind});
                world.total_timeout = patience(&fault);
                world.begin(&course).await;
                world.simulator.add_fault(&fault).await.unwrap();
                let mut operator = world.operator();
                world.run_for(&mut operator, Some(LASTING)).await;
                let case = format!("{name}: {kind} on {site} for ever");
                let requests = world.simulator.calls(0).await.unwrap().len();
                assert!(requests <= MOST_REQUESTS, "{case}: {requests} requests");
                if world.unready().is_empty() {
                    // What was Ready stays so while it cannot be checked, and says that it cannot.
                    let [now, settled] = [world.dump().await, settled.clone()].map(without_synced);
                    same(&now, &settled, &format!("{case}: all are Ready"));
                }
                world.simulator.clear_faults().await.unwrap();
                recover(&world, &mut operator, &settled, &case).await;
            }
        }
    }
    println!("law 7: {pairs} (operation × fault) pairs, for half an hour each");
}

/// A dump in which no object says whether it could be checked.
fn without_synced(mut dump: Value) -> Value {
    for object in dump["objects"].as_object_mut().into_iter().flatten().map(|(_, object)| object) {
        if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
            conditions.retain(|condition| condition["type"] != "Synced");
        }
    }
    dump
}

/// The settled world of a course, and every call that leads there.
async fn reference(world: &mut World, course: &Course) -> (Value, Vec<String>) {
    let settled = settle(world, course).await;
    (settled, world.trap.calls())
}

async fn settle(world: &mut World, course: &Course) -> Value {
    world.total_timeout = PATIENCE;
    world.carry(course).await;
    assert_eq!(world.unready(), Vec::<String>::new());
    world.dump().await
}

/// Before and after every call that was not seen yet behind the same call: courses share most of their ways. Of a row of
/// the same call, which is Atlas being asked how far it is, the first and the last stand for all.
fn unseen(seen: &mut BTreeSet<(String, String)>, calls: &[String]) -> Vec<(usize, When)> {
    let mut apart: Vec<usize> = (0..calls.len()).filter(|at| !between(calls, *at)).collect();
    apart.retain(|at| {
        let before = at.checked_sub(1).map_or_else(String::new, |before| shape(&calls[before]));
        seen.insert((before, shape(&calls[*at])))
    });
    apart.into_iter().flat_map(|at| [(at, When::Before), (at, When::After)]).collect()
}

fn between(calls: &[String], at: usize) -> bool {
    at > 0 && at + 1 < calls.len() && calls[at - 1] == calls[at] && calls[at] == calls[at + 1]
}

async fn authenticated(world: &World) -> Vec<Call> {
    world.simulator.calls(0).await.unwrap().into_iter().filter(|call| call.principal.is_some()).collect()
}

/// The operation of a call, as faults name it: ids and names replaced by a wildcard.
fn site(call: &Call) -> String {
    let path = call.path.trim_start_matches("/api/atlas/v2/");
    shape(&format!("{} /{path}", call.method))
}

/// A method and a path without query, in which ids and names are replaced by a wildcard.
pub(super) fn shape(call: &str) -> String {
    const WORDS: &[&str] = &[
        "",
        "api",
        "apis",
        "atlas",
        "v1",
        "v2",
        "namespaces",
        "secrets",
        "events",
        "status",
        "orgs",
        "limits",
        "maintenanceWindow",
        "auditLog",
        "teams",
        "certs",
        "globalWrites",
        "managedNamespaces",
        "customZoneMapping",
        "tenantUpgrade",
        "flexClusters:tenantUpgrade",
        "groups",
        "byName",
        "settings",
        "accessList",
        "clusters",
        "flexClusters",
        "databaseUsers",
        "customDBRoles",
        "roles",
        "processArgs",
    ];
    let (method, path) = call.split_once(' ').unwrap();
    let known = |segment: &str| WORDS.contains(&segment) || kinds::all().iter().any(|kind| kind.plural() == segment);
    let word = |segment: &str| match segment.split_once(':') {
        _ if known(segment) => segment.to_owned(),
        Some((_, verb)) if verb.ends_with("FeatureCompatibilityVersion") => format!("*:{verb}"),
        _ => "*".to_owned(),
    };
    let path = path.split('?').next().unwrap();
    format!("{method} {}", path.split('/').map(word).collect::<Vec<_>>().join("/"))
}

/// An operation with wildcards for its slots.
fn generic(operation: &str) -> String {
    let mut generic = String::new();
    for piece in operation.split('{') {
        generic.push_str(piece.split_once('}').map_or(piece, |(_, rest)| rest));
        generic.push('*');
    }
    generic.pop();
    generic
}

async fn fired(world: &World) -> u64 {
    let faults = world.simulator.faults().await.unwrap();
    faults.as_array().unwrap().iter().filter_map(|fault| fault["fired"].as_u64()).sum()
}

/// Runs on until the world is as it should be; fails if it does not get there.
async fn recover(world: &World, operator: &mut TestOperator, settled: &Value, case: &str) {
    let mut left = RECOVERY;
    let step = Duration::from_mins(15);
    while !world.unready().is_empty() && left > step {
        world.run_for(operator, Some(step)).await;
        left -= step;
    }
    assert_eq!(world.unready(), Vec::<String>::new(), "{case}\n{}", world.describe());
    same(&world.dump().await, settled, case);
}

fn same(actual: &Value, expected: &Value, case: &str) {
    if actual != expected {
        let difference = assert_json_diff::assert_json_matches_no_panic(
            actual,
            expected,
            assert_json_diff::Config::new(assert_json_diff::CompareMode::Strict),
        );
        panic!("{case}: {}", difference.unwrap_err());
    }
}
