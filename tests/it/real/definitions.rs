//! The definitions of `crds/`, as a real API server reads, explains and enforces them.
use std::collections::BTreeMap;

use atlas_operator::{
    kind::{GROUP, VERSION},
    kinds,
};
use harness::{eventually, repository};
use kube::{
    Api,
    api::{DynamicObject, PostParams},
};
use serde_json::{Value, json};

use crate::corpus::{By, corpus};

use super::{
    examples,
    kube::{Kube, documents, resource},
    stage::{PATIENCE, Plane},
};

#[test]
fn the_files_are_those_that_the_kinds_make() {
    let folder = repository().join("crds");
    let mut expected: Vec<(String, String)> = kinds::manifests().unwrap();
    expected.sort();
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    let names = |files: &[(String, String)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "run `make crds`");
    for ((name, found), (_, expected)) in found.iter().zip(&expected) {
        assert!(found == expected, "crds/{name} is not what its kind makes: run `make crds`");
    }
}

#[tokio::test]
async fn the_api_server_takes_the_definitions_without_a_complaint() {
    let plane = Plane::shared().await;
    let names: Vec<String> = kinds::all().iter().map(|kind| format!("crd/{}.{GROUP}", kind.plural())).collect();
    let get = ["get"].into_iter().chain(names.iter().map(String::as_str)).chain(["-o", "json"]);
    let list = plane.control_plane.kubectl(get).json().await.unwrap();
    for definition in list["items"].as_array().unwrap() {
        let condition = |type_: &str| {
            let conditions = definition["status"]["conditions"].as_array().unwrap();
            conditions.iter().find(|condition| condition["type"] == type_).map(|condition| condition["status"].clone())
        };
        assert_eq!(condition("Established"), Some(json!("True")), "{definition}");
        assert_eq!(condition("NamesAccepted"), Some(json!("True")), "{definition}");
        // Present only where a schema is not structural.
        assert_eq!(condition("NonStructuralSchema"), None, "{definition}");
    }
    // kubectl passes warnings on, such as one of a format that the server does not know.
    let apply = plane.control_plane.kubectl(
        ["apply", "--server-side", "--dry-run=server", "-f"]
            .map(Into::into)
            .into_iter()
            .chain([repository().join("crds").into_os_string()]),
    );
    let output = apply.output().await.unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[tokio::test]
async fn kubectl_explains_every_field_of_every_kind() {
    let plane = Plane::shared().await;
    let published = plane.control_plane.kubectl(["get", "--raw", &format!("/openapi/v3/apis/{GROUP}/{VERSION}")]);
    // As its index of descriptions, what the server publishes follows new definitions within seconds.
    let schemas = eventually(PATIENCE, "the schemas of all kinds", || async {
        let mut published = published.json().await.map_err(|error| error.to_string())?;
        let schemas: Vec<Value> =
            kinds::all().iter().filter_map(|kind| schema_of(&mut published, kind.name())).collect();
        if schemas.len() == kinds::all().len() { Ok(schemas) } else { Err(format!("{} are published", schemas.len())) }
    })
    .await
    .unwrap();
    for (kind, schema) in kinds::all().iter().zip(&schemas) {
        let mut fields = BTreeMap::new();
        walk(&schema["properties"]["spec"], "spec", &mut fields);
        walk(&schema["properties"]["status"], "status", &mut fields);
        for (path, description) in &fields {
            assert!(
                description.as_deref().is_some_and(|text| text.len() > 5),
                "{} {path} has no description",
                kind.name()
            );
        }
        let explain = plane.control_plane.kubectl(["explain", &format!("{}.spec", kind.plural())]);
        let spec = eventually(PATIENCE, "an explanation", || explain.run()).await.unwrap();
        for field in schema["properties"]["spec"]["properties"].as_object().unwrap().keys() {
            assert!(spec.contains(&format!("  {field}\t<")), "{field} in:\n{spec}");
        }
        let recursive = ["explain", kind.plural(), "--recursive"];
        let recursive = plane.control_plane.kubectl(recursive).run().await.unwrap();
        for path in fields.keys() {
            let field = path.trim_end_matches("[]").rsplit('.').next().unwrap();
            assert!(recursive.contains(&format!("  {field}\t<")), "{path} in:\n{recursive}");
        }
        println!("{}: {} fields are explained", kind.name(), fields.len());
    }
    let deepest = "atlascluster.spec.replicationSpecs.regionConfigs.autoScaling.compute.maxInstanceSize";
    let said = plane.control_plane.kubectl(["explain", deepest]).run().await.unwrap();
    let description = said.split_once("DESCRIPTION:").unwrap_or_else(|| panic!("{said}")).1.trim();
    assert!(description.len() > 20 && !description.contains("<empty>"), "{said}");
}

/// The schema of a kind in what the server publishes.
fn schema_of(published: &mut Value, kind: &str) -> Option<Value> {
    let schemas = published["components"]["schemas"].as_object_mut()?.values_mut();
    let is_kind = |schema: &&mut Value| schema["x-kubernetes-group-version-kind"][0]["kind"] == kind;
    schemas.into_iter().find(is_kind).map(Value::take)
}

/// Every field below a schema, with its description.
fn walk(schema: &Value, path: &str, fields: &mut BTreeMap<String, Option<String>>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields.insert(path.clone(), property["description"].as_str().map(str::to_owned));
        walk(property, &path, fields);
    }
    for below in ["items", "additionalProperties"] {
        if schema[below].is_object() {
            walk(&schema[below], &format!("{path}[]"), fields);
        }
    }
}

#[tokio::test]
async fn one_command_shows_all_kinds_with_their_columns() {
    const NAMESPACE: &str = "columns";
    let plane = Plane::shared().await;
    let kube = Kube::connect(plane.control_plane.kubeconfig()).await;
    kube.create_namespace(NAMESPACE).await;
    let objects = [
        examples::project("shop", "Shop"),
        examples::cluster("orders"),
        examples::user("orders-api"),
        examples::role("support"),
    ];
    assert_eq!(objects.len(), kinds::all().len(), "a new kind goes here too");
    for object in &objects {
        kube.apply(NAMESPACE, object).await;
    }
    // Asking for a kind first makes kubectl look again at what the server has, which it remembers for hours.
    plane.control_plane.kubectl(["get", "atlasproject", "-n", NAMESPACE]).run().await.unwrap();
    let table = plane.control_plane.kubectl(["get", "atlas", "-A"]).run().await.unwrap();
    let headings: Vec<Vec<&str>> =
        table.lines().filter(|line| line.contains(" READY ")).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(headings.len(), kinds::all().len(), "{table}");
    for heading in &headings {
        assert_eq!(heading[..4], ["NAMESPACE", "NAME", "READY", "REASON"], "{table}");
        assert_eq!(heading.last(), Some(&"AGE"), "{table}");
    }
    for (kind, object) in kinds::all().iter().zip(["shop", "orders", "support", "orders-api"]) {
        let singular = kind.name().to_lowercase();
        assert!(table.contains(&format!("{singular}.{GROUP}/{object}")), "{table}");
    }
    let wide = plane.control_plane.kubectl(["get", "atlas", "-A", "-o", "wide"]).run().await.unwrap();
    let told = wide.lines().filter(|line| line.contains("ATLAS ID") && line.contains("MESSAGE")).count();
    assert_eq!(told, kinds::all().len(), "{wide}");
}

#[tokio::test]
async fn the_api_server_refuses_and_takes_what_the_corpus_says() {
    const NAMESPACES: [&str; 2] = ["corpus-create", "corpus-update"];
    let plane = Plane::shared().await;
    let kube = Kube::connect(plane.control_plane.kubeconfig()).await;
    for namespace in NAMESPACES {
        kube.create_namespace(namespace).await;
    }
    // What cases update is there; nothing watches it.
    let mut old: BTreeMap<String, Value> = BTreeMap::new();
    for kind in kinds::all() {
        for example in kind.examples() {
            let object = documents(example.manifest).pop().unwrap();
            let key = format!("{}/{}", kind.name(), example.name);
            old.insert(key, kube.apply(NAMESPACES[1], &object).await);
        }
    }
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let (mut taken, mut refused, mut later, mut astray) = (0, 0, 0, Vec::new());
    for case in corpus() {
        let old = old.get(&case.example).unwrap_or_else(|| panic!("there is no example {}", case.example));
        let mut object = case.change(old);
        let (kind, name) =
            (object["kind"].as_str().unwrap().to_owned(), object["metadata"]["name"].as_str().unwrap().to_owned());
        if !case.update {
            object["metadata"] = json!({"name": name});
        }
        let api: Api<DynamicObject> =
            Api::namespaced_with(kube.0.clone(), NAMESPACES[usize::from(case.update)], &resource(&kind));
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let verdict =
            if case.update { api.replace(&name, &dry_run, &object).await } else { api.create(&dry_run, &object).await };
        match (verdict, case.by, &case.says) {
            (Ok(_), _, None) => taken += 1,
            (Ok(_), By::Operator, Some(_)) => later += 1,
            (Err(kube::Error::Api(said)), By::Rule | By::Schema, Some(says))
                if said.message.contains(says) && said.code == 422 =>
            {
                refused += 1;
                let causes = said.details.map(|details| details.causes).unwrap_or_default();
                if !causes.iter().any(|cause| case.points_to(&cause.field, &cause.message)) {
                    astray.push(format!("{}: {causes:?}", case.about()));
                }
            }
            (verdict, ..) => panic!("{}: {verdict:?} instead of {:?}", case.about(), case.says),
        }
    }
    println!(
        "the API server took {taken} manifests as the corpus says; of {} mistakes it refused {refused}",
        refused + later
    );
    assert!(astray.is_empty(), "nothing points to what is wrong:\n{}", astray.join("\n"));
    assert!(taken > 100 && refused > 200 && refused * 100 >= (refused + later) * 95, "{taken}, {refused}, {later}");
}
