//! Dates on the client's clock, which Atlas's clock leaves behind.
use jiff::SignedDuration;
use serde_json::json;

use super::{CLUSTER, dedicated, done, get, with_idle_cluster};
use crate::bench::{Bench, Call};

const PIN: &str = "/groups/{groupId}/clusters/{clusterName}:pinFeatureCompatibilityVersion";

/// Lets time pass on both clocks, a thousand times as much in Atlas as for the client.
fn seconds(bench: &mut Bench, client: i64) {
    let by = SignedDuration::from_secs;
    bench.world.pass(bench.world.now + by(client * 1000), bench.world.client + by(client));
}

#[test]
fn a_pin_ends_on_the_clients_clock_and_what_follows_begins_at_that_moment() {
    let mut bench = with_idle_cluster(dedicated("orders"));
    seconds(&mut bench, 60);
    let until = bench.world.client + SignedDuration::from_hours(1);
    let pin = Call::new("POST", PIN).param("clusterName", "orders").body(json!({"expirationDate": until.to_string()}));
    assert_eq!(bench.call(pin).0, 204);
    bench.wait(CLUSTER, "orders", |cluster| cluster["stateName"] == "IDLE").unwrap();
    let pinned = |bench: &mut Bench| {
        let cluster = done(bench, get("orders"));
        assert_eq!(cluster["stateName"], "IDLE");
        cluster.get("featureCompatibilityVersionExpirationDate").is_some()
    };
    let left = until.duration_since(bench.world.client).as_secs();
    seconds(&mut bench, left - 6);
    assert!(pinned(&mut bench));
    // The update that its end begins takes half an hour at most, and has most of three hours.
    seconds(&mut bench, 12);
    assert!(!pinned(&mut bench));
}
