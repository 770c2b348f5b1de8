//! Compares what the user asked for with what Atlas reports.
//!
//! Only what the user set is compared, so a value that Atlas fills in by itself is never a difference.
use serde_json::Value;

use crate::kind::{Field, Policy};

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where in the document, with positions: `replicationSpecs[0].regionConfigs[0].priority`.
    pub path: String,
    /// What Atlas reports; `Null` when there is nothing.
    pub before: Value,
    /// What is wanted.
    pub after: Value,
    /// Atlas cannot make this change: the way out, as a sentence.
    pub never: Option<String>,
}

impl Change {
    /// The field of the document that the change is in: the unit in which Atlas merges.
    pub fn root(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or_default()
    }
}

/// The way out where Atlas changes a field in no direction.
const OTHERWISE: &str = "Put the old value back, or delete this object and create another.";

/// Every difference, in the order of the wanted document.
pub fn diff(desired: &Value, observed: &Value, fields: &[Field]) -> Vec<Change> {
    let mut changes = Vec::new();
    Walk { fields, changes: &mut changes }.value(desired, observed, &Place::default(), None);
    changes
}

/// Where the walk is: as printed, and as field policies name it (positions left out).
#[derive(Clone, Default)]
struct Place {
    shown: String,
    policy: String,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let dot = if self.shown.is_empty() { "" } else { "." };
        Self { shown: format!("{}{dot}{name}", self.shown), policy: format!("{}{dot}{name}", self.policy) }
    }

    fn position(&self, index: usize) -> Self {
        Self { shown: format!("{}[{index}]", self.shown), policy: format!("{}[]", self.policy) }
    }
}

struct Walk<'a> {
    fields: &'a [Field],
    changes: &'a mut Vec<Change>,
}

impl Walk<'_> {
    fn value(&mut self, desired: &Value, observed: &Value, place: &Place, mut never: Option<&str>) {
        let mut keys = None;
        for field in self.fields.iter().filter(|field| field.path == place.policy) {
            match field.policy {
                Policy::Immutable => never = Some(OTHERWISE),
                Policy::WriteOnly => return,
                Policy::Set(by) => keys = Some(by),
                Policy::Same(normal) => {
                    let (wanted, seen) = (normal(desired), normal(observed));
                    if !same(&wanted, &seen) {
                        self.push(desired, observed, place, never);
                    }
                    return;
                }
                Policy::Guarded(obstacle) => {
                    if !same(desired, observed) {
                        let obstacle = (!observed.is_null()).then(|| obstacle(observed, desired)).flatten();
                        self.push(desired, observed, place, obstacle.as_deref().or(never));
                    }
                    return;
                }
                Policy::Whole(_) | Policy::Alone | Policy::Stays(_) | Policy::Verb { .. } => {}
            }
        }
        match (desired, observed, keys) {
            (Value::Object(wanted), _, _) => {
                for (name, value) in wanted {
                    self.value(value, &observed[name], &place.field(name), never);
                }
            }
            (Value::Array(wanted), seen, Some(keys)) if !same_set(wanted, seen, keys) => {
                self.push(desired, observed, place, never);
            }
            (Value::Array(_), _, Some(_)) => {}
            (Value::Array(wanted), Value::Array(seen), None) if wanted.len() == seen.len() => {
                for (index, (value, other)) in wanted.iter().zip(seen).enumerate() {
                    self.value(value, other, &place.position(index), never);
                }
            }
            (Value::Array(wanted), Value::Null, None) if wanted.is_empty() => {}
            _ if same(desired, observed) => {}
            _ => self.push(desired, observed, place, never),
        }
    }

    fn push(&mut self, desired: &Value, observed: &Value, place: &Place, never: Option<&str>) {
        self.changes.push(Change {
            path: place.shown.clone(),
            before: observed.clone(),
            after: desired.clone(),
            never: never.map(str::to_owned),
        });
    }
}

/// Whether every wanted element stands in the observed list and there is no other. Elements are compared as far as
/// the user set them: Atlas may add fields of its own to each.
fn same_set(wanted: &[Value], seen: &Value, keys: &[&str]) -> bool {
    let none = Vec::new();
    let seen = match seen {
        Value::Array(seen) => seen,
        Value::Null => &none,
        _ => return false,
    };
    let matches = |value: &Value, other: &Value| {
        keys.iter().all(|key| same(&value[*key], &other[*key])) && diff(value, other, &[]).is_empty()
    };
    let mut free: Vec<bool> = vec![true; seen.len()];
    wanted.len() == seen.len()
        && wanted.iter().all(|value| {
            let found = seen.iter().enumerate().position(|(index, other)| free[index] && matches(value, other));
            found.is_some_and(|index| {
                free[index] = false;
                true
            })
        })
}

/// Equal as Atlas means it: `10` and `10.0` are one number, an instant is one instant however it is written, and
/// nothing, `null` and absence are the same.
fn same(wanted: &Value, seen: &Value) -> bool {
    match (wanted, seen) {
        (Value::Number(wanted), Value::Number(seen)) => wanted == seen || wanted.as_f64() == seen.as_f64(),
        (Value::String(wanted), Value::String(seen)) => wanted == seen || same_instant(wanted, seen),
        (Value::Array(wanted), Value::Array(seen)) => {
            wanted.len() == seen.len() && wanted.iter().zip(seen).all(|(wanted, seen)| same(wanted, seen))
        }
        (Value::Object(wanted), Value::Object(seen)) => {
            wanted.iter().all(|(name, value)| same(value, seen.get(name).unwrap_or(&Value::Null)))
                && seen.iter().all(|(name, value)| value.is_null() || wanted.contains_key(name))
        }
        _ => wanted == seen,
    }
}

fn same_instant(wanted: &str, seen: &str) -> bool {
    let read = |text: &str| text.parse::<jiff::Timestamp>();
    // The length guard keeps ordinary strings out of the date parser.
    wanted.len() >= 20 && seen.len() >= 20 && matches!((read(wanted), read(seen)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(desired: &Value, observed: &Value, fields: &[Field]) -> Vec<String> {
        diff(desired, observed, fields).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn what_the_user_did_not_set_is_no_difference() {
        let observed = json!({"name": "a", "tags": [], "specs": {"size": "M10", "disk": 30}});
        assert_eq!(paths(&json!({"name": "a", "specs": {"size": "M10"}}), &observed, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_difference_is_named_by_its_full_path() {
        let observed = json!({"specs": [{"regions": [{"priority": 7}, {"priority": 6}]}]});
        let desired = json!({"specs": [{"regions": [{"priority": 7}, {"priority": 5}]}]});
        assert_eq!(paths(&desired, &observed, &[]), ["specs[0].regions[1].priority"]);
    }

    #[test]
    fn spellings_of_numbers_instants_and_nothing_are_the_same() {
        let observed = json!({"disk": 10.0, "at": "2026-08-10T03:05:16Z"});
        let desired = json!({"disk": 10, "at": "2026-08-10T05:05:16+02:00", "labels": [], "none": null});
        assert_eq!(paths(&desired, &observed, &[]), Vec::<String>::new());
    }

    #[test]
    fn sets_ignore_order_and_added_fields_but_not_multiplicity() {
        let fields = [Field { path: "tags", policy: Policy::Set(&["key"]) }];
        let desired = json!({"tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]});
        let same = json!({"tags": [{"key": "b", "value": "2", "id": 7}, {"key": "a", "value": "1"}]});
        let more = json!({"tags": [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}, {"key": "c", "value": ""}]});
        let twice = json!({"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]});
        assert_eq!(paths(&desired, &same, &fields), Vec::<String>::new());
        assert_eq!(paths(&desired, &more, &fields), ["tags"]);
        assert_eq!(paths(&desired, &twice, &fields), ["tags"]);
        assert_eq!(paths(&json!({"tags": []}), &json!({}), &fields), Vec::<String>::new());
    }

    #[test]
    fn write_only_fields_are_not_compared_and_immutable_ones_are_marked() {
        let fields =
            [Field { path: "password", policy: Policy::WriteOnly }, Field { path: "name", policy: Policy::Immutable }];
        let changes = diff(&json!({"password": "x", "name": "b"}), &json!({"name": "a"}), &fields);
        assert_eq!(changes.len(), 1);
        assert!(changes[0].never.is_some() && changes[0].root() == "name");
    }
}
