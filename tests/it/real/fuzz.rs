//! Specs made at random, valid and broken, under the whole operator, beside an object that must not notice.
//!
//! What `laws::generated` makes is valid and one object at a time. Here the API server judges, objects are changed over and
//! over before they have become what they should be, and most of them never will.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use atlas_operator::kinds;
use harness::{Call, eventually};
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    examples::{self, password, project, role},
    kube::is_ready,
    stage::{PATIENCE, Scenery, Stage},
};
use crate::{definition::Definition, laws::generated::Chance};

/// Other numbers are other specs.
const SEED: u64 = 20_250_611;
/// With every run of the tests.
const SHORT: Duration = Duration::from_mins(1);
/// How many minutes the long form lasts, if not sixty.
const MINUTES: &str = "FUZZ_MINUTES";
/// Objects of each kind that there may be at once.
const SLOTS: usize = 10;
/// Within which the canary is as its spec says, if the machine is not busy with something else: as much more as a few bare
/// requests took at worst.
const CANARY: Duration = Duration::from_secs(10);
const BARE: u32 = 4;
/// Calls that may change one resource in a minute, however often its objects are edited in it.
const MOST_WRITES: usize = 15;
/// Requests to Atlas for each spec that was taken, on average: a few looks at each of its documents and some tries.
const MOST_REQUESTS: usize = 40;

/// Makes specs, and breaks some.
struct Fuzz {
    chance: Chance,
    /// Of each kind: what it is, and its examples.
    kinds: Vec<(Definition, Vec<Value>)>,
}

impl Fuzz {
    fn new() -> Self {
        let numbers = StdRng::seed_from_u64(SEED);
        let examples = |kind: &&'static dyn atlas_operator::kind::Kind| {
            let documents = kind.examples().into_iter().map(|example| examples::objects(&example).pop().unwrap());
            (Definition::of(*kind), documents.collect())
        };
        Self {
            chance: Chance { numbers, now: Timestamp::now(), fixed: &["projectRef"] },
            kinds: kinds::all().iter().map(examples).collect(),
        }
    }

    /// An object, and whether it is to be deleted.
    fn next(&mut self) -> (Value, bool) {
        let kind = self.chance.below(self.kinds.len());
        let slot = self.chance.below(SLOTS);
        let (definition, examples) = &self.kinds[kind];
        let mut object = examples[self.chance.below(examples.len())].clone();
        object["metadata"]["name"] = json!(format!("fuzz-{slot}"));
        let spec = &mut object["spec"];
        for _ in 0..self.chance.below(3) {
            self.chance.change(&definition.schema["properties"]["spec"], spec);
        }
        for field in ["name", "username", "roleName"] {
            if spec[field].is_string() && !self.chance.one_in(8) {
                spec[field] = json!(format!("fuzz-{slot}"));
            }
        }
        if self.chance.one_in(3) {
            self.chance.break_something(spec);
        }
        (object, self.chance.one_in(8))
    }
}

impl Chance {
    /// Puts something in a place where it does not belong.
    fn break_something(&mut self, spec: &mut Value) {
        let mut pointers = Vec::new();
        walk(spec, "", &mut pointers);
        if pointers.is_empty() {
            return;
        }
        let pointer = self.pick(&pointers).clone();
        let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
        let strange = [
            Value::Null,
            json!(""),
            json!("a".repeat(5000)),
            json!("../../etc"),
            json!("${username}@{{ .Values }} %00"),
            json!("\u{202e}\u{1}\n𝕏"),
            json!(-1),
            json!(9_007_199_254_740_993_i64),
            json!(3.7),
            json!(true),
            json!([]),
            json!({}),
            json!([{"key": "a", "value": "b"}, {"key": "a", "value": "c"}]),
            deep,
        ];
        *spec.pointer_mut(&pointer).unwrap() = self.pick(&strange).clone();
    }
}

fn walk(value: &Value, pointer: &str, pointers: &mut Vec<String>) {
    let below = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| walk(field, &below(name), pointers)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| walk(item, &below(&at.to_string()), pointers));
        }
        _ => {}
    }
    if !pointer.is_empty() {
        pointers.push(pointer.to_owned());
    }
}

/// Edits the canary again and again; answers how long each edit took to be carried out.
async fn canary(stage: &Stage, namespace: &str, until: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut object = role("canary");
    while Instant::now() < until {
        object["spec"]["actions"][0]["resources"][0]["db"] = json!(format!("db-{}", took.len()));
        stage.kube.apply(namespace, &object).await;
        let asked = Instant::now();
        eventually(PATIENCE, "the canary to be as its spec says", || async {
            let object = stage.kube.get(namespace, "AtlasCustomRole", "canary").await.unwrap();
            if is_ready(&object) { Ok(()) } else { Err(object["status"].to_string()) }
        })
        .await
        .unwrap();
        took.push(asked.elapsed());
        if asked.elapsed() > CANARY {
            let log = stage.operator.logs();
            let object = stage.kube.get(namespace, "AtlasCustomRole", "canary").await.unwrap();
            println!("after {:?}: {}", asked.elapsed(), object["status"]["conditions"]);
            log.lines().rev().take(60).collect::<Vec<_>>().into_iter().rev().for_each(|line| println!("{line}"));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    took
}

/// How long bare requests to the API server and the simulator took at worst.
async fn slowest_request(stage: &Stage, namespace: &str, until: Instant) -> Duration {
    let mut slowest = Duration::ZERO;
    while Instant::now() < until {
        let asked = Instant::now();
        stage.kube.get(namespace, "AtlasProject", "shop").await.unwrap();
        stage.simulator.clock().await.unwrap();
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    slowest
}

/// Whether the API server refuses a spec: a field of another type than the schema's it calls an error of its own.
fn is_refusal(status: &kube::core::Status) -> bool {
    (400..500).contains(&status.code) || status.message.starts_with("failed to create typed patch object")
}

/// What became of the specs, by kind and verdict.
type Verdicts = BTreeMap<(String, &'static str), usize>;

async fn fuzz(stage: &Stage, namespace: &str, pace: Duration, until: Instant) -> Verdicts {
    let mut fuzz = Fuzz::new();
    let mut verdicts = Verdicts::new();
    while Instant::now() < until {
        let (object, deleted) = fuzz.next();
        let (kind, name) = (object["kind"].as_str().unwrap().to_owned(), object["metadata"]["name"].clone());
        let verdict = if deleted && stage.kube.get(namespace, &kind, name.as_str().unwrap()).await.is_some() {
            stage.kube.delete(namespace, &kind, name.as_str().unwrap()).await;
            "deleted"
        } else {
            match stage.kube.try_apply(namespace, &object, false).await {
                Ok(_) => "taken",
                Err(kube::Error::Api(status)) if is_refusal(&status) => "refused",
                Err(error) => panic!("{error}: {object}"),
            }
        };
        *verdicts.entry((kind, verdict)).or_default() += 1;
        tokio::time::sleep(pace).await;
    }
    verdicts
}

/// The most calls that would change one path within a minute, but for the canary's, which is edited all the time.
fn busiest(calls: &[Call]) -> Option<(usize, String)> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.mutating && !call.path.ends_with("/canary")) {
        let body = ["name", "username", "roleName"].iter().find_map(|field| call.request[*field].as_str());
        let place = format!("{} {} {}", call.method, call.path, body.unwrap_or_default());
        *counts.entry((call.time[..16].to_owned(), place)).or_default() += 1;
    }
    counts.into_iter().map(|((_, place), count)| (count, place)).max()
}

async fn fuzzed(namespace: &str, pace: Duration, lasts: Duration) {
    let beside = format!("{namespace}-canary");
    let scenery = Scenery {
        namespaces: vec![namespace.to_owned(), beside.clone()],
        organizations: 2,
        // Of the minutes in which calls are counted.
        speed: 1.0,
        ..Scenery::default()
    };
    let stage = Stage::shared(scenery.arguments(&["--deletion", "delete"])).await;
    for (namespace, organization) in [namespace, &beside].into_iter().zip(stage.simulator.organizations()) {
        stage.provide_credentials(namespace, organization).await;
        stage.kube.apply(namespace, &password("password", "correct-horse-battery")).await;
        stage.kube.apply(namespace, &project("shop", &format!("Shop of {namespace}"))).await;
        stage.all_ready(namespace).await;
    }
    let until = Instant::now() + lasts;
    let (verdicts, mut took, bare) = tokio::join!(
        fuzz(&stage, namespace, pace, until),
        canary(&stage, &beside, until),
        slowest_request(&stage, &beside, until)
    );

    for ((kind, verdict), count) in &verdicts {
        println!("{kind:20} {verdict:10} {count}");
    }
    let judged: usize = verdicts.iter().filter(|((_, verdict), _)| *verdict != "deleted").map(|(_, count)| count).sum();
    let taken: usize = verdicts.iter().filter(|((_, verdict), _)| *verdict == "taken").map(|(_, count)| count).sum();
    took.sort();
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    let calls = stage.simulator.calls(0).await.unwrap();
    let bodies = stage.simulator.calls_with_bodies(0).await.unwrap();
    let busiest = busiest(&bodies);
    println!(
        "{judged} specs in {} s; the canary followed {} edits, after {:.1} s in the middle and {:.1} s at the most, where \
         a bare request took {:.1} s at the most; {} requests to Atlas; the busiest minute of one resource: {busiest:?}",
        lasts.as_secs(),
        took.len(),
        median.as_secs_f64(),
        slowest.as_secs_f64(),
        bare.as_secs_f64(),
        calls.len(),
    );
    assert!(slowest < CANARY + BARE * bare, "the canary noticed: {slowest:?}, bare requests {bare:?}");
    assert!(taken * 4 > judged && taken < judged, "{taken} of {judged} were taken");
    assert!(busiest.is_none_or(|(count, _)| count <= MOST_WRITES), "one resource is written to again and again");
    assert!(calls.len() <= 500 + taken * MOST_REQUESTS, "{} requests for {taken} specs", calls.len());
    stage.end().await;
}

#[tokio::test]
async fn specs_made_at_random_harm_no_other_object_for_a_minute() {
    fuzzed("fuzz", Duration::from_millis(200), SHORT).await;
}

#[tokio::test]
#[ignore = "the same for an hour, or for as many minutes as FUZZ_MINUTES says"]
#[expect(clippy::disallowed_methods, reason = "how long a person has time for")]
async fn specs_made_at_random_harm_no_other_object_for_an_hour() {
    let minutes = std::env::var(MINUTES).map_or(60, |minutes| minutes.parse().unwrap());
    fuzzed("fuzz-long", Duration::from_secs(1), Duration::from_mins(minutes)).await;
}
