//! HTTP digest.
use std::collections::BTreeSet;
use std::sync::Arc;

use diqwest::{DigestAuthSession, WithDigestAuth as _};
use serde_json::{Value, json};

use super::bench::{Answer, Bench, FIRST, session};

/// Header names of an answer, without those that HTTP itself adds.
fn names(answer: &Answer) -> BTreeSet<&str> {
    answer.headers.keys().map(reqwest::header::HeaderName::as_str).filter(|name| *name != "content-length").collect()
}

#[tokio::test]
async fn the_first_request_is_challenged_and_the_second_is_served() {
    let bench = Bench::start(&[]).await;
    assert_eq!(bench.get("/orgs").await.status, 200);
    let calls = bench.take_calls().await;
    assert_eq!(calls.len(), 2);
    assert_eq!((&calls[0]["status"], &calls[0]["principal"]), (&json!(401), &Value::Null));
    assert_eq!((&calls[1]["status"], &calls[1]["principal"]), (&json!(200), &bench.orgs[0]["publicKey"]));
    assert_eq!(bench.get("/orgs").await.status, 200);
    assert_eq!(bench.take_statuses().await, [200], "a nonce is used again");
}

#[tokio::test]
async fn a_challenge_has_the_recorded_headers() {
    let bench = Bench::start(&[]).await;
    let answer = Answer::read(bench.request("GET", "/orgs", FIRST).send().await.unwrap()).await;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate");
    let (before, after) = challenge.split_once("nonce=\"").unwrap();
    let (nonce, after) = after.split_once('"').unwrap();
    assert_eq!(before, "Digest realm=\"MMS Public API\", domain=\"\", ");
    assert_eq!(after, ", algorithm=MD5, qop=\"auth\", stale=false");
    assert_eq!(nonce.len(), 32);
    let expected = [
        "content-type",
        "date",
        "referrer-policy",
        "server",
        "strict-transport-security",
        "vary",
        "www-authenticate",
        "x-envoy-upstream-service-time",
    ];
    assert_eq!(names(&answer), expected.into());
    let deletion = Answer::read(bench.request("DELETE", "/groups/x", FIRST).send().await.unwrap()).await;
    assert_eq!((deletion.status, deletion.header("vary")), (401, ""), "no Vary on methods other than GET and POST");
}

#[tokio::test]
async fn a_wrong_key_a_wrong_secret_and_a_first_request_look_the_same() {
    let bench = Bench::start(&["--challenge-body", "coded"]).await;
    let right = bench.orgs[0]["publicKey"].as_str().unwrap();
    let first = Answer::read(bench.request("GET", "/orgs", FIRST).send().await.unwrap()).await;
    for (public, private) in [("unknown", "secret"), (right, "secret")] {
        let session = DigestAuthSession::new(public, private);
        let response = bench.request("GET", "/orgs", FIRST).send_digest_auth(&session).await.unwrap();
        let refused = Answer::read(response).await;
        assert_eq!((refused.status, &refused.text), (401, &first.text));
        assert_eq!(names(&refused), names(&first));
    }
}

/// How many requests were served between one challenge and the next. How many requests a client spends on a challenge
/// is its own affair.
fn served_in_a_row(statuses: &[u64]) -> Vec<usize> {
    statuses.split(|status| *status == 401).map(<[u64]>::len).filter(|served| *served > 0).collect()
}

#[tokio::test]
async fn a_nonce_is_used_up() {
    let bench = Bench::start(&["--nonce-uses", "5"]).await;
    for _ in 0..12 {
        assert_eq!(bench.get("/orgs").await.status, 200);
    }
    assert_eq!(served_in_a_row(&bench.take_statuses().await), [5, 5, 2]);
}

#[tokio::test]
async fn a_nonce_expires_with_the_clock() {
    let bench = Bench::start(&["--nonce-seconds", "30"]).await;
    bench.get("/orgs").await;
    bench.control("POST", "clock/advance", json!({"seconds": 29})).await;
    bench.get("/orgs").await;
    bench.control("POST", "clock/advance", json!({"seconds": 1})).await;
    bench.get("/orgs").await;
    assert_eq!(served_in_a_row(&bench.take_statuses().await), [2, 1]);
}

#[tokio::test]
async fn many_requests_at_once_share_short_lived_nonces_and_none_is_lost() {
    let bench = Arc::new(Bench::start(&["--nonce-uses", "5"]).await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let bench = Arc::clone(&bench);
        tasks.spawn(async move {
            let mut served = 0;
            for _ in 0..10 {
                // A nonce that was used up while the request was under way costs another attempt.
                let mut attempts = (0..20).map(|_| bench.get("/orgs"));
                for attempt in attempts.by_ref() {
                    if attempt.await.status == 200 {
                        served += 1;
                        break;
                    }
                }
            }
            served
        });
    }
    let served: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(served, 160);
    let statuses = bench.take_statuses().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 160);
}

#[tokio::test]
async fn a_header_that_is_sent_twice_can_still_be_answered() {
    let bench = Bench::start(&["--double-challenge-every", "1", "--nonce-uses", "1"]).await;
    let first = bench.request("GET", "/orgs", FIRST).send().await.unwrap();
    assert_eq!(first.headers().get_all("www-authenticate").iter().count(), 2);
    assert_eq!(bench.get("/orgs").await.status, 200);
}

#[tokio::test]
async fn the_body_of_a_challenge_takes_turns_or_stays() {
    let bench = Bench::start(&[]).await;
    let bodies = || async {
        let mut bodies = BTreeSet::new();
        for _ in 0..3 {
            bodies.insert(bench.request("GET", "/orgs", FIRST).send().await.unwrap().text().await.unwrap());
        }
        bodies
    };
    assert_eq!(bodies().await.len(), 3);
    bench.control("PATCH", "settings", json!({"challengeBody": "empty"})).await;
    assert_eq!(bodies().await, [String::new()].into());
}

#[tokio::test]
async fn a_rotated_key_is_refused_and_the_new_one_works() {
    let bench = Bench::start(&["--org", "One", "--org", "Two"]).await;
    assert_eq!(bench.get("/orgs").await.status, 200);
    let settings = bench.control("PATCH", "settings", json!({"rotateKeys": "One"})).await;
    assert_eq!(bench.get("/orgs").await.status, 401);
    let fresh = session(&settings["orgs"][0]);
    let served = bench.request("GET", "/orgs", FIRST).send_digest_auth(&fresh).await.unwrap();
    assert_eq!(served.status(), 200);
    assert_eq!(settings["orgs"][1], bench.orgs[1], "the other organization keeps its own");
}

#[tokio::test]
async fn an_organization_can_have_several_keys() {
    let bench = Bench::start(&[]).await;
    let added = bench.control("POST", "credentials", json!({"org": bench.orgs[0]["id"]})).await;
    assert_ne!(added["publicKey"], bench.orgs[0]["publicKey"]);
    for key in [&added, &bench.orgs[0]] {
        let served = bench.request("GET", "/orgs", FIRST).send_digest_auth(&session(key)).await.unwrap();
        assert_eq!(served.status(), 200);
    }
    assert_eq!(bench.try_control("POST", "credentials", json!({"org": "nobody"})).await.status, 404);
}

#[tokio::test]
async fn an_address_that_is_not_on_the_access_list_is_forbidden() {
    let bench = Bench::start(&[]).await;
    bench.control("PATCH", "settings", json!({"apiAccess": false})).await;
    let refused = bench.get("/orgs").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST"));
    assert_eq!(refused.json()["detail"], "IP address 127.0.0.1 is not allowed to access this resource.");
    assert_eq!(refused.json()["parameters"], json!(["127.0.0.1"]));
    let first = bench.request("GET", "/orgs", FIRST).send().await.unwrap();
    assert_eq!(first.status(), 401, "who is not authenticated is not told");
    bench.control("PATCH", "settings", json!({"apiAccess": true})).await;
    assert_eq!(bench.get("/orgs").await.status, 200);
}
