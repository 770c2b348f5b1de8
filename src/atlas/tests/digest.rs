//! API keys.

use std::sync::Arc;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::super::{Body, Call, Class, Client, Error};
use super::double::{Double, Gate, reply};
use super::{PRIVATE_KEY, api_key, client, observed, read, write};

/// A server behind a gate that answers `{}` to whoever passes.
async fn behind(gate: &Arc<Gate>) -> Double {
    let gate = Arc::clone(gate);
    Double::start(move |_, seen| gate.check(seen).unwrap_or_else(|| reply(200, "{}"))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_lived_nonces_cost_at_most_a_third_more_requests() {
    const CALLS: usize = 3200;
    const AT_A_TIME: usize = 16;
    let gate = Arc::new(Gate::new(5));
    let server = behind(&gate).await;
    let client = client(&server.endpoint, api_key());
    let workers = (0..AT_A_TIME).map(|worker| {
        let client = client.clone();
        tokio::spawn(async move {
            for number in 0..CALLS / AT_A_TIME {
                let call = if number % 4 == 0 { write(json!({"n": number})) } else { read() };
                client.send(&call).await.unwrap_or_else(|error| panic!("worker {worker}, call {number}: {error}"));
            }
        })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    let requests = server.count();
    let per_call = f64::from(u32::try_from(requests).unwrap()) / f64::from(u32::try_from(CALLS).unwrap());
    println!(
        "{CALLS} calls, {AT_A_TIME} at a time, nonces good for 5 uses: {requests} HTTP requests, {per_call:.3} a call"
    );
    assert!(per_call <= 1.3, "{per_call}");
}

#[tokio::test]
async fn one_caller_pays_one_challenge_for_each_nonce() {
    let gate = Arc::new(Gate::new(5));
    let server = behind(&gate).await;
    let client = client(&server.endpoint, api_key());
    for _ in 0..20 {
        client.send(&read()).await.unwrap();
    }
    assert_eq!(server.count(), 20 + 4);
}

#[tokio::test]
async fn a_nonce_that_ran_out_is_replaced_by_the_challenge_that_says_so() {
    let gate = Arc::new(Gate::new(1000));
    let server = behind(&gate).await;
    let client = client(&server.endpoint, api_key());
    client.send(&read()).await.unwrap();
    assert_eq!(server.count(), 2);
    gate.expire();
    client.send(&write(json!({"a": 1}))).await.unwrap();
    assert_eq!(server.count(), 4);
    let seen = server.seen();
    assert!(seen[2..].iter().all(|seen| seen.body == br#"{"a":1}"#), "the body is sent again with the new proof");
}

#[tokio::test]
async fn paths_and_queries_are_signed_as_they_are_sent() {
    let gate = Arc::new(Gate::new(5));
    let server = behind(&gate).await;
    let client = client(&server.endpoint, api_key());
    for (path, query, target) in [
        (
            "/groups/5f/databaseUsers/%24external/CN%3Dk%C3%A4se%2CO%3Dx%2Fy",
            vec![],
            "/api/atlas/v2/groups/5f/databaseUsers/%24external/CN%3Dk%C3%A4se%2CO%3Dx%2Fy",
        ),
        (
            "/groups",
            vec![("name", "a b&c=d+e/ü".to_owned()), ("x", String::new())],
            "/api/atlas/v2/groups?name=a+b%26c%3Dd%2Be%2F%C3%BC&x=",
        ),
        ("/groups/5f:migrate", vec![], "/api/atlas/v2/groups/5f:migrate"),
        ("/groups/'a'(b)!*", vec![], "/api/atlas/v2/groups/'a'(b)!*"),
    ] {
        let call = Call { path: path.to_owned(), query, ..read() };
        client.send(&call).await.unwrap();
        assert_eq!(server.seen().last().unwrap().target, target);
    }
}

#[tokio::test]
async fn a_body_goes_out_with_its_secret_and_the_versions_media_type() {
    let gate = Arc::new(Gate::new(5));
    let server = behind(&gate).await;
    let client = client(&server.endpoint, api_key());
    let call = Call {
        method: Method::POST,
        body: Some(Body::new(json!({"username": "u"})).with_secret("/password", "pässword\"x".into())),
        ..write(json!(null))
    };
    client.send(&call).await.unwrap();
    client.send(&read()).await.unwrap();
    let seen = server.seen();
    let written: serde_json::Value = serde_json::from_slice(&seen[1].body).unwrap();
    assert_eq!(written, json!({"username": "u", "password": "pässword\"x"}));
    for seen in &seen[..2] {
        assert_eq!(seen.header("accept"), Some("application/vnd.atlas.2024-10-23+json"));
        assert_eq!(seen.header("content-type"), Some("application/vnd.atlas.2024-10-23+json"));
    }
    assert_eq!(seen[2].header("accept"), Some("application/vnd.atlas.2024-08-05+json"));
    assert_eq!(seen[2].header("content-type"), None);
    assert_eq!(seen[2].header("user-agent"), Some(concat!("atlas-operator/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen[2].header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn a_wrong_key_is_reported_after_two_fresh_nonces() {
    let gate = Arc::new(Gate::new(0));
    let server = behind(&gate).await;
    let client = client(&server.endpoint, api_key());
    for (call, requests) in [(read(), 3), (write(json!({})), 3)] {
        let before = server.count();
        let error = client.send(&call).await.unwrap_err();
        assert_eq!(error.class(), Class::Unauthenticated, "{error}");
        assert!(!error.may_have_committed());
        assert_eq!(server.count() - before, requests);
        assert!(error.to_string().contains("the credential is not accepted"), "{error}");
        assert!(!format!("{error} {error:?}").contains(PRIVATE_KEY));
    }
}

#[tokio::test]
async fn other_challenges_are_never_answered() {
    for challenge in [
        "Basic realm=\"MMS Public API\"",
        "Digest realm=\"elsewhere\", nonce=\"n\", qop=\"auth\"",
        "Digest realm=\"MMS Public API\", nonce=\"n\"",
        "Bearer",
    ] {
        let server = Double::start(move |_, _| {
            let mut reply = reply(401, "");
            reply.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
            reply
        })
        .await;
        let client = client(&server.endpoint, api_key());
        let error = client.send(&read()).await.unwrap_err();
        assert!(matches!(error, Error::Challenge { .. }), "{error:?}");
        assert_eq!(error.class(), Class::Backoff);
        assert_eq!(server.count(), 1);
        assert_eq!(server.seen()[0].header("authorization"), None);
    }
}

#[tokio::test]
async fn a_challenge_that_turns_weak_later_is_not_answered_either() {
    let gate = Gate::new(1);
    let server = Double::start(move |number, seen| {
        if number < 2 {
            return gate.check(seen).unwrap_or_else(|| reply(200, "{}"));
        }
        let mut reply = reply(401, "");
        reply.headers_mut().insert("www-authenticate", "Basic realm=\"MMS Public API\"".parse().unwrap());
        reply
    })
    .await;
    let client = client(&server.endpoint, api_key());
    client.send(&read()).await.unwrap();
    let error = client.send(&read()).await.unwrap_err();
    assert!(matches!(error, Error::Challenge { .. }), "{error:?}");
    assert!(server.seen().iter().all(|seen| !seen.header("authorization").is_some_and(|it| it.starts_with("Basic"))));
}

#[tokio::test]
async fn a_refusal_without_a_challenge_is_tried_once_more_from_the_start() {
    let gate = Gate::new(1000);
    let server = Double::start(move |number, seen| match number {
        2 => reply(401, ""),
        _ => gate.check(seen).unwrap_or_else(|| reply(200, "{}")),
    })
    .await;
    let client = client(&server.endpoint, api_key());
    client.send(&read()).await.unwrap();
    client.send(&write(json!({}))).await.unwrap();
    assert_eq!(server.count(), 2 + 3, "refused, challenged, accepted");
}

#[tokio::test]
async fn a_missing_permission_is_reported_at_once() {
    let gate = Gate::new(1000);
    let body = r#"{"detail":"Current user is not authorized to perform this action.","error":401,"errorCode":"USER_UNAUTHORIZED"}"#;
    let server = Double::start(move |_, seen| gate.check(seen).unwrap_or_else(|| reply(401, body))).await;
    let client = client(&server.endpoint, api_key());
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert_eq!(error.class(), Class::Forbidden, "{error}");
    assert_eq!(error.code(), Some("USER_UNAUTHORIZED"));
    assert_eq!(server.count(), 2);
    client.send(&write(json!({}))).await.unwrap_err();
    assert_eq!(server.count(), 3, "the nonce is still good");
}

#[tokio::test]
async fn a_cancelled_call_gives_its_session_back() {
    let gate = Arc::new(Gate::new(1000));
    let server = behind(&gate).await;
    let client = client(&server.endpoint, api_key());
    client.send(&read()).await.unwrap();
    for _ in 0..10 {
        let call = read();
        let mut send = Box::pin(client.send(&call));
        assert!(futures::poll!(&mut send).is_pending());
        drop(send);
    }
    client.send(&read()).await.unwrap();
    let challenges = server.seen().iter().filter(|seen| seen.header("authorization").is_none()).count();
    assert_eq!(challenges, 1, "no call started without a nonce after the first");
}

#[tokio::test]
async fn the_observer_sees_every_request() {
    let gate = Arc::new(Gate::new(1000));
    let server = behind(&gate).await;
    let (settings, record) = observed();
    let client = Client::new(&server.endpoint, api_key(), settings).unwrap();
    client.send(&read()).await.unwrap();
    let template = "/groups/{groupId}/clusters/{clusterName}";
    assert_eq!(
        *record.requests.lock().unwrap(),
        [(Method::GET, template, Some(401)), (Method::GET, template, Some(200))]
    );
    assert_eq!(*record.retries.lock().unwrap(), 0);
}
