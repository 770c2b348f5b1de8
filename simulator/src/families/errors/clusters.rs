//! Refusals about clusters of all kinds.
use super::{absent, bad, conflict};
use crate::api::ApiError;

/// Recorded.
pub fn cluster_not_found(name: &str, group: &str) -> ApiError {
    absent("CLUSTER_NOT_FOUND", format!("No cluster named {name} exists in group {group}.")).with([name, group])
}

/// Recorded.
pub fn flex_in_cluster_api(name: &str) -> ApiError {
    bad("CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", format!("Flex cluster {name} cannot be used in the Cluster API."))
        .with([name])
}

/// Recorded.
pub fn cluster_in_flex_api(name: &str) -> ApiError {
    bad("CANNOT_USE_NON_FLEX_CLUSTER_IN_FLEX_API", format!("Cannot use non-flex cluster {name} in the flex API."))
        .with([name])
}

/// Recorded.
pub fn duplicate_cluster_name(name: &str, group: &str) -> ApiError {
    bad(
        "DUPLICATE_CLUSTER_NAME",
        format!("A cluster or serverless instance named {name} is already present in group {group}."),
    )
    .with([name, group])
}

/// Documented.
pub fn duplicate_cluster_name_prefix(name: &str, length: usize) -> ApiError {
    bad(
        "DUPLICATE_CLUSTER_NAME_PREFIX",
        format!(
            "Cluster name {name} cannot have same first {length} characters as another cluster name in same group."
        ),
    )
    .with([name.to_owned(), length.to_string()])
}

/// Recorded.
pub fn cluster_name_prefix_invalid(name: &str, length: usize, prefix: &str) -> ApiError {
    bad(
        "CLUSTER_NAME_PREFIX_INVALID",
        format!(
            "Cluster name \"{name}\" is invalid. Atlas truncates cluster names to {length} characters which results in \
             an invalid hostname due to a trailing \"-\" in the generated cluster name prefix \"{prefix}\"."
        ),
    )
    .with([name.to_owned(), length.to_string(), prefix.to_owned()])
}

/// Documented.
pub fn cluster_name_invalid(name: &str) -> ApiError {
    bad(
        "CLUSTER_NAME_INVALID",
        format!("The cluster name {name} is invalid. The name can only contain ASCII letters, numbers, and hyphens."),
    )
    .with([name])
}

/// Documented.
pub fn cluster_name_too_long(name: &str, length: usize) -> ApiError {
    bad("CLUSTER_NAME_TOO_LONG", format!("Cluster name {name} is limited to {length} characters."))
        .with([name.to_owned(), length.to_string()])
}

/// Recorded.
pub fn termination_protected(name: &str, group: &str) -> ApiError {
    bad(
        "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED",
        "Cannot terminate a cluster when termination protection is enabled. Disable termination protection and try \
         again.",
    )
    .with([format!(
        "Cannot terminate cluster {name} in group {group} because termination protection is enabled. Disable \
         termination protection and try again."
    )])
}

/// Recorded.
pub fn cluster_already_requested_deletion(name: &str) -> ApiError {
    bad("CLUSTER_ALREADY_REQUESTED_DELETION", format!("The cluster {name} has already been requested for deletion."))
        .with([name])
}

/// Recorded code and status; documented text.
pub fn cannot_update_and_pause(name: &str) -> ApiError {
    conflict("CANNOT_UPDATE_AND_PAUSE_CLUSTER", format!("Cannot update and pause cluster {name} at the same time."))
        .with([name])
}

/// Recorded code; documented status and text.
pub fn cannot_update_paused(name: &str) -> ApiError {
    conflict(
        "CANNOT_UPDATE_PAUSED_CLUSTER",
        format!("Cannot update cluster {name} while it is paused or being paused."),
    )
    .with([name])
}

/// Documented.
pub fn cannot_pause_with_pending_changes() -> ApiError {
    conflict("CANNOT_PAUSE_CLUSTER_WITH_PENDING_CHANGES", "Cannot pause a cluster with pending changes.")
}

/// Documented.
pub fn cannot_pause_nvme() -> ApiError {
    conflict("CANNOT_PAUSE_NVME_CLUSTER", "Cannot pause an NVMe Cluster.")
}

/// Recorded code; documented status and text.
pub fn cannot_pause_recently_resumed(minutes: i64) -> ApiError {
    bad(
        "CANNOT_PAUSE_RECENTLY_RESUMED_CLUSTER",
        format!(
            "Recently resumed clusters must remain running for {minutes} minutes to process all queued maintenance."
        ),
    )
    .with([minutes])
}

/// Documented.
pub fn cannot_create_paused(name: &str) -> ApiError {
    bad("CANNOT_CREATE_PAUSED_CLUSTER", format!("Cluster {name} cannot be created in a paused state.")).with([name])
}

/// Recorded code; documented status and text.
pub fn tenant_update_unsupported() -> ApiError {
    bad("TENANT_CLUSTER_UPDATE_UNSUPPORTED", "Cannot update a M0/M2/M5 cluster through the public API.")
}

/// Documented.
pub fn tenant_process_args_unsupported() -> ApiError {
    bad("TENANT_CLUSTER_PROCESS_ARGS_NOT_SUPPORTED", "Cannot set custom process args for tenant clusters.")
}

/// Documented.
pub fn tenant_encryption_unsupported() -> ApiError {
    bad("CANNOT_USE_ENCRYPTION_AT_REST_TENANT", "Cannot use Encryption at Rest with tenant clusters.")
}

/// Recorded code; that it is the answer here, status and text are assumed.
pub fn feature_unsupported() -> ApiError {
    bad("FEATURE_UNSUPPORTED", "This feature is not supported for this cluster.")
}

/// Recorded code; status and text assumed.
pub fn second_free_cluster() -> ApiError {
    bad("CANNOT_CREATE_FREE_CLUSTER_VIA_PUBLIC_API", "Cannot create more than one free cluster in a project.")
}

/// Recorded.
pub fn asymmetric_shards() -> ApiError {
    bad(
        "ASYMMETRIC_SHARD_UNSUPPORTED",
        "Asymmetric sharded cluster is not supported by the current API version. Please use the latest API instead. \
         Documentation for the latest API is available at \
         https://docs.atlas.mongodb.com/reference/api/clusters-advanced/.",
    )
}

/// Documented.
pub fn cluster_cannot_change_name() -> ApiError {
    bad("CLUSTER_CANNOT_CHANGE_NAME", "Cannot change name of cluster during an update.")
}

/// Documented.
pub fn sharded_cannot_become_replica_set() -> ApiError {
    bad("SHARDED_CLUSTER_CANT_BECOME_REPLICA_SET", "A sharded cluster cannot become a replica set.")
}

/// Documented.
pub fn geosharded_cannot_change_type() -> ApiError {
    bad("CANNOT_CHANGE_GEOSHARDED_CLUSTER_TYPE", "A geo sharded cluster cannot be changed to a different cluster type.")
}

/// Recorded code and status; text assumed.
pub fn cannot_modify_sharding_management() -> ApiError {
    bad(
        "CANNOT_MODIFY_GLOBAL_CLUSTER_MANAGEMENT_SETTING",
        "Cannot modify the sharding management of a global cluster after it was deployed.",
    )
}

/// Recorded code; text assumed.
pub fn self_managed_sharding_needs_a_global_cluster() -> ApiError {
    bad(
        "CANNOT_SET_SELF_MANAGED_SHARDING_FOR_NON_GLOBAL_CLUSTER",
        "Self-managed sharding can only be set for global clusters.",
    )
}

/// Documented.
pub fn mongodb_version_invalid(version: &str) -> ApiError {
    bad("MONGODB_VERSION_INVALID", format!("An invalid MongoDB version {version} was specified.")).with([version])
}

/// Recorded code and status; documented text.
pub fn mongodb_version_deprecated() -> ApiError {
    bad("ATLAS_CLUSTER_VERSION_DEPRECATED", "MongoDB version is deprecated in Atlas.")
}

/// Recorded code, status and the beginning of the text; the rest is assumed.
pub fn auto_upgrades_choose_the_version() -> ApiError {
    let why = "In order to enable Latest Version With Auto Upgrades, the MongoDB version must not be chosen";
    bad("ATLAS_GENERAL_ERROR", format!("Reason: {why}.")).with([why])
}

/// Documented.
pub fn cluster_upgrade_invalid() -> ApiError {
    bad(
        "CLUSTER_UPGRADE_INVALID",
        "Cluster cannot be upgraded, as specified upgrade version is below the current version.",
    )
}

/// Recorded.
pub fn flex_name_being_cleaned_up() -> ApiError {
    bad(
        "CONTAINER_WAITING_FOR_FAST_RECORD_CLEAN_UP",
        "A transient error occurred. Please try again in a minute or use a different name.",
    )
}

/// Assumed.
pub fn sample_dataset_not_found(id: &str) -> ApiError {
    absent("SAMPLE_DATASET_LOAD_NOT_FOUND", format!("No sample dataset load with ID {id} exists.")).with([id])
}

/// Assumed: that a failover test waits for a cluster without pending changes is published, the answer is not.
pub fn cannot_restart_with_pending_changes(name: &str) -> ApiError {
    bad("CLUSTER_RESTART_INVALID", format!("Cannot restart cluster {name} while it has pending changes.")).with([name])
}
