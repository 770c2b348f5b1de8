use serde_json::json;

use super::{FLEX, FLEX_CLUSTERS, done, flex, refused, seconds};
use crate::bench::{Bench, Call};

fn flex_call(method: &str) -> Call<'_> {
    Call::new(method, FLEX).param("name", "sessions")
}

#[test]
fn a_deletion_answers_at_once_and_takes_a_while_and_the_name_a_while_longer() {
    let mut bench = Bench::new(1);
    let again = || Call::new("POST", FLEX_CLUSTERS).body(flex("sessions"));
    assert!(done(&mut bench, again()).get("tags").is_none());
    bench.wait(FLEX, "sessions", |flex| flex["stateName"] == "IDLE").unwrap();
    assert_eq!(done(&mut bench, flex_call("GET"))["tags"], json!([]));
    assert_eq!(bench.call(flex_call("DELETE")).0, 204);
    assert_eq!(done(&mut bench, flex_call("GET"))["stateName"], "DELETING");
    assert_eq!(refused(&mut bench, again()).1, "DUPLICATE_CLUSTER_NAME");
    let mut waited = 0;
    while bench.call(flex_call("GET")).0 == 200 {
        seconds(&mut bench, 1);
        waited += 1;
    }
    assert!((4..=510).contains(&waited), "{waited} seconds");
    assert_eq!(refused(&mut bench, again()), (400, "CONTAINER_WAITING_FOR_FAST_RECORD_CLEAN_UP".to_owned()));
    seconds(&mut bench, 60);
    done(&mut bench, again());
}

#[test]
fn only_tags_and_termination_protection_can_be_changed() {
    let mut bench = Bench::new(1);
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("sessions")));
    bench.wait(FLEX, "sessions", |flex| flex["stateName"] == "IDLE").unwrap();
    let region = json!({"providerSettings": {"regionName": "US_EAST_2"}});
    assert_eq!(refused(&mut bench, flex_call("PATCH").body(region)).1, "INVALID_ATTRIBUTE");
    let answer = done(&mut bench, flex_call("PATCH").body(json!({"terminationProtectionEnabled": true})));
    assert_eq!(answer["stateName"], "UPDATING");
    assert_eq!(refused(&mut bench, flex_call("DELETE")).0, 400);
}
