//! Law 10: no secret is said anywhere, whoever made it.
use serde_json::{Value, json};

use super::world::{World, documents, examples};

/// Law 10, for every kind: what is secret is in no Event and no status, and in Secrets only where it belongs.
#[tokio::test]
async fn secrets_are_said_nowhere() {
    const CANARY: &str = "canary/7f3a!geheim";
    let mut world = World::new().await;
    for (name, kind, example) in examples() {
        world.reset().await;
        world.provide_credentials();
        let documents = documents(example.manifest);
        for document in &documents {
            let mut document = document.clone();
            for (_, value) in document["stringData"].as_object_mut().into_iter().flatten() {
                *value = json!(CANARY);
            }
            world.apply_one(&document);
        }
        let mut operator = world.operator();
        // One failure of each sort on the way, since errors are what talks most.
        for kind in ["400", "500", "409", "truncated-json"] {
            world.simulator.add_fault(&json!({"method": "POST", "kind": kind})).await.unwrap();
        }
        world.run_for(&mut operator, Some(std::time::Duration::from_hours(3))).await;
        let said = format!("{}\n{}", world.kube.said(), operator.engine.metrics.expose());
        let private = &world.simulator.organizations()[0].private_key;
        let kept = kept_secrets(&world);
        for secret in [CANARY, private].into_iter().chain(kept.iter().map(String::as_str)) {
            let hex = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            let url: String =
                percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).collect();
            let base64 = serde_json::to_value(k8s_openapi::ByteString(secret.as_bytes().to_vec())).unwrap();
            for form in [secret, &hex, &url, base64.as_str().unwrap()] {
                assert!(!said.contains(form), "{name} ({}): {form} was said", kind.name());
            }
        }
    }
}

/// What the operator made or was given, and keeps in Secrets: passwords, and a line out of the middle of each key.
fn kept_secrets(world: &World) -> Vec<String> {
    let text = |value: &Value| {
        let bytes: k8s_openapi::ByteString = serde_json::from_value(value.clone()).unwrap();
        String::from_utf8(bytes.0).unwrap()
    };
    let secrets = world.kube.all("secrets");
    let values = secrets.iter().flat_map(|(_, secret)| secret["data"].as_object().into_iter().flatten());
    values
        .filter_map(|(key, value)| match key.as_str() {
            "password" => Some(text(value)),
            "tls.key" => text(value).lines().nth(1).map(str::to_owned),
            _ => None,
        })
        .collect()
}
