//! The version that a cluster runs, and that of its data.
use serde_json::{Value, json};

use crate::kind::Hold;

/// The field in which Atlas reports until when the version of the data is pinned.
pub(super) const PIN: &str = "featureCompatibilityVersionExpirationDate";

/// What is wanted there when any moment will do.
pub(super) const PINNED: bool = true;

/// Any moment will do where none is wanted.
pub(super) fn yields(desired: &mut Value, observed: &Value) {
    if desired[PIN] == PINNED && !observed[PIN].is_null() {
        desired[PIN] = observed[PIN].clone();
    }
}

/// A pin holds the version that the data has, so it is set before the version goes up, and taken away as well, for
/// Atlas raises only what is in its own format; a return to the version before wants it to the end.
pub(super) fn is_unpinned_late(desired: &Value, observed: &Value) -> bool {
    let versions = number(&desired["mongoDBMajorVersion"]).zip(number(&observed["mongoDBMajorVersion"]));
    desired[PIN].is_null() && versions.is_some_and(|(to, from)| to < from)
}

/// A major version, such as 8.0, in a form that orders; none of what is no version.
fn number(value: &Value) -> Option<(u32, u32)> {
    let (major, minor) = value.as_str()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

pub(super) fn pin(until: &Value) -> Value {
    if *until == PINNED { json!({}) } else { json!({"expirationDate": until}) }
}

/// MongoDB returns to the version before, and no further, and only while the data is in its format.
pub(super) fn falls(desired: &Value, observed: &Value) -> Option<Hold> {
    let wanted = &desired["mongoDBMajorVersion"];
    let (from, to) = (number(&observed["mongoDBMajorVersion"])?, number(wanted)?);
    if to >= from || observed["featureCompatibilityVersion"] == *wanted {
        return None;
    }
    let runs = observed["mongoDBMajorVersion"].as_str().unwrap_or_default();
    Some(Hold {
        path: "spec.mongoDBMajorVersion",
        message: format!(
            "The cluster runs {runs}, and MongoDB does not go back to {}, because the data is in the newer format. Set \
             spec.mongoDBMajorVersion: \"{runs}\", or remove the field to leave the version to Atlas. Other changes of \
             the spec are made meanwhile.",
            wanted.as_str().unwrap_or_default()
        ),
        lift: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_falls_only_to_the_format_of_the_data() {
        let held = |wanted: &str, format: &str| {
            let observed = json!({"mongoDBMajorVersion": "8.0", "featureCompatibilityVersion": format});
            falls(&json!({"mongoDBMajorVersion": wanted}), &observed).is_some()
        };
        assert!(held("7.0", "8.0") && held("6.0", "7.0"));
        assert!(!held("7.0", "7.0") && !held("8.0", "8.0") && !held("8.2", "8.0") && !held("9.0", "8.0"));
    }

    #[test]
    fn a_version_is_pinned_until_a_moment_or_for_as_long_as_atlas_does() {
        let left = |wanted: Value, seen: Value| {
            let mut desired = json!({PIN: wanted});
            yields(&mut desired, &json!({PIN: seen}));
            desired[PIN].clone()
        };
        let (soon, later) = (json!("2026-12-01T00:00:00Z"), json!("2026-12-24T00:00:00Z"));
        assert_eq!(left(json!(PINNED), soon.clone()), soon, "any moment will do");
        assert_eq!(pin(&left(json!(PINNED), Value::Null)), json!({}));
        assert_eq!(pin(&left(later.clone(), soon)), json!({"expirationDate": later}));
    }
}
