//! Servers that the tests talk to.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use axum::{Router, serve};
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::super::Endpoint;
use super::{PRIVATE_KEY, PUBLIC_KEY};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    /// The path with the query, byte by byte.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(super) type Reply = Response<Vec<u8>>;

/// As Atlas answers: with the kind of the operation's version, and with plain JSON when it is an error.
pub(super) fn reply(status: u16, body: &str) -> Reply {
    let kind = if status < 300 { "application/vnd.atlas.2023-01-01+json;charset=utf-8" } else { "application/json" };
    Response::builder().status(status).header("content-type", kind).body(body.into()).unwrap()
}

/// An HTTP server that answers by a function and remembers what it was asked.
pub(super) struct Double {
    pub(super) endpoint: Endpoint,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Double {
    /// Starts a server; the function is given the request and its number, from 0.
    pub(super) async fn start(answer: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        let handler = move |request: Request| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let seen = Seen {
                    method: parts.method.to_string(),
                    target: parts.uri.to_string(),
                    headers: parts.headers,
                    body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
                };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(seen.clone());
                    log.len() - 1
                };
                answer(number, &seen).map(Body::from)
            }
        };
        let task = tokio::spawn(async move { serve(listener, Router::new().fallback(handler)).await.unwrap() });
        Self { endpoint, seen, task }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that writes fixed bytes to every request, whatever they are, and closes the connection; nothing at all when
/// there are no bytes.
pub(super) async fn raw(bytes: Vec<u8>) -> (Endpoint, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 16 * 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    (endpoint, task)
}

/// Digest authentication as a strict server does it: each nonce is good for a few uses, and the count has to go up by
/// one each time, so that two requests can never share a nonce at the same time.
pub(super) struct Gate {
    /// How often a nonce may be used.
    pub(super) uses: u32,
    /// For each nonce, how often it was used.
    nonces: Mutex<HashMap<String, u32>>,
}

impl Gate {
    pub(super) fn new(uses: u32) -> Self {
        Self { uses, nonces: Mutex::default() }
    }

    /// Ends the life of every nonce.
    pub(super) fn expire(&self) {
        self.nonces.lock().unwrap().clear();
    }

    /// A challenge for a request that may not pass.
    pub(super) fn check(&self, seen: &Seen) -> Option<Reply> {
        (!self.is_authorized(seen)).then(|| self.challenge())
    }

    /// A challenge: the header twice at times, and one of the three bodies that were recorded.
    pub(super) fn challenge(&self) -> Reply {
        let mut nonces = self.nonces.lock().unwrap();
        let number = nonces.len();
        let nonce = format!("Nfx+VMFO0sY4/pgy1sHRakvvv{number:06}=");
        nonces.insert(nonce.clone(), 0);
        let header = format!(
            "Digest realm=\"MMS Public API\", domain=\"\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\", stale=false"
        );
        let body = [
            "",
            r#"{"error":401,"reason":"Unauthorized","detail":"You are not authorized for this resource."}"#,
            "{\n  \"error\" : 401,\n  \"reason\" : \"Unauthorized\",\n  \"detail\" : \"You are not authorized for this \
             resource.\",\n  \"errorCode\" : \"UNEXPECTED_ERROR\"\n}",
        ][number % 3];
        let mut reply = reply(401, body);
        for _ in 0..=usize::from(number.is_multiple_of(5)) {
            reply.headers_mut().append("www-authenticate", header.parse().unwrap());
        }
        reply
    }

    fn is_authorized(&self, seen: &Seen) -> bool {
        let Some(parameters) = seen.header("authorization").and_then(|header| header.strip_prefix("Digest ")) else {
            return false;
        };
        let parameters: HashMap<&str, &str> = parameters
            .split(", ")
            .map(|parameter| parameter.split_once('=').unwrap())
            .map(|(name, value)| (name, value.trim_matches('"')))
            .collect();
        assert_eq!(parameters["uri"], seen.target, "the digest must be over what was sent");
        assert_eq!(parameters["qop"], "auth");
        assert_eq!(parameters["realm"], "MMS Public API");
        let ha1 = md5(&format!("{}:MMS Public API:{PRIVATE_KEY}", parameters["username"]));
        let ha2 = md5(&format!("{}:{}", seen.method, seen.target));
        let (nonce, count, cnonce) = (parameters["nonce"], parameters["nc"], parameters["cnonce"]);
        let expected = md5(&format!("{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}"));
        let mut nonces = self.nonces.lock().unwrap();
        let Some(used) = nonces.get_mut(nonce) else { return false };
        let in_order = u32::from_str_radix(count, 16).unwrap() == *used + 1;
        let accepted =
            in_order && *used < self.uses && parameters["response"] == expected && parameters["username"] == PUBLIC_KEY;
        *used += 1;
        accepted
    }
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
