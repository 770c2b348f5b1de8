//! The table of mistakes.
use harness::Organization;
use serde_json::{Value, json};

use super::{
    super::{
        examples::{cluster, password, project, role, secret, user},
        stage::CREDENTIALS,
    },
    Case, Place, Tries,
};

/// A user with something else than usual.
fn odd_user(spec: &Value) -> Value {
    let mut user = user("orders-api");
    for (field, value) in spec.as_object().unwrap() {
        user["spec"][field] = value.clone();
    }
    user
}

async fn add_user(place: Place<'_>, spec: &Value) {
    place.apply(&password("password", "correct horse battery")).await;
    place.apply(&odd_user(spec)).await;
}

/// Names whose first 23 characters, of which Atlas makes host names, are the same.
const ALIKE: [&str; 2] = ["orders-of-the-whole-world-1", "orders-of-the-whole-world-2"];

fn nvme_cluster(region: &str) -> Value {
    let mut cluster = cluster("orders");
    cluster["spec"]["backupEnabled"] = json!(true);
    let config = &mut cluster["spec"]["replicationSpecs"][0]["regionConfigs"][0];
    config["regionName"] = json!(region);
    config["electableSpecs"]["instanceSize"] = json!("M40_NVME");
    cluster
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "missing-secret",
            make: |place| Box::pin(async move { place.apply(&user("orders-api")).await }),
            bare: false,
            shown_by: ("AtlasDatabaseUser", "orders-api"),
            stalled: false,
            reason: "SecretNotFound",
            says: &["spec.passwordSecretRef", "no Secret missing-secret/password", "Create it with the key password"],
            tries: Tries::None,
            mend: |place| Box::pin(async move { place.apply(&password("password", "correct horse battery")).await }),
        },
        Case {
            name: "missing-key",
            make: |place| {
                Box::pin(async move {
                    place.apply(&password("passphrase", "correct horse battery")).await;
                    place.apply(&user("orders-api")).await;
                })
            },
            bare: false,
            shown_by: ("AtlasDatabaseUser", "orders-api"),
            stalled: false,
            reason: "SecretInvalid",
            says: &["spec.passwordSecretRef", "no key password", "Add it, or name another key"],
            tries: Tries::None,
            mend: |place| {
                Box::pin(async move {
                    let reference = json!({"passwordSecretRef": {"name": "password", "key": "passphrase"}});
                    place.merge("AtlasDatabaseUser", "orders-api", &reference).await;
                })
            },
        },
        Case {
            name: "missing-credentials",
            make: |place| Box::pin(async move { place.apply(&place.project()).await }),
            bare: true,
            shown_by: ("AtlasProject", "shop"),
            stalled: false,
            reason: "CredentialsNotFound",
            says: &[
                "no Secret missing-credentials/atlas-credentials",
                "Create it with the keys orgId and publicApiKey",
            ],
            tries: Tries::None,
            mend: |place| Box::pin(async move { place.credentials().await }),
        },
        Case {
            name: "misspelt-credentials",
            make: |place| {
                Box::pin(async move {
                    let keys = json!({"orgId": place.organization.id, "publicApiKey": "abcdefgh", "privateKey": "x"});
                    place.apply(&secret(CREDENTIALS, &keys)).await;
                    place.apply(&place.project()).await;
                })
            },
            bare: true,
            shown_by: ("AtlasProject", "shop"),
            stalled: true,
            reason: "CredentialsInvalid",
            says: &[
                "Secret misspelt-credentials/atlas-credentials",
                "the key privateApiKey is missing",
                "it has privateKey",
            ],
            tries: Tries::None,
            mend: |place| {
                Box::pin(async move {
                    place.stage.kube.delete(place.namespace, "Secret", CREDENTIALS).await;
                    place.credentials().await;
                })
            },
        },
        Case {
            name: "wrong-key",
            make: |place| {
                Box::pin(async move {
                    let wrong = Organization {
                        private_key: "00000000-0000-0000-0000-000000000000".to_owned(),
                        ..place.organization.clone()
                    };
                    place.stage.provide_credentials(place.namespace, &wrong).await;
                    place.apply(&place.project()).await;
                })
            },
            bare: true,
            shown_by: ("AtlasProject", "shop"),
            stalled: true,
            reason: "CredentialsRejected",
            says: &["the credential is not accepted", "Put a valid key in Secret wrong-key/atlas-credentials"],
            tries: Tries::Few,
            mend: |place| Box::pin(async move { place.credentials().await }),
        },
        Case {
            name: "no-project",
            make: |place| {
                Box::pin(async move {
                    place.credentials().await;
                    place.apply(&cluster("orders")).await;
                })
            },
            bare: true,
            shown_by: ("AtlasCluster", "orders"),
            stalled: false,
            reason: "DependencyNotFound",
            says: &["spec.projectRef", "no AtlasProject no-project/shop", "Create it, or mend the reference"],
            tries: Tries::None,
            mend: |place| Box::pin(async move { place.apply(&place.project()).await }),
        },
        Case {
            name: "colliding-name",
            make: |place| {
                Box::pin(async move {
                    place.apply(&cluster(ALIKE[0])).await;
                    place.stage.reason(place.namespace, "AtlasCluster", ALIKE[0], "Synced").await;
                    place.apply(&cluster(ALIKE[1])).await;
                })
            },
            bare: false,
            shown_by: ("AtlasCluster", ALIKE[1]),
            stalled: false,
            reason: "Blocked",
            says: &["first 23 characters", "DUPLICATE_CLUSTER_NAME_PREFIX", "goes on by itself"],
            tries: Tries::Few,
            mend: |place| {
                Box::pin(async move {
                    let (stage, namespace) = (place.stage, place.namespace);
                    stage
                        .kube
                        .annotate(namespace, "AtlasCluster", ALIKE[0], "atlas-operator.io/deletion", "delete")
                        .await;
                    stage.kube.delete(namespace, "AtlasCluster", ALIKE[0]).await;
                })
            },
        },
        Case {
            name: "no-such-role",
            make: |place| {
                Box::pin(async move {
                    add_user(place, &json!({"roles": [{"roleName": "support", "databaseName": "admin"}]})).await;
                })
            },
            bare: false,
            shown_by: ("AtlasDatabaseUser", "orders-api"),
            stalled: false,
            reason: "Blocked",
            says: &["support", "ATLAS_INVALID_ROLE", "goes on by itself"],
            tries: Tries::Few,
            mend: |place| Box::pin(async move { place.apply(&role("support")).await }),
        },
        Case {
            name: "expired-date",
            make: |place| {
                Box::pin(async move { add_user(place, &json!({"deleteAfterDate": "2020-01-31T12:00:00Z"})).await })
            },
            bare: false,
            shown_by: ("AtlasDatabaseUser", "orders-api"),
            stalled: true,
            reason: "Expired",
            says: &["2020-01-31T12:00:00Z", "Set a later time, or delete it"],
            tries: Tries::Few,
            mend: |place| {
                Box::pin(async move {
                    // Within the week that Atlas allows, by its own clock, and finer than Atlas keeps it.
                    let date = place.stage.simulator.clock().await.unwrap() + jiff::SignedDuration::from_hours(3 * 24);
                    let date = json!({"deleteAfterDate": date.to_string()});
                    place.merge("AtlasDatabaseUser", "orders-api", &date).await;
                })
            },
        },
        Case {
            name: "unknown-scope",
            make: |place| {
                Box::pin(
                    async move { add_user(place, &json!({"scopes": [{"name": "orders", "type": "CLUSTER"}]})).await },
                )
            },
            bare: false,
            shown_by: ("AtlasDatabaseUser", "orders-api"),
            stalled: false,
            reason: "Blocked",
            says: &["orders", "ATLAS_SCOPE_CLUSTER_NOT_FOUND", "goes on by itself"],
            tries: Tries::Few,
            mend: |place| Box::pin(async move { place.apply(&cluster("orders")).await }),
        },
        Case {
            name: "quota",
            make: |place| {
                Box::pin(async move {
                    let detail = "Maximum number of groups per organization (250) exceeded while trying to add group.";
                    let error = json!({"status": 400, "errorCode": "MAX_GROUPS_PER_ORG_EXCEEDED", "detail": detail});
                    let fault = json!({"operation": "POST /groups", "error": error, "times": -1});
                    place.stage.simulator.add_fault(&fault).await.unwrap();
                    place.apply(&project("another", "Another")).await;
                })
            },
            bare: false,
            shown_by: ("AtlasProject", "another"),
            stalled: false,
            reason: "Blocked",
            says: &["Maximum number of groups", "MAX_GROUPS_PER_ORG_EXCEEDED", "goes on by itself"],
            tries: Tries::Few,
            mend: |place| Box::pin(async move { place.stage.simulator.clear_faults().await.unwrap() }),
        },
        Case {
            name: "size-not-offered",
            make: |place| Box::pin(async move { place.apply(&nvme_cluster("IL_CENTRAL_1")).await }),
            bare: false,
            shown_by: ("AtlasCluster", "orders"),
            stalled: true,
            reason: "Rejected",
            says: &["M40_NVME", "IL_CENTRAL_1", "Fix the spec"],
            tries: Tries::Few,
            mend: |place| {
                Box::pin(async move {
                    let mended = nvme_cluster("EU_WEST_1")["spec"]["replicationSpecs"].clone();
                    place.merge("AtlasCluster", "orders", &json!({"replicationSpecs": mended})).await;
                })
            },
        },
    ]
}
