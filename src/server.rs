//! `/livez`, `/readyz` and `/metrics`.
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::telemetry::metrics::Metrics;

/// What stands between the operator and being ready; one source of truth for `/readyz` and the log.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Option<String>>>);

impl Readiness {
    /// Not ready, because of `what`.
    pub fn waiting(what: &str) -> Self {
        Self(Arc::new(Mutex::new(Some(what.to_owned()))))
    }

    /// Not ready, because of `what`, from now on.
    pub fn wait(&self, what: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.to_owned());
    }

    /// Ready from now on.
    pub fn ready(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn obstacle(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Binds `address`; the error names it.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Serves `/livez` and `/readyz` until the process ends.
pub async fn health(listener: TcpListener, readiness: Readiness) {
    let ready = move || {
        let answer = match readiness.obstacle() {
            None => (StatusCode::OK, "ok".to_owned()),
            Some(obstacle) => (StatusCode::SERVICE_UNAVAILABLE, obstacle),
        };
        std::future::ready(answer)
    };
    let routes = Router::new().route("/livez", get(|| async { "ok" })).route("/readyz", get(ready));
    serve(listener, routes).await;
}

/// Serves `/metrics` until the process ends.
pub async fn metrics(listener: TcpListener, metrics: Arc<Metrics>) {
    let expose = move || {
        let text = metrics.expose();
        async move { ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], text) }
    };
    serve(listener, Router::new().route("/metrics", get(expose))).await;
}

async fn serve(listener: TcpListener, routes: Router) {
    // Only accepting can fail, and axum goes on after that by itself.
    drop(axum::serve(listener, routes).await);
}
