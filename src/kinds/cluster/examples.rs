//! The clusters that the laws run on.
use crate::kind::Example;

/// One for each way in which a cluster's documents are made and changed.
pub(super) fn all() -> Vec<Example> {
    vec![
        Example {
            name: "dedicated",
            manifest: include_str!("dedicated.yaml"),
            edit: Some(("/tags/0/value", r#""staging""#)),
            drift: Some(("/groups/{groupId}/clusters/orders", r#"{"tags": [{"key": "env", "value": "lost"}]}"#)),
        },
        Example {
            name: "dedicated in three regions, autoscaled",
            manifest: include_str!("regions.yaml"),
            edit: Some(("/replicationSpecs/0/regionConfigs/2/electableSpecs/nodeCount", "3")),
            drift: Some(("/groups/{groupId}/clusters/catalogue", r#"{"backupEnabled": false}"#)),
        },
        Example {
            name: "sharded",
            manifest: include_str!("sharded.yaml"),
            edit: Some(("/replicationSpecs/1/regionConfigs/0/electableSpecs/instanceSize", r#""M40""#)),
            drift: Some(("/groups/{groupId}/clusters/events", r#"{"terminationProtectionEnabled": true}"#)),
        },
        Example {
            name: "with process arguments and a pinned version",
            manifest: include_str!("arguments.yaml"),
            edit: Some(("/processArgs/defaultMaxTimeMS", "5000")),
            drift: Some(("/groups/{groupId}/clusters/ledger/processArgs", r#"{"noTableScan": false}"#)),
        },
        Example {
            name: "global",
            manifest: include_str!("everything.yaml"),
            edit: Some(("/customZoneMapping/1/zone", r#""Europe""#)),
            drift: Some(("/groups/{groupId}/clusters/world", r#"{"labels": [{"key": "lost", "value": "yes"}]}"#)),
        },
        Example {
            name: "flex",
            manifest: include_str!("flex.yaml"),
            edit: Some(("/tags/0/value", r#""test""#)),
            drift: Some(("/groups/{groupId}/flexClusters/trial", r#"{"terminationProtectionEnabled": true}"#)),
        },
        Example { name: "M0", manifest: include_str!("m0.yaml"), edit: None, drift: None },
    ]
}
