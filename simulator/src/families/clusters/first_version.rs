//! The shape of the first version: one size, one disk and one autoscaling for the whole cluster, and nodes by region for
//! each zone. It is known from the specification, and for free clusters from recorded upgrades, which are asked in it and
//! answered in it.
//!
//! A cluster of several clouds, or of shards that differ, cannot be told in it: the list leaves such a cluster out, and
//! reading it alone is refused (assumed).
use serde_json::{Value, json};

use super::change::Change;
use super::fields::{ADVANCED, BI_CONNECTOR};
use super::topology::node_count;
use super::{Cluster, disks, legacy, view};
use crate::api::{ApiError, Request};
use crate::families::body::{self, Document, Field, KEYS_WITH_VALUES, Shape, TAGS, optional, required};
use crate::families::errors;

/// Regions and sizes as this version names them, of all providers in one.
const SETTINGS: &[Field] = &[
    required("providerName", Shape::Choice(&["AWS", "AZURE", "GCP", "TENANT", "FLEX"])),
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
    optional("instanceSizeName", Shape::Text(32)),
    optional("regionName", Shape::Text(64)),
    optional("volumeType", Shape::Choice(&["STANDARD", "PROVISIONED", "HIGH_PERFORMANCE"])),
];

/// The nodes of a zone, by region.
const REGIONS: Shape = Shape::Map(&Shape::Object(&[
    optional("analyticsNodes", Shape::Whole(0, 50)),
    optional("electableNodes", Shape::Whole(0, 7)),
    optional("priority", Shape::Whole(0, 7)),
    optional("readOnlyNodes", Shape::Whole(0, 50)),
]));

const SPECS: Shape = Shape::List(&Shape::Object(&[
    optional("id", Shape::ReadOnly),
    optional("numShards", Shape::Whole(1, 70)),
    optional("regionsConfig", REGIONS),
    optional("zoneName", Shape::Text(255)),
]));

/// What a body may hold: that of a creation, an update or an upgrade.
pub const FIELDS: &[Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required("providerSettings", Shape::Object(SETTINGS)),
    optional("acceptDataRisksAndForceReplicaSetReconfig", Shape::Instant),
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
    optional("clusterType", Shape::Choice(&["REPLICASET", "SHARDED", "GEOSHARDED"])),
    optional("configServerManagementMode", Shape::Choice(&["ATLAS_MANAGED", "FIXED_TO_DEDICATED"])),
    optional("configServerType", Shape::ReadOnly),
    optional("connectionStrings", Shape::ReadOnly),
    optional("createDate", Shape::ReadOnly),
    optional("deleteAfterDate", Shape::ReadOnly),
    optional("diskSizeGB", Shape::Number),
    optional("diskWarmingMode", Shape::Choice(&["FULLY_WARMED", "VISIBLE_EARLIER", "ENHANCED_FULLY_WARMED"])),
    optional("encryptionAtRestProvider", Shape::Choice(&["NONE", "AWS", "AZURE", "GCP"])),
    optional("featureCompatibilityVersion", Shape::ReadOnly),
    optional("featureCompatibilityVersionExpirationDate", Shape::ReadOnly),
    optional("globalClusterSelfManagedSharding", Shape::Flag),
    optional("groupId", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("labels", KEYS_WITH_VALUES),
    optional("links", Shape::ReadOnly),
    optional("mongoDBMajorVersion", Shape::Text(16)),
    optional("mongoDBVersion", Shape::ReadOnly),
    optional("mongoURI", Shape::ReadOnly),
    optional("mongoURIUpdated", Shape::ReadOnly),
    optional("mongoURIWithOptions", Shape::ReadOnly),
    optional("numShards", Shape::Whole(1, 50)),
    optional("paused", Shape::Flag),
    optional("pitEnabled", Shape::Flag),
    optional("providerBackupEnabled", Shape::Flag),
    optional("replicaSetScalingStrategy", Shape::Choice(&["SEQUENTIAL", "WORKLOAD_TYPE", "NODE_TYPE"])),
    optional("replicationFactor", Shape::Whole(3, 7)),
    optional("replicationSpec", REGIONS),
    optional("replicationSpecs", SPECS),
    optional("rootCertType", Shape::Choice(&["ISRGROOTX1"])),
    optional("srvAddress", Shape::ReadOnly),
    optional("stateName", Shape::ReadOnly),
    optional("tags", TAGS),
    optional("terminationProtectionEnabled", Shape::Flag),
    optional("versionReleaseSystem", Shape::Choice(&["LTS", "CONTINUOUS"])),
];

/// Fields that say what the nodes are.
const OF_NODES: [&str; 6] =
    ["autoScaling", "numShards", "providerSettings", "replicationFactor", "replicationSpec", "replicationSpecs"];

fn part(document: &Document, name: &str) -> Document {
    document.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A body in the terms of the newest version, for a cluster with these shards; there are none at a creation and an
/// upgrade. Both flags for backup mean the same one of there (other clients).
pub fn change(sent: &Document, previous: &[Document]) -> Change {
    let mut fields = sent.clone();
    let disk = fields.remove("diskSizeGB").and_then(|size| size.as_f64());
    let shaped = OF_NODES.into_iter().filter(|name| fields.remove(*name).is_some()).count() > 0;
    if let Some(backup) = fields.remove("providerBackupEnabled")
        && !body::flag(&fields, "backupEnabled")
    {
        fields.insert("backupEnabled".to_owned(), backup);
    }
    if previous.is_empty() {
        fields.entry("clusterType").or_insert_with(|| "REPLICASET".into());
    }
    let change = Change::new(fields, Vec::new(), disk);
    Change { shards: shaped.then(|| shards(sent, previous)), ..change }
}

fn shards(sent: &Document, previous: &[Document]) -> Vec<Document> {
    let settings = part(sent, "providerSettings");
    let mut shards: Vec<Document> = if let Some(zones) = zones(sent, &settings, previous.is_empty()) {
        let old = previous.iter().flat_map(|spec| body::documents(spec, "regionConfigs")).next();
        let provider = settings.get("providerName").or_else(|| old?.get("providerName")).cloned();
        zones.iter().flat_map(|zone| expanded(zone, provider.as_ref(), sent)).collect()
    } else {
        let wanted = body::whole(sent, "numShards").and_then(|number| usize::try_from(number).ok());
        let mut last = previous.last().cloned().unwrap_or_default();
        last.remove("id");
        previous.iter().cloned().chain(std::iter::repeat(last)).take(wanted.unwrap_or(previous.len())).collect()
    };
    let regions = shards.iter_mut().filter_map(|shard| shard.get_mut("regionConfigs")?.as_array_mut()).flatten();
    for region in regions.filter_map(Value::as_object_mut) {
        equip(region, sent, &settings, previous.is_empty());
    }
    shards
}

/// The zones that a body describes. A new cluster may name one region alone.
fn zones(sent: &Document, settings: &Document, new: bool) -> Option<Vec<Document>> {
    let zone = |regions: Value| Document::from_iter([("regionsConfig".to_owned(), regions)]);
    let listed: Vec<Document> = body::documents(sent, "replicationSpecs").cloned().collect();
    if !listed.is_empty() {
        return Some(listed);
    }
    if let Some(regions) = sent.get("replicationSpec").filter(|regions| **regions != json!({})) {
        return Some(vec![zone(regions.clone())]);
    }
    let region = body::text(settings, "regionName");
    let nodes = body::whole(sent, "replicationFactor").unwrap_or(3);
    (new || !region.is_empty()).then(|| vec![zone(json!({region: {"electableNodes": nodes, "priority": 7}}))])
}

/// The shards of a zone, without what the settings say of their nodes.
fn expanded(zone: &Document, provider: Option<&Value>, sent: &Document) -> Vec<Document> {
    let regions: Vec<Value> = part(zone, "regionsConfig")
        .iter()
        .map(|(name, nodes)| {
            let nodes = nodes.as_object().cloned().unwrap_or_default();
            let mut region = Document::from_iter([
                ("priority".to_owned(), body::whole(&nodes, "priority").unwrap_or(7).into()),
                ("providerName".to_owned(), provider.cloned().unwrap_or_default()),
                ("regionName".to_owned(), name.as_str().into()),
            ]);
            for (count, kind) in [
                ("electableNodes", "electableSpecs"),
                ("readOnlyNodes", "readOnlySpecs"),
                ("analyticsNodes", "analyticsSpecs"),
            ] {
                let count = body::whole(&nodes, count).unwrap_or_default();
                if count > 0 || kind == "electableSpecs" {
                    region.insert(kind.to_owned(), json!({"nodeCount": count}));
                }
            }
            Value::Object(region)
        })
        .collect();
    let mut shard = Document::from_iter([("regionConfigs".to_owned(), regions.into())]);
    if let Some(name) = zone.get("zoneName") {
        shard.insert("zoneName".to_owned(), name.clone());
    }
    let number = body::whole(zone, "numShards").or_else(|| body::whole(sent, "numShards")).unwrap_or(1);
    std::iter::repeat_n(shard, usize::try_from(number).unwrap_or(1)).collect()
}

/// Writes what the whole body says of nodes into a region.
fn equip(region: &mut Document, sent: &Document, settings: &Document, new: bool) {
    if body::text(settings, "providerName") == "TENANT" {
        region
            .insert("backingProviderName".to_owned(), settings.get("backingProviderName").cloned().unwrap_or_default());
        region.insert("electableSpecs".to_owned(), json!({"instanceSize": settings.get("instanceSizeName")}));
        return;
    }
    for kind in ["electableSpecs", "readOnlySpecs", "analyticsSpecs"] {
        let Some(nodes) = region.get_mut(kind).and_then(Value::as_object_mut) else { continue };
        for (name, newest) in
            [("instanceSizeName", "instanceSize"), ("diskIOPS", "diskIOPS"), ("volumeType", "ebsVolumeType")]
        {
            nodes.extend(settings.get(name).map(|value| (newest.to_owned(), value.clone())));
        }
    }
    let scaling = part(sent, "autoScaling");
    let mut compute = part(&part(settings, "autoScaling"), "compute");
    compute.extend(part(&scaling, "compute"));
    let mut wanted = Document::new();
    if !compute.is_empty() {
        wanted.insert("compute".to_owned(), Value::Object(compute));
    }
    // On, unless the body of an upgrade says otherwise (recorded); assumed for creations.
    let disk = scaling.get("diskGBEnabled").cloned().or_else(|| new.then(|| true.into()));
    wanted.extend(disk.map(|enabled| ("diskGB".to_owned(), json!({"enabled": enabled}))));
    if !wanted.is_empty() {
        region.insert("autoScaling".to_owned(), Value::Object(wanted));
    }
}

/// Whether a cluster can be told in this version.
pub fn can_tell(cluster: &Cluster) -> bool {
    let specs = cluster.specs();
    let mut providers =
        specs.iter().flat_map(|spec| body::documents(spec, "regionConfigs")).map(|it| body::text(it, "providerName"));
    let first = providers.next();
    providers.all(|provider| Some(provider) == first) && !legacy::is_asymmetric(cluster)
}

/// A cluster in this version, with its links.
pub fn view(cluster: &Cluster, request: &Request) -> Result<Value, ApiError> {
    if !can_tell(cluster) {
        return Err(errors::asymmetric_shards());
    }
    let mut shown = cluster.document.clone();
    for later in [
        "adaptiveCapacity",
        "effectiveDatabaseEdition",
        "featureCompatibilityVersion",
        "internalClusterRole",
        "redactClientLogData",
        "retainBackups",
        "useAwsTimeBasedSnapshotCopyForFastInitialSync",
    ] {
        shown.remove(later);
    }
    let specs = cluster.specs();
    let spec = specs.first().cloned().unwrap_or_default();
    let region = body::documents(&spec, "regionConfigs").next().cloned().unwrap_or_default();
    let zones = zones_shown(cluster, &specs);
    let first = zones.first().cloned().unwrap_or_default();
    let strings = cluster.document.get("connectionStrings").cloned().unwrap_or_default();
    let scaling = part(&region, "autoScaling");
    let compute = part(&scaling, "compute");
    let factor: i64 = body::documents(&spec, "regionConfigs").map(|region| node_count(region, "electableSpecs")).sum();
    let more = json!({
        "autoScaling": {
            "compute": {
                "enabled": body::flag(&compute, "enabled"),
                "scaleDownEnabled": body::flag(&compute, "scaleDownEnabled"),
            },
            "diskGBEnabled": body::flag(&part(&scaling, "diskGB"), "enabled"),
        },
        "diskSizeGB": disks::size(&spec),
        "links": view::links(cluster, request),
        "numShards": first["numShards"],
        "providerBackupEnabled": body::flag(&cluster.document, "backupEnabled"),
        "providerSettings": settings_shown(cluster, &region, &compute),
        "replicationFactor": if cluster.is_tenant() { 3 } else { factor },
        "replicationSpec": if zones.len() == 1 { first["regionsConfig"].clone() } else { json!({}) },
        "replicationSpecs": zones,
    });
    shown.extend(more.as_object().cloned().unwrap_or_default());
    if let Some(with_options) = strings["standard"].as_str() {
        shown.insert("mongoURI".to_owned(), with_options.split("/?").next().into());
        shown.insert("mongoURIUpdated".to_owned(), cluster.document.get("createDate").cloned().unwrap_or_default());
        shown.insert("mongoURIWithOptions".to_owned(), with_options.into());
    }
    if let Some(service) = strings.get("standardSrv") {
        shown.insert("srvAddress".to_owned(), service.clone());
    }
    Ok(Value::Object(shown))
}

fn zones_shown(cluster: &Cluster, specs: &[Document]) -> Vec<Value> {
    let mut zones: Vec<Value> = Vec::new();
    for spec in specs {
        let zone = body::text(spec, "zoneName");
        if let Some(known) = zones.iter_mut().find(|known| known["zoneName"] == zone) {
            known["numShards"] = (known["numShards"].as_i64().unwrap_or_default() + 1).into();
            continue;
        }
        let regions: Document = body::documents(spec, "regionConfigs")
            .map(|region| {
                let count = |kind: &str| node_count(region, kind);
                let nodes = json!({
                    "analyticsNodes": count("analyticsSpecs"),
                    "electableNodes": if cluster.is_tenant() { 3 } else { count("electableSpecs") },
                    "priority": region.get("priority"),
                    "readOnlyNodes": count("readOnlySpecs"),
                });
                (body::text(region, "regionName").to_owned(), nodes)
            })
            .collect();
        let id = cluster.legacy_ids.get(zone);
        zones.push(json!({"id": id, "numShards": 1, "regionsConfig": regions, "zoneName": zone}));
    }
    zones
}

fn settings_shown(cluster: &Cluster, region: &Document, compute: &Document) -> Value {
    let nodes = part(region, "electableSpecs");
    let mut settings = json!({
        "autoScaling": {"compute": {}},
        "instanceSizeName": nodes.get("instanceSize"),
        "providerName": region.get("providerName"),
        "regionName": region.get("regionName"),
    });
    for name in ["maxInstanceSize", "minInstanceSize"] {
        let bound = compute.get(name);
        // A free cluster has none and says so (recorded).
        if bound.is_some() || cluster.is_tenant() {
            settings["autoScaling"]["compute"][name] = json!(bound);
        }
    }
    if cluster.is_tenant() {
        settings["backingProviderName"] = region.get("backingProviderName").cloned().unwrap_or_default();
        settings["effectiveInstanceSizeName"] = nodes.get("effectiveInstanceSize").cloned().unwrap_or_default();
    } else if body::text(region, "providerName") == "AWS" {
        settings["diskIOPS"] = nodes.get("diskIOPS").cloned().unwrap_or_default();
        settings["encryptEBSVolume"] = true.into();
        settings["volumeType"] = nodes.get("ebsVolumeType").cloned().unwrap_or_default();
    }
    settings
}
