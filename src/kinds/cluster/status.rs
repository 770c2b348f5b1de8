//! What users see of a cluster, as Atlas reports it.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AtlasClusterSpec,
    hardware::Provider,
    merge::{ROLES, list, running},
    words::ClusterType,
};
use crate::status::OperationType;

/// The most shards that are shown: beyond that a status would be for machines only.
const SHARDS_SHOWN: usize = 10;
/// The most regions of a shard that are shown.
const REGIONS_SHOWN: usize = 10;
/// The most private endpoints that are shown.
const ENDPOINTS_SHOWN: usize = 20;

/// What a cluster reports of itself beside the common part.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Atlas's name for the state it is in: IDLE, CREATING, UPDATING, REPAIRING, DELETING. PAUSED stands for a paused
    /// cluster that Atlas calls IDLE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_name: Option<String>,
    /// The version of MongoDB that it runs, with its patch: 8.0.29.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "mongoDBVersion")]
    pub mongo_db_version: Option<String>,
    /// The major version in whose format the data is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_compatibility_version: Option<String>,
    /// Until when that format is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_compatibility_version_expiration_date: Option<String>,
    /// The nodes as they run, after autoscaling, beside those that spec.replicationSpecs declares: of the first 10
    /// shards the first 10 regions, and only roles with nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effective_replication_specs: Vec<EffectiveShard>,
    /// Addresses to connect to, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_strings: Option<ConnectionStrings>,
}

/// One shard as it runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveShard {
    /// The zone that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_name: Option<String>,
    /// Its regions, by priority.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub region_configs: Vec<EffectiveRegion>,
}

/// The nodes that run in one region.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveRegion {
    /// The cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_name: Option<String>,
    /// Atlas's name for the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_name: Option<String>,
    /// Nodes that can become primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electable_specs: Option<EffectiveNodes>,
    /// Nodes that only serve reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_specs: Option<EffectiveNodes>,
    /// Nodes set apart for analytics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_specs: Option<EffectiveNodes>,
}

/// Nodes of one role in one region, as they run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveNodes {
    /// Their tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_size: Option<String>,
    /// How many they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_count: Option<i64>,
    /// The disk of each in gigabytes.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "diskSizeGB")]
    pub disk_size_gb: Option<f64>,
    /// Input and output operations per second of each disk.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "diskIOPS")]
    pub disk_iops: Option<i64>,
}

/// Addresses to connect to, as Atlas reports them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionStrings {
    /// With every host in it: mongodb://…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<String>,
    /// With a DNS name that leads to the hosts: mongodb+srv://…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_srv: Option<String>,
    /// As standard, over VPC peering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
    /// As standardSrv, over VPC peering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_srv: Option<String>,
    /// Over private endpoints: the first 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private_endpoint: Vec<PrivateEndpoint>,
}

/// Addresses to connect to over one private endpoint.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateEndpoint {
    /// What answers there: MONGOD, or MONGOS in a sharded cluster.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// With every host in it: mongodb://…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_string: Option<String>,
    /// With a DNS name that leads to the hosts: mongodb+srv://…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srv_connection_string: Option<String>,
    /// As srvConnectionString, made for sharded clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srv_shard_optimized_connection_string: Option<String>,
    /// The endpoints in the clouds that lead there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<CloudEndpoint>,
}

/// A private endpoint in a cloud.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudEndpoint {
    /// The cloud's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
    /// The cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_name: Option<String>,
    /// Atlas's name for the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Atlas calls a cluster IDLE that is paused, and nobody can connect to it.
pub(super) fn is_paused(cluster: &Value) -> bool {
    cluster["paused"] == true && cluster["stateName"] == "IDLE"
}

/// What [`ClusterStatus`] shows of the document of a cluster.
pub(super) fn report(cluster: &Value) -> Value {
    let mut status = texts(
        cluster,
        &["stateName", "mongoDBVersion", "featureCompatibilityVersion", "featureCompatibilityVersionExpirationDate"],
    );
    if is_paused(cluster) {
        status.insert("stateName".to_owned(), "PAUSED".into());
    }
    let shards: Vec<Value> = list(&cluster["replicationSpecs"]).iter().take(SHARDS_SHOWN).map(shard).collect();
    let mut strings = texts(&cluster["connectionStrings"], &["standard", "standardSrv", "private", "privateSrv"]);
    let endpoints = list(&cluster["connectionStrings"]["privateEndpoint"]);
    let endpoints: Vec<Value> = endpoints.iter().take(ENDPOINTS_SHOWN).map(private_endpoint).collect();
    for (document, name, values) in
        [(&mut status, "effectiveReplicationSpecs", shards), (&mut strings, "privateEndpoint", endpoints)]
    {
        if !values.is_empty() {
            document.insert(name.to_owned(), Value::Array(values));
        }
    }
    if !strings.is_empty() {
        status.insert("connectionStrings".to_owned(), Value::Object(strings));
    }
    Value::Object(status)
}

/// The addresses in the document of a cluster, as [`ClusterStatus`] shows them.
pub fn connection_strings(cluster: &Value) -> Value {
    report(cluster)["connectionStrings"].take()
}

fn shard(shard: &Value) -> Value {
    let mut shown = texts(shard, &["zoneName"]);
    let regions = list(&shard["regionConfigs"]).iter().take(REGIONS_SHOWN).map(region).collect();
    shown.insert("regionConfigs".to_owned(), regions);
    Value::Object(shown)
}

fn region(region: &Value) -> Value {
    let mut shown = texts(region, &["providerName", "regionName"]);
    for (role, nodes) in ROLES.iter().map(|(role, _)| (*role, running(region, role))) {
        // An M0 has no count of nodes.
        if !nodes.is_object() || nodes["nodeCount"] == 0 {
            continue;
        }
        let mut own = texts(nodes, &["instanceSize"]);
        for number in ["nodeCount", "diskSizeGB", "diskIOPS"] {
            if nodes[number].is_number() {
                own.insert(number.to_owned(), nodes[number].clone());
            }
        }
        shown.insert(role.to_owned(), Value::Object(own));
    }
    Value::Object(shown)
}

fn private_endpoint(endpoint: &Value) -> Value {
    let strings = ["type", "connectionString", "srvConnectionString", "srvShardOptimizedConnectionString"];
    let mut shown = texts(endpoint, &strings);
    let endpoints = list(&endpoint["endpoints"]).iter().take(ENDPOINTS_SHOWN);
    let endpoints = endpoints.map(|cloud| Value::Object(texts(cloud, &["endpointId", "providerName", "region"])));
    shown.insert("endpoints".to_owned(), endpoints.collect());
    Value::Object(shown)
}

/// Those of the fields that are there and are text.
fn texts(document: &Value, fields: &[&str]) -> Map<String, Value> {
    let text = |field: &&str| Some(((*field).to_owned(), json!(document[*field].as_str()?)));
    fields.iter().filter_map(text).collect()
}

/// How long an operation usually takes: from what half to what nine of ten took when they were measured on Atlas's own
/// test environments, most of them on clusters of the smallest tiers.
pub(super) fn usually(operation: OperationType, spec: &AtlasClusterSpec) -> &'static str {
    let wanted = spec.region().map(|region| region.provider_name);
    let is_shared = matches!(wanted, Some(Provider::Tenant | Provider::Flex));
    match operation {
        OperationType::Create if is_shared => "10 seconds to 1 minute",
        OperationType::Create if spec.cluster_type != ClusterType::ReplicaSet => "13 to 23 minutes",
        OperationType::Create => "9 to 14 minutes",
        OperationType::Update if is_shared => "20 seconds to 1 minute",
        OperationType::Upgrade => "10 to 25 minutes",
        OperationType::Update => "1 to 12 minutes",
        OperationType::Delete if is_shared => "30 seconds to 1 minute",
        OperationType::Delete => "3 to 4 minutes",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::status::With;

    fn typed(report: &Value) -> Value {
        let status: With<ClusterStatus> = serde_json::from_value(report.clone()).unwrap();
        serde_json::to_value(status.own).unwrap()
    }

    #[test]
    fn state_versions_and_addresses_are_shown() {
        let report = report(&json!({
            "stateName": "IDLE",
            "mongoDBVersion": "8.0.29",
            "featureCompatibilityVersion": "7.0",
            "featureCompatibilityVersionExpirationDate": "2026-12-01T00:00:00Z",
            "connectionStrings": {
                "standard": "mongodb://a:27017",
                "standardSrv": "mongodb+srv://a",
                "private": null,
                "privateEndpoint": [{
                    "type": "MONGOD", "srvConnectionString": "mongodb+srv://a-pl-0",
                    "endpoints": [{"endpointId": "vpce-1", "providerName": "AWS", "region": "EU_WEST_1"}],
                }],
            },
            "paused": false,
        }));
        assert_eq!(
            report,
            json!({
                "stateName": "IDLE",
                "mongoDBVersion": "8.0.29",
                "featureCompatibilityVersion": "7.0",
                "featureCompatibilityVersionExpirationDate": "2026-12-01T00:00:00Z",
                "connectionStrings": {
                    "standard": "mongodb://a:27017",
                    "standardSrv": "mongodb+srv://a",
                    "privateEndpoint": [{
                        "type": "MONGOD", "srvConnectionString": "mongodb+srv://a-pl-0",
                        "endpoints": [{"endpointId": "vpce-1", "providerName": "AWS", "region": "EU_WEST_1"}],
                    }],
                },
            })
        );
        assert_eq!(typed(&report), report, "the schema knows every field that is reported");
    }

    #[test]
    fn nodes_are_shown_as_they_run_and_not_more_of_them_than_people_read() {
        let nodes = |size: &str, count: u8| json!({"instanceSize": size, "nodeCount": count, "diskSizeGB": 40.0});
        let region = json!({
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": nodes("M10", 3), "effectiveElectableSpecs": nodes("M30", 3),
            "analyticsSpecs": nodes("M10", 1), "readOnlySpecs": nodes("M10", 0),
        });
        let shard = json!({"zoneName": "EU", "regionConfigs": vec![region; 12]});
        let report = report(&json!({"replicationSpecs": vec![shard; 50]}));
        let shards = report["effectiveReplicationSpecs"].as_array().unwrap();
        assert_eq!((shards.len(), shards[0]["regionConfigs"].as_array().unwrap().len()), (10, 10));
        let shown = json!({
            "providerName": "AWS", "regionName": "EU_WEST_1",
            "electableSpecs": nodes("M30", 3), "analyticsSpecs": nodes("M10", 1),
        });
        assert_eq!(shards[9]["regionConfigs"][9], shown);
        assert_eq!(typed(&report), report);
    }

    #[test]
    fn a_cluster_that_has_no_address_yet_reports_none() {
        assert_eq!(
            report(&json!({"stateName": "CREATING", "connectionStrings": {}})),
            json!({"stateName": "CREATING"})
        );
    }
}
