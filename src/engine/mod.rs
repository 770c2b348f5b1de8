//! The one loop: resolve → observe → plan → act → tell.
//!
//! [`diff`] and [`plan`] are pure. [`resolve`] finds what an object refers to, [`observe`] asks Atlas, [`pass`] does
//! one step, [`outcome`] says what it came to, [`control`] runs passes when something changed or time is up.
pub mod act;
mod advice;
mod annotations;
pub mod attend;
pub mod backlog;
pub mod claims;
pub mod conditions;
mod confirm;
pub mod control;
pub mod diff;
pub mod events;
pub mod facts;
pub mod leave;
pub mod ledger;
pub mod lists;
pub mod object;
pub mod observe;
pub mod outage;
pub mod outcome;
mod ownership;
pub mod pass;
pub mod plan;
pub mod policy;
pub mod predict;
pub mod resolve;
mod sentence;
pub mod serial;
mod shown;
mod survey;
mod takeover;
pub mod tell;
pub mod turns;
pub mod wake;
mod watches;

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Client,
    core::PartialObjectMeta,
    runtime::reflector::{ObjectRef, Store},
};

use self::{
    attend::Running,
    backlog::Backlog,
    claims::Claims,
    events::Publisher,
    ledger::Ledger,
    lists::Unreadable,
    object::{KindRef, Object},
    outage::Outages,
    policy::Defaults,
    serial::Serial,
    wake::Wakes,
};
use crate::{
    atlas::{Clients, Glance},
    kind::Kind,
    kinds,
    leader::Term,
    status::SecretReference,
    telemetry::metrics::Metrics,
};

/// How long a listing serves those who look at members of it: all that are due together have had their pass by then.
const LISTING: Duration = Duration::from_secs(10);

/// Where time comes from: the machine's clock, or one that a test moves.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// What the operator's flags decide.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a settled object is left alone.
    pub resync: Duration,
    /// The credentials of objects that refer to none, and whose project refers to none.
    pub default_secret: Option<SecretReference>,
    /// The policies of objects that ask for none.
    pub policies: Defaults,
    /// How many objects of one kind are worked on at once.
    pub concurrency: u16,
}

/// What has been seen of the objects of each kind: one store for each watched namespace, or one for all.
pub type Stores = HashMap<&'static str, Vec<Store<Object>>>;

/// Everything that a pass works with; shared by all kinds.
pub struct Engine {
    /// The Kubernetes API.
    pub kube: Client,
    /// The Atlas API, by credential.
    pub clients: Clients,
    /// Every kind.
    pub catalogue: &'static [&'static dyn Kind],
    /// The objects of every kind, as watched.
    pub stores: Stores,
    /// The annotations of namespaces, as watched; `None` where the operator may not see namespaces.
    pub namespaces: Option<Store<PartialObjectMeta<Namespace>>>,
    /// What is watched and cannot be listed.
    pub unreadable: Unreadable,
    /// Who depends on what.
    pub wakes: Wakes,
    /// Who owns what in Atlas.
    pub claims: Claims,
    /// Memory between passes.
    pub ledger: Ledger,
    /// What waits to be looked at.
    pub backlog: Backlog,
    /// The passes that are under way.
    pub running: Running,
    /// What many objects fail of together.
    pub outages: Outages,
    /// Writes to families that Atlas cannot take concurrently, by project and family.
    pub serial: Serial,
    /// Where Events go.
    pub events: Publisher,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The flags.
    pub options: Options,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Whether this process may change anything: no pass begins, and none is told of, outside of it.
    pub term: Term,
}

impl Engine {
    /// One that has seen nothing yet, and no namespaces.
    pub fn new(
        kube: Client,
        clients: Clients,
        stores: Stores,
        clock: Arc<dyn Clock>,
        options: Options,
        metrics: Arc<Metrics>,
        term: Term,
    ) -> Self {
        for kind in kinds::all() {
            metrics.expect(kind.name());
        }
        Self {
            events: Publisher::new(kube.clone()),
            kube,
            clients,
            catalogue: kinds::all(),
            stores,
            namespaces: None,
            unreadable: Unreadable::default(),
            wakes: Wakes::default(),
            claims: Claims::default(),
            ledger: Ledger::default(),
            backlog: Backlog::default(),
            running: Running::default(),
            outages: Outages::default(),
            serial: Serial::default(),
            clock,
            options,
            metrics,
            term,
        }
    }

    /// The kind called `name`.
    pub fn kind(&self, name: &str) -> Option<&'static dyn Kind> {
        self.catalogue.iter().copied().find(|kind| kind.name() == name)
    }

    /// How objects that are settled are looked at.
    pub(crate) fn glance(&self) -> Glance {
        Glance { now: self.clock.now(), life: LISTING.min(self.options.resync / 10) }
    }

    /// All objects of a kind, in every watched namespace.
    pub fn objects(&self, kind: &str) -> impl Iterator<Item = Arc<Object>> + use<> {
        let stores = self.stores.get(kind).cloned().unwrap_or_default();
        stores.into_iter().flat_map(|store| store.state())
    }

    /// One object, by name.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let reference = ObjectRef::new_with(name, KindRef::of(self.kind(kind)?)).within(namespace);
        self.stores.get(kind)?.iter().find_map(|store| store.get(&reference))
    }
}
