//! Lists.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::super::{Call, Error};
use super::double::{Double, reply};
use super::{api_key, client, read};

fn list() -> Call {
    Call {
        path: "/groups/5f/clusters".to_owned(),
        query: vec![("includeCount", "false".to_owned())],
        template: "/groups/{groupId}/clusters",
        ..read()
    }
}

/// The number of the page that was asked for, with a look at how it was asked.
fn page_number(target: &str) -> u64 {
    let url = Url::parse(&format!("http://atlas{target}")).unwrap();
    let value = |name| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(value("itemsPerPage").as_deref(), Some("500"));
    assert_eq!(value("includeCount").as_deref(), Some("false"));
    value("pageNum").unwrap().parse().unwrap()
}

fn page(items: &[u64], more: bool) -> String {
    let mut links = vec![json!({"rel": "self", "href": "http://evil.example/"})];
    if more {
        links.push(json!({"rel": "next", "href": "http://evil.example/"}));
    }
    json!({"links": links, "results": items, "totalCount": 1203}).to_string()
}

#[tokio::test]
async fn all_pages_are_read_in_order() {
    let server = Double::start(|_, seen| {
        let number = page_number(&seen.target);
        let begin = (number - 1) * 500;
        reply(200, &page(&(begin..(begin + 500).min(1203)).collect::<Vec<_>>(), number < 3))
    })
    .await;
    let items = client(&server.endpoint, api_key()).list(&list()).await.unwrap();
    assert_eq!(items, (0..1203).map(Value::from).collect::<Vec<_>>());
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_bare_array_is_the_whole_list() {
    let server = Double::start(|_, _| reply(200, "[1,2,3]")).await;
    let roles = Call {
        path: "/groups/5f/customDBRoles/roles".to_owned(),
        template: "/groups/{groupId}/customDBRoles/roles",
        query: Vec::new(),
        ..list()
    };
    assert_eq!(client(&server.endpoint, api_key()).list(&roles).await.unwrap().len(), 3);
    assert_eq!(server.seen()[0].target, "/api/atlas/v2/groups/5f/customDBRoles/roles");
}

#[tokio::test]
async fn a_list_that_does_not_advance_or_end_is_given_up() {
    for (what, answer) in [
        ("is the same page", (|_: u64| page(&[1, 2, 3], true)) as fn(u64) -> String),
        ("is an empty page", |_| page(&[], true)),
        ("is a list that does not end", |number| page(&[number], true)),
        ("is not a list", |_| json!({"result": [], "totalCount": 0}).to_string()),
        ("is not a list", |_| json!({"results": []}).to_string()),
        ("is not a list", |_| json!([1, 2, 3]).to_string()),
        ("is not a list", |_| json!({}).to_string()),
        ("is a list of another length", |_| page(&[1, 2, 3], false)),
    ] {
        let server = Double::start(move |_, seen| reply(200, &answer(page_number(&seen.target)))).await;
        let error = client(&server.endpoint, api_key()).list(&list()).await.unwrap_err();
        let Error::Unreadable { reason, method, .. } = &error else { panic!("{error:?}") };
        assert!(reason.starts_with(what), "{error}");
        assert_eq!(*method, Method::GET);
        assert!(server.count() <= 100);
    }
}

#[tokio::test]
async fn a_failing_page_fails_the_list() {
    let server = Double::start(|number, _| match number {
        0 => reply(200, &page(&[1], true)),
        _ => reply(404, r#"{"errorCode":"CLUSTER_NOT_FOUND"}"#),
    })
    .await;
    let error = client(&server.endpoint, api_key()).list(&list()).await.unwrap_err();
    assert_eq!(error.code(), Some("CLUSTER_NOT_FOUND"));
    assert_eq!(error.class(), super::super::Class::Backoff, "a list is not gone because a member of it is");
}
