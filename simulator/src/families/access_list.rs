//! The IP access list of a project.
//!
//! An entry is known by its value. An address and the block that holds only it are the same entry and come back as
//! both. A POST takes a list, writes each entry over what is there, and answers the whole list; there is no PATCH. An
//! entry with an expiry vanishes by itself.
//!
//! Security groups need a peering connection and go with it. Peering is not simulated but switched (`peered` in
//! [`crate::settings`]); what entries of security groups look like follows the specification, not a recording.
use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional};
use super::{errors, expiry, limits, project, project_mut, recorded, segment, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;

/// The name of the collection in paths.
pub const COLLECTION: &str = "accessList";

/// How long an entry may last that has an expiry (specification).
const MOST_DAYS: i64 = 7;

/// Longest comment (specification).
const LONGEST_COMMENT: usize = 80;

/// Until an entry is in force everywhere. Not measured: seconds, as users see it.
const UNTIL_ACTIVE: Quantiles = Quantiles::new(1.0, 2.0, 5.0, 15.0, 30.0, 60.0);

const FIELDS: &[body::Field] = &[
    optional("awsSecurityGroup", Shape::Text(usize::MAX)),
    optional("cidrBlock", Shape::Text(usize::MAX)),
    optional("comment", Shape::Text(usize::MAX)),
    optional("deleteAfterDate", Shape::Instant),
    optional("ipAddress", Shape::Text(usize::MAX)),
    optional("groupId", Shape::ReadOnly),
    optional("links", Shape::ReadOnly),
];

/// One entry, and whether it is in force everywhere.
#[derive(Clone)]
pub struct AccessEntry {
    pub document: Document,
    pub active: bool,
}

impl AccessEntry {
    /// The value by which the entry is known: its block or its security group.
    pub fn value(&self) -> &str {
        value_of(&self.document)
    }

    pub fn is_security_group(&self) -> bool {
        self.document.contains_key("awsSecurityGroup")
    }

    fn shown(&self, request: &Request) -> Value {
        let path = format!("/groups/{}/{COLLECTION}/{}", request.param("groupId"), segment(self.value()));
        let mut document = self.document.clone();
        document.insert("links".to_owned(), json!([request.self_link(&path)]));
        Value::Object(document)
    }
}

pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/groups/{groupId}/accessList";
    const ONE: &str = "/groups/{groupId}/accessList/{entryValue}";
    const STATUS: &str = "/groups/{groupId}/accessList/{entryValue}/status";
    vec![
        recorded(Method::Get, ALL, sets::ACCESS_LIST, list),
        recorded(Method::Post, ALL, sets::ACCESS_LIST, write),
        recorded(Method::Get, ONE, sets::ACCESS_LIST, get),
        recorded(Method::Delete, ONE, sets::ACCESS_LIST, delete),
        specified(Method::Get, STATUS, sets::ACCESS_LIST, status),
    ]
}

fn value_of(entry: &Document) -> &str {
    match body::text(entry, "awsSecurityGroup") {
        "" => body::text(entry, "cidrBlock"),
        group => group,
    }
}

/// The identifier of a security group, perhaps with the account to which it belongs: `123456789012/sg-0a1b2c3d`.
fn is_security_group(text: &str) -> bool {
    let (account, group) = text.rsplit_once('/').unwrap_or(("", text));
    let digits = group.strip_prefix("sg-").unwrap_or_default();
    !digits.is_empty()
        && digits.chars().all(|digit| digit.is_ascii_hexdigit())
        && account.chars().all(|digit| digit.is_ascii_digit())
}

/// The value of an entry, in the one spelling under which entries are kept; `None` when it is none. An address is taken
/// for its block, IPv6 addresses come out compressed (assumed).
pub fn normalized(value: &str) -> Option<String> {
    if is_security_group(value) { Some(value.to_owned()) } else { block(value) }
}

/// An address or a block, in the one spelling under which blocks are kept; `None` when it is neither. The address 0.0.0.0
/// stands for everybody (trackers of other clients; assumed for `::`).
fn block(value: &str) -> Option<String> {
    let (address, prefix) = match value.split_once('/') {
        Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
        None => (value.parse::<IpAddr>().ok()?, None),
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(if address.is_unspecified() { 0 } else { longest });
    (prefix <= longest).then(|| format!("{address}/{prefix}"))
}

/// The address of a block that holds only one.
fn single_address(block: &str) -> Option<&str> {
    let (address, prefix) = block.split_once('/')?;
    let longest = if address.contains(':') { "128" } else { "32" };
    (prefix == longest).then_some(address)
}

/// The document of one entry of a POST.
fn read(sent: &Value, peered: bool, request: &Request, client: Timestamp) -> Result<Document, ApiError> {
    let mut document = body::complete(sent, FIELDS)?;
    let addresses = ["ipAddress", "cidrBlock", "awsSecurityGroup"];
    // Some clients send the fields that they do not use as empty texts.
    let mut given = addresses
        .iter()
        .filter_map(|name| document.remove(*name).filter(|value| value != "").map(|value| (*name, value)));
    let (name, value) = given.next().ok_or_else(errors::no_address_in_entry)?;
    let second = given.next();
    drop(given);
    let written = value.as_str().unwrap_or_default();
    // Clients that read an entry send both spellings back; that is one value.
    if let Some((_, other)) = second
        && other.as_str().and_then(normalized) != normalized(written)
    {
        return Err(errors::several_addresses_in_one_entry());
    }
    document.insert("groupId".to_owned(), request.param("groupId").into());
    let comment = body::text(&document, "comment");
    if comment.chars().count() > LONGEST_COMMENT {
        return Err(errors::comment_too_long(comment));
    }
    if let Some(expiry) = body::instant(&document, "deleteAfterDate") {
        expiry::check(expiry, client, MOST_DAYS)?;
    }
    if name == "awsSecurityGroup" {
        return security_group(document, written, peered);
    }
    let block = block(written).ok_or_else(|| errors::invalid_address(written))?;
    if let Some(address) = single_address(&block) {
        document.insert("ipAddress".to_owned(), address.into());
    } else if name == "ipAddress" && !block.ends_with("/0") {
        return Err(errors::invalid_address(written));
    }
    document.insert("cidrBlock".to_owned(), block.into());
    Ok(document)
}

fn security_group(mut document: Document, written: &str, peered: bool) -> Result<Document, ApiError> {
    if !peered {
        return Err(errors::security_group_without_peering());
    }
    if document.contains_key("deleteAfterDate") {
        return Err(errors::expiry_of_security_group());
    }
    if !is_security_group(written) {
        return Err(errors::invalid_attribute("awsSecurityGroup"));
    }
    document.insert("awsSecurityGroup".to_owned(), written.into());
    Ok(document)
}

fn write(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = request.body.as_array().ok_or_else(errors::invalid_json)?;
    let (peered, client) = (world.is_peered(), world.client);
    let entries: Vec<Document> =
        sent.iter().map(|entry| read(entry, peered, request, client)).collect::<Result<_, _>>()?;
    let project = project_mut(world, request)?;
    let mut values: Vec<&str> = entries.iter().map(value_of).collect();
    values.sort_unstable();
    if values.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(errors::duplicate_addresses());
    }
    let known = |value: &&str| project.access_list.iter().any(|entry| entry.value() == *value);
    let added = values.into_iter().filter(|value| !known(value)).count();
    if let Some(limit) = limits::ACCESS_LIST_ENTRIES.exceeded_by(project, added) {
        return Err(errors::too_many_access_entries(limit));
    }
    for document in entries {
        put(world, request.param("groupId"), document);
    }
    list(world, request).map(|reply| Reply { status: 201, ..reply })
}

/// Writes one entry over what is there and sets its timers.
fn put(world: &mut World, group: &str, document: Document) {
    let subject = Subject::new(group, COLLECTION, value_of(&document));
    let expiry = body::instant(&document, "deleteAfterDate");
    let Some(project) = world.project_mut(group) else { return };
    let known = project.access_list.iter_mut().find(|entry| entry.value() == subject.name);
    let pending = known.as_ref().is_none_or(|entry| !entry.active);
    if let Some(entry) = known {
        entry.document = document;
    } else {
        project.access_list.push(AccessEntry { document, active: false });
    }
    world.cancel(&subject);
    if pending {
        let delay = world.chance.duration(&UNTIL_ACTIVE);
        world.after(delay, subject.clone(), "in force everywhere", |world, subject| {
            let entry = world
                .project_mut(&subject.group)
                .and_then(|project| project.access_list.iter_mut().find(|entry| entry.value() == subject.name));
            if let Some(entry) = entry {
                entry.active = true;
            }
        });
    }
    if let Some(expiry) = expiry {
        world.on(expiry, subject, "expires", |world, subject| {
            if let Some(project) = world.project_mut(&subject.group) {
                project.access_list.retain(|entry| entry.value() != subject.name);
            }
        });
    }
}

/// Makes the list what it was earlier, undoing every write since. What was deleted meanwhile becomes active and expires
/// as if it had just been written.
pub fn restore(world: &mut World, group: &str, earlier: Vec<AccessEntry>) {
    let Some(project) = world.project_mut(group) else { return };
    let later = std::mem::replace(&mut project.access_list, earlier);
    let revived = project.access_list.iter().filter(|entry| later.iter().all(|other| other.value() != entry.value()));
    for document in revived.map(|entry| entry.document.clone()).collect::<Vec<_>>() {
        put(world, group, document);
    }
}

fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let entries = &project(world, request)?.access_list;
    Ok(Reply::page(200, entries.iter().map(|entry| entry.shown(request)).collect()))
}

/// The entry that a path names, by address or by block.
fn entry<'a>(world: &'a World, request: &Request) -> Result<&'a AccessEntry, ApiError> {
    let asked = request.param("entryValue");
    let value = normalized(asked);
    let mut entries = project(world, request)?.access_list.iter();
    entries
        .find(|entry| value.as_deref() == Some(entry.value()))
        .ok_or_else(|| errors::access_entry_not_found(asked, request.param("groupId")))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, entry(world, request)?.shown(request)))
}

fn status(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let active = entry(world, request)?.active;
    Ok(Reply::document(200, json!({"STATUS": if active { "ACTIVE" } else { "PENDING" }})))
}

fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let value = entry(world, request)?.value().to_owned();
    let project = project_mut(world, request)?;
    project.access_list.retain(|entry| entry.value() != value);
    world.cancel(&Subject::new(request.param("groupId"), COLLECTION, &value));
    Ok(Reply::empty(204))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_address_and_its_block_are_one_entry() {
        for (written, kept) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.1/32", "192.0.2.1/32"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("0.0.0.0", "0.0.0.0/0"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("0.0.0.0/32", "0.0.0.0/32"),
            ("::", "::/0"),
            ("sg-0a1b2c3d", "sg-0a1b2c3d"),
            ("123456789012/sg-0a1b2c3d", "123456789012/sg-0a1b2c3d"),
        ] {
            assert_eq!(normalized(written).as_deref(), Some(kept));
        }
        for wrong in ["", "office", "192.0.2.1/33", "192.0.2.256", "2001:db8::/129", "192.0.2.1/", "sg-", "us/sg-1"] {
            assert_eq!(normalized(wrong), None, "{wrong}");
        }
    }
}
