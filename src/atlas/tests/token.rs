//! Service accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use futures::future::join_all;
use serde_json::json;

use super::super::{Class, Client, Clients, Error, InvalidCredentials, Settings, TokenSeen};
use super::double::{Double, Reply, Seen, reply};
use super::{CLIENT_ID, CLIENT_SECRET, client, observed, read, service_account, settings, write};

const TOKEN: &str = "/api/oauth/token";
const REVOKE: &str = "/api/oauth/revoke";

fn grant(number: usize) -> Reply {
    reply(200, &format!(r#"{{"access_token":"token-{number}","expires_in":3600,"token_type":"Bearer"}}"#))
}

fn is_token_request(seen: &Seen) -> bool {
    seen.target == TOKEN
}

fn count(server: &Double, target: &str) -> usize {
    server.seen().iter().filter(|seen| seen.target == target).count()
}

/// Grants token after token, and accepts any of them.
async fn granting() -> Double {
    let granted = AtomicUsize::new(0);
    Double::start(move |_, seen| match seen.target.as_str() {
        TOKEN => grant(granted.fetch_add(1, Ordering::SeqCst)),
        REVOKE => reply(200, ""),
        _ if seen.header("authorization").is_some_and(|header| header.starts_with("Bearer token-")) => reply(200, "{}"),
        _ => reply(401, ""),
    })
    .await
}

/// Lets the clock of the client run ahead.
async fn later(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

/// Waits until something is so; the time limit is for a test that fails.
async fn eventually(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it never came to be");
}

#[tokio::test]
async fn one_token_serves_all_calls_that_come_at_once() {
    let server = granting().await;
    let (settings, record) = observed();
    let client = Client::new(&server.endpoint, service_account(), settings).unwrap();
    let call = read();
    for outcome in join_all((0..50).map(|_| client.send(&call))).await {
        outcome.unwrap();
    }
    assert_eq!((count(&server, TOKEN), server.count()), (1, 51));
    assert_eq!(*record.tokens.lock().unwrap(), [TokenSeen::Granted]);
}

#[tokio::test]
async fn the_token_is_asked_for_as_the_documentation_says() {
    let server = granting().await;
    client(&server.endpoint, service_account()).send(&read()).await.unwrap();
    let seen = server.seen();
    let asked = &seen[0];
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", TOKEN));
    assert_eq!(asked.body, b"grant_type=client_credentials");
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.header("accept"), Some("application/json"));
    let pair = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    assert_eq!(asked.header("authorization"), Some(format!("Basic {pair}").as_str()));
    assert_eq!(seen[1].header("authorization"), Some("Bearer token-0"));
}

#[tokio::test]
async fn a_token_is_replaced_after_two_thirds_of_its_life() {
    let server = granting().await;
    let client = client(&server.endpoint, service_account());
    client.send(&read()).await.unwrap();
    later(Duration::from_secs(2300)).await;
    client.send(&read()).await.unwrap();
    assert_eq!(count(&server, TOKEN), 1);
    later(Duration::from_secs(200)).await;
    let call = read();
    for outcome in join_all((0..20).map(|_| client.send(&call))).await {
        outcome.unwrap();
    }
    assert_eq!(count(&server, TOKEN), 2);
    client.send(&read()).await.unwrap();
    assert_eq!(server.seen().last().unwrap().header("authorization"), Some("Bearer token-1"));
}

#[tokio::test]
async fn a_token_that_is_still_good_bridges_an_outage_of_the_token_endpoint() {
    let granted = AtomicUsize::new(0);
    let server = Double::start(move |_, seen| match seen.target.as_str() {
        TOKEN if granted.fetch_add(1, Ordering::SeqCst) == 0 => grant(0),
        TOKEN => reply(503, ""),
        _ => reply(200, "{}"),
    })
    .await;
    let client = client(&server.endpoint, service_account());
    client.send(&read()).await.unwrap();
    later(Duration::from_secs(2500)).await;
    for _ in 0..5 {
        client.send(&read()).await.unwrap();
    }
    assert_eq!(count(&server, TOKEN), 2, "the failure is not repeated for every call");
    later(Duration::from_secs(1100)).await;
    let error = client.send(&read()).await.unwrap_err();
    assert_eq!((error.status(), error.class()), (Some(503), Class::Backoff), "over is over");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_also_for_a_write() {
    let granted = AtomicUsize::new(0);
    let server = Double::start(move |_, seen| match seen.target.as_str() {
        TOKEN => grant(granted.fetch_add(1, Ordering::SeqCst)),
        _ if seen.header("authorization") == Some("Bearer token-0") => reply(401, ""),
        _ => reply(200, "{}"),
    })
    .await;
    let client = client(&server.endpoint, service_account());
    let call = write(json!({"a": 1}));
    for outcome in join_all((0..10).map(|_| client.send(&call))).await {
        outcome.unwrap();
    }
    assert_eq!(count(&server, TOKEN), 2, "all who were refused share the new token");
    let seen = server.seen();
    let last_old = seen.iter().rposition(|seen| seen.header("authorization") == Some("Bearer token-0"));
    client.send(&call).await.unwrap();
    assert_eq!(
        server.seen().iter().rposition(|seen| seen.header("authorization") == Some("Bearer token-0")),
        last_old,
        "the old token is never used again"
    );
    assert!(seen.iter().filter(|seen| !is_token_request(seen)).all(|seen| seen.body == br#"{"a":1}"#));
}

#[tokio::test]
async fn no_token_that_a_request_carried_is_quoted() {
    let server = Double::start(|number, seen| match seen.header("authorization") {
        _ if is_token_request(seen) => grant(number),
        Some("Bearer token-0") => reply(401, ""),
        _ => reply(400, r#"{"errorCode":"INVALID_ATTRIBUTE","detail":"token-0 is over, token-2 is good."}"#),
    })
    .await;
    let error = client(&server.endpoint, service_account()).send(&read()).await.unwrap_err();
    assert_eq!(error.code(), Some("INVALID_ATTRIBUTE"), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("token-0") && !shown.contains("token-2"), "{shown}");
}

#[tokio::test]
async fn a_credential_whose_tokens_are_refused_is_unauthenticated() {
    let server =
        Double::start(|number, seen| if is_token_request(seen) { grant(number) } else { reply(401, "") }).await;
    let client = client(&server.endpoint, service_account());
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert_eq!(error.class(), Class::Unauthenticated, "{error}");
    assert!(!error.may_have_committed());
    assert_eq!((count(&server, TOKEN), server.count()), (2, 4));
}

#[tokio::test]
async fn a_missing_permission_does_not_cost_a_token() {
    let server = Double::start(|number, seen| {
        if is_token_request(seen) { grant(number) } else { reply(401, r#"{"errorCode":"USER_UNAUTHORIZED"}"#) }
    })
    .await;
    let error = client(&server.endpoint, service_account()).send(&read()).await.unwrap_err();
    assert_eq!(error.class(), Class::Forbidden);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_wrong_secret_is_asked_about_once_for_all_who_wait() {
    let mended = Arc::new(AtomicBool::new(false));
    let server = Double::start({
        let mended = Arc::clone(&mended);
        move |number, seen| match (is_token_request(seen), mended.load(Ordering::SeqCst)) {
            (true, false) => reply(
                401,
                &json!({"error": "invalid_client", "error_description": format!("{CLIENT_SECRET} is wrong\n")})
                    .to_string(),
            ),
            (true, true) => grant(number),
            (false, _) => reply(200, "{}"),
        }
    })
    .await;
    let (settings, record) = observed();
    let client = Client::new(&server.endpoint, service_account(), settings).unwrap();
    let call = read();
    for outcome in join_all((0..20).map(|_| client.send(&call))).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.class(), Class::Unauthenticated);
        assert_eq!(
            error.to_string(),
            "no access token for the service account: «secret» is wrong (invalid_client, HTTP 401)"
        );
        assert!(!format!("{error:?}").contains(CLIENT_SECRET));
    }
    assert_eq!(server.count(), 1);
    assert_eq!(*record.tokens.lock().unwrap(), [TokenSeen::Failed]);

    mended.store(true, Ordering::SeqCst);
    later(Settings::default().token_failure_hold).await;
    client.send(&call).await.unwrap();
}

#[tokio::test]
async fn a_throttled_token_endpoint_is_left_alone_for_as_long_as_it_asks() {
    let server = Double::start(|_, _| {
        let mut reply = reply(429, "");
        reply.headers_mut().insert("retry-after", "60".parse().unwrap());
        reply
    })
    .await;
    let client = client(&server.endpoint, service_account());
    let error = client.send(&read()).await.unwrap_err();
    assert_eq!(error.class(), Class::RetryAfter(Duration::from_mins(1)));
    later(Duration::from_secs(50)).await;
    let error = client.send(&read()).await.unwrap_err();
    let Class::RetryAfter(left) = error.class() else { panic!("{error:?}") };
    assert!(left <= Duration::from_secs(10), "{left:?}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn what_is_not_a_token_is_not_used() {
    for body in [
        "",
        "{}",
        "[]",
        "<html>",
        r#"{"access_token":"canary-token","token_type":"mac"}"#,
        r#"{"access_token":"canary\u0000token","token_type":"Bearer"}"#,
        r#"{"access_token":7,"token_type":"Bearer","x":"canary"}"#,
        r#"{"access_token":"canary-token","token_type":"Bearer","expires_in":-1}"#,
    ] {
        let server = Double::start(move |_, _| reply(200, body)).await;
        let error = client(&server.endpoint, service_account()).send(&read()).await.unwrap_err();
        assert!(matches!(error, Error::Token(_)), "{error:?}");
        assert_eq!(error.class(), Class::Backoff);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn a_token_without_a_stated_life_is_good_for_an_hour() {
    let server = Double::start(|_, seen| {
        if is_token_request(seen) {
            reply(200, r#"{"access_token":"token-0","token_type":"bearer"}"#)
        } else {
            reply(200, "{}")
        }
    })
    .await;
    let client = client(&server.endpoint, service_account());
    client.send(&read()).await.unwrap();
    later(Duration::from_secs(2000)).await;
    client.send(&read()).await.unwrap();
    assert_eq!(count(&server, TOKEN), 1);
}

#[tokio::test]
async fn a_new_revision_of_a_credential_replaces_the_client_and_gives_its_token_back() {
    let server = granting().await;
    let clients = Clients::new(server.endpoint.clone(), settings());
    let make = || Ok(service_account());
    let old = clients.get("uid", "1", make).unwrap();
    old.send(&read()).await.unwrap();
    let same = clients.get("uid", "1", || panic!("made again")).unwrap();
    same.send(&read()).await.unwrap();
    assert_eq!(count(&server, TOKEN), 1);

    let new = clients.get("uid", "2", make).unwrap();
    new.send(&read()).await.unwrap();
    assert_eq!(server.seen().last().unwrap().header("authorization"), Some("Bearer token-1"));
    old.send(&read()).await.expect("whoever holds the old client finishes with it");
    assert_eq!(count(&server, REVOKE), 0);

    drop((old, same));
    eventually(|| count(&server, REVOKE) == 1).await;
    let revocation = server.seen().into_iter().find(|seen| seen.target == REVOKE).unwrap();
    assert_eq!(revocation.body, b"token=token-0&token_type_hint=access_token");
    assert!(revocation.header("authorization").unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn credentials_that_cannot_be_used_leave_no_client_behind() {
    let server = granting().await;
    let clients = Clients::new(server.endpoint.clone(), settings());
    drop(clients.get("uid", "1", || Ok(service_account())).unwrap());
    let broken = || {
        Err::<super::super::Credentials, InvalidCredentials>(
            super::super::Credentials::from_secret(&std::collections::BTreeMap::new()).unwrap_err(),
        )
    };
    clients.get("uid", "2", broken).unwrap_err();
    let mut made = false;
    clients
        .get("uid", "1", || {
            made = true;
            Ok(service_account())
        })
        .unwrap();
    assert!(made, "the old client was let go of");
    clients.forget("uid");
    assert!(clients.last("uid").is_some(), "it lasts for a while");
    assert!(clients.last("other").is_none());
}

#[tokio::test]
async fn closing_gives_every_token_back() {
    let server = granting().await;
    let clients = Clients::new(server.endpoint.clone(), settings());
    for key in ["a", "b", "c"] {
        clients.get(key, "1", || Ok(service_account())).unwrap().send(&read()).await.unwrap();
    }
    clients.close().await;
    assert_eq!(count(&server, REVOKE), 3);
}
