//! `atlas-operator run`
use std::{ffi::OsString, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use kube::{Client, Config};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{egress, options::Options, reload};
use crate::{
    atlas::{Clients, Settings},
    engine::{
        self, Clock, Engine,
        control::{self, Feeds, Range, Stopped},
        plan::few,
        policy::Defaults,
    },
    kind::{GROUP, VERSION},
    kinds, kubernetes,
    leader::{Candidate, Leader, LeaseSettings, Term},
    server::{self, Liveness, Readiness},
    telemetry::{
        logs::{self, Filter},
        metrics::Metrics,
        traces::Traces,
    },
};

/// How long calls in flight may take once the process is told to stop. Kubernetes gives a pod 30 s, and the process
/// promises to be gone within 25, of which [`RETURN`] and [`GOODBYE`] are parts, and one second for a busy machine.
const STOP: Duration = Duration::from_secs(15);
/// How long giving back the lease may take: without it a standby waits until the lease has run out.
const RETURN: Duration = Duration::from_millis(7500);
/// How long giving back access tokens may take meanwhile, and then handing over the last traces.
const GOODBYE: Duration = Duration::from_millis(1500);
/// How often missing definitions are looked for.
const DEFINITIONS: Duration = Duration::from_secs(2);

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Runs the operator until it is told to stop.
pub(super) fn run(options: Options, arguments: Vec<OsString>) -> Result<(), String> {
    // kube and reqwest are both built for this one; a second provider in the process would make kube panic.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider is installed already".to_owned())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let within = runtime.enter();
    let authorities = egress::of(&options).authorities;
    let traces = options.otlp_endpoint.as_ref().map(|collector| Traces::to(collector, &authorities)).transpose();
    let traces = traces.map_err(|error| format!("--otlp-endpoint: {error}"))?;
    let filter = logs::install(options.log_format, &options.log, traces.as_ref())?;
    let done = runtime.block_on(operate(options, arguments, filter));
    if let Some(traces) = traces {
        // On a thread of its own, because it blocks; a collector that does not answer is not waited for.
        let closed = runtime.spawn_blocking(|| traces.close());
        drop(runtime.block_on(async { timeout(GOODBYE, closed).await }));
    }
    drop(within);
    runtime.shutdown_background();
    done
}

async fn operate(options: Options, arguments: Vec<OsString>, filter: Filter) -> Result<(), String> {
    let stop = stop()?.shared();
    let metrics = Arc::new(Metrics::default());
    let readiness = Readiness::waiting("starting");
    let health = server::bind(options.health).map_err(|error| format!("--health: {error}"))?;
    let exposition = server::bind(options.metrics).map_err(|error| format!("--metrics: {error}"))?;
    let mut beside = Background::default();
    let liveness = Liveness::default();
    beside.add(server::health(health, readiness.clone(), liveness.clone()));
    beside.add(server::metrics(exposition, Arc::clone(&metrics)));
    if let Some(path) = options.config.clone() {
        let options = options.clone();
        beside.add(async move { reload::follow(&path, options, arguments, filter).await });
    }

    let config = Config::infer().await.map_err(|error| format!("no way to reach Kubernetes: {error}"))?;
    let namespace = options.lease_namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let unusable = |error: kube::Error| format!("no way to reach Kubernetes: {error}");
    let kube = kubernetes::client(config.clone(), Term::unlimited()).map_err(unusable)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        atlas = %options.atlas_url,
        namespaces = if options.namespaces.is_empty() { "all".to_owned() } else { options.namespaces.join(",") },
        default_secret = options.default_secret.as_ref().map(ToString::to_string),
        leader_election = options.leader_election,
        resync = ?options.resync,
        "starting"
    );
    tokio::select! {
        () = definitions(&kube, &readiness) => {}
        () = stop.clone() => return Ok(()),
    }
    if !options.leader_election {
        let work = Work::new(&options, kube, metrics, Term::unlimited());
        let (engine, done) = work.until(stop, &readiness, &liveness, &mut beside).await;
        close(&engine).await;
        return done;
    }

    let settings = LeaseSettings {
        namespace,
        name: options.lease_name.clone(),
        duration: options.lease_duration,
        identity: identity(),
    };
    tracing::info!(lease = settings.name, namespace = settings.namespace, "waiting for the lease");
    // A standby does all that it should.
    readiness.ready();
    let candidate = Candidate::new(kube, settings, Arc::new(SystemClock));
    let mut leader = tokio::select! {
        leader = candidate.elected() => leader,
        () = stop.clone() => return Ok(()),
    };
    let (term, renewed) = (leader.term(), Arc::clone(&metrics));
    leader.on_renewal(move || renewed.renewed());
    let fenced = kubernetes::client(config, term.clone()).map_err(unusable)?;
    let work = Work::new(&options, fenced, metrics, term);
    tokio::select! {
        (engine, done) = work.until(stop, &readiness, &liveness, &mut beside) => {
            // Nothing is changed from here on, whatever is still under way: with the lease the term ends.
            tokio::join!(give_back(leader), close(&engine));
            done
        }
        // What is under way is dropped: it could change nothing any more. The next start is a standby.
        loss = leader.hold() => Err(format!("no longer the leader: {loss}")),
    }
}

/// Hands back the tokens that are still good; Atlas need not answer for the operator to end.
async fn close(engine: &Engine) {
    drop(timeout(GOODBYE, engine.clients.close()).await);
}

async fn give_back(leader: Leader) {
    if timeout(RETURN, leader.release()).await.is_err() {
        tracing::warn!("the lease was not given back in time; it ends by itself");
    }
}

/// Who this process is among its replicas: the name of the pod, which people look for, and something that no other
/// process had.
fn identity() -> String {
    let machine = hostname::get().unwrap_or_default().to_string_lossy().into_owned();
    format!("{machine}_{:016x}", rand::random::<u64>())
}

/// Tasks that end with this.
#[derive(Default)]
struct Background(Vec<JoinHandle<()>>);

impl Background {
    #[expect(clippy::disallowed_methods, reason = "the handle is aborted when the operator ends")]
    fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// What the process does that works: the controllers.
struct Work {
    engine: Arc<Engine>,
    feeds: Feeds,
    options: Options,
}

impl Work {
    fn new(options: &Options, kube: Client, metrics: Arc<Metrics>, term: Term) -> Self {
        let (stores, namespaces, feeds) = control::prepare(kinds::all(), Range::of(&options.namespaces));
        let permit = term.clone();
        let settings = Settings {
            egress: egress::of(options),
            observer: metrics.clone(),
            permit: Arc::new(move || permit.left()),
            ..Settings::default()
        };
        let engine = Engine::new(
            kube,
            Clients::new(options.atlas_url.clone(), settings),
            stores,
            Arc::new(SystemClock),
            engine::Options {
                resync: options.resync,
                default_secret: options.default_secret.clone(),
                policies: Defaults { manage: options.policy, deletion: options.deletion, adopt: options.adopt },
                concurrency: options.concurrency,
            },
            metrics,
            term,
        );
        let engine = Engine { namespaces, ..engine };
        let engine = Arc::new(engine);
        // Weak, because the engine holds the metrics.
        let surveyor = Arc::downgrade(&engine);
        engine.metrics.surveyed(move || surveyor.upgrade().map(|engine| engine.survey()).unwrap_or_default());
        Self { engine, feeds, options: options.clone() }
    }

    /// Runs the controllers until `stop` resolves and the calls in flight have ended, or have had their time; then what
    /// is still under way is dropped. An error is that something ended which should run until then.
    async fn until(
        self,
        stop: Stopped,
        readiness: &Readiness,
        liveness: &Liveness,
        beside: &mut Background,
    ) -> (Arc<Engine>, Result<(), String>) {
        let Self { engine, feeds, options } = self;
        readiness.wait("waiting for the first list of every kind");
        let (synced, listed) = (feeds.synced(), readiness.clone());
        beside.add(async move {
            synced.follow(|awaited| listed.wait(&format!("waiting for the first list of {}", few(awaited)))).await;
            listed.ready();
            tracing::info!("ready");
        });
        let (named, asked) = (options.namespaces.clone(), Arc::clone(&engine));
        beside.add(async move {
            for namespace in named {
                if asked.lacks_namespace(&namespace).await {
                    tracing::warn!(
                        namespace,
                        "--namespace names a namespace that does not exist; it is watched all the same"
                    );
                }
            }
        });
        let rerouted = Arc::clone(&engine);
        beside.add(egress::follow(options, move |egress| rerouted.clients.reroute(egress)));
        let watched = Arc::downgrade(&engine);
        liveness.ask(move || watched.upgrade().and_then(|engine| engine.running.stuck()));
        let deadline = stop.clone().then(|()| sleep(STOP));
        let done = tokio::select! {
            done = control::run(Arc::clone(&engine), feeds, stop) => done.map_err(|ended| ended.to_string()),
            () = deadline => {
                tracing::warn!("stopped before every call had its answer");
                Ok(())
            }
        };
        if done.is_ok() {
            tracing::info!("stopped");
        }
        (engine, done)
    }
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
        sleep(DEFINITIONS).await;
    }
}
