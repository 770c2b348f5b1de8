//! Where the real API breaks its own specification: the one reviewed list.
//!
//! Each entry widens the document before it is used, so that what the real API was recorded doing is no violation, and
//! nothing else is excused. An entry leaves this list when the specification catches up.
use serde_json::{Value, json};

use crate::api::Method;
use crate::http::handlers::anonymous;

/// What is accepted beyond the specification.
#[derive(Clone, Copy, Debug)]
pub enum Allow {
    /// The field may be null; null and absent mean the same.
    Null,
    /// The field may have this value, too.
    Value(&'static str),
    /// There is such a field; it is any JSON.
    Field,
    /// The field is any text, whatever its pattern or list of values says.
    AnyText,
    /// The field is any number, whatever its bounds say.
    AnyNumber,
    /// The field may be absent although it is required.
    Absent,
    /// The field is in answers although it is only to be written.
    Answered,
}

/// One field that differs.
pub struct Deviation {
    pub schema: &'static str,
    pub field: &'static str,
    pub allow: Allow,
    pub reason: &'static str,
}

/// One status that differs.
pub struct OtherStatus {
    pub method: Method,
    pub path: &'static str,
    pub real: u16,
    pub specified: u16,
}

const fn deviation(schema: &'static str, field: &'static str, allow: Allow, reason: &'static str) -> Deviation {
    Deviation { schema, field, allow, reason }
}

const UNSET: &str = "an argument that was never set is null in every recorded answer";
const ONE_OR_THE_OTHER: &str = "a recorded resource is a cluster, or a database and collection, and never all three";
const OTHER_SHAPE: &str = "a resource policy that is not there is reported in a shape of its own (recorded)";
const BLANKS: &str = "recorded names have blanks, which the pattern does not allow";
const NO_NUMBER: &str = "recorded as null: nobody gave one";
const NOT_YET: &str = "recorded as null: the data are being loaded";
const UNPROVISIONED: &str = "null while nothing runs in a container (recorded for AWS, assumed for the others)";
const PERMITTED: &str = "DatabasePermittedNamespaceResource";
const LEGACY_ARGUMENTS: &str = "ClusterDescriptionProcessArgs";
const ARGUMENTS: &str = "ClusterDescriptionProcessArgs20240805";

/// Fields, for the families that are served.
pub const FIELDS: &[Deviation] = &[
    deviation("ApiError", "parameters", Allow::Field, "specified as objects; all recorded ones are text or numbers"),
    deviation("ApiError", "error", Allow::Absent, OTHER_SHAPE),
    deviation("ApiError", "message", Allow::Field, OTHER_SHAPE),
    deviation("ApiError", "status", Allow::Field, OTHER_SHAPE),
    deviation("ApiError", "version", Allow::Field, OTHER_SHAPE),
    deviation("BiConnector", "readPreference", Allow::Value("secondary"), "recorded in lower case, 255 times"),
    deviation(
        "ClusterDescription20240805",
        "effectiveDatabaseEdition",
        Allow::Field,
        "recorded since 2026; not specified",
    ),
    deviation(
        "AdvancedComputeAutoScaling",
        "predictiveEnabled",
        Allow::Field,
        "recorded for some months of 2025; not specified",
    ),
    deviation("GroupSettings", "isAtlasHomePageAiAssistantEnabled", Allow::Field, "recorded since 2026; not specified"),
    deviation(
        "FlexClusterDescription20241113",
        "versionReleaseSystem",
        Allow::Value("CONTINUOUS"),
        "recorded for a cluster that was migrated from an older kind",
    ),
    deviation("LegacyAtlasCluster", "diskSizeGB", Allow::AnyNumber, "recorded as 0.5 for a free cluster"),
    deviation("FreeComputeAutoScalingRules", "maxInstanceSize", Allow::Null, "recorded as null: nothing is scaled"),
    deviation("FreeComputeAutoScalingRules", "minInstanceSize", Allow::Null, "recorded as null: nothing is scaled"),
    deviation("AtlasOrganization", "name", Allow::AnyText, BLANKS),
    deviation("Group", "name", Allow::AnyText, BLANKS),
    deviation("UserCert", "subject", Allow::AnyText, "recorded as a common name alone, without a domain"),
    deviation("LDAPVerifyConnectivityJobRequest", "status", Allow::Value("FAILED"), "recorded so; specified as FAIL"),
    deviation("GroupMaintenanceWindow", "dayOfWeek", Allow::Absent, "a project that never set a window has none"),
    deviation("CloudDatabaseUser", "groupId", Allow::Answered, "recorded in every answer"),
    deviation(
        "DatabaseUserRole",
        "roleName",
        Allow::AnyText,
        "a custom role goes by a name of its own, as its text says",
    ),
    deviation("OrgActiveUserResponse", "mobileNumber", Allow::Null, NO_NUMBER),
    deviation("GroupActiveUserResponse", "mobileNumber", Allow::Null, NO_NUMBER),
    deviation("OrgPendingUserResponse", "inviterUsername", Allow::AnyText, "recorded as the public key of an API key"),
    deviation("SampleDatasetStatus", "completeDate", Allow::Null, NOT_YET),
    deviation("SampleDatasetStatus", "errorMessage", Allow::Null, NOT_YET),
    deviation("AWSCloudProviderContainer", "vpcId", Allow::Null, UNPROVISIONED),
    deviation("AzureCloudProviderContainer", "azureSubscriptionId", Allow::Null, UNPROVISIONED),
    deviation("AzureCloudProviderContainer", "vnetName", Allow::Null, UNPROVISIONED),
    deviation("GCPCloudProviderContainer", "gcpProjectId", Allow::Null, UNPROVISIONED),
    deviation("GCPCloudProviderContainer", "networkName", Allow::Null, UNPROVISIONED),
    deviation(PERMITTED, "cluster", Allow::Absent, ONE_OR_THE_OTHER),
    deviation(PERMITTED, "db", Allow::Absent, ONE_OR_THE_OTHER),
    deviation(PERMITTED, "collection", Allow::Absent, ONE_OR_THE_OTHER),
    deviation(ARGUMENTS, "changeStreamOptionsPreAndPostImagesExpireAfterSeconds", Allow::Null, UNSET),
    deviation(ARGUMENTS, "chunkMigrationConcurrency", Allow::Null, UNSET),
    deviation(ARGUMENTS, "defaultMaxTimeMS", Allow::Null, UNSET),
    deviation(ARGUMENTS, "defaultWriteConcern", Allow::Null, UNSET),
    deviation(ARGUMENTS, "queryStatsLogVerbosity", Allow::Null, UNSET),
    deviation(ARGUMENTS, "sampleRefreshIntervalBIConnector", Allow::Null, UNSET),
    deviation(ARGUMENTS, "sampleSizeBIConnector", Allow::Null, UNSET),
    deviation(ARGUMENTS, "transactionLifetimeLimitSeconds", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "changeStreamOptionsPreAndPostImagesExpireAfterSeconds", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "chunkMigrationConcurrency", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "defaultMaxTimeMS", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "defaultReadConcern", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "defaultWriteConcern", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "failIndexKeyTooLong", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "queryStatsLogVerbosity", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "sampleRefreshIntervalBIConnector", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "sampleSizeBIConnector", Allow::Null, UNSET),
    deviation(LEGACY_ARGUMENTS, "transactionLifetimeLimitSeconds", Allow::Null, UNSET),
];

/// Statuses, for the families that are served: the real one was recorded each of hundreds of times.
pub const STATUSES: [OtherStatus; 6] = [
    OtherStatus { method: Method::Post, path: "/groups", real: 201, specified: 200 },
    OtherStatus { method: Method::Delete, path: "/groups/{groupId}", real: 202, specified: 204 },
    OtherStatus { method: Method::Post, path: "/groups/{groupId}/accessList", real: 201, specified: 200 },
    OtherStatus { method: Method::Patch, path: "/groups/{groupId}/auditLog", real: 202, specified: 200 },
    OtherStatus { method: Method::Patch, path: "/groups/{groupId}/awsCustomDNS", real: 202, specified: 200 },
    OtherStatus { method: Method::Post, path: "/orgs/{orgId}/teams", real: 201, specified: 200 },
];

/// The status under which the specification describes an answer that really has this one.
pub fn specified_status(method: Method, path: &str, real: u16) -> u16 {
    let path = anonymous(path);
    let known =
        STATUSES.iter().find(|known| known.method == method && known.real == real && anonymous(known.path) == path);
    known.map_or(real, |known| known.specified)
}

/// The part of a schema that has a field: the schema itself, or one of those that it is made of.
fn holder<'a>(schema: &'a mut Value, field: &str) -> &'a mut Value {
    let parts = schema["allOf"].as_array().into_iter().flatten();
    match parts.into_iter().position(|part| part["properties"].get(field).is_some()) {
        Some(at) => &mut schema["allOf"][at],
        None => schema,
    }
}

/// Widens the schemas of a document. An entry that the document has no use for is passed over.
pub fn apply(document: &mut Value) {
    for Deviation { schema, field, allow, .. } in FIELDS {
        let Some(schema) = document.pointer_mut(&format!("/components/schemas/{schema}")) else { continue };
        let schema = holder(schema, field);
        let known = schema.pointer_mut(&format!("/properties/{field}"));
        match (allow, known) {
            (Allow::Field, _) => schema["properties"][*field] = json!({}),
            (Allow::Null, Some(known)) => {
                known["nullable"] = json!(true);
                if let Some(values) = known["enum"].as_array_mut() {
                    values.push(Value::Null);
                }
            }
            (Allow::AnyNumber, Some(known)) => {
                if let Some(known) = known.as_object_mut() {
                    known.retain(|keyword, _| !["minimum", "maximum"].contains(&keyword.as_str()));
                }
            }
            (Allow::Answered, Some(known)) => known["writeOnly"] = json!(false),
            (Allow::Value(value), Some(known)) => {
                if let Some(values) = known["enum"].as_array_mut() {
                    values.push(json!(value));
                }
            }
            (Allow::AnyText, Some(known)) => {
                known["pattern"] = json!("");
                if let Some(known) = known.as_object_mut() {
                    known.remove("enum");
                    known.remove("format");
                }
            }
            (Allow::Absent, _) => {
                if let Some(required) = schema["required"].as_array_mut() {
                    required.retain(|name| name != field);
                }
            }
            (Allow::Null | Allow::Answered | Allow::AnyText | Allow::AnyNumber | Allow::Value(_), None) => {}
        }
    }
}
