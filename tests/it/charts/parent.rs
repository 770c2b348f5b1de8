//! The charts as parts of another, which switches them by a condition and shares values with them.
use std::{path::Path, process::Command};

use serde_json::{Value, json};

use super::{CHARTS, OPERATOR, folder, template_as};

/// A chart that has all of ours in it, each under a condition.
fn umbrella(path: &Path) {
    let dependencies = CHARTS.map(
        |chart| json!({"name": chart, "version": env!("CARGO_PKG_VERSION"), "condition": format!("{chart}.enabled")}),
    );
    let about = json!({"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": dependencies});
    std::fs::write(path.join("Chart.yaml"), about.to_string()).unwrap();
    std::fs::create_dir(path.join("charts")).unwrap();
    for chart in CHARTS {
        let copied = Command::new("cp").arg("-r").args([&folder(chart), &path.join("charts")]).status().unwrap();
        assert!(copied.success());
    }
}

fn kinds(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_parent_chart_switches_each_by_a_condition_and_shares_values() {
    let parent = tempfile::tempdir().unwrap();
    umbrella(parent.path());
    let projects = json!({"shop": {"spec": {"name": "Shop"}}});
    for (operator, definitions, resources) in [(true, true, true), (false, true, false), (true, false, true)] {
        let values = json!({
            "global": {"imageRegistry": "registry.example.com"},
            "atlas-operator": {"enabled": operator, "replicas": 3},
            "atlas-operator-crds": {"enabled": definitions},
            "atlas-resources": {"enabled": resources, "projects": projects},
        });
        let objects = template_as(parent.path(), "platform", OPERATOR, &values).await.unwrap();
        let kinds = kinds(&objects);
        for (kind, is_there) in
            [("Deployment", operator), ("CustomResourceDefinition", definitions), ("AtlasProject", resources)]
        {
            assert_eq!(kinds.contains(&kind), is_there, "{kind}: {values}");
        }
    }
    // A parent that says nothing of it has them all.
    let objects = template_as(parent.path(), "platform", OPERATOR, &json!({})).await.unwrap();
    assert!(kinds(&objects).contains(&"Deployment"));
}
