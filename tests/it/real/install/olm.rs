//! The bundle, as OLM installs it.
//!
//! OLM itself needs nodes, so this does with the bundle what OLM does: the definitions, the other manifests in the
//! operator's namespace, a ServiceAccount; a Role with the permissions in that namespace and in each that is watched, or
//! a ClusterRole when all are; a ClusterRole with the cluster's permissions; and the Deployment, whose pods are annotated
//! with the namespaces of the OperatorGroup.
use harness::{ControlPlane, Pod, repository, service_account_user};
use serde_json::{Value, json};

use super::{
    super::{super::bundle, stage::OPERATOR},
    Site, point_at_atlas, quickstart, roll_out,
};

const NAMESPACE: &str = "shop";

/// What stands in the ClusterServiceVersion as rules, bound to its ServiceAccount.
fn granted(permissions: &Value, name: &str, namespace: Option<&str>) -> Vec<Value> {
    let prefix = if namespace.is_some() { "" } else { "Cluster" };
    let metadata = json!({"name": name, "namespace": namespace});
    let account = permissions["serviceAccountName"].as_str().unwrap();
    let kind = format!("{prefix}Role");
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": metadata, "rules": permissions["rules"],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": format!("{kind}Binding"),
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": OPERATOR}],
        }),
    ]
}

/// What OLM makes of the bundle for an OperatorGroup with these namespaces; for all of them if there are none.
async fn install(control_plane: &ControlPlane, targets: &[&str]) {
    let version = bundle::service_version();
    let spec = &version["spec"]["install"]["spec"];
    let (permissions, in_cluster) = (&spec["permissions"][0], &spec["clusterPermissions"][0]);
    let mut objects = granted(in_cluster, "of-the-cluster", None);
    if targets.is_empty() {
        objects.extend(granted(permissions, "of-the-operator", None));
    }
    for namespace in [OPERATOR].iter().chain(targets) {
        objects.extend(granted(permissions, "of-the-operator", Some(namespace)));
    }
    let account = json!({"name": permissions["serviceAccountName"], "namespace": OPERATOR});
    objects.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}));
    let mut deployment = version.pointer(bundle::DEPLOYED).unwrap().clone();
    deployment["spec"]["template"]["metadata"]["annotations"]["olm.targetNamespaces"] = json!(targets.join(","));
    objects.push(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": deployment["name"], "namespace": OPERATOR, "labels": deployment["label"]},
        "spec": deployment["spec"],
    }));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    control_plane.apply_text(list.to_string()).await.unwrap();
    let manifests = repository().join("bundle/manifests");
    for entry in std::fs::read_dir(manifests).unwrap().map(Result::unwrap) {
        if !entry.file_name().to_str().unwrap().contains("clusterserviceversion") {
            let apply =
                ["apply", "--server-side", "-n", OPERATOR, "-f", entry.path().to_str().unwrap()].map(str::to_owned);
            control_plane.kubectl(apply).run().await.unwrap();
        }
    }
    control_plane.definitions_served().await.unwrap();
}

/// Whether the operator may see Secrets in a namespace.
async fn may_list_secrets(control_plane: &ControlPlane, namespace: &str) -> bool {
    let user = format!("--as={}", service_account_user(OPERATOR, OPERATOR));
    let may =
        control_plane.kubectl(["auth", "can-i", "list", "secrets", "-n", namespace, &user]).output().await.unwrap();
    may.status.success()
}

#[tokio::test]
async fn the_operator_watches_what_its_operator_group_names() {
    let site = Site::open(NAMESPACE).await;
    for namespace in [OPERATOR, "billing"] {
        site.control_plane.kubectl(["create", "namespace", namespace]).run().await.unwrap();
    }
    site.provide_credentials("billing").await;
    install(&site.control_plane, &[NAMESPACE]).await;
    assert!(!may_list_secrets(&site.control_plane, "billing").await);
    let mut stage = site.raise(NAMESPACE).await;
    quickstart(&stage, NAMESPACE).await;

    install(&stage.plane().control_plane, &[]).await;
    assert!(may_list_secrets(&stage.plane().control_plane, "billing").await);
    point_at_atlas(&stage.plane().control_plane, &stage.simulator).await;
    let pod: Pod = roll_out(&mut stage).await;
    assert!(!pod.arguments().iter().any(|argument| argument.contains("namespace")), "{:?}", pod.arguments());
    let project = json!({
        "apiVersion": "atlas-operator.io/v1", "kind": "AtlasProject", "metadata": {"name": "billing"},
        "spec": {"name": "Billing", "connectionSecretRef": {"name": "atlas-credentials"}},
    });
    stage.kube.apply("billing", &project).await;
    stage.all_ready("billing").await;
    stage.end().await;
}
