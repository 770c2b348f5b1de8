//! Projects: the containers of clusters, users and network rules.
//! <https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Projects>
//!
//! A project is one document, the group, with others around it that come with it and go with it. Each is a part of its
//! own, and managed only when its section is in the spec: settings, the maintenance window and auditing are documents
//! with Atlas's defaults; limits, the IP access list and teams are lists of which an object owns the entries that it
//! declares.
use std::collections::BTreeSet;

use kube::{CustomResource, KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{self, SecretPointer, Tag};
use crate::{
    kind::{
        Blames, Create, Declare, Deletion, Describe, Documents, Endpoint, Example, Field, Given, Home, Invalid, Needs,
        Part, Policy, Route, Slots,
    },
    status::Common,
};

mod access_list;
mod auditing;
mod import;
mod json;
mod limits;
mod maintenance;
mod settings;
mod teams;

pub use access_list::AccessEntry;
pub use auditing::Auditing;
pub use limits::Limit;
pub use maintenance::{MaintenanceWindow, ProtectedHours};
pub use settings::Settings;
pub use teams::Team;

/// What the project should be. A field that is absent is not managed: Atlas's value stays, whoever set it. A list that
/// is present is managed whole, so an empty one empties it; of limits, the IP access list and teams only the entries
/// that this object made or declares are managed.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "atlas-operator.io",
    version = "v1",
    kind = "AtlasProject",
    namespaced,
    status = "Common",
    shortname = "ap",
    doc = "A project in MongoDB Atlas: it holds clusters, database users, and who may connect from where."
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kind::definition::descriptions_of_fields)]
#[x_kube(
    validation = Rule::new(
        "has(self.projectId) == has(oldSelf.projectId) \
         && (!has(self.projectId) || self.projectId == oldSelf.projectId)"
    )
        .message(
            "an object cannot move to another project: put the old projectId back, or delete the object (the annotation \
             atlas-operator.io/deletion: retain keeps what is in Atlas) and create it anew"
        )
        .field_path(".projectId"),
    validation = at_creation_only("projectOwnerId"),
    validation = at_creation_only("withDefaultAlertsSettings"),
    validation = at_creation_only("regionUsageRestrictions"),
    validation = Rule::new("!has(self.projectOwnerId) || !has(self.projectId)")
        .message("a project that is there already has its owners: remove projectOwnerId, or projectId to create one")
        .field_path(".projectOwnerId"),
    validation = Rule::new(
        "!has(self.ipAccessListExclusive) || !self.ipAccessListExclusive || has(self.ipAccessList)"
    )
        .message(
            "ipAccessListExclusive removes every entry that is not in ipAccessList: give the list, be it empty, or \
             remove ipAccessListExclusive"
        )
        .field_path(".ipAccessListExclusive")
)]
pub struct AtlasProjectSpec {
    /// The project's name in Atlas, unique in the organization: 1 to 64 letters, digits, spaces and characters of
    /// -_.(),:&@+'. Changing it renames the project.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(r"self.matches('^[\\p{L}\\p{N} \\-_.(),:&@+\']{1,64}$')")
        .message("a project name has 1 to 64 letters, digits, spaces and characters of -_.(),:&@+'"))]
    pub name: String,
    /// The id of a project that is in Atlas already, to manage that one: 24 hexadecimal digits. The project is then
    /// never created, whatever becomes of it. Without it the project is found by its name, and created when there is
    /// none. It cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^[a-f0-9]{24}$')")
        .message("a project id has 24 hexadecimal digits, as in the address of the project in the Atlas console"))]
    pub project_id: Option<String>,
    /// The Secret, in this object's namespace, with the credentials for Atlas: the key orgId, and either publicApiKey
    /// and privateApiKey or clientId and clientSecret. They also serve all objects that refer to this project and name
    /// none of their own. Without it those the operator was given for all are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secret_ref: Option<SecretPointer>,
    /// Other namespaces whose objects may refer to this project. Objects of its own namespace always may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 63), regex(pattern = common::NAMESPACE_NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_namespaces: Option<Vec<String>>,
    /// Tags of the project, at most 50; an empty list removes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = common::once_in(&["key"], common::TAG_TWICE))]
    pub tags: Option<Vec<Tag>>,
    /// The Atlas user who becomes the project's owner when it is created: 24 hexadecimal digits. Without it Atlas takes
    /// the organization's oldest owner. It cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^[a-f0-9]{24}$')")
        .message("the id of an Atlas user has 24 hexadecimal digits"))]
    pub project_owner_id: Option<String>,
    /// Whether Atlas creates the project with its default alerts. Atlas's default is true. It cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_default_alerts_settings: Option<bool>,
    /// Which regions the project may use, in Atlas for Government only; commercial Atlas refuses it. It cannot be changed
    /// later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_usage_restrictions: Option<RegionUsageRestrictions>,
    /// What is switched on for everybody who works in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// Limits that Atlas enforces in the project, each once. Those that are not listed are left alone; one that leaves
    /// the list gets Atlas's default again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub limits: Option<Vec<Limit>>,
    /// Addresses that may connect to the clusters of the project, at most 200. Entries that are not listed here and
    /// were never made by this object are left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    #[x_kube(validation = access_list::no_address_twice())]
    pub ip_access_list: Option<Vec<AccessEntry>>,
    /// Whether ipAccessList is the whole list: entries that it does not hold are removed from Atlas, whoever made them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_access_list_exclusive: Option<bool>,
    /// When Atlas may maintain the clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<MaintenanceWindow>,
    /// What the clusters record in their audit logs. It takes a dedicated cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auditing: Option<Auditing>,
    /// Teams of the organization that work in the project, at most 100. Teams that are not listed here and were never
    /// listed are left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(validation = teams::no_team_twice())]
    pub teams: Option<Vec<Team>>,
}

/// A field that only the creation takes. Taking it away later changes nothing in Atlas, and neither does saying later
/// what is so already.
fn at_creation_only(field: &str) -> Rule {
    let message = format!(
        "{field} takes effect at creation only: put the old value back, or remove it to leave the project as it is"
    );
    Rule::new(format!("!has(self.{field}) || !has(oldSelf.{field}) || self.{field} == oldSelf.{field}"))
        .message(message.as_str())
        .field_path(format!(".{field}"))
}

/// Which regions a project in Atlas for Government may use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegionUsageRestrictions {
    /// Those of FedRAMP Moderate. This is Atlas's default.
    CommercialFedrampRegionsOnly,
    /// Those of AWS GovCloud.
    GovRegionsOnly,
}

/// The version of every operation on projects and what comes with them.
const VERSION: &str = "2023-01-01";

static GROUP: Route = group(Create::Post(Endpoint::new("/groups", VERSION)));

/// A project that is known by its id, and that somebody else made.
static EXISTING: Route = Route {
    find: None,
    ..group(Create::Never {
        path: "spec.projectId",
        message: "Atlas has no project with this id in the organization of the credentials, and one that is named by \
                  its id is never created. Mend the id or the credentials, or create another object without \
                  projectId.",
    })
};

const fn group(create: Create) -> Route {
    Route {
        create,
        find: Some(Endpoint::new("/groups/byName/{name}", VERSION)),
        id_slot: Some("groupId"),
        names: &[("groupId", "id"), ("name", "name")],
        created: Some("created"),
        fields: &[
            Field { path: "tags", policy: Policy::Set(&["key"]) },
            Field { path: "withDefaultAlertsSettings", policy: Policy::Immutable },
            Field { path: "regionUsageRestrictions", policy: Policy::Immutable },
        ],
        ..Route::document("/groups", "/groups/{groupId}", VERSION)
    }
}

impl Describe for AtlasProject {
    const KIND: &'static str = "AtlasProject";
    const PLURAL: &'static str = "atlasprojects";
    const DELETION: Deletion = Deletion::Retain;
    const BLAMES: Blames = &[
        (&["INVALID_GROUP_NAME", "INVALID_GROUP_NAME_10GEN"], "spec.name"),
        (
            &[
                "ATLAS_INVALID_CIDR_BLOCK",
                "ATLAS_INVALID_CIDR_RANGE",
                "ATLAS_NON_CANONICAL_CIDR_BLOCK",
                "CANNOT_USE_AWS_SECURITY_GROUP_WITHOUT_VPC_PEERING_CONNECTION",
                "DUPLICATE_ADDRESSES_IN_INPUT",
                "EXPIRATION_DATE_EXCEEDS_MAX",
                "EXPIRATION_DATE_IN_PAST",
                "INVALID_CIDR_BLOCK",
                "INVALID_IP_ADDRESS_OR_CIDR_NOTATION",
                "INVALID_NETWORK_PERMISSION_COMMENT",
                "MULTIPLE_VALUES_SPECIFIED_FOR_ONE_NETWORK_PERMISSION_ENTRY",
                "NETWORK_PERMISSION_EXPIRATION_NOT_SUPPORTED",
            ],
            "spec.ipAccessList",
        ),
    ];

    fn examples() -> Vec<Example> {
        vec![
            Example {
                name: "tags, settings and access list",
                manifest: include_str!("project/example.yaml"),
                edit: Some(("/tags/0/value", r#""payments""#)),
                drift: Some(("/groups/{groupId}/settings", r#"{"isSchemaAdvisorEnabled": false}"#)),
            },
            Example {
                name: "everything",
                manifest: include_str!("project/everything.yaml"),
                edit: Some(("/limits/0/value", "30")),
                drift: Some(("/groups/{groupId}/auditLog", r#"{"enabled": false}"#)),
            },
        ]
    }

    fn import(observed: &Documents) -> Value {
        import::spec(observed)
    }
}

/// What the group holds.
const GROUP_FIELDS: [&str; 4] = ["name", "tags", "withDefaultAlertsSettings", "regionUsageRestrictions"];

impl Declare for AtlasProjectSpec {
    fn needs(&self) -> Needs {
        let home = self.project_id.clone().map_or(Home::Organization, Home::Existing);
        let teams = self.teams.iter().flatten().enumerate();
        Needs {
            credentials: self.connection_secret_ref.as_ref().map(|secret| secret.name.clone()),
            allowed_namespaces: self.allowed_namespaces.clone().unwrap_or_default(),
            lookups: teams.filter_map(|(index, team)| team.lookup(index)).collect(),
            ..Needs::at(home)
        }
    }

    fn key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        let mut parts = vec![self.itself(given)?];
        if let Some(settings) = &self.settings {
            parts.push(Part::new("settings", &settings::ROUTE, common::document(settings, &[])?));
        }
        parts.push(match &self.limits {
            None => Part::undeclared("limits", &limits::ROUTE),
            Some(limits) => Part::new("limits", &limits::ROUTE, list(limits)?),
        });
        parts.push(match &self.ip_access_list {
            None => Part::undeclared("ipAccessList", &access_list::ROUTE),
            Some(entries) => {
                let entries = list(entries)?;
                once("spec.ipAccessList", &entries, access_list::key)?;
                let exclusive = self.ip_access_list_exclusive.unwrap_or_default();
                Part { exclusive, ..Part::new("ipAccessList", &access_list::ROUTE, entries) }
            }
        });
        if let Some(window) = &self.maintenance_window {
            parts.push(Part::new("maintenanceWindow", &maintenance::ROUTE, common::document(window, &[])?));
        }
        if let Some(auditing) = &self.auditing {
            auditing.check()?;
            parts.push(Part::new("auditing", &auditing::ROUTE, common::document(auditing, &[])?));
        }
        parts.push(match &self.teams {
            None => Part::undeclared("teams", &teams::ROUTE),
            Some(teams) => {
                let teams = Value::Array(teams.iter().filter_map(|team| team.entry(given)).collect());
                once("spec.teams", &teams, teams::key)?;
                Part::new("teams", &teams::ROUTE, teams)
            }
        });
        Ok(parts)
    }

    fn itself(&self, given: &Given) -> Result<Part, Invalid> {
        let mut group = common::document(self, &[])?;
        if let Value::Object(fields) = &mut group {
            fields.retain(|name, _| GROUP_FIELDS.contains(&name.as_str()));
        }
        let route = if self.project_id.is_some() { &EXISTING } else { &GROUP };
        Ok(Part {
            slots: Slots::from([("name", self.name.clone())]),
            at_creation: json!({"orgId": given.org_id}),
            query_at_creation: self.project_owner_id.iter().map(|id| ("projectOwnerId", id.clone())).collect(),
            ..Part::new("group", route, group)
        })
    }
}

/// Entries as Atlas writes them.
fn list(entries: &[impl Serialize]) -> Result<Value, Invalid> {
    entries.iter().map(|entry| common::document(entry, &[])).collect()
}

/// Two entries of one key are one entry in Atlas, where the last would win at each pass. The schema cannot always tell.
fn once(path: &str, entries: &Value, key: fn(&Value) -> String) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    for (index, entry) in entries.as_array().into_iter().flatten().enumerate() {
        let key = key(entry);
        if seen.contains(&key) {
            let message = format!("{key} is listed twice: Atlas keeps one entry for it, so remove one of the two.");
            return Err(Invalid::new(format!("{path}[{index}]"), message));
        }
        seen.insert(key);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
