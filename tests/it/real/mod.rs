//! What only real things can tell: the operator's binary under its own ServiceAccount, a real kube-apiserver, and the
//! simulator, each a process of its own.
//!
//! Each file is about one thing that a user would notice; [`stage`] is what they all stand on, and says how tests that
//! run side by side keep out of each other's way.
mod bad_input;
mod canary;
mod credentials;
mod day;
mod definitions;
mod examples;
mod fuzz;
mod gate;
mod gitops;
mod high_availability;
pub mod install;
mod killed;
pub mod kube;
mod lists;
mod log;
mod namespaces;
mod outage;
mod ownership;
mod process;
mod quickstart;
mod rights;
mod stage;
mod traces;
mod upgrade;
