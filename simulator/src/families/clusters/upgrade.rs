//! Upgrading a free cluster to a dedicated one.
//!
//! The body and the answer are in the shape of the first version, which nothing else here has. The answer describes the
//! old cluster. What follows was recorded step by step, `UPDATING` all the while: the tags vanish, then the host names,
//! then another cluster stands in the place of the first — `id`, `createDate`, zone and specs are new — without
//! connection strings at first, then with those of the old one. After `IDLE` it may be updated once more by itself.
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::change::Change;
use super::topology::disk_size;
use super::{COLLECTION, Cluster, connection, create, lifecycle, missing, view};
use crate::api::{ApiError, Reply, Request};
use crate::families::body::{self, Document, Field, KEYS_WITH_VALUES, Shape, optional, required};
use crate::families::states::{self, IDLE, UPDATING};
use crate::families::{errors, project, project_mut};
use crate::world::World;
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;

/// How long an upgrade takes in seconds: 10 to 25 minutes in the recordings that were looked at.
const UPGRADE: Quantiles = Quantiles::new(600.0, 660.0, 900.0, 1380.0, 1500.0, 1500.0);

/// The share of upgrades after which the cluster is updated once more by itself: one of two that were recorded.
const AFTERMATH: f64 = 0.5;

/// When the tags, the host names and the old cluster itself are gone, in seconds (the last as recorded, the others
/// spread before it).
const TAGS_GONE: SignedDuration = SignedDuration::from_secs(5);
const HOSTS_GONE: SignedDuration = SignedDuration::from_secs(10);
const REPLACED: SignedDuration = SignedDuration::from_secs(20);

/// Fields that are set while a cluster is made and that an upgraded one lacks: the first for good, the second until
/// shortly before the end.
const WARMING: &str = "diskWarmingMode";
const COPY: &str = "useAwsTimeBasedSnapshotCopyForFastInitialSync";

/// The part of the first version's description that an upgrade to a replica set in one region needs.
const FIELDS: &[Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required(
        "providerSettings",
        Shape::Object(&[
            required("instanceSizeName", Shape::Text(32)),
            required("providerName", Shape::Choice(&["AWS", "AZURE", "GCP"])),
            required("regionName", Shape::Text(64)),
        ]),
    ),
    optional("clusterType", Shape::Choice(&["REPLICASET"])),
    optional("diskSizeGB", Shape::Number),
    optional("labels", KEYS_WITH_VALUES),
    optional("mongoDBMajorVersion", Shape::Text(16)),
    optional("numShards", Shape::Whole(1, 1)),
    optional("providerBackupEnabled", Shape::Flag),
    optional("replicationFactor", Shape::Whole(3, 3)),
    optional("tags", KEYS_WITH_VALUES),
    optional("terminationProtectionEnabled", Shape::Flag),
];

/// The cluster that will take the place of a free one.
pub struct Successor(Cluster);

pub fn upgrade(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, FIELDS)?;
    let (group, name) = (request.param("groupId"), body::text(&sent, "name"));
    let here = project(world, request)?;
    let old = here.cluster(name).ok_or_else(|| missing(here, request, name))?;
    // What Atlas answers for other clusters and for one that is busy is assumed.
    if !old.is_tenant() || old.state() != IDLE {
        return Err(errors::invalid_attribute("name"));
    }
    let hosts = old.hosts.clone();
    let tags = sent.get("tags").or_else(|| old.document.get("tags")).cloned();
    let mut successor = create::build(world, request, change(&sent))?;
    successor.hosts = hosts;
    successor.document.extend(tags.clone().map(|tags| ("tags".to_owned(), tags)));
    successor.document.remove(WARMING);
    successor.document.remove(COPY);
    states::enter(&mut successor.document, UPDATING);
    let here = project_mut(world, request)?;
    let old = here.cluster_mut(name).ok_or_else(|| errors::cluster_not_found(name, group))?;
    states::enter(&mut old.document, UPDATING);
    old.document.extend(tags.map(|tags| ("tags".to_owned(), tags)));
    old.document.remove(COPY);
    old.successor = Some(Box::new(Successor(successor)));
    let answer = first_version(old, request);
    schedule(world, &Subject::new(group, COLLECTION, name));
    Ok(Reply::document(200, answer))
}

/// The upgrade as a creation in the terms of the newest version.
fn change(sent: &Document) -> Change {
    let mut fields = sent.clone();
    let settings = fields.remove("providerSettings").unwrap_or_default();
    let backup = fields.remove("providerBackupEnabled");
    fields.extend(backup.map(|backup| ("backupEnabled".to_owned(), backup)));
    fields.remove("numShards");
    fields.remove("replicationFactor");
    let disk = fields.remove("diskSizeGB").and_then(|size| size.as_f64());
    fields.insert("clusterType".to_owned(), "REPLICASET".into());
    let shard = json!({"regionConfigs": [{
        "electableSpecs": {"instanceSize": settings["instanceSizeName"], "nodeCount": 3},
        "priority": 7,
        "providerName": settings["providerName"],
        "regionName": settings["regionName"],
    }]});
    Change { fields, shards: Some(shard.as_object().cloned().into_iter().collect()), disk }
}

fn schedule(world: &mut World, subject: &Subject) {
    world.cancel(subject);
    let whole = world.chance.duration(&UPGRADE);
    let steps: [(SignedDuration, &'static str, states::Act); 5] = [
        (TAGS_GONE, "upgrade: tags vanish", |world, subject| {
            set(world, subject, "tags", json!([]));
        }),
        (HOSTS_GONE, "upgrade: host names vanish", |world, subject| {
            if let Some(cluster) = lifecycle::of(world, subject) {
                let strings = cluster.hosts.shared_strings(false);
                cluster.document.insert("connectionStrings".to_owned(), strings);
            }
        }),
        (REPLACED, "upgrade: another cluster takes the place", replace),
        (whole * 8 / 10, "upgrade: host names return", |world, subject| {
            if let Some(cluster) = lifecycle::of(world, subject) {
                let strings = connection::strings(&cluster.document, &cluster.hosts, true);
                cluster.document.insert("connectionStrings".to_owned(), strings);
            }
        }),
        (whole * 9 / 10, "upgrade: copies are configured", |world, subject| {
            set(world, subject, COPY, json!(false));
        }),
    ];
    for (delay, what, act) in steps {
        world.after(delay, subject.clone(), what, act);
    }
    world.after(whole, subject.clone(), IDLE, lifecycle::STEPS.idle);
    if world.chance.happens(AFTERMATH) {
        let begin = whole + world.chance.duration(&lifecycle::UNTIL_ARGUMENTS_APPLY) + SignedDuration::from_secs(30);
        let update = world.chance.duration(&lifecycle::UPDATE);
        world.after(begin, subject.clone(), UPDATING, lifecycle::STEPS.updating);
        world.after(begin + update, subject.clone(), IDLE, lifecycle::STEPS.idle);
    }
}

fn set(world: &mut World, subject: &Subject, field: &str, value: Value) {
    if let Some(cluster) = lifecycle::of(world, subject) {
        cluster.document.insert(field.to_owned(), value);
    }
}

fn replace(world: &mut World, subject: &Subject) {
    let now = world.now;
    if let Some(cluster) = lifecycle::of(world, subject)
        && let Some(successor) = cluster.successor.take()
    {
        *cluster = successor.0;
        cluster.document.insert("createDate".to_owned(), body::moment(now));
        cluster.document.insert("connectionStrings".to_owned(), json!({}));
    }
}

/// A free cluster in the shape of the first version (recorded in the version before it, which has the same shape).
fn first_version(cluster: &Cluster, request: &Request) -> Value {
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
        "diskSizeGB": disk_size(&spec),
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
