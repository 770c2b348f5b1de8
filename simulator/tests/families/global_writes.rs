use serde_json::{Value, json};

use super::{dedicated, done, get, patch, refused, settle, shard, with_idle_cluster};
use crate::bench::{Bench, Call};

const GLOBAL: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites";
const NAMESPACES: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites/managedNamespaces";
const MAPPINGS: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites/customZoneMapping";

fn on<'a>(method: &'a str, path: &'a str) -> Call<'a> {
    Call::new(method, path).param("clusterName", "orders")
}

fn namespace(collection: &str) -> Value {
    json!({"db": "shop", "collection": collection, "customShardKey": "customer"})
}

fn mapping(location: &str, zone: &str) -> Value {
    json!({"customZoneMappings": [{"location": location, "zone": zone}]})
}

fn global_cluster() -> Bench {
    let shards = json!([shard("Europe", "M30"), shard("Rest", "M30")]);
    with_idle_cluster(json!({"name": "orders", "clusterType": "GEOSHARDED", "replicationSpecs": shards}))
}

#[test]
fn namespaces_are_added_once_and_removed_by_name() {
    let mut bench = global_cluster();
    let empty = json!({"customZoneMapping": {}, "managedNamespaces": [], "selfManagedSharding": false});
    assert_eq!(done(&mut bench, on("GET", GLOBAL)), empty);
    let added = done(&mut bench, on("POST", NAMESPACES).body(namespace("orders")));
    assert_eq!(
        added["managedNamespaces"],
        json!([{"db": "shop", "collection": "orders", "customShardKey": "customer",
            "isCustomShardKeyHashed": false, "isShardKeyUnique": false, "presplitHashedZones": false}])
    );
    assert_eq!(done(&mut bench, get("orders"))["stateName"], "UPDATING");
    settle(&mut bench, "orders");
    let again = on("POST", NAMESPACES).body(namespace("orders"));
    assert_eq!(refused(&mut bench, again), (400, "DUPLICATE_MANAGED_NAMESPACE".to_owned()));
    done(&mut bench, on("POST", NAMESPACES).body(namespace("carts")));
    let remove = || on("DELETE", NAMESPACES).query("db", "shop").query("collection", "orders");
    let left = done(&mut bench, remove());
    assert_eq!(
        (left["managedNamespaces"].as_array().unwrap().len(), &left["managedNamespaces"][0]["collection"]),
        (1, &json!("carts"))
    );
    assert_eq!(refused(&mut bench, remove()).0, 404);
    assert_eq!(refused(&mut bench, on("DELETE", NAMESPACES).query("db", "shop")).1, "MISSING_QUERY_PARAMETER");
}

#[test]
fn mappings_are_added_one_by_one_and_removed_all_at_once() {
    let mut bench = global_cluster();
    let cluster = done(&mut bench, get("orders"));
    let zone = |at: usize| cluster["replicationSpecs"][at]["zoneId"].clone();
    done(&mut bench, on("POST", MAPPINGS).body(mapping("DE", "Europe")));
    let added = done(&mut bench, on("POST", MAPPINGS).body(mapping("US-VA", "Rest")));
    assert_eq!(added["customZoneMapping"], json!({"DE": zone(0), "US-VA": zone(1)}));
    let legacy = done(&mut bench, get("orders").version(Some("2023-02-01")));
    let old = done(&mut bench, on("GET", GLOBAL).version(Some("2023-02-01")));
    assert_eq!(old["customZoneMapping"]["DE"], legacy["replicationSpecs"][0]["id"]);
    settle(&mut bench, "orders");
    done(&mut bench, on("POST", MAPPINGS).body(mapping("DE", "Europe")));
    assert_eq!(done(&mut bench, get("orders"))["stateName"], "IDLE", "nothing new");
    for (body, code) in [
        (mapping("Germany", "Europe"), "INVALID_LOCATION_CODE"),
        (mapping("FR", "Mars"), "INVALID_ATTRIBUTE"),
        (json!({"customZoneMappings": [{"location": "FR"}]}), "MISSING_ATTRIBUTE"),
    ] {
        assert_eq!(refused(&mut bench, on("POST", MAPPINGS).body(body)), (400, code.to_owned()));
    }
    assert_eq!(done(&mut bench, on("DELETE", MAPPINGS))["customZoneMapping"], json!({}));
}

#[test]
fn a_zone_that_goes_takes_its_mappings_along() {
    let mut bench = global_cluster();
    done(&mut bench, on("POST", MAPPINGS).body(mapping("DE", "Europe")));
    done(&mut bench, on("POST", MAPPINGS).body(mapping("US", "Rest")));
    let rest = json!([shard("Rest", "M30")]);
    done(&mut bench, patch("orders", json!({"replicationSpecs": rest})));
    let left = done(&mut bench, on("GET", GLOBAL))["customZoneMapping"].clone();
    assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), ["US"]);
}

#[test]
fn only_atlas_managed_global_clusters_take_them() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    assert_eq!(done(&mut bench, on("GET", GLOBAL))["managedNamespaces"], json!([]));
    assert_eq!(refused(&mut bench, on("POST", NAMESPACES).body(namespace("orders"))).0, 400);
    let mut body = dedicated("orders");
    body["clusterType"] = json!("GEOSHARDED");
    body["globalClusterSelfManagedSharding"] = json!(true);
    let mut bench = with_idle_cluster(body);
    assert_eq!(done(&mut bench, on("GET", GLOBAL))["selfManagedSharding"], true);
    assert_eq!(refused(&mut bench, on("POST", NAMESPACES).body(namespace("orders"))).0, 400);
}

#[test]
fn global_writes_can_be_changed_out_of_band() {
    let mut bench = global_cluster();
    done(&mut bench, on("POST", NAMESPACES).body(namespace("orders")));
    done(&mut bench, on("POST", MAPPINGS).body(mapping("DE", "Europe")));
    let path = format!("/groups/{}/clusters/orders/globalWrites", bench.group);
    let changes = json!({"managedNamespaces": [], "customZoneMapping": {"DE": null, "FR": "Europe"}});
    bench.world.merge(&path, &changes).unwrap();
    let zone = done(&mut bench, get("orders"))["replicationSpecs"][0]["zoneId"].clone();
    let after = done(&mut bench, on("GET", GLOBAL));
    assert_eq!((&after["managedNamespaces"], &after["customZoneMapping"]), (&json!([]), &json!({"FR": zone})));
    bench.world.merge(&path, &json!({"customZoneMapping": {"US": "Mars"}})).unwrap_err();
    bench.world.merge(&path.replace("orders", "none"), &changes).unwrap_err();
}
