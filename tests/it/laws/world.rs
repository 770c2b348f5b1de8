//! One operator, one fake Kubernetes, one simulated Atlas, and time that moves only when nothing else is left to do.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use atlas_operator::{
    atlas::{Clients, Endpoint, Settings},
    engine::{
        Clock, Engine, Options,
        control::{Range, prepare},
        object::{KindRef, Object},
        policy::{ADOPT, DELETION, Defaults, POLICY},
    },
    kind::{Example, Kind},
    kinds,
    leader::Term,
    status::SecretReference,
    telemetry::metrics::Metrics,
};
use harness::{Simulator, SimulatorOptions};
use jiff::Timestamp;
use kube::runtime::reflector::store::Writer;
use serde_json::Value;

pub use super::operator::TestOperator;
use super::{
    super::somebody::Somebody,
    disturbance::{self, Disturbance},
    fake_kube::{FakeKube, Key},
    operator::{Feeds, Next},
    proxy::Proxy,
    trap::Trap,
};

/// How long a settled object is left alone in these tests.
pub const RESYNC: Duration = Duration::from_hours(1);
/// Nothing is due within this time: the operator is quiet. It is the least time that a settled object is left alone.
const QUIET: Duration = Duration::from_mins(6);
/// More passes than this without becoming quiet is a loop,
const MOST_PASSES: usize = 3000;
/// unless there are so many objects that it is less than this for each.
const MOST_PASSES_EACH: usize = 50;
/// How long the operator waits for an answer: on a busy machine too, no read is taken for lost and repeated.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Where the objects of an example live.
pub const NAMESPACE: &str = "team";

/// The clock of a test.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// How one pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// The operator was quiet.
    Quiet,
    /// The trap held a call, and the operator was killed there.
    Killed,
}

/// The variable of the environment whose seed disturbs every world.
pub const SEED: &str = "LAWS_SEED";

/// When every law begins.
const START: &str = "2026-03-29T00:58:31.118066943Z";

/// What is outside the operator; it outlives its crashes.
pub struct World {
    pub simulator: Simulator,
    pub kube: FakeKube,
    pub trap: Arc<Trap>,
    pub clock: TestClock,
    /// Of the chances of a disturbed world,
    seed: Option<u64>,
    /// and how often that was made anew.
    rounds: u64,
    proxy: Option<Proxy>,
    /// How long the operator waits for an answer, on the machine's own clock.
    pub total_timeout: Duration,
    pub defaults: Defaults,
    pub resync: Duration,
    /// Of what names no credentials.
    pub default_secret: Option<SecretReference>,
}

impl World {
    /// A simulator of its own, with the clock standing still; disturbed if the environment names a seed.
    pub async fn new() -> Self {
        Self::around(SimulatorOptions::default()).await
    }

    /// The same, with every call to Atlas numbered by the trap.
    pub async fn trapped() -> Self {
        let mut world = Self::new().await;
        world.proxy = Some(Proxy::start(world.simulator.base_url(), Arc::clone(&world.trap)).await);
        world
    }

    /// One with a simulator of one's choice, but for when its clock begins: ids hold the time, and when a project is looked
    /// at is spread by its id, so that each run is the same as the last.
    pub async fn around(mut options: SimulatorOptions) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        options.arguments.extend(["--start", START].map(str::to_owned));
        let simulator = Simulator::start(&options).await.unwrap();
        let trap = Arc::new(Trap::default());
        let clock = TestClock(Arc::new(Mutex::new(Timestamp::UNIX_EPOCH)));
        let world = Self {
            kube: FakeKube::new(Arc::clone(&trap), clock.clone()),
            seed: None,
            rounds: 0,
            simulator,
            trap,
            clock,
            proxy: None,
            total_timeout: PATIENCE,
            defaults: Defaults::default(),
            resync: RESYNC,
            default_secret: Some(SecretReference { namespace: "operator".into(), name: "default".into() }),
        };
        world.read_clock().await;
        match std::env::var(SEED) {
            Ok(seed) => world.disturbed(seed.parse().unwrap()),
            Err(_) => world,
        }
    }

    /// The same world, in which Kubernetes is as [`super::disturbance`] says, by the chances of this seed.
    pub fn disturbed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self.kube = self.new_kube();
        self
    }

    fn new_kube(&self) -> FakeKube {
        let disturbance = self.seed.map(|seed| Disturbance::new(seed, self.rounds));
        FakeKube::new(Arc::clone(&self.trap), self.clock.clone()).disturbed(disturbance)
    }

    /// Back to an empty Kubernetes and the simulator as it started, with the teams that examples name.
    pub async fn reset(&mut self) {
        self.simulator.reset().await.unwrap();
        Somebody::of(&self.simulator, &self.simulator.organizations()[0]).make_teams().await;
        self.simulator.clear_calls().await.unwrap();
        self.rounds += 1;
        self.kube = self.new_kube();
        self.trap.set(None);
        self.read_clock().await;
    }

    async fn read_clock(&self) {
        let now = self.simulator.clock().await.unwrap();
        *self.clock.0.lock().unwrap() = now;
    }

    /// Lets time pass in which nobody does anything.
    pub async fn advance(&self, by: Duration) {
        // The simulator counts whole seconds.
        let seconds = by.as_secs() + u64::from(by.subsec_nanos() > 0);
        self.simulator.advance(seconds).await.unwrap();
        let mut now = self.clock.0.lock().unwrap();
        *now += Duration::from_secs(seconds);
    }

    /// Puts the credentials that every object uses by default.
    pub fn provide_credentials(&self) -> Key {
        let organization = &self.simulator.organizations()[0];
        self.kube.apply("secrets", "operator", &organization.api_key_secret("operator", "default"))
    }

    /// Applies the manifests of an example, credentials first; answers the keys, the example's own last.
    pub fn apply(&self, example: &Example) -> Vec<Key> {
        self.provide_credentials();
        documents(example.manifest).iter().map(|document| self.apply_one(document)).collect()
    }

    pub fn apply_one(&self, document: &Value) -> Key {
        self.kube.apply(&plural(document), NAMESPACE, document)
    }

    /// A new world in which an example has become what it should be; the keys are those of [`World::apply`].
    pub async fn settle(&mut self, example: &Example) -> (TestOperator, Vec<Key>) {
        self.reset().await;
        let keys = self.apply(example);
        let mut operator = self.operator();
        self.run(&mut operator).await;
        (operator, keys)
    }

    /// An operator that has just started.
    pub fn operator(&self) -> TestOperator {
        let url = self.proxy.as_ref().map_or(self.simulator.base_url(), |proxy| &proxy.url);
        let settings = Settings {
            connect_timeout: Duration::from_secs(2),
            total_timeout: self.total_timeout,
            retry_delay: Duration::from_millis(1),
            // Time is virtual outside the client, so nothing may wait inside it.
            hold_limit: Duration::ZERO,
            token_failure_hold: Duration::from_millis(1),
            ..Settings::default()
        };
        let kube = self.kube.client();
        let (stores, _, _) = prepare(&[], Range::All);
        let mut writers = HashMap::new();
        let mut stores = stores;
        for kind in kinds::all() {
            let writer = Writer::<Object>::new(KindRef::of(*kind));
            stores.insert(kind.name(), vec![writer.as_reader()]);
            writers.insert(kind.plural(), (*kind, writer));
        }
        let policies = if self.seed.is_some() { self.announce_policies() } else { self.defaults };
        let namespaces = self.seed.map(|_| Writer::default());
        let mut engine = Engine::new(
            kube,
            Clients::new(Endpoint::parse(url).unwrap(), settings),
            stores,
            Arc::new(self.clock.clone()),
            Options { resync: self.resync, default_secret: self.default_secret.clone(), policies, concurrency: 1 },
            Arc::new(Metrics::default()),
            Term::unlimited(),
        );
        engine.namespaces = namespaces.as_ref().map(Writer::as_reader);
        self.chance(Disturbance::stir);
        TestOperator::start(self, Arc::new(engine), Feeds { objects: writers, namespaces })
    }

    /// Lets the namespaces say what the operator's flags would say otherwise; answers the flags that are left.
    fn announce_policies(&self) -> Defaults {
        let Defaults { manage, deletion, adopt } = self.defaults;
        let manage = manage.map(|manage| (POLICY, manage.to_string()));
        let deletion = deletion.map(|deletion| (DELETION, format!("{deletion:?}").to_lowercase()));
        let adopt = adopt.map(|adopt| (ADOPT, format!("{adopt:?}").to_lowercase()));
        self.kube.set_policies([manage, deletion, adopt].into_iter().flatten());
        Defaults::default()
    }

    /// Within which an object is looked at that is woken, which is long before it would be by itself.
    pub fn promptly(&self) -> Duration {
        Duration::from_secs(if self.seed.is_some() { 10 } else { 1 })
    }

    /// How many passes run at once.
    pub fn width(&self) -> usize {
        if self.seed.is_some() { disturbance::WIDTH } else { 1 }
    }

    /// What chance decides in a disturbed world; none in another.
    pub fn chance<T>(&self, decide: impl FnOnce(&mut Disturbance) -> T) -> Option<T> {
        self.kube.chance(decide)
    }

    /// Runs `operator` until nothing is due, or the trap holds a call.
    pub async fn run(&self, operator: &mut TestOperator) -> Run {
        self.run_for(operator, None).await
    }

    /// Runs `operator` for `span` of virtual time, whatever is due.
    pub async fn run_for(&self, operator: &mut TestOperator, span: Option<Duration>) -> Run {
        let (begun, before, most_passes) = (self.clock.now(), operator.passes, self.most_passes());
        let mut sound_until = None;
        while operator.passes < before + most_passes {
            let (key, at) = match operator.go_on(self).await {
                Next::Went => continue,
                Next::Killed => return Run::Killed,
                Next::Idle(Some(next)) => next,
                Next::Idle(None) => {
                    if let Some(span) = span {
                        self.rest(begun, span).await;
                    }
                    return self.quiet();
                }
            };
            let delay = Duration::try_from(at.duration_since(self.clock.now())).unwrap_or_default();
            match span {
                None if delay >= QUIET => return self.quiet(),
                None if self.rests(operator) => {
                    // A status that could not be written still says what was; from here on all can be.
                    if self.chance(Disturbance::calm).unwrap_or_default() {
                        sound_until = Some(self.clock.now() + QUIET);
                    } else if sound_until.is_none_or(|until| until <= self.clock.now()) {
                        return self.quiet();
                    }
                }
                Some(span) if at.duration_since(begun) > jiff::SignedDuration::try_from(span).unwrap() => {
                    self.rest(begun, span).await;
                    return self.quiet();
                }
                _ => {}
            }
            assert!(!delay.is_zero(), "{key:?} is due and no pass begins");
            self.advance(delay).await;
        }
        panic!("not quiet after {most_passes} passes; {}\n{}", operator.due(self), self.describe());
    }

    /// Where all has come to rest nothing fails any more, until somebody does something.
    fn quiet(&self) -> Run {
        let _ = self.chance(Disturbance::calm);
        Run::Quiet
    }

    fn most_passes(&self) -> usize {
        MOST_PASSES.max(self.objects().len() * MOST_PASSES_EACH)
    }

    /// Whether all that is due soon is only looked at again because nobody has mended it yet.
    fn rests(&self, operator: &TestOperator) -> bool {
        const FOR_A_PERSON: &[&str] = &[
            "DependencyNotFound",
            "DependencyNotReady",
            "SecretNotFound",
            "SecretInvalid",
            "CredentialsNotFound",
            "ChildrenExist",
            "Blocked",
            "Paused",
            "DriftDetected",
        ];
        let now = self.clock.now();
        let soon = now + QUIET;
        operator.appointments().filter(|(_, at)| **at < soon).all(|(key, at)| {
            let object = self.kube.get(key).unwrap_or_default();
            let waits =
                condition(&object, "Ready")["reason"].as_str().is_some_and(|reason| FOR_A_PERSON.contains(&reason));
            // What waits for a person is not looked at again within seconds.
            *at > now + Duration::from_secs(4) && (waits || condition(&object, "Stalled")["status"] == "True")
        })
    }

    async fn rest(&self, begun: Timestamp, span: Duration) {
        let passed = Duration::try_from(self.clock.now().duration_since(begun)).unwrap_or_default();
        self.advance(span.saturating_sub(passed)).await;
    }

    /// Every object of every kind.
    pub fn objects(&self) -> Vec<(Key, Value)> {
        kinds::all().iter().flat_map(|kind| self.kube.all(kind.plural())).collect()
    }

    /// The conditions of every object, for a failure message.
    pub fn describe(&self) -> String {
        let line = |(key, object): (Key, Value)| format!("{}/{}: {}", key.0, key.2, object["status"]);
        self.objects().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Whether every object there is says `Ready` for its generation, and which does not.
    pub fn unready(&self) -> Vec<String> {
        let mut unready = Vec::new();
        for (key, object) in self.objects() {
            let ready = condition(&object, "Ready");
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if ready["status"] != "True" || !current {
                unready.push(format!("{}/{}: {} {}", key.0, key.2, ready["reason"], ready["message"]));
            }
        }
        unready
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let (true, Some(seed)) = (std::thread::panicking(), self.seed) {
            eprintln!("in the disturbed world of {SEED}={seed}, round {}", self.rounds);
        }
    }
}

pub fn condition(object: &Value, type_: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|condition| condition["type"] == type_).cloned().unwrap_or_default()
}

/// The documents of a YAML stream.
pub fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

pub fn plural(document: &Value) -> String {
    let name = document["kind"].as_str().unwrap();
    if name == "Secret" {
        return "secrets".to_owned();
    }
    kinds::all().iter().find(|kind| kind.name() == name).map(|kind| kind.plural().to_owned()).unwrap()
}

/// Every example of every kind, by a name for messages.
pub fn examples() -> Vec<(String, &'static dyn Kind, Example)> {
    let named = |kind: &'static dyn Kind| {
        kind.examples().into_iter().map(move |example| (format!("{} ({})", kind.name(), example.name), kind, example))
    };
    kinds::all().iter().flat_map(|kind| named(*kind)).collect()
}
