//! What becomes of the objects of a namespace that is deleted, and takes the credentials with it.
use harness::eventually;
use serde_json::json;

use super::{
    examples,
    stage::{PATIENCE, Scenery, Stage, lines},
};

/// A project, a cluster that stays, and a user and a role that go with their objects.
async fn furnish(stage: &Stage, namespace: &str, project: &str) {
    stage.provide_credentials(namespace, stage.organization()).await;
    stage.kube.apply(namespace, &examples::password("password", "correct horse battery")).await;
    let objects = [
        examples::project("shop", project),
        examples::cluster("orders"),
        examples::user("orders-api"),
        examples::role("support"),
    ];
    for object in objects {
        stage.kube.apply(namespace, &object).await;
    }
    stage.all_ready(namespace).await;
}

async fn delete_namespace(stage: &Stage, namespace: &str) {
    let arguments = ["delete", "namespace", namespace, "--wait=false"];
    stage.plane().control_plane.kubectl(arguments).run().await.unwrap();
}

async fn gone(stage: &Stage, namespace: &str) {
    eventually(PATIENCE, "the namespace to be gone", || async {
        let arguments = ["get", "namespace", namespace, "--ignore-not-found", "-o", "yaml"];
        let left = stage.plane().control_plane.kubectl(arguments).run().await.unwrap();
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_namespace_goes_with_its_credentials_and_takes_from_atlas_what_it_should() {
    let namespaces = ["going", "going-unheard"];
    let scenery = Scenery { namespaces: namespaces.map(str::to_owned).to_vec(), ..Scenery::default() };
    let mut stage = Stage::alone(scenery).await;
    furnish(&stage, namespaces[0], "Going").await;
    furnish(&stage, namespaces[1], "Unheard").await;

    // The operator knew the credentials, so what goes with its object goes.
    let since = stage.simulator.latest_call().await.unwrap();
    delete_namespace(&stage, namespaces[0]).await;
    gone(&stage, namespaces[0]).await;
    let mut calls = lines(&stage.simulator.mutating_calls(since).await.unwrap());
    calls.sort();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls[0].starts_with("DELETE ") && calls[0].ends_with("/customDBRoles/roles/support"), "{calls:?}");
    assert!(calls[1].starts_with("DELETE ") && calls[1].ends_with("/databaseUsers/admin/orders-api"), "{calls:?}");

    // One that was started after they were gone does not: nobody can give them to it any more, so it lets everything go.
    stage.operator.stop().await.unwrap();
    delete_namespace(&stage, namespaces[1]).await;
    eventually(PATIENCE, "the Secrets to be gone", || async {
        let secrets = stage.kube.list(namespaces[1], "Secret").await;
        if secrets.is_empty() { Ok(()) } else { Err(json!(secrets).to_string()) }
    })
    .await
    .unwrap();
    let since = stage.simulator.latest_call().await.unwrap();
    stage.restart_operator().await;
    gone(&stage, namespaces[1]).await;
    assert_eq!(lines(&stage.simulator.mutating_calls(since).await.unwrap()), Vec::<String>::new());
    let atlas = stage.simulator.state().await.unwrap();
    assert!(atlas["groups"].to_string().contains("orders-api"), "what nobody could delete stays: {atlas}");
    // Not by `end`: what cannot be made any more in a namespace that goes would look like a right that is missing.
    assert!(stage.operator.stop().await.unwrap().success(), "{}", stage.operator.last_lines());
    assert!(!stage.operator.logs().contains("panicked at"), "{}", stage.operator.last_lines());
}
