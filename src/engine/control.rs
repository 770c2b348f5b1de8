//! Runs passes: when an object changed, when something it depends on changed, and when time is up.
//!
//! One controller for each kind and watched namespace. An object that always fails holds one slot for as long as its
//! pass takes and then waits out its delay, so it never starves the others.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        Predicate, WatchStreamExt,
        controller::{self, Action, Controller},
        predicates,
        reflector::{self, Store, store::Writer},
        watcher,
    },
};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{
    Engine, Stores,
    object::{KindRef, Object},
    outcome,
    wake::{Subject, Topic, lock},
};
use crate::{kind::Kind, status::SecretReference};

/// How many objects a list brings at once: what the API server recommends, and a bound on the memory of a start.
const PAGE: u32 = 500;

/// How long a change may be followed by others before the object is looked at: applying a file of manifests touches
/// several objects within this time, and one pass then sees them all.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// Where objects are watched.
#[derive(Clone, Debug)]
pub enum Range {
    /// In every namespace.
    All,
    /// In these.
    Namespaces(Vec<String>),
}

impl Range {
    fn each(&self) -> Vec<Option<&str>> {
        match self {
            Self::All => vec![None],
            Self::Namespaces(names) => names.iter().map(|name| Some(name.as_str())).collect(),
        }
    }
}

/// How many first lists have not come yet. Before all have, what is not seen may be there all the same.
///
/// A `Store`'s own signal wakes only the last of several who wait for it, and its controller is one of them.
#[derive(Clone)]
pub struct Synced(watch::Sender<usize>);

impl Synced {
    /// Waits until every first list has come.
    pub async fn wait(&self) {
        // An error would mean that no sender is left, and one is in `self`.
        drop(self.0.subscribe().wait_for(|remaining| *remaining == 0).await);
    }

    fn more(&self) -> FirstList {
        self.0.send_modify(|remaining| *remaining += 1);
        FirstList(Some(self.clone()))
    }
}

/// One list that has not come yet.
struct FirstList(Option<Synced>);

impl FirstList {
    fn came(&mut self) {
        if let Some(synced) = self.0.take() {
            synced.0.send_modify(|remaining| *remaining -= 1);
        }
    }
}

/// The objects of one kind in one namespace, or in all.
struct Feed {
    kind: &'static dyn Kind,
    namespace: Option<String>,
    writer: Writer<Object>,
    first: FirstList,
}

/// The writing ends of what is watched; they go to [`run`].
pub struct Feeds {
    synced: Synced,
    objects: Vec<Feed>,
    namespaces: Option<(Writer<PartialObjectMeta<Namespace>>, FirstList)>,
    range: Range,
}

/// Everything that is watched, empty still: the reading ends for the engine, and the writing ends.
pub fn prepare(
    catalogue: &[&'static dyn Kind],
    range: Range,
) -> (Stores, Option<Store<PartialObjectMeta<Namespace>>>, Feeds) {
    let synced = Synced(watch::Sender::new(0));
    let mut stores: Stores = HashMap::new();
    let mut objects = Vec::new();
    for kind in catalogue {
        for namespace in range.each() {
            let writer = Writer::<Object>::new(KindRef::of(*kind));
            stores.entry(kind.name()).or_default().push(writer.as_reader());
            objects.push(Feed { kind: *kind, namespace: namespace.map(str::to_owned), writer, first: synced.more() });
        }
    }
    // Seeing namespaces takes cluster-wide rights, which an operator bound to some of them does not have.
    let namespaces = matches!(range, Range::All).then(|| (Writer::default(), synced.more()));
    let reader = namespaces.as_ref().map(|(writer, _)| writer.as_reader());
    (stores, reader, Feeds { synced, objects, namespaces, range })
}

impl Feeds {
    /// To wait for the first lists; they are asked for once [`run`] runs.
    pub fn synced(&self) -> Synced {
        self.synced.clone()
    }
}

/// Runs every controller until `stop` resolves and all passes in flight have ended.
pub async fn run(engine: Arc<Engine>, feeds: Feeds, stop: futures::future::Shared<BoxFuture<'static, ()>>) {
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    let facts = Arc::new(Facts::default());
    for Feed { kind, namespace, writer, first } in feeds.objects {
        let reader = writer.as_reader();
        let stream = objects(&engine, &facts, kind, namespace.as_deref(), writer, first);
        let synced = feeds.synced.clone();
        tasks.push(control(Arc::clone(&engine), kind, (stream, reader), namespace, synced, stop.clone()).boxed());
    }
    let mut watches: Vec<BoxFuture<'static, ()>> = Vec::new();
    for namespace in feeds.range.each() {
        watches.push(secrets(Arc::clone(&engine), namespace.map(str::to_owned)).boxed());
    }
    if let Some((writer, first)) = feeds.namespaces {
        watches.push(namespaces(Arc::clone(&engine), writer, first).boxed());
    }
    // Each on a task of its own, so that a slow one holds up no other; the watches end with the controllers.
    let watches: Vec<_> = watches.into_iter().map(spawn).collect();
    futures::future::join_all(tasks.into_iter().map(spawn)).await;
    for watch in watches {
        watch.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the handle is awaited or aborted by the caller")]
fn spawn(task: BoxFuture<'static, ()>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(task)
}

type Touched = BoxStream<'static, watcher::Result<Object>>;

fn objects(
    engine: &Arc<Engine>,
    facts: &Arc<Facts>,
    kind: &'static dyn Kind,
    namespace: Option<&str>,
    writer: Writer<Object>,
    mut first: FirstList,
) -> Touched {
    let reference = KindRef::of(kind);
    let client = engine.kube.clone();
    let api: Api<Object> = match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &reference),
        None => Api::all_with(client, &reference),
    };
    let (engine, facts) = (Arc::clone(engine), Arc::clone(facts));
    watcher(api, watcher::Config::default().page_size(PAGE))
        .modify(slim)
        .default_backoff()
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(event) => {
                if matches!(event, watcher::Event::InitDone) {
                    first.came();
                }
                facts.saw(&engine, kind, event);
            }
            Err(error) => interrupted(kind.plural(), error),
        })
        .touched_objects()
        .predicate_filter(
            predicates::generation.combine(predicates::finalizers).combine(predicates::annotations),
            kube::runtime::PredicateConfig::default(),
        )
        .boxed()
}

/// Leaves out what is large and never looked at.
fn slim(object: &mut Object) {
    object.metadata.managed_fields = None;
    object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

async fn control(
    engine: Arc<Engine>,
    kind: &'static dyn Kind,
    (stream, reader): (Touched, Store<Object>),
    namespace: Option<String>,
    synced: Synced,
    stop: futures::future::Shared<BoxFuture<'static, ()>>,
) {
    let concurrency = engine.options.concurrency;
    let wakes = engine.wakes.stream(kind).filter(move |reference| {
        let here = namespace.is_none() || reference.namespace == namespace;
        std::future::ready(here)
    });
    let (changed, woken) = (Arc::clone(&engine), Arc::clone(&engine));
    let stream = stream.inspect(move |event| {
        if let Ok(object) = event {
            changed.backlog.due(Subject::of(kind, object), Instant::now());
        }
    });
    let wakes = wakes.inspect(move |reference| {
        let (namespace, name) = (reference.namespace.clone().unwrap_or_default(), reference.name.clone());
        woken.backlog.due(Subject { kind: kind.name(), namespace, name }, Instant::now());
    });
    Controller::for_stream_with(stream, reader, KindRef::of(kind))
        .with_config(controller::Config::default().concurrency(concurrency).debounce(DEBOUNCE))
        .reconcile_on(wakes)
        .graceful_shutdown_on(stop)
        .run(
            move |object: Arc<Object>, engine: Arc<Engine>| {
                let synced = synced.clone();
                async move {
                    synced.wait().await;
                    let subject = Subject::of(kind, &object);
                    engine.backlog.done(&subject);
                    let action = match engine.pass(kind, &object).await {
                        Some(delay) => {
                            engine.backlog.due(subject, Instant::now() + delay);
                            Action::requeue(delay)
                        }
                        None => Action::await_change(),
                    };
                    Ok::<_, std::convert::Infallible>(action)
                }
            },
            |_, _, _| Action::await_change(),
            engine,
        )
        .for_each(|_| std::future::ready(()))
        .await;
}

/// Wakes whoever depends on a Secret that changed. Only metadata is watched; values are read when they are needed.
async fn secrets(engine: Arc<Engine>, namespace: Option<String>) {
    let client = engine.kube.clone();
    let api: Api<PartialObjectMeta<Secret>> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut events = watcher(api, watcher::Config::default().page_size(PAGE)).default_backoff().boxed();
    let mut versions: HashMap<(String, String), Option<String>> = HashMap::new();
    while let Some(event) = events.next().await {
        let (secret, gone) = match event {
            Ok(watcher::Event::Apply(secret) | watcher::Event::InitApply(secret)) => (secret, false),
            Ok(watcher::Event::Delete(secret)) => (secret, true),
            Ok(watcher::Event::Init | watcher::Event::InitDone) => continue,
            Err(error) => {
                interrupted("secrets", &error);
                continue;
            }
        };
        let key = (secret.namespace().unwrap_or_default(), secret.name_any());
        let version = secret.resource_version();
        let changed = if gone {
            versions.remove(&key).is_some()
        } else {
            versions.insert(key.clone(), version.clone()) != Some(version)
        };
        if changed {
            if gone {
                let reference = SecretReference { namespace: key.0.clone(), name: key.1.clone() };
                engine.clients.forget(&reference.to_string());
            }
            engine.wakes.publish(&Topic::Secret(key.0, key.1));
        }
    }
}

/// Keeps the annotations of namespaces, and wakes what is in one whose annotations changed.
async fn namespaces(engine: Arc<Engine>, writer: Writer<PartialObjectMeta<Namespace>>, mut first: FirstList) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(engine.kube.clone());
    let mut events = reflector::reflector(
        writer,
        watcher(api, watcher::Config::default()).modify(|namespace| {
            namespace.metadata.managed_fields = None;
        }),
    )
    .default_backoff()
    .boxed();
    let mut seen: HashMap<String, Option<std::collections::BTreeMap<String, String>>> = HashMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(namespace) | watcher::Event::InitApply(namespace)) => {
                let (name, annotations) = (namespace.name_any(), namespace.metadata.annotations);
                if seen.insert(name.clone(), annotations.clone()) != Some(annotations) {
                    engine.wakes.publish(&Topic::Namespace(name));
                }
            }
            Ok(watcher::Event::InitDone) => first.came(),
            Ok(watcher::Event::Init | watcher::Event::Delete(_)) => {}
            Err(error) => interrupted("namespaces", &error),
        }
    }
}

/// A watch that failed is taken up again, ever less often; without a word a missing right would look like silence.
fn interrupted(resource: &str, error: &watcher::Error) {
    tracing::warn!(resource, error = %error, "watch interrupted; it is taken up again");
}

/// What others can know of each object: a change in it, and in nothing else, wakes them.
#[derive(Default)]
pub struct Facts(Mutex<HashMap<Subject, Fact>>);

/// The facts of one object, and the topics they were published under.
struct Fact {
    known: Value,
    topics: Vec<Topic>,
}

impl Facts {
    /// Takes notice of what a watch showed, once the stores show it too.
    pub fn saw(&self, engine: &Engine, kind: &'static dyn Kind, event: &watcher::Event<Object>) {
        match event {
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                let subject = Subject::of(kind, object);
                let fact = fact(kind, object);
                let before = lock(&self.0)
                    .insert(subject.clone(), Fact { known: fact.known.clone(), topics: fact.topics.clone() });
                if before.as_ref().is_none_or(|before| before.known != fact.known) {
                    engine.wakes.publish(&Topic::Object(subject));
                    for topic in before.into_iter().flat_map(|before| before.topics).chain(fact.topics) {
                        engine.wakes.publish(&topic);
                    }
                }
            }
            watcher::Event::Delete(object) => {
                let subject = Subject::of(kind, object);
                engine.ledger.forget(object.own_uid());
                engine.backlog.done(&subject);
                engine.wakes.depend(&subject, []);
                let before = lock(&self.0).remove(&subject);
                engine.wakes.publish(&Topic::Object(subject));
                for topic in before.into_iter().flat_map(|before| before.topics) {
                    engine.wakes.publish(&topic);
                }
            }
            watcher::Event::Init | watcher::Event::InitDone => {}
        }
    }
}

fn fact(kind: &'static dyn Kind, object: &Object) -> Fact {
    let (spec, status) = (object.spec_value(), object.read_status());
    let atlas = &status.common.atlas;
    let mut topics = Vec::new();
    if let Some(id) = &atlas.project_id {
        topics.push(Topic::Members(kind.name(), id.clone()));
    }
    if let Some(name) = spec["projectRef"]["name"].as_str() {
        let namespace = spec["projectRef"]["namespace"].as_str().unwrap_or(object.namespace_name());
        topics.push(Topic::Referrers(namespace.to_owned(), name.to_owned()));
    }
    let known = json!([
        object.own_uid(),
        object.is_leaving(),
        outcome::is_ready(&status.common, object.metadata.generation.unwrap_or_default()),
        atlas.id,
        status.common.is_established(),
        atlas.project_id,
        status.own.get("connectionStrings"),
        spec["name"],
        spec["connectionSecretRef"],
        spec["allowedNamespaces"],
    ]);
    Fact { known, topics }
}
