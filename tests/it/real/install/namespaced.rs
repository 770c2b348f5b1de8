//! An operator of one namespace, without any right beyond it, and resources from Helm values.
use harness::service_account_user;

use super::{
    super::{
        rights,
        stage::{OPERATOR, lines},
    },
    INSTALL, RESOURCES, Site, UNINSTALL, UPGRADE, changes, follow,
};

pub const NAME: &str = "real::install::namespaced";
const NAMESPACE: &str = "shop";

#[tokio::test]
async fn it_needs_no_right_in_the_cluster_and_keeps_resources_that_helm_values_describe() {
    let site = Site::open(NAMESPACE).await;
    site.control_plane.kubectl(["create", "namespace", OPERATOR]).run().await.unwrap();
    site.provide_credentials(OPERATOR).await;
    follow(&site.control_plane, NAME, INSTALL).await;
    let cluster = ["get", "clusterrolebindings,clusterroles", "-o", "name"];
    let cluster = site.control_plane.kubectl(cluster).run().await.unwrap();
    assert!(!cluster.contains("atlas"), "{cluster}");
    for (verb, resource) in
        [("list", "namespaces"), ("list", "secrets"), ("get", "secrets"), ("list", "atlasprojects.atlas-operator.io")]
    {
        let user = format!("--as={}", service_account_user(OPERATOR, OPERATOR));
        let may = site
            .control_plane
            .kubectl(["auth", "can-i", verb, resource, "-n", "default", &user])
            .output()
            .await
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&may.stdout).trim(), "no", "{verb} {resource}");
    }
    let stage = site.raise(NAMESPACE).await;
    rights::use_everything(&stage, NAMESPACE, rights::Policies::OfObjects).await;

    // Its project names no credentials, and gets those of the operator.
    let call = stage.simulator.latest_call().await.unwrap();
    let commands = super::blocks_run_by(NAME, RESOURCES);
    let [install, upgrade, uninstall] = commands.as_slice() else { panic!("{} blocks", commands.len()) };
    let control_plane = &stage.plane().control_plane;
    control_plane.bash(&install.code).await.unwrap();
    stage.all_ready(NAMESPACE).await;
    stage.connection_secrets(NAMESPACE).await;
    rights::expect_exact(&stage).await;
    assert_eq!(changes(&stage, call).await.iter().filter(|line| line.starts_with("DELETE")).count(), 0);

    let call = stage.simulator.latest_call().await.unwrap();
    control_plane.bash(&upgrade.code).await.unwrap();
    stage.mutating_calls(call, 1).await;
    stage.all_ready(NAMESPACE).await;
    let calls = stage.simulator.mutating_calls(call).await.unwrap();
    assert!(
        matches!(lines(&calls).as_slice(), [line] if line.starts_with("PATCH ") && line.ends_with("/clusters/orders")),
        "{:?}",
        lines(&calls)
    );

    // Database users go with their objects, and what holds data stays in Atlas.
    let call = stage.simulator.latest_call().await.unwrap();
    control_plane.bash(&uninstall.code).await.unwrap();
    for (kind, name) in [("AtlasDatabaseUser", "orders-api"), ("AtlasCluster", "orders"), ("AtlasProject", "shop")] {
        stage.gone(NAMESPACE, kind, name).await;
    }
    let deleted = changes(&stage, call).await;
    assert!(matches!(deleted.as_slice(), [line] if line.ends_with("/databaseUsers/admin/orders-api")), "{deleted:?}");

    follow(control_plane, NAME, UPGRADE).await;
    follow(control_plane, NAME, UNINSTALL).await;
    stage.end().await;
}
