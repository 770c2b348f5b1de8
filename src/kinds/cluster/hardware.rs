//! The nodes of a cluster: shards, regions, sizes and disks.
use kube::{KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    rules::all_equal,
    scaling::{AutoScaling, within},
};

/// The priority of the preferred region, and the only one an M0 can have.
pub const HIGHEST_PRIORITY: i32 = 7;

/// One shard, or the one replica set.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "self.regionConfigs.size() == 0 || self.regionConfigs[0].providerName in ['TENANT', 'FLEX'] \
         || !has(self.regionConfigs[0].priority) || self.regionConfigs[0].priority == 7"
    )
        .message("the first region is the preferred one: give it priority 7, and list the others behind it")
        .field_path(".regionConfigs"),
    validation = Rule::new(
        "!self.regionConfigs.all(region, has(region.priority)) \
         || self.regionConfigs.map(region, -region.priority).isSorted()"
    )
        .message("list the regions by priority, the highest first: 7, 6, 5, …, and those with 0 last")
        .field_path(".regionConfigs"),
    validation = Rule::new(
        "self.regionConfigs.filter(region, has(region.priority) && region.priority > 0).all(region, \
         self.regionConfigs.exists_one(other, has(other.priority) && other.priority == region.priority))"
    )
        .message("two regions have the same priority: give each region with electable nodes its own, as 7, 6, 5, …")
        .field_path(".regionConfigs"),
    validation = Rule::new(
        "self.regionConfigs.size() == 0 \
         || self.regionConfigs.exists(region, region.providerName in ['TENANT', 'FLEX']) \
         || self.regionConfigs.filter(region, has(region.electableSpecs) && has(region.electableSpecs.nodeCount)) \
            .map(region, region.electableSpecs.nodeCount).sum() in [3, 5, 7]"
    )
        .message("electableSpecs.nodeCount of all regions together must be 3, 5 or 7, so that there is a majority")
        .field_path(".regionConfigs"),
    validation = same_disk()
)]
pub struct ReplicationSpec {
    /// The regions that hold nodes of this shard, by priority, the highest first; each at most once.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["providerName".into(), "regionName".into()]))]
    pub region_configs: Vec<RegionConfig>,
    /// The zone that the shard is in: required in a GEOSHARDED cluster, where several shards may share a zone; a name
    /// without further meaning in the others. Atlas's default is Zone 1. Shards are matched by zone and by their
    /// position in it, so another name makes Atlas build the shard anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub zone_name: Option<String>,
}

/// Atlas has one disk size for all nodes of a cluster.
fn same_disk() -> Rule {
    let sizes = |specs: &str| {
        format!(
            "self.regionConfigs.filter(region, has(region.{specs}) && has(region.{specs}.diskSizeGB))\
             .map(region, region.{specs}.diskSizeGB)"
        )
    };
    let all = ["electableSpecs", "readOnlySpecs", "analyticsSpecs"].map(sizes).join(" + ");
    Rule::new(all_equal(&format!("({all})")))
        .message("diskSizeGB must be the same wherever it is given: Atlas has one disk size for all nodes of a cluster")
        .field_path(".regionConfigs")
}

/// The nodes in one region.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(self.providerName in ['TENANT', 'FLEX']) || has(self.backingProviderName)")
        .message("providerName TENANT or FLEX needs backingProviderName: AWS, AZURE or GCP, the cloud that hosts it")
        .field_path(".backingProviderName"),
    validation = Rule::new("self.providerName in ['TENANT', 'FLEX'] || !has(self.backingProviderName)")
        .message("backingProviderName is for providerName TENANT or FLEX only: remove it")
        .field_path(".backingProviderName"),
    validation = Rule::new(
        "self.providerName != 'TENANT' || (has(self.electableSpecs) && self.electableSpecs.instanceSize == 'M0' \
         && !has(self.electableSpecs.nodeCount) && !has(self.electableSpecs.diskSizeGB))"
    )
        .message("a TENANT region is an M0, whose size is fixed: write electableSpecs: {instanceSize: M0} and no more")
        .field_path(".electableSpecs"),
    validation = Rule::new("self.providerName != 'FLEX' || !has(self.electableSpecs)")
        .message("the size of a flex cluster is fixed: remove electableSpecs")
        .field_path(".electableSpecs"),
    validation = sized("readOnlySpecs"),
    validation = sized("analyticsSpecs"),
    validation = sized("autoScaling"),
    validation = sized("analyticsAutoScaling"),
    validation = Rule::new("!(self.providerName in ['TENANT', 'FLEX']) || !has(self.priority) || self.priority == 7")
        .message("the only region of an M0 or flex cluster has priority 7: write that, or leave it out")
        .field_path(".priority"),
    validation = Rule::new("self.providerName in ['TENANT', 'FLEX'] || has(self.priority)")
        .message("priority is required: 7 for the preferred region, then 6, 5, …, and 0 without electable nodes")
        .field_path(".priority"),
    validation = Rule::new(
        "self.providerName in ['TENANT', 'FLEX'] || !has(self.priority) || (self.priority > 0) == \
         (has(self.electableSpecs) && has(self.electableSpecs.nodeCount) && self.electableSpecs.nodeCount > 0)"
    )
        .message("a region with electable nodes has a priority from 7 to 1, and one without has priority 0")
        .field_path(".priority"),
    validation = of_cloud("diskIOPS", "'AWS', 'AZURE'", "AWS and AZURE"),
    validation = of_cloud("ebsVolumeType", "'AWS'", "AWS"),
    validation = dedicated_nodes("electableSpecs"),
    validation = dedicated_nodes("readOnlySpecs"),
    validation = dedicated_nodes("analyticsSpecs"),
    validation = Rule::new(
        "!has(self.electableSpecs) || !has(self.readOnlySpecs) \
         || self.electableSpecs.instanceSize == self.readOnlySpecs.instanceSize"
    )
        .message("electable and read-only nodes have the same instanceSize; only analytics nodes may differ")
        .field_path(".readOnlySpecs"),
    validation = within("electableSpecs", "autoScaling"),
    validation = within("analyticsSpecs", "analyticsAutoScaling")
)]
pub struct RegionConfig {
    /// The cloud for a dedicated cluster: AWS, AZURE or GCP. TENANT makes the cluster an M0, and FLEX a flex cluster;
    /// for those the cloud goes in backingProviderName.
    pub provider_name: Provider,
    /// The cloud that hosts an M0 or flex cluster: AWS, AZURE or GCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backing_provider_name: Option<BackingProvider>,
    /// Atlas's name for the region, as EU_WEST_1 on AWS, EUROPE_NORTH on AZURE, WESTERN_EUROPE on GCP.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Z][A-Z0-9_]*$')")
        .message("a regionName is Atlas's name of the region, in capitals and underscores, such as EU_WEST_1"))]
    pub region_name: String,
    /// Which region the primary is preferably elected in: 7 for the first region, then 6, 5, …, and 0 for a region
    /// without electable nodes. Required on dedicated clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 7))]
    pub priority: Option<i32>,
    /// Nodes that can become primary: 3, 5 or 7 over all regions of the shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electable_specs: Option<HardwareSpec>,
    /// Nodes that only serve reads near their region. They have the size of the electable ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_specs: Option<HardwareSpec>,
    /// Nodes set apart for analytics, so that long queries do not disturb the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_specs: Option<HardwareSpec>,
    /// How far Atlas may change electable and read-only nodes by itself. While it may, sizes in the specs count when
    /// nodes are made, and are then left to Atlas within the bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_scaling: Option<AutoScaling>,
    /// How far Atlas may change analytics nodes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_auto_scaling: Option<AutoScaling>,
}

/// A field that M0 and flex clusters do not have.
fn sized(field: &str) -> Rule {
    Rule::new(format!("!(self.providerName in ['TENANT', 'FLEX']) || !has(self.{field})"))
        .message(
            format!("{field} is for dedicated clusters: the size of an M0 or flex cluster is fixed; remove it")
                .as_str(),
        )
        .field_path(format!(".{field}"))
}

/// A field of the nodes that only some clouds have.
fn of_cloud(field: &str, clouds: &str, named: &str) -> Rule {
    let absent = |specs: &str| format!("(!has(self.{specs}) || !has(self.{specs}.{field}))");
    let all = ["electableSpecs", "readOnlySpecs", "analyticsSpecs"].map(absent).join(" && ");
    Rule::new(format!("self.providerName in [{clouds}] || ({all})"))
        .message(format!("{field} is for nodes on {named} only: remove it").as_str())
}

/// What Atlas must be told of the nodes of a dedicated cluster.
fn dedicated_nodes(field: &str) -> Rule {
    Rule::new(format!(
        "self.providerName in ['TENANT', 'FLEX'] || !has(self.{field}) \
         || (has(self.{field}.nodeCount) && self.{field}.instanceSize != 'M0')"
    ))
    .message(
        format!(
            "{field} of a dedicated cluster needs a nodeCount and an instanceSize from M10 up (an M0 has providerName \
             TENANT)"
        )
        .as_str(),
    )
    .field_path(format!(".{field}"))
}

/// Nodes of one role in one region.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "!self.instanceSize.contains('_NVME') || (!has(self.diskIOPS) \
         && (!has(self.ebsVolumeType) || self.ebsVolumeType != 'STANDARD'))"
    )
        .message(
            "an NVMe tier comes with disks of its own: remove diskIOPS, and let ebsVolumeType be PROVISIONED or \
             HIGH_PERFORMANCE, or leave it out"
        )
        .field_path(".instanceSize")
)]
pub struct HardwareSpec {
    /// The tier, which is memory and processors of a node: M10, M30, R40, M40_NVME; M0 for a free cluster. Not every
    /// region has every tier, and Atlas says so.
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(INSTANCE_SIZE).message(INSTANCE_SIZE_MESSAGE))]
    pub instance_size: String,
    /// How many nodes: 0 to 50. Required on dedicated clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50))]
    pub node_count: Option<i32>,
    /// The disk of each node in gigabytes, from 10; the same for all nodes of the cluster. The tier sets the upper
    /// limit. Absent, Atlas picks a size for the tier. With autoScaling.diskGB it is the least, and Atlas may add.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "diskSizeGB")]
    #[schemars(range(min = 10))]
    pub disk_size_gb: Option<i32>,
    /// Input and output operations per second of each disk, on AWS from M30 with ebsVolumeType PROVISIONED and on AZURE
    /// from M40; each shard may have its own. The size of the disk sets the limits. Absent, what the disk comes with.
    /// With autoscaling it is the least, and Atlas may add.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "diskIOPS")]
    #[schemars(range(min = 1))]
    pub disk_iops: Option<i32>,
    /// The kind of volume on AWS. Atlas's default is STANDARD; an NVMe tier has one of the two others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebs_volume_type: Option<VolumeType>,
}

/// The kind of a volume on AWS. Atlas's default is STANDARD.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VolumeType {
    /// With the operations per second that come with its size.
    Standard,
    /// With operations per second of your choice.
    Provisioned,
    /// Volumes of the fastest kind, with operations per second of your choice.
    HighPerformance,
}

/// What an instance size looks like; the list of sizes grows with every generation of machines.
pub(super) const INSTANCE_SIZE: &str = "self.matches('^[A-Z][A-Z0-9_]*$')";
/// What is said where it does not.
pub(super) const INSTANCE_SIZE_MESSAGE: &str =
    "an instance size is the name of a tier in capitals, such as M10, R40 or M40_NVME";

/// Who provides the nodes of a region.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Provider {
    /// Amazon Web Services, for a dedicated cluster.
    Aws,
    /// Microsoft Azure, for a dedicated cluster.
    Azure,
    /// Google Cloud, for a dedicated cluster.
    Gcp,
    /// Atlas itself, on hosts shared by many: an M0.
    Tenant,
    /// Atlas itself: a flex cluster.
    Flex,
}

/// The cloud that hosts an M0 or flex cluster: AWS, AZURE or GCP.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BackingProvider {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
}
