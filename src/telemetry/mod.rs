//! What the operator says to those who run it: logs, metrics and traces.
pub mod lines;
pub mod logs;
pub mod metrics;
pub mod traces;
