//! `atlas-operator run`
use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use kube::{
    Client, Config,
    runtime::events::{Recorder, Reporter},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    atlas::{Clients, Endpoint, Settings},
    engine::{
        self, Clock, Engine, Serial,
        control::{self, Range},
        ledger::Ledger,
        plan::Adopt,
        policy::{Defaults, Manage},
        wake::Wakes,
    },
    kind::{Deletion, GROUP, VERSION},
    kinds,
    server::{self, Readiness},
    status::SecretReference,
    telemetry::{
        logs::{self, Format},
        metrics::Metrics,
    },
};

/// How long calls in flight may take once the process is told to stop. Kubernetes gives a pod 30 s, and the process
/// promises to be gone within 25, of which the rest is for [`GOODBYE`].
const STOP: Duration = Duration::from_secs(22);
/// How long handing back access tokens may take at the end.
const GOODBYE: Duration = Duration::from_secs(2);
/// How often missing definitions are looked for.
const DEFINITIONS: Duration = Duration::from_secs(2);

/// The flags of `run`; each is an environment variable too.
#[derive(Args)]
pub struct Options {
    /// The address of the Atlas Administration API; plain http only to this machine
    #[arg(long, env = "ATLAS_OPERATOR_ATLAS_URL", default_value = "https://cloud.mongodb.com")]
    atlas_url: String,
    /// Watch only this namespace (may be given several times; all namespaces by default)
    #[arg(long = "namespace", env = "ATLAS_OPERATOR_NAMESPACE", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// The credentials of objects that refer to none, as NAMESPACE/NAME
    #[arg(long, env = "ATLAS_OPERATOR_DEFAULT_SECRET", value_parser = secret_reference)]
    default_secret: Option<SecretReference>,
    /// How long a settled object is left alone: 30s, 10m, 1h
    #[arg(long, env = "ATLAS_OPERATOR_RESYNC", default_value = "10m", value_parser = duration)]
    resync: Duration,
    /// Objects of one kind that are worked on at once
    #[arg(long, env = "ATLAS_OPERATOR_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// What is done for objects whose annotations do not say: manage, observe or pause
    #[arg(long, env = "ATLAS_OPERATOR_POLICY")]
    policy: Option<Manage>,
    /// What becomes of Atlas resources whose object is deleted, where annotations do not say: delete or retain
    #[arg(long, env = "ATLAS_OPERATOR_DELETION")]
    deletion: Option<Deletion>,
    /// What is done with resources that are in Atlas already: identical, always or never
    #[arg(long, env = "ATLAS_OPERATOR_ADOPT")]
    adopt: Option<Adopt>,
    /// Where to serve /metrics
    #[arg(long, env = "ATLAS_OPERATOR_METRICS", default_value_t = anywhere(8080))]
    metrics: SocketAddr,
    /// Where to serve /livez and /readyz
    #[arg(long, env = "ATLAS_OPERATOR_HEALTH", default_value_t = anywhere(8081))]
    health: SocketAddr,
    /// How the log is written
    #[arg(long, env = "ATLAS_OPERATOR_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
    /// What is logged: info, debug, or per module, atlas_operator=debug,kube=warn
    #[arg(long = "log", env = "ATLAS_OPERATOR_LOG", default_value = "info")]
    log: String,
}

fn anywhere(port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
}

fn secret_reference(text: &str) -> Result<SecretReference, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(SecretReference { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("must be NAMESPACE/NAME".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| "must be a number and a unit: 30s, 10m, 1h".to_owned())?;
    let seconds = match unit {
        "s" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3600),
        _ => return Err("must end in s, m or h".to_owned()),
    };
    match seconds {
        0 => Err("must be longer than nothing".to_owned()),
        // A week: what is looked at less often than that is not managed.
        seconds if seconds > 604_800 => Err("must be at most a week (168h)".to_owned()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Runs the operator until it is told to stop.
pub fn run(options: Options) -> Result<(), String> {
    logs::install(options.log_format, &options.log).map_err(|error| error.to_string())?;
    // kube and reqwest are both built for this one; a second provider in the process would make kube panic.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider is installed already".to_owned())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let done = runtime.block_on(operate(options));
    runtime.shutdown_background();
    done
}

async fn operate(options: Options) -> Result<(), String> {
    let stop = stop()?.shared();
    let metrics = Arc::new(Metrics::default());
    let endpoint = Endpoint::parse(&options.atlas_url).map_err(|error| format!("--atlas-url: {error}"))?;
    let settings = Settings { observer: metrics.clone(), ..Settings::default() };
    let readiness = Readiness::waiting("starting");
    let health = server::bind(options.health).await.map_err(|error| format!("--health: {error}"))?;
    let exposition = server::bind(options.metrics).await.map_err(|error| format!("--metrics: {error}"))?;
    let health = background(server::health(health, readiness.clone()).boxed());
    let exposition = background(server::metrics(exposition, Arc::clone(&metrics)).boxed());

    let config = Config::infer().await.map_err(|error| format!("no way to reach Kubernetes: {error}"))?;
    let kube = Client::try_from(config).map_err(|error| format!("no way to reach Kubernetes: {error}"))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), atlas = %options.atlas_url, "starting");
    let defined = definitions(&kube, &readiness);
    tokio::select! {
        () = defined => {}
        () = stop.clone() => return Ok(()),
    }

    let range = if options.namespaces.is_empty() { Range::All } else { Range::Namespaces(options.namespaces) };
    let (stores, namespaces, feeds) = control::prepare(kinds::all(), range);
    let reporter = Reporter { controller: "atlas-operator".to_owned(), instance: None };
    let engine = Arc::new(Engine {
        recorder: Recorder::new(kube.clone(), reporter),
        kube,
        clients: Clients::new(endpoint, settings),
        catalogue: kinds::all(),
        stores,
        namespaces,
        wakes: Wakes::default(),
        ledger: Ledger::default(),
        serial: Serial::default(),
        clock: Arc::new(SystemClock),
        options: engine::Options {
            resync: options.resync,
            default_secret: options.default_secret,
            policies: Defaults { manage: options.policy, deletion: options.deletion, adopt: options.adopt },
            concurrency: options.concurrency,
        },
        metrics,
    });
    readiness.wait("waiting for the first list of every kind");
    let synced = {
        let (synced, readiness) = (feeds.synced(), readiness.clone());
        async move {
            synced.wait().await;
            readiness.ready();
            tracing::info!("ready");
        }
    };
    let synced = background(synced.boxed());
    let held = Arc::clone(&engine);
    let deadline = {
        let stop = stop.clone();
        async move {
            stop.await;
            tokio::time::sleep(STOP).await;
        }
    };
    tokio::select! {
        () = control::run(engine, feeds, stop) => tracing::info!("stopped"),
        () = deadline => tracing::warn!("stopped before every call had its answer"),
    }
    // Tokens that are still good are handed back; Atlas need not answer for the operator to end.
    drop(tokio::time::timeout(GOODBYE, held.clients.close()).await);
    for task in [synced, health, exposition] {
        task.abort();
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the handle is aborted when the operator ends")]
fn background(task: BoxFuture<'static, ()>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(task)
}

/// Resolves once the process is told to stop.
fn stop() -> Result<BoxFuture<'static, ()>, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("told to stop; finishing the calls in flight");
    }
    .boxed())
}

/// Waits until the API server serves every kind, and says which are missing meanwhile.
async fn definitions(kube: &Client, readiness: &Readiness) {
    let mut said = String::new();
    loop {
        // Discovery is open to every service account, so this needs no rights of its own.
        let obstacle = match kube.list_api_group_resources(&format!("{GROUP}/{VERSION}")).await {
            Ok(list) => {
                let missing: Vec<_> = kinds::all()
                    .iter()
                    .filter(|kind| !list.resources.iter().any(|resource| resource.name == kind.plural()))
                    .map(|kind| kind.plural())
                    .collect();
                if missing.is_empty() {
                    return;
                }
                format!("waiting for the custom resource definitions of {}", missing.join(", "))
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                format!("waiting for the custom resource definitions of {GROUP}; install them with crds/")
            }
            Err(error) => format!("waiting for the Kubernetes API: {error}"),
        };
        readiness.wait(&obstacle);
        if said != obstacle {
            tracing::warn!("{obstacle}");
            said = obstacle;
        }
        tokio::time::sleep(DEFINITIONS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit_and_refused_without() {
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        for bad in ["", "10", "m", "0s", "-1s", "1d", "200h", "1h30m"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_named_by_namespace_and_name() {
        assert!(secret_reference("a/b").is_ok());
        for bad in ["", "a", "a/", "/b", "a/b/c"] {
            assert!(secret_reference(bad).is_err(), "{bad}");
        }
    }
}
