//! What becomes of requests to a Kubernetes that is damaged: whatever it answers, Atlas is written to as if it were sound.
use std::{collections::BTreeSet, time::Duration};

use atlas_operator::engine::Clock;
use http::Method;
use serde_json::{Value, json};

use super::{
    disturbance::Fate,
    fake_kube::{Damage, Key},
    members::MEMBERS,
    world::{TestOperator, World, condition, documents},
};

/// How long each kind of damage lasts.
const LASTING: Duration = Duration::from_secs(20);
/// So much later than usual all is as it should be.
const RECOVERY: Duration = Duration::from_secs(15);
/// What Atlas does at its own pace is asked about every 30 s at the least, so its end is noticed so much later.
const NOTICED: Duration = Duration::from_secs(30);

/// For whatever Atlas does at its own pace.
const ENOUGH: Duration = Duration::from_hours(2);
const STEP: Duration = Duration::from_secs(2);

/// The project that [`MEMBERS`] are in.
const PROJECT: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasProject
metadata: {name: shop}
spec: {name: Shop, tags: [{key: team, value: checkout}], ipAccessList: [{ipAddress: 198.51.100.7}]}
";

type Which = fn(&Method, &str) -> bool;

fn all(_: &Method, _: &str) -> bool {
    true
}

fn patches(method: &Method, _: &str) -> bool {
    *method == Method::PATCH
}

fn writes(method: &Method, _: &str) -> bool {
    *method != Method::GET
}

fn statuses(method: &Method, path: &str) -> bool {
    writes(method, path) && path.ends_with("/status")
}

fn finalizers(method: &Method, path: &str) -> bool {
    patches(method, path) && path.contains("atlas-operator.io") && !path.ends_with("/status")
}

fn secrets(_: &Method, path: &str) -> bool {
    path.contains("/secrets")
}

fn secret_writes(method: &Method, path: &str) -> bool {
    writes(method, path) && secrets(method, path)
}

fn events(_: &Method, path: &str) -> bool {
    path.ends_with("/events") || path.contains("/events/")
}

/// What happens to watches meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watches {
    /// They show what happens.
    Sound,
    /// They show nothing, and in the end everything is listed anew.
    Away,
}

/// Every kind of damage: its name, the requests that it strikes, what becomes of them, and of watches.
const KINDS: &[(&str, Which, Fate, Watches)] = &[
    ("the API server is away", all, Fate::Unheard, Watches::Away),
    ("its store is away", all, Fate::Refused(500), Watches::Away),
    ("watches are refused, cut, too old or garbage", |_, _| false, Fate::Sound, Watches::Away),
    ("a conflict at every write", writes, Fate::Refused(409), Watches::Sound),
    ("too many requests", all, Fate::Refused(429), Watches::Sound),
    ("an internal error at everything", all, Fate::Refused(500), Watches::Sound),
    ("an internal error at writes", writes, Fate::Refused(500), Watches::Sound),
    ("unavailable", all, Fate::Refused(503), Watches::Sound),
    ("every connection is reset", all, Fate::Unheard, Watches::Sound),
    ("a page in HTML", all, Fate::Page, Watches::Sound),
    ("half an answer to what was done", all, Fate::Garbled, Watches::Sound),
    ("patches are forbidden", patches, Fate::Refused(403), Watches::Sound),
    ("patches are not authorized", patches, Fate::Refused(401), Watches::Sound),
    ("everything is not authorized", all, Fate::Refused(401), Watches::Away),
    ("Secrets are forbidden", secrets, Fate::Refused(403), Watches::Sound),
    ("Events are forbidden", events, Fate::Refused(403), Watches::Sound),
    ("answers to status writes are lost", statuses, Fate::Unanswered, Watches::Sound),
    ("answers to finalizer writes are lost", finalizers, Fate::Unanswered, Watches::Sound),
    ("answers to Secret writes are lost", secret_writes, Fate::Unanswered, Watches::Sound),
    ("what is done is said not to be", writes, Fate::Denied(500), Watches::Sound),
    ("what is done is said to be too late", writes, Fate::Denied(504), Watches::Sound),
    ("every answer is slow", all, Fate::Slow(Duration::from_millis(5)), Watches::Sound),
];

/// What is done while Kubernetes is damaged.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Create,
    Nothing,
    Edit,
    Delete,
}

const DEEDS: [Deed; 4] = [Deed::Create, Deed::Nothing, Deed::Edit, Deed::Delete];

impl Deed {
    fn apply(self, world: &World) -> Vec<Key> {
        let mut objects = [documents(PROJECT), documents(MEMBERS)].concat();
        if let Self::Edit = self {
            for (kind, edit) in [
                ("AtlasProject", json!({"tags": [{"key": "team", "value": "returns"}]})),
                ("AtlasCluster", json!({"tags": [{"key": "env", "value": "prod"}]})),
                ("AtlasCustomRole", json!({"actions": [{"action": "FIND", "resources": [{"db": "returns"}]}]})),
                ("AtlasDatabaseUser", json!({"description": "of the shop"})),
            ] {
                let object = objects.iter_mut().find(|object| object["kind"] == kind).unwrap();
                json_patch::merge(&mut object["spec"], &edit);
            }
        }
        let keys: Vec<Key> = objects.iter().map(|object| world.apply_one(object)).collect();
        if let Self::Delete = self {
            keys.iter().filter(|key| key.0 != "secrets").for_each(|key| world.kube.delete(key));
        }
        keys
    }
}

/// Everything before a deed, and an operator that has seen it.
async fn before(world: &mut World, deed: Deed) -> TestOperator {
    world.reset().await;
    world.provide_credentials();
    if !matches!(deed, Deed::Create) {
        Deed::Create.apply(world);
    }
    let mut operator = world.operator();
    world.run(&mut operator).await;
    world.simulator.clear_calls().await.unwrap();
    operator
}

/// Every call that changed something, with what it said, as far as it is the same in each run. What Atlas refused, a role
/// that is still in use, changed nothing.
async fn changes(world: &World, about: &str) -> BTreeSet<String> {
    let calls = world.simulator.calls_with_bodies(0).await.unwrap();
    let mut seen = BTreeSet::new();
    // A password is sent again where it could not be written down which one was.
    let repeats = |call: &harness::Call| call.method == "PATCH" && call.request["password"].is_string();
    for call in calls.iter().filter(|call| call.mutating && call.status < 400 && !repeats(call)) {
        let words = call.path.split('/').map(|word| if is_id(word) { "*" } else { word });
        let line = format!("{} {} {}", call.method, words.collect::<Vec<_>>().join("/"), without_ids(&call.request));
        assert!(seen.insert(line.clone()), "{about}: sent twice: {line}");
    }
    seen
}

fn is_id(word: &str) -> bool {
    word.len() == 24 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn without_ids(value: &Value) -> Value {
    match value {
        Value::String(text) if is_id(text) => json!("*"),
        Value::Array(items) => items.iter().map(without_ids).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), without_ids(value))).collect())
        }
        other => other.clone(),
    }
}

/// Runs until everything is as its spec says, or gone; answers how long that took.
async fn done(world: &World, operator: &mut TestOperator) -> Duration {
    let begun = world.clock.now();
    let took = || Duration::try_from(world.clock.now().duration_since(begun)).unwrap();
    let unchecked = |(_, object): &(Key, Value)| condition(object, "Synced")["status"] == "False";
    while !world.unready().is_empty() || world.objects().iter().any(unchecked) {
        world.run_for(operator, Some(STEP)).await;
        assert!(took() < ENOUGH, "{}", world.describe());
    }
    took()
}

#[tokio::test]
async fn a_damaged_kubernetes_leads_to_no_other_call_than_a_sound_one() {
    let mut world = World::new().await;
    world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
    let mut slowest = (Duration::ZERO, String::new());
    for deed in DEEDS {
        let mut operator = before(&mut world, deed).await;
        deed.apply(&world);
        let usual = done(&world, &mut operator).await;
        let (sound, settled) = (changes(&world, "sound").await, world.dump().await);
        for (name, which, fate, watches) in KINDS {
            let about = format!("{name}, {deed:?}");
            let mut operator = before(&mut world, deed).await;
            world.kube.damage(Some(Damage { strikes: *which, fate: *fate }));
            operator.set_deaf(*watches == Watches::Away);
            deed.apply(&world);
            world.run_for(&mut operator, Some(LASTING)).await;
            let meanwhile = changes(&world, &about).await;
            assert!(meanwhile.is_subset(&sound), "{about}: {meanwhile:#?}");

            world.kube.damage(None);
            if *watches == Watches::Away {
                operator.relist(&world);
            }
            let took = done(&world, &mut operator).await;
            assert_eq!(changes(&world, &about).await, sound, "{about}");
            assert_json_diff::assert_json_eq!(world.dump().await, settled);
            let late = took.saturating_sub(usual);
            let limit = match deed {
                Deed::Create | Deed::Delete => RECOVERY + NOTICED,
                Deed::Nothing | Deed::Edit => RECOVERY,
            };
            assert!(late <= limit, "{about}: done {late:?} later than usual");
            slowest = slowest.max((late, about));
        }
    }
    println!(
        "{} kinds of damage while {} things are done; the latest was done {slowest:?} later than usual",
        KINDS.len(),
        DEEDS.len()
    );
}
