//! What of a cluster's nodes is Atlas's to change, and the list of them that a PATCH carries.
//!
//! Atlas replaces `replicationSpecs` whole, and autoscaling moves sizes in it behind everybody's back. So before the
//! comparison [`yields`] takes out of what is wanted all that Atlas may decide, and when something is still different
//! [`merge`] makes the list to send: what is seen, overlaid by what is wanted, without what Atlas only reports, and
//! without any size that autoscaling moves (a size that is left out stays as it is; one that was seen a moment ago and
//! is sent back could undo a step up in between).
use std::cmp::Reverse;

use serde_json::{Map, Value};

/// The nodes of a region by role, and the field that says how far Atlas may change them.
const ROLES: [(&str, &str); 3] =
    [("electableSpecs", "autoScaling"), ("readOnlySpecs", "autoScaling"), ("analyticsSpecs", "analyticsAutoScaling")];

/// Reported by Atlas, and not for a request: identities, and the result of sizes.
const REPORTED: [&str; 6] =
    ["id", "zoneId", "effectiveElectableSpecs", "effectiveReadOnlySpecs", "effectiveAnalyticsSpecs", "diskThroughput"];

/// Takes out of `desired` the sizes that Atlas may choose and has chosen within the bounds, and lists regions as Atlas
/// does, so that each is compared with itself. Both are whole documents of a cluster.
pub(super) fn yields(desired: &mut Value, observed: &Value) {
    for (index, shard) in list_mut(&mut desired["replicationSpecs"]).iter_mut().enumerate() {
        let seen = &observed["replicationSpecs"][index]["regionConfigs"];
        let Value::Array(regions) = &mut shard["regionConfigs"] else { continue };
        // What Atlas does not have yet comes last.
        regions.sort_by_key(|region| position(region, seen).unwrap_or(usize::MAX));
        for region in regions {
            let own = position(region, seen).map(|position| &seen[position]);
            // All base nodes of a shard have one size, so a new region starts at the size the others run at.
            let model = own.unwrap_or(&seen[0]);
            for (role, scaling) in ROLES {
                yield_instance_size(region, own.unwrap_or(&Value::Null), &model[role]["instanceSize"], role, scaling);
                yield_disk_size(region, own.unwrap_or(&Value::Null), role);
            }
        }
    }
}

fn yield_instance_size(region: &mut Value, seen: &Value, running: &Value, role: &str, scaling: &str) {
    let compute = |field: &str| set(&region[scaling]["compute"][field], &seen[scaling]["compute"][field]).clone();
    let (Some(wanted), Some(running)) = (Size::read(&region[role]["instanceSize"]), Size::read(running)) else {
        return;
    };
    if compute("enabled") != true {
        return;
    }
    // Without a smallest size Atlas only scales up, from the declared one.
    let smallest = Size::read(&compute("minInstanceSize")).unwrap_or_else(|| wanted.clone());
    let Some(largest) = Size::read(&compute("maxInstanceSize")) else { return };
    if running.class != smallest.class || running.class != largest.class {
        return;
    }
    let is_new = seen.is_null();
    match running.number {
        number if number < smallest.number => region[role]["instanceSize"] = Value::String(smallest.name),
        number if number > largest.number => region[role]["instanceSize"] = Value::String(largest.name),
        _ if is_new => region[role]["instanceSize"] = Value::String(running.name),
        _ => remove(&mut region[role], "instanceSize"),
    }
}

fn yield_disk_size(region: &mut Value, seen: &Value, role: &str) {
    let enabled = set(&region["autoScaling"]["diskGB"]["enabled"], &seen["autoScaling"]["diskGB"]["enabled"]);
    let (wanted, has) = (region[role]["diskSizeGB"].as_f64(), seen[role]["diskSizeGB"].as_f64());
    if *enabled == true && wanted.zip(has).is_some_and(|(wanted, has)| has >= wanted) {
        remove(&mut region[role], "diskSizeGB");
    }
}

/// The list that a PATCH carries, of `replicationSpecs` as they are wanted (after [`yields`]) and seen. Shards are
/// matched by position, as Atlas does, and regions by provider and name.
pub(super) fn merge(desired: &Value, observed: &Value) -> Value {
    let disk = disk_size(desired);
    let shards = list(desired).iter().enumerate().map(|(index, wanted)| {
        let seen = &observed[index];
        let mut shard = overlay(seen, wanted);
        let mut regions: Vec<Value> = list(&wanted["regionConfigs"])
            .iter()
            .map(|region| {
                let there = position(region, &seen["regionConfigs"]);
                there.map_or_else(|| region.clone(), |there| merge_region(region, &seen["regionConfigs"][there], disk))
            })
            .collect();
        // The sort keeps the order of regions of equal priority.
        regions.sort_by_key(|region| Reverse(region["priority"].as_i64()));
        shard["regionConfigs"] = Value::Array(regions);
        shard
    });
    Value::Array(shards.collect())
}

fn merge_region(wanted: &Value, seen: &Value, disk: Option<&Value>) -> Value {
    let mut region = overlay(seen, wanted);
    for (role, scaling) in ROLES {
        if wanted[role].is_null() && seen[role]["nodeCount"].as_i64().unwrap_or_default() == 0 {
            // Atlas shows every role, also one without nodes, with the size the others had at the time.
            remove(&mut region, role);
            continue;
        }
        if region[role].is_null() {
            continue;
        }
        if let Some(disk) = disk {
            region[role]["diskSizeGB"] = disk.clone();
        }
        if role == "readOnlySpecs" && wanted[role].is_null() && region["electableSpecs"].is_object() {
            region[role]["instanceSize"] = region["electableSpecs"]["instanceSize"].clone();
        }
        let scaled = |field: &str, scaling: &Value| wanted[role][field].is_null() && *scaling == true;
        let left_size = scaled("instanceSize", &region[scaling]["compute"]["enabled"]);
        let left_disk = disk.is_none() && scaled("diskSizeGB", &region["autoScaling"]["diskGB"]["enabled"]);
        // What a disk can do follows from the sizes; the old figure may be out of the range of the new ones.
        let same = |field: &str| same_number_or_text(&region[role][field], &seen[role][field]);
        let resized = !same("instanceSize") || !same("diskSizeGB");
        if left_size || left_disk || resized {
            remove(&mut region[role], "diskIOPS");
        }
        if left_size {
            remove(&mut region[role], "instanceSize");
        }
        if left_disk {
            remove(&mut region[role], "diskSizeGB");
        }
    }
    region
}

/// The disk size that the user set, which is one for all nodes of a cluster wherever it is written.
fn disk_size(shards: &Value) -> Option<&Value> {
    list(shards)
        .iter()
        .flat_map(|shard| list(&shard["regionConfigs"]))
        .flat_map(|region| ROLES.iter().map(|(role, _)| &region[*role]["diskSizeGB"]))
        .find(|size| !size.is_null())
}

/// `base` with everything that `over` sets, without what Atlas only reports and without nothing.
fn overlay(base: &Value, over: &Value) -> Value {
    let (Value::Object(base), Value::Object(over)) = (base, over) else {
        return if over.is_null() { reported_left_out(base) } else { over.clone() };
    };
    let mut result = Map::new();
    for name in base.keys().chain(over.keys()) {
        let value = overlay(base.get(name).unwrap_or(&Value::Null), over.get(name).unwrap_or(&Value::Null));
        if !value.is_null() && !REPORTED.contains(&name.as_str()) {
            result.insert(name.clone(), value);
        }
    }
    Value::Object(result)
}

fn reported_left_out(value: &Value) -> Value {
    match value {
        Value::Object(_) => overlay(value, &Value::Object(Map::new())),
        Value::Array(items) => Value::Array(items.iter().map(reported_left_out).collect()),
        other => other.clone(),
    }
}

/// Where in the list the same region stands.
fn position(region: &Value, list_of_regions: &Value) -> Option<usize> {
    list(list_of_regions)
        .iter()
        .position(|other| ["providerName", "regionName"].iter().all(|field| region[*field] == other[*field]))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn list_mut(value: &mut Value) -> &mut [Value] {
    value.as_array_mut().map_or(&mut [], Vec::as_mut_slice)
}

fn set<'a>(wanted: &'a Value, seen: &'a Value) -> &'a Value {
    if wanted.is_null() { seen } else { wanted }
}

fn remove(value: &mut Value, field: &str) {
    if let Value::Object(fields) = value {
        fields.remove(field);
    }
}

/// Atlas reports whole numbers as `30` or `30.0`.
fn same_number_or_text(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|one| other.as_f64() == Some(one))
}

/// An instance size: those of one class are ordered by their number.
#[derive(Clone)]
struct Size {
    name: String,
    class: String,
    number: u32,
}

impl Size {
    /// `M40_NVME` is number 40 of class `M_NVME`.
    fn read(value: &Value) -> Option<Self> {
        let name = value.as_str()?;
        let from = name.find(|character: char| character.is_ascii_digit())?;
        let digits = name[from..].find(|character: char| !character.is_ascii_digit()).unwrap_or(name.len() - from);
        let number = name[from..from + digits].parse().ok()?;
        let class = format!("{}{}", &name[..from], &name[from + digits..]);
        Some(Self { name: name.to_owned(), class, number })
    }
}

#[cfg(test)]
mod tests;
