//! Which field of a cluster Atlas's error codes are about.
use crate::kind::Blames;

pub(super) const BLAMES: Blames = &[
    (
        &[
            "ATLAS_RESERVED_CLUSTER_NAME",
            "CLUSTER_NAME_INVALID",
            "CLUSTER_NAME_PREFIX_INVALID",
            "CLUSTER_NAME_TOO_LONG",
        ],
        "spec.name",
    ),
    (&["CANNOT_CHANGE_GEOSHARDED_CLUSTER_TYPE", "SHARDED_CLUSTER_CANT_BECOME_REPLICA_SET"], "spec.clusterType"),
    (&["INVALID_MONGODB_VERSION_CONFIG", "MONGODB_VERSION_INVALID"], "spec.mongoDBMajorVersion"),
    (&["CANNOT_PAUSE_NVME_CLUSTER"], "spec.paused"),
    (&["ENCRYPTION_AT_REST_NOT_ENABLED"], "spec.encryptionAtRestProvider"),
    (
        &["CANNOT_MODIFY_GLOBAL_CLUSTER_MANAGEMENT_SETTING", "CANNOT_SET_SELF_MANAGED_SHARDING_FOR_NON_GLOBAL_CLUSTER"],
        "spec.globalClusterSelfManagedSharding",
    ),
    (&["OPLOG_MIN_RETENTION_HOURS_NO_DISK_AUTO_SCALING"], "spec.processArgs.oplogMinRetentionHours"),
    (&["TENANT_CLUSTER_PROCESS_ARGS_NOT_SUPPORTED"], "spec.processArgs"),
    (
        &[
            "CLUSTER_NUM_SHARDS_INVALID",
            "CLUSTER_REPLICATION_FACTOR_INVALID",
            "NO_COMMON_INSTANCE_FAMILY",
            "REPLICATION_SPECS_INVALID",
        ],
        "spec.replicationSpecs",
    ),
    (&["DUPLICATE_ZONE_NAME", "INVALID_ZONE"], "spec.replicationSpecs[].zoneName"),
    (&["INVALID_PROVIDER"], "spec.replicationSpecs[].regionConfigs[].providerName"),
    (&["INVALID_REGION"], "spec.replicationSpecs[].regionConfigs[].regionName"),
    (&["INSUFFICIENT_INSTANCE_SIZE"], "spec.replicationSpecs[].regionConfigs[].electableSpecs.instanceSize"),
    (&["CLUSTER_DISK_IOPS_INVALID"], "spec.replicationSpecs[].regionConfigs[].electableSpecs.diskIOPS"),
    (
        &[
            "CLUSTER_DISK_SIZE_INVALID",
            "CLUSTER_DISK_SIZE_NOT_WHOLE_NUMBER",
            "DISK_SIZE_GB_INCONSISTENT",
            "DISK_SIZE_GB_TOO_SMALL",
        ],
        "spec.replicationSpecs[].regionConfigs[].electableSpecs.diskSizeGB",
    ),
    (&["AUTO_SCALING_NOT_SUPPORTED"], "spec.replicationSpecs[].regionConfigs[].autoScaling"),
    (
        &["COMPUTE_AUTO_SCALING_INSTANCE_SIZE_RANGE_INVALID", "COMPUTE_AUTO_SCALING_SCALE_DOWN_ENABLED_INVALID"],
        "spec.replicationSpecs[].regionConfigs[].autoScaling.compute",
    ),
    (
        &["COMPUTE_AUTO_SCALING_MAX_INSTANCE_SIZE_INVALID", "COMPUTE_AUTO_SCALING_MAX_INSTANCE_SIZE_REQUIRED"],
        "spec.replicationSpecs[].regionConfigs[].autoScaling.compute.maxInstanceSize",
    ),
    (
        &["COMPUTE_AUTO_SCALING_MIN_INSTANCE_SIZE_INVALID", "COMPUTE_AUTO_SCALING_MIN_INSTANCE_SIZE_REQUIRED"],
        "spec.replicationSpecs[].regionConfigs[].autoScaling.compute.minInstanceSize",
    ),
];
