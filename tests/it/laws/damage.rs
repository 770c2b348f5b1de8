//! What is no answer leads to nothing: every kind of damage to some reads, some to every read, and no write comes of it.
mod kinds;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use self::kinds::{Kind, NO_ANSWER, NO_DOCUMENT, SHRUNK};
use super::{
    courses::{Course, courses},
    proxy::Answer,
    stories::{CLUSTER, PROJECT, Story},
    world::{TestOperator, World, condition},
};

/// How long damage lasts: some looks, far enough apart to believe what is said in all of them.
const LASTING: Duration = Duration::from_secs(12);
/// Within which all is checked again once the damage is over.
const RECOVERY: Duration = Duration::from_secs(15);

/// A settled world under damage.
struct Patient {
    world: World,
    operator: TestOperator,
    settled: Value,
    memory: Value,
    /// What was read in worlds before, without names and ids.
    seen: BTreeSet<String>,
}

impl Patient {
    async fn new() -> Self {
        let world = World::trapped().await;
        let operator = world.operator();
        Self { world, operator, settled: Value::Null, memory: Value::Null, seen: BTreeSet::new() }
    }

    /// Carries a course through, and answers what is read in the world that comes of it and was not read before.
    async fn settle(&mut self, course: &Course) -> Vec<String> {
        self.world.carry(course).await;
        (self.settled, self.memory) = (self.world.dump().await, memory(&self.world));
        self.start(LASTING).await;
        let calls = self.world.simulator.calls(0).await.unwrap();
        let reads = calls.iter().filter(|call| call.principal.is_some());
        let paths: BTreeSet<String> = reads.map(|call| call.path.split('?').next().unwrap().to_owned()).collect();
        let shape = |path: &String| super::faults::shape(&format!("GET {path}"));
        paths.into_iter().filter(|path| self.seen.insert(shape(path))).collect()
    }

    /// Damages the answers to GETs of `path`: all of them, or the first alone.
    fn damage(&self, path: &str, once: bool, damage: impl Fn(&mut Answer) + Send + Sync + 'static) -> Arc<AtomicUsize> {
        let (path, struck) = (path.to_owned(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&struck);
        self.world.trap.damage(Some(Arc::new(move |answer: &mut Answer| {
            // The challenge of the digest is no answer to the read.
            let fits = answer.method == "GET" && answer.path() == path && answer.status == 200;
            if fits && (count.fetch_add(1, Ordering::SeqCst) == 0 || !once) {
                damage(answer);
            }
        })));
        struck
    }

    /// Starts the operator, which looks at everything at once, and lets time pass.
    async fn start(&mut self, span: Duration) {
        self.world.simulator.clear_calls().await.unwrap();
        self.operator = self.world.operator();
        self.world.run_for(&mut self.operator, Some(span)).await;
    }

    /// Lets time pass under damage, and more without; nothing may have come of it.
    async fn bear(&mut self, hits: &AtomicUsize, case: &str) {
        self.start(LASTING).await;
        assert!(hits.load(Ordering::SeqCst) > 0, "{case}: struck nothing");
        self.unharmed(case).await;
        self.world.trap.damage(None);
        self.world.run_for(&mut self.operator, Some(RECOVERY)).await;
        self.unharmed(case).await;
        assert_eq!(self.world.unready(), Vec::<String>::new(), "{case}\n{}", self.world.describe());
    }

    async fn unharmed(&self, case: &str) {
        let calls = self.world.simulator.calls(0).await.unwrap();
        let written: Vec<String> = calls.iter().filter(|call| call.mutating).map(harness::Call::line).collect();
        assert_eq!(written, Vec::<String>::new(), "{case}\n{}", self.world.describe());
        assert_eq!(memory(&self.world), self.memory, "{case}");
    }
}

/// What every object remembers.
fn memory(world: &World) -> Value {
    world.objects().iter().map(|(_, object)| object["status"]["atlas"].clone()).collect()
}

/// Does kinds of damage to every read, one after the other: of as many kinds as `shares` says one is done to a read, and
/// the next read has the next ones.
async fn damaged<T: 'static>(kinds: &'static [Kind<T>], shares: usize, once: bool, apply: fn(&mut Answer, fn(&mut T))) {
    let (mut patient, mut pairs, mut reads) = (Patient::new().await, 0, 0);
    for course in courses() {
        for path in patient.settle(&course).await {
            for (kind, damage) in kinds.iter().skip(reads % shares).step_by(shares) {
                let damage = *damage;
                let hits = patient.damage(&path, once, move |answer| apply(answer, damage));
                patient.bear(&hits, &format!("{}: {kind} on {path}", course.name)).await;
                pairs += 1;
            }
            assert_eq!(patient.world.dump().await, patient.settled, "{}: {path}", course.name);
            reads += 1;
        }
    }
    println!("{} kinds of damage, {pairs} times to {reads} reads", kinds.len());
    assert!(reads >= 12 && pairs >= 2 * kinds.len(), "{pairs} pairs, {reads} reads");
}

/// Law: what is no answer leads to no write and changes no memory, whichever read it is the answer to; soon afterwards
/// all is as it was.
#[tokio::test]
async fn what_is_no_answer_leads_to_nothing() {
    damaged(NO_ANSWER, 3, false, |answer, damage| damage(answer)).await;
}

/// The same of an answer about something else, or in other types.
#[tokio::test]
async fn what_is_not_the_document_that_was_asked_for_leads_to_nothing() {
    damaged(NO_DOCUMENT, 2, false, Answer::documents).await;
}

/// The same of a list that lacks entries once.
#[tokio::test]
async fn a_list_that_lacks_entries_once_leads_to_nothing() {
    damaged(SHRUNK, 1, true, Answer::lists).await;
}

/// Absence that comes and goes is none.
#[tokio::test]
async fn an_absence_that_flaps_is_none() {
    const CODES: &[(&str, &str)] = &[
        ("/clusters/", "CLUSTER_NOT_FOUND"),
        ("/flexClusters/", "CLUSTER_NOT_FOUND"),
        ("/databaseUsers/", "USERNAME_NOT_FOUND"),
        ("/customDBRoles/", "ATLAS_CUSTOM_ROLE_NOT_FOUND"),
        ("/groups/", "GROUP_NOT_FOUND"),
    ];
    let (mut patient, mut flapped) = (Patient::new().await, 0);
    for course in courses() {
        for path in patient.settle(&course).await {
            let member = |after: &str| path.split_once(after).is_some_and(|(_, rest)| rest.split('/').count() <= 2);
            let Some((_, code)) = CODES.iter().find(|(after, _)| member(after)) else { continue };
            for first in 0..2 {
                let (code, turn) = (*code, AtomicUsize::new(first));
                let hits = patient.damage(&path, false, move |answer| {
                    if turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                        answer.refuse(404, code);
                    }
                });
                let case = format!("{}: {code} on every other read of {path}", course.name);
                for _ in 0..3 {
                    patient.start(LASTING).await;
                    patient.unharmed(&case).await;
                }
                patient.bear(&hits, &case).await;
                assert!(hits.load(Ordering::SeqCst) >= 4, "{case}");
            }
            flapped += 1;
        }
    }
    assert!(flapped >= 5, "{flapped} members flapped");
}

/// What is to be changed, and was absent a moment ago, is left alone until it has been there for some seconds.
#[tokio::test]
async fn what_comes_and_goes_is_not_changed_meanwhile() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.sent().await;
    let error = json!({"status": 404, "errorCode": "CLUSTER_NOT_FOUND", "detail": "There is none."});
    let fault = json!({"operation": "GET /groups/*/clusters/*", "error": error, "times": 1});
    story.world.simulator.add_fault(&fault).await.unwrap();
    story.edit(CLUSTER, |document| document["spec"]["tags"][0]["value"] = json!("test"));
    story.wait(Duration::from_secs(8)).await;
    assert_eq!(story.sent().await, [], "it is back, for three seconds");
    story.wait(Duration::from_secs(8)).await;
    assert_eq!(story.sent().await.len(), 1);
}

/// A refusal under a code that nobody knows is Atlas's word and not its absence: it is shown, it is no standstill, and it is
/// tried again less and less often.
#[tokio::test]
async fn a_refusal_that_nobody_knows_is_shown_in_atlas_words_and_tried_again() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    let detail = "The default of this option cannot be set.";
    let error = json!({"status": 400, "errorCode": "DEFAULT_CONFIG_LIMIT_EXCEPTION", "detail": detail});
    let fault = json!({"operation": "PATCH /groups/*/clusters/*", "error": error, "times": -1});
    story.world.simulator.add_fault(&fault).await.unwrap();
    story.edit(CLUSTER, |document| document["spec"]["tags"][0]["value"] = json!("test"));
    story.sent().await;
    story.wait(Duration::from_mins(30)).await;
    let cluster = story.get("atlasclusters", "orders").unwrap();
    let ready = condition(&cluster, "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("Rejected")), "{ready}");
    let message = ready["message"].as_str().unwrap();
    assert!(
        message.contains(detail.trim_end_matches('.')) && message.contains("DEFAULT_CONFIG_LIMIT_EXCEPTION"),
        "{message}"
    );
    assert_eq!(condition(&cluster, "Reconciling")["status"], "True");
    assert_eq!(condition(&cluster, "Stalled"), Value::Null);
    let calls = story.world.simulator.calls(0).await.unwrap();
    let tries = calls.iter().filter(|call| call.method == "PATCH" && call.fault.is_some()).count();
    assert!((5..=15).contains(&tries), "{tries} tries");
    story.world.simulator.clear_faults().await.unwrap();
    story.wait(Duration::from_hours(1)).await;
    assert_eq!(story.world.unready(), Vec::<String>::new());
}
