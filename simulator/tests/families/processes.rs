//! What a cluster consists of, and what can be asked of it beside its description.
use serde_json::{Value, json};

use super::{CLUSTER, create, dedicated, done, free, refused, region, seconds, settle, with_idle_cluster};
use crate::bench::{Bench, Call};

const PROCESSES: &str = "/groups/{groupId}/processes";
const PROCESS: &str = "/groups/{groupId}/processes/{processId}";
const ADDRESSES: &str = "/groups/{groupId}/ipAddresses";
const STATUS: &str = "/groups/{groupId}/clusters/{clusterName}/status";
const RESTART: &str = "/groups/{groupId}/clusters/{clusterName}/restartPrimaries";
const LOAD: &str = "/groups/{groupId}/sampleDatasetLoad/{name}";
const LOADED: &str = "/groups/{groupId}/sampleDatasetLoad/{sampleDatasetId}";

fn types(bench: &mut Bench) -> Vec<String> {
    let listed = done(bench, Call::new("GET", PROCESSES))["results"].clone();
    listed.as_array().unwrap().iter().map(|process| process["typeName"].as_str().unwrap().to_owned()).collect()
}

fn status(bench: &mut Bench) -> Value {
    done(bench, Call::new("GET", STATUS).param("clusterName", "orders"))["changeStatus"].clone()
}

#[test]
fn a_replica_set_has_a_process_for_each_node_and_one_primary() {
    let mut bench = Bench::new(1);
    done(&mut bench, create(dedicated("orders")));
    assert_eq!(done(&mut bench, Call::new("GET", PROCESSES))["totalCount"], 0);
    settle(&mut bench, "orders");
    assert_eq!(types(&mut bench), ["REPLICA_SECONDARY", "REPLICA_SECONDARY", "REPLICA_PRIMARY"]);
    let listed = done(&mut bench, Call::new("GET", PROCESSES))["results"].clone();
    let cluster = done(&mut bench, super::get("orders"));
    let strings = cluster["connectionStrings"]["standard"].as_str().unwrap();
    for process in listed.as_array().unwrap() {
        let text = |name: &str| process[name].as_str().unwrap();
        assert!(strings.contains(text("userAlias")) && !strings.contains(text("hostname")), "{process}");
        assert!(strings.ends_with(&format!("replicaSet={}", text("replicaSetName"))));
        assert_eq!(text("id"), format!("{}:27017", text("hostname")));
        let one = done(&mut bench, Call::new("GET", PROCESS).param("processId", text("id")));
        assert_eq!(one["userAlias"], process["userAlias"]);
    }
    let nobody = Call::new("GET", PROCESS).param("processId", "nobody:27017");
    assert_eq!(refused(&mut bench, nobody).0, 404);
}

#[test]
fn a_sharded_cluster_has_shards_routers_and_perhaps_servers_of_its_configuration() {
    let mut body = dedicated("orders");
    body["clusterType"] = json!("SHARDED");
    body["replicationSpecs"] = json!([{"regionConfigs": [region("M30")]}, {"regionConfigs": [region("M30")]}]);
    let count = |types: &[String], name: &str| types.iter().filter(|kind| *kind == name).count();
    for (management, configuration) in [("ATLAS_MANAGED", 0), ("FIXED_TO_DEDICATED", 3)] {
        body["configServerManagementMode"] = json!(management);
        let types = types(&mut with_idle_cluster(body.clone()));
        assert_eq!((count(&types, "SHARD_PRIMARY"), count(&types, "SHARD_SECONDARY")), (2, 4));
        assert_eq!((count(&types, "SHARD_MONGOS"), count(&types, "SHARD_CONFIG")), (6, configuration));
    }
}

#[test]
fn free_clusters_have_neither_processes_nor_addresses() {
    let mut bench = with_idle_cluster(free("orders"));
    assert_eq!(done(&mut bench, Call::new("GET", PROCESSES))["totalCount"], 0);
    assert_eq!(done(&mut bench, Call::new("GET", ADDRESSES))["services"]["clusters"], json!([]));
}

#[test]
fn every_node_has_an_address() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let shown = done(&mut bench, Call::new("GET", ADDRESSES));
    let cluster = &shown["services"]["clusters"][0];
    assert_eq!((&shown["groupId"], &cluster["clusterName"]), (&json!(bench.group), &json!("orders")));
    assert_eq!(cluster["inbound"].as_array().unwrap().len(), 3);
    assert_eq!((&cluster["outbound"], &cluster["futureInbound"]), (&cluster["inbound"], &json!([])));
    assert!(cluster["inbound"][0].as_str().unwrap().parse::<std::net::Ipv4Addr>().is_ok());
}

#[test]
fn changes_are_applied_once_a_cluster_rests() {
    let mut bench = Bench::new(1);
    done(&mut bench, create(dedicated("orders")));
    assert_eq!(status(&mut bench), "PENDING");
    settle(&mut bench, "orders");
    assert_eq!(status(&mut bench), "APPLIED");
    let nobody = Call::new("GET", STATUS).param("clusterName", "nobody");
    assert_eq!(refused(&mut bench, nobody), (404, "CLUSTER_NOT_FOUND".to_owned()));
}

#[test]
fn a_failover_makes_another_node_the_primary() {
    let mut bench = Bench::new(1);
    let restart = || Call::new("POST", RESTART).param("clusterName", "orders");
    done(&mut bench, create(dedicated("orders")));
    assert_eq!(refused(&mut bench, restart()).0, 400, "it is being created");
    settle(&mut bench, "orders");
    for version in [None, Some("2023-01-01")] {
        assert_eq!(bench.call(restart().version(version)), (200, json!({})));
        bench.wait(CLUSTER, "orders", |cluster| cluster["stateName"] == "UPDATING").unwrap();
        settle(&mut bench, "orders");
    }
    assert_eq!(types(&mut bench), ["REPLICA_PRIMARY", "REPLICA_SECONDARY", "REPLICA_SECONDARY"]);
    let mut bench = with_idle_cluster(free("orders"));
    assert_eq!(refused(&mut bench, restart()).0, 400);
}

#[test]
fn sample_data_are_there_after_a_while() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let (status, load) = bench.call(Call::new("POST", LOAD).param("name", "orders"));
    assert_eq!((status, &load["state"], &load["completeDate"]), (201, &json!("WORKING"), &Value::Null));
    let read = |id: &Value| Call::new("GET", LOADED).param("sampleDatasetId", id.as_str().unwrap());
    assert_eq!(done(&mut bench, read(&load["_id"])), load);
    seconds(&mut bench, 300);
    let loaded = done(&mut bench, read(&load["_id"]));
    assert_eq!((&loaded["state"], loaded["completeDate"].is_string()), (&json!("COMPLETED"), true));
    let nowhere = Call::new("POST", LOAD).param("name", "nowhere");
    assert_eq!(refused(&mut bench, nowhere), (404, "CLUSTER_NOT_FOUND".to_owned()));
    assert_eq!(refused(&mut bench, read(&json!("0123456789abcdef01234567"))).0, 404);
}
