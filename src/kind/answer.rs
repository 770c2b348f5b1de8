//! Whether what Atlas answers to a read is what was asked for: the resource of that name, with the fields that it shows
//! in the types of the spec.
//!
//! An answer that is not is no answer. It must never look like a difference: what stands between the operator and Atlas
//! can answer 200 with anything. Which fields Atlas leaves out in which state is not certain, so a field that is not there
//! is no objection, unless the answer is known by it.
use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::{Endpoint, Entries, Field, Policy, Progress, Route, Slots};

impl Route {
    /// What is wrong with an answer to a read at `endpoint`, or at another address that shares its names, as the end of
    /// a sentence. `None`: it is the document that was asked for.
    pub fn objection(&self, endpoint: Endpoint, slots: &Slots, desired: &Value, document: &Value) -> Option<String> {
        if !document.is_object() {
            return Some("is not a document".to_owned());
        }
        let names = names_of(self.names, endpoint, slots);
        let another = names.into_iter().find(|(field, name)| document[*field].as_str() != Some(name));
        if let Some((field, _)) = another {
            return Some(format!("is not about what was asked for: its {field} is another or none"));
        }
        if let Some(state) = self.state.filter(|state| document[*state].as_str().is_none_or(str::is_empty)) {
            return Some(lacks(state));
        }
        if let Some(created) = self.created.filter(|created| !is_moment(&document[*created])) {
            return Some(lacks(created));
        }
        // While Atlas is at work on it nothing is compared.
        if self.progress(document) != Progress::Settled {
            return None;
        }
        self.unknown(document).or_else(|| mismatch(&self.typed(desired), document).map(|path| unlike(&path)))
    }

    /// What is wrong with a list of entries, of which each is to be told from the others.
    pub fn objection_to_entries(
        &self,
        entries: &Entries,
        endpoint: Endpoint,
        slots: &Slots,
        desired: &Value,
        list: &Value,
    ) -> Option<String> {
        let Some(items) = list.as_array() else { return Some("is not a list".to_owned()) };
        let names = names_of(self.names, endpoint, slots);
        for item in items {
            if !item.is_object() || (entries.key)(item).is_empty() {
                return Some("is a list with an entry that cannot be told from others".to_owned());
            }
            if names.iter().any(|(field, name)| item[*field].as_str() != Some(name)) {
                return Some("is a list of something else than was asked for".to_owned());
            }
        }
        mismatch(desired, list).map(|path| unlike(&path))
    }

    /// What is wrong with a document that entries are taken out of.
    pub fn objection_to_source(&self, document: &Value) -> Option<String> {
        self.unknown(document)
    }

    /// What is wanted, as far as it is in the types that Atlas shows: what verbs set may be wanted in words of its own.
    fn typed<'a>(&self, desired: &'a Value) -> Cow<'a, Value> {
        let is_verb = |field: &&Field| matches!(field.policy, Policy::Verb { .. });
        let mut desired = Cow::Borrowed(desired);
        for field in self.fields.iter().filter(is_verb) {
            if let Some(fields) = desired.get(field.path).is_some().then(|| desired.to_mut().as_object_mut()).flatten()
            {
                fields.remove(field.path);
            }
        }
        desired
    }

    /// What is wrong with a document that shows none of the fields by which it is known.
    fn unknown(&self, document: &Value) -> Option<String> {
        let is_known = self.known_by.is_empty() || self.known_by.iter().any(|field| !document[*field].is_null());
        (!is_known).then(|| "holds nothing of what was asked for".to_owned())
    }
}

/// Whether a document that is looked up is the one that was asked for, by the fields `names`: see [`Route::names`].
pub fn is_about(names: &[(&'static str, &'static str)], endpoint: Endpoint, slots: &Slots, document: &Value) -> bool {
    names_of(names, endpoint, slots).into_iter().all(|(field, name)| document[field].as_str() == Some(name))
}

/// The fields that say which resource an answer is about, with the values that the address has for them.
fn names_of<'a>(names: &[(&'a str, &'a str)], endpoint: Endpoint, slots: &'a Slots) -> Vec<(&'a str, &'a str)> {
    let addressed = names.iter().filter(|(slot, _)| endpoint.template.contains(&format!("{{{slot}}}")));
    addressed.filter_map(|(slot, field)| Some((*field, slots.get(slot)?.as_str()))).collect()
}

fn is_moment(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok())
}

fn lacks(field: &str) -> String {
    format!("lacks {field}, or has it in another form")
}

fn unlike(path: &str) -> String {
    format!("has {path} in another form than the spec")
}

/// The path of the first value that is of another type than what is wanted in its place. What is not there, or is
/// `null`, is of no type.
fn mismatch(desired: &Value, observed: &Value) -> Option<String> {
    fn below(step: &str, path: &str) -> String {
        if path.is_empty() { step.to_owned() } else { format!("{step}.{path}") }
    }
    match (desired, observed) {
        (Value::Null, _)
        | (_, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => None,
        (Value::Object(desired), Value::Object(observed)) => desired.iter().find_map(|(name, desired)| {
            let path = mismatch(desired, observed.get(name)?)?;
            Some(below(name, &path))
        }),
        // All elements of a list are alike, so each of one side is held against each of the other.
        (Value::Array(desired), Value::Array(observed)) => {
            let pairs = desired.iter().flat_map(|desired| observed.iter().map(move |observed| (desired, observed)));
            pairs.into_iter().find_map(|(desired, observed)| match observed {
                Value::Null => Some("[]".to_owned()),
                observed => mismatch(desired, observed).map(|path| below("[]", &path)),
            })
        }
        _ => Some(String::new()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    static ROUTE: Route = Route {
        names: &[("groupId", "groupId"), ("clusterName", "name")],
        state: Some("stateName"),
        created: Some("createDate"),
        ..Route::singleton("/groups/{groupId}/clusters/{clusterName}", "2024-08-05")
    };

    fn objection(document: &Value) -> Option<String> {
        let slots = Slots::from([("groupId", "g".to_owned()), ("clusterName", "orders".to_owned())]);
        let desired = json!({"name": "orders", "paused": false, "tags": [{"key": "a", "value": "b"}], "size": 3});
        ROUTE.objection(ROUTE.read, &slots, &desired, document)
    }

    fn sound() -> Value {
        json!({
            "id": "1", "groupId": "g", "name": "orders", "stateName": "IDLE", "createDate": "2026-08-10T03:05:16Z",
            "paused": false, "tags": [{"key": "x", "value": "y"}], "specs": [{"regions": [{"priority": 7}]}],
        })
    }

    #[test]
    fn an_answer_is_the_document_that_was_asked_for() {
        assert_eq!(objection(&sound()), None);
        for (pointer, value) in [
            ("/name", json!("other")),
            ("/name", json!(null)),
            ("/groupId", json!("h")),
            ("/stateName", json!(null)),
            ("/stateName", json!("")),
            ("/createDate", json!("yesterday")),
            ("/tags", json!("[]")),
            ("/tags", json!([null])),
            ("/tags/0", json!("x")),
            ("/tags/0/value", json!(true)),
            ("/paused", json!("false")),
        ] {
            let mut damaged = sound();
            *damaged.pointer_mut(pointer).unwrap() = value.clone();
            assert!(objection(&damaged).is_some(), "{pointer} {value}");
        }
        for field in ["groupId", "name", "stateName", "createDate"] {
            let mut damaged = sound();
            damaged.as_object_mut().unwrap().remove(field);
            assert!(objection(&damaged).is_some(), "{field}");
        }
        for other in [json!([]), json!({}), json!(null), json!("x"), json!({"results": [], "totalCount": 0})] {
            assert!(objection(&other).is_some(), "{other}");
        }
    }

    #[test]
    fn what_differs_and_what_is_not_set_is_no_objection() {
        for (pointer, value) in [("/paused", json!(true)), ("/paused", json!(null)), ("/tags", json!([]))] {
            let mut other = sound();
            *other.pointer_mut(pointer).unwrap() = value.clone();
            assert_eq!(objection(&other), None, "{pointer} {value}");
        }
    }

    #[test]
    fn a_field_that_is_left_out_is_no_objection() {
        for field in ["id", "paused", "tags", "specs"] {
            let mut document = sound();
            document.as_object_mut().unwrap().remove(field);
            assert_eq!(objection(&document), None, "{field}");
        }
    }

    #[test]
    fn a_document_without_a_name_is_known_by_one_of_its_fields() {
        static SETTINGS: Route =
            Route { known_by: &["a", "b"], ..Route::singleton("/groups/{groupId}/settings", "2023-01-01") };
        for (document, is_known) in [
            (json!({"a": true, "b": false}), true),
            (json!({"b": false}), true),
            (json!({}), false),
            (json!({"a": null, "b": null}), false),
            (json!({"status": "ok"}), false),
            (json!({"results": [], "totalCount": 0}), false),
        ] {
            let objection = SETTINGS.objection(SETTINGS.read, &Slots::new(), &json!({"a": true}), &document);
            assert_eq!(objection.is_none(), is_known, "{document}");
            assert_eq!(SETTINGS.objection_to_source(&document).is_none(), is_known, "{document}");
        }
    }

    #[test]
    fn what_a_verb_sets_is_wanted_in_words_of_its_own() {
        static PINNED: Route = Route {
            fields: &[Field {
                path: "until",
                policy: Policy::Verb {
                    set: Endpoint::new("/a:set", "2023-01-01"),
                    clear: Endpoint::new("/a:clear", "2023-01-01"),
                    body: Value::clone,
                    is_late: |_, _| false,
                },
            }],
            ..Route::singleton("/a", "2023-01-01")
        };
        let objection =
            |shown| PINNED.objection(PINNED.read, &Slots::new(), &json!({"until": true, "paused": true}), &shown);
        assert_eq!(objection(json!({"until": "2026-12-24T00:00:00Z", "paused": false})), None);
        assert!(objection(json!({"until": "2026-12-24T00:00:00Z", "paused": "false"})).is_some());
    }

    #[test]
    fn while_atlas_is_at_work_types_are_not_compared() {
        let busy =
            json!({"groupId": "g", "name": "orders", "stateName": "UPDATING", "createDate": "2026-08-10T03:05:16Z"});
        assert_eq!(objection(&busy), None);
    }
}
