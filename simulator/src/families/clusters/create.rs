//! Creating a cluster: from the few fields that a user writes to the document that Atlas shows.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::change::Change;
use super::connection::{self, Hosts, PREFIX_LENGTH, prefix};
use super::{Cluster, GlobalWrites, INDEPENDENT_SHARDS_SINCE, lifecycle, topology, update, view};
use crate::api::{ApiError, Reply, Request};
use crate::families::body::{self, Document};
use crate::families::states::{self, CREATING};
use crate::families::{admit, containers, errors, project};
use crate::world::{Project, World};

/// Longest name (specification).
const LONGEST_NAME: usize = 64;

pub fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let change = Change::creation(request)?;
    let name = body::text(&change.fields, "name").to_owned();
    let project = project(world, request)?;
    check_name(project, request.param("groupId"), &name)?;
    if body::flag(&change.fields, "paused") {
        return Err(errors::cannot_create_paused(&name));
    }
    let free = change.shards.as_deref().is_some_and(topology::is_tenant);
    if free && project.clusters.iter().any(Cluster::is_tenant) {
        return Err(errors::second_free_cluster());
    }
    admit(world, request)?;
    let sent = change.fields.clone();
    let cluster = build(world, request, change)?;
    let answer = view::without_unsent_tags(view::shown(&cluster, request)?, &sent);
    let (subject, pace) = (cluster.subject(), lifecycle::pace(&cluster));
    if let Some(project) = world.project_mut(request.param("groupId")) {
        project.clusters.push(cluster);
    }
    states::creation(world, subject, pace, &lifecycle::STEPS);
    containers::follow(world, request.param("groupId"));
    Ok(Reply::document(201, answer))
}

/// Names are letters, digits and hyphens, unique among all deployments of the project, also in that part that goes into
/// host names.
pub fn check_name(project: &Project, group: &str, name: &str) -> Result<(), ApiError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if name.is_empty() || name.starts_with('-') || !name.chars().all(allowed) {
        return Err(errors::cluster_name_invalid(name));
    }
    if name.len() > LONGEST_NAME {
        return Err(errors::cluster_name_too_long(name, LONGEST_NAME));
    }
    if project.deployment_names().any(|other| other == name) {
        return Err(errors::duplicate_cluster_name(name, group));
    }
    if prefix(name).ends_with('-') {
        return Err(errors::cluster_name_prefix_invalid(name, PREFIX_LENGTH, &prefix(name)));
    }
    if project.deployment_names().any(|other| prefix(other) == prefix(name)) {
        return Err(errors::duplicate_cluster_name_prefix(name, PREFIX_LENGTH));
    }
    Ok(())
}

/// A cluster that is not yet in its project.
pub fn build(world: &mut World, request: &Request, change: Change) -> Result<Cluster, ApiError> {
    let now = world.now;
    let group = request.param("groupId");
    let name = body::text(&change.fields, "name").to_owned();
    let suffix = project(world, request)?.host_suffix.clone();
    let specs = topology::settle(
        topology::Request {
            cluster_type: body::text(&change.fields, "clusterType"),
            shards: change.shards,
            previous: &[],
            disk: change.disk,
        },
        || world.chance.identifier(now),
    )?;
    let tenant = topology::is_tenant(&specs);
    let mut document = defaults();
    document.extend([
        ("clusterType".to_owned(), body::text(&change.fields, "clusterType").into()),
        ("createDate".to_owned(), body::moment(now)),
        ("groupId".to_owned(), group.into()),
        ("id".to_owned(), world.chance.identifier(now).into()),
        ("name".to_owned(), name.clone().into()),
        ("replicationSpecs".to_owned(), specs.iter().cloned().map(Value::Object).collect()),
    ]);
    let zones: Vec<String> = specs.iter().map(|spec| body::text(spec, "zoneName").to_owned()).collect();
    let legacy_ids: BTreeMap<String, String> =
        zones.into_iter().map(|zone| (zone, world.chance.identifier(now))).collect();
    let hosts = if tenant {
        Hosts::shared(&name, &mut world.chance)
    } else {
        Hosts::dedicated(&name, &suffix, &mut world.chance)
    };
    update::apply(&mut document, &change.fields)?;
    if tenant {
        if body::text(&document, "encryptionAtRestProvider") != "NONE" {
            return Err(errors::tenant_encryption_unsupported());
        }
        // A free cluster has neither (recorded).
        document.remove("advancedConfiguration");
        document.extend([("backupEnabled".to_owned(), false.into()), ("pitEnabled".to_owned(), false.into())]);
    }
    let strings = connection::strings(&document, &hosts, false);
    document.insert("connectionStrings".to_owned(), strings);
    Ok(Cluster {
        document,
        process_args: Document::new(),
        legacy_ids,
        hosts,
        failovers: 0,
        resumed: None,
        global_writes: GlobalWrites::default(),
        independent_shards: request.version >= INDEPENDENT_SHARDS_SINCE,
    })
}

/// What a cluster has when nothing is said (recorded in August 2026; defaults move in the course of time).
fn defaults() -> Document {
    let defaults = json!({
        "adaptiveCapacity": null,
        "advancedConfiguration": {
            "customOpensslCipherConfigTls12": [],
            "customOpensslCipherConfigTls13": [],
            "minimumEnabledTlsProtocol": "TLS1_2",
            "tlsCipherConfigMode": "DEFAULT",
        },
        "backupEnabled": false,
        "biConnector": {"enabled": false, "readPreference": "secondary"},
        "diskWarmingMode": "FULLY_WARMED",
        "effectiveDatabaseEdition": "CORE",
        "encryptionAtRestProvider": "NONE",
        "globalClusterSelfManagedSharding": false,
        "internalClusterRole": "NONE",
        "labels": [],
        "paused": false,
        "pitEnabled": false,
        "redactClientLogData": false,
        "retainBackups": false,
        "rootCertType": "ISRGROOTX1",
        "stateName": CREATING,
        "tags": [],
        "terminationProtectionEnabled": false,
        "useAwsTimeBasedSnapshotCopyForFastInitialSync": false,
        "versionReleaseSystem": "LTS",
    });
    defaults.as_object().cloned().unwrap_or_default()
}
