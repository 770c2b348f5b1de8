//! Endpoint sets: which operations share a token bucket, and how large it is.
//!
//! The capacities are those that recorded answers carry in `RateLimit-Limit`. Refills are published for two sets only
//! (300 with 100, 1200 with 500, both per minute); for the other capacities the same share of 5 in 12 is assumed. The
//! real names are not known; these say what they hold.
use crate::api::{EndpointSet, Scope};

pub const ORGANIZATION_LIST: EndpointSet =
    EndpointSet { name: "Organizations", scope: Scope::User, capacity: 300, refill: 100 };
pub const ORGANIZATION: EndpointSet =
    EndpointSet { name: "Organization", scope: Scope::Organization, capacity: 500, refill: 208 };
pub const PROJECT_LIST: EndpointSet =
    EndpointSet { name: "Projects", scope: Scope::Organization, capacity: 1200, refill: 500 };
pub const PROJECT: EndpointSet = EndpointSet { name: "Project", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const ACCESS_LIST: EndpointSet =
    EndpointSet { name: "Project IP Access List", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const CLUSTERS: EndpointSet =
    EndpointSet { name: "Clusters", scope: Scope::Project, capacity: 10_000, refill: 4_166 };
pub const FLEX_CLUSTERS: EndpointSet =
    EndpointSet { name: "Flex Clusters", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const DATABASE_USERS: EndpointSet =
    EndpointSet { name: "Database Users", scope: Scope::Project, capacity: 10_000, refill: 4_166 };
pub const CUSTOM_ROLES: EndpointSet =
    EndpointSet { name: "Custom Database Roles", scope: Scope::Project, capacity: 2000, refill: 833 };
/// The capacity is recorded; the refill is the one that is published with it.
pub const PROCESSES: EndpointSet = EndpointSet { name: "Processes", scope: Scope::Project, capacity: 300, refill: 100 };
/// Not recorded; taken as large as the project's own.
pub const CONTAINERS: EndpointSet =
    EndpointSet { name: "Network Peering", scope: Scope::Project, capacity: 1200, refill: 500 };
/// Not recorded; taken as small as the other sets that are counted by user.
pub const RATE_LIMITS: EndpointSet =
    EndpointSet { name: "Rate Limits Inspection", scope: Scope::User, capacity: 300, refill: 100 };
pub const TEAMS: EndpointSet = EndpointSet { name: "Teams", scope: Scope::Organization, capacity: 1200, refill: 500 };
pub const PROJECT_TEAMS: EndpointSet =
    EndpointSet { name: "Project Teams", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const AUDITING: EndpointSet = EndpointSet { name: "Auditing", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const MAINTENANCE_WINDOW: EndpointSet =
    EndpointSet { name: "Maintenance Windows", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const CUSTOM_DNS: EndpointSet =
    EndpointSet { name: "AWS Custom DNS", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const USER_SECURITY: EndpointSet =
    EndpointSet { name: "LDAP Configuration", scope: Scope::Project, capacity: 1200, refill: 500 };
pub const CERTIFICATES: EndpointSet =
    EndpointSet { name: "X.509 Authentication", scope: Scope::Project, capacity: 1200, refill: 500 };
/// Not recorded; taken as large as that of the organization itself.
pub const RESOURCE_POLICIES: EndpointSet =
    EndpointSet { name: "Resource Policies", scope: Scope::Organization, capacity: 500, refill: 208 };
