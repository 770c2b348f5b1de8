//! Stories of the Secrets that applications connect with: users that wait for their clusters, what comes and goes with
//! these, templates, and the end of it all.
use std::time::Duration;

use harness::Call;
use serde_json::{Value, json};

use super::{
    stories::Story,
    users::{CLUSTER, DAY, PROJECT, USER, USERS, WORKER, expect_ready, in_atlas, key, lines},
    world::{NAMESPACE, condition, documents},
};

fn named(manifest: &str, name: &str) -> Value {
    let mut document = documents(manifest).pop().unwrap();
    for pointer in ["/metadata/name", "/spec/name", "/spec/username"] {
        if let Some(place) = document.pointer_mut(pointer) {
            *place = json!(name);
        }
    }
    document
}

#[tokio::test]
async fn users_wait_for_their_clusters_without_a_call_and_are_ready_with_them() {
    let clusters = ["orders", "stock", "people"];
    let mut building = Vec::new();
    for users in [0, 10] {
        let mut story = Story::begin(&[PROJECT]).await;
        story.sent().await;
        for cluster in clusters {
            story.world.apply_one(&named(CLUSTER, cluster));
        }
        for user in 0..users {
            let mut user = named(USER, &format!("user-{user}"));
            user["spec"]["scopes"] = clusters.iter().map(|name| json!({"clusterRef": {"name": name}})).collect();
            story.world.apply_one(&user);
        }
        let begun = atlas_operator::engine::Clock::now(&story.world.clock);
        let creating = |story: &Story| {
            clusters.iter().any(|name| {
                let cluster = story.get("atlasclusters", name).unwrap();
                condition(&cluster, "Ready")["status"] != "True"
            })
        };
        let mut calls = 0;
        while creating(&story) {
            assert!(in_atlas(&story).await.is_empty());
            // A challenge of digest authentication is no call, and how many there are depends on the machine's own clock.
            // The routine look at the project, whose time is spread by chance, is nobody's who waits for a cluster.
            let project = format!("/groups/{}", story.group());
            let requests = story.world.simulator.calls(0).await.unwrap();
            let counts = |call: &&Call| call.principal.is_some() && !call.path.ends_with(&project);
            calls = requests.iter().filter(counts).count();
            story.wait(Duration::from_secs(1)).await;
        }
        building.push(calls);
        // Not with the next timed look, which is up to a minute away.
        story.wait(Duration::from_secs(2)).await;
        expect_ready(&story);
        let took = atlas_operator::engine::Clock::now(&story.world.clock).duration_since(begun);
        for user in 0..users {
            let user = story.get(USERS, &format!("user-{user}")).unwrap();
            assert_eq!(user["status"]["connectionSecrets"].as_array().unwrap().len(), clusters.len());
        }
        println!(
            "{users} users and {} clusters: {calls} calls while they were built, ready after {took}",
            clusters.len()
        );
    }
    assert_eq!(building[0], building[1], "a user that waits costs no call");
}

#[tokio::test]
async fn a_cluster_that_an_object_names_must_be_there() {
    let mut story = Story::begin(&[PROJECT, USER]).await;
    assert_eq!(story.reason(USERS, "api"), "DependencyNotFound");
    story.sent().await;
    story.wait(DAY).await;
    assert!(story.world.simulator.calls(0).await.unwrap().iter().all(|call| !call.path.contains("databaseUsers")));
    story.edit(CLUSTER, |_| {});
    story.go_on().await;
    expect_ready(&story);
    assert_eq!(story.secret("shop-orders-api", "username").as_deref(), Some("api"));
}

#[tokio::test]
async fn secrets_come_go_and_change_with_the_clusters() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    let everywhere = |document: &mut Value| document["spec"]["scopes"] = json!([]);
    story.edit(USER, everywhere);
    story.go_on().await;
    let secrets = |story: &Story| story.get(USERS, "api").unwrap()["status"]["connectionSecrets"].clone();
    assert_eq!(secrets(&story), json!(["shop-orders-api"]));
    story.sent().await;
    let stock = story.world.apply_one(&named(CLUSTER, "stock"));
    story.go_on().await;
    assert_eq!(secrets(&story), json!(["shop-orders-api", "shop-stock-api"]));

    // Another address, with a private endpoint.
    let path = format!("/groups/{}/clusters/stock", story.group());
    let strings = json!({
        "standardSrv": "mongodb+srv://stock.other.mongodb.net",
        "privateEndpoint": [{
            "type": "MONGOD", "connectionString": "mongodb://pl-0-stock.other.mongodb.net:1024/?ssl=true&authSource=admin",
            "srvConnectionString": "mongodb+srv://stock-pl-0.other.mongodb.net",
            "endpoints": [{"endpointId": "vpce-1", "providerName": "AWS", "region": "EU_WEST_1"}],
        }],
    });
    story.world.simulator.merge(&path, &json!({"connectionStrings": strings})).await.unwrap();
    story.wait(Duration::from_hours(3)).await;
    let value = |story: &Story, key: &str| story.secret("shop-stock-api", key);
    assert_eq!(value(&story, "host").as_deref(), Some("stock.other.mongodb.net"));
    let private = value(&story, "connectionStringPrivateEndpointSrv").unwrap();
    assert!(private.ends_with("@stock-pl-0.other.mongodb.net"), "{private}");
    assert!(value(&story, "connectionStringPrivateEndpoint").is_some());
    story.world.simulator.merge(&path, &json!({"connectionStrings": {"privateEndpoint": null}})).await.unwrap();
    story.wait(Duration::from_hours(3)).await;
    assert_eq!(value(&story, "connectionStringPrivateEndpointSrv"), None, "an address that is no more goes");

    // Its object goes, and it stays in Atlas; then it goes there too.
    story.world.kube.delete(&stock);
    story.wait(Duration::from_hours(3)).await;
    assert_eq!(secrets(&story), json!(["shop-orders-api", "shop-stock-api"]));
    assert!(story.get("secrets", "shop-stock-api").is_some());
    story.world.simulator.remove(&path).await.unwrap();
    story.wait(Duration::from_hours(3)).await;
    assert_eq!(secrets(&story), json!(["shop-orders-api"]));
    assert!(story.get("secrets", "shop-stock-api").is_none());
}

#[tokio::test]
async fn secrets_follow_the_scopes_that_a_user_has() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER]).await;
    story.world.apply_one(&named(CLUSTER, "stock"));
    story.go_on().await;
    let secrets = |story: &Story| story.get(USERS, "api").unwrap()["status"]["connectionSecrets"].clone();
    let scopes = |scopes: Value| move |document: &mut Value| document["spec"]["scopes"] = scopes;
    // What the spec does not say stays as it is in Atlas.
    story.edit(USER, scopes(Value::Null));
    story.go_on().await;
    assert_eq!(secrets(&story), json!(["shop-orders-api"]));
    story.edit(USER, scopes(json!([])));
    story.go_on().await;
    assert_eq!(secrets(&story), json!(["shop-orders-api", "shop-stock-api"]));
    // No cluster is not every cluster.
    story.edit(USER, scopes(json!([{"name": "clicks", "type": "STREAM"}])));
    story.go_on().await;
    expect_ready(&story);
    assert_eq!(secrets(&story), Value::Null);
    for name in ["shop-orders-api", "shop-stock-api"] {
        assert!(story.get("secrets", name).is_none(), "{name} is left, with a password that is in use");
    }
    // One Secret of a fixed name, for one cluster after the other.
    for cluster in ["orders", "stock"] {
        story.edit(USER, |document| {
            document["spec"]["scopes"] = json!([{"name": cluster}]);
            document["spec"]["connectionSecret"] = json!({"name": "login"});
        });
        story.go_on().await;
        expect_ready(&story);
        let login = story.get("secrets", "login").unwrap();
        assert_eq!(login["metadata"]["annotations"]["atlas-operator.io/cluster"], cluster, "{login}");
    }
}

#[tokio::test]
async fn a_template_decides_what_a_secret_holds() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    let template = json!({"url": "$(uri)/orders?retryWrites=true", "who": "$(username) of $(project)"});
    let with = |template: Value| {
        move |document: &mut Value| document["spec"]["connectionSecret"] = json!({"template": template})
    };
    story.edit(USER, with(template));
    story.go_on().await;
    let keys = |story: &Story| -> Vec<String> {
        let secret = story.get("secrets", "shop-orders-api").unwrap();
        secret["data"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&story), ["url", "who"]);
    assert_eq!(story.secret("shop-orders-api", "who").as_deref(), Some("api of shop"));
    story.sent().await;
    story.edit(USER, with(json!({"host": "$(host)"})));
    story.go_on().await;
    assert_eq!(keys(&story), ["host"]);
    story.edit(USER, |_| {});
    story.go_on().await;
    assert!(keys(&story).contains(&"uri".to_owned()) && !keys(&story).contains(&"url".to_owned()));
    assert_eq!(lines(&story).await, [""; 0], "none of this is Atlas's business");
}

#[tokio::test]
async fn a_user_goes_from_its_status_alone() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER, WORKER]).await;
    expect_ready(&story);
    // As when a namespace is deleted: everything at once, and what has no finalizer is gone first.
    for (secret, _) in story.world.kube.all("secrets").into_iter().filter(|(key, _)| key.1 == NAMESPACE) {
        story.world.kube.delete(&secret);
    }
    for kind in atlas_operator::kinds::all() {
        for (object, _) in story.world.kube.all(kind.plural()) {
            story.world.kube.delete(&object);
        }
    }
    story.wait(Duration::from_hours(2)).await;
    for kind in atlas_operator::kinds::all() {
        assert!(story.world.kube.all(kind.plural()).is_empty(), "{}", story.world.describe());
    }
    let left = story.world.kube.all("secrets").into_iter().filter(|(key, _)| key.1 == NAMESPACE).count();
    assert_eq!(left, 0, "nothing is made for what is going");
}

#[tokio::test]
async fn users_and_clusters_whose_names_run_together_have_secrets_of_their_own() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    story.world.apply_one(&named(CLUSTER, "orders-api"));
    for (user, cluster) in [("api-ro", "orders"), ("ro", "orders-api")] {
        let mut user = named(USER, user);
        user["spec"]["scopes"] = json!([{"name": cluster}]);
        story.world.apply_one(&user);
    }
    story.go_on().await;
    expect_ready(&story);
    for (user, cluster, secret) in
        [("api-ro", "orders", "shop-orders-api-ro"), ("ro", "orders-api", "shop.orders-api.ro")]
    {
        assert_eq!(story.get(USERS, user).unwrap()["status"]["connectionSecrets"], json!([secret]));
        assert_eq!(story.secret(secret, "username").as_deref(), Some(user));
        let secret = story.get("secrets", secret).unwrap();
        assert_eq!(secret["metadata"]["annotations"]["atlas-operator.io/cluster"], cluster);
    }
}

#[tokio::test]
async fn a_copy_of_a_secret_belongs_to_whoever_made_it() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER]).await;
    let published = story.get("secrets", "shop-orders-api").unwrap();
    let copied = |name: &str, owners: Value| {
        let mut copy = json!({"stringData": {"theirs": "x"}, "metadata": {"name": name}});
        for field in ["labels", "annotations"] {
            copy["metadata"][field] = published["metadata"][field].clone();
        }
        copy["metadata"]["ownerReferences"] = owners;
        copy
    };
    let mut theirs = published["metadata"]["ownerReferences"].clone();
    theirs[0]["controller"] = json!(false);
    for (name, owners) in [("copy", Value::Null), ("second-copy", theirs)] {
        story.world.kube.apply("secrets", NAMESPACE, &copied(name, owners));
    }
    story.wait(DAY).await;
    // One that stands where the user's own Secret was is not written over either.
    story.world.kube.delete(&key("secrets", "shop-orders-api"));
    story.world.kube.apply("secrets", NAMESPACE, &copied("shop-orders-api", Value::Null));
    story.go_on().await;
    assert_eq!(story.reason(USERS, "api"), "AlreadyExists");
    story.world.kube.delete(&key(USERS, "api"));
    story.wait(DAY).await;
    assert!(story.get(USERS, "api").is_none(), "{}", story.world.describe());
    for name in ["copy", "second-copy", "shop-orders-api"] {
        assert_eq!(story.secret(name, "theirs").as_deref(), Some("x"), "{name}");
    }
}

#[tokio::test]
async fn a_label_that_somebody_takes_away_comes_back() {
    let mut story = Story::begin(&[PROJECT, CLUSTER, USER]).await;
    let labels = |story: &Story| story.get("secrets", "shop-orders-api").unwrap()["metadata"]["labels"].clone();
    let before = labels(&story);
    let bare = json!({"metadata": {"name": "shop-orders-api", "labels": {"team": "checkout"}}});
    story.world.kube.apply("secrets", NAMESPACE, &bare);
    story.go_on().await;
    expect_ready(&story);
    let after = labels(&story);
    assert_eq!(after["team"], "checkout");
    for (label, value) in before.as_object().unwrap() {
        assert_eq!(&after[label], value, "{after}");
    }
}

#[tokio::test]
async fn what_a_secret_cannot_hold_is_refused_by_its_key_and_costs_nothing() {
    let mut story = Story::begin(&[PROJECT, CLUSTER]).await;
    let password = "p".repeat(1024);
    let secret = |password: &str| json!({"metadata": {"name": "mine"}, "stringData": {"password": password}});
    story.world.kube.apply("secrets", NAMESPACE, &secret(&password));
    let with = |keys: usize| {
        move |document: &mut Value| {
            let template: serde_json::Map<String, Value> =
                (0..keys).map(|key| (format!("key-{key:02}"), json!("$(password)".repeat(4096 / 11)))).collect();
            document["spec"]["passwordSecretRef"] = json!({"name": "mine"});
            document["spec"]["connectionSecret"] = json!({"template": template});
        }
    };
    story.edit(USER, with(2));
    story.go_on().await;
    expect_ready(&story);
    let before = story.get("secrets", "shop-orders-api").unwrap();
    story.edit(USER, with(24));
    story.go_on().await;
    let user = story.get(USERS, "api").unwrap();
    let ready = condition(&user, "Ready");
    assert_eq!(ready["reason"], "InvalidSpec", "{ready}");
    assert!(ready["message"].as_str().unwrap().contains("spec.connectionSecret.template.key-"), "{ready}");
    let writes = story.world.kube.writes();
    story.wait(DAY).await;
    assert_eq!(story.world.kube.writes(), writes, "it is not tried again and again");
    assert_eq!(story.get("secrets", "shop-orders-api").unwrap(), before, "the application keeps what it has");

    story.edit(USER, with(1));
    story.world.kube.apply("secrets", NAMESPACE, &secret(&"p".repeat(1025)));
    story.go_on().await;
    assert_eq!(story.reason(USERS, "api"), "SecretInvalid");
    story.world.kube.apply("secrets", NAMESPACE, &secret(&password));
    story.go_on().await;
    expect_ready(&story);
}
