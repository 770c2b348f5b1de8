//! What other people's clients send, as they send it, and what Atlas answered them.
use serde_json::{Value, json};

use super::{CLUSTERS, create, dedicated, done, flex, free, get, refused, seconds, settle, with_idle_cluster};
use crate::bench::{Bench, Call, ORGANIZATION};

const UPGRADE: &str = "/groups/{groupId}/clusters/tenantUpgrade";
const ARGUMENTS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";
const POLICIES: &str = "/orgs/{orgId}/resourcePolicies";
const VALIDATE: &str = "/orgs/{orgId}/resourcePolicies:validate";
const SECURITY: &str = "/groups/{groupId}/userSecurity";
const MAPPING: &str = "/groups/{groupId}/userSecurity/ldap/userToDNMapping";
const VERIFY: &str = "/groups/{groupId}/userSecurity/ldap/verify";
const VERIFICATION: &str = "/groups/{groupId}/userSecurity/ldap/verify/{requestId}";
const ROLES: &str = "/groups/{groupId}/customDBRoles/roles";
const ROLE: &str = "/groups/{groupId}/customDBRoles/roles/{roleName}";

#[test]
fn backup_brings_no_continuous_backup() {
    let mut bench = Bench::new(1);
    let mut body = dedicated("orders");
    body["backupEnabled"] = json!(true);
    for version in [None, Some("2023-02-01")] {
        body["name"] = json!(format!("orders-{}", version.unwrap_or("newest")));
        let created = done(&mut bench, create(body.clone()).version(version));
        assert_eq!((&created["backupEnabled"], &created["pitEnabled"]), (&json!(true), &json!(false)), "{version:?}");
    }
    // The command line's `--backup` sends both.
    body["name"] = json!("both");
    body["pitEnabled"] = json!(true);
    assert_eq!(done(&mut bench, create(body))["pitEnabled"], true);
}

#[test]
fn an_upgrade_without_words_on_it_has_disks_that_grow_and_no_continuous_backup() {
    let mut bench = with_idle_cluster(free("orders"));
    let settings = json!({"instanceSizeName": "M40_NVME", "providerName": "AWS", "regionName": "US_EAST_1"});
    let body = json!({"name": "orders", "providerBackupEnabled": true, "providerSettings": settings});
    done(&mut bench, Call::new("POST", UPGRADE).body(body));
    let region = |cluster: &Value| cluster["replicationSpecs"][0]["regionConfigs"][0].clone();
    bench.wait(super::CLUSTER, "orders", |cluster| region(cluster)["providerName"] == "AWS").unwrap();
    settle(&mut bench, "orders");
    let cluster = done(&mut bench, get("orders"));
    let region = region(&cluster);
    assert_eq!((&cluster["backupEnabled"], &cluster["pitEnabled"]), (&json!(true), &json!(false)));
    assert_eq!(region["autoScaling"]["diskGB"]["enabled"], true);
    let nodes = &region["electableSpecs"];
    assert_eq!(
        (&nodes["diskIOPS"], &nodes["diskSizeGB"], &nodes["ebsVolumeType"]),
        (&json!(135_125), &json!(380.0), &json!("PROVISIONED"))
    );
}

#[test]
fn a_free_cluster_shows_the_ciphers_that_others_begin_with() {
    let mut bench = with_idle_cluster(free("orders"));
    let arguments =
        done(&mut bench, Call::new("GET", ARGUMENTS).param("clusterName", "orders").version(Some("2024-08-05")));
    assert_eq!(arguments["customOpensslCipherConfigTls12"], json!([]));
    assert_eq!(arguments["minimumEnabledTlsProtocol"], "TLS1_2");
    assert_eq!(arguments["tlsCipherConfigMode"], "DEFAULT");
    assert_eq!(arguments["defaultMaxTimeMS"], Value::Null);
}

#[test]
fn a_policy_can_be_validated_though_one_of_its_name_exists() {
    let mut bench = Bench::new(1);
    let policy = json!({"name": "no-aws", "policies": [{"body": "forbid (principal, action, resource);"}]});
    let on = |path, body: &Value| Call::new("POST", path).param("orgId", ORGANIZATION).body(body.clone());
    done(&mut bench, on(POLICIES, &policy));
    let (status, validated) = bench.call(on(VALIDATE, &policy));
    assert_eq!((status, &validated["name"]), (200, &policy["name"]));
    assert_eq!(refused(&mut bench, on(POLICIES, &policy)), (400, "DUPLICATE_POLICY_NAME".to_owned()));
}

/// What the command line sends when nothing is said about query and certificate.
fn verification(host: &str) -> Value {
    json!({"authzQueryTemplate": "", "bindPassword": "admin", "bindUsername": "cn=admin,dc=example,dc=org",
        "caCertificate": "", "hostname": host, "port": 19657})
}

#[test]
fn a_verification_shows_an_empty_template_and_no_empty_certificate() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let asked = done(&mut bench, Call::new("POST", VERIFY).body(verification("ldap.invalid")));
    let expected = json!({"authzQueryTemplate": "", "bindUsername": "cn=admin,dc=example,dc=org",
        "hostname": "ldap.invalid", "port": 19657});
    assert_eq!(asked["request"], expected);
    seconds(&mut bench, 300);
    let id = asked["requestId"].as_str().unwrap();
    let ended = done(&mut bench, Call::new("GET", VERIFICATION).param("requestId", id));
    assert_eq!((&ended["request"], &ended["status"]), (&expected, &json!("FAILED")));
    assert_eq!(ended["validations"], json!([{"status": "FAIL", "validationType": "CONNECT"}]));
}

#[test]
fn a_configuration_leaves_an_empty_template_out() {
    let mut bench = Bench::new(1);
    let ldap = json!({"authenticationEnabled": true, "authorizationEnabled": false, "authzQueryTemplate": "",
        "bindPassword": "admin", "bindUsername": "cn=admin,dc=example,dc=org", "caCertificate": "",
        "hostname": "ldap.example.org", "port": 19657, "userToDNMapping": [{"match": "(.+)@EXAMPLE.ORG"}]});
    let changed = done(&mut bench, Call::new("PATCH", SECURITY).body(json!({"ldap": ldap})));
    let read = done(&mut bench, Call::new("GET", SECURITY));
    let removed = done(&mut bench, Call::new("DELETE", MAPPING));
    for shown in [changed, read, removed] {
        assert_eq!(shown["ldap"]["hostname"], "ldap.example.org");
        assert_eq!((shown["ldap"].get("authzQueryTemplate"), shown["ldap"].get("caCertificate")), (None, None));
    }
}

#[test]
fn an_action_on_the_cluster_has_no_database() {
    let mut bench = Bench::new(1);
    let action = |resource: Value| json!({"actions": [{"action": "LIST_SESSIONS", "resources": [resource]}]});
    let mut role = action(json!({"cluster": true, "db": "", "collection": ""}));
    role["roleName"] = json!("sessions");
    let created = done(&mut bench, Call::new("POST", ROLES).body(role.clone()));
    let body = action(json!({"cluster": true, "db": "", "collection": ""}));
    let changed = done(&mut bench, Call::new("PATCH", ROLE).param("roleName", "sessions").body(body));
    for shown in [created, changed] {
        assert_eq!(shown["actions"][0]["resources"], json!([{"cluster": true}]));
    }
    let nowhere =
        Call::new("PATCH", ROLE).param("roleName", "sessions").body(action(json!({"cluster": false, "db": ""})));
    assert_eq!(refused(&mut bench, nowhere).0, 400);
}

#[test]
fn some_flex_clusters_do_not_say_at_once_what_they_are_called() {
    let mut bench = Bench::new(1);
    bench
        .prepare(
            Call::new("PATCH", "/groups/{groupId}/limits/{limitName}")
                .param("limitName", "atlas.project.deployment.clusters")
                .body(json!({"value": 100})),
        )
        .unwrap();
    let mut unnamed = 0;
    for number in 0..100 {
        let name = format!("flex-{number}");
        let created = done(&mut bench, Call::new("POST", super::FLEX_CLUSTERS).body(flex(&name)));
        unnamed += usize::from(created["connectionStrings"] == json!({}));
        if number == 0 {
            bench.wait(super::FLEX, &name, |flex| flex["stateName"] == "IDLE").unwrap();
            let idle = done(&mut bench, Call::new("GET", super::FLEX).param("name", &name));
            assert!(idle["connectionStrings"]["standardSrv"].is_string());
        }
    }
    assert!((2..20).contains(&unnamed), "{unnamed} of 100; 2 of 27 were recorded");
}

#[test]
fn a_cluster_of_the_free_kind_has_no_network() {
    let mut bench = with_idle_cluster(free("orders"));
    assert_eq!(done(&mut bench, Call::new("GET", CLUSTERS))["totalCount"], 1);
    assert_eq!(done(&mut bench, Call::new("GET", "/groups/{groupId}/containers/all"))["totalCount"], 0);
}
