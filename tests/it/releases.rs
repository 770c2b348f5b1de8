//! What each release leaves behind, and whether the next one can live with it.
//!
//! `tests/releases/VERSION/` keeps the definitions of a release in `crds/`, and in `stored/` what it wrote into
//! Kubernetes and Atlas for every example of every kind. `make keep` writes that folder for the present version, which is
//! part of making a release; until then it may be written anew, and afterwards never again.
//!
//! Here is what can be said without running anything. `real::upgrade` puts all of it on a real API server.
pub mod kept;
mod schema;

use atlas_operator::{kinds, status::Status};
use serde_json::{Value, json, value::RawValue};

use kept::Release;

/// The present definitions, as they are installed.
fn present() -> Vec<Value> {
    kinds::definitions().iter().map(|definition| serde_json::to_value(definition).unwrap()).collect()
}

#[test]
fn no_definition_takes_away_what_a_release_allowed() {
    let present = present();
    for release in Release::all() {
        let found: Vec<String> =
            release.definitions().iter().flat_map(|kept| schema::narrowed_definition(kept, &present)).collect();
        assert!(found.is_empty(), "since {}:\n{}", release.version, found.join("\n"));
    }
}

#[test]
fn what_a_release_stored_is_understood_without_loss() {
    for release in Release::all() {
        let mut understood = 0;
        for stored in release.stored() {
            for object in &stored.objects {
                let place = format!("{}, {}: {}", release.version, stored.namespace, object["kind"]);
                let kind = kinds::by_name(object["kind"].as_str().unwrap()).unwrap_or_else(|| panic!("{place}"));
                let spec = RawValue::from_string(object["spec"].to_string()).unwrap();
                kind.read(&spec).unwrap_or_else(|error| panic!("{place}: {error}"));
                let status: Status =
                    serde_json::from_value(object["status"].clone()).unwrap_or_else(|error| panic!("{place}: {error}"));
                assert_json_diff::assert_json_eq!(serde_json::to_value(status).unwrap(), object["status"]);
                understood += 1;
            }
        }
        for kind in release.definitions() {
            let kind = &kind["spec"]["names"]["kind"];
            let is_kept = |object: &Value| object["kind"] == *kind && object["status"]["observedGeneration"] == 1;
            let is_kept = release.stored().iter().any(|stored| stored.objects.iter().any(is_kept));
            assert!(is_kept, "{} keeps no object of {kind}: run `make keep`", release.version);
        }
        println!("{}: {understood} objects are understood", release.version);
    }
}

/// A field and a value of a release to come, in each place of each stored status: the ids are still there, or the object
/// says that it cannot decode them, and what this release does not know is written back.
#[test]
fn a_status_of_a_later_release_is_never_taken_for_empty() {
    let mut changed = 0;
    for release in Release::all() {
        let objects = release.stored().into_iter().flat_map(|stored| stored.objects);
        for object in objects.filter(|object| object["status"]["atlas"].is_object()) {
            let before = Status::decode(&object["status"].to_string()).common.atlas;
            assert_eq!(before.unreadable, None, "{object}");
            for pointer in places(&object["status"], "") {
                for change in [json!({"of": "later"}), json!("Later"), json!(7), json!([7])] {
                    let mut status = object["status"].clone();
                    let place = status.pointer_mut(&pointer).unwrap();
                    if change.is_object() && place.is_object() {
                        place["later"] = change;
                    } else {
                        *place = change;
                    }
                    let after = Status::decode(&status.to_string());
                    let atlas = &after.common.atlas;
                    let same = (&atlas.id, &atlas.project_id, &atlas.entries)
                        == (&before.id, &before.project_id, &before.entries);
                    // What replaces an id is an id, as far as anybody can tell.
                    let is_own =
                        pointer.starts_with("/atlas/") && status.pointer(&pointer).is_some_and(Value::is_string);
                    assert!(same || is_own || atlas.unreadable.is_some(), "{pointer}: {status}");
                    assert!(pointer.starts_with("/atlas") || atlas.unreadable.is_none(), "{pointer}: {atlas:?}");
                    let written = serde_json::to_value(&after).unwrap();
                    if status["atlas"].is_object() {
                        assert_json_diff::assert_json_eq!(written["atlas"], status["atlas"]);
                    }
                    changed += 1;
                }
            }
        }
    }
    assert!(changed > 1_000, "{changed}");
}

/// The JSON pointers of every value within.
fn places(value: &Value, at: &str) -> Vec<String> {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = members.into_iter().flat_map(|(name, value)| {
        let pointer = format!("{at}/{name}");
        let within = places(value, &pointer);
        std::iter::once(pointer).chain(within)
    });
    below.collect()
}

#[test]
fn the_present_version_keeps_its_own() {
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    let release = Release::all().into_iter().find(|release| release.version == version);
    let release = release.unwrap_or_else(|| panic!("nothing is kept of {version}: run `make keep`"));
    let kinds = release.definitions().len();
    assert_eq!(kinds, kinds::all().len(), "{version} does not keep every kind: run `make keep`");
}
