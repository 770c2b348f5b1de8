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
use serde_json::{Value, value::RawValue};

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

#[test]
fn the_present_version_keeps_its_own() {
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    let release = Release::all().into_iter().find(|release| release.version == version);
    let release = release.unwrap_or_else(|| panic!("nothing is kept of {version}: run `make keep`"));
    let kinds = release.definitions().len();
    assert_eq!(kinds, kinds::all().len(), "{version} does not keep every kind: run `make keep`");
}
