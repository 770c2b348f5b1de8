//! The transport as clients meet it: a simulator in this process on a port of its own, asked over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod authentication;
pub mod bench;
mod binary;
mod clients_clock;
mod conduct;
mod control;
mod faults;
mod pacing;
mod real_clients;
mod recorded;
mod service_accounts;
mod specification;
