//! The client against servers on this machine that behave, or misbehave, like Atlas.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// A server task ends with the runtime of its test.
#![allow(clippy::disallowed_methods)]

mod canary;
mod digest;
mod double;
mod pages;
mod permit;
mod proxy;
mod text;
mod throttle;
mod tls;
mod token;
mod transport;
mod view;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::{Body, Call, Client, Credentials, Endpoint, Observer, RequestSeen, Settings, TokenSeen};

pub(super) const ORG_ID: &str = "32b6e34b3d91647abb20e7b8";
pub(super) const PUBLIC_KEY: &str = "ABCDEFGH";
pub(super) const PRIVATE_KEY: &str = "private-key-canary-8f1e";
pub(super) const CLIENT_ID: &str = "mdb_sa_id_32b6e34b3d91647abb20e7b8";
pub(super) const CLIENT_SECRET: &str = "mdb_sa_sk_canary-4ab1";

/// Production figures, with waits that no test has to sit through.
pub(super) fn settings() -> Settings {
    Settings { retry_delay: Duration::from_millis(1), ..Settings::default() }
}

pub(super) fn api_key() -> Credentials {
    Credentials::ApiKey {
        org_id: ORG_ID.to_owned(),
        public_key: PUBLIC_KEY.to_owned(),
        private_key: PRIVATE_KEY.into(),
    }
}

pub(super) fn service_account() -> Credentials {
    Credentials::ServiceAccount {
        org_id: ORG_ID.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
    }
}

pub(super) fn client(endpoint: &Endpoint, credentials: Credentials) -> Client {
    Client::new(endpoint, credentials, settings()).unwrap()
}

pub(super) fn read() -> Call {
    Call {
        method: Method::GET,
        path: "/groups/5f/clusters/orders".to_owned(),
        query: Vec::new(),
        template: "/groups/{groupId}/clusters/{clusterName}",
        version: "2024-08-05",
        body: None,
    }
}

pub(super) fn write(body: Value) -> Call {
    Call { method: Method::PATCH, version: "2024-10-23", body: Some(Body::new(body)), ..read() }
}

/// Writes down what an observer is told.
#[derive(Default)]
pub(super) struct Record {
    pub(super) requests: Mutex<Vec<(Method, &'static str, Option<u16>)>>,
    pub(super) retries: Mutex<u32>,
    pub(super) tokens: Mutex<Vec<TokenSeen>>,
    pub(super) held_back: Mutex<u32>,
}

impl Observer for Record {
    fn request(&self, seen: &RequestSeen<'_>) {
        assert!(seen.duration < Duration::from_mins(1));
        self.requests.lock().unwrap().push((seen.method.clone(), seen.template, seen.status));
    }

    fn token(&self, seen: TokenSeen) {
        self.tokens.lock().unwrap().push(seen);
    }

    fn retry(&self, _method: &Method, _template: &'static str) {
        *self.retries.lock().unwrap() += 1;
    }

    fn held_back(&self, _method: &Method, _template: &'static str) {
        *self.held_back.lock().unwrap() += 1;
    }
}

/// Settings with an observer, and the observer.
pub(super) fn observed() -> (Settings, Arc<Record>) {
    let record = Arc::new(Record::default());
    (Settings { observer: Arc::clone(&record) as Arc<dyn Observer>, ..settings() }, record)
}
