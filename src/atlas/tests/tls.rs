//! Nothing is said before the other side has proven who it is.

use std::io::Read as _;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use serde_json::json;

use super::super::{Endpoint, Error};
use super::double::raw;
use super::{api_key, client, write};

#[tokio::test]
async fn tls_that_fails_means_nothing_was_sent() {
    // A server that does not speak TLS.
    let (endpoint, task) = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()).await;
    let https = Endpoint::parse(&endpoint.to_string().replace("http://", "https://")).unwrap();
    let error = client(&https, api_key()).send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { sent: false, .. }), "{error:?}");
    task.abort();
}

#[tokio::test]
async fn a_server_that_no_authority_vouches_for_is_sent_nothing() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
    let server = tokio::task::spawn_blocking(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut said = Vec::new();
        // The client ends it; whatever it says before that would come out here.
        while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        let _ = tls.reader().read_to_end(&mut said);
        (tls.is_handshaking(), said)
    });
    let error = client(&endpoint, api_key()).send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { sent: false, .. }), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(server.await.unwrap(), (true, Vec::new()));
}
