//! The HTTP client with which the harness talks to what it started.
use std::sync::LazyLock;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;

use crate::Error;

/// Longer than any answer of the control API: a step of a simulated month takes seconds in a debug build.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Loopback only, so never through a proxy that the environment names.
static CLIENT: LazyLock<Result<Client, String>> = LazyLock::new(|| {
    // reqwest wants a provider even for plain http. Another part of the program may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(TIMEOUT).build().map_err(|error| error.to_string())
});

/// Sends a request and returns the body of a 2xx answer.
pub(crate) async fn send(method: Method, url: &str, body: Option<&Value>) -> Result<String, Error> {
    let client = CLIENT.as_ref().map_err(|reason| Error::Unreadable {
        what: "the configuration of the harness's HTTP client".to_owned(),
        reason: reason.clone(),
    })?;
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.json(body);
    }
    let unreachable = |source| Error::Unreachable { url: url.to_owned(), source };
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let body = response.text().await.map_err(unreachable)?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(Error::Refused { url: url.to_owned(), status: status.as_u16(), body })
    }
}

/// A GET whose answer is JSON.
pub(crate) async fn get<T: serde::de::DeserializeOwned>(url: &str) -> Result<T, Error> {
    let body = send(Method::GET, url, None).await?;
    serde_json::from_str(&body).map_err(Error::unreadable(url))
}
