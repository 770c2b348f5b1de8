//! Mistakes that no schema can know: the operator or Atlas sees them, and the object says what is wrong and where.
use atlas_operator::kind::Deletion;

use super::{
    fake_kube::Key,
    world::{World, condition},
};
use crate::corpus::{By, corpus};

#[tokio::test]
async fn what_is_found_later_stalls_the_object_with_the_field_and_the_way_out() {
    let mut world = World::new().await;
    let (mut found, mut wrong) = (0, Vec::new());
    for case in corpus().into_iter().filter(|case| case.by == By::Operator) {
        let about = case.about();
        world.reset().await;
        world.provide_credentials();
        let mut documents = case.example();
        let object = documents.pop().unwrap();
        for document in &documents {
            world.apply_one(document);
        }
        let mut operator = world.operator();
        if case.update {
            world.apply_one(&object);
            world.run(&mut operator).await;
            assert_eq!(world.unready(), Vec::<String>::new(), "{about}");
        }
        let key = world.apply_one(&case.change(&object));
        world.run(&mut operator).await;
        let object = world.kube.get(&key).unwrap();
        let (stalled, says) = (condition(&object, "Stalled"), case.says.unwrap());
        if !stalled["message"].as_str().is_some_and(|message| message.contains(&says)) {
            wrong.push(format!("{about}: not {says:?} but {}", object["status"]["conditions"]));
        }
        found += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{found} mistakes that the API server cannot know stall their objects");
    assert!(found >= 8, "{found}");
}

/// Law 8, of objects that were fine before they were edited.
#[tokio::test]
async fn no_mistake_holds_up_a_deletion() {
    let mut world = World::new().await;
    world.defaults.deletion = Some(Deletion::Delete);
    for case in corpus().into_iter().filter(|case| case.by == By::Operator) {
        world.reset().await;
        world.provide_credentials();
        let documents = case.example();
        let keys: Vec<Key> = documents.iter().map(|document| world.apply_one(document)).collect();
        let mut operator = world.operator();
        world.run(&mut operator).await;
        assert_eq!(world.unready(), Vec::<String>::new(), "{}", case.about());
        world.apply_one(&case.change(documents.last().unwrap()));
        world.run(&mut operator).await;
        for key in keys.iter().rev() {
            world.kube.delete(key);
        }
        world.run(&mut operator).await;
        for key in &keys {
            assert!(world.kube.get(key).is_none(), "{}: {key:?} stays: {}", case.about(), world.describe());
        }
        assert_eq!(world.dump().await["atlas"], serde_json::json!([]), "{}: left in Atlas", case.about());
    }
}
