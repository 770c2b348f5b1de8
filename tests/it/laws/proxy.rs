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

/// An answer of Atlas on its way to the operator.
pub struct Answer {
    pub method: String,
    /// With the query.
    pub target: String,
    pub status: u16,
    /// Its content type, where that is to be another one.
    pub kind: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What stands for the content type that Atlas gave.
const SAME: &str = "as it was";

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
    let method = parts.method.to_string();
    // Damage is done to what is legible.
    let mut headers = parts.headers;
    headers.remove("accept-encoding");
    let sent =
        behind.http.request(parts.method, format!("{}{target}", behind.base)).headers(headers).body(body).send().await;
    let answer = match sent {
        Ok(answer) => {
            let (status, headers) = (answer.status(), answer.headers().clone());
            let Ok(bytes) = answer.bytes().await else { std::future::pending().await };
            let (body, kind) = (bytes.to_vec(), Some(SAME));
            let mut answer = Answer { method, target, status: status.as_u16(), kind, body };
            behind.trap.strike(&mut answer);
            let mut response = Response::new(Body::from(answer.body));
            *response.status_mut() = answer.status.try_into().unwrap();
            *response.headers_mut() = headers;
            for length in ["transfer-encoding", "content-length"] {
                response.headers_mut().remove(length);
            }
            match answer.kind {
                None => drop(response.headers_mut().remove("content-type")),
                Some(SAME) => {}
                Some(kind) => drop(response.headers_mut().insert("content-type", kind.parse().unwrap())),
            }
            response
        }
        // The simulator cut the connection: so does this.
        Err(error) => panic!("the connection behind was cut: {error}"),
    };
    behind.trap.after(permit).await;
    answer
}
