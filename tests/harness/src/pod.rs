//! A pod of a Deployment, as far as it is a process.
//!
//! The control plane has no kubelet, so an installed operator does not run by itself. A [`Pod`] is what a kubelet would
//! make of the Deployment's template: exactly its arguments, its environment, the files of its volumes, and a token of
//! its ServiceAccount. Three things of a pod are translated, because the process shares this machine with others:
//!
//! * its network: where it listens on all addresses (`[::]`), it gets an address of the loopback network of its own,
//!   with the ports of the template, so that probes find it there;
//! * its files: a path below a `mountPath` becomes one in a temporary folder;
//! * its ServiceAccount: the token comes in a kubeconfig, because the place of the mounted one is fixed.
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tempfile::TempDir;

use crate::control_plane::temporary_folder;
use crate::{ControlPlane, Error};

/// A pod that has not started; [`crate::Operator::start_pod`] starts its container.
#[derive(Clone)]
pub struct Pod {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) kubeconfig: PathBuf,
    /// Base URL of the port that the liveness probe asks.
    pub(crate) health: String,
    pub(crate) metrics: String,
    /// The URLs of the probes.
    liveness: String,
    pub(crate) readiness: String,
    // Holds the files of the volumes.
    _folder: Arc<TempDir>,
}

impl Pod {
    /// Reads a Deployment with a single container, and the ConfigMaps and Secrets that its pods need.
    pub async fn of(control_plane: &ControlPlane, namespace: &str, deployment: &str) -> Result<Self, Error> {
        let get = ["get", "deployment", deployment, "-n", namespace, "-o", "json"];
        let mut template = control_plane.kubectl(get).json().await?["spec"]["template"].take();
        let annotations = template["metadata"]["annotations"].take();
        let template = template["spec"].take();
        let container = &template["containers"][0];
        if !container["command"].is_null() || template["containers"].as_array().map_or(0, Vec::len) != 1 {
            return Err(strange(deployment, "it should have one container that runs what its image is for"));
        }
        let folder = temporary_folder("pod")?;
        let address = Ipv4Addr::from(rand::random_range(u32::from(FIRST_ADDRESS)..=u32::from(LAST_ADDRESS)));
        let source = Source { control_plane, namespace, annotations };
        let volumes = source.volumes(&template, folder.path()).await?;
        let mut here: Vec<(String, String)> = vec![("[::]".to_owned(), address.to_string())];
        for mount in list(&container["volumeMounts"]) {
            let volume =
                volumes.get(text(&mount["name"])).ok_or_else(|| strange(deployment, "a mount has no volume"))?;
            here.push((text(&mount["mountPath"]).to_owned(), volume.display().to_string()));
        }
        let translate = |value: &str| here.iter().fold(value.to_owned(), |value, (from, to)| value.replace(from, to));
        let environment = source.environment(container, address).await?;
        let environment = environment.into_iter().map(|(name, value)| (name, translate(&value))).collect();
        let expand = |argument: &Value| translate(&expanded(text(argument), &environment));
        let account = template["serviceAccountName"].as_str().unwrap_or("default");
        let url = |port: &Value, path: &str| format!("http://{address}:{}{path}", port_of(container, port));
        let probe = |name: &str| {
            let get = &container[name]["httpGet"];
            url(&get["port"], text(&get["path"]))
        };
        Ok(Self {
            arguments: list(&container["args"]).map(expand).collect(),
            kubeconfig: control_plane.as_service_account(namespace, account).await?,
            health: url(&container["livenessProbe"]["httpGet"]["port"], ""),
            metrics: url(&Value::from("metrics"), "/metrics"),
            liveness: probe("livenessProbe"),
            readiness: probe("readinessProbe"),
            environment,
            _folder: Arc::new(folder),
        })
    }

    /// The arguments of its container.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The URL that its liveness probe asks.
    pub fn liveness(&self) -> &str {
        &self.liveness
    }

    /// A kubeconfig that speaks as its ServiceAccount.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

/// The loopback addresses that pods get; 127.0.0.0/16 is left to everything else.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
const LAST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 254, 255, 254);

fn strange(deployment: &str, reason: &str) -> Error {
    Error::Unreadable { what: format!("the Deployment {deployment}"), reason: reason.to_owned() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The name in `metadata.annotations['NAME']`.
fn annotation(path: &str) -> Option<&str> {
    path.strip_prefix("metadata.annotations['")?.strip_suffix("']")
}

/// A port by its number or by the name that the container gives it.
fn port_of(container: &Value, port: &Value) -> Value {
    let named = list(&container["ports"]).find(|it| it["name"] == *port);
    named.map_or_else(|| port.clone(), |it| it["containerPort"].clone())
}

/// `$(NAME)` in arguments becomes the value of the variable, as Kubernetes does it.
fn expanded(argument: &str, environment: &BTreeMap<String, String>) -> String {
    environment
        .iter()
        .fold(argument.to_owned(), |argument, (name, value)| argument.replace(&format!("$({name})"), value))
}

/// Where the pods of a namespace get their values from.
struct Source<'a> {
    control_plane: &'a ControlPlane,
    namespace: &'a str,
    /// Those of the pods.
    annotations: Value,
}

impl Source<'_> {
    /// The entries of a ConfigMap or Secret, decoded.
    async fn entries(&self, resource: &str, name: &str) -> Result<BTreeMap<String, String>, Error> {
        let get = ["get", resource, name, "-n", self.namespace, "-o", "json"];
        let object = self.control_plane.kubectl(get).json().await?;
        let decoded = |value: &Value| {
            let bytes = BASE64_STANDARD.decode(text(value)).map_err(Error::unreadable(name))?;
            String::from_utf8(bytes).map_err(Error::unreadable(name))
        };
        let data = object["data"].as_object().into_iter().flatten();
        data.map(|(key, value)| {
            let value = if resource == "secret" { decoded(value)? } else { text(value).to_owned() };
            Ok((key.clone(), value))
        })
        .collect()
    }

    /// Writes the volumes' files; the folder of each by the volume's name.
    async fn volumes(&self, template: &Value, folder: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
        let mut folders = BTreeMap::new();
        for volume in list(&template["volumes"]) {
            let path = folder.join(text(&volume["name"]));
            std::fs::create_dir(&path).map_err(Error::file(&path))?;
            let entries = if let Some(name) = volume["configMap"]["name"].as_str() {
                self.entries("configmap", name).await?
            } else if let Some(name) = volume["secret"]["secretName"].as_str() {
                self.entries("secret", name).await?
            } else {
                BTreeMap::new()
            };
            for (name, content) in entries {
                let file = path.join(name);
                std::fs::write(&file, content).map_err(Error::file(&file))?;
            }
            folders.insert(text(&volume["name"]).to_owned(), path);
        }
        Ok(folders)
    }

    async fn environment(&self, container: &Value, address: Ipv4Addr) -> Result<BTreeMap<String, String>, Error> {
        let mut environment = BTreeMap::new();
        for variable in list(&container["env"]) {
            let from = &variable["valueFrom"];
            let value = if let Some(path) = from["fieldRef"]["fieldPath"].as_str() {
                match path {
                    "metadata.namespace" => self.namespace.to_owned(),
                    // A pod has a name of its own; the address is as good.
                    "metadata.name" => format!("pod-{}", u32::from(address)),
                    "status.podIP" => address.to_string(),
                    other => match annotation(other) {
                        Some(name) => text(&self.annotations[name]).to_owned(),
                        None => return Err(strange("", &format!("no pod here has a {other}"))),
                    },
                }
            } else if let Some(name) = from["secretKeyRef"]["name"].as_str() {
                self.entries("secret", name).await?.remove(text(&from["secretKeyRef"]["key"])).unwrap_or_default()
            } else {
                text(&variable["value"]).to_owned()
            };
            environment.insert(text(&variable["name"]).to_owned(), value);
        }
        Ok(environment)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn ports_are_found_by_name_and_variables_by_theirs() {
        let container = json!({"ports": [{"name": "health", "containerPort": 8081}]});
        assert_eq!(port_of(&container, &json!("health")), 8081);
        assert_eq!(port_of(&container, &json!(9090)), 9090);
        let environment = BTreeMap::from([("POD_NAME".to_owned(), "one".to_owned())]);
        assert_eq!(annotation("metadata.annotations['olm.targetNamespaces']"), Some("olm.targetNamespaces"));
        assert_eq!(annotation("metadata.name"), None);
        assert_eq!(expanded("--identity=$(POD_NAME)", &environment), "--identity=one");
    }
}
