//! What the API server says to what Helm renders.
use harness::{ControlPlane, ControlPlaneOptions, repository};
use serde_json::{Value, json};

use super::{OPERATOR, documents, folder, matrix, names, of_kind, pages, template_as};

/// Definitions of the Prometheus operator's kinds, with as much schema as the API server wants: what their fields may be
/// is not checked here.
fn monitoring() -> String {
    let definition = |kind: &str| {
        let (singular, plural) = (kind.to_lowercase(), format!("{}s", kind.to_lowercase()));
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.monitoring.coreos.com")},
            "spec": {
                "group": "monitoring.coreos.com",
                "scope": "Namespaced",
                "names": {"kind": kind, "singular": singular, "plural": plural},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": open}}],
            },
        })
        .to_string()
    };
    ["ServiceMonitor", "PrometheusRule"].map(definition).join("\n---\n")
}

/// The API server would take the objects, and has no warning about any.
async fn expect_taken(control_plane: &ControlPlane, objects: &[Value], about: &str) {
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    let apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"];
    let output = control_plane.kubectl(apply).stdin(text.join("\n---\n")).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{about}: {said}");
}

#[tokio::test]
async fn the_api_server_takes_every_object_without_a_complaint() {
    let control_plane =
        ControlPlane::start(ControlPlaneOptions { helm: true, ..ControlPlaneOptions::default() }).await.unwrap();
    for namespace in [OPERATOR, "shop", "billing", "secrets", names::NAMESPACE] {
        control_plane.kubectl(["create", "namespace", namespace]).run().await.unwrap();
    }
    control_plane.apply_text(monitoring()).await.unwrap();
    control_plane.install_crds(&repository().join("crds")).await.unwrap();
    control_plane.definitions_served().await.unwrap();
    let resources = std::fs::read_to_string(repository().join("charts/atlas-resources/examples/shop.yaml")).unwrap();
    let mut cases: Vec<(&str, &str, &str, Value)> =
        matrix().into_iter().map(|(about, values)| (OPERATOR, about, OPERATOR, values)).collect();
    cases.push(("atlas-operator-crds", "definitions", OPERATOR, json!({})));
    cases.push(("atlas-resources", "resources", OPERATOR, documents(&resources).remove(0)));
    let everything = matrix().remove(1).1;
    for release in names::releases() {
        let mut values = everything.clone();
        values.as_object_mut().unwrap().remove("fullnameOverride");
        cases.push((OPERATOR, "a strange release", release, values));
        cases.push(("atlas-resources", "objects with strange names", release, names::resources()));
    }
    let mut taken = 0;
    for (chart, about, release, values) in cases {
        let namespace = if release == OPERATOR { OPERATOR } else { names::NAMESPACE };
        let objects = template_as(&folder(chart), release, namespace, &values).await.unwrap();
        expect_taken(&control_plane, &objects, &format!("{chart}, {about}, {release}")).await;
        taken += objects.len();
    }
    // The plain manifests with their components, as the page names them.
    let overlay = tempfile::tempdir_in(repository().join("target")).unwrap();
    let page = pages().into_iter().find(|page| page.path == "docs/install.md").unwrap();
    let block = page.blocks().into_iter().find(|block| block.code.contains("kind: Kustomization")).unwrap();
    let kustomization = block.code.replace("deploy", "../../deploy");
    std::fs::write(overlay.path().join("kustomization.yaml"), kustomization).unwrap();
    let built = control_plane.kubectl(["kustomize", overlay.path().to_str().unwrap()]).run().await.unwrap();
    let objects = documents(&built);
    for kind in ["Deployment", "NetworkPolicy", "ServiceMonitor", "PrometheusRule"] {
        assert_eq!(of_kind(&objects, kind).len(), 1, "{kind}");
    }
    assert_eq!(of_kind(&objects, "ServiceMonitor")[0]["metadata"]["labels"]["release"], "prometheus");
    expect_taken(&control_plane, &objects, "deploy/").await;
    taken += objects.len();
    println!("the API server took {taken} objects");
}
