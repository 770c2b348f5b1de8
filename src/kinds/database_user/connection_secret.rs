//! What the spec says of the Secrets that applications connect with.
use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{kind::template, kinds::common::OBJECT_NAME};

/// How connection Secrets are published.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
pub struct ConnectionSecret {
    /// The name of the Secret, for a user of exactly one cluster. Absent, each Secret is named after project, cluster
    /// and user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = OBJECT_NAME))]
    pub name: Option<String>,
    /// The keys of the Secret and their values, in place of the usual ones: at most 32, each of at most 4096
    /// characters. In a value $(name) stands for a variable, such as $(username), $(password) or
    /// $(connectionStringStandardSrv), and $$ for a dollar sign. A key whose value needs an address that the cluster
    /// does not have is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        extend("maxProperties" = 32, "minProperties" = 1),
        schema_with = "texts"
    )]
    #[x_kube(
        validation = Rule::new("self.all(key, key.size() <= 253 && key.matches('^[-._a-zA-Z0-9]+$'))")
            .message("a key of a Secret has 1 to 253 letters, digits, hyphens, underscores and dots"),
        validation = known_variables()
    )]
    pub template: Option<BTreeMap<String, String>>,
}

fn texts(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 4096}})
}

fn known_variables() -> kube::core::Rule {
    let pattern = template::pattern();
    kube::core::Rule::new(format!("self.all(key, self[key].matches('{pattern}'))")).message(
        format!(
            "a variable is one of {}, in $( ); write $$ for a dollar sign before a parenthesis",
            template::VARIABLES.join(", ")
        )
        .as_str(),
    )
}
