//! Makes the smallest spec of what Atlas reports of a project: what somebody chose, and nothing that Atlas makes by
//! itself.
use serde_json::{Map, Value, json};

use super::{limits, settings};
use crate::kind::Documents;

/// A section of the spec, and how it is made of the part of the same name.
type Section = (&'static str, fn(&Value) -> Value);

/// The spec, from the documents by part name. Without the group there is none.
pub(super) fn spec(observed: &Documents) -> Value {
    let Some(group) = observed.get("group") else { return Value::Null };
    let mut spec = pick(group, &["name", "regionUsageRestrictions"]);
    spec.extend(unless(group, "withDefaultAlertsSettings", &json!(true)));
    spec.extend(unless(group, "tags", &json!([])));
    let sections: [Section; 6] = [
        ("settings", chosen_settings),
        ("limits", chosen_limits),
        ("ipAccessList", access_list),
        ("maintenanceWindow", maintenance_window),
        ("auditing", auditing),
        ("teams", |teams| items(teams).iter().map(|team| pick(team, &["teamId", "roleNames"])).collect()),
    ];
    for (section, make) in sections {
        let made = observed.get(section).map(make).filter(|made| !is_empty(made));
        spec.extend(made.map(|made| (section.to_owned(), made)));
    }
    Value::Object(spec)
}

fn chosen_settings(document: &Value) -> Value {
    let chosen = settings::DEFAULTS.iter().filter_map(|(name, default)| unless(document, name, &json!(default)));
    Value::Object(chosen.collect())
}

fn chosen_limits(list: &Value) -> Value {
    items(list).iter().filter(|limit| !limits::is_default(limit)).map(|limit| pick(limit, &["name", "value"])).collect()
}

/// Atlas reports one address as a range too; people write it as an address.
fn access_list(list: &Value) -> Value {
    let entry = |entry: &Value| {
        let address = ["awsSecurityGroup", "ipAddress", "cidrBlock"].into_iter().find(|name| entry[*name].is_string());
        let mut made = pick(entry, &[address.unwrap_or_default(), "deleteAfterDate"]);
        made.extend(unless(entry, "comment", &json!("")));
        made
    };
    items(list).iter().map(entry).collect()
}

/// A project without a window has none to declare; Atlas shows it without a day, or as day 0.
fn maintenance_window(document: &Value) -> Value {
    if document["dayOfWeek"].as_i64().is_none_or(|day| day < 1) {
        return Value::Null;
    }
    let mut window = pick(document, &["dayOfWeek", "hourOfDay", "protectedHours"]);
    window.extend(unless(document, "autoDeferOnceEnabled", &json!(false)));
    Value::Object(window)
}

/// Auditing that was never switched on has nothing but its switch.
fn auditing(document: &Value) -> Value {
    let mut auditing = Map::new();
    auditing.extend(unless(document, "auditFilter", &json!("")));
    auditing.extend(unless(document, "auditAuthorizationSuccess", &json!(false)));
    if document["enabled"] != true && auditing.is_empty() {
        return Value::Null;
    }
    auditing.insert("enabled".to_owned(), json!(document["enabled"] == true));
    Value::Object(auditing)
}

/// The named fields, as far as they are there.
fn pick(document: &Value, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| unless(document, name, &Value::Null)).collect()
}

/// A field with its value, unless it is absent or as Atlas makes it.
fn unless(document: &Value, name: &str, default: &Value) -> Option<(String, Value)> {
    let value = document.get(name)?;
    (!value.is_null() && value != default).then(|| (name.to_owned(), value.clone()))
}

/// The entries of a list, be it bare or a page of results.
fn items(list: &Value) -> &[Value] {
    list.as_array().or_else(|| list["results"].as_array()).map_or(&[][..], Vec::as_slice)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => value.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_atlas_makes_by_itself_is_in_no_spec() {
        let observed = Documents::from([
            ("group", json!({"name": "Shop", "tags": [], "withDefaultAlertsSettings": true, "clusterCount": 3})),
            ("settings", settings::DEFAULTS.map(|(name, value)| (name.to_owned(), json!(value))).into_iter().collect()),
            ("limits", json!([{"name": "atlas.project.deployment.clusters", "value": 25, "defaultLimit": 25}])),
            ("ipAccessList", json!({"results": [], "totalCount": 0})),
            ("maintenanceWindow", json!({"dayOfWeek": 0, "hourOfDay": 0, "startASAP": false})),
            ("auditing", json!({"enabled": false, "auditAuthorizationSuccess": false, "configurationType": "NONE"})),
            ("teams", json!([])),
        ]);
        assert_eq!(spec(&observed), json!({"name": "Shop"}));
        assert_eq!(spec(&Documents::new()), Value::Null);
    }

    #[test]
    fn what_somebody_chose_is_in_the_spec() {
        let observed = Documents::from([
            (
                "group",
                json!({"name": "Shop", "tags": [{"key": "a", "value": "b"}], "withDefaultAlertsSettings": false}),
            ),
            ("settings", json!({"isDataExplorerEnabled": false, "isSchemaAdvisorEnabled": true})),
            (
                "limits",
                json!([
                    {"name": "atlas.project.deployment.clusters", "value": 30, "defaultLimit": 25, "currentUsage": 1},
                    {"name": "dataFederation.bytesProcessed.query", "value": 7},
                ]),
            ),
            (
                "ipAccessList",
                json!({"results": [
                    {"ipAddress": "198.51.100.7", "cidrBlock": "198.51.100.7/32", "comment": "", "groupId": "x"},
                    {"cidrBlock": "203.0.113.0/24", "comment": "office"},
                    {"awsSecurityGroup": "sg-0a1b2c3d"},
                ]}),
            ),
            ("maintenanceWindow", json!({"dayOfWeek": 1, "hourOfDay": 0, "autoDeferOnceEnabled": false})),
            ("auditing", json!({"enabled": true, "auditFilter": "{}", "configurationType": "FILTER_JSON"})),
            ("teams", json!([{"teamId": "t", "roleNames": ["GROUP_OWNER"], "links": []}])),
        ]);
        let expected = json!({
            "name": "Shop",
            "tags": [{"key": "a", "value": "b"}],
            "withDefaultAlertsSettings": false,
            "settings": {"isDataExplorerEnabled": false},
            "limits": [
                {"name": "atlas.project.deployment.clusters", "value": 30},
                {"name": "dataFederation.bytesProcessed.query", "value": 7},
            ],
            "ipAccessList": [
                {"ipAddress": "198.51.100.7"},
                {"cidrBlock": "203.0.113.0/24", "comment": "office"},
                {"awsSecurityGroup": "sg-0a1b2c3d"},
            ],
            "maintenanceWindow": {"dayOfWeek": 1, "hourOfDay": 0},
            "auditing": {"enabled": true, "auditFilter": "{}"},
            "teams": [{"teamId": "t", "roleNames": ["GROUP_OWNER"]}],
        });
        assert_eq!(spec(&observed), expected);
    }

    #[test]
    fn a_filter_that_waits_for_its_switch_is_kept() {
        let auditing = auditing(&json!({"enabled": false, "auditFilter": "{}"}));
        assert_eq!(auditing, json!({"enabled": false, "auditFilter": "{}"}));
    }
}
