//! What Events say: the change that was made, each change by itself, and why an object was let go.
use serde_json::{Value, json};

use super::stories::{CLUSTER, PROJECT, Story};

const SHARDED: &str = include_str!("../../../src/kinds/cluster/sharded.yaml");

/// Type, reason and note of every Event so far; of a repetition, how often it was seen.
fn told(story: &Story) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = story.world.kube.events();
    let told = events.iter().map(|event| match &event["series"]["count"] {
        Value::Null => (text(&event["type"]), text(&event["reason"]), text(&event["note"])),
        count => ("again".to_owned(), String::new(), count.to_string()),
    });
    told.collect()
}

#[tokio::test]
async fn each_change_is_an_event_of_its_own_and_only_equal_ones_are_counted() {
    let mut story = Story::begin(&[SHARDED]).await;
    let begun = told(&story).len();
    let tags = |value: &str| json!([{"key": "env", "value": value}]);
    for value in ["test", "prod"] {
        story.edit(SHARDED, |document| document["spec"]["tags"] = tags(value));
        story.go_on().await;
    }
    story.edit(SHARDED, |document| {
        document["spec"]["tags"] = tags("prod");
        document["spec"]["replicationSpecs"].as_array_mut().unwrap().pop();
    });
    story.go_on().await;
    let told = told(&story).split_off(begun);
    let is =
        |type_: &str, says: &str| told.iter().filter(|(kind, _, note)| kind == type_ && note.contains(says)).count();
    assert_eq!(is("Normal", "tags"), 1, "{told:#?}");
    assert_eq!(is("again", "2"), 2, "the second edit of tags, and that all is settled again: {told:#?}");
    assert_eq!(is("Normal", "replicationSpecs"), 1, "{told:#?}");
    let warnings: Vec<_> = told.iter().filter(|(kind, ..)| kind == "Warning").collect();
    let [(_, reason, note)] = warnings.as_slice() else { panic!("{told:#?}") };
    assert_eq!(reason, "Updating");
    assert!(note.starts_with("Shard 2 of zone") && note.contains("is removed"), "{note}");
}

#[tokio::test]
async fn an_object_says_what_became_of_its_resource() {
    for (deletion, removed_before, reason, says) in [
        ("retain", false, "Released", "Kept in Atlas, and no longer managed."),
        ("delete", false, "Deleted", "Deleted in Atlas."),
        ("delete", true, "Released", "It was already gone from Atlas."),
    ] {
        let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
        let annotations = json!({"atlas-operator.io/deletion": deletion});
        let key = story.edit(CLUSTER, |document| document["metadata"]["annotations"] = annotations);
        story.go_on().await;
        if removed_before {
            let path = format!("/groups/{}/clusters/orders", story.group());
            story.world.simulator.remove(&path).await.unwrap();
        }
        story.world.kube.delete(&key);
        story.go_on().await;
        let told = told(&story);
        let (_, last_reason, note) = told.last().unwrap();
        assert_eq!((last_reason.as_str(), note.as_str()), (reason, says), "{deletion}: {told:#?}");
    }
}
