//! The values of `X-Java-Method`, which names the server's handler and so the version that really answered.
//!
//! Only pairs that a recording has are listed; an operation without one is answered without the header.
use crate::api::{Method, VersionDate};
use Method::{Delete, Get, Patch, Post};

const GROUPS: &str = "ApiAtlasGroupsResource";
const CLUSTERS_V15: &str = "ApiAtlasClusterDescriptionV15Resource";
const CLUSTERS_2024_08: &str = "ApiAtlasClusterDescriptionResource20240805";
const CLUSTERS_2024_10: &str = "ApiAtlasClusterDescriptionResource20241023";
const LEGACY_CLUSTERS: &str = "ApiAtlasLegacyClusterDescriptionResource";
const FLEX: &str = "ApiAtlasFlexClusterResource";
const USERS: &str = "ApiAtlasV2DatabaseUsersResource";
const ROLES: &str = "ApiAtlasCustomDBRoleResource";
const ACCESS_LIST: &str = "ApiAtlasNetworkAccessListResource";
const ORGS: &str = "ApiOrganizationsResource";
const AUDITING: &str = "ApiAtlasAuditLogResource";
const MAINTENANCE: &str = "ApiAtlasGroupMaintenanceWindowResource";
const CUSTOM_DNS: &str = "ApiAtlasAWSCustomDNSEnabledResource";
const SECURITY: &str = "ApiAtlasUserSecurityResource";
const TEAMS: &str = "ApiOrganizationTeamsResource";
const PROCESSES: &str = "ApiAtlasProcessesResource";
const SAMPLES: &str = "ApiAtlasSampleDatasetLoadResource";
const GROUP_TEAMS: &str = "ApiGroupTeamsResource";

const CLUSTERS_PATH: &str = "/groups/{}/clusters";
const CLUSTER_PATH: &str = "/groups/{}/clusters/{}";
const LDAP_MAPPING_PATH: &str = "/groups/{}/userSecurity/ldap/userToDNMapping";
const ARGUMENTS_PATH: &str = "/groups/{}/clusters/{}/processArgs";

/// Method, path with anonymous parameters, version, class, function.
const RECORDED: [(Method, &str, &str, &str, &str); 73] = [
    (Get, "/orgs", "2023-01-01", ORGS, "getAllOrgs"),
    (Get, "/orgs/{}", "2023-01-01", ORGS, "getOrg"),
    (Get, "/groups", "2023-01-01", GROUPS, "getAllGroups"),
    (Post, "/groups", "2023-01-01", GROUPS, "addGroup"),
    (Get, "/groups/{}", "2023-01-01", GROUPS, "getGroup"),
    (Patch, "/groups/{}", "2023-01-01", GROUPS, "patchGroup"),
    (Delete, "/groups/{}", "2023-01-01", GROUPS, "deleteGroup"),
    (Get, "/groups/{}/settings", "2023-01-01", GROUPS, "getGroupSettings"),
    (Patch, "/groups/{}/settings", "2023-01-01", GROUPS, "patchGroupSettings"),
    (Get, "/groups/{}/accessList", "2023-01-01", ACCESS_LIST, "getAtlasWhitelist"),
    (Post, "/groups/{}/accessList", "2023-01-01", ACCESS_LIST, "addAtlasWhitelist"),
    (Get, "/groups/{}/accessList/{}", "2023-01-01", ACCESS_LIST, "getAtlasNetworkPermissionEntry"),
    (Delete, "/groups/{}/accessList/{}", "2023-01-01", ACCESS_LIST, "deleteAtlasWhitelist"),
    (
        Get,
        "/groups/{}/clusters/provider/regions",
        "2023-01-01",
        "ApiAtlasCloudProviderRegionsResource",
        "availableRegions",
    ),
    (Get, CLUSTERS_PATH, "2023-02-01", CLUSTERS_V15, "getAllClusters"),
    (Get, CLUSTERS_PATH, "2024-08-05", CLUSTERS_2024_08, "getAllClusters"),
    (Post, CLUSTERS_PATH, "2023-02-01", CLUSTERS_V15, "createCluster"),
    (Post, CLUSTERS_PATH, "2024-10-23", CLUSTERS_2024_10, "createCluster"),
    (Get, CLUSTER_PATH, "2023-02-01", CLUSTERS_V15, "getCluster"),
    (Get, CLUSTER_PATH, "2024-08-05", CLUSTERS_2024_08, "getCluster"),
    (Patch, CLUSTER_PATH, "2023-02-01", CLUSTERS_V15, "updateCluster"),
    (Patch, CLUSTER_PATH, "2024-10-23", CLUSTERS_2024_10, "updateCluster"),
    (Delete, CLUSTER_PATH, "2023-02-01", CLUSTERS_V15, "deleteCluster"),
    (Get, "/groups/{}/clusters/{}/autoScalingConfiguration", "2024-08-05", CLUSTERS_2024_08, "getAutoScalingMode"),
    (Post, "/api/atlas/v1.0/groups/{}/clusters/tenantUpgrade", "", LEGACY_CLUSTERS, "upgradeTenantCluster"),
    (Get, "/api/atlas/v1.0/groups/{}/clusters/{}", "", LEGACY_CLUSTERS, "getCluster"),
    (Get, "/api/private/ipinfo", "", "ApiPrivateIpInfoResource", "getIpInfo"),
    (Get, ARGUMENTS_PATH, "2023-01-01", LEGACY_CLUSTERS, "getProcessArgs"),
    (Patch, ARGUMENTS_PATH, "2023-01-01", LEGACY_CLUSTERS, "updateProcessArgs"),
    (Get, "/groups/{}/flexClusters", "2024-11-13", FLEX, "getAllFlexClusters"),
    (Post, "/groups/{}/flexClusters", "2024-11-13", FLEX, "createFlexCluster"),
    (Get, "/groups/{}/flexClusters/{}", "2024-11-13", FLEX, "getFlexCluster"),
    (Delete, "/groups/{}/flexClusters/{}", "2024-11-13", FLEX, "deleteFlexCluster"),
    (Get, "/groups/{}/databaseUsers", "2023-01-01", USERS, "getUsers"),
    (Post, "/groups/{}/databaseUsers", "2023-01-01", USERS, "addUser"),
    (Get, "/groups/{}/databaseUsers/{}/{}", "2023-01-01", USERS, "getUserByName"),
    (Patch, "/groups/{}/databaseUsers/{}/{}", "2023-01-01", USERS, "patchUser"),
    (Delete, "/groups/{}/databaseUsers/{}/{}", "2023-01-01", USERS, "deleteUser"),
    (Get, "/groups/{}/customDBRoles/roles", "2023-01-01", ROLES, "getCustomDBRoles"),
    (Post, "/groups/{}/customDBRoles/roles", "2023-01-01", ROLES, "createCustomDBRole"),
    (Get, "/groups/{}/customDBRoles/roles/{}", "2023-01-01", ROLES, "getCustomDBRole"),
    (Patch, "/groups/{}/customDBRoles/roles/{}", "2023-01-01", ROLES, "patchCustomDBRole"),
    (Delete, "/groups/{}/customDBRoles/roles/{}", "2023-01-01", ROLES, "deleteCustomDBRole"),
    (Get, "/groups/{}/databaseUsers/{}/certs", "2023-01-01", USERS, "getValidCertsByUsername"),
    (Post, "/groups/{}/databaseUsers/{}/certs", "2023-01-01", USERS, "generateCert"),
    (Get, "/groups/{}/auditLog", "2023-01-01", AUDITING, "getAuditLog"),
    (Patch, "/groups/{}/auditLog", "2023-01-01", AUDITING, "patchAuditLog"),
    (Get, "/groups/{}/awsCustomDNS", "2023-01-01", CUSTOM_DNS, "getAWSCustomDNSEnabled"),
    (Patch, "/groups/{}/awsCustomDNS", "2023-01-01", CUSTOM_DNS, "updateAWSCustomDNSEnabled"),
    (Get, "/groups/{}/maintenanceWindow", "2023-01-01", MAINTENANCE, "getGroupMaintenanceWindow"),
    (Patch, "/groups/{}/maintenanceWindow", "2023-01-01", MAINTENANCE, "patchGroupMaintenanceWindows"),
    (Delete, "/groups/{}/maintenanceWindow", "2023-01-01", MAINTENANCE, "resetCustomGroupMaintenanceWindow"),
    (Get, "/groups/{}/userSecurity", "2023-01-01", SECURITY, "getUserSecurity"),
    (Patch, "/groups/{}/userSecurity", "2023-01-01", SECURITY, "patchUserSecurity"),
    (Delete, LDAP_MAPPING_PATH, "2023-01-01", SECURITY, "deleteUserSecurityLdapUserToDNMapping"),
    (Post, "/groups/{}/userSecurity/ldap/verify", "2023-01-01", SECURITY, "createLDAPVerifyConnectivityRequest"),
    (Get, "/groups/{}/userSecurity/ldap/verify/{}", "2023-01-01", SECURITY, "checkLDAPVerifyConnectivityRequestStatus"),
    (Get, "/groups/{}/processes", "2023-01-01", PROCESSES, "getAllAtlasProcesses"),
    (Get, "/groups/{}/processes/{}", "2023-01-01", PROCESSES, "getAtlasProcess"),
    (Post, "/groups/{}/sampleDatasetLoad/{}", "2023-01-01", SAMPLES, "sampleDatasetLoad"),
    (Get, "/groups/{}/sampleDatasetLoad/{}", "2023-01-01", SAMPLES, "getSampleDatasetLoadStatus"),
    (Get, "/groups/{}/users", "2025-02-19", "ApiGroupUsersResource", "getGroupUsers"),
    (Get, "/orgs/{}/users", "2025-02-19", "ApiOrganizationUsersResource", "getOrganizationUsers"),
    (Get, "/groups/{}/teams", "2023-01-01", GROUP_TEAMS, "getTeams"),
    (Post, "/groups/{}/teams", "2023-01-01", GROUP_TEAMS, "addTeams"),
    (Patch, "/groups/{}/teams/{}", "2023-01-01", GROUP_TEAMS, "patchTeam"),
    (Delete, "/groups/{}/teams/{}", "2023-01-01", GROUP_TEAMS, "removeTeam"),
    (Get, "/orgs/{}/teams", "2023-01-01", TEAMS, "getTeams"),
    (Post, "/orgs/{}/teams", "2023-01-01", TEAMS, "createTeam"),
    (Get, "/orgs/{}/teams/byName/{}", "2023-01-01", TEAMS, "getTeamByName"),
    (Get, "/orgs/{}/teams/{}", "2023-01-01", TEAMS, "getTeamById"),
    (Patch, "/orgs/{}/teams/{}", "2023-01-01", TEAMS, "patchTeam"),
    (Delete, "/orgs/{}/teams/{}", "2023-01-01", TEAMS, "deleteTeam"),
];

/// The recorded name of the handler of an operation in a version.
pub fn java_method(method: Method, path: &str, version: VersionDate) -> Option<String> {
    let path = anonymous(path);
    let wanted = (method, path.as_str(), version.date);
    RECORDED
        .iter()
        .find(|&&(method, path, date, ..)| (method, path, date) == wanted)
        .map(|(.., class, function)| format!("{class}::{function}"))
}

/// A path template without the names of its parameters, since two documents may name them differently.
pub fn anonymous(path: &str) -> String {
    let segment = |part: &str| match part.split_once('}') {
        Some((_, suffix)) if part.starts_with('{') => format!("{{}}{suffix}"),
        _ => part.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_tells_which_version_answered() {
        let of = |date| java_method(Get, "/groups/{groupId}/clusters/{clusterName}", VersionDate::new(date));
        assert_eq!(of("2023-02-01").as_deref(), Some("ApiAtlasClusterDescriptionV15Resource::getCluster"));
        assert_eq!(of("2024-08-05").as_deref(), Some("ApiAtlasClusterDescriptionResource20240805::getCluster"));
        assert_eq!(of("2025-01-01"), None);
    }

    #[test]
    fn templates_lose_their_names_and_keep_their_actions() {
        assert_eq!(anonymous("/groups/{groupId}:migrate"), "/groups/{}:migrate");
        assert_eq!(anonymous("/groups/{groupId}/clusters/{clusterName}"), "/groups/{}/clusters/{}");
    }
}
