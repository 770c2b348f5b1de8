//! OAuth2 client credentials.
use serde_json::{Value, json};

use super::bench::{Answer, Bench, FIRST, ask, token};

async fn status(bench: &Bench, token: &str) -> u16 {
    bench.request("GET", "/orgs", FIRST).bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_token_is_used_until_it_expires() {
    let bench = Bench::start(&["--token-seconds", "3600"]).await;
    let token = token(&bench, &bench.orgs[0]).await;
    assert_eq!(status(&bench, &token).await, 200);
    bench.control("POST", "clock/advance", json!({"seconds": 3599})).await;
    assert_eq!(status(&bench, &token).await, 200);
    bench.control("POST", "clock/advance", json!({"seconds": 1})).await;
    assert_eq!(status(&bench, &token).await, 401);
    let calls = bench.take_calls().await;
    assert_eq!(calls[0]["path"], "/api/oauth/token");
    assert_eq!(calls[0]["response"], Value::Null, "a token is not logged");
    assert_eq!(calls[1]["principal"], bench.orgs[0]["clientId"]);
    assert!(calls.iter().all(|call| call["mutating"] == false));
}

#[tokio::test]
async fn a_token_reaches_its_own_organization_only() {
    let bench = Bench::start(&["--org", "One", "--org", "Two"]).await;
    for org in &bench.orgs {
        let token = token(&bench, org).await;
        let response = bench.request("GET", "/orgs", FIRST).bearer_auth(token).send().await.unwrap();
        let listed = Answer::read(response).await.json();
        assert_eq!(listed["totalCount"], 1);
        assert_eq!(listed["results"][0]["id"], org["id"]);
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused() {
    let bench = Bench::start(&[]).await;
    let org = &bench.orgs[0];
    let (first, second) = (token(&bench, org).await, token(&bench, org).await);
    assert_eq!(ask(&bench, "revoke", org, format!("token={first}&token_type_hint=access_token")).await.status, 200);
    assert_eq!((status(&bench, &first).await, status(&bench, &second).await), (401, 200));
    bench.control("PATCH", "settings", json!({"revokeTokens": true})).await;
    assert_eq!(status(&bench, &second).await, 401);
}

#[tokio::test]
async fn a_wrong_secret_gets_no_token() {
    let bench = Bench::start(&[]).await;
    let wrong = json!({"clientId": bench.orgs[0]["clientId"], "clientSecret": "mdb_sa_sk_wrong"});
    let refused = ask(&bench, "token", &wrong, "grant_type=client_credentials".to_owned()).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")));
    let unsupported = ask(&bench, "token", &bench.orgs[0], "grant_type=password".to_owned()).await;
    assert_eq!((unsupported.status, unsupported.json()["error"].as_str()), (400, Some("unsupported_grant_type")));
}

#[tokio::test]
async fn a_rotation_ends_the_tokens_of_the_old_account() {
    let bench = Bench::start(&[]).await;
    let old = token(&bench, &bench.orgs[0]).await;
    let fresh = bench.control("PATCH", "settings", json!({"rotateKeys": bench.orgs[0]["id"]})).await["orgs"][0].clone();
    assert_eq!(status(&bench, &old).await, 401);
    let refused = ask(&bench, "token", &bench.orgs[0], "grant_type=client_credentials".to_owned()).await;
    assert_eq!(refused.status, 401);
    assert_eq!(status(&bench, &token(&bench, &fresh).await).await, 200);
}

#[tokio::test]
async fn a_green_token_says_nothing_about_access() {
    let bench = Bench::start(&[]).await;
    bench.control("PATCH", "settings", json!({"apiAccess": false})).await;
    let token = token(&bench, &bench.orgs[0]).await;
    assert_eq!(status(&bench, &token).await, 403);
}

#[tokio::test]
async fn a_fault_strikes_the_token_endpoint_when_it_is_named() {
    let bench = Bench::start(&[]).await;
    bench.control("POST", "faults", json!({"kind": "500", "times": -1})).await;
    bench.control("POST", "faults", json!({"kind": "429-retry-after-60", "operation": "POST /api/oauth/token"})).await;
    let refused = ask(&bench, "token", &bench.orgs[0], "grant_type=client_credentials".to_owned()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "60"));
    let token = token(&bench, &bench.orgs[0]).await;
    assert_eq!(status(&bench, &token).await, 500);
}
