//! Laws under fault: crashes between any two calls, and every error on every call.
use std::{collections::BTreeSet, time::Duration};

use atlas_operator::{kind::Deletion, kinds};
use serde_json::{Value, json};

use super::{
    courses::{Course, courses},
    trap::When,
    world::{Run, World},
};

/// Everything that can become of a call, as the simulator names it.
const KINDS: &[&str] = &[
    "400",
    "401-challenge-loop",
    "401-empty",
    "403-empty",
    "403-ip-access-list",
    "404",
    "409",
    "410",
    "429-retry-after-0",
    "429-retry-after-60",
    "429-no-header",
    "500",
    "502-html",
    "503-empty",
    "timeout",
    "reset",
    "truncated-json",
    "wrong-content-type",
    "gzip-garbage",
];
/// Those that can follow a write which took effect.
const AFTER_COMMIT: &[&str] =
    &["500", "502-html", "503-empty", "timeout", "reset", "truncated-json", "wrong-content-type", "gzip-garbage"];
/// How long an error lasts that lasts.
const LASTING: Duration = Duration::from_mins(30);
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
            for kind in kinds::all() {
                let left = world.kube.all(kind.plural());
                let due = operator.due(&world);
                assert!(left.is_empty(), "{name}: killed {held:?}; {due}\n{}", world.describe());
            }
            assert_eq!(world.dump().await["atlas"], json!([]), "{name}: killed {held:?}");
        }
    }
    println!("law 6: {crashes} crashes at {boundaries} call boundaries of deletion");
    assert!(crashes * 10 >= boundaries * 9, "{crashes} of {boundaries} crashes took place");
}

/// Law 7 and law 15: every error, on every call of the way to ready, once.
#[tokio::test]
async fn every_error_on_every_call_once_is_recovered_from() {
    let mut world = World::new().await;
    // A call that is held costs this long, and some hundreds are; one that is slow by chance is one more fault.
    world.total_timeout = Duration::from_millis(100);
    let (mut pairs, mut struck) = (0, 0);
    let mut seen = BTreeSet::new();
    for course in courses() {
        let name = &course.name;
        let settled = settle(&mut world, &course).await;
        let calls: Vec<_> = authenticated(&world).await;
        let lines: Vec<String> = calls.iter().map(harness::Call::line).collect();
        for (index, mutating) in calls.iter().map(|call| call.mutating).enumerate() {
            if between(&lines, index) {
                continue;
            }
            let whens = KINDS.iter().map(|kind| (*kind, "before"));
            let whens = whens.chain(AFTER_COMMIT.iter().filter(|_| mutating).map(|kind| (*kind, "after")));
            for (kind, when) in whens {
                // Once is enough for each operation: courses share most of their ways.
                if !seen.insert((site(&calls[index]), kind, when)) {
                    continue;
                }
                pairs += 1;
                world.begin(&course).await;
                let fault = json!({"nth": index + 1, "kind": kind, "when": when});
                world.simulator.add_fault(&fault).await.unwrap();
                let mut operator = world.operator();
                world.run(&mut operator).await;
                let case = format!("{name}: {kind} {when} call {} ({})", index + 1, calls[index].line());
                recover(&world, &mut operator, &settled, &case).await;
                struck += u64::from(fired(&world).await > 0);
            }
        }
    }
    let changing: BTreeSet<_> = seen.iter().map(|(site, ..)| site).filter(|site| !site.starts_with("GET")).collect();
    println!(
        "law 7: {pairs} (operation × fault) pairs, once each; {struck} struck; {} operations change something",
        changing.len()
    );
    assert!(struck * 10 >= pairs * 9, "{struck} of {pairs} faults struck");
}

/// Law 7 and law 15: every error, on every operation, for half an hour: bounded calls, an honest status, and recovery
/// once it ends.
#[tokio::test]
async fn every_error_that_lasts_is_borne_and_recovered_from() {
    let mut world = World::new().await;
    world.total_timeout = Duration::from_millis(100);
    let mut pairs = 0;
    let mut seen = BTreeSet::new();
    for course in courses() {
        let name = &course.name;
        let settled = settle(&mut world, &course).await;
        let sites: BTreeSet<String> = authenticated(&world).await.iter().map(site).collect();
        for site in sites.iter().filter(|site| seen.insert((*site).clone())) {
            for kind in KINDS {
                pairs += 1;
                world.begin(&course).await;
                let fault = json!({"operation": site, "times": -1, "kind": kind});
                world.simulator.add_fault(&fault).await.unwrap();
                let mut operator = world.operator();
                world.run_for(&mut operator, Some(LASTING)).await;
                let case = format!("{name}: {kind} on {site} for ever");
                let requests = world.simulator.calls(0).await.unwrap().len();
                assert!(requests <= MOST_REQUESTS, "{case}: {requests} requests");
                if world.unready().is_empty() {
                    same(&world.dump().await, &settled, &format!("{case}: all are Ready"));
                }
                world.simulator.clear_faults().await.unwrap();
                recover(&world, &mut operator, &settled, &case).await;
            }
        }
    }
    println!("law 7: {pairs} (operation × fault) pairs, for half an hour each");
}

/// The settled world of a course, and every call that leads there.
async fn reference(world: &mut World, course: &Course) -> (Value, Vec<String>) {
    let settled = settle(world, course).await;
    (settled, world.trap.calls())
}

async fn settle(world: &mut World, course: &Course) -> Value {
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

async fn authenticated(world: &World) -> Vec<harness::Call> {
    world.simulator.calls(0).await.unwrap().into_iter().filter(|call| call.principal.is_some()).collect()
}

/// The operation of a call, as faults name it: ids and names replaced by a wildcard.
fn site(call: &harness::Call) -> String {
    let path = call.path.trim_start_matches("/api/atlas/v2/");
    shape(&format!("{} /{path}", call.method))
}

/// A method and a path without query, in which ids and names are replaced by a wildcard.
fn shape(call: &str) -> String {
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
    let known = |segment| WORDS.contains(&segment) || kinds::all().iter().any(|kind| kind.plural() == segment);
    let path = path.split('?').next().unwrap();
    let segments: Vec<&str> = path.split('/').map(|segment| if known(segment) { segment } else { "*" }).collect();
    format!("{method} {}", segments.join("/"))
}

async fn fired(world: &World) -> u64 {
    let faults = world.simulator.faults().await.unwrap();
    faults.as_array().unwrap().iter().filter_map(|fault| fault["fired"].as_u64()).sum()
}

/// Runs on until the world is as it should be; fails if it does not get there.
async fn recover(world: &World, operator: &mut super::world::TestOperator, settled: &Value, case: &str) {
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
