//! Whether a definition still allows, and means, all that an older one did.
//!
//! An API server lets an unchanged value be, even where a new schema would refuse it, so that objects stay editable. That
//! is a last resort and no licence: manifests in a repository are applied again, whole, to new clusters. So nothing that
//! was valid may become invalid. The one exception are rules in CEL, which look at values that no bound can describe: see
//! [`Walk::rules`].
use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A bound that is loosened by a smaller number.
const LOWER: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
/// A bound that is loosened by a greater number.
const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
/// What may go, but neither come nor change.
const CONSTRAINTS: [&str; 11] = [
    "allOf",
    "anyOf",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "uniqueItems",
    "x-kubernetes-embedded-resource",
];
/// What may neither come, nor go, nor change: the form of a value, who may own which part of it, and what it means when it
/// is absent.
const MEANING: [&str; 6] = [
    "type",
    "default",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
];
/// What may come, but not go.
const LICENCES: [&str; 2] = ["nullable", "x-kubernetes-preserve-unknown-fields"];

/// What a definition lacks, compared with a kept one; a line for each, which names the field.
pub fn narrowed_definition(kept: &Value, present: &[Value]) -> Vec<String> {
    let name = text(&kept["metadata"]["name"]);
    let Some(now) = present.iter().find(|definition| definition["metadata"]["name"] == kept["metadata"]["name"]) else {
        return vec![format!("{name}: the kind is gone")];
    };
    let mut found = Vec::new();
    for path in ["group", "scope", "names/kind", "names/singular"] {
        let pointer = format!("/spec/{path}");
        if kept.pointer(&pointer) != now.pointer(&pointer) {
            found.push(format!("{name}: {path} changed"));
        }
    }
    for list in ["names/shortNames", "names/categories"] {
        let pointer = format!("/spec/{list}");
        for gone in difference(kept.pointer(&pointer), now.pointer(&pointer)) {
            found.push(format!("{name}: {list} lost {gone}"));
        }
    }
    for version in items(&kept["spec"]["versions"]) {
        let version_name = text(&version["name"]);
        let place = format!("{name} {version_name}");
        let of_that_name = |it: &&Value| it["name"] == version["name"] && it["served"] == true;
        let Some(now) = items(&now["spec"]["versions"]).iter().find(of_that_name) else {
            found.push(format!("{place}: the version is no longer served"));
            continue;
        };
        for subresource in version["subresources"].as_object().into_iter().flat_map(Map::keys) {
            if now["subresources"][subresource].is_null() {
                found.push(format!("{place}: the subresource {subresource} is gone"));
            }
        }
        let [kept, now] = [version, now].map(|version| &version["schema"]["openAPIV3Schema"]);
        let mut walk = Walk { found: Vec::new() };
        walk.compare("", kept, now, true);
        found.extend(walk.found.into_iter().map(|line| format!("{place}: {line}")));
    }
    found
}

struct Walk {
    found: Vec<String>,
}

impl Walk {
    /// Compares the schemas of the value at `path`. `told_apart` says whether the API server can tell which old value a new
    /// one comes from: not behind a list that is replaced whole.
    fn compare(&mut self, path: &str, kept: &Value, now: &Value, told_apart: bool) {
        for word in MEANING {
            if kept[word] != now[word] {
                self.changed(path, word, &kept[word], &now[word]);
            }
        }
        for word in CONSTRAINTS {
            if kept[word] != now[word] && !now[word].is_null() && now[word] != false {
                self.changed(path, word, &kept[word], &now[word]);
            }
        }
        for word in LICENCES {
            if kept[word] == true && now[word] != true {
                self.changed(path, word, &kept[word], &now[word]);
            }
        }
        self.bounds(path, kept, now);
        for gone in difference(Some(&kept["enum"]), Some(&now["enum"])) {
            if !now["enum"].is_null() {
                self.say(path, &format!("the value {gone} is no longer allowed"));
            }
        }
        if kept["enum"].is_null() && !now["enum"].is_null() {
            self.say(path, "not every value is allowed any more");
        }
        for new in difference(Some(&now["required"]), Some(&kept["required"])) {
            if now["properties"][text(&new)]["default"].is_null() {
                self.say(&below(path, text(&new)), "newly required");
            }
        }
        self.rules(path, kept, now, told_apart);
        for (name, kept) in kept["properties"].as_object().into_iter().flatten() {
            match now["properties"].get(name) {
                Some(now) => self.compare(&below(path, name), kept, now, told_apart),
                None => self.say(&below(path, name), "the field is gone"),
            }
        }
        let is_map = kept["x-kubernetes-list-type"] == "map";
        for (within, told_apart) in [("items", told_apart && is_map), ("additionalProperties", told_apart)] {
            let inner = format!("{path}[]");
            match (&kept[within], &now[within]) {
                (Value::Null, _) => {}
                (_, Value::Null) => self.say(&inner, "the field is gone"),
                (kept, now) => self.compare(&inner, kept, now, told_apart),
            }
        }
    }

    fn bounds(&mut self, path: &str, kept: &Value, now: &Value) {
        for (words, narrower) in [(LOWER, f64::gt as fn(&f64, &f64) -> bool), (UPPER, f64::lt)] {
            for word in words {
                let narrowed = match (kept[word].as_f64(), now[word].as_f64()) {
                    (Some(kept), Some(now)) => narrower(&now, &kept),
                    (None, Some(_)) => true,
                    (_, None) => false,
                };
                if narrowed {
                    self.changed(path, word, &kept[word], &now[word]);
                }
            }
        }
    }

    /// A rule that was not there before would refuse objects that are. It may come where it lets them be all the same: if
    /// it looks at the old value itself (`oldSelf`), or stands on a single value that the API server can tell from others;
    /// an unchanged one is then left alone by the API server. On an object or a list it would bind every field in it to
    /// every other. A rule that was rewritten is a new one.
    fn rules(&mut self, path: &str, kept: &Value, now: &Value, told_apart: bool) {
        let texts = |schema: &Value| -> BTreeSet<String> {
            items(&schema["x-kubernetes-validations"]).iter().map(|rule| text(&rule["rule"]).to_owned()).collect()
        };
        let is_single = !["object", "array"].contains(&text(&kept["type"]));
        let (before, after) = (texts(kept), texts(now));
        for rule in after.difference(&before) {
            if !(rule.contains("oldSelf") || is_single && told_apart) {
                self.say(path, &format!("a new rule refuses what is stored: {rule}"));
            }
        }
    }

    fn changed(&mut self, path: &str, word: &str, kept: &Value, now: &Value) {
        self.say(path, &format!("{word} was {kept} and is {now}"));
    }

    fn say(&mut self, path: &str, what: &str) {
        self.found.push(format!("{}: {what}", if path.is_empty() { "the object" } else { path }));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What is in the first list and not in the second.
fn difference(first: Option<&Value>, second: Option<&Value>) -> Vec<Value> {
    let second = second.map_or(&[][..], items);
    first.map_or(&[][..], items).iter().filter(|item| !second.contains(item)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> Value {
        json!({
            "metadata": {"name": "things.example.org"},
            "spec": {
                "group": "example.org",
                "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things", "singular": "thing", "shortNames": ["th"]},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}}, "schema": {
                    "openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1, "maxLength": 64},
                            "size": {"type": "integer", "minimum": 1, "maximum": 50, "default": 3},
                            "mode": {"type": "string", "enum": ["A", "B"]},
                            "code": {"type": "string", "nullable": true},
                            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                            "atomic": {"type": "array", "maxItems": 9, "items": {"type": "string"}},
                            "keyed": {
                                "type": "array",
                                "x-kubernetes-list-type": "map",
                                "x-kubernetes-list-map-keys": ["key"],
                                "items": {"type": "object", "properties": {"key": {"type": "string"}}},
                            },
                        },
                        "x-kubernetes-validations": [{"rule": "self.name != self.code"}],
                    }}},
                }}],
            },
        })
    }

    const SPEC: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";

    /// A definition in which one value is another; null takes it away.
    fn changed(pointer: &str, value: Value) -> Value {
        let mut definition = definition();
        let pointer = pointer.replace('~', SPEC);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = definition.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
        let fields = parent.as_object_mut().unwrap();
        if value.is_null() {
            fields.remove(name).unwrap();
        } else {
            fields.insert(name.to_owned(), value);
        }
        definition
    }

    fn rule(rule: &str) -> Value {
        json!([{"rule": rule, "message": "no"}])
    }

    #[test]
    fn whatever_is_taken_away_is_found_and_named() {
        for (pointer, value, said) in [
            ("/metadata/name", json!("others.example.org"), "things.example.org: the kind is gone"),
            ("/spec/scope", json!("Cluster"), "things.example.org: scope changed"),
            ("/spec/names/shortNames", json!(["t"]), "things.example.org: names/shortNames lost \"th\""),
            ("/spec/versions", json!([]), "things.example.org v1: the version is no longer served"),
            ("/spec/versions/0/subresources", json!({}), "the subresource status is gone"),
            ("~/properties/mode", Value::Null, "spec.mode: the field is gone"),
            ("~/properties/tags/additionalProperties", Value::Null, "spec.tags[]: the field is gone"),
            ("~/required", json!(["name", "code"]), "spec.code: newly required"),
            ("~/properties/keyed/items/required", json!(["key"]), "spec.keyed[].key: newly required"),
            ("~/properties/mode/enum", json!(["A", "C"]), "spec.mode: the value \"B\" is no longer allowed"),
            ("~/properties/name/enum", json!(["A"]), "spec.name: not every value is allowed any more"),
            ("~/properties/name/maxLength", json!(63), "spec.name: maxLength was 64 and is 63"),
            ("~/properties/name/minLength", json!(2), "spec.name: minLength was 1 and is 2"),
            ("~/properties/size/minimum", json!(1.5), "spec.size: minimum was 1 and is 1.5"),
            ("~/properties/code/maxLength", json!(9), "spec.code: maxLength was null and is 9"),
            ("~/properties/atomic/maxItems", json!(8), "spec.atomic: maxItems was 9 and is 8"),
            ("~/properties/code/pattern", json!("^a"), "spec.code: pattern was null and is \"^a\""),
            ("~/properties/size/type", json!("number"), "spec.size: type was \"integer\" and is \"number\""),
            (
                "~/properties/atomic/items/type",
                json!("integer"),
                "spec.atomic[]: type was \"string\" and is \"integer\"",
            ),
            ("~/properties/size/default", json!(5), "spec.size: default was 3 and is 5"),
            ("~/properties/mode/default", json!("A"), "spec.mode: default was null and is \"A\""),
            ("~/properties/code/nullable", Value::Null, "spec.code: nullable was true and is null"),
            ("~/properties/open/x-kubernetes-preserve-unknown-fields", Value::Null, "spec.open: x-kubernetes-preserve"),
            ("~/properties/keyed/x-kubernetes-list-type", json!("atomic"), "spec.keyed: x-kubernetes-list-type was"),
            (
                "~/x-kubernetes-validations",
                rule("self.size > 1"),
                "spec: a new rule refuses what is stored: self.size > 1",
            ),
            ("~/properties/atomic/items/x-kubernetes-validations", rule("self != ''"), "spec.atomic[]: a new rule"),
            ("~/properties/keyed/items/x-kubernetes-validations", rule("has(self.key)"), "spec.keyed[]: a new rule"),
        ] {
            let found = narrowed_definition(&definition(), &[changed(pointer, value)]);
            assert!(matches!(found.as_slice(), [line] if line.contains(said)), "{pointer}: {found:?} is not {said}");
        }
    }

    #[test]
    fn whatever_is_added_or_loosened_is_let_be() {
        for (pointer, value) in [
            ("/metadata/labels", json!({"a": "b"})),
            (
                "~/properties/new",
                json!({"type": "string", "maxLength": 3, "x-kubernetes-validations": rule("self != ''")}),
            ),
            ("~/required", Value::Null),
            ("~/required", json!(["name", "size"])),
            ("~/properties/mode/enum", json!(["B", "A", "C"])),
            ("~/properties/mode/enum", Value::Null),
            ("~/properties/name/maxLength", json!(65)),
            ("~/properties/name/minLength", Value::Null),
            ("~/properties/name/nullable", json!(true)),
            ("~/properties/name/description", json!("what it is called")),
            ("~/x-kubernetes-validations", Value::Null),
            ("~/x-kubernetes-validations", rule("self.name == oldSelf.name")),
            ("~/properties/code/x-kubernetes-validations", rule("self != ''")),
            ("~/properties/keyed/items/properties/key/x-kubernetes-validations", rule("self != ''")),
        ] {
            let found = narrowed_definition(&definition(), &[changed(pointer, value)]);
            assert!(found.is_empty(), "{pointer}: {found:?}");
        }
    }
}
