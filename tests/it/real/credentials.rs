//! Whose credentials are used for what, and what becomes of those that no longer work.
use std::collections::BTreeSet;

use harness::{Call, Organization};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    examples,
    kube::condition,
    stage::{CREDENTIALS, SPEED, Scenery, Stage, lines},
};

#[tokio::test]
async fn one_operator_serves_three_organizations_each_with_its_own_credentials() {
    let namespaces = ["orgs-one", "orgs-two", "orgs-three"].map(str::to_owned).to_vec();
    let stage = Stage::shared(Scenery { namespaces: namespaces.clone(), organizations: 3, ..Scenery::default() }).await;
    let organizations = stage.simulator.organizations();
    for (number, (namespace, organization)) in namespaces.iter().zip(organizations).enumerate() {
        let secret = if number == 1 { Organization::service_account_secret } else { Organization::api_key_secret };
        stage.kube.apply(namespace, &secret(organization, namespace, CREDENTIALS)).await;
        // Names are unique in an organization, so all three can have the same.
        stage.kube.apply(namespace, &examples::project("shop", "Shop")).await;
        stage.kube.apply(namespace, &examples::role("support")).await;
    }
    for namespace in &namespaces {
        stage.all_ready(namespace).await;
    }

    let atlas = stage.simulator.state().await.unwrap();
    assert_eq!(atlas["groups"].as_object().unwrap().len(), 3, "{atlas}");
    let calls = stage.simulator.calls(0).await.unwrap();
    for (number, (namespace, organization)) in namespaces.iter().zip(organizations).enumerate() {
        let project = stage.kube.get(namespace, "AtlasProject", "shop").await.unwrap();
        let id = project["status"]["atlas"]["projectId"].as_str().unwrap();
        assert_eq!(atlas["groups"][id]["document"]["orgId"], organization.id.as_str());
        assert_eq!(project["status"]["atlas"]["orgId"], organization.id.as_str());
        let principals: BTreeSet<_> =
            calls.iter().filter(|call| call.path.contains(id)).filter_map(|call| call.principal.clone()).collect();
        let own = if number == 1 { &organization.client_id } else { &organization.public_key };
        assert_eq!(principals, BTreeSet::from([own.clone()]), "who asked about the project of {namespace}");
    }
    stage.end().await;
}

/// When the next look comes by itself after a second refusal, in seconds.
const RETRY: f64 = 30.0;

/// When a call reached Atlas, in seconds of this machine.
fn seconds(call: &Call) -> f64 {
    call.time.parse::<Timestamp>().unwrap().as_duration().as_secs_f64() / SPEED
}

#[tokio::test]
async fn a_rotated_credential_is_refused_until_its_secret_is_updated_and_then_used_at_once() {
    let kinds = [("rotate-key", false), ("rotate-account", true)];
    let namespaces = kinds.map(|(namespace, _)| namespace.to_owned()).to_vec();
    let stage = Stage::shared(Scenery { namespaces, organizations: 2, ..Scenery::default() }).await;
    for ((namespace, is_account), before) in kinds.into_iter().zip(stage.simulator.organizations()) {
        let secret = |organization: &Organization| {
            if is_account {
                organization.service_account_secret(namespace, CREDENTIALS)
            } else {
                organization.api_key_secret(namespace, CREDENTIALS)
            }
        };
        stage.kube.apply(namespace, &secret(before)).await;
        stage.kube.apply(namespace, &examples::project("shop", "Shop")).await;
        stage.all_ready(namespace).await;

        stage.simulator.settings(&json!({"rotateKeys": before.id})).await.unwrap();
        let since = stage.simulator.latest_call().await.unwrap();
        let tags = json!([{"key": "team", "value": "checkout"}]);
        stage.kube.merge(namespace, "AtlasProject", "shop", &json!({"spec": {"tags": tags}})).await;
        let refused = stalled(&stage, namespace).await;
        let message = condition(&refused, "Stalled")["message"].as_str().unwrap().to_owned();
        assert!(message.contains("401") && message.contains(CREDENTIALS), "{message}");
        assert_eq!(lines(&stage.simulator.mutating_calls(since).await.unwrap()), Vec::<String>::new());

        let after = stage.simulator.credentials().await.unwrap().into_iter().find(|it| it.id == before.id).unwrap();
        let refusal = stage.simulator.calls(0).await.unwrap().pop().unwrap();
        stage.kube.apply(namespace, &secret(&after)).await;
        stage.all_ready(namespace).await;
        let next = stage.simulator.calls(refusal.n).await.unwrap().remove(0);
        let pause = seconds(&next) - seconds(&refusal);
        println!("{namespace}: Atlas is asked {pause:.1} s after a refusal");
        assert!(pause < RETRY, "{namespace} was not woken by its Secret");
        let calls = stage.simulator.mutating_calls(since).await.unwrap();
        let edits: Vec<(&str, &Value)> = calls.iter().map(|call| (call.method.as_str(), &call.request)).collect();
        assert_eq!(edits, [("PATCH", &json!({"tags": tags}))]);
    }
    stage.end().await;
}

/// Waits until the project is given up for a person: when Atlas has refused the credentials twice.
async fn stalled(stage: &Stage, namespace: &str) -> Value {
    stage.until(namespace, "AtlasProject", "shop", "Stalled", "CredentialsRejected").await
}
