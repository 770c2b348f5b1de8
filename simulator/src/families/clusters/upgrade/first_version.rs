//! The shape of the first version, which nothing has but upgrades: what they are asked in, and how they answer.
use serde_json::{Value, json};

use crate::api::Request;
use crate::families::body::{self, Document, Field, KEYS_WITH_VALUES, Shape, optional, required};
use crate::families::clusters::change::Change;
use crate::families::clusters::fields::{ADVANCED, BI_CONNECTOR};
use crate::families::clusters::{Cluster, disks, view};

/// Regions and sizes as this version names them, of all providers in one.
const SETTINGS: &[Field] = &[
    required("instanceSizeName", Shape::Text(32)),
    required("providerName", Shape::Choice(&["AWS", "AZURE", "GCP", "FLEX"])),
    optional(
        "autoScaling",
        Shape::Object(&[optional(
            "compute",
            Shape::Object(&[
                optional("maxInstanceSize", Shape::Text(32)),
                optional("minInstanceSize", Shape::Text(32)),
            ]),
        )]),
    ),
    optional("backingProviderName", Shape::Choice(&["AWS", "AZURE", "GCP"])),
    optional("diskIOPS", Shape::Whole(0, i32::MAX as i64)),
    optional("diskTypeName", Shape::Choice(&["P2", "P3", "P4", "P6", "P10", "P15", "P20", "P30", "P40", "P50"])),
    optional("effectiveInstanceSizeName", Shape::ReadOnly),
    optional("encryptEBSVolume", Shape::Flag),
    optional("regionName", Shape::Text(64)),
    optional("volumeType", Shape::Choice(&["STANDARD", "PROVISIONED", "HIGH_PERFORMANCE"])),
];

/// What an upgrade may ask for. The nodes are those of one region with three electable ones; this version can tell more,
/// which no client was seen to do.
pub const UPGRADE: &[Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required("providerSettings", Shape::Object(SETTINGS)),
    optional("advancedConfiguration", Shape::Object(ADVANCED)),
    optional(
        "autoScaling",
        Shape::Object(&[
            optional(
                "compute",
                Shape::Object(&[optional("enabled", Shape::Flag), optional("scaleDownEnabled", Shape::Flag)]),
            ),
            optional("diskGBEnabled", Shape::Flag),
        ]),
    ),
    optional("backupEnabled", Shape::Flag),
    optional("biConnector", Shape::Object(BI_CONNECTOR)),
    optional("clusterType", Shape::Choice(&["REPLICASET"])),
    optional("diskSizeGB", Shape::Number),
    optional("diskWarmingMode", Shape::Choice(&["FULLY_WARMED", "VISIBLE_EARLIER", "ENHANCED_FULLY_WARMED"])),
    optional("encryptionAtRestProvider", Shape::Choice(&["NONE", "AWS", "AZURE", "GCP"])),
    optional("groupId", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("labels", KEYS_WITH_VALUES),
    optional("links", Shape::ReadOnly),
    optional("mongoDBMajorVersion", Shape::Text(16)),
    optional("numShards", Shape::Whole(1, 1)),
    optional("pitEnabled", Shape::Flag),
    optional("providerBackupEnabled", Shape::Flag),
    optional("replicaSetScalingStrategy", Shape::Choice(&["SEQUENTIAL", "WORKLOAD_TYPE", "NODE_TYPE"])),
    optional("replicationFactor", Shape::Whole(3, 3)),
    optional("rootCertType", Shape::Choice(&["ISRGROOTX1"])),
    optional("tags", KEYS_WITH_VALUES),
    optional("terminationProtectionEnabled", Shape::Flag),
    optional("versionReleaseSystem", Shape::Choice(&["LTS", "CONTINUOUS"])),
];

/// An upgrade to a dedicated cluster as a creation in the terms of the newest version. Both flags for backup mean the
/// same one of there (other clients).
pub fn change(sent: &Document) -> Change {
    let mut fields = sent.clone();
    let part =
        |document: &Document, name: &str| document.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let settings = part(sent, "providerSettings");
    let scaling = part(sent, "autoScaling");
    let disk = sent.get("diskSizeGB").and_then(Value::as_f64);
    if body::flag(sent, "providerBackupEnabled") {
        fields.insert("backupEnabled".to_owned(), true.into());
    }
    for name in
        ["autoScaling", "diskSizeGB", "numShards", "providerBackupEnabled", "providerSettings", "replicationFactor"]
    {
        fields.remove(name);
    }
    fields.insert("clusterType".to_owned(), "REPLICASET".into());
    let mut nodes = Document::from_iter([
        ("instanceSize".to_owned(), settings.get("instanceSizeName").cloned().unwrap_or_default()),
        ("nodeCount".to_owned(), 3.into()),
    ]);
    for (name, newest) in [("diskIOPS", "diskIOPS"), ("volumeType", "ebsVolumeType")] {
        nodes.extend(settings.get(name).map(|value| (newest.to_owned(), value.clone())));
    }
    let mut compute = part(&part(&settings, "autoScaling"), "compute");
    compute.extend(part(&scaling, "compute"));
    let region = json!({
        "autoScaling": {"compute": compute, "diskGB": {"enabled": body::flag(&scaling, "diskGBEnabled")}},
        "electableSpecs": nodes,
        "priority": 7,
        "providerName": settings.get("providerName"),
        "regionName": body::text(&settings, "regionName"),
    });
    let shard = Document::from_iter([("regionConfigs".to_owned(), json!([region]))]);
    Change::new(fields, vec![shard], disk)
}

/// A free cluster in the shape of the first version (recorded in the version before it, which has the same shape).
pub fn view(cluster: &Cluster, request: &Request) -> Value {
    let mut shown = cluster.document.clone();
    for later in [
        "adaptiveCapacity",
        "effectiveDatabaseEdition",
        "featureCompatibilityVersion",
        "internalClusterRole",
        "redactClientLogData",
        "retainBackups",
    ] {
        shown.remove(later);
    }
    let specs = cluster.specs();
    let spec = specs.first().cloned().unwrap_or_default();
    let region = body::documents(&spec, "regionConfigs").next().cloned().unwrap_or_default();
    let (name, zone) = (body::text(&region, "regionName"), body::text(&spec, "zoneName"));
    let mut nodes = Document::new();
    nodes.insert(name.to_owned(), json!({"analyticsNodes": 0, "electableNodes": 3, "priority": 7, "readOnlyNodes": 0}));
    let strings = cluster.document.get("connectionStrings").cloned().unwrap_or_default();
    let with_options = strings["standard"].as_str().unwrap_or_default();
    let more = json!({
        "autoScaling": {"compute": {"enabled": false, "scaleDownEnabled": false}, "diskGBEnabled": false},
        "diskSizeGB": disks::size(&spec),
        "links": view::links(cluster, request),
        "mongoURI": with_options.split("/?").next(),
        "mongoURIUpdated": cluster.document.get("createDate"),
        "mongoURIWithOptions": with_options,
        "numShards": 1,
        "providerBackupEnabled": false,
        "providerSettings": {
            "autoScaling": {"compute": {"maxInstanceSize": null, "minInstanceSize": null}},
            "backingProviderName": body::text(&region, "backingProviderName"),
            "effectiveInstanceSizeName": "M0",
            "instanceSizeName": "M0",
            "providerName": "TENANT",
            "regionName": name,
        },
        "replicationFactor": 3,
        "replicationSpec": nodes,
        "replicationSpecs": [
            {"id": cluster.legacy_ids.get(zone), "numShards": 1, "regionsConfig": nodes, "zoneName": zone},
        ],
        "srvAddress": strings["standardSrv"],
    });
    shown.extend(more.as_object().cloned().unwrap_or_default());
    Value::Object(shown)
}
