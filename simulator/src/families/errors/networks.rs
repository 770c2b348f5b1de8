//! Refusals about processes and the networks that they run in.
use super::{absent, conflict};
use crate::api::ApiError;

/// Recorded by other clients.
pub fn container_already_exists(group: &str) -> ApiError {
    conflict("CONTAINER_ALREADY_EXISTS", format!("A container already exists for group {group}.")).with([group])
}

/// Code and status as other clients know them; documented text.
pub fn containers_in_use() -> ApiError {
    conflict("CONTAINERS_IN_USE", "Cannot modify in use containers.")
}

/// Documented.
pub fn overlapping_container_block(block: &str) -> ApiError {
    conflict(
        "OVERLAPPING_ATLAS_CIDR_BLOCK",
        format!("The CIDR block {block} overlaps with that of another container of the group."),
    )
    .with([block])
}

/// Code and status as other clients know them; text assumed.
pub fn container_not_found(id: &str, group: &str) -> ApiError {
    absent("CLOUD_PROVIDER_CONTAINER_NOT_FOUND", format!("No container with ID {id} exists for group {group}."))
        .with([id, group])
}

/// Assumed.
pub fn process_not_found(id: &str, group: &str) -> ApiError {
    absent("HOST_NOT_FOUND", format!("No host {id} exists in group {group}.")).with([id, group])
}
