//! Who moved a size: the spec, or Atlas.
//!
//! While Atlas scales anything of a cluster, a size that is larger than the declared one is Atlas's work and is left, unless
//! the spec has just declared a smaller one. So what was declared when the cluster was last settled is remembered, by
//! shard and by the nodes that have one size.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    merge::{SCALINGS, list, position, remove},
    shards,
    size::Size,
};
use crate::kind::Settled;

/// The nodes that have one size, by the roles that they are declared in.
const GROUPS: [(&str, &[&str]); 2] =
    [("base", &["electableSpecs", "readOnlySpecs"]), ("analytics", &["analyticsSpecs"])];

/// Where a shard carries whether it declares what it declared before, as long as it is looked at.
const MARK: &str = "declaredAsBefore";

/// Which nodes of a shard declare what they declared when the cluster was last settled.
pub(super) struct Unchanged(Value);

impl Unchanged {
    /// Whether the nodes of a role do.
    pub(super) fn is(&self, role: &str) -> bool {
        GROUPS.iter().any(|(group, roles)| roles.contains(&role) && self.0[*group] == true)
    }
}

/// What is remembered of a document of a cluster: the sizes, disks and operations of each shard.
pub(super) fn remembered(desired: &Value) -> Settled {
    named(list(&desired["replicationSpecs"])).into_iter().flat_map(|(name, shard)| figures(&name, shard)).collect()
}

/// Marks the shards that declare what they declared before.
pub(super) fn mark(wanted: &mut [Value], settled: &Settled) {
    let marks: Vec<Value> = named(wanted)
        .into_iter()
        .map(|(name, shard)| {
            let now = figures(&name, shard);
            let is = |group: &str| {
                let key = key(&name, group);
                now.contains_key(&key) && now.get(&key) == settled.get(&key)
            };
            json!({"base": is("base"), "analytics": is("analytics")})
        })
        .collect();
    for (shard, mark) in wanted.iter_mut().zip(marks) {
        shard[MARK] = mark;
    }
}

/// Takes the mark off again.
pub(super) fn unmark(shard: &mut Value) -> Unchanged {
    Unchanged(shard.as_object_mut().and_then(|shard| shard.remove(MARK)).unwrap_or_default())
}

/// Whether Atlas moves anything of the cluster, and is to go on. It may then move more than the field beside the switch
/// says: a disk that outgrows its tier takes the tier along, and the other way round.
pub(super) fn is_any_scaled(wanted: &[Value], seen: &[Value]) -> bool {
    let pairs = shards::successors(wanted, seen);
    wanted.iter().zip(pairs).any(|(shard, pair)| {
        let there = pair.map_or(&Value::Null, |index| &seen[index]["regionConfigs"]);
        list(&shard["regionConfigs"]).iter().any(|region| {
            let own = position(region, there).map_or(&Value::Null, |index| &there[index]);
            let is_on = |scaling: &str, kind: &str| {
                let enabled = |region: &Value| region[scaling][kind]["enabled"].as_bool();
                enabled(own) == Some(true) && enabled(region) != Some(false)
            };
            SCALINGS.iter().any(|scaling| is_on(scaling, "compute") || is_on(scaling, "diskGB"))
        })
    })
}

/// Takes out a size, and operations per second, that are smaller than those that run. A new region starts with what the
/// others have.
pub(super) fn leave_larger(nodes: &mut Value, running: &Value, is_new: bool) {
    let sizes = Size::read(&nodes["instanceSize"]).zip(Size::read(&running["instanceSize"]));
    if let Some((wanted, runs)) = sizes
        && wanted.class == runs.class
        && wanted.number < runs.number
    {
        if is_new {
            nodes["instanceSize"] = Value::String(runs.name);
        } else {
            remove(nodes, "instanceSize");
        }
    }
    let operations = nodes["diskIOPS"].as_f64().zip(running["diskIOPS"].as_f64());
    if operations.is_some_and(|(wanted, has)| wanted < has) && !is_new {
        remove(nodes, "diskIOPS");
    }
}

/// The shards by zone and position among those of the zone.
fn named(shards: &[Value]) -> Vec<(String, &Value)> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let name = |shard| {
        let shard: &Value = shard;
        let zone = shard["zoneName"].as_str().unwrap_or_default();
        let count = counts.entry(zone).or_default();
        *count += 1;
        (format!("{zone}#{count}"), shard)
    };
    shards.iter().map(name).collect()
}

fn key(name: &str, group: &str) -> String {
    format!("{name} {group}")
}

/// What a shard declares, as one text for each group of nodes: the same in another order of regions.
fn figures(name: &str, shard: &Value) -> Settled {
    let figure_of = |(group, roles): &(&str, &[&str])| {
        let nodes = list(&shard["regionConfigs"]).iter().flat_map(|region| roles.iter().map(|role| &region[*role]));
        let texts: BTreeSet<String> = nodes.filter(|nodes| nodes.is_object()).map(figure).collect();
        let texts: Vec<String> = texts.into_iter().collect();
        (!texts.is_empty()).then(|| (key(name, group), texts.join(", ")))
    };
    GROUPS.iter().filter_map(figure_of).collect()
}

fn figure(nodes: &Value) -> String {
    let size = nodes["instanceSize"].as_str().unwrap_or("-");
    let number = |field: &str| nodes[field].as_f64().map_or_else(|| "-".to_owned(), |number| number.to_string());
    format!("{size}/{}/{}", number("diskSizeGB"), number("diskIOPS"))
}
