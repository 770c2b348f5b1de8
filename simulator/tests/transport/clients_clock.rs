//! What lives on the client's clock: it waits in real time, however fast Atlas's clock runs.
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::bench::{Bench, FIRST, token};

/// Far more than anybody would choose: an hour of Atlas passes within milliseconds.
const FAST: f64 = 1_000_000.0;

struct Clocks {
    now: Timestamp,
    client: Timestamp,
}

async fn clocks(bench: &Bench) -> Clocks {
    let clock = bench.control("GET", "clock", Value::Null).await;
    let read = |name: &str| clock[name].as_str().unwrap().parse().unwrap();
    Clocks { now: read("now"), client: read("client") }
}

/// A simulator whose clock runs fast from now on.
async fn fast() -> Bench {
    let bench = Bench::start(&[]).await;
    bench.control("PATCH", "settings", json!({"speed": FAST})).await;
    bench
}

/// Waits, for hardly any real time, until so much more has passed in Atlas.
async fn passed(bench: &Bench, length: SignedDuration) {
    let end = clocks(bench).await.now + length;
    while clocks(bench).await.now < end {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_lives_the_clients_seconds_that_its_answer_promises() {
    let bench = fast().await;
    let token = token(&bench, &bench.orgs[0]).await;
    passed(&bench, SignedDuration::from_hours(2)).await;
    let ask = || bench.request("GET", "/orgs", FIRST).bearer_auth(&token).send();
    assert_eq!(ask().await.unwrap().status(), 200, "expired early");
    bench.control("POST", "clock/advance", json!({"seconds": 3600})).await;
    assert_eq!(ask().await.unwrap().status(), 401, "a step of the clock ages what the client holds");
}

#[tokio::test]
async fn a_nonce_lives_real_minutes() {
    let bench = fast().await;
    bench.get("/orgs").await;
    passed(&bench, SignedDuration::from_hours(2)).await;
    bench.get("/orgs").await;
    assert_eq!(bench.take_statuses().await, [401, 200, 200]);
}

#[tokio::test]
async fn a_date_that_a_client_reckons_is_one_on_its_own_clock() {
    let bench = fast().await;
    let project = bench.project("one").await;
    passed(&bench, SignedDuration::from_hours(2)).await;
    let Clocks { now, client } = clocks(&bench).await;
    let date = client + SignedDuration::from_mins(5);
    assert!(now > date, "Atlas's clock is past the date already");
    let date = json!(Timestamp::from_second(date.as_second()).unwrap().to_string());
    let users = format!("/groups/{project}/databaseUsers");
    let entries = format!("/groups/{project}/accessList");
    let user = json!({"databaseName": "admin", "username": "api", "password": "correct horse", "deleteAfterDate": date,
        "roles": [{"roleName": "read", "databaseName": "orders"}]});
    let created = bench.call("POST", &users, FIRST, user).await;
    assert_eq!((created.status, &created.json()["deleteAfterDate"]), (201, &date), "{}", created.text);
    let entry = json!([{"ipAddress": "192.0.2.1", "deleteAfterDate": date}]);
    assert_eq!(bench.call("POST", &entries, FIRST, entry).await.status, 201);
    passed(&bench, SignedDuration::from_hours(2)).await;
    let lists = || [&users, &entries].map(|path| bench.get(path));
    for list in lists() {
        assert_eq!(list.await.json()["totalCount"], 1, "five minutes of the client are not over");
    }
    bench.control("POST", "clock/advance", json!({"seconds": 300})).await;
    for list in lists() {
        assert_eq!(list.await.json()["totalCount"], 0);
    }
}

#[tokio::test]
async fn a_date_is_too_late_or_past_on_the_clients_clock_alone() {
    let bench = fast().await;
    let project = bench.project("one").await;
    let client = clocks(&bench).await.client;
    for (days, code) in [(-1, "EXPIRATION_DATE_IN_PAST"), (8, "EXPIRATION_DATE_EXCEEDS_MAX")] {
        let date = (client + SignedDuration::from_hours(days * 24)).to_string();
        let entry = json!([{"ipAddress": "192.0.2.1", "deleteAfterDate": date}]);
        let refused = bench.call("POST", &format!("/groups/{project}/accessList"), FIRST, entry).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, code), "{}", refused.text);
    }
}
