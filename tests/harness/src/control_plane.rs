//! A real Kubernetes control plane: etcd, kube-apiserver and, when asked, kube-controller-manager.
//!
//! There is no scheduler and no kubelet: a Deployment makes no process. Everything that is asked of the API server is
//! real: schema validation and CEL, server-side apply, subresources, finalizers, RBAC, and with the controller manager
//! the deletion of namespaces and of what owner references point from.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::fs;

use crate::audit::{AuditLog, POLICY};
use crate::{Error, Process, Tool, binaries, eventually, free_port, reaper, repository};

/// Three seconds on an idle machine; the tests of several packages may start one at the same moment.
const READY: Duration = Duration::from_mins(1);
/// For the API server to publish a CustomResourceDefinition: normally under a second.
const ESTABLISHED: Duration = Duration::from_secs(30);
/// For commands of a document. The longest wait for a cluster to come up, or to go and the project after it.
const PATIENCE: Duration = Duration::from_mins(3);
/// Longer than any test run or demo that a person watches.
const TOKEN_LIFE: &str = "--duration=24h";
/// The audit log must stay one file for [`AuditLog`] to read on; the server would turn it over at 100 MB.
const AUDIT_MEGABYTES: &str = "--audit-log-maxsize=10000";

/// The operator's namespace, and its ServiceAccount in it, in the manifests of `deploy/`.
const OPERATOR: &str = "atlas-operator";

/// What to start beside etcd and kube-apiserver.
#[derive(Clone, Copy, Debug, Default)]
pub struct ControlPlaneOptions {
    /// kube-controller-manager with the controllers that empty namespaces, collect garbage and add up ClusterRoles. Without
    /// it a deleted namespace stays `Terminating`, owned objects outlive their owner, and aggregated roles stay as they were.
    pub controller_manager: bool,
    /// Make Helm available too, which takes another minute and a half on a machine's first use.
    pub helm: bool,
}

/// A running control plane; it ends, and its data goes, when this is dropped.
pub struct ControlPlane {
    controller_manager: Option<Process>,
    // Declared, and so dropped, before the store it writes to.
    api_server: Process,
    etcd: Process,
    url: String,
    binaries: PathBuf,
    kubeconfig: PathBuf,
    folder: TempDir,
}

impl ControlPlane {
    /// Starts one and waits until it is ready. The first use on a machine builds the binaries, which takes minutes
    /// and is told on this program's error output.
    pub async fn start(options: ControlPlaneOptions) -> Result<Self, Error> {
        let binaries = binaries::control_plane(options.helm).await?;
        let folder = temporary_folder("control-plane")?;
        let path = folder.path();
        let token = format!("{:032x}", rand::random::<u128>());
        write_inputs(path, &token).await?;

        let store = format!("http://127.0.0.1:{}", free_port());
        let etcd = Process::start("etcd", etcd(&binaries, path, &store), &path.join("etcd.log"), None)?;
        let port = free_port();
        let url = format!("https://127.0.0.1:{port}");
        let command = api_server(&binaries, path, &store, &url, port);
        let api_server = Process::start("kube-apiserver", command, &path.join("kube-apiserver.log"), None)?;
        let kubeconfig = path.join("admin.kubeconfig");
        write_kubeconfig(&kubeconfig, path, &url, &token, "default").await?;

        let mut control_plane = Self { controller_manager: None, api_server, etcd, url, binaries, kubeconfig, folder };
        control_plane.wait_ready().await?;
        if options.controller_manager {
            let path = control_plane.folder.path();
            let command = controller_manager(&control_plane.binaries, &control_plane.kubeconfig);
            let log = path.join("kube-controller-manager.log");
            control_plane.controller_manager = Some(Process::start("kube-controller-manager", command, &log, None)?);
        }
        Ok(control_plane)
    }

    async fn wait_ready(&self) -> Result<(), Error> {
        let ready = self.kubectl(["get", "--raw", "/readyz"]);
        let waited = eventually(READY, "kube-apiserver to be ready", || async {
            match (self.etcd.expect_running(), self.api_server.expect_running()) {
                (Ok(()), Ok(())) => ready.run().await.map(|_| Ok(())),
                // Waiting longer would not bring it back.
                (Err(ended), _) | (_, Err(ended)) => Ok(Err(ended)),
            }
        });
        waited.await?
    }

    /// The file with the address and the administrator's credentials (group `system:masters`).
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The API server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder with kubectl, and helm if it was asked for: what a person needs on their `PATH`.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Who asked the API server for what.
    pub fn audit(&self) -> AuditLog {
        AuditLog::new(&self.folder.path().join("audit.log"))
    }

    /// The running programs, the API server's store first: for tests of what ends when.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        [&self.etcd, &self.api_server].into_iter().chain(&self.controller_manager)
    }

    /// A call of kubectl as administrator.
    pub fn kubectl<I: IntoIterator<Item: Into<OsString>>>(&self, arguments: I) -> Tool {
        self.tool("kubectl", arguments)
    }

    /// A call of Helm as administrator; needs [`ControlPlaneOptions::helm`].
    pub fn helm<I: IntoIterator<Item: Into<OsString>>>(&self, arguments: I) -> Tool {
        self.tool("helm", arguments)
    }

    fn tool<I: IntoIterator<Item: Into<OsString>>>(&self, name: &str, arguments: I) -> Tool {
        self.tool_at(self.binaries.join(name), arguments)
    }

    fn tool_at<I: IntoIterator<Item: Into<OsString>>>(&self, program: PathBuf, arguments: I) -> Tool {
        Tool::new(program, arguments, &self.kubeconfig, &self.folder.path().join("cache"))
    }

    /// Runs commands as a person would in a checkout of this repository, with kubectl, helm and the workspace's binaries
    /// on the `PATH`; answers what they print.
    #[expect(clippy::disallowed_methods, reason = "commands need the programs of the machine beside ours")]
    pub async fn bash(&self, commands: &str) -> Result<String, Error> {
        let operator = binaries::workspace_binary("atlas-operator", "HARNESS_ATLAS_OPERATOR")?;
        let mut path = vec![self.binaries.clone(), operator.parent().unwrap_or(&operator).to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let path = std::env::join_paths(path).map_err(Error::unreadable("PATH"))?;
        let bash = self.tool_at(PathBuf::from("bash"), ["-euo", "pipefail", "-c", commands]);
        let output = tokio::time::timeout(PATIENCE, bash.path(path).folder(repository()).output()).await;
        let output = output.map_err(|_| Error::Deadline {
            what: commands.to_owned(),
            seconds: PATIENCE.as_secs(),
            last: String::new(),
        })??;
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() {
            Ok(printed)
        } else {
            Err(Error::Command { command: commands.to_owned(), status: output.status, output: printed })
        }
    }

    /// Applies a manifest, or all manifests of a folder, as administrator, server-side.
    pub async fn apply(&self, path: &Path) -> Result<(), Error> {
        self.kubectl(["apply".as_ref(), "--server-side".as_ref(), "-f".as_ref(), path.as_os_str()]).run().await?;
        Ok(())
    }

    /// Applies manifests given as text.
    pub async fn apply_text(&self, manifests: impl Into<String>) -> Result<(), Error> {
        self.kubectl(["apply", "--server-side", "-f", "-"]).stdin(manifests).run().await?;
        Ok(())
    }

    /// Applies the CustomResourceDefinitions of a file or folder and waits until the API server serves them.
    pub async fn install_crds(&self, path: &Path) -> Result<(), Error> {
        self.apply(path).await?;
        self.definitions_served().await
    }

    /// Waits until the API server serves every definition that it has. kubectl gives up on one that has no conditions
    /// yet, so it is asked again.
    pub async fn definitions_served(&self) -> Result<(), Error> {
        let wait = ["wait", "--for=condition=Established", "--timeout=10s", "crd", "--all"];
        eventually(ESTABLISHED, "definitions to be served", || async { self.kubectl(wait).run().await.map(drop) }).await
    }

    /// Installs what the operator needs, as a user would: the definitions of `crds/`, and from `deploy/` its namespace,
    /// its ServiceAccount and exactly its rights. Returns a kubeconfig that speaks as that ServiceAccount.
    pub async fn install_operator(&self) -> Result<PathBuf, Error> {
        self.install_crds(&repository().join("crds")).await?;
        for manifest in ["namespace.yaml", "service-account.yaml", "rbac.yaml"] {
            self.apply(&repository().join("deploy").join(manifest)).await?;
        }
        self.as_service_account(OPERATOR, OPERATOR).await
    }

    /// A kubeconfig that speaks as a ServiceAccount, which must exist, by a token from the TokenRequest API. Its
    /// namespace is that of the account, as it is for a pod.
    pub async fn as_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let token = self.kubectl(["create", "token", name, "-n", namespace, TOKEN_LIFE]).run().await?;
        let path = self.folder.path().join(format!("{namespace}.{name}.kubeconfig"));
        write_kubeconfig(&path, self.folder.path(), &self.url, token.trim(), namespace).await?;
        Ok(path)
    }
}

/// The user name that RBAC and the audit log know a ServiceAccount by.
pub fn service_account_user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// A folder that goes when its handle is dropped, or at the latest with this program.
pub(crate) fn temporary_folder(purpose: &str) -> Result<TempDir, Error> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("atlas-operator-{purpose}-"))
        .tempdir()
        .map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
    reaper::folder(folder.path())?;
    Ok(folder)
}

/// What kube-apiserver reads at start: its signing key for ServiceAccount tokens, the administrator's token, the
/// audit policy; and an empty audit log, so that it can be read before the first request.
async fn write_inputs(folder: &Path, token: &str) -> Result<(), Error> {
    let key = rcgen::KeyPair::generate().map_err(Error::unreadable("a new key pair"))?;
    write(&folder.join("service-account.key"), &key.serialize_pem()).await?;
    write(&folder.join("service-account.pub"), &key.public_key_pem()).await?;
    write(&folder.join("tokens.csv"), &format!("{token},admin,1,system:masters\n")).await?;
    write(&folder.join("audit-policy.json"), POLICY).await?;
    write(&folder.join("audit.log"), "").await
}

/// kube-apiserver makes its serving certificate itself at start, in the folder that `--cert-dir` names; the same file
/// holds the authority that signed it.
async fn write_kubeconfig(path: &Path, folder: &Path, url: &str, token: &str, namespace: &str) -> Result<(), Error> {
    let certificate = folder.join("certificates/apiserver.crt");
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "harness", "cluster": {"server": url, "certificate-authority": certificate}}],
        "users": [{"name": "harness", "user": {"token": token}}],
        "contexts": [
            {"name": "harness", "context": {"cluster": "harness", "user": "harness", "namespace": namespace}},
        ],
        "current-context": "harness",
    });
    // A kubeconfig is YAML, and JSON is YAML.
    write(path, &document.to_string()).await
}

async fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).await.map_err(Error::file(path))
}

fn etcd(binaries: &Path, folder: &Path, store: &str) -> Command {
    let mut command = Command::new(binaries.join("etcd"));
    command.arg("--data-dir").arg(folder.join("etcd")).args([
        // The data goes with the process; losing it in a power cut is no loss.
        "--unsafe-no-fsync",
        &format!("--listen-client-urls={store}"),
        &format!("--advertise-client-urls={store}"),
        "--listen-peer-urls=http://127.0.0.1:0",
        "--log-level=error",
    ]);
    command
}

fn api_server(binaries: &Path, folder: &Path, store: &str, url: &str, port: u16) -> Command {
    let file = |flag: &str, name: &str| {
        let mut argument = OsString::from(format!("--{flag}="));
        argument.push(folder.join(name));
        argument
    };
    let mut command = Command::new(binaries.join("kube-apiserver"));
    command
        .args([
            format!("--etcd-servers={store}"),
            format!("--secure-port={port}"),
            format!("--service-account-issuer={url}"),
        ])
        .args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            // It would hold back pods for want of a default ServiceAccount; there are no pods.
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
            // Each line is on disk before its request's handler returns.
            "--audit-log-mode=blocking",
            AUDIT_MEGABYTES,
        ])
        .args([
            file("cert-dir", "certificates"),
            file("service-account-key-file", "service-account.pub"),
            file("service-account-signing-key-file", "service-account.key"),
            file("token-auth-file", "tokens.csv"),
            file("audit-policy-file", "audit-policy.json"),
            file("audit-log-path", "audit.log"),
        ]);
    command
}

fn controller_manager(binaries: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(binaries.join("kube-controller-manager"));
    command.arg("--kubeconfig").arg(kubeconfig).args([
        "--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,\
         clusterrole-aggregation-controller",
        "--leader-elect=false",
        // No port: nothing asks it anything.
        "--secure-port=0",
        // The default of 20 requests a second makes the deletion of a namespace, a list per kind, take seconds.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]);
    command
}
