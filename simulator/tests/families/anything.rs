//! Whatever is asked for in whatever order, clusters stay what clusters can be.
use std::collections::{BTreeMap, BTreeSet};

use atlas_simulator::families::clusters::command;
use serde_json::{Value, json};

use super::{CLUSTER, CLUSTERS, FLEX_CLUSTERS, create, dedicated, delete, flex, free, patch, region, seconds};
use crate::bench::{Bench, Call};

const PIN: &str = "/groups/{groupId}/clusters/{clusterName}:pinFeatureCompatibilityVersion";
const UNPIN: &str = "/groups/{groupId}/clusters/{clusterName}:unpinFeatureCompatibilityVersion";
const TENANT: &str = "/groups/{groupId}/clusters/tenantUpgrade";
const MAPPINGS: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites/customZoneMapping";

const RUNS: u64 = 20;
const STEPS: usize = 60;

/// Longer than any change takes.
const LONG: i64 = 4 * 3600;

/// Numbers that look arbitrary and are the same in every run (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Some shape, possible or not.
fn shape(dice: &mut Dice) -> Value {
    let count = 1 + dice.below(3);
    let shards = (0..count).map(|_| {
        let mut place = region(dice.one(&["M10", "M30", "M40_NVME"]));
        place["regionName"] = dice.one(&["EU_WEST_1", "US_EAST_1"]).into();
        match dice.below(4) {
            0 => place["analyticsSpecs"] = json!({"instanceSize": dice.one(&["M10", "M30"]), "nodeCount": 1}),
            1 => place["electableSpecs"]["diskSizeGB"] = dice.one(&[20, 40]).into(),
            2 => drop(place["electableSpecs"].as_object_mut().unwrap().remove("instanceSize")),
            _ => {}
        }
        json!({"zoneName": dice.one(&["Zone 1", "Zone 2"]), "regionConfigs": [place]})
    });
    shards.collect()
}

/// One call or command, possible or not.
fn step(bench: &mut Bench, dice: &mut Dice) {
    let name = dice.one(&["alpha", "beta"]);
    let on = |method: &'static str, path: &'static str| Call::new(method, path).param("clusterName", name);
    let target = json!({"groupId": bench.group, "cluster": name});
    let call = match dice.below(17) {
        0 => create(dedicated(name)),
        1 => create(free(name)),
        2 => Call::new("POST", FLEX_CLUSTERS).body(flex(name)),
        3 if dice.below(3) == 0 => delete(name),
        4 if dice.below(3) == 0 => Call::new("DELETE", "/groups/{groupId}/flexClusters/{name}").param("name", name),
        5 | 6 => {
            let kind = dice.one(&["REPLICASET", "SHARDED", "GEOSHARDED"]);
            patch(name, json!({"clusterType": kind, "replicationSpecs": shape(dice)}))
        }
        7 => patch(name, json!({"paused": dice.below(2) == 0})),
        8 => patch(name, json!({"backupEnabled": dice.below(2) == 0})),
        9 => patch(name, json!({"mongoDBMajorVersion": dice.one(&["7.0", "8.0"])})),
        10 => on("POST", dice.one(&[PIN, UNPIN])),
        11 => {
            let settings = json!({"instanceSizeName": "M10", "providerName": "AWS", "regionName": "US_EAST_1"});
            on("POST", TENANT).body(json!({"name": name, "providerSettings": settings}))
        }
        12 => on("POST", TENANT).body(json!({"name": name, "providerSettings": {"instanceSizeName": "FLEX",
            "providerName": "FLEX", "backingProviderName": "AWS", "regionName": "US_EAST_1"}})),
        13 => on("POST", "/groups/{groupId}/flexClusters:tenantUpgrade").body(dedicated(name)),
        14 => {
            let zone = dice.one(&["Zone 1", "Zone 2"]);
            on("POST", MAPPINGS).body(json!({"customZoneMappings": [{"location": "DE", "zone": zone}]}))
        }
        15 => {
            // Refused where there is nothing to do it to.
            let _ = match dice.below(2) {
                0 => command::add_shard(&mut bench.world, &serde_json::from_value(target).unwrap()),
                _ => command::maintain(&mut bench.world, &serde_json::from_value(target).unwrap()),
            };
            return;
        }
        _ => return seconds(bench, dice.one(&[1, 7, 15, 300, 5000])),
    };
    let (status, body) = bench.call(call);
    assert!(status < 500, "{body}");
}

/// What is true of clusters at any time.
fn check(bench: &mut Bench) {
    let state = bench.world.snapshot();
    let group = &state["groups"][&bench.group];
    let clusters = group["clusters"].as_object().unwrap();
    let flex_clusters = group["flexClusters"].as_object().unwrap();
    assert!(clusters.keys().all(|name| !flex_clusters.contains_key(name)), "one name, one deployment");
    for cluster in clusters.values() {
        check_shape(cluster);
        let strings = &cluster["connectionStrings"];
        assert!(cluster["stateName"] != "IDLE" || strings["standardSrv"].is_string(), "{strings}");
        let zones: Vec<&Value> = specs(cluster).iter().map(|spec| &spec["zoneId"]).collect();
        let mapped = cluster["_globalWrites"]["customZoneMapping"].as_object().unwrap();
        assert!(mapped.values().all(|zone| zones.contains(&zone)), "{mapped:?}");
        let pinned = cluster.get("featureCompatibilityVersionExpirationDate").is_some();
        assert!(pinned || cluster["featureCompatibilityVersion"] == cluster["mongoDBMajorVersion"]);
    }
    for name in ["alpha", "beta"] {
        let listed = clusters.contains_key(name);
        let (status, _) = bench.call(Call::new("GET", CLUSTER).param("clusterName", name));
        assert_eq!(status == 200, listed);
    }
}

fn specs(cluster: &Value) -> &[Value] {
    cluster["replicationSpecs"].as_array().unwrap()
}

fn check_shape(cluster: &Value) {
    let specs = specs(cluster);
    assert!(cluster["clusterType"] != "REPLICASET" || specs.len() == 1);
    let ids: BTreeSet<&str> = specs.iter().map(|spec| spec["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), specs.len(), "each shard has an id of its own");
    let mut zones = BTreeMap::new();
    for spec in specs {
        let known = zones.entry(spec["zoneName"].as_str()).or_insert(&spec["zoneId"]);
        assert_eq!(*known, &spec["zoneId"], "a zone has one id");
    }
    let distinct: BTreeSet<&str> = zones.values().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(distinct.len(), zones.len(), "an id is of one zone");
    let regions = specs.iter().flat_map(|spec| spec["regionConfigs"].as_array().unwrap());
    let disks = regions.flat_map(|region| {
        let nodes = ["electableSpecs", "readOnlySpecs", "analyticsSpecs"].map(|kind| &region[kind]["diskSizeGB"]);
        nodes.into_iter().filter(|disk| disk.is_number())
    });
    let disks: Vec<f64> = disks.map(|disk| disk.as_f64().unwrap()).collect();
    assert!(disks.iter().all(|disk| (disk - disks[0]).abs() < f64::EPSILON), "{disks:?}");
}

#[test]
fn whatever_is_asked_clusters_stay_possible_and_come_to_rest() {
    let mut upgraded = 0;
    for run in 1..=RUNS {
        let mut bench = Bench::new(run);
        let mut dice = Dice(run.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for _ in 0..STEPS {
            step(&mut bench, &mut dice);
            check(&mut bench);
            let state = bench.world.snapshot();
            upgraded += state["groups"][&bench.group]["_upgrading"].as_array().unwrap().len();
        }
        seconds(&mut bench, LONG);
        check(&mut bench);
        for path in [CLUSTERS, FLEX_CLUSTERS] {
            for deployment in bench.prepare(Call::new("GET", path)).unwrap()["results"].as_array().unwrap() {
                assert_eq!(deployment["stateName"], "IDLE", "run {run}: {}", deployment["name"]);
            }
        }
        let left = bench.world.snapshot();
        assert_eq!(left["groups"][&bench.group]["_upgrading"], json!([]));
        assert_eq!(left["_timers"], json!([]), "run {run}");
    }
    assert!(upgraded > 30, "the dice reach upgrades: {upgraded}");
}
