//! Traces by OTLP (protobuf over HTTP), for those who ask for them: a span for each pass, and in it one for each call.
//!
//! Spans hold kinds, names of objects, operations and classes of outcome. Lines of the log are no part of them, and no
//! body of a request is.
use std::{fmt, time::Duration};

use async_trait::async_trait;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};
use url::Url;

use crate::atlas::Authorities;

/// How long handing spans over may take. They are handed over by the batch; one that is late is lost.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where collectors take traces, below their base address.
const PATH: &str = "v1/traces";

/// The address of a collector, as a person gives it: `http://collector:4318`.
pub fn address(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|_| "must be a URL, like http://collector:4318".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must start with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("must be without user name, query and fragment".to_owned());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Traces on their way to a collector.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Prepares the way; nothing is sent yet. Must be called on a runtime, which does the sending.
    pub fn to(collector: &Url, authorities: &Authorities) -> Result<Self, String> {
        // Named, because the default asks the machine for certificates, and the image has none.
        let tls = authorities.tls().map_err(|error| error.to_string())?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        let endpoint = collector.join(PATH).map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender { http, runtime: Handle::current() })
            .with_endpoint(endpoint.as_str())
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_service_name("atlas-operator")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// What takes the operator's own spans, and nothing else, to the collector.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let own = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("atlas_operator"));
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("atlas-operator"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(own)
    }

    /// Hands over what is left. Blocks while that takes.
    pub fn close(self) {
        if let Err(error) = self.0.shutdown_with_timeout(TIMEOUT) {
            tracing::debug!(%error, "the last spans were not handed over");
        }
    }
}

/// Sends on the operator's runtime: spans are batched on a thread that has none.
struct Sender {
    http: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sender")
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let status = answer.status();
            // What a collector says beyond its status is for its own operators.
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        let (status, body) = sent.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_base_without_secrets() {
        for (good, whole) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("https://c.example/otlp", "https://c.example/otlp/v1/traces"),
            ("https://c.example/otlp/", "https://c.example/otlp/v1/traces"),
        ] {
            let joined = address(good).map(|url| url.join(PATH).map(|url| url.to_string()));
            assert_eq!(joined, Ok(Ok(whole.to_owned())));
        }
        for bad in ["", "collector:4318", "grpc://c:4317", "http://user:secret@c", "http://c?token=x", "http://c#x"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
