//! The way out of what Atlas refused, as a sentence for the end of a message.
use serde_json::Value;

use crate::atlas::{Class, Error, Method};

/// What a person can do about `error`, whose credentials are in `secret`; empty where waiting is all.
pub fn of(error: &Error, secret: &str) -> String {
    match error.class() {
        Class::Unauthenticated => format!(" Put a valid key in {secret}."),
        Class::Forbidden => forbidden(error, secret),
        Class::Blocked => " Fix that, and it goes on by itself.".to_owned(),
        Class::Rejected => " Fix the spec.".to_owned(),
        // Atlas names a reason.
        Class::Backoff if error.status() == Some(403) && error.code().is_none() => {
            " A proxy or a firewall on the way may have answered in place of Atlas.".to_owned()
        }
        Class::RetryAfter(_)
        | Class::Backoff
        | Class::Absent
        | Class::Elsewhere
        | Class::Exists
        | Class::Unlisted
        | Class::ParentAbsent => String::new(),
    }
}

fn forbidden(error: &Error, secret: &str) -> String {
    match error.code().unwrap_or_default() {
        "IP_ADDRESS_NOT_ON_ACCESS_LIST" | "IP_ADDRESS_NOT_ON_WHITELIST" => {
            format!(" Put this address on the API access list of the key in {secret}.")
        }
        "ORG_REQUIRES_ACCESS_LIST"
        | "ORG_REQUIRES_WHITELIST"
        | "RESOURCE_REQUIRES_ACCESS_LIST"
        | "RESOURCE_REQUIRES_WHITELIST" => {
            format!(" Give the key in {secret} an API access list that has the operator's address.")
        }
        "ATLAS_RESOURCE_POLICIES_VIOLATION_NOT_AUTHORIZED" => {
            " A resource policy of the organization forbids it. Change the spec or the policy.".to_owned()
        }
        "FEATURE_UNSUPPORTED" | "UNSUPPORTED_FOR_CURRENT_PLAN" => {
            " The plan of the organization does not include it. Change the spec or the plan.".to_owned()
        }
        code => format!(" Give the key in {secret} the role {}.", role(error, code)),
    }
}

/// The least role that allows a call.
fn role(error: &Error, code: &str) -> &'static str {
    let Error::Refused(refusal) = error else { return "Project Owner" };
    let is_read = refusal.method == Method::GET;
    match (code, refusal.template) {
        ("NOT_ORG_OWNER" | "NOT_ORG_USER_ADMIN" | "NOT_USER_ADMIN" | "NOT_API_KEY_ADMIN", _) => "Organization Owner",
        ("NOT_ORG_GROUP_CREATOR", _) => "Organization Project Creator",
        (_, "/groups") if !is_read => "Organization Project Creator",
        (_, template) if template.starts_with("/orgs") && is_read => "Organization Member",
        (_, template) if template.starts_with("/orgs") => "Organization Owner",
        _ => "Project Owner of this project",
    }
}

/// The field of the spec whose value Atlas names where it refuses a request with this body.
pub fn refused_value(error: &Error, body: &Value) -> Option<String> {
    let Error::Refused(refusal) = error else { return None };
    if error.class() != Class::Rejected {
        return None;
    }
    // What a resource is called stands in many refusals that are about something else.
    let names = |value: &&str| value.len() > 1 && body["name"] != **value;
    let values: Vec<&str> = refusal.parameters.iter().filter_map(Value::as_str).filter(names).collect();
    find(body, &values).map(|path| format!("spec{path}"))
}

/// The path of the first text in `value` that is one of `wanted`.
fn find(value: &Value, wanted: &[&str]) -> Option<String> {
    match value {
        Value::String(text) => wanted.contains(&text.as_str()).then(String::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| Some(format!("[{index}]{}", find(item, wanted)?)))
        }
        Value::Object(fields) => {
            fields.iter().find_map(|(name, field)| Some(format!(".{name}{}", find(field, wanted)?)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::atlas::Refusal;

    fn refusal(method: Method, template: &'static str, status: u16, code: Option<&str>) -> Refusal {
        Refusal {
            status,
            code: code.map(str::to_owned),
            detail: String::new(),
            parameters: Vec::new(),
            method,
            template,
            path: String::new(),
            names_fields: false,
            credential_refused: status == 401,
        }
    }

    fn said(method: Method, template: &'static str, status: u16, code: Option<&str>) -> String {
        of(&Error::from(refusal(method, template, status, code)), "Secret shop/key")
    }

    #[test]
    fn a_refused_value_is_found_in_the_request() {
        let region = |size: &str| json!({"regionName": "EU_WEST_1", "electableSpecs": {"instanceSize": size}});
        let specs = json!([{"regionConfigs": [region("M10"), region("M15")]}]);
        let body = json!({"name": "orders", "tags": [], "replicationSpecs": specs});
        let mut refused = refusal(Method::POST, "/groups/{groupId}/clusters", 400, Some("INVALID_ENUM_VALUE"));
        refused.parameters = vec![json!("orders"), json!("M15"), json!(7)];
        let path = "spec.replicationSpecs[0].regionConfigs[1].electableSpecs.instanceSize";
        assert_eq!(refused_value(&Error::from(refused.clone()), &body).as_deref(), Some(path));
        refused.parameters = vec![json!("orders")];
        assert_eq!(refused_value(&Error::from(refused), &body), None, "its name is in many refusals");
    }

    #[test]
    fn a_denial_names_the_role_the_list_or_the_plan_that_is_missing() {
        let unauthorized = Some("USER_UNAUTHORIZED");
        for (method, template, code, says) in [
            (Method::POST, "/groups", unauthorized, "the role Organization Project Creator."),
            (Method::PATCH, "/groups/{groupId}", unauthorized, "the role Project Owner of this project."),
            (Method::GET, "/orgs/{orgId}/teams/byName/{teamName}", unauthorized, "the role Organization Member."),
            (Method::POST, "/groups", Some("NOT_ORG_OWNER"), "the role Organization Owner."),
            (Method::GET, "/groups/{groupId}", Some("IP_ADDRESS_NOT_ON_ACCESS_LIST"), "Put this address on the API"),
            (Method::GET, "/groups/{groupId}", Some("ORG_REQUIRES_ACCESS_LIST"), "an API access list that has"),
            (Method::POST, "/groups/{groupId}/clusters", Some("FEATURE_UNSUPPORTED"), "plan of the organization"),
        ] {
            let sentence = said(method, template, 403, code);
            assert!(sentence.contains(says), "{code:?}: {sentence}");
            let names_role = sentence.contains("the role");
            assert_eq!(names_role, says.contains("the role"), "one way out and no other: {sentence}");
        }
    }

    #[test]
    fn a_denial_without_a_reason_may_come_from_something_on_the_way() {
        let template = "/groups/{groupId}";
        assert!(said(Method::GET, template, 403, None).contains("proxy or a firewall"));
        assert_eq!(said(Method::GET, template, 401, None), " Put a valid key in Secret shop/key.");
        assert_eq!(said(Method::GET, template, 503, None), "");
    }
}
