//! How much there may be of something in a project: a list that Atlas keeps, of which an object owns what it sets.
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::VERSION;
use crate::kind::{Add, Alter, Delete, Endpoint, Entries, Route};

/// One limit of the project.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
pub struct Limit {
    /// Atlas's name for the limit, such as atlas.project.deployment.clusters,
    /// atlas.project.security.databaseAccess.users, atlas.project.security.databaseAccess.customRoles,
    /// atlas.project.security.networkAccess.entries or dataFederation.bytesProcessed.monthly.
    #[schemars(length(max = 100))]
    #[x_kube(validation = Rule::new(
        "self.matches('^(atlas[.]project|dataFederation)([.][a-zA-Z]+)+$')"
    ).message(
        "a limit is named as Atlas names it, such as atlas.project.deployment.clusters or \
         dataFederation.bytesProcessed.monthly"
    ))]
    pub name: String,
    /// The most that there may be: in the unit of the limit, which is bytes for dataFederation and a count otherwise.
    /// Atlas has a highest value for each.
    #[schemars(range(min = 0))]
    pub value: i64,
}

static ENTRIES: Entries =
    // A limit is set at its own address, whether Atlas lists it or not.
    Entries { key, of: None, add: Add::Never, alter: Alter::Patch(Endpoint::new(MEMBER, VERSION)) };

pub(super) static ROUTE: Route = Route {
    delete: Delete::Reset(Endpoint::new(MEMBER, VERSION), is_default),
    ..Route::entries("/groups/{groupId}/limits", MEMBER, VERSION, &ENTRIES)
};

const MEMBER: &str = "/groups/{groupId}/limits/{entry}";

fn key(limit: &Value) -> String {
    limit["name"].as_str().unwrap_or_default().to_owned()
}

/// Whether a limit is what Atlas makes it by itself. Atlas does not report every limit's default; such a limit is gone
/// once it is reset.
pub(super) fn is_default(limit: &Value) -> bool {
    limit["value"] == limit["defaultLimit"]
}
