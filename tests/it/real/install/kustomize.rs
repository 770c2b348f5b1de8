//! The plain manifests of `deploy/`, for all namespaces.
use super::{super::rights, INSTALL, Site, UNINSTALL, UPGRADE, expect_all_kept, follow, identities, quickstart};

pub const NAME: &str = "real::install::kustomize";
const NAMESPACE: &str = "shop";

#[tokio::test]
async fn every_right_of_the_manifests_is_used_none_is_missing_and_objects_stay_without_them() {
    let site = Site::open(NAMESPACE).await;
    follow(&site.control_plane, NAME, INSTALL).await;
    let stage = site.raise(NAMESPACE).await;
    rights::use_everything(&stage, NAMESPACE, rights::Policies::OfNamespace).await;
    rights::expect_exact(&stage).await;

    let annotation = "atlas-operator.io/deletion-";
    let unset = ["annotate", "namespace", NAMESPACE, annotation];
    stage.plane().control_plane.kubectl(unset).run().await.unwrap();
    stage.simulator.clear_calls().await.unwrap();
    quickstart(&stage, NAMESPACE).await;
    let before = identities(&stage.kube, NAMESPACE).await;
    follow(&stage.plane().control_plane, NAME, UPGRADE).await;
    follow(&stage.plane().control_plane, NAME, UNINSTALL).await;
    assert!(stage.operator.stop().await.unwrap().success());
    expect_all_kept(&stage, NAMESPACE, &before).await;
    stage.look_back().await;
}
