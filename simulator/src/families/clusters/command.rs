//! What Atlas does to a cluster without being asked by its user, on the command of whoever drives the simulator. Each
//! command names the project and the cluster; what else it takes is in brackets.
//!
//! * `autoscale` `{groupId, cluster[, shard][, region][, role][, instanceSize][, diskSizeGB][, done]}` moves sizes.
//!   `shard` counts from 0; without it all shards move, without `region` all regions. `role` is `base` (electable and
//!   read-only nodes together; the default) or `analytics`. A size must lie within the bounds of an autoscaling that is
//!   on; one that is off is not asked. The answer holds the `replicationSpecs` as they are now.
//! * `addShard` `{groupId, cluster[, zone][, done]}` adds a shard like the last one of the zone, or of all.
//! * `maintain` `{groupId, cluster[, repair]}`: the cluster is `UPDATING` for a while, and `REPAIRING` after that.
//!
//! The first two take the cluster to `UPDATING`, unless `done` is true.
use serde::Deserialize;
use serde_json::{Value, json};

use super::hardware::Provider;
use super::topology::{BASE_KINDS, for_each_hardware};
use super::{COLLECTION, Cluster, connection, lifecycle, scaling};
use crate::families::body::{self, Document};
use crate::families::states::DELETING;
use crate::world::World;
use crate::world::timers::Subject;

/// Nodes that are scaled together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Electable and read-only nodes.
    #[default]
    Base,
    Analytics,
}

/// The body of `POST /_sim/autoscale`: at least one of the two sizes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscale {
    group_id: String,
    cluster: String,
    /// Counted from 0; all shards without it.
    shard: Option<usize>,
    /// All regions without it.
    region: Option<String>,
    #[serde(default)]
    role: Role,
    instance_size: Option<String>,
    /// In GB. All disks of a cluster have one size, so this is for all of them.
    #[serde(rename = "diskSizeGB")]
    disk_size: Option<f64>,
    /// Whether it is done already, so that the cluster stays in its state.
    #[serde(default)]
    done: bool,
}

/// The body of `POST /_sim/addShard`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddShard {
    group_id: String,
    cluster: String,
    /// The zone that gets one; that of the last shard without it.
    zone: Option<String>,
    /// Whether it is done already, so that the cluster stays in its state.
    #[serde(default)]
    done: bool,
}

/// The body of `POST /_sim/maintain`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Maintain {
    group_id: String,
    cluster: String,
    /// Whether it goes wrong and has to be repaired.
    #[serde(default)]
    repair: bool,
}

/// Moves sizes as autoscaling does: behind the user's back, in the description itself, and so in what is in effect.
///
/// # Errors
/// Says what is not there, or why autoscaling as it is set would not do it.
pub fn autoscale(world: &mut World, wanted: &Autoscale) -> Result<Value, String> {
    if wanted.instance_size.is_none() && wanted.disk_size.is_none() {
        return Err("nothing is to be scaled: neither instanceSize nor diskSizeGB is given".to_owned());
    }
    let subject = Subject::new(&wanted.group_id, COLLECTION, &wanted.cluster);
    let cluster = scalable(world, &subject)?;
    let mut specs = cluster.specs();
    let all = 0..specs.len();
    let shards = wanted.shard.map_or(all.clone(), |shard| shard..shard + 1);
    if shards.end > all.end {
        return Err(format!("the cluster has {} shards", all.end));
    }
    let moved = |region: &str, kind: &str| {
        let base = BASE_KINDS.contains(&kind);
        wanted.region.as_deref().is_none_or(|wanted| wanted == region) && base == (wanted.role == Role::Base)
    };
    if let Some(size) = &wanted.instance_size {
        let regions = specs[shards.clone()].iter().flat_map(|spec| body::documents(spec, "regionConfigs"));
        let mut regions = regions.filter(|region| {
            let name = body::text(region, "regionName");
            wanted.region.as_deref().is_none_or(|wanted| wanted == name)
        });
        let first = regions.next().ok_or_else(|| format!("there are no nodes in {:?}", wanted.region))?;
        for region in std::iter::once(first).chain(regions) {
            check(region, wanted.role, size)?;
        }
        for spec in &mut specs[shards] {
            for_each_hardware(spec, |(region, kind), hardware| {
                if moved(region, kind) {
                    hardware.insert("instanceSize".to_owned(), size.clone().into());
                }
            });
        }
    }
    if let Some(disk) = wanted.disk_size {
        for spec in &mut specs {
            for_each_hardware(spec, |_, hardware| {
                hardware.insert("diskSizeGB".to_owned(), disk.into());
            });
        }
    }
    reshape(world, &subject, specs, wanted.done)
}

/// Whether nodes of a role in a region could get a size.
fn check(region: &Document, role: Role, size: &str) -> Result<(), String> {
    let (provider, name) = (body::text(region, "providerName"), body::text(region, "regionName"));
    if !Provider::named(provider).is_some_and(|provider| provider.offers(size, name)) {
        return Err(format!("{provider} does not offer {size} in {name}"));
    }
    let scaling = match role {
        Role::Base => region.get("autoScaling"),
        Role::Analytics => region.get("analyticsAutoScaling"),
    };
    scaling::objection(scaling, size).map_or(Ok(()), Err)
}

/// Adds a shard like the last one of its zone, as Atlas may do on its own.
///
/// # Errors
/// Says what is not there.
pub fn add_shard(world: &mut World, wanted: &AddShard) -> Result<Value, String> {
    let subject = Subject::new(&wanted.group_id, COLLECTION, &wanted.cluster);
    let now = world.now;
    let id = world.chance.identifier(now);
    let cluster = scalable(world, &subject)?;
    if !connection::is_sharded(&cluster.document) {
        return Err("a replica set has one shard".to_owned());
    }
    let mut specs = cluster.specs();
    let in_zone = |spec: &Document| wanted.zone.as_deref().is_none_or(|zone| body::text(spec, "zoneName") == zone);
    let last = specs.iter().rposition(in_zone).ok_or_else(|| format!("there is no zone {:?}", wanted.zone))?;
    let mut added = specs[last].clone();
    added.insert("id".to_owned(), id.into());
    specs.insert(last + 1, added);
    reshape(world, &subject, specs, wanted.done)
}

/// Takes a cluster to `UPDATING` without a change that anyone could see, and perhaps on to `REPAIRING`.
///
/// # Errors
/// Says what is not there.
pub fn maintain(world: &mut World, wanted: &Maintain) -> Result<Value, String> {
    let subject = Subject::new(&wanted.group_id, COLLECTION, &wanted.cluster);
    existing(world, &subject)?;
    if wanted.repair {
        lifecycle::updated_and_repaired(world, &subject);
    } else {
        lifecycle::updated(world, &subject);
    }
    Ok(json!({}))
}

/// The cluster, unless there is none or it is on its way out or into another one.
fn existing<'a>(world: &'a mut World, subject: &Subject) -> Result<&'a mut Cluster, String> {
    let nothing = || format!("there is no cluster {} that could be changed", subject.name);
    let project = world.project(&subject.group).ok_or_else(nothing)?;
    if project.successors.contains_key(&subject.name) {
        return Err(format!("the cluster {} is being upgraded", subject.name));
    }
    lifecycle::of(world, subject).filter(|cluster| cluster.state() != DELETING).ok_or_else(nothing)
}

fn scalable<'a>(world: &'a mut World, subject: &Subject) -> Result<&'a mut Cluster, String> {
    let cluster = existing(world, subject)?;
    if cluster.is_tenant() { Err("a free cluster has nothing to scale".to_owned()) } else { Ok(cluster) }
}

/// Gives a cluster other shards, and answers them as they are now.
fn reshape(world: &mut World, subject: &Subject, specs: Vec<Document>, done: bool) -> Result<Value, String> {
    let specs: Value = specs.into_iter().map(Value::Object).collect();
    existing(world, subject)?.document.insert("replicationSpecs".to_owned(), specs.clone());
    if !done {
        lifecycle::updated(world, subject);
    }
    Ok(json!({"replicationSpecs": specs}))
}
