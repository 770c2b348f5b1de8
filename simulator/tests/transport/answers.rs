//! Versions, scope, headers, pages and compression.
use std::collections::BTreeSet;
use std::io::Read as _;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use serde_json::{Value, json};

use diqwest::WithDigestAuth as _;

use super::bench::{Answer, Bench, FIRST, client};

const UNKNOWN: &str = "111111111111111111111111";

/// Headers that the application has on every answer, recorded.
const APPLICATION: [&str; 4] =
    ["x-content-type-options", "x-frame-options", "x-permitted-cross-domain-policies", "x-java-version"];

#[tokio::test]
async fn a_missing_or_unknown_version_is_not_acceptable() {
    let bench = Bench::start(&[]).await;
    for version in ["2022-01-01", "2023-01-02", "2099-01-01", "preview"] {
        let refused = bench.call("GET", "/orgs", version, Value::Null).await;
        assert_eq!((refused.status, refused.code().as_str()), (406, "INVALID_VERSION_DATE"), "{version}");
        assert_eq!(refused.json()["detail"], "Invalid accept header or version date.");
        assert_eq!(refused.header("ratelimit-limit"), "");
    }
    let plain = bench.client.get(format!("{}/api/atlas/v2/orgs", bench.base)).header(ACCEPT, "application/json");
    let refused = Answer::read(plain.send_digest_auth(&bench.session).await.unwrap()).await;
    assert_eq!((refused.status, refused.header("content-type")), (406, "application/json"));
}

#[tokio::test]
async fn every_listed_version_of_every_operation_is_served() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    let listed = bench.control("GET", "coverage", Value::Null).await;
    let listed = listed.as_array().unwrap();
    assert!(listed.len() >= 30, "{} operations and versions", listed.len());
    for entry in listed {
        let (method, path) = entry["operation"].as_str().unwrap().split_once(' ').unwrap();
        // An older interface has none, and other paths.
        let Some(version) = entry["version"].as_str() else { continue };
        let path = path.replace("{groupId}", &project).replace("{orgId}", bench.orgs[0]["id"].as_str().unwrap());
        let segment = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((_, action)) => format!("none{action}"),
            None => part.to_owned(),
        };
        let path = path.split('/').map(segment).collect::<Vec<_>>().join("/");
        if (method, path.as_str()) == ("DELETE", format!("/groups/{project}").as_str()) {
            continue;
        }
        let answer = bench.call(method, &path, version, Value::Null).await;
        assert!(![401, 405, 406, 429].contains(&answer.status), "{method} {path} {version}: {}", answer.text);
        if answer.status < 300 && !answer.text.is_empty() {
            assert_eq!(answer.header("content-type"), format!("application/vnd.atlas.{version}+json;charset=utf-8"));
        }
    }
}

#[tokio::test]
async fn an_old_version_announces_its_end_on_success_and_on_errors() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    for (path, status) in [("clusters", 200), ("clusters/none", 404)] {
        let path = format!("/groups/{project}/{path}");
        let old = bench.call("GET", &path, "2023-02-01", Value::Null).await;
        assert_eq!(old.status, status);
        assert_eq!(old.header("deprecation"), "Mon, 5 Aug 2024 00:00:00 GMT");
        assert_eq!(old.header("sunset"), "Thu, 1 Jul 2027 00:00:00 GMT");
        let new = bench.call("GET", &path, "2024-08-05", Value::Null).await;
        assert_eq!((new.status, new.header("deprecation"), new.header("sunset")), (status, "", ""));
    }
}

#[tokio::test]
async fn a_created_project_has_the_recorded_headers() {
    let bench = Bench::start(&[]).await;
    let body = json!({"name": "one", "orgId": bench.orgs[0]["id"]});
    let created = bench.call("POST", "/groups", FIRST, body).await;
    assert_eq!(created.status, 201);
    for name in APPLICATION {
        assert_ne!(created.header(name), "", "{name}");
    }
    assert_eq!(created.header("location"), format!("{}//api/atlas/v1.0", bench.base), "useless, as recorded");
    assert_eq!(created.header("x-java-method"), "ApiAtlasGroupsResource::addGroup");
    assert_eq!(created.header("server"), "mdbws");
    let now = bench.control("GET", "clock", Value::Null).await["now"].as_str().unwrap().to_owned();
    let date: jiff::Timestamp = now.parse().unwrap();
    assert_eq!(created.header("date"), date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(), "the simulated time");
    let read = bench.get(&format!("/groups/{}", created.json()["id"].as_str().unwrap())).await;
    assert_eq!((read.status, read.header("location")), (200, ""), "Location comes with few answers only");
}

#[tokio::test]
async fn an_unknown_project_is_not_found_and_has_no_limit() {
    let bench = Bench::start(&[]).await;
    let missing = bench.call("POST", &format!("/groups/{UNKNOWN}/databaseUsers"), FIRST, json!({})).await;
    let expected = json!({
        "detail": format!("No group with ID {UNKNOWN} exists."), "error": 404, "errorCode": "GROUP_NOT_FOUND",
        "parameters": [UNKNOWN], "reason": "Not Found",
    });
    assert_eq!((missing.status, missing.json()), (404, expected));
    for name in ["ratelimit-limit", "ratelimit-remaining", "x-mongodb-service-version"] {
        assert_eq!(missing.header(name), "", "{name}");
    }
    for name in APPLICATION.into_iter().chain(["vary", "x-error-code", "x-java-method"]) {
        assert_ne!(missing.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn a_project_of_another_organization_is_out_of_reach() {
    let bench = Bench::start(&["--org", "One", "--org", "Two"]).await;
    let project = bench.project("one").await;
    let other = super::bench::session(&bench.orgs[1]);
    for path in [format!("/groups/{project}"), format!("/groups/{project}/clusters/none")] {
        let version = if path.contains("clusters") { "2024-08-05" } else { FIRST };
        let refused = Answer::read(bench.request("GET", &path, version).send_digest_auth(&other).await.unwrap()).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "USER_CANNOT_ACCESS_GROUP"));
        assert_eq!(refused.header("ratelimit-limit"), "");
        assert_eq!(refused.header("www-authenticate"), "", "the credentials are right");
    }
    let own = bench.orgs[0]["id"].as_str().unwrap();
    let refused = bench.request("GET", &format!("/orgs/{own}"), FIRST).send_digest_auth(&other).await.unwrap();
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn a_deleted_project_is_not_found_or_out_of_reach() {
    let bench = Bench::start(&[]).await;
    let mut codes = BTreeSet::new();
    for number in 0..8 {
        let project = bench.project(&format!("number {number}")).await;
        let path = format!("/groups/{project}");
        assert_eq!(bench.call("DELETE", &path, FIRST, Value::Null).await.status, 202);
        let gone = bench.get(&path).await;
        assert_eq!(bench.get(&path).await.code(), gone.code(), "one project keeps its answer");
        codes.insert((gone.status, gone.code()));
        for (setting, status) in [("unauthorized", 401), ("notFound", 404)] {
            bench.control("PATCH", "settings", json!({"deletedProjects": setting})).await;
            assert_eq!(bench.get(&path).await.status, status);
        }
        bench.control("PATCH", "settings", json!({"deletedProjects": "mixed"})).await;
    }
    let expected = [(401, "USER_CANNOT_ACCESS_GROUP"), (404, "GROUP_NOT_FOUND")];
    assert_eq!(codes, expected.map(|(status, code)| (status, code.to_owned())).into());
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_refused() {
    let bench = Bench::start(&[]).await;
    let missing = bench.get("/nothing/here").await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "RESOURCE_NOT_FOUND"));
    assert_eq!(missing.json()["parameters"], json!(["/api/atlas/v2/nothing/here"]));
    assert_eq!(bench.call("PUT", "/orgs", FIRST, Value::Null).await.status, 405);
    let calls = bench.take_calls().await;
    assert!(calls.iter().all(|call| call["mutating"] == false));
}

#[tokio::test]
async fn a_body_must_be_json() {
    let bench = Bench::start(&[]).await;
    for (kind, body, status) in [
        ("application/json", "{\"name\":", 400),
        ("application/vnd.atlas.2023-01-01+json", "nonsense", 400),
        ("text/plain", "{}", 415),
        ("application/vnd.atlas.2022-01-01+json", "{}", 406),
    ] {
        let request = bench.request("POST", "/groups", FIRST).header(CONTENT_TYPE, kind).body(body);
        let refused = request.send_digest_auth(&bench.session).await.unwrap();
        assert_eq!(refused.status(), status, "{kind} {body}");
    }
}

#[tokio::test]
async fn a_collection_can_be_walked_by_its_links() {
    let bench = Bench::start(&[]).await;
    for number in 0..5 {
        bench.project(&format!("number {number}")).await;
    }
    let mut path = "/groups?itemsPerPage=2".to_owned();
    let (mut seen, mut pages) = (BTreeSet::new(), 0);
    loop {
        let page = bench.get(&path).await.json();
        pages += 1;
        assert_eq!(page["totalCount"], 5);
        seen.extend(page["results"].as_array().unwrap().iter().map(|project| project["name"].to_string()));
        let links = page["links"].as_array().unwrap();
        let next = links.iter().find(|link| link["rel"] == "next").map(|link| link["href"].as_str().unwrap());
        let Some(next) = next else { break };
        path = next.strip_prefix(&format!("{}/api/atlas/v2", bench.base)).unwrap().to_owned();
    }
    assert_eq!((seen.len(), pages), (5, 3));
}

#[tokio::test]
async fn links_point_to_the_host_that_was_called() {
    let bench = Bench::start(&[]).await;
    let base = bench.base.replace("127.0.0.1", "localhost");
    let request = bench.client.get(format!("{base}/api/atlas/v2/orgs"));
    let request = request.header(ACCEPT, "application/vnd.atlas.2023-01-01+json");
    let page = Answer::read(request.send_digest_auth(&bench.session).await.unwrap()).await.json();
    let link = page["links"][0]["href"].as_str().unwrap();
    assert_eq!(link, format!("{base}/api/atlas/v2/orgs?includeCount=true&name=&pageNum=1&itemsPerPage=100"));
    assert!(page["results"][0]["links"][0]["href"].as_str().unwrap().starts_with(&base));
}

#[tokio::test]
async fn envelope_and_pretty_change_the_layout() {
    let bench = Bench::start(&[]).await;
    let plain = bench.get("/orgs").await;
    let pretty = bench.get("/orgs?pretty=true").await;
    assert!(!plain.text.contains('\n') && pretty.text.contains('\n'));
    assert_eq!(plain.json(), pretty.json());
    let page = bench.get("/orgs?envelope=true").await.json();
    assert_eq!((&page["status"], &page["totalCount"]), (&json!(200), &json!(1)));
    let org = bench.orgs[0]["id"].as_str().unwrap();
    let document = bench.get(&format!("/orgs/{org}?envelope=true")).await.json();
    assert_eq!((&document["status"], &document["content"]["id"]), (&json!(200), &json!(org)));
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    let bench = Bench::start(&[]).await;
    let plain = bench.get("/orgs").await;
    assert_eq!(plain.header("content-encoding"), "");
    let request = bench.request("GET", "/orgs", FIRST).header(ACCEPT_ENCODING, "gzip");
    let response = request.send_digest_auth(&bench.session).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&response.bytes().await.unwrap()[..]).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), plain.json());
}

#[tokio::test]
async fn http_2_is_spoken_to_who_speaks_it_first() {
    let bench = Bench::start(&[]).await;
    let client = client().http2_prior_knowledge().build().unwrap();
    let request = client.get(format!("{}/api/atlas/v2/orgs", bench.base));
    let request = request.header(ACCEPT, "application/vnd.atlas.2023-01-01+json");
    let response = request.send_digest_auth(&bench.session).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
    let page = Answer::read(response).await.json();
    assert!(page["links"][0]["href"].as_str().unwrap().starts_with(&bench.base));
}

#[tokio::test]
async fn the_default_mongodb_version_needs_no_credentials() {
    let bench = Bench::start(&[]).await;
    let url = format!("{}/api/private/unauth/nds/defaultMongoDBMajorVersion", bench.base);
    let answer = Answer::read(bench.client.get(url).send().await.unwrap()).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "8.0"));
    assert_eq!(answer.header("content-type"), "text/plain;charset=iso-8859-1");
}
