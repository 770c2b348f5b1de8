//! Rate limits.
use serde_json::{Value, json};

use super::bench::{Bench, FIRST};

const SMALL: &str = "Project";

async fn shrink(bench: &Bench, capacity: u32, refill: u32) {
    let buckets = json!({"buckets": {SMALL: {"capacity": capacity, "refill": refill}}});
    bench.control("PATCH", "settings", buckets).await;
}

#[tokio::test]
async fn every_answer_of_a_project_tells_what_is_left() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    let first = bench.get(&format!("/groups/{project}")).await;
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), ("1200", "1199"));
    let second = bench.get(&format!("/groups/{project}")).await;
    assert_eq!(second.header("ratelimit-remaining"), "1198");
    let users = bench.get(&format!("/groups/{project}/databaseUsers")).await;
    assert_eq!(users.header("ratelimit-limit"), "10000", "another endpoint set has another bucket");
    let missing = bench.call("GET", &format!("/groups/{project}/clusters/none"), "2024-08-05", Value::Null).await;
    assert_eq!((missing.status, missing.header("ratelimit-limit")), (404, "10000"));
}

#[tokio::test]
async fn an_empty_bucket_refuses_in_the_recorded_words() {
    let bench = Bench::start(&[]).await;
    let (one, two) = (bench.project("one").await, bench.project("two").await);
    shrink(&bench, 2, 5).await;
    let path = format!("/groups/{one}");
    for _ in 0..2 {
        assert_eq!(bench.get(&path).await.status, 200);
    }
    let refused = bench.get(&path).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "RATE_LIMITED_TOKEN_BUCKET"));
    assert_eq!(refused.header("retry-after"), "12");
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert_eq!(refused.json()["parameters"], json!([format!("api/atlas/v2/groups/{one}"), 12, 2, 5, 60]));
    assert_eq!(bench.get(&format!("/groups/{two}")).await.status, 200, "projects are counted apart");
    bench.control("POST", "clock/advance", json!({"seconds": 11.5})).await;
    let refused = bench.get(&path).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "0"), "less than a second is no second");
    bench.control("POST", "clock/advance", json!({"seconds": 0.5})).await;
    assert_eq!(bench.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_refused_call_changes_nothing() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    shrink(&bench, 0, 0).await;
    bench.take_calls().await;
    let refused = bench.call("DELETE", &format!("/groups/{project}"), FIRST, Value::Null).await;
    assert_eq!(refused.status, 429);
    let calls = bench.take_calls().await;
    assert_eq!((&calls[0]["status"], &calls[0]["mutating"]), (&json!(429), &json!(false)));
    bench.control("PATCH", "settings", json!({"buckets": {SMALL: null}})).await;
    assert_eq!(bench.get(&format!("/groups/{project}")).await.status, 200);
}

#[tokio::test]
async fn a_challenge_takes_no_token() {
    let bench = Bench::start(&["--nonce-uses", "1"]).await;
    let project = bench.project("one").await;
    shrink(&bench, 3, 0).await;
    for remaining in ["2", "1", "0"] {
        assert_eq!(bench.get(&format!("/groups/{project}")).await.header("ratelimit-remaining"), remaining);
    }
}

#[tokio::test]
async fn without_limits_there_are_no_headers() {
    let bench = Bench::start(&["--rate-limits", "off"]).await;
    let project = bench.project("one").await;
    let answer = bench.get(&format!("/groups/{project}")).await;
    assert_eq!((answer.status, answer.header("ratelimit-limit")), (200, ""));
}
