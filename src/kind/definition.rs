//! Makes the definition that the derive macro generates into the one that is installed: what is the same for every
//! kind is added here once.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};
use schemars::Schema;
use serde_json::{Value, json};

/// `kubectl get atlas` shows the objects of every kind.
const CATEGORY: &str = "atlas";

/// Adds category and columns, and makes the schema as strict as the types behind it.
pub(super) fn complete(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    definition.spec.names.categories = Some(vec![CATEGORY.to_owned()]);
    for version in &mut definition.spec.versions {
        let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        tidy(schema);
        without_defaults_in_lists(schema);
        let status = schema.properties.as_mut().and_then(|properties| properties.get_mut("status"));
        let has_state = status.is_some_and(|status| {
            only_unseen_by_default(status);
            status.properties.as_ref().is_some_and(|properties| properties.contains_key("stateName"))
        });
        version.additional_printer_columns = Some(columns(has_state));
    }
    definition
}

/// Refuses `null`, and unwraps descriptions, everywhere.
///
/// Where a field is optional the API server would otherwise keep a `null`, and every validation rule would have to
/// tell it from absence. So a `null` is refused, by name, and absence has one form. Descriptions carry the line breaks
/// of the source; readers such as `kubectl explain` break lines themselves.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(description) = &mut schema.description {
        let paragraphs: Vec<String> =
            description.split("\n\n").map(|paragraph| paragraph.lines().collect::<Vec<_>>().join(" ")).collect();
        *description = paragraphs.join("\n\n");
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        tidy(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => tidy(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(tidy),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

/// Leaves a field its own description where its type has one as well: what the field means here is more than what the
/// type means anywhere. For `#[schemars(transform = …)]` on a spec.
pub fn descriptions_of_fields(schema: &mut Schema) {
    if let Some(fields) = schema.as_object_mut() {
        fields.values_mut().for_each(own_description);
    }
}

fn own_description(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("description")
                && let Some(Value::Array(forms)) = fields.get_mut("anyOf")
            {
                for form in forms.iter_mut().filter_map(Value::as_object_mut) {
                    form.remove("description");
                }
            }
            fields.values_mut().for_each(own_description);
        }
        Value::Array(items) => items.iter_mut().for_each(own_description),
        _ => {}
    }
}

/// Takes defaults away inside the items of lists, where reading a spec supplies them.
///
/// Tools that compare what was applied with what is there by field (Argo CD, `kubectl diff`) compare lists whole. An
/// item that the API server has completed would differ from the one that was declared for ever.
fn without_defaults_in_lists(schema: &mut JSONSchemaProps) {
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => forget_defaults(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(forget_defaults),
        None => {}
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        without_defaults_in_lists(property);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        without_defaults_in_lists(values);
    }
}

/// Leaves in a spec only what the definition knows, and no nulls.
pub fn prune_spec(spec: &mut Value, definition: &CustomResourceDefinition) {
    let mut schemas = definition.spec.versions.iter().filter_map(|version| version.schema.as_ref());
    let spec_schema = schemas.find_map(|schema| schema.open_api_v3_schema.as_ref()?.properties.as_ref()?.get("spec"));
    if let Some(schema) = spec_schema {
        prune(spec, schema);
    }
}

fn prune(value: &mut Value, schema: &JSONSchemaProps) {
    match (value, &schema.items, &schema.additional_properties) {
        (Value::Object(fields), _, Some(JSONSchemaPropsOrBool::Schema(values))) => {
            fields.retain(|_, value| !value.is_null());
            for value in fields.values_mut() {
                prune(value, values);
            }
        }
        (Value::Object(fields), _, None) => {
            let known = schema.properties.as_ref();
            fields.retain(|name, value| {
                let Some(property) = known.and_then(|known| known.get(name)) else { return false };
                prune(value, property);
                !value.is_null()
            });
        }
        (Value::Array(items), Some(JSONSchemaPropsOrArray::Schema(item)), _) => {
            for value in items {
                prune(value, item);
            }
        }
        _ => {}
    }
}

/// A new object says by itself that nobody has seen it yet, which is how `kubectl wait` and other readers of
/// conditions know that an empty status is not a settled one. Nothing else of the status is made up by the API server:
/// the operator owns that document, and would see a difference for ever.
fn only_unseen_by_default(status: &mut JSONSchemaProps) {
    forget_defaults(status);
    status.description = Some(
        "What the operator reports: whether the object is as its spec says, and what it is in Atlas. Written by the \
         operator alone."
            .to_owned(),
    );
    status.default = Some(JSON(json!({"observedGeneration": -1})));
}

fn forget_defaults(schema: &mut JSONSchemaProps) {
    schema.default = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        forget_defaults(property);
    }
    without_defaults_in_lists(schema);
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        forget_defaults(values);
    }
}

/// What `kubectl get` shows; what has priority 1 needs `-o wide`.
fn columns(has_state: bool) -> Vec<CustomResourceColumnDefinition> {
    let column = |name: &str, path: &str, priority| CustomResourceColumnDefinition {
        name: name.to_owned(),
        json_path: path.to_owned(),
        type_: if name == "Age" { "date" } else { "string" }.to_owned(),
        priority: (priority > 0).then_some(priority),
        ..CustomResourceColumnDefinition::default()
    };
    let mut columns = vec![
        column("Ready", ".status.conditions[?(@.type==\"Ready\")].status", 0),
        column("Reason", ".status.conditions[?(@.type==\"Ready\")].reason", 0),
    ];
    if has_state {
        columns.push(column("Atlas State", ".status.stateName", 0));
    }
    columns.extend([
        column("Age", ".metadata.creationTimestamp", 0),
        column("Message", ".status.conditions[?(@.type==\"Ready\")].message", 1),
        column("Atlas Id", ".status.atlas.id", 1),
        column("Project Id", ".status.atlas.projectId", 1),
    ]);
    columns
}
