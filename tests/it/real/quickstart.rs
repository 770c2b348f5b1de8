//! The quickstart as a user lives it: the manifests of `examples/quickstart`, the real kubectl, an operator that watches
//! everything, and the exact calls that Atlas gets.
use harness::{Call, repository};
use serde_json::{Value, json};

use super::{
    kube::documents,
    stage::{Scenery, Stage, lines},
};

const NAMESPACE: &str = "quickstart";

/// The fields of a connection Secret: those of the Service Binding specification, and the addresses that Atlas gives.
const CONNECTION: [&str; 10] = [
    "connectionStringStandard",
    "connectionStringStandardSrv",
    "database",
    "host",
    "password",
    "port",
    "provider",
    "type",
    "uri",
    "username",
];

#[tokio::test]
async fn the_quickstart_leads_to_exactly_these_calls_from_its_first_day_to_its_last() {
    let stage = Stage::alone(Scenery { checked: true, ..Scenery::of(NAMESPACE) }).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;

    apply(&stage).await;
    stage.all_ready(NAMESPACE).await;
    let project = project_id(&stage).await;
    let calls = stage.simulator.mutating_calls(0).await.unwrap();
    assert_json_diff::assert_json_eq!(told(&calls), creations(&stage, &project));
    expect_connection_secret(&stage).await;
    expect_table(&stage).await;

    let since = stage.simulator.latest_call().await.unwrap();
    let tags = r#"{"spec":{"tags":[{"key":"env","value":"test"}]}}"#;
    kubectl(&stage, &["patch", "atlascluster", "orders", "--type=merge", "-p", tags]).await;
    stage.mutating_calls(since, 1).await;
    stage.all_ready(NAMESPACE).await;
    let calls = stage.simulator.mutating_calls(since).await.unwrap();
    let edit =
        json!([format!("PATCH {}/clusters/orders", path(&project)), {"tags": [{"key": "env", "value": "test"}]}, 200]);
    assert_json_diff::assert_json_eq!(told(&calls), json!([edit]));

    let since = stage.simulator.latest_call().await.unwrap();
    kubectl(&stage, &["delete", "atlasdatabaseuser", "orders-api", "--timeout=60s"]).await;
    let calls = stage.simulator.mutating_calls(since).await.unwrap();
    let user = format!("DELETE {}/databaseUsers/admin/orders-api", path(&project));
    assert_eq!(lines(&calls), [user.as_str()]);
    assert_eq!(stage.kube.connection_secrets(NAMESPACE).await, Vec::<Value>::new());

    // The default for what bears data is retain.
    let since = stage.simulator.latest_call().await.unwrap();
    kubectl(&stage, &["delete", "atlascluster,atlasproject", "--all", "--timeout=60s"]).await;
    assert_eq!(lines(&stage.simulator.mutating_calls(since).await.unwrap()), Vec::<String>::new());
    let kept = &stage.simulator.state().await.unwrap()["groups"][&project];
    assert_eq!(kept["clusters"]["orders"]["stateName"], "IDLE", "{kept}");

    // Applied again, what was kept is recognised; the tag that was edited since is in the way of that.
    apply(&stage).await;
    let refused = stage.reason(NAMESPACE, "AtlasCluster", "orders", "AlreadyExists").await;
    assert_eq!(refused["status"]["drift"][0]["path"], "tags", "{refused}");
    for resource in ["atlascluster/orders", "atlasproject/shop"] {
        let policies = ["atlas-operator.io/adopt=always", "atlas-operator.io/deletion=delete"];
        kubectl(&stage, &[["annotate", resource].as_slice(), &policies].concat()).await;
    }
    stage.all_ready(NAMESPACE).await;
    let calls = stage.simulator.mutating_calls(since).await.unwrap();
    let adoption =
        [format!("PATCH {}/clusters/orders", path(&project)), format!("POST {}/databaseUsers", path(&project))];
    assert_eq!(sorted(lines(&calls)), adoption);

    let since = stage.simulator.latest_call().await.unwrap();
    let folder = folder();
    kubectl(&stage, &["delete", "-f", &folder, "--timeout=120s"]).await;
    let calls = stage.simulator.mutating_calls(since).await.unwrap();
    assert!(calls.iter().all(|call| (200..300).contains(&call.status)), "Atlas refused one: {calls:#?}");
    let mut calls = lines(&calls);
    // The cluster and the user are objects of their own, and nothing orders them. The project is last, after the wait.
    calls[..2].sort();
    assert_eq!(
        calls,
        [format!("DELETE {}/clusters/orders", path(&project)), user, format!("DELETE {}", path(&project))]
    );
    assert_eq!(stage.simulator.state().await.unwrap()["groups"], json!({}));
    assert_eq!(stage.kube.connection_secrets(NAMESPACE).await, Vec::<Value>::new());
    stage.end().await;
}

fn folder() -> String {
    repository().join("examples/quickstart").to_str().unwrap().to_owned()
}

async fn kubectl(stage: &Stage, arguments: &[&str]) -> String {
    let arguments = ["-n", NAMESPACE].iter().chain(arguments);
    stage.plane().control_plane.kubectl(arguments.copied()).run().await.unwrap()
}

async fn apply(stage: &Stage) {
    kubectl(stage, &["apply", "-f", &folder()]).await;
}

async fn project_id(stage: &Stage) -> String {
    let project = stage.kube.get(NAMESPACE, "AtlasProject", "shop").await.unwrap();
    project["status"]["atlas"]["projectId"].as_str().unwrap().to_owned()
}

fn path(project: &str) -> String {
    format!("/api/atlas/v2/groups/{project}")
}

/// Calls as `[line, body, status]`.
fn told(calls: &[Call]) -> Value {
    let mut calls: Vec<Value> = calls.iter().map(|call| json!([call.line(), call.request, call.status])).collect();
    let position = |end: &str| calls.iter().position(|call| call[0].as_str().unwrap().ends_with(end));
    // The access list is the project's and the cluster is another object: once the project is there, nothing orders
    // the two, though the cluster, which has to be woken first, is the later one as a rule.
    if let (Some(list), Some(cluster)) = (position("/accessList"), position("/clusters"))
        && list == cluster + 1
    {
        calls.swap(list, cluster);
    }
    Value::Array(calls)
}

/// The calls that bring the quickstart into being, in order. The Schema Advisor is on in a new project, so its setting
/// takes no call.
fn creations(stage: &Stage, project: &str) -> Value {
    let spec = |file: &str| {
        let text = std::fs::read_to_string(repository().join("examples/quickstart").join(file)).unwrap();
        documents(&text).remove(0)["spec"].clone()
    };
    let (shop, orders, user) = (spec("project.yaml"), spec("cluster.yaml"), spec("user.yaml"));
    let fields = |document: &Value, names: &[&str]| -> Value {
        names.iter().map(|&name| (name.to_owned(), document[name].clone())).collect()
    };
    let mut group = fields(&shop, &["name", "tags"]);
    group["orgId"] = json!(stage.organization().id);
    let cluster = fields(&orders, &["name", "clusterType", "backupEnabled", "tags", "replicationSpecs"]);
    let mut account = fields(&user, &["username", "roles", "scopes"]);
    account["databaseName"] = json!("admin");
    // The defaults of the definition: a user with a password.
    for field in ["x509Type", "ldapAuthType", "awsIAMType", "oidcAuthType"] {
        account[field] = json!("NONE");
    }
    account["groupId"] = json!(project);
    account["password"] = json!("correct horse/battery@staple");
    json!([
        ["POST /api/atlas/v2/groups", group, 201],
        [format!("POST {}/accessList", path(project)), shop["ipAccessList"], 201],
        [format!("POST {}/clusters", path(project)), cluster, 201],
        [format!("POST {}/databaseUsers", path(project)), account, 201],
    ])
}

async fn expect_connection_secret(stage: &Stage) {
    let secrets = stage.connection_secrets(NAMESPACE).await;
    let names: Vec<&Value> = secrets.iter().map(|secret| &secret["metadata"]["name"]).collect();
    assert_eq!(names, ["shop-orders-orders-api"]);
    let keys: Vec<&String> = secrets[0]["data"].as_object().unwrap().keys().collect();
    assert_eq!(keys, CONNECTION);
    let read = format!("go-template={{{{index .data {:?} | base64decode}}}}", "uri");
    let uri = kubectl(stage, &["get", "secret", "shop-orders-orders-api", "-o", &read]).await;
    let rest = uri.strip_prefix("mongodb+srv://orders-api:correct%20horse%2Fbattery%40staple@orders.");
    assert!(rest.is_some_and(|rest| rest.contains(".mongodb.net")), "{uri}");
}

/// What `kubectl get atlas` shows, of all kinds in one command.
async fn expect_table(stage: &Stage) {
    let table = stage.plane().control_plane.kubectl(["get", "atlas", "-A"]).run().await.unwrap();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = table.lines().map(words).filter(|row| !row.is_empty()).collect();
    let row_of = |name: &str| {
        rows.iter().find(|row| row.get(1).is_some_and(|it| it == name)).unwrap_or_else(|| panic!("{table}"))
    };
    assert_eq!(row_of("atlasproject.atlas-operator.io/shop")[2..4], ["True", "Synced"], "{table}");
    assert_eq!(row_of("atlascluster.atlas-operator.io/orders")[2..5], ["True", "Synced", "IDLE"], "{table}");
    assert_eq!(row_of("atlasdatabaseuser.atlas-operator.io/orders-api")[2..4], ["True", "Synced"], "{table}");
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}
