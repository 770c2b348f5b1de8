//! Who may connect from where: a list of which an object owns the entries that it declares.
use std::net::IpAddr;

use kube::{KubeSchema, core::Rule};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::VERSION;
use crate::{
    kind::{Add, Alter, Endpoint, Entries, Field, Policy, Route},
    kinds::common,
};

/// The address without any bit set belongs to no client, and Atlas takes it for all addresses: it opens the project and
/// reports another entry than the one that was asked for.
const NOBODY: &str = "no client has this address, and Atlas would take it for everybody: write cidrBlock: 0.0.0.0/0 for \
    every IPv4 address, or cidrBlock: '::/0' for every IPv6 address, if that is meant";

/// One address, range of addresses or AWS security group that may connect.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "[has(self.cidrBlock), has(self.ipAddress), has(self.awsSecurityGroup)].filter(set, set).size() == 1"
    ).message("an entry has exactly one of cidrBlock, ipAddress and awsSecurityGroup"),
    validation = Rule::new("!has(self.awsSecurityGroup) || !has(self.deleteAfterDate)")
        .message("Atlas keeps no temporary entries for security groups: remove deleteAfterDate or awsSecurityGroup")
        .field_path(".deleteAfterDate")
)]
pub struct AccessEntry {
    /// A range of IPv4 or IPv6 addresses, as network and prefix length: 203.0.113.0/24.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 49))]
    #[x_kube(
        validation = Rule::new("isCIDR(self)").message(
            "a cidrBlock is a network and its prefix length, such as 203.0.113.0/24 or 2001:db8::/32; a single \
             address goes in ipAddress"
        ),
        validation = Rule::new("!isCIDR(self) || cidr(self) == cidr(self).masked()").message(
            "the cidrBlock has bits set behind its prefix: write the first address of the range, as in 203.0.113.0/24"
        ),
        validation = Rule::new("!self.matches('^([0.]+/32|[0:.]*:[0:.]*/128)$')").message(NOBODY)
    )]
    pub cidr_block: Option<String>,
    /// One IPv4 or IPv6 address. Atlas treats it as the range of that one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    #[x_kube(
        validation = Rule::new("isIP(self)").message(
            "an ipAddress is one IPv4 or IPv6 address, such as 203.0.113.7 or 2001:db8::7; a range goes in cidrBlock"
        ),
        validation = Rule::new("!isIP(self) || !self.matches('^[0:.]+$')").message(NOBODY)
    )]
    pub ip_address: Option<String>,
    /// An AWS security group, as sg-0123456789abcdef0, with the account before it (123456789012/sg-…) when it is not
    /// the one of the peered VPC. It needs VPC peering, and goes when the last peering goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+/)?sg-[0-9a-f]+$')")
        .message("an awsSecurityGroup is the id of a security group, such as sg-0123456789abcdef0"))]
    pub aws_security_group: Option<String>,
    /// What the entry is for: at most 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub comment: Option<String>,
    /// When Atlas removes the entry by itself, as 2030-01-31T12:00:00Z: at most one week ahead. It is not made again
    /// after that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub delete_after_date: Option<String>,
}

/// Two entries for one address are one in Atlas, where the last would win at each pass. The rule knows the usual
/// spellings; [`super::once`] knows them all.
pub(super) fn no_address_twice() -> Rule {
    let address = |entry: &str| {
        format!(
            "(has({entry}.cidrBlock) ? {entry}.cidrBlock : has({entry}.awsSecurityGroup) ? {entry}.awsSecurityGroup \
             : !has({entry}.ipAddress) ? '' \
             : {entry}.ipAddress + ({entry}.ipAddress.contains(':') ? '/128' : '/32')).lowerAscii()"
        )
    };
    Rule::new(format!("self.all(one, self.exists_one(other, {} == {}))", address("one"), address("other")))
        .message("an address is listed twice: Atlas keeps one entry for it, so remove one of the two")
}

static ENTRIES: Entries = Entries {
    key,
    of: None,
    // Adding an entry that is there changes it.
    add: Add::Together(Endpoint::new("/groups/{groupId}/accessList", VERSION)),
    alter: Alter::Again,
};

pub(super) static ROUTE: Route = Route {
    names: &[("groupId", "groupId")],
    expires: Some("deleteAfterDate"),
    // Atlas documents that concurrent writes are not supported; they lose entries.
    serial: true,
    fields: &[
        Field { path: "cidrBlock", policy: Policy::Same(canonical_range) },
        Field { path: "ipAddress", policy: Policy::Same(canonical_range) },
        Field { path: "deleteAfterDate", policy: Policy::Same(common::moment) },
    ],
    ..Route::entries("/groups/{groupId}/accessList", "/groups/{groupId}/accessList/{entry}", VERSION, &ENTRIES)
};

/// The address of an entry, which is also what it is: a security group, or a range in its canonical spelling. Atlas
/// reports one address as both `ipAddress` and a range of one, and takes either in a path.
pub(super) fn key(entry: &Value) -> String {
    let text = |field: &str| entry[field].as_str();
    match text("awsSecurityGroup") {
        Some(group) => group.to_owned(),
        None => range(text("cidrBlock").or_else(|| text("ipAddress")).unwrap_or_default()),
    }
}

/// The canonical spelling of a range or address as [`Policy::Same`] wants it. Absence stays what it is.
fn canonical_range(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| Value::String(range(text)))
}

/// `1.2.3.4` is `1.2.3.4/32`, and IPv6 is written as RFC 5952 says. Anything else stays as it is.
fn range(text: &str) -> String {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return text.to_owned() };
    let whole = if address.is_ipv4() { 32 } else { 128 };
    match prefix.map(str::parse::<u8>) {
        None => format!("{address}/{whole}"),
        Some(Ok(prefix)) => format!("{address}/{prefix}"),
        Some(Err(_)) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_known_by_one_spelling_of_their_address() {
        let key = |entry: Value| key(&entry);
        let one = "198.51.100.7/32";
        assert_eq!(key(json!({"ipAddress": "198.51.100.7"})), one);
        assert_eq!(key(json!({"cidrBlock": "198.51.100.7/32"})), one);
        assert_eq!(key(json!({"ipAddress": "198.51.100.7", "cidrBlock": "198.51.100.7/32", "comment": "x"})), one);
        assert_eq!(key(json!({"cidrBlock": "2001:DB8:0:0::/32"})), "2001:db8::/32");
        assert_eq!(key(json!({"ipAddress": "2001:0db8::0007"})), "2001:db8::7/128");
        assert_eq!(key(json!({"awsSecurityGroup": "sg-0a1b2c3d"})), "sg-0a1b2c3d");
    }

    #[test]
    fn spellings_of_a_range_compare_equal_and_ranges_do_not() {
        let same = |one: &str, other: &str| canonical_range(&json!(one)) == canonical_range(&json!(other));
        assert!(same("2001:db8::/32", "2001:0DB8::/32"));
        assert!(same("198.51.100.7", "198.51.100.7/32"));
        assert!(!same("198.51.100.0/24", "198.51.100.0/25"));
        assert_eq!(canonical_range(&Value::Null), Value::Null);
    }
}
