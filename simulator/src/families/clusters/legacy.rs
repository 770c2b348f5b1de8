//! Version 2023-02-01: one replication spec for each zone, with a number of shards and ids of its own; one disk size
//! beside them; and none of the fields that came later. Shards that differ cannot be told in it, and a cluster that has
//! such shards is refused as a whole (recorded).
use serde_json::{Value, json};

use super::topology::{NODE_KINDS, hardware_of};
use super::{Cluster, connection, disks};
use crate::api::ApiError;
use crate::families::body::{self, Document};
use crate::families::errors;

/// Fields of later versions.
const LATER: [&str; 9] = [
    "adaptiveCapacity",
    "effectiveDatabaseEdition",
    "featureCompatibilityVersion",
    "internalClusterRole",
    "redactClientLogData",
    "replicaSetScalingStrategy",
    "retainBackups",
    "useAwsTimeBasedSnapshotCopyForFastInitialSync",
    "replicationSpecs",
];

/// The shards that legacy specs stand for. A zone that does not say how many it has keeps its number.
pub fn expand<'a>(specs: impl Iterator<Item = &'a Document>, previous: &[Document]) -> Vec<Document> {
    let mut shards = Vec::new();
    for spec in specs {
        let zone = body::text(spec, "zoneName");
        let before = previous.iter().filter(|old| body::text(old, "zoneName") == zone).count().max(1);
        let count = spec.get("numShards").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        let mut shard = spec.clone();
        shard.remove("numShards");
        shards.extend(std::iter::repeat_n(shard, count.unwrap_or(before)));
    }
    shards
}

/// Whether shards differ in a way that this version cannot tell: within a zone in anything, across zones in the size of
/// their nodes.
pub fn is_asymmetric(cluster: &Cluster) -> bool {
    let specs = cluster.specs();
    let differ_in_zone = specs.iter().any(|spec| {
        let zone = spec.get("zoneName");
        specs
            .iter()
            .any(|other| other.get("zoneName") == zone && other.get("regionConfigs") != spec.get("regionConfigs"))
    });
    let differ_in_size = NODE_KINDS.iter().any(|kind| {
        let of_kind = specs.iter().flat_map(hardware_of).filter(|(other, _)| other == kind);
        let sizes: Vec<&str> = of_kind.map(|(_, specs)| body::text(specs, "instanceSize")).collect();
        sizes.windows(2).any(|pair| pair[0] != pair[1])
    });
    connection::is_sharded(&cluster.document) && (differ_in_zone || differ_in_size)
}

/// The cluster in this version, without links.
pub fn view(cluster: &Cluster) -> Result<Document, ApiError> {
    if is_asymmetric(cluster) {
        return Err(errors::asymmetric_shards());
    }
    let mut document = cluster.document.clone();
    document.retain(|name, _| !LATER.contains(&name.as_str()));
    let specs = cluster.specs();
    let disk = specs.iter().find_map(disks::size);
    document.insert("diskSizeGB".to_owned(), disk.into());
    let mut zones: Vec<Document> = Vec::new();
    for spec in &specs {
        let zone = body::text(spec, "zoneName");
        match zones.iter_mut().find(|known| body::text(known, "zoneName") == zone) {
            Some(known) => {
                let shards = body::whole(known, "numShards").unwrap_or_default() + 1;
                known.insert("numShards".to_owned(), shards.into());
            }
            None => zones.push(first_of_zone(spec, cluster.legacy_ids.get(zone))),
        }
    }
    document.insert("replicationSpecs".to_owned(), zones.into_iter().map(Value::Object).collect());
    Ok(document)
}

fn first_of_zone(spec: &Document, id: Option<&String>) -> Document {
    let mut zone = spec.clone();
    zone.insert("id".to_owned(), json!(id));
    zone.insert("numShards".to_owned(), json!(1));
    for region in zone.get_mut("regionConfigs").and_then(Value::as_array_mut).into_iter().flatten() {
        for kind in NODE_KINDS {
            if let Some(specs) = region.get_mut(kind).and_then(Value::as_object_mut) {
                specs.remove("diskSizeGB");
            }
        }
    }
    zone
}
