//! Runs passes: when an object changed, when something it depends on changed, and when time is up.
//!
//! One controller for each kind and watched namespace. An object that always fails holds one slot for as long as its
//! pass takes and then waits out its delay, so it never starves the others: [`turns`](super::turns) says who is next.
use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    core::PartialObjectMeta,
    runtime::{
        controller::{self, Action, Controller},
        reflector::{self, Store, store::Writer},
    },
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    Engine, Stores,
    facts::Facts,
    lists::{Listing, Synced},
    object::{KindRef, Object},
    turns::{Cause, Turn, Turns},
    wake::Subject,
    watches::{Touched, namespaces, objects, secrets},
};
use crate::{kind::Kind, panics};

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
    let turns = engine.catalogue.iter().map(|kind| (kind.name(), Turns::new(engine.options.concurrency.into())));
    let turns: HashMap<_, _> = turns.collect();
    for Feed { kind, namespace, writer, listing } in feeds.objects {
        let Some(turns) = turns.get(kind.name()) else { continue };
        let entrance = Entrance { synced: feeds.synced.clone(), turns: turns.clone(), stop: stop.clone() };
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
    let (hurried, hastened) = (entrance.turns.clone(), entrance.turns.clone());
    let stream = stream.inspect(move |event| {
        if let Ok(object) = event {
            let (subject, now) = (Subject::of(kind, object), Instant::now());
            if changed.ledger.knows(object) || !object.is_seen_through() {
                hurried.hurry(&subject, now);
                changed.backlog.changed(subject, now);
            } else {
                // It is here because the process has just started, and nobody waits for it.
                changed.backlog.due(subject, now);
            }
        }
    });
    let wakes = wakes.inspect(move |reference| {
        let (namespace, name) = (reference.namespace.clone().unwrap_or_default(), reference.name.clone());
        let (subject, now) = (Subject { kind: kind.name(), namespace, name }, Instant::now());
        hastened.hurry(&subject, now);
        woken.backlog.changed(subject, now);
    });
    Controller::for_stream_with(stream, reader, KindRef::of(kind))
        // Whatever is due is handed over at once, and waits for its turn there.
        .with_config(controller::Config::default().concurrency(0).debounce(DEBOUNCE))
        .reconcile_on(wakes)
        .graceful_shutdown_on(entrance.stop.clone())
        .run(
            move |object: Arc<Object>, engine: Arc<Engine>| {
                let (entrance, store) = (entrance.clone(), store.clone());
                let reference = reflector::ObjectRef::from_obj_with(&*object, KindRef::of(kind));
                async move {
                    let subject = Subject::of(kind, &object);
                    let (cause, since) = match engine.backlog.why(&subject, Instant::now()) {
                        Ok(why) => why,
                        // What changed while it waited for its turn has been seen in that turn.
                        Err(due) => {
                            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
                            return Ok(left.map_or_else(Action::await_change, Action::requeue));
                        }
                    };
                    let turn = entrance.pass(&subject, cause, since).await;
                    let Some(_turn) = turn else { return Ok(Action::await_change()) };
                    engine.backlog.done(&subject);
                    // As it is now: it may have waited for its turn for long.
                    let Some(object) = store.get(&reference) else { return Ok(Action::await_change()) };
                    let again = engine.attend(kind, &object).await;
                    let now = Instant::now();
                    match again {
                        Some(Duration::ZERO) => engine.backlog.changed(subject, now),
                        Some(delay) => engine.backlog.due(subject, now + delay),
                        None => {}
                    }
                    Ok::<_, std::convert::Infallible>(again.map_or_else(Action::await_change, Action::requeue))
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
    turns: Turns,
    /// None begins once the process is told to stop.
    stop: Stopped,
}

impl Entrance {
    /// Waits for a turn, which lasts until it is dropped; there is none once the process is told to stop.
    async fn pass(&self, subject: &Subject, cause: Cause, since: Instant) -> Option<Turn> {
        let turn = async {
            self.synced.wait().await;
            self.turns.take(subject, cause, since).await
        };
        tokio::select! {
            biased;
            () = self.stop.clone() => None,
            turn = turn => turn,
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
