//! X.509 certificates that Atlas issues to users who prove themselves by them (`x509Type: MANAGED`).
//!
//! The private key is told once, in the answer to the creation. A certificate cannot be revoked, and it outlives its
//! user: the recorded list of a new user shows one that was issued to an earlier user of that name. Its number has 64
//! bits, more than a double holds. What is issued here is signed by an authority that nobody keeps.
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber, date_time_ymd,
};
use serde_json::Value;

use super::body::{self, Document, Shape, optional};
use super::{database_users, errors, project, project_mut, recorded, sets, user_security};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;

/// How long a certificate lasts when nothing is said, and at most (specification).
const DEFAULT_MONTHS: i64 = 3;
const MOST_MONTHS: i64 = 24;

/// A certificate is valid from an hour before it is issued (recorded), so that a clock that is late does no harm.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);

const FIELDS: &[body::Field] = &[
    optional("monthsUntilExpiration", Shape::Whole(i64::MIN, i64::MAX)),
    optional("_id", Shape::ReadOnly),
    optional("createdAt", Shape::ReadOnly),
    optional("groupId", Shape::ReadOnly),
    optional("links", Shape::ReadOnly),
    optional("notAfter", Shape::ReadOnly),
    optional("subject", Shape::ReadOnly),
];

/// A certificate as the list shows it, and whose it is.
pub struct Certificate {
    pub username: String,
    pub document: Document,
}

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/databaseUsers/{username}/certs";
    vec![recorded(Method::Get, ALL, sets::CERTIFICATES, list), recorded(Method::Post, ALL, sets::CERTIFICATES, create)]
}

/// Only users with managed certificates have any.
fn check_user(world: &World, request: &Request) -> Result<(), ApiError> {
    let username = request.param("username");
    let user = project(world, request)?.database_user(&database_users::external(username));
    let user = user.ok_or_else(|| errors::username_not_found(username))?;
    if body::text(&user.document, "x509Type") == "MANAGED" { Ok(()) } else { Err(errors::user_not_managed_x509()) }
}

/// Those that are still valid.
fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    check_user(world, request)?;
    let username = request.param("username");
    let valid = |document: &Document| body::instant(document, "notAfter").is_some_and(|end| end > request.now);
    let own = project(world, request)?.certificates.iter().filter(|certificate| certificate.username == username);
    let shown = own.filter(|certificate| valid(&certificate.document));
    Ok(Reply::page(200, shown.map(|certificate| Value::Object(certificate.document.clone())).collect()))
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, FIELDS)?;
    check_user(world, request)?;
    let group = request.param("groupId");
    if user_security::has_own_authority(project(world, request)?) {
        return Err(errors::own_authority_issues_certificates());
    }
    let months = body::whole(&sent, "monthsUntilExpiration").unwrap_or(DEFAULT_MONTHS);
    if months > MOST_MONTHS {
        return Err(errors::certificate_lasts_too_long());
    }
    if months < 1 {
        return Err(errors::invalid_attribute("monthsUntilExpiration"));
    }
    let username = request.param("username").to_owned();
    let issue = Issue {
        number: world.chance.number(),
        subject: subject(&username),
        authority: group,
        from: world.now - BEFORE,
        until: months_after(world.now, months),
    };
    let pem = issue.pem().map_err(|_| errors::unexpected())?;
    let document = Document::from_iter([
        ("_id".to_owned(), issue.number.into()),
        ("createdAt".to_owned(), body::moment(issue.from)),
        ("groupId".to_owned(), group.into()),
        ("notAfter".to_owned(), body::moment(issue.until)),
        ("subject".to_owned(), written(&issue.subject).into()),
    ]);
    project_mut(world, request)?.certificates.push(Certificate { username, document });
    Ok(Reply::text(201, pem))
}

fn months_after(from: Timestamp, months: i64) -> Timestamp {
    let later = Span::new().try_months(months).and_then(|span| from.to_zoned(TimeZone::UTC).checked_add(span));
    later.map_or(Timestamp::MAX, |later| later.timestamp())
}

/// The parts of a name: those of a distinguished name (RFC 2253, without escapes), or one common name (recorded).
fn subject(username: &str) -> Vec<(&'static str, String)> {
    const PARTS: [&str; 6] = ["CN", "OU", "O", "L", "ST", "C"];
    let part = |text: &str| {
        let (name, value) = text.split_once('=')?;
        let known = PARTS.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))?;
        Some((known, value.trim().to_owned()))
    };
    username.split(',').map(part).collect::<Option<_>>().unwrap_or_else(|| vec![("CN", username.to_owned())])
}

fn written(subject: &[(&str, String)]) -> String {
    subject.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// What a certificate says.
struct Issue<'a> {
    number: i64,
    subject: Vec<(&'static str, String)>,
    /// Atlas has an authority for each project, which goes by the project's id (recorded).
    authority: &'a str,
    from: Timestamp,
    until: Timestamp,
}

impl Issue<'_> {
    /// Certificate and private key, one after the other (specification). Keys are elliptic here, which takes a
    /// millisecond; Atlas makes RSA keys of 4096 bits.
    fn pem(&self) -> Result<String, rcgen::Error> {
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = distinguished([(DnType::CommonName, self.authority.to_owned())]);
        let issuer = Issuer::new(issuer, KeyPair::generate()?);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(self.number.to_be_bytes().to_vec()));
        // The library's instants are made from a day and an addition.
        params.not_before = date_time_ymd(1970, 1, 1) + since_1970(self.from);
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970(self.until);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // A name is written with its last part first (RFC 2253).
        params.distinguished_name =
            distinguished(self.subject.iter().rev().map(|(name, value)| (kind(name), value.clone())));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(format!("{}{}", certificate.pem(), key.serialize_pem()).replace("\r\n", "\n"))
    }
}

fn kind(name: &str) -> DnType {
    match name {
        "OU" => DnType::OrganizationalUnitName,
        "O" => DnType::OrganizationName,
        "L" => DnType::LocalityName,
        "ST" => DnType::StateOrProvinceName,
        "C" => DnType::CountryName,
        _ => DnType::CommonName,
    }
}

fn distinguished(parts: impl IntoIterator<Item = (DnType, String)>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in parts {
        name.push(kind, value);
    }
    name
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_secs(at.as_second().try_into().unwrap_or_default())
}
