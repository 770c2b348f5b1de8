//! While Atlas or the API server is away: an object that was Ready stays so, a pending change says why it waits, and soon
//! after everything is checked again.
use std::{cell::RefCell, io, sync::Once, time::Duration};

use serde_json::{Value, json};
use tracing::Level;

use super::{
    disturbance::Fate,
    fake_kube::Damage,
    stories::{CLUSTER, PROJECT, Story},
    world::{TestOperator, World, condition, documents},
};
use crate::bench::scenery;

const USERS: usize = 299;
/// Every object is due in an outage.
const RESYNC: Duration = Duration::from_mins(1);
const OUTAGE: Duration = Duration::from_mins(2);
/// Within which everything is checked again.
const RECOVERY: Duration = Duration::from_secs(15);
/// The first failures, one line when an outage begins, and one when it is over.
const MOST_LINES: usize = 6;

thread_local! {
    /// The log of this thread, while it is kept.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes into the log of the thread that logs.
struct Kept;

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps the log of this thread from here on. The subscriber is that of all threads: with one for each, what another
/// thread does first can leave a line out.
fn keep_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::INFO).with_writer(|| Kept);
        tracing::subscriber::set_global_default(lines.finish()).unwrap();
    });
    LOG.set(Some(Vec::new()));
}

/// What was logged meanwhile.
fn take_log() -> Vec<String> {
    String::from_utf8_lossy(&LOG.take().unwrap_or_default()).lines().map(str::to_owned).collect()
}

/// A project and its users, settled, and an operator that checks each of them every minute.
async fn many() -> (World, TestOperator) {
    let mut world = World::new().await;
    world.provide_credentials();
    world.apply_one(&scenery::password());
    let project = world.apply_one(&scenery::project());
    let mut operator = world.operator();
    world.run(&mut operator).await;
    let id = world.kube.get(&project).unwrap()["status"]["atlas"]["id"].as_str().unwrap().to_owned();
    let (path, limit) = scenery::raised_limit(&id);
    world.simulator.merge(&path, &limit).await.unwrap();
    for user in scenery::users("user", USERS, None) {
        world.apply_one(&user);
    }
    world.run(&mut operator).await;
    assert_eq!(world.unready(), Vec::<String>::new());
    world.resync = RESYNC;
    let mut operator = world.operator();
    world.run_for(&mut operator, Some(2 * RESYNC)).await;
    (world, operator)
}

/// How many passes found that nothing is to be done.
fn settled_passes(operator: &TestOperator) -> u64 {
    let metrics = operator.engine.metrics.expose();
    let of_settled = metrics.lines().filter(|line| line.contains("_total{") && line.contains(r#"outcome="settled""#));
    of_settled.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Everything that `Synced` says: status and reason, each once.
fn synced(world: &World) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = world
        .objects()
        .iter()
        .map(|(_, object)| condition(object, "Synced"))
        .map(|synced| ["status", "reason"].map(|field| synced[field].as_str().unwrap_or_default().to_owned()).into())
        .collect();
    all.sort();
    all.dedup();
    all
}

fn only(status: &str, reason: &str) -> Vec<(String, String)> {
    vec![(status.to_owned(), reason.to_owned())]
}

/// Outages by what `Synced` says in them and the words of their first line in the log. Without a reason it is the API
/// server that is away, and nothing can be written.
const OUTAGES: [(&str, Option<&str>, &str); 3] = [
    ("503-empty", Some("AtlasUnavailable"), "Atlas cannot be reached"),
    ("401-challenge-loop", Some("CredentialsRejected"), "Atlas refuses the credentials in Secret operator/default"),
    ("API server", None, "The Kubernetes API cannot be reached"),
];

#[tokio::test]
async fn no_object_of_three_hundred_changes_ready_in_an_outage_and_all_are_checked_soon_after() {
    let (world, mut operator) = many().await;
    let number = world.objects().len() as u64;
    for (about, reason, says) in OUTAGES {
        keep_log();
        world.kube.keep_versions();
        let (events, since) = (world.kube.events().len(), world.simulator.latest_call().await.unwrap());
        let writes = world.kube.writes();
        if reason.is_some() {
            let fault = json!({"operation": "*", "times": -1, "kind": about});
            world.simulator.add_fault(&fault).await.unwrap();
        } else {
            world.kube.damage(Some(Damage { strikes: |_, _| true, fate: Fate::Unheard }));
            operator.set_deaf(true);
        }
        world.run_for(&mut operator, Some(OUTAGE)).await;
        let asked = world.simulator.calls(since).await.unwrap().len();
        if let Some(reason) = reason {
            assert_eq!(synced(&world), only("False", reason), "{about}");
            assert_eq!(world.kube.writes() - writes, number, "{about}: each object says so once");
            let (key, object) = world.objects().pop().unwrap();
            let message = condition(&object, "Synced")["message"].as_str().unwrap().to_owned();
            assert!(message.contains("Not checked since 20") && message.contains("next try"), "{key:?}: {message}");
        }
        world.simulator.clear_faults().await.unwrap();
        if reason.is_none() {
            world.kube.damage(None);
            operator.relist(&world);
        }
        let before = settled_passes(&operator);
        // Refused credentials wait for a person, and are tried ever less often.
        let recovery = if reason == Some("CredentialsRejected") { OUTAGE } else { RECOVERY };
        world.run_for(&mut operator, Some(recovery)).await;
        let lines = take_log();

        let is_ready = |object: &Value| condition(object, "Ready")["status"] == "True";
        let mut unready = world.kube.versions();
        unready.retain(|object| object["status"].is_object() && !is_ready(object));
        let (events, checked) = (world.kube.events().len() - events, settled_passes(&operator) - before);
        println!(
            "{about}: {asked} requests to Atlas meanwhile, {} objects changed Ready, {events} Events, {} lines; {checked} \
             found settled within {} s after it",
            unready.len(),
            lines.len(),
            recovery.as_secs(),
        );
        assert!(unready.is_empty(), "{about}: {} said not Ready: {}", unready.len(), unready[0]["status"]);
        assert_eq!(events, 0, "{about}");
        assert!(lines.len() <= MOST_LINES, "{about}: {lines:#?}");
        let begun = lines.iter().filter(|line| line.contains("WARN") && line.contains(says)).count();
        let ended = lines.iter().filter(|line| line.contains("INFO") && line.contains("again, after ")).count();
        assert_eq!((begun, ended), (1, 1), "{about}: {lines:#?}");
        assert!(checked >= number, "{about}: only {checked} were checked again");
        assert_eq!(synced(&world), only("True", "Synced"), "{about}");
        assert_eq!(world.unready(), Vec::<String>::new(), "{about}");
        assert!(world.simulator.mutating_calls(since).await.unwrap().is_empty(), "{about}: Atlas was written to");
    }
}

fn role(number: usize) -> Value {
    json!({
        "apiVersion": "atlas-operator.io/v1",
        "kind": "AtlasCustomRole",
        "metadata": {"name": format!("role-{number}")},
        "spec": {
            "projectRef": {"name": "shop"},
            "roleName": format!("role-{number}"),
            "actions": [{"action": "SERVER_STATUS", "resources": [{"cluster": true}]}],
        },
    })
}

/// A project, a cluster and twelve roles, all Ready, whose operator checks them every minute.
async fn few() -> Story {
    let mut world = World::new().await;
    world.resync = RESYNC;
    world.provide_credentials();
    for manifest in [PROJECT, CLUSTER] {
        for document in documents(manifest) {
            world.apply_one(&document);
        }
    }
    for number in 0..12 {
        world.apply_one(&role(number));
    }
    let operator = world.operator();
    let mut story = Story { world, operator };
    story.wait(Duration::from_mins(20)).await;
    assert_eq!(story.world.unready(), Vec::<String>::new());
    story
}

#[tokio::test]
async fn lost_connections_limits_and_denials_make_nothing_unready_and_all_is_checked_once_they_are_over() {
    let mut story = few().await;
    let denied = json!({"status": 403, "errorCode": "IP_ADDRESS_NOT_ON_ACCESS_LIST", "detail": "Not here."});
    for (fault, reason, lasts, recovery) in [
        (json!({"kind": "reset", "times": -1}), "AtlasUnavailable", OUTAGE, RECOVERY),
        // Nothing is sent before the time that Atlas asked for.
        (json!({"kind": "429-retry-after-60", "times": -1}), "Throttled", 2 * OUTAGE, OUTAGE),
        (json!({"error": denied, "times": -1}), "AccessDenied", 2 * OUTAGE, OUTAGE),
    ] {
        let events = story.world.kube.events().len();
        story.world.simulator.add_fault(&fault).await.unwrap();
        story.wait(lasts).await;
        assert_eq!(story.world.unready(), Vec::<String>::new(), "{reason}");
        assert_eq!(synced(&story.world), only("False", reason), "{}", story.world.describe());
        story.world.simulator.clear_faults().await.unwrap();
        story.wait(recovery).await;
        assert_eq!(synced(&story.world), only("True", "Synced"), "{reason}: {}", story.world.describe());
        assert_eq!(story.world.unready(), Vec::<String>::new(), "{reason}");
        assert_eq!(story.world.kube.events().len(), events, "it is no Event of objects that stay Ready");
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_sent_makes_its_object_unready_and_no_other() {
    let mut story = few().await;
    story.world.simulator.add_fault(&json!({"kind": "503-empty", "times": -1})).await.unwrap();
    story.edit(CLUSTER, |document| document["spec"]["tags"] = json!([{"key": "env", "value": "test"}]));
    story.wait(OUTAGE).await;
    let unready = story.world.unready();
    assert!(unready.len() == 1 && unready[0].contains("orders"), "{unready:?}");
    assert_eq!(story.reason("atlasclusters", "orders"), "AtlasUnavailable");
    story.world.simulator.clear_faults().await.unwrap();
    story.wait(RECOVERY + Duration::from_mins(5)).await;
    assert_eq!(story.world.unready(), Vec::<String>::new());
}

#[tokio::test]
async fn drift_that_cannot_be_corrected_makes_its_object_unready() {
    let mut story = few().await;
    let group = story.group();
    story.world.simulator.add_fault(&json!({"method": "PATCH", "kind": "503-empty", "times": -1})).await.unwrap();
    let path = format!("/groups/{group}/customDBRoles/roles/role-3");
    let actions = json!([{"action": "CONN_POOL_STATS", "resources": [{"cluster": true}]}]);
    story.world.simulator.merge(&path, &json!({"actions": actions})).await.unwrap();
    story.wait(OUTAGE).await;
    let unready = story.world.unready();
    assert!(unready.len() == 1 && unready[0].contains("role-3"), "{unready:?}");
    story.world.simulator.clear_faults().await.unwrap();
    story.wait(Duration::from_mins(6)).await;
    assert_eq!(story.world.unready(), Vec::<String>::new());
}

#[tokio::test]
async fn an_object_says_something_within_a_second_whatever_it_waits_for() {
    let mut story = Story::begin(&[PROJECT]).await;
    let mut needy = role(0);
    needy["spec"]["inheritedRoles"] = json!([{"db": "admin", "role": "nosuchrole"}]);
    let key = story.world.apply_one(&needy);
    story.wait(Duration::from_secs(1)).await;
    let object = story.world.kube.get(&key).unwrap();
    let ready = condition(&object, "Ready");
    assert_eq!(ready["status"], "False", "{object}");
    assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"], "{object}");
}
