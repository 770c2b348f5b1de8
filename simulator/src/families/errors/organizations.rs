//! Refusals about what belongs to an organization: teams and resource policies.
use super::{absent, bad, conflict};
use crate::api::ApiError;

/// Documented.
pub fn team_not_found(id: &str) -> ApiError {
    absent("TEAM_NOT_FOUND", format!("No team with ID {id} exists.")).with([id])
}

/// Documented.
pub fn team_name_not_found(name: &str) -> ApiError {
    absent("TEAM_NAME_NOT_FOUND", format!("No team with name \"{name}\" exists.")).with([name])
}

/// Documented.
pub fn invalid_team_name(name: &str) -> ApiError {
    bad("INVALID_TEAM_NAME", format!("An invalid team name \"{name}\" was specified.")).with([name])
}

/// Documented.
pub fn team_name_taken(name: &str, organization: &str) -> ApiError {
    conflict("TEAM_NAME_NOT_AVAILABLE", format!("Cannot create a team named {name} in organization {organization}."))
        .with([name, organization])
}

/// Documented.
pub fn too_many_teams(organization: &str, limit: usize) -> ApiError {
    bad(
        "MAX_TEAMS_PER_ORG_EXCEEDED",
        format!(
            "Maximum number of teams per organization ({limit}) in {organization} exceeded while trying to add team."
        ),
    )
    .with([limit.to_string(), organization.to_owned()])
}

/// Documented, with this status.
pub fn team_is_assigned() -> ApiError {
    absent(
        "CANNOT_DELETE_TEAM_ASSIGNED_TO_PROJECT",
        "You cannot delete a team that has at least one project assigned to it. Make sure to remove the team from all \
         project before deleting it.",
    )
}

/// Documented.
pub fn team_not_in_group() -> ApiError {
    absent("TEAM_NOT_IN_GROUP", "The team in your request is not assigned to this group.")
}

/// Documented.
pub fn team_exists_in_group() -> ApiError {
    conflict("TEAM_EXISTS_IN_GROUP", "Cannot add a team that already exists in group.")
}

/// Documented.
pub fn too_many_teams_in_group(group: &str, limit: usize) -> ApiError {
    bad(
        "MAX_TEAMS_PER_GROUP_EXCEEDED",
        format!("Maximum number of teams per group ({limit}) in {group} exceeded while trying to add teams."),
    )
    .with([limit.to_string(), group.to_owned()])
}

/// Documented.
pub fn team_without_roles() -> ApiError {
    ApiError::new(403, "NO_ROLES_IN_ASSIGNMENT", "You cannot remove all project roles a team has.")
}

/// Documented.
pub fn invalid_role_for_group(role: &str, group: &str) -> ApiError {
    bad("INVALID_ROLE_FOR_GROUP", format!("Role {role} is invalid for group {group}.")).with([role, group])
}

/// Documented for other policies of organizations; assumed for these.
pub fn duplicate_policy_name() -> ApiError {
    bad("DUPLICATE_POLICY_NAME", "All custom policies must include a unique name.")
}

/// Recorded.
pub fn resource_policy_violated() -> ApiError {
    ApiError::new(
        403,
        "ATLAS_RESOURCE_POLICIES_VIOLATION_NOT_AUTHORIZED",
        "Invalid Configuration. Contains selections that are unavailable due to your organization's resource policies.",
    )
}
