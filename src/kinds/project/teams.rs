//! Which teams of the organization work in a project, and as what: a list of which an object owns what it declares.
use kube::{KubeSchema, core::Rule};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::VERSION;
use crate::kind::{Add, Alter, Endpoint, Entries, Field, Given, Lookup, Policy, Route, Slots};

/// A team of the organization, and what its members may do in the project.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.teamId) != has(self.name)")
    .message("give exactly one of teamId and name: a team is known by its id or by its name"))]
pub struct Team {
    /// The team's id: 24 hexadecimal digits. Give either this or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^[a-f0-9]{24}$')")
        .message("a team id has 24 hexadecimal digits, as in the address of the team in the Atlas console"))]
    pub team_id: Option<String>,
    /// The team's name in the organization. Give either this or teamId.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub name: Option<String>,
    /// What the members may do in the project: roles such as GROUP_OWNER, GROUP_CLUSTER_MANAGER,
    /// GROUP_DATA_ACCESS_ADMIN, GROUP_DATA_ACCESS_READ_WRITE, GROUP_DATA_ACCESS_READ_ONLY or GROUP_READ_ONLY. Other
    /// roles that the team has are taken away.
    #[schemars(length(min = 1, max = 30), inner(length(max = 64)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(role, role.matches('^GROUP_[A-Z_]+$'))").message(
            "a role of a team in a project is written as Atlas writes it, such as GROUP_READ_ONLY; roles in the \
             organization begin with ORG_ and are not given here"
        )
    )]
    pub role_names: Vec<String>,
}

/// A team would be given two sets of roles, of which the last wins at each pass. An id and a name of one team cannot be
/// told apart here; [`super::once`] knows.
pub(super) fn no_team_twice() -> Rule {
    let team = |entry: &str| format!("(has({entry}.teamId) ? {entry}.teamId : has({entry}.name) ? {entry}.name : '')");
    Rule::new(format!("self.all(one, self.exists_one(other, {} == {}))", team("one"), team("other")))
        .message("a team is listed twice: give it all its roles in one entry")
}

static ENTRIES: Entries = Entries {
    key,
    of: None,
    add: Add::Together(Endpoint::new("/groups/{groupId}/teams", VERSION)),
    alter: Alter::Patch(Endpoint::new(MEMBER, VERSION)),
};

pub(super) static ROUTE: Route = Route {
    // Atlas's definition of the request wants the id beside the roles, though the address holds it.
    carries: &["teamId"],
    fields: &[Field { path: "roleNames", policy: Policy::Set(&[]) }],
    ..Route::entries("/groups/{groupId}/teams", MEMBER, VERSION, &ENTRIES)
};

const MEMBER: &str = "/groups/{groupId}/teams/{entry}";

/// A team by its name, which Atlas knows projects' teams by the id of.
static BY_NAME: Endpoint = Endpoint::new("/orgs/{orgId}/teams/byName/{teamName}", VERSION);

pub(super) fn key(team: &Value) -> String {
    team["teamId"].as_str().unwrap_or_default().to_owned()
}

impl Team {
    /// The question that must be answered before [`Team::entry`]: who goes by that name?
    pub(super) fn lookup(&self, index: usize) -> Option<Lookup> {
        let name = self.name.as_ref()?;
        Some(Lookup {
            key: question(name),
            endpoint: BY_NAME,
            slots: Slots::from([("teamName", name.clone())]),
            names: &[("teamName", "name")],
            field: "id",
            path: format!("spec.teams[{index}].name"),
        })
    }

    /// The entry as Atlas keeps it, by id; none as long as nobody was asked who goes by the name, as in a deletion.
    pub(super) fn entry(&self, given: &Given) -> Option<Value> {
        let found = || self.name.as_ref().and_then(|name| given.found.get(&question(name)));
        let id = self.team_id.as_ref().or_else(found)?;
        Some(json!({"teamId": id, "roleNames": self.role_names}))
    }
}

fn question(name: &str) -> String {
    format!("team {name}")
}
