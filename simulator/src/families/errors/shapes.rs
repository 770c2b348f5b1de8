//! Refusals about the shape of a cluster: shards, regions, sizes, disks and their autoscaling.
use super::bad;
use crate::api::ApiError;

/// Documented.
pub fn invalid_cluster_configuration() -> ApiError {
    bad("INVALID_CLUSTER_CONFIGURATION", "The specified cluster configuration is not valid.")
}

/// Documented.
pub fn replication_factor_invalid() -> ApiError {
    bad("CLUSTER_REPLICATION_FACTOR_INVALID", "The cluster's replication factor must be either 3, 5, or 7.")
}

/// Recorded code; text assumed.
pub fn disk_size_inconsistent() -> ApiError {
    bad("DISK_SIZE_GB_INCONSISTENT", "The disk size must be the same for all nodes of a cluster.")
}

/// Documented.
pub fn disk_size_invalid(size: f64) -> ApiError {
    bad("CLUSTER_DISK_SIZE_INVALID", format!("Invalid disk size: {size}.")).with([size])
}

/// Documented.
pub fn invalid_region(region: &str, provider: &str) -> ApiError {
    bad("INVALID_REGION", format!("No region {region} exists for provider {provider}.")).with([region, provider])
}

/// Assumed: that a size is not offered in a region is known to end in 400; its code is not.
pub fn size_not_offered(size: &str, region: &str) -> ApiError {
    bad(
        "INVALID_ATTRIBUTE",
        format!("Invalid attribute instanceSize specified. {size} is not available in region {region}."),
    )
    .with(["instanceSize", size, region])
}

/// Documented.
pub fn autoscaling_maximum_required() -> ApiError {
    bad("COMPUTE_AUTO_SCALING_MAX_INSTANCE_SIZE_REQUIRED", "Compute auto-scaling max instance size required.")
}

/// Documented.
pub fn autoscaling_minimum_required() -> ApiError {
    bad("COMPUTE_AUTO_SCALING_MIN_INSTANCE_SIZE_REQUIRED", "Compute auto-scaling min instance size required.")
}

/// Documented.
pub fn scale_down_needs_autoscaling() -> ApiError {
    bad(
        "COMPUTE_AUTO_SCALING_SCALE_DOWN_ENABLED_INVALID",
        "Compute auto-scaling must be enabled to enable down-scaling.",
    )
}

/// Documented; that it is the answer to making a dedicated cluster a free one again is assumed.
pub fn cluster_cannot_change_provider() -> ApiError {
    bad("CLUSTER_CANNOT_CHANGE_PROVIDER_NAME", "Cannot change the cloud provider of a cluster.")
}

/// Documented.
pub fn number_of_shards_invalid(most: usize) -> ApiError {
    bad("CLUSTER_NUM_SHARDS_INVALID", format!("The cluster's shard count must be between 1 and {most}.")).with([most])
}

/// Documented.
pub fn disk_size_not_whole(size: f64) -> ApiError {
    bad(
        "CLUSTER_DISK_SIZE_NOT_WHOLE_NUMBER",
        format!("The cluster's disk size of {size:.1} GB is invalid. The disk size must be a positive whole number."),
    )
    .with([size])
}

/// Documented.
pub fn disk_iops_invalid(iops: i64, disk: f64, size: &str, volume: &str, allowed: &str) -> ApiError {
    bad(
        "CLUSTER_DISK_IOPS_INVALID",
        format!(
            "The cluster's disk IOPS of {iops} is invalid. For a disk of size {disk} on instance size {size} with a \
             volume type of {volume}, the IOPS must be {allowed}."
        ),
    )
    .with([iops.to_string(), disk.to_string(), size.to_owned(), volume.to_owned(), allowed.to_owned()])
}

/// Documented.
pub fn nvme_needs_backup() -> ApiError {
    bad(
        "NVME_STORAGE_PROVIDER_BACKUP_REQUIRED",
        "Cloud Backup backups must be enabled for deployments with NVMe storage.",
    )
}

/// Documented.
pub fn autoscaling_range_invalid(smallest: &str, largest: &str) -> ApiError {
    bad(
        "COMPUTE_AUTO_SCALING_INSTANCE_SIZE_RANGE_INVALID",
        format!("The min instance size ({smallest}) must be less than the max instance size ({largest})."),
    )
    .with([smallest, largest])
}

/// Documented.
pub fn autoscaling_maximum_invalid(largest: &str, size: &str) -> ApiError {
    bad(
        "COMPUTE_AUTO_SCALING_MAX_INSTANCE_SIZE_INVALID",
        format!("The max instance size ({largest}) must be greater than or equal to proposed instance size ({size})."),
    )
    .with([largest, size])
}

/// Documented.
pub fn autoscaling_minimum_invalid(smallest: &str, size: &str) -> ApiError {
    bad(
        "COMPUTE_AUTO_SCALING_MIN_INSTANCE_SIZE_INVALID",
        format!("The min instance size ({smallest}) must be less than or equal to proposed instance size ({size})."),
    )
    .with([smallest, size])
}

/// Documented.
pub fn analytics_preference_needs_analytics_nodes() -> ApiError {
    bad(
        "INVALID_BI_CONNECTOR_READ_PREFERENCE_FOR_TOPOLOGY",
        "Specifying the BI Connector Read Preference value \"analytics\" requires one or more analytics nodes in the \
         target cluster.",
    )
}

/// Recorded code and status; text assumed.
pub fn snapshot_copy_needs_aws_nodes() -> ApiError {
    bad(
        "AWS_TIME_BASED_SNAPSHOT_COPY_REQUIRES_AWS_NODES",
        "AWS time-based snapshot copies can only be used by clusters with nodes on AWS.",
    )
}

/// Text as other clients report it; code assumed.
pub fn region_is_first_in_two_zones() -> ApiError {
    bad("INVALID_CLUSTER_CONFIGURATION", "Each region can only be the highest priority region in one zone.")
}

/// Code and status as other clients document them; text assumed.
pub fn oplog_window_needs_disk_scaling() -> ApiError {
    bad(
        "OPLOG_MIN_RETENTION_HOURS_NO_DISK_AUTO_SCALING",
        "The minimum oplog retention can only be set while disk auto-scaling is enabled.",
    )
}
