//! Updating a cluster.
//!
//! Fields at the top are merged; `replicationSpecs`, `labels` and `tags` are replaced as a whole. Pausing and resuming
//! travel alone. A body that changes nothing is answered with 200 and moves nothing; any real change takes the cluster
//! to `UPDATING`, and it is visible at once.
use jiff::SignedDuration;
use serde_json::Value;

use super::change::Change;
use super::connection::is_sharded;
use super::hardware::is_nvme;
use super::{
    Cluster, FIRST, INDEPENDENT_SHARDS_SINCE, LEGACY, cluster, cluster_mut, first_version, legacy, lifecycle,
    process_args, scaling, topology, versions, view,
};
use crate::api::{ApiError, Reply, Request};
use crate::families::body::{self, Document};
use crate::families::states::{self, DELETING, IDLE, UPDATING};
use crate::families::{containers, errors, resource_policies};
use crate::world::World;

/// How long a resumed cluster must run before it may be paused again (published).
const MINUTES_AFTER_RESUME: i64 = 60;

/// Shards up to which the first one can hold the configuration of a sharded cluster (published).
const MOST_SHARDS_WITH_EMBEDDED_CONFIGURATION: usize = 3;

pub fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let now = world.now;
    let current = cluster(world, request)?;
    if current.is_tenant() {
        return Err(errors::tenant_update_unsupported());
    }
    if current.state() == DELETING {
        return Err(errors::cluster_already_requested_deletion(current.name()));
    }
    let told = match request.version {
        version if version == FIRST.date => first_version::can_tell(current),
        version if version == LEGACY.date => !legacy::is_asymmetric(current),
        _ => true,
    };
    if !told {
        return Err(errors::asymmetric_shards());
    }
    let previous = current.specs();
    let change = Change::update(request, &previous)?;
    check_immutable(current, &change)?;
    resource_policies::check(world, request)?;
    let pause = check_pause(current, &change, now)?;
    let before = current.document.clone();
    let window = process_args::window(&current.process_args);
    let mut document = before.clone();
    let cluster_type = match body::text(&change.fields, "clusterType") {
        "" => body::text(&before, "clusterType"),
        asked => asked,
    };
    let scaled_apart = change.shards.is_some().then_some(request.version >= INDEPENDENT_SHARDS_SINCE);
    // A body that says nothing of the shape leaves it alone, whatever it has become meanwhile.
    if change.shards.is_some() || change.disk.is_some() {
        let wanted = topology::Request { cluster_type, shards: change.shards, previous: &previous, disk: change.disk };
        let reshaped = topology::settle(wanted, || world.chance.identifier(now))?;
        document.insert("replicationSpecs".to_owned(), reshaped.into_iter().map(Value::Object).collect());
    }
    apply(&mut document, &change.fields)?;
    if window.is_some() && !scaling::grows_disks(&document) {
        return Err(errors::oplog_window_needs_disk_scaling());
    }
    if document != before && pause.is_none() && body::flag(&before, "paused") {
        return Err(errors::cannot_update_paused(body::text(&before, "name")));
    }
    if let Some(paused) = pause {
        document.insert("paused".to_owned(), paused.into());
    }
    let zones: Vec<(String, String)> = body::documents(&document, "replicationSpecs")
        .map(|spec| (body::text(spec, "zoneName").to_owned(), world.chance.identifier(now)))
        .collect();
    let changed = document != before;
    let cluster = cluster_mut(world, request)?;
    // A zone that comes back is another one.
    cluster.legacy_ids.retain(|zone, _| zones.iter().any(|(name, _)| name == zone));
    cluster.global_writes.forget_zones(|zone| !zones.iter().any(|(name, _)| name == zone));
    for (zone, id) in zones {
        cluster.legacy_ids.entry(zone).or_insert(id);
    }
    cluster.document = document;
    cluster.independent_shards = scaled_apart.unwrap_or(cluster.independent_shards);
    if pause == Some(false) {
        cluster.resumed = Some(now);
    }
    let (group, name) = (request.param("groupId"), request.param("clusterName"));
    containers::follow(world, group);
    if pause == Some(false) && states::state(&before) == UPDATING {
        lifecycle::resumed_in_flight(world, group, name);
    } else if changed {
        lifecycle::changed(world, group, name);
    }
    Ok(Reply::document(200, view::shown(super::cluster(world, request)?, request)?))
}

/// What a cluster keeps for life.
fn check_immutable(cluster: &Cluster, change: &Change) -> Result<(), ApiError> {
    let differs = |name: &str| change.fields.get(name).is_some_and(|value| cluster.document.get(name) != Some(value));
    if differs("name") {
        return Err(errors::cluster_cannot_change_name());
    }
    if differs("globalClusterSelfManagedSharding") {
        return Err(errors::cannot_modify_sharding_management());
    }
    if !differs("clusterType") {
        return Ok(());
    }
    match (body::text(&cluster.document, "clusterType"), body::text(&change.fields, "clusterType")) {
        ("GEOSHARDED", _) => Err(errors::geosharded_cannot_change_type()),
        (_, "REPLICASET") => Err(errors::sharded_cannot_become_replica_set()),
        _ => Ok(()),
    }
}

/// What a body asks about pausing: nothing new, to pause or to resume.
fn check_pause(cluster: &Cluster, change: &Change, now: jiff::Timestamp) -> Result<Option<bool>, ApiError> {
    let current = body::flag(&cluster.document, "paused");
    let asked = change.fields.get("paused").and_then(Value::as_bool).filter(|asked| *asked != current);
    let Some(paused) = asked else { return Ok(None) };
    if change.fields.len() > 1 || change.shards.is_some() || change.disk.is_some() {
        return Err(errors::cannot_update_and_pause(cluster.name()));
    }
    if paused {
        let recently =
            |resumed: jiff::Timestamp| now.duration_since(resumed) < SignedDuration::from_mins(MINUTES_AFTER_RESUME);
        if cluster.resumed.is_some_and(recently) {
            return Err(errors::cannot_pause_recently_resumed(MINUTES_AFTER_RESUME));
        }
        if cluster.state() != IDLE {
            return Err(errors::cannot_pause_with_pending_changes());
        }
        let specs = cluster.specs();
        let mut sizes = specs.iter().flat_map(topology::hardware_of);
        if sizes.any(|(_, specs)| is_nvme(body::text(specs, "instanceSize"))) {
            return Err(errors::cannot_pause_nvme());
        }
    }
    Ok(Some(paused))
}

/// Writes the fields of a body into a document, and what follows from them.
pub fn apply(document: &mut Document, sent: &Document) -> Result<(), ApiError> {
    let mut sent = sent.clone();
    sent.remove("paused");
    let asked_version = sent.remove("mongoDBMajorVersion");
    body::merge(document, &sent);
    versions::settle(document, asked_version.as_ref().and_then(Value::as_str))?;
    if let (Some(settings), Some(sent)) = (
        document.get_mut("advancedConfiguration").and_then(Value::as_object_mut),
        sent.get("advancedConfiguration").and_then(Value::as_object),
    ) {
        settle_ciphers(settings, sent);
    }
    // Continuous backup is there only when it is asked for (recorded), and cannot outlive the backup (assumed).
    if !body::flag(document, "backupEnabled") {
        if body::flag(&sent, "pitEnabled") {
            return Err(errors::invalid_attribute("pitEnabled"));
        }
        document.insert("pitEnabled".to_owned(), false.into());
    }
    if body::flag(document, "globalClusterSelfManagedSharding") && body::text(document, "clusterType") != "GEOSHARDED" {
        return Err(errors::self_managed_sharding_needs_a_global_cluster());
    }
    settle_configuration_servers(document, &sent);
    check_nodes(document, &sent)
}

/// What a document asks of nodes that it does not have.
fn check_nodes(document: &Document, sent: &Document) -> Result<(), ApiError> {
    let specs: Vec<&Document> = body::documents(document, "replicationSpecs").collect();
    let nodes = || specs.iter().flat_map(|spec| topology::hardware_of(spec));
    let nvme = nodes().any(|(_, specs)| is_nvme(body::text(specs, "instanceSize")));
    if nvme && !body::flag(document, "backupEnabled") {
        return Err(errors::nvme_needs_backup());
    }
    let mut regions = specs.iter().flat_map(|spec| body::documents(spec, "regionConfigs"));
    if body::flag(sent, "useAwsTimeBasedSnapshotCopyForFastInitialSync")
        && !regions.any(|region| body::text(region, "providerName") == "AWS")
    {
        return Err(errors::snapshot_copy_needs_aws_nodes());
    }
    let connector = sent.get("biConnector").and_then(Value::as_object);
    let analytics = |(kind, specs): (&str, &Document)| {
        kind == "analyticsSpecs" && body::whole(specs, "nodeCount").is_some_and(|count| count > 0)
    };
    if connector.is_some_and(|connector| body::text(connector, "readPreference") == "analytics")
        && !nodes().any(analytics)
    {
        return Err(errors::analytics_preference_needs_analytics_nodes());
    }
    Ok(())
}

/// Ciphers and their mode in `settings`, into which `sent` was merged: a list without a mode means the custom mode
/// (specification); the default mode has no ciphers (assumed).
pub fn settle_ciphers(settings: &mut Document, sent: &Document) {
    let lists = ["customOpensslCipherConfigTls12", "customOpensslCipherConfigTls13"];
    if !sent.contains_key("tlsCipherConfigMode") {
        if lists.iter().any(|name| !body::list(sent, name).is_empty()) {
            settings.insert("tlsCipherConfigMode".to_owned(), "CUSTOM".into());
        }
    } else if body::text(sent, "tlsCipherConfigMode") == "DEFAULT" {
        for name in lists {
            settings.insert(name.to_owned(), Value::Array(Vec::new()));
        }
    }
}

/// Where a sharded cluster keeps its configuration. Atlas decides once: a small cluster of a new version keeps it in its
/// first shard, a global one apart (recorded); asking for dedicated servers is honoured at any time, going back is not
/// visible (recorded).
fn settle_configuration_servers(document: &mut Document, sent: &Document) {
    if !is_sharded(document) {
        document.remove("configServerManagementMode");
        return;
    }
    document.entry("configServerManagementMode").or_insert_with(|| "ATLAS_MANAGED".into());
    let fixed = body::text(sent, "configServerManagementMode") == "FIXED_TO_DEDICATED";
    if document.contains_key("configServerType") && !fixed {
        return;
    }
    let small = body::list(document, "replicationSpecs").len() <= MOST_SHARDS_WITH_EMBEDDED_CONFIGURATION;
    let modern = versions::number(body::text(document, "mongoDBMajorVersion")) >= (8, 0);
    let embedded = !fixed && small && modern && body::text(document, "clusterType") == "SHARDED";
    document.insert("configServerType".to_owned(), if embedded { "EMBEDDED" } else { "DEDICATED" }.into());
}
