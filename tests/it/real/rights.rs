//! The rights of an installed operator: enough for everything, and none too many.
use std::collections::BTreeSet;

use atlas_operator::{cli::rbac, kind::GROUP, kinds};
use clap::ValueEnum;
use harness::{AuditEvent, ControlPlane, eventually, repository};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use super::{
    examples,
    stage::{OPERATOR, PATIENCE, Stage},
};

/// Where, and what: a namespace (empty: all of them) and `verb resource.group/subresource`, as
/// [`AuditEvent::permission`] writes it.
type Permission = (String, String);

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

/// Every verb on every resource that rules grant.
fn permissions(rules: &Value) -> Vec<String> {
    let mut granted = Vec::new();
    for rule in rules.as_array().into_iter().flatten() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                for verb in texts(&rule["verbs"]) {
                    let event = AuditEvent {
                        verb: verb.to_owned(),
                        group: group.to_owned(),
                        resource: resource.to_owned(),
                        subresource: subresource.to_owned(),
                        ..nobody()
                    };
                    granted.push(event.permission());
                }
            }
        }
    }
    granted
}

/// What the roles grant that are bound to the operator's ServiceAccount, as the API server has them.
async fn granted(control_plane: &ControlPlane) -> BTreeSet<Permission> {
    let get = ["get", "roles,rolebindings,clusterroles,clusterrolebindings", "-A", "-o", "json"];
    let list = control_plane.kubectl(get).json().await.unwrap();
    let items = list["items"].as_array().unwrap();
    let is_operator = |subject: &Value| subject["name"] == OPERATOR && subject["namespace"] == OPERATOR;
    let mut granted = BTreeSet::new();
    for binding in items.iter().filter(|item| item["subjects"].as_array().into_iter().flatten().any(is_operator)) {
        let (reference, namespace) = (&binding["roleRef"], &binding["metadata"]["namespace"]);
        let is_role = |item: &&Value| {
            let is_near = reference["kind"] == "ClusterRole" || item["metadata"]["namespace"] == *namespace;
            item["kind"] == reference["kind"] && item["metadata"]["name"] == reference["name"] && is_near
        };
        let role = items.iter().find(is_role).unwrap();
        let namespace = namespace.as_str().unwrap_or_default();
        granted.extend(permissions(&role["rules"]).into_iter().map(|permission| (namespace.to_owned(), permission)));
    }
    granted
}

fn nobody() -> AuditEvent {
    let empty = String::new;
    AuditEvent {
        user: empty(),
        verb: empty(),
        group: empty(),
        resource: empty(),
        subresource: empty(),
        namespace: empty(),
        name: empty(),
        uri: empty(),
        code: 0,
        time: empty(),
    }
}

#[test]
fn the_rules_of_the_chart_are_those_that_the_catalogue_makes() {
    for scope in rbac::Scope::value_variants() {
        let file = scope.to_possible_value().unwrap();
        let file = file.get_name();
        let path = repository().join(format!("charts/atlas-operator/files/rbac/{file}.yaml"));
        let found = std::fs::read_to_string(&path).unwrap();
        assert_eq!(found, rbac::rules(*scope), "{} is stale: run `make crds`", path.display());
    }
}

/// Every way in which the operator uses Kubernetes while there are objects: those of the quickstart are there and Ready.
pub async fn use_everything(stage: &Stage, namespace: &str) {
    stage.kube.apply(namespace, &examples::role("support")).await;
    stage.all_ready(namespace).await;
    for kind in kinds::all() {
        let objects = stage.kube.list(namespace, kind.name()).await;
        assert!(!objects.is_empty(), "there is no {}: a new kind goes into this test too", kind.name());
    }
    let before = stage.connection_secrets(namespace).await;
    // A published Secret is brought up to date, and an Event that repeats within minutes is counted, not made again.
    for password in ["battery correct horse", "horse battery correct"] {
        let since = stage.simulator.latest_call().await.unwrap();
        let secret = examples::secret("orders-api-password", &json!({"password": password}));
        stage.kube.apply(namespace, &secret).await;
        stage.mutating_calls(since, 1).await;
        stage.all_ready(namespace).await;
    }
    let after = stage.connection_secrets(namespace).await;
    assert_eq!(after[0]["metadata"]["uid"], before[0]["metadata"]["uid"]);
    assert_ne!(after[0]["data"]["password"], before[0]["data"]["password"]);
}

/// Deletes every object, under the policies that hold, and waits for their end.
pub async fn remove_everything(stage: &Stage, namespace: &str) {
    for object in stage.kube.objects(namespace).await {
        let text = |field: &Value| field.as_str().unwrap().to_owned();
        stage.kube.delete(namespace, &text(&object["kind"]), &text(&object["metadata"]["name"])).await;
    }
    all_gone(stage, namespace).await;
}

/// Waits until there are no objects any more.
pub async fn all_gone(stage: &Stage, namespace: &str) {
    eventually(PATIENCE, "the end of all objects", || async {
        let objects = stage.kube.objects(namespace).await;
        let told: Vec<String> = objects.iter().map(|object| object["status"].to_string()).collect();
        if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
    })
    .await
    .unwrap();
}

/// What the operator asked for so far is what its roles grant, no less and no more.
pub async fn expect_exact(stage: &Stage) {
    let requests = stage.plane().requests(0);
    let denied: Vec<_> = requests.iter().filter(|request| request.is_denied()).collect();
    assert!(denied.is_empty(), "denied: {denied:#?}");
    let is_used = |(namespace, permission): &Permission| {
        let is_here = |request: &AuditEvent| namespace.is_empty() || request.namespace == *namespace;
        requests.iter().any(|request| is_here(request) && request.permission() == *permission)
    };
    let granted = granted(&stage.plane().control_plane).await;
    println!("{} requests used {} rights: {granted:?}", requests.len(), granted.len());
    let unused: Vec<_> = granted.iter().filter(|permission| !is_used(permission)).collect();
    assert!(!granted.is_empty() && unused.is_empty(), "granted and never used: {unused:?}");
}

/// Whoever may view or edit in a namespace may do so with the objects of the operator there, and nobody may write their
/// status.
pub async fn expect_aggregated(stage: &Stage, namespace: &str) {
    for role in ["view", "edit"] {
        let binding = ["create", "rolebinding", role, "--clusterrole", role, "--user", role, "-n", namespace];
        stage.plane().control_plane.kubectl(binding).run().await.unwrap();
    }
    for kind in kinds::all() {
        for verb in ["get", "list", "watch"] {
            expect_right(stage, namespace, ("view", verb, kind.plural(), ""), true).await;
            expect_right(stage, namespace, ("edit", verb, kind.plural(), ""), true).await;
        }
        for verb in ["create", "update", "patch", "delete", "deletecollection"] {
            expect_right(stage, namespace, ("view", verb, kind.plural(), ""), false).await;
            expect_right(stage, namespace, ("edit", verb, kind.plural(), ""), true).await;
            expect_right(stage, namespace, ("edit", verb, kind.plural(), "status"), false).await;
        }
    }
}

/// Whether a user may do something, by the API server's own word: who, verb, resource, subresource.
async fn expect_right(stage: &Stage, namespace: &str, what: (&str, &str, &str, &str), expected: bool) {
    let (user, verb, resource, subresource) = what;
    let attributes = json!({
        "namespace": namespace,
        "verb": verb,
        "group": GROUP,
        "resource": resource,
        "subresource": subresource,
    });
    let review = json!({"metadata": {}, "spec": {"user": user, "resourceAttributes": attributes}});
    let review: SubjectAccessReview = serde_json::from_value(review).unwrap();
    let reviews: Api<SubjectAccessReview> = Api::all(stage.kube.0.clone());
    // The controller that adds the rules up needs a moment.
    eventually(PATIENCE, &format!("{expected} for {what:?}"), || async {
        let said = reviews.create(&PostParams::default(), &review).await.map_err(|error| error.to_string())?;
        let may = said.status.is_some_and(|status| status.allowed);
        if may == expected { Ok(()) } else { Err(may.to_string()) }
    })
    .await
    .unwrap();
}
