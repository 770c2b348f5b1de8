//! Autoscaling: what a region lets Atlas change by itself.
use serde_json::{Value, json};

use super::hardware::{Provider, rank};
use crate::api::ApiError;
use crate::families::body::{self, Document};
use crate::families::errors;

/// Autoscaling as it comes back: everything said, off where nothing was asked (recorded). `size` is what the nodes
/// have that it is about; there is none where there are no such nodes.
pub fn settle(
    provider: &Provider,
    requested: Option<&Value>,
    previous: Option<&Document>,
    size: Option<&str>,
) -> Result<Value, ApiError> {
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
    // That it is off was shown for some months of 2025 only (recorded), so it shows only where it is on.
    if body::flag(&compute, "predictiveEnabled") {
        shown["compute"]["predictiveEnabled"] = true.into();
    }
    if enabled {
        let (smallest, largest) = bounds(provider, &compute)?;
        let largest = largest.ok_or_else(errors::autoscaling_maximum_required)?;
        shown["compute"]["maxInstanceSize"] = largest.into();
        match smallest {
            Some(smallest) => shown["compute"]["minInstanceSize"] = smallest.into(),
            None if down => return Err(errors::autoscaling_minimum_required()),
            None => {}
        }
        check_size(smallest, largest, size)?;
    }
    Ok(shown)
}

/// The smallest and the largest size that are named.
fn bounds<'a>(provider: &Provider, compute: &'a Document) -> Result<(Option<&'a str>, Option<&'a str>), ApiError> {
    let bound = |name: &str| match compute.get(name).and_then(Value::as_str) {
        Some(size) if !provider.sizes.contains(&size) => Err(errors::invalid_enum_value(size)),
        size => Ok(size),
    };
    Ok((bound("minInstanceSize")?, bound("maxInstanceSize")?))
}

/// The bounds are in order, and the size lies between them (published).
fn check_size(smallest: Option<&str>, largest: &str, size: Option<&str>) -> Result<(), ApiError> {
    if let Some(smallest) = smallest
        && rank(smallest) > rank(largest)
    {
        return Err(errors::autoscaling_range_invalid(smallest, largest));
    }
    let Some(size) = size else { return Ok(()) };
    if rank(size) > rank(largest) {
        return Err(errors::autoscaling_maximum_invalid(largest, size));
    }
    match smallest {
        Some(smallest) if rank(size) < rank(smallest) => Err(errors::autoscaling_minimum_invalid(smallest, size)),
        _ => Ok(()),
    }
}

/// Why autoscaling as it is set would not move nodes to this size: it is on, and the size is not within its bounds.
pub fn objection(scaling: Option<&Value>, size: &str) -> Option<String> {
    let compute = scaling?.get("compute")?.as_object()?;
    if !body::flag(compute, "enabled") {
        return None;
    }
    let bound = |name: &str| compute.get(name).and_then(Value::as_str);
    check_size(bound("minInstanceSize"), bound("maxInstanceSize")?, Some(size)).err().map(|error| error.detail)
}

/// Whether any disk of a cluster grows by itself.
pub fn grows_disks(cluster: &Document) -> bool {
    let mut regions =
        body::documents(cluster, "replicationSpecs").flat_map(|spec| body::documents(spec, "regionConfigs"));
    regions.any(|region| region.get("autoScaling").is_some_and(|scaling| scaling["diskGB"]["enabled"] == true))
}
