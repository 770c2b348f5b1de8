//! What a call is about, and whether its caller may see that.
use jiff::{SignedDuration, Timestamp};

use crate::api::{ApiError, Operation};
use crate::auth::Principal;
use crate::families::body::instant;
use crate::families::errors;
use crate::state::State;

/// An unknown project is not found; one of another organization is out of reach, and that answer is a 401. A deleted
/// one gets either, as the setting says.
pub fn check_project(state: &State, group_id: &str, principal: &Principal) -> Result<(), ApiError> {
    let out_of_reach = match state.world.organization_of(group_id) {
        Some(org_id) if org_id == principal.org_id => return Ok(()),
        Some(_) => true,
        None => state.world.tombstoned(group_id) && state.settings.deleted_projects.unauthorized(group_id),
    };
    Err(if out_of_reach { user_cannot_access_group() } else { errors::group_not_found(group_id) })
}

/// How long a project is new: children were seen missing in the second of its creation, and creations carry no fraction
/// of a second.
const NEW: SignedDuration = SignedDuration::from_secs(2);

/// Whether an operation is about something in a project that is so new that its children are not there yet. Chance is
/// asked about new projects alone, so that the setting changes nothing for others.
pub fn lags(state: &mut State, operation: &Operation, group_id: &str, now: Timestamp) -> bool {
    let share = state.settings.new_project_lag;
    let below = operation.path.strip_prefix("/groups/{groupId}").is_some_and(|rest| rest.starts_with('/'));
    let created = state.world.project(group_id).and_then(|project| instant(&project.document, "created"));
    let new = created.is_some_and(|created| now.duration_since(created) < NEW);
    share > 0.0 && below && new && state.world.chance.happens(share)
}

/// A credential belongs to one organization; any other is out of reach.
pub fn check_organization(state: &State, org_id: &str, principal: &Principal) -> Result<(), ApiError> {
    if org_id == principal.org_id {
        return Ok(());
    }
    let exists = state.world.organizations().iter().any(|organization| organization.id == org_id);
    Err(if exists { errors::user_cannot_access_organization() } else { errors::organization_not_found(org_id) })
}

/// Recorded.
fn user_cannot_access_group() -> ApiError {
    ApiError::new(401, "USER_CANNOT_ACCESS_GROUP", "User cannot access this group.")
}
