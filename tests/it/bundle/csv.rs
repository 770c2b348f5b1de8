//! The ClusterServiceVersion: what OLM shows of the operator, and installs.
use atlas_operator::{
    cli::rbac::{Scope, rules},
    kind::{Kind, VERSION},
    kinds,
};
use harness::repository;
use serde_json::{Value, json};

use super::super::{charts::OPERATOR, docs::generated::charts::folder, real::kube::documents};

/// The variable with the namespaces to watch: those of the OperatorGroup, which OLM writes to an annotation of the pods;
/// all of them if it is empty.
pub const WATCHED: &str = "ATLAS_OPERATOR_NAMESPACE";
/// Where the Deployment stands in it.
pub const DEPLOYED: &str = "/spec/install/spec/deployments/0";

const DESCRIPTION: &str = "\
Describes MongoDB Atlas in Kubernetes: projects, clusters, database users and custom roles are objects that you apply,
and the operator makes Atlas match them and keeps it so. An application in the same namespace gets its connection string
as a Secret.

Before the first object, make a Secret with credentials of your Atlas organization: `orgId`, and either `publicApiKey`
and `privateApiKey`, or `clientId` and `clientSecret`. A project names it in `connectionSecretRef`.

What holds data is kept in Atlas when its object is deleted, unless an annotation says otherwise.

Every setting of the operator is a variable, to be set in `spec.config.env` of the Subscription:
`ATLAS_OPERATOR_DEFAULT_SECRET`, `ATLAS_OPERATOR_RESYNC` and the others that `atlas-operator run --help` lists.
";

/// How OLM may be told which namespaces the operator watches. It takes any number of them, and all.
const INSTALL_MODES: [&str; 4] = ["OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces"];

/// What the document is made of.
pub struct ServiceVersion<'a> {
    /// What Helm makes of the chart.
    pub objects: &'a [Value],
    /// The image, when it is not the chart's.
    pub image: Option<String>,
}

impl ServiceVersion<'_> {
    /// The whole document.
    pub fn whole(&self) -> Value {
        let version = env!("CARGO_PKG_VERSION");
        let deployment = self.deployment();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let account = &deployment["spec"]["template"]["spec"]["serviceAccountName"];
        let permissions = |scopes: &[Scope]| {
            let rules: Vec<Value> = scopes.iter().flat_map(|scope| read_rules(*scope)).collect();
            json!([{"serviceAccountName": account, "rules": rules}])
        };
        let chart = &documents(&std::fs::read_to_string(folder(OPERATOR).join("Chart.yaml")).unwrap())[0];
        let kubernetes = chart["kubeVersion"].as_str().unwrap().trim_start_matches(">=").trim_end_matches("-0");
        let examples: Vec<Value> = kinds::all().iter().map(|kind| example(*kind)).collect();
        let icon = std::fs::read(repository().join("docs/icon.svg")).unwrap();
        json!({
            "apiVersion": "operators.coreos.com/v1alpha1",
            "kind": "ClusterServiceVersion",
            "metadata": {
                "name": format!("{OPERATOR}.v{version}"),
                "namespace": "placeholder",
                "annotations": {
                    "alm-examples": format!("{:#}", Value::from(examples)),
                    "capabilities": "Seamless Upgrades",
                    "categories": "Database",
                    "containerImage": container["image"],
                    "description": chart["description"],
                    "operatorframework.io/suggested-namespace": OPERATOR,
                },
                "labels": {"operatorframework.io/arch.amd64": "supported", "operatorframework.io/os.linux": "supported"},
            },
            "spec": {
                "displayName": "Atlas operator",
                "description": DESCRIPTION,
                "version": version,
                "maturity": "alpha",
                "minKubeVersion": kubernetes,
                "keywords": ["mongodb", "atlas", "database"],
                "provider": {"name": "The authors of the Atlas operator"},
                "icon": [{"mediatype": "image/svg+xml", "base64data": base64::Engine::encode(&base64::prelude::BASE64_STANDARD, icon)}],
                "installModes": INSTALL_MODES.map(|mode| json!({"type": mode, "supported": true})),
                "customresourcedefinitions": {"owned": kinds::all().iter().map(|kind| owned(*kind)).collect::<Vec<_>>()},
                "relatedImages": [{"name": container["name"], "image": container["image"]}],
                "install": {"strategy": "deployment", "spec": {
                    "deployments": [deployment],
                    // OLM grants these in the operator's namespace and in each that it watches.
                    "permissions": permissions(&[Scope::Watched, Scope::Leader]),
                    "clusterPermissions": permissions(&[Scope::Cluster]),
                }},
            },
        })
    }

    /// The Deployment of the chart, as it stands here: name, labels and specification.
    fn deployment(&self) -> Value {
        let mut deployment = self.objects.iter().find(|object| object["kind"] == "Deployment").unwrap().clone();
        if let Some(image) = &self.image {
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        }
        let metadata = &deployment["metadata"];
        json!({"name": metadata["name"], "label": metadata["labels"], "spec": deployment["spec"]})
    }
}

fn read_rules(scope: Scope) -> Vec<Value> {
    serde_saphyr::from_str(&rules(scope)).unwrap()
}

/// The first example of a kind, which its form starts with.
fn example(kind: &dyn Kind) -> Value {
    let example = kind.examples().remove(0);
    let object = documents(example.manifest).pop().unwrap();
    assert_eq!(object["kind"], kind.name());
    object
}

/// A kind as OLM's forms and pages show it. Fields need no descriptors where the definition's schema has them all; what it
/// cannot say is that a name is that of a Secret, and how conditions are to be shown.
fn owned(kind: &dyn Kind) -> Value {
    let definition = serde_json::to_value(kind.definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"]["spec"]["properties"].as_object().unwrap();
    let secrets = fields.iter().filter(|(name, _)| name.ends_with("SecretRef")).map(|(name, field)| {
        json!({
            "path": format!("{name}.name"),
            "displayName": words(name.trim_end_matches("Ref")),
            "description": field["description"],
            "x-descriptors": ["urn:alm:descriptor:io.kubernetes:Secret"],
        })
    });
    json!({
        "name": definition["metadata"]["name"],
        "version": VERSION,
        "kind": kind.name(),
        "displayName": words(kind.name()),
        "description": schema["description"],
        "specDescriptors": secrets.collect::<Vec<_>>(),
        "statusDescriptors": [{
            "path": "conditions",
            "displayName": "Conditions",
            "description": schema["properties"]["status"]["properties"]["conditions"]["description"],
            "x-descriptors": ["urn:alm:descriptor:io.kubernetes.conditions"],
        }],
    })
}

/// `AtlasDatabaseUser` as words: Atlas database user.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if words.is_empty() {
            words.extend(letter.to_uppercase());
        } else if letter.is_uppercase() {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
    }
    words
}

#[test]
fn names_become_words() {
    assert_eq!(words("AtlasDatabaseUser"), "Atlas database user");
    assert_eq!(words("passwordSecret"), "Password secret");
}
