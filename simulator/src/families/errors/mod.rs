//! Refusals, in Atlas's own codes, statuses and words.
//!
//! Where a recording or a run of another client shows the answer, the comment says *recorded*. The rest comes from the
//! published list of error codes, whose texts are older than today's API; those are marked *documented*. What neither
//! shows is *assumed*.
use crate::api::ApiError;

mod access;
mod clusters;
mod global_writes;
mod networks;
mod organizations;
mod shapes;

pub use access::*;
pub use clusters::*;
pub use global_writes::*;
pub use networks::*;
pub use organizations::*;
pub use shapes::*;

/// A refusal whose detail and parameters are built from the same words.
fn bad(code: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError::new(400, code, detail)
}

fn conflict(code: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError::new(409, code, detail)
}

fn absent(code: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError::new(404, code, detail)
}

/// Recorded on many operations, as 500.
pub fn unexpected() -> ApiError {
    ApiError::new(500, "UNEXPECTED_ERROR", "Unexpected error.")
}

// Bodies.

/// Documented.
pub fn invalid_json() -> ApiError {
    bad("INVALID_JSON", "Received JSON does not match expected format.")
}

/// Documented.
pub fn invalid_json_attribute(name: &str) -> ApiError {
    bad("INVALID_JSON_ATTRIBUTE", format!("Received JSON for the {name} attribute does not match expected format."))
        .with([name])
}

/// Documented.
pub fn invalid_attribute(name: &str) -> ApiError {
    bad("INVALID_ATTRIBUTE", format!("Invalid attribute {name} specified.")).with([name])
}

/// Recorded.
pub fn invalid_enum_value(value: &str) -> ApiError {
    bad("INVALID_ENUM_VALUE", format!("An invalid enumeration value {value} was specified.")).with([value])
}

/// Documented.
pub fn missing_attribute(name: &str) -> ApiError {
    bad("MISSING_ATTRIBUTE", format!("The required attribute {name} was not specified.")).with([name])
}

/// Documented.
pub fn missing_query(name: &str) -> ApiError {
    bad("MISSING_QUERY_PARAMETER", format!("The required query parameter {name} was not specified.")).with([name])
}

/// Documented.
pub fn invalid_date_format(value: &str) -> ApiError {
    bad("INVALID_DATE_FORMAT", format!("An invalid date value {value} was specified.")).with([value])
}

/// Documented.
pub fn invalid_query_parameter(name: &str) -> ApiError {
    bad("INVALID_QUERY_PARAMETER", format!("Invalid query parameter {name} specified.")).with([name])
}

// Expiry.

/// Recorded code; documented text.
pub fn expiration_date_in_past() -> ApiError {
    bad("EXPIRATION_DATE_IN_PAST", "The specified expiration date must be in the future.")
}

/// Documented.
pub fn expiration_date_exceeds_maximum(days: i64) -> ApiError {
    bad(
        "EXPIRATION_DATE_EXCEEDS_MAX",
        format!("The specified expiration date can be at most {days} days in the future."),
    )
    .with([days])
}

/// Documented.
pub fn permanent_cannot_be_made_temporary() -> ApiError {
    bad("PERMANENT_ENTITY_CANNOT_BE_MADE_TEMPORARY", "A permanent entity cannot be made temporary.")
}

// Organizations and projects.

/// Documented.
pub fn organization_not_found(id: &str) -> ApiError {
    absent("ORG_NOT_FOUND", format!("No organization with ID {id} exists.")).with([id])
}

/// Documented.
pub fn user_cannot_access_organization() -> ApiError {
    ApiError::new(401, "USER_CANNOT_ACCESS_ORG", "User cannot access this organization.")
}

/// Recorded.
pub fn group_not_found(id: &str) -> ApiError {
    absent("GROUP_NOT_FOUND", format!("No group with ID {id} exists.")).with([id])
}

/// Documented.
pub fn group_name_not_found(name: &str) -> ApiError {
    absent("GROUP_NAME_NOT_FOUND", format!("No group with name \"{name}\" exists.")).with([name])
}

/// Documented.
pub fn invalid_group_name(name: &str) -> ApiError {
    bad("INVALID_GROUP_NAME", format!("An invalid group name \"{name}\" was specified.")).with([name])
}

/// Recorded.
pub fn group_already_exists(name: &str) -> ApiError {
    conflict("GROUP_ALREADY_EXISTS", format!("A group with name \"{name}\" already exists.")).with([name])
}

/// Recorded code and status; documented text.
pub fn too_many_groups(organization: &str, limit: usize) -> ApiError {
    bad(
        "MAX_GROUPS_PER_ORG_EXCEEDED",
        format!(
            "Maximum number of groups per organization ({limit}) in {organization} exceeded while trying to add group."
        ),
    )
    .with([limit.to_string(), organization.to_owned()])
}

/// Recorded.
pub fn group_has_active_clusters() -> ApiError {
    conflict(
        "CANNOT_CLOSE_GROUP_ACTIVE_ATLAS_CLUSTERS",
        "Cannot close group while it has active clusters; please terminate all clusters.",
    )
}

/// Recorded.
pub fn resource_not_found(path: &str) -> ApiError {
    absent("RESOURCE_NOT_FOUND", format!("Cannot find resource {path}.")).with([path])
}

/// Documented without saying for which limits; assumed for the number of clusters.
pub fn limit_exceeded() -> ApiError {
    bad(
        "DEFAULT_CONFIG_LIMIT_EXCEPTION",
        "The limit check failed while trying to add requested resource. Please try again.",
    )
}
