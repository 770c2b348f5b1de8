//! The way back: documents of Atlas made into the smallest spec that says the same.
//!
//! What Atlas chose by itself has no place in a spec, because Atlas may choose otherwise tomorrow: so a value that is
//! Atlas's default is left out, and so are disk sizes and versions, of which nothing tells who chose them. What is left
//! out of a spec stays as it is.
use serde_json::{Map, Value, json};

use super::{
    CLUSTER, CUSTOM_ZONE_MAPPING, MANAGED_NAMESPACES, PROCESS_ARGS,
    merge::{ROLES, list},
    passage,
    size::is_nvme,
    version,
};
use crate::kind::Documents;

/// Fields that are taken as they are, with Atlas's default.
const PLAIN: [(&str, Value); 8] = [
    ("backupEnabled", Value::Bool(false)),
    ("terminationProtectionEnabled", Value::Bool(false)),
    ("paused", Value::Bool(false)),
    ("redactClientLogData", Value::Bool(false)),
    ("useAwsTimeBasedSnapshotCopyForFastInitialSync", Value::Bool(false)),
    ("globalClusterSelfManagedSharding", Value::Bool(false)),
    ("adaptiveCapacity", Value::Null),
    ("replicaSetScalingStrategy", Value::Null),
];

/// Fields of words that are taken as they are, with Atlas's default.
const WORDS: [(&str, &str); 5] = [
    ("versionReleaseSystem", "LTS"),
    ("encryptionAtRestProvider", "NONE"),
    ("diskWarmingMode", "FULLY_WARMED"),
    ("rootCertType", "ISRGROOTX1"),
    ("configServerManagementMode", "ATLAS_MANAGED"),
];

/// Process arguments whose default Atlas writes out; of the others it is null.
const ARGUMENTS: [(&str, Value); 2] = [("javascriptEnabled", Value::Bool(true)), ("noTableScan", Value::Bool(false))];

/// The smallest spec that says what the documents say.
pub(super) fn spec(observed: &Documents) -> Value {
    let Some(cluster) = observed.get(CLUSTER).filter(|cluster| cluster["name"].is_string()) else {
        return Value::Null;
    };
    let mut spec = Map::from_iter([("name".to_owned(), cluster["name"].clone())]);
    let mut put = |name: &str, value: Value| {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty && value.as_object().is_none_or(|fields| !fields.is_empty()) {
            spec.insert(name.to_owned(), value);
        }
    };
    put("tags", cluster["tags"].clone());
    if passage::is_flex(cluster) {
        let settings = &cluster["providerSettings"];
        let region = json!({
            "providerName": "FLEX", "backingProviderName": settings["backingProviderName"],
            "regionName": settings["regionName"],
        });
        put("clusterType", json!("REPLICASET"));
        put("replicationSpecs", json!([{"regionConfigs": [region]}]));
        put("terminationProtectionEnabled", other_than(cluster, "terminationProtectionEnabled", &json!(false)));
        return Value::Object(spec);
    }
    put("clusterType", cluster["clusterType"].clone());
    let is_global = cluster["clusterType"] == "GEOSHARDED";
    put("replicationSpecs", list(&cluster["replicationSpecs"]).iter().map(|spec| shard(spec, is_global)).collect());
    if passage::is_tenant(cluster) {
        return Value::Object(spec);
    }
    put("labels", cluster["labels"].clone());
    for (field, default) in &PLAIN {
        put(field, other_than(cluster, field, default));
    }
    for (field, default) in WORDS {
        put(field, other_than(cluster, field, &json!(default)));
    }
    // It follows backupEnabled at creation, so with backups its absence is a choice.
    if cluster["backupEnabled"] == true {
        put("pitEnabled", cluster["pitEnabled"].clone());
    }
    if let Some(until) = cluster[version::PIN].as_str() {
        put("featureCompatibilityVersionPin", json!({"enabled": true, "expirationDate": until}));
    }
    if cluster["biConnector"]["enabled"] == true {
        let preference = cluster["biConnector"]["readPreference"].as_str().map(str::to_lowercase);
        put("biConnector", json!({"enabled": true, "readPreference": preference}));
    }
    put("advancedConfiguration", tls(&cluster["advancedConfiguration"]));
    put(PROCESS_ARGS, observed.get(PROCESS_ARGS).map(arguments).unwrap_or_default());
    for name in [MANAGED_NAMESPACES, CUSTOM_ZONE_MAPPING] {
        put(name, observed.get(name).cloned().unwrap_or_default());
    }
    Value::Object(spec)
}

/// The value of a field; null when it is the default.
fn other_than(document: &Value, field: &str, default: &Value) -> Value {
    if document[field] == *default { Value::Null } else { document[field].clone() }
}

fn shard(shard: &Value, is_global: bool) -> Value {
    let regions: Vec<Value> = list(&shard["regionConfigs"]).iter().map(region).collect();
    if is_global {
        json!({"zoneName": shard["zoneName"], "regionConfigs": regions})
    } else {
        json!({"regionConfigs": regions})
    }
}

fn region(seen: &Value) -> Value {
    if seen["providerName"] == "TENANT" {
        return json!({
            "providerName": "TENANT", "backingProviderName": seen["backingProviderName"],
            "regionName": seen["regionName"],
            "electableSpecs": {"instanceSize": seen["electableSpecs"]["instanceSize"]},
        });
    }
    let fields = ["providerName", "regionName", "priority"].map(|field| (field.to_owned(), seen[field].clone()));
    let mut region: Map<String, Value> = fields.into_iter().collect();
    for (role, _) in ROLES {
        if seen[role]["nodeCount"].as_i64().unwrap_or_default() > 0 {
            region.insert(role.to_owned(), nodes(&seen[role]));
        }
    }
    for scaling in ["autoScaling", "analyticsAutoScaling"] {
        let found = auto_scaling(&seen[scaling]);
        if !found.is_empty() {
            region.insert(scaling.to_owned(), Value::Object(found));
        }
    }
    Value::Object(region)
}

/// Volumes of a special kind, and what they can do, are somebody's choice; those of an NVMe tier can do what they do.
fn nodes(seen: &Value) -> Value {
    let mut nodes = json!({"instanceSize": seen["instanceSize"], "nodeCount": seen["nodeCount"]});
    if seen["ebsVolumeType"].as_str().is_some_and(|kind| kind != "STANDARD") {
        nodes["ebsVolumeType"] = seen["ebsVolumeType"].clone();
        if !is_nvme(&seen["instanceSize"]) {
            nodes["diskIOPS"] = seen["diskIOPS"].clone();
        }
    }
    nodes
}

/// Only what is on.
fn auto_scaling(seen: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    if seen["compute"]["enabled"] == true {
        let mut compute = seen["compute"].clone();
        if compute["predictiveEnabled"] == false {
            compute["predictiveEnabled"] = Value::Null;
        }
        found.insert("compute".to_owned(), compute);
    }
    if seen["diskGB"]["enabled"] == true {
        found.insert("diskGB".to_owned(), json!({"enabled": true}));
    }
    found
}

fn tls(seen: &Value) -> Value {
    let mut found = Map::new();
    if seen["tlsCipherConfigMode"] == "CUSTOM" {
        found.insert("tlsCipherConfigMode".to_owned(), json!("CUSTOM"));
        for field in ["customOpensslCipherConfigTls12", "customOpensslCipherConfigTls13"] {
            if !list(&seen[field]).is_empty() {
                found.insert(field.to_owned(), seen[field].clone());
            }
        }
    }
    let protocol = other_than(seen, "minimumEnabledTlsProtocol", &json!("TLS1_2"));
    if !protocol.is_null() {
        found.insert("minimumEnabledTlsProtocol".to_owned(), protocol);
    }
    Value::Object(found)
}

/// The arguments that Atlas would not have by itself. Those about TLS are in the document of the cluster.
fn arguments(seen: &Value) -> Value {
    let numbers = [
        "changeStreamOptionsPreAndPostImagesExpireAfterSeconds",
        "chunkMigrationConcurrency",
        "defaultMaxTimeMS",
        "oplogMinRetentionHours",
        "oplogSizeMB",
        "sampleRefreshIntervalBIConnector",
        "sampleSizeBIConnector",
        "transactionLifetimeLimitSeconds",
    ];
    let words = [("defaultWriteConcern", json!("majority")), ("queryStatsLogVerbosity", json!(1))];
    let numbers = numbers.map(|field| (field, Value::Null));
    let known = numbers.iter().chain(&ARGUMENTS).chain(&words);
    let others = known.map(|(field, default)| ((*field).to_owned(), other_than(seen, field, default)));
    others.filter(|(_, value)| !value.is_null()).collect::<Map<String, Value>>().into()
}
