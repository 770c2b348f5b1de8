//! Projects: the containers of clusters, users and network rules.
//! <https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Projects>
//!
//! A project owns three documents: the group itself, its settings (which come with it, with Atlas's defaults), and
//! the entries of its IP access list that the spec names.
use std::{collections::BTreeSet, net::IpAddr};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{self, SecretPointer, Tag};
use crate::{
    kind::{
        Add, Alter, Declare, Deletion, Describe, Endpoint, Entries, Example, Field, Given, Home, Invalid, Needs, Part,
        Policy, Route, Slots,
    },
    status::Common,
};

/// What the project should be. A field that is absent is not managed: Atlas's value stays, whoever set it. A list that
/// is present is managed whole, so an empty one empties it.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "atlas-operator.io",
    version = "v1",
    kind = "AtlasProject",
    namespaced,
    status = "Common",
    shortname = "ap",
    doc = "A project in MongoDB Atlas: it holds clusters, database users, and who may connect from where."
)]
#[serde(rename_all = "camelCase")]
pub struct AtlasProjectSpec {
    /// The project's name in Atlas, unique in the organization: 1 to 64 letters, digits, spaces and characters of
    /// -_.(),:&@+'. Changing it renames the project.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(r"self.matches('^[\\p{L}\\p{N} \\-_.(),:&@+\']{1,64}$')")
        .message("a project name has 1 to 64 letters, digits, spaces and characters of -_.(),:&@+'"))]
    pub name: String,
    /// The Secret, in this object's namespace, with the credentials for Atlas: the key orgId, and either publicApiKey
    /// and privateApiKey or clientId and clientSecret. They also serve all objects that refer to this project and name
    /// none of their own. Without it those the operator was given for all are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secret_ref: Option<SecretPointer>,
    /// Other namespaces whose objects may refer to this project. Objects of its own namespace always may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_namespaces: Option<Vec<String>>,
    /// Tags of the project, at most 50; an empty list removes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub tags: Option<Vec<Tag>>,
    /// What is switched on for everybody who works in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// Addresses that may connect to the clusters of the project, at most 200. Entries that are not listed here and
    /// were never made by this object are left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub ip_access_list: Option<Vec<AccessEntry>>,
}

/// Switches of a project. Atlas adds some over time and gives each a default; only those set here are managed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Whether the AI assistant may be used on clusters of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_cluster_ai_assistant_enabled: Option<bool>,
    /// Whether statistics are collected for each database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_collect_database_specifics_statistics_enabled: Option<bool>,
    /// Whether documents can be looked at and changed in the Data Explorer of the Atlas console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_data_explorer_enabled: Option<bool>,
    /// Whether the Data Explorer may use generative AI, which sends requests to services outside of Atlas.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "isDataExplorerGenAIFeaturesEnabled")]
    pub is_data_explorer_gen_ai_features_enabled: Option<bool>,
    /// Whether the generative AI of the Data Explorer may be shown samples of field values. Atlas's default is false.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "isDataExplorerGenAISampleDocumentPassingEnabled"
    )]
    pub is_data_explorer_gen_ai_sample_document_passing_enabled: Option<bool>,
    /// Whether data validation runs on the clusters of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_data_validation_enabled: Option<bool>,
    /// Whether clusters may have more storage than their tier ordinarily allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_extended_storage_sizes_enabled: Option<bool>,
    /// Whether aggregations may re-rank results with a language model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_native_reranking_enabled: Option<bool>,
    /// Whether the Performance Advisor and the Query Profiler are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_performance_advisor_enabled: Option<bool>,
    /// Whether the real-time performance panel is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_realtime_performance_panel_enabled: Option<bool>,
    /// Whether the Schema Advisor is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_schema_advisor_enabled: Option<bool>,
}

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
        )
    )]
    pub cidr_block: Option<String>,
    /// One IPv4 or IPv6 address. Atlas treats it as the range of that one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    #[x_kube(validation = Rule::new("isIP(self)").message(
        "an ipAddress is one IPv4 or IPv6 address, such as 203.0.113.7 or 2001:db8::7; a range goes in cidrBlock"
    ))]
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

/// The version of every operation on projects, their settings and access lists.
const VERSION: &str = "2023-01-01";

static GROUP: Route = Route {
    find: Some(Endpoint::new("/groups/byName/{name}", VERSION)),
    id_slot: Some("groupId"),
    created: Some("created"),
    fields: &[Field { path: "tags", policy: Policy::Set(&["key"]) }],
    ..Route::document("/groups", "/groups/{groupId}", VERSION)
};

static SETTINGS: Route = Route::singleton("/groups/{groupId}/settings", VERSION);

static ACCESS_LIST: Route = Route {
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

static ENTRIES: Entries = Entries {
    key: entry_key,
    of: None,
    add: Add::Together(Endpoint::new("/groups/{groupId}/accessList", VERSION)),
    alter: Alter::Again,
};

impl Describe for AtlasProject {
    const KIND: &'static str = "AtlasProject";
    const PLURAL: &'static str = "atlasprojects";
    const DELETION: Deletion = Deletion::Retain;

    fn examples() -> Vec<Example> {
        vec![Example {
            name: "tags, settings and access list",
            manifest: include_str!("project/example.yaml"),
            edit: Some(("/tags/0/value", r#""payments""#)),
            drift: Some(("/groups/{groupId}/settings", r#"{"isSchemaAdvisorEnabled": false}"#)),
        }]
    }
}

impl Declare for AtlasProjectSpec {
    fn needs(&self) -> Needs {
        Needs {
            credentials: self.connection_secret_ref.as_ref().map(|secret| secret.name.clone()),
            allowed_namespaces: self.allowed_namespaces.clone().unwrap_or_default(),
            ..Needs::at(Home::Organization)
        }
    }

    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        let group = common::document(self, &["allowedNamespaces", "settings", "ipAccessList"])?;
        let mut parts = vec![Part {
            slots: Slots::from([("name", self.name.clone())]),
            at_creation: json!({"orgId": given.org_id}),
            ..Part::new("group", &GROUP, group)
        }];
        if let Some(settings) = &self.settings {
            parts.push(Part::new("settings", &SETTINGS, common::document(settings, &[])?));
        }
        if let Some(entries) = &self.ip_access_list {
            let entries = entries.iter().map(|entry| common::document(entry, &[])).collect::<Result<Vec<_>, _>>()?;
            different(&entries)?;
            parts.push(Part::new("ipAccessList", &ACCESS_LIST, Value::Array(entries)));
        }
        Ok(parts)
    }
}

/// Two spellings of one address are one entry in Atlas, where the last would win at each pass. The schema cannot tell.
fn different(entries: &[Value]) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let key = entry_key(entry);
        if seen.contains(&key) {
            let message = format!("{key} is listed twice: Atlas keeps one entry for it, so remove one of the two.");
            return Err(Invalid::new(format!("spec.ipAccessList[{index}]"), message));
        }
        seen.insert(key);
    }
    Ok(())
}

/// The address of an entry, which is also what it is: a security group, or a range in its canonical spelling. Atlas
/// reports one address as both `ipAddress` and a range of one, and takes either in a path.
fn entry_key(entry: &Value) -> String {
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
mod tests;
