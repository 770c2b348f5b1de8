//! Which certificates of servers are believed.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor};

/// Authorities that are trusted beside those of Mozilla, which are compiled in. None by default.
///
/// An authority is a name and a key: whether its own certificate is still valid is not asked, so that one which is not
/// to be trusted any more has to be taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    anchors: Vec<TrustAnchor<'static>>,
}

/// What is wrong with a text that should hold certificates. It never quotes the text, which may be a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthorities {
    /// There is no certificate in PEM, or nothing at all.
    #[error("there is no certificate in PEM in it")]
    NoCertificate,
    /// A private key, which is needed nowhere and belongs to nobody but its authority.
    #[error("there is a private key in it, and only certificates belong there")]
    PrivateKey,
    /// A block that is no plain certificate, such as a request for one; to pass over it would be to trust less than is
    /// said.
    #[error("there is something else in it than certificates in PEM")]
    Other,
    /// A certificate that cannot be read.
    #[error("a certificate in it cannot be read")]
    Unreadable,
}

impl Authorities {
    /// Reads certificates in PEM (RFC 7468), one behind the other; what stands between them is ignored.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidAuthorities> {
        for label in text.split(|byte| *byte == b'\n').filter_map(label) {
            if label.ends_with(b"PRIVATE KEY") {
                return Err(InvalidAuthorities::PrivateKey);
            }
            if label != b"CERTIFICATE" {
                return Err(InvalidAuthorities::Other);
            }
        }
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|_| InvalidAuthorities::Unreadable)?;
            store.add(certificate).map_err(|_| InvalidAuthorities::Unreadable)?;
        }
        if store.is_empty() { Err(InvalidAuthorities::NoCertificate) } else { Ok(Self { anchors: store.roots }) }
    }

    /// TLS 1.2 and 1.3 by ring, with the roots that Mozilla trusts and these authorities.
    ///
    /// The provider is named here, so this works without a process-wide default and beside other users of rustls.
    /// Mozilla's roots are compiled in: an image needs no certificate files, and trust is the same on every machine.
    pub fn tls(&self) -> Result<rustls::ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.roots.extend_from_slice(&self.anchors);
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// What a line begins, if it begins a block of PEM.
fn label(line: &[u8]) -> Option<&[u8]> {
    line.trim_ascii().strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn certificates_are_read_and_nothing_else_is_let_in() {
        let issued = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (one, other) = (issued("one.example"), issued("other.example"));
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let both = format!("# ours\n{certificate}\n  theirs\r\n{}", other.cert.pem().replace('\n', "\r\n"));
        assert_eq!(Authorities::parse(both.as_bytes()).unwrap().anchors.len(), 2);
        assert_eq!(Authorities::default().tls().unwrap().alpn_protocols.len(), 2);

        let request = certificate.replace("CERTIFICATE", "CERTIFICATE REQUEST");
        let middle = certificate.len() / 2;
        for (text, fault) in [
            (String::new(), InvalidAuthorities::NoCertificate),
            ("MIIB".to_owned(), InvalidAuthorities::NoCertificate),
            (format!("{certificate}{key}"), InvalidAuthorities::PrivateKey),
            (key.replace("PRIVATE", "ENCRYPTED PRIVATE"), InvalidAuthorities::PrivateKey),
            (format!("{certificate}{request}"), InvalidAuthorities::Other),
            (certificate[..middle].to_owned(), InvalidAuthorities::Unreadable),
            (certificate.replacen("MII", "AAA", 1), InvalidAuthorities::Unreadable),
        ] {
            assert_eq!(Authorities::parse(text.as_bytes()), Err(fault), "{text}");
        }
        assert_eq!(Authorities::parse(one.cert.der()), Err(InvalidAuthorities::NoCertificate), "not PEM");
    }
}
