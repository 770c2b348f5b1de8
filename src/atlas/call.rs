//! A request to Atlas as data.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;

use super::Body;

/// The date that names a version of an operation, such as `2024-08-05`. Atlas versions each operation by itself, not
/// each resource.
pub type Version = &'static str;

/// One request as data: printable and comparable, and never holding a secret in the clear.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// The path below `/api/atlas/v2`, every segment percent-encoded already: use [`path`] to build it.
    pub path: String,
    /// Query parameters in order, not encoded.
    pub query: Vec<(&'static str, String)>,
    /// The operation's path template, such as `/groups/{groupId}/clusters/{clusterName}`. Error classes, metrics and
    /// pacing go by it.
    pub template: &'static str,
    /// The version of this operation.
    pub version: Version,
    /// The document to send, if any.
    pub body: Option<Body>,
}

impl Call {
    /// Whether Atlas may change something because of this call.
    pub fn mutates(&self) -> bool {
        !self.method.is_safe()
    }
}

/// `PATCH /groups/5f/clusters/orders`, with the query if there is one and without the body.
impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)?;
        for (position, (name, value)) in self.query.iter().enumerate() {
            write!(formatter, "{}{name}={value}", if position == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// A template could not be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path {template} cannot be built: {{{slot}}} {fault}")]
pub struct MissingSlot {
    /// The template as it was given.
    pub template: String,
    /// The name of the slot, without braces.
    pub slot: String,
    /// What is wrong with it.
    pub fault: SlotFault,
}

/// Why a slot of a template could not be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotFault {
    /// No value was given for it.
    #[error("has no value")]
    Absent,
    /// The value is empty: the path would then address the collection and not the member.
    #[error("is empty")]
    Empty,
    /// The value is `.` or `..`. Every URL parser between here and Atlas reads these as steps in the path, encoded or
    /// not, so the request would reach another resource.
    #[error("is \".\" or \"..\", which no URL can carry as a name")]
    DotSegment,
}

/// All that RFC 3986 does not call unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Fills the `{slots}` of a template, encoding each value as one path segment.
///
/// The unreserved characters of RFC 3986 stay as they are and all others are percent-encoded, so no value can add a
/// segment, a query or a fragment. Values for slots that the template does not have are ignored.
pub fn path(template: &str, slots: &BTreeMap<&'static str, String>) -> Result<String, MissingSlot> {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, remaining) = after.split_once('}').unwrap_or((after, ""));
        let fault = |fault| MissingSlot { template: template.to_owned(), slot: slot.to_owned(), fault };
        let value = slots.get(slot).ok_or_else(|| fault(SlotFault::Absent))?;
        match value.as_str() {
            "" => return Err(fault(SlotFault::Empty)),
            "." | ".." => return Err(fault(SlotFault::DotSegment)),
            _ => {}
        }
        filled.push_str(before);
        filled.extend(utf8_percent_encode(value, RESERVED));
        rest = remaining;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn slots(pairs: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    #[test]
    fn every_value_is_one_segment() {
        let template = "/groups/{groupId}/databaseUsers/{databaseName}/{username}";
        for (username, encoded) in [
            ("orders-api", "orders-api"),
            ("a.b_c~d-e", "a.b_c~d-e"),
            ("../../orgs", "..%2F..%2Forgs"),
            ("a/b", "a%2Fb"),
            ("a?b=c#d", "a%3Fb%3Dc%23d"),
            ("a%2Fb", "a%252Fb"),
            ("a b+c", "a%20b%2Bc"),
            ("a;b:c@d", "a%3Bb%3Ac%40d"),
            ("CN=käse,O=x", "CN%3Dk%C3%A4se%2CO%3Dx"),
            ("arn:aws:iam::1:role/x", "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx"),
            ("...", "..."),
            ("\u{0}\n", "%00%0A"),
        ] {
            let filled =
                path(template, &slots(&[("groupId", "5f"), ("databaseName", "$external"), ("username", username)]))
                    .unwrap();
            assert_eq!(filled, format!("/groups/5f/databaseUsers/%24external/{encoded}"));
            let parsed = url::Url::parse(&format!("https://atlas.example{filled}")).unwrap();
            assert_eq!(parsed.path(), filled, "a URL parser must leave it alone");
            assert_eq!(parsed.path_segments().unwrap().count(), 5);
        }
    }

    #[test]
    fn values_that_would_address_another_resource_are_refused() {
        let template = "/groups/{groupId}/clusters/{clusterName}";
        for (given, fault) in [
            (slots(&[("groupId", "5f")]), SlotFault::Absent),
            (slots(&[("groupId", "5f"), ("clusterName", "")]), SlotFault::Empty),
            (slots(&[("groupId", "5f"), ("clusterName", ".")]), SlotFault::DotSegment),
            (slots(&[("groupId", "5f"), ("clusterName", "..")]), SlotFault::DotSegment),
        ] {
            let error = path(template, &given).unwrap_err();
            assert_eq!((error.slot.as_str(), error.fault), ("clusterName", fault));
        }
        let error = path(template, &slots(&[("groupId", "5f")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the path /groups/{groupId}/clusters/{clusterName} cannot be built: {clusterName} has no value"
        );
    }

    #[test]
    fn text_around_slots_stays() {
        assert_eq!(path("/groups", &slots(&[])).unwrap(), "/groups");
        assert_eq!(path("/groups/{groupId}:migrate", &slots(&[("groupId", "5f")])).unwrap(), "/groups/5f:migrate");
        assert_eq!(path("/groups/{groupId", &slots(&[])).unwrap_err().slot, "groupId");
    }

    #[test]
    fn a_call_prints_as_one_line_without_its_body() {
        let call = Call {
            method: Method::DELETE,
            path: "/groups/5f/clusters/a".to_owned(),
            query: vec![("retainBackups", "true".to_owned()), ("x", "1".to_owned())],
            template: "/groups/{groupId}/clusters/{clusterName}",
            version: "2023-02-01",
            body: None,
        };
        assert_eq!(call.to_string(), "DELETE /groups/5f/clusters/a?retainBackups=true&x=1");
        assert!(call.mutates());
        assert!(!Call { method: Method::GET, ..call }.mutates());
    }
}
