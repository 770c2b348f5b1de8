//! Listings that are shared.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{Call, Client, Glance};
use super::double::{Double, Reply, reply};
use super::{api_key, client, read};

const LIFE: Duration = Duration::from_secs(10);

fn at(second: i64) -> Glance {
    Glance { now: Timestamp::from_second(second).unwrap(), life: LIFE }
}

async fn look(client: &Client, path: &str, name: &str, second: i64) -> Option<Value> {
    let list = Call { path: path.to_owned(), template: "/groups/{groupId}/clusters", ..read() };
    client.glimpse(&list, &[("name", name)], at(second)).await
}

/// One page with members called by these numbers, and whether another follows.
fn page(numbers: std::ops::Range<usize>, more: bool) -> Reply {
    let count = if more { 1000 } else { numbers.end };
    let members: Vec<Value> = numbers.map(|number| json!({"name": number.to_string()})).collect();
    let links = if more { json!([{"rel": "next"}]) } else { json!([]) };
    reply(200, &json!({"results": members, "links": links, "totalCount": count}).to_string())
}

#[tokio::test]
async fn all_who_look_together_share_one_listing() {
    let server = Double::start(|_, _| page(0..40, false)).await;
    let client = client(&server.endpoint, api_key());
    assert_eq!(look(&client, "/groups/5f/clusters", "0", 0).await, None, "for one alone a listing does not pay");
    assert_eq!(server.count(), 0);
    let names: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let seen = join_all(names.iter().map(|name| look(&client, "/groups/5f/clusters", name, 1))).await;
    assert!(seen.iter().zip(&names).all(|(seen, name)| *seen == Some(json!({"name": name}))), "{seen:?}");
    assert_eq!(server.count(), 1);
    assert_eq!(look(&client, "/groups/5f/clusters", "gone", 2).await, None, "what is not listed is read by its name");
    look(&client, "/groups/60/clusters", "0", 2).await;
    assert_eq!(server.count(), 1, "another project has a view of its own");
}

#[tokio::test]
async fn a_listing_serves_for_its_time_and_then_as_many_are_expected_again() {
    let server = Double::start(|_, _| page(0..3, false)).await;
    let client = client(&server.endpoint, api_key());
    for name in ["0", "1", "2"] {
        look(&client, "/groups/5f/clusters", name, 9).await;
    }
    assert_eq!(server.count(), 1);
    assert!(look(&client, "/groups/5f/clusters", "0", 18).await.is_some(), "ten seconds are not over");
    assert_eq!(server.count(), 1);
    assert!(look(&client, "/groups/5f/clusters", "0", 19).await.is_some(), "the first of several lists at once");
    assert_eq!(server.count(), 2);
    assert_eq!(look(&client, "/groups/5f/clusters", "0", 60).await, None, "the one of the last time is one again");
    assert_eq!(look(&client, "/groups/5f/clusters", "1", 40).await, None, "a clock that goes back makes nothing fresh");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn what_has_many_pages_is_listed_for_as_many_looks_only() {
    let server = Double::start(|number, _| match number % 3 {
        0 => page(0..500, true),
        1 => page(500..1000, true),
        _ => page(1000..1200, false),
    })
    .await;
    let client = client(&server.endpoint, api_key());
    for second in [0, 100] {
        let before = server.count();
        for name in ["0", "500", "1100"] {
            look(&client, "/groups/5f/clusters", name, second).await;
        }
        // How large it is shows with the first listing.
        assert_eq!(server.count() - before, if second == 0 { 3 } else { 0 });
    }
    for name in ["0", "500", "1100", "1199"] {
        look(&client, "/groups/5f/clusters", name, 200).await;
    }
    assert_eq!(server.count(), 6, "the fourth look pays for three pages");
}

#[tokio::test]
async fn a_listing_that_fails_is_not_asked_for_again_until_its_time_is_up() {
    let server = Double::start(|number, _| match number {
        0 => reply(404, r#"{"errorCode":"CLUSTER_NOT_FOUND"}"#),
        _ => page(0..2, false),
    })
    .await;
    let client = client(&server.endpoint, api_key());
    for name in ["0", "1", "0", "1"] {
        assert_eq!(look(&client, "/groups/5f/clusters", name, 0).await, None, "read by its name");
    }
    assert_eq!(server.count(), 1);
    assert!(look(&client, "/groups/5f/clusters", "0", 10).await.is_some());
}

#[tokio::test]
async fn listings_whose_time_is_up_are_let_go() {
    let server = Double::start(|_, _| page(0..2, false)).await;
    let client = client(&server.endpoint, api_key());
    for project in 0..50 {
        for name in ["0", "1"] {
            look(&client, &format!("/groups/{project}/clusters"), name, project * 5).await;
        }
    }
    assert_eq!(server.count(), 50);
    assert_eq!(client.views().listings(), 2, "those of the last ten seconds");
}
