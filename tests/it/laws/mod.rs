//! The laws: what must hold for every kind of the catalogue, whatever it is.
//!
//! Each test is a loop over the examples that the kinds carry, so a new kind is under every law from its first line.
//! Kubernetes is faked in this process and time is virtual, so that thousands of runs fit into a test; the simulator
//! is the real one, over HTTP.
mod addresses;
mod api_server;
mod autoscaling;
mod bounds;
mod canary;
mod certificates;
mod claims;
mod connections;
mod courses;
mod damage;
mod damaged_kubernetes;
mod disturbance;
mod disturbed;
mod dump;
mod fake_kube;
mod faults;
mod forged;
pub mod generated;
pub mod health;
mod members;
mod mistakes;
mod nodes;
mod operator;
mod order;
mod outage;
mod plans;
mod projects;
mod proxy;
mod recorded;
mod specification;
mod steady;
mod stories;
mod tells;
mod tenants;
pub mod transitions;
mod trap;
mod upgrades;
mod users;
mod view;
mod watches;
pub mod world;
