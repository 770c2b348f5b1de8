//! From a release to the present one, on a real API server: what the release stored is put back as it was, under the
//! definitions of that release, and then the present definitions and the present operator come.
//!
//! [`a_release_is_kept`] is how a release leaves behind what is put back here.
use std::{collections::BTreeMap, path::Path};

use atlas_operator::{engine::object::FINALIZER, kind::GROUP, kinds};
use harness::{Call, ControlPlane, ControlPlaneOptions, Simulator, eventually, repository};
use jiff::Timestamp;
use kube::core::cel::apply_defaults;
use serde_json::{Value, json};

use super::{
    super::{
        releases::kept::{Release, Replacements, Said, Stored, pem},
        somebody::Somebody,
    },
    day::{objects, passes, rested},
    examples,
    kube::{Kube, is_ready},
    stage::{CREDENTIALS, PATIENCE, Scenery, Stage, lines},
};

/// Set while a release is made: then what it stores is recorded.
const KEEP: &str = "KEEP_RELEASE";

// ---------------------------------------------------------------------------------------------------------------
// Keeping a release

/// `make keep`. Without the variable there is nothing to do: what is kept of a release is never changed afterwards.
#[tokio::test]
async fn a_release_is_kept() {
    if std::env::var_os(KEEP).is_none() {
        println!("nothing is recorded: {KEEP} is not set");
        return;
    }
    let examples = examples::all();
    let named = kinds::all().iter().flat_map(|kind| kind.examples().into_iter().map(move |it| (kind.name(), it.name)));
    let namespaces: Vec<String> = named.map(|(kind, example)| slug(&format!("{kind} {example}"))).collect();
    let organizations = examples.len();
    let scenery = Scenery { namespaces: namespaces.clone(), organizations, ..Scenery::default() };
    let stage = Stage::alone(scenery).await;
    for ((namespace, organization), example) in namespaces.iter().zip(stage.simulator.organizations()).zip(&examples) {
        stage.apply_example(namespace, organization, example).await;
    }
    for namespace in &namespaces {
        stage.all_ready(namespace).await;
    }
    rested(&stage).await;
    let calls = stage.simulator.mutating_calls(0).await.unwrap();
    let mut kept = Vec::new();
    for (namespace, organization) in namespaces.iter().zip(stage.simulator.organizations()) {
        let is_here = |call: &&Call| call.principal.as_ref() == Some(&organization.public_key) && call.status < 300;
        let mut stored = Stored {
            namespace: namespace.clone(),
            organization: organization.id.clone(),
            objects: stage.kube.objects(namespace).await,
            secrets: stage.kube.list(namespace, "Secret").await,
            calls: calls.iter().filter(is_here).map(said).collect(),
        };
        stored.secrets.retain(|secret| secret["metadata"]["name"] != CREDENTIALS);
        stored.secrets.iter_mut().for_each(spell_out);
        for object in stored.objects.iter_mut().chain(&mut stored.secrets) {
            object["metadata"].as_object_mut().unwrap().remove("managedFields");
        }
        hide_keys(&mut stored);
        kept.push(stored);
    }
    Release::present().keep(&kept);
    stage.end().await;
}

/// A text as a name of Kubernetes.
fn slug(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn said(call: &Call) -> Said {
    let path = call.path.strip_prefix("/api/atlas/v2").unwrap();
    let mut response = call.response.clone();
    if let Value::Object(document) = &mut response {
        // Addresses of a simulator that is no more.
        document.remove("links");
    }
    Said {
        method: call.method.clone(),
        path: path.to_owned(),
        version: call.version.clone().unwrap(),
        request: call.request.clone(),
        response,
    }
}

/// Says what a Secret is, which a list leaves out, and gives its values as text.
fn spell_out(secret: &mut Value) {
    secret["apiVersion"] = json!("v1");
    secret["kind"] = json!("Secret");
    let data = secret.as_object_mut().unwrap().remove("data").unwrap_or_default();
    let data: BTreeMap<String, k8s_openapi::ByteString> = serde_json::from_value(data).unwrap();
    let texts = data.into_iter().map(|(key, value)| (key, String::from_utf8(value.0).unwrap()));
    secret["stringData"] = json!(texts.collect::<BTreeMap<_, _>>());
}

/// Certificates and their keys are not kept, only where each stood: nobody should take one for a key that opens something.
fn hide_keys(stored: &mut Stored) {
    let mut replacements = Replacements::default();
    let texts = stored.calls.iter().filter_map(|call| call.response.as_str());
    for (number, body) in texts.flat_map(pem).enumerate() {
        replacements.learn(body, &format!("(block {number} of what Atlas issued)"));
    }
    for value in stored.calls.iter_mut().map(|call| &mut call.response).chain(&mut stored.secrets) {
        replacements.put(value);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Putting it back

/// Puts back what a release stored: its objects as they were, and in Atlas what they describe.
async fn put_back(kube: &Kube, simulator: &Simulator, organization: usize, stored: Stored) {
    let Stored { namespace, organization: id, mut objects, mut secrets, calls } = stored;
    let organization = &simulator.organizations()[organization];
    kube.create_namespace(&namespace).await;
    kube.apply(&namespace, &organization.api_key_secret(&namespace, CREDENTIALS)).await;
    let mut replacements = Replacements::default();
    replacements.learn(&id, &organization.id);

    for object in &mut objects {
        let status = object.as_object_mut().unwrap().remove("status");
        let made = kube.apply(&namespace, &fresh(object)).await;
        replacements.learn(text(&object["metadata"]["uid"]), text(&made["metadata"]["uid"]));
        postpone(object, &made, &calls, &mut replacements);
        object["status"] = status.unwrap();
    }
    let somebody = Somebody::of(simulator, organization);
    for mut call in calls {
        call.path = replacements.apply(&call.path);
        replacements.put(&mut call.request);
        // Atlas takes some changes only once what it does is done.
        let answer = eventually(PATIENCE, &format!("{} {}", call.method, call.path), || somebody.repeats(&call)).await;
        replacements.compare(&call.response, &answer.unwrap());
    }
    for secret in &mut secrets {
        replacements.put(secret);
        let made = kube.apply(&namespace, &fresh(secret)).await;
        replacements.learn(&version(secret), &version(&made));
    }
    for mut object in objects {
        replacements.put(&mut object);
        kube.operator_tells(&namespace, &object).await;
    }
}

/// An object as somebody applies it who restores it.
fn fresh(object: &Value) -> Value {
    let mut object = object.clone();
    let given_out = ["uid", "resourceVersion", "creationTimestamp", "generation", "namespace"];
    object["metadata"].as_object_mut().unwrap().retain(|name, _| !given_out.contains(&name.as_str()));
    object
}

/// What ends so long after its object was created ends as long after the creation of the one that is put back.
fn postpone(old: &Value, new: &Value, calls: &[Said], replacements: &mut Replacements) {
    let created = |object: &Value| -> Timestamp { text(&object["metadata"]["creationTimestamp"]).parse().unwrap() };
    let later = created(new).duration_since(created(old));
    let is_of = |call: &&Said| call.request["username"] == old["spec"]["username"];
    for end in calls.iter().filter(is_of).filter_map(|call| call.request["deleteAfterDate"].as_str()) {
        if old["spec"]["deleteAfterDate"].is_null() {
            let end_now = end.parse::<Timestamp>().unwrap().checked_add(later).unwrap();
            replacements.learn(end, &end_now.to_string());
        }
    }
}

/// What a status calls a version of a Secret.
fn version(secret: &Value) -> String {
    format!("{}/{}", text(&secret["metadata"]["uid"]), text(&secret["metadata"]["resourceVersion"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Waits until nothing is under way in Atlas.
async fn nothing_under_way(simulator: &Simulator) {
    eventually(PATIENCE, "the clusters to be idle", || async {
        let state = simulator.state().await.map_err(|error| error.to_string())?;
        let deployments = |group: &Value| -> Vec<Value> {
            let of = |name: &str| group[name].as_object().into_iter().flatten().map(|(_, it)| it.clone()).collect();
            ["clusters", "flexClusters"].into_iter().flat_map(|name| -> Vec<Value> { of(name) }).collect()
        };
        let mut all = state["groups"].as_object().unwrap().values().flat_map(deployments);
        match all.find(|deployment| deployment["stateName"] != "IDLE") {
            Some(busy) => Err(format!("{} is {}", busy["name"], busy["stateName"])),
            None => Ok(()),
        }
    })
    .await
    .unwrap();
}

/// A control plane with the definitions of a release and all that it stored, and the Atlas that belongs to it.
async fn as_it_was(release: &Release, options: ControlPlaneOptions, chart: Option<&Path>) -> (ControlPlane, Simulator) {
    let control_plane = ControlPlane::start(options).await.unwrap();
    match chart {
        Some(chart) => {
            let install = ["install", "atlas-operator-crds", chart.to_str().unwrap()];
            control_plane.helm(install).run().await.unwrap();
        }
        None => control_plane.install_crds(&release.crds()).await.unwrap(),
    }
    control_plane.definitions_served().await.unwrap();
    let stored = release.stored();
    let scenery = Scenery { organizations: stored.len(), ..Scenery::default() };
    let simulator = Simulator::start(&scenery.simulator()).await.unwrap();
    let kube = Kube::connect(control_plane.kubeconfig()).await;
    let put_back = stored.into_iter().enumerate().map(|(index, stored)| put_back(&kube, &simulator, index, stored));
    futures::future::join_all(put_back).await;
    nothing_under_way(&simulator).await;
    (control_plane, simulator)
}

// ---------------------------------------------------------------------------------------------------------------
// What must hold

/// Every object of our kinds, in every namespace.
async fn everything(control_plane: &ControlPlane) -> Vec<Value> {
    let plurals: Vec<String> = kinds::all().iter().map(|kind| format!("{}.{GROUP}", kind.plural())).collect();
    let list = control_plane.kubectl(["get", &plurals.join(","), "-A", "-o", "json"]).json().await.unwrap();
    list["items"].as_array().unwrap().clone()
}

/// Each object is served as it was stored, with the defaults that are new; it can be edited; and the API server still
/// knows in which version each is stored.
async fn expect_served(control_plane: &ControlPlane, before: &[Value]) {
    let definitions = control_plane.kubectl(["get", "crd", "-o", "json"]).json().await.unwrap();
    let schema = |kind: &Value| {
        let of_kind = |definition: &&Value| definition["spec"]["names"]["kind"] == *kind;
        let definition = definitions["items"].as_array().unwrap().iter().find(of_kind).unwrap();
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    };
    let expected: Vec<Value> = before.iter().map(|object| apply_defaults(&schema(&object["kind"]), object)).collect();
    assert_json_diff::assert_json_eq!(json!(everything(control_plane).await), json!(expected));

    for object in before {
        let of_kind = format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]));
        let label = ["label", &of_kind, "-n", text(&object["metadata"]["namespace"]), "upgraded=yes"];
        control_plane.kubectl(label).run().await.unwrap();
    }
    for definition in definitions["items"].as_array().unwrap() {
        let versions = definition["spec"]["versions"].as_array().unwrap();
        let stored: Vec<&Value> =
            versions.iter().filter(|version| version["storage"] == true).map(|version| &version["name"]).collect();
        assert_eq!(json!(stored), definition["status"]["storedVersions"], "{}", definition["metadata"]["name"]);
    }
}

#[tokio::test]
async fn the_present_operator_takes_over_what_each_release_left_without_a_change_in_atlas() {
    for release in Release::all() {
        let (control_plane, simulator) = as_it_was(&release, ControlPlaneOptions::default(), None).await;
        let before = everything(&control_plane).await;
        let since = simulator.latest_call().await.unwrap();
        control_plane.install_crds(&repository().join("crds")).await.unwrap();
        expect_served(&control_plane, &before).await;

        let namespaces = release.stored().into_iter().map(|stored| stored.namespace).collect();
        let stage = Stage::prepared(control_plane, simulator, Scenery { namespaces, ..Scenery::default() }).await;
        // They are Ready since they were put back; a pass that finds an object so is what counts.
        let wanted = objects(&stage).await;
        eventually(PATIENCE, "each object to be looked at and found settled", || async {
            let passes = passes(&stage).await;
            let settled =
                |kind: &String| passes.get(&(kind.clone(), "settled".to_owned())).copied().unwrap_or_default();
            if wanted.iter().all(|(kind, count)| settled(kind) >= *count) { Ok(()) } else { Err(format!("{passes:?}")) }
        })
        .await
        .unwrap();
        let after = everything(&stage.plane().control_plane).await;
        assert_eq!(after.len(), before.len());
        for object in &after {
            assert!(is_ready(object), "{object}");
            assert_eq!(object["metadata"]["finalizers"], json!([FINALIZER]), "{object}");
        }
        let changes = stage.simulator.mutating_calls(since).await.unwrap();
        assert_eq!(lines(&changes), Vec::<String>::new());
        println!("{}: {} objects are served, edited and settled: {wanted:?}", release.version, after.len());
        stage.end().await;
    }
}

#[tokio::test]
async fn helm_brings_the_present_definitions_to_what_each_release_left() {
    let present = repository().join("charts/atlas-operator-crds");
    for release in Release::all() {
        let folder = tempfile::tempdir().unwrap();
        let chart = chart_of(&release, folder.path(), &present);
        let options = ControlPlaneOptions { helm: true, ..ControlPlaneOptions::default() };
        let (control_plane, _simulator) = as_it_was(&release, options, Some(&chart)).await;
        let before = everything(&control_plane).await;
        let upgrade = ["upgrade", "atlas-operator-crds", present.to_str().unwrap()];
        control_plane.helm(upgrade).run().await.unwrap();
        expect_served(&control_plane, &before).await;
        println!("{}: {} objects are served and edited", release.version, before.len());
    }
}

/// What [the rules for changing a definition](../../../CONTRIBUTING.md) build on: a new rule on a single value spares those
/// that are stored, and one on an object does not.
#[tokio::test]
async fn the_api_server_spares_stored_values_that_a_new_rule_refuses_but_not_objects() {
    const NAMESPACE: &str = "ratchet";
    const KIND: &str = "AtlasCustomRole";
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    let definition = serde_json::to_value(kinds::by_name(KIND).unwrap().definition()).unwrap();
    let mut lax = definition.clone();
    let spec = lax.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
    for (schema, said) in [("/properties/projectId", "matches"), ("", "has(self.projectRef) != has(self.projectId)")] {
        let rules = spec.pointer_mut(&format!("{schema}/x-kubernetes-validations")).unwrap().as_array_mut().unwrap();
        let before = rules.len();
        rules.retain(|rule| !text(&rule["rule"]).contains(said));
        assert_eq!(rules.len() + 1, before, "there is no rule with {said}");
    }
    control_plane.apply_text(lax.to_string()).await.unwrap();
    control_plane.definitions_served().await.unwrap();
    let kube = Kube::connect(control_plane.kubeconfig()).await;
    kube.create_namespace(NAMESPACE).await;
    let value = json!({"projectRef": null, "projectId": "of another form"});
    let object = json!({"projectId": "32b6e34b3d91647abb20e7b8"});
    for (name, change) in [("value", value), ("object", object)] {
        let mut role = examples::role(name);
        json_patch::merge(&mut role["spec"], &change);
        kube.apply(NAMESPACE, &role).await;
    }
    control_plane.apply_text(definition.to_string()).await.unwrap();

    let edit = |name, patch: Value| {
        let patch = ["patch", "atlascustomrole", name, "-n", NAMESPACE, "--type=merge", "-p", &patch.to_string()];
        control_plane.kubectl(patch)
    };
    // The API server takes up new rules within seconds. Until then each edit is one, or it would be spared too.
    eventually(PATIENCE, "the rules", || async {
        let changed =
            edit("value", json!({"spec": {"projectId": format!("form {}", rand::random::<u32>())}})).run().await;
        changed.map_or(Ok(()), Err)
    })
    .await
    .unwrap();
    let roles = json!({"spec": {"inheritedRoles": [{"db": "orders", "role": "read"}]}});
    edit("value", roles.clone()).run().await.unwrap();
    edit("object", json!({"metadata": {"labels": {"upgraded": "yes"}}})).run().await.unwrap();
    let said = edit("object", roles).run().await.unwrap_err().to_string();
    assert!(said.contains("projectRef"), "{said}");
}

/// The chart of the definitions as a release had it.
fn chart_of(release: &Release, folder: &Path, present: &Path) -> std::path::PathBuf {
    let chart = folder.join("atlas-operator-crds");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    for file in ["Chart.yaml", "values.yaml", "templates/_metadata.tpl"] {
        std::fs::copy(present.join(file), chart.join(file)).unwrap();
    }
    for entry in std::fs::read_dir(release.crds()).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let metadata = "metadata:\n  {{- include \"atlas-operator-crds.metadata\" . | nindent 2 }}\n";
        let template = std::fs::read_to_string(path).unwrap().replacen("metadata:\n", metadata, 1);
        std::fs::write(chart.join("templates").join(name), template).unwrap();
    }
    chart
}
