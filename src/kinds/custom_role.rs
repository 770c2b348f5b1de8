//! Custom database roles: sets of actions under a name that database users can be given.
//! <https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Custom-Database-Roles>
use std::collections::{BTreeMap, BTreeSet};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{self, Placement};
use crate::{
    kind::{
        Blames, By, Declare, Deletion, Describe, Documents, Endpoint, Example, Field, Given, Invalid, Needs,
        ObjectNeed, Part, Policy, Route, Slots,
    },
    status::Common,
};

/// What the role should allow. A field that is absent is not managed: Atlas's value stays, whoever set it. A list that
/// is present is managed whole, so an empty one empties it.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "atlas-operator.io",
    version = "v1",
    kind = "AtlasCustomRole",
    namespaced,
    status = "Common",
    shortname = "acr",
    doc = "A database role of one project in MongoDB Atlas: actions on databases under a name that users can be given."
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kind::definition::descriptions_of_fields)]
#[x_kube(
    validation = Rule::new(
        "!has(self.inheritedRoles) \
         || !self.inheritedRoles.exists(role, role.db == 'admin' && role.role == self.roleName)"
    )
        .message("a role cannot inherit itself: remove it from inheritedRoles")
        .field_path(".inheritedRoles")
)]
pub struct AtlasCustomRoleSpec {
    /// Where the role belongs.
    #[serde(flatten)]
    pub placement: Placement,
    /// The role's name, unique in the project, by which users are given it on the database admin: 1 to 64 letters,
    /// digits, hyphens and underscores. It cannot be changed later.
    #[schemars(length(max = 64))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-zA-Z0-9_-]{1,64}$') && !self.startsWith('xgen-')").message(
            "a role name has 1 to 64 letters, digits, hyphens and underscores, and does not start with xgen-, which \
             is Atlas's own"
        ),
        validation = Rule::new("self == oldSelf")
            .message("a custom role cannot be renamed: put the old name back, or create another role")
    )]
    pub role_name: String,
    /// What the role allows, each action once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = common::once_in(&["action"], "an action is listed twice: list all its resources in one element")
    )]
    pub actions: Option<Vec<Action>>,
    /// Roles whose actions this role allows too, each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = common::once_in(&["db", "role"], "a role is inherited twice: remove one of the two")
    )]
    pub inherited_roles: Option<Vec<InheritedRole>>,
}

/// One action, and what it is allowed on.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
pub struct Action {
    /// The action in Atlas's spelling, as FIND, INSERT, UPDATE, REMOVE, CREATE_INDEX, LIST_COLLECTIONS, SERVER_STATUS.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Z][A-Z0-9_]*$')")
        .message("an action is written as Atlas writes it, in capitals and underscores, such as CREATE_INDEX"))]
    pub action: String,
    /// The databases, collections, or the whole cluster that it is allowed on, each once.
    #[schemars(length(min = 1, max = 100))]
    pub resources: Vec<Resource>,
}

/// What an action is allowed on: the cluster, a database, or one collection.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(
    validation = Rule::new(
        "has(self.cluster) && self.cluster ? (!has(self.db) || self.db == '') \
         && (!has(self.collection) || self.collection == '') : has(self.db) && self.db != ''"
    ).message("a resource is either cluster: true and no more, or a db with or without a collection")
)]
pub struct Resource {
    /// True for an action on the cluster as a whole, such as SERVER_STATUS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<bool>,
    /// The database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub db: Option<String>,
    /// The collection. Absent or empty, all collections of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub collection: Option<String>,
}

/// A role that is inherited.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct InheritedRole {
    /// The database that it is inherited for: any for read and readWrite, admin for every other role.
    #[schemars(length(min = 1, max = 64))]
    pub db: String,
    /// The role: a built-in one, or a custom role of the project.
    #[schemars(length(min = 1, max = 255))]
    pub role: String,
}

static CUSTOM_ROLE: Route = Route {
    // Concurrent writes in a project end in errors.
    serial: true,
    names: &[("roleName", "roleName")],
    listed: Some(Endpoint::new("/groups/{groupId}/customDBRoles/roles", "2023-01-01")),
    carries: &["actions", "inheritedRoles"],
    fields: &[
        Field { path: "roleName", policy: Policy::Immutable },
        Field { path: "actions", policy: Policy::Same(allowed) },
        Field { path: "inheritedRoles", policy: Policy::Set(&["db", "role"]) },
    ],
    ..Route::document(
        "/groups/{groupId}/customDBRoles/roles",
        "/groups/{groupId}/customDBRoles/roles/{roleName}",
        "2023-01-01",
    )
};

/// Actions as a set of sets: Atlas keeps no order, gathers the resources of one action, and leaves out what is empty.
fn allowed(actions: &Value) -> Value {
    let mut sets: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for action in actions.as_array().into_iter().flatten() {
        let set = sets.entry(action["action"].as_str().unwrap_or_default()).or_default();
        for resource in action["resources"].as_array().into_iter().flatten() {
            let text = |field: &str| resource[field].as_str().unwrap_or_default();
            set.insert(json!([resource["cluster"] == true, text("db"), text("collection")]).to_string());
        }
    }
    json!(sets)
}

impl Describe for AtlasCustomRole {
    const KIND: &'static str = "AtlasCustomRole";
    const PLURAL: &'static str = "atlascustomroles";
    const DELETION: Deletion = Deletion::Delete;
    const BLAMES: Blames = &[
        (&["ATLAS_CUSTOM_ROLE_INVALID_NAME", "ATLAS_RESERVED_CUSTOM_ROLE_RESTRICTED"], "spec.roleName"),
        (
            &[
                "ATLAS_CUSTOM_ROLE_HAS_NO_PERMISSIONS",
                "ATLAS_DUPLICATE_CUSTOM_ROLE_ACTION",
                "ATLAS_DUPLICATE_CUSTOM_ROLE_RESOURCE",
                "ATLAS_INVALID_RESOURCE",
                "CUSTOM_ROLE_ACTIONS_INVALID_FOR_EXISTING_CLUSTERS",
            ],
            "spec.actions",
        ),
        (
            &[
                "ATLAS_INVALID_CUSTOM_ROLE_CIRCULAR_DEPENDENCY",
                "ATLAS_INVALID_CUSTOM_ROLE_INHERITANCE",
                "ATLAS_INVALID_CUSTOM_ROLE_SELF_REFERENTIAL",
            ],
            "spec.inheritedRoles",
        ),
    ];

    fn examples() -> Vec<Example> {
        vec![Example {
            name: "actions and an inherited role",
            manifest: include_str!("custom_role/example.yaml"),
            edit: Some(("/actions/0/action", r#""INSERT""#)),
            drift: Some(("/groups/{groupId}/customDBRoles/roles/support", r#"{"inheritedRoles": []}"#)),
        }]
    }

    fn import(observed: &Documents) -> Value {
        let Some(role) = observed.get("role") else { return Value::Null };
        let mut spec = json!({"roleName": role["roleName"]});
        for (field, list) in
            [("actions", imported(&role["actions"])), ("inheritedRoles", role["inheritedRoles"].clone())]
        {
            if list.as_array().is_some_and(|list| !list.is_empty()) {
                spec[field] = list;
            }
        }
        spec
    }
}

/// The actions as a spec has them: Atlas may write a cluster's resource with empty fields beside, and leaves out, or
/// writes empty, the collection of a whole database.
fn imported(actions: &Value) -> Value {
    let resource = |resource: &Value| match (&resource["cluster"], resource["collection"].as_str()) {
        (Value::Bool(true), _) => json!({"cluster": true}),
        (_, None | Some("")) => json!({"db": resource["db"]}),
        (_, Some(collection)) => json!({"db": resource["db"], "collection": collection}),
    };
    let resources = |action: &Value| action["resources"].as_array().into_iter().flatten().map(resource).collect();
    let action = |action: &Value| json!({"action": action["action"], "resources": Value::Array(resources(action))});
    actions.as_array().into_iter().flatten().map(action).collect()
}

impl Declare for AtlasCustomRoleSpec {
    fn needs(&self) -> Needs {
        let inherited = self.inherited_roles.iter().flatten().enumerate();
        let custom = inherited.filter(|(_, inherited)| common::is_custom(&inherited.role, &inherited.db));
        let objects = custom.map(|(index, inherited)| ObjectNeed {
            kind: AtlasCustomRole::KIND,
            by: By::AtlasName(inherited.role.clone()),
            path: format!("spec.inheritedRoles[{index}].role"),
        });
        Needs { objects: objects.collect(), ..self.placement.needs() }
    }

    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        self.each_resource_once()?;
        Ok(vec![self.itself(given)?])
    }

    fn itself(&self, _given: &Given) -> Result<Part, Invalid> {
        Ok(Part {
            slots: Slots::from([("roleName", self.role_name.clone())]),
            ..Part::new("role", &CUSTOM_ROLE, common::document(self, &[])?)
        })
    }

    fn atlas_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }
}

impl AtlasCustomRoleSpec {
    /// Atlas refuses an action that lists a resource twice. As a rule of the definition this would be too costly for the
    /// API server, by the square of the longest list.
    fn each_resource_once(&self) -> Result<(), Invalid> {
        for (index, action) in self.actions.iter().flatten().enumerate() {
            let mut seen = BTreeSet::new();
            for (place, resource) in action.resources.iter().enumerate() {
                if !seen.insert(resource.key()) {
                    let path = format!("spec.actions[{index}].resources[{place}]");
                    return Err(Invalid::new(path, "this resource is listed twice: remove one of the two."));
                }
            }
        }
        Ok(())
    }
}

impl Resource {
    /// What it is, in one spelling: no collection and an empty one are all collections, and a cluster has no database.
    fn key(&self) -> (bool, &str, &str) {
        let (db, collection) = (self.db.as_deref(), self.collection.as_deref());
        (self.cluster.unwrap_or_default(), db.unwrap_or_default(), collection.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn actions_compare_as_sets_of_sets() {
        let declared = json!([
            {"action": "UPDATE", "resources": [{"db": "a", "collection": "x"}, {"db": "b", "collection": ""}]},
            {"action": "SERVER_STATUS", "resources": [{"cluster": true}]},
        ]);
        let reported = json!([
            {"action": "SERVER_STATUS", "resources": [{"cluster": true}]},
            {"action": "UPDATE", "resources": [{"db": "b"}]},
            {"action": "UPDATE", "resources": [{"db": "a", "collection": "x"}]},
        ]);
        assert_eq!(allowed(&declared), allowed(&reported));
    }

    #[test]
    fn what_is_allowed_on_something_else_is_different() {
        let on = |resource: Value| allowed(&json!([{"action": "FIND", "resources": [resource]}]));
        let resources = [
            on(json!({"db": "a"})),
            on(json!({"db": "b"})),
            on(json!({"db": "a", "collection": "x"})),
            on(json!({"cluster": true})),
            allowed(&json!([])),
        ];
        for (index, one) in resources.iter().enumerate() {
            assert!(resources.iter().skip(index + 1).all(|other| other != one), "{one}");
        }
        assert_eq!(allowed(&Value::Null), allowed(&json!([])), "a role without actions may show no list");
    }

    #[test]
    fn a_resource_that_is_listed_twice_is_refused_with_its_place() {
        let role = |resources: Value| -> AtlasCustomRoleSpec {
            let find = json!({"action": "FIND", "resources": [{"db": "stock"}]});
            let update = json!({"action": "UPDATE", "resources": resources});
            serde_json::from_value(json!({"roleName": "support", "actions": [find, update]})).unwrap()
        };
        for twice in [
            json!([{"db": "orders", "collection": "notes"}, {"db": "orders", "collection": "notes"}]),
            json!([{"db": "orders"}, {"db": "orders", "collection": ""}]),
            json!([{"cluster": true}, {"cluster": true}]),
        ] {
            let refused = role(twice).parts(&Given::default()).unwrap_err();
            assert_eq!(refused.path, "spec.actions[1].resources[1]");
        }
        let different = json!([{"db": "orders"}, {"db": "orders", "collection": "notes"}, {"db": "stock"}]);
        assert!(role(different).parts(&Given::default()).is_ok());
    }

    #[test]
    fn an_inherited_custom_role_must_be_there_first_and_a_built_in_one_need_not() {
        let spec: AtlasCustomRoleSpec = serde_json::from_value(json!({
            "projectId": "32b6e34b3d91647abb20e7b8",
            "roleName": "support",
            "inheritedRoles": [{"db": "admin", "role": "backup"}, {"db": "admin", "role": "reader"}],
        }))
        .unwrap();
        let needed: Vec<_> = spec.needs().objects.into_iter().map(|object| (object.by, object.path)).collect();
        assert_eq!(needed, [(By::AtlasName("reader".to_owned()), "spec.inheritedRoles[1].role".to_owned())]);
    }
}
