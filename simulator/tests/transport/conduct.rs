//! What the real API does to clients now and then, when a setting asks for it.
use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, FIRST};

/// Longer by far than it takes to send a few requests one after the other on a busy machine.
const WRITE: Duration = Duration::from_secs(3);

fn entry(number: usize) -> Value {
    json!([{"ipAddress": format!("192.0.2.{number}")}])
}

fn role(number: usize) -> Value {
    let resources = json!([{"db": "orders", "collection": "c"}]);
    json!({"roleName": format!("role-{number}"), "actions": [{"action": "FIND", "resources": resources}]})
}

/// Sends two writes at once, and gives their statuses.
async fn together(bench: &Bench, path: &str, bodies: [Value; 2]) -> [u16; 2] {
    let [first, second] = bodies;
    let (first, second) = tokio::join!(bench.call("POST", path, FIRST, first), bench.call("POST", path, FIRST, second));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    statuses
}

async fn overlapping() -> (Bench, String) {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    let length = json!({"serialWriteMilliseconds": WRITE.as_millis()});
    bench.control("PATCH", "settings", length).await;
    (bench, format!("/groups/{project}"))
}

#[tokio::test]
async fn of_two_overlapping_writes_to_an_access_list_one_is_lost() {
    let (bench, group) = overlapping().await;
    let path = format!("{group}/accessList");
    let count = || async { bench.get(&path).await.json()["totalCount"].clone() };
    assert_eq!(together(&bench, &path, [entry(1), entry(2)]).await, [201, 201]);
    assert_eq!(count().await, 1);
    for number in 3..5 {
        assert_eq!(bench.call("POST", &path, FIRST, entry(number)).await.status, 201);
    }
    assert_eq!(count().await, 3, "one after the other nothing is lost");
}

#[tokio::test]
async fn an_entry_that_an_overlap_brings_back_expires_all_the_same() {
    let bench = Bench::start(&["--start", "2026-08-10T03:00:00Z"]).await;
    let path = format!("/groups/{}/accessList", bench.project("one").await);
    let temporary = json!([{"ipAddress": "192.0.2.1", "deleteAfterDate": "2026-08-10T04:00:00Z"}]);
    assert_eq!(bench.call("POST", &path, FIRST, temporary).await.status, 201);
    bench.control("PATCH", "settings", json!({"serialWriteMilliseconds": WRITE.as_millis()})).await;
    let one = format!("{path}/192.0.2.1");
    let delete = bench.call("DELETE", &one, FIRST, Value::Null);
    // Decided last, so the deletion is what it undoes.
    let write = async {
        tokio::time::sleep(WRITE / 4).await;
        bench.call("POST", &path, FIRST, entry(2)).await
    };
    let (deleted, written) = tokio::join!(delete, write);
    assert_eq!((deleted.status, written.status, bench.get(&one).await.status), (204, 201, 200));
    bench.control("POST", "clock/advance", json!({"seconds": 3600})).await;
    assert_eq!(bench.get(&one).await.status, 404);
}

#[tokio::test]
async fn of_two_overlapping_writes_to_custom_roles_one_fails() {
    let (bench, group) = overlapping().await;
    let path = format!("{group}/customDBRoles/roles");
    assert_eq!(together(&bench, &path, [role(1), role(2)]).await, [202, 500]);
    assert_eq!(bench.call("POST", &path, FIRST, role(3)).await.status, 202);
    assert_eq!(bench.get(&path).await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn writes_to_different_lists_do_not_harm_each_other() {
    let (bench, group) = overlapping().await;
    let other = format!("/groups/{}/accessList", bench.project("two").await);
    let own = format!("{group}/accessList");
    let roles = format!("{group}/customDBRoles/roles");
    let calls = tokio::join!(
        bench.call("POST", &own, FIRST, entry(1)),
        bench.call("POST", &other, FIRST, entry(2)),
        bench.call("POST", &roles, FIRST, role(1)),
    );
    assert_eq!([calls.0.status, calls.1.status, calls.2.status], [201, 201, 202]);
    for path in [own, other] {
        assert_eq!(bench.get(&path).await.json()["totalCount"], 1);
    }
}

#[tokio::test]
async fn the_children_of_a_new_project_are_late() {
    let bench = Bench::start(&[]).await;
    let path = format!("/groups/{}", bench.project("one").await);
    let settings = format!("{path}/settings");
    assert_eq!(bench.get(&settings).await.status, 200, "not while the clock stands still");
    bench.control("PATCH", "settings", json!({"newProjectLag": 1.0})).await;
    let late = bench.get(&settings).await;
    assert_eq!((late.status, late.code()), (404, "RESOURCE_NOT_FOUND".to_owned()));
    assert!(late.json()["detail"].as_str().unwrap().contains(&settings), "{}", late.text);
    assert_eq!(bench.get(&path).await.status, 200, "the project itself is there");
    bench.control("POST", "clock/advance", json!({"seconds": 2})).await;
    assert_eq!(bench.get(&settings).await.status, 200);
    let wrong = bench.try_control("PATCH", "settings", json!({"newProjectLag": 2})).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn peering_is_switched() {
    let bench = Bench::start(&[]).await;
    let path = format!("/groups/{}/accessList", bench.project("one").await);
    let group = json!([{"awsSecurityGroup": "sg-0a1b2c3d"}]);
    assert_eq!(bench.call("POST", &path, FIRST, group.clone()).await.status, 400);
    for peered in [true, false] {
        bench.control("PATCH", "settings", json!({"peered": peered})).await;
        assert_eq!(bench.control("GET", "state", Value::Null).await["peered"], peered);
        if peered {
            assert_eq!(bench.call("POST", &path, FIRST, group.clone()).await.status, 201);
        }
    }
    assert_eq!(bench.get(&path).await.json()["totalCount"], 0);
}

#[tokio::test]
async fn a_certificate_is_a_text_although_its_type_says_json() {
    let bench = Bench::start(&[]).await;
    let group = format!("/groups/{}", bench.project("one").await);
    let user = json!({"databaseName": "$external", "username": "CN=reader", "x509Type": "MANAGED",
        "roles": [{"roleName": "read", "databaseName": "orders"}]});
    bench.call("POST", &format!("{group}/databaseUsers"), FIRST, user).await;
    let path = format!("{group}/databaseUsers/CN=reader/certs");
    let answer = bench.call("POST", &path, FIRST, json!({})).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (201, "application/vnd.atlas.2023-01-01+json;charset=utf-8")
    );
    assert!(answer.text.starts_with("-----BEGIN CERTIFICATE-----\n"), "{}", answer.text);
    let listed = bench.get(&path).await;
    assert!(listed.text.contains("\"_id\":") && listed.json()["results"][0]["_id"].is_i64(), "{}", listed.text);
}
