//! The operator as platform teams meet it: installed by Helm or kustomize on an empty control plane, with the commands
//! of the documents as they stand there.
//!
//! There is no kubelet, so what runs is [`Pod`]: the container of the installed Deployment, with exactly its arguments,
//! environment and ServiceAccount.
mod egress;
mod helm;
mod kustomize;
mod namespaced;
mod olm;
mod taken_over;

use harness::{ControlPlane, ControlPlaneOptions, Pod, Simulator, repository};
use serde_json::Value;

use super::{
    super::docs::{examples::blocks_run_by, simulator},
    gitops,
    kube::Kube,
    stage::{CREDENTIALS, OPERATOR, Scenery, Stage, lines},
};

/// The tests that run commands of the documents, as `<!-- run by: NAME -->` calls them, each with the pages that it
/// follows.
pub const TESTS: [(&str, &[&str]); 6] = [
    (helm::NAME, &[INSTALL, UPGRADE, UNINSTALL, README]),
    (kustomize::NAME, &[INSTALL, UPGRADE, UNINSTALL]),
    (namespaced::NAME, &[INSTALL, RESOURCES, UPGRADE, UNINSTALL]),
    (taken_over::NAME, &[UPGRADE]),
    (gitops::NAME, &[gitops::PAGE]),
    (simulator::NAME, &[simulator::PAGE]),
];

const README: &str = "README.md";
const RESOURCES: &str = "docs/resources.md";
const INSTALL: &str = "docs/install.md";
const UPGRADE: &str = "docs/upgrade.md";
const UNINSTALL: &str = "docs/uninstall.md";

/// An empty control plane, and Atlas.
struct Site {
    control_plane: ControlPlane,
    simulator: Simulator,
}

impl Site {
    /// With one namespace for objects, and credentials in it.
    async fn open(namespace: &str) -> Self {
        let options = ControlPlaneOptions { controller_manager: true, helm: true };
        let control_plane = ControlPlane::start(options).await.unwrap();
        let simulator = Simulator::start(&Scenery::of(namespace).simulator()).await.unwrap();
        control_plane.kubectl(["create", "namespace", namespace]).run().await.unwrap();
        let site = Self { control_plane, simulator };
        site.provide_credentials(namespace).await;
        site
    }

    async fn provide_credentials(&self, namespace: &str) {
        let secret = self.simulator.organizations()[0].api_key_secret(namespace, CREDENTIALS);
        self.control_plane.apply_text(secret.to_string()).await.unwrap();
    }

    /// Starts a pod of what was installed, which finds Atlas where the simulator is.
    async fn raise(self, namespace: &str) -> Stage {
        point_at_atlas(&self.control_plane, &self.simulator).await;
        let pod = Pod::of(&self.control_plane, OPERATOR, OPERATOR).await.unwrap();
        Stage::installed(self.control_plane, self.simulator, Scenery::of(namespace), pod).await
    }
}

/// Runs what a page says.
pub async fn follow(control_plane: &ControlPlane, test: &str, page: &str) {
    for block in blocks_run_by(test, page) {
        if let Err(said) = control_plane.bash(&block.code).await {
            panic!("{}: {said}", block.place);
        }
    }
}

/// Every command of the documents is for Atlas itself; this is the only step that is not theirs.
async fn point_at_atlas(control_plane: &ControlPlane, simulator: &Simulator) {
    let variable = format!("ATLAS_OPERATOR_ATLAS_URL={}", simulator.base_url());
    let set = ["set", "env", "-n", OPERATOR, "deployment", OPERATOR, &variable];
    control_plane.kubectl(set).run().await.unwrap();
}

/// Replaces the pod by one of the Deployment as it is now.
async fn roll_out(stage: &mut Stage) -> Pod {
    let pod = Pod::of(&stage.plane().control_plane, OPERATOR, OPERATOR).await.unwrap();
    if stage.operator.is_running() {
        assert!(stage.operator.stop().await.unwrap().success());
    }
    stage.start_pod(&pod).await;
    pod
}

/// Removes the operator as a page says. The pod ends before its rights go; the other way round is as harmless, and leaves
/// denied requests in the audit log.
async fn uninstall(stage: &Stage, test: &str) {
    assert!(stage.operator.stop().await.unwrap().success());
    follow(&stage.plane().control_plane, test, UNINSTALL).await;
}

/// What must outlive the operator: each object's kind, name and uid.
async fn identities(kube: &Kube, namespace: &str) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let identity =
        |object: Value| [text(&object["kind"]), text(&object["metadata"]["name"]), text(&object["metadata"]["uid"])];
    kube.objects(namespace).await.into_iter().map(identity).collect()
}

/// The operator is gone; all objects are still there, and nothing was deleted in Atlas in all this time.
async fn expect_all_kept(stage: &Stage, namespace: &str, before: &[[String; 3]]) {
    let gone = ["get", "deployment", "-n", OPERATOR, "--ignore-not-found", "-o", "name"];
    assert_eq!(stage.plane().control_plane.kubectl(gone).run().await.unwrap(), "");
    assert_eq!(identities(&stage.kube, namespace).await, before);
    for object in stage.kube.objects(namespace).await {
        assert_ne!(object["metadata"]["finalizers"], Value::Null, "{object}");
        assert_eq!(object["metadata"]["deletionTimestamp"], Value::Null, "{object}");
    }
    let mut calls = stage.simulator.mutating_calls(0).await.unwrap();
    calls.retain(|call| call.method == "DELETE");
    assert_eq!(lines(&calls), Vec::<String>::new());
}

/// The quickstart, Ready, with its connection Secret.
async fn quickstart(stage: &Stage, namespace: &str) {
    let folder = repository().join("examples/quickstart");
    let apply = ["apply", "-n", namespace, "-f", folder.to_str().unwrap()];
    stage.plane().control_plane.kubectl(apply).run().await.unwrap();
    stage.all_ready(namespace).await;
    stage.connection_secrets(namespace).await;
}

/// Calls that change Atlas since `call`.
async fn changes(stage: &Stage, call: u64) -> Vec<String> {
    lines(&stage.simulator.mutating_calls(call).await.unwrap())
}
