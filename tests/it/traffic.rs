//! One credential under load, against the simulator over HTTP.
use atlas_operator::atlas::{Call, Client, Clients, Credentials, Endpoint, Method, Settings};
use futures::{StreamExt, stream};
use harness::{Simulator, SimulatorOptions};

/// Nonces that live for five uses cost one challenge in five calls, so 1.2 requests a call is the least there is.
const NONCE_USES: u32 = 5;
const CALLS: usize = 3200;
const AT_ONCE: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_through_one_credential_lose_none_and_cost_few_requests() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let arguments = vec!["--nonce-uses".to_owned(), NONCE_USES.to_string()];
    let options = SimulatorOptions { arguments, ..SimulatorOptions::default() };
    let simulator = Simulator::start(&options).await.unwrap();
    let organization = &simulator.organizations()[0];
    let credentials = Credentials::ApiKey {
        org_id: organization.id.clone(),
        public_key: organization.public_key.clone(),
        private_key: organization.private_key.clone().into(),
    };
    let clients = Clients::new(Endpoint::parse(simulator.base_url()).unwrap(), Settings::default());
    let client: Client = clients.get("one", "1", || Ok(credentials)).unwrap();
    let list = Call {
        method: Method::GET,
        path: "/groups".to_owned(),
        query: Vec::new(),
        template: "/groups",
        version: "2023-01-01",
        body: None,
    };
    simulator.settings(&serde_json::json!({"rateLimits": false})).await.unwrap();
    let failed = stream::iter(0..CALLS)
        .map(|_| client.send(&list))
        .buffer_unordered(AT_ONCE)
        .filter(|result| std::future::ready(result.is_err()))
        .count()
        .await;
    let requests = simulator.calls(0).await.unwrap().len();
    println!("{CALLS} calls, {AT_ONCE} at a time, {NONCE_USES} uses a nonce: {requests} HTTP requests, {failed} lost");
    assert_eq!(failed, 0);
    assert!(requests * 10 <= CALLS * 13, "{requests} requests for {CALLS} calls");
}
