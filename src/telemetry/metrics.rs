//! Counters for `/metrics`. Label sets are bounded: kinds, outcomes, operations and status classes, never a name.
use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::atlas::{Observer, RequestSeen, TokenSeen};

/// Bounds of request durations in seconds: Atlas answers reads within 0.1 s and creates projects in up to 8 s.
const SECONDS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pass {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    method: String,
    operation: &'static str,
    status: String,
}

/// Every metric of the operator.
pub struct Metrics {
    registry: Registry,
    passes: Family<Pass, Counter<u64, AtomicU64>>,
    requests: Family<Request, Counter<u64, AtomicU64>>,
    durations: Histogram,
    tokens: Counter<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("atlas_operator");
        let metrics = Self {
            passes: Family::default(),
            requests: Family::default(),
            durations: Histogram::new(SECONDS),
            tokens: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("passes", "Passes over objects, by kind and outcome", metrics.passes.clone());
        registry.register(
            "atlas_requests",
            "HTTP requests to Atlas, by operation and status class",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "atlas_request_duration",
            "Time until Atlas answered",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register("atlas_tokens", "OAuth2 tokens asked for", metrics.tokens.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a pass.
    pub fn reconciled(&self, kind: &'static str, outcome: &'static str) {
        self.passes.get_or_create(&Pass { kind, outcome }).inc();
    }

    /// The exposition in OpenMetrics text.
    pub fn expose(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Observer for Metrics {
    fn request(&self, seen: &RequestSeen<'_>) {
        let status = seen.status.map_or_else(|| "none".to_owned(), |status| format!("{}xx", status / 100));
        let labels = Request { method: seen.method.to_string(), operation: seen.template, status };
        self.requests.get_or_create(&labels).inc();
        self.durations.observe(seen.duration.as_secs_f64());
    }

    fn token(&self, _: TokenSeen) {
        self.tokens.inc();
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
    }
}
