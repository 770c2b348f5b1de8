//! Small types that several kinds share, and the fields by which every object says where it belongs.
use jiff::Timestamp;
use kube::{KubeSchema, core::Rule};
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
fn unmoved(field: &str) -> Rule {
    Rule::new(format!(
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

/// The characters of a tag: what Atlas takes is letters, digits, blanks and a few signs.
const OF_A_TAG: &str = r"self.matches('^[\\p{L}\\p{N} ;@_.+-]*$')";
/// What is said of any other character.
const OF_A_TAG_MESSAGE: &str =
    "Atlas takes only letters, digits, blanks and ; @ _ - . + in a tag: write another character in its place";

/// A tag, which the Atlas console and the invoices show.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
pub struct Tag {
    /// What the tag says something about, such as team or environment; each key once in a list. It has 1 to 255 letters,
    /// digits, blanks and characters of ;@_-.+, and no others.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new(OF_A_TAG).message(OF_A_TAG_MESSAGE))]
    pub key: String,
    /// What it says: 1 to 255 letters, digits, blanks and characters of ;@_-.+, and no others.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new(OF_A_TAG).message(OF_A_TAG_MESSAGE))]
    pub value: String,
}

/// A label, which only the API shows.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Label {
    /// What the label says something about, such as team or environment; each key once in a list: 1 to 255 characters.
    #[schemars(length(min = 1, max = 255))]
    pub key: String,
    /// What it says: 1 to 255 characters.
    #[schemars(length(min = 1, max = 255))]
    pub value: String,
}

/// No two elements of a list agree in all of `keys`.
///
/// Lists that Atlas replaces whole are atomic. The API server would tell doubles by itself in a list of type map, but it
/// drops such a list when server-side apply empties it, and absent means something else than empty.
pub fn once_in(keys: &[&str], message: &str) -> Rule {
    let equal: Vec<String> = keys.iter().map(|key| format!("other.{key} == one.{key}")).collect();
    Rule::new(format!("self.all(one, self.exists_one(other, {}))", equal.join(" && "))).message(message)
}

/// What is said of a tag that is listed twice.
pub const TAG_TWICE: &str = "a tag is listed twice: each key stands once, so remove one of the two";
/// What is said of a label that is listed twice.
pub const LABEL_TWICE: &str = "a label is listed twice: each key stands once, so remove one of the two";

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
