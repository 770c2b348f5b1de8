use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{done, refused, seconds};
use crate::bench::{Bench, Call};

const ALL: &str = "/groups/{groupId}/accessList";
const ONE: &str = "/groups/{groupId}/accessList/{entryValue}";
const STATUS: &str = "/groups/{groupId}/accessList/{entryValue}/status";

fn write<'a>(entries: Value) -> Call<'a> {
    Call::new("POST", ALL).body(entries)
}

fn on<'a>(method: &'a str, path: &'a str, value: &str) -> Call<'a> {
    Call::new(method, path).param("entryValue", value)
}

#[test]
fn a_post_answers_the_whole_list_and_writes_over_what_is_there() {
    let mut bench = Bench::new(1);
    done(&mut bench, write(json!([{"cidrBlock": "203.0.113.0/24", "comment": "office"}])));
    let (status, page) = bench.call(write(json!([{"ipAddress": "192.0.2.7"}])));
    assert_eq!((status, page["totalCount"].as_u64()), (201, Some(2)));
    assert_eq!(page["results"][1]["cidrBlock"], "192.0.2.7/32");
    let page = done(&mut bench, write(json!([{"cidrBlock": "192.0.2.7/32", "comment": "bastion"}])));
    assert_eq!((&page["totalCount"], &page["results"][1]["comment"]), (&json!(2), &json!("bastion")));
    for value in ["192.0.2.7", "192.0.2.7/32"] {
        let entry = done(&mut bench, on("GET", ONE, value));
        assert_eq!(entry["ipAddress"], "192.0.2.7");
        assert!(entry["links"][0]["href"].as_str().unwrap().ends_with("/192.0.2.7%2F32"));
    }
}

#[test]
fn an_entry_is_pending_before_it_is_active() {
    let mut bench = Bench::new(1);
    done(&mut bench, write(json!([{"ipAddress": "192.0.2.7"}])));
    assert_eq!(done(&mut bench, on("GET", STATUS, "192.0.2.7")), json!({"STATUS": "PENDING"}));
    seconds(&mut bench, 60);
    assert_eq!(done(&mut bench, on("GET", STATUS, "192.0.2.7")), json!({"STATUS": "ACTIVE"}));
}

#[test]
fn an_entry_vanishes_at_its_date() {
    let mut bench = Bench::new(1);
    let date = |bench: &Bench, hours| (bench.world.now + SignedDuration::from_hours(hours)).to_string();
    let entry = |date| write(json!([{"ipAddress": "192.0.2.7", "deleteAfterDate": date}]));
    let (past, late, soon) = (date(&bench, -1), date(&bench, 8 * 24), date(&bench, 1));
    assert_eq!(refused(&mut bench, entry(past)), (400, "EXPIRATION_DATE_IN_PAST".to_owned()));
    assert_eq!(refused(&mut bench, entry(late)).1, "EXPIRATION_DATE_EXCEEDS_MAX");
    done(&mut bench, entry(soon));
    seconds(&mut bench, 3595);
    done(&mut bench, on("GET", ONE, "192.0.2.7"));
    seconds(&mut bench, 10);
    let gone = (404, "ATLAS_NETWORK_PERMISSION_ENTRY_NOT_FOUND".to_owned());
    assert_eq!(refused(&mut bench, on("GET", ONE, "192.0.2.7")), gone);
    assert_eq!(refused(&mut bench, on("DELETE", ONE, "192.0.2.7")), gone);
}

#[test]
fn a_wrong_entry_leaves_the_list_as_it_was() {
    let mut bench = Bench::new(1);
    for (entries, code) in [
        (json!([{"ipAddress": "192.0.2.7"}, {"ipAddress": "here"}]), "INVALID_IP_ADDRESS_OR_CIDR_NOTATION"),
        (json!([{"comment": "nothing"}]), "MISSING_ONE_OF_THREE_ATTRIBUTES"),
        (json!([{"ipAddress": "192.0.2.7"}, {"cidrBlock": "192.0.2.7/32"}]), "DUPLICATE_ADDRESSES_IN_INPUT"),
        (
            json!([{"ipAddress": "192.0.2.7", "cidrBlock": "192.0.2.0/24"}]),
            "MULTIPLE_VALUES_SPECIFIED_FOR_ONE_NETWORK_PERMISSION_ENTRY",
        ),
        (json!([{"ipAddress": "192.0.2.7", "comment": "x".repeat(81)}]), "INVALID_NETWORK_PERMISSION_COMMENT"),
    ] {
        assert_eq!(refused(&mut bench, write(entries)), (400, code.to_owned()));
    }
    assert_eq!(done(&mut bench, Call::new("GET", ALL))["totalCount"], 0);
}

#[test]
fn a_security_group_needs_peering_and_goes_with_it() {
    let mut bench = Bench::new(1);
    let group = |expiry: Value| write(json!([{"awsSecurityGroup": "sg-0a1b2c3d", "deleteAfterDate": expiry}]));
    let without = "CANNOT_USE_AWS_SECURITY_GROUP_WITHOUT_VPC_PEERING_CONNECTION";
    assert_eq!(refused(&mut bench, group(Value::Null)), (400, without.to_owned()));
    bench.world.set_peered(true);
    let soon = json!((bench.world.now + SignedDuration::from_hours(1)).to_string());
    assert_eq!(refused(&mut bench, group(soon)).1, "NETWORK_PERMISSION_EXPIRATION_NOT_SUPPORTED");
    done(&mut bench, group(Value::Null));
    let entry = done(&mut bench, on("GET", ONE, "sg-0a1b2c3d"));
    assert_eq!((&entry["awsSecurityGroup"], entry.get("cidrBlock")), (&json!("sg-0a1b2c3d"), None));
    done(&mut bench, write(json!([{"ipAddress": "192.0.2.7"}])));
    bench.world.set_peered(false);
    assert_eq!(refused(&mut bench, on("GET", ONE, "sg-0a1b2c3d")).0, 404);
    assert_eq!(done(&mut bench, Call::new("GET", ALL))["totalCount"], 1);
}

#[test]
fn spellings_of_an_ipv6_address_are_one_entry() {
    let mut bench = Bench::new(1);
    done(&mut bench, write(json!([{"ipAddress": "2001:DB8:0:0:0:0:0:7", "comment": "first"}])));
    let page = done(&mut bench, write(json!([{"cidrBlock": "2001:db8::7/128", "comment": "second"}])));
    assert_eq!((&page["totalCount"], &page["results"][0]["comment"]), (&json!(1), &json!("second")));
    assert_eq!(page["results"][0]["ipAddress"], "2001:db8::7");
}
