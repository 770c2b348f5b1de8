//! Secrets that objects own: what applications need to reach a cluster as a database user, and what nobody but the
//! operator was given to keep.
//!
//! All of them carry a label with the uid of their object, belong to it (Kubernetes removes them with it), and never
//! replace a Secret of somebody else.
pub mod addresses;
pub mod certificate;
pub mod connection;
pub mod content;
mod made;
mod names;
mod owned;
mod pem;
pub mod watched;

pub use connection::PUBLISHED;
pub(crate) use made::takeover;
