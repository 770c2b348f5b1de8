//! The control interface.
use serde_json::{Value, json};

use super::bench::{Bench, FIRST};

#[tokio::test]
async fn the_log_tells_what_was_called_and_what_changed_something() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    bench.get("/groups?itemsPerPage=5").await;
    bench.call("DELETE", &format!("/groups/{project}"), FIRST, Value::Null).await;
    let calls = bench.control("GET", "calls", Value::Null).await;
    let lines: Vec<_> =
        calls.as_array().unwrap().iter().map(|call| (&call["n"], &call["method"], &call["mutating"])).collect();
    let expected = [(1, "POST", false), (2, "POST", true), (3, "GET", false), (4, "DELETE", true)];
    let expected = expected.map(|(n, method, mutating)| (json!(n), json!(method), json!(mutating)));
    assert_eq!(lines, expected.iter().map(|(n, method, mutating)| (n, method, mutating)).collect::<Vec<_>>());
    assert_eq!(calls[2]["path"], "/api/atlas/v2/groups?itemsPerPage=5");
    assert_eq!(calls[2]["version"], FIRST);
    assert_eq!(calls[1].get("request"), None);
    let since = bench.control("GET", "calls?since=1&bodies=true", Value::Null).await;
    assert_eq!(since.as_array().unwrap().len(), 3);
    assert_eq!(since[0]["request"]["name"], "one");
    assert_eq!(since[0]["response"]["id"], project.as_str());
    bench.control("DELETE", "calls", Value::Null).await;
    bench.get("/groups").await;
    assert_eq!(bench.control("GET", "calls", Value::Null).await[0]["n"], 5);
    assert_eq!(bench.try_control("GET", "calls?since=x", Value::Null).await.status, 400);
}

#[tokio::test]
async fn the_clock_moves_when_it_is_told_to() {
    let bench = Bench::start(&["--start", "2026-08-10T03:00:00Z"]).await;
    let clock = bench.control("GET", "clock", Value::Null).await;
    assert_eq!(clock, json!({"now": "2026-08-10T03:00:00Z", "client": "2026-08-10T03:00:00Z", "speed": 0.0}));
    let clock = bench.control("POST", "clock/advance", json!({"seconds": 90})).await;
    assert_eq!(clock["now"], "2026-08-10T03:01:30Z");
    assert_eq!(bench.try_control("POST", "clock/advance", json!({"seconds": -1})).await.status, 400);
    bench.control("PATCH", "settings", json!({"speed": 1000})).await;
    assert_eq!(bench.control("GET", "clock", Value::Null).await["speed"], 1000.0);
    assert_eq!(bench.try_control("PATCH", "settings", json!({"speed": -1})).await.status, 400);
}

#[tokio::test]
async fn a_resource_can_be_changed_and_removed_behind_the_api() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    let path = format!("/groups/{project}/settings");
    let before = bench.get(&path).await.json()["isSchemaAdvisorEnabled"].as_bool().unwrap();
    bench.take_calls().await;
    bench.control("PATCH", &format!("resources{path}"), json!({"isSchemaAdvisorEnabled": !before})).await;
    assert_eq!(bench.take_calls().await, Vec::<Value>::new(), "what is done here is no call");
    assert_eq!(bench.get(&path).await.json()["isSchemaAdvisorEnabled"], !before);
    bench.control("DELETE", &format!("resources/groups/{project}"), Value::Null).await;
    assert!([401, 404].contains(&bench.get(&path).await.status));
    assert_eq!(bench.try_control("DELETE", "resources/groups/none", Value::Null).await.status, 404);
    assert_eq!(bench.try_control("GET", "resources/groups", Value::Null).await.status, 405);
}

#[tokio::test]
async fn a_reset_goes_back_to_the_start() {
    let bench = Bench::start(&["--start", "2026-08-10T03:00:00Z", "--seed", "7"]).await;
    let first = bench.project("one").await;
    bench.control("PATCH", "settings", json!({"nonceUses": 1})).await;
    bench.control("POST", "clock/advance", json!({"seconds": 90})).await;
    bench.control("POST", "faults", json!({"kind": "500", "times": -1})).await;
    let greeting = bench.control("POST", "reset", Value::Null).await;
    assert_eq!(greeting["orgs"], json!(bench.orgs));
    assert_eq!(bench.control("GET", "calls", Value::Null).await, json!([]));
    assert_eq!(bench.control("GET", "clock", Value::Null).await["now"], "2026-08-10T03:00:00Z");
    assert_eq!(bench.control("GET", "settings", Value::Null).await["nonceUses"], 0);
    assert_eq!(bench.get("/groups").await.json()["totalCount"], 0);
    assert_eq!(bench.project("one").await, first, "the same seed gives the same ids");
    let other = bench.control("POST", "reset", json!({"seed": 8})).await;
    assert_ne!(other["orgs"][0]["publicKey"], bench.orgs[0]["publicKey"]);
}

#[tokio::test]
async fn coverage_counts_what_reached_a_handler() {
    let bench = Bench::start(&[]).await;
    bench.get("/orgs").await;
    bench.get("/orgs").await;
    bench.call("GET", "/orgs", "2099-01-01", Value::Null).await;
    let report = bench.control("GET", "coverage", Value::Null).await;
    let entries = report.as_array().unwrap();
    let orgs = entries.iter().find(|entry| entry["operation"] == "GET /orgs").unwrap();
    assert_eq!(*orgs, json!({"operation": "GET /orgs", "version": FIRST, "evidence": "recorded", "calls": 2}));
    assert!(entries.iter().any(|entry| entry["evidence"] == "spec-only"));
    assert_eq!(entries.iter().filter(|entry| entry["calls"] != 0).count(), 1);
}

#[tokio::test]
async fn the_state_can_be_read() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    let state = bench.control("GET", "state", Value::Null).await.to_string();
    assert!(state.contains(&project));
}

#[tokio::test]
async fn what_does_not_exist_is_said_so() {
    let bench = Bench::start(&[]).await;
    for (method, path) in [("GET", "nothing"), ("PUT", "calls"), ("POST", "state")] {
        let refused = bench.try_control(method, path, Value::Null).await;
        assert_eq!(refused.status, 404);
        assert!(refused.json()["error"].as_str().unwrap().contains(path));
    }
    assert_eq!(bench.try_control("PATCH", "settings", json!({"nonceuses": 1})).await.status, 400);
    assert_eq!(bench.try_control("PATCH", "settings", json!({"rotateKeys": "nobody"})).await.status, 404);
    let unknown = json!({"buckets": {"Nothing": {"capacity": 1, "refill": 1}}});
    assert_eq!(bench.try_control("PATCH", "settings", unknown).await.status, 404);
}

#[tokio::test]
async fn a_cluster_does_on_command_what_atlas_does_by_itself() {
    let bench = Bench::start(&[]).await;
    let project = bench.project("one").await;
    let path = format!("/groups/{project}/clusters");
    let nodes = json!({"instanceSize": "M10", "nodeCount": 3});
    let region = json!({"providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7, "electableSpecs": nodes});
    let body = json!({"name": "orders", "clusterType": "SHARDED", "replicationSpecs": [{"regionConfigs": [region]}]});
    bench
        .control(
            "POST",
            "faults",
            json!({
                "operation": "POST /groups/*/clusters", "error": {"status": 409, "errorCode": "OUT_OF_CAPACITY"},
            }),
        )
        .await;
    let refused = bench.call("POST", &path, "2024-10-23", body.clone()).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "OUT_OF_CAPACITY"));
    assert_eq!(bench.call("POST", &path, "2024-10-23", body).await.status, 201);
    bench.control("POST", "clock/advance", json!({"seconds": 7200})).await;
    let target = json!({"groupId": project, "cluster": "orders"});
    let with = |more: Value| {
        let mut body = target.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let scaled = bench.control("POST", "autoscale", with(json!({"instanceSize": "M30", "done": true}))).await;
    let size = |cluster: &Value, shard: usize| {
        cluster["replicationSpecs"][shard]["regionConfigs"][0]["electableSpecs"]["instanceSize"].clone()
    };
    assert_eq!(size(&scaled, 0), "M30");
    bench.control("POST", "addShard", target.clone()).await;
    let cluster = bench.call("GET", &format!("{path}/orders"), "2024-08-05", Value::Null).await.json();
    assert_eq!((size(&cluster, 1), &cluster["stateName"]), (json!("M30"), &json!("UPDATING")));
    bench.control("POST", "maintain", with(json!({"repair": true}))).await;
    bench.control("POST", "clock/advance", json!({"seconds": 592})).await;
    let cluster = bench.call("GET", &format!("{path}/orders"), "2024-08-05", Value::Null).await.json();
    assert_eq!(cluster["stateName"], "REPAIRING");
    for (what, body) in
        [("autoscale", target.clone()), ("maintain", with(json!({"repairs": true}))), ("addShard", json!({}))]
    {
        let refused = bench.try_control("POST", what, body).await;
        assert!(refused.status == 400 && refused.json()["error"].is_string(), "{what}");
    }
}
