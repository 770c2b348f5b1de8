//! The client of the MongoDB Atlas Administration API.
//!
//! A request is data: a [`Call`] holds the method, the path, the query, the version of the operation and a [`Body`]
//! whose secrets cannot be printed. A [`Client`] sends calls with one credential and answers with an [`Answer`] or an
//! [`Error`]; [`Error::class`] says what to do about an error, and it is the only place that knows.
//!
//! What the client takes care of, so that nobody above it has to:
//!
//! * HTTP digest for API keys (`digest`) and OAuth2 tokens for service accounts (`token`);
//! * the media type of each operation's version;
//! * time limits, a limit on the size of an answer, no redirects;
//! * the way out (`egress`): whom to trust (`trust`), and a proxy that was asked for, never one from the environment;
//! * repeating reads, and reads only, after a passing failure;
//! * keeping quiet for as long as Atlas asked when it limits the rate (`pace`);
//! * following the pages of a list (`pages`), and one listing for all who look at its members (`view`);
//! * sending no write that is not permitted at the moment it would leave ([`Settings::permit`]).
//!
//! What it leaves to its callers: when to call, in which order, and what an answer means.
//!
//! This module knows nothing of Kubernetes and nothing of the kinds of the operator.

mod body;
mod call;
mod class;
mod client;
mod clients;
mod codes;
mod credentials;
mod digest;
mod egress;
mod endpoint;
mod error;
mod pace;
mod pages;
mod redaction;
mod refusal;
mod settings;
mod text;
mod token;
mod transport;
mod trust;
mod view;

#[cfg(test)]
mod tests;

pub use reqwest::Method;

pub use body::{Body, PLACEHOLDER};
pub use call::{Call, MissingSlot, SlotFault, Version, path};
pub use class::Class;
pub use client::{Answer, Client};
pub use clients::{ClientError, Clients};
pub use credentials::{CredentialFault, Credentials, InvalidCredentials};
pub use egress::{Egress, InvalidProxy, InvalidProxyCredentials, Proxy, ProxyCredentials};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::Error;
pub use refusal::Refusal;
pub use settings::{Observer, Permit, RequestSeen, Settings, TokenSeen, Unobserved};
pub use token::TokenError;
pub use trust::{Authorities, InvalidAuthorities};
pub use view::Glance;
