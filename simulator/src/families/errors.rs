//! Refusals, in Atlas's own codes, statuses and words.
//!
//! Where a recording or a run of another client shows the answer, the comment says *recorded*. The rest comes from the
//! published list of error codes, whose texts are older than today's API; those are marked *documented*. What neither
//! shows is *assumed*.
use crate::api::ApiError;

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
pub fn invalid_date_format(value: &str) -> ApiError {
    bad("INVALID_DATE_FORMAT", format!("An invalid date value {value} was specified.")).with([value])
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

// Clusters.

/// Recorded.
pub fn cluster_not_found(name: &str, group: &str) -> ApiError {
    absent("CLUSTER_NOT_FOUND", format!("No cluster named {name} exists in group {group}.")).with([name, group])
}

/// Recorded.
pub fn flex_in_cluster_api(name: &str) -> ApiError {
    bad("CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", format!("Flex cluster {name} cannot be used in the Cluster API."))
        .with([name])
}

/// Recorded.
pub fn cluster_in_flex_api(name: &str) -> ApiError {
    bad("CANNOT_USE_NON_FLEX_CLUSTER_IN_FLEX_API", format!("Cannot use non-flex cluster {name} in the flex API."))
        .with([name])
}

/// Recorded.
pub fn duplicate_cluster_name(name: &str, group: &str) -> ApiError {
    bad(
        "DUPLICATE_CLUSTER_NAME",
        format!("A cluster or serverless instance named {name} is already present in group {group}."),
    )
    .with([name, group])
}

/// Documented.
pub fn duplicate_cluster_name_prefix(name: &str, length: usize) -> ApiError {
    bad(
        "DUPLICATE_CLUSTER_NAME_PREFIX",
        format!(
            "Cluster name {name} cannot have same first {length} characters as another cluster name in same group."
        ),
    )
    .with([name.to_owned(), length.to_string()])
}

/// Recorded.
pub fn cluster_name_prefix_invalid(name: &str, length: usize, prefix: &str) -> ApiError {
    bad(
        "CLUSTER_NAME_PREFIX_INVALID",
        format!(
            "Cluster name \"{name}\" is invalid. Atlas truncates cluster names to {length} characters which results in \
             an invalid hostname due to a trailing \"-\" in the generated cluster name prefix \"{prefix}\"."
        ),
    )
    .with([name.to_owned(), length.to_string(), prefix.to_owned()])
}

/// Documented.
pub fn cluster_name_invalid(name: &str) -> ApiError {
    bad(
        "CLUSTER_NAME_INVALID",
        format!("The cluster name {name} is invalid. The name can only contain ASCII letters, numbers, and hyphens."),
    )
    .with([name])
}

/// Documented.
pub fn cluster_name_too_long(name: &str, length: usize) -> ApiError {
    bad("CLUSTER_NAME_TOO_LONG", format!("Cluster name {name} is limited to {length} characters."))
        .with([name.to_owned(), length.to_string()])
}

/// Recorded.
pub fn termination_protected(name: &str, group: &str) -> ApiError {
    bad(
        "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED",
        "Cannot terminate a cluster when termination protection is enabled. Disable termination protection and try \
         again.",
    )
    .with([format!(
        "Cannot terminate cluster {name} in group {group} because termination protection is enabled. Disable \
         termination protection and try again."
    )])
}

/// Recorded.
pub fn cluster_already_requested_deletion(name: &str) -> ApiError {
    bad("CLUSTER_ALREADY_REQUESTED_DELETION", format!("The cluster {name} has already been requested for deletion."))
        .with([name])
}

/// Recorded code and status; documented text.
pub fn cannot_update_and_pause(name: &str) -> ApiError {
    conflict("CANNOT_UPDATE_AND_PAUSE_CLUSTER", format!("Cannot update and pause cluster {name} at the same time."))
        .with([name])
}

/// Recorded code; documented status and text.
pub fn cannot_update_paused(name: &str) -> ApiError {
    conflict(
        "CANNOT_UPDATE_PAUSED_CLUSTER",
        format!("Cannot update cluster {name} while it is paused or being paused."),
    )
    .with([name])
}

/// Documented.
pub fn cannot_pause_with_pending_changes() -> ApiError {
    conflict("CANNOT_PAUSE_CLUSTER_WITH_PENDING_CHANGES", "Cannot pause a cluster with pending changes.")
}

/// Documented.
pub fn cannot_pause_nvme() -> ApiError {
    conflict("CANNOT_PAUSE_NVME_CLUSTER", "Cannot pause an NVMe Cluster.")
}

/// Recorded code; documented status and text.
pub fn cannot_pause_recently_resumed(minutes: i64) -> ApiError {
    bad(
        "CANNOT_PAUSE_RECENTLY_RESUMED_CLUSTER",
        format!(
            "Recently resumed clusters must remain running for {minutes} minutes to process all queued maintenance."
        ),
    )
    .with([minutes])
}

/// Documented.
pub fn cannot_create_paused(name: &str) -> ApiError {
    bad("CANNOT_CREATE_PAUSED_CLUSTER", format!("Cluster {name} cannot be created in a paused state.")).with([name])
}

/// Recorded code; documented status and text.
pub fn tenant_update_unsupported() -> ApiError {
    bad("TENANT_CLUSTER_UPDATE_UNSUPPORTED", "Cannot update a M0/M2/M5 cluster through the public API.")
}

/// Documented.
pub fn tenant_process_args_unsupported() -> ApiError {
    bad("TENANT_CLUSTER_PROCESS_ARGS_NOT_SUPPORTED", "Cannot set custom process args for tenant clusters.")
}

/// Recorded code; status and text assumed.
pub fn second_free_cluster() -> ApiError {
    bad("CANNOT_CREATE_FREE_CLUSTER_VIA_PUBLIC_API", "Cannot create more than one free cluster in a project.")
}

/// Recorded.
pub fn asymmetric_shards() -> ApiError {
    bad(
        "ASYMMETRIC_SHARD_UNSUPPORTED",
        "Asymmetric sharded cluster is not supported by the current API version. Please use the latest API instead. \
         Documentation for the latest API is available at \
         https://docs.atlas.mongodb.com/reference/api/clusters-advanced/.",
    )
}

/// Documented.
pub fn cluster_cannot_change_name() -> ApiError {
    bad("CLUSTER_CANNOT_CHANGE_NAME", "Cannot change name of cluster during an update.")
}

/// Documented.
pub fn sharded_cannot_become_replica_set() -> ApiError {
    bad("SHARDED_CLUSTER_CANT_BECOME_REPLICA_SET", "A sharded cluster cannot become a replica set.")
}

/// Documented.
pub fn geosharded_cannot_change_type() -> ApiError {
    bad("CANNOT_CHANGE_GEOSHARDED_CLUSTER_TYPE", "A geo sharded cluster cannot be changed to a different cluster type.")
}

/// Recorded code and status; text assumed.
pub fn cannot_modify_sharding_management() -> ApiError {
    bad(
        "CANNOT_MODIFY_GLOBAL_CLUSTER_MANAGEMENT_SETTING",
        "Cannot modify the sharding management of a global cluster after it was deployed.",
    )
}

/// Recorded code; text assumed.
pub fn self_managed_sharding_needs_a_global_cluster() -> ApiError {
    bad(
        "CANNOT_SET_SELF_MANAGED_SHARDING_FOR_NON_GLOBAL_CLUSTER",
        "Self-managed sharding can only be set for global clusters.",
    )
}

/// Documented.
pub fn invalid_cluster_configuration() -> ApiError {
    bad("INVALID_CLUSTER_CONFIGURATION", "The specified cluster configuration is not valid.")
}

/// Documented.
pub fn replication_factor_invalid() -> ApiError {
    bad("CLUSTER_REPLICATION_FACTOR_INVALID", "The cluster's replication factor must be either 3, 5, or 7.")
}

/// Recorded code; text assumed.
pub fn disk_size_inconsistent() -> ApiError {
    bad("DISK_SIZE_GB_INCONSISTENT", "The disk size must be the same for all nodes of a cluster.")
}

/// Documented.
pub fn disk_size_invalid(size: f64) -> ApiError {
    bad("CLUSTER_DISK_SIZE_INVALID", format!("Invalid disk size: {size}.")).with([size])
}

/// Documented.
pub fn invalid_region(region: &str, provider: &str) -> ApiError {
    bad("INVALID_REGION", format!("No region {region} exists for provider {provider}.")).with([region, provider])
}

/// Assumed: that a size is not offered in a region is known to end in 400; its code is not.
pub fn size_not_offered(size: &str, region: &str) -> ApiError {
    bad(
        "INVALID_ATTRIBUTE",
        format!("Invalid attribute instanceSize specified. {size} is not available in region {region}."),
    )
    .with(["instanceSize", size, region])
}

/// Documented.
pub fn autoscaling_maximum_required() -> ApiError {
    bad("COMPUTE_AUTO_SCALING_MAX_INSTANCE_SIZE_REQUIRED", "Compute auto-scaling max instance size required.")
}

/// Documented.
pub fn autoscaling_minimum_required() -> ApiError {
    bad("COMPUTE_AUTO_SCALING_MIN_INSTANCE_SIZE_REQUIRED", "Compute auto-scaling min instance size required.")
}

/// Documented.
pub fn scale_down_needs_autoscaling() -> ApiError {
    bad(
        "COMPUTE_AUTO_SCALING_SCALE_DOWN_ENABLED_INVALID",
        "Compute auto-scaling must be enabled to enable down-scaling.",
    )
}

/// Documented.
pub fn mongodb_version_invalid(version: &str) -> ApiError {
    bad("MONGODB_VERSION_INVALID", format!("An invalid MongoDB version {version} was specified.")).with([version])
}

/// Recorded code and status; documented text.
pub fn mongodb_version_deprecated() -> ApiError {
    bad("ATLAS_CLUSTER_VERSION_DEPRECATED", "MongoDB version is deprecated in Atlas.")
}

/// Documented.
pub fn cluster_upgrade_invalid() -> ApiError {
    bad(
        "CLUSTER_UPGRADE_INVALID",
        "Cluster cannot be upgraded, as specified upgrade version is below the current version.",
    )
}

/// Recorded.
pub fn flex_name_being_cleaned_up() -> ApiError {
    bad(
        "CONTAINER_WAITING_FOR_FAST_RECORD_CLEAN_UP",
        "A transient error occurred. Please try again in a minute or use a different name.",
    )
}

// Database users and roles.

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

// Access list.

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

// The rest.

/// Recorded.
pub fn resource_not_found(path: &str) -> ApiError {
    absent("RESOURCE_NOT_FOUND", format!("Cannot find resource {path}.")).with([path])
}
