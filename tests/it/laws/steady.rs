//! Laws of the steady state: from nothing to ready, and then nothing more.
use std::time::Duration;

use atlas_operator::status::SecretReference;
use jiff::SignedDuration;
use serde_json::Value;

use super::{
    disturbance::Disturbance,
    fake_kube::Key,
    world::{NAMESPACE, Run, World, condition, documents, examples},
};

const DAY: Duration = Duration::from_hours(24);

/// Law 1, and law 2 on top: a day in which nothing changes costs nothing but reads.
#[tokio::test]
async fn every_kind_becomes_ready_and_then_costs_nothing_for_a_day() {
    let mut world = World::new().await;
    for (name, _, example) in examples() {
        world.reset().await;
        world.apply(&example);
        let mut operator = world.operator();
        assert_eq!(world.run(&mut operator).await, Run::Quiet);
        assert_eq!(world.unready(), Vec::<String>::new(), "{name}");

        world.simulator.clear_calls().await.unwrap();
        let (writes, passes, events) = (world.kube.writes(), operator.passes, world.kube.events().len());
        world.run_for(&mut operator, Some(DAY)).await;
        let mutating = world.simulator.mutating_calls(0).await.unwrap();
        assert!(mutating.is_empty(), "{name}: {:?}", mutating.iter().map(harness::Call::line).collect::<Vec<_>>());
        assert_eq!(world.kube.writes(), writes, "{name} wrote to Kubernetes\n{}", world.describe());
        assert_eq!(world.kube.events().len(), events, "{name} published an Event");
        assert!(operator.passes > passes + 10, "{name} was not looked at during the day");
    }
}

/// Law 3: whatever drifts in Atlas is put back, by one call.
#[tokio::test]
async fn drift_in_atlas_is_healed() {
    let mut world = World::new().await;
    for (name, _, example) in examples() {
        let Some((path, change)) = example.drift else { continue };
        let (mut operator, _) = world.settle(&example).await;
        let before = world.dump().await;
        let group = group_id(&world);
        let path = path.replace("{groupId}", &group);
        world.simulator.merge(&path, &serde_json::from_str(change).unwrap()).await.unwrap();
        assert_ne!(world.dump().await, before, "{name}: the drift changed nothing");
        world.simulator.clear_calls().await.unwrap();
        world.run_for(&mut operator, Some(Duration::from_hours(3))).await;
        let mutating = world.simulator.mutating_calls(0).await.unwrap();
        assert_eq!(mutating.len(), 1, "{name}: {:?}", mutating.iter().map(harness::Call::line).collect::<Vec<_>>());
        assert_json_diff::assert_json_eq!(world.dump().await, before);
    }
}

/// Law 5: a status that is lost leads to adoption, never to a second resource.
#[tokio::test]
async fn a_lost_status_adopts_and_never_duplicates() {
    let mut world = World::new().await;
    for (name, _, example) in examples() {
        let (operator, keys) = world.settle(&example).await;
        let before = world.dump().await;
        drop(operator);
        for key in &keys {
            world.kube.lose_status(key);
        }
        world.simulator.clear_calls().await.unwrap();
        let mut operator = world.operator();
        world.run(&mut operator).await;
        assert_eq!(world.unready(), Vec::<String>::new(), "{name}");
        let created: Vec<_> =
            world.simulator.mutating_calls(0).await.unwrap().into_iter().filter(|call| call.method == "POST").collect();
        assert!(created.is_empty(), "{name}: {created:?}");
        assert_json_diff::assert_json_eq!(world.dump().await, before);
    }
}

/// An edit of one field becomes one call that carries that field and no other.
#[tokio::test]
async fn an_edit_sends_one_call() {
    let mut world = World::new().await;
    for (name, kind, example) in examples() {
        let Some((pointer, value)) = example.edit else { continue };
        let (mut operator, keys) = world.settle(&example).await;
        let mut document = documents(example.manifest).pop().unwrap();
        *document["spec"].pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
        world.apply_one(&document);
        world.simulator.clear_calls().await.unwrap();
        world.run(&mut operator).await;
        assert_eq!(world.unready(), Vec::<String>::new(), "{name}");
        let mutating = world.simulator.calls_with_bodies(0).await.unwrap();
        let mutating: Vec<_> = mutating.into_iter().filter(|call| call.mutating).collect();
        assert_eq!(mutating.len(), 1, "{name}: {:?}", mutating.iter().map(harness::Call::line).collect::<Vec<_>>());
        if let Some(body) = mutating[0].request.as_object() {
            // Some kinds must say with each update whom it is about.
            let carried = carried(kind, &document["spec"]);
            let changed = body.keys().filter(|field| !carried.contains(&field.as_str())).count();
            let expected = usize::from(!carried.contains(&pointer.split('/').nth(1).unwrap()));
            assert_eq!(changed, expected, "{name}: {body:?}");
        }
        let object = world.kube.get(keys.last().unwrap()).unwrap();
        assert_eq!(object["metadata"]["generation"], 2, "{name}: the operator wrote to the spec");
    }
}

/// Law 8: deletion, with the Atlas resource, of everything at once and twice over.
#[tokio::test]
async fn deletion_removes_everything_and_a_second_one_changes_nothing() {
    let mut world = World::new().await;
    world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
    for (name, _, example) in examples() {
        let (mut operator, keys) = world.settle(&example).await;
        for key in &keys {
            world.kube.delete(key);
            world.kube.delete(key);
        }
        world.run(&mut operator).await;
        for kind in atlas_operator::kinds::all() {
            assert!(world.kube.all(kind.plural()).is_empty(), "{name}\n{}", world.describe());
        }
        assert_eq!(world.dump().await["atlas"], serde_json::json!([]), "{name}: left in Atlas");
        // What cannot be used any more is removed at once; the rest is for Kubernetes to collect with its owner.
        let left = |(key, secret): &(Key, Value)| {
            let for_cluster = secret["metadata"]["annotations"]["atlas-operator.io/cluster"].is_string();
            key.1 == NAMESPACE && (for_cluster || secret["metadata"]["ownerReferences"][0]["uid"].is_null())
        };
        let secrets: Vec<_> = world.kube.all("secrets").into_iter().filter(left).collect();
        assert!(secrets.is_empty(), "{name}: {secrets:?}");
    }
}

/// Law 8, with nothing to delete with: the object says so, lets go when told to, and Atlas keeps the resource.
#[tokio::test]
async fn without_credentials_a_deletion_waits_for_a_person() {
    let mut world = World::new().await;
    world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
    for (name, _, example) in examples() {
        let (mut operator, keys) = world.settle(&example).await;
        let before = world.dump().await["atlas"].clone();
        // That it may make no Secrets where the credentials were does not mean that their namespace goes.
        world.kube.close_namespace("operator");
        world.kube.delete(&("secrets".into(), "operator".into(), "default".into()));
        let key = keys.last().unwrap();
        world.kube.delete(key);
        world.run(&mut operator).await;
        let object = world.kube.get(key).unwrap();
        assert_eq!(condition(&object, "Stalled")["reason"], "CredentialsNotFound", "{name}: {object}");
        let mut document = documents(example.manifest).pop().unwrap();
        document["metadata"]["annotations"] = serde_json::json!({"atlas-operator.io/deletion": "retain"});
        world.apply_one(&document);
        world.run(&mut operator).await;
        assert!(world.kube.get(key).is_none(), "{name}\n{}", world.describe());
        assert_json_diff::assert_json_eq!(world.dump().await["atlas"], before);
    }
}

/// Law 8, where a namespace took the credentials with it, so that no person can bring them back.
#[tokio::test]
async fn credentials_that_went_with_their_namespace_hold_nothing_up() {
    let mut world = World::new().await;
    world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
    for (name, _, example) in examples() {
        for (remembered, own) in [(true, false), (false, false), (false, true)] {
            let about = format!("{name}, remembered: {remembered}, of its own namespace: {own}");
            let place = if own { NAMESPACE } else { "operator" };
            world.default_secret = Some(SecretReference { namespace: place.into(), name: "default".into() });
            world.reset().await;
            let organization = world.simulator.organizations()[0].clone();
            world.kube.apply("secrets", place, &organization.api_key_secret(place, "default"));
            let keys: Vec<Key> = documents(example.manifest).iter().map(|document| world.apply_one(document)).collect();
            let mut operator = world.operator();
            world.run(&mut operator).await;
            let before = world.dump().await["atlas"].clone();
            if !remembered {
                operator = world.operator();
            }
            world.kube.end_namespace(place);
            world.kube.delete(&("secrets".into(), place.into(), "default".into()));
            let key = keys.last().unwrap();
            world.kube.delete(key);
            world.run(&mut operator).await;
            let (left, after) = (world.kube.get(key), world.dump().await["atlas"].clone());
            match (remembered, own) {
                (true, _) => assert!(left.is_none() && after != before, "{about}: it is deleted: {left:?}"),
                (_, true) => {
                    assert!(left.is_none() && after == before, "{about}: it is let go, and kept in Atlas: {left:?}");
                }
                _ => {
                    let stalled = condition(&left.unwrap(), "Stalled");
                    assert_eq!(stalled["reason"], "CredentialsNotFound", "{about}: a person can still mend it");
                }
            }
        }
    }
}

/// Law 12: what is missing is waited for without a single call to Atlas about the object, and its coming wakes it.
#[tokio::test]
async fn missing_input_costs_no_call_and_its_coming_wakes() {
    let mut world = World::new().await;
    for (name, _, example) in examples() {
        world.reset().await;
        world.provide_credentials();
        let mut documents = documents(example.manifest);
        let own = documents.pop().unwrap();
        if documents.is_empty() {
            // It needs nothing but credentials.
            world.kube.delete(&("secrets".into(), "operator".into(), "default".into()));
        }
        world.apply_one(&own);
        let mut operator = world.operator();
        world.run_for(&mut operator, Some(Duration::from_mins(10))).await;
        assert!(world.simulator.calls(0).await.unwrap().is_empty(), "{name} called Atlas");
        assert_eq!(world.unready().len(), 1, "{name}");
        let begun = atlas_operator::engine::Clock::now(&world.clock);
        if documents.is_empty() {
            world.provide_credentials();
        }
        for document in &documents {
            world.apply_one(document);
        }
        // Within a second: by being woken, not by the timed retry, which a failed request would lead to.
        world.chance(Disturbance::calm);
        world.run_for(&mut operator, Some(world.promptly())).await;
        assert!(
            !world.simulator.calls(0).await.unwrap().is_empty(),
            "{name} was not woken\n{}\n{}",
            operator.due(&world),
            world.describe()
        );
        assert!(atlas_operator::engine::Clock::now(&world.clock).duration_since(begun) < SignedDuration::from_secs(30));
        world.run(&mut operator).await;
        assert_eq!(world.unready(), Vec::<String>::new(), "{name}");
    }
}

/// Law 14: an object that cannot be read is a condition on that object, and stops none of its kind.
#[tokio::test]
async fn an_unreadable_object_stops_no_other() {
    let mut world = World::new().await;
    for (name, kind, example) in examples() {
        world.reset().await;
        let keys = world.apply(&example);
        let mut broken = documents(example.manifest).pop().unwrap();
        broken["metadata"]["name"] = serde_json::json!("a-broken-one");
        broken["spec"] = serde_json::json!({"name": {"not": "a name"}, "projectRef": 7});
        let broken = world.apply_one(&broken);
        let mut operator = world.operator();
        world.run(&mut operator).await;
        let object = world.kube.get(&broken).unwrap();
        assert_eq!(condition(&object, "Stalled")["reason"], "InvalidSpec", "{name}: {object}");
        assert!(keys.iter().any(|key| key.0 == kind.plural()));
        assert_eq!(world.unready().len(), 1, "{name}: {:?}", world.unready());
    }
}

pub fn group_id(world: &World) -> String {
    let projects = world.kube.all("atlasprojects");
    let id: &Value = &projects[0].1["status"]["atlas"]["projectId"];
    id.as_str().unwrap().to_owned()
}

/// The fields that every update of a kind carries.
pub fn carried(kind: &dyn atlas_operator::kind::Kind, spec: &Value) -> Vec<&'static str> {
    let declared = kind.read(&serde_json::value::RawValue::from_string(spec.to_string()).unwrap()).unwrap();
    let given = atlas_operator::kind::Given {
        project_id: Some("0".repeat(24)),
        created: Some(jiff::Timestamp::UNIX_EPOCH),
        ..Default::default()
    };
    declared.parts(&given).unwrap().iter().flat_map(|part| part.route.carries).copied().collect()
}
