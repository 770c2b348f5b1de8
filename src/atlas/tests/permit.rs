//! Writes that are not permitted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use super::super::{Class, Client, Credentials, Endpoint, Error, Settings};
use super::double::{Double, Gate, reply};
use super::{api_key, read, service_account, settings, write};

fn client(
    server: &Double,
    credentials: Credentials,
    permit: impl Fn() -> Option<Duration> + Send + Sync + 'static,
) -> Client {
    Client::new(&server.endpoint, credentials, Settings { permit: Arc::new(permit), ..settings() }).unwrap()
}

#[tokio::test]
async fn only_writes_need_it_and_without_it_none_leaves() {
    let server = Double::start(|_, _| reply(200, "{}")).await;
    let permitted = Arc::new(AtomicBool::new(false));
    let permit = Arc::clone(&permitted);
    let client = client(&server, api_key(), move || permit.load(Ordering::SeqCst).then_some(Duration::MAX));
    client.send(&read()).await.unwrap();
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Withheld { .. }), "{error:?}");
    assert!(!error.may_have_committed() && error.class() == Class::Backoff && error.status().is_none());
    assert_eq!(error.to_string(), "PATCH /groups/5f/clusters/orders was not sent: nothing may be changed at present");
    assert_eq!(server.count(), 1);
    permitted.store(true, Ordering::SeqCst);
    client.send(&write(json!({}))).await.unwrap();
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn it_is_asked_for_again_when_the_credential_is_proven_again() {
    let gate = Arc::new(Gate::new(1));
    let server = Double::start(move |_, seen| gate.check(seen).unwrap_or_else(|| reply(200, "{}"))).await;
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    // The first request, without a proof, may go; what would follow its challenge may not.
    let client =
        client(&server, api_key(), move || (count.fetch_add(1, Ordering::SeqCst) == 0).then_some(Duration::MAX));
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Withheld { .. }), "{error:?}");
    assert_eq!((server.count(), asked.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn a_token_is_no_change() {
    let token = r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#;
    let server = Double::start(move |_, _| reply(200, token)).await;
    client(&server, service_account(), || None).send(&read()).await.unwrap();
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_write_is_given_up_when_its_permit_ends() {
    // Connections are taken by the kernel, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let permit = Arc::new(|| Some(Duration::from_millis(300)));
    let settings = Settings { permit, total_timeout: Duration::from_mins(5), ..settings() };
    let client = Client::new(&endpoint, api_key(), settings).unwrap();
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert!(error.may_have_committed() && error.to_string().contains("no answer within 300ms"), "{error}");
}
