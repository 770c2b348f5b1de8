//! What every object reports about itself, in `status`.
//!
//! The operator owns this document whole. It is also the operator's only memory: whatever must survive a crash (ids,
//! the credentials that were used, a creation whose answer was not seen) is here, so that an object can be deleted
//! from its status alone.
use std::collections::BTreeMap;

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The part of `status` that is the same for every kind.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    /// The generation of `metadata` that this status describes; -1 before the operator has seen the object.
    #[serde(default = "unseen")]
    pub observed_generation: i64,
    /// `Ready`, and while they are true `Reconciling` (the operator is at work) or `Stalled` (it needs a person).
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// What this object is in Atlas.
    #[serde(default, skip_serializing_if = "Atlas::is_empty")]
    pub atlas: Atlas,
    /// What is under way in Atlas for this object; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What is in this object's lists in Atlas beside what it declares or once made, by list: entries of other people and
    /// tools, which are left alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, Others>,
    /// Differences between `spec` and Atlas that the operator was told to leave as they are, or may not mend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub drift: Vec<Drift>,
}

fn unseen() -> i64 {
    -1
}

impl Default for Common {
    fn default() -> Self {
        Self {
            observed_generation: unseen(),
            conditions: Vec::new(),
            atlas: Atlas::default(),
            operation: None,
            others: BTreeMap::new(),
            drift: Vec::new(),
        }
    }
}

impl Common {
    /// Whether the object is in Atlas and its creation is over: what refers to it can begin. Later changes do not undo
    /// that, and neither does a later call of the creation that Atlas refuses: the operation has
    /// [come to rest](Operation::settled) once before.
    pub fn is_established(&self) -> bool {
        let creating =
            |operation: &Operation| operation.type_ == OperationType::Create && operation.settled != Some(true);
        self.atlas.id.is_some() && !self.operation.as_ref().is_some_and(creating)
    }
}

/// What an object is in Atlas: enough to find it again, and to delete it, without anything else.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Atlas {
    /// The id that Atlas gave it, or its natural key where Atlas gives none. Present once it is managed by this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the Atlas project that it is in, or is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// The id of the Atlas organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The Secret with the credentials that were used last.
    #[serde(default, deserialize_with = "strictly", skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretReference>,
    /// A creation that was begun and not yet seen: written before the request is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// When an upgrade was begun whose end was not seen: written before the request is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrading: Option<Timestamp>,
    /// Which version of each Secret was last sent, by field of the Atlas document. Never a hash of its content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sent: BTreeMap<String, String>,
    /// The keys of the list entries that are this object's, by list: those it removes when they leave the spec.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entries: BTreeMap<String, Vec<String>>,
    /// What the spec declared when it was last all so, of what Atlas may move by itself: sizes, disks and operations per
    /// second of each shard. A larger one in Atlas is left alone as long as the spec declares the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settled: BTreeMap<String, String>,
    /// Fields that a newer release wrote and this one does not know. They are written back as they are, so that a
    /// rollback loses nothing.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Map<String, Value>,
    /// Why these fields could not be decoded. All of them are in `unknown` then, and nothing may be decided from them.
    #[serde(skip)]
    #[schemars(skip)]
    pub unreadable: Option<String>,
}

impl Atlas {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something in Atlas is, or may be, this object's: also when that cannot be decoded.
    pub fn is_in_use(&self) -> bool {
        self.id.is_some() || self.pending.is_some() || self.unreadable.is_some()
    }
}

/// A Secret in a namespace.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub struct SecretReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for SecretReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// A creation that was begun.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// When it was begun: a resource that Atlas says is older than this was made by somebody else.
    pub since: Timestamp,
    /// Which version of each Secret it carries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sent: BTreeMap<String, String>,
    /// Fields of a newer release, as in [`Atlas`].
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Map<String, Value>,
}

/// Something that takes Atlas a while.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// What was asked of Atlas.
    #[serde(rename = "type")]
    pub type_: OperationType,
    /// Atlas's name for the state it is in: `CREATING`, `UPDATING`, `REPAIRING`, `DELETING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// When the operator first saw it.
    pub started_at: Timestamp,
    /// When the operator last asked Atlas for something that belongs to it. Atlas may begin some seconds later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// How long such an operation usually takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usually: Option<String>,
    /// Whether Atlas has shown the resource as ready for use since the operation began: what is left of the operation
    /// are other documents of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<bool>,
}

/// What was asked of Atlas.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum OperationType {
    /// A creation.
    Create,
    /// A change, ours or Atlas's own (maintenance, autoscaling, repair).
    Update,
    /// A move to another kind of resource under the same name.
    Upgrade,
    /// A deletion.
    Delete,
}

/// Entries of a list that are other people's.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Others {
    /// How many there are.
    pub count: i64,
    /// The first twenty of them, each by what tells it from the others: an address range, a team's id, a limit's name.
    #[schemars(length(max = 20))]
    pub entries: Vec<String>,
}

/// One field that differs from the spec.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Drift {
    /// Where: `settings.isSchemaAdvisorEnabled`.
    pub path: String,
    /// What the spec says, as JSON; write-only values are not shown.
    pub desired: String,
    /// What Atlas reports, as JSON.
    pub observed: String,
    /// When this was first seen.
    pub since: Timestamp,
}

/// A status with something of the kind's own beside the common part.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct With<T> {
    /// What every kind reports.
    #[serde(flatten)]
    pub common: Common,
    /// What this kind reports of Atlas.
    #[serde(flatten)]
    pub own: T,
}

/// The status of any kind as the engine handles it: the common part typed, the kind's own part as a document.
pub type Status = With<Map<String, Value>>;

impl Status {
    /// Decodes a stored status, which another release or another hand may have written.
    ///
    /// `atlas` is what the operator knows of Atlas, so it is decoded whole or marked as
    /// [unreadable](Atlas::unreadable). Every other field is decoded by itself, and is absent when it cannot be.
    pub fn decode(stored: &str) -> Self {
        serde_json::from_str(stored).unwrap_or_else(|_| Self::decode_by_field(stored))
    }

    fn decode_by_field(stored: &str) -> Self {
        let mut fields = match serde_json::from_str(stored) {
            Ok(Value::Object(fields)) => fields,
            Ok(Value::Null) => return Self::default(),
            Ok(_) | Err(_) => {
                let unreadable = Some("status is not an object".to_owned());
                let common = Common { atlas: Atlas { unreadable, ..Atlas::default() }, ..Common::default() };
                return Self { common, own: Map::new() };
            }
        };
        let atlas = fields.remove("atlas").map_or_else(Atlas::default, |stored| {
            serde_json::from_value(stored.clone()).unwrap_or_else(|error| Atlas {
                unreadable: Some(error.to_string()),
                unknown: stored.as_object().cloned().unwrap_or_default(),
                ..Atlas::default()
            })
        });
        let common = Common {
            observed_generation: field(&mut fields, "observedGeneration").unwrap_or_else(unseen),
            conditions: field(&mut fields, "conditions").unwrap_or_default(),
            atlas,
            operation: field(&mut fields, "operation"),
            others: field(&mut fields, "others").unwrap_or_default(),
            drift: field(&mut fields, "drift").unwrap_or_default(),
        };
        Self { common, own: fields }
    }
}

/// A reference with a field that this release does not know may mean another Secret, so it is not decoded.
fn strictly<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretReference>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Known {
        namespace: String,
        name: String,
    }
    let known = Option::<Known>::deserialize(deserializer)?;
    Ok(known.map(|Known { namespace, name }| SecretReference { namespace, name }))
}

fn field<T: DeserializeOwned>(fields: &mut Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(fields.remove(name)?).ok()
}

/// A value as the API server gives it back: without nulls, and whole numbers without a fraction. Written otherwise, it
/// would be read as a difference, and written again, ever after.
pub fn as_kept(value: Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter_map(|(name, value)| Some((name, as_kept(value)?))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().filter_map(as_kept).collect()),
        // A whole number within the bounds is exactly the integer that it becomes.
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 fits")]
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => Value::from(float as i64),
            _ => Value::Number(number),
        },
        other => other,
    })
}

/// Up to 2^53 a floating-point number holds every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_of_a_newer_release_keeps_its_ids() {
        let stored = json!({
            "atlas": {"id": "x", "projectId": "p", "regionId": "r", "pending": {"since": "2026-01-01T00:00:00Z"}},
            "operation": {"type": "Migrate", "startedAt": "2026-01-01T00:00:00Z"},
            "conditions": "none",
            "stateName": "IDLE",
        });
        let status = Status::decode(&stored.to_string());
        let atlas = &status.common.atlas;
        assert_eq!((atlas.id.as_deref(), atlas.project_id.as_deref()), (Some("x"), Some("p")));
        assert!(atlas.pending.is_some() && atlas.unreadable.is_none());
        assert_eq!((&status.common.operation, status.own.get("stateName")), (&None, Some(&json!("IDLE"))));
        let written = serde_json::to_value(&status).unwrap();
        assert_eq!(written["atlas"], stored["atlas"], "what this release does not know is written back");
    }

    #[test]
    fn memory_that_cannot_be_decoded_is_marked_and_written_back() {
        let stored = json!({"atlas": {"id": ["x"], "projectId": "p"}, "observedGeneration": 3});
        let status = Status::decode(&stored.to_string());
        let atlas = &status.common.atlas;
        assert!(atlas.unreadable.is_some() && atlas.is_in_use(), "{atlas:?}");
        assert_eq!((atlas.project_id.as_deref(), status.common.observed_generation), (None, 3));
        assert_eq!(serde_json::to_value(&status).unwrap()["atlas"], stored["atlas"]);
        assert!(Status::decode("7").common.atlas.unreadable.is_some());
        assert_eq!(Status::decode("null"), Status::default());
    }

    #[test]
    fn what_is_written_is_what_is_read_back() {
        for (value, kept) in [
            (
                json!({"diskSizeGB": 40.0, "ratio": 0.5, "nodes": [3, 2.0, null]}),
                Some(r#"{"diskSizeGB":40,"nodes":[3,2],"ratio":0.5}"#),
            ),
            (json!({"a": {"b": null}}), Some(r#"{"a":{}}"#)),
            (json!(1e300), Some("1e+300")),
            (json!(-0.0), Some("0")),
            (json!(null), None),
        ] {
            assert_eq!(as_kept(value).map(|value| value.to_string()).as_deref(), kept);
        }
    }
}
