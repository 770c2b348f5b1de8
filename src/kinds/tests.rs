//! What holds for every kind of the catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};
use kube::core::cel::{CompiledSchema, ValidationErrors, Validator, apply_defaults, compile_schema};
use serde_json::{Value, json, value::RawValue};

use super::*;
use crate::{
    atlas::{Class, Error, Method, Refusal},
    kind::{Declared, Example, GROUP, Given, Part, VERSION},
};

/// The documents of a manifest.
fn documents(manifest: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(manifest).expect("the manifest is YAML")
}

/// The object that an example is about.
fn object(example: &Example) -> Value {
    documents(example.manifest).pop().expect("the manifest has a document")
}

fn schema(kind: &dyn Kind) -> Value {
    let definition = kind.definition();
    let version = definition.spec.versions.into_iter().next().expect("it has a version");
    serde_json::to_value(version.schema.and_then(|schema| schema.open_api_v3_schema)).expect("it has a schema")
}

/// Runs the rules as the API server does, on objects with their defaults filled in.
pub(super) fn judge(kind: &dyn Kind, object: &Value, old: Option<&Value>) -> Result<(), ValidationErrors> {
    // Compiling the rules takes most of the time, and they are the same for every object of a kind.
    static COMPILED: LazyLock<BTreeMap<&str, (Value, CompiledSchema)>> = LazyLock::new(|| {
        let compiled = |kind: &&dyn Kind| (kind.name(), (schema(*kind), compile_schema(&schema(*kind))));
        all().iter().map(compiled).collect()
    });
    let (schema, rules) = &COMPILED[kind.name()];
    let old = old.map(|old| apply_defaults(schema, old));
    Validator::new().validate_compiled(rules, &apply_defaults(schema, object), old.as_ref())
}

pub(super) fn read(kind: &dyn Kind, object: &Value) -> Box<dyn Declared> {
    let spec = RawValue::from_string(object["spec"].to_string()).unwrap();
    kind.read(&spec).expect("the spec can be read")
}

pub(super) fn parts(kind: &dyn Kind, object: &Value) -> Vec<Part> {
    let created = Some(jiff::Timestamp::UNIX_EPOCH);
    let given = Given { org_id: "org".into(), project_id: Some("project".into()), created, ..Given::default() };
    read(kind, object).parts(&given).expect("the spec has documents")
}

#[test]
fn every_definition_is_named_and_shown_as_the_catalogue_says() {
    for kind in all() {
        let definition = kind.definition();
        assert_eq!(definition.spec.names.kind, kind.name());
        assert_eq!(definition.spec.names.plural, kind.plural());
        assert_eq!(definition.spec.names.categories.as_deref(), Some(&["atlas".to_owned()][..]));
        assert_eq!((definition.spec.group.as_str(), definition.spec.versions[0].name.as_str()), (GROUP, VERSION));
        assert_eq!(definition.spec.scope, "Namespaced");
        let columns = definition.spec.versions[0].additional_printer_columns.clone().unwrap_or_default();
        let shown: Vec<_> = columns.iter().filter(|column| column.priority.is_none()).map(|it| &*it.name).collect();
        let state = if kind.name() == CLUSTER { vec!["Atlas State"] } else { vec![] };
        assert_eq!(shown, [vec!["Ready", "Reason"], state, vec!["Age"]].concat(), "{}", kind.name());
        assert_eq!(schema(*kind)["properties"]["status"]["default"], json!({"observedGeneration": -1}));
    }
    let mut short: Vec<_> = definitions().into_iter().flat_map(|it| it.spec.names.short_names.unwrap()).collect();
    let all = short.len();
    short.sort();
    short.dedup();
    assert_eq!(short.len(), all, "short names collide: {short:?}");
    assert!(all >= definitions().len(), "a kind has no short name");
}

#[test]
fn every_kind_is_found_by_its_name_and_written_to_a_file_of_its_own() {
    for kind in all() {
        assert_eq!(by_name(kind.name()).unwrap().plural(), kind.plural());
    }
    let files: Vec<_> = manifests().unwrap();
    assert_eq!(files.len(), all().len());
    assert_eq!(files[0].0, "atlas-operator.io_atlasprojects.yaml");
    for ((_, text), definition) in files.iter().zip(definitions()) {
        let read: Value = serde_saphyr::from_str(text).unwrap();
        assert_eq!(read, serde_json::to_value(definition).unwrap(), "the file says what the definition says");
    }
}

#[test]
fn no_item_of_a_list_is_completed_by_the_api_server() {
    for kind in all() {
        let definition = kind.definition();
        let schema = definition.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        walk(schema, kind.name(), &mut |path, field| {
            assert!(!path.contains("[]") || field.default.is_none(), "{path} has a default");
        });
    }
}

/// Calls `look` with every schema below, and its path.
fn walk(schema: &JSONSchemaProps, path: &str, look: &mut impl FnMut(&str, &JSONSchemaProps)) {
    look(path, schema);
    for (name, property) in schema.properties.iter().flatten() {
        walk(property, &format!("{path}.{name}"), look);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        walk(item, &format!("{path}[]"), look);
    }
}

#[test]
fn every_field_of_every_spec_is_explained_and_bounded() {
    for kind in all() {
        let schema: JSONSchemaProps = serde_json::from_value(schema(*kind)["properties"]["spec"].clone()).unwrap();
        walk(&schema, kind.name(), &mut |path, field| {
            let field_type = field.type_.as_deref().unwrap_or_default();
            let explained = field.description.as_deref().is_some_and(|text| text.ends_with('.'));
            // The items of a list of plain values have no description of their own.
            let plain_item = path.ends_with("[]") && field.properties.is_none();
            assert!(explained || plain_item, "{path} is not explained in a sentence");
            assert!(!field.description.as_deref().unwrap_or_default().replace("\n\n", "").contains('\n'), "{path}");
            assert_eq!(field.nullable, None, "{path} takes null");
            let bounded = match field_type {
                "array" => field.max_items.is_some(),
                "string" => field.max_length.is_some() || field.enum_.is_some(),
                _ => true,
            };
            assert!(bounded, "{path} has no bound, which makes rules on it too costly for the API server");
        });
    }
}

/// A creation that Atlas refused with a code.
fn refused(code: &str) -> Error {
    Error::Refused(Box::new(Refusal {
        status: 400,
        code: Some(code.to_owned()),
        detail: String::new(),
        parameters: Vec::new(),
        method: Method::POST,
        template: "/groups/{groupId}/clusters",
        path: "/groups/0/clusters".to_owned(),
        names_fields: false,
        credential_refused: false,
    }))
}

#[test]
fn every_code_that_is_blamed_on_a_field_is_known_and_the_field_is_in_the_schema() {
    for kind in all() {
        let schema: JSONSchemaProps = serde_json::from_value(schema(*kind)["properties"]["spec"].clone()).unwrap();
        let mut fields = BTreeSet::new();
        walk(&schema, "spec", &mut |path, _| {
            fields.insert(path.to_owned());
        });
        let mut codes = BTreeSet::new();
        for (blamed, field) in kind.blames() {
            assert!(fields.contains(*field), "{}: there is no {field}", kind.name());
            for code in *blamed {
                assert!(codes.insert(*code), "{}: {code} is blamed on two fields", kind.name());
                let class = refused(code).class();
                assert!(matches!(class, Class::Rejected | Class::Blocked), "{}: {code} is {class:?}", kind.name());
            }
        }
        assert!(!codes.is_empty(), "{} knows of no code", kind.name());
    }
}

#[test]
fn every_example_is_taken_and_has_documents_of_its_own() {
    for kind in all() {
        assert!(!kind.examples().is_empty(), "{} has no example", kind.name());
        for example in kind.examples() {
            for document in documents(example.manifest) {
                let Some(kind) = by_name(document["kind"].as_str().unwrap()) else { continue };
                judge(kind, &document, None).unwrap_or_else(|errors| panic!("{}: {errors}", example.name));
                assert!(!parts(kind, &document).is_empty());
            }
            assert_eq!(object(&example)["kind"], kind.name(), "the last document is the example: {}", example.name);
        }
    }
}

#[test]
fn every_example_can_be_edited_as_it_says() {
    for kind in all() {
        for example in kind.examples() {
            let Some((pointer, value)) = example.edit else { continue };
            let old = object(&example);
            let mut new = old.clone();
            *new["spec"].pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
            judge(*kind, &new, Some(&old)).unwrap_or_else(|errors| panic!("{}: {errors}", example.name));
            let documents = |object| parts(*kind, object).into_iter().map(|part| part.desired).collect::<Vec<_>>();
            assert_ne!(documents(&old), documents(&new), "the edit of {} changes nothing in Atlas", example.name);
        }
    }
}

/// Fields of specs that Atlas does not know.
const OURS: [&str; 9] = [
    "projectRef",
    "projectId",
    "connectionSecretRef",
    "passwordSecretRef",
    "allowedNamespaces",
    "certificate",
    "connectionSecret",
    "ttl",
    "clusterRef",
];

#[test]
fn no_document_holds_a_field_that_is_ours() {
    for kind in all() {
        for example in kind.examples() {
            for part in parts(*kind, &object(&example)) {
                for field in OURS {
                    assert!(part.desired.get(field).is_none(), "{field} in {} of {}", part.name, example.name);
                }
            }
        }
    }
}
