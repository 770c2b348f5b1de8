//! Process arguments: settings of `mongod` that a cluster carries. Four of them are the cluster's
//! `advancedConfiguration` in another place; the rest live here. What is not set shows as `null`.
//!
//! A `null` in a body is ignored, -1 takes a number back (recorded by other clients).
use serde_json::{Value, json};

use super::fields::{ADVANCED, TLS12_CIPHERS, TLS13_CIPHERS};
use super::update::settle_ciphers;
use super::{Cluster, cluster, cluster_mut, lifecycle, scaling, versions};
use crate::api::{ApiError, Reply, Request};
use crate::families::body::{self, Document, Field, Shape, optional};
use crate::families::errors;
use crate::world::World;

/// A number of 32 bits (specification), or -1.
const ANY: Shape = Shape::Whole(-1, i32::MAX as i64);

/// The one number that has 64 bits and cannot be 0 (specification).
const LIFETIME: &str = "transactionLifetimeLimitSeconds";

const FIELDS: &[Field] = &[
    optional("changeStreamOptionsPreAndPostImagesExpireAfterSeconds", ANY),
    optional("chunkMigrationConcurrency", ANY),
    optional("customOpensslCipherConfigTls12", Shape::List(&Shape::Choice(TLS12_CIPHERS))),
    optional("customOpensslCipherConfigTls13", Shape::List(&Shape::Choice(TLS13_CIPHERS))),
    optional("defaultMaxTimeMS", ANY),
    optional("defaultReadConcern", Shape::Text(255)),
    optional("defaultWriteConcern", Shape::Text(255)),
    optional("failIndexKeyTooLong", Shape::Flag),
    optional("javascriptEnabled", Shape::Flag),
    optional("minimumEnabledTlsProtocol", Shape::Choice(&["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"])),
    optional("noTableScan", Shape::Flag),
    optional("oplogMinRetentionHours", Shape::Number),
    optional("oplogSizeMB", ANY),
    optional("queryStatsLogVerbosity", ANY),
    optional("sampleRefreshIntervalBIConnector", ANY),
    optional("sampleSizeBIConnector", ANY),
    optional("tlsCipherConfigMode", Shape::Choice(&["CUSTOM", "DEFAULT"])),
    optional(LIFETIME, Shape::Whole(-1, i64::MAX)),
];

/// Arguments of the first version only; they still exist there and are never set (recorded).
const FIRST_VERSION_ONLY: [&str; 2] = ["defaultReadConcern", "failIndexKeyTooLong"];

fn is_advanced(name: &str) -> bool {
    ADVANCED.iter().any(|field| field.name == name)
}

/// The arguments of a cluster as the newest version shows them.
pub fn current(cluster: &Cluster) -> Document {
    let advanced = cluster.document.get("advancedConfiguration").and_then(Value::as_object);
    let mut shown = Document::new();
    for field in FIELDS.iter().filter(|field| !FIRST_VERSION_ONLY.contains(&field.name)) {
        let set = if is_advanced(field.name) {
            advanced.and_then(|advanced| advanced.get(field.name))
        } else {
            cluster.process_args.get(field.name)
        };
        shown.insert(field.name.to_owned(), set.cloned().unwrap_or_else(|| default(cluster, field.name)));
    }
    shown
}

/// What an argument is when it is not set (recorded).
fn default(cluster: &Cluster, name: &str) -> Value {
    match name {
        "javascriptEnabled" => json!(true),
        "noTableScan" => json!(false),
        // A free cluster has no advanced configuration and shows what others begin with (recorded).
        "customOpensslCipherConfigTls12" if cluster.is_tenant() => json!([]),
        "minimumEnabledTlsProtocol" if cluster.is_tenant() => json!("TLS1_2"),
        "tlsCipherConfigMode" if cluster.is_tenant() => json!("DEFAULT"),
        // Version 8.0 brought the argument.
        "queryStatsLogVerbosity" => {
            let major = versions::number(body::text(&cluster.document, "mongoDBMajorVersion"));
            if major >= (8, 0) { json!(1) } else { Value::Null }
        }
        _ => Value::Null,
    }
}

/// The hours for which the oplog must reach back, if any; 0 and -1 are none.
pub fn window(args: &Document) -> Option<f64> {
    args.get("oplogMinRetentionHours").and_then(Value::as_f64).filter(|hours| *hours > 0.0)
}

pub fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut shown = current(cluster(world, request)?);
    if request.version == "2023-01-01" {
        shown.extend(FIRST_VERSION_ONLY.map(|name| (name.to_owned(), Value::Null)));
    }
    Ok(Reply::document(200, Value::Object(shown)))
}

pub fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, FIELDS)?;
    let cluster = cluster_mut(world, request)?;
    if cluster.is_tenant() {
        return Err(errors::tenant_process_args_unsupported());
    }
    cluster.check_changeable()?;
    if body::whole(&sent, LIFETIME) == Some(0) {
        return Err(errors::invalid_attribute(LIFETIME));
    }
    if window(&sent).is_some() && !scaling::grows_disks(&cluster.document) {
        return Err(errors::oplog_window_needs_disk_scaling());
    }
    let before = current(cluster);
    if let Some(advanced) = cluster.document.get_mut("advancedConfiguration").and_then(Value::as_object_mut) {
        let settings: Document = sent
            .iter()
            .filter(|(name, _)| is_advanced(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        body::merge(advanced, &settings);
        settle_ciphers(advanced, &settings);
    }
    let elsewhere = |name: &str| is_advanced(name) || FIRST_VERSION_ONLY.contains(&name);
    for (name, value) in sent.into_iter().filter(|(name, _)| !elsewhere(name)) {
        if value.as_f64() == Some(-1.0) {
            cluster.process_args.remove(&name);
        } else {
            cluster.process_args.insert(name, value);
        }
    }
    if current(cluster) != before {
        lifecycle::arguments_changed(world, request.param("groupId"), request.param("clusterName"));
    }
    get(world, request)
}
