//! What the recorded clients sent. The recordings of the Terraform provider have the bodies of its requests; those of the
//! vendor's command line do not. But its flags, its rules and the files of its tests are public, and so it is known what
//! it sent, by test and step: nothing here is taken from an answer but the names that are drawn anew in every run.
use serde_json::{Value, json};

use super::corpus::Record;
use crate::bench::{Bench, Call};

pub const CLUSTERS: &str = "/groups/{groupId}/clusters";
pub const CLUSTER: &str = "/groups/{groupId}/clusters/{clusterName}";
pub const ARGUMENTS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";

/// The flags with which a test makes its cluster.
struct Flags {
    test: &'static str,
    tier: &'static str,
    provider: &'static str,
    region: &'static str,
    disk: u32,
    version: &'static str,
    backup: bool,
    protection: bool,
    shards: usize,
    tag: Option<(&'static str, &'static str)>,
}

/// What a test has that only needs some cluster.
const PLAIN: Flags = Flags {
    test: "",
    tier: "M10",
    provider: "AWS",
    region: "US_EAST_1",
    disk: 30,
    version: "8.0",
    backup: false,
    protection: false,
    shards: 1,
    tag: None,
};

/// Free clusters have neither disk nor version of their own.
const FREE: Flags = Flags { tier: "M0", ..PLAIN };

const CREATIONS: [Flags; 15] = [
    Flags { test: "TestAccessLogs", ..PLAIN },
    Flags { test: "TestMetrics", ..PLAIN },
    Flags { test: "TestOnlineArchives", ..PLAIN },
    Flags { test: "TestPerformanceAdvisor", ..PLAIN },
    Flags { test: "TestStreamsWithClusters", ..PLAIN },
    Flags { test: "TestStreams", provider: "AZURE", region: "US_EAST_2", ..PLAIN },
    Flags { test: "TestSearchNodes", tier: "M20", version: "7.0", ..PLAIN },
    Flags { test: "TestShardedCluster", shards: 2, ..PLAIN },
    Flags { test: "TestClustersFlags", version: "7.0", protection: true, tag: Some(("env", "test")), ..PLAIN },
    Flags { test: "TestExportJobs", disk: 10, backup: true, ..PLAIN },
    Flags { test: "TestRestores", backup: true, ..PLAIN },
    Flags { test: "TestSchedule", backup: true, ..PLAIN },
    Flags { test: "TestSharedClusterUpgrade", ..FREE },
    Flags { test: "TestSetup", tag: Some(("env", "e2etest")), ..FREE },
    Flags { test: "TestSetupISS", tag: Some(("env-iss", "e2etest-iss")), ..FREE },
];

impl Flags {
    /// The body that the command line makes of them. `--backup` asks for continuous backup as well, termination protection
    /// is always said, and read-only nodes are said to be none.
    fn body(&self, name: &Value, legacy: bool) -> Value {
        let free = self.tier == "M0";
        let mut region = json!({
            "electableSpecs": {"instanceSize": self.tier},
            "priority": 7,
            "providerName": if free { "TENANT" } else { self.provider },
            "readOnlySpecs": {"instanceSize": self.tier, "nodeCount": 0},
            "regionName": self.region,
        });
        if free {
            region["backingProviderName"] = self.provider.into();
        } else {
            region["electableSpecs"]["nodeCount"] = 3.into();
        }
        let mut spec = json!({"regionConfigs": [region], "zoneName": "Zone 1"});
        if legacy {
            spec["numShards"] = self.shards.into();
        }
        let specs = if legacy { vec![spec] } else { vec![spec; self.shards] };
        let mut body = json!({
            "clusterType": if self.shards > 1 { "SHARDED" } else { "REPLICASET" },
            "name": name,
            "replicationSpecs": specs,
            "terminationProtectionEnabled": self.protection,
        });
        if !free {
            body["diskSizeGB"] = self.disk.into();
            body["mongoDBMajorVersion"] = self.version.into();
        }
        if self.backup {
            body["backupEnabled"] = true.into();
            body["pitEnabled"] = true.into();
        }
        if let Some((key, value)) = self.tag {
            body["tags"] = json!([{"key": key, "value": value}]);
        }
        body
    }
}

/// The body of a request that creates a cluster, if it is known.
pub fn creation(record: &Record) -> Option<Value> {
    let name = &record.response_body["name"];
    if let Some(body) = recorded(record) {
        return Some(body);
    }
    match record.test.as_str() {
        "TestClustersFile" => Some(three_regions(name)),
        "TestISSClustersFile" => {
            let mut body = two_shards("M10");
            body["name"] = name.clone();
            Some(body)
        }
        test => {
            let flags = CREATIONS.iter().find(|flags| flags.test == test)?;
            Some(flags.body(name, record.api_version.as_deref() == Some("2023-02-01")))
        }
    }
}

/// The body of a request that changes a cluster or its process arguments, if it is known.
pub fn change(bench: &mut Bench, record: &Record) -> Option<Value> {
    if let Some(body) = recorded(record) {
        return Some(body);
    }
    match (record.test.as_str(), record.step.as_deref().unwrap_or_default()) {
        ("TestClustersFile", _) => Some(json!({"diskSizeGB": 40, "tags": []})),
        ("TestISSClustersFile", "Pause_ISS_cluster") => Some(json!({"paused": true})),
        ("TestISSClustersFile", "Start_ISS_cluster") => Some(json!({"paused": false})),
        ("TestISSClustersFile", _) => Some(two_shards("M30")),
        ("TestClustersFlags", "Update") => {
            let read =
                Call::new("GET", CLUSTER).version(Some("2023-02-01")).param("clusterName", record.cluster_name());
            let mut body = bench.prepare(read).ok()?;
            send_back(&mut body);
            body["diskSizeGB"] = 40.into();
            body["mongoDBMajorVersion"] = "8.0".into();
            body["terminationProtectionEnabled"] = false.into();
            Some(body)
        }
        ("TestClustersFlags", _) => Some(json!({"defaultWriteConcern": "majority"})),
        _ => None,
    }
}

/// Takes from a description what the command line leaves out when it sends one back.
fn send_back(description: &mut Value) {
    let Some(fields) = description.as_object_mut() else { return };
    for name in ["connectionStrings", "createDate", "id", "mongoDBVersion", "stateName"] {
        fields.remove(name);
    }
    for spec in fields.get_mut("replicationSpecs").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("id");
        }
    }
}

/// Sends a recorded write again. A body that nobody knows is an error.
pub fn again(bench: &mut Bench, record: &Record) -> Result<(), String> {
    let body = if record.method == "POST" { creation(record) } else { change(bench, record) };
    let body = body.ok_or_else(|| format!("nobody knows what {} sent to {}", record.test, record.label()))?;
    let call = Call::new(&record.method, record.template()).version(record.api_version.as_deref());
    bench.prepare(call.param("clusterName", record.cluster_name()).body(body)).map(drop)
}

fn recorded(record: &Record) -> Option<Value> {
    Some(&record.request_body).filter(|body| body.is_object()).cloned()
}

/// The file of the test that makes a cluster of three regions. It says more than it must.
fn three_regions(name: &Value) -> Value {
    let specs =
        |nodes: u32| json!({"diskIOPS": 3000, "ebsVolumeType": "STANDARD", "instanceSize": "M30", "nodeCount": nodes});
    let region = |(name, priority): (&str, u32)| {
        json!({
            "analyticsSpecs": specs(0),
            "autoScaling": {"compute": {"enabled": false, "scaleDownEnabled": false}, "diskGB": {"enabled": true}},
            "electableSpecs": specs(1),
            "priority": priority,
            "providerName": "AWS",
            "readOnlySpecs": specs(0),
            "regionName": name,
        })
    };
    let regions = [("EU_WEST_1", 7), ("US_EAST_1", 6), ("US_WEST_1", 5)].map(region);
    json!({
        "backupEnabled": false,
        "clusterType": "REPLICASET",
        "diskSizeGB": 30,
        "mongoDBMajorVersion": "8.0",
        "name": name,
        "replicationSpecs": [{"numShards": 1, "regionConfigs": regions, "zoneName": "Zone 1"}],
        "tags": [{"key": "env", "value": "e2e"}],
    })
}

/// The files of the test of independently scaled shards: backup is on, and continuous backup is not spoken of.
fn two_shards(tier: &str) -> Value {
    let region = json!({
        "backingProviderName": "AWS",
        "electableSpecs": {"diskSizeGB": 10, "instanceSize": tier, "nodeCount": 3},
        "priority": 7,
        "providerName": "AWS",
        "regionName": "EU_WEST_1",
    });
    let spec = json!({"regionConfigs": [region], "zoneName": "Zone1"});
    json!({
        "backupEnabled": true,
        "clusterType": "SHARDED",
        "mongoDBMajorVersion": "8.0",
        "replicationSpecs": [spec, spec],
        "tags": [{"key": "e2e_test", "value": "yes"}],
        "terminationProtectionEnabled": false,
    })
}

/// The body of a request that writes a custom role: every resource with all three fields, the empty ones too.
pub fn role(record: &Record) -> Value {
    let on = |db: &str, collection: &str| json!({"cluster": db.is_empty(), "collection": collection, "db": db});
    let action = |name: &str, resources: &[Value]| json!({"action": name, "resources": resources});
    let sessions = action("LIST_SESSIONS", &[on("", "")]);
    let find = action("FIND", &[on("db", "collection2")]);
    let sharding = json!({"db": "admin", "role": "enableSharding"});
    match record.step.as_deref().unwrap_or_default() {
        "Create" => json!({
            "actions": [action("UPDATE", &[on("db", "collection")]), find],
            "inheritedRoles": [sharding],
            "roleName": record.response_body["roleName"],
        }),
        "Update_with_append" => json!({
            // The command line puts what is new before what the role had.
            "actions": [action("UPDATE", &[on("db2", "collection"), on("db", "collection")]), sessions, find],
            "inheritedRoles": [{"db": "mydb", "role": "read"}, sharding],
        }),
        _ => json!({"actions": [sessions], "inheritedRoles": [sharding]}),
    }
}

/// What the command line adds to a body that writes a user: each way of signing in that it does not use.
pub fn user(mut body: Value) -> Value {
    for name in ["awsIAMType", "ldapAuthType", "oidcAuthType", "x509Type"] {
        if body.get(name).is_none() {
            body[name] = "NONE".into();
        }
    }
    body
}

/// What the command line adds to a body that changes a user: whom it is about, and that there is no certificate.
pub fn changed_user(mut body: Value, user: &Value) -> Value {
    for name in ["databaseName", "username"] {
        body[name] = user[name].clone();
    }
    body["x509Type"] = "NONE".into();
    body
}

/// What the command line adds to a body that creates a flex cluster.
pub fn flex(mut body: Value) -> Value {
    body["providerSettings"]["providerName"] = "FLEX".into();
    if body.get("terminationProtectionEnabled").is_none() {
        body["terminationProtectionEnabled"] = false.into();
    }
    body
}
