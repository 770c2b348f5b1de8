//! The ways in which database users prove who they are.
use serde_json::{Value, json};

use super::{done, refused, seconds};
use crate::bench::{Bench, Call};

const ALL: &str = "/groups/{groupId}/databaseUsers";
const ONE: &str = "/groups/{groupId}/databaseUsers/{databaseName}/{username}";
const CERTIFICATES: &str = "/groups/{groupId}/databaseUsers/{username}/certs";

/// Field, its value, the database and a name, for each way that has no password.
const EXTERNAL: [(&str, &str, &str, &str); 8] = [
    ("x509Type", "MANAGED", "$external", "CN=reader,OU=shop"),
    ("x509Type", "CUSTOMER", "$external", "CN=writer,OU=shop"),
    ("ldapAuthType", "USER", "$external", "CN=reader,DC=example,DC=com"),
    ("ldapAuthType", "GROUP", "$external", "CN=readers,DC=example,DC=com"),
    ("awsIAMType", "USER", "$external", "arn:aws:iam::123456789012:user/reader"),
    ("awsIAMType", "ROLE", "$external", "arn:aws:iam::123456789012:role/reader"),
    ("oidcAuthType", "IDP_GROUP", "admin", "d0123456789abcdef012345d/readers"),
    ("oidcAuthType", "USER", "$external", "d0123456789abcdef012345d/reader"),
];

fn user(database: &str, name: &str) -> Value {
    json!({"databaseName": database, "username": name, "roles": [{"roleName": "read", "databaseName": "orders"}]})
}

fn write<'a>(body: Value) -> Call<'a> {
    Call::new("POST", ALL).body(body)
}

fn on<'a>(method: &'a str, database: &str, name: &str) -> Call<'a> {
    Call::new(method, ONE).param("databaseName", database).param("username", name)
}

fn certificates<'a>(method: &'a str, name: &str) -> Call<'a> {
    Call::new(method, CERTIFICATES).param("username", name)
}

fn managed(bench: &mut Bench, name: &str) {
    let mut body = user("$external", name);
    body["x509Type"] = json!("MANAGED");
    done(bench, write(body));
}

#[test]
fn every_way_has_its_database_and_no_password_but_one() {
    let mut bench = Bench::new(1);
    for (field, value, database, name) in EXTERNAL {
        let elsewhere = if database == "admin" { "$external" } else { "admin" };
        let mut body = user(database, name);
        body[field] = json!(value);
        if value != "GROUP" {
            let mut misplaced = body.clone();
            misplaced["databaseName"] = json!(elsewhere);
            let code = refused(&mut bench, write(misplaced)).1;
            assert!(code.starts_with("DATABASE_NAME_INVALID_"), "{field} {value}: {code}");
        }
        let mut with_password = body.clone();
        with_password["password"] = json!("correct horse");
        assert_eq!(refused(&mut bench, write(with_password)).1, "ATLAS_INVALID_AUTH_SETTINGS");
        let mut twofold = body.clone();
        twofold[if field == "awsIAMType" { "x509Type" } else { "awsIAMType" }] =
            json!(if field == "awsIAMType" { "MANAGED" } else { "USER" });
        assert_eq!(refused(&mut bench, write(twofold)).1, "ATLAS_INVALID_AUTH_SETTINGS");
        let created = done(&mut bench, write(body));
        assert_eq!(created[field], value);
        let rotation = on("PATCH", database, name).body(json!({"password": "correct horse"}));
        assert_eq!(refused(&mut bench, rotation).1, "ATLAS_INVALID_AUTH_SETTINGS");
        let roles = json!([{"roleName": "readWrite", "databaseName": "orders"}]);
        let changed = done(&mut bench, on("PATCH", database, name).body(json!({"roles": roles})));
        assert_eq!(changed["roles"], roles);
        assert_eq!(bench.call(on("DELETE", database, name)).0, 204);
    }
}

#[test]
fn changes_of_a_password_are_counted_and_nothing_else_is() {
    let mut bench = Bench::new(1);
    let mut body = user("admin", "api");
    body["password"] = json!("correct horse");
    done(&mut bench, write(body));
    let group = bench.group.clone();
    let changes = |bench: &Bench| {
        let snapshot = bench.world.snapshot();
        snapshot.pointer(&format!("/groups/{group}/databaseUsers/admin~1api/_passwordChanges")).cloned()
    };
    assert_eq!(changes(&bench), Some(json!(0)));
    done(&mut bench, on("PATCH", "admin", "api").body(json!({"password": "battery staple"})));
    done(&mut bench, on("PATCH", "admin", "api").body(json!({"description": "the api"})));
    assert_eq!(refused(&mut bench, on("PATCH", "admin", "api").body(json!({"password": "short"}))).1, "WEAK_PASSWORD");
    assert_eq!(changes(&bench), Some(json!(1)));
}

#[test]
fn a_role_is_given_once() {
    let mut bench = Bench::new(1);
    let mut body = user("admin", "api");
    body["password"] = json!("correct horse");
    body["roles"] = json!([body["roles"][0], body["roles"][0]]);
    assert_eq!(refused(&mut bench, write(body)), (400, "DUPLICATE_DATABASE_ROLES".to_owned()));
}

#[test]
fn a_certificate_is_told_once_and_listed_while_it_is_valid() {
    let mut bench = Bench::new(1);
    managed(&mut bench, "CN=reader,OU=shop");
    let issue = |months: i64| certificates("POST", "CN=reader,OU=shop").body(json!({"monthsUntilExpiration": months}));
    let (status, pem) = bench.call(issue(1));
    let pem = pem.as_str().unwrap();
    assert_eq!(status, 201);
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n"));
    done(&mut bench, issue(24));
    let page = done(&mut bench, certificates("GET", "CN=reader,OU=shop"));
    let first = &page["results"][0];
    assert_eq!((&page["totalCount"], &first["subject"]), (&json!(2), &json!("CN=reader,OU=shop")));
    assert!(first["_id"].as_i64().is_some_and(|number| number > 1 << 53), "more than a double holds");
    assert_eq!(
        (&first["createdAt"], &first["notAfter"]),
        (&json!("2026-08-10T01:46:40Z"), &json!("2026-09-10T02:46:40Z"))
    );
    let key = pem.split_once("-----BEGIN PRIVATE KEY-----").unwrap().1;
    assert!(!bench.world.snapshot().to_string().contains(&key[1..30]));
    seconds(&mut bench, 32 * 24 * 3600);
    assert_eq!(done(&mut bench, certificates("GET", "CN=reader,OU=shop"))["totalCount"], 1);
}

#[test]
fn certificates_outlive_their_user_and_return_with_the_name() {
    let mut bench = Bench::new(1);
    managed(&mut bench, "reader");
    done(&mut bench, certificates("POST", "reader").body(json!({})));
    assert_eq!(bench.call(on("DELETE", "$external", "reader")).0, 204);
    assert_eq!(refused(&mut bench, certificates("GET", "reader")), (404, "USERNAME_NOT_FOUND".to_owned()));
    managed(&mut bench, "reader");
    assert_eq!(done(&mut bench, certificates("GET", "reader"))["results"][0]["subject"], "CN=reader");
}

#[test]
fn only_managed_users_get_certificates_and_for_two_years_at_most() {
    let mut bench = Bench::new(1);
    let mut own = user("$external", "CN=own");
    own["x509Type"] = json!("CUSTOMER");
    done(&mut bench, write(own));
    let issue = |name: &str, months: i64| certificates("POST", name).body(json!({"monthsUntilExpiration": months}));
    assert_eq!(refused(&mut bench, issue("CN=own", 3)).1, "USER_NOT_MANAGED_X509");
    managed(&mut bench, "reader");
    assert_eq!(refused(&mut bench, issue("reader", 25)).1, "CERT_EXPIRY_CANNOT_EXCEED_TWO_YEARS");
    assert_eq!(refused(&mut bench, issue("reader", 0)).1, "INVALID_ATTRIBUTE");
    let authority = Call::new("PATCH", "/groups/{groupId}/userSecurity");
    done(&mut bench, authority.body(json!({"customerX509": {"cas": "a certificate"}})));
    assert_eq!(refused(&mut bench, issue("reader", 3)).1, "CANNOT_GENERATE_CERT_IF_ADVANCED_X509");
}
