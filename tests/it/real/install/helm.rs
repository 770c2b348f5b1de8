//! Both charts on an empty control plane, upgraded, removed, and installed again.
use std::path::Path;

use harness::{Operator, Pod, repository};

use super::{
    super::stage::OPERATOR, INSTALL, README, Site, UPGRADE, changes, expect_all_kept, follow, identities,
    point_at_atlas, quickstart, roll_out, uninstall,
};

pub const NAME: &str = "real::install::helm";
const NAMESPACE: &str = "shop";
/// Calls that bring the quickstart into being: a project, its access list, a cluster, a user.
const CREATIONS: usize = 4;

/// The chart of the definitions as a later release might bring it: projects have one field more.
fn next_release(folder: &Path) -> String {
    let (from, to) = (repository().join("charts/atlas-operator-crds"), folder.join("atlas-operator-crds"));
    copy(&from, &to);
    let file = to.join("templates/atlas-operator.io_atlasprojects.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, spec) = text.split_once("\n          spec:\n").unwrap();
    let fields = "\n            properties:\n";
    let spec = spec.replacen(fields, &format!("{fields}              newField: {{type: string}}\n"), 1);
    std::fs::write(&file, format!("{head}\n          spec:\n{spec}")).unwrap();
    to.to_str().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

#[tokio::test]
async fn objects_and_atlas_outlive_every_upgrade_and_the_operator_itself() {
    let site = Site::open(NAMESPACE).await;
    follow(&site.control_plane, NAME, INSTALL).await;
    let mut stage = site.raise(NAMESPACE).await;
    let standby =
        Operator::start_pod(&Pod::of(&stage.plane().control_plane, OPERATOR, OPERATOR).await.unwrap()).unwrap();
    standby.wait_ready().await.unwrap();
    quickstart(&stage, NAMESPACE).await;
    let creations = changes(&stage, 0).await;
    assert_eq!(creations.len(), CREATIONS, "{creations:?}");
    let before = identities(&stage.kube, NAMESPACE).await;
    let call = stage.simulator.latest_call().await.unwrap();

    // Definitions that have changed, and a template that has.
    let folder = tempfile::tempdir().unwrap();
    let upgrade = ["upgrade", "atlas-operator-crds", &next_release(folder.path()), "--namespace", OPERATOR];
    stage.plane().control_plane.helm(upgrade).run().await.unwrap();
    let patch = r#"{"spec":{"newField":"as a later release knows it"}}"#;
    let patch = ["patch", "atlasproject", "shop", "-n", NAMESPACE, "--type=merge", "-p", patch];
    stage.plane().control_plane.kubectl(patch).run().await.unwrap();
    follow(&stage.plane().control_plane, NAME, UPGRADE).await;
    let pod = roll_out(&mut stage).await;
    assert!(standby.stop().await.unwrap().success());
    let file = pod.arguments().iter().find_map(|argument| argument.strip_prefix("--config=")).unwrap();
    assert!(std::fs::read_to_string(file).unwrap().contains("resync: 30m"), "the setting has not arrived");
    stage.all_ready(NAMESPACE).await;
    assert_eq!(identities(&stage.kube, NAMESPACE).await, before);

    uninstall(&stage, NAME).await;
    expect_all_kept(&stage, NAMESPACE, &before).await;

    // The definitions that stayed are taken over, and so is everything in Atlas.
    follow(&stage.plane().control_plane, NAME, README).await;
    point_at_atlas(&stage.plane().control_plane, &stage.simulator).await;
    roll_out(&mut stage).await;
    stage.all_ready(NAMESPACE).await;
    assert_eq!(identities(&stage.kube, NAMESPACE).await, before);
    assert_eq!(changes(&stage, call).await, Vec::<String>::new());
    stage.end().await;
}
