use serde_json::json;

use super::{FLEX_CLUSTERS, create, dedicated, done, flex, seconds, with_idle_cluster};
use crate::bench::{Bench, Call};

#[test]
fn every_kind_of_resource_can_be_changed_and_removed_out_of_band() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    let group = bench.group.clone();
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("sessions")));
    done(&mut bench, Call::new("POST", "/groups/{groupId}/accessList").body(json!([{"cidrBlock": "203.0.113.0/24"}])));
    let role = json!({"roleName": "auditor", "inheritedRoles": [{"db": "admin", "role": "backup"}]});
    done(&mut bench, Call::new("POST", "/groups/{groupId}/customDBRoles/roles").body(role));
    let user = json!({"databaseName": "$external", "username": "CN=a/b", "x509Type": "MANAGED",
        "roles": [{"roleName": "auditor", "databaseName": "admin"}]});
    done(&mut bench, Call::new("POST", "/groups/{groupId}/databaseUsers").body(user));
    for (path, changes, at) in [
        ("", json!({"name": "moved"}), "/document/name"),
        ("/settings", json!({"isDataExplorerEnabled": false}), "/settings/isDataExplorerEnabled"),
        ("/clusters/orders", json!({"stateName": "REPAIRING"}), "/clusters/orders/stateName"),
        ("/flexClusters/sessions", json!({"tags": [{"key": "a", "value": "b"}]}), "/flexClusters/sessions/tags"),
        ("/accessList/203.0.113.0%2F24", json!({"comment": "moved"}), "/accessList/203.0.113.0~124/comment"),
        ("/customDBRoles/roles/auditor", json!({"actions": []}), "/customDBRoles/auditor/actions"),
        (
            "/databaseUsers/$external/CN=a%2Fb",
            json!({"description": "moved"}),
            "/databaseUsers/$external~1CN=a~1b/description",
        ),
    ] {
        bench.world.merge(&format!("/groups/{group}{path}"), &changes).unwrap();
        let snapshot = bench.world.snapshot();
        let value = snapshot.pointer(&format!("/groups/{group}{at}")).unwrap();
        assert_eq!(Some(value), changes.as_object().unwrap().values().next());
    }
    for path in [
        "/clusters/orders",
        "/flexClusters/sessions",
        "/accessList/203.0.113.0/24",
        "/customDBRoles/roles/auditor",
        "/databaseUsers/$external/CN=a%2Fb",
        "",
    ] {
        let path = format!("/groups/{group}{path}");
        bench.world.remove(&path).unwrap();
        bench.world.remove(&path).unwrap_err();
        bench.world.merge(&path, &json!({})).unwrap_err();
    }
    assert!(bench.world.tombstoned(&group));
    assert_eq!(bench.world.snapshot()["_timers"], json!([]), "nothing happens to what is gone");
}

#[test]
fn the_same_seed_and_calls_lead_to_the_same_world() {
    let run = |seed| {
        let mut bench = Bench::new(seed);
        done(&mut bench, create(dedicated("orders")));
        seconds(&mut bench, 700);
        bench.world.snapshot()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}
