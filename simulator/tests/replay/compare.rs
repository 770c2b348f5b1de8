//! Compares two answers by shape: which keys there are, which type each value has, what is null.
//!
//! Values are compared where a rule decides them and nothing else does, such as the state of a cluster or the code of
//! an error; ids, dates, hosts, versions and sizes of disks are not. Excepted are fields that appeared or vanished
//! between the recordings of 2025 and the state of August 2026 that the simulator keeps to.
use serde_json::Value;

/// Fields that Atlas has shown since the recordings of 2025, so those lack them.
const APPEARED: [(&str, &str); 10] = [
    ("adaptiveCapacity", "new in 2026"),
    ("customOpensslCipherConfigTls13", "new in November 2025"),
    ("effectiveAnalyticsSpecs", "on sharded clusters new in 2026"),
    ("effectiveDatabaseEdition", "new in 2026"),
    ("effectiveElectableSpecs", "on sharded clusters new in 2026"),
    ("effectiveReadOnlySpecs", "on sharded clusters new in 2026"),
    ("effectiveReplicationSpecs", "new in 2026"),
    ("internalClusterRole", "new in the summer of 2025"),
    ("retainBackups", "new in 2026"),
    ("useAwsTimeBasedSnapshotCopyForFastInitialSync", "new in September 2025"),
];

/// Fields that recordings of 2025 show and later ones do not.
const VANISHED: [(&str, &str); 1] = [("predictiveEnabled", "shown from March to August 2025 only")];

/// Fields of which the value must be the same wherever they stand.
const DECIDED: [&str; 20] = [
    "autoScalingMode",
    "awsIAMType",
    "backupEnabled",
    "clusterType",
    "configServerManagementMode",
    "databaseName",
    "ebsVolumeType",
    "errorCode",
    "featureCompatibilityVersion",
    "instanceSize",
    "nodeCount",
    "numShards",
    "paused",
    "pitEnabled",
    "priority",
    "providerName",
    "regionName",
    "replicaSetScalingStrategy",
    "stateName",
    "versionReleaseSystem",
];

/// Every difference, as a path and what is wrong there.
pub fn differences(recorded: &Value, simulated: &Value, from_2025: bool) -> Vec<String> {
    let mut found = Vec::new();
    compare("", recorded, simulated, from_2025, &mut found);
    found
}

fn compare(path: &str, recorded: &Value, simulated: &Value, from_2025: bool, found: &mut Vec<String>) {
    match (recorded, simulated) {
        (Value::Object(recorded), Value::Object(simulated)) => {
            for (name, value) in recorded {
                match simulated.get(name) {
                    Some(other) => compare(&format!("{path}.{name}"), value, other, from_2025, found),
                    None if from_2025 && excepted(&VANISHED, name) => {}
                    None => found.push(format!("{path}.{name} is missing")),
                }
            }
            for name in simulated.keys().filter(|name| !recorded.contains_key(*name)) {
                if !(from_2025 && excepted(&APPEARED, name)) {
                    found.push(format!("{path}.{name} should not be there"));
                }
            }
        }
        (Value::Array(recorded), Value::Array(simulated)) => {
            if recorded.len() != simulated.len() {
                found.push(format!("{path} has {} items instead of {}", simulated.len(), recorded.len()));
            }
            let (recorded, simulated) = (by_name(recorded), by_name(simulated));
            for (position, (recorded, simulated)) in recorded.into_iter().zip(simulated).enumerate() {
                compare(&format!("{path}[{position}]"), recorded, simulated, from_2025, found);
            }
        }
        _ if recorded != simulated && DECIDED.iter().any(|name| path.ends_with(&format!(".{name}"))) => {
            found.push(format!("{path} is {simulated} instead of {recorded}"));
        }
        _ if kind(recorded) != kind(simulated) => {
            found.push(format!("{path} is {} instead of {}", kind(simulated), kind(recorded)));
        }
        _ => {}
    }
}

/// Things with names in the order of these: which was made first is not part of a shape.
fn by_name(items: &[Value]) -> Vec<&Value> {
    let mut items: Vec<&Value> = items.iter().collect();
    items.sort_by_key(|item| item.get("name").and_then(Value::as_str));
    items
}

fn excepted(exceptions: &[(&str, &str)], name: &str) -> bool {
    exceptions.iter().any(|(field, _)| *field == name)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a flag",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
