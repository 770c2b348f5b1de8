//! What is counted for `/metrics`. Label sets are closed: kinds, outcomes, reasons, operations and classes of status,
//! never the name of an object; the number of series does not grow with the number of objects.
//!
//! Most figures are counted as things happen. What is a state, such as how many objects there are, is looked up when
//! somebody asks: a [`Survey`], which cannot drift away from the truth.
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::atlas::{Method, Observer, RequestSeen, TokenSeen};

/// Bounds of request durations in seconds: Atlas answers reads within 0.1 s and creates projects in up to 8 s.
const REQUEST_SECONDS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Bounds of the durations of passes in seconds: a pass is a few requests, and may wait for others to write.
const PASS_SECONDS: [f64; 7] = [0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Bounds of what Atlas asks to wait for in seconds: buckets refill within a minute, and it may ask for more.
const WAIT_SECONDS: [f64; 6] = [1.0, 5.0, 10.0, 30.0, 60.0, 300.0];

type Count = Counter<u64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pass {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    method: String,
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    method: String,
    operation: &'static str,
    status: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    result: &'static str,
}

/// Objects that are alike: their kind, and status and reason of their `Ready` condition.
#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub struct Standing {
    /// `AtlasProject`.
    pub kind: &'static str,
    /// `True`, `False` or `Unknown`.
    pub ready: &'static str,
    /// One of the reasons that the operator gives; `Pending` before it gave any.
    pub reason: String,
}

/// Objects that cannot be compared with Atlas for the same reason.
#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub struct Unsynced {
    /// `AtlasProject`.
    pub kind: &'static str,
    /// One of the reasons that the operator gives.
    pub reason: String,
}

/// What waits to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// How many objects.
    pub depth: u32,
    /// For how long the first of them has been due.
    pub oldest: Duration,
}

/// The state of things when somebody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// How many objects stand how.
    pub objects: BTreeMap<Standing, u32>,
    /// How many objects cannot be compared with Atlas, by kind and reason.
    pub unsynced: BTreeMap<Unsynced, u32>,
    /// How many objects of each kind differ from Atlas and stay so, by policy or because nothing can be done.
    pub drifted: BTreeMap<&'static str, u32>,
    /// What waits, by kind.
    pub queues: BTreeMap<&'static str, Queue>,
    /// Whether this process may change anything.
    pub leader: bool,
}

type Surveyor = Box<dyn Fn() -> Survey + Send + Sync>;

/// Every metric of the operator.
pub struct Metrics {
    registry: Registry,
    passes: Family<Pass, Count>,
    pass_durations: Family<OfKind, Histogram, fn() -> Histogram>,
    corrections: Family<OfKind, Count>,
    panics: Family<OfKind, Count>,
    objects: Family<Standing, Gauge>,
    unsynced: Family<Unsynced, Gauge>,
    drifted: Family<OfKind, Gauge>,
    queue_depth: Family<OfKind, Gauge>,
    queue_age: Family<OfKind, Gauge<f64, AtomicU64>>,
    requests: Family<Request, Count>,
    request_durations: Histogram,
    retries: Family<Operation, Count>,
    held_back: Family<Operation, Count>,
    waits: Histogram,
    tokens: Family<Asked, Count>,
    leader: Gauge,
    renewals: Count,
    surveyor: Mutex<Option<Surveyor>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("atlas_operator"),
            passes: Family::default(),
            pass_durations: Family::new_with_constructor(|| Histogram::new(PASS_SECONDS)),
            corrections: Family::default(),
            panics: Family::default(),
            objects: Family::default(),
            unsynced: Family::default(),
            drifted: Family::default(),
            queue_depth: Family::default(),
            queue_age: Family::default(),
            requests: Family::default(),
            request_durations: Histogram::new(REQUEST_SECONDS),
            retries: Family::default(),
            held_back: Family::default(),
            waits: Histogram::new(WAIT_SECONDS),
            tokens: Family::default(),
            leader: Gauge::default(),
            renewals: Counter::default(),
            surveyor: Mutex::default(),
        };
        metrics.register();
        for result in ["granted", "failed"] {
            drop(metrics.tokens.get_or_create(&Asked { result }));
        }
        metrics
    }
}

impl Metrics {
    /// Names everything. What a person should know of each metric is said here, and the documentation takes it over.
    fn register(&mut self) {
        let registry = &mut self.registry;
        let mut count = |name: &str, help: &str, metric: &Family<OfKind, Gauge>| {
            registry.register(name, help, metric.clone());
        };
        count(
            "drifted_objects",
            "Objects that differ from Atlas and are left so, by policy or because nothing can be done",
            &self.drifted,
        );
        count("queue_depth", "Objects that are due to be looked at and wait for a free hand", &self.queue_depth);
        registry.register("objects", "Objects, by status and reason of their Ready condition", self.objects.clone());
        registry.register(
            "unsynced_objects",
            "Objects that cannot be compared with Atlas, Ready or not, by reason of their Synced condition",
            self.unsynced.clone(),
        );
        registry.register_with_unit(
            "queue_oldest",
            "For how long the first of the objects that wait has been due",
            Unit::Seconds,
            self.queue_age.clone(),
        );
        registry.register("passes", "Passes over objects, by what they came to", self.passes.clone());
        registry.register_with_unit(
            "pass_duration",
            "Time that a pass took",
            Unit::Seconds,
            self.pass_durations.clone(),
        );
        registry.register(
            "drift_corrections",
            "Updates sent for objects that were Ready and whose spec had not changed: Atlas had been changed by others",
            self.corrections.clone(),
        );
        registry.register("reconcile_panics", "Reconciles that panicked: bugs", self.panics.clone());
        registry.register(
            "atlas_requests",
            "HTTP requests to Atlas, by class of status; none where no answer came",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "atlas_request_duration",
            "Time until Atlas answered",
            Unit::Seconds,
            self.request_durations.clone(),
        );
        registry.register("atlas_retries", "Reads that were repeated after a passing failure", self.retries.clone());
        registry.register(
            "atlas_held_back",
            "Calls not sent because Atlas had limited the rate of their kind a moment before",
            self.held_back.clone(),
        );
        registry.register_with_unit(
            "atlas_rate_limit_wait",
            "How long Atlas asked to wait, each time that it limited the rate",
            Unit::Seconds,
            self.waits.clone(),
        );
        registry.register("atlas_tokens", "OAuth2 access tokens asked for, by what came of it", self.tokens.clone());
        registry.register("leader", "1 in the replica that works, 0 in one that stands by", self.leader.clone());
        registry.register("lease_renewals", "Times the lease was renewed", self.renewals.clone());
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The operator's version", build);
    }

    /// Looks things up by `surveyor` whenever somebody asks from now on.
    pub fn surveyed(&self, surveyor: impl Fn() -> Survey + Send + Sync + 'static) {
        *self.surveyor.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(surveyor));
    }

    /// Counts a pass and what it came to.
    pub fn reconciled(&self, kind: &'static str, outcome: &'static str) {
        self.passes.get_or_create(&Pass { kind, outcome }).inc();
    }

    /// How long a pass took.
    pub fn passed(&self, kind: &'static str, duration: Duration) {
        self.pass_durations.get_or_create(&OfKind { kind }).observe(duration.as_secs_f64());
    }

    /// Counts an update that undid what others had changed in Atlas.
    pub fn corrected(&self, kind: &'static str) {
        self.corrections.get_or_create(&OfKind { kind }).inc();
    }

    /// Counts a pass that panicked.
    pub fn panicked(&self, kind: &'static str) {
        self.panics.get_or_create(&OfKind { kind }).inc();
    }

    /// Shows what has not happened to any object of `kind` yet as zero, so that its first time is an increase.
    pub fn expect(&self, kind: &'static str) {
        drop(self.panics.get_or_create(&OfKind { kind }));
        drop(self.corrections.get_or_create(&OfKind { kind }));
    }

    /// Counts a renewal of the lease.
    pub fn renewed(&self) {
        self.renewals.inc();
    }

    /// The exposition in OpenMetrics text.
    pub fn expose(&self) -> String {
        // Held to the end, so that of two who ask at once neither sees a half of what the other looked up.
        let surveyor = self.surveyor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(surveyor) = &*surveyor {
            self.take_over(surveyor());
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn take_over(&self, survey: Survey) {
        self.leader.set(i64::from(survey.leader));
        self.objects.clear();
        for (standing, number) in survey.objects {
            self.objects.get_or_create(&standing).set(number.into());
        }
        self.unsynced.clear();
        for (unsynced, number) in survey.unsynced {
            self.unsynced.get_or_create(&unsynced).set(number.into());
        }
        self.drifted.clear();
        for (kind, number) in survey.drifted {
            self.drifted.get_or_create(&OfKind { kind }).set(number.into());
        }
        for (kind, queue) in survey.queues {
            self.queue_depth.get_or_create(&OfKind { kind }).set(queue.depth.into());
            self.queue_age.get_or_create(&OfKind { kind }).set(queue.oldest.as_secs_f64());
        }
    }
}

fn operation(method: &Method, operation: &'static str) -> Operation {
    Operation { method: method.to_string(), operation }
}

impl Observer for Metrics {
    fn request(&self, seen: &RequestSeen<'_>) {
        let status = seen.status.map_or_else(|| "none".to_owned(), |status| format!("{}xx", status / 100));
        let labels = Request { method: seen.method.to_string(), operation: seen.template, status };
        self.requests.get_or_create(&labels).inc();
        self.request_durations.observe(seen.duration.as_secs_f64());
    }

    fn token(&self, seen: TokenSeen) {
        let result = match seen {
            TokenSeen::Granted => "granted",
            TokenSeen::Failed => "failed",
        };
        self.tokens.get_or_create(&Asked { result }).inc();
    }

    fn retry(&self, method: &Method, template: &'static str) {
        self.retries.get_or_create(&operation(method, template)).inc();
    }

    fn held_back(&self, method: &Method, template: &'static str) {
        self.held_back.get_or_create(&operation(method, template)).inc();
    }

    fn throttled(&self, after: Duration) {
        self.waits.observe(after.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_exposed_under_the_operators_name() {
        let metrics = Metrics::default();
        metrics.reconciled("AtlasProject", "settled");
        let text = metrics.expose();
        assert!(text.contains(r#"atlas_operator_passes_total{kind="AtlasProject",outcome="settled"} 1"#), "{text}");
        assert!(text.contains("atlas_operator_leader 0\n"), "{text}");
        metrics.expect("AtlasProject");
        let text = metrics.expose();
        for series in [
            r#"atlas_operator_drift_corrections_total{kind="AtlasProject"} 0"#,
            r#"atlas_operator_atlas_tokens_total{result="failed"} 0"#,
            r#"atlas_operator_atlas_tokens_total{result="granted"} 0"#,
        ] {
            assert!(text.contains(series), "{series} in {text}");
        }
        assert!(text.contains(r#"atlas_operator_build_info{version=""#), "{text}");
    }

    #[test]
    fn what_is_no_more_is_not_exposed() {
        let metrics = Metrics::default();
        let standing = |reason: &str| Standing { kind: "AtlasProject", ready: "False", reason: reason.to_owned() };
        let before = Survey { objects: [(standing("Creating"), 2)].into(), leader: true, ..Survey::default() };
        metrics.surveyed(move || before.clone());
        let series =
            |reason| format!(r#"atlas_operator_objects{{kind="AtlasProject",ready="False",reason="{reason}"}}"#);
        assert!(metrics.expose().contains(&format!("{} 2\n", series("Creating"))));
        let after = Survey { objects: [(standing("Blocked"), 1)].into(), ..Survey::default() };
        metrics.surveyed(move || after.clone());
        let text = metrics.expose();
        assert!(text.contains(&series("Blocked")) && !text.contains(&series("Creating")), "{text}");
    }
}
