//! The list behind `GET /_sim/violations`.
use serde_json::{Value, json};

use super::{Exchange, Finding};

/// Violations that are kept. One repeated mistake fills a list quickly, and the first thousands tell it all.
const KEPT: usize = 10_000;

#[derive(Default)]
pub struct Violations {
    listed: Vec<Value>,
}

impl Violations {
    /// Adds what was found in the call with this number.
    pub fn add(&mut self, number: u64, exchange: &Exchange, findings: Vec<Finding>) {
        let room = KEPT.saturating_sub(self.listed.len());
        self.listed.extend(findings.into_iter().take(room).map(|finding| {
            json!({
                "n": number,
                "operation": exchange.operation.name(),
                "version": exchange.request.version,
                "status": exchange.status,
                "side": finding.side,
                "at": finding.at,
                "message": finding.message,
            })
        }));
    }

    pub fn report(&self) -> Value {
        Value::Array(self.listed.clone())
    }
}
