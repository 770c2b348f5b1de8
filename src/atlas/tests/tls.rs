//! Nothing is said before the other side has proven who it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::{Authorities, Client, Egress, Endpoint, Error, Settings};
use super::double::raw;
use super::{api_key, client, settings, write};

/// For a connection that has ended on one side to end on the other.
const PATIENCE: Duration = Duration::from_secs(20);

/// A year that no run of these tests will see.
const FAR: i32 = 4000;

/// An authority that nobody knows.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(super) fn trusted(&self) -> Authorities {
        Authorities::parse(self.issuer.pem().as_bytes()).unwrap()
    }

    /// What a server needs that it vouches for, until the beginning of a year.
    fn vouches_for(&self, name: &str, until: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A TLS server on this machine that serves one connection, for as many requests as come.
pub(super) struct TlsServer {
    pub(super) address: SocketAddr,
    heard: oneshot::Receiver<Vec<u8>>,
}

impl TlsServer {
    /// As `name`, with the same answer to each request.
    pub(super) fn start(authority: &Authority, name: &str, answer: &'static [u8]) -> Self {
        Self::with(authority.vouches_for(name, FAR), answer)
    }

    fn with(config: Arc<ServerConfig>, answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, heard) = oneshot::channel();
        // A thread of its own, which no runtime waits for when nobody comes.
        std::thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
            // The client ends it, or its handshake fails.
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                heard.extend_from_slice(&buffer[..count]);
                // Requests end with their head or with an empty document.
                if heard.ends_with(b"\r\n\r\n") || heard.ends_with(b"{}") {
                    let _ = stream.write_all(answer);
                }
            }
            let _ = tell.send(heard);
        });
        Self { address, heard }
    }

    /// What was said to it, once the connection has ended.
    pub(super) async fn heard(self) -> String {
        let heard = timeout(PATIENCE, self.heard).await.expect("a connection that came and ended");
        String::from_utf8(heard.unwrap()).unwrap()
    }
}

/// An answer of success.
pub(super) const SUCCESS: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.atlas.2023-01-01+json\r\ncontent-length: 2\r\n\r\n{}";

/// Settings that trust an authority.
pub(super) fn trusting(authority: &Authority) -> Settings {
    Settings { egress: Egress { authorities: authority.trusted(), ..Egress::default() }, ..settings() }
}

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
    let server = TlsServer::start(&Authority::new(), "127.0.0.1", SUCCESS);
    let endpoint = Endpoint::parse(&format!("https://{}", server.address)).unwrap();
    let error = client(&endpoint, api_key()).send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { sent: false, .. }), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(server.heard().await, "");
}

#[tokio::test]
async fn an_authority_is_trusted_once_it_is_named_for_its_names_in_their_time() {
    let (authority, another) = (Authority::new(), Authority::new());
    for (by, name, until, served) in [
        (&authority, "127.0.0.1", FAR, true),
        (&authority, "127.0.0.1", 2020, false),
        (&authority, "cloud.example", FAR, false),
        (&another, "127.0.0.1", FAR, false),
    ] {
        let server = TlsServer::with(by.vouches_for(name, until), SUCCESS);
        let endpoint = Endpoint::parse(&format!("https://{}", server.address)).unwrap();
        let client = Client::new(&endpoint, api_key(), trusting(&authority)).unwrap();
        let outcome = client.send(&write(json!({}))).await;
        drop(client);
        assert_eq!(outcome.is_ok(), served, "{name} until {until}: {outcome:?}");
        assert_eq!(server.heard().await.starts_with("PATCH /api/atlas/v2/groups/"), served);
    }
}
