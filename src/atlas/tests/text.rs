//! Answers that are text.

use serde_json::json;

use super::double::reply;
use super::transport::{Log, serving, unreadable};
use super::{api_key, client, write};

/// Atlas says JSON of a certificate, and sends the bare text.
#[tokio::test]
async fn a_text_is_read_as_a_secret_whatever_its_media_type() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\ncanary-41c8\n-----END PRIVATE KEY-----\n";
    let log = Log::default();
    let guard = log.collect(tracing::Level::TRACE);
    let server = serving(reply(201, PEM)).await;
    let client = client(&server.endpoint, api_key());
    let text = client.send_for_text(&write(json!({}))).await.unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&text.body), PEM);
    let document = client.send(&write(json!({}))).await.unwrap_err();
    assert!(unreadable(&document).contains("is not JSON"), "{document}");
    for (body, reason) in [(vec![], "is empty"), (b" \n".to_vec(), "is empty"), (vec![0xff, 0xfe], "not text in UTF-8")]
    {
        let mut wrong = reply(201, "");
        *wrong.body_mut() = body;
        let server = serving(wrong).await;
        let error = super::client(&server.endpoint, api_key()).send_for_text(&write(json!({}))).await.unwrap_err();
        assert!(unreadable(&error).contains(reason) && error.may_have_committed(), "{error}");
    }
    drop(guard);
    for said in [log.text(), format!("{text:?} {document:?} {document}")] {
        assert!(!said.contains("canary-41c8"), "{said}");
    }
}
