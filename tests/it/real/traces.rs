//! Traces, as a collector gets them.
use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use harness::eventually;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::Span,
};
use prost::Message;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    examples,
    stage::{PATIENCE, Scenery, Stage},
};

/// A collector that keeps what it is sent.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
    bodies: Arc<Mutex<Vec<u8>>>,
    server: JoinHandle<()>,
}

type Kept = (Arc<Mutex<Vec<Span>>>, Arc<Mutex<Vec<u8>>>);

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (spans, bodies) = Kept::default();
        let routes = Router::new().route("/v1/traces", post(keep)).with_state((spans.clone(), bodies.clone()));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, spans, bodies, server }
    }

    fn named(&self, name: &str) -> Vec<Span> {
        self.spans.lock().unwrap().iter().filter(|span| span.name == name).cloned().collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn keep(State((spans, bodies)): State<Kept>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(&*body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    bodies.lock().unwrap().extend(body);
}

/// An attribute as text.
fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = |attribute: &&KeyValue| attribute.key == name;
    match span.attributes.iter().find(found)?.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name}: {other:?}"),
    }
}

/// How many passes the operator has counted.
fn passes(metrics: &str) -> usize {
    let counts = metrics.lines().filter(|line| line.starts_with("atlas_operator_passes_total{"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[tokio::test]
async fn a_pass_is_a_span_and_each_call_is_one_in_it_and_nothing_secret_is() {
    const NAMESPACE: &str = "traced";
    let collector = Collector::start().await;
    // Spans are taken whatever is logged.
    let scenery = Scenery { log_filter: "warn".to_owned(), ..Scenery::of(NAMESPACE) };
    let stage = Stage::shared(scenery.arguments(&["--otlp-endpoint", &collector.url])).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    for object in [
        examples::project("shop", "Shop"),
        examples::password("password", "correct horse canary"),
        examples::user("orders-api"),
    ] {
        stage.kube.apply(NAMESPACE, &object).await;
    }
    stage.all_ready(NAMESPACE).await;
    let counted = passes(&stage.operator.metrics().await.unwrap());
    let look = || async {
        let spans = collector.named("pass").len();
        if spans >= counted { Ok(()) } else { Err(format!("{spans} of {counted} spans")) }
    };
    eventually(PATIENCE, "a span for each pass", look).await.unwrap();
    // The end hands over what is left.
    assert!(stage.operator.stop().await.unwrap().success());
    let (passes, calls) = (collector.named("pass"), collector.named("call"));
    println!("{counted} passes were counted; {} spans of passes, {} of calls", passes.len(), calls.len());
    assert_eq!(passes.len() + calls.len(), collector.spans.lock().unwrap().len(), "spans of something else");
    for pass in &passes {
        assert!(pass.parent_span_id.is_empty() && pass.events.is_empty(), "{pass:?}");
        assert_eq!(attribute(pass, "namespace").as_deref(), Some(NAMESPACE));
    }
    assert!(passes.iter().any(|pass| attribute(pass, "outcome").as_deref() == Some("settled")));
    for call in &calls {
        let parent = passes.iter().find(|pass| pass.span_id == call.parent_span_id);
        assert!(parent.is_some_and(|pass| pass.trace_id == call.trace_id) && call.events.is_empty(), "{call:?}");
    }
    let created = |call: &&Span| {
        attribute(call, "method").as_deref() == Some("POST")
            && attribute(call, "operation").as_deref() == Some("/groups/{groupId}/databaseUsers")
    };
    let created: Vec<_> = calls.iter().filter(created).map(|call| attribute(call, "status")).collect();
    assert_eq!(created, [Some("201".to_owned())]);
    let bodies = String::from_utf8_lossy(&collector.bodies.lock().unwrap()).into_owned();
    let organization = stage.organization();
    for secret in ["canary", &organization.private_key, &organization.client_secret] {
        assert!(!bodies.contains(secret), "a secret is in a span");
    }
    stage.look_back().await;
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_nothing() {
    const NAMESPACE: &str = "untraced";
    let nowhere = format!("http://127.0.0.1:{}", harness::free_port());
    let stage = Stage::shared(Scenery::of(NAMESPACE).arguments(&["--otlp-endpoint", &nowhere])).await;
    stage.provide_credentials(NAMESPACE, stage.organization()).await;
    stage.kube.apply(NAMESPACE, &examples::project("shop", "Shop")).await;
    stage.all_ready(NAMESPACE).await;
    assert_ne!(stage.simulator.state().await.unwrap()["groups"], json!({}));
    stage.end().await;
}
