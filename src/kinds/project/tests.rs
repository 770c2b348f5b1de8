#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::kind::Lookup;

fn spec(yaml: &str) -> AtlasProjectSpec {
    serde_saphyr::from_str(yaml).unwrap()
}

fn given() -> Given {
    Given {
        org_id: "32b6e34b3d91647abb20e7b8".into(),
        found: [("team Support".to_owned(), "6a79401b2c88faeba59be48c".to_owned())].into(),
        ..Given::default()
    }
}

fn all_parts(yaml: &str) -> Result<Vec<Part>, Invalid> {
    spec(yaml).parts(&given())
}

/// The parts that the spec says anything about.
fn parts(yaml: &str) -> Vec<Part> {
    let mut parts = all_parts(yaml).unwrap();
    parts.retain(|part| part.declared);
    parts
}

fn part(yaml: &str, name: &str) -> Part {
    parts(yaml).into_iter().find(|part| part.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn the_group_is_its_name_and_tags_and_is_made_in_the_organization_of_the_credentials() {
    let parts = parts("{name: Shop, tags: [{key: team, value: checkout}], allowedNamespaces: [web]}");
    assert_eq!(parts.len(), 1, "what the spec does not mention is not managed");
    assert_eq!(parts[0].desired, json!({"name": "Shop", "tags": [{"key": "team", "value": "checkout"}]}));
    assert_eq!(parts[0].at_creation, json!({"orgId": "32b6e34b3d91647abb20e7b8"}));
    assert_eq!(parts[0].query_at_creation, []);
    assert_eq!(parts[0].slots["name"], "Shop");
}

#[test]
fn what_only_the_creation_takes_is_in_its_body_and_its_query() {
    let yaml = "
name: Shop
projectOwnerId: 5a0a1e7e0f2912c554080adc
withDefaultAlertsSettings: false
regionUsageRestrictions: GOV_REGIONS_ONLY";
    let group = part(yaml, "group");
    let expected =
        json!({"name": "Shop", "withDefaultAlertsSettings": false, "regionUsageRestrictions": "GOV_REGIONS_ONLY"});
    assert_eq!(group.desired, expected);
    assert_eq!(group.query_at_creation, [("projectOwnerId", "5a0a1e7e0f2912c554080adc".to_owned())]);
    for field in ["withDefaultAlertsSettings", "regionUsageRestrictions"] {
        assert!(group.route.has(field, |policy| matches!(policy, Policy::Immutable)), "{field}");
    }
}

#[test]
fn a_project_with_an_id_is_never_created() {
    let yaml = "{name: Shop, projectId: 6a793feb2c88faeba59bd8f6}";
    assert_eq!(spec(yaml).needs().home, Home::Existing("6a793feb2c88faeba59bd8f6".to_owned()));
    let group = part(yaml, "group");
    assert!(matches!(group.route.create, Create::Never { path: "spec.projectId", .. }));
    assert!(group.route.find.is_none(), "another project of the name is another project");
    assert_eq!(group.desired, json!({"name": "Shop"}));
    assert!(matches!(part("{name: Shop}", "group").route.create, Create::Post(_)));
}

#[test]
fn each_section_is_a_document_of_its_own() {
    let yaml = "
name: Shop
settings: {isDataExplorerGenAIFeaturesEnabled: false, isDataExplorerGenAISampleDocumentPassingEnabled: false}
limits: [{name: atlas.project.deployment.clusters, value: 30}]
ipAccessList: [{cidrBlock: 203.0.113.0/24, comment: office}]
maintenanceWindow: {dayOfWeek: 1, hourOfDay: 0, protectedHours: {startHourOfDay: 8, endHourOfDay: 18}}
auditing: {enabled: true, auditFilter: '{}'}
teams: [{teamId: 6a79401b2c88faeba59be48d, roleNames: [GROUP_OWNER]}]";
    let desired: Vec<_> = parts(yaml).into_iter().skip(1).map(|part| (part.name, part.desired)).collect();
    let expected = [
        (
            "settings",
            json!({
                "isDataExplorerGenAIFeaturesEnabled": false,
                "isDataExplorerGenAISampleDocumentPassingEnabled": false,
            }),
        ),
        ("limits", json!([{"name": "atlas.project.deployment.clusters", "value": 30}])),
        ("ipAccessList", json!([{"cidrBlock": "203.0.113.0/24", "comment": "office"}])),
        (
            "maintenanceWindow",
            json!({"dayOfWeek": 1, "hourOfDay": 0, "protectedHours": {"startHourOfDay": 8, "endHourOfDay": 18}}),
        ),
        ("auditing", json!({"enabled": true, "auditFilter": "{}"})),
        ("teams", json!([{"teamId": "6a79401b2c88faeba59be48d", "roleNames": ["GROUP_OWNER"]}])),
    ];
    assert_eq!(desired, expected);
    assert!(part(yaml, "ipAccessList").route.serial);
}

#[test]
fn a_list_that_the_spec_does_not_mention_is_there_for_what_was_ours() {
    assert!(part("{name: Shop, ipAccessList: []}", "ipAccessList").declared, "an empty list is a list");
    let all = all_parts("{name: Shop}").unwrap();
    let rest: Vec<_> = all.iter().skip(1).map(|part| (part.name, part.declared, part.desired.clone())).collect();
    assert_eq!(rest, ["limits", "ipAccessList", "teams"].map(|name| (name, false, json!([]))));
}

#[test]
fn the_access_list_is_the_whole_list_when_it_is_exclusive() {
    assert!(!part("{name: Shop, ipAccessList: []}", "ipAccessList").exclusive);
    assert!(part("{name: Shop, ipAccessList: [], ipAccessListExclusive: true}", "ipAccessList").exclusive);
}

#[test]
fn one_address_in_two_spellings_is_refused_with_its_place() {
    let invalid = all_parts("{name: Shop, ipAccessList: [{ipAddress: 2001:db8::7}, {cidrBlock: 2001:DB8:0::7/128}]}");
    let invalid = invalid.unwrap_err();
    assert_eq!(invalid.path, "spec.ipAccessList[1]");
    assert!(invalid.message.contains("2001:db8::7/128 is listed twice"), "{invalid}");
}

#[test]
fn a_team_is_looked_up_by_its_name_and_known_by_its_id() {
    let yaml = "{name: Shop, teams: [{name: Support, roleNames: [GROUP_READ_ONLY]}]}";
    let lookups = spec(yaml).needs().lookups;
    let [Lookup { key, endpoint, slots, names, field, path }] = &lookups[..] else { panic!("{lookups:?}") };
    assert_eq!((key.as_str(), *field, path.as_str()), ("team Support", "id", "spec.teams[0].name"));
    assert_eq!(endpoint.template, "/orgs/{orgId}/teams/byName/{teamName}");
    assert_eq!((slots["teamName"].as_str(), *names), ("Support", &[("teamName", "name")][..]));
    let expected = json!([{"teamId": "6a79401b2c88faeba59be48c", "roleNames": ["GROUP_READ_ONLY"]}]);
    assert_eq!(part(yaml, "teams").desired, expected);
    let unasked = spec(yaml).parts(&Given::default()).unwrap();
    assert_eq!(unasked.last().unwrap().desired, json!([]), "a deletion asks for no team");
}

#[test]
fn a_team_by_name_and_by_id_is_one_team() {
    let yaml = "
name: Shop
teams:
- {name: Support, roleNames: [GROUP_READ_ONLY]}
- {teamId: 6a79401b2c88faeba59be48c, roleNames: [GROUP_OWNER]}";
    assert_eq!(all_parts(yaml).unwrap_err().path, "spec.teams[1]");
}

#[test]
fn a_filter_of_auditing_that_is_no_json_is_refused() {
    let invalid = all_parts("{name: Shop, auditing: {enabled: true, auditFilter: '{atype: authenticate}'}}");
    assert_eq!(invalid.unwrap_err().path, "spec.auditing.auditFilter");
}

#[test]
fn namespaces_and_credentials_are_told_to_the_engine() {
    let needs = spec("{name: Shop, connectionSecretRef: {name: keys}, allowedNamespaces: [web, jobs]}").needs();
    assert_eq!(needs.home, Home::Organization);
    assert_eq!(needs.credentials.as_deref(), Some("keys"));
    assert_eq!(needs.allowed_namespaces, ["web", "jobs"]);
    assert_eq!(needs.lookups, []);
}
