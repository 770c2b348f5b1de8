//! What the clusters of a project write to their audit logs: one document that comes with the project, switched off.
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{VERSION, json};
use crate::kind::{Field, Invalid, Policy, Route};

/// What is recorded in the audit logs of the project's dedicated clusters. Taken out of the spec, auditing stays as it is
/// in Atlas; to switch it off, set enabled: false.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Auditing {
    /// Whether anything is recorded.
    pub enabled: bool,
    /// Which events are recorded, as a document of JSON in the language of MongoDB's audit filters. It is compared as a
    /// document: blanks and the order of fields carry no meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    #[x_kube(
        validation = Rule::new(json::document()).message(
            "an auditFilter is a document of JSON, such as '{\"atype\": \"authenticate\"}': names and texts in double \
             quotes, no comma behind the last one"
        ),
        validation = Rule::new(json::closed())
            .message("the auditFilter is not closed as it is opened: there are as many { as } and as many [ as ]")
    )]
    pub audit_filter: Option<String>,
    /// Whether successful authorizations are recorded too, for filters of atype authCheck. It slows the clusters down.
    /// Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_authorization_success: Option<bool>,
}

pub(super) static ROUTE: Route = Route {
    // Atlas does not say whether a PATCH leaves alone what it does not name, so the three always travel together.
    carries: &["enabled", "auditFilter", "auditAuthorizationSuccess"],
    known_by: &["enabled", "auditAuthorizationSuccess", "configurationType"],
    fields: &[Field { path: "auditFilter", policy: Policy::Same(filter) }],
    ..Route::singleton("/groups/{groupId}/auditLog", VERSION)
};

impl Auditing {
    /// The schema can tell a document's braces, but not what is between them.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let Some(filter) = &self.audit_filter else { return Ok(()) };
        match serde_json::from_str::<serde_json::Map<String, Value>>(filter) {
            Ok(_) => Ok(()),
            Err(error) => {
                let message = format!("it is not a document of JSON ({error}): correct it.");
                Err(Invalid::new("spec.auditing.auditFilter", message))
            }
        }
    }
}

/// A filter as the document that it is: Atlas keeps the text as it came, and people format it as they like.
fn filter(text: &Value) -> Value {
    let document = text.as_str().and_then(|text| serde_json::from_str(text).ok());
    document.unwrap_or_else(|| text.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_is_compared_as_a_document() {
        let one = filter(&json!(r#"{"atype": "authenticate", "param": {"user": "x"}}"#));
        let other = filter(&json!("{\n  \"param\":{\"user\":\"x\"},\"atype\":\"authenticate\" }"));
        assert_eq!(one, other);
        assert_ne!(one, filter(&json!(r#"{"atype": "authCheck"}"#)));
        assert_eq!(filter(&Value::Null), Value::Null, "no filter is no document");
    }

    #[test]
    fn a_filter_that_is_no_document_is_refused_with_its_place() {
        let auditing = |filter: &str| Auditing {
            enabled: true,
            audit_filter: Some(filter.to_owned()),
            audit_authorization_success: None,
        };
        assert_eq!(auditing(r#"{"atype": "authenticate"}"#).check(), Ok(()));
        for wrong in ["{atype: authenticate}", "[]", "", "{", r#"{"a": 1} {"b": 2}"#] {
            let refused = auditing(wrong).check().err().map(|error| error.path);
            assert_eq!(refused.as_deref(), Some("spec.auditing.auditFilter"), "{wrong}");
        }
    }
}
