//! The Atlas simulator as a child process, and a client of its control API (`/_sim/…`).
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::temporary_folder;
use crate::{Error, Process, binaries, eventually, free_port, http};

/// A debug build reads the whole OpenAPI file before it listens.
const LISTENING: Duration = Duration::from_mins(1);

/// How to start it.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Seconds of Atlas that pass in a second; 0 stands still between calls of [`Simulator::advance`].
    pub speed: f64,
    /// Check every request and answer against this OpenAPI file.
    pub openapi: Option<PathBuf>,
    /// Names of its organizations; one with a name of its own when empty.
    pub organizations: Vec<String>,
    /// Whether it refuses calls above the documented rates.
    pub rate_limits: bool,
    /// The port to listen on; a free one by default.
    pub port: Option<u16>,
    /// More arguments.
    pub arguments: Vec<String>,
}

impl Default for SimulatorOptions {
    /// A clock that stands still, one organization, rate limits on, nothing checked.
    fn default() -> Self {
        Self {
            speed: 0.0,
            openapi: None,
            organizations: Vec::new(),
            rate_limits: true,
            port: None,
            arguments: Vec::new(),
        }
    }
}

/// One organization of the simulator, with both kinds of credentials.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    pub id: String,
    pub name: String,
    pub public_key: String,
    pub private_key: String,
    pub client_id: String,
    pub client_secret: String,
}

impl Organization {
    /// The manifest of a credentials Secret that holds an API key pair (HTTP digest).
    pub fn api_key_secret(&self, namespace: &str, name: &str) -> Value {
        let keys = json!({"orgId": self.id, "publicApiKey": self.public_key, "privateApiKey": self.private_key});
        secret(namespace, name, &keys)
    }

    /// The manifest of a credentials Secret that holds a service account (OAuth2 client credentials).
    pub fn service_account_secret(&self, namespace: &str, name: &str) -> Value {
        let keys = json!({"orgId": self.id, "clientId": self.client_id, "clientSecret": self.client_secret});
        secret(namespace, name, &keys)
    }
}

fn secret(namespace: &str, name: &str, keys: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "stringData": keys,
    })
}

/// A kind of fault that has a name.
#[derive(Clone, Debug, Deserialize)]
pub struct FaultKind {
    pub kind: String,
    /// What becomes of the call.
    pub does: String,
}

/// One HTTP request that reached the simulated API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Call {
    /// Counts up from the start.
    pub n: u64,
    /// On the simulated clock, RFC 3339.
    pub time: String,
    pub method: String,
    /// With the query, if there is one.
    pub path: String,
    /// Version date asked for, if any.
    #[serde(default)]
    pub version: Option<String>,
    /// 0 when a fault kept the answer back.
    pub status: u16,
    /// Who called; none for a request that did not authenticate, such as one answered with a digest challenge.
    #[serde(default)]
    pub principal: Option<String>,
    /// A POST, PATCH, PUT or DELETE that reached the handler of its operation, which carried it out or refused it.
    pub mutating: bool,
    /// The kind of the fault that answered, if one did.
    #[serde(default)]
    pub fault: Option<String>,
    /// The request's body; null unless bodies were asked for.
    #[serde(default)]
    pub request: Value,
    /// The answer's body; null unless bodies were asked for.
    #[serde(default)]
    pub response: Value,
}

impl Call {
    /// `METHOD /path`, for lists that a test compares.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The line that the simulator prints when it listens.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Announcement {
    base_url: String,
    orgs: Vec<Organization>,
}

/// A running simulator; it ends when this is dropped.
pub struct Simulator {
    process: Process,
    announcement: Announcement,
    // Holds the log until this is dropped.
    _folder: TempDir,
}

impl Simulator {
    /// Starts it and waits until it listens.
    pub async fn start(options: &SimulatorOptions) -> Result<Self, Error> {
        let binary = binaries::workspace_binary("atlas-simulator", "HARNESS_ATLAS_SIMULATOR")?;
        let folder = temporary_folder("simulator")?;
        let mut command = Command::new(binary);
        command
            .args(["--listen", &format!("127.0.0.1:{}", options.port.unwrap_or_else(free_port))])
            .args(["--speed", &options.speed.to_string()])
            .args(["--rate-limits", if options.rate_limits { "on" } else { "off" }])
            .args(options.organizations.iter().flat_map(|name| ["--org", name]))
            .args(&options.arguments);
        if let Some(file) = &options.openapi {
            command.arg("--openapi").arg(file);
        }
        let output = folder.path().join("output");
        let process = Process::start("atlas-simulator", command, &folder.path().join("log"), Some(&output))?;
        let waited = eventually(LISTENING, "the simulator to listen", || async {
            process.expect_running().map_or_else(
                |ended| Ok(Err(ended)),
                |()| {
                    let text = std::fs::read_to_string(&output).map_err(|error| error.to_string())?;
                    let (line, _) = text.split_once('\n').ok_or_else(|| format!("its output is {text:?}"))?;
                    Ok::<_, String>(serde_json::from_str(line).map_err(Error::unreadable("its first line")))
                },
            )
        });
        let announcement = waited.await??;
        Ok(Self { process, announcement, _folder: folder })
    }

    /// What to give an Atlas client as base URL.
    pub fn base_url(&self) -> &str {
        &self.announcement.base_url
    }

    /// Its organizations, in the order of [`SimulatorOptions::organizations`].
    pub fn organizations(&self) -> &[Organization] {
        &self.announcement.orgs
    }

    /// What it logged so far.
    pub fn logs(&self) -> String {
        self.process.log()
    }

    /// The calls after the one numbered `since`; from the first with 0.
    pub async fn calls(&self, since: u64) -> Result<Vec<Call>, Error> {
        http::get(&self.control(&format!("calls?since={since}"))).await
    }

    /// The same with bodies.
    pub async fn calls_with_bodies(&self, since: u64) -> Result<Vec<Call>, Error> {
        http::get(&self.control(&format!("calls?since={since}&bodies=true"))).await
    }

    /// The calls after the one numbered `since` that change something, with bodies.
    pub async fn mutating_calls(&self, since: u64) -> Result<Vec<Call>, Error> {
        let mut calls = self.calls_with_bodies(since).await?;
        calls.retain(|call| call.mutating);
        Ok(calls)
    }

    /// The number of the latest call, for `since`; 0 before the first.
    pub async fn latest_call(&self) -> Result<u64, Error> {
        Ok(self.calls(0).await?.last().map_or(0, |call| call.n))
    }

    /// Empties the call log.
    pub async fn clear_calls(&self) -> Result<(), Error> {
        self.send(Method::DELETE, "calls", None).await.map(drop)
    }

    /// Everything that exists, as GETs would show it.
    pub async fn state(&self) -> Result<Value, Error> {
        http::get(&self.control("state")).await
    }

    /// Adds a fault: which operation, which of its calls, before or after it takes effect, and what the caller sees.
    pub async fn add_fault(&self, fault: &Value) -> Result<(), Error> {
        self.send(Method::POST, "faults", Some(fault)).await.map(drop)
    }

    /// The faults that were added, with how often each has fired.
    pub async fn faults(&self) -> Result<Value, Error> {
        http::get(&self.control("faults")).await
    }

    /// The kinds of fault that have a name, each with what it does.
    pub async fn fault_kinds(&self) -> Result<Vec<FaultKind>, Error> {
        http::get(&self.control("faults/kinds")).await
    }

    /// Removes all faults.
    pub async fn clear_faults(&self) -> Result<(), Error> {
        self.send(Method::DELETE, "faults", None).await.map(drop)
    }

    /// What the simulated clock shows.
    pub async fn clock(&self) -> Result<jiff::Timestamp, Error> {
        #[derive(Deserialize)]
        struct Clock {
            now: jiff::Timestamp,
        }
        http::get::<Clock>(&self.control("clock")).await.map(|clock| clock.now)
    }

    /// Moves the clock by so many simulated seconds, and with it everything that is under way.
    pub async fn advance(&self, seconds: u64) -> Result<(), Error> {
        self.send(Method::POST, "clock/advance", Some(&json!({"seconds": seconds}))).await.map(drop)
    }

    /// Merges JSON into the resource at `path` (below `/api/atlas/v2/`), as if somebody had changed it in Atlas.
    pub async fn merge(&self, path: &str, changes: &Value) -> Result<(), Error> {
        self.send(Method::PATCH, &resource(path), Some(changes)).await.map(drop)
    }

    /// Removes the resource at `path` (below `/api/atlas/v2/`) at once.
    pub async fn remove(&self, path: &str) -> Result<(), Error> {
        self.send(Method::DELETE, &resource(path), None).await.map(drop)
    }

    /// Lets Atlas do something unasked: `autoscale`, `addShard` or `maintain`, as the simulator's control API says.
    pub async fn command(&self, command: &str, body: &Value) -> Result<(), Error> {
        self.send(Method::POST, command, Some(body)).await.map(drop)
    }

    /// Returns to the state right after the start.
    pub async fn reset(&self) -> Result<(), Error> {
        self.send(Method::POST, "reset", None).await.map(drop)
    }

    /// Changes settings while it runs (lifetimes of nonces and tokens, rate limits, keys) and returns them all.
    pub async fn settings(&self, changes: &Value) -> Result<Value, Error> {
        let answer = self.send(Method::PATCH, "settings", Some(changes)).await?;
        serde_json::from_str(&answer).map_err(Error::unreadable("the simulator's settings"))
    }

    /// The organizations with the keys they have now, after `rotateKeys`.
    pub async fn credentials(&self) -> Result<Vec<Organization>, Error> {
        http::get(&self.control("credentials")).await
    }

    /// Requests and answers that broke the OpenAPI file and are not known deviations; needs
    /// [`SimulatorOptions::openapi`].
    pub async fn violations(&self) -> Result<Vec<Value>, Error> {
        http::get(&self.control("violations")).await
    }

    /// Which operations were called, and whether a recording stands behind their shape.
    pub async fn coverage(&self) -> Result<Value, Error> {
        http::get(&self.control("coverage")).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<String, Error> {
        http::send(method, &self.control(path), body).await
    }

    fn control(&self, path: &str) -> String {
        format!("{}/_sim/{path}", self.announcement.base_url)
    }
}

fn resource(path: &str) -> String {
    format!("resources/{}", path.trim_start_matches('/'))
}
