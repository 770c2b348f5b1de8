//! What other people's clients ask beside the API, and how they ask it.
use diqwest::WithDigestAuth as _;
use serde_json::{Value, json};

use super::bench::{Answer, Bench, FIRST};

/// A call outside of the API's second version, with the key of the first organization and no `Accept` of a version.
async fn older(bench: &Bench, method: &str, path: &str, body: Value) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = bench.client.request(method, format!("{}{path}", bench.base));
    let request = if body.is_null() { request } else { request.json(&body) };
    Answer::read(request.send_digest_auth(&bench.session).await.unwrap()).await
}

/// Headers of the recorded answers, and those that they lack.
fn check_headers(answer: &Answer, java_method: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((answer.header("content-type"), answer.header("x-java-method")), ("application/json", java_method));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-permitted-cross-domain-policies", "none"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    assert!(!answer.header("x-mongodb-service-version").is_empty());
    for name in ["vary", "ratelimit-limit", "deprecation"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
}

/// The command line names the owner of every project that it creates, and names nobody unless it is told whom.
#[tokio::test]
async fn a_project_may_have_an_owner_without_a_name() {
    let bench = Bench::start(&[]).await;
    let body = |name: &str| json!({"name": name, "orgId": bench.orgs[0]["id"]});
    for (name, query, status) in [
        ("one", "?projectOwnerId=", 201),
        ("two", "?projectOwnerId=5e4bc367c6b0f41bb9bbb178", 201),
        ("three", "?projectOwnerId=me", 400),
    ] {
        let created = bench.call("POST", &format!("/groups{query}"), FIRST, body(name)).await;
        assert_eq!(created.status, status, "{}", created.text);
    }
    let regions = format!("/groups/{}/clusters/provider/regions?providers=&tier=", bench.project("four").await);
    assert_eq!(bench.get(&regions).await.json()["totalCount"], 3);
}

#[tokio::test]
async fn a_client_learns_its_own_address() {
    let bench = Bench::start(&[]).await;
    let anonymous = bench.client.get(format!("{}/api/private/ipinfo", bench.base)).send().await.unwrap();
    assert_eq!(anonymous.status(), 401);
    assert!(anonymous.headers().contains_key("www-authenticate"));
    let answer = older(&bench, "GET", "/api/private/ipinfo", Value::Null).await;
    check_headers(&answer, "ApiPrivateIpInfoResource::getIpInfo");
    assert_eq!(answer.json(), json!({"currentIpv4Address": "127.0.0.1"}));
}

#[tokio::test]
async fn the_default_mongodb_version_has_the_headers_of_the_application() {
    let bench = Bench::start(&[]).await;
    let url = format!("{}/api/private/unauth/nds/defaultMongoDBMajorVersion", bench.base);
    let answer = Answer::read(bench.client.get(url).send().await.unwrap()).await;
    for (name, value) in [
        ("vary", "Accept-Encoding"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-permitted-cross-domain-policies", "none"),
        ("x-java-version", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn every_recorded_handler_is_named() {
    let bench = Bench::start(&[]).await;
    let group = format!("/groups/{}", bench.project("one").await);
    let entry = json!([{"cidrBlock": "203.0.113.0/24"}]);
    assert_eq!(bench.call("POST", &format!("{group}/accessList"), FIRST, entry).await.status, 201);
    let one = format!("{group}/accessList/203.0.113.0%2F24");
    for (method, path, version, name) in [
        (
            "GET",
            &format!("{group}/clusters"),
            "2024-08-05",
            "ApiAtlasClusterDescriptionResource20240805::getAllClusters",
        ),
        (
            "GET",
            &format!("{group}/clusters/provider/regions"),
            FIRST,
            "ApiAtlasCloudProviderRegionsResource::availableRegions",
        ),
        ("GET", &one, FIRST, "ApiAtlasNetworkAccessListResource::getAtlasNetworkPermissionEntry"),
        ("DELETE", &one, FIRST, "ApiAtlasNetworkAccessListResource::deleteAtlasWhitelist"),
    ] {
        assert_eq!(bench.call(method, path, version, Value::Null).await.header("x-java-method"), name);
    }
}

/// The command line upgrades free clusters with an interface that is older than the versions by date.
#[tokio::test]
async fn a_free_cluster_is_upgraded_with_the_older_interface() {
    let bench = Bench::start(&["--start", "2026-08-10T03:00:00Z"]).await;
    let group = format!("/groups/{}", bench.project("one").await);
    let clusters = format!("{group}/clusters");
    let free = json!({"name": "orders", "clusterType": "REPLICASET", "replicationSpecs": [{"regionConfigs": [{
        "providerName": "TENANT", "backingProviderName": "AWS", "regionName": "US_EAST_1", "priority": 7,
        "electableSpecs": {"instanceSize": "M0"}}]}]});
    assert_eq!(bench.call("POST", &clusters, "2024-10-23", free).await.status, 201);
    bench.control("POST", "clock/advance", json!({"seconds": 900})).await;
    let read = older(&bench, "GET", &format!("/api/atlas/v1.0{clusters}/orders"), Value::Null).await;
    check_headers(&read, "ApiAtlasLegacyClusterDescriptionResource::getCluster");
    let old = read.json();
    let expected = json!({"autoScaling": {"compute": {"maxInstanceSize": null, "minInstanceSize": null}},
        "backingProviderName": "AWS", "effectiveInstanceSizeName": "M0", "instanceSizeName": "M0",
        "providerName": "TENANT", "regionName": "US_EAST_1"});
    assert_eq!(old["providerSettings"], expected);
    assert_eq!(old["links"][0]["href"], format!("{}/api/atlas/v1.0{clusters}/orders", bench.base));
    assert!(old["mongoURI"].is_string() && old.get("advancedConfiguration").is_none());
    // What was read comes back with another size, as that client writes it.
    let mut wanted = old.clone();
    wanted["providerSettings"] = json!({"providerName": "AWS", "instanceSizeName": "M10", "regionName": "US_EAST_1"});
    wanted["diskSizeGB"] = json!(40);
    wanted["tags"] = json!([{"key": "env", "value": "e2e"}]);
    let upgraded = older(&bench, "POST", &format!("/api/atlas/v1.0{clusters}/tenantUpgrade"), wanted).await;
    check_headers(&upgraded, "ApiAtlasLegacyClusterDescriptionResource::upgradeTenantCluster");
    assert_eq!(upgraded.json()["providerSettings"]["instanceSizeName"], "M0", "the answer is the old cluster");
    bench.control("POST", "clock/advance", json!({"seconds": 7200})).await;
    let cluster = bench.call("GET", &format!("{clusters}/orders"), "2024-08-05", Value::Null).await.json();
    let region = &cluster["replicationSpecs"][0]["regionConfigs"][0];
    assert_eq!((&cluster["stateName"], &region["electableSpecs"]["instanceSize"]), (&json!("IDLE"), &json!("M10")));
    assert_eq!(region["autoScaling"]["diskGB"]["enabled"], false, "what was read said so");
    let coverage = bench.control("GET", "coverage", Value::Null).await;
    let line = |name: &str| coverage.as_array().unwrap().iter().find(|line| line["operation"] == name).unwrap().clone();
    let read = line("GET /api/atlas/v1.0/groups/{groupId}/clusters/{clusterName}");
    assert_eq!((&read["version"], &read["evidence"], &read["calls"]), (&Value::Null, &json!("recorded"), &json!(1)));
    let first = line("GET /groups/{groupId}/clusters/{clusterName}");
    assert_eq!((&first["version"], &first["evidence"]), (&json!(FIRST), &json!("spec-only")));
}
