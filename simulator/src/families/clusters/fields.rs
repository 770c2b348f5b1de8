//! What bodies about clusters may hold, in each version.
use crate::families::body::{Field, KEYS_WITH_VALUES, Shape, TAGS, optional, required};

const AUTOSCALING: Shape = Shape::Object(&[
    optional(
        "compute",
        Shape::Object(&[
            optional("enabled", Shape::Flag),
            optional("maxInstanceSize", Shape::Text(32)),
            optional("minInstanceSize", Shape::Text(32)),
            optional("predictiveEnabled", Shape::Flag),
            optional("scaleDownEnabled", Shape::Flag),
        ]),
    ),
    optional("diskGB", Shape::Object(&[optional("enabled", Shape::Flag)])),
]);

const HARDWARE: Shape = Shape::Object(&[
    optional("diskIOPS", Shape::Whole(0, i32::MAX as i64)),
    optional("diskSizeGB", Shape::Number),
    optional("diskThroughput", Shape::ReadOnly),
    optional("ebsVolumeType", Shape::Choice(&["STANDARD", "PROVISIONED", "HIGH_PERFORMANCE"])),
    optional("effectiveInstanceSize", Shape::ReadOnly),
    optional("instanceSize", Shape::Text(32)),
    optional("nodeCount", Shape::Whole(0, 50)),
]);

const REGION_CONFIGS: Shape = Shape::List(&Shape::Object(&[
    required("providerName", Shape::Choice(&["AWS", "AZURE", "GCP", "TENANT"])),
    required("regionName", Shape::Text(64)),
    optional("analyticsAutoScaling", AUTOSCALING),
    optional("analyticsSpecs", HARDWARE),
    optional("autoScaling", AUTOSCALING),
    optional("backingProviderName", Shape::Choice(&["AWS", "AZURE", "GCP"])),
    optional("effectiveAnalyticsSpecs", Shape::ReadOnly),
    optional("effectiveElectableSpecs", Shape::ReadOnly),
    optional("effectiveReadOnlySpecs", Shape::ReadOnly),
    optional("electableSpecs", HARDWARE),
    optional("priority", Shape::Whole(0, 7)),
    optional("readOnlySpecs", HARDWARE),
]));

/// The settings of a cluster that `advancedConfiguration` and the process arguments show alike.
pub const ADVANCED: &[Field] = &[
    optional("customOpensslCipherConfigTls12", Shape::List(&Shape::Choice(TLS12_CIPHERS))),
    optional("customOpensslCipherConfigTls13", Shape::List(&Shape::Choice(TLS13_CIPHERS))),
    optional("minimumEnabledTlsProtocol", Shape::Choice(&["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"])),
    optional("tlsCipherConfigMode", Shape::Choice(&["CUSTOM", "DEFAULT"])),
];

pub const TLS12_CIPHERS: &[&str] = &["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];

pub const TLS13_CIPHERS: &[&str] =
    &["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256"];

/// Recorded answers have the preference in lower case, the specification in upper case; both are taken.
pub const BI_CONNECTOR: &[Field] = &[
    optional("enabled", Shape::Flag),
    optional(
        "readPreference",
        Shape::Choice(&["PRIMARY", "SECONDARY", "ANALYTICS", "primary", "secondary", "analytics"]),
    ),
];

/// A cluster since 2024-08-05: one replication spec for each shard.
pub const CURRENT: &[Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required("clusterType", Shape::Choice(&["REPLICASET", "SHARDED", "GEOSHARDED"])),
    required("replicationSpecs", CURRENT_SPECS),
    optional("acceptDataRisksAndForceReplicaSetReconfig", Shape::Instant),
    optional("adaptiveCapacity", Shape::Choice(&["ENABLED", "DISABLED"])),
    optional("advancedConfiguration", Shape::Object(ADVANCED)),
    optional("backupEnabled", Shape::Flag),
    optional("biConnector", Shape::Object(BI_CONNECTOR)),
    optional("configServerManagementMode", Shape::Choice(&["ATLAS_MANAGED", "FIXED_TO_DEDICATED"])),
    optional("configServerType", Shape::ReadOnly),
    optional("connectionStrings", Shape::ReadOnly),
    optional("createDate", Shape::ReadOnly),
    optional("diskWarmingMode", Shape::Choice(&["FULLY_WARMED", "VISIBLE_EARLIER", "ENHANCED_FULLY_WARMED"])),
    optional("effectiveDatabaseEdition", Shape::ReadOnly),
    optional("effectiveReplicationSpecs", Shape::ReadOnly),
    optional("encryptionAtRestProvider", Shape::Choice(&["NONE", "AWS", "AZURE", "GCP"])),
    optional("featureCompatibilityVersion", Shape::ReadOnly),
    optional("featureCompatibilityVersionExpirationDate", Shape::ReadOnly),
    optional("globalClusterSelfManagedSharding", Shape::Flag),
    optional("groupId", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("internalClusterRole", Shape::ReadOnly),
    optional("labels", KEYS_WITH_VALUES),
    optional("links", Shape::ReadOnly),
    optional("mongoDBEmployeeAccessGrant", Shape::ReadOnly),
    optional("mongoDBMajorVersion", Shape::Text(16)),
    optional("mongoDBVersion", Shape::ReadOnly),
    optional("paused", Shape::Flag),
    optional("pitEnabled", Shape::Flag),
    optional("redactClientLogData", Shape::Flag),
    optional("replicaSetScalingStrategy", Shape::Choice(&["SEQUENTIAL", "WORKLOAD_TYPE", "NODE_TYPE"])),
    optional("retainBackups", Shape::Flag),
    optional("rootCertType", Shape::Choice(&["ISRGROOTX1"])),
    optional("stateName", Shape::ReadOnly),
    optional("tags", TAGS),
    optional("terminationProtectionEnabled", Shape::Flag),
    optional("useAwsTimeBasedSnapshotCopyForFastInitialSync", Shape::Flag),
    optional("versionReleaseSystem", Shape::Choice(&["LTS", "CONTINUOUS"])),
];

const CURRENT_SPECS: Shape = Shape::List(&Shape::Object(&[
    required("regionConfigs", REGION_CONFIGS),
    optional("id", Shape::Text(24)),
    optional("zoneId", Shape::ReadOnly),
    optional("zoneName", Shape::Text(255)),
]));

/// A cluster in 2023-02-01: one replication spec for each zone with a number of shards, and one disk size for all.
pub const LEGACY: &[Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required("clusterType", Shape::Choice(&["REPLICASET", "SHARDED", "GEOSHARDED"])),
    required("replicationSpecs", LEGACY_SPECS),
    optional("acceptDataRisksAndForceReplicaSetReconfig", Shape::Instant),
    optional("advancedConfiguration", Shape::Object(ADVANCED)),
    optional("backupEnabled", Shape::Flag),
    optional("biConnector", Shape::Object(BI_CONNECTOR)),
    optional("configServerManagementMode", Shape::Choice(&["ATLAS_MANAGED", "FIXED_TO_DEDICATED"])),
    optional("configServerType", Shape::ReadOnly),
    optional("connectionStrings", Shape::ReadOnly),
    optional("createDate", Shape::ReadOnly),
    optional("diskSizeGB", Shape::Number),
    optional("diskWarmingMode", Shape::Choice(&["FULLY_WARMED", "VISIBLE_EARLIER"])),
    optional("encryptionAtRestProvider", Shape::Choice(&["NONE", "AWS", "AZURE", "GCP"])),
    optional("featureCompatibilityVersion", Shape::ReadOnly),
    optional("featureCompatibilityVersionExpirationDate", Shape::ReadOnly),
    optional("globalClusterSelfManagedSharding", Shape::Flag),
    optional("groupId", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("labels", KEYS_WITH_VALUES),
    optional("links", Shape::ReadOnly),
    optional("mongoDBEmployeeAccessGrant", Shape::ReadOnly),
    optional("mongoDBMajorVersion", Shape::Text(16)),
    optional("mongoDBVersion", Shape::ReadOnly),
    optional("paused", Shape::Flag),
    optional("pitEnabled", Shape::Flag),
    optional("replicaSetScalingStrategy", Shape::Choice(&["SEQUENTIAL", "WORKLOAD_TYPE", "NODE_TYPE"])),
    optional("rootCertType", Shape::Choice(&["ISRGROOTX1"])),
    optional("stateName", Shape::ReadOnly),
    optional("tags", TAGS),
    optional("terminationProtectionEnabled", Shape::Flag),
    optional("versionReleaseSystem", Shape::Choice(&["LTS", "CONTINUOUS"])),
];

const LEGACY_SPECS: Shape = Shape::List(&Shape::Object(&[
    required("regionConfigs", REGION_CONFIGS),
    optional("id", Shape::ReadOnly),
    optional("numShards", Shape::Whole(1, 70)),
    optional("zoneId", Shape::ReadOnly),
    optional("zoneName", Shape::Text(255)),
]));
