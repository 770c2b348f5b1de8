//! Refusals about the managed namespaces and zone mappings of global clusters.
use super::{absent, bad};
use crate::api::ApiError;

/// Recorded code; documented status and text.
pub fn duplicate_managed_namespace(namespace: &str) -> ApiError {
    bad("DUPLICATE_MANAGED_NAMESPACE", format!("Managed Namespace {namespace} already exists.")).with([namespace])
}

/// Documented.
pub fn invalid_location_code(code: &str) -> ApiError {
    bad(
        "INVALID_LOCATION_CODE",
        format!(
            "Invalid location code {code}. A list of valid codes is available at \
             https://cloud.mongodb.com/static/atlas/country_iso_codes.txt."
        ),
    )
    .with([code])
}

/// Assumed: that only global clusters distribute by zone is published, the answer is not.
pub fn not_a_global_cluster(name: &str) -> ApiError {
    bad("INVALID_CLUSTER_CONFIGURATION", format!("Cluster {name} is not a global cluster.")).with([name])
}

/// Assumed: that the user shards the collections of such a cluster is published, the answer is not.
pub fn sharding_is_self_managed(name: &str) -> ApiError {
    bad("INVALID_CLUSTER_CONFIGURATION", format!("The sharding of cluster {name} is self-managed.")).with([name])
}

/// Assumed: the answer is not known.
pub fn zone_not_found(zone: &str) -> ApiError {
    bad("INVALID_ATTRIBUTE", format!("Invalid attribute zone specified. The cluster has no zone named {zone}."))
        .with(["zone", zone])
}

/// Assumed: the answer is not known.
pub fn managed_namespace_not_found(namespace: &str) -> ApiError {
    absent("RESOURCE_NOT_FOUND", format!("Cannot find resource managed namespace {namespace}.")).with([namespace])
}
