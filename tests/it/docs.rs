//! The documents keep their word: what is generated is current, what is shown works, what is linked is there.
//!
//! `docs/ARCHITECTURE.md` describes the conventions for those who write.
pub mod examples;
pub mod generated;
mod links;
pub mod page;
mod run;
pub mod simulator;
mod threats;
