//! Clusters that Atlas scales by itself: whatever it moved is no drift, and an edit of something else says nothing of it.
use std::time::Duration;

use serde_json::{Value, json};

use super::stories::{CLUSTER, PROJECT, Story};

/// The cluster with this many shards, and nodes of every role that Atlas may scale.
fn with_shards(count: usize) -> impl Fn(&mut Value) {
    move |document| {
        let spec = &mut document["spec"];
        let mut shard = spec["replicationSpecs"][0].clone();
        let region = &mut shard["regionConfigs"][0];
        for (role, nodes) in [("electableSpecs", 3), ("readOnlySpecs", 1), ("analyticsSpecs", 1)] {
            region[role] = json!({"instanceSize": "M30", "nodeCount": nodes, "diskSizeGB": 40});
        }
        region["analyticsAutoScaling"] = region["autoScaling"].clone();
        spec["clusterType"] = json!(if count == 1 { "REPLICASET" } else { "SHARDED" });
        spec["replicationSpecs"] = vec![shard; count].into();
    }
}

/// What Atlas does: a name, and the commands with their bodies but for project and cluster.
fn moves() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let compute = |role: &str| ("autoscale", json!({"role": role, "instanceSize": "M50"}));
    let disk = || ("autoscale", json!({"diskSizeGB": 90}));
    vec![
        ("compute of electable and read-only nodes", vec![compute("base")]),
        ("compute of analytics nodes", vec![compute("analytics")]),
        ("disks", vec![disk()]),
        ("everything", vec![compute("base"), compute("analytics"), disk()]),
        ("compute of the first shard", vec![("autoscale", json!({"shard": 0, "instanceSize": "M40"}))]),
    ]
}

#[tokio::test]
async fn an_edit_of_a_tag_is_one_patch_of_the_tags_whatever_atlas_scaled() {
    let mut story = Story::begin(&[PROJECT]).await;
    let mut cases = 0;
    for (shards, added) in [(1, false), (2, false), (2, true)] {
        for (moved, commands) in moves() {
            let about = format!("{shards} shards{}, {moved}", if added { " and one that Atlas added" } else { "" });
            story.world.reset().await;
            story.world.provide_credentials();
            story.edit(PROJECT, |_| {});
            story.edit(CLUSTER, with_shards(shards));
            story.stop_for(Duration::ZERO).await;
            story.go_on().await;
            assert!(story.world.unready().is_empty(), "{about}: {}", story.world.describe());
            let added = added.then(|| ("addShard", json!({})));
            for (command, mut body) in added.into_iter().chain(commands) {
                body["groupId"] = json!(story.group());
                body["cluster"] = json!("orders");
                body["done"] = json!(true);
                story.world.simulator.command(command, &body).await.unwrap();
            }
            story.sent().await;
            story.wait(Duration::from_hours(3)).await;
            assert_eq!(story.sent().await, [], "{about}: no drift");
            let before = replication_specs(&story).await;

            story.edit(CLUSTER, |document| {
                with_shards(shards)(document);
                document["spec"]["tags"][0]["value"] = json!("test");
            });
            story.go_on().await;
            let expected = [("PATCH clusters/orders".to_owned(), json!({"tags": [{"key": "env", "value": "test"}]}))];
            assert_eq!(story.sent().await, expected, "{about}");
            assert_eq!(replication_specs(&story).await, before, "{about}");
            assert!(story.world.unready().is_empty(), "{about}: {}", story.world.describe());
            cases += 1;
        }
    }
    println!("{cases} clusters that Atlas scaled: an edit of a tag is one PATCH of the tags");
}

/// Which scaling is on, and what Atlas moves in one go.
#[tokio::test]
async fn whichever_scaling_is_on_what_atlas_moved_up_is_left_and_shown() {
    let mut story = Story::begin(&[PROJECT]).await;
    let compute =
        json!({"enabled": true, "scaleDownEnabled": true, "minInstanceSize": "M10", "maxInstanceSize": "M40"});
    let compute = json!({"compute": compute, "diskGB": {"enabled": false}});
    let disks = json!({"compute": {"enabled": false}, "diskGB": {"enabled": true}});
    for (about, scaling) in [("compute", compute), ("disks", disks)] {
        let declared = |document: &mut Value| {
            let region = &mut document["spec"]["replicationSpecs"][0]["regionConfigs"][0];
            region["electableSpecs"] = json!({"instanceSize": "M10", "nodeCount": 3, "diskSizeGB": 10});
            region["autoScaling"] = scaling.clone();
        };
        story.world.reset().await;
        story.world.provide_credentials();
        story.edit(PROJECT, |_| {});
        story.edit(CLUSTER, declared);
        story.stop_for(Duration::ZERO).await;
        story.go_on().await;
        assert!(story.world.unready().is_empty(), "{about}: {}", story.world.describe());
        let moved = json!({"instanceSize": "M30", "diskSizeGB": 130});
        let mut body = json!({"groupId": story.group(), "cluster": "orders", "done": true});
        body.as_object_mut().unwrap().extend(moved.as_object().unwrap().clone());
        story.world.simulator.command("autoscale", &body).await.unwrap();
        story.sent().await;
        story.wait(Duration::from_hours(3)).await;
        assert_eq!(story.sent().await, [], "{about}: nothing is put back");
        assert!(story.world.unready().is_empty(), "{about}: {}", story.world.describe());
        let status = story.get("atlasclusters", "orders").unwrap()["status"].clone();
        let shown = &status["effectiveReplicationSpecs"][0]["regionConfigs"][0]["electableSpecs"];
        assert_eq!((&shown["instanceSize"], shown["diskSizeGB"].as_f64()), (&json!("M30"), Some(130.0)), "{about}");

        story.edit(CLUSTER, |document| {
            declared(document);
            document["spec"]["tags"][0]["value"] = json!("test");
        });
        story.go_on().await;
        let expected = [("PATCH clusters/orders".to_owned(), json!({"tags": [{"key": "env", "value": "test"}]}))];
        assert_eq!(story.sent().await, expected, "{about}");
    }
    // What the spec declares anew is sent, also where it is less.
    story.edit(CLUSTER, |document| {
        let region = &mut document["spec"]["replicationSpecs"][0]["regionConfigs"][0];
        region["electableSpecs"] = json!({"instanceSize": "M20", "nodeCount": 3, "diskSizeGB": 10});
        region["autoScaling"] = json!({"compute": {"enabled": false}, "diskGB": {"enabled": true}});
    });
    story.go_on().await;
    let sent = story.sent().await;
    let sizes: Vec<&Value> = sent
        .iter()
        .map(|(_, body)| &body["replicationSpecs"][0]["regionConfigs"][0]["electableSpecs"]["instanceSize"])
        .filter(|size| !size.is_null())
        .collect();
    assert_eq!(sizes, ["M20"], "{sent:#?}");
}

/// The cluster's nodes as Atlas has them.
async fn replication_specs(story: &Story) -> Value {
    let state = story.world.simulator.state().await.unwrap();
    let cluster = &state["groups"][&story.group()]["clusters"]["orders"];
    let specs = [&cluster["replicationSpecs"], &cluster["document"]["replicationSpecs"]].into_iter();
    specs.into_iter().find(|specs| specs.is_array()).unwrap().clone()
}
