//! Watches: objects, the Secrets that they may depend on, and the annotations of namespaces.
use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        Predicate, WatchStreamExt, predicates,
        reflector::{self, store::Writer},
        watcher,
    },
};

use super::{
    Engine,
    facts::Facts,
    lists::{Known, Listing, is_refused},
    object::{KindRef, Object},
    policy,
    wake::{Subject, Topic},
};
use crate::{kind::Kind, secrets::watched, status::SecretReference};

/// How many objects a list brings at once: what the API server recommends, and a bound on the memory of a start.
const PAGE: u32 = 500;

/// The objects that changed, as far as a pass may be of use.
pub(super) type Touched = BoxStream<'static, watcher::Result<Object>>;

/// Watches the objects of a kind, keeps them in the store of `writer`, and publishes what others can know of them.
pub(super) fn objects(
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
    let (engine, facts, mut known) = (Arc::clone(engine), Arc::clone(facts), Known::default());
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
                let gone = known.saw(event, |object| Subject::of(kind, object));
                facts.saw(&engine, kind, event);
                for subject in gone {
                    facts.gone(&engine, subject);
                }
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

/// Wakes whoever depends on a Secret that changed. Only metadata is watched; values are read when they are needed.
pub(super) async fn secrets(engine: Arc<Engine>, namespace: Option<String>) {
    let client = engine.kube.clone();
    let api: Api<PartialObjectMeta<Secret>> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut listing = Listing::new("secrets", namespace.as_deref());
    let config = watcher::Config::default().page_size(watched::PAGE);
    let mut events = watcher(api, config).modify(watched::bare).default_backoff().boxed();
    let mut versions: HashMap<(String, String), Option<String>> = HashMap::new();
    let mut known = Known::default();
    let name = |secret: &PartialObjectMeta<Secret>| (secret.namespace().unwrap_or_default(), secret.name_any());
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                listing.failed(&error);
                continue;
            }
        };
        listing.saw(&event);
        for (namespace, name) in known.saw(&event, name) {
            versions.remove(&(namespace.clone(), name.clone()));
            let reference = SecretReference { namespace: namespace.clone(), name: name.clone() };
            engine.clients.forget(&reference.to_string());
            engine.wakes.publish(&Topic::Secret(namespace, name));
        }
        if let watcher::Event::Apply(secret) | watcher::Event::InitApply(secret) = event {
            let (key, version) = (name(&secret), secret.resource_version());
            if versions.insert(key.clone(), version.clone()) != Some(version) {
                engine.wakes.publish(&Topic::Secret(key.0, key.1));
            }
        }
    }
}

/// Keeps the annotations of namespaces, and wakes what is in one whose annotations changed.
pub(super) async fn namespaces(
    engine: Arc<Engine>,
    writer: Writer<PartialObjectMeta<Namespace>>,
    mut listing: Listing,
) {
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
    let mut known = Known::default();
    while let Some(event) = events.next().await {
        if let Ok(event) = &event {
            listing.saw(event);
            for gone in known.saw(event, ResourceExt::name_any) {
                seen.remove(&gone);
                engine.wakes.publish(&Topic::Namespace(gone));
            }
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
