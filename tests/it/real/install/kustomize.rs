//! The plain manifests of `deploy/`, for all namespaces.
use serde_json::json;

use super::{
    super::rights, INSTALL, Site, UPGRADE, expect_all_kept, follow, identities, point_at_atlas, quickstart, roll_out,
    uninstall,
};

pub const NAME: &str = "real::install::kustomize";
const NAMESPACE: &str = "shop";

#[tokio::test]
async fn every_right_of_the_manifests_is_used_none_is_missing_and_objects_stay_without_them() {
    let site = Site::open(NAMESPACE).await;
    follow(&site.control_plane, NAME, INSTALL).await;
    let mut stage = site.raise(NAMESPACE).await;
    quickstart(&stage, NAMESPACE).await;
    rights::use_everything(&stage, NAMESPACE).await;
    rights::expect_aggregated(&stage, NAMESPACE).await;

    let before = identities(&stage.kube, NAMESPACE).await;
    follow(&stage.plane().control_plane, NAME, UPGRADE).await;
    uninstall(&stage, NAME).await;
    expect_all_kept(&stage, NAMESPACE, &before).await;

    // Its namespace has to be gone before it can come again.
    let gone = ["wait", "--for=delete", "namespace/atlas-operator", "--timeout=60s"];
    stage.plane().control_plane.kubectl(gone).run().await.unwrap();
    follow(&stage.plane().control_plane, NAME, INSTALL).await;
    point_at_atlas(&stage.plane().control_plane, &stage.simulator).await;
    roll_out(&mut stage).await;
    let policy = ["annotate", "namespace", NAMESPACE, "atlas-operator.io/deletion=delete"];
    stage.plane().control_plane.kubectl(policy).run().await.unwrap();
    rights::remove_everything(&stage, NAMESPACE).await;
    assert_eq!(stage.simulator.state().await.unwrap()["groups"], json!({}), "the namespace's policy was not followed");
    rights::expect_exact(&stage).await;
    stage.end().await;
}
