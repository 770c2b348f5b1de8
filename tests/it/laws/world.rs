//! One operator, one fake Kubernetes, one simulated Atlas, and time that moves only when nothing else is left to do.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use atlas_operator::{
    atlas::{Clients, Endpoint, Settings},
    engine::{
        Clock, Engine, Options,
        control::{Range, prepare},
        facts::Facts,
        object::{KindRef, Object},
        policy::Defaults,
    },
    kind::{Example, Kind},
    kinds,
    leader::Term,
    status::SecretReference,
    telemetry::metrics::Metrics,
};
use futures::{FutureExt, StreamExt, stream::BoxStream};
use harness::{Simulator, SimulatorOptions};
use jiff::Timestamp;
use kube::runtime::{
    reflector::{ObjectRef, store::Writer},
    watcher::Event,
};
use serde_json::Value;

use super::{
    super::somebody::Somebody,
    fake_kube::{FakeKube, Key},
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

/// When every law begins.
const START: &str = "2026-03-29T00:58:31.118066943Z";

/// What is outside the operator; it outlives its crashes.
pub struct World {
    pub simulator: Simulator,
    pub kube: FakeKube,
    pub trap: Arc<Trap>,
    pub clock: TestClock,
    proxy: Option<Proxy>,
    /// How long the operator waits for an answer, on the machine's own clock.
    pub total_timeout: Duration,
    pub defaults: Defaults,
    pub resync: Duration,
    /// Of what names no credentials.
    pub default_secret: Option<SecretReference>,
}

impl World {
    /// A simulator of its own, with the clock standing still.
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
        world
    }

    /// Back to an empty Kubernetes and the simulator as it started, with the teams that examples name.
    pub async fn reset(&mut self) {
        self.simulator.reset().await.unwrap();
        Somebody::of(&self.simulator, &self.simulator.organizations()[0]).make_teams().await;
        self.simulator.clear_calls().await.unwrap();
        self.kube = FakeKube::new(Arc::clone(&self.trap), self.clock.clone());
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
        let engine = Arc::new(Engine::new(
            kube,
            Clients::new(Endpoint::parse(url).unwrap(), settings),
            stores,
            Arc::new(self.clock.clone()),
            Options {
                resync: self.resync,
                default_secret: self.default_secret.clone(),
                policies: self.defaults,
                concurrency: 1,
            },
            Arc::new(Metrics::default()),
            Term::unlimited(),
        ));
        let woken = kinds::all().iter().map(|kind| (kind.plural(), engine.wakes.stream(*kind).boxed())).collect();
        let mut operator = TestOperator {
            engine,
            writers,
            woken,
            facts: Facts::default(),
            due: BTreeMap::new(),
            seen: HashMap::new(),
            passes: 0,
        };
        // A start lists everything.
        self.kube.take_changed();
        for (key, _) in self.objects() {
            operator.saw(self, &key);
        }
        operator
    }

    /// Runs `operator` until nothing is due, or the trap holds a call.
    pub async fn run(&self, operator: &mut TestOperator) -> Run {
        self.run_for(operator, None).await
    }

    /// Runs `operator` for `span` of virtual time, whatever is due.
    pub async fn run_for(&self, operator: &mut TestOperator, span: Option<Duration>) -> Run {
        let begun = self.clock.now();
        let most_passes = self.most_passes();
        for _ in 0..most_passes {
            operator.notice(self);
            let now = self.clock.now();
            let next = operator.due.iter().min_by_key(|(_, at)| **at).map(|(key, at)| (key.clone(), *at));
            let Some((key, at)) = next else {
                if let Some(span) = span {
                    self.rest(begun, span).await;
                }
                return Run::Quiet;
            };
            let delay = Duration::try_from(at.duration_since(now)).unwrap_or_default();
            match span {
                None if delay >= QUIET || self.rests(operator) => return Run::Quiet,
                Some(span) if at.duration_since(begun) > jiff::SignedDuration::try_from(span).unwrap() => {
                    self.rest(begun, span).await;
                    return Run::Quiet;
                }
                _ => {}
            }
            if !delay.is_zero() {
                self.advance(delay).await;
            }
            if operator.pass(self, &key).await == Run::Killed {
                return Run::Killed;
            }
        }
        panic!("not quiet after {most_passes} passes; due: {:?}\n{}", operator.due, self.describe());
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
        operator.due.iter().filter(|(_, at)| **at < soon).all(|(key, at)| {
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

    /// The whole world without what differs from run to run: ids, times, addresses.
    pub async fn dump(&self) -> Value {
        let mut atlas = self.simulator.state().await.unwrap();
        let teams = team_names(&atlas);
        strip(&mut atlas);
        // Groups are listed by id; without ids the order is the name's.
        let mut groups: Vec<Value> =
            atlas["groups"].as_object().into_iter().flatten().map(|(_, group)| group.clone()).collect();
        groups.sort_by_key(Value::to_string);
        let mut objects = BTreeMap::new();
        for plural in kinds::all().iter().map(|kind| kind.plural()).chain(["secrets"]) {
            for (key, mut object) in self.kube.all(plural) {
                if plural == "secrets" {
                    object["data"] =
                        object["data"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
                }
                strip(&mut object);
                objects.insert(format!("{}/{}/{}", key.0, key.1, key.2), object);
            }
        }
        // Teams are known by their ids in projects and in what is remembered; their names are the same in each run.
        let mut text = serde_json::json!({"atlas": groups, "objects": objects}).to_string();
        for (id, name) in teams {
            text = text.replace(&id, &name);
        }
        serde_json::from_str(&text).unwrap()
    }
}

/// The teams of every organization, by id.
fn team_names(atlas: &Value) -> Vec<(String, String)> {
    let organizations = atlas["organizations"].as_array().into_iter().flatten();
    let teams = organizations.flat_map(|organization| organization["teams"].as_object().into_iter().flatten());
    teams.map(|(id, team)| (id.clone(), team["name"].as_str().unwrap().to_owned())).collect()
}

/// An operator's process: all that is lost when it ends.
pub struct TestOperator {
    pub engine: Arc<Engine>,
    writers: HashMap<&'static str, (&'static dyn Kind, Writer<Object>)>,
    woken: HashMap<&'static str, BoxStream<'static, ObjectRef<Object>>>,
    facts: Facts,
    due: BTreeMap<Key, Timestamp>,
    /// What the controller's predicates compare, as last seen.
    seen: HashMap<Key, Value>,
    pub passes: usize,
}

impl TestOperator {
    /// What is due, and how often something was looked at, for a failure message.
    pub fn due(&self, world: &World) -> String {
        format!("{} passes; now {}; due {:?}", self.passes, world.clock.now(), self.due)
    }

    /// Shows the operator what changed in Kubernetes, as its watches would, and wakes what is to be woken.
    fn notice(&mut self, world: &World) {
        for key in world.kube.take_changed() {
            self.saw(world, &key);
        }
        for (plural, stream) in &mut self.woken {
            while let Some(Some(reference)) = stream.next().now_or_never() {
                let key = ((*plural).to_owned(), reference.namespace.unwrap_or_default(), reference.name);
                if world.kube.get(&key).is_some() {
                    self.due.insert(key, world.clock.now());
                }
            }
        }
    }

    fn saw(&mut self, world: &World, key: &Key) {
        if key.0 == "secrets" {
            let topic = atlas_operator::engine::wake::Topic::Secret(key.1.clone(), key.2.clone());
            self.engine.wakes.publish(&topic);
            return;
        }
        let Some((kind, writer)) = self.writers.get_mut(key.0.as_str()) else { return };
        let Some(value) = world.kube.get(key) else {
            if let Some(before) = self.seen.remove(key) {
                let event = Event::Delete(object(&before));
                writer.apply_watcher_event(&event);
                self.facts.saw(&self.engine, *kind, &event);
            }
            self.due.remove(key);
            return;
        };
        let event = Event::Apply(object(&value));
        writer.apply_watcher_event(&event);
        self.facts.saw(&self.engine, *kind, &event);
        let compared = |value: &Value| {
            ["generation", "finalizers", "annotations", "uid"].map(|field| value["metadata"][field].clone())
        };
        let before = self.seen.insert(key.clone(), value.clone());
        if before.is_none_or(|before| compared(&before) != compared(&value)) {
            self.due.insert(key.clone(), world.clock.now());
        }
    }

    async fn pass(&mut self, world: &World, key: &Key) -> Run {
        self.due.remove(key);
        let Some((kind, _)) = self.writers.get(key.0.as_str()) else { return Run::Quiet };
        let Some(object) = self.engine.object(kind.name(), &key.1, &key.2) else { return Run::Quiet };
        self.passes += 1;
        let engine = Arc::clone(&self.engine);
        let delay = tokio::select! {
            biased;
            () = world.trap.sprung() => return Run::Killed,
            delay = engine.pass(*kind, &object) => delay,
        };
        if let Some(delay) = delay {
            self.due.insert(key.clone(), world.clock.now() + delay);
        }
        Run::Quiet
    }
}

fn object(value: &Value) -> Object {
    serde_json::from_str(&value.to_string()).unwrap()
}

pub fn condition(object: &Value, type_: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|condition| condition["type"] == type_).cloned().unwrap_or_default()
}

/// The documents of a YAML stream.
pub fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

fn plural(document: &Value) -> String {
    let name = document["kind"].as_str().unwrap();
    if name == "Secret" {
        return "secrets".to_owned();
    }
    kinds::all().iter().find(|kind| kind.name() == name).map(|kind| kind.plural().to_owned()).unwrap()
}

/// Removes what differs from run to run.
fn strip(value: &mut Value) {
    const VOLATILE: &[&str] = &[
        "id",
        "groupId",
        "orgId",
        "uid",
        "zoneId",
        "clusterId",
        "created",
        "createDate",
        "featureCompatibilityVersionExpirationDate",
        "links",
        "resourceVersion",
        "connectionStrings",
        "creationTimestamp",
        "deletionTimestamp",
        "lastTransitionTime",
        "startedAt",
        "since",
        "projectId",
        "sent",
        "ownerReferences",
        "labels",
        "mongoDBVersion",
        "_timers",
        "_dates",
        // Ids and blocks of networks, in the order in which clusters came.
        "containers",
        // An answer that is lost costs one more, and none can be taken back.
        "certificates",
        "notAfter",
        // A password is sent again when nobody knows any more which one was.
        "_passwordChanges",
        "_active",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !VOLATILE.contains(&name.as_str()) || name == "labels" && value.is_array());
            fields.values_mut().for_each(strip);
        }
        // An id stands for what it names, and is another in each run.
        Value::String(text) if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            *value = Value::String("(id)".to_owned());
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Every example of every kind, by a name for messages.
pub fn examples() -> Vec<(String, &'static dyn Kind, Example)> {
    let named = |kind: &'static dyn Kind| {
        kind.examples().into_iter().map(move |example| (format!("{} ({})", kind.name(), example.name), kind, example))
    };
    kinds::all().iter().flat_map(|kind| named(*kind)).collect()
}
