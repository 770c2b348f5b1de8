//! Names of releases, namespaces and objects that Helm takes, and Kubernetes only if the chart makes something of them.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{OPERATOR, folder, matrix, rendered, template_as};

/// A namespace that YAML would take for a number.
pub const NAMESPACE: &str = "456";

/// What Helm takes as the name of a release: numbers of YAML, dots, and as many letters as it allows.
pub fn releases() -> [&'static str; 5] {
    const LONGEST: &str = "a-release-whose-name-has-all-the-letters-that-helm-ta";
    const { assert!(LONGEST.len() == 53) };
    ["123", "1e3", "a.b.c", LONGEST, "a.release.whose.name.has.a.dot.at.the.place.of.cut.xx"]
}

/// Objects with names that YAML would take for a number, and a value that is not one.
pub fn resources() -> Value {
    json!({
        "labels": {"app.kubernetes.io/instance": "other", "team": "everything"},
        "projects": {"789": {"spec": {"name": "789"}, "labels": {"team": "project", "app.kubernetes.io/instance": "other"}}},
        "customRoles": {"0x1f": {"spec": {"roleName": "r", "actions": []}}},
    })
}

/// Whether it is a name that a Service may have (RFC 1035).
fn is_name_of_service(name: &str) -> bool {
    let inside = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    name.len() <= 63
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(inside)
}

#[tokio::test]
async fn every_name_is_a_text_and_fits() {
    let (_, mut everything) = matrix().remove(1);
    everything.as_object_mut().unwrap().remove("fullnameOverride");
    for release in releases() {
        for (chart, values) in [(OPERATOR, &everything), ("atlas-resources", &resources())] {
            let objects = template_as(&folder(chart), release, NAMESPACE, values).await.unwrap();
            assert!(objects.len() > 1, "{release}");
            for object in &objects {
                let metadata = &object["metadata"];
                assert!(metadata["name"].is_string(), "{release}: {metadata}");
                assert!(metadata["namespace"].is_null() || metadata["namespace"] == NAMESPACE, "{release}: {metadata}");
                assert_eq!(metadata["labels"]["app.kubernetes.io/instance"], release, "{metadata}");
                let name = metadata["name"].as_str().unwrap();
                assert!(object["kind"] != "Service" || is_name_of_service(name), "{release}: {name}");
                for argument in object.pointer("/spec/template/spec/containers/0/args").into_iter().flat_map(array) {
                    if let Some(lease) = argument.strip_prefix("--lease-name=") {
                        assert!(is_name_of_service(lease), "{release}: {lease}");
                    }
                }
            }
        }
    }
}

fn array(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap())
}

#[tokio::test]
async fn operators_of_different_namespaces_may_have_their_credentials_in_one() {
    let values = json!({"watchNamespaces": ["shop"], "defaultCredentials": {"name": "atlas", "namespace": "secrets"}});
    let mut seen = BTreeSet::new();
    for namespace in ["one", "two"] {
        let objects = template_as(&folder(OPERATOR), OPERATOR, namespace, &values).await.unwrap();
        let mut there = 0;
        for object in objects.iter().filter(|object| object["metadata"]["namespace"] == "secrets") {
            let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
            assert!(seen.insert(name), "{object} is there twice");
            there += 1;
        }
        assert_eq!(there, 2, "a Role and its binding");
    }
}

/// Where several say what a label is, the one that is nearest to the object has its way.
#[tokio::test]
async fn the_nearest_label_wins_and_none_changes_a_selector() {
    let objects = rendered(OPERATOR, &super::taken_names()).await;
    for object in &objects {
        let team = match object["kind"].as_str().unwrap() {
            "ServiceMonitor" => "monitor",
            "PrometheusRule" => "rule",
            "ConfigMap" if object["metadata"]["name"].as_str().unwrap().ends_with("-dashboard") => "dashboard",
            "Deployment" => {
                let labels = &object["spec"]["template"]["metadata"]["labels"];
                assert_eq!(labels["team"], "pods");
                assert_eq!(labels["app.kubernetes.io/name"], OPERATOR);
                "everything"
            }
            _ => "everything",
        };
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["team"], team, "{object}");
        assert_eq!(labels["app.kubernetes.io/instance"], OPERATOR, "{object}");
    }
    let object = template_as(&folder("atlas-resources"), OPERATOR, NAMESPACE, &resources()).await.unwrap();
    let project = object.iter().find(|object| object["kind"] == "AtlasProject").unwrap();
    assert_eq!(project["metadata"]["labels"]["team"], "project");
}
