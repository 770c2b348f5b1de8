//! A canary in every secret input, which nobody but Atlas and the published Secret may ever see.
//!
//! The operator logs everything it and its libraries can log, and everything goes wrong once: what is written about
//! failures is where secrets are let out.
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use harness::Organization;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    examples::{self, password, project, user},
    stage::{CREDENTIALS, Scenery, Stage},
};

const NAMESPACES: [&str; 2] = ["canary-key", "canary-account"];

/// Passwords, each with characters that encodings change and with a part in the middle that none does: one that is too
/// short for Atlas, one that Atlas refuses and quotes, one that it takes, and one that replaces that.
const PASSWORDS: [&str; 4] =
    ["c4nary7", "f1rst&c4narY9Quoted/in error", "s3cond%c4narY9Taken by@atlas", "th1rd+c4narY9Newer=than?that"];

/// A text that is a secret, and every text that gives it away.
struct Secret {
    name: String,
    /// In what was written by others, letters of both cases are told apart; hexadecimal digits are not.
    exact: Vec<String>,
    hexadecimal: String,
}

impl Secret {
    fn new(name: &str, value: &str) -> Self {
        let mut exact = vec![value.to_owned(), utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()];
        exact.push(exact[1].replace("%20", "+"));
        exact.push(format!("{value:?}").trim_matches('"').to_owned());
        // The longest run of letters and digits is untouched by every escape.
        let run = value.split(|letter: char| !letter.is_ascii_alphanumeric()).max_by_key(|run| run.len()).unwrap();
        if run.len() >= 7 {
            exact.push(run.to_owned());
        }
        // Within something longer (`name:secret`), a secret stands at any of three places of base64's rhythm. The
        // first and last letters depend on what is around, the rest does not.
        for shift in 0..3 {
            let padded = [vec![0; shift], value.as_bytes().to_vec()].concat();
            for engine in [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&padded);
                let first = (shift * 8).div_ceil(6);
                let last = padded.len() * 8 / 6;
                exact.push(encoded[first..last].to_owned());
            }
        }
        let hexadecimal = value.bytes().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect();
        Self { name: name.to_owned(), exact, hexadecimal }
    }

    /// Where a text gives it away.
    fn found_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        let mut lines = text.lines();
        lines.find(|line| {
            let lower = line.to_ascii_lowercase();
            self.exact.iter().any(|form| line.contains(form.as_str())) || lower.contains(&self.hexadecimal)
        })
    }
}

fn digit(half: u8) -> char {
    char::from_digit(half.into(), 16).unwrap()
}

/// The secret halves of an organization's credentials.
fn halves(organization: &Organization, when: &str) -> [Secret; 2] {
    [
        Secret::new(&format!("the private key {when}"), &organization.private_key),
        Secret::new(&format!("the client secret {when}"), &organization.client_secret),
    ]
}

#[test]
fn every_disguise_of_a_secret_is_seen_through() {
    let secret = Secret::new("it", "s3cond%c4narY9Taken by@atlas");
    for form in [
        "s3cond%c4narY9Taken by@atlas",
        "mongodb+srv://me:s3cond%25c4narY9Taken%20by%40atlas@host",
        "client_secret=s3cond%25c4narY9Taken+by%40atlas",
        "only c4narY9Taken of it",
        "7333636f6e642563346e61725939546 16b656e2062794061746c6173",
        "7333636F6E642563346E61725939 54616B656E2062794061746C6173",
    ] {
        // A blank keeps this file itself from holding what it looks for.
        let form = if form.starts_with("73") { form.replace(' ', "") } else { form.to_owned() };
        assert!(secret.found_in(&format!("before\n{form}\nafter")).is_some(), "{form}");
    }
    for around in ["", "a:", "ab:", "abc:", "mdb_sa_id_1:"] {
        let text = format!("{around}s3cond%c4narY9Taken by@atlas");
        assert!(secret.found_in(&BASE64_STANDARD_NO_PAD.encode(&text)).is_some(), "{around}");
        assert!(secret.found_in(&BASE64_URL_SAFE_NO_PAD.encode(text + "\n")).is_some(), "{around}");
    }
    assert!(secret.found_in("s3cond c4nary 73336").is_none());
}

#[tokio::test]
async fn no_secret_is_in_a_log_an_event_a_status_or_a_metric() {
    let scenery = Scenery {
        namespaces: NAMESPACES.map(str::to_owned).to_vec(),
        organizations: 2,
        log_filter: "trace".to_owned(),
        ..Scenery::default()
    };
    let stage = Stage::shared(scenery).await;
    let mut secrets: Vec<Secret> = PASSWORDS.iter().map(|value| Secret::new("a password", value)).collect();
    for (namespace, before) in NAMESPACES.into_iter().zip(stage.simulator.organizations()) {
        secrets.extend(halves(before, "at first"));
        live(&stage, namespace, before).await;
        let after = rotated(&stage, before).await;
        secrets.extend(halves(&after, "after the rotation"));
        stage.kube.apply(namespace, &credentials(namespace, &after)).await;
        stage.all_ready(namespace).await;
        secrets.extend(kept(&stage, namespace).await);
    }

    let mut places = vec![
        ("the log".to_owned(), stage.operator.logs()),
        ("the metrics".to_owned(), stage.operator.metrics().await.unwrap()),
    ];
    for namespace in NAMESPACES {
        for kind in ["Event", "AtlasProject", "AtlasDatabaseUser", "AtlasCluster"] {
            let objects = stage.kube.list(namespace, kind).await;
            assert!(!objects.is_empty(), "no {kind} in {namespace}");
            // A line for each object, in the words of a person who reads it and in those of a machine.
            let lines: Vec<String> =
                objects.iter().flat_map(|object| [object.to_string(), format!("{object:?}")]).collect();
            places.push((format!("{kind} in {namespace}"), lines.join("\n")));
        }
        // Metadata of the published Secrets; their data is where the password belongs.
        let mut published = stage.connection_secrets(namespace).await;
        for secret in &mut published {
            secret["data"].take();
        }
        places.push((format!("the connection Secrets in {namespace}"), json!(published).to_string()));
    }
    expect_worthwhile(&places[0].1);
    for (place, text) in &places {
        for secret in &secrets {
            let found = secret.found_in(text).map(|line| line.chars().take(600).collect::<String>());
            assert_eq!(found, None, "{} in {place}", secret.name);
        }
    }
    println!("{} secrets in no line of {} bytes of log", secrets.len(), places[0].1.len());
    stage.end().await;
}

/// What the operator made or was given and keeps: the password, and each line of the private key.
async fn kept(stage: &Stage, namespace: &str) -> Vec<Secret> {
    let secrets = stage.kube.list(namespace, "Secret").await;
    let text = |name: &str, key: &str| {
        let secret = secrets.iter().find(|secret| secret["metadata"]["name"] == name);
        let secret = secret.unwrap_or_else(|| panic!("there is no Secret {name}"));
        let bytes = BASE64_STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let key = text("worker-certificate", "tls.key");
    // A short line could stand anywhere.
    let lines = key.lines().filter(|line| !line.starts_with('-') && line.len() > 40);
    let mut kept: Vec<Secret> = lines.map(|line| Secret::new("a private key", line)).collect();
    assert!(!kept.is_empty(), "no line of the key is long");
    kept.push(Secret::new("a made password", &text("made-generated-password", "password")));
    kept
}

/// The log holds what the libraries below the operator say at their most talkative.
fn expect_worthwhile(log: &str) {
    for part in ["TRACE", "hyper", "kube_client", "atlas_operator::atlas"] {
        assert!(log.contains(part), "nothing of {part} was logged");
    }
}

/// Digest in the first namespace, a service account in the second.
fn credentials(namespace: &str, organization: &Organization) -> Value {
    if namespace == NAMESPACES[0] {
        organization.api_key_secret(namespace, CREDENTIALS)
    } else {
        organization.service_account_secret(namespace, CREDENTIALS)
    }
}

/// Every secret is used and goes wrong.
async fn live(stage: &Stage, namespace: &str, organization: &Organization) {
    let [short, quoted, taken, newer] = PASSWORDS;
    // Half of one kind of credential and half of the other.
    let mixed = json!({"orgId": organization.id, "privateApiKey": organization.private_key, "clientSecret": organization.client_secret});
    stage.kube.apply(namespace, &examples::secret(CREDENTIALS, &mixed)).await;
    stage.kube.apply(namespace, &project("shop", "Shop")).await;
    stage.reason(namespace, "AtlasProject", "shop", "CredentialsInvalid").await;
    stage.kube.delete(namespace, "Secret", CREDENTIALS).await;
    stage.kube.apply(namespace, &credentials(namespace, organization)).await;
    stage.kube.apply(namespace, &examples::cluster("orders")).await;
    stage.all_ready(namespace).await;

    stage.kube.apply(namespace, &password("password", short)).await;
    stage.kube.apply(namespace, &user("orders-api")).await;
    stage.reason(namespace, "AtlasDatabaseUser", "orders-api", "SecretInvalid").await;
    let detail = format!("The password {quoted} is too common.");
    let error = json!({"status": 400, "errorCode": "COMMON_PASSWORD", "detail": detail, "parameters": [quoted]});
    let fault = json!({"operation": "POST /groups/{groupId}/databaseUsers", "error": error, "times": -1});
    stage.simulator.add_fault(&fault).await.unwrap();
    stage.kube.apply(namespace, &password("password", quoted)).await;
    stage.reason(namespace, "AtlasDatabaseUser", "orders-api", "Rejected").await;
    stage.simulator.clear_faults().await.unwrap();
    stage.kube.apply(namespace, &password("password", taken)).await;
    stage.all_ready(namespace).await;
    stage.connection_secrets(namespace).await;

    // A password that is made, shown to applications by a template, and a certificate whose first answer is cut off.
    let fault = json!({"operation": "POST /groups/*/databaseUsers/*/certs", "kind": "truncated-json", "when": "after"});
    stage.simulator.add_fault(&fault).await.unwrap();
    let mut made = user("made");
    made["spec"].as_object_mut().unwrap().remove("passwordSecretRef");
    let mut worker = made.clone();
    made["spec"]["connectionSecret"] = json!({"template": {"login": "$(username):$(password)", "url": "$(uri)"}});
    worker["metadata"]["name"] = json!("worker");
    worker["spec"]["username"] = json!("worker");
    worker["spec"]["x509Type"] = json!("MANAGED");
    for user in [made, worker] {
        stage.kube.apply(namespace, &user).await;
    }
    stage.all_ready(namespace).await;

    // The answer to the change of a password is cut off in the middle.
    let fault =
        json!({"operation": "PATCH /groups/{groupId}/databaseUsers/*", "kind": "truncated-json", "when": "after"});
    stage.simulator.add_fault(&fault).await.unwrap();
    let since = stage.simulator.latest_call().await.unwrap();
    stage.kube.apply(namespace, &password("password", newer)).await;
    stage.mutating_calls(since, 1).await;
    stage.all_ready(namespace).await;
}

/// Replaces an organization's keys, and waits until the operator was refused with the old ones.
async fn rotated(stage: &Stage, before: &Organization) -> Organization {
    let namespace = NAMESPACES[usize::from(before.id != stage.organization().id)];
    stage.simulator.settings(&json!({"rotateKeys": before.id})).await.unwrap();
    stage.kube.merge(namespace, "AtlasProject", "shop", &json!({"spec": {"tags": [{"key": "a", "value": "b"}]}})).await;
    stage.until(namespace, "AtlasProject", "shop", "Stalled", "CredentialsRejected").await;
    let current = stage.simulator.credentials().await.unwrap();
    current.into_iter().find(|organization| organization.id == before.id).unwrap()
}
