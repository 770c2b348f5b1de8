//! The operator as a child process, as a user runs it.
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use reqwest::Method;
use tempfile::TempDir;

use crate::control_plane::temporary_folder;
use crate::{Error, Image, Pod, Process, binaries, eventually, free_port, http};

/// The operator finishes its calls in flight within 25 s after SIGTERM; a pod's default grace is 30 s.
const GRACE: Duration = Duration::from_secs(30);
/// For its caches to fill; far above what that takes on a busy machine.
const READY: Duration = Duration::from_mins(1);

/// How to start it.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// Whom it is on which control plane: [`crate::ControlPlane::as_service_account`].
    pub kubeconfig: PathBuf,
    /// Base URL of the Atlas API, or of the simulator.
    pub atlas_url: String,
    /// More arguments of `atlas-operator run`.
    pub arguments: Vec<String>,
    /// More environment. The variables that configure the operator are not inherited from this program's.
    pub environment: Vec<(String, String)>,
    /// What it logs, in the notation of `RUST_LOG`: `trace` for everything.
    pub log_filter: String,
}

impl OperatorOptions {
    /// Nothing but what it needs, logging at `info`.
    pub fn new(kubeconfig: &Path, atlas_url: &str) -> Self {
        Self {
            kubeconfig: kubeconfig.to_owned(),
            atlas_url: atlas_url.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            log_filter: "info".to_owned(),
        }
    }
}

/// A running (or ended) `atlas-operator run`. Dropped, it is killed; dropped by a panic, it prints the end of its log.
pub struct Operator {
    process: Process,
    health: String,
    ready: String,
    metrics: String,
    // Holds the log until this is dropped.
    _folder: TempDir,
    // Holds the files of its volumes.
    _pod: Option<Pod>,
}

impl Operator {
    /// Starts it; [`Operator::wait_ready`] waits until it works.
    pub fn start(options: &OperatorOptions) -> Result<Self, Error> {
        Self::run(command(&options.kubeconfig)?, options)
    }

    /// The same in a container of an image, in which the kubeconfig is mounted.
    pub fn start_in(image: &Image, options: &OperatorOptions) -> Result<Self, Error> {
        image.mount_kubeconfig(&options.kubeconfig)?;
        let mut command = image.container();
        command.env("KUBECONFIG", &options.kubeconfig);
        Self::run(command, options)
    }

    /// Adds what the options say to a command that runs the program.
    fn run(mut command: Command, options: &OperatorOptions) -> Result<Self, Error> {
        let [health, metrics] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        command
            .args(["run", "--atlas-url", &options.atlas_url, "--health", &health, "--metrics", &metrics])
            .args(&options.arguments)
            .env("ATLAS_OPERATOR_LOG", &options.log_filter)
            .envs(options.environment.iter().map(|(name, value)| (name, value)));
        let health = format!("http://{health}");
        Self::launch(command, &health, &format!("{health}/readyz"), &format!("http://{metrics}/metrics"), None)
    }

    /// Starts the container of a pod; [`Operator::wait_ready`] waits until its readiness probe succeeds.
    pub fn start_pod(pod: &Pod) -> Result<Self, Error> {
        let mut command = command(&pod.kubeconfig)?;
        command.args(&pod.arguments).envs(&pod.environment);
        Self::launch(command, &pod.health, &pod.readiness, &pod.metrics, Some(pod.clone()))
    }

    fn launch(command: Command, health: &str, ready: &str, metrics: &str, pod: Option<Pod>) -> Result<Self, Error> {
        let folder = temporary_folder("operator")?;
        let process = Process::start("atlas-operator", command, &folder.path().join("operator.log"), None)?;
        Ok(Self {
            process,
            health: health.to_owned(),
            ready: ready.to_owned(),
            metrics: metrics.to_owned(),
            _folder: folder,
            _pod: pod,
        })
    }

    /// Waits until `/readyz` says yes; an operator that ends before is an error with its last lines.
    pub async fn wait_ready(&self) -> Result<(), Error> {
        let waited = eventually(READY, "the operator to be ready", || async {
            match self.process.expect_running() {
                Ok(()) => http::send(Method::GET, &self.ready, None).await.map(|_| Ok(())),
                Err(ended) => Ok(Err(ended)),
            }
        });
        waited.await?
    }

    /// Base URL of `/livez` and `/readyz`.
    pub fn health_url(&self) -> &str {
        &self.health
    }

    /// The metrics, in the text format of Prometheus.
    pub async fn metrics(&self) -> Result<String, Error> {
        http::send(Method::GET, &self.metrics, None).await
    }

    /// Everything it wrote to standard output and standard error.
    pub fn logs(&self) -> String {
        self.process.log()
    }

    /// The file in which [`Operator::logs`] stand while this lives.
    pub fn log_path(&self) -> &Path {
        self.process.log_path()
    }

    /// The end of [`Operator::logs`].
    pub fn last_lines(&self) -> String {
        self.process.last_lines()
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.process.ended().is_none()
    }

    /// The operating system's id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end (SIGTERM) and waits for it, longer than it may take by contract.
    pub async fn stop(&self) -> Result<ExitStatus, Error> {
        self.process.stop(GRACE).await
    }

    /// Stops it where it is (SIGSTOP), as a node that freezes would.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// How it ended, or `None` while it runs.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Ends it as a crash would (SIGKILL).
    pub fn kill(&self) {
        self.process.kill();
    }
}

/// A call of the operator's binary that speaks as `kubeconfig` says and inherits nothing that would configure it.
fn command(kubeconfig: &Path) -> Result<Command, Error> {
    let mut command = Command::new(binaries::workspace_binary("atlas-operator", "HARNESS_ATLAS_OPERATOR")?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ATLAS_OPERATOR_") {
            command.env_remove(name);
        }
    }
    command.env("KUBECONFIG", kubeconfig);
    Ok(command)
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the operator's last lines:\n{}", self.process.last_lines());
        }
    }
}
