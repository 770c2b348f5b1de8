//! What the nodes run with: encryption in transit, process arguments, the connector for business intelligence, and
//! where a global cluster keeps what.
//!
//! Atlas has two documents for the first two, which are views of one: `advancedConfiguration` in the cluster, with four
//! fields about TLS, and `processArgs` beside it, with those four again and all others. Here each field has one place,
//! the one where it is compared: TLS in `advancedConfiguration`, everything else in `processArgs`.
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which versions of TLS, and which ciphers, the cluster accepts from its clients. A field that is absent is not
/// managed.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "(has(self.tlsCipherConfigMode) && self.tlsCipherConfigMode == 'CUSTOM') \
         || !((has(self.customOpensslCipherConfigTls12) && self.customOpensslCipherConfigTls12.size() > 0) \
         || (has(self.customOpensslCipherConfigTls13) && self.customOpensslCipherConfigTls13.size() > 0))"
    )
        .message("a list of ciphers needs tlsCipherConfigMode: CUSTOM")
        .field_path(".tlsCipherConfigMode"),
    validation = Rule::new(
        "!has(self.tlsCipherConfigMode) || self.tlsCipherConfigMode != 'CUSTOM' \
         || (has(self.customOpensslCipherConfigTls12) && self.customOpensslCipherConfigTls12.size() > 0) \
         || (has(self.customOpensslCipherConfigTls13) && self.customOpensslCipherConfigTls13.size() > 0)"
    )
        .message("tlsCipherConfigMode CUSTOM needs at least one cipher in customOpensslCipherConfigTls12 or Tls13")
        .field_path(".tlsCipherConfigMode")
)]
pub struct AdvancedConfiguration {
    /// The lowest version of TLS that clients may connect with: TLS1_2 (Atlas's default) or TLS1_3; the older ones are
    /// withdrawn and not safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_enabled_tls_protocol: Option<TlsProtocol>,
    /// DEFAULT for the ciphers that Atlas chooses, CUSTOM for those of the two lists. Atlas's default is DEFAULT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_cipher_config_mode: Option<CipherMode>,
    /// The ciphers for TLS 1.2, with tlsCipherConfigMode CUSTOM; order has no meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(one, self.exists_one(other, other == one))")
            .message("a cipher is listed twice: remove one of the two")
    )]
    pub custom_openssl_cipher_config_tls12: Option<Vec<CipherTls12>>,
    /// The ciphers for TLS 1.3, with tlsCipherConfigMode CUSTOM; order has no meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(one, self.exists_one(other, other == one))")
            .message("a cipher is listed twice: remove one of the two")
    )]
    pub custom_openssl_cipher_config_tls13: Option<Vec<CipherTls13>>,
}

/// The lowest version of TLS that clients may connect with.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum TlsProtocol {
    /// 1.0, which is broken and withdrawn.
    #[serde(rename = "TLS1_0")]
    Tls10,
    /// 1.1, which is withdrawn.
    #[serde(rename = "TLS1_1")]
    Tls11,
    /// 1.2.
    #[serde(rename = "TLS1_2")]
    Tls12,
    /// 1.3.
    #[serde(rename = "TLS1_3")]
    Tls13,
}

/// Who chooses the ciphers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CipherMode {
    /// You.
    Custom,
    /// Atlas.
    Default,
}

/// A cipher of TLS 1.2.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum CipherTls12 {
    /// AES with 256 bits.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]
    Aes256,
    /// AES with 128 bits.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    Aes128,
}

/// A cipher of TLS 1.3.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum CipherTls13 {
    /// AES with 256 bits.
    #[serde(rename = "TLS_AES_256_GCM_SHA384")]
    Aes256,
    /// `ChaCha20`.
    #[serde(rename = "TLS_CHACHA20_POLY1305_SHA256")]
    ChaCha20,
    /// AES with 128 bits.
    #[serde(rename = "TLS_AES_128_GCM_SHA256")]
    Aes128,
    /// AES with 128 bits in CCM mode.
    #[serde(rename = "TLS_AES_128_CCM_SHA256")]
    Aes128Ccm,
}

/// Arguments of the database processes. A field that is absent is not managed; -1 puts Atlas's own value back where the
/// field says so. Atlas may restart the nodes one by one to apply a change.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessArgs {
    /// How long pre- and post-images of change streams are kept, in seconds; -1 for as long as the oplog, which is
    /// Atlas's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub change_stream_options_pre_and_post_images_expire_after_seconds: Option<i32>,
    /// How many threads move chunks on the source and on the receiving shard: at most half the number of processor
    /// cores; -1 for Atlas's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 500))]
    #[x_kube(validation = Rule::new("self != 0").message("at least one thread moves chunks; -1 is Atlas's default"))]
    pub chunk_migration_concurrency: Option<i32>,
    /// The time limit of a single read in milliseconds, 0 for none; -1 for Atlas's default.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "defaultMaxTimeMS")]
    #[schemars(range(min = -1))]
    pub default_max_time_ms: Option<i32>,
    /// How many members must acknowledge a write when the client does not say: majority, or a number. MongoDB's default
    /// is majority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_]+$')")
        .message("a write concern is majority, or a number in quotes"))]
    pub default_write_concern: Option<String>,
    /// Whether the servers run JavaScript that queries bring along. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub javascript_enabled: Option<bool>,
    /// Whether queries that would read a whole collection are refused. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_table_scan: Option<bool>,
    /// How far back the oplog reaches at least, in hours: 0 for no such window, -1 for Atlas's default. A window needs
    /// disks that grow by themselves (autoScaling.diskGB). To switch that off, write 0 here in the same edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    #[x_kube(validation = Rule::new("double(self) == -1.0 || double(self) >= 0.0")
        .message("a number of hours, or -1 for Atlas's default"))]
    pub oplog_min_retention_hours: Option<f64>,
    /// The size of the oplog in megabytes; -1 for Atlas's default.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "oplogSizeMB")]
    #[schemars(range(min = -1))]
    #[x_kube(validation = Rule::new("self != 0").message("an oplog has a size; -1 is Atlas's default"))]
    pub oplog_size_mb: Option<i32>,
    /// Whether query statistics, without any values, go to the log: 1 for no, 3 for yes. Atlas's default is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self in [1, 3]").message("1 keeps query statistics out of the log, 3 puts them in"))]
    pub query_stats_log_verbosity: Option<i32>,
    /// After how many seconds the connector for business intelligence samples the data anew. Atlas's default is 0, for
    /// never.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "sampleRefreshIntervalBIConnector")]
    #[schemars(range(min = 0))]
    pub sample_refresh_interval_bi_connector: Option<i32>,
    /// How many documents of a database the connector for business intelligence samples.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "sampleSizeBIConnector")]
    #[schemars(range(min = 0))]
    pub sample_size_bi_connector: Option<i32>,
    /// After how many seconds a transaction is given up. MongoDB's default is 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub transaction_lifetime_limit_seconds: Option<i64>,
}

/// The connector that shows the data to tools for business intelligence as tables.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BiConnector {
    /// Whether it runs, on clusters from M10 up. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Which nodes it reads from. Atlas's default is secondary, and analytics where there are such nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_preference: Option<ReadPreference>,
}

/// Which nodes are read from: in small letters as Atlas reports it, or in capitals as Atlas describes it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ReadPreference {
    /// The primary.
    #[serde(rename = "primary")]
    Primary,
    /// A secondary.
    #[serde(rename = "secondary")]
    Secondary,
    /// An analytics node.
    #[serde(rename = "analytics")]
    Analytics,
    /// The primary.
    #[serde(rename = "PRIMARY")]
    PrimaryInCapitals,
    /// A secondary.
    #[serde(rename = "SECONDARY")]
    SecondaryInCapitals,
    /// An analytics node.
    #[serde(rename = "ANALYTICS")]
    AnalyticsInCapitals,
}

/// Whether the data keeps the format of the major version that the cluster came from.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.enabled || !has(self.expirationDate)")
    .message("an unpinned version has no expirationDate: remove it, or set enabled: true")
    .field_path(".expirationDate"))]
pub struct VersionPin {
    /// True to pin, false to unpin.
    pub enabled: bool,
    /// When the pin ends by itself, within four weeks from when the version was pinned; it is not renewed then. Absent,
    /// Atlas ends it after four weeks, and the version is pinned anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub expiration_date: Option<String>,
}

/// A collection of a GEOSHARDED cluster whose documents Atlas keeps in the zones of their locations. The collection
/// has, or gets, the shard key location plus customShardKey.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "(has(self.isCustomShardKeyHashed) && self.isCustomShardKeyHashed) || (!has(self.numInitialChunks) \
         && !(has(self.presplitHashedZones) && self.presplitHashedZones))"
    )
        .message("numInitialChunks is for hashed keys only: set isCustomShardKeyHashed: true")
        .field_path(".isCustomShardKeyHashed"),
    validation = Rule::new(
        "!has(self.isCustomShardKeyHashed) || !self.isCustomShardKeyHashed || !has(self.isShardKeyUnique) \
         || !self.isShardKeyUnique"
    )
        .message("a hashed shard key cannot be unique: remove isShardKeyUnique")
        .field_path(".isShardKeyUnique")
)]
pub struct ManagedNamespace {
    /// The database.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("!self.contains('.')").message("the name of a database has no dot"))]
    pub db: String,
    /// The collection.
    #[schemars(length(min = 1, max = 255))]
    pub collection: String,
    /// The field that the documents of a location are spread by.
    #[schemars(length(min = 1, max = 255))]
    pub custom_shard_key: String,
    /// Whether customShardKey is hashed. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_custom_shard_key_hashed: Option<bool>,
    /// Whether the shard key is unique. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_shard_key_unique: Option<bool>,
    /// How many chunks an empty collection with a hashed key starts with: up to 8192. It counts when Atlas takes the
    /// collection over; a later edit changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8192))]
    pub num_initial_chunks: Option<i32>,
    /// Whether those chunks are spread over the zones at once. It counts when Atlas takes the collection over; a later
    /// edit changes nothing. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presplit_hashed_zones: Option<bool>,
}

/// A place on earth and the zone that keeps its documents.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
pub struct ZoneMapping {
    /// A country by two letters (ISO 3166-1), where possible with a part of it (ISO 3166-2): DE, US-VA.
    #[schemars(length(max = 6))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Z]{2}(-[A-Z0-9]{1,3})?$')")
        .message("a location is a country such as DE, or a part of one such as US-VA"))]
    pub location: String,
    /// The zoneName of a shard.
    #[schemars(length(min = 1, max = 100))]
    pub zone: String,
}
