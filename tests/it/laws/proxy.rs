//! Stands between the operator and the simulator, so that calls to Atlas can be numbered and held.
use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use tokio::{net::TcpListener, task::JoinHandle};

use super::trap::Trap;

/// Larger than any body of a test.
const LIMIT: usize = 4 << 20;

pub struct Proxy {
    pub url: String,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Behind {
    base: String,
    http: reqwest::Client,
    trap: Arc<Trap>,
}

impl Proxy {
    pub async fn start(base: &str, trap: Arc<Trap>) -> Self {
        let http = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
        let behind = Behind { base: base.to_owned(), http, trap };
        let routes = Router::new().fallback(forward).with_state(behind);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, server }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(State(behind): State<Behind>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().unwrap().to_string();
    let permit = behind.trap.before(&format!("{} {target}", parts.method)).await;
    let body = to_bytes(body, LIMIT).await.unwrap();
    let sent = behind
        .http
        .request(parts.method, format!("{}{target}", behind.base))
        .headers(parts.headers)
        .body(body)
        .send()
        .await;
    let answer = match sent {
        Ok(answer) => {
            let (status, headers) = (answer.status(), answer.headers().clone());
            let Ok(bytes) = answer.bytes().await else { std::future::pending().await };
            let mut response = Response::new(Body::from(bytes));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response.headers_mut().remove("transfer-encoding");
            response
        }
        // The simulator cut the connection: so does this.
        Err(error) => panic!("the connection behind was cut: {error}"),
    };
    behind.trap.after(permit).await;
    answer
}
