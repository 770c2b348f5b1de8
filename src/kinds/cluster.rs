//! Clusters of all three flavours: dedicated, flex and M0.
//! <https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Clusters>
//!
//! Users write one shape, Atlas's own for clusters. The flavour is the `providerName` of the regions: `TENANT` is an
//! M0, `FLEX` is a flex cluster, which lives at another address in another shape, and a cloud's name is a dedicated
//! cluster. The three share one name space in a project, and an M0 or flex cluster can be upgraded in place.
//!
//! What is where: the shape of the spec in [`hardware`], [`scaling`], [`options`] and [`words`], what `kubectl apply` refuses in
//! `rules`, the addresses and what Atlas allows in which state in `route` and `passage`, whose shard is whose in
//! `shards`, what autoscaling may change and what a PATCH carries in `merge`, what users see in [`status`], and the way
//! back from documents to a spec in `import`.
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{self, Label, Placement, Tag};
use crate::{
    kind::{Blames, Declare, Deletion, Describe, Documents, Example, Given, Invalid, Needs, Part, Route, Shape, Slots},
    status::{OperationType, With},
};

mod errors;
mod examples;
pub mod hardware;
mod import;
mod merge;
mod moved;
pub mod options;
mod passage;
mod route;
mod rules;
pub mod scaling;
mod shards;
mod size;
pub mod status;
mod version;
pub mod words;

use hardware::{Provider, RegionConfig, ReplicationSpec};
use options::{AdvancedConfiguration, BiConnector, ManagedNamespace, ProcessArgs, VersionPin, ZoneMapping};
pub use route::known_by;
use rules::{dedicated_only, dedicated_only_if};
use status::ClusterStatus;
pub use status::connection_strings;
use words::{
    AdaptiveCapacity, ClusterType, ConfigServers, DiskWarming, EncryptionProvider, RootCertificate, ScalingStrategy,
    VersionReleaseSystem,
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
#[schemars(transform = crate::kind::definition::descriptions_of_fields)]
#[x_kube(
    validation = rules::upgrades_only(),
    validation = rules::shared_region_stays(),
    validation = rules::scaled_shards_stay(),
    validation = Rule::new("self.clusterType != 'REPLICASET' || self.replicationSpecs.size() <= 1")
        .message("a REPLICASET has exactly one element in replicationSpecs; use clusterType SHARDED for more")
        .field_path(".replicationSpecs"),
    validation = rules::shared_is_alone(),
    validation = rules::same_disk(),
    validation = dedicated_only("labels"),
    validation = dedicated_only("backupEnabled"),
    validation = dedicated_only("pitEnabled"),
    validation = dedicated_only("retainBackups"),
    validation = dedicated_only("mongoDBMajorVersion"),
    validation = dedicated_only("versionReleaseSystem"),
    validation = dedicated_only("featureCompatibilityVersionPin"),
    validation = dedicated_only("paused"),
    validation = dedicated_only("resumeForChanges"),
    validation = dedicated_only("biConnector"),
    validation = dedicated_only("advancedConfiguration"),
    validation = dedicated_only("processArgs"),
    validation = dedicated_only("encryptionAtRestProvider"),
    validation = dedicated_only("redactClientLogData"),
    validation = dedicated_only("replicaSetScalingStrategy"),
    validation = dedicated_only("diskWarmingMode"),
    validation = dedicated_only("rootCertType"),
    validation = dedicated_only("adaptiveCapacity"),
    validation = dedicated_only("useAwsTimeBasedSnapshotCopyForFastInitialSync"),
    validation = dedicated_only_if("clusterType", "self.clusterType != 'REPLICASET'"),
    validation = Rule::new(format!("!has(self.terminationProtectionEnabled) || !{}", rules::IS_TENANT))
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
        .field_path(".mongoDBMajorVersion"),
    validation = rules::version_does_not_fall(),
    validation = rules::version_rises_by_one(),
    validation = Rule::new("!has(self.resumeForChanges) || (has(self.paused) && self.paused)")
        .message("resumeForChanges says what happens while paused is true: set paused: true, or remove it")
        .field_path(".resumeForChanges"),
    validation = rules::oplog_window_needs_growing_disks(),
    validation = rules::nvme_needs_backup(),
    validation = rules::nvme_is_not_paused(),
    validation = rules::sharded_only("configServerManagementMode"),
    validation = rules::own_sharding_is_global(),
    validation = rules::atlas_managed_zones_only("managedNamespaces"),
    validation = rules::atlas_managed_zones_only("customZoneMapping"),
    validation = rules::zones_are_named(),
    validation = rules::mapped_zones_exist(),
    validation = rules::snapshot_copies_are_for_aws(),
    validation = rules::analytics_reads_need_nodes()
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
    /// REPLICASET; SHARDED with one element of replicationSpecs for each shard; or GEOSHARDED, a global cluster, whose
    /// shards lie in zones. It can be changed in this order later, and never back.
    #[x_kube(validation = Rule::new("self == oldSelf || oldSelf == 'REPLICASET' || self == 'GEOSHARDED'").message(
        "a cluster goes from REPLICASET to SHARDED to GEOSHARDED and never back: put the old clusterType back, or \
         create another cluster and move the data"
    ))]
    pub cluster_type: ClusterType,
    /// The shards, each with its regions and their nodes; a replica set has one element, a sharded cluster at most 50.
    /// Shards are told apart by zoneName and by their position among those of the zone, so append new ones at the end.
    #[schemars(length(min = 1, max = 50))]
    pub replication_specs: Vec<ReplicationSpec>,
    /// Tags of the cluster, at most 50; an empty list removes all. On an M0 they are set at creation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = common::once_in(&["key"], common::TAG_TWICE))]
    pub tags: Option<Vec<Tag>>,
    /// Labels of the cluster, which Atlas's console does not show and which Atlas is about to give up: use tags. An
    /// empty list removes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = common::once_in(&["key"], common::LABEL_TWICE))]
    pub labels: Option<Vec<Label>>,
    /// Whether Atlas takes snapshots of the cluster; required on NVMe tiers. Atlas's default is false. False ends
    /// continuous backup as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_enabled: Option<bool>,
    /// Whether the cluster can be restored to any point in time. It needs backupEnabled, which does not switch it on.
    /// Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pit_enabled: Option<bool>,
    /// Whether the snapshots stay in Atlas when the cluster is deleted with its object. Absent, Atlas deletes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_backups: Option<bool>,
    /// The major version of MongoDB, as 8.0. Atlas goes up by one major version at a time, and down only to the version
    /// that featureCompatibilityVersionPin holds. Absent, a new cluster gets Atlas's recommended version and stays on
    /// it until somebody changes it.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "mongoDBMajorVersion")]
    #[schemars(length(max = 8))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]+[.][0-9]+$')")
        .message("a major version is two numbers in quotes, such as '8.0'"))]
    pub mongo_db_major_version: Option<String>,
    /// LTS keeps the cluster on its major version; CONTINUOUS moves it to each new release, minor ones included.
    /// Atlas's default is LTS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_release_system: Option<VersionReleaseSystem>,
    /// Whether the data keeps the format that it has now while mongoDBMajorVersion goes up, so that the cluster can
    /// return to the older version. Absent, it is not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_compatibility_version_pin: Option<VersionPin>,
    /// Whether the cluster is paused: it keeps its data, takes no connections, and takes no change until it is resumed.
    /// Atlas resumes it by itself after 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Whether a paused cluster is resumed when something else of the spec changes, and paused again afterwards. Absent
    /// or false, changes wait until paused is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_for_changes: Option<bool>,
    /// Whether Atlas refuses to delete the cluster. A deleted object with false here has protection that somebody
    /// switched on in Atlas switched off first; with true or nothing the deletion waits. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_protection_enabled: Option<bool>,
    /// Which versions of TLS, and which ciphers, the cluster accepts from its clients. All other settings of the
    /// processes are in processArgs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advanced_configuration: Option<AdvancedConfiguration>,
    /// Arguments of the database processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_args: Option<ProcessArgs>,
    /// The connector that shows the data to tools for business intelligence as tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bi_connector: Option<BiConnector>,
    /// Whose key management encrypts the disks with your own key, which the project must be set up for; NONE for
    /// Atlas's keys. Atlas's default is NONE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_at_rest_provider: Option<EncryptionProvider>,
    /// Whether values of documents are left out of the log. A change restarts the nodes one by one. Atlas's default is
    /// false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redact_client_log_data: Option<bool>,
    /// In which order nodes change their size: SEQUENTIAL one by one; WORKLOAD_TYPE, Atlas's default, analytics nodes
    /// beside the others; NODE_TYPE electable nodes beside all others, which is the fastest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_set_scaling_strategy: Option<ScalingStrategy>,
    /// When new nodes take reads: FULLY_WARMED, Atlas's default, once their disks are warm; VISIBLE_EARLIER before that;
    /// ENHANCED_FULLY_WARMED once more of the disks is warm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_warming_mode: Option<DiskWarming>,
    /// The authority that signs the certificates which the nodes show to clients. Atlas has one: ISRGROOTX1, of Let's
    /// Encrypt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cert_type: Option<RootCertificate>,
    /// Whether Atlas may build nodes on Azure from another family of machines when the usual one is sold out: ENABLED,
    /// or DISABLED to have such a change fail instead. Of no effect on other clouds. Atlas's default is what the project
    /// says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_capacity: Option<AdaptiveCapacity>,
    /// Whether nodes in other regions of AWS are filled from copies of snapshots that arrive in a set time. Atlas's
    /// default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_aws_time_based_snapshot_copy_for_fast_initial_sync: Option<bool>,
    /// Whether Atlas may move the config servers of a sharded cluster onto its shards (ATLAS_MANAGED, its default), or
    /// they stay on machines of their own (FIXED_TO_DEDICATED).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_server_management_mode: Option<ConfigServers>,
    /// Whether you shard the collections of a GEOSHARDED cluster yourself, instead of Atlas by managedNamespaces. It
    /// cannot be changed after creation. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message(
        "who shards a global cluster is settled at its creation: put the old value back, or create another cluster and \
         move the data"
    ))]
    pub global_cluster_self_managed_sharding: Option<bool>,
    /// Collections of a GEOSHARDED cluster whose documents Atlas keeps in the zones of their locations. Those that are
    /// declared are kept true, those that others made are left alone, and one that leaves the list, or leaves with the
    /// whole list, is no longer managed by Atlas but keeps its data. Atlas changes none in place, so another key means no
    /// longer managed, then managed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["db".into(), "collection".into()]))]
    pub managed_namespaces: Option<Vec<ManagedNamespace>>,
    /// Which zone of a GEOSHARDED cluster keeps the documents of which place; a place that is not listed belongs to the
    /// nearest zone. Those that others made are left alone. Atlas removes mappings only all at once, so those of the list
    /// are set anew when one leaves it, and none is removed while there are some that others made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["location".into()]))]
    pub custom_zone_mapping: Option<Vec<ZoneMapping>>,
}

impl Describe for AtlasCluster {
    const KIND: &'static str = "AtlasCluster";
    const PLURAL: &'static str = "atlasclusters";
    const DELETION: Deletion = Deletion::Retain;
    const BLAMES: Blames = errors::BLAMES;

    fn examples() -> Vec<Example> {
        examples::all()
    }

    fn import(observed: &Documents) -> Value {
        import::spec(observed)
    }
}

/// The names of the documents that a cluster may have, the cluster's own first.
const CLUSTER: &str = "cluster";
const PROCESS_ARGS: &str = "processArgs";
const MANAGED_NAMESPACES: &str = "managedNamespaces";
const CUSTOM_ZONE_MAPPING: &str = "customZoneMapping";

impl AtlasClusterSpec {
    /// The fields that are not in the document of the cluster: those of other documents, those that say how to deal
    /// with it, and what is said by a call of its own.
    const ELSEWHERE: [&str; 6] = [
        PROCESS_ARGS,
        MANAGED_NAMESPACES,
        CUSTOM_ZONE_MAPPING,
        "retainBackups",
        "resumeForChanges",
        "featureCompatibilityVersionPin",
    ];

    fn region(&self) -> Option<&RegionConfig> {
        self.replication_specs.first()?.region_configs.first()
    }

    /// The one region of a flex cluster.
    fn flex_region(&self) -> Option<&RegionConfig> {
        self.region().filter(|region| region.provider_name == Provider::Flex)
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
        let mut document = common::document(&spec, &Self::ELSEWHERE)?;
        if let Some(pin) = &self.feature_compatibility_version_pin {
            document[version::PIN] = match &pin.expiration_date {
                Some(until) => json!(until),
                None if pin.enabled => json!(version::PINNED),
                None => Value::Null,
            };
        }
        Ok(document)
    }

    /// The documents that come with a cluster, of those that the spec says something about.
    fn beside(&self, slots: &Slots) -> Result<Vec<Part>, Invalid> {
        let spec = serde_json::to_value(self).map_err(|error| Invalid::new("spec", error.to_string()))?;
        let parts = [
            (PROCESS_ARGS, &route::PROCESS_ARGS),
            (MANAGED_NAMESPACES, &route::MANAGED_NAMESPACES),
            (CUSTOM_ZONE_MAPPING, &route::CUSTOM_ZONE_MAPPING),
        ];
        let of = |(name, route): (&'static str, &'static Route)| match (&spec[name], route.shape) {
            (Value::Null, Shape::Entries(_)) => Some(Part::undeclared(name, route)),
            (Value::Null, Shape::Document) => None,
            (wanted, _) => Some(Part::new(name, route, wanted.clone())),
        };
        Ok(parts.into_iter().filter_map(of).map(|part| Part { slots: slots.clone(), ..part }).collect())
    }
}

impl Declare for AtlasClusterSpec {
    fn needs(&self) -> Needs {
        self.placement.needs()
    }

    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        let cluster = self.itself(given)?;
        let beside = if self.flex_region().is_some() { Vec::new() } else { self.beside(&cluster.slots)? };
        Ok([vec![cluster], beside].concat())
    }

    fn itself(&self, _given: &Given) -> Result<Part, Invalid> {
        // Each API has its own word for the name, and on its way from one to the other a cluster is asked for by both.
        let slots = Slots::from([("clusterName", self.name.clone()), ("name", self.name.clone())]);
        if let Some(region) = self.flex_region() {
            return Ok(Part { slots, ..Part::new(CLUSTER, &route::FLEX, self.flex(region)?) });
        }
        let route = if self.resume_for_changes == Some(true) { &route::RESUMABLE } else { &route::CLUSTER };
        let retained = self.retain_backups.map(|retained| ("retainBackups", retained.to_string()));
        Ok(Part { slots, at_deletion: retained.into_iter().collect(), ..Part::new(CLUSTER, route, self.cluster()?) })
    }

    fn report(&self, observed: &Documents) -> Value {
        observed.get(CLUSTER).map_or_else(|| json!({}), status::report)
    }

    fn usually(&self, operation: OperationType, _observed: &Documents) -> Option<&'static str> {
        Some(status::usually(operation, self))
    }

    fn remark(&self, observed: &Documents) -> Option<&'static str> {
        let is_paused = observed.get(CLUSTER).is_some_and(status::is_paused);
        is_paused.then_some("The cluster is paused: it takes no connections.")
    }

    fn atlas_name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

#[cfg(test)]
mod tests;
