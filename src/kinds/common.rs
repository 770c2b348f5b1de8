//! Small types that several kinds share, and the fields by which every object says where it belongs.
use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::{Home, Invalid, Needs, ProjectReference};

/// How Kubernetes names objects: a DNS subdomain (RFC 1123), of at most 253 characters.
pub const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// How Kubernetes names namespaces: a DNS label (RFC 1123), of at most 63 characters.
pub const NAMESPACE_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// Where an object belongs, and with which credentials it is managed. Flattened into the spec of every kind that lives
/// in a project.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.projectRef) != has(self.projectId)")
        .message("give exactly one of projectRef (an AtlasProject object) and projectId (the id of a project in Atlas)")
        .field_path(".projectRef"),
    validation = unmoved("projectRef"),
    validation = unmoved("projectId")
)]
pub struct Placement {
    /// The AtlasProject object that this object belongs to. Give either this or projectId. It cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_ref: Option<ProjectPointer>,
    /// The id of a project that is not managed by an AtlasProject object: 24 hexadecimal digits. Give either this or
    /// projectRef. It cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^[a-f0-9]{24}$')")
        .message("a project id has 24 hexadecimal digits, as in the address of the project in the Atlas console"))]
    pub project_id: Option<String>,
    /// The Secret, in this object's namespace, with the credentials for Atlas. Without it those of the project are
    /// used, and else those the operator was given for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secret_ref: Option<SecretPointer>,
}

/// A field of the placement can neither be changed, nor set or taken away later: a rule on the optional field itself
/// would not see the last two.
fn unmoved(field: &str) -> kube::core::Rule {
    kube::core::Rule::new(format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    ))
    .message(
        "an object cannot move to another project: put the old value back, or delete the object (the annotation \
         atlas-operator.io/deletion: retain keeps what is in Atlas) and create it anew",
    )
    .field_path(format!(".{field}"))
}

impl Placement {
    /// The fields that are ours and not Atlas's.
    const FIELDS: [&'static str; 3] = ["projectRef", "projectId", "connectionSecretRef"];

    /// What must be known because of where the object belongs.
    pub fn needs(&self) -> Needs {
        let home = match (&self.project_ref, &self.project_id) {
            (Some(reference), _) => {
                Home::Project(ProjectReference { namespace: reference.namespace.clone(), name: reference.name.clone() })
            }
            // The schema admits no object with neither; an empty id is refused by Atlas as any unknown one.
            (None, id) => Home::ProjectId(id.clone().unwrap_or_default()),
        };
        let credentials = self.connection_secret_ref.as_ref().map(|secret| secret.name.clone());
        Needs { credentials, ..Needs::at(home) }
    }
}

/// The document that Atlas should report: the spec without the fields that are ours, which are those of the placement
/// and `ours`.
pub fn document(spec: &impl Serialize, ours: &[&str]) -> Result<Value, Invalid> {
    let mut document = serde_json::to_value(spec).map_err(|error| Invalid::new("spec", error.to_string()))?;
    if let Value::Object(fields) = &mut document {
        fields.retain(|name, _| !Placement::FIELDS.contains(&name.as_str()) && !ours.contains(&name.as_str()));
    }
    Ok(document)
}

/// An AtlasProject object.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectPointer {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
    /// Its namespace, when that is not this object's own. The project must then list this object's namespace in its
    /// allowedNamespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = NAMESPACE_NAME))]
    pub namespace: Option<String>,
}

/// A Secret in the object's own namespace.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SecretPointer {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

/// A word and its value, for people and tools to sort by.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Tag {
    /// The word, once in a list: 1 to 255 characters.
    #[schemars(length(min = 1, max = 255))]
    pub key: String,
    /// The value: 1 to 255 characters.
    #[schemars(length(min = 1, max = 255))]
    pub value: String,
}

/// A moment as Atlas writes it, in UTC and whole seconds: people write offsets and fractions too. For
/// [`Policy::Same`](crate::kind::Policy::Same).
pub fn moment(value: &Value) -> Value {
    let moment = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let whole = moment.and_then(|moment| Timestamp::from_second(moment.as_second()).ok());
    whole.map_or_else(|| value.clone(), |whole| Value::String(whole.to_string()))
}

/// Whether a role is one of the project's own and not one that MongoDB Atlas brings along. Custom roles live in the
/// database `admin`.
pub fn is_custom(role: &str, database: &str) -> bool {
    const BUILT_IN: [&str; 10] = [
        "atlasAdmin",
        "backup",
        "clusterMonitor",
        "dbAdmin",
        "dbAdminAnyDatabase",
        "enableSharding",
        "read",
        "readAnyDatabase",
        "readWrite",
        "readWriteAnyDatabase",
    ];
    database == "admin" && !BUILT_IN.contains(&role)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_moment_has_many_spellings() {
        for spelling in ["2030-01-31T11:00:00Z", "2030-01-31T12:00:00+01:00", "2030-01-31T11:00:00.25Z"] {
            assert_eq!(moment(&json!(spelling)), json!("2030-01-31T11:00:00Z"));
        }
        assert_ne!(moment(&json!("2030-01-31T11:00:01Z")), json!("2030-01-31T11:00:00Z"));
        for other in [json!(null), json!("tomorrow")] {
            assert_eq!(moment(&other), other);
        }
    }
}
