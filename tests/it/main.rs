//! Integration tests: real things where only they can tell, fakes where there is much to try.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
mod architecture;
mod bench;
mod bundle;
mod charts;
mod configuration;
mod corpus;
mod definition;
mod docs;
mod everything;
mod image;
mod laws;
mod monitoring;
mod real;
mod recorded_clusters;
mod recorded_projects;
mod releases;
mod somebody;
mod traffic;
mod workflows;
