//! What the page about GitOps shows, on a real API server with the definitions of Argo CD and of Flux; and that what
//! they apply reads back as they applied it.
//!
//! Their controllers need nodes to run on, so what they would do is done with their files instead: the API server judges
//! each as it would for them, and each chart is rendered with the values in it.
use std::{
    path::Path,
    process::{Command, Stdio},
};

use harness::{ControlPlane, ControlPlaneOptions, Tool, repository};
use serde_json::{Value, json};

use super::{
    super::{
        docs::{
            examples::is_foreign,
            page::{Page, pages},
        },
        laws::health,
    },
    examples,
    install::follow,
    kube::{Kube, documents},
};

pub const NAME: &str = "real::gitops";
pub const PAGE: &str = "docs/gitops.md";

/// What Argo CD and Flux are given, in the repository.
const APPLICATIONS: [&str; 2] = ["deploy/argo-cd/operator.yaml", "deploy/argo-cd/resources.yaml"];
const FLUX: [&str; 3] = ["deploy/flux/operator.yaml", "deploy/flux/resources.yaml", health::FLUX];

/// A control plane with the operator's definitions, and those of the tools, which the script beside their pins fetches.
async fn with_definitions() -> ControlPlane {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    control_plane.install_crds(&repository().join("crds")).await.unwrap();
    for definition in definitions() {
        control_plane.install_crds(Path::new(&definition)).await.unwrap();
    }
    for namespace in ["argocd", "flux-system"] {
        control_plane.kubectl(["create", "namespace", namespace]).run().await.unwrap();
    }
    control_plane
}

fn definitions() -> Vec<String> {
    let script = repository().join("tests/health/definitions/download");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the definitions of Argo CD and Flux cannot be had");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

#[tokio::test]
async fn argo_cd_and_flux_take_what_the_page_shows_them() {
    let control_plane = with_definitions().await;
    // As Argo CD installs it, with a setting of somebody's.
    let config_map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd", "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": {"url": "https://argocd.example.com"},
    });
    control_plane.apply_text(config_map.to_string()).await.unwrap();
    follow(&control_plane, NAME, PAGE).await;

    let get = ["get", "configmap", "argocd-cm", "-n", "argocd", "-o", "json"];
    expect_both_settings(&control_plane.kubectl(get).json().await.unwrap());
    expect_both_settings(&kustomized(&control_plane, &config_map).await);

    let get = ["get", "applications", "-n", "argocd", "-o", "json"];
    let applications = control_plane.kubectl(get).json().await.unwrap();
    let sources = applications["items"].as_array().unwrap().iter().map(|it| it["spec"]["source"].clone());
    let mut rendered = 0;
    for source in sources {
        rendered += render(&source["path"], &source["helm"]["valuesObject"]).await;
    }
    for file in FLUX {
        for document in documents(&text(file)) {
            if document["kind"] == "HelmRelease" {
                expect_helm_release(&document).await;
                rendered += render(&document["spec"]["chart"]["spec"]["chart"], &document["spec"]["values"]).await;
                continue;
            }
            let apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
            control_plane.kubectl(apply).stdin(document.to_string()).run().await.unwrap();
        }
    }
    assert_eq!(rendered, 4, "both charts, by both tools");
}

/// What is shown of other tools' kinds is a file that the test above reads.
#[test]
fn the_page_shows_no_object_of_another_tool_that_is_not_tried() {
    let mut blocks: Vec<_> = pages().iter().flat_map(Page::blocks).filter(is_foreign).collect();
    // What kustomize reads is tried where it is installed with.
    blocks.retain(|block| !block.marks.iter().any(|mark| mark == "of kustomize"));
    for block in &blocks {
        let file = block.file.as_deref();
        let tried = APPLICATIONS.iter().chain(&FLUX).chain([&health::ARGO_CD]).any(|it| file == Some(it));
        assert!(tried, "{}: {file:?}", block.place);
    }
    assert!(blocks.len() >= 5, "{}", blocks.len());
}

fn expect_both_settings(config_map: &Value) {
    let data = &config_map["data"];
    assert_eq!(data["url"], "https://argocd.example.com", "{config_map}");
    assert!(data["resource.customizations"].as_str().unwrap().contains("atlas-operator.io/*"), "{config_map}");
}

/// The same patch in a kustomization.
async fn kustomized(control_plane: &ControlPlane, config_map: &Value) -> Value {
    let folder = tempfile::tempdir().unwrap();
    // As in the manifests of Argo CD, which get their namespace when they are applied.
    let mut base = config_map.clone();
    base["metadata"].as_object_mut().unwrap().remove("namespace");
    let kustomization = json!({"resources": ["base.json"], "patches": [{"path": "patch.yaml"}]});
    for (name, content) in [
        ("kustomization.yaml", kustomization.to_string()),
        ("base.json", base.to_string()),
        ("patch.yaml", text(health::ARGO_CD)),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let built = control_plane.kubectl(["kustomize", folder.path().to_str().unwrap()]).run().await.unwrap();
    serde_saphyr::from_str(&built).unwrap()
}

/// Renders the chart at a path of the repository, if it is one, and answers how many it rendered.
async fn render(path: &Value, values: &Value) -> usize {
    let path = repository().join(path.as_str().unwrap());
    if !path.join("Chart.yaml").exists() {
        return 0;
    }
    let values = if values.is_null() { json!({}) } else { values.clone() };
    let template = ["template", "atlas-operator", path.to_str().unwrap(), "--values", "-"];
    Tool::helm(template).await.unwrap().stdin(values.to_string()).run().await.unwrap();
    1
}

/// Flux's own type of a HelmRelease knows every field of it.
async fn expect_helm_release(document: &Value) {
    let output = health::ask(&["helm-release"], &document.to_string()).await;
    assert!(output.status.success(), "{document}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn what_is_applied_reads_back_without_a_difference() {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    control_plane.install_crds(&repository().join("crds")).await.unwrap();
    let kube = Kube::connect(control_plane.kubeconfig()).await;
    let mut compared = 0;
    for (number, example) in examples::all().iter().enumerate() {
        let namespace = format!("example-{number}");
        kube.create_namespace(&namespace).await;
        for declared in documents(example.manifest).iter().filter(|object| object["kind"] != "Secret") {
            let (kind, name) = (declared["kind"].as_str().unwrap(), declared["metadata"]["name"].as_str().unwrap());
            kube.apply(&namespace, declared).await;
            let live = kube.get(&namespace, kind, name).await.unwrap();
            let difference = difference(&declared["spec"], &live["spec"], "spec");
            assert_eq!(difference, None, "{kind} ({})", example.name);
            // As one that nobody has looked at is seen from its first moment.
            assert_eq!(live["status"], json!({"observedGeneration": -1}), "{kind}");
            // What is applied again is no change: by Flux, and by Argo CD where it applies on the server's side. The first
            // time after the creation the API server stores the default of the status as well, which nobody sees.
            let applied = kube.apply(&namespace, declared).await;
            assert_eq!(applied["metadata"]["generation"], 1, "{kind}");
            let again = kube.apply(&namespace, declared).await;
            assert_eq!(again["metadata"]["resourceVersion"], applied["metadata"]["resourceVersion"], "{kind}");
            compared += 1;
        }
    }
    println!("{compared} objects read back as they were applied");
    assert!(compared > 15, "{compared}");
}

/// Where a declared object differs from the live one in the eyes of Argo CD: as a three-way merge of JSON documents
/// sees it, which overlooks fields that nobody declared and compares lists whole.
fn difference(declared: &Value, live: &Value, path: &str) -> Option<String> {
    match (declared, live) {
        (Value::Object(fields), Value::Object(_)) => {
            fields.iter().find_map(|(name, value)| difference(value, &live[name], &format!("{path}.{name}")))
        }
        _ => (declared != live).then(|| format!("{path}: {declared} is {live}")),
    }
}
