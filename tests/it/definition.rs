//! The definition of a kind, applied to objects as the API server applies it, but for what a schema says without rules.
use atlas_operator::kind::Kind;
use kube::core::cel::{CompiledSchema, ValidationErrors, Validator, apply_defaults, compile_schema};
use serde_json::Value;

pub struct Definition {
    pub kind: &'static dyn Kind,
    pub schema: Value,
    rules: CompiledSchema,
}

impl Definition {
    pub fn of(kind: &'static dyn Kind) -> Self {
        let schema = kind.definition().spec.versions.remove(0).schema.and_then(|schema| schema.open_api_v3_schema);
        let schema = serde_json::to_value(schema).unwrap();
        Self { kind, rules: compile_schema(&schema), schema }
    }

    /// Judges an object, which was `old` before, with the defaults filled in.
    pub fn judge(&self, object: &Value, old: Option<&Value>) -> Result<(), ValidationErrors> {
        let complete = |object: &Value| apply_defaults(&self.schema, object);
        Validator::new().validate_compiled(&self.rules, &complete(object), old.map(complete).as_ref())
    }
}
