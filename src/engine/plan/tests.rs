//! Every word of the vocabulary, planned from what is seen to what is wanted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use serde_json::json;

use super::*;
use crate::{
    engine::predict::whole,
    kind::{Add, Alter, Delete, Entries, Field, Intent, Passage, Policy, Upgrade, Way},
};

mod order;

const VERSION: &str = "2024-01-01";
const LIST: Endpoint = Endpoint::new("/list", VERSION);
const ENTRY: Endpoint = Endpoint::new("/list/{entry}", VERSION);

fn key(entry: &Value) -> String {
    entry["key"].as_str().unwrap_or_default().to_owned()
}

fn scene(part: Part, observed: Observed) -> Scene {
    let id = observed.document().map_or_else(|| "1".to_owned(), |document| part.identity(document));
    Scene {
        wanted: Wanted::Present,
        observed: BTreeMap::from([(part.name, observed)]),
        parts: vec![part],
        slots: Slots::new(),
        memory: Memory { id: Some(id), ..Memory::default() },
        adopt: Adopt::Identical,
        secrets: BTreeMap::new(),
        stale: Vec::new(),
        issuance: None,
        now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000),
    }
}

/// The calls of a whole plan, one a line, with what is waited for between them.
fn told(scene: Scene) -> Vec<String> {
    let line = |step: Step| match step {
        Step::Send(sending) => {
            let body = sending.call.body.map(|body| format!(" {}", body.json())).unwrap_or_default();
            format!("{} {}{body}", sending.call.method, sending.call.path)
        }
        Step::Wait { state, .. } => state,
        Step::Rest { .. } => "rest".to_owned(),
        Step::Refuse(refusal) => format!("{:?} {}", refusal.cause, refusal.path),
        Step::Done => "done".to_owned(),
    };
    whole(scene).unwrap().into_iter().map(line).collect()
}

fn list(entries: &'static Entries, delete: Delete) -> &'static Route {
    Box::leak(Box::new(Route { delete, ..Route::entries("/list", "/list/{entry}", VERSION, entries) }))
}

fn entries(add: Add, alter: Alter) -> &'static Entries {
    Box::leak(Box::new(Entries { key, of: None, add, alter }))
}

fn query(key: &str) -> Vec<(&'static str, String)> {
    vec![("key", key.to_owned())]
}

/// A list in which `a` is to change, `b` is lacking, `ours` left the spec, and `theirs` is somebody else's.
fn mixed(entries: &'static Entries, delete: Delete) -> Scene {
    let desired = json!([{"key": "a", "value": 2}, {"key": "b", "value": 1}]);
    let seen = json!([
        {"key": "a", "value": 1, "more": 0}, {"key": "ours", "value": 1}, {"key": "theirs", "value": 1}
    ]);
    let mut scene = scene(Part::new("list", list(entries, delete), desired), Observed::Present(seen));
    scene.memory.entries.insert("list".to_owned(), vec!["a".to_owned(), "b".to_owned(), "ours".to_owned()]);
    scene
}

#[test]
fn a_list_that_takes_all_together_gets_one_post_and_a_delete_for_each_that_left() {
    assert_eq!(
        told(mixed(entries(Add::Together(LIST), Alter::Again), Delete::Delete(ENTRY))),
        [r#"POST /list [{"key":"a","value":2},{"key":"b","value":1}]"#, "DELETE /list/ours",]
    );
    assert_eq!(
        told(mixed(entries(Add::Wrapped(LIST, "all"), Alter::Again), Delete::Delete(ENTRY)))[0],
        r#"POST /list {"all":[{"key":"a","value":2},{"key":"b","value":1}]}"#
    );
}

#[test]
fn an_entry_that_can_be_patched_is_sent_only_what_changes() {
    assert_eq!(
        told(mixed(entries(Add::Together(LIST), Alter::Patch(ENTRY)), Delete::Delete(ENTRY))),
        [r#"PATCH /list/a {"value":2}"#, r#"POST /list [{"key":"b","value":1}]"#, "DELETE /list/ours"]
    );
}

#[test]
fn entries_that_are_always_there_are_patched_whether_they_are_shown_or_not() {
    assert_eq!(
        told(mixed(entries(Add::Never, Alter::Patch(ENTRY)), Delete::Delete(ENTRY))),
        [r#"PATCH /list/a {"value":2}"#, r#"PATCH /list/b {"value":1}"#, "DELETE /list/ours"]
    );
}

#[test]
fn an_entry_that_cannot_be_changed_is_deleted_and_added() {
    assert_eq!(
        told(mixed(entries(Add::Singly(LIST), Alter::Replace), Delete::Selected(LIST, query))),
        ["DELETE /list", r#"POST /list {"key":"a","value":2}"#, r#"POST /list {"key":"b","value":1}"#, "DELETE /list",]
    );
    let step = next(&mixed(entries(Add::Singly(LIST), Alter::Replace), Delete::Selected(LIST, query))).unwrap();
    let Step::Send(sending) = step else { panic!("{step:?}") };
    assert_eq!(sending.call.to_string(), "DELETE /list?key=a");
}

#[test]
fn a_list_that_is_only_emptied_whole_is_filled_again_unless_others_have_entries_in_it() {
    let both = r#"POST /list [{"key":"a","value":2},{"key":"b","value":1}]"#;
    let mut scene = mixed(entries(Add::Together(LIST), Alter::Again), Delete::All(LIST));
    assert_eq!(told(scene.clone()), [both, "Held spec.list"]);
    let Step::Refuse(refusal) = whole(scene.clone()).unwrap().pop().unwrap() else { panic!("it is not refused") };
    assert!(refusal.message.contains("what others made there: theirs."), "{}", refusal.message);
    assert!(refusal.message.contains("put ours back"), "{}", refusal.message);

    let mut exclusive = scene.clone();
    exclusive.parts[0].exclusive = true;
    assert_eq!(told(exclusive), [both, "DELETE /list", both], "there are no others in a list that is whole");

    let seen = json!([{"key": "a", "value": 1}, {"key": "ours", "value": 1}]);
    scene.observed.insert("list", Observed::Present(seen));
    assert_eq!(told(scene), [both, "DELETE /list", both]);
}

#[test]
fn an_exclusive_list_loses_what_others_put_there_and_is_not_adopted_with_it() {
    let mut scene = mixed(entries(Add::Together(LIST), Alter::Again), Delete::Delete(ENTRY));
    scene.parts[0].exclusive = true;
    assert_eq!(told(scene.clone())[1..], ["DELETE /list/ours", "DELETE /list/theirs"]);
    let paths: Vec<_> = scene.differences().into_iter().map(|change| change.path).collect();
    assert_eq!(paths, ["[a].value", "[b].key", "[b].value", "[ours]", "[theirs]"]);
}

// ---------------------------------------------------------------------------------------------------------------

static SMALL: Route = Route { state: Some("state"), ..Route::document("/small", "/small/{name}", VERSION) };

static LARGE: Route = Route {
    state: Some("state"),
    fields: &[
        Field { path: "paused", policy: Policy::Alone },
        Field { path: "size", policy: Policy::Guarded(only_up) },
        Field {
            path: "pin",
            policy: Policy::Verb {
                set: Endpoint::new("/large/{name}:pin", VERSION),
                clear: Endpoint::new("/large/{name}:unpin", VERSION),
                body: until,
                is_late: |desired, _| desired["pin"].is_null(),
            },
        },
    ],
    guard: Some(guard),
    passage: Some(Passage { others: &[&SMALL], upgrades: &[], way }),
    announces: Some(announces),
    ..Route::document("/large", "/large/{name}", VERSION)
};

/// As the one above, where what holds a change is always lifted.
static LIFTED: Route = Route {
    state: Some("state"),
    fields: &[Field { path: "paused", policy: Policy::Alone }],
    guard: Some(|intent, _, observed| guard(intent, &json!({"lift": true}), observed)),
    ..Route::document("/large", "/large/{name}", VERSION)
};

fn only_up(before: &Value, after: &Value) -> Option<String> {
    (before.as_i64() > after.as_i64()).then(|| "It only grows.".to_owned())
}

fn until(wanted: &Value) -> Value {
    json!({ "until": wanted })
}

fn announces(desired: &Value, _: &Value) -> Vec<String> {
    desired["size"].as_i64().map(|size| format!("It grows to {size}.")).into_iter().collect()
}

fn guard(intent: Intent, desired: &Value, observed: &Value) -> Option<Hold> {
    let hold = |lift: Value| {
        let lift = (desired["lift"] == true).then_some(lift);
        Some(Hold { path: "spec.lift", message: "It is held.".to_owned(), lift })
    };
    match intent {
        Intent::Update if observed["paused"] == true => hold(json!({"paused": false})),
        Intent::Delete if observed["protected"] == true => hold(json!({"protected": false})),
        Intent::Update | Intent::Delete => None,
    }
}

fn way(desired: &Value, observed: &Value) -> Way {
    match observed["form"].as_str() {
        Some("small") => Way::Upgrade(Box::new(Upgrade {
            endpoint: Endpoint::new("/small:upgrade", VERSION),
            body: json!({"name": "x"}),
            becomes: json!({"size": desired["size"]}),
        })),
        Some("huge") => Way::Never(Hold { path: "spec.form", message: "It only grows.".to_owned(), lift: None }),
        _ => Way::Here,
    }
}

fn large(desired: Value, observed: Observed) -> Scene {
    let slots = Slots::from([("name", "x".to_owned())]);
    scene(Part { slots, ..Part::new("thing", &LARGE, desired) }, observed)
}

#[test]
fn what_stands_elsewhere_is_upgraded_and_then_changed() {
    let elsewhere = Observed::Elsewhere(&SMALL, json!({"form": "small", "state": "IDLE"}));
    assert_eq!(
        told(large(json!({"size": 3, "tags": [1]}), elsewhere)),
        [r#"POST /small:upgrade {"name":"x"}"#, "UPDATING", r#"PATCH /large/x {"tags":[1]}"#, "UPDATING",]
    );
}

#[test]
fn a_way_that_does_not_exist_is_refused() {
    let huge = Observed::Present(json!({"form": "huge", "state": "IDLE"}));
    assert_eq!(told(large(json!({"size": 3}), huge)), ["Immutable spec.form"]);
}

#[test]
fn an_upgrade_is_not_asked_for_again_while_atlas_shows_what_was_there_before() {
    let elsewhere = Observed::Elsewhere(&SMALL, json!({"form": "small", "state": "IDLE"}));
    let mut scene = large(json!({"size": 3}), elsewhere);
    scene.memory.upgrading = Some(scene.now - SignedDuration::from_secs(20));
    assert!(matches!(next(&scene).unwrap(), Step::Wait { .. }));
    for nowhere in [Observed::Absent, Observed::Between] {
        scene.observed.insert("thing", nowhere);
        assert!(matches!(next(&scene).unwrap(), Step::Wait { .. }), "it is on its way");
    }
    scene.memory.upgrading = None;
    scene.observed.insert("thing", Observed::Absent);
    assert!(matches!(next(&scene).unwrap(), Step::Send(Sending { purpose: Purpose::Create, .. })));
}

#[test]
fn what_holds_a_change_is_lifted_where_the_spec_says_so_and_put_back_after_it() {
    let paused = || Observed::Present(json!({"size": 1, "paused": true, "state": "IDLE"}));
    assert_eq!(told(large(json!({"size": 2, "paused": true}), paused())), ["Held spec.lift"]);
    assert_eq!(
        told(large(json!({"size": 2, "paused": true, "lift": true}), paused()))[..6],
        [
            r#"PATCH /large/x {"paused":false}"#,
            "UPDATING",
            r#"PATCH /large/x {"lift":true,"size":2}"#,
            "UPDATING",
            r#"PATCH /large/x {"paused":true}"#,
            "UPDATING",
        ]
    );
}

#[test]
fn protection_is_lifted_before_a_deletion_where_the_spec_says_so() {
    let gone = |desired| {
        let seen = Observed::Present(json!({"protected": true, "state": "IDLE"}));
        let mut scene = Scene { wanted: Wanted::Gone, ..large(desired, seen) };
        scene.parts[0].at_deletion = vec![("keep", "true".to_owned())];
        scene
    };
    assert_eq!(told(gone(json!({}))), ["Held spec.lift"]);
    assert_eq!(
        told(gone(json!({"lift": true}))),
        [r#"PATCH /large/x {"protected":false}"#, "DELETE /large/x", "DELETING"],
        "Atlas deletes what it is still updating"
    );
    let mut free = gone(json!({}));
    free.observed.insert("thing", Observed::Present(json!({"state": "IDLE"})));
    let Step::Send(sending) = next(&free).unwrap() else { panic!("it is not deleted") };
    assert_eq!(sending.call.to_string(), "DELETE /large/x?keep=true");
    free.observed.insert("thing", Observed::Elsewhere(&SMALL, json!({"form": "small", "state": "IDLE"})));
    assert_eq!(told(free), ["DELETE /small/x", "DELETING"], "wherever it stands");
}

#[test]
fn a_field_with_verbs_of_its_own_is_posted_before_or_after_the_patch_and_before_the_pause() {
    let seen = |pin: Value| Observed::Present(json!({"size": 1, "pin": pin, "paused": false, "state": "IDLE"}));
    assert_eq!(
        told(large(json!({"size": 2, "pin": "2030", "paused": true}), seen(Value::Null))),
        [
            r#"POST /large/x:pin {"until":"2030"}"#,
            r#"PATCH /large/x {"size":2}"#,
            "UPDATING",
            r#"PATCH /large/x {"paused":true}"#,
            "UPDATING",
        ]
    );
    assert_eq!(
        told(large(json!({"size": 2, "pin": null, "paused": true}), seen(json!("2030")))),
        [
            r#"PATCH /large/x {"size":2}"#,
            "UPDATING",
            "POST /large/x:unpin",
            r#"PATCH /large/x {"paused":true}"#,
            "UPDATING",
        ]
    );
    assert_eq!(told(large(json!({"pin": null}), seen(json!("2030")))), ["POST /large/x:unpin"]);
    assert_eq!(told(large(json!({"pin": null}), seen(Value::Null))), Vec::<String>::new());
}

#[test]
fn what_was_set_until_a_moment_is_not_set_again_after_it() {
    let until = |moment: &str| large(json!({"pin": moment}), Observed::Present(json!({"state": "IDLE"})));
    let later = until("1970-03-01T00:00:00Z");
    assert_eq!(told(later), [r#"POST /large/x:pin {"until":"1970-03-01T00:00:00Z"}"#]);
    let over = until("1970-01-02T00:00:00Z");
    assert!(over.differences().is_empty());
    assert_eq!(told(over), Vec::<String>::new());
}

/// A paused document, and one that came with it and is to change.
fn with_child(desired: Value) -> Scene {
    static CHILD: Route = Route::singleton("/large/{name}/child", VERSION);
    let mut scene = large(desired, Observed::Present(json!({"paused": true, "state": "IDLE"})));
    let slots = scene.parts[0].slots.clone();
    scene.parts.push(Part { slots, ..Part::new("child", &CHILD, json!({"depth": 2})) });
    scene.observed.insert("child", Observed::Present(json!({"depth": 1})));
    scene
}

#[test]
fn what_holds_an_object_holds_what_came_with_it_and_is_put_back_last_of_all() {
    let held = next(&with_child(json!({"paused": true}))).unwrap();
    let Step::Refuse(refusal) = held else { panic!("{held:?}") };
    assert_eq!((refusal.path.as_str(), refusal.changes[0].path.as_str()), ("spec.lift", "child.depth"));
    let mut lifted = with_child(json!({"paused": true}));
    lifted.parts[0].route = &LIFTED;
    assert_eq!(
        told(lifted),
        [
            r#"PATCH /large/x {"paused":false}"#,
            "UPDATING",
            r#"PATCH /large/x/child {"depth":2}"#,
            r#"PATCH /large/x {"paused":true}"#,
            "UPDATING",
        ]
    );
}

#[test]
fn what_travels_alone_follows_a_creation_only_where_it_is_on() {
    let created = |paused: bool| told(large(json!({"size": 1, "paused": paused}), Observed::Absent));
    assert_eq!(created(false), [r#"POST /large {"size":1}"#, "CREATING"]);
    let paused = created(true);
    assert_eq!(paused[2..], [r#"PATCH /large/x {"paused":true}"#, "UPDATING"]);
}

#[test]
fn what_comes_last_waits_until_the_call_before_it_shows() {
    let mut scene = large(json!({"paused": true}), Observed::Present(json!({"paused": false, "state": "IDLE"})));
    scene.memory.asked = Some(scene.now - SignedDuration::from_secs(5));
    assert!(matches!(next(&scene).unwrap(), Step::Rest { .. }));
    scene.memory.asked = None;
    assert!(matches!(next(&scene).unwrap(), Step::Send(_)));
}

#[test]
fn times_that_no_operator_wrote_end_no_plan_and_hold_up_nothing() {
    for time in [Timestamp::MIN, Timestamp::MAX] {
        let document = json!({"size": 1, "paused": false, "state": "IDLE", "created": "2020-01-01T00:00:00Z"});
        let mut scene = large(json!({"size": 1, "paused": true}), Observed::Present(document));
        scene.memory.asked = Some(time);
        scene.memory.pending = Some(time);
        scene.memory.upgrading = Some(time);
        assert!(matches!(next(&scene).unwrap(), Step::Send(_) | Step::Refuse(_)), "{time}");
        assert!(!scene.is_upgrading());
    }
}

#[test]
fn a_guarded_field_is_changed_in_one_direction_only_and_what_comes_of_it_is_announced() {
    let seen = Observed::Present(json!({"size": 2, "state": "IDLE"}));
    let Step::Send(sending) = next(&large(json!({"size": 3}), seen.clone())).unwrap() else { panic!("not sent") };
    assert_eq!(sending.notes, ["It grows to 3."]);
    let Step::Refuse(refusal) = next(&large(json!({"size": 1}), seen)).unwrap() else { panic!("not refused") };
    assert_eq!((refusal.cause, refusal.path.as_str()), (Cause::Immutable, "spec.size"));
    assert!(refusal.message.ends_with("It only grows."), "{}", refusal.message);
}

#[test]
fn a_resource_that_was_just_asked_for_something_is_not_believed_to_be_settled() {
    let mut scene = large(json!({"size": 2}), Observed::Present(json!({"size": 2, "state": "IDLE"})));
    scene.memory.asked = Some(scene.now - SignedDuration::from_secs(5));
    let until = scene.now + SignedDuration::from_secs(10);
    assert_eq!(next(&scene).unwrap(), Step::Rest { until });
    scene.now = until;
    assert_eq!(next(&scene).unwrap(), Step::Done);
}
