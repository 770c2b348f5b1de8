//! The ways between M0, flex and dedicated: up, by an upgrade in place, and never down.
//!
//! An upgrade moves the data to a cluster of the wanted kind, and but for its tags Atlas is asked for no more than that:
//! all else that the spec says is an ordinary change afterwards. So each of the two operations carries what it must, in the words of
//! its time: that of an M0 speaks the language of the API of 2023, that of a flex cluster today's.
use serde_json::{Map, Value, json};

use super::merge::list;
use crate::kind::{Endpoint, Hold, Upgrade, Way};

/// M0 to flex or dedicated.
pub(super) const FROM_M0: Endpoint = Endpoint::new("/groups/{groupId}/clusters/tenantUpgrade", "2023-01-01");
/// Flex to dedicated.
pub(super) const FROM_FLEX: Endpoint = Endpoint::new("/groups/{groupId}/flexClusters:tenantUpgrade", "2024-11-13");

/// Whether the document is that of an M0.
pub(super) fn is_tenant(document: &Value) -> bool {
    document["replicationSpecs"][0]["regionConfigs"][0]["providerName"] == "TENANT"
}

/// Whether the document is that of a flex cluster, which is of another shape than all others.
pub(super) fn is_flex(document: &Value) -> bool {
    document["providerSettings"].is_object()
}

/// How what stands under the name becomes the M0 or dedicated cluster that is wanted.
pub(super) fn to_cluster(desired: &Value, observed: &Value) -> Way {
    match (is_tenant(desired), is_flex(observed), is_tenant(observed)) {
        (true, false, true) | (false, false, false) => Way::Here,
        (true, ..) => never("an M0"),
        (false, true, _) => {
            let becomes = first_shard(desired);
            upgrade(FROM_FLEX, desired, becomes.clone(), becomes)
        }
        (false, false, true) => {
            let becomes = first_region(desired);
            let region = &becomes["replicationSpecs"][0]["regionConfigs"][0];
            let settings = json!({
                "providerName": region["providerName"],
                "instanceSizeName": region["electableSpecs"]["instanceSize"],
                "regionName": region["regionName"],
            });
            upgrade(FROM_M0, desired, json!({"name": desired["name"], "providerSettings": settings}), becomes)
        }
    }
}

/// How what stands under the name becomes the flex cluster that is wanted.
pub(super) fn to_flex(desired: &Value, observed: &Value) -> Way {
    if is_flex(observed) {
        return Way::Here;
    }
    if !is_tenant(observed) {
        return never("a flex cluster");
    }
    let mut settings = desired["providerSettings"].clone();
    for field in ["providerName", "instanceSizeName"] {
        settings[field] = json!("FLEX");
    }
    let becomes = json!({"name": desired["name"], "providerSettings": desired["providerSettings"]});
    upgrade(FROM_M0, desired, json!({"name": desired["name"], "providerSettings": settings}), becomes)
}

/// Tags are all that both operations take along with the move: without them a cluster would be without its tags for
/// a while.
fn upgrade(endpoint: Endpoint, desired: &Value, mut body: Value, mut becomes: Value) -> Way {
    if desired["tags"].is_array() {
        for document in [&mut body, &mut becomes] {
            document["tags"] = desired["tags"].clone();
        }
    }
    Way::Upgrade(Box::new(Upgrade { endpoint, body, becomes }))
}

fn never(wanted: &str) -> Way {
    Way::Never(Hold {
        path: "spec.replicationSpecs",
        message: format!(
            "A cluster goes from M0 (TENANT) to flex (FLEX) to dedicated and never back, so this one cannot become \
             {wanted}. Put the old providerName back, or create another cluster under another name and move the data."
        ),
        lift: None,
    })
}

/// The wanted cluster as a replica set of its first shard.
fn first_shard(desired: &Value) -> Value {
    let regions = &desired["replicationSpecs"][0]["regionConfigs"];
    replica_set(desired, regions)
}

/// The wanted cluster as a replica set of three nodes in its preferred region: all that the older language can say that
/// is true of every cluster.
fn first_region(desired: &Value) -> Value {
    let first = list(&desired["replicationSpecs"][0]["regionConfigs"]).first().unwrap_or(&Value::Null);
    let fields = ["providerName", "regionName", "priority"].map(|field| (field.to_owned(), first[field].clone()));
    let mut region: Map<String, Value> = fields.into_iter().collect();
    let nodes = json!({"instanceSize": first["electableSpecs"]["instanceSize"], "nodeCount": 3});
    region.insert("electableSpecs".to_owned(), nodes);
    replica_set(desired, &json!([region]))
}

fn replica_set(desired: &Value, regions: &Value) -> Value {
    json!({
        "name": desired["name"],
        "clusterType": "REPLICASET",
        "replicationSpecs": [{"regionConfigs": regions}],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    fn m0() -> Value {
        let region = json!({"providerName": "TENANT", "backingProviderName": "AWS", "regionName": "EU_WEST_1"});
        json!({"name": "a", "clusterType": "REPLICASET", "replicationSpecs": [{"regionConfigs": [region]}]})
    }

    fn flex() -> Value {
        json!({"name": "a", "providerSettings": {"backingProviderName": "AWS", "regionName": "EU_WEST_1"}})
    }

    fn dedicated() -> Value {
        let region = |name: &str, priority: u8, count: u8| {
            json!({
                "providerName": "AWS", "regionName": name, "priority": priority,
                "electableSpecs": {"instanceSize": "M30", "nodeCount": count},
            })
        };
        json!({
            "name": "a", "clusterType": "SHARDED", "backupEnabled": true,
            "replicationSpecs": [{"regionConfigs": [region("EU_WEST_1", 7, 2), region("EU_WEST_2", 6, 1)]}, {}],
        })
    }

    fn posted(way: Way) -> (Endpoint, Value) {
        match way {
            Way::Upgrade(upgrade) => (upgrade.endpoint, upgrade.body),
            way => panic!("{way:?}"),
        }
    }

    #[test]
    fn what_is_of_the_wanted_form_stays() {
        assert_eq!(to_cluster(&m0(), &m0()), Way::Here);
        assert_eq!(to_cluster(&dedicated(), &dedicated()), Way::Here);
        assert_eq!(to_flex(&flex(), &flex()), Way::Here);
    }

    #[test]
    fn the_way_up_is_an_upgrade_in_the_words_of_its_operation() {
        let settings = json!({
            "providerName": "FLEX", "instanceSizeName": "FLEX", "backingProviderName": "AWS", "regionName": "EU_WEST_1",
        });
        assert_eq!(posted(to_flex(&flex(), &m0())), (FROM_M0, json!({"name": "a", "providerSettings": settings})));

        let settings = json!({"providerName": "AWS", "instanceSizeName": "M30", "regionName": "EU_WEST_1"});
        let body = json!({"name": "a", "providerSettings": settings});
        assert_eq!(posted(to_cluster(&dedicated(), &m0())), (FROM_M0, body));

        let (endpoint, body) = posted(to_cluster(&dedicated(), &flex()));
        assert_eq!(endpoint, FROM_FLEX);
        assert_eq!((&body["name"], &body["clusterType"]), (&json!("a"), &json!("REPLICASET")));
        assert_eq!(body["replicationSpecs"], json!([dedicated()["replicationSpecs"][0]]));
        assert_eq!(body.as_object().map(Map::len), Some(3), "all else is an ordinary change afterwards");
    }

    #[test]
    fn there_is_no_way_down() {
        for way in [to_cluster(&m0(), &flex()), to_cluster(&m0(), &dedicated()), to_flex(&flex(), &dedicated())] {
            assert!(matches!(way, Way::Never(hold) if hold.path == "spec.replicationSpecs"));
        }
    }
}
