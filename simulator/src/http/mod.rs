//! HTTP: the server, the way of a request through the transport, and how answers are written.
pub mod answer;
pub mod handlers;
pub mod paging;
pub mod pipeline;
pub mod query;
pub mod route;
mod scope;
pub mod server;
pub mod write;

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::HeaderName;
use percent_encoding::percent_decode_str;

/// A request that was read completely.
pub struct Incoming {
    pub method: String,
    /// As it was sent, percent-encoded.
    pub path: String,
    /// The part after the question mark, if there is one.
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub peer: IpAddr,
    /// `host:port` as the caller wrote it, or the address that the simulator listens on.
    pub authority: String,
}

impl Incoming {
    /// Path and query as the request line has them.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The path as error messages have it.
    pub fn decoded_path(&self) -> String {
        percent_decode_str(&self.path).decode_utf8_lossy().into_owned()
    }

    /// The value of a header, if there is one and it is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
