//! No secret in any text, whatever happens.

use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use super::super::{Body, Call, Clients, Error};
use super::double::{Double, Gate, reply};
use super::transport::Log;
use super::{CLIENT_SECRET, PRIVATE_KEY, api_key, client, service_account, settings, write};

const PASSWORD: &str = "database-password-canary-93d0";
const ACCESS_TOKEN: &str = "access-token-canary-c1e7";

fn call_with_secret() -> Call {
    Call {
        body: Some(Body::new(json!({"username": "u"})).with_secret("/password", PASSWORD.into())),
        ..write(json!(null))
    }
}

/// Every form in which a secret could be written down.
fn forms(secret: &str) -> Vec<String> {
    let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    // Base64 of a text depends on where in it the secret begins, so the middle is looked for at all three offsets.
    let base64 = (0..3).map(|offset| {
        let encoded = BASE64_STANDARD.encode([" ".repeat(offset).as_bytes(), secret.as_bytes()].concat());
        encoded[4..encoded.len() - 4].to_owned()
    });
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex];
    forms.extend(base64);
    forms
}

/// What a server that quotes everything it was sent answers.
fn echo(seen: &super::double::Seen, status: u16) -> super::double::Reply {
    let headers = format!("{:?}", seen.headers);
    let body = String::from_utf8_lossy(&seen.body);
    reply(status, &json!({"errorCode": "INVALID_ATTRIBUTE", "detail": body, "parameters": [body, headers]}).to_string())
}

#[tokio::test]
async fn no_secret_is_in_any_text_or_log() {
    let log = Log::default();
    let guard = log.collect(tracing::Level::TRACE);
    let mut texts = String::new();
    let mut keep = |value: &dyn std::fmt::Debug| writeln!(texts, "{value:?} {value:#?}").unwrap();
    let mut sentences = String::new();
    for status in [200, 201, 400, 401, 403, 404, 409, 422, 429, 500, 503] {
        for credentials in [api_key(), service_account()] {
            let gate = Gate::new(5);
            let digest = matches!(credentials, super::Credentials::ApiKey { .. });
            let server = Double::start(move |_, seen| {
                if seen.target == "/api/oauth/token" {
                    return match status {
                        403 | 500 => echo(seen, status),
                        _ => reply(200, &json!({"access_token": ACCESS_TOKEN, "token_type": "Bearer"}).to_string()),
                    };
                }
                match gate.check(seen) {
                    Some(challenge) if digest => challenge,
                    _ => echo(seen, status),
                }
            })
            .await;
            keep(&credentials);
            let clients = Clients::new(server.endpoint.clone(), settings());
            let client = clients.get("uid", "1", || Ok(credentials.clone())).unwrap();
            let call = call_with_secret();
            match client.send(&call).await {
                Ok(answer) => keep(&answer),
                Err(error) => {
                    writeln!(sentences, "{error}").unwrap();
                    keep(&error);
                    keep(&error.class());
                }
            }
            keep(&call);
            keep(&client);
            keep(&clients);
            writeln!(sentences, "{call} {}", call.body.as_ref().unwrap()).unwrap();
            clients.close().await;
        }
    }
    keep(&settings());
    drop(guard);
    let log = log.text();
    assert!(log.contains("atlas::client: sent") && sentences.contains("Atlas"), "the texts were collected");
    for secret in [PASSWORD, PRIVATE_KEY, CLIENT_SECRET, ACCESS_TOKEN] {
        for form in forms(secret) {
            for (place, text) in [("debug", &texts), ("sentence", &sentences), ("log", &log)] {
                if let Some(position) = text.find(&form) {
                    panic!("{secret} is in {place}: …{}…", &text[position.saturating_sub(80)..position + form.len()]);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_quotes_the_password_is_censored() {
    let server = Double::start(|_, seen| echo(seen, 400)).await;
    let error = client(&server.endpoint, api_key()).send(&call_with_secret()).await.unwrap_err();
    assert!(error.to_string().contains("«secret»"), "{error}");
    let Error::Refused(refusal) = &error else { panic!("{error:?}") };
    assert!(!refusal.parameters.is_empty());
}
