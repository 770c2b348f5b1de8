//! What the NetworkPolicy opens.
use serde_json::{Value, json};

use super::{OPERATOR, of_kind, rendered};

/// The ports that pods may reach, by protocol, in order.
async fn open(values: Value) -> Vec<String> {
    let objects = rendered(OPERATOR, &values).await;
    let [policy] = of_kind(&objects, "NetworkPolicy")[..] else { panic!("{objects:?}") };
    let rules = policy["spec"]["egress"].as_array().unwrap();
    let ports = rules.iter().flat_map(|rule| rule["ports"].as_array().unwrap());
    ports.map(|port| format!("{} {}", port["protocol"].as_str().unwrap(), port["port"])).collect()
}

#[tokio::test]
async fn names_atlas_and_the_api_server_are_open_and_no_more() {
    let policy = |more: Value| {
        let mut policy = json!({"enabled": true});
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"networkPolicy": policy})
    };
    let plain = ["UDP 53", "TCP 53", "TCP 443", "TCP 443", "TCP 6443"];
    assert_eq!(open(policy(json!({}))).await, plain);
    let elsewhere = open(policy(json!({"dns": {"ports": [53, 5353]}}))).await;
    assert_eq!(elsewhere[..4], ["UDP 53", "TCP 53", "UDP 5353", "TCP 5353"]);
    assert_eq!(elsewhere[4..], plain[2..]);
}

#[tokio::test]
async fn the_collector_of_traces_is_open_where_settings_name_one() {
    for (endpoint, port) in [
        ("http://collector:4318", "TCP 4318"),
        ("http://collector", "TCP 80"),
        ("https://collector.example.com/v1/", "TCP 443"),
        ("http://[fd00::1]:4319/", "TCP 4319"),
        ("http://[fd00::80]", "TCP 80"),
    ] {
        let opened = open(json!({"networkPolicy": {"enabled": true}, "settings": {"otlp-endpoint": endpoint}})).await;
        assert_eq!(opened.len(), 6, "{endpoint}: {opened:?}");
        assert_eq!(opened[5], port, "{endpoint}");
    }
}
