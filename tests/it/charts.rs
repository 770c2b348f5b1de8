//! The charts, as Helm renders them: over a matrix of values, and as the API server takes what comes of it.
mod api_server;
mod names;
mod network;
mod nulls;
mod package;
mod parent;
mod settings;

use std::path::{Path, PathBuf};

use harness::{Tool, repository};
use serde_json::{Value, json};

use super::{
    docs::{
        examples::chart,
        generated::charts::{CHARTS, folder},
        page::{Page, pages},
    },
    real::kube::documents,
};

/// The operator's chart, and the release of it that tests render.
pub const OPERATOR: &str = "atlas-operator";

/// Values of the operator's chart, each with what it is about.
fn matrix() -> Vec<(&'static str, Value)> {
    let everything = json!({
        "fullnameOverride": "mongo",
        "labels": {"team": "platform"},
        "podLabels": {"sidecar.istio.io/inject": "false"},
        "podAnnotations": {"example.com/owner": "platform"},
        "image": {"repository": "registry.example.com/a/b", "digest": format!("sha256:{}", "0".repeat(64)), "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "defaultCredentials": {"name": "atlas", "namespace": "secrets"},
        "atlas": {
            "caBundle": {"name": "authorities", "key": "bundle.pem"},
            "proxy": {"url": "http://proxy.example.com:3128", "credentials": {"name": "proxy"}},
        },
        "settings": {"resync": "30m", "log": "debug", "concurrency": 16},
        "serviceAccount": {"name": "somebody", "annotations": {"example.com/role": "atlas"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "priorityClassName": "system-cluster-critical",
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "extraVolumes": [{"name": "extra", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
        "podDisruptionBudget": {"maxUnavailable": "50%"},
        "networkPolicy": {
            "enabled": true,
            "atlas": {"cidrs": ["203.0.113.0/24"]},
            "apiServer": {"cidrs": ["10.0.0.2/32"], "ports": [6443]},
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "extraEgress": [{"ports": [{"port": 4318}]}],
        },
        "metrics": {
            "serviceMonitor": {"enabled": true, "interval": "1m", "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}, "runbooks": "https://example.com/r/"},
            "dashboard": {"enabled": true},
        },
    });
    let mut some_namespaces = everything.clone();
    some_namespaces["watchNamespaces"] = json!(["shop", "billing"]);
    vec![
        ("nothing", json!({})),
        ("everything", everything),
        ("some namespaces", some_namespaces),
        (
            "one namespace, with the credentials in it",
            json!({"watchNamespaces": ["shop"], "defaultCredentials": {"name": "atlas", "namespace": "shop"}}),
        ),
        (
            "nothing that is optional",
            json!({
                "rbac": {"create": false},
                "serviceAccount": {"create": false, "name": "given"},
                "podDisruptionBudget": {"enabled": false},
                "topologySpreadConstraints": [],
                "settings": null,
            "leaderElection": {"enabled": false},
            "replicas": 1,
            }),
        ),
        ("a network policy without addresses", json!({"networkPolicy": {"enabled": true}})),
        ("rights for the operator alone", json!({"rbac": {"aggregate": false}})),
        ("a proxy that asks for nothing", json!({"atlas": {"proxy": {"url": "https://proxy.example.com"}}})),
        ("metrics without a ServiceMonitor", json!({"metrics": {"service": {"enabled": true}}})),
        (
            "OpenShift",
            json!({
                "podSecurityContext": {"runAsUser": null, "runAsGroup": null},
                "networkPolicy": {"enabled": true, "dns": {"ports": [5353]}},
            }),
        ),
        (
            "a collector of traces",
            json!({"networkPolicy": {"enabled": true}, "settings": {"otlp-endpoint": "http://c:4318"}}),
        ),
        ("names that the chart gives too", taken_names()),
    ]
}

/// Labels, annotations and selectors where the chart has such of its own: whoever wins, none may be there twice.
fn taken_names() -> Value {
    let labels = |team: &str| {
        json!({
            "team": team,
            "app.kubernetes.io/name": "other",
            "app.kubernetes.io/instance": "other",
            "app.kubernetes.io/version": "other",
            "rbac.authorization.k8s.io/aggregate-to-view": "other",
        })
    };
    json!({
        "labels": labels("everything"),
        "podLabels": labels("pods"),
        "podAnnotations": {"checksum/settings": "other"},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}},
        ],
        "metrics": {
            "serviceMonitor": {"enabled": true, "labels": labels("monitor")},
            "prometheusRule": {"enabled": true, "labels": labels("rule")},
            "dashboard": {"enabled": true, "labels": labels("dashboard")},
        },
    })
}

/// What Helm makes of a chart with these values, or what it says against them.
async fn template(chart: &str, values: &Value) -> Result<Vec<Value>, String> {
    template_as(&folder(chart), OPERATOR, OPERATOR, values).await
}

/// The same, for a release of this name in this namespace. What is rendered is read strictly: a key that is there twice in
/// a map ends the test.
async fn template_as(path: &Path, release: &str, namespace: &str, values: &Value) -> Result<Vec<Value>, String> {
    let arguments = ["template", release, path.to_str().unwrap(), "--namespace", namespace, "--values", "-"];
    let rendered = Tool::helm(arguments).await.unwrap().stdin(values.to_string()).run().await;
    rendered
        .map(|text| documents(&text).into_iter().filter(|it| !it.is_null()).collect())
        .map_err(|error| error.to_string())
}

/// The same, for values that it takes.
pub async fn rendered(chart: &str, values: &Value) -> Vec<Value> {
    template(chart, values).await.unwrap()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[tokio::test]
async fn helm_has_nothing_against_the_charts() {
    for chart in CHARTS {
        let path = folder(chart);
        let lint = ["lint", "--strict", path.to_str().unwrap()];
        Tool::helm(lint).await.unwrap().run().await.unwrap();
        let text = std::fs::read_to_string(path.join("Chart.yaml")).unwrap();
        let about = &documents(&text)[0];
        for field in ["version", "appVersion"] {
            assert_eq!(about[field], env!("CARGO_PKG_VERSION"), "{field} of {chart}");
        }
    }
}

#[tokio::test]
async fn a_wrong_value_is_refused_with_its_name() {
    for (values, name) in [
        (json!({"replica": 2}), "replica"),
        (json!({"replicas": "two"}), "replicas"),
        (json!({"image": {"digest": "sha256:12"}}), "digest"),
        (json!({"watchNamespaces": "shop"}), "watchNamespaces"),
        (json!({"settings": {"resink": "1m"}}), "resink"),
        (json!({"settings": {"namespace": "shop"}}), "namespace"),
        (json!({"replicas": 2, "leaderElection": {"enabled": false}}), "replicas"),
        (json!({"metrics": {"serviceMonitor": {"interval": "often"}}}), "interval"),
        (json!({"serviceAccount": {"create": false}}), "serviceAccount.name"),
        (json!({"fullnameOverride": "a.b"}), "fullnameOverride"),
        (json!({"fullnameOverride": "9a"}), "fullnameOverride"),
        (json!({"fullnameOverride": "a".repeat(56)}), "fullnameOverride"),
        (json!({"settings": {"atlas-proxy": "http://proxy.example.com"}}), "atlas-proxy"),
        (json!({"atlas": {"caBundle": {"name": "authorities", "key": "../token"}}}), "key"),
        (json!({"atlas": {"proxy": {"url": "http://user:password@proxy.example.com"}}}), "url"),
        (json!({"atlas": {"proxy": {"credentials": {"name": "proxy"}}}}), "atlas.proxy.url"),
    ] {
        let said = template(OPERATOR, &values).await.unwrap_err();
        assert!(said.contains(name), "{values}: {said}");
    }
    for (values, name) in [
        (json!({"projects": {"shop": {"spec": {"name": "Shop", "tagz": []}}}}), "tagz"),
        (json!({"projects": {"Shop": {"spec": {"name": "Shop"}}}}), "Shop"),
        (json!({"clusters": {"orders": {}}}), "spec"),
    ] {
        let said = template("atlas-resources", &values).await.unwrap_err();
        assert!(said.contains(name), "{values}: {said}");
    }
}

#[tokio::test]
async fn pods_are_restricted_and_probed_whatever_the_values_are() {
    for (about, values) in matrix() {
        let objects = rendered(OPERATOR, &values).await;
        let [deployment] = of_kind(&objects, "Deployment")[..] else { panic!("{about}") };
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{about}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{about}");
        let expected = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
        assert_eq!(container["securityContext"], expected, "{about}");
        assert_eq!(container["livenessProbe"]["httpGet"], json!({"path": "/livez", "port": "health"}), "{about}");
        assert_eq!(container["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "health"}), "{about}");
        let selector = deployment["spec"]["selector"]["matchLabels"].as_object().unwrap();
        for (label, value) in selector {
            assert_eq!(deployment["spec"]["template"]["metadata"]["labels"][label], *value, "{about}");
        }
        let some = !values["watchNamespaces"].is_null();
        let is_of = |role: &Value, to: &str| {
            role["metadata"]["labels"][format!("rbac.authorization.k8s.io/aggregate-to-{to}")] == "true"
        };
        let is_given = |role: &&&Value| is_of(role, "view") || is_of(role, "edit");
        let roles = of_kind(&objects, "ClusterRole");
        assert_eq!(roles.is_empty(), some || values["rbac"]["create"] == false, "{about}");
        let given = roles.iter().filter(is_given).count();
        assert_eq!(given == 0, roles.is_empty() || values["rbac"]["aggregate"] == false, "{about}");
        assert_eq!(of_kind(&objects, "ClusterRoleBinding").len(), roles.len() - given, "{about}");
    }
}

/// Whole folders are mounted, since a single file of a ConfigMap never changes in a pod.
#[tokio::test]
async fn what_leads_to_atlas_is_mounted_where_the_operator_looks_for_it() {
    let (_, values) = matrix().remove(1);
    let objects = rendered(OPERATOR, &values).await;
    let [deployment] = of_kind(&objects, "Deployment")[..] else { panic!("{objects:?}") };
    let pod = &deployment["spec"]["template"]["spec"];
    let arguments = pod["containers"][0]["args"].as_array().unwrap();
    for (argument, volume, source) in [
        ("--atlas-ca-file=/etc/atlas-ca/bundle.pem", "atlas-ca", json!({"configMap": {"name": "authorities"}})),
        ("--atlas-proxy-credentials=/etc/atlas-proxy", "atlas-proxy", json!({"secret": {"secretName": "proxy"}})),
    ] {
        assert!(arguments.contains(&json!(argument)), "{arguments:?}");
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        let mount = json!({"name": volume, "mountPath": format!("/etc/{volume}"), "readOnly": true});
        assert!(mounts.contains(&mount), "{mounts:?}");
        let mut expected = source;
        expected["name"] = json!(volume);
        assert!(pod["volumes"].as_array().unwrap().contains(&expected), "{}", pod["volumes"]);
    }
    assert!(arguments.contains(&json!("--atlas-proxy=http://proxy.example.com:3128")), "{arguments:?}");
    let settings = of_kind(&objects, "ConfigMap");
    assert!(!json!(settings).to_string().contains("proxy"), "{settings:?}");
}

/// The operator reads the log filter again by itself, so that a change of it is no reason to replace pods.
#[tokio::test]
async fn pods_are_replaced_for_new_settings_but_not_for_what_is_logged() {
    let template = |settings: Value| async move {
        let objects = rendered(OPERATOR, &json!({"settings": settings})).await;
        let [map] = of_kind(&objects, "ConfigMap")[..] else { panic!("{objects:?}") };
        let [deployment] = of_kind(&objects, "Deployment")[..] else { panic!("{objects:?}") };
        (map["data"]["config.yaml"].clone(), deployment["spec"]["template"].clone())
    };
    let (file, before) = template(json!({"resync": "30m"})).await;
    let (changed, logging) = template(json!({"resync": "30m", "log": "debug"})).await;
    let (_, other) = template(json!({"resync": "20m"})).await;
    assert_ne!(file, changed);
    assert_eq!(before, logging);
    assert_ne!(before, other);
}

#[tokio::test]
async fn alerts_and_dashboard_are_those_that_were_tested() {
    let (_, mut values) = matrix().remove(1);
    let objects = rendered(OPERATOR, &values).await;
    let read = |file: &str| std::fs::read_to_string(repository().join("deploy/monitoring").join(file)).unwrap();

    let [rule] = of_kind(&objects, "PrometheusRule")[..] else { panic!("{objects:?}") };
    let mut expected = documents(&read("rules.yaml")).remove(0);
    for alert in
        expected["groups"].as_array_mut().unwrap().iter_mut().flat_map(|group| group["rules"].as_array_mut().unwrap())
    {
        let page =
            alert["annotations"]["runbook_url"].as_str().unwrap().replace("docs/runbooks", "https://example.com/r");
        alert["annotations"]["runbook_url"] = json!(page);
    }
    // But for one: what other releases serve does not say that this one is there.
    let absent = "/groups/0/rules/0/expr";
    let everywhere = expected.pointer(absent).unwrap().clone();
    *expected.pointer_mut(absent).unwrap() =
        json!(r#"absent(atlas_operator_build_info{namespace="atlas-operator",job="mongo-metrics"})"#);
    assert_json_diff::assert_json_eq!(rule["spec"], expected);
    // The labels are those of the ServiceMonitor's Service, so without it nothing is known of them.
    values["metrics"]["serviceMonitor"]["enabled"] = json!(false);
    let unrestricted = rendered(OPERATOR, &values).await;
    assert_eq!(of_kind(&unrestricted, "PrometheusRule")[0]["spec"].pointer(absent), Some(&everywhere));

    let maps = of_kind(&objects, "ConfigMap");
    let dashboard = maps.iter().find(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1").unwrap();
    let dashboard: Value = serde_json::from_str(dashboard["data"]["atlas-operator.json"].as_str().unwrap()).unwrap();
    assert_json_diff::assert_json_eq!(dashboard, serde_json::from_str::<Value>(&read("dashboard.json")).unwrap());
}

#[tokio::test]
async fn the_definitions_are_those_of_the_kinds_and_stay() {
    let given = json!({
        "labels": {"team": "platform", "app.kubernetes.io/name": "other", "app.kubernetes.io/version": "other"},
        "annotations": {"helm.sh/resource-policy": "other"},
    });
    let mut found = rendered("atlas-operator-crds", &given).await;
    let mut expected = Vec::new();
    for (_, manifest) in atlas_operator::kinds::manifests().unwrap() {
        expected.extend(documents(&manifest));
    }
    for definition in &mut found {
        let metadata = definition["metadata"].as_object_mut().unwrap();
        assert_eq!(metadata.remove("annotations"), Some(json!({"helm.sh/resource-policy": "keep"})));
        let expected =
            json!({"team": "platform", "app.kubernetes.io/name": OPERATOR, "app.kubernetes.io/version": "other"});
        assert_eq!(metadata.remove("labels").unwrap(), expected);
    }
    let name = |definition: &Value| definition["metadata"]["name"].to_string();
    found.sort_by_key(name);
    expected.sort_by_key(name);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_json_diff::assert_json_eq!(found, expected);
    }
}

/// The files below a folder, by their path in it.
fn files(folder: &Path, below: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join(below)).unwrap().map(Result::unwrap);
    let paths = entries.flat_map(|entry| {
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() { files(folder, &path) } else { vec![path] }
    });
    paths.collect()
}

#[test]
fn the_plain_manifests_are_what_the_chart_renders() {
    let fresh = tempfile::tempdir().unwrap();
    let render = std::process::Command::new(repository().join("deploy/render")).arg(fresh.path()).output().unwrap();
    assert!(render.status.success(), "{}", String::from_utf8_lossy(&render.stderr));
    let deploy = repository().join("deploy");
    let tag = format!("newTag: {}\n", env!("CARGO_PKG_VERSION"));
    let whole = std::fs::read_to_string(deploy.join("kustomization.yaml")).unwrap();
    assert!(whole.contains(&tag), "deploy/kustomization.yaml has another version");
    let rendered = files(fresh.path(), Path::new(""));
    assert!(rendered.len() > 5, "{rendered:?}");
    for path in rendered {
        let read = |folder: &Path| std::fs::read_to_string(folder.join(&path)).unwrap_or_default();
        assert!(read(fresh.path()) == read(&deploy), "deploy/{} is stale: run `make crds`", path.display());
        let kustomization = std::fs::read_to_string(deploy.join(&path).with_file_name("kustomization.yaml")).unwrap();
        let entry = format!("\n- {}\n", path.file_name().unwrap().display());
        assert!(kustomization.contains(&entry), "deploy/{} is not applied", path.display());
    }
}

#[tokio::test]
async fn the_values_in_the_documents_are_taken() {
    let blocks: Vec<_> = pages().iter().flat_map(Page::blocks).filter(|block| chart(block).is_some()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let values = documents(&block.code).remove(0);
        let rendered = template(chart(&block).unwrap(), &values).await;
        assert!(rendered.is_ok_and(|objects| !objects.is_empty()), "{}", block.place);
    }
}
