//! Stories of certificates that Atlas issues: once, before they end, and when they were lost.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    stories::Story,
    users::{CLUSTER, DAY, PROJECT, USERS, WORKER, expect_ready, key, lines},
    world::NAMESPACE,
};

const ISSUE: &str = "POST databaseUsers/worker/certs";

fn not_after(story: &Story) -> jiff::Timestamp {
    let user = story.get(USERS, "worker").unwrap();
    user["status"]["certificate"]["notAfter"].as_str().unwrap_or_else(|| panic!("{user}")).parse().unwrap()
}

#[tokio::test]
async fn a_certificate_is_issued_once_and_again_before_it_ends() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, WORKER]).await;
    expect_ready(&story);
    let sent = story.sent().await;
    let issued: Vec<&Value> = sent.iter().filter(|(line, _)| line == ISSUE).map(|(_, body)| body).collect();
    assert_eq!(issued, [&json!({"monthsUntilExpiration": 3})]);
    let secret = story.get("secrets", "worker-certificate").unwrap();
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let [certificate, private, both] =
        ["tls.crt", "tls.key", "tls.pem"].map(|key| story.secret("worker-certificate", key).unwrap());
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----") && private.contains("PRIVATE KEY"));
    assert_eq!(both, format!("{certificate}{private}"));
    let first = not_after(&story);

    // Sixteen days before the end is too early, thirteen days before it is done.
    let left = first.duration_since(atlas_operator::engine::Clock::now(&story.world.clock));
    let left = Duration::try_from(left).unwrap();
    story.stop_for(left.saturating_sub(16 * DAY)).await;
    story.wait(DAY).await;
    assert_eq!((lines(&story).await, not_after(&story)), (vec![], first));
    story.wait(2 * DAY).await;
    assert_eq!(lines(&story).await, [ISSUE]);
    assert!(not_after(&story) > first);
    assert_ne!(story.secret("worker-certificate", "tls.key").unwrap(), private);
    expect_ready(&story);
}

#[tokio::test]
async fn a_certificate_whose_secret_is_gone_or_damaged_is_issued_anew_once() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, WORKER]).await;
    story.sent().await;
    story.world.kube.delete(&key("secrets", "worker-certificate"));
    story.wait(DAY).await;
    assert_eq!(lines(&story).await, [ISSUE]);
    let damaged = json!({"metadata": {"name": "worker-certificate"}, "stringData": {"tls.crt": "x"}});
    story.world.kube.apply("secrets", NAMESPACE, &damaged);
    story.wait(DAY).await;
    assert_eq!(lines(&story).await, [ISSUE]);
    assert!(story.secret("worker-certificate", "tls.key").unwrap().contains("PRIVATE KEY"));
    expect_ready(&story);
}

#[tokio::test]
async fn an_answer_that_was_lost_costs_one_certificate_more() {
    for kind in ["truncated-json", "reset", "500"] {
        let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
        let fault = json!({"operation": "POST /groups/*/databaseUsers/*/certs", "kind": kind, "when": "after"});
        story.world.simulator.add_fault(&fault).await.unwrap();
        story.sent().await;
        story.edit(WORKER, |_| {});
        story.wait(DAY).await;
        let issued = lines(&story).await.into_iter().filter(|line| line == ISSUE).count();
        assert_eq!(issued, 2, "{kind}");
        expect_ready(&story);
    }
}
