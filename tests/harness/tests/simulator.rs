//! The simulator as tests and the demo use it: started as a program, read and driven through its control API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use harness::{Error, Simulator, SimulatorOptions, free_port};
use serde_json::json;

async fn get(url: &str) -> reqwest::Result<reqwest::Response> {
    // reqwest asks for a TLS provider even for plain http; another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await
}

fn is_refused(result: &Result<(), Error>, expected: u16) -> bool {
    matches!(result, Err(Error::Refused { status, .. }) if *status == expected)
}

#[tokio::test]
async fn its_control_api_reads_and_drives_it() {
    let organizations = vec!["First".to_owned(), "Second".to_owned()];
    let simulator = Simulator::start(&SimulatorOptions { organizations, ..Default::default() }).await.unwrap();
    let names: Vec<&str> = simulator.organizations().iter().map(|organization| organization.name.as_str()).collect();
    assert_eq!(names, ["First", "Second"]);

    // Without credentials: a challenge, which is logged and is no mutation.
    let answer = get(&format!("{}/api/atlas/v2/groups", simulator.base_url())).await.unwrap();
    assert_eq!(answer.status(), 401);
    let calls = simulator.calls(0).await.unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].line(), "GET /api/atlas/v2/groups");
    assert_eq!((calls[0].status, &calls[0].principal, calls[0].mutating), (401, &None, false));
    assert_eq!(simulator.latest_call().await.unwrap(), 1);
    assert!(simulator.calls(1).await.unwrap().is_empty());
    assert!(simulator.mutating_calls(0).await.unwrap().is_empty());
    simulator.clear_calls().await.unwrap();
    assert!(simulator.calls_with_bodies(0).await.unwrap().is_empty());

    // The clock stands still until it is moved.
    let before = simulator.state().await.unwrap();
    assert_eq!(before["now"], simulator.state().await.unwrap()["now"]);
    simulator.advance(60).await.unwrap();
    assert_ne!(before["now"], simulator.state().await.unwrap()["now"]);

    assert_eq!(simulator.faults().await.unwrap(), json!([]));
    simulator.add_fault(&json!({"operation": "GET /groups", "kind": "500"})).await.unwrap();
    assert_eq!(simulator.faults().await.unwrap().as_array().unwrap().len(), 1);
    simulator.clear_faults().await.unwrap();
    assert_eq!(simulator.faults().await.unwrap(), json!([]));

    let first = simulator.organizations()[0].clone();
    let settings = simulator.settings(&json!({"rotateKeys": first.id})).await.unwrap();
    assert!(settings.is_object());
    let rotated = &simulator.credentials().await.unwrap()[0];
    assert_eq!(rotated.id, first.id);
    assert_ne!(rotated.private_key, first.private_key);

    let missing = format!("groups/{}", first.id);
    assert!(is_refused(&simulator.merge(&missing, &json!({"name": "x"})).await, 404));
    assert!(is_refused(&simulator.remove(&missing).await, 404));

    assert!(simulator.coverage().await.unwrap().to_string().contains("/groups"));
    assert!(simulator.violations().await.unwrap().is_empty());
    simulator.reset().await.unwrap();
    assert_eq!(simulator.credentials().await.unwrap()[0].private_key, first.private_key);
}

#[tokio::test]
async fn it_comes_back_at_the_same_address_and_ends_with_its_handle() {
    let options = SimulatorOptions { port: Some(free_port()), ..Default::default() };
    let simulator = Simulator::start(&options).await.unwrap();
    let url = simulator.base_url().to_owned();
    drop(simulator);
    assert!(get(&url).await.unwrap_err().is_connect());
    let simulator = Simulator::start(&options).await.unwrap();
    assert_eq!(simulator.base_url(), url);
}

#[tokio::test]
async fn a_simulator_that_cannot_start_says_why() {
    let arguments = vec!["--no-such-flag".to_owned()];
    let failure = Simulator::start(&SimulatorOptions { arguments, ..Default::default() }).await;
    let failure = failure.err().expect("it must not start").to_string();
    assert!(failure.contains("--no-such-flag"), "{failure}");
}
