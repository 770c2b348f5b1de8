//! The rules over the whole of a cluster, in CEL: what `kubectl apply` can know by itself.
//!
//! Rules ask for any region instead of naming the first, so that an empty list is refused by the schema alone and not
//! by an error of the rules as well.
use kube::core::Rule;

/// An M0 or a flex cluster, by any of its regions; that it has no other is a rule of its own.
pub(super) const SHARED: &str = "self.replicationSpecs.exists(shard, \
    shard.regionConfigs.exists(region, region.providerName in ['TENANT', 'FLEX']))";

pub(super) const IS_TENANT: &str = "self.replicationSpecs.exists(shard, \
    shard.regionConfigs.exists(region, region.providerName == 'TENANT'))";

/// M0, flex, dedicated: never down.
pub(super) fn upgrades_only() -> Rule {
    let any = |object: &str, providers: &str| {
        format!(
            "{object}.replicationSpecs.exists(shard, shard.regionConfigs.exists(region, \
             region.providerName in [{providers}]))"
        )
    };
    Rule::new(format!(
        "(!{} || {}) && (!{} || {})",
        any("self", "'TENANT', 'FLEX'"),
        any("oldSelf", "'TENANT', 'FLEX'"),
        any("self", "'TENANT'"),
        any("oldSelf", "'TENANT'")
    ))
    .message(
        "a cluster goes from M0 (TENANT) to flex (FLEX) to dedicated and never back: put the old providerName back, or \
         create another cluster, move the data, and delete this one",
    )
    .field_path(".replicationSpecs")
}

/// An M0 and a flex cluster stay where they are as long as they are one. They have one region, which another rule sees
/// to; to compare all regions with all would cost the API server too much.
pub(super) fn shared_region_stays() -> Rule {
    let only = |object: &str| format!("{object}.replicationSpecs[0].regionConfigs[0]");
    let is_one = |object: &str| {
        format!("{object}.replicationSpecs.size() == 1 && {object}.replicationSpecs[0].regionConfigs.size() == 1")
    };
    let (region, before) = (only("self"), only("oldSelf"));
    Rule::new(format!(
        "!({} && {}) || !({region}.providerName in ['TENANT', 'FLEX']) \
         || {region}.providerName != {before}.providerName \
         || ({region}.regionName == {before}.regionName \
         && has({region}.backingProviderName) == has({before}.backingProviderName) \
         && (!has({region}.backingProviderName) || {region}.backingProviderName == {before}.backingProviderName))",
        is_one("self"),
        is_one("oldSelf")
    ))
    .message(
        "an M0 or flex cluster cannot move to another region: put the old region back, or upgrade it to a dedicated \
         cluster",
    )
    .field_path(".replicationSpecs")
}

/// An M0 or flex cluster is one replica set in one region.
pub(super) fn shared_is_alone() -> Rule {
    Rule::new(format!(
        "(self.replicationSpecs.size() == 1 && self.replicationSpecs[0].regionConfigs.size() == 1) || !{SHARED}"
    ))
    .message("an M0 (TENANT) or flex (FLEX) cluster has exactly one region and no other beside it")
    .field_path(".replicationSpecs")
}

/// While Atlas moves nodes to other sizes it may add shards that look as those of the spec do, so a shard that the spec
/// no longer has is not told from one of Atlas's own.
pub(super) fn scaled_shards_stay() -> Rule {
    let scaled = |object: &str| {
        format!(
            "{object}.replicationSpecs.filter(shard, shard.regionConfigs.exists(region, has(region.autoScaling) \
             && has(region.autoScaling.compute) && has(region.autoScaling.compute.enabled) \
             && region.autoScaling.compute.enabled)).size()"
        )
    };
    let (now, before) = (scaled("self"), scaled("oldSelf"));
    Rule::new(format!(
        "self.replicationSpecs.size() >= oldSelf.replicationSpecs.size() || {now} == 0 || {now} >= {before}"
    ))
    .message(
        "a shard stays while autoScaling.compute is enabled, for Atlas may have added it: take it out together with \
         enabled: false in all the others, and enable that again once the shard is gone",
    )
    .field_path(".replicationSpecs")
}

/// Within a shard another rule compares all; here the preferred regions of the shards are compared.
const DISKS: &str = "self.replicationSpecs.filter(shard, shard.regionConfigs.size() > 0 \
    && has(shard.regionConfigs[0].electableSpecs) && has(shard.regionConfigs[0].electableSpecs.diskSizeGB))\
    .map(shard, shard.regionConfigs[0].electableSpecs.diskSizeGB)";

/// Atlas has one disk size for all nodes of a cluster.
pub(super) fn same_disk() -> Rule {
    Rule::new(all_equal(DISKS))
        .message("diskSizeGB must be the same in all shards: Atlas has one disk size for all nodes of a cluster")
        .field_path(".replicationSpecs")
}

/// Whether all numbers of the list that `expression` makes are one.
pub(super) fn all_equal(expression: &str) -> String {
    format!("{expression}.all(one, one == {expression}[0])")
}

/// A field that M0 and flex clusters do not have.
pub(super) fn dedicated_only(field: &str) -> Rule {
    dedicated_only_if(field, &format!("has(self.{field})"))
}

/// A value that M0 and flex clusters do not have.
pub(super) fn dedicated_only_if(field: &str, used: &str) -> Rule {
    let message = format!(
        "{field} is for dedicated clusters, and an M0 (TENANT) or flex (FLEX) cluster has no choice of it: remove it"
    );
    Rule::new(format!("!({used}) || !{SHARED}")).message(message.as_str()).field_path(format!(".{field}"))
}

/// A field that only clusters of several shards have.
pub(super) fn sharded_only(field: &str) -> Rule {
    Rule::new(format!("!has(self.{field}) || self.clusterType in ['SHARDED', 'GEOSHARDED']"))
        .message(format!("{field} is for clusters of type SHARDED or GEOSHARDED: remove it").as_str())
        .field_path(format!(".{field}"))
}

/// A field that only global clusters have whose zones Atlas manages.
pub(super) fn atlas_managed_zones_only(field: &str) -> Rule {
    Rule::new(format!(
        "!has(self.{field}) || (self.clusterType == 'GEOSHARDED' && !(has(self.globalClusterSelfManagedSharding) \
         && self.globalClusterSelfManagedSharding))"
    ))
    .message(
        format!(
            "{field} is for clusters of type GEOSHARDED whose sharding Atlas manages (globalClusterSelfManagedSharding \
             absent or false): remove it"
        )
        .as_str(),
    )
    .field_path(format!(".{field}"))
}

/// The switch between Atlas's sharding and one's own is there for global clusters, and at their creation only.
pub(super) fn own_sharding_is_global() -> Rule {
    Rule::new(
        "!has(self.globalClusterSelfManagedSharding) || !self.globalClusterSelfManagedSharding \
         || self.clusterType == 'GEOSHARDED'",
    )
    .message("globalClusterSelfManagedSharding is for clusters of type GEOSHARDED: remove it")
    .field_path(".globalClusterSelfManagedSharding")
}

pub(super) fn zones_are_named() -> Rule {
    Rule::new("self.clusterType != 'GEOSHARDED' || self.replicationSpecs.all(shard, has(shard.zoneName))")
        .message("every shard of a GEOSHARDED cluster needs a zoneName")
        .field_path(".replicationSpecs")
}

pub(super) fn mapped_zones_exist() -> Rule {
    Rule::new(
        "!has(self.customZoneMapping) || self.customZoneMapping.all(mapping, \
         self.replicationSpecs.exists(shard, has(shard.zoneName) && shard.zoneName == mapping.zone))",
    )
    .message("a zone of customZoneMapping must be the zoneName of a shard")
    .field_path(".customZoneMapping")
}

/// A version as a number that orders: 8.0 is 800.
fn version_number(object: &str) -> String {
    let part = |index: u8| format!("int({object}.mongoDBMajorVersion.split('.')[{index}])");
    format!("({} * 100 + {})", part(0), part(1))
}

/// Whether both versions are there and can be read.
fn versions_known() -> String {
    ["self", "oldSelf"]
        .map(|object| {
            format!("has({object}.mongoDBMajorVersion) && {object}.mongoDBMajorVersion.matches('^[0-9]+[.][0-9]+$')")
        })
        .join(" && ")
}

/// MongoDB goes back one major version at most, and only with the data still in the format of the older one.
pub(super) fn version_does_not_fall() -> Rule {
    Rule::new(format!(
        "!({}) || {} >= {} || (has(self.featureCompatibilityVersionPin) && self.featureCompatibilityVersionPin.enabled)",
        versions_known(),
        version_number("self"),
        version_number("oldSelf")
    ))
    .message(
        "the version cannot go back: put the old mongoDBMajorVersion back. Only a cluster whose \
         featureCompatibilityVersionPin holds the older version can return to it",
    )
    .field_path(".mongoDBMajorVersion")
}

/// Atlas takes one major version at a time.
pub(super) fn version_rises_by_one() -> Rule {
    Rule::new(format!("!({}) || {} - {} < 200", versions_known(), version_number("self"), version_number("oldSelf")))
        .message("Atlas goes up by one major version at a time: set the next one, let it be applied, then go on")
        .field_path(".mongoDBMajorVersion")
}

const NVME: &str = "self.replicationSpecs.exists(shard, shard.regionConfigs.exists(region, \
    has(region.electableSpecs) && region.electableSpecs.instanceSize.contains('_NVME')))";

/// Disks of NVMe tiers do not outlive their machines, so Atlas wants backups of them.
pub(super) fn nvme_needs_backup() -> Rule {
    Rule::new(format!("!{NVME} || (has(self.backupEnabled) && self.backupEnabled)"))
        .message("an NVMe tier needs backupEnabled: true, for its disks do not outlive its machines")
        .field_path(".backupEnabled")
}

/// For the same reason a cluster of theirs is not paused.
pub(super) fn nvme_is_not_paused() -> Rule {
    Rule::new(format!("!has(self.paused) || !self.paused || !{NVME}"))
        .message("a cluster of an NVMe tier cannot be paused, for its disks do not outlive its machines: remove paused")
        .field_path(".paused")
}

/// A window of the oplog may need more room than there is, so Atlas wants disks that grow.
pub(super) fn oplog_window_needs_growing_disks() -> Rule {
    Rule::new(
        "!has(self.processArgs) || !has(self.processArgs.oplogMinRetentionHours) \
         || double(self.processArgs.oplogMinRetentionHours) <= 0.0 \
         || !self.replicationSpecs.exists(shard, shard.regionConfigs.exists(region, has(region.autoScaling) \
         && has(region.autoScaling.diskGB) && has(region.autoScaling.diskGB.enabled) \
         && !region.autoScaling.diskGB.enabled))",
    )
    .message(
        "Atlas keeps a window of the oplog only where disks grow by themselves: set oplogMinRetentionHours: 0, or \
         autoScaling.diskGB.enabled: true in every region",
    )
    .field_path(".processArgs.oplogMinRetentionHours")
}

pub(super) fn snapshot_copies_are_for_aws() -> Rule {
    needs_region(
        "useAwsTimeBasedSnapshotCopyForFastInitialSync",
        "has(self.useAwsTimeBasedSnapshotCopyForFastInitialSync) && self.useAwsTimeBasedSnapshotCopyForFastInitialSync",
        "region.providerName == 'AWS'",
        "copies of snapshots by time are for clusters with nodes on AWS: remove the field",
    )
}

pub(super) fn analytics_reads_need_nodes() -> Rule {
    needs_region(
        "biConnector",
        "has(self.biConnector) && has(self.biConnector.readPreference) \
         && self.biConnector.readPreference in ['analytics', 'ANALYTICS']",
        "has(region.analyticsSpecs) && has(region.analyticsSpecs.nodeCount) && region.analyticsSpecs.nodeCount > 0",
        "readPreference analytics needs analytics nodes: add analyticsSpecs, or read from secondary",
    )
}

/// Some wishes need nodes of a kind.
fn needs_region(field: &str, used: &str, region: &str, message: &str) -> Rule {
    Rule::new(format!("!({used}) || self.replicationSpecs.exists(shard, shard.regionConfigs.exists(region, {region}))"))
        .message(message)
        .field_path(format!(".{field}"))
}
