//! Refusals about who may reach a project: database users, custom roles, the access list.
use super::{absent, bad, conflict};
use crate::api::ApiError;

/// Documented text; the code on GET is recorded.
pub fn username_not_found(username: &str) -> ApiError {
    absent("USERNAME_NOT_FOUND", format!("No user with username {username} exists.")).with([username])
}

/// Documented text; the code on DELETE is recorded.
pub fn user_not_found(username: &str) -> ApiError {
    absent("USER_NOT_FOUND", format!("No user with ID {username} exists.")).with([username])
}

/// Recorded for cloud users, assumed for database users.
pub fn user_already_exists(username: &str) -> ApiError {
    conflict("USER_ALREADY_EXISTS", format!("A user with username {username} already exists.")).with([username])
}

/// Documented.
pub fn too_many_database_users(limit: i64) -> ApiError {
    ApiError::new(403, "GROUP_USERS_LIMIT_EXCEEDED", format!("Groups can contain at most {limit} database users."))
        .with([limit])
}

/// Documented.
pub fn weak_password() -> ApiError {
    bad("WEAK_PASSWORD", "The specified password is not strong enough.")
}

/// Documented.
pub fn only_on_admin(what: &str) -> ApiError {
    bad(
        "DATABASE_NAME_INVALID_ADMIN",
        format!("Database name invalid. {what} can only be created on the admin database."),
    )
    .with([what])
}

/// Documented.
pub fn only_on_external() -> ApiError {
    bad(
        "DATABASE_NAME_INVALID_EXTERNAL",
        "Database name invalid. Externally authenticated users can only be created on the $external database.",
    )
}

/// Documented.
pub fn invalid_authentication_settings(why: &str) -> ApiError {
    bad("ATLAS_INVALID_AUTH_SETTINGS", format!("Invalid authentication settings. {why}.")).with([why])
}

/// Documented.
pub fn group_mismatch(group: &str) -> ApiError {
    bad("GROUP_MISMATCH", format!("The specified group ID {group} does not match the URL.")).with([group])
}

/// Recorded.
pub fn invalid_role(role: &str, database: &str) -> ApiError {
    bad("ATLAS_INVALID_ROLE", format!("The specified role {role}@{database} does not exist.")).with([role, database])
}

/// Documented.
pub fn role_only_on_database(role: &str, database: &str) -> ApiError {
    bad("ATLAS_INVALID_ROLE_DATABASE", format!("The specified role {role} only exists for database {database}."))
        .with([role, database])
}

/// Recorded code and status; text assumed.
pub fn scope_cluster_not_found(cluster: &str) -> ApiError {
    bad("ATLAS_SCOPE_CLUSTER_NOT_FOUND", format!("The cluster {cluster} specified in the scopes does not exist."))
        .with([cluster])
}

/// Documented.
pub fn cannot_be_changed(code: &'static str, what: &str) -> ApiError {
    conflict(code, format!("Cannot modify the {what} of an existing database user."))
}

/// Recorded code; documented text.
pub fn custom_role_not_found(name: &str) -> ApiError {
    absent("ATLAS_CUSTOM_ROLE_NOT_FOUND", format!("The specified custom db role {name} does not exist.")).with([name])
}

/// Documented.
pub fn custom_role_already_exists(name: &str) -> ApiError {
    conflict("ATLAS_CUSTOM_ROLE_NAME_ALREADY_EXISTS", format!("A custom role with the name {name} already exists."))
        .with([name])
}

/// Documented.
pub fn custom_role_used_by_users(users: &str) -> ApiError {
    conflict(
        "ATLAS_CUSTOM_ROLE_IN_USE_BY_USERS",
        format!("Deleting specified custom role would leave the following users without a role: {users}."),
    )
    .with([users])
}

/// Documented.
pub fn custom_role_used_by_roles(roles: &str) -> ApiError {
    conflict(
        "ATLAS_CUSTOM_ROLE_IN_USE_BY_ROLES",
        format!(
            "Deleting specified custom role would leave the following roles with no actions or inherited roles: {roles}."
        ),
    )
    .with([roles])
}

/// Documented.
pub fn custom_role_without_permissions() -> ApiError {
    bad(
        "ATLAS_CUSTOM_ROLE_HAS_NO_PERMISSIONS",
        "Custom roles must have one or more user privilege actions or inherited roles.",
    )
}

/// Documented.
pub fn custom_role_name_invalid(name: &str) -> ApiError {
    bad(
        "ATLAS_CUSTOM_ROLE_INVALID_NAME",
        format!(
            "The role name, \"{name}\", is invalid. A custom role name must be a non-empty string made up of only ASCII \
             letters, numbers, hyphens, and underscores, and should begin with a letter or number."
        ),
    )
    .with([name])
}

/// Documented.
pub fn custom_role_name_is_built_in(name: &str) -> ApiError {
    bad(
        "ATLAS_INVALID_CUSTOM_ROLE_RESTRICTED",
        format!("Cannot create custom role {name} because a built-in role with that name already exists."),
    )
    .with([name])
}

/// Documented.
pub fn inherited_role_missing() -> ApiError {
    bad("ATLAS_INVALID_CUSTOM_ROLE_INHERITANCE", "One or more of the specified inherited roles do not exist.")
}

/// Documented.
pub fn custom_role_inherits_itself() -> ApiError {
    bad("ATLAS_INVALID_CUSTOM_ROLE_SELF_REFERENTIAL", "A custom DB role cannot inherit from itself.")
}

/// Documented.
pub fn custom_roles_inherit_in_a_circle() -> ApiError {
    bad(
        "ATLAS_INVALID_CUSTOM_ROLE_CIRCULAR_DEPENDENCY",
        "One or more of the specified inherited roles creates a circular dependency.",
    )
}

/// Documented.
pub fn too_many_custom_roles() -> ApiError {
    ApiError::new(403, "CUSTOM_ROLES_LIMIT_EXCEEDED", "Exceeded maximum number of custom roles.")
}

/// Recorded code and status; documented text.
pub fn invalid_database_name(name: &str) -> ApiError {
    bad("INVALID_DATABASE_NAME", format!("Invalid database name specified: {name}.")).with([name])
}

/// Recorded code; documented text, in the newer words for the list.
pub fn access_entry_not_found(entry: &str, group: &str) -> ApiError {
    absent(
        "ATLAS_NETWORK_PERMISSION_ENTRY_NOT_FOUND",
        format!("IP Address {entry} not on Atlas access list for group {group}."),
    )
    .with([entry, group])
}

/// Documented.
pub fn several_addresses_in_one_entry() -> ApiError {
    bad(
        "MULTIPLE_VALUES_SPECIFIED_FOR_ONE_NETWORK_PERMISSION_ENTRY",
        "Should not specify both the IP address and the CIDR block.",
    )
}

/// Documented.
pub fn no_address_in_entry() -> ApiError {
    let names = ["ipAddress", "cidrBlock", "awsSecurityGroup"];
    bad(
        "MISSING_ONE_OF_THREE_ATTRIBUTES",
        "Either the ipAddress attribute, the cidrBlock attribute, or the awsSecurityGroup attribute must be specified.",
    )
    .with(names)
}

/// Documented.
pub fn invalid_address(address: &str) -> ApiError {
    bad(
        "INVALID_IP_ADDRESS_OR_CIDR_NOTATION",
        format!("The address {address} must be in valid IP address or CIDR notation."),
    )
    .with([address])
}

/// Documented.
pub fn comment_too_long(comment: &str) -> ApiError {
    bad("INVALID_NETWORK_PERMISSION_COMMENT", format!("The comment {comment} must be 80 characters or less."))
        .with([comment])
}

/// Documented.
pub fn duplicate_addresses() -> ApiError {
    bad("DUPLICATE_ADDRESSES_IN_INPUT", "Two or more of the IP addresses being added to the access list are the same.")
}

/// Documented.
pub fn security_group_without_peering() -> ApiError {
    bad(
        "CANNOT_USE_AWS_SECURITY_GROUP_WITHOUT_VPC_PEERING_CONNECTION",
        "Cannot use aws security groups as access list entries without a vpc peering connection.",
    )
}

/// Documented.
pub fn too_many_access_entries(limit: i64) -> ApiError {
    ApiError::new(
        403,
        "ATLAS_NETWORK_PERMISSIONS_LIMIT_EXCEEDED",
        format!("Too many network permission entries. Only {limit} entries are supported."),
    )
    .with([limit])
}

/// Documented.
pub fn expiry_of_security_group() -> ApiError {
    bad("NETWORK_PERMISSION_EXPIRATION_NOT_SUPPORTED", "Expiration dates are only supported for IP addresses.")
}

/// Documented.
pub fn duplicate_database_roles(username: &str, roles: &str) -> ApiError {
    bad("DUPLICATE_DATABASE_ROLES", format!("Duplicate database roles specified for user {username}: {roles}."))
        .with([username, roles])
}

/// Documented.
pub fn user_not_managed_x509() -> ApiError {
    bad("USER_NOT_MANAGED_X509", "The user does not have managed mode X509 enabled.")
}

/// Documented.
pub fn own_authority_issues_certificates() -> ApiError {
    bad("CANNOT_GENERATE_CERT_IF_ADVANCED_X509", "The user cannot create managed X.509 certs if advanced mode is on.")
}

/// Documented.
pub fn certificate_lasts_too_long() -> ApiError {
    bad(
        "CERT_EXPIRY_CANNOT_EXCEED_TWO_YEARS",
        "Atlas-generated X.509 certificates have a maximum expiration of 24 months.",
    )
}

/// Documented.
pub fn nothing_to_verify_ldap_with(group: &str) -> ApiError {
    bad(
        "LDAP_VERIFY_CONNECTIVITY_NO_AVAILABLE_CLUSTERS",
        format!(
            "No clusters available to perform LDAP connectivity verification for groupId: {group}. At least one active \
             cluster running MongoDB version 3.4 or greater is required."
        ),
    )
    .with([group])
}

/// Documented.
pub fn ldap_verification_not_found(id: &str, group: &str) -> ApiError {
    absent(
        "LDAP_VERIFY_CONNECTIVITY_REQUEST_NOT_FOUND",
        format!("LDAP connectivity verification request {id} not found for group {group}."),
    )
    .with([id, group])
}
