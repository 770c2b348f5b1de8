//! Certificates with their private keys, in PEM (RFC 7468).
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use x509_parser::{parse_x509_certificate, pem::parse_x509_pem};

use crate::engine::plan::Kept;

/// A certificate and its private key.
pub(super) struct Identity {
    /// The certificate, with those that lead to its authority where there are any.
    pub(super) certificate: String,
    /// The private key.
    pub(super) key: SecretString,
}

/// What is wrong with a text that should be a certificate with its key. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("there is no whole certificate in it")]
    NoCertificate,
    #[error("there is no whole private key in it")]
    NoKey,
    #[error("its certificate cannot be read")]
    Unreadable,
}

/// Takes a text apart.
pub(super) fn read(text: &SecretString) -> Result<Identity, Flaw> {
    let text = text.expose_secret();
    let certificate = blocks(text, |label| label == "CERTIFICATE");
    let key = blocks(text, |label| label.ends_with("PRIVATE KEY"));
    if certificate.is_empty() {
        return Err(Flaw::NoCertificate);
    }
    if key.is_empty() {
        return Err(Flaw::NoKey);
    }
    if life(&certificate).is_none() {
        return Err(Flaw::Unreadable);
    }
    Ok(Identity { certificate, key: SecretString::from(key) })
}

/// The whole blocks whose label is wanted, one behind the other.
fn blocks(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut found = String::new();
    let mut rest = text;
    while let Some((_, from)) = rest.split_once("-----BEGIN ") {
        let Some((label, _)) = from.split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let Some((inside, after)) = from.split_once(&end) else { break };
        if wanted(label) {
            found.extend(["-----BEGIN ", inside, &end, "\n"]);
        }
        rest = after;
    }
    found
}

/// From when to when the first certificate of a text is valid.
pub(super) fn life(certificate: &str) -> Option<Kept> {
    let (_, block) = parse_x509_pem(certificate.as_bytes()).ok()?;
    let (_, certificate) = parse_x509_certificate(&block.contents).ok()?;
    let validity = certificate.validity();
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    Some(Kept { from: at(validity.not_before)?, until: at(validity.not_after)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    /// Made for this test with openssl; valid from 2026-01-01 to 2026-04-01.
    const CERTIFICATE: &str = include_str!("pem/certificate.pem");
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n";

    fn identity(text: &str) -> Result<Identity, Flaw> {
        read(&SecretString::from(text.to_owned()))
    }

    #[test]
    fn certificate_and_key_are_taken_apart_in_either_order() {
        for text in [format!("{CERTIFICATE}{KEY}"), format!("{KEY}\n{CERTIFICATE}")] {
            let identity = identity(&text).unwrap();
            assert_eq!((identity.certificate.as_str(), identity.key.expose_secret()), (CERTIFICATE, KEY));
        }
        let at = |moment: &str| moment.parse::<Timestamp>().unwrap();
        let kept = Kept { from: at("2026-01-01T00:00:00Z"), until: at("2026-04-01T00:00:00Z") };
        assert_eq!(life(CERTIFICATE), Some(kept));
    }

    #[test]
    fn an_answer_that_was_cut_off_is_told_from_a_whole_one() {
        let whole = format!("{CERTIFICATE}{KEY}");
        let flaw = |text: &str| identity(text).err();
        assert_eq!(flaw(""), Some(Flaw::NoCertificate));
        assert_eq!(flaw(&whole[..CERTIFICATE.len() / 2]), Some(Flaw::NoCertificate));
        assert_eq!(flaw(&whole[..CERTIFICATE.len() + 40]), Some(Flaw::NoKey));
        let damaged = CERTIFICATE.replacen("MII", "AAA", 1);
        assert_eq!(flaw(&format!("{damaged}{KEY}")), Some(Flaw::Unreadable));
    }
}
