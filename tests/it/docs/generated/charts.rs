//! The charts' values. A chart's `values.schema.json` is the one source of what they are: it says type, meaning and
//! default. `values.yaml` and the table of the chart's README are made from it. The schema of `atlas-resources` is
//! itself made from the kinds.
use std::{collections::BTreeMap, fmt, path::PathBuf};

use atlas_operator::{kind::Kind, kinds};
use harness::repository;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::{Part, code, table};

pub const CHARTS: [&str; 3] = ["atlas-operator", "atlas-operator-crds", "atlas-resources"];
/// The chart whose schema is made from the kinds.
const RESOURCES: &str = "atlas-resources";
/// Columns of a comment, without its indentation.
const WIDTH: usize = 110;

/// As much of a schema as values are made from.
#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    description: String,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    properties: Properties,
}

impl Schema {
    /// Whether it is a value of its own, and no name for the values in it: those of its properties that have a default are
    /// in its default.
    fn is_leaf(&self) -> bool {
        self.properties.0.is_empty() || !self.default.is_null()
    }
}

/// By name, in the order in which they were written, which is the order for readers.
#[derive(Default)]
struct Properties(Vec<(String, Schema)>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> de::Visitor<'de> for InOrder {
            type Value = Properties;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("schemas by name")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut properties = Vec::new();
                while let Some(property) = map.next_entry()? {
                    properties.push(property);
                }
                Ok(Properties(properties))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

pub fn folder(chart: &str) -> PathBuf {
    repository().join("charts").join(chart)
}

fn schema(chart: &str) -> Schema {
    let text = if chart == RESOURCES {
        schema_of_resources()
    } else {
        std::fs::read_to_string(folder(chart).join("values.schema.json")).unwrap()
    };
    serde_json::from_str(&text).unwrap()
}

/// The table of each chart's README.
pub fn tables() -> Vec<Part> {
    let values = |chart: &str| {
        let mut rows = Vec::new();
        leaves(&schema(chart), "", &mut rows);
        (chart.to_owned(), table(&["value", "default", "meaning"], rows))
    };
    CHARTS.map(values).into()
}

fn leaves(schema: &Schema, path: &str, rows: &mut Vec<Vec<String>>) {
    for (name, property) in &schema.properties.0 {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if property.is_leaf() {
            rows.push(vec![code(&path), code(&property.default.to_string()), property.description.clone()]);
        } else {
            leaves(property, &path, rows);
        }
    }
}

fn values_yaml(chart: &str) -> String {
    let head = "# Made from values.schema.json by the tests of the documents; changes made here are lost.".to_owned();
    let values = schema(chart).properties.0;
    let blocks = values.iter().map(|(name, property)| lines_of(name, property).join("\n"));
    [head].into_iter().chain(blocks).collect::<Vec<_>>().join("\n\n") + "\n"
}

/// A value in `values.yaml`: its meaning, and its default or the values in it.
fn lines_of(name: &str, schema: &Schema) -> Vec<String> {
    assert!(!schema.description.is_empty(), "{name} has no description");
    let mut lines: Vec<String> = wrapped(&schema.description).into_iter().map(|line| format!("# {line}")).collect();
    if schema.is_leaf() {
        assert!(!schema.default.is_null(), "{name} has no default");
        let yaml = serde_saphyr::to_string(&BTreeMap::from([(name, &schema.default)])).unwrap();
        lines.extend(yaml.lines().map(str::to_owned));
    } else {
        lines.push(format!("{name}:"));
        let inner = schema.properties.0.iter().flat_map(|(name, property)| lines_of(name, property));
        lines.extend(inner.map(|line| format!("  {line}")));
    }
    lines
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| line.len() + 1 + word.len() <= WIDTH) {
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The value that holds the objects of a kind: `databaseUsers` for `AtlasDatabaseUser`, which is `atlasdatabaseusers`.
pub fn group(kind: &dyn Kind) -> String {
    let (name, plural) = (kind.name(), kind.plural());
    let same = name.to_lowercase().bytes().zip(plural.bytes()).take_while(|(left, right)| left == right).count();
    let camel = format!("{}{}", &name["Atlas".len()..same], &plural[same..]);
    camel[..1].to_lowercase() + &camel[1..]
}

fn spec(kind: &dyn Kind) -> Value {
    let version = kind.definition().spec.versions.remove(0);
    serde_json::to_value(&version.schema.unwrap().open_api_v3_schema.unwrap().properties.unwrap()["spec"]).unwrap()
}

/// Which kind each value holds, and whether its objects belong to a project.
fn kinds_of_resources() -> String {
    let entry = |kind: &&'static dyn Kind| {
        let in_project = !spec(*kind)["properties"]["projectRef"].is_null();
        (group(*kind), json!({"kind": kind.name(), "inProject": in_project}))
    };
    let kinds: BTreeMap<String, Value> = kinds::all().iter().map(entry).collect();
    format!("# Made from the kinds by the tests of the documents.\n{}", serde_saphyr::to_string(&kinds).unwrap())
}

fn schema_of_resources() -> String {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}, "default": {}});
    let described = |description: &str, schema: &Value| {
        let mut schema = schema.clone();
        schema["description"] = json!(description);
        schema
    };
    let mut properties = json!({
        "enabled": {
            "description": format!(
                "For a parent chart whose dependency says `condition: {RESOURCES}.enabled`; nothing else reads it."
            ),
            "type": "boolean",
            "default": true,
        },
        "global": described("Values that a parent chart shares; none is read here.", &json!({"type": "object", "default": {}})),
        "annotations": described("Annotations of every object, such as policies.", &texts),
        "labels": described("Labels of every object.", &texts),
    });
    for kind in kinds::all() {
        let mut spec = spec(*kind);
        as_json_schema(&mut spec);
        let version = kind.definition().spec.versions.remove(0);
        let meaning = version.schema.unwrap().open_api_v3_schema.unwrap().description.unwrap();
        let object = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["spec"],
            "properties": {"spec": spec, "annotations": texts, "labels": texts},
        });
        properties[group(*kind)] = json!({
            "description": format!(
                "Objects of the kind {}, by name, each with `spec` and, if need be, `annotations` and `labels`. {meaning}",
                kind.name()
            ),
            "type": "object",
            "propertyNames": {"pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253},
            "additionalProperties": object,
            "default": {},
        });
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart atlas-resources, made from the kinds by the tests of the documents",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// Makes a JSON schema of a schema as Kubernetes writes it: what is not named is refused, and what only the API server
/// understands goes. It looks at the rest again when the objects come.
fn as_json_schema(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    let open = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if fields.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        fields.insert("type".to_owned(), json!(["integer", "string"]));
    }
    // Formats are not the same; an absent value is not a default of the chart's.
    fields.retain(|name, _| {
        !name.starts_with("x-kubernetes-") && !["format", "default", "nullable"].contains(&name.as_str())
    });
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(as_json_schema);
        if !open {
            fields.insert("additionalProperties".to_owned(), json!(false));
        }
    } else if let Some(values) = fields.get_mut("additionalProperties") {
        as_json_schema(values);
    }
    if let Some(items) = fields.get_mut("items") {
        as_json_schema(items);
    }
}

#[test]
fn the_files_of_the_charts_are_current() {
    let mut files = vec![
        (folder(RESOURCES).join("values.schema.json"), schema_of_resources()),
        (folder(RESOURCES).join("files/kinds.yaml"), kinds_of_resources()),
    ];
    files.extend(CHARTS.map(|chart| (folder(chart).join("values.yaml"), values_yaml(chart))));
    for (path, expected) in files {
        if super::is_update() {
            std::fs::write(path, expected).unwrap();
        } else {
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(found == expected, "{} is stale: {}", path.display(), super::UPDATE);
        }
    }
}

#[test]
fn a_value_is_called_after_its_kind() {
    let groups: Vec<String> = kinds::all().iter().map(|kind| group(*kind)).collect();
    for expected in ["projects", "clusters", "databaseUsers", "customRoles"] {
        assert!(groups.iter().any(|group| group == expected), "{groups:?}");
    }
}
