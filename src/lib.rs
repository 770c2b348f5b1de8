//! A Kubernetes operator for MongoDB Atlas.
//!
//! * [`kind`]: the vocabulary in which a kind describes itself; [`kinds`]: the kinds.
//! * [`engine`]: the one loop that all kinds share.
//! * [`atlas`]: the client of the Atlas Administration API.
//! * [`kubernetes`]: the client of the Kubernetes API; [`leader`]: which of several replicas works.
//! * [`status`]: what users see, and the operator's memory.
//! * [`secrets`], [`telemetry`], [`server`], [`cli`]: the edges.
//!
//! `docs/ARCHITECTURE.md` follows one object through the program.
#![warn(missing_docs)]

pub mod atlas;
pub mod cli;
pub mod engine;
pub mod kind;
pub mod kinds;
pub mod kubernetes;
pub mod leader;
mod panics;
pub mod secrets;
pub mod server;
pub mod status;
pub mod telemetry;
