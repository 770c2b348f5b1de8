//! Limits, faults and repetition.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;

use super::super::{Body, Call, Class, Client, Endpoint, Error, Settings};
use super::double::{Double, Reply, raw, reply};
use super::{api_key, client, observed, read, settings, write};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(body: Vec<u8>) -> Reply {
    let mut reply = reply(200, "");
    reply.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    *reply.body_mut() = body;
    reply
}

pub(super) async fn serving(reply: Reply) -> Double {
    Double::start(move |_, _| reply.clone()).await
}

pub(super) fn unreadable(error: &Error) -> &str {
    let Error::Unreadable { reason, .. } = error else { panic!("{error:?}") };
    reason
}

#[tokio::test]
async fn an_answer_is_read_plain_and_compressed_and_may_be_empty() {
    let document = json!({"id": 2_558_523_591_213_958_694_u64, "name": "käse"});
    for (reply, body) in [
        (reply(200, &document.to_string()), document.clone()),
        (gzipped(gzip(document.to_string().as_bytes())), document),
        (reply(202, "{}"), json!({})),
    ] {
        let status = reply.status().as_u16();
        let server = serving(reply).await;
        let answer = client(&server.endpoint, api_key()).send(&read()).await.unwrap();
        assert_eq!((answer.status, answer.body), (status, body));
    }
}

#[tokio::test]
async fn a_write_may_be_answered_with_nothing_and_a_read_may_not() {
    for (status, body, kind) in [(204, "", true), (200, " \n", true), (200, "", false)] {
        let mut reply = reply(status, body);
        if !kind {
            reply.headers_mut().remove("content-type");
        }
        let server = serving(reply).await;
        let client = client(&server.endpoint, api_key());
        let answer = client.send(&write(json!({}))).await.unwrap();
        assert_eq!((answer.status, answer.body), (status, Value::Null));
        assert_eq!(unreadable(&client.send(&read()).await.unwrap_err()), "is empty");
    }
}

#[tokio::test]
async fn an_answer_of_another_content_type_is_none() {
    for kind in [
        None,
        Some("text/html"),
        Some("application/json"),
        Some("text/plain;charset=utf-8"),
        Some("application/vnd.atlas.2024-08-05+gzip"),
        Some("application/vnd.other.2024-08-05+json"),
    ] {
        let mut reply = reply(200, r#"{"name":"a","results":[],"totalCount":0}"#);
        reply.headers_mut().remove("content-type");
        if let Some(kind) = kind {
            reply.headers_mut().insert("content-type", kind.parse().unwrap());
        }
        let server = serving(reply).await;
        let client = client(&server.endpoint, api_key());
        let error = client.send(&read()).await.unwrap_err();
        assert!(unreadable(&error).starts_with("is not of a content type"), "{kind:?}: {error}");
        assert_eq!(error.class(), Class::Backoff);
        let error = client.send(&write(json!({}))).await.unwrap_err();
        assert!(error.may_have_committed(), "{kind:?}: {error}");
    }
    for kind in ["application/vnd.atlas.2024-08-05+json;charset=utf-8", "Application/Vnd.Atlas.2023-01-01+JSON"] {
        let mut reply = reply(200, "{}");
        reply.headers_mut().insert("content-type", kind.parse().unwrap());
        let server = serving(reply).await;
        assert!(client(&server.endpoint, api_key()).send(&read()).await.is_ok(), "{kind}");
    }
}

#[tokio::test]
async fn an_answer_above_the_limit_is_given_up() {
    const LIMIT: usize = 64 * 1024;
    let fits = format!("\"{}\"", "a".repeat(LIMIT - 2));
    let too_long = format!("\"{}\"", "a".repeat(LIMIT - 1));
    // 32 MiB in 32 KiB.
    let bomb = gzip(&vec![b' '; 32 * 1024 * 1024]);
    assert!(bomb.len() < LIMIT);
    for (reply, accepted) in [
        (reply(200, &fits), true),
        (reply(200, &too_long), false),
        (gzipped(gzip(fits.as_bytes())), true),
        (gzipped(bomb), false),
    ] {
        let server = serving(reply).await;
        let settings = Settings { body_limit: LIMIT, retries: 0, ..settings() };
        let outcome = Client::new(&server.endpoint, api_key(), settings).unwrap().send(&read()).await;
        match outcome {
            Ok(_) => assert!(accepted),
            Err(error) => {
                assert!(!accepted, "{error}");
                assert_eq!(unreadable(&error), "is larger than 65536 bytes");
            }
        }
    }
}

#[tokio::test]
async fn a_success_that_is_not_what_it_claims_is_unreadable() {
    let truncated_gzip = {
        let mut bytes = gzip(&b"{\"a\":1}".repeat(100));
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    for (reply, reason) in [
        (reply(200, "{\"results\":["), "is not JSON (line 1, column 12)"),
        (reply(200, "<html>sign in</html>"), "is not JSON (line 1, column 1)"),
        (reply(200, "-----BEGIN CERTIFICATE-----"), "is not JSON"),
        (reply(200, "{} {}"), "is not JSON"),
        (reply(200, "\u{feff}{}"), "is not JSON"),
        (reply(200, &"[".repeat(100_000)), "is not JSON"),
        (gzipped(b"this is not gzip".to_vec()), "could not be read"),
        (gzipped(truncated_gzip), "could not be read"),
    ] {
        let server = serving(reply).await;
        let client = client(&server.endpoint, api_key());
        let error = client.send(&read()).await.unwrap_err();
        assert!(unreadable(&error).starts_with(reason), "{error}");
        assert_eq!(error.class(), Class::Backoff);
        assert_eq!(server.count(), 3, "a read is repeated twice");
        let error = client.send(&write(json!({}))).await.unwrap_err();
        assert!(error.may_have_committed());
        assert_eq!(server.count(), 4, "a write is not");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer_to_rely_on() {
    for (bytes, readable) in [
        ("", false),
        ("HTTP/1.1 2", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", true),
        ("not http at all\r\n\r\n", false),
    ] {
        let (endpoint, task) = raw(bytes.into()).await;
        let error = client(&endpoint, api_key()).send(&write(json!({}))).await.unwrap_err();
        match &error {
            Error::Unreadable { .. } => assert!(readable, "{bytes}: {error}"),
            Error::Unreachable { sent, .. } => assert!(!readable && *sent, "{bytes}: {error}"),
            _ => panic!("{error:?}"),
        }
        assert_eq!(error.class(), Class::Backoff);
        assert!(error.may_have_committed());
        task.abort();
    }
}

#[tokio::test]
async fn a_failure_that_cannot_be_read_still_has_its_status() {
    let bytes = b"HTTP/1.1 404 Not Found\r\nx-error-code: CLUSTER_NOT_FOUND\r\ncontent-length: 9\r\n\r\n{".to_vec();
    let (endpoint, task) = raw(bytes).await;
    let error = client(&endpoint, api_key()).send(&read()).await.unwrap_err();
    assert_eq!((error.status(), error.class()), (Some(404), Class::Absent));
    task.abort();
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = serving(reply(200, "{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let mut redirect = reply(status, "");
        redirect.headers_mut().insert("location", format!("{}/x", elsewhere.endpoint).parse().unwrap());
        let server = serving(redirect).await;
        let error = client(&server.endpoint, api_key()).send(&read()).await.unwrap_err();
        assert_eq!((error.status(), error.class()), (Some(status), Class::Backoff));
        assert!(error.to_string().contains("redirect"), "{error}");
    }
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = Endpoint::parse(&format!("http://{address}")).unwrap();
    let error = client(&endpoint, api_key()).send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { sent: false, .. }), "{error:?}");
    assert!(!error.may_have_committed());
    assert!(error.to_string().contains("no connection"), "{error}");
    assert!(!error.to_string().contains("http://"), "{error}");
}

#[tokio::test]
async fn silence_ends_in_time_and_leaves_a_write_in_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 16 * 1024];
            let _ = stream.read(&mut request).await;
            open.push(stream);
        }
    });
    let settings = Settings { total_timeout: Duration::from_millis(100), ..settings() };
    let client = Client::new(&endpoint, api_key(), settings).unwrap();
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { sent: true, .. }), "{error:?}");
    assert!(error.may_have_committed());
    assert_eq!(
        error.to_string(),
        "Atlas gave no answer to PATCH /groups/5f/clusters/orders: no answer within 100ms; it may have been carried \
         out all the same"
    );
    let error = client.send(&read()).await.unwrap_err();
    assert!(!error.may_have_committed());
    task.abort();
}

#[tokio::test]
async fn localhost_is_this_machine_by_either_address() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(address).await else {
            println!("skipped {address}: this machine has no such address");
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        let accepted = tokio::spawn(async move { listener.accept().await.unwrap() });
        let endpoint = Endpoint::parse(&format!("http://localhost:{port}")).unwrap();
        let settings = Settings { total_timeout: Duration::from_millis(500), retries: 0, ..settings() };
        let _ = Client::new(&endpoint, api_key(), settings).unwrap().send(&read()).await;
        assert!(accepted.is_finished(), "{address}");
    }
}

#[tokio::test]
async fn reads_are_repeated_after_passing_failures_and_writes_never() {
    for status in [408, 500, 502, 503, 504] {
        let server =
            Double::start(move |number, _| if number % 3 < 2 { reply(status, "<html>") } else { reply(200, "{}") })
                .await;
        let (settings, record) = observed();
        let client = Client::new(&server.endpoint, api_key(), settings).unwrap();
        client.send(&read()).await.unwrap();
        assert_eq!((server.count(), *record.retries.lock().unwrap()), (3, 2), "{status}");
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let before = server.count();
            let outcome = client.send(&Call { method, ..write(json!({})) }).await;
            assert_eq!(server.count() - before, 1);
            if let Err(error) = outcome {
                assert!(error.may_have_committed());
            }
        }
    }
}

#[tokio::test]
async fn repetition_is_bounded() {
    let server = serving(reply(503, "")).await;
    let error = client(&server.endpoint, api_key()).send(&read()).await.unwrap_err();
    assert_eq!((server.count(), error.class()), (3, Class::Backoff));
}

#[tokio::test]
async fn an_empty_403_is_repeated_once_and_never_called_final() {
    let server = serving(reply(403, "")).await;
    let client = client(&server.endpoint, api_key());
    let error = client.send(&read()).await.unwrap_err();
    assert_eq!((server.count(), error.class()), (2, Class::Backoff));
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert_eq!((server.count(), error.class()), (3, Class::Backoff));
    assert!(!error.may_have_committed());
}

#[tokio::test]
async fn what_is_final_is_not_repeated() {
    for (status, code) in [(400, "INVALID_ATTRIBUTE"), (404, "CLUSTER_NOT_FOUND"), (403, "ACCESS_FORBIDDEN"), (409, "")]
    {
        let server = serving(reply(status, &json!({"errorCode": code}).to_string())).await;
        client(&server.endpoint, api_key()).send(&read()).await.unwrap_err();
        assert_eq!(server.count(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_built_is_not_sent() {
    let server = serving(reply(200, "{}")).await;
    let client = client(&server.endpoint, api_key());
    let misplaced = Body::new(json!({"list": []})).with_secret("/list/0", "canary-0b11".into());
    for call in [
        Call { path: "/groups/../orgs".to_owned(), ..read() },
        Call { path: "/groups/a b".to_owned(), ..read() },
        Call { path: "/groups?x=y".to_owned(), ..read() },
        Call { version: "2024-08-05\n", ..read() },
        Call { body: Some(misplaced), ..write(json!(null)) },
    ] {
        let error = client.send(&call).await.unwrap_err();
        assert!(matches!(error, Error::Unsendable { .. }), "{error:?}");
        assert_eq!(error.class(), Class::Rejected);
        assert!(!error.may_have_committed());
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
    assert_eq!(server.count(), 0);
}

/// A log in memory.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Collects what this thread logs while the guard lives.
    pub(super) fn collect(&self, level: tracing::Level) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_write_leaves_one_line_in_the_log_and_a_read_none() {
    let server = Double::start(|_, seen| match seen.method.as_str() {
        "DELETE" => reply(409, r#"{"errorCode":"CONTAINERS_IN_USE"}"#),
        _ => reply(202, "{}"),
    })
    .await;
    let client = client(&server.endpoint, api_key());
    let send_all = || async {
        client.send(&read()).await.unwrap();
        client.send(&write(json!({"tags": []}))).await.unwrap();
        client.send(&Call { method: Method::DELETE, body: None, ..write(json!(null)) }).await.unwrap_err();
    };
    // What tests beside this one write for the first time while this log is open is taken for lines that nobody wants. So
    // everything is written once before.
    let first = Log::default().collect(tracing::Level::DEBUG);
    send_all().await;
    drop(first);
    let log = Log::default();
    let guard = log.collect(tracing::Level::DEBUG);
    send_all().await;
    drop(guard);
    let text = log.text();
    // Libraries below have lines of their own at this level.
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("atlas::client: sent")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    for (line, parts) in lines.iter().zip([["PATCH", "202", "2024-10-23"], ["DELETE", "409", "CONTAINERS_IN_USE"]]) {
        assert!(line.contains("/groups/5f/clusters/orders") && line.contains("DEBUG"), "{line}");
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        assert!(!line.contains("tags"), "{line}");
    }
}
