#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

fn spec(yaml: &str) -> AtlasProjectSpec {
    serde_saphyr::from_str(yaml).unwrap()
}

fn parts(yaml: &str) -> Result<Vec<Part>, Invalid> {
    spec(yaml).parts(&Given { org_id: "32b6e34b3d91647abb20e7b8".into(), ..Given::default() })
}

#[test]
fn the_group_is_its_name_and_tags_and_is_made_in_the_organization_of_the_credentials() {
    let parts = parts("{name: Shop, tags: [{key: team, value: checkout}], allowedNamespaces: [web]}").unwrap();
    assert_eq!(parts.len(), 1, "what the spec does not mention is not managed");
    assert_eq!(parts[0].desired, json!({"name": "Shop", "tags": [{"key": "team", "value": "checkout"}]}));
    assert_eq!(parts[0].at_creation, json!({"orgId": "32b6e34b3d91647abb20e7b8"}));
    assert_eq!(parts[0].slots["name"], "Shop");
}

#[test]
fn settings_and_access_list_are_documents_of_their_own() {
    let yaml = "
name: Shop
settings: {isDataExplorerGenAIFeaturesEnabled: false, isDataExplorerGenAISampleDocumentPassingEnabled: false}
ipAccessList: [{cidrBlock: 203.0.113.0/24, comment: office}]";
    let parts = parts(yaml).unwrap();
    assert_eq!(parts.iter().map(|part| part.name).collect::<Vec<_>>(), ["group", "settings", "ipAccessList"]);
    assert_eq!(
        parts[1].desired,
        json!({
            "isDataExplorerGenAIFeaturesEnabled": false,
            "isDataExplorerGenAISampleDocumentPassingEnabled": false,
        })
    );
    assert_eq!(parts[2].desired, json!([{"cidrBlock": "203.0.113.0/24", "comment": "office"}]));
    assert!(parts[2].route.serial);
}

#[test]
fn an_empty_access_list_is_managed_and_an_absent_one_is_not() {
    assert_eq!(parts("{name: Shop, ipAccessList: []}").unwrap()[1].desired, json!([]));
    assert_eq!(parts("{name: Shop}").unwrap().len(), 1);
}

#[test]
fn entries_are_known_by_one_spelling_of_their_address() {
    let key = |entry: Value| entry_key(&entry);
    let one = "198.51.100.7/32";
    assert_eq!(key(json!({"ipAddress": "198.51.100.7"})), one);
    assert_eq!(key(json!({"cidrBlock": "198.51.100.7/32"})), one);
    assert_eq!(key(json!({"ipAddress": "198.51.100.7", "cidrBlock": "198.51.100.7/32", "comment": "x"})), one);
    assert_eq!(key(json!({"cidrBlock": "2001:DB8:0:0::/32"})), "2001:db8::/32");
    assert_eq!(key(json!({"ipAddress": "2001:0db8::0007"})), "2001:db8::7/128");
    assert_eq!(key(json!({"awsSecurityGroup": "sg-0a1b2c3d"})), "sg-0a1b2c3d");
}

#[test]
fn one_address_in_two_spellings_is_refused_with_its_place() {
    let invalid = parts("{name: Shop, ipAccessList: [{ipAddress: 198.51.100.7}, {cidrBlock: 198.51.100.7/32}]}");
    let invalid = invalid.unwrap_err();
    assert_eq!(invalid.path, "spec.ipAccessList[1]");
    assert!(invalid.message.contains("198.51.100.7/32 is listed twice"), "{invalid}");
}

#[test]
fn spellings_of_a_range_compare_equal_and_ranges_do_not() {
    let same = |one: &str, other: &str| canonical_range(&json!(one)) == canonical_range(&json!(other));
    assert!(same("2001:db8::/32", "2001:0DB8::/32"));
    assert!(same("198.51.100.7", "198.51.100.7/32"));
    assert!(!same("198.51.100.0/24", "198.51.100.0/25"));
    assert_eq!(canonical_range(&Value::Null), Value::Null);
}

#[test]
fn namespaces_and_credentials_are_told_to_the_engine() {
    let needs = spec("{name: Shop, connectionSecretRef: {name: keys}, allowedNamespaces: [web, jobs]}").needs();
    assert_eq!(needs.home, Home::Organization);
    assert_eq!(needs.credentials.as_deref(), Some("keys"));
    assert_eq!(needs.allowed_namespaces, ["web", "jobs"]);
}
