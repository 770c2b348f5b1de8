//! An operator's process in these tests: the engine is the real one; what the controllers of Kubernetes' client do around it
//! is done here, so that each event and each pass has its turn when the test says so.
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use atlas_operator::{
    engine::{Clock, Engine, facts::Facts, object::Object, wake::Topic},
    kind::Kind,
    kinds,
};
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    core::PartialObjectMeta,
    runtime::{
        reflector::{ObjectRef, store::Writer},
        watcher::Event,
    },
};
use serde_json::Value;

use super::{
    disturbance::Disturbance,
    fake_kube::{Change, Key},
    world::World,
};

/// What is late is seen at the latest when so much time has passed.
const LATEST: Duration = Duration::from_secs(3);

/// The passes that are under way.
type Passes = FuturesUnordered<BoxFuture<'static, (Key, Option<Duration>)>>;

/// The writing ends of what an engine watches.
pub struct Feeds {
    pub objects: HashMap<&'static str, (&'static dyn Kind, Writer<Object>)>,
    pub namespaces: Option<Writer<PartialObjectMeta<Namespace>>>,
}

/// An operator's process: all that is lost when it ends.
pub struct TestOperator {
    pub engine: Arc<Engine>,
    feeds: Feeds,
    woken: HashMap<&'static str, BoxStream<'static, ObjectRef<Object>>>,
    facts: Facts,
    due: BTreeMap<Key, Timestamp>,
    /// What the controller's predicates compare, as last seen.
    seen: HashMap<Key, Value>,
    /// What is still to be seen, by resource, with the number of passes after which it is, and when at the latest.
    late: BTreeMap<String, VecDeque<(usize, Timestamp, Change)>>,
    /// Whether watches show nothing.
    deaf: bool,
    running: Passes,
    busy: Vec<Key>,
    pub passes: usize,
}

/// What an operator may do next.
pub enum Next {
    /// A pass has begun, or ended, or something was seen.
    Went,
    /// The trap holds a call.
    Killed,
    /// Nothing, until this is due.
    Idle(Option<(Key, Timestamp)>),
}

impl TestOperator {
    /// One that has just started, and lists everything.
    pub fn start(world: &World, engine: Arc<Engine>, feeds: Feeds) -> Self {
        let woken = kinds::all().iter().map(|kind| (kind.plural(), engine.wakes.stream(*kind).boxed())).collect();
        let mut operator = Self {
            engine,
            feeds,
            woken,
            facts: Facts::default(),
            due: BTreeMap::new(),
            seen: HashMap::new(),
            late: BTreeMap::new(),
            deaf: false,
            running: Passes::new(),
            busy: Vec::new(),
            passes: 0,
        };
        world.kube.take_changed();
        let namespaces = world.kube.all("namespaces").into_iter();
        for (key, object) in namespaces.chain(world.objects()) {
            operator.saw(world, &(key, Some(object)));
        }
        operator
    }

    /// From here on watches show nothing, or something again.
    pub fn set_deaf(&mut self, deaf: bool) {
        self.deaf = deaf;
    }

    /// Lists everything anew, as a client does whose watch was refused, was cut, is too old or made no sense.
    pub fn relist(&mut self, world: &World) {
        self.deaf = false;
        self.late.clear();
        world.kube.take_changed();
        for (key, secret) in world.kube.all("secrets") {
            self.saw(world, &(key, Some(secret)));
        }
        let objects = world.objects();
        let gone: Vec<Key> =
            self.seen.keys().filter(|key| objects.iter().all(|(there, _)| there != *key)).cloned().collect();
        for (plural, (kind, writer)) in &mut self.feeds.objects {
            let here = objects.iter().filter(|(key, _)| key.0 == *plural);
            let listed = here.map(|(_, value)| Event::InitApply(object(value)));
            for event in std::iter::once(Event::Init).chain(listed).chain([Event::InitDone]) {
                writer.apply_watcher_event(&event);
                self.facts.saw(&self.engine, *kind, &event);
            }
        }
        for key in gone {
            self.seen.remove(&key);
            self.due.remove(&key);
        }
        for (key, value) in objects {
            self.saw_object(world, &key, Some(&value));
        }
    }

    /// What is due, and how often something was looked at, for a failure message.
    pub fn due(&self, world: &World) -> String {
        format!("{} passes; now {}; due {:?}", self.passes, world.clock.now(), self.due)
    }

    /// When each object is due that is.
    pub fn appointments(&self) -> impl Iterator<Item = (&Key, &Timestamp)> {
        self.due.iter()
    }

    /// Begins a pass, or waits for one to end.
    pub async fn go_on(&mut self, world: &World) -> Next {
        self.notice(world);
        let now = world.clock.now();
        if self.running.len() < world.width()
            && let Some(key) = self.choose(world, now)
        {
            self.begin(key);
            // The others begin before it goes on.
            if self.running.len() < world.width() && self.choose(world, now).is_some() {
                return Next::Went;
            }
        }
        if self.running.is_empty() {
            let next = self.due.iter().min_by_key(|(_, at)| **at).map(|(key, at)| (key.clone(), *at));
            let soon = next.as_ref().is_some_and(|(_, at)| *at <= now + LATEST);
            if !soon && self.catch_up(world) {
                return Next::Went;
            }
            return Next::Idle(next);
        }
        let ended = tokio::select! {
            biased;
            () = world.trap.sprung() => None,
            ended = self.running.next() => ended,
        };
        let Some((key, delay)) = ended else {
            self.running.clear();
            return Next::Killed;
        };
        self.busy.retain(|busy| *busy != key);
        if let Some(delay) = delay {
            let at = world.clock.now() + delay;
            self.due.entry(key).and_modify(|before| *before = at.min(*before)).or_insert(at);
        }
        Next::Went
    }

    /// One of the objects that are due.
    fn choose(&self, world: &World, now: Timestamp) -> Option<Key> {
        let due = || self.due.iter().filter(|(key, at)| **at <= now && !self.busy.contains(key));
        let first = due().min_by_key(|(_, at)| **at)?.0;
        Some(match world.chance(|chance| chance.pick(due().count())) {
            Some(number) => due().nth(number)?.0.clone(),
            None => first.clone(),
        })
    }

    fn begin(&mut self, key: Key) {
        self.due.remove(&key);
        let Some((kind, _)) = self.feeds.objects.get(key.0.as_str()) else { return };
        let Some(object) = self.engine.object(kind.name(), &key.1, &key.2) else { return };
        self.passes += 1;
        let (engine, kind) = (Arc::clone(&self.engine), *kind);
        self.busy.push(key.clone());
        self.running.push(async move { (key, engine.attend(kind, &object).await) }.boxed());
    }

    /// Shows the operator what changed in Kubernetes, as its watches would, and wakes what is to be woken.
    fn notice(&mut self, world: &World) {
        for change in world.kube.take_changed() {
            let queue = self.late.entry(change.0.0.clone()).or_default();
            let after = self.passes + world.chance(Disturbance::late).unwrap_or_default();
            // A watch shows what happened in its order.
            let after = queue.back().map_or(after, |(before, ..)| after.max(*before));
            queue.push_back((after, world.clock.now() + LATEST, change));
        }
        if !self.deaf {
            self.show(world, self.passes);
        }
        for (plural, stream) in &mut self.woken {
            while let Some(Some(reference)) = stream.next().now_or_never() {
                let key = ((*plural).to_owned(), reference.namespace.unwrap_or_default(), reference.name);
                if self.seen.contains_key(&key) {
                    self.due.insert(key, world.clock.now());
                }
            }
        }
    }

    /// Shows all that is late; answers whether anything was.
    fn catch_up(&mut self, world: &World) -> bool {
        let was_late = !self.deaf && self.late.values().any(|queue| !queue.is_empty());
        if !was_late {
            return false;
        }
        self.show(world, usize::MAX);
        true
    }

    fn show(&mut self, world: &World, passes: usize) {
        let (mut shown, now) = (Vec::new(), world.clock.now());
        for queue in self.late.values_mut() {
            while queue.front().is_some_and(|(after, at, _)| *after <= passes || *at <= now) {
                shown.extend(queue.pop_front().map(|(.., change)| change));
            }
        }
        for change in shown {
            self.saw(world, &change);
        }
    }

    fn saw(&mut self, world: &World, (key, value): &Change) {
        match key.0.as_str() {
            "secrets" => self.engine.wakes.publish(&Topic::Secret(key.1.clone(), key.2.clone())),
            "namespaces" => self.saw_namespace(key, value.as_ref()),
            _ => self.saw_object(world, key, value.as_ref()),
        }
    }

    fn saw_namespace(&mut self, key: &Key, value: Option<&Value>) {
        let (Some(writer), Some(value)) = (&mut self.feeds.namespaces, value) else { return };
        writer.apply_watcher_event(&Event::Apply(serde_json::from_value(value.clone()).unwrap()));
        self.engine.wakes.publish(&Topic::Namespace(key.2.clone()));
    }

    fn saw_object(&mut self, world: &World, key: &Key, value: Option<&Value>) {
        let Some((kind, writer)) = self.feeds.objects.get_mut(key.0.as_str()) else { return };
        let Some(value) = value else {
            if let Some(before) = self.seen.remove(key) {
                let event = Event::Delete(object(&before));
                writer.apply_watcher_event(&event);
                self.facts.saw(&self.engine, *kind, &event);
            }
            self.due.remove(key);
            return;
        };
        let event = Event::Apply(object(value));
        writer.apply_watcher_event(&event);
        self.facts.saw(&self.engine, *kind, &event);
        let compared = |value: &Value| {
            ["generation", "finalizers", "annotations", "uid"].map(|field| value["metadata"][field].clone())
        };
        let before = self.seen.insert(key.clone(), value.clone());
        if before.is_none_or(|before| compared(&before) != compared(value)) {
            self.due.insert(key.clone(), world.clock.now());
        }
    }
}

fn object(value: &Value) -> Object {
    serde_json::from_str(&value.to_string()).unwrap()
}
