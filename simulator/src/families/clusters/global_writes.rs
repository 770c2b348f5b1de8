//! How a global cluster distributes its collections: the namespaces that Atlas shards by location, and the locations
//! that were mapped to other zones than the nearest.
//!
//! No recording has any of it; shapes are the specification's. That a change takes the cluster to `UPDATING` is assumed,
//! because the servers learn of it one after the other. Locations map to the id of a zone since 2024-08-05, to the id of
//! its replication spec before.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Cluster, cluster, cluster_mut, lifecycle};
use crate::api::{ApiError, Reply, Request, VersionDate};
use crate::families::body::{self, Document, Field, Shape, optional, required};
use crate::families::errors;
use crate::world::World;

/// The version from which on a location maps to a zone.
const ZONES: VersionDate = VersionDate::new("2024-08-05");

pub const VERSIONS: &[VersionDate] = &[VersionDate::new("2023-01-01"), VersionDate::new("2023-02-01"), ZONES];

const NAMESPACE: &[Field] = &[
    required("collection", Shape::Text(255)),
    required("customShardKey", Shape::Text(255)),
    required("db", Shape::Text(63)),
    optional("isCustomShardKeyHashed", Shape::Flag),
    optional("isShardKeyUnique", Shape::Flag),
    optional("numInitialChunks", Shape::Whole(0, 8192)),
    optional("presplitHashedZones", Shape::Flag),
];

const MAPPINGS: &[Field] = &[required(
    "customZoneMappings",
    Shape::List(&Shape::Object(&[required("location", Shape::Text(8)), required("zone", Shape::Text(255))])),
)];

/// What a cluster has of this.
#[derive(Default)]
pub struct GlobalWrites {
    namespaces: Vec<Document>,
    /// Zone names by location.
    mappings: BTreeMap<String, String>,
}

impl GlobalWrites {
    /// Locations of zones that are gone are mapped no more (assumed).
    pub fn forget_zones(&mut self, gone: impl Fn(&str) -> bool) {
        self.mappings.retain(|_, zone| !gone(zone));
    }
}

/// Writes changes into the document in its newest version, behind the API's back. A zone may go by its id or its name.
///
/// # Errors
/// Names a zone that the cluster does not have.
pub fn merge(cluster: &mut Cluster, changes: &Document) -> Result<(), String> {
    let mut document = current(cluster).as_object().cloned().unwrap_or_default();
    body::merge(&mut document, changes);
    let specs = cluster.specs();
    let name = |zone: &Value| {
        let of = specs.iter().find(|spec| ["zoneId", "zoneName"].iter().any(|name| spec.get(*name) == Some(zone)));
        of.map(|spec| body::text(spec, "zoneName").to_owned()).ok_or_else(|| format!("there is no zone {zone}"))
    };
    let mappings = document.get("customZoneMapping").and_then(Value::as_object).into_iter().flatten();
    let mappings =
        mappings.map(|(location, zone)| Ok((location.clone(), name(zone)?))).collect::<Result<_, String>>()?;
    let namespaces = body::documents(&document, "managedNamespaces").cloned().collect();
    cluster.global_writes = GlobalWrites { namespaces, mappings };
    Ok(())
}

/// The document in the newest version.
pub fn current(cluster: &Cluster) -> Value {
    view(cluster, ZONES.date)
}

fn view(cluster: &Cluster, version: &str) -> Value {
    let specs = cluster.specs();
    let id = |zone: &str| -> Value {
        if version < ZONES.date {
            return json!(cluster.legacy_ids.get(zone));
        }
        let spec = specs.iter().find(|spec| body::text(spec, "zoneName") == zone);
        json!(spec.and_then(|spec| spec.get("zoneId")))
    };
    let mappings = cluster.global_writes.mappings.iter().map(|(location, zone)| (location.clone(), id(zone)));
    json!({
        "customZoneMapping": mappings.collect::<Document>(),
        "managedNamespaces": cluster.global_writes.namespaces,
        "selfManagedSharding": body::flag(&cluster.document, "globalClusterSelfManagedSharding"),
    })
}

/// A cluster that is not global has nothing to show (assumed).
pub fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, view(cluster(world, request)?, request.version)))
}

pub fn add_namespace(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut namespace = body::complete(&request.body, NAMESPACE)?;
    for flag in ["isCustomShardKeyHashed", "isShardKeyUnique", "presplitHashedZones"] {
        namespace.entry(flag).or_insert(false.into());
    }
    let (db, collection) = (body::text(&namespace, "db"), body::text(&namespace, "collection"));
    let cluster = changeable(world, request)?;
    if cluster.global_writes.namespaces.iter().any(|other| is_namespace(other, db, collection)) {
        return Err(errors::duplicate_managed_namespace(&format!("{db}.{collection}")));
    }
    cluster.global_writes.namespaces.push(namespace);
    changed(world, request)
}

pub fn remove_namespace(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let query = |name: &str| request.query.get(name).map(String::as_str).ok_or_else(|| errors::missing_query(name));
    let (db, collection) = (query("db")?, query("collection")?);
    let namespaces = &mut changeable(world, request)?.global_writes.namespaces;
    let count = namespaces.len();
    namespaces.retain(|namespace| !is_namespace(namespace, db, collection));
    if namespaces.len() == count {
        return Err(errors::managed_namespace_not_found(&format!("{db}.{collection}")));
    }
    changed(world, request)
}

/// Adds to what is mapped already; a location that is mapped moves.
pub fn add_mappings(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, MAPPINGS)?;
    let cluster = changeable(world, request)?;
    let specs = cluster.specs();
    let mut mappings = cluster.global_writes.mappings.clone();
    for mapping in body::documents(&sent, "customZoneMappings") {
        let (location, zone) = (body::text(mapping, "location"), body::text(mapping, "zone"));
        if !is_location(location) {
            return Err(errors::invalid_location_code(location));
        }
        if !specs.iter().any(|spec| body::text(spec, "zoneName") == zone) {
            return Err(errors::zone_not_found(zone));
        }
        mappings.insert(location.to_owned(), zone.to_owned());
    }
    if cluster.global_writes.mappings == mappings {
        return get(world, request);
    }
    cluster.global_writes.mappings = mappings;
    changed(world, request)
}

/// Removes all mappings (specification).
pub fn remove_mappings(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mappings = &mut changeable(world, request)?.global_writes.mappings;
    if mappings.is_empty() {
        return get(world, request);
    }
    mappings.clear();
    changed(world, request)
}

/// The cluster, if Atlas distributes its collections.
fn changeable<'a>(world: &'a mut World, request: &Request) -> Result<&'a mut Cluster, ApiError> {
    let cluster = cluster_mut(world, request)?;
    cluster.check_changeable()?;
    if body::text(&cluster.document, "clusterType") != "GEOSHARDED" {
        Err(errors::not_a_global_cluster(cluster.name()))
    } else if body::flag(&cluster.document, "globalClusterSelfManagedSharding") {
        Err(errors::sharding_is_self_managed(cluster.name()))
    } else {
        Ok(cluster)
    }
}

fn changed(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    lifecycle::changed(world, request.param("groupId"), request.param("clusterName"));
    get(world, request)
}

fn is_namespace(namespace: &Document, db: &str, collection: &str) -> bool {
    body::text(namespace, "db") == db && body::text(namespace, "collection") == collection
}

/// A country of two letters, perhaps with a subdivision of up to three letters or digits (ISO 3166). Which of them exist
/// is not checked.
fn is_location(code: &str) -> bool {
    let (country, subdivision) = code.split_once('-').map_or((code, None), |(country, rest)| (country, Some(rest)));
    let upper = |letter: char| letter.is_ascii_uppercase();
    let part = |rest: &str| (1..=3).contains(&rest.len()) && rest.chars().all(|it| upper(it) || it.is_ascii_digit());
    country.len() == 2 && country.chars().all(upper) && subdivision.is_none_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_country_or_a_part_of_one() {
        for good in ["DE", "US-VA", "GB-SCT", "FR-13"] {
            assert!(is_location(good), "{good}");
        }
        for bad in ["", "D", "de", "DEU", "US-", "US-VIRG", "US_VA", "12"] {
            assert!(!is_location(bad), "{bad}");
        }
    }
}
