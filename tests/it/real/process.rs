//! The operator as a process: how it starts, what it answers, what it logs, and how it ends.
use std::time::{Duration, Instant};

use atlas_operator::kinds;
use harness::{
    Call, ControlPlane, ControlPlaneOptions, Operator, OperatorOptions, Simulator, SimulatorOptions, eventually,
    free_port, repository,
};
use serde_json::{Map, Value, json};

use super::{
    examples,
    gate::Gate,
    log,
    stage::{CREDENTIALS, PATIENCE, SPEED, Scenery, Stage, expect_nothing_denied, lines},
};

/// How long a stop may take: the 25 s that are promised, and what a busy machine adds; a pod is given 30 s.
const STOP: Duration = Duration::from_secs(28);
/// What a leader logs when a standby may work.
const GIVEN_BACK: &str = "the lease is given back";

/// Status and body of a GET; the probes are plain HTTP on loopback.
async fn get(url: &str) -> Result<(u16, String), reqwest::Error> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(url).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// Waits until `/readyz` answers with a body that holds all of `parts`.
async fn unready_because(operator: &Operator, parts: &[&str]) {
    let url = format!("{}/readyz", operator.health_url());
    eventually(PATIENCE, &format!("/readyz to name {parts:?}"), || async {
        let (status, body) = get(&url).await.map_err(|error| error.to_string())?;
        if status == 503 && parts.iter().all(|part| body.contains(part)) {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn without_definitions_it_waits_and_says_for_which_and_goes_on_by_itself() {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    for manifest in ["namespace.yaml", "service-account.yaml", "rbac.yaml"] {
        control_plane.apply(&repository().join("deploy").join(manifest)).await.unwrap();
    }
    let kubeconfig = control_plane.as_service_account("atlas-operator", "atlas-operator").await.unwrap();
    let simulator = Simulator::start(&SimulatorOptions::default()).await.unwrap();
    let options = OperatorOptions::new(&kubeconfig, simulator.base_url());

    let operator = Operator::start(&options).unwrap();
    unready_because(&operator, &["custom resource definitions", "crds/"]).await;
    let alive = get(&format!("{}/livez", operator.health_url())).await.unwrap();
    assert_eq!(alive.0, 200);
    // One that is still waiting ends as quickly as any other.
    assert!(operator.stop().await.unwrap().success());

    let operator = Operator::start(&options).unwrap();
    let definitions: Vec<String> = kinds::manifests().unwrap().into_iter().map(|(name, _)| name).collect();
    let (last, others) = definitions.split_last().unwrap();
    for file in others {
        control_plane.install_crds(&repository().join("crds").join(file)).await.unwrap();
    }
    let missing = kinds::all().last().unwrap().plural();
    unready_because(&operator, &[missing]).await;
    control_plane.install_crds(&repository().join("crds").join(last)).await.unwrap();
    operator.wait_ready().await.unwrap();
    assert!(operator.stop().await.unwrap().success());
    expect_nothing_denied(&control_plane);
}

#[tokio::test]
async fn a_stop_ends_in_time_although_atlas_never_answers() {
    const NAMESPACE: &str = "stop-held";
    // Nothing is answered by Atlas, nor by the collector of traces, which takes connections and leaves it at that.
    let gate = Gate::open(" /api/").await;
    let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("--otlp-endpoint=http://{}", collector.local_addr().unwrap());
    let name = format!("--lease-name={NAMESPACE}");
    let scenery =
        Scenery { atlas_url: Some(gate.url()), port: Some(gate.behind()), speed: 1.0, ..Scenery::of(NAMESPACE) };
    let arguments = ["--leader-election", "--lease-namespace=atlas-operator", &name, &endpoint];
    let stage = Stage::shared(scenery.arguments(&arguments)).await;
    // With a service account, whose access token is handed back after the calls in flight.
    let secret = stage.organization().service_account_secret(NAMESPACE, CREDENTIALS);
    stage.kube.apply(NAMESPACE, &secret).await;
    stage.kube.apply(NAMESPACE, &examples::project("shop", "Shop")).await;
    stage.all_ready(NAMESPACE).await;
    let since = stage.simulator.latest_call().await.unwrap();
    gate.close();
    stage.kube.apply(NAMESPACE, &examples::cluster("orders")).await;
    eventually(PATIENCE, "a call that is held", || async {
        let calls = stage.simulator.calls(since).await.map_err(|error| error.to_string())?;
        if calls.is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await
    .unwrap();
    let asked = Instant::now();
    let given_back = async {
        let look = || async { if stage.operator.logs().contains(GIVEN_BACK) { Ok(()) } else { Err("not yet") } };
        eventually(PATIENCE, "the lease to be given back", look).await.unwrap();
        asked.elapsed()
    };
    let (stopped, given_back) = tokio::join!(stage.operator.stop(), given_back);
    let (status, took) = (stopped.unwrap(), asked.elapsed());
    println!("the lease was given back after {:.1} s", given_back.as_secs_f64());
    println!("with a call that Atlas never answers, the operator ended after {:.1} s", took.as_secs_f64());
    assert!(status.success(), "{status}");
    assert!(took <= STOP, "{took:?}");
    assert!(given_back + Duration::from_secs(1) < took, "a standby waits for tokens that nobody takes back");
    stage.look_back().await;
}

#[tokio::test]
async fn a_stop_finishes_the_call_in_flight_and_the_next_start_does_not_repeat_it() {
    const NAMESPACE: &str = "stop-slow";
    let gate = Gate::open("/clusters HTTP/1.1").await;
    let scenery =
        Scenery { atlas_url: Some(gate.url()), port: Some(gate.behind()), speed: 1.0, ..Scenery::of(NAMESPACE) };
    let mut stage = Stage::shared(scenery).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &examples::project("shop", "Shop")).await;
    stage.all_ready(NAMESPACE).await;

    let since = stage.simulator.latest_call().await.unwrap();
    gate.close();
    stage.kube.apply(NAMESPACE, &examples::cluster("orders")).await;
    // Atlas has carried it out, and its answer is on its way for as long as the gate is closed.
    stage.mutating_calls(since, 1).await;
    let open_later = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(stage.operator.is_running(), "it did not wait for the answer");
        gate.reopen();
    };
    let (status, ()) = tokio::join!(stage.operator.stop(), open_later);
    assert!(status.unwrap().success());
    let log = stage.operator.logs();
    let finished = log
        .lines()
        .any(|line| line.contains("sent to Atlas") && line.contains("/clusters") && line.contains("status=201"));
    assert!(finished, "{log}");
    let orders = stage.kube.get(NAMESPACE, "AtlasCluster", "orders").await.unwrap();
    assert_eq!(orders["status"]["conditions"][0]["reason"], "Creating", "what came of it was written down: {orders}");

    stage.restart_operator().await;
    stage.simulator.settings(&json!({"speed": SPEED})).await.unwrap();
    stage.all_ready(NAMESPACE).await;
    let calls = stage.simulator.mutating_calls(since).await.unwrap();
    assert_eq!(calls.len(), 1, "{:?}", lines(&calls));
    stage.end().await;
}

#[tokio::test]
async fn an_operator_of_one_namespace_touches_no_other() {
    let stage = Stage::shared(Scenery::of("watched")).await;
    stage.kube.create_namespace("unwatched").await;
    let position = stage.plane().position();
    for (namespace, name) in [("unwatched", "Elsewhere"), ("watched", "Here")] {
        stage.provide_credentials(namespace, stage.organization()).await;
        stage.kube.apply(namespace, &examples::project("shop", name)).await;
    }
    stage.all_ready("watched").await;
    let ignored = stage.kube.get("unwatched", "AtlasProject", "shop").await.unwrap();
    assert_eq!(ignored["metadata"]["finalizers"], Value::Null, "{ignored}");
    assert_eq!(ignored["status"], json!({"observedGeneration": -1}), "{ignored}");
    let bodies: Vec<Value> =
        stage.simulator.mutating_calls(0).await.unwrap().into_iter().map(|call| call.request["name"].clone()).collect();
    assert_eq!(bodies, ["Here"]);
    // It asked nothing about the other, and nothing about all namespaces: no operator on this plane did.
    for request in stage.plane().requests(position) {
        assert_ne!(request.namespace, "unwatched", "{request:?}");
        assert!(request.resource.is_empty() || !request.namespace.is_empty(), "{request:?}");
    }
    stage.end().await;
}

/// One line of the log about a mutating call.
fn line_of<'a>(log: &'a [Map<String, Value>], call: &Call) -> Vec<&'a Map<String, Value>> {
    let path = call.path.strip_prefix("/api/atlas/v2").unwrap();
    let same = |line: &&Map<String, Value>| {
        line["method"] == call.method.as_str() && line["path"] == path && line["status"] == call.status
    };
    log.iter().filter(|line| line.contains_key("why")).filter(same).collect()
}

#[tokio::test]
async fn it_answers_probes_and_metrics_and_logs_one_line_for_each_mutating_call() {
    const NAMESPACE: &str = "lines";
    let stage = Stage::shared(Scenery::of(NAMESPACE).arguments(&["--log-format", "json"])).await;
    for probe in ["livez", "readyz"] {
        assert_eq!(get(&format!("{}/{probe}", stage.operator.health_url())).await.unwrap(), (200, "ok".to_owned()));
    }
    let answer = json!({"status": 400, "errorCode": "ATLAS_INVALID_RESOURCE", "detail": "No such resource."});
    let fault = json!({"operation": "POST /groups/{groupId}/customDBRoles/roles", "error": answer, "when": "after"});
    stage.simulator.add_fault(&fault).await.unwrap();
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    for object in [
        examples::project("shop", "Shop"),
        examples::role("support"),
        examples::password("password", "correct horse battery"),
        examples::user("orders-api"),
    ] {
        stage.kube.apply(NAMESPACE, &object).await;
    }
    stage.reason(NAMESPACE, "AtlasCustomRole", "support", "Rejected").await;
    stage.reason(NAMESPACE, "AtlasDatabaseUser", "orders-api", "Synced").await;
    stage.kube.merge(NAMESPACE, "AtlasDatabaseUser", "orders-api", &json!({"spec": {"description": "orders"}})).await;
    stage.all_ready_but(NAMESPACE, "support").await;
    stage.kube.delete(NAMESPACE, "AtlasDatabaseUser", "orders-api").await;
    stage.gone(NAMESPACE, "AtlasDatabaseUser", "orders-api").await;

    let metrics = stage.operator.metrics().await.unwrap();
    for part in [
        r#"atlas_operator_passes_total{kind="AtlasProject",outcome="settled"}"#,
        r#"atlas_operator_passes_total{kind="AtlasCustomRole",outcome="refused"}"#,
        r#"operation="/groups/{groupId}/databaseUsers",status="2xx""#,
        r#"operation="/groups/{groupId}/customDBRoles/roles",status="4xx""#,
        "atlas_operator_atlas_request_duration_seconds_bucket",
        "# EOF",
    ] {
        assert!(metrics.contains(part), "{part} in:\n{metrics}");
    }

    let log = log::lines(&stage.operator.logs());
    let calls = stage.simulator.mutating_calls(0).await.unwrap();
    let methods: Vec<&str> = calls.iter().map(|call| call.method.as_str()).collect();
    assert_eq!(methods.iter().filter(|method| **method == "DELETE").count(), 1, "{methods:?}");
    for call in &calls {
        let told = line_of(&log, call);
        assert_eq!(told.len(), 1, "{} {}: {told:#?}", call.line(), call.status);
        let line = told[0];
        let kind = kind_of(&call.path);
        assert_eq!((&line["kind"], &line["namespace"]), (&json!(kind), &json!(NAMESPACE)), "{line:?}");
        assert!(["shop", "support", "orders-api"].contains(&line["name"].as_str().unwrap()), "{line:?}");
        assert!(!line["why"].as_str().unwrap().is_empty(), "{line:?}");
    }
    let about_calls = log.iter().filter(|line| line.contains_key("why")).count();
    assert_eq!(about_calls, calls.len(), "a line for a call that Atlas never saw");
    // What a person is to see is a warning for every filter by level, and says which object it is about.
    let refusals: Vec<_> = log.iter().filter(|line| line.get("outcome") == Some(&json!("refused"))).collect();
    assert!(!refusals.is_empty());
    for line in refusals {
        let place = ["kind", "namespace", "name"].map(|field| line[field].as_str().unwrap());
        assert_eq!(place, ["AtlasCustomRole", NAMESPACE, "support"], "{line:?}");
        assert_eq!((&line["level"], &line["reason"]), (&json!("WARN"), &json!("Rejected")), "{line:?}");
        assert!(line["message"].as_str().unwrap().contains("ATLAS_INVALID_RESOURCE"), "{line:?}");
    }
    stage.end().await;
}

/// The kind whose resource is at a path.
fn kind_of(path: &str) -> &'static str {
    match path {
        path if path.contains("/databaseUsers") => "AtlasDatabaseUser",
        path if path.contains("/customDBRoles") => "AtlasCustomRole",
        _ => "AtlasProject",
    }
}

#[tokio::test]
async fn on_every_address_it_answers_to_both_families() {
    // Its API server is not there, which it waits for; the probes answer before that.
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let nowhere = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
        "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "nobody", "user": {}}],
    });
    std::fs::write(&kubeconfig, nowhere.to_string()).unwrap();
    let [health, metrics] = [(); 2].map(|()| free_port());
    let process = tokio::process::Command::new(env!("CARGO_BIN_EXE_atlas-operator"))
        .args(["run", "--atlas-url=http://127.0.0.1:1"])
        .args([format!("--health=[::]:{health}"), format!("--metrics=[::]:{metrics}")])
        .env("KUBECONFIG", &kubeconfig)
        .kill_on_drop(true)
        .spawn();
    let mut process = process.unwrap();
    let mut hosts = vec!["127.0.0.1"];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        hosts.push("[::1]");
    } else {
        println!("this machine has no IPv6, so only IPv4 is tried");
    }
    for host in hosts {
        for (port, path, part) in [(health, "livez", "ok"), (metrics, "metrics", "atlas_operator_build_info")] {
            let url = format!("http://{host}:{port}/{path}");
            eventually(PATIENCE, &url, || async {
                let (status, body) = get(&url).await.map_err(|error| error.to_string())?;
                if status == 200 && body.contains(part) { Ok(()) } else { Err(format!("{status} {body}")) }
            })
            .await
            .unwrap();
        }
    }
    process.kill().await.unwrap();
}
