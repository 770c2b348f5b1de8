//! What tools of GitOps make of every object at every moment of its life: kstatus, the health script for Argo CD, and
//! the health check expressions for Flux, each run by its own engine on objects that were recorded here.
mod scene;
mod stories;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Output, Stdio},
};

use atlas_operator::{engine::outcome::Reason, kind::Kind, kinds};
use harness::{go_tool, repository};
use serde::Deserialize;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

use super::{
    super::docs::generated::{self, keep_current},
    world::condition,
};
use stories::Story;

/// What gives Argo CD its script, and Flux its expressions.
pub const ARGO_CD: &str = "deploy/argo-cd/argocd-cm.yaml";
pub const FLUX: &str = "deploy/flux/health-checks.yaml";

/// A version of an object, as a story left it in Kubernetes.
struct Step {
    story: Story,
    kind: &'static dyn Kind,
    object: Value,
}

impl Step {
    fn is_deleted(&self) -> bool {
        !self.object["metadata"]["deletionTimestamp"].is_null()
    }

    /// Whether the operator has looked at this generation.
    fn is_seen(&self) -> bool {
        self.object["status"]["observedGeneration"] == self.object["metadata"]["generation"]
    }

    fn is(&self, type_: &str, status: &str) -> bool {
        condition(&self.object, type_)["status"] == status
    }

    /// What each tool must say, by nothing but the documented meaning of conditions.
    fn expected(&self) -> Verdicts {
        let verdicts = |kstatus: &str, argo_cd: &str, flux: &str| Verdicts {
            kstatus: kstatus.into(),
            argo_cd: argo_cd.into(),
            flux: flux.into(),
        };
        if self.is_deleted() {
            verdicts("Terminating", "Progressing", "InProgress")
        } else if !self.is_seen() {
            verdicts("InProgress", "Progressing", "InProgress")
        } else if self.is("Stalled", "True") {
            verdicts("Failed", "Degraded", "Failed")
        } else if self.is("Ready", "True") {
            verdicts("Current", "Healthy", "Current")
        } else if self.is("Ready", "Unknown") {
            verdicts("InProgress", "Suspended", "Current")
        } else {
            verdicts("InProgress", "Progressing", "InProgress")
        }
    }

    /// The state that it is in: a row of the table.
    fn state(&self) -> State {
        let reason = condition(&self.object, "Ready")["reason"].as_str().unwrap_or_default().to_owned();
        // In the order of a life: unseen, edited, looked at, going.
        if self.is_deleted() {
            State { age: 3, text: "being deleted".to_owned(), reason, conditions: "any".to_owned() }
        } else if self.object["status"]["observedGeneration"] == -1 {
            State { age: 0, text: "not looked at yet".to_owned(), reason, conditions: "none".to_owned() }
        } else if !self.is_seen() {
            let text = "edited, and not looked at since".to_owned();
            State { age: 1, text, reason: String::new(), conditions: "any".to_owned() }
        } else {
            let conditions = self.object["status"]["conditions"].as_array().unwrap().iter();
            // No tool reads it; that something is Ready and could not be checked is a state of its own all the same.
            let of_interest =
                |type_: &Value, status: &Value| type_ != "Synced" || self.is("Ready", "True") && status != "True";
            let conditions: Vec<String> = conditions
                .filter(|it| of_interest(&it["type"], &it["status"]))
                .map(|it| format!("{} {}", it["type"].as_str().unwrap(), it["status"].as_str().unwrap()))
                .collect();
            State { age: 2, text: "looked at".to_owned(), reason, conditions: conditions.join(", ") }
        }
    }
}

/// A state that an object can be in, as those see it who read conditions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    age: u8,
    text: String,
    conditions: String,
    reason: String,
}

/// What each tool says, in one word.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Verdicts {
    kstatus: Word,
    #[serde(rename = "argoCD")]
    argo_cd: Word,
    flux: Word,
}

/// The status in a verdict; the message beside it is for people.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Word {
    status: String,
}

impl From<&str> for Word {
    fn from(status: &str) -> Self {
        Self { status: status.to_owned() }
    }
}

/// Gives `input` to the program that runs the engines.
pub async fn ask(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(go_tool("tests/health", ".").unwrap());
    command.args(arguments).current_dir(repository());
    let piped = Stdio::piped;
    let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Both ends at once: a pipe holds less than all of it. Who does not read to the end says why on the other side.
    let write = async move { drop(stdin.write_all(input.as_bytes()).await) };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    output.unwrap()
}

/// What the tools say of each step.
async fn judge(steps: &[Step]) -> Vec<Verdicts> {
    let lines: Vec<String> = steps.iter().map(|step| step.object.to_string()).collect();
    let output = ask(&["judge", ARGO_CD, FLUX], &lines.join("\n")).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let verdicts: Vec<Verdicts> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), steps.len());
    verdicts
}

#[tokio::test]
async fn no_tool_calls_an_object_healthy_before_it_is_and_every_tool_sees_what_is_fatal() {
    let steps = stories::all().await;
    let verdicts = judge(&steps).await;
    let mut states: BTreeMap<State, BTreeMap<&str, Verdicts>> = BTreeMap::new();
    for (step, verdicts) in steps.iter().zip(&verdicts) {
        let name = step.kind.name();
        assert_eq!(*verdicts, step.expected(), "{name}, {:?}: {}", step.story, step.object);
        let ready = condition(&step.object, "Ready");
        let waits = ready["message"].as_str().is_some_and(|message| message.starts_with("Atlas reports"));
        if waits && step.object["status"]["operation"]["type"] == "Create" {
            assert_eq!(ready["reason"], "Creating", "{name}, {:?}: {}", step.story, step.object);
        }
        states.entry(step.state()).or_default().insert(name, verdicts.clone());
    }
    println!("{} versions of objects, {} states of {} kinds", steps.len(), states.len(), kinds::all().len());
    for (state, kinds) in &states {
        for (kind, verdicts) in kinds {
            let Verdicts { kstatus, argo_cd, flux } = verdicts;
            let State { text, reason, conditions, .. } = state;
            let words = [kstatus, argo_cd, flux].map(|word| word.status.as_str());
            println!("{kind:18} {text:32} {reason:22} {conditions:40} {}", words.join(" "));
        }
    }
    expect_every_kind(&states);
    expect_every_reason(&states);
    keep_current("observed", &[("health".to_owned(), table(&states))]);
}

/// Every kind was in every state, whatever the reasons are that it can have for that.
fn expect_every_kind(states: &BTreeMap<State, BTreeMap<&str, Verdicts>>) {
    let mut seen: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for (state, kinds) in states {
        seen.entry((&state.text, &state.conditions)).or_default().extend(kinds.keys());
    }
    for (state, kinds_seen) in seen {
        assert_eq!(kinds_seen.len(), kinds::all().len(), "{state:?} of {kinds_seen:?} only");
    }
}

/// Every reason that a status can hold was held by some object.
fn expect_every_reason(states: &BTreeMap<State, BTreeMap<&str, Verdicts>>) {
    let seen: BTreeSet<&str> = states.keys().map(|state| state.reason.as_str()).collect();
    let unseen: Vec<String> = Reason::ALL
        .iter()
        // One stands in the log only, one comes from a reconcile that takes long, and bugs lead to the others.
        .filter(|(reason, _)| {
            !matches!(
                reason,
                Reason::Pending | Reason::ConfirmingAbsence | Reason::InternalError | Reason::DeadlineExceeded
            )
        })
        .map(|(reason, _)| reason.to_string())
        .filter(|reason| !seen.contains(reason.as_str()))
        .collect();
    assert!(unseen.is_empty(), "no story leads to {unseen:?}");
}

/// The states and what each tool makes of them, one row for those that differ in their reasons alone.
fn table(states: &BTreeMap<State, BTreeMap<&str, Verdicts>>) -> String {
    let mut rows: BTreeMap<(u8, &str, &str, &Verdicts), BTreeSet<&str>> = BTreeMap::new();
    // Whether a reconcile takes so long that its object says `Pending` meanwhile is up to the machine.
    for (state, kinds) in states.iter().filter(|(state, _)| state.reason != Reason::Pending.to_string()) {
        let all: BTreeSet<_> = kinds.values().collect();
        assert_eq!(all.len(), 1, "{state:?} means one thing for all kinds: {kinds:?}");
        for verdicts in all {
            rows.entry((state.age, &state.text, &state.conditions, verdicts)).or_default().insert(&state.reason);
        }
    }
    let headings =
        ["an object that is", "conditions", "reasons", "kstatus, so Flux", "Argo CD", "Flux, with expressions"];
    let rows = rows.into_iter().map(|((_, text, conditions, verdicts), reasons)| {
        let reasons: Vec<String> =
            reasons.into_iter().filter(|reason| !reason.is_empty()).map(|reason| format!("`{reason}`")).collect();
        let words = [&verdicts.kstatus, &verdicts.argo_cd, &verdicts.flux].map(|word| word.status.clone());
        [text.to_owned(), conditions.to_owned(), reasons.join(" ")].into_iter().chain(words).collect()
    });
    generated::table(&headings, rows)
}
