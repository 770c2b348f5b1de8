use serde_json::{Value, json};

use super::{FLEX_CLUSTERS, done, flex, refused, seconds};
use crate::bench::{Bench, Call};

const WINDOW: &str = "/groups/{groupId}/maintenanceWindow";
const DEFER: &str = "/groups/{groupId}/maintenanceWindow/defer";
const AUTO_DEFER: &str = "/groups/{groupId}/maintenanceWindow/autoDefer";
const AUDITING: &str = "/groups/{groupId}/auditLog";
const SECURITY: &str = "/groups/{groupId}/userSecurity";
const VERIFY: &str = "/groups/{groupId}/userSecurity/ldap/verify";
const VERIFICATION: &str = "/groups/{groupId}/userSecurity/ldap/verify/{requestId}";

fn get(bench: &mut Bench, path: &str) -> Value {
    done(bench, Call::new("GET", path))
}

#[test]
fn a_window_is_written_without_an_answer_and_reset_to_none() {
    let mut bench = Bench::new(1);
    let unset = get(&mut bench, WINDOW);
    assert_eq!((unset.get("dayOfWeek"), &unset["timeZoneId"]), (None, &json!("UTC")));
    let write = |body: Value| Call::new("PATCH", WINDOW).body(body);
    for (body, code) in [
        (json!({"hourOfDay": 3}), "MISSING_ATTRIBUTE"),
        (json!({"dayOfWeek": 0}), "INVALID_ATTRIBUTE"),
        (json!({"dayOfWeek": 1, "hourOfDay": 24}), "INVALID_ATTRIBUTE"),
    ] {
        assert_eq!(refused(&mut bench, write(body)), (400, code.to_owned()));
    }
    let hours = json!({"startHourOfDay": 8, "endHourOfDay": 18});
    let body = json!({"dayOfWeek": 7, "hourOfDay": 0, "protectedHours": hours});
    assert_eq!(bench.call(write(body)), (200, Value::Null));
    done(&mut bench, write(json!({"dayOfWeek": 1})));
    let set = get(&mut bench, WINDOW);
    assert_eq!((&set["dayOfWeek"], &set["hourOfDay"], &set["protectedHours"]), (&json!(1), &json!(0), &hours));
    assert_eq!(bench.call(Call::new("DELETE", WINDOW)), (204, Value::Null));
    assert_eq!(get(&mut bench, WINDOW), unset);
}

#[test]
fn deferrals_are_counted_and_their_switch_goes_back_and_forth() {
    let mut bench = Bench::new(1);
    done(&mut bench, Call::new("PATCH", WINDOW).body(json!({"dayOfWeek": 1, "startASAP": true})));
    for deferred in [true, false] {
        assert_eq!(bench.call(Call::new("POST", AUTO_DEFER)).0, 200);
        assert_eq!(get(&mut bench, WINDOW)["autoDeferOnceEnabled"], deferred);
    }
    done(&mut bench, Call::new("POST", DEFER));
    let window = get(&mut bench, WINDOW);
    assert_eq!((&window["numberOfDeferrals"], &window["startASAP"]), (&json!(1), &json!(true)));
    seconds(&mut bench, 3_601);
    assert_eq!(get(&mut bench, WINDOW)["startASAP"], false, "over");
    done(&mut bench, Call::new("PATCH", WINDOW).body(json!({"dayOfWeek": 1})));
    assert_eq!(get(&mut bench, WINDOW)["numberOfDeferrals"], 0);
}

#[test]
fn an_audit_filter_comes_back_letter_by_letter() {
    let mut bench = Bench::new(1);
    let unset = json!({"auditAuthorizationSuccess": false, "configurationType": "NONE", "enabled": false});
    assert_eq!(get(&mut bench, AUDITING), unset);
    let filter = "{ \"atype\":  \"authenticate\" }";
    let (status, answer) = bench.call(Call::new("PATCH", AUDITING).body(json!({"auditFilter": filter})));
    assert_eq!((status, &answer["configurationType"]), (202, &json!("FILTER_JSON")));
    done(&mut bench, Call::new("PATCH", AUDITING).body(json!({"enabled": true})));
    let set = get(&mut bench, AUDITING);
    assert_eq!((&set["auditFilter"], &set["enabled"]), (&json!(filter), &json!(true)));
    let wrong = Call::new("PATCH", AUDITING).body(json!({"auditFilter": "authenticate"}));
    assert_eq!(refused(&mut bench, wrong).0, 400);
}

#[test]
fn the_password_of_the_ldap_user_is_taken_and_never_shown() {
    let mut bench = Bench::new(1);
    let ldap = json!({"hostname": "ldap.example.com", "bindUsername": "CN=bind,DC=example", "bindPassword": "secret",
        "authenticationEnabled": true, "userToDNMapping": [{"match": "(.*)", "substitution": "CN={0}"}]});
    let (status, answer) = bench.call(Call::new("PATCH", SECURITY).body(json!({"ldap": ldap})));
    assert_eq!((status, &answer["ldap"]["port"], &answer["customerX509"]), (202, &json!(636), &json!({})));
    assert!(!bench.world.snapshot().to_string().contains("secret"));
    done(&mut bench, Call::new("PATCH", SECURITY).body(json!({"customerX509": {"cas": "a certificate"}})));
    let set = get(&mut bench, SECURITY);
    assert_eq!((&set["customerX509"]["cas"], &set["ldap"]), (&json!("a certificate"), &answer["ldap"]));
    for (path, gone) in [
        ("/groups/{groupId}/userSecurity/customerX509", "/customerX509/cas"),
        ("/groups/{groupId}/userSecurity/ldap/userToDNMapping", "/ldap/userToDNMapping"),
    ] {
        assert!(get(&mut bench, SECURITY).pointer(gone).is_some());
        let (status, answer) = bench.call(Call::new("DELETE", path));
        assert_eq!((status, answer.pointer(gone)), (202, None));
    }
    assert_eq!(get(&mut bench, SECURITY)["ldap"]["hostname"], "ldap.example.com");
}

#[test]
fn one_ldap_server_is_tried_at_a_time() {
    let mut bench = Bench::new(1);
    let ask = |host: &str| {
        let body =
            json!({"hostname": host, "port": 636, "bindUsername": "CN=bind,DC=example", "bindPassword": "secret"});
        Call::new("POST", VERIFY).body(body)
    };
    let none = refused(&mut bench, ask("ldap.example.com"));
    assert_eq!(none, (400, "LDAP_VERIFY_CONNECTIVITY_NO_AVAILABLE_CLUSTERS".to_owned()));
    done(&mut bench, Call::new("POST", FLEX_CLUSTERS).body(flex("small")));
    for (host, status) in [("ldap.example.com", "SUCCESS"), ("ldap.invalid", "FAILED")] {
        let begun = done(&mut bench, ask(host));
        assert_eq!((&begun["status"], begun["request"].get("bindPassword")), (&json!("PENDING"), None));
        assert_eq!(refused(&mut bench, ask(host)), (500, "UNEXPECTED_ERROR".to_owned()));
        seconds(&mut bench, 121);
        let id = begun["requestId"].as_str().unwrap();
        let ended = done(&mut bench, Call::new("GET", VERIFICATION).param("requestId", id));
        assert_eq!(ended["status"], status);
    }
    let unknown = Call::new("GET", VERIFICATION).param("requestId", "none");
    assert_eq!(refused(&mut bench, unknown).1, "LDAP_VERIFY_CONNECTIVITY_REQUEST_NOT_FOUND");
}
