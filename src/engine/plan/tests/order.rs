//! Documents of one object that wait for one another, and those that do not.
use super::*;
use crate::kind::Clearing;

static DISKS: Route = Route {
    after: &[Clearing {
        change: "grows",
        part: "window",
        field: "hours",
        stands: |desired, observed, hours| {
            hours.as_i64() > Some(0) && observed["grows"] == true && desired["grows"] == false
        },
        message: "Set hours: 0.",
    }],
    fields: &[
        Field { path: "size", policy: Policy::Guarded(only_up) },
        Field { path: "version", policy: Policy::Stays(stays) },
    ],
    guard: Some(guard),
    ..Route::document("/disks", "/disks", VERSION)
};
static WINDOW: Route = Route::singleton("/window", VERSION);

fn stays(desired: &Value, observed: &Value) -> Option<Hold> {
    let falls = desired["version"].as_i64() < observed["version"].as_i64();
    falls.then(|| Hold { path: "spec.version", message: "It runs a newer one.".to_owned(), lift: None })
}

/// Disks and a window: what is wanted of both, and what is seen.
fn both(wanted: (Value, Value), seen: (Value, Value)) -> Scene {
    let mut scene = scene(Part::new("disks", &DISKS, wanted.0), Observed::Present(seen.0));
    scene.parts.push(Part::new("window", &WINDOW, wanted.1));
    scene.observed.insert("window", Observed::Present(seen.1));
    scene
}

#[test]
fn a_field_is_cleared_before_the_change_that_wants_it_cleared_and_set_after_the_one_that_allows_it() {
    let (on, off) =
        (|| (json!({"grows": true}), json!({"hours": 48})), || (json!({"grows": false}), json!({"hours": 0})));
    assert_eq!(told(both(off(), on())), [r#"PATCH /window {"hours":0}"#, r#"PATCH /disks {"grows":false}"#]);
    assert_eq!(told(both(on(), off())), [r#"PATCH /disks {"grows":true}"#, r#"PATCH /window {"hours":48}"#]);
}

#[test]
fn other_changes_wait_for_nothing() {
    let tags = (json!({"grows": true, "tags": [1]}), json!({"hours": 24}));
    let seen = (json!({"grows": true, "tags": []}), json!({"hours": 48}));
    assert_eq!(told(both(tags, seen)), [r#"PATCH /disks {"tags":[1]}"#, r#"PATCH /window {"hours":24}"#]);
}

#[test]
fn a_field_that_is_to_stay_is_named_as_what_is_in_the_way() {
    for window in [json!({"hours": 48}), json!({"other": 1})] {
        let scene = both((json!({"grows": false}), window), (json!({"grows": true}), json!({"hours": 48, "other": 1})));
        let Some(Step::Refuse(refusal)) = whole(scene).unwrap().pop() else { panic!("it is sent") };
        assert_eq!(refusal.cause, Cause::Held);
        assert_eq!(refusal.message, "window.hours is 48. Set hours: 0.");
    }
    // Where nothing is known of the other document, Atlas decides.
    let mut scene = both((json!({"grows": false}), json!({})), (json!({"grows": true}), json!({"hours": 48})));
    scene.parts.pop();
    assert_eq!(told(scene), [r#"PATCH /disks {"grows":false}"#]);
}

#[test]
fn a_refused_document_lets_the_others_of_the_object_change() {
    let scene = both((json!({"size": 1}), json!({"hours": 1})), (json!({"size": 2}), json!({"hours": 2})));
    assert_eq!(told(scene), [r#"PATCH /window {"hours":1}"#, "Immutable spec.size"]);
    // What holds the object holds all of it.
    let paused = json!({"size": 1, "paused": true});
    let scene = both((json!({"size": 2}), json!({"hours": 1})), (paused, json!({"hours": 2})));
    assert_eq!(told(scene), ["Held spec.lift"]);
}

#[test]
fn a_document_that_atlas_refused_lets_the_others_of_the_object_change() {
    let mut scene = both((json!({"size": 2}), json!({"hours": 1})), (json!({"size": 1}), json!({"hours": 2})));
    scene.memory.refused.push("disks");
    assert_eq!(told(scene), [r#"PATCH /window {"hours":1}"#]);
}

#[test]
fn a_field_that_stays_holds_up_no_other_field() {
    let seen = (json!({"version": 8, "tags": []}), json!({"hours": 2}));
    let scene = both((json!({"version": 7, "tags": [1]}), json!({"hours": 1})), seen);
    assert_eq!(told(scene), [r#"PATCH /disks {"tags":[1]}"#, r#"PATCH /window {"hours":1}"#, "Held spec.version"]);
    let up = both((json!({"version": 9}), json!({})), (json!({"version": 8}), json!({})));
    assert_eq!(told(up), [r#"PATCH /disks {"version":9}"#]);
}
