//! Which sizes are offered in which regions.
use serde_json::{Value, json};

use super::hardware::{FREE, PROVIDERS, Provider};
use crate::api::{ApiError, Reply, Request};
use crate::families::errors;
use crate::world::World;

/// By provider and by size, if either is asked for.
pub fn list(_: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let providers: Vec<&Provider> = match request.query.get("providers") {
        None => PROVIDERS.iter().collect(),
        Some(name) => vec![Provider::named(name).ok_or_else(|| errors::invalid_enum_value(name))?],
    };
    let tier = request.query.get("tier").map(String::as_str);
    Ok(Reply::page(200, providers.into_iter().map(|provider| shown(provider, tier)).collect()))
}

fn shown(provider: &Provider, tier: Option<&str>) -> Value {
    let sizes = std::iter::once(FREE).chain(provider.sizes.iter().copied());
    let sizes = sizes.filter(|size| tier.is_none_or(|tier| tier == *size));
    let sizes: Vec<Value> = sizes
        .map(|size| {
            let regions: Vec<Value> = provider
                .regions_offering(size)
                .map(|region| json!({"default": provider.recommended.contains(&region), "name": region}))
                .collect();
            json!({"availableRegions": regions, "name": size})
        })
        .collect();
    json!({"instanceSizes": sizes, "provider": provider.name})
}
