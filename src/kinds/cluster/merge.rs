//! What of a cluster's nodes is Atlas's to change, and the list of them that a PATCH carries.
//!
//! Atlas replaces `replicationSpecs` whole, and autoscaling moves sizes in it behind everybody's back. So before the
//! comparison [`yields`] takes out of what is wanted all that Atlas may decide, and when something is still different
//! [`merge`] makes the list to send: what is wanted, with as much of what is seen as Atlas might otherwise take for
//! given up, and without any size that autoscaling moves. (What is left out of a region stays as it is: recorded for
//! disks, roles and scaling. A size that was seen a moment ago and is sent back could undo a step up in between.)
use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use super::{
    moved, shards,
    size::{Size, is_nvme},
};
use crate::kind::Settled;

/// The nodes of a region by role, and the field that says how far Atlas may change them.
pub(super) const ROLES: [(&str, &str); 3] =
    [("electableSpecs", "autoScaling"), ("readOnlySpecs", "autoScaling"), ("analyticsSpecs", "analyticsAutoScaling")];

/// How far Atlas may change the nodes of a region, by role.
pub(super) const SCALINGS: [&str; 2] = ["autoScaling", "analyticsAutoScaling"];

/// Takes out of `desired` what Atlas may choose and has chosen within the bounds, and lists shards and regions as Atlas
/// does, so that each is compared with itself. Both are whole documents of a cluster.
pub(super) fn yields(desired: &mut Value, observed: &Value, settled: &Settled) {
    let seen = list(&observed["replicationSpecs"]);
    let Some(Value::Array(wanted)) = desired.get_mut("replicationSpecs") else { return };
    moved::mark(wanted, settled);
    shards::align(wanted, seen);
    keep_added(wanted, seen);
    let disk = grown_disk(wanted, seen);
    let largest = largest_disk(seen);
    let is_any_scaled = moved::is_any_scaled(wanted, seen);
    let pairs = shards::successors(wanted, seen);
    for (shard, pair) in wanted.iter_mut().zip(pairs) {
        let seen = pair.map_or(&Value::Null, |index| &seen[index]["regionConfigs"]);
        let unchanged = moved::unmark(shard);
        let Value::Array(regions) = &mut shard["regionConfigs"] else { continue };
        // What Atlas does not have yet comes last.
        regions.sort_by_key(|region| position(region, seen).unwrap_or(usize::MAX));
        for region in regions {
            let own = position(region, seen).map(|position| &seen[position]);
            let there = own.unwrap_or(&Value::Null);
            if own.is_none() {
                scale_alike(region, &seen[0]);
            }
            leave_unsaid(region, there);
            give_up_electable(region, there);
            for (role, scaling) in ROLES {
                // All base nodes of a shard have one size, so a new region starts at the size the others run at.
                yield_instance_size(region, own.unwrap_or(&seen[0]), own.is_none(), role, scaling);
                yield_operations(region, there, role, scaling);
                let is_left = is_any_scaled && unchanged.is(role);
                let Some(nodes) = region.get_mut(role) else { continue };
                if is_left {
                    moved::leave_larger(nodes, running(own.unwrap_or(&seen[0]), role), own.is_none());
                }
                if let Some(disk) = disk.or(largest.filter(|_| is_left)) {
                    yield_disk_size(nodes, disk, own.is_none());
                }
                leave_absent(nodes, &there[role]);
            }
        }
    }
}

/// A new region is scaled as the others of its shard are, also where the spec leaves that to Atlas.
fn scale_alike(region: &mut Value, other: &Value) {
    for scaling in SCALINGS {
        if region[scaling]["compute"]["enabled"].is_null() && other[scaling]["compute"]["enabled"] == true {
            if region[scaling].is_null() {
                region[scaling] = json!({});
            }
            keep_scaling(&mut region[scaling], &other[scaling]);
        }
    }
}

/// Takes out what Atlas does not show: the bounds of scaling that is off, which it drops (recorded), and predictive
/// scaling that is off, of which most answers say nothing (recorded).
fn leave_unsaid(region: &mut Value, seen: &Value) {
    for scaling in SCALINGS {
        let shown = &seen[scaling]["compute"];
        let is_on = set(&region[scaling]["compute"]["enabled"], &shown["enabled"]) == true;
        let Some(compute) = region.get_mut(scaling).and_then(|scaling| scaling.get_mut("compute")) else { continue };
        if !is_on {
            remove(compute, "minInstanceSize");
            remove(compute, "maxInstanceSize");
        }
        if compute["predictiveEnabled"] == false && shown["predictiveEnabled"] != true {
            remove(compute, "predictiveEnabled");
        }
    }
}

/// Priority 0 says that a region has no electable nodes, so those that it has go, though nothing else is said of them.
fn give_up_electable(region: &mut Value, seen: &Value) {
    if region["priority"] == 0 && region["electableSpecs"].is_null() && counted(&seen["electableSpecs"]).is_some() {
        region["electableSpecs"] = json!({"nodeCount": 0});
    }
}

/// Takes out what nodes would be like that are not to be there: Atlas shows for them what others in the shard are like
/// (recorded).
fn leave_absent(nodes: &mut Value, seen: &Value) {
    if nodes["nodeCount"] == 0 && seen.is_object() {
        *nodes = json!({"nodeCount": 0});
    }
}

/// Adds to the `wanted` shards those that Atlas added by itself, as it may while it scales the others, so that none of
/// them is taken for one to be removed.
fn keep_added(wanted: &mut Vec<Value>, seen: &[Value]) {
    let pairs = shards::pair(wanted, seen);
    // What the spec does not say of a shard stays as it is.
    let goes_on = |(shard, pair): (&Value, &Option<usize>)| is_moved(shard).or_else(|| is_moved(&seen[(*pair)?]));
    if !wanted.iter().zip(&pairs).any(|both| goes_on(both) == Some(true)) {
        return;
    }
    let left = seen.iter().enumerate().filter(|(index, _)| !pairs.contains(&Some(*index)));
    let added: Vec<Value> =
        left.filter(|(_, shard)| is_moved(shard) == Some(true)).map(|(_, shard)| identity(shard)).collect();
    wanted.extend(added);
    shards::align(wanted, seen);
}

/// Whether Atlas may move the nodes of a shard to other sizes, if that is said.
fn is_moved(shard: &Value) -> Option<bool> {
    let regions = list(&shard["regionConfigs"]).iter();
    regions.filter_map(|region| region["autoScaling"]["compute"]["enabled"].as_bool()).reduce(|one, other| one || other)
}

/// A shard as it is, with nothing said of sizes.
fn identity(shard: &Value) -> Value {
    let regions = list(&shard["regionConfigs"]).iter().map(|region| {
        let fields = ["providerName", "regionName", "priority"].map(|field| (field.to_owned(), region[field].clone()));
        let nodes = ROLES
            .iter()
            .filter_map(|(role, _)| Some(((*role).to_owned(), json!({"nodeCount": counted(&region[*role])?}))));
        fields.into_iter().chain(nodes).collect::<Map<String, Value>>().into()
    });
    json!({"zoneName": shard["zoneName"], "regionConfigs": regions.collect::<Vec<Value>>()})
}

/// The number of nodes, where there are any.
fn counted(nodes: &Value) -> Option<i64> {
    nodes["nodeCount"].as_i64().filter(|count| *count > 0)
}

/// The disk size that Atlas may have chosen, which is one for all nodes of a cluster: none where disks do not grow by
/// themselves.
fn grown_disk(wanted: &[Value], seen: &[Value]) -> Option<f64> {
    let pairs = shards::successors(wanted, seen);
    let mut regions = wanted.iter().zip(pairs).flat_map(|(shard, pair)| {
        let there = pair.map_or(&Value::Null, |index| &seen[index]["regionConfigs"]);
        list(&shard["regionConfigs"])
            .iter()
            .map(|region| (region, position(region, there).map_or(&Value::Null, |index| &there[index])))
    });
    let grows = regions.any(|(region, there)| {
        let enabled = |region: &Value| region["autoScaling"]["diskGB"]["enabled"].as_bool();
        enabled(region).or_else(|| enabled(there)) == Some(true)
    });
    if grows { largest_disk(seen) } else { None }
}

fn largest_disk(seen: &[Value]) -> Option<f64> {
    let regions = seen.iter().flat_map(|shard| list(&shard["regionConfigs"]));
    let sizes = regions.flat_map(|region| ROLES.iter().map(|(role, _)| running(region, role)["diskSizeGB"].as_f64()));
    sizes.flatten().reduce(f64::max)
}

/// The nodes of a role as they run, which may differ from what was asked for.
pub(super) fn running<'a>(region: &'a Value, role: &str) -> &'a Value {
    let effective = match role {
        "electableSpecs" => &region["effectiveElectableSpecs"],
        "readOnlySpecs" => &region["effectiveReadOnlySpecs"],
        _ => &region["effectiveAnalyticsSpecs"],
    };
    if effective.is_null() { &region[role] } else { effective }
}

/// Whether Atlas scales these nodes now and is to go on: what the spec switches on or off counts once it is so.
fn is_scaled(wanted: &Value, seen: &Value, scaling: &str) -> bool {
    let enabled = |region: &Value| region[scaling]["compute"]["enabled"].as_bool();
    enabled(seen) == Some(true) && enabled(wanted) != Some(false)
}

fn yield_instance_size(region: &mut Value, seen: &Value, is_new: bool, role: &str, scaling: &str) {
    let compute = |field: &str| set(&region[scaling]["compute"][field], &seen[scaling]["compute"][field]).clone();
    let (wanted, running) =
        (Size::read(&region[role]["instanceSize"]), Size::read(&running(seen, role)["instanceSize"]));
    let (Some(wanted), Some(running)) = (wanted, running) else { return };
    if !is_scaled(region, seen, scaling) {
        return;
    }
    // Without a smallest size Atlas only scales up, from the declared one.
    let smallest = Size::read(&compute("minInstanceSize")).unwrap_or(wanted);
    let Some(largest) = Size::read(&compute("maxInstanceSize")) else { return };
    if running.class != smallest.class || running.class != largest.class {
        return;
    }
    match running.number {
        number if number < smallest.number => region[role]["instanceSize"] = Value::String(smallest.name),
        number if number > largest.number => region[role]["instanceSize"] = Value::String(largest.name),
        _ if is_new => region[role]["instanceSize"] = Value::String(running.name),
        _ => remove(&mut region[role], "instanceSize"),
    }
}

/// A new region starts with the disks that the others have.
fn yield_disk_size(nodes: &mut Value, grown: f64, is_new: bool) {
    match nodes["diskSizeGB"].as_f64() {
        Some(wanted) if wanted <= grown && is_new => nodes["diskSizeGB"] = json!(grown),
        Some(wanted) if wanted <= grown => remove(nodes, "diskSizeGB"),
        _ => {}
    }
}

/// Larger nodes and disks come with more operations per second.
fn yield_operations(region: &mut Value, seen: &Value, role: &str, scaling: &str) {
    let grows = set(&region["autoScaling"]["diskGB"]["enabled"], &seen["autoScaling"]["diskGB"]["enabled"]) == true;
    let (wanted, has) = (region[role]["diskIOPS"].as_f64(), running(seen, role)["diskIOPS"].as_f64());
    if (grows || is_scaled(region, seen, scaling)) && wanted.zip(has).is_some_and(|(wanted, has)| has >= wanted) {
        remove(&mut region[role], "diskIOPS");
    }
}

/// The list that a PATCH carries, of `replicationSpecs` as they are wanted (after [`yields`]) and seen.
pub(super) fn merge(desired: &Value, observed: &Value) -> Value {
    let (wanted, seen) = (list(desired), list(observed));
    let disk = new_disk_size(wanted, seen);
    let mut zone = &Value::Null;
    let shards = wanted.iter().zip(shards::successors(wanted, seen)).map(|(wanted, pair)| {
        let seen = pair.map_or(&Value::Null, |index| &seen[index]);
        let mut shard = wanted.clone();
        // A new shard without a zone is in that of the shard before it.
        zone = set(set(&wanted["zoneName"], &seen["zoneName"]), zone);
        if !zone.is_null() {
            shard["zoneName"] = zone.clone();
        }
        let mut regions: Vec<Value> = list(&wanted["regionConfigs"])
            .iter()
            .map(|region| {
                let there = position(region, &seen["regionConfigs"]);
                let there = there.map_or(&Value::Null, |there| &seen["regionConfigs"][there]);
                merge_region(region, there, |role| size_in(wanted, role), disk)
            })
            .collect();
        // The sort keeps the order of regions of equal priority.
        regions.sort_by_key(|region| Reverse(region["priority"].as_i64()));
        shard["regionConfigs"] = Value::Array(regions);
        shard
    });
    Value::Array(shards.collect())
}

/// The size that is wanted of the nodes of a role, wherever in the shard it is written: electable and read-only nodes
/// have one (specification), and analytics nodes change theirs together (recorded).
fn size_in<'a>(shard: &'a Value, role: &str) -> &'a Value {
    let alike: &[&str] =
        if role == "analyticsSpecs" { &["analyticsSpecs"] } else { &["electableSpecs", "readOnlySpecs"] };
    let nodes = list(&shard["regionConfigs"]).iter().flat_map(|region| alike.iter().map(|role| &region[*role]));
    nodes.map(|nodes| &nodes["instanceSize"]).find(|size| !size.is_null()).unwrap_or(&Value::Null)
}

fn merge_region<'a>(wanted: &Value, seen: &Value, size: impl Fn(&str) -> &'a Value, disk: Option<&Value>) -> Value {
    let mut region = wanted.clone();
    for (role, scaling) in ROLES {
        // Nodes that nobody declared here are kept by being named.
        if let (true, Some(count)) = (wanted[role].is_null(), counted(&seen[role])) {
            region[role] = json!({"nodeCount": count});
        }
        if !region[role].is_object() {
            continue;
        }
        if let Some(disk) = disk {
            region[role]["diskSizeGB"] = disk.clone();
        }
        if is_scaled(wanted, seen, scaling) {
            keep_volume(&mut region[role], &seen[role], false);
            continue;
        }
        if region[role]["instanceSize"].is_null() {
            region[role]["instanceSize"] = set(size(role), &seen[role]["instanceSize"]).clone();
        }
        // What a disk can do follows from the sizes; the old figure may be out of the range of the new ones.
        let resized = region[role]["instanceSize"] != seen[role]["instanceSize"]
            || region[role]["diskSizeGB"].as_f64().is_some_and(|size| seen[role]["diskSizeGB"].as_f64() != Some(size));
        keep_volume(&mut region[role], &seen[role], !resized);
    }
    for scaling in SCALINGS {
        if region[scaling].is_object() {
            keep_scaling(&mut region[scaling], &seen[scaling]);
        }
    }
    region
}

/// A volume that is not of the standard kind would fall back to it, and to its operations per second. That of an NVMe
/// tier is of no other kind, has no operations to choose, and is not what another tier starts with.
fn keep_volume(nodes: &mut Value, seen: &Value, with_operations: bool) {
    let special = seen["ebsVolumeType"].as_str().is_some_and(|kind| kind != "STANDARD");
    let was_nvme = is_nvme(&seen["instanceSize"]);
    let leaves_nvme = was_nvme && nodes["instanceSize"].is_string() && !is_nvme(&nodes["instanceSize"]);
    if !special || leaves_nvme || !nodes["ebsVolumeType"].is_null() || counted(nodes).is_none() {
        return;
    }
    nodes["ebsVolumeType"] = seen["ebsVolumeType"].clone();
    if with_operations && !was_nvme && nodes["diskIOPS"].is_null() {
        nodes["diskIOPS"] = seen["diskIOPS"].clone();
    }
}

/// Scaling that is on and that the spec says nothing of would be off; where it is switched off, so is scaling down, which
/// there is not by itself.
fn keep_scaling(wanted: &mut Value, seen: &Value) {
    let scales_down = seen["compute"]["scaleDownEnabled"] == true && wanted["compute"]["scaleDownEnabled"].is_null();
    if wanted["compute"]["enabled"] == false && scales_down {
        wanted["compute"]["scaleDownEnabled"] = json!(false);
    }
    if seen["compute"]["enabled"] == true && wanted["compute"]["enabled"] != false {
        for (name, value) in seen["compute"].as_object().into_iter().flatten() {
            if wanted["compute"][name].is_null() && *value != false && !value.is_null() {
                wanted["compute"][name] = value.clone();
            }
        }
        if wanted["compute"]["scaleDownEnabled"].is_null() {
            wanted["compute"]["scaleDownEnabled"] = seen["compute"]["scaleDownEnabled"].clone();
        }
    }
    if seen["diskGB"]["enabled"] == true && wanted["diskGB"]["enabled"].is_null() {
        wanted["diskGB"] = json!({"enabled": true});
    }
}

/// Another disk size than there is, which is then one for all nodes of the cluster wherever it is written.
fn new_disk_size<'a>(wanted: &'a [Value], seen: &[Value]) -> Option<&'a Value> {
    let now = largest_disk(seen);
    wanted
        .iter()
        .flat_map(|shard| list(&shard["regionConfigs"]))
        .flat_map(|region| ROLES.iter().map(|(role, _)| &region[*role]["diskSizeGB"]))
        .find(|size| size.is_number() && size.as_f64() != now)
}

/// Where in the list the same region stands.
pub(super) fn position(region: &Value, list_of_regions: &Value) -> Option<usize> {
    list(list_of_regions)
        .iter()
        .position(|other| ["providerName", "regionName"].iter().all(|field| region[*field] == other[*field]))
}

/// The elements of a list; none of what is no list.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn set<'a>(wanted: &'a Value, seen: &'a Value) -> &'a Value {
    if wanted.is_null() { seen } else { wanted }
}

pub(super) fn remove(value: &mut Value, field: &str) {
    if let Value::Object(fields) = value {
        fields.remove(field);
    }
}

#[cfg(test)]
mod tests;
