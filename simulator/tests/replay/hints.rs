//! What a user would have to write to get a recorded document: its name, size, regions, tags, and nothing that Atlas
//! adds. A request is made from these hints only where nobody knows what was sent ([`super::sent`]): they cannot tell a
//! default of the simulator that is wrong from one that is right.
use serde_json::{Value, json};

const LEGACY: &str = "2023-02-01";

/// The body that creates a cluster like this one, for the version that the description is in.
pub fn cluster(description: &Value) -> Value {
    let specs = description["replicationSpecs"].as_array().unwrap();
    let mut body = json!({
        "clusterType": description["clusterType"],
        "name": description["name"],
        "replicationSpecs": specs.iter().map(spec).collect::<Vec<_>>(),
    });
    for name in ["labels", "tags"] {
        copy_if(&mut body, description, name, Value::is_array);
    }
    let flags =
        ["backupEnabled", "globalClusterSelfManagedSharding", "redactClientLogData", "terminationProtectionEnabled"];
    for name in flags {
        copy_if(&mut body, description, name, |value| value == true);
    }
    // A cluster that is being deleted has lost its backup, but still shows that it was continuous.
    if description["pitEnabled"] == true {
        body["backupEnabled"] = json!(true);
    }
    copy_if(&mut body, description, "pitEnabled", |value| value == true);
    copy_if(&mut body, description, "mongoDBMajorVersion", |value| value == "7.0");
    copy_if(&mut body, description, "versionReleaseSystem", |value| value == "CONTINUOUS");
    copy_if(&mut body, description, "configServerManagementMode", |value| value == "FIXED_TO_DEDICATED");
    copy_if(&mut body, description, "replicaSetScalingStrategy", Value::is_string);
    copy_if(&mut body, description, "biConnector", |value| value["enabled"] == true);
    copy_if(&mut body, description, "diskSizeGB", |value| value.as_f64() > Some(1.0));
    copy_if(&mut body, description, "advancedConfiguration", |value| value["tlsCipherConfigMode"] == "CUSTOM");
    // The version of a free cluster and what its disk holds are not for the user to say.
    if is_free(description) {
        for name in ["diskSizeGB", "backupEnabled", "pitEnabled"] {
            body.as_object_mut().unwrap().remove(name);
        }
    }
    body
}

/// Whether a description has the shape of version 2023-02-01.
pub fn is_legacy(description: &Value) -> bool {
    description["replicationSpecs"][0].get("numShards").is_some()
}

/// The version in which to write the body that [`cluster`] makes.
pub fn write_version(description: &Value) -> &'static str {
    if is_legacy(description) { LEGACY } else { "2024-10-23" }
}

/// Whether this describes a cluster in a shape that is served: version 1.0 has another.
pub fn is_cluster(description: &Value) -> bool {
    region(description).is_object()
}

pub fn is_free(description: &Value) -> bool {
    region(description)["providerName"] == "TENANT"
}

/// Whether this cluster was a free one before and was made dedicated: those never say how disks are warmed.
pub fn was_upgraded(description: &Value) -> bool {
    !is_free(description) && description.get("diskWarmingMode").is_none()
}

pub fn region(description: &Value) -> &Value {
    &description["replicationSpecs"][0]["regionConfigs"][0]
}

fn spec(spec: &Value) -> Value {
    let mut body = json!({
        "regionConfigs": spec["regionConfigs"].as_array().unwrap().iter().map(region_config).collect::<Vec<_>>(),
        "zoneName": spec["zoneName"],
    });
    copy_if(&mut body, spec, "numShards", Value::is_number);
    body
}

fn region_config(region: &Value) -> Value {
    let mut body = json!({
        "priority": region["priority"],
        "providerName": region["providerName"],
        "regionName": region["regionName"],
    });
    copy_if(&mut body, region, "backingProviderName", Value::is_string);
    body["electableSpecs"] = hardware(&region["electableSpecs"]);
    for name in ["analyticsSpecs", "readOnlySpecs"] {
        if region[name]["nodeCount"].as_i64() > Some(0) {
            body[name] = hardware(&region[name]);
        }
    }
    copy_if(&mut body, region, "autoScaling", |scaling| {
        scaling["compute"]["enabled"] == true || scaling["diskGB"]["enabled"] == true
    });
    copy_if(&mut body, region, "analyticsAutoScaling", Value::is_object);
    body
}

fn hardware(specs: &Value) -> Value {
    let mut body = json!({"instanceSize": specs["instanceSize"]});
    copy_if(&mut body, specs, "nodeCount", Value::is_number);
    if specs["ebsVolumeType"] == "PROVISIONED" {
        copy_if(&mut body, specs, "ebsVolumeType", Value::is_string);
        copy_if(&mut body, specs, "diskIOPS", Value::is_number);
    }
    body
}

/// The process arguments that somebody set: those that are not as every cluster has them.
pub fn arguments(description: &Value) -> Value {
    let untouched =
        [("javascriptEnabled", json!(true)), ("noTableScan", json!(false)), ("queryStatsLogVerbosity", json!(1))];
    let arguments = description.as_object().into_iter().flatten();
    let set = arguments.filter(|(name, value)| {
        let default = untouched.iter().any(|(other, default)| other == name && default == *value);
        !value.is_null() && !value.is_array() && !default
    });
    Value::Object(set.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The body that creates a flex cluster like this one.
pub fn flex(description: &Value) -> Value {
    let settings = &description["providerSettings"];
    let mut body = json!({
        "name": description["name"],
        "providerSettings": {
            "backingProviderName": settings["backingProviderName"],
            "regionName": settings["regionName"],
        },
    });
    copy_if(&mut body, description, "tags", Value::is_array);
    copy_if(&mut body, description, "terminationProtectionEnabled", |value| value == true);
    body
}

/// The body that creates a database user like this one. Its expiry is moved to where it is still to come.
pub fn user(description: &Value, expiry: &str) -> Value {
    let mut body = json!({
        "databaseName": description["databaseName"],
        "roles": description["roles"],
        "scopes": description["scopes"],
        "username": description["username"],
    });
    let kinds = ["awsIAMType", "ldapAuthType", "oidcAuthType", "x509Type"];
    for name in kinds {
        copy_if(&mut body, description, name, |value| value != "NONE");
    }
    if kinds.iter().all(|name| body.get(name).is_none()) {
        body["password"] = json!("a password that nobody sees");
    }
    copy_if(&mut body, description, "description", Value::is_string);
    copy_if(&mut body, description, "labels", |labels| labels.as_array().is_some_and(|labels| !labels.is_empty()));
    if description.get("deleteAfterDate").is_some() {
        body["deleteAfterDate"] = expiry.into();
    }
    body
}

/// The body that writes an access list entry like this one.
pub fn access_entry(description: &Value, expiry: &str) -> Value {
    let mut body = json!({});
    let address = if description.get("ipAddress").is_some() { "ipAddress" } else { "cidrBlock" };
    copy_if(&mut body, description, address, Value::is_string);
    copy_if(&mut body, description, "comment", Value::is_string);
    if description.get("deleteAfterDate").is_some() {
        body["deleteAfterDate"] = expiry.into();
    }
    body
}

fn copy_if(body: &mut Value, description: &Value, name: &str, wanted: impl Fn(&Value) -> bool) {
    if let Some(value) = description.get(name).filter(|value| wanted(value)) {
        body[name] = value.clone();
    }
}
