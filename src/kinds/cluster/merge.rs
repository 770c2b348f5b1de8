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
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn nodes(size: &str, count: u8, disk: f64) -> Value {
        let mut nodes = json!({"instanceSize": size, "nodeCount": count, "diskSizeGB": disk});
        nodes["diskIOPS"] = json!(3000);
        nodes["ebsVolumeType"] = json!("STANDARD");
        nodes
    }

    /// A region as Atlas shows it, with all that it fills in.
    fn seen_region(name: &str, priority: u8, size: &str) -> Value {
        json!({
            "providerName": "AWS", "regionName": name, "priority": priority,
            "electableSpecs": nodes(size, 3, 30.0),
            "readOnlySpecs": nodes(size, 0, 30.0),
            "analyticsSpecs": nodes(size, 0, 30.0),
            "effectiveElectableSpecs": nodes(size, 3, 30.0),
            "effectiveReadOnlySpecs": nodes(size, 0, 30.0),
            "effectiveAnalyticsSpecs": nodes(size, 0, 30.0),
            "autoScaling": {
                "compute": {"enabled": false, "scaleDownEnabled": false}, "diskGB": {"enabled": false},
            },
        })
    }

    fn cluster(regions: Vec<Value>) -> Value {
        json!({"replicationSpecs": [
            {"id": "1", "zoneId": "2", "zoneName": "Zone 1", "regionConfigs": Value::Array(regions)},
        ]})
    }

    fn wanted(regions: &Value) -> Value {
        json!({"replicationSpecs": [{"regionConfigs": regions}]})
    }

    fn scaling(least: &str, most: &str) -> Value {
        let compute =
            json!({"enabled": true, "scaleDownEnabled": true, "minInstanceSize": least, "maxInstanceSize": most});
        json!({"compute": compute, "diskGB": {"enabled": true}})
    }

    /// What is left of the wishes, and what a PATCH would carry.
    fn both(desired: &Value, observed: &Value) -> (Value, Value) {
        let mut desired = desired.clone();
        yields(&mut desired, observed);
        let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
        (desired["replicationSpecs"][0]["regionConfigs"].clone(), sent[0]["regionConfigs"].clone())
    }

    fn scaled(least: &str, most: &str) -> Value {
        wanted(&json!([{
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": 3, "diskSizeGB": 20},
            "autoScaling": scaling(least, most),
        }]))
    }

    #[test]
    fn sizes_that_autoscaling_moved_are_neither_wanted_back_nor_sent() {
        for running in ["M10", "M20", "M30"] {
            let (left, sent) = both(&scaled("M10", "M30"), &cluster(vec![seen_region("EU_WEST_1", 7, running)]));
            assert_eq!(left[0]["electableSpecs"], json!({"nodeCount": 3}), "running at {running}");
            assert_eq!(sent[0]["electableSpecs"], json!({"nodeCount": 3, "ebsVolumeType": "STANDARD"}));
        }
    }

    #[test]
    fn autoscaling_that_only_atlas_knows_of_is_left_to_atlas_too() {
        let desired = wanted(&json!([{
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
        }]));
        let mut region = seen_region("EU_WEST_1", 7, "M20");
        region["autoScaling"] = scaling("M10", "M30");
        let (left, sent) = both(&desired, &cluster(vec![region]));
        assert_eq!(left[0]["electableSpecs"], json!({"nodeCount": 3}));
        assert!(sent[0]["electableSpecs"]["instanceSize"].is_null());
        assert!(sent[0]["electableSpecs"]["diskSizeGB"].is_null(), "nor is a disk that grew sent back");
    }

    #[test]
    fn outside_of_the_bounds_the_nearest_bound_is_wanted() {
        for (running, least, most, wanted) in [("M10", "M20", "M40", "M20"), ("M80", "M10", "M40", "M40")] {
            let (left, sent) = both(&scaled(least, most), &cluster(vec![seen_region("EU_WEST_1", 7, running)]));
            assert_eq!(left[0]["electableSpecs"]["instanceSize"], wanted);
            assert_eq!(sent[0]["electableSpecs"]["instanceSize"], wanted);
            assert!(sent[0]["electableSpecs"]["diskIOPS"].is_null());
        }
    }

    #[test]
    fn without_a_smallest_size_the_declared_one_is_it() {
        let mut desired = scaled("M10", "M40");
        let region = &mut desired["replicationSpecs"][0]["regionConfigs"][0];
        region["electableSpecs"]["instanceSize"] = json!("M30");
        region["autoScaling"]["compute"] =
            json!({"enabled": true, "scaleDownEnabled": false, "maxInstanceSize": "M40"});
        let left = |running| both(&desired, &cluster(vec![seen_region("EU_WEST_1", 7, running)])).0;
        assert_eq!(left("M20")[0]["electableSpecs"]["instanceSize"], "M30");
        assert!(left("M40")[0]["electableSpecs"]["instanceSize"].is_null());
    }

    #[test]
    fn a_larger_disk_is_wanted_even_where_disks_grow_by_themselves() {
        let mut desired = scaled("M10", "M30");
        desired["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["diskSizeGB"] = json!(80);
        let mut region = seen_region("EU_WEST_1", 7, "M20");
        region["analyticsSpecs"]["nodeCount"] = json!(1);
        let (left, sent) = both(&desired, &cluster(vec![region]));
        assert_eq!(left[0]["electableSpecs"]["diskSizeGB"], 80);
        assert_eq!(sent[0]["electableSpecs"]["diskSizeGB"], 80);
        assert_eq!(sent[0]["analyticsSpecs"]["diskSizeGB"], 80, "all nodes have one disk size");
        assert!(sent[0]["electableSpecs"]["instanceSize"].is_null());
    }

    #[test]
    fn a_new_region_of_a_scaled_shard_starts_at_the_size_the_others_run_at() {
        let region = |name: &str, priority: u8| {
            json!({
                "providerName": "AWS", "regionName": name, "priority": priority,
                "electableSpecs": {"instanceSize": "M10", "nodeCount": 3}, "autoScaling": scaling("M10", "M40"),
            })
        };
        let desired = wanted(&json!([region("EU_WEST_1", 7), region("EU_WEST_2", 6)]));
        let (_, sent) = both(&desired, &cluster(vec![seen_region("EU_WEST_1", 7, "M30")]));
        assert!(sent[0]["electableSpecs"]["instanceSize"].is_null());
        assert_eq!(sent[1]["electableSpecs"]["instanceSize"], "M30");
    }

    #[test]
    fn a_change_carries_what_is_seen_without_what_is_only_reported() {
        let desired = wanted(&json!([{
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": 5},
        }]));
        let observed = cluster(vec![seen_region("EU_WEST_1", 7, "M10")]);
        let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
        let region = json!({
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": nodes("M10", 5, 30.0),
            "autoScaling": {
                "compute": {"enabled": false, "scaleDownEnabled": false}, "diskGB": {"enabled": false},
            },
        });
        assert_eq!(sent, json!([{"zoneName": "Zone 1", "regionConfigs": [region]}]));
    }

    #[test]
    fn another_size_takes_the_unmanaged_read_only_nodes_along_and_drops_old_figures() {
        let desired = wanted(&json!([{
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": {"instanceSize": "M30", "nodeCount": 3},
        }]));
        let mut region = seen_region("EU_WEST_1", 7, "M10");
        region["readOnlySpecs"]["nodeCount"] = json!(2);
        region["analyticsSpecs"]["nodeCount"] = json!(1);
        region["analyticsSpecs"]["diskThroughput"] = json!(125);
        let (_, sent) = both(&desired, &cluster(vec![region]));
        assert_eq!(sent[0]["electableSpecs"]["instanceSize"], "M30");
        assert_eq!(sent[0]["readOnlySpecs"]["instanceSize"], "M30");
        assert_eq!(sent[0]["readOnlySpecs"]["nodeCount"], 2);
        assert!(sent[0]["electableSpecs"]["diskIOPS"].is_null() && sent[0]["readOnlySpecs"]["diskIOPS"].is_null());
        assert_eq!(sent[0]["analyticsSpecs"], nodes("M10", 1, 30.0), "analytics nodes keep size and figures");
    }

    #[test]
    fn regions_are_compared_with_themselves_and_sent_by_priority() {
        let region = |name: &str, priority: u8| {
            json!({
                "providerName": "AWS", "regionName": name, "priority": priority,
                "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
            })
        };
        let desired = wanted(&json!([region("EU_WEST_2", 7), region("EU_WEST_1", 6)]));
        let observed = cluster(vec![seen_region("EU_WEST_1", 7, "M10"), seen_region("EU_WEST_2", 6, "M10")]);
        let (left, sent) = both(&desired, &observed);
        assert_eq!((&left[0]["regionName"], &left[0]["priority"]), (&json!("EU_WEST_1"), &json!(6)));
        assert_eq!((&sent[0]["regionName"], &sent[0]["priority"]), (&json!("EU_WEST_2"), &json!(7)));
        assert_eq!((&sent[1]["regionName"], &sent[1]["priority"]), (&json!("EU_WEST_1"), &json!(6)));
    }

    #[test]
    fn a_region_that_is_not_wanted_is_not_sent_and_a_shard_keeps_its_place() {
        let desired = json!({"replicationSpecs": [
            {"regionConfigs": [{"providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7}]},
            {"regionConfigs": [{"providerName": "GCP", "regionName": "WESTERN_EUROPE", "priority": 7}], "zoneName": "b"},
        ]});
        let observed = cluster(vec![seen_region("EU_WEST_1", 7, "M10"), seen_region("EU_WEST_2", 6, "M10")]);
        let sent = merge(&desired["replicationSpecs"], &observed["replicationSpecs"]);
        assert_eq!(sent[0]["regionConfigs"].as_array().unwrap().len(), 1);
        assert_eq!(sent[0]["zoneName"], "Zone 1");
        assert_eq!(sent[1], desired["replicationSpecs"][1], "a new shard is sent as it is wanted");
    }

    #[test]
    fn sizes_have_an_order_within_their_class() {
        let size = |name: &str| Size::read(&json!(name)).map(|size| (size.class, size.number));
        assert_eq!(size("M10"), Some(("M".into(), 10)));
        assert_eq!(size("R200"), Some(("R".into(), 200)));
        assert_eq!(size("M40_NVME_GEN_2"), Some(("M_NVME_GEN_2".into(), 40)));
        assert_eq!(size("FLEX"), None);
    }
}
