//! The shape of a cluster: shards, regions and hardware. A few requested words become the full description that Atlas
//! shows: every node kind of every region with its size, disk and speed.
//!
//! Every shard has its own replication spec here, as in the newest version. A requested shard is the successor of an
//! old one by id, or else by zone and position within it (recorded: ids are kept though none is sent). What an old
//! region had and a request leaves out, stays.
use serde_json::{Value, json};

use super::hardware::{FREE, Provider, default_disk};
use crate::api::ApiError;
use crate::families::body::{self, Document};
use crate::families::errors;

/// The kinds of nodes of a region, as the fields of a region that describe them.
pub const NODE_KINDS: [&str; 3] = ["electableSpecs", "readOnlySpecs", "analyticsSpecs"];

/// Zone of a shard that names none, when it is the first (recorded).
const DEFAULT_ZONE: &str = "Zone 1";

/// Size of the disk of a free cluster in GB (recorded).
const FREE_DISK: f64 = 0.5;

/// What is asked of the shape of a cluster, and what was there before.
pub struct Request<'a> {
    pub cluster_type: &'a str,
    /// The shards asked for, or none when only the disk is.
    pub shards: Option<Vec<Document>>,
    pub previous: &'a [Document],
    /// A disk size for all nodes, beside those that the shards name.
    pub disk: Option<f64>,
}

/// Whether a list of replication specs describes a free cluster.
pub fn is_tenant(specs: &[Document]) -> bool {
    specs.iter().flat_map(|spec| body::documents(spec, "regionConfigs")).any(is_tenant_region)
}

fn is_tenant_region(region: &Document) -> bool {
    body::text(region, "providerName") == "TENANT"
}

/// The replication specs that Atlas makes of a request. `identify` gives new identifiers.
pub fn settle(request: Request, mut identify: impl FnMut() -> String) -> Result<Vec<Document>, ApiError> {
    let Request { cluster_type, shards, previous, disk } = request;
    let shards = shards.unwrap_or_else(|| previous.to_vec());
    if shards.is_empty() || (cluster_type == "REPLICASET" && shards.len() > 1) {
        return Err(errors::invalid_cluster_configuration());
    }
    if is_tenant(&shards) {
        return settle_tenant(&shards, &mut identify);
    }
    let disk = requested_disk(&shards, disk)?;
    let mut settled: Vec<Document> = Vec::new();
    for shard in &shards {
        let zone = match body::text(shard, "zoneName") {
            "" if cluster_type == "GEOSHARDED" => format!("Zone {}", settled.len() + 1),
            "" => DEFAULT_ZONE.to_owned(),
            name => name.to_owned(),
        };
        let position = settled.iter().filter(|other| body::text(other, "zoneName") == zone).count();
        let predecessor = predecessor(shard, previous, &zone, position);
        let zone_id = settled
            .iter()
            .chain(previous)
            .find(|other| body::text(other, "zoneName") == zone)
            .map_or_else(&mut identify, |other| body::text(other, "zoneId").to_owned());
        let id = predecessor.map_or_else(&mut identify, |spec| body::text(spec, "id").to_owned());
        settled.push(Document::from_iter([
            ("id".to_owned(), id.into()),
            ("regionConfigs".to_owned(), settle_regions(shard, predecessor)?.into()),
            ("zoneId".to_owned(), zone_id.into()),
            ("zoneName".to_owned(), zone.into()),
        ]));
    }
    let disk = disk.or_else(|| previous.iter().find_map(disk_size)).unwrap_or_else(|| {
        let sizes = settled.iter().flat_map(|spec| hardware_of(spec).map(|(_, specs)| default_disk(size_of(specs))));
        sizes.fold(0.0, f64::max)
    });
    for spec in &mut settled {
        for_each_hardware(spec, |specs| {
            specs.insert("diskSizeGB".to_owned(), disk.into());
        });
    }
    Ok(settled)
}

/// The old shard whose place a requested one takes.
fn predecessor<'a>(shard: &Document, previous: &'a [Document], zone: &str, position: usize) -> Option<&'a Document> {
    let id = body::text(shard, "id");
    previous
        .iter()
        .find(|old| !id.is_empty() && body::text(old, "id") == id)
        .or_else(|| previous.iter().filter(|old| body::text(old, "zoneName") == zone).nth(position))
}

/// A free cluster has one node kind, one size, and nothing to choose but the region.
fn settle_tenant(shards: &[Document], identify: &mut impl FnMut() -> String) -> Result<Vec<Document>, ApiError> {
    let [shard] = shards else { return Err(errors::invalid_cluster_configuration()) };
    let regions: Vec<&Document> = body::documents(shard, "regionConfigs").collect();
    let [region] = regions.as_slice() else { return Err(errors::invalid_cluster_configuration()) };
    let backing = body::text(region, "backingProviderName");
    if backing.is_empty() {
        return Err(errors::missing_attribute("backingProviderName"));
    }
    let provider = Provider::named(backing).ok_or_else(|| errors::invalid_enum_value(backing))?;
    let electable = region.get("electableSpecs").and_then(Value::as_object);
    let size = electable.map_or("", |specs| body::text(specs, "instanceSize"));
    if size != FREE {
        return Err(if size.is_empty() {
            errors::missing_attribute("instanceSize")
        } else {
            errors::invalid_enum_value(size)
        });
    }
    check_offer(provider, size, body::text(region, "regionName"))?;
    let zone = Some(body::text(shard, "zoneName")).filter(|name| !name.is_empty()).unwrap_or(DEFAULT_ZONE);
    let spec = json!({
        "id": identify(),
        "regionConfigs": [{
            "backingProviderName": backing,
            "electableSpecs": {"diskSizeGB": FREE_DISK, "effectiveInstanceSize": size, "instanceSize": size},
            "priority": body::whole(region, "priority").unwrap_or(HIGHEST_PRIORITY),
            "providerName": "TENANT",
            "regionName": body::text(region, "regionName"),
        }],
        "zoneId": identify(),
        "zoneName": zone,
    });
    Ok(spec.as_object().cloned().into_iter().collect())
}

/// The priority of the region where the primary should be (specification).
const HIGHEST_PRIORITY: i64 = 7;

/// The regions of one shard, highest priority first, as Atlas returns them.
fn settle_regions(shard: &Document, predecessor: Option<&Document>) -> Result<Vec<Value>, ApiError> {
    let requested: Vec<&Document> = body::documents(shard, "regionConfigs").collect();
    let mut settled: Vec<Document> = Vec::new();
    for (region, priority) in requested.iter().zip((0..=HIGHEST_PRIORITY).rev().chain(std::iter::repeat(0))) {
        let same_place = |old: &&Document| {
            ["providerName", "regionName"].iter().all(|name| body::text(old, name) == body::text(region, name))
        };
        let previous = predecessor.and_then(|spec| body::documents(spec, "regionConfigs").find(same_place));
        settled.push(settle_region(region, previous, priority)?);
    }
    let electable: i64 = settled.iter().map(|region| node_count(region, "electableSpecs")).sum();
    if ![3, 5, 7].contains(&electable) {
        return Err(errors::replication_factor_invalid());
    }
    share_analytics_size(&requested, &mut settled);
    settled.sort_by_key(|region| std::cmp::Reverse(body::whole(region, "priority")));
    Ok(settled.into_iter().map(Value::Object).collect())
}

/// Analytics nodes have one size in all regions of a shard: naming it for one region changes the others (recorded).
fn share_analytics_size(requested: &[&Document], settled: &mut [Document]) {
    let named = requested.iter().find_map(|region| Some(region.get("analyticsSpecs")?.get("instanceSize")?.clone()));
    if let Some(size) = named {
        for specs in settled.iter_mut().filter_map(|region| region.get_mut("analyticsSpecs")?.as_object_mut()) {
            specs.insert("instanceSize".to_owned(), size.clone());
        }
    }
}

fn settle_region(region: &Document, previous: Option<&Document>, priority: i64) -> Result<Document, ApiError> {
    let provider_name = body::text(region, "providerName");
    let provider = Provider::named(provider_name).ok_or_else(|| errors::invalid_enum_value(provider_name))?;
    let specs = |document: Option<&Document>, kind: &str| document?.get(kind)?.as_object().cloned();
    let old_size = previous.and_then(|old| named_size(old, "electableSpecs"));
    let size = NODE_KINDS
        .iter()
        .find_map(|kind| named_size(region, kind))
        .or(old_size)
        .ok_or_else(|| errors::missing_attribute("instanceSize"))?;
    let mut settled = Document::from_iter([
        ("priority".to_owned(), body::whole(region, "priority").unwrap_or(priority).into()),
        ("providerName".to_owned(), provider_name.into()),
        ("regionName".to_owned(), body::text(region, "regionName").into()),
    ]);
    for kind in NODE_KINDS {
        let hardware = settle_hardware(&Hardware {
            provider,
            kind,
            requested: specs(Some(region), kind),
            previous: specs(previous, kind),
            electable: specs(Some(&settled), "electableSpecs"),
            size: &size,
        })?;
        check_offer(provider, size_of(&hardware), body::text(region, "regionName"))?;
        settled.insert(kind.to_owned(), Value::Object(hardware));
    }
    let old_scaling = previous.and_then(|old| old.get("autoScaling")).and_then(Value::as_object);
    settled.insert("autoScaling".to_owned(), settle_scaling(region.get("autoScaling"), old_scaling)?);
    // Shown only once it was sent (recorded).
    let old_scaling = previous.and_then(|old| old.get("analyticsAutoScaling")).and_then(Value::as_object);
    if region.contains_key("analyticsAutoScaling") || old_scaling.is_some() {
        let scaling = settle_scaling(region.get("analyticsAutoScaling"), old_scaling)?;
        settled.insert("analyticsAutoScaling".to_owned(), scaling);
    }
    Ok(settled)
}

fn check_offer(provider: &Provider, size: &str, region: &str) -> Result<(), ApiError> {
    if !provider.regions.contains(&region) {
        Err(errors::invalid_region(region, provider.name))
    } else if size != FREE && !provider.sizes.contains(&size) {
        Err(errors::invalid_enum_value(size))
    } else if !provider.offers(size, region) {
        Err(errors::size_not_offered(size, region))
    } else {
        Ok(())
    }
}

/// What goes into the description of one node kind of one region.
struct Hardware<'a> {
    provider: &'a Provider,
    kind: &'a str,
    requested: Option<Document>,
    previous: Option<Document>,
    /// The electable nodes of the region, once they are settled: the others are like them unless told otherwise.
    electable: Option<Document>,
    size: &'a str,
}

fn settle_hardware(hardware: &Hardware) -> Result<Document, ApiError> {
    let Hardware { provider, kind, requested, previous, electable, size } = hardware;
    let asked = |name: &str| requested.as_ref().and_then(|specs| specs.get(name)).cloned();
    let before = |name: &str| previous.as_ref().and_then(|specs| specs.get(name)).cloned();
    let nodes = asked("nodeCount").or_else(|| before("nodeCount"));
    if *kind == "electableSpecs" && requested.is_some() && nodes.is_none() {
        return Err(errors::missing_attribute("nodeCount"));
    }
    let nodes = nodes.unwrap_or_else(|| 0.into());
    // Nodes that a request does not mention keep their size; where there are none, the size follows the electable
    // nodes (assumed). Read-only nodes always have the size of the electable ones.
    let kept = before("instanceSize").filter(|_| *kind == "analyticsSpecs" && nodes != 0 && requested.is_none());
    let size = asked("instanceSize").or(kept).unwrap_or_else(|| (*size).into());
    let mut settled = Document::from_iter([("instanceSize".to_owned(), size), ("nodeCount".to_owned(), nodes)]);
    // What comes with a disk differs by provider (recorded for AWS and Azure; GCP by the specification).
    let defaults: &[(&str, Value)] = match provider.name {
        "AWS" => &[("diskIOPS", json!(3000)), ("ebsVolumeType", json!("STANDARD"))],
        "AZURE" => &[("diskIOPS", json!(3500)), ("diskThroughput", json!(125))],
        _ => &[],
    };
    for (name, default) in defaults {
        let like = electable.as_ref().and_then(|specs| specs.get(*name)).cloned();
        let value = asked(name).or_else(|| before(name)).or(like).unwrap_or_else(|| default.clone());
        settled.insert((*name).to_owned(), value);
    }
    Ok(settled)
}

/// Autoscaling as it comes back: everything said, off where nothing was asked (recorded).
fn settle_scaling(requested: Option<&Value>, previous: Option<&Document>) -> Result<Value, ApiError> {
    let mut scaling = previous.cloned().unwrap_or_default();
    if let Some(requested) = requested.and_then(Value::as_object) {
        body::merge(&mut scaling, requested);
    }
    let part = |name: &str| scaling.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let (compute, disk) = (part("compute"), part("diskGB"));
    let enabled = body::flag(&compute, "enabled");
    let down = body::flag(&compute, "scaleDownEnabled");
    if down && !enabled {
        return Err(errors::scale_down_needs_autoscaling());
    }
    let mut shown = json!({
        "compute": {"enabled": enabled, "scaleDownEnabled": down},
        "diskGB": {"enabled": body::flag(&disk, "enabled")},
    });
    if enabled {
        let largest = compute.get("maxInstanceSize").ok_or_else(errors::autoscaling_maximum_required)?;
        shown["compute"]["maxInstanceSize"] = largest.clone();
        match compute.get("minInstanceSize") {
            Some(smallest) => shown["compute"]["minInstanceSize"] = smallest.clone(),
            None if down => return Err(errors::autoscaling_minimum_required()),
            None => {}
        }
    }
    Ok(shown)
}

/// The one disk size that a request names, if it names any.
fn requested_disk(shards: &[Document], beside: Option<f64>) -> Result<Option<f64>, ApiError> {
    let named = shards
        .iter()
        .flat_map(|spec| hardware_of(spec).filter_map(|(_, specs)| specs.get("diskSizeGB").and_then(Value::as_f64)));
    let mut sizes: Vec<f64> = match beside {
        // A size beside the shards is the wish of a request that sent the old shards along.
        Some(size) => vec![size],
        None => named.collect(),
    };
    sizes.dedup();
    match sizes.as_slice() {
        [] => Ok(None),
        [size] if *size < 1.0 => Err(errors::disk_size_invalid(*size)),
        [size] => Ok(Some(*size)),
        _ => Err(errors::disk_size_inconsistent()),
    }
}

/// The disk size of a settled shard.
pub fn disk_size(spec: &Document) -> Option<f64> {
    hardware_of(spec).find_map(|(_, specs)| specs.get("diskSizeGB")?.as_f64())
}

/// Every description of nodes in a shard, with the field that holds it.
pub fn hardware_of(spec: &Document) -> impl Iterator<Item = (&'static str, &Document)> {
    body::documents(spec, "regionConfigs")
        .flat_map(|region| NODE_KINDS.into_iter().filter_map(|kind| Some((kind, region.get(kind)?.as_object()?))))
}

fn for_each_hardware(spec: &mut Document, mut change: impl FnMut(&mut Document)) {
    let regions = spec.get_mut("regionConfigs").and_then(Value::as_array_mut);
    for region in regions.into_iter().flatten() {
        for kind in NODE_KINDS {
            if let Some(specs) = region.get_mut(kind).and_then(Value::as_object_mut) {
                change(specs);
            }
        }
    }
}

fn named_size(region: &Document, kind: &str) -> Option<String> {
    Some(region.get(kind)?.get("instanceSize")?.as_str()?.to_owned())
}

fn size_of(specs: &Document) -> &str {
    body::text(specs, "instanceSize")
}

/// How many nodes of a kind a region has.
pub fn node_count(region: &Document, kind: &str) -> i64 {
    region.get(kind).and_then(|specs| specs.get("nodeCount")).and_then(Value::as_i64).unwrap_or(0)
}
