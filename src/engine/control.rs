//! Runs passes: when an object changed, when something it depends on changed, and when time is up.
//!
//! One controller for each kind and watched namespace. An object that always fails holds one slot for as long as its
//! pass takes and then waits out its delay, so it never starves the others.
use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream::BoxStream,
};
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
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::Instant,
};

use super::{
    Engine, Stores,
    facts::Facts,
    lists::{Listing, Synced, is_refused},
    object::{KindRef, Object},
    policy,
    wake::{Subject, Topic},
};
use crate::{kind::Kind, panics, secrets::watched, status::SecretReference};

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
    /// These namespaces, each once, or all when there are none.
    pub fn of(namespaces: &[String]) -> Self {
        if namespaces.is_empty() {
            return Self::All;
        }
        let mut names = namespaces.to_vec();
        names.sort();
        names.dedup();
        Self::Namespaces(names)
    }

    fn each(&self) -> Vec<Option<&str>> {
        match self {
            Self::All => vec![None],
            Self::Namespaces(names) => names.iter().map(|name| Some(name.as_str())).collect(),
        }
    }
}

/// The objects of one kind in one namespace, or in all.
struct Feed {
    kind: &'static dyn Kind,
    namespace: Option<String>,
    writer: Writer<Object>,
    listing: Listing,
}

/// The writing ends of what is watched; they go to [`run`].
pub struct Feeds {
    synced: Synced,
    objects: Vec<Feed>,
    namespaces: Option<(Writer<PartialObjectMeta<Namespace>>, Listing)>,
    range: Range,
}

/// Everything that is watched, empty still: the reading ends for the engine, and the writing ends.
pub fn prepare(
    catalogue: &[&'static dyn Kind],
    range: Range,
) -> (Stores, Option<Store<PartialObjectMeta<Namespace>>>, Feeds) {
    let synced = Synced::new();
    let mut stores: Stores = HashMap::new();
    let mut objects = Vec::new();
    for kind in catalogue {
        for namespace in range.each() {
            let writer = Writer::<Object>::new(KindRef::of(*kind));
            stores.entry(kind.name()).or_default().push(writer.as_reader());
            let listing = Listing::awaited(kind.plural(), namespace, &synced);
            objects.push(Feed { kind: *kind, namespace: namespace.map(str::to_owned), writer, listing });
        }
    }
    // Seeing namespaces takes cluster-wide rights, which an operator bound to some of them does not have.
    let namespaces =
        matches!(range, Range::All).then(|| (Writer::default(), Listing::awaited("namespaces", None, &synced)));
    let reader = namespaces.as_ref().map(|(writer, _)| writer.as_reader());
    (stores, reader, Feeds { synced, objects, namespaces, range })
}

impl Feeds {
    /// To wait for the first lists; they are asked for once [`run`] runs.
    pub fn synced(&self) -> Synced {
        self.synced.clone()
    }
}

/// Resolves once the process is told to stop.
pub type Stopped = Shared<BoxFuture<'static, ()>>;

/// A task that runs until the process is told to stop came to an end before.
#[derive(Debug, thiserror::Error)]
#[error("the {0} ended, which is a bug")]
pub struct Ended(String);

/// Runs every controller until `stop` resolves and all passes in flight have ended. What is under way when this is
/// dropped is dropped too.
pub async fn run(engine: Arc<Engine>, feeds: Feeds, stop: Stopped) -> Result<(), Ended> {
    // Each on a task of its own, so that a slow one holds up no other. They are all aborted with the set.
    let mut tasks = JoinSet::new();
    let mut controllers = 0;
    let facts = Arc::new(Facts::default());
    // One number for all namespaces: a kind has a controller in each.
    let turns =
        engine.catalogue.iter().map(|kind| (kind.name(), Arc::new(Semaphore::new(engine.options.concurrency.into()))));
    let turns: HashMap<_, _> = turns.collect();
    for Feed { kind, namespace, writer, listing } in feeds.objects {
        let Some(turns) = turns.get(kind.name()) else { continue };
        let entrance = Entrance { synced: feeds.synced.clone(), turns: Arc::clone(turns), stop: stop.clone() };
        let reader = writer.as_reader();
        let stream = objects(&engine, &facts, kind, namespace.clone(), writer, listing);
        let name = place(&format!("controller of {}", kind.plural()), namespace.as_deref());
        let task = control(Arc::clone(&engine), kind, (stream, reader), namespace, entrance);
        tasks.spawn(named(name, true, task));
        controllers += 1;
    }
    for namespace in feeds.range.each() {
        let name = place("watch of secrets", namespace);
        tasks.spawn(named(name, false, secrets(Arc::clone(&engine), namespace.map(str::to_owned))));
    }
    if let Some((writer, listing)) = feeds.namespaces {
        let name = "watch of namespaces".to_owned();
        tasks.spawn(named(name, false, namespaces(Arc::clone(&engine), writer, listing)));
    }
    while controllers > 0 {
        let (name, controls) = match tasks.join_next().await {
            Some(Ok(ended)) => ended,
            // None is aborted, and none panics outside of what is caught.
            Some(Err(error)) => return Err(Ended(format!("task {}", error.id()))),
            None => break,
        };
        if !controls || stop.clone().now_or_never().is_none() {
            return Err(Ended(name));
        }
        controllers -= 1;
    }
    Ok(())
}

fn place(what: &str, namespace: Option<&str>) -> String {
    namespace.map_or_else(|| what.to_owned(), |namespace| format!("{what} in {namespace}"))
}

/// A task that says who it was when it ends, even by a panic, and whether it is a controller.
async fn named(name: String, controls: bool, task: impl Future<Output = ()>) -> (String, bool) {
    match panics::caught(task).await {
        Ok(()) => (name, controls),
        Err(place) => (format!("{name}, which panicked at {place},"), false),
    }
}

type Touched = BoxStream<'static, watcher::Result<Object>>;

fn objects(
    engine: &Arc<Engine>,
    facts: &Arc<Facts>,
    kind: &'static dyn Kind,
    namespace: Option<String>,
    writer: Writer<Object>,
    mut listing: Listing,
) -> Touched {
    let reference = KindRef::of(kind);
    let client = engine.kube.clone();
    let api: Api<Object> = match &namespace {
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
                    if let Some(namespace) = &namespace {
                        engine.unreadable.listed(kind.name(), namespace);
                    }
                    listing.answered();
                }
                listing.saw(event);
                facts.saw(&engine, kind, event);
            }
            Err(error) => {
                if let Some(namespace) = namespace.as_ref().filter(|_| is_refused(error)) {
                    engine.unreadable.refused(kind.name(), namespace);
                    listing.answered();
                }
                listing.failed(error);
            }
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
    entrance: Entrance,
) {
    let wakes = engine.wakes.stream(kind).filter(move |reference| {
        let here = namespace.is_none() || reference.namespace == namespace;
        std::future::ready(here)
    });
    let (changed, woken, store) = (Arc::clone(&engine), Arc::clone(&engine), reader.clone());
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
        .with_config(controller::Config::default().concurrency(engine.options.concurrency).debounce(DEBOUNCE))
        .reconcile_on(wakes)
        .graceful_shutdown_on(entrance.stop.clone())
        .run(
            move |object: Arc<Object>, engine: Arc<Engine>| {
                let (entrance, store) = (entrance.clone(), store.clone());
                let reference = reflector::ObjectRef::from_obj_with(&*object, KindRef::of(kind));
                async move {
                    let Some(_turn) = entrance.pass().await else { return Ok(Action::await_change()) };
                    let subject = Subject::of(kind, &object);
                    engine.backlog.done(&subject);
                    // As it is now: it may have waited for its turn for long.
                    let Some(object) = store.get(&reference) else { return Ok(Action::await_change()) };
                    let action = match engine.attend(kind, &object).await {
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

/// What stands before every pass over an object of a kind.
#[derive(Clone)]
struct Entrance {
    /// Everything has to be seen once.
    synced: Synced,
    /// So many are worked on at once, in all namespaces together.
    turns: Arc<Semaphore>,
    /// None begins once the process is told to stop.
    stop: Stopped,
}

impl Entrance {
    /// Waits for a turn, which lasts until it is dropped; there is none once the process is told to stop.
    async fn pass(&self) -> Option<OwnedSemaphorePermit> {
        let turn = async {
            self.synced.wait().await;
            Arc::clone(&self.turns).acquire_owned().await.ok()
        };
        tokio::select! {
            biased;
            () = self.stop.clone() => None,
            turn = turn => turn,
        }
    }
}

/// Wakes whoever depends on a Secret that changed. Only metadata is watched; values are read when they are needed.
async fn secrets(engine: Arc<Engine>, namespace: Option<String>) {
    let client = engine.kube.clone();
    let api: Api<PartialObjectMeta<Secret>> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut listing = Listing::new("secrets", namespace.as_deref());
    let config = watcher::Config::default().page_size(watched::PAGE);
    let mut events = watcher(api, config).modify(watched::bare).default_backoff().boxed();
    let mut versions: HashMap<(String, String), Option<String>> = HashMap::new();
    while let Some(event) = events.next().await {
        if let Ok(event) = &event {
            listing.saw(event);
        }
        let (secret, gone) = match event {
            Ok(watcher::Event::Apply(secret) | watcher::Event::InitApply(secret)) => (secret, false),
            Ok(watcher::Event::Delete(secret)) => (secret, true),
            Ok(watcher::Event::Init | watcher::Event::InitDone) => continue,
            Err(error) => {
                listing.failed(&error);
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
async fn namespaces(engine: Arc<Engine>, writer: Writer<PartialObjectMeta<Namespace>>, mut listing: Listing) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(engine.kube.clone());
    let mut events = reflector::reflector(
        writer,
        watcher(api, watcher::Config::default()).modify(|namespace| {
            namespace.metadata.managed_fields = None;
            policy::keep_own(namespace.metadata.annotations.as_mut());
        }),
    )
    .default_backoff()
    .boxed();
    let mut seen: HashMap<String, Option<std::collections::BTreeMap<String, String>>> = HashMap::new();
    while let Some(event) = events.next().await {
        if let Ok(event) = &event {
            listing.saw(event);
        }
        match event {
            Ok(watcher::Event::Apply(namespace) | watcher::Event::InitApply(namespace)) => {
                let (name, annotations) = (namespace.name_any(), namespace.metadata.annotations);
                if seen.insert(name.clone(), annotations.clone()) != Some(annotations) {
                    engine.wakes.publish(&Topic::Namespace(name));
                }
            }
            Ok(watcher::Event::InitDone) => listing.answered(),
            Ok(watcher::Event::Init | watcher::Event::Delete(_)) => {}
            Err(error) => listing.failed(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_is_given_twice_is_watched_once() {
        let namespaces = ["b", "a", "b"].map(str::to_owned);
        assert_eq!(Range::of(&namespaces).each(), [Some("a"), Some("b")]);
        assert_eq!(Range::of(&[]).each(), [None]);
    }
}
