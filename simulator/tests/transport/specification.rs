//! Validation against the official OpenAPI document, where it is at hand.
use std::path::PathBuf;

use atlas_simulator::api::Method;
use atlas_simulator::families;
use atlas_simulator::http::handlers::anonymous;
use atlas_simulator::openapi::Specification;
use atlas_simulator::openapi::deviations::{Allow, FIELDS, STATUSES, specified_status};
use serde_json::{Value, json};

use super::bench::{Bench, FIRST};
use crate::replay::corpus;

const NEW: &str = "2024-08-05";
const FLEX: &str = "2024-11-13";
const NEWEST: &str = "2024-10-23";

fn document() -> Option<PathBuf> {
    let found = corpus::folder().map(|folder| folder.join("openapi.yaml"));
    if found.is_none() {
        println!("skipped: no OpenAPI document; ATLAS_API_DATA is not set and there is none beside the repository");
    }
    found
}

#[test]
fn recorded_answers_break_the_specification_only_where_it_is_known() {
    let Some(path) = document() else { return };
    let specification = Specification::load(&path).unwrap();
    let served: Vec<_> = families::operations().iter().map(|it| (it.method.as_str(), anonymous(it.path))).collect();
    let (mut checked, mut wrong) = (0, Vec::new());
    for record in corpus::load(&corpus::folder().unwrap()) {
        let served =
            served.iter().any(|(method, path)| *method == record.method && *path == anonymous(record.template()));
        let asked = served && record.status < 300 && record.excluded().is_none();
        let (Some(version), true) = (record.api_version.as_deref(), asked) else { continue };
        let body = Some(&record.response_body).filter(|body| !body.is_null());
        let method = [Method::Get, Method::Post, Method::Patch, Method::Put, Method::Delete];
        let method = method.into_iter().find(|method| method.as_str() == record.method).unwrap();
        checked += 1;
        for finding in specification.check_answer(method, record.template(), version, record.status, body) {
            wrong.push(format!("{} {}: {} {}", record.label(), record.test, finding.at, finding.message));
        }
    }
    assert!(checked > 100, "{checked} answers");
    assert!(wrong.is_empty(), "of {checked} recorded answers:\n{}", wrong.join("\n"));
}

#[test]
fn every_deviation_is_one() {
    let Some(path) = document() else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_saphyr::from_str(&text).unwrap();
    for deviation in FIELDS {
        let name = format!("{}.{}", deviation.schema, deviation.field);
        let schema = &document["components"]["schemas"][deviation.schema];
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let has_field = |part: &&Value| part["properties"].get(deviation.field).is_some();
        let schema = parts.into_iter().find(has_field).unwrap_or(schema);
        let field = schema["properties"].as_object().unwrap_or_else(|| panic!("no {name}")).get(deviation.field);
        assert!(!deviation.reason.is_empty());
        match deviation.allow {
            Allow::Null => assert_ne!(field.unwrap()["nullable"], true, "{name} may be null"),
            Allow::Value(value) => {
                assert!(!field.unwrap()["enum"].as_array().unwrap().contains(&json!(value)), "{name}");
            }
            Allow::AnyText => {
                let listed = field.unwrap()["enum"].is_array();
                let pattern = field.unwrap()["pattern"].as_str();
                let pattern = pattern.is_some_and(|pattern| !pattern.contains(' '));
                let formed = field.unwrap()["format"].is_string();
                assert!(listed || pattern || formed, "{name} is any text already");
            }
            Allow::AnyNumber => {
                assert!(["minimum", "maximum"].iter().any(|bound| field.unwrap().get(bound).is_some()), "{name}");
            }
            Allow::Absent => {
                assert!(schema["required"].as_array().unwrap().contains(&json!(deviation.field)), "{name}");
            }
            Allow::Answered => assert_eq!(field.unwrap()["writeOnly"], true, "{name} may be answered"),
            Allow::Field => assert!(field.is_none_or(|field| field.get("items").is_some()), "{name} is specified"),
        }
    }
    for known in &STATUSES {
        let path = format!("/api/atlas/v2{}", known.path);
        let responses = &document["paths"][path][known.method.as_str().to_lowercase()]["responses"];
        assert!(
            responses.get(known.specified.to_string()).is_some() && responses.get(known.real.to_string()).is_none()
        );
        assert_eq!(specified_status(known.method, known.path, known.real), known.specified);
    }
}

/// A flow through every family that is served.
async fn live(bench: &Bench) {
    let project = bench.project("one").await;
    let org = bench.orgs[0]["id"].as_str().unwrap();
    let below = |path: &str| format!("/groups/{project}{path}");
    let mut calls = vec![
        ("GET", "/orgs".to_owned(), FIRST, Value::Null),
        ("GET", format!("/orgs/{org}"), FIRST, Value::Null),
        ("GET", "/groups?itemsPerPage=1&pageNum=1&includeCount=false".to_owned(), FIRST, Value::Null),
        ("GET", below(""), FIRST, Value::Null),
        ("PATCH", below(""), FIRST, json!({"tags": [{"key": "team", "value": "checkout"}]})),
        ("GET", below("/settings"), FIRST, Value::Null),
        ("PATCH", below("/settings"), FIRST, json!({"isSchemaAdvisorEnabled": false})),
        ("POST", below("/accessList"), FIRST, json!([{"cidrBlock": "203.0.113.0/24", "comment": "office"}])),
        ("GET", below("/accessList"), FIRST, Value::Null),
        ("DELETE", below("/accessList/203.0.113.0%2F24"), FIRST, Value::Null),
        (
            "POST",
            below("/databaseUsers"),
            FIRST,
            json!({
                "databaseName": "admin", "groupId": project, "username": "reader", "password": "correct horse battery",
                "roles": [{"roleName": "read", "databaseName": "orders"}],
            }),
        ),
        ("GET", below("/databaseUsers"), FIRST, Value::Null),
        ("GET", below("/databaseUsers/admin/reader"), FIRST, Value::Null),
        ("DELETE", below("/databaseUsers/admin/reader"), FIRST, Value::Null),
        ("GET", below("/limits"), FIRST, Value::Null),
        ("GET", below("/customDBRoles/roles"), FIRST, Value::Null),
        (
            "POST",
            below("/clusters"),
            NEWEST,
            json!({
                "name": "orders", "clusterType": "REPLICASET",
                "replicationSpecs": [{"regionConfigs": [{
                    "providerName": "AWS", "regionName": "EU_WEST_1", "priority": 7,
                    "electableSpecs": {"instanceSize": "M10", "nodeCount": 3},
                }]}],
            }),
        ),
        ("GET", below("/clusters"), NEW, Value::Null),
        ("GET", below("/clusters"), "2023-02-01", Value::Null),
        ("GET", below("/clusters/orders"), NEW, Value::Null),
        ("GET", below("/clusters/orders/processArgs"), NEW, Value::Null),
        ("PATCH", below("/clusters/orders"), NEWEST, json!({"tags": [{"key": "env", "value": "prod"}]})),
    ];
    let flex = json!({"name": "small", "providerSettings": {"backingProviderName": "AWS", "regionName": "US_EAST_1"}});
    calls.push(("POST", below("/flexClusters"), "2024-11-13", flex));
    calls.push(("GET", below("/flexClusters/small"), "2024-11-13", Value::Null));
    for (method, path, version, body) in calls {
        let answer = bench.call(method, &path, version, body).await;
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
    }
    bench.control("POST", "clock/advance", json!({"seconds": 86_400})).await;
    for path in ["/clusters/orders", "/clusters"] {
        assert_eq!(bench.call("GET", &below(path), NEW, Value::Null).await.status, 200);
    }
    assert_eq!(bench.call("DELETE", &below("/clusters/orders"), "2023-02-01", Value::Null).await.status, 202);
    assert_eq!(bench.call("GET", &below("/clusters/none"), NEW, Value::Null).await.status, 404);
}

/// A flow through what becomes of clusters: pins, global writes, sizes that move, upgrades.
async fn changing(bench: &Bench) {
    let project = bench.project("changing").await;
    let below = |path: &str| format!("/groups/{project}{path}");
    let region = |provider: &str, name: &str, size: &str| {
        json!([{"providerName": provider, "regionName": name, "priority": 7,
            "electableSpecs": {"instanceSize": size, "nodeCount": 3}}])
    };
    let tenant = json!([{"providerName": "TENANT", "backingProviderName": "AWS", "regionName": "US_EAST_1",
        "priority": 7, "electableSpecs": {"instanceSize": "M0"}}]);
    let cluster = |name: &str, kind: &str, regions: &Value| json!({"name": name, "clusterType": kind, "replicationSpecs": [{"zoneName": "Zone 1", "regionConfigs": regions}]});
    let flex = json!({"name": "small", "providerSettings": {"backingProviderName": "AWS", "regionName": "US_EAST_1"}});
    let global = cluster("world", "GEOSHARDED", &region("AZURE", "EUROPE_WEST", "M30"));
    let first = [
        ("POST", below("/clusters"), NEWEST, global),
        ("POST", below("/clusters"), NEWEST, cluster("nvme", "SHARDED", &region("AWS", "US_EAST_1", "M30_GEN_2"))),
        ("POST", below("/clusters"), NEWEST, cluster("trial", "REPLICASET", &tenant)),
        ("POST", below("/flexClusters"), FLEX, flex),
    ];
    let namespace = json!({"db": "shop", "collection": "orders", "customShardKey": "customer"});
    let mapping = json!({"customZoneMappings": [{"location": "DE", "zone": "Zone 1"}]});
    let to_flex = json!({"name": "trial", "providerSettings": {"providerName": "FLEX", "instanceSizeName": "FLEX",
        "backingProviderName": "AWS", "regionName": "US_EAST_1"}});
    let to_dedicated = cluster("small", "REPLICASET", &region("GCP", "CENTRAL_US", "M10"));
    let until = json!({"expirationDate": "2026-08-20T00:00:00Z"});
    let then = [
        ("GET", below("/clusters/world/globalWrites"), "2023-01-01", Value::Null),
        ("POST", below("/clusters/world/globalWrites/managedNamespaces"), NEW, namespace),
        ("POST", below("/clusters/world/globalWrites/customZoneMapping"), NEW, mapping),
        ("GET", below("/clusters/world/globalWrites"), "2023-02-01", Value::Null),
        ("GET", below("/clusters/world/globalWrites"), NEW, Value::Null),
        ("DELETE", below("/clusters/world/globalWrites/managedNamespaces?db=shop&collection=orders"), NEW, Value::Null),
        ("DELETE", below("/clusters/world/globalWrites/customZoneMapping"), NEW, Value::Null),
        ("POST", below("/clusters/world:pinFeatureCompatibilityVersion"), "2024-05-30", until),
        ("GET", below("/clusters/world"), NEW, Value::Null),
        ("GET", below("/clusters/nvme"), NEW, Value::Null),
        ("GET", below("/clusters?includeDeletedWithRetainedBackups=true"), NEW, Value::Null),
        ("POST", below("/clusters/world:unpinFeatureCompatibilityVersion"), "2024-05-30", Value::Null),
        ("POST", below("/clusters/tenantUpgrade"), FIRST, to_flex),
        ("POST", below("/flexClusters:tenantUpgrade"), FLEX, to_dedicated),
    ];
    for calls in [first.to_vec(), then.to_vec()] {
        for (method, path, version, body) in calls {
            let answer = bench.call(method, &path, version, body).await;
            assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
        }
        bench.control("POST", "clock/advance", json!({"seconds": 7200})).await;
    }
    for command in [
        ("autoscale", json!({"groupId": project, "cluster": "nvme", "instanceSize": "M40_GEN_2", "diskSizeGB": 90})),
        ("addShard", json!({"groupId": project, "cluster": "nvme"})),
        ("maintain", json!({"groupId": project, "cluster": "world", "repair": true})),
    ] {
        bench.control("POST", command.0, command.1).await;
    }
    for (path, version) in [
        ("/clusters/small", NEW),
        ("/clusters/nvme", NEW),
        ("/clusters/world", "2023-02-01"),
        ("/flexClusters/trial", FLEX),
    ] {
        assert_eq!(bench.call("GET", &below(path), version, Value::Null).await.status, 200, "{path}");
    }
    let retained = below("/clusters/nvme?retainBackups=true");
    assert_eq!(bench.call("DELETE", &retained, "2023-02-01", Value::Null).await.status, 202);
}

/// A flow through the documents that a project has one of, and through what belongs to an organization.
async fn governed(bench: &Bench) {
    let project = bench.project("governed").await;
    let org = bench.orgs[0]["id"].as_str().unwrap();
    let below = |path: &str| format!("/groups/{project}{path}");
    let managed = json!({
        "databaseName": "$external", "groupId": project, "username": "CN=reader", "x509Type": "MANAGED",
        "roles": [{"roleName": "read", "databaseName": "orders"}],
    });
    let security = json!({"ldap": {"hostname": "ldap.example.com", "bindUsername": "CN=bind,DC=example", "port": 636,
        "bindPassword": "correct horse", "userToDNMapping": [{"match": "(.*)"}]}});
    let team = json!({"name": "readers", "usernames": ["somebody@example.com"]});
    let policy = json!({"name": "policy", "policies": [{"body": "permit(principal, action, resource);"}]});
    let other_policy = json!({"name": "other", "policies": policy["policies"]});
    let flex = json!({"name": "small", "providerSettings": {"backingProviderName": "AWS", "regionName": "US_EAST_1"}});
    let calls = [
        ("GET", below("/maintenanceWindow"), FIRST, Value::Null),
        ("PATCH", below("/maintenanceWindow"), FIRST, json!({"dayOfWeek": 7, "hourOfDay": 3})),
        ("GET", below("/maintenanceWindow"), FIRST, Value::Null),
        ("POST", below("/maintenanceWindow/defer"), FIRST, Value::Null),
        ("POST", below("/maintenanceWindow/autoDefer"), FIRST, Value::Null),
        ("DELETE", below("/maintenanceWindow"), FIRST, Value::Null),
        ("PATCH", below("/auditLog"), FIRST, json!({"enabled": true, "auditFilter": "{}"})),
        ("GET", below("/auditLog"), FIRST, Value::Null),
        ("PATCH", below("/awsCustomDNS"), FIRST, json!({"enabled": true})),
        ("PATCH", below("/userSecurity"), FIRST, security),
        ("GET", below("/userSecurity"), FIRST, Value::Null),
        ("DELETE", below("/userSecurity/ldap/userToDNMapping"), FIRST, Value::Null),
        ("DELETE", below("/userSecurity/customerX509"), FIRST, Value::Null),
        ("POST", below("/databaseUsers"), FIRST, managed),
        ("POST", below("/databaseUsers/CN=reader/certs"), FIRST, json!({"monthsUntilExpiration": 3})),
        ("GET", below("/databaseUsers/CN=reader/certs"), FIRST, Value::Null),
        ("POST", format!("/orgs/{org}/teams"), FIRST, team),
        ("GET", format!("/orgs/{org}/teams/byName/readers"), FIRST, Value::Null),
        ("POST", format!("/orgs/{org}/resourcePolicies"), NEW, policy.clone()),
        ("POST", format!("/orgs/{org}/resourcePolicies:validate"), NEW, other_policy),
        ("GET", format!("/orgs/{org}/resourcePolicies"), NEW, Value::Null),
        ("POST", below("/flexClusters"), "2024-11-13", flex),
    ];
    for (method, path, version, body) in calls {
        let answer = bench.call(method, &path, version, body).await;
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
    }
    let policies = format!("/orgs/{org}/resourcePolicies/f0123456789abcdef012345f");
    assert_eq!(bench.call("GET", &policies, NEW, Value::Null).await.status, 404);
    let teams = bench.get(&format!("/orgs/{org}/teams")).await.json();
    let team = teams["results"][0]["id"].as_str().unwrap();
    let assignment = json!([{"teamId": team, "roleNames": ["GROUP_OWNER"]}]);
    let ldap = json!({"hostname": "ldap.invalid", "bindUsername": "CN=bind,DC=example", "port": 636,
        "bindPassword": "correct horse"});
    assert_eq!(bench.call("POST", &below("/teams"), FIRST, assignment).await.status, 200);
    let roles = json!({"teamId": team, "roleNames": ["GROUP_READ_ONLY"]});
    assert_eq!(bench.call("PATCH", &below(&format!("/teams/{team}")), FIRST, roles).await.status, 200);
    let asked = bench.call("POST", &below("/userSecurity/ldap/verify"), FIRST, ldap).await.json();
    bench.control("POST", "clock/advance", json!({"seconds": 130})).await;
    let asked = below(&format!("/userSecurity/ldap/verify/{}", asked["requestId"].as_str().unwrap()));
    assert_eq!(bench.get(&asked).await.json()["status"], "FAILED");
}

/// A flow through what stands beside a cluster, and through the first version of clusters.
async fn beside(bench: &Bench) {
    let project = bench.project("beside").await;
    let org = bench.orgs[0]["id"].as_str().unwrap();
    let below = |path: &str| format!("/groups/{project}{path}");
    let first = json!({"name": "orders", "clusterType": "REPLICASET", "providerBackupEnabled": true,
        "providerSettings": {"providerName": "AWS", "instanceSizeName": "M20", "regionName": "EU_WEST_1"}});
    let container = json!({"providerName": "AZURE", "region": "EUROPE_NORTH", "atlasCidrBlock": "10.8.0.0/21"});
    let everywhere = json!({"providerName": "GCP", "regions": [], "atlasCidrBlock": "10.128.0.0/18"});
    let started = [
        ("GET", format!("/orgs/{org}/users?username=owner@example.com"), "2025-02-19", Value::Null),
        ("GET", below("/users?flattenTeams=true&includeOrgUsers=true"), "2025-02-19", Value::Null),
        ("POST", below("/clusters"), FIRST, first),
        ("GET", below("/containers?providerName=AWS"), FIRST, Value::Null),
        ("POST", below("/containers"), FIRST, container.clone()),
        ("POST", below("/containers"), FIRST, everywhere),
        ("GET", below("/clusters/orders/status"), FIRST, Value::Null),
    ];
    let settled = [
        ("GET", below("/clusters"), FIRST, Value::Null),
        ("PATCH", below("/clusters/orders"), FIRST, json!({"diskSizeGB": 60})),
        ("GET", below("/clusters/orders"), FIRST, Value::Null),
        ("GET", below("/containers/all"), FIRST, Value::Null),
        ("GET", below("/ipAddresses"), FIRST, Value::Null),
        ("GET", below("/processes"), FIRST, Value::Null),
        ("GET", below("/clusters/orders/status"), FIRST, Value::Null),
        ("POST", below("/sampleDatasetLoad/orders"), FIRST, Value::Null),
    ];
    for calls in [started.to_vec(), settled.to_vec()] {
        for (method, path, version, body) in calls {
            let answer = bench.call(method, &path, version, body).await;
            assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
        }
        bench.control("POST", "clock/advance", json!({"seconds": 10_000})).await;
    }
    let all = bench.get(&below("/containers/all")).await.json();
    let azure = all["results"].as_array().unwrap().iter().find(|it| it["providerName"] == "AZURE").unwrap();
    let one = below(&format!("/containers/{}", azure["id"].as_str().unwrap()));
    let mut other_block = container;
    other_block["atlasCidrBlock"] = json!("10.16.0.0/21");
    let process = bench.get(&below("/processes")).await.json()["results"][0]["id"].clone();
    for (method, path, version, body) in [
        ("GET", one.clone(), FIRST, Value::Null),
        ("PATCH", one.clone(), FIRST, other_block),
        ("DELETE", one, FIRST, Value::Null),
        ("GET", below(&format!("/processes/{}", process.as_str().unwrap())), FIRST, Value::Null),
        ("POST", below("/clusters/orders/restartPrimaries"), "2023-02-01", Value::Null),
        ("DELETE", below("/clusters/orders"), FIRST, Value::Null),
    ] {
        let answer = bench.call(method, &path, version, body).await;
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn the_simulator_keeps_to_the_specification_and_breaks_are_listed() {
    let Some(path) = document() else { return };
    let bench = Bench::start(&["--openapi", path.to_str().unwrap(), "--start", "2026-08-10T03:00:00Z"]).await;
    live(&bench).await;
    changing(&bench).await;
    governed(&bench).await;
    beside(&bench).await;
    let violations = bench.control("GET", "violations", Value::Null).await;
    assert_eq!(violations, json!([]), "{violations:#}");

    let project = bench.project("two").await;
    bench.control("PATCH", &format!("resources/groups/{project}"), json!({"created": "yesterday", "colour": 1})).await;
    bench.get(&format!("/groups/{project}?colour=red")).await;
    let violations = bench.control("GET", "violations", Value::Null).await;
    let found: Vec<_> = violations
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["side"].as_str().unwrap(), it["at"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("request", "colour"), ("response", "/created")]);
    bench.control("PATCH", &format!("resources/groups/{project}"), json!({"created": "2026-08-10T03:03:11Z"})).await;
    bench.get(&format!("/groups/{project}")).await;
    let violations = bench.control("GET", "violations", Value::Null).await;
    let last = violations.as_array().unwrap().last().unwrap();
    assert_eq!((last["at"].as_str(), last["operation"].as_str()), (Some(""), Some("GET /groups/{groupId}")));
    assert!(last["message"].as_str().unwrap().contains("colour"), "{last}");
}
