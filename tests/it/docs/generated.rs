//! The parts of the documents that are made from the program.
//!
//! `UPDATE_DOCS=1` in the environment rewrites them; without it a stale part fails.
use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use atlas_operator::{
    atlas::{Method, Observer, RequestSeen, TokenSeen},
    cli,
    engine::outcome::{Outcome, Reason},
    kind::{Create, Delete, Deletion, Endpoint, Given, Kind, Route, Shape},
    kinds,
    status::Common,
    telemetry::metrics::Metrics,
};
use harness::repository;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::page::pages;

const END: &str = "<!-- end -->";
/// Stands for the value of `--resync`, and is no other delay.
const RESYNC: Duration = Duration::from_secs(12_345);

/// Every part, by the name in its marker.
fn parts() -> Vec<(&'static str, String)> {
    vec![
        ("outcomes", outcomes()),
        ("reasons", reasons()),
        ("deletion", deletion()),
        ("kinds", kind_table()),
        ("operations", operations()),
        ("flags", flags()),
        ("metrics", metrics()),
    ]
}

fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    for row in rows {
        assert_eq!(row.len(), headings.len());
        let cells: Vec<String> = row.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn seconds(duration: Duration) -> String {
    match duration {
        RESYNC => "`--resync`".to_owned(),
        Duration::ZERO => "at once".to_owned(),
        other if other.as_secs() % 60 == 0 => format!("{} min", other.as_secs() / 60),
        other => format!("{} s", other.as_secs()),
    }
}

// ---------------------------------------------------------------------------------------------------------------
// What objects say

fn samples() -> [Outcome; 10] {
    let message = String::new;
    [
        Outcome::Settled,
        Outcome::Acted { reason: Reason::Updating, action: message(), note: message() },
        Outcome::Busy { reason: Reason::Updating, state: message(), elapsed: Duration::ZERO },
        Outcome::Waiting { reason: Reason::SecretNotFound, message: message() },
        Outcome::Blocked { message: message() },
        Outcome::Throttled { after: Duration::ZERO },
        Outcome::Failed { reason: Reason::AtlasUnavailable, message: message() },
        Outcome::Refused { reason: Reason::InvalidSpec, message: message() },
        Outcome::Idle { reason: Reason::Paused, message: message() },
        Outcome::Idle { reason: Reason::DriftDetected, message: message() },
    ]
}

fn meaning(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Settled => "nothing is left to do",
        Outcome::Acted { .. } => "a call that changes Atlas was sent",
        Outcome::Busy { .. } => "Atlas is at work",
        Outcome::Waiting { .. } => "something in Kubernetes must come first; Atlas was not asked",
        Outcome::Blocked { .. } => "Atlas says that something else must come first",
        Outcome::Throttled { .. } => "Atlas asked for fewer requests",
        Outcome::Failed { .. } => "something failed that may work later",
        Outcome::Refused { .. } => "a person must change something",
        Outcome::Idle { reason: Reason::DriftDetected, .. } => "the policy is observe, and Atlas differs from the spec",
        Outcome::Idle { .. } => "the policy is pause",
    }
}

fn next_look(outcome: &Outcome) -> String {
    // After the first failure in a row, and after so many that the delay grows no more.
    let (first, last) = (outcome.requeue(1, RESYNC), outcome.requeue(40, RESYNC));
    let growing =
        if first == last { seconds(first) } else { format!("{}, growing to {}", seconds(first), seconds(last)) };
    match outcome {
        Outcome::Acted { .. } => {
            format!("{}; where the same call repeats itself, {growing}", seconds(outcome.requeue(0, RESYNC)))
        }
        Outcome::Busy { reason, .. } => {
            let day = Duration::from_hours(24);
            let longest = Outcome::Busy { reason: *reason, state: String::new(), elapsed: day }.requeue(1, RESYNC);
            format!("a tenth of the time it has taken, {} to {}", seconds(first), seconds(longest))
        }
        Outcome::Throttled { .. } => format!("when Atlas allows; at least {growing}"),
        Outcome::Settled
        | Outcome::Waiting { .. }
        | Outcome::Blocked { .. }
        | Outcome::Failed { .. }
        | Outcome::Refused { .. }
        | Outcome::Idle { .. } => growing,
    }
}

fn outcomes() -> String {
    let row = |outcome: Outcome| {
        let mut status = Common::default();
        outcome.write(&mut status, 1, Timestamp::UNIX_EPOCH);
        let value = |type_: &str| status.conditions.iter().find(|it| it.type_ == type_).map(|it| it.status.clone());
        let beside: Vec<String> = status.conditions.iter().skip(1).map(|it| code(&it.type_)).collect();
        let event = if outcome.is_warning() { "Warning" } else { "Normal" };
        vec![
            code(outcome.label()),
            meaning(&outcome).to_owned(),
            code(&value("Ready").unwrap()),
            beside.join(", "),
            event.to_owned(),
            next_look(&outcome),
        ]
    };
    table(&["outcome", "meaning", "`Ready`", "beside it", "Event", "next look"], samples().map(row))
}

/// What stands beside `Ready` with a reason. The reasons that can stand beside two conditions are those of something
/// that is believed, or can be blamed on the spec, only later.
fn shown_as(reason: Reason) -> &'static str {
    match reason {
        Reason::Synced => "Ready",
        Reason::ConfirmingAbsence => "in the log only",
        Reason::Paused | Reason::DriftDetected => "Ready is Unknown",
        Reason::Creating
        | Reason::Updating
        | Reason::Deleting
        | Reason::DependencyNotReady
        | Reason::ChildrenExist
        | Reason::SecretNotFound
        | Reason::SecretInvalid
        | Reason::Blocked
        | Reason::Throttled
        | Reason::AtlasUnavailable
        | Reason::KubernetesUnavailable => "Reconciling",
        Reason::DependencyNotFound => "Reconciling; Stalled if Atlas lacks the project",
        Reason::CredentialsNotFound => "Reconciling; Stalled if none are named, and at a deletion",
        Reason::CredentialsRejected | Reason::AccessDenied | Reason::AlreadyExists => "Stalled, if it is so twice",
        Reason::NotAllowed
        | Reason::CredentialsInvalid
        | Reason::InvalidSpec
        | Reason::ImmutableField
        | Reason::Held
        | Reason::Expired
        | Reason::Rejected => "Stalled",
    }
}

fn reasons() -> String {
    let row = |(reason, advice): &(Reason, &str)| {
        vec![code(&reason.to_string()), shown_as(*reason).to_owned(), (*advice).to_owned()]
    };
    table(&["reason", "condition", "meaning, or what to do"], Reason::ALL.iter().map(row))
}

// ---------------------------------------------------------------------------------------------------------------
// The catalogue

fn fate(kind: &dyn Kind) -> &'static str {
    match kind.deletion() {
        Deletion::Delete => "delete",
        Deletion::Retain => "retain",
    }
}

fn deletion() -> String {
    table(&["kind", "default"], kinds::all().iter().map(|kind| vec![kind.name().to_owned(), code(fate(*kind))]))
}

fn kind_table() -> String {
    let row = |kind: &&dyn Kind| {
        let definition = kind.definition();
        let schema = definition.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        let short = definition.spec.names.short_names.unwrap_or_default();
        vec![
            code(kind.name()),
            short.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
            schema.description.clone().unwrap(),
            code(fate(*kind)),
        ]
    };
    table(&["kind", "short", "what it is", "on deletion"], kinds::all().iter().map(row))
}

/// Every operation of every part that the examples of a kind have, in the order of a part's life.
fn operations() -> String {
    let given = Given { org_id: "org".to_owned(), project_id: Some("project".to_owned()), ..Given::default() };
    let mut rows = Vec::new();
    for kind in kinds::all() {
        let mut seen = BTreeSet::new();
        for example in kind.examples() {
            let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(example.manifest).unwrap();
            let spec = RawValue::from_string(documents.last().unwrap()["spec"].to_string()).unwrap();
            for part in kind.read(&spec).unwrap().parts(&given).unwrap() {
                if seen.insert((part.name, part.route.read.template)) {
                    rows.extend(of_route(part.route).into_iter().map(|(method, endpoint)| {
                        let operation = format!("{method} {}", endpoint.template);
                        vec![
                            kind.name().to_owned(),
                            part.name.to_owned(),
                            code(&operation),
                            endpoint.version.to_owned(),
                        ]
                    }));
                }
            }
        }
    }
    table(&["kind", "part", "operation", "version"], rows)
}

fn of_route(route: &Route) -> Vec<(Method, Endpoint)> {
    let mut operations = vec![(Method::GET, route.read)];
    operations.extend(route.find.map(|find| (Method::GET, find)));
    if let Create::Post(create) = route.create {
        operations.push((Method::POST, create));
    }
    let update = match route.shape {
        Shape::Document => Method::PATCH,
        Shape::Entries { .. } => Method::POST,
    };
    operations.push((update, route.update));
    if let Delete::Delete(delete) = route.delete {
        operations.push((Method::DELETE, delete));
    }
    operations
}

// ---------------------------------------------------------------------------------------------------------------
// The program

fn flags() -> String {
    let command = cli::command();
    let run = command.find_subcommand("run").unwrap();
    let row = |flag: &clap::Arg| {
        let defaults: Vec<_> = flag.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let words: Vec<_> = flag.get_possible_values().iter().map(|word| code(word.get_name())).collect();
        let mut help = flag.get_help().unwrap().to_string();
        if !words.is_empty() {
            help = format!("{help}: {}", words.join(" or "));
        }
        vec![
            code(&format!("--{}", flag.get_long().unwrap())),
            code(&flag.get_env().unwrap().to_string_lossy()),
            defaults.iter().map(|value| code(value)).collect::<Vec<_>>().join(", "),
            help,
        ]
    };
    table(&["flag", "variable", "default", "meaning"], run.get_arguments().map(row))
}

/// One sample of everything that is counted, so that everything is exposed.
fn metrics() -> String {
    let metrics = Metrics::default();
    metrics.reconciled("AtlasProject", "settled");
    metrics.token(TokenSeen::Granted);
    let seen =
        RequestSeen { method: &Method::GET, template: "/groups", status: Some(200), duration: Duration::from_secs(1) };
    metrics.request(&seen);
    let text = metrics.expose();
    let mut rows = Vec::new();
    for (name, help) in text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' ')) {
        let type_ = text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        let suffix = if type_ == "counter" { "_total" } else { "" };
        let sample = text.lines().find(|line| line.starts_with(&format!("{name}{suffix}{{"))).unwrap_or_default();
        let labels = sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let labels: Vec<_> = labels.split(',').filter_map(|label| label.split_once('=')).collect();
        rows.push(vec![
            code(&format!("{name}{suffix}")),
            type_.to_owned(),
            labels.iter().map(|(label, _)| code(label)).collect::<Vec<_>>().join(", "),
            help.to_owned(),
        ]);
    }
    table(&["metric", "type", "labels", "what it counts"], rows)
}

// ---------------------------------------------------------------------------------------------------------------

/// Puts the parts into a text, each between its markers; answers which were there.
fn fill(text: &str, parts: &[(&'static str, String)]) -> (String, Vec<&'static str>) {
    let (mut filled, mut used) = (text.to_owned(), Vec::new());
    for (name, part) in parts {
        let marker = format!("<!-- generated: {name} -->\n");
        if let Some(start) = filled.find(&marker).map(|start| start + marker.len()) {
            let end = start + filled[start..].find(END).unwrap_or_else(|| panic!("{name} does not end"));
            // A table needs an empty line before it, or it is taken for a part of the comment.
            filled.replace_range(start..end, &format!("\n{part}\n"));
            used.push(*name);
        }
    }
    (filled, used)
}

#[test]
fn what_is_generated_is_current() {
    let parts = parts();
    let update = std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1");
    let (mut used, mut stale, mut markers) = (Vec::new(), Vec::new(), 0);
    for page in pages() {
        markers += page.text.matches("\n<!-- generated: ").count();
        let (filled, here) = fill(&page.text, &parts);
        used.extend(here);
        if filled != page.text {
            if update {
                std::fs::write(repository().join(&page.path), filled).unwrap();
            } else {
                stale.push(page.path);
            }
        }
    }
    used.sort_unstable();
    let mut names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(
        (used, markers),
        (names.clone(), names.len()),
        "each part stands in one place, and each marker is known"
    );
    assert!(
        stale.is_empty(),
        "{stale:?} are stale: run `UPDATE_DOCS=1 cargo test -p atlas-operator --test it docs::generated`"
    );
}

#[test]
fn a_part_replaces_what_stood_between_its_markers_and_nothing_else() {
    let parts = [("a", "new\n".to_owned()), ("b", "no\n".to_owned())];
    let (filled, used) = fill("x\n<!-- generated: a -->\nold\n<!-- end -->\ny\n", &parts);
    assert_eq!(
        (filled.as_str(), used.as_slice()),
        ("x\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\ny\n", &["a"][..])
    );
    assert_eq!(fill(&filled, &parts).0, filled, "a current page stays as it is");
}
