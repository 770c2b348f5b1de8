//! The bill of materials, as CycloneDX 1.6 in JSON (ECMA-424).
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::components::{Component, Components};

/// Every component with its licence, and who uses whom. The same components give the same text: it has no serial number,
/// which would be another one each time.
pub fn of_materials(components: &Components, created: Timestamp) -> Value {
    let uses = components.uses.iter().map(|(purl, used)| json!({"ref": purl, "dependsOn": used}));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": created.to_string(),
            "component": component(&components.root, "application"),
        },
        "components": components.libraries.iter().map(|it| component(it, "library")).collect::<Vec<_>>(),
        "dependencies": uses.collect::<Vec<_>>(),
    })
}

fn component(it: &Component, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": it.purl(),
        "name": it.name,
        "version": it.version,
        "purl": it.purl(),
    });
    if let Some(description) = &it.description {
        component["description"] = json!(description.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    if let Some(license) = &it.license {
        // Before SPDX expressions, packages of Rust wrote a slash for "or".
        component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
    }
    if let Some(repository) = &it.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::tests::components;

    #[test]
    fn it_lists_each_component_with_its_licence_and_who_uses_it() {
        let bill = of_materials(&components("".as_ref()), Timestamp::UNIX_EPOCH);
        assert_eq!(bill["metadata"]["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(bill["metadata"]["component"]["name"], "program");
        let expected = json!([{
            "type": "library", "bom-ref": "pkg:cargo/used@1.0.0", "purl": "pkg:cargo/used@1.0.0",
            "name": "used", "version": "1.0.0", "description": "It is one.",
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
            "externalReferences": [{"type": "vcs", "url": "https://example.com/used"}],
        }]);
        assert_eq!(bill["components"], expected);
        let program = json!({"ref": "pkg:cargo/program@1.0.0", "dependsOn": ["pkg:cargo/used@1.0.0"]});
        assert_eq!(bill["dependencies"][0], program);
    }
}
