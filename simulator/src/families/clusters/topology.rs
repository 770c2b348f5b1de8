//! The shape of a cluster: shards, regions and hardware. A few requested words become the full description that Atlas
//! shows: every node kind of every region with its size, disk and speed.
//!
//! Every shard has its own replication spec here, as in the newest version. A requested shard is the successor of an
//! old one by id, or else by zone and position within it (recorded: ids are kept though none is sent). What an old
//! region had and a request leaves out, stays.
use serde_json::{Value, json};

use super::hardware::{FREE, Provider};
use super::{disks, scaling};
use crate::api::ApiError;
use crate::families::body::{self, Document};
use crate::families::errors;

/// The kinds of nodes of a region, as the fields of a region that describe them.
pub const NODE_KINDS: [&str; 3] = ["electableSpecs", "readOnlySpecs", "analyticsSpecs"];

/// Those that have one size within a shard and are scaled together.
pub const BASE_KINDS: [&str; 2] = ["electableSpecs", "readOnlySpecs"];

const ANALYTICS_SCALING: &str = "analyticsAutoScaling";

/// How many shards a cluster can have (published).
const MOST_SHARDS: usize = 70;

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
    if shards.len() > MOST_SHARDS {
        return Err(errors::number_of_shards_invalid(MOST_SHARDS));
    }
    if is_tenant(&shards) {
        if !previous.is_empty() {
            return Err(errors::cluster_cannot_change_provider());
        }
        return settle_tenant(&shards, &mut identify);
    }
    let disk = disks::requested(&shards, disk)?;
    let mut settled: Vec<Document> = Vec::new();
    for shard in &shards {
        let zone = match body::text(shard, "zoneName") {
            "" if cluster_type == "GEOSHARDED" => format!("Zone {}", settled.len() + 1),
            "" => DEFAULT_ZONE.to_owned(),
            name => name.to_owned(),
        };
        let position = settled.iter().filter(|other| body::text(other, "zoneName") == zone).count();
        let predecessor = predecessor(shard, &shards, previous, (&zone, position));
        let zone_id = settled
            .iter()
            .chain(previous)
            .find(|other| body::text(other, "zoneName") == zone)
            .map_or_else(&mut identify, |other| body::text(other, "zoneId").to_owned());
        let id = predecessor.map_or_else(&mut identify, |spec| body::text(spec, "id").to_owned());
        let regions = settle_regions(shard, predecessor)?;
        settled.push(Document::from_iter([
            ("id".to_owned(), id.into()),
            ("regionConfigs".to_owned(), regions.into()),
            ("zoneId".to_owned(), zone_id.into()),
            ("zoneName".to_owned(), zone.into()),
        ]));
    }
    check_zones(&settled)?;
    let disk = disks::settle(&settled, disk, previous)?;
    for spec in &mut settled {
        for_each_hardware(spec, |_, specs| {
            specs.insert("diskSizeGB".to_owned(), disk.into());
        });
    }
    for (_, specs) in settled.iter().flat_map(hardware_of) {
        disks::check_speed(specs, disk)?;
    }
    Ok(settled)
}

/// The region of the highest priority is that of one zone only (as other clients report it).
fn check_zones(shards: &[Document]) -> Result<(), ApiError> {
    let first = |shard: &Document| {
        let region = body::documents(shard, "regionConfigs").next()?;
        Some((body::text(region, "providerName").to_owned(), body::text(region, "regionName").to_owned()))
    };
    let shared = shards.iter().enumerate().any(|(at, shard)| {
        let other_zone = |other: &&Document| other.get("zoneName") != shard.get("zoneName");
        shards[..at].iter().filter(other_zone).any(|other| first(other) == first(shard))
    });
    if shared { Err(errors::region_is_first_in_two_zones()) } else { Ok(()) }
}

/// The old shard whose place a requested one takes: the one of its id, or else the one in its zone and position, unless
/// that goes on as another one.
fn predecessor<'a>(
    shard: &Document,
    shards: &[Document],
    previous: &'a [Document],
    (zone, position): (&str, usize),
) -> Option<&'a Document> {
    let named = |shard: &Document| {
        let id = body::text(shard, "id");
        previous.iter().find(|old| !id.is_empty() && body::text(old, "id") == id)
    };
    named(shard).or_else(|| {
        let in_place = previous.iter().filter(|old| body::text(old, "zoneName") == zone).nth(position)?;
        let goes_on = shards.iter().filter_map(named).any(|old| old.get("id") == in_place.get("id"));
        (!goes_on).then_some(in_place)
    })
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

/// The regions of one shard, highest priority first, and those of one priority by name from the end of the alphabet, as
/// Atlas returns them (recorded; other clients). A shard that is new has to name a size
/// (specification; the refusal is assumed).
fn settle_regions(shard: &Document, predecessor: Option<&Document>) -> Result<Vec<Value>, ApiError> {
    let requested: Vec<&Document> = body::documents(shard, "regionConfigs").collect();
    let size = requested
        .iter()
        .find_map(|region| BASE_KINDS.iter().find_map(|kind| named_size(region, kind)))
        .or_else(|| predecessor.and_then(base_size))
        .or_else(|| requested.iter().find_map(|region| named_size(region, "analyticsSpecs")))
        .map(str::to_owned)
        .ok_or_else(|| errors::missing_attribute("instanceSize"))?;
    let mut settled: Vec<Document> = Vec::new();
    for (region, priority) in requested.iter().zip((0..=HIGHEST_PRIORITY).rev().chain(std::iter::repeat(0))) {
        let same_place = |other: &&Document| {
            ["providerName", "regionName"].iter().all(|name| body::text(other, name) == body::text(region, name))
        };
        if settled.iter().any(|other| same_place(&other)) {
            return Err(errors::invalid_cluster_configuration());
        }
        let previous = predecessor.and_then(|spec| body::documents(spec, "regionConfigs").find(same_place));
        settled.push(settle_region(region, previous, priority, &size)?);
    }
    let electable: i64 = settled.iter().map(|region| node_count(region, "electableSpecs")).sum();
    if ![3, 5, 7].contains(&electable) {
        return Err(errors::replication_factor_invalid());
    }
    // Priority 0 is for regions without electable nodes (specification; the refusal is assumed).
    if settled.iter().any(|it| body::whole(it, "priority") == Some(0) && node_count(it, "electableSpecs") > 0) {
        return Err(errors::invalid_cluster_configuration());
    }
    share_analytics_size(&requested, &mut settled);
    check_sizes(&settled)?;
    settled.sort_by(|one, other| place_of(other).cmp(&place_of(one)));
    Ok(settled.into_iter().map(Value::Object).collect())
}

/// What the order of regions goes by.
fn place_of(region: &Document) -> (Option<i64>, &str) {
    (body::whole(region, "priority"), body::text(region, "regionName"))
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

/// Electable and read-only nodes of a shard have one size (specification; the refusal is assumed).
fn check_sizes(regions: &[Document]) -> Result<(), ApiError> {
    let mut sizes = regions.iter().flat_map(|region| {
        let nodes = BASE_KINDS.into_iter().filter(|kind| node_count(region, kind) > 0);
        nodes.filter_map(|kind| named_size(region, kind))
    });
    let first = sizes.next();
    if sizes.all(|size| Some(size) == first) { Ok(()) } else { Err(errors::invalid_cluster_configuration()) }
}

fn settle_region(
    region: &Document,
    previous: Option<&Document>,
    priority: i64,
    size: &str,
) -> Result<Document, ApiError> {
    let provider_name = body::text(region, "providerName");
    let provider = Provider::named(provider_name).ok_or_else(|| errors::invalid_enum_value(provider_name))?;
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
            size,
        })?;
        check_offer(provider, size_of(&hardware), body::text(region, "regionName"))?;
        settled.insert(kind.to_owned(), Value::Object(hardware));
    }
    let scaling = |name: &str, nodes: &str| {
        let old = previous.and_then(|old| old.get(name)).and_then(Value::as_object);
        let size = named_size(&settled, nodes).filter(|_| node_count(&settled, nodes) > 0);
        scaling::settle(provider, region.get(name), old, size)
    };
    let base = scaling("autoScaling", "electableSpecs")?;
    // Shown only once it was sent (recorded).
    let shown = [Some(region), previous].into_iter().flatten().any(|place| place.contains_key(ANALYTICS_SCALING));
    let analytics = shown.then(|| scaling(ANALYTICS_SCALING, "analyticsSpecs")).transpose()?;
    settled.insert("autoScaling".to_owned(), base);
    settled.extend(analytics.map(|scaling| (ANALYTICS_SCALING.to_owned(), scaling)));
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
    requested: Option<&'a Document>,
    previous: Option<&'a Document>,
    /// The electable nodes of the region, once they are settled: the others are like them unless told otherwise.
    electable: Option<&'a Document>,
    /// What electable and read-only nodes of the shard have.
    size: &'a str,
}

fn settle_hardware(hardware: &Hardware) -> Result<Document, ApiError> {
    let Hardware { provider, kind, requested, previous, electable, size } = *hardware;
    let asked = |name: &str| requested.and_then(|specs| specs.get(name)).cloned();
    let before = |name: &str| previous.and_then(|specs| specs.get(name)).cloned();
    let nodes = asked("nodeCount").or_else(|| before("nodeCount"));
    if kind == "electableSpecs" && requested.is_some() && nodes.is_none() {
        return Err(errors::missing_attribute("nodeCount"));
    }
    let nodes = nodes.unwrap_or_else(|| 0.into());
    // Nodes of which a request does not name the size keep it, as autoscaling needs (assumed); where there are none, the
    // size follows the electable nodes (assumed).
    let had_nodes = before("nodeCount").is_some_and(|count| count != 0);
    let kept = before("instanceSize").filter(|_| kind == "analyticsSpecs" && nodes != 0 && had_nodes);
    // An old size that comes back for nodes that are not there is no wish.
    let wish = asked("instanceSize").filter(|_| kind != "readOnlySpecs" || nodes != 0);
    let size = wish.or(kept).unwrap_or_else(|| size.into());
    let mut settled = Document::from_iter([("instanceSize".to_owned(), size), ("nodeCount".to_owned(), nodes)]);
    disks::equip(&mut settled, provider, requested, &[previous, electable]);
    Ok(settled)
}

/// Every description of nodes in a shard, with the field that holds it.
pub fn hardware_of(spec: &Document) -> impl Iterator<Item = (&'static str, &Document)> {
    body::documents(spec, "regionConfigs")
        .flat_map(|region| NODE_KINDS.into_iter().filter_map(|kind| Some((kind, region.get(kind)?.as_object()?))))
}

/// Changes every description of nodes in a shard, with the region that it belongs to.
pub fn for_each_hardware(spec: &mut Document, mut change: impl FnMut((&str, &'static str), &mut Document)) {
    let regions = spec.get_mut("regionConfigs").and_then(Value::as_array_mut);
    for region in regions.into_iter().flatten().filter_map(Value::as_object_mut) {
        let name = body::text(region, "regionName").to_owned();
        for kind in NODE_KINDS {
            if let Some(specs) = region.get_mut(kind).and_then(Value::as_object_mut) {
                change((&name, kind), specs);
            }
        }
    }
}

/// The size of the electable and read-only nodes of a shard.
fn base_size(spec: &Document) -> Option<&str> {
    body::documents(spec, "regionConfigs")
        .find_map(|region| BASE_KINDS.iter().find_map(|kind| named_size(region, kind)))
}

fn named_size<'a>(region: &'a Document, kind: &str) -> Option<&'a str> {
    region.get(kind)?.get("instanceSize")?.as_str()
}

fn specs<'a>(region: Option<&'a Document>, kind: &str) -> Option<&'a Document> {
    region?.get(kind)?.as_object()
}

fn size_of(specs: &Document) -> &str {
    body::text(specs, "instanceSize")
}

/// How many nodes of a kind a region has.
pub fn node_count(region: &Document, kind: &str) -> i64 {
    region.get(kind).and_then(|specs| specs.get("nodeCount")).and_then(Value::as_i64).unwrap_or(0)
}
