//! What was exercised, and how far recordings stand behind it.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{Evidence, Operation};

/// How often each operation was carried out, by its place in the list of operations and its version.
#[derive(Default)]
pub struct Coverage {
    calls: BTreeMap<(usize, &'static str), u64>,
}

impl Coverage {
    /// Counts a call that reached the handler of an operation.
    pub fn count(&mut self, operation: usize, version: &'static str) {
        *self.calls.entry((operation, version)).or_default() += 1;
    }

    /// One entry for each operation and version, called or not.
    pub fn report(&self, operations: &[Operation]) -> Value {
        let entries = operations.iter().enumerate().flat_map(|(at, operation)| {
            operation.versions.iter().map(move |version| {
                json!({
                    "operation": operation.name(),
                    "version": (!version.is_none()).then_some(version.date),
                    "evidence": match version.evidence.unwrap_or(operation.evidence) {
                        Evidence::Recorded => "recorded",
                        Evidence::SpecOnly => "spec-only",
                    },
                    "calls": self.calls.get(&(at, version.date)).copied().unwrap_or_default(),
                })
            })
        });
        entries.collect()
    }
}
