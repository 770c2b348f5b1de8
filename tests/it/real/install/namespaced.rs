//! An operator of one namespace, without any right beyond it, and resources from Helm values.
use harness::service_account_user;
use serde_json::json;

use super::{
    super::{
        rights,
        stage::{OPERATOR, lines},
    },
    INSTALL, RESOURCES, Site, UPGRADE, blocks_run_by, changes, follow,
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

    // Their project names no credentials, and gets those of the operator.
    let commands = blocks_run_by(NAME, RESOURCES);
    let [install, upgrade, uninstall] = commands.as_slice() else { panic!("{} blocks", commands.len()) };
    let control_plane = &stage.plane().control_plane;
    control_plane.bash(&install.code).await.unwrap();
    stage.all_ready(NAMESPACE).await;
    rights::use_everything(&stage, NAMESPACE).await;

    let call = stage.simulator.latest_call().await.unwrap();
    control_plane.bash(&upgrade.code).await.unwrap();
    stage.mutating_calls(call, 1).await;
    stage.all_ready(NAMESPACE).await;
    let calls = stage.simulator.mutating_calls(call).await.unwrap();
    assert_eq!(calls.len(), 1, "{:?}", lines(&calls));
    assert_eq!(calls[0].request, json!({"tags": [{"key": "team", "value": "platform"}]}));

    // Database users go with their objects, and what holds data stays in Atlas.
    stage.kube.delete(NAMESPACE, "AtlasCustomRole", "support").await;
    stage.gone(NAMESPACE, "AtlasCustomRole", "support").await;
    let call = stage.simulator.latest_call().await.unwrap();
    control_plane.bash(&uninstall.code).await.unwrap();
    rights::all_gone(&stage, NAMESPACE).await;
    let deleted = changes(&stage, call).await;
    assert!(matches!(deleted.as_slice(), [line] if line.ends_with("/databaseUsers/admin/orders-api")), "{deleted:?}");
    rights::expect_exact(&stage).await;

    follow(control_plane, NAME, UPGRADE).await;
    super::uninstall(&stage, NAME).await;
    stage.look_back().await;
}
