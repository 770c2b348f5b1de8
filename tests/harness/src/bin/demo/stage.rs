//! Everything the demo starts, and what it shows of it.
use std::cell::RefCell;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::{
    ControlPlane, ControlPlaneOptions, Error, Operator, OperatorOptions, Simulator, SimulatorOptions, eventually,
    repository,
};
use serde_json::Value;

use crate::Failure;
use crate::objects::{Row, masked, without_passwords};
use crate::screen::Screen;

/// Where the quickstart's objects live.
pub(crate) const NAMESPACE: &str = "demo";
/// The name under which `examples/quickstart` refers to the credentials.
pub(crate) const CREDENTIALS: &str = "atlas-credentials";
/// A minute of Atlas in a second: a cluster takes about 10 s instead of 10 minutes.
const SPEED: f64 = 60.0;
/// Many times what the slowest cluster takes at that speed.
const READY: Duration = Duration::from_mins(10);
/// For the connection Secret to follow the user's readiness.
const PUBLISHED: Duration = Duration::from_secs(30);

/// How often calls are looked for while the demo stays: soon enough to seem at once.
const FOLLOW: Duration = Duration::from_millis(300);

/// The running parts, in the order in which they end.
pub(crate) struct Stage {
    pub(crate) operator: Operator,
    pub(crate) simulator: Simulator,
    pub(crate) control_plane: ControlPlane,
}

impl Stage {
    /// Starts everything and waits until it is ready for the first object.
    pub(crate) async fn set() -> Result<Self, Error> {
        let begun = Instant::now();
        let tell = |what: &str| println!("{:>4} s  {what}", begun.elapsed().as_secs());

        let options = ControlPlaneOptions { controller_manager: true, helm: false };
        let control_plane = ControlPlane::start(options).await?;
        tell(&format!("kube-apiserver is ready at {}", control_plane.url()));
        let options = SimulatorOptions { speed: SPEED, ..SimulatorOptions::default() };
        let simulator = Simulator::start(&options).await?;
        tell(&format!("the Atlas simulator listens at {}, {SPEED} times as fast as Atlas", simulator.base_url()));

        let kubeconfig = control_plane.install_operator().await?;
        let operator = Operator::start(&OperatorOptions::new(&kubeconfig, simulator.base_url()))?;
        operator.wait_ready().await?;
        tell("the operator is ready, as its own ServiceAccount with the rules of deploy/rbac.yaml");
        Ok(Self { operator, simulator, control_plane })
    }

    /// Applies the credentials of the simulator's organization and the manifests of the quickstart.
    pub(crate) async fn apply_quickstart(&self) -> Result<(), Error> {
        self.control_plane.kubectl(["create", "namespace", NAMESPACE]).run().await?;
        for organization in self.simulator.organizations() {
            self.control_plane.apply_text(organization.api_key_secret(NAMESPACE, CREDENTIALS).to_string()).await?;
        }
        let folder = repository().join("examples/quickstart");
        let apply = ["apply", "-n", NAMESPACE, "-f"].map(Into::into).into_iter().chain([folder.into_os_string()]);
        let printed = self.control_plane.kubectl(apply).run().await?;
        println!("\n$ kubectl apply -n {NAMESPACE} -f examples/quickstart\n{printed}");
        Ok(())
    }

    /// Shows every object's way until all are Ready.
    pub(crate) async fn watch_until_ready(&self) -> Result<(), Failure> {
        let screen = RefCell::new(Screen::new());
        let unready = RefCell::new(Vec::new());
        let waited = eventually(READY, "every object to be Ready", || async {
            if !self.operator.is_running() {
                return Ok(Err("the operator has ended".to_owned()));
            }
            let rows = self.rows().await.map_err(|error| error.to_string())?;
            screen.borrow_mut().show(&rows);
            let waiting: Vec<Row> = rows.iter().filter(|row| !row.is_ready()).cloned().collect();
            let count = waiting.len();
            unready.replace(waiting);
            if count == 0 && !rows.is_empty() { Ok(Ok(())) } else { Err(format!("{count} objects not Ready")) }
        });
        waited.await.unwrap_or_else(|error| Err(error.to_string())).map_err(|failure| {
            let explanations: Vec<String> = unready.borrow().iter().map(Row::explanation).collect();
            let log = self.operator.last_lines();
            format!("{failure}\n  {}\nThe operator's last lines:\n{log}", explanations.join("\n  ")).into()
        })
    }

    async fn rows(&self) -> Result<Vec<Row>, Error> {
        let list = self.control_plane.kubectl(["get", "atlas", "-n", NAMESPACE, "-o", "json"]).json().await?;
        Ok(items(&list).iter().map(Row::of).collect())
    }

    /// The Secrets that the operator published for a database user.
    pub(crate) async fn connection_secrets(&self) -> Result<Vec<Value>, Error> {
        let list = self.control_plane.kubectl(["get", "secrets", "-n", NAMESPACE, "-o", "json"]).json().await?;
        let owned =
            |secret: &&Value| secret.pointer("/metadata/ownerReferences/0/kind") == Some(&"AtlasDatabaseUser".into());
        Ok(items(&list).iter().filter(owned).cloned().collect())
    }

    /// Prints what an application would read, with the password masked.
    pub(crate) async fn show_connection_secrets(&self) -> Result<(), Error> {
        let secrets = eventually(PUBLISHED, "a connection Secret", || async {
            match self.connection_secrets().await {
                Ok(secrets) if secrets.is_empty() => Err("no Secret that belongs to an AtlasDatabaseUser".to_owned()),
                Ok(secrets) => Ok(secrets),
                Err(error) => Err(error.to_string()),
            }
        })
        .await?;
        for secret in secrets {
            println!("\nSecret {NAMESPACE}/{}:", secret["metadata"]["name"].as_str().unwrap_or("?"));
            let data: Vec<_> = secret["data"].as_object().into_iter().flatten().collect();
            let width = data.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
            for (key, value) in data {
                let decoded = BASE64_STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
                println!("  {key:width$}  {}", masked(key, &String::from_utf8_lossy(&decoded)));
            }
        }
        Ok(())
    }

    /// Prints the calls after the one numbered `since` that changed something in Atlas, with what they sent; returns
    /// the number of the latest call.
    pub(crate) async fn show_calls(&self, since: u64) -> Result<u64, Error> {
        let calls = self.simulator.calls_with_bodies(since).await?;
        for call in calls.iter().filter(|call| call.mutating) {
            let sent = match &call.request {
                Value::Null => String::new(),
                body => format!("  {}", without_passwords(body)),
            };
            println!("  {} -> {}{sent}", call.line(), call.status);
        }
        Ok(calls.last().map_or(since, |call| call.n))
    }

    /// Goes on printing such calls as they happen; ends only with an error.
    pub(crate) async fn follow_calls(&self) -> Result<Infallible, Failure> {
        let mut latest = self.simulator.latest_call().await?;
        loop {
            latest = self.show_calls(latest).await?;
            tokio::time::sleep(FOLLOW).await;
        }
    }

    /// Prints three commands and where the log is.
    pub(crate) fn show_what_to_try(&self) {
        println!(
            r#"
Everything is Ready. To try next, in another terminal (calls that change Atlas appear here as they happen):

  export KUBECONFIG={} PATH={}:$PATH
  kubectl -n {NAMESPACE} patch atlascluster orders --type=merge -p '{{"spec":{{"tags":[{{"key":"env","value":"test"}}]}}}}'
  kubectl -n {NAMESPACE} describe atlascluster orders
  kubectl -n {NAMESPACE} delete atlasdatabaseuser orders-api

The Atlas simulator: {}/_sim/state
The operator's log:  {}
Ctrl-C ends everything that was started.
"#,
            self.control_plane.kubeconfig().display(),
            self.control_plane.binaries().display(),
            self.simulator.base_url(),
            self.operator.log_path().display()
        );
    }
}

/// The items of a `kubectl get -o json`.
fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}
