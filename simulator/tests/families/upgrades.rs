use serde_json::{Value, json};

use super::{
    CLUSTER, CLUSTERS, FLEX, FLEX_CLUSTERS, create, dedicated, delete, done, flex, free, get, refused, region, seconds,
    settle, with_idle_cluster,
};
use crate::bench::{Bench, Call};

const TENANT: &str = "/groups/{groupId}/clusters/tenantUpgrade";
const FROM_FLEX: &str = "/groups/{groupId}/flexClusters:tenantUpgrade";

fn get_flex<'a>() -> Call<'a> {
    Call::new("GET", FLEX).param("name", "trial")
}

fn upgrade<'a>(body: Value) -> Call<'a> {
    Call::new("POST", TENANT).body(body)
}

fn to_flex<'a>() -> Call<'a> {
    upgrade(json!({"name": "trial", "providerSettings": {
        "providerName": "FLEX", "instanceSizeName": "FLEX", "backingProviderName": "AWS", "regionName": "US_EAST_1"}}))
}

fn with_idle_flex() -> Bench {
    let mut bench = Bench::new(1);
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("trial")));
    bench.wait(FLEX, "trial", |flex| flex["stateName"] == "IDLE").unwrap();
    bench
}

/// What the two interfaces say of the deployment: its state or the code of the refusal.
fn both(bench: &mut Bench) -> (String, String) {
    let mut of = |call| {
        let (_, body) = bench.call(call);
        let word = if body["errorCode"].is_string() { &body["errorCode"] } else { &body["stateName"] };
        word.as_str().unwrap().to_owned()
    };
    (of(get("trial")), of(get_flex()))
}

/// What both interfaces say one after the other, until a state lasts for an hour.
fn course(bench: &mut Bench) -> Vec<(String, String)> {
    let mut seen = vec![both(bench)];
    for _ in 0..3600 {
        seconds(bench, 1);
        let now = both(bench);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    seen
}

fn words(seen: &[(String, String)]) -> Vec<(&str, &str)> {
    seen.iter().map(|(cluster, flex)| (cluster.as_str(), flex.as_str())).collect()
}

const IN_CLUSTER_API: &str = "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API";
const IN_FLEX_API: &str = "CANNOT_USE_NON_FLEX_CLUSTER_IN_FLEX_API";

#[test]
fn an_upgrade_puts_another_cluster_in_the_place_of_the_free_one() {
    let mut bench = with_idle_cluster(free("trial"));
    let before = done(&mut bench, get("trial"));
    let settings = json!({"instanceSizeName": "M10", "providerName": "AWS", "regionName": "US_EAST_1"});
    let answer = done(&mut bench, upgrade(json!({"name": "trial", "providerSettings": settings})));
    assert_eq!((&answer["id"], &answer["stateName"]), (&before["id"], &json!("UPDATING")));
    seconds(&mut bench, 30);
    let after = done(&mut bench, get("trial"));
    assert_ne!(after["id"], before["id"]);
    assert_eq!((&after["stateName"], &after["connectionStrings"]), (&json!("UPDATING"), &json!({})));
    settle(&mut bench, "trial");
    assert_eq!(done(&mut bench, get("trial"))["connectionStrings"], before["connectionStrings"]);
}

#[test]
fn an_upgrade_takes_what_a_dedicated_cluster_can_have() {
    for (provider, region) in [("AWS", "EU_WEST_1"), ("AZURE", "EUROPE_WEST"), ("GCP", "CENTRAL_US")] {
        let mut bench = with_idle_cluster(free("trial"));
        done(
            &mut bench,
            upgrade(json!({
                "name": "trial", "providerBackupEnabled": true, "diskSizeGB": 40,
                "labels": [{"key": "cost", "value": "1"}], "tags": [{"key": "env", "value": "prod"}],
                "autoScaling": {"compute": {"enabled": true, "scaleDownEnabled": true}, "diskGBEnabled": true},
                "providerSettings": {"instanceSizeName": "M30", "providerName": provider, "regionName": region,
                    "autoScaling": {"compute": {"minInstanceSize": "M10", "maxInstanceSize": "M50"}}},
            })),
        );
        seconds(&mut bench, 30);
        settle(&mut bench, "trial");
        let after = done(&mut bench, get("trial"));
        assert_eq!((&after["backupEnabled"], &after["pitEnabled"]), (&json!(true), &json!(false)));
        assert_eq!((&after["labels"][0]["key"], &after["tags"][0]["key"]), (&json!("cost"), &json!("env")));
        let place = &after["replicationSpecs"][0]["regionConfigs"][0];
        assert_eq!((&place["providerName"], &place["regionName"]), (&json!(provider), &json!(region)));
        assert_eq!(place["electableSpecs"]["diskSizeGB"], 40.0);
        assert_eq!(
            place["autoScaling"],
            json!({"compute": {"enabled": true, "scaleDownEnabled": true, "minInstanceSize": "M10",
                "maxInstanceSize": "M50"}, "diskGB": {"enabled": true}})
        );
    }
}

#[test]
fn the_old_cluster_may_show_as_idle_once_more() {
    let settings = json!({"instanceSizeName": "M10", "providerName": "AWS", "regionName": "US_EAST_1"});
    let mut stale = 0;
    for seed in 0..40 {
        let mut bench = Bench::new(seed);
        done(&mut bench, create(free("trial")));
        settle(&mut bench, "trial");
        let body = json!({"name": "trial", "providerSettings": settings});
        let answer = done(&mut bench, upgrade(body.clone()));
        assert_eq!(answer["stateName"], "UPDATING");
        stale += usize::from(done(&mut bench, get("trial"))["stateName"] == "IDLE");
        assert_eq!(refused(&mut bench, upgrade(body)).0, 400, "one upgrade at a time");
        seconds(&mut bench, 4);
        assert_eq!(done(&mut bench, get("trial"))["stateName"], "UPDATING");
    }
    // Half of 40; fewer than 8 or more than 32 come up less than once in ten thousand runs.
    assert!((8..=32).contains(&stale), "{stale} of 40");
}

#[test]
fn a_free_cluster_becomes_a_flex_one_in_the_other_interface() {
    let mut bench = with_idle_cluster(free("trial"));
    let before = done(&mut bench, get("trial"));
    assert_eq!(done(&mut bench, to_flex())["id"], before["id"]);
    seconds(&mut bench, 4);
    let seen = course(&mut bench);
    assert_eq!(
        words(&seen),
        [
            ("UPDATING", IN_FLEX_API),
            (IN_CLUSTER_API, "CLUSTER_NOT_FOUND"),
            (IN_CLUSTER_API, "UPDATING"),
            (IN_CLUSTER_API, "IDLE")
        ]
    );
    let after = done(&mut bench, get_flex());
    assert_ne!((&after["id"], &after["createDate"]), (&before["id"], &before["createDate"]));
    assert_eq!(after["connectionStrings"], before["connectionStrings"]);
    assert_eq!(after["providerSettings"]["providerName"], "FLEX");
}

#[test]
fn a_flex_cluster_becomes_a_dedicated_one_in_the_other_interface() {
    let mut bench = with_idle_flex();
    let before = done(&mut bench, get_flex());
    let answer = done(&mut bench, Call::new("POST", FROM_FLEX).body(dedicated("trial")));
    assert_eq!((&answer["id"], &answer["stateName"]), (&before["id"], &json!("UPDATING")));
    assert_eq!(answer["providerSettings"]["providerName"], "FLEX");
    seconds(&mut bench, 4);
    let seen = course(&mut bench);
    assert_eq!(
        words(&seen)[..4],
        [
            (IN_CLUSTER_API, "UPDATING"),
            (IN_CLUSTER_API, "CLUSTER_NOT_FOUND"),
            ("UPDATING", IN_FLEX_API),
            ("IDLE", IN_FLEX_API)
        ]
    );
    let after = done(&mut bench, get("trial"));
    assert_ne!((&after["id"], &after["createDate"]), (&before["id"], &before["createDate"]));
    assert_eq!(after["connectionStrings"], before["connectionStrings"]);
    assert_eq!(after["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["instanceSize"], "M10");
}

#[test]
fn between_the_kinds_the_whole_list_fails_and_the_name_stays_taken() {
    let mut bench = with_idle_flex();
    done(&mut bench, Call::new("POST", FROM_FLEX).body(dedicated("trial")));
    seconds(&mut bench, 25);
    assert_eq!(both(&mut bench).1, "CLUSTER_NOT_FOUND");
    assert_eq!(refused(&mut bench, Call::new("GET", CLUSTERS)), (400, IN_CLUSTER_API.to_owned()));
    assert_eq!(done(&mut bench, Call::new("GET", FLEX_CLUSTERS))["totalCount"], 0);
    assert_eq!(refused(&mut bench, create(dedicated("trial"))).1, "DUPLICATE_CLUSTER_NAME");
    let project = Call::new("DELETE", "/groups/{groupId}");
    assert_eq!(refused(&mut bench, project).1, "CANNOT_CLOSE_GROUP_ACTIVE_ATLAS_CLUSTERS");
    assert_eq!(done(&mut bench, Call::new("GET", "/groups/{groupId}"))["clusterCount"], 1);
    seconds(&mut bench, 10);
    assert_eq!(done(&mut bench, Call::new("GET", CLUSTERS))["totalCount"], 1);
}

#[test]
fn a_cluster_that_is_deleted_during_its_upgrade_is_gone() {
    let mut bench = with_idle_cluster(free("trial"));
    done(&mut bench, to_flex());
    seconds(&mut bench, 5);
    done(&mut bench, delete("trial"));
    seconds(&mut bench, 3600);
    assert_eq!(both(&mut bench), ("CLUSTER_NOT_FOUND".to_owned(), "CLUSTER_NOT_FOUND".to_owned()));
    done(&mut bench, create(free("trial")));
    bench.wait(CLUSTER, "trial", |cluster| cluster["stateName"] == "IDLE").unwrap();
}

#[test]
fn an_upgrade_is_asked_of_the_interface_of_the_old_one() {
    let mut bench = with_idle_flex();
    let settings = json!({"instanceSizeName": "M10", "providerName": "AWS", "regionName": "US_EAST_1"});
    let tenant = upgrade(json!({"name": "trial", "providerSettings": settings}));
    assert_eq!(refused(&mut bench, tenant), (400, IN_CLUSTER_API.to_owned()));
    let nothing = Call::new("POST", FROM_FLEX).body(dedicated("none"));
    assert_eq!(refused(&mut bench, nothing), (404, "CLUSTER_NOT_FOUND".to_owned()));
    assert_eq!(refused(&mut bench, Call::new("POST", FROM_FLEX).body(free("trial"))).0, 400);
    done(&mut bench, create(dedicated("orders")));
    let other = Call::new("POST", FROM_FLEX).body(dedicated("orders"));
    assert_eq!(refused(&mut bench, other), (400, IN_FLEX_API.to_owned()));
    settle(&mut bench, "orders");
    let shape = json!([{"regionConfigs": [region("M10")]}]);
    let body = json!({"name": "orders", "clusterType": "REPLICASET", "replicationSpecs": shape});
    assert_eq!(refused(&mut bench, Call::new("POST", FROM_FLEX).body(body)).1, IN_FLEX_API);
}
