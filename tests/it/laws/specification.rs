//! The whole life of every example, with each request and answer held against Atlas's OpenAPI document.
use std::path::PathBuf;

use harness::{SimulatorOptions, repository};
use serde_json::json;

use super::world::{World, documents, examples};

/// Where the OpenAPI document is, if it is on this machine.
fn openapi() -> Option<PathBuf> {
    let folder =
        std::env::var_os("ATLAS_API_DATA").map_or_else(|| repository().join("../shared/atlas-api"), PathBuf::from);
    Some(folder.join("openapi.yaml")).filter(|file| file.is_file())
}

#[tokio::test]
async fn no_request_and_no_answer_breaks_the_openapi_document() {
    let Some(file) = openapi() else {
        println!("skipped: no openapi.yaml; set ATLAS_API_DATA to the folder that holds it");
        return;
    };
    let options = SimulatorOptions { openapi: Some(file), ..SimulatorOptions::default() };
    let mut world = World::around(options).await;
    world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
    let mut calls = 0;
    for (name, _, example) in examples() {
        world.reset().await;
        let keys = world.apply(&example);
        let mut operator = world.operator();
        world.run(&mut operator).await;
        if let Some((pointer, value)) = example.edit {
            let mut document = documents(example.manifest).pop().unwrap();
            *document["spec"].pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
            world.apply_one(&document);
            world.run(&mut operator).await;
        }
        for key in &keys {
            world.kube.delete(key);
        }
        world.run(&mut operator).await;
        calls += world.simulator.calls(0).await.unwrap().len();
        let violations = world.simulator.violations().await.unwrap();
        assert!(violations.is_empty(), "{name}: {}", json!(violations));
    }
    println!("OpenAPI: {calls} requests and answers, none of which breaks it");
}
