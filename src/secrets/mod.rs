//! Connection Secrets: what applications need to reach a cluster as a database user.
pub mod connection;
