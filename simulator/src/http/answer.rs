//! An answer before it is put on the wire, and the shapes that error bodies have.
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::api::ApiError;

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn with_body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::with_body(status, "application/json", body.to_string())
    }

    /// A refusal in the standard shape.
    pub fn error(error: &ApiError) -> Self {
        let ApiError { status, code, detail, parameters } = error;
        Self::json(*status, &error_body(*status, code, detail, parameters)).header("x-error-code", *code)
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Puts a header in place of those of the same name.
    pub fn replace(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| *known == name)
    }

    /// Compresses the body, unless there is none or it has an encoding already.
    pub fn gzip(&mut self) {
        if self.body.is_empty() || self.has("content-encoding") {
            return;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing into memory does not fail; if it did, the answer would go out as it is.
        if encoder.write_all(&self.body).is_ok()
            && let Ok(compressed) = encoder.finish()
        {
            self.body = compressed;
            self.replace("content-encoding", "gzip");
            self.replace("vary", "Accept-Encoding");
        }
    }

    /// The response for the wire. A header value that HTTP does not allow is left out; only a custom fault has one.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// The standard error object.
pub fn error_body(status: u16, code: &str, detail: &str, parameters: &[Value]) -> Value {
    json!({"detail": detail, "error": status, "errorCode": code, "parameters": parameters, "reason": reason(status)})
}

/// The words that go with a status.
pub fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_compressed_body_is_the_same_body() {
        let mut answer = Answer::json(200, &json!({"results": ["x".repeat(1000)]}));
        let plain = answer.body.clone();
        answer.gzip();
        assert!(answer.body.len() < plain.len() && answer.has("content-encoding"));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
        let once = answer.body.clone();
        answer.gzip();
        assert_eq!(answer.body, once, "an encoded body is left as it is");
    }

    #[test]
    fn no_body_is_not_compressed() {
        let mut answer = Answer::empty(204);
        answer.gzip();
        assert!(answer.body.is_empty() && !answer.has("content-encoding"));
    }

    #[test]
    fn headers_of_one_name_are_all_sent() {
        let response =
            Answer::empty(401).header("www-authenticate", "a").header("www-authenticate", "b").into_response();
        assert_eq!(response.headers().get_all("www-authenticate").iter().count(), 2);
    }
}
