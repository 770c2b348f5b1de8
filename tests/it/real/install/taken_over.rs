//! Definitions that came by kubectl, or by another release, come under a release of Helm with all objects in place.
use harness::{ControlPlane, ControlPlaneOptions, repository};
use serde_json::{Value, json};

use super::{super::stage::OPERATOR, UPGRADE, follow};

pub const NAME: &str = "real::install::taken_over";
const DEFINITION: &str = "atlasprojects.atlas-operator.io";
/// The field of the definition that is another in the older one.
const DESCRIPTION: &str = "/spec/versions/0/schema/openAPIV3Schema/description";

async fn definition(control_plane: &ControlPlane) -> Value {
    control_plane.kubectl(["get", "crd", DEFINITION, "-o", "json"]).json().await.unwrap()
}

/// Whose the definition is, as Helm sees it.
async fn owner(control_plane: &ControlPlane) -> Value {
    let annotations = definition(control_plane).await["metadata"]["annotations"].take();
    json!([annotations["meta.helm.sh/release-namespace"], annotations["meta.helm.sh/release-name"]])
}

/// The definitions of `crds/`, one of them older: applied by kubectl, which holds its fields.
async fn apply_older(control_plane: &ControlPlane) {
    let folder = repository().join("crds");
    control_plane.kubectl(["apply", "--server-side", "-f", folder.to_str().unwrap()]).run().await.unwrap();
    let mut older = definition(control_plane).await;
    *older.pointer_mut(DESCRIPTION).unwrap() = json!("As it was.");
    older["metadata"] = json!({"name": DEFINITION});
    older.as_object_mut().unwrap().remove("status");
    control_plane.kubectl(["apply", "--server-side", "-f", "-"]).stdin(older.to_string()).run().await.unwrap();
}

#[tokio::test]
async fn definitions_of_kubectl_and_of_another_release_are_taken_over_with_their_objects() {
    let options = ControlPlaneOptions { helm: true, ..ControlPlaneOptions::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();
    apply_older(&control_plane).await;
    control_plane.definitions_served().await.unwrap();
    let project = json!({
        "apiVersion": "atlas-operator.io/v1", "kind": "AtlasProject",
        "metadata": {"name": "shop", "namespace": "default"}, "spec": {"name": "Shop"},
    });
    control_plane.apply_text(project.to_string()).await.unwrap();
    let uid = ["get", "atlasproject", "shop", "-n", "default", "-o", "jsonpath={.metadata.uid}"];
    let before = control_plane.kubectl(uid).run().await.unwrap();

    let chart = repository().join("charts/atlas-operator-crds");
    let install = |release: &str, namespace: &str| {
        let arguments = ["install", release, chart.to_str().unwrap(), "--namespace", namespace];
        control_plane.helm(arguments.map(str::to_owned))
    };
    let refused = install("definitions", "default").run().await.unwrap_err().to_string();
    assert!(refused.contains("invalid ownership metadata"), "{refused}");
    follow(&control_plane, NAME, UPGRADE).await;
    let ours = json!([OPERATOR, "atlas-operator-crds"]);
    assert_eq!(owner(&control_plane).await, ours);
    assert_ne!(definition(&control_plane).await.pointer(DESCRIPTION), Some(&json!("As it was.")));

    // From another release, which goes first and leaves them.
    let uninstall = ["uninstall", "atlas-operator-crds", "--namespace", OPERATOR];
    control_plane.helm(uninstall).run().await.unwrap();
    let refused = install("definitions", "default").run().await.unwrap_err().to_string();
    assert!(refused.contains("invalid ownership metadata"), "{refused}");
    follow(&control_plane, NAME, UPGRADE).await;
    assert_eq!(owner(&control_plane).await, ours);
    assert_eq!(control_plane.kubectl(uid).run().await.unwrap(), before);
}
