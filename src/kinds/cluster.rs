//! Clusters of all three flavours: dedicated, flex and M0.
//! <https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Clusters>
//!
//! Users write one shape, Atlas's own for clusters. The flavour is the `providerName` of the regions: `TENANT` is an
//! M0, `FLEX` is a flex cluster, which lives at another address in another shape, and a cloud's name is a dedicated
//! cluster. The three share one name space in a project, and none can become another in place.
use kube::{CustomResource, KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::common::{self, Placement, Tag};
use crate::{
    kind::{
        Declare, Delete, Deletion, Describe, Documents, Endpoint, Example, Field, Given, Hold, Intent, Invalid, Needs,
        Part, Policy, Route, Slots,
    },
    status::With,
};

mod hardware;
mod merge;

pub use hardware::{
    AutoScaling, BackingProvider, ComputeAutoScaling, DiskAutoScaling, HardwareSpec, Provider, RegionConfig,
    ReplicationSpec,
};

/// What the cluster should be. A field that is absent is not managed: Atlas's value stays, whoever set it. A list that
/// is present is managed whole, so an empty one empties it.
///
/// M0 and flex clusters have name, clusterType, replicationSpecs, tags and, for flex, terminationProtectionEnabled;
/// everything else is for dedicated clusters.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "atlas-operator.io",
    version = "v1",
    kind = "AtlasCluster",
    namespaced,
    status = "With<ClusterStatus>",
    shortname = "ac",
    doc = "A cluster in MongoDB Atlas: dedicated, flex or M0 (free), by the providerName of its regions."
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(SAME_FLAVOUR)
        .message(
            "a cluster cannot change between M0 (TENANT), flex (FLEX) and dedicated in place: create another cluster, \
             move the data, and delete this one"
        )
        .field_path(".replicationSpecs"),
    validation = Rule::new("self.clusterType != 'REPLICASET' || self.replicationSpecs.size() <= 1")
        .message("a REPLICASET has exactly one element in replicationSpecs; use clusterType SHARDED for more")
        .field_path(".replicationSpecs"),
    validation = Rule::new(format!(
        "(self.replicationSpecs.size() == 1 && self.replicationSpecs[0].regionConfigs.size() == 1) || !{SHARED}"
    ))
        .message("an M0 (TENANT) or flex (FLEX) cluster has exactly one region and no other beside it")
        .field_path(".replicationSpecs"),
    validation = Rule::new(all_equal(SAME_DISK))
        .message("diskSizeGB must be the same in all shards: Atlas has one disk size for all nodes of a cluster")
        .field_path(".replicationSpecs"),
    validation = dedicated_only("backupEnabled", "has(self.backupEnabled)"),
    validation = dedicated_only("pitEnabled", "has(self.pitEnabled)"),
    validation = dedicated_only("mongoDBMajorVersion", "has(self.mongoDBMajorVersion)"),
    validation = dedicated_only("versionReleaseSystem", "has(self.versionReleaseSystem)"),
    validation = dedicated_only("paused", "has(self.paused)"),
    validation = dedicated_only("clusterType", "self.clusterType != 'REPLICASET'"),
    validation = Rule::new(format!("!has(self.terminationProtectionEnabled) || !{IS_TENANT}"))
        .message("Atlas changes nothing on an M0 after creation, so protection could never be lifted: remove it")
        .field_path(".terminationProtectionEnabled"),
    validation = Rule::new(
        "!has(self.pitEnabled) || !self.pitEnabled || (has(self.backupEnabled) && self.backupEnabled)"
    )
        .message("continuous backup needs backups: set backupEnabled: true, or remove pitEnabled")
        .field_path(".pitEnabled"),
    validation = Rule::new(
        "!has(self.versionReleaseSystem) || self.versionReleaseSystem != 'CONTINUOUS' || !has(self.mongoDBMajorVersion)"
    )
        .message("with versionReleaseSystem CONTINUOUS Atlas picks the version: remove mongoDBMajorVersion")
        .field_path(".mongoDBMajorVersion")
)]
pub struct AtlasClusterSpec {
    /// Where the cluster belongs.
    #[serde(flatten)]
    pub placement: Placement,
    /// The cluster's name in Atlas, unique in the project among clusters of every kind: 1 to 64 letters, digits and
    /// hyphens. Host names are made of its first 23 characters, which must be unique too and must not end in a hyphen.
    /// It cannot be changed later.
    #[schemars(length(max = 64))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-zA-Z0-9]([a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?$')")
            .message("a cluster name has 1 to 64 letters, digits and hyphens, and starts and ends with no hyphen"),
        validation = Rule::new("self.size() <= 23 || self.substring(22, 23) != '-'")
            .message("Atlas makes host names of the first 23 characters, so the 23rd must not be a hyphen"),
        validation = Rule::new("self == oldSelf").message(
            "a cluster cannot be renamed: put the old name back, or create another cluster and move the data"
        )
    )]
    pub name: String,
    /// REPLICASET, or SHARDED with one element of replicationSpecs for each shard. It cannot be changed later.
    #[x_kube(validation = Rule::new("self == oldSelf").message(
        "the clusterType cannot be changed in place: put the old value back, or create another cluster and move the \
         data"
    ))]
    pub cluster_type: ClusterType,
    /// The shards, each with its regions and their nodes; a replica set has one element, a SHARDED cluster at most 50.
    /// Order matters: shards are told apart by their position, so append new ones at the end.
    #[schemars(length(min = 1, max = 50))]
    pub replication_specs: Vec<ReplicationSpec>,
    /// Tags of the cluster, at most 50; an empty list removes all. On an M0 they are set at creation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub tags: Option<Vec<Tag>>,
    /// Whether Atlas takes snapshots of the cluster. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_enabled: Option<bool>,
    /// Whether the cluster can be restored to any point in time. It needs backupEnabled, and Atlas switches it on with
    /// backupEnabled at creation when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pit_enabled: Option<bool>,
    /// The major version of MongoDB, as 8.0. Atlas goes up by one major version at a time and, as a rule, never down.
    /// Absent, a new cluster gets Atlas's recommended version and stays on it until somebody changes it.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "mongoDBMajorVersion")]
    #[schemars(length(max = 8))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]+[.][0-9]+$')")
        .message("a major version is two numbers in quotes, such as '8.0'"))]
    pub mongo_db_major_version: Option<String>,
    /// LTS keeps the cluster on its major version; CONTINUOUS moves it to each new release, minor ones included.
    /// Atlas's default is LTS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_release_system: Option<VersionReleaseSystem>,
    /// Whether the cluster is paused: it keeps its data, takes no connections, and takes no change until it is resumed.
    /// Atlas resumes it by itself after 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Whether Atlas refuses to delete the cluster. To delete a protected cluster set this to false, let it be applied,
    /// and then delete the object. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_protection_enabled: Option<bool>,
}

/// An M0 or a flex cluster, by any of its regions; that it has no other is a rule of its own. Rules count regions
/// instead of naming the first, so that an empty list is refused by the schema alone.
const SHARED: &str = "self.replicationSpecs.exists(shard, \
    shard.regionConfigs.exists(region, region.providerName in ['TENANT', 'FLEX']))";

const IS_TENANT: &str =
    "self.replicationSpecs.exists(shard, shard.regionConfigs.exists(region, region.providerName == 'TENANT'))";

const SAME_FLAVOUR: &str = "['TENANT', 'FLEX'].all(shared, \
    self.replicationSpecs.exists(shard, shard.regionConfigs.exists(region, region.providerName == shared)) == \
    oldSelf.replicationSpecs.exists(shard, shard.regionConfigs.exists(region, region.providerName == shared)))";

/// Within a shard another rule compares all; here the preferred regions of the shards are compared.
const SAME_DISK: &str = "self.replicationSpecs.filter(shard, shard.regionConfigs.size() > 0 \
    && has(shard.regionConfigs[0].electableSpecs) && has(shard.regionConfigs[0].electableSpecs.diskSizeGB))\
    .map(shard, shard.regionConfigs[0].electableSpecs.diskSizeGB)";

/// Whether all numbers of the list that `expression` makes are one.
fn all_equal(expression: &str) -> String {
    format!("{expression}.all(one, one == {expression}[0])")
}

/// A field that M0 and flex clusters do not have.
fn dedicated_only(field: &str, used: &str) -> Rule {
    let message = format!(
        "{field} is for dedicated clusters, and an M0 (TENANT) or flex (FLEX) cluster has no choice of it: remove it"
    );
    Rule::new(format!("!({used}) || !{SHARED}")).message(message.as_str()).field_path(format!(".{field}"))
}

/// What kind of cluster the nodes form.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ClusterType {
    /// One replica set.
    #[serde(rename = "REPLICASET")]
    ReplicaSet,
    /// Shards, each a replica set.
    #[serde(rename = "SHARDED")]
    Sharded,
}

/// LTS keeps the cluster on its major version; CONTINUOUS moves it to each new release, minor ones included. Atlas's
/// default is LTS.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VersionReleaseSystem {
    /// Only patches of its major version.
    Lts,
    /// Every release.
    Continuous,
}

/// What a cluster reports of itself beside the common part.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Atlas's name for the state it is in: IDLE, CREATING, UPDATING, REPAIRING, DELETING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_name: Option<String>,
    /// The version of MongoDB that it runs, with its patch: 8.0.29.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "mongoDBVersion")]
    pub mongo_db_version: Option<String>,
    /// Addresses to connect to, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_strings: Option<ConnectionStrings>,
}

/// Addresses to connect to, as Atlas reports them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionStrings {
    /// With every host in it: mongodb://…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<String>,
    /// With a DNS name that leads to the hosts: mongodb+srv://…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_srv: Option<String>,
    /// As standard, over VPC peering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
    /// As standardSrv, over VPC peering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_srv: Option<String>,
}

/// Dedicated clusters and M0s. The version of GET is older than that of POST and PATCH, and DELETE's older still,
/// because each is the newest that its operation has.
static CLUSTER: Route = Route {
    read: Endpoint::new(CLUSTER_ADDRESS, "2024-08-05"),
    delete: Delete::Delete(Endpoint::new(CLUSTER_ADDRESS, "2023-02-01")),
    state: Some("stateName"),
    created: Some("createDate"),
    fields: &[
        Field { path: "name", policy: Policy::Immutable },
        Field { path: "clusterType", policy: Policy::Immutable },
        Field { path: "tags", policy: Policy::Set(&["key"]) },
        Field { path: "replicationSpecs", policy: Policy::Whole(merge::merge) },
        Field { path: "paused", policy: Policy::Alone },
    ],
    yields: Some(merge::yields),
    guard: Some(guard),
    ..Route::document("/groups/{groupId}/clusters", CLUSTER_ADDRESS, "2024-10-23")
};

const CLUSTER_ADDRESS: &str = "/groups/{groupId}/clusters/{clusterName}";

/// Flex clusters, which the address above answers with an error.
static FLEX: Route = Route {
    state: Some("stateName"),
    created: Some("createDate"),
    fields: &[
        Field { path: "name", policy: Policy::Immutable },
        Field { path: "providerSettings", policy: Policy::Immutable },
        Field { path: "tags", policy: Policy::Set(&["key"]) },
    ],
    guard: Some(guard),
    ..Route::document("/groups/{groupId}/flexClusters", "/groups/{groupId}/flexClusters/{name}", "2024-11-13")
};

/// What Atlas would refuse, or do by halves, in the state that it reports.
fn guard(intent: Intent, desired: &Value, observed: &Value) -> Option<Hold> {
    let hold = |path, message: &str| Some(Hold { path, message: message.to_owned(), lift: None });
    match intent {
        Intent::Update if is_tenant(observed) => hold(
            "spec.replicationSpecs",
            "Atlas changes nothing on an M0 after creation. Put the old values back, or create a flex or dedicated \
             cluster under another name and move the data.",
        ),
        Intent::Update if observed["paused"] == true && desired["paused"] != false => hold(
            "spec.paused",
            "The cluster is paused, and Atlas refuses changes to a paused cluster. Set spec.paused: false to resume \
             it and apply the changes.",
        ),
        Intent::Delete if observed["terminationProtectionEnabled"] == true => hold(
            "spec.terminationProtectionEnabled",
            "The cluster is protected from termination, so Atlas refuses to delete it. Switch the protection off in \
             Atlas and it is deleted; before deleting an object, set spec.terminationProtectionEnabled: false and let \
             it be applied.",
        ),
        Intent::Update | Intent::Delete => None,
    }
}

fn is_tenant(document: &Value) -> bool {
    document["replicationSpecs"][0]["regionConfigs"][0]["providerName"] == "TENANT"
}

/// Those of the fields that are there and are text.
fn texts(document: &Value, fields: &[&str]) -> Map<String, Value> {
    let text = |field: &&str| Some(((*field).to_owned(), Value::String(document[*field].as_str()?.to_owned())));
    fields.iter().filter_map(text).collect()
}

impl Describe for AtlasCluster {
    const KIND: &'static str = "AtlasCluster";
    const PLURAL: &'static str = "atlasclusters";
    const DELETION: Deletion = Deletion::Retain;

    fn examples() -> Vec<Example> {
        vec![
            Example {
                name: "dedicated",
                manifest: include_str!("cluster/dedicated.yaml"),
                edit: Some(("/tags/0/value", r#""staging""#)),
                drift: Some(("/groups/{groupId}/clusters/orders", r#"{"tags": [{"key": "env", "value": "lost"}]}"#)),
            },
            Example {
                name: "dedicated in three regions, autoscaled",
                manifest: include_str!("cluster/regions.yaml"),
                edit: Some(("/replicationSpecs/0/regionConfigs/2/electableSpecs/nodeCount", "3")),
                drift: Some(("/groups/{groupId}/clusters/catalogue", r#"{"backupEnabled": false}"#)),
            },
            Example {
                name: "sharded",
                manifest: include_str!("cluster/sharded.yaml"),
                edit: Some(("/replicationSpecs/1/regionConfigs/0/electableSpecs/instanceSize", r#""M40""#)),
                drift: Some(("/groups/{groupId}/clusters/events", r#"{"terminationProtectionEnabled": true}"#)),
            },
            Example {
                name: "flex",
                manifest: include_str!("cluster/flex.yaml"),
                edit: Some(("/tags/0/value", r#""test""#)),
                drift: Some(("/groups/{groupId}/flexClusters/trial", r#"{"terminationProtectionEnabled": true}"#)),
            },
            Example { name: "M0", manifest: include_str!("cluster/m0.yaml"), edit: None, drift: None },
        ]
    }
}

impl AtlasClusterSpec {
    fn region(&self) -> Option<&RegionConfig> {
        self.replication_specs.first()?.region_configs.first()
    }

    /// The document of a flex cluster, which is another than that of all others.
    fn flex(&self, region: &RegionConfig) -> Result<Value, Invalid> {
        let mut document = common::document(self, &["clusterType", "replicationSpecs"])?;
        document["providerSettings"] =
            json!({"backingProviderName": region.backing_provider_name, "regionName": region.region_name});
        Ok(document)
    }

    /// An M0 has one region, of the one priority there can be, and Atlas is always told so.
    fn cluster(&self) -> Result<Value, Invalid> {
        let mut spec = self.clone();
        for region in spec.replication_specs.iter_mut().flat_map(|shard| &mut shard.region_configs) {
            if region.provider_name == Provider::Tenant {
                region.priority = Some(hardware::HIGHEST_PRIORITY);
            }
        }
        common::document(&spec, &[])
    }
}

impl Declare for AtlasClusterSpec {
    fn needs(&self) -> Needs {
        self.placement.needs()
    }

    fn parts(&self, _given: &Given) -> Result<Vec<Part>, Invalid> {
        let (route, slot, desired) = match self.region() {
            Some(region) if region.provider_name == Provider::Flex => (&FLEX, "name", self.flex(region)?),
            _ => (&CLUSTER, "clusterName", self.cluster()?),
        };
        let slots = Slots::from([(slot, self.name.clone())]);
        Ok(vec![Part { slots, ..Part::new("cluster", route, desired) }])
    }

    fn report(&self, observed: &Documents) -> Value {
        let Some(cluster) = observed.get("cluster") else { return json!({}) };
        let mut status = texts(cluster, &["stateName", "mongoDBVersion"]);
        let strings = texts(&cluster["connectionStrings"], &["standard", "standardSrv", "private", "privateSrv"]);
        if !strings.is_empty() {
            status.insert("connectionStrings".to_owned(), Value::Object(strings));
        }
        Value::Object(status)
    }

    fn atlas_name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

#[cfg(test)]
mod tests;
