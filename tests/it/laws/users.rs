//! Stories of database users: every form of logging in, temporary users, and passwords that are made.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    fake_kube::Key,
    stories::Story,
    world::{NAMESPACE, condition},
};

pub(super) const PROJECT: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasProject
metadata: {name: shop}
spec: {name: Shop}
";

pub(super) const CLUSTER: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasCluster
metadata: {name: orders}
spec:
  projectRef: {name: shop}
  name: orders
  clusterType: REPLICASET
  replicationSpecs:
  - regionConfigs:
    - {providerName: AWS, regionName: EU_WEST_1, priority: 7, electableSpecs: {instanceSize: M10, nodeCount: 3}}
";

/// A user with a password that is made for it.
pub(super) const USER: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasDatabaseUser
metadata: {name: api}
spec:
  projectRef: {name: shop}
  username: api
  roles: [{roleName: readWrite, databaseName: orders}]
  scopes: [{clusterRef: {name: orders}}]
";

/// A user with a certificate that Atlas issues.
pub(super) const WORKER: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasDatabaseUser
metadata: {name: worker}
spec:
  projectRef: {name: shop}
  username: worker
  x509Type: MANAGED
  roles: [{roleName: readWrite, databaseName: orders}]
";

const DN: &str = "CN=api,OU=services,DC=example,DC=com";
const PROVIDER: &str = "32b6e34b3d91647abb20e7b8";
pub(super) const USERS: &str = "atlasdatabaseusers";
pub(super) const DAY: Duration = Duration::from_hours(24);

pub(super) fn key(plural: &str, name: &str) -> Key {
    (plural.to_owned(), NAMESPACE.to_owned(), name.to_owned())
}

pub(super) async fn lines(story: &Story) -> Vec<String> {
    story.sent().await.into_iter().map(|(line, _)| line).collect()
}

/// The database users of the project in Atlas, by database and name.
pub(super) async fn in_atlas(story: &Story) -> Vec<String> {
    let state = story.world.simulator.state().await.unwrap();
    let users = state["groups"][&story.group()]["databaseUsers"].as_object().cloned().unwrap_or_default();
    users.into_iter().map(|(name, _)| name).collect()
}

pub(super) fn expect_ready(story: &Story) {
    assert_eq!(story.world.unready(), Vec::<String>::new(), "{}", story.world.describe());
}

// ---------------------------------------------------------------------------------------------------------------
// Forms

/// The nine forms: the fields that make one, the name, where Atlas keeps it, and the options in its addresses.
fn forms() -> Vec<(Value, String, &'static str, &'static str)> {
    let oidc = format!("{PROVIDER}/orders");
    let arn = |what: &str| format!("arn:aws:iam::123456789012:{what}/api");
    vec![
        (json!({}), "api".to_owned(), "admin", ""),
        (json!({"x509Type": "MANAGED"}), "api".to_owned(), "$external", "authMechanism=MONGODB-X509"),
        (json!({"x509Type": "CUSTOMER"}), DN.to_owned(), "$external", "authMechanism=MONGODB-X509"),
        (json!({"ldapAuthType": "USER"}), DN.to_owned(), "$external", "authMechanism=PLAIN"),
        (json!({"ldapAuthType": "GROUP"}), DN.to_owned(), "$external", "authMechanism=PLAIN"),
        (json!({"awsIAMType": "USER"}), arn("user"), "$external", "authMechanism=MONGODB-AWS"),
        (json!({"awsIAMType": "ROLE"}), arn("role"), "$external", "authMechanism=MONGODB-AWS"),
        (json!({"oidcAuthType": "IDP_GROUP"}), oidc.clone(), "admin", "authMechanism=MONGODB-OIDC"),
        (json!({"oidcAuthType": "USER"}), oidc, "$external", "authMechanism=MONGODB-OIDC"),
    ]
}

#[tokio::test]
async fn users_of_all_nine_forms_are_made_changed_and_removed() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    for (fields, username, database, options) in forms() {
        story.sent().await;
        let form = |document: &mut Value| {
            document["spec"]["username"] = json!(username);
            for (field, value) in fields.as_object().unwrap() {
                document["spec"][field] = value.clone();
            }
        };
        let object = story.edit(USER, form);
        story.go_on().await;
        expect_ready(&story);
        assert_eq!(in_atlas(&story).await, [format!("{database}/{username}")], "{fields}");
        let managed = fields == json!({"x509Type": "MANAGED"});
        let sent = story.sent().await;
        assert_eq!(sent.len(), if managed { 2 } else { 1 }, "{fields}: {sent:?}");
        assert_eq!(sent[0].1["password"].is_string(), fields == json!({}), "{fields}");

        let secrets = story.get(USERS, "api").unwrap()["status"]["connectionSecrets"].clone();
        let secret = secrets[0].as_str().unwrap_or_else(|| panic!("{fields} publishes nothing"));
        let uri = story.secret(secret, "uri").unwrap();
        assert!(uri.starts_with("mongodb+srv://") && uri.ends_with(options), "{fields}: {uri}");
        let external = uri.contains("authSource=%24external");
        assert_eq!((external, story.secret(secret, "password").is_none()), (!options.is_empty(), !options.is_empty()));

        story.edit(USER, |document| {
            form(document);
            document["spec"]["description"] = json!("changed");
            document["spec"]["roles"] = json!([{"roleName": "read", "databaseName": "stock"}]);
        });
        story.go_on().await;
        let sent = story.sent().await;
        assert_eq!(sent.len(), 1, "{fields}: {sent:?}");
        assert!(sent[0].0.starts_with("PATCH databaseUsers/") && sent[0].1["description"] == "changed", "{sent:?}");
        assert!(sent[0].1.get("x509Type").is_none() && sent[0].1.get("password").is_none(), "{sent:?}");

        story.world.kube.delete(&object);
        story.go_on().await;
        assert!(in_atlas(&story).await.is_empty() && story.get("secrets", secret).is_none(), "{fields}");
        assert_eq!(lines(&story).await.len(), 1, "{fields}");
        for made in ["api-generated-password", "api-certificate"] {
            story.world.kube.delete(&key("secrets", made));
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Temporary users

fn temporary(document: &mut Value) {
    document["spec"]["ttl"] = json!("30h");
}

/// The user's time is over: said once and for all, with nothing left to connect with, and no call.
async fn expect_expired(story: &mut Story) {
    let user = story.get(USERS, "api").unwrap();
    assert_eq!(condition(&user, "Stalled")["reason"], "Expired", "{}", story.world.describe());
    assert!(user["status"]["connectionSecrets"].is_null(), "{user}");
    assert!(story.get("secrets", "shop-orders-api").is_none());
    story.wait(10 * DAY).await;
    assert_eq!(lines(story).await, [""; 0], "it is not made again");
    assert_eq!(story.reason(USERS, "api"), "Expired");
    story.world.kube.delete(&key(USERS, "api"));
    story.wait(DAY).await;
    assert!(story.get(USERS, "api").is_none(), "{}", story.world.describe());
}

#[tokio::test]
async fn a_temporary_user_ends_under_the_eyes_of_the_operator() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.edit(USER, temporary);
    story.go_on().await;
    expect_ready(&story);
    assert!(story.get("secrets", "shop-orders-api").is_some());
    let user = story.get(USERS, "api").unwrap();
    let created: jiff::Timestamp = user["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap();
    let end: jiff::Timestamp = user["status"]["deleteAfterDate"].as_str().unwrap().parse().unwrap();
    assert_eq!(end.duration_since(created).as_hours(), 30);
    story.sent().await;
    // Within seconds, and not with the next look at an object that is left alone.
    let left = end.duration_since(atlas_operator::engine::Clock::now(&story.world.clock));
    story.wait(Duration::try_from(left).unwrap() + Duration::from_secs(5)).await;
    expect_expired(&mut story).await;
}

#[tokio::test]
async fn a_temporary_user_that_ended_while_the_operator_was_stopped_stays_ended() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.edit(USER, temporary);
    story.go_on().await;
    story.sent().await;
    story.stop_for(2 * DAY).await;
    assert!(in_atlas(&story).await.is_empty() && story.get("secrets", "shop-orders-api").is_some());
    story.go_on().await;
    expect_expired(&mut story).await;
}

#[tokio::test]
async fn a_temporary_user_whose_object_is_first_seen_after_its_end_is_never_made() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.sent().await;
    let end = atlas_operator::engine::Clock::now(&story.world.clock) + Duration::from_hours(1);
    story.edit(USER, |document| document["spec"]["deleteAfterDate"] = json!(end.to_string()));
    story.stop_for(2 * DAY).await;
    story.go_on().await;
    expect_expired(&mut story).await;
}

#[tokio::test]
async fn a_longer_life_is_one_change_of_the_date() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.edit(USER, temporary);
    story.go_on().await;
    story.sent().await;
    story.edit(USER, |document| document["spec"]["ttl"] = json!("31h"));
    story.go_on().await;
    let sent = story.sent().await;
    assert_eq!((sent.len(), &*sent[0].0), (1, "PATCH databaseUsers/admin/api"));
    story.wait(Duration::from_hours(30)).await;
    expect_ready(&story);
}

// ---------------------------------------------------------------------------------------------------------------
// Passwords

#[tokio::test]
async fn a_password_that_is_made_stays_and_is_made_anew_once_when_its_secret_goes() {
    const SECRET: &str = "api-generated-password";
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER]).await;
    expect_ready(&story);
    let password = story.secret(SECRET, "password").unwrap();
    assert!(password.len() >= 32 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()), "strong and plain");
    assert_eq!(story.secret("shop-orders-api", "password").unwrap(), password);
    let secret = story.get("secrets", SECRET).unwrap();
    assert_eq!(secret["metadata"]["ownerReferences"][0]["kind"], "AtlasDatabaseUser");
    assert_eq!(story.get(USERS, "api").unwrap()["status"]["passwordSecret"], SECRET);

    story.sent().await;
    story.stop_for(DAY).await;
    story.wait(3 * DAY).await;
    assert_eq!(story.secret(SECRET, "password").unwrap(), password);
    assert_eq!(lines(&story).await, [""; 0]);

    story.world.kube.delete(&key("secrets", SECRET));
    story.wait(DAY).await;
    let other = story.secret(SECRET, "password").unwrap();
    assert_ne!(other, password);
    let sent = story.sent().await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!((&sent[0].1["password"], sent[0].0.as_str()), (&json!(other), "PATCH databaseUsers/admin/api"));
    assert_eq!(story.secret("shop-orders-api", "password").unwrap(), other);
}

#[tokio::test]
async fn a_password_of_somebody_takes_the_place_of_one_that_was_made() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER]).await;
    story.sent().await;
    let secret = json!({"metadata": {"name": "mine"}, "stringData": {"word": "correct horse"}});
    story.world.kube.apply("secrets", NAMESPACE, &secret);
    story.edit(USER, |document| document["spec"]["passwordSecretRef"] = json!({"name": "mine", "key": "word"}));
    story.go_on().await;
    let sent = story.sent().await;
    assert_eq!((sent.len(), &sent[0].1["password"]), (1, &json!("correct horse")));
    assert!(story.get(USERS, "api").unwrap()["status"]["passwordSecret"].is_null());
    assert_eq!(story.secret("shop-orders-api", "password").unwrap(), "correct horse");
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_never_written_over() {
    for (manifest, name) in
        [(USER, "api-generated-password"), (WORKER, "worker-certificate"), (USER, "shop-orders-api")]
    {
        let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
        let theirs = json!({"metadata": {"name": name}, "stringData": {"theirs": "x"}});
        story.world.kube.apply("secrets", NAMESPACE, &theirs);
        story.sent().await;
        let user = story.edit(manifest, |_| {});
        story.go_on().await;
        let user = story.world.kube.get(&user).unwrap();
        let stalled = condition(&user, "Stalled");
        assert_eq!(stalled["reason"], "AlreadyExists", "{name}: {user}");
        assert!(stalled["message"].as_str().unwrap().contains(name));
        assert_eq!(story.secret(name, "theirs").as_deref(), Some("x"), "{name}");
        let certificates = lines(&story).await.into_iter().filter(|line| line.ends_with("/certs")).count();
        assert_eq!(certificates, 0, "{name}: none is issued that cannot be kept");
    }
}

#[tokio::test]
async fn observing_makes_no_password_and_asks_for_no_certificate() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER, WORKER]).await;
    for made in ["api-generated-password", "worker-certificate"] {
        story.world.kube.delete(&key("secrets", made));
    }
    for manifest in [USER, WORKER] {
        story.edit(manifest, |document| {
            document["metadata"]["annotations"] = json!({"atlas-operator.io/policy": "observe"});
        });
    }
    story.sent().await;
    story.wait(DAY).await;
    assert_eq!(lines(&story).await, [""; 0]);
    assert!(story.get("secrets", "api-generated-password").is_none());
    expect_ready(&story);
}
