use serde_json::{Value, json};

use super::{create, dedicated, delete, done, patch, refused, seconds, settle, with_idle_cluster};
use crate::bench::{Bench, Call};

const ALL: &str = "/groups/{groupId}/containers";
const EVERY: &str = "/groups/{groupId}/containers/all";
const ONE: &str = "/groups/{groupId}/containers/{containerId}";

fn of<'a>(provider: &str) -> Call<'a> {
    Call::new("GET", ALL).query("providerName", provider)
}

fn on<'a>(method: &'a str, container: &Value) -> Call<'a> {
    Call::new(method, ONE).param("containerId", container["id"].as_str().unwrap())
}

fn body(provider: &str, region: &str, block: &str) -> Value {
    let field = if provider == "AZURE" { "region" } else { "regionName" };
    json!({"providerName": provider, field: region, "atlasCidrBlock": block})
}

/// A region of this name beside the first, with nodes that only read.
fn with_region(provider: &str, name: &str) -> Value {
    let read_only = json!({"instanceSize": "M10", "nodeCount": 1});
    let mut body = dedicated("orders");
    let regions = body["replicationSpecs"][0]["regionConfigs"].as_array_mut().unwrap();
    regions.push(json!({"providerName": provider, "regionName": name, "priority": 0, "readOnlySpecs": read_only}));
    body
}

#[test]
fn a_dedicated_cluster_brings_the_containers_that_it_needs() {
    let mut bench = Bench::new(1);
    done(&mut bench, create(with_region("AZURE", "EUROPE_NORTH")));
    let new = done(&mut bench, of("AWS"))["results"][0].clone();
    assert_eq!((&new["provisioned"], &new["vpcId"]), (&json!(false), &Value::Null), "nothing runs in it yet");
    settle(&mut bench, "orders");
    let aws = done(&mut bench, of("AWS"))["results"].clone();
    let expected = json!([{"atlasCidrBlock": "192.168.248.0/21", "id": new["id"], "providerName": "AWS",
        "provisioned": true, "regionName": "EU_WEST_1", "vpcId": aws[0]["vpcId"]}]);
    assert_eq!(aws, expected);
    assert!(aws[0]["vpcId"].as_str().unwrap().starts_with("vpc-"));
    let azure = done(&mut bench, of("AZURE"))["results"][0].clone();
    assert_eq!((&azure["region"], &azure["atlasCidrBlock"]), (&json!("EUROPE_NORTH"), &json!("192.168.248.0/21")));
    assert!(azure["vnetName"].as_str().unwrap().starts_with("vnet_"));
    assert_eq!(done(&mut bench, Call::new("GET", ALL))["totalCount"], 1, "without a provider only AWS is listed");
    assert_eq!(done(&mut bench, Call::new("GET", EVERY))["totalCount"], 2);
}

#[test]
fn another_region_gets_the_next_block_and_a_second_cluster_shares_it() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    done(&mut bench, patch("orders", json!({"replicationSpecs": with_region("AWS", "US_EAST_1")["replicationSpecs"]})));
    done(&mut bench, create(dedicated("second")));
    let blocks = done(&mut bench, of("AWS"))["results"].clone();
    let blocks: Vec<&Value> = blocks.as_array().unwrap().iter().map(|it| &it["atlasCidrBlock"]).collect();
    assert_eq!(blocks, ["192.168.248.0/21", "192.168.240.0/21"]);
}

#[test]
fn a_container_is_free_some_minutes_after_its_last_cluster_went() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let container = done(&mut bench, of("AWS"))["results"][0].clone();
    let other_block = json!({"providerName": "AWS", "atlasCidrBlock": "10.8.0.0/21"});
    let used = (409, "CONTAINERS_IN_USE".to_owned());
    assert_eq!(refused(&mut bench, on("PATCH", &container).body(other_block.clone())), used);
    assert_eq!(refused(&mut bench, on("DELETE", &container)), used);
    done(&mut bench, delete("orders"));
    while bench.call(super::get("orders")).0 == 200 {
        seconds(&mut bench, 1);
    }
    assert_eq!(refused(&mut bench, on("DELETE", &container)), used, "its network goes later than its cluster");
    seconds(&mut bench, 150);
    let freed = done(&mut bench, on("GET", &container));
    assert_eq!((&freed["provisioned"], &freed["vpcId"]), (&json!(false), &Value::Null));
    assert_eq!(done(&mut bench, on("PATCH", &container).body(other_block))["atlasCidrBlock"], "10.8.0.0/21");
    assert_eq!(bench.call(on("DELETE", &container)).0, 204);
    assert_eq!(refused(&mut bench, on("GET", &container)), (404, "CLOUD_PROVIDER_CONTAINER_NOT_FOUND".to_owned()));
}

#[test]
fn a_cluster_that_goes_behind_the_api_frees_its_container() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let path = format!("groups/{}/clusters/orders", bench.group);
    bench.world.remove(&path).unwrap();
    seconds(&mut bench, 150);
    assert_eq!(done(&mut bench, of("AWS"))["results"][0]["provisioned"], false);
}

#[test]
fn a_container_that_was_there_first_is_taken() {
    let mut bench = Bench::new(1);
    let made = Call::new("POST", ALL).body(body("AWS", "EU_WEST_1", "10.8.0.0/21"));
    let made = done(&mut bench, made);
    done(&mut bench, create(dedicated("orders")));
    settle(&mut bench, "orders");
    let listed = done(&mut bench, of("AWS"));
    assert_eq!((&listed["totalCount"], &listed["results"][0]["id"]), (&json!(1), &made["id"]));
    assert_eq!(
        (&listed["results"][0]["atlasCidrBlock"], &listed["results"][0]["provisioned"]),
        (&json!("10.8.0.0/21"), &json!(true))
    );
}

#[test]
fn a_container_that_cannot_be_is_refused() {
    let mut bench = Bench::new(1);
    done(&mut bench, Call::new("POST", ALL).body(body("AWS", "EU_WEST_1", "10.8.0.0/21")));
    done(&mut bench, Call::new("POST", ALL).body(json!({"providerName": "GCP", "atlasCidrBlock": "10.128.0.0/18"})));
    for (body, code) in [
        (body("AWS", "EU_WEST_1", "10.16.0.0/21"), "CONTAINER_ALREADY_EXISTS"),
        (body("AWS", "US_EAST_1", "10.8.4.0/22"), "OVERLAPPING_ATLAS_CIDR_BLOCK"),
        (body("AWS", "US_EAST_1", "10.8.1.0/21"), "INVALID_ATTRIBUTE"),
        (body("AWS", "US_EAST_1", "10.16.0.0/16"), "INVALID_ATTRIBUTE"),
        (body("AWS", "US_EAST_1", "8.8.8.0/21"), "INVALID_ATTRIBUTE"),
        (body("AWS", "MOON_1", "10.16.0.0/21"), "INVALID_REGION"),
        (json!({"providerName": "AZURE", "atlasCidrBlock": "10.8.0.0/21"}), "MISSING_ATTRIBUTE"),
        (json!({"providerName": "AZURE", "region": "US_EAST_2"}), "MISSING_ATTRIBUTE"),
        (json!({"providerName": "GCP", "atlasCidrBlock": "10.64.0.0/18"}), "CONTAINER_ALREADY_EXISTS"),
    ] {
        assert_eq!(refused(&mut bench, Call::new("POST", ALL).body(body.clone())).1, code, "{body}");
    }
    // The same block is another one with another cloud.
    done(&mut bench, Call::new("POST", ALL).body(body("AZURE", "US_EAST_2", "10.8.0.0/21")));
}
