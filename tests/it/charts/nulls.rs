//! Values that are left empty, which is null in YAML: Helm takes the chart's default away then.
use serde_json::{Value, json};

use super::{CHARTS, OPERATOR, documents, folder, matrix, template};

/// The JSON pointers of everything in some values.
fn pointers(values: &Value, at: &str) -> Vec<String> {
    let inner = values.as_object().into_iter().flatten().flat_map(|(name, value)| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        let inner = pointers(value, &pointer);
        [pointer].into_iter().chain(inner)
    });
    inner.collect()
}

/// Puts null at a pointer, whether or not there is something above it.
fn clear(values: &mut Value, pointer: &str) {
    let mut at = values;
    for name in pointer.split('/').skip(1) {
        at = &mut at[name.replace("~1", "/").replace("~0", "~")];
    }
    *at = Value::Null;
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// It is taken as nothing, or refused with its name; it never ends in an object with a hole, and never opens a network.
#[tokio::test]
async fn an_empty_value_is_nothing_or_refused_with_its_name() {
    let (_, everything) = matrix().remove(1);
    let (mut taken, mut refused) = (0, 0);
    for chart in CHARTS {
        let defaults = std::fs::read_to_string(folder(chart).join("values.yaml")).unwrap();
        for pointer in pointers(&documents(&defaults)[0], "") {
            let mut values = if chart == OPERATOR { everything.clone() } else { json!({}) };
            clear(&mut values, &pointer);
            let name = pointer.rsplit('/').next().unwrap();
            match template(chart, &values).await {
                Ok(objects) => {
                    assert!(!objects.iter().any(has_null), "{chart}, {pointer}: {objects:?}");
                    for policy in objects.iter().filter(|object| object["kind"] == "NetworkPolicy") {
                        for rule in policy["spec"]["egress"].as_array().unwrap() {
                            assert!(!rule["ports"].as_array().unwrap().is_empty(), "{pointer}: {rule}");
                        }
                    }
                    taken += 1;
                }
                Err(said) => {
                    assert!(said.contains(name) && !said.contains("nil pointer"), "{chart}, {pointer}: {said}");
                    refused += 1;
                }
            }
        }
    }
    assert!(taken > 20 && refused > 20, "{taken} taken, {refused} refused");
}
