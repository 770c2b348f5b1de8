//! Answers that ask for a wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::super::{Call, Class, Client};
use super::double::{Double, Reply, reply};
use super::transport::serving;
use super::{api_key, client, observed, read, write};

fn throttled(seconds: u64) -> Reply {
    let detail = format!("Please retry after {seconds} seconds.");
    let mut reply = reply(429, &json!({"errorCode": "RATE_LIMITED_TOKEN_BUCKET", "detail": detail}).to_string());
    reply.headers_mut().insert("retry-after", seconds.into());
    reply
}

#[tokio::test]
async fn a_throttled_call_has_to_wait_a_second_at_the_least() {
    let server = serving(throttled(0)).await;
    let client = client(&server.endpoint, api_key());
    // The second is not sent where it comes within that second.
    for _ in 0..2 {
        let error = client.send(&read()).await.unwrap_err();
        assert_eq!(error.class(), Class::RetryAfter(Duration::from_secs(1)));
    }
}

#[tokio::test]
async fn a_throttled_call_is_not_repeated_and_holds_back_its_kind() {
    let minute = Duration::from_mins(1);
    let server =
        Double::start(|_, seen| if seen.target.contains("/settings") { reply(200, "{}") } else { throttled(60) }).await;
    let (settings, record) = observed();
    let client = Client::new(&server.endpoint, api_key(), settings).unwrap();
    let error = client.send(&read()).await.unwrap_err();
    assert_eq!(error.class(), Class::RetryAfter(minute));
    assert!(!error.may_have_committed());
    for call in [read(), write(json!({}))] {
        let error = client.send(&call).await.unwrap_err();
        let Class::RetryAfter(left) = error.class() else { panic!("{error:?}") };
        assert!(left <= minute && left > minute / 2, "{left:?}");
    }
    assert_eq!((server.count(), *record.held_back.lock().unwrap()), (1, 2), "the others were not sent");

    let settings = Call { path: "/groups/5f/settings".to_owned(), template: "/groups/{groupId}/settings", ..read() };
    client.send(&settings).await.unwrap();

    tokio::time::pause();
    tokio::time::advance(minute).await;
    tokio::time::resume();
    client.send(&read()).await.unwrap_err();
    assert_eq!(server.count(), 3, "after the wait it is sent again");
}

#[tokio::test]
async fn after_a_day_of_patience_was_asked_for_one_call_comes_again_in_two_minutes() {
    let refused = Arc::new(AtomicBool::new(true));
    let limited = Arc::clone(&refused);
    let server =
        Double::start(move |_, _| if limited.load(Ordering::SeqCst) { throttled(86_400) } else { reply(200, "{}") })
            .await;
    let client = client(&server.endpoint, api_key());
    let call = read();
    let error = client.send(&call).await.unwrap_err();
    assert_eq!(error.class(), Class::RetryAfter(Duration::from_mins(2)));
    for (limited, sent) in [(true, 2), (false, 3)] {
        refused.store(limited, Ordering::SeqCst);
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(2)).await;
        tokio::time::resume();
        let calls = join_all((0..10).map(|_| client.send(&call))).await;
        assert_eq!(server.count(), sent, "one of ten");
        assert_eq!(calls.iter().filter(|call| call.is_ok()).count(), usize::from(!limited));
    }
    for call in join_all((0..10).map(|_| client.send(&call))).await {
        call.unwrap();
    }
    assert_eq!(server.count(), 13, "all, once one was answered");
}

#[tokio::test]
async fn the_limit_on_invitations_throttles_too() {
    let server = serving(reply(400, r#"{"errorCode":"RATE_LIMITED_IP"}"#)).await;
    let error = client(&server.endpoint, api_key()).send(&write(json!({}))).await.unwrap_err();
    assert_eq!(error.class(), Class::RetryAfter(Duration::from_secs(10)));
}
