//! Headers, compared with those of the recordings.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use super::bench::{Bench, FIRST};
use crate::replay::corpus;

/// Headers that say something about a connection or its recorder and nothing about the API.
const TRANSPORT: [&str; 3] = ["connection", "content-length", "x-xgen-up-proto"];

/// Headers of every answer that the recorder left out.
const UNRECORDED: [&str; 3] = ["server", "strict-transport-security", "referrer-policy"];

/// Method, path with placeholders and version.
type Call = (String, String, String);

/// The sets of header names that each call and status was recorded with.
type Recordings = BTreeMap<(Call, u64), Vec<BTreeSet<String>>>;

/// The recordings of the Terraform provider have no headers, and are passed over.
fn recordings() -> Option<Recordings> {
    let Some(folder) = corpus::folder() else {
        println!("skipped: no recordings; ATLAS_API_DATA is not set and there are none beside the repository");
        return None;
    };
    let mut found = Recordings::new();
    for line in fs::read_to_string(folder.join("recorded.jsonl")).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let names = record["response_headers"].as_object().unwrap().keys();
        let names: BTreeSet<_> = names.filter(|name| !TRANSPORT.contains(&name.as_str())).cloned().collect();
        if !names.is_empty() {
            let path = text("path").replace("/api/atlas/v2", "");
            let call = ((text("method"), path, text("api_version")), record["status"].as_u64().unwrap());
            found.entry(call).or_default().push(names);
        }
    }
    Some(found)
}

#[tokio::test]
async fn answers_have_the_headers_that_were_recorded() {
    let Some(recordings) = recordings() else { return };
    let bench = Bench::start(&[]).await;
    let project = bench.project("bench").await;
    let user = json!({
        "databaseName": "admin", "groupId": project, "username": "reader", "password": "correct horse battery",
        "roles": [{"roleName": "read", "databaseName": "orders"}],
    });
    let cluster = json!({
        "name": "orders", "clusterType": "REPLICASET",
        "replicationSpecs": [{"regionConfigs": [{
            "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
            "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
        }]}],
    });
    let protected = json!({"terminationProtectionEnabled": true});
    let role = json!({"roleName": "role", "inheritedRoles": [{"role": "read", "db": "orders"}]});
    let flex = json!({"name": "small", "providerSettings": {"backingProviderName": "AWS", "regionName": "US_EAST_1"}});
    let (group, clusters, users) =
        ("/groups/{groupId}", "/groups/{groupId}/clusters", "/groups/{groupId}/databaseUsers");
    let one_cluster = "/groups/{groupId}/clusters/{clusterName}";
    let one_user = "/groups/{groupId}/databaseUsers/{databaseName}/{username}";
    let (flexes, one_flex) = ("/groups/{groupId}/flexClusters", "/groups/{groupId}/flexClusters/{name}");
    let (roles, one_role) =
        ("/groups/{groupId}/customDBRoles/roles", "/groups/{groupId}/customDBRoles/roles/{roleName}");
    let certificates = "/groups/{groupId}/databaseUsers/{username}/certs";
    let managed = json!({
        "databaseName": "$external", "groupId": project, "username": "reader", "x509Type": "MANAGED",
        "roles": [{"roleName": "read", "databaseName": "orders"}],
    });
    let team = json!({"name": "readers", "usernames": ["somebody@example.com"]});
    let calls = [
        ("GET", "/orgs", FIRST, Value::Null, 200),
        ("POST", "/groups", FIRST, json!({"name": "one", "orgId": bench.orgs[0]["id"]}), 201),
        ("GET", group, FIRST, Value::Null, 200),
        ("GET", "/groups/{groupId}/settings", FIRST, Value::Null, 200),
        ("PATCH", "/groups/{groupId}/settings", FIRST, json!({"isSchemaAdvisorEnabled": false}), 200),
        ("POST", "/groups/{groupId}/accessList", FIRST, json!([{"ipAddress": "203.0.113.7"}]), 201),
        ("GET", "/groups/{groupId}/accessList", FIRST, Value::Null, 200),
        ("POST", users, FIRST, user, 201),
        ("GET", users, FIRST, Value::Null, 200),
        ("DELETE", one_user, FIRST, Value::Null, 204),
        ("POST", roles, FIRST, role, 202),
        ("GET", one_role, FIRST, Value::Null, 200),
        ("DELETE", one_role, FIRST, Value::Null, 204),
        ("PATCH", "/groups/{groupId}/maintenanceWindow", "", json!({"dayOfWeek": 1}), 200),
        ("GET", "/groups/{groupId}/maintenanceWindow", FIRST, Value::Null, 200),
        ("DELETE", "/groups/{groupId}/maintenanceWindow", "", Value::Null, 204),
        ("PATCH", "/groups/{groupId}/awsCustomDNS", FIRST, json!({"enabled": true}), 202),
        ("GET", "/groups/{groupId}/awsCustomDNS", FIRST, Value::Null, 200),
        ("POST", users, FIRST, managed, 201),
        ("POST", certificates, FIRST, json!({}), 201),
        ("GET", certificates, FIRST, Value::Null, 200),
        ("POST", "/orgs/{orgId}/teams", FIRST, team, 201),
        ("GET", one_cluster, "2024-08-05", Value::Null, 404),
        ("POST", clusters, "2024-10-23", cluster, 201),
        ("GET", one_cluster, "2023-02-01", Value::Null, 200),
        ("GET", one_cluster, "2024-08-05", Value::Null, 200),
        ("PATCH", one_cluster, "2024-10-23", protected, 200),
        ("GET", one_flex, "2024-11-13", Value::Null, 404),
        ("POST", flexes, "2024-11-13", flex, 201),
        ("GET", one_flex, "2024-11-13", Value::Null, 200),
        ("DELETE", one_flex, "2024-11-13", Value::Null, 204),
    ];
    let names = [
        ("{groupId}", project.as_str()),
        ("{orgId}", bench.orgs[0]["id"].as_str().unwrap()),
        ("{clusterName}", "orders"),
        ("{databaseName}", "admin"),
        ("{username}", "reader"),
        ("{roleName}", "role"),
        ("{name}", "small"),
    ];
    let mut compared = 0;
    for (method, template, version, body, status) in calls {
        let path = names.iter().fold(template.to_owned(), |path, (name, value)| path.replace(name, value));
        // Answers without a body were recorded without a version.
        let asked = if version.is_empty() { FIRST } else { version };
        let answer = bench.call(method, &path, asked, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        let key = ((method.to_owned(), template.to_owned(), version.to_owned()), u64::from(status));
        let Some(recorded) = recordings.get(&key) else { continue };
        let ours: BTreeSet<String> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
        for name in UNRECORDED {
            assert!(ours.contains(name), "{name}");
        }
        let ours = ours.into_iter().filter(|name| ![&TRANSPORT[..], &UNRECORDED[..]].concat().contains(&name.as_str()));
        let ours: BTreeSet<String> = ours.collect();
        assert!(recorded.contains(&ours), "{key:?}\n  ours     {ours:?}\n  recorded {:?}", recorded[0]);
        compared += 1;
    }
    println!("headers: {compared} kinds of answer have the names that were recorded");
    assert!(compared >= 15, "{compared} of the calls were recorded with headers");
}
