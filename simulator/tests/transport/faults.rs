//! Faults over the wire.
use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Answer, Bench, FIRST, token};

/// How long a test waits for what must happen soon.
const SOON: Duration = Duration::from_secs(10);

async fn order(bench: &Bench, fault: Value) {
    bench.control("POST", "faults", fault).await;
}

async fn names(bench: &Bench) -> Vec<String> {
    let listed = bench.get("/groups").await.json();
    listed["results"].as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap().to_owned()).collect()
}

async fn create(bench: &Bench, name: &str) -> Result<reqwest::Response, String> {
    bench.send("POST", "/groups", FIRST, json!({"name": name, "orgId": bench.orgs[0]["id"]})).await
}

#[tokio::test]
async fn every_kind_that_answers_does_so_once_and_then_the_api_is_back() {
    let bench = Bench::start(&[]).await;
    // With a token, since a client of HTTP digest would try again by itself after a 401.
    let token = token(&bench, &bench.orgs[0]).await;
    let get =
        || async { Answer::read(bench.request("GET", "/orgs", FIRST).bearer_auth(&token).send().await.unwrap()).await };
    let kinds = bench.control("GET", "faults/kinds", Value::Null).await;
    let kinds: Vec<&str> = kinds.as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    // Those that are called by a status answer it; a challenge is answered by the client itself.
    let plain = |kind: &&&str| kind.starts_with(|first: char| first.is_ascii_digit());
    let named: Vec<&&str> = kinds.iter().filter(plain).filter(|kind| **kind != "401-challenge-loop").collect();
    assert!(named.len() > 12, "{kinds:?}");
    for kind in named {
        order(&bench, json!({"kind": kind, "operation": "GET /orgs"})).await;
        let struck = get().await;
        assert_eq!(struck.status.to_string(), kind[..3]);
        assert_eq!(struck.text.is_empty(), kind.ends_with("empty"), "{kind}");
        assert_eq!(get().await.status, 200, "after {kind}");
    }
    let report = bench.control("GET", "faults", Value::Null).await;
    assert!(report.as_array().unwrap().iter().all(|fault| fault["fired"] == 1));
    bench.control("DELETE", "faults", Value::Null).await;
    assert_eq!(bench.control("GET", "faults", Value::Null).await, json!([]));
}

#[tokio::test]
async fn a_challenge_loop_ends_with_the_fault() {
    let bench = Bench::start(&[]).await;
    order(&bench, json!({"kind": "401-challenge-loop", "times": 3})).await;
    let mut attempts = 1;
    while bench.get("/orgs").await.status == 401 {
        attempts += 1;
        assert!(attempts < 10);
    }
    let calls = bench.take_calls().await;
    let struck: Vec<_> = calls.iter().filter(|call| call["fault"] == "401-challenge-loop").collect();
    assert_eq!(struck.len(), 3);
    assert!(struck.iter().all(|call| call["principal"] == bench.orgs[0]["publicKey"] && call["status"] == 401));
}

#[tokio::test]
async fn before_loses_the_request_and_after_loses_the_answer() {
    let bench = Bench::start(&[]).await;
    order(&bench, json!({"kind": "500", "operation": "POST /groups"})).await;
    assert_eq!(create(&bench, "lost").await.unwrap().status(), 500);
    order(&bench, json!({"kind": "500", "operation": "POST /groups", "when": "after"})).await;
    assert_eq!(create(&bench, "kept").await.unwrap().status(), 500);
    assert_eq!(names(&bench).await, ["kept"]);
    assert_eq!(create(&bench, "kept").await.unwrap().status(), 409);
    let calls = bench.take_calls().await;
    let posts = calls.iter().filter(|call| call["method"] == "POST" && call["status"] != 401);
    let mutating: Vec<_> =
        posts.map(|call| (call["status"].as_u64().unwrap(), call["mutating"].as_bool().unwrap())).collect();
    assert_eq!(mutating, [(500, false), (500, true), (409, true)]);
}

#[tokio::test]
async fn the_nth_call_is_counted_in_calls_and_not_in_requests() {
    let bench = Bench::start(&["--nonce-uses", "1"]).await;
    order(&bench, json!({"kind": "503-empty", "operation": "GET /orgs", "nth": 2, "times": 2})).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(bench.get("/orgs").await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
}

#[tokio::test]
async fn a_custom_error_has_the_standard_shape() {
    let bench = Bench::start(&[]).await;
    let error = json!({"status": 400, "errorCode": "CANNOT_ASSUME_ROLE", "detail": "Not yet.", "parameters": ["a", 1]});
    order(&bench, json!({"operation": "GET /org*", "error": error})).await;
    let struck = bench.get("/orgs").await;
    let expected = json!({
        "detail": "Not yet.", "error": 400, "errorCode": "CANNOT_ASSUME_ROLE", "parameters": ["a", 1],
        "reason": "Bad Request",
    });
    assert_eq!((struck.status, struck.json()), (400, expected));
    assert_eq!(struck.header("x-error-code"), "CANNOT_ASSUME_ROLE");
}

#[tokio::test]
async fn a_reset_closes_the_connection() {
    let bench = Bench::start(&[]).await;
    bench.get("/orgs").await;
    order(&bench, json!({"kind": "reset", "operation": "POST /groups", "when": "after"})).await;
    assert!(create(&bench, "kept").await.is_err());
    assert_eq!(names(&bench).await, ["kept"]);
    let calls = bench.take_calls().await;
    let struck = calls.iter().find(|call| call["fault"] == "reset").unwrap();
    assert_eq!((&struck["status"], &struck["mutating"]), (&json!(0), &json!(true)));
}

#[tokio::test]
async fn a_held_call_waits_until_the_client_gives_up() {
    let bench = Bench::start(&[]).await;
    bench.get("/orgs").await;
    order(&bench, json!({"kind": "timeout", "operation": "GET /orgs"})).await;
    let waiting = || async { bench.control("GET", "faults", Value::Null).await[0]["waiting"].as_u64().unwrap() };
    let reaches = |wanted: u64| {
        tokio::time::timeout(SOON, async move {
            while waiting().await != wanted {
                tokio::task::yield_now().await;
            }
        })
    };
    let impatient = bench.get("/orgs");
    tokio::select! {
        _ = impatient => panic!("a held call was answered"),
        seen = reaches(1) => seen.unwrap(),
    }
    reaches(0).await.unwrap();
    assert_eq!(bench.get("/orgs").await.status, 200);
}

#[tokio::test]
async fn damaged_answers_cannot_be_read() {
    let bench = Bench::start(&[]).await;
    let whole = bench.get("/orgs").await;
    for when in ["before", "after"] {
        order(&bench, json!({"kind": "truncated-json", "when": when})).await;
        let truncated = bench.get("/orgs").await;
        assert_eq!(truncated.status, 200);
        assert!(serde_json::from_str::<Value>(&truncated.text).is_err(), "{}", truncated.text);
        order(&bench, json!({"kind": "wrong-content-type", "when": when})).await;
        assert_eq!(bench.get("/orgs").await.header("content-type"), "text/html");
        order(&bench, json!({"kind": "gzip-garbage", "when": when})).await;
        let garbage = bench.get("/orgs").await;
        assert_eq!(garbage.header("content-encoding"), "gzip");
        assert!(garbage.text.starts_with('{'), "not compressed at all");
    }
    assert_eq!(bench.get("/orgs").await.text, whole.text);
}

#[tokio::test]
async fn several_faults_can_be_ordered_at_once_and_a_wrong_one_is_refused() {
    let bench = Bench::start(&[]).await;
    let ordered = bench.control("POST", "faults", json!([{"kind": "500"}, {"kind": "409", "nth": 2}])).await;
    assert_eq!((&ordered[0]["id"], &ordered[1]["id"]), (&json!(1), &json!(2)));
    assert_eq!([bench.get("/orgs").await.status, bench.get("/orgs").await.status], [500, 409]);
    let refused = bench.try_control("POST", "faults", json!({"kind": "nonsense"})).await;
    assert_eq!(refused.status, 400);
}
