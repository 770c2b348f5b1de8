//! Two tenants under one operator: what the one may not use costs the other nothing.
//!
//! Namespace `team` has a project with credentials of its own, and in it a cluster, a role and a user. In namespace
//! `rival` each case applies what somebody might who wants something of that.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    fake_kube::Key,
    members::MEMBERS,
    stories::{CLUSTER, PROJECT, Story, is_begun},
    world::{NAMESPACE, TestOperator, World, condition, documents},
};

const RIVAL: &str = "rival";
/// For what is looked at again by itself.
const ENOUGH: Duration = Duration::from_mins(30);

const PROJECT_OF_TEAM: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasProject
metadata: {name: shop}
spec: {name: Shop, connectionSecretRef: {name: atlas}, allowedNamespaces: [friend]}
";

/// Everything that the team declares.
fn team() -> Vec<Value> {
    [documents(PROJECT_OF_TEAM), documents(MEMBERS)].concat()
}

/// How a reference of another tenant is written.
type Spoil = fn(&mut Value, &Tenants);

/// Every way of referring to what is not one's own: its name, and what becomes of the spec of an object.
const WAYS: &[(&str, Spoil)] = &[
    ("the project by its namespace, which does not allow it", |spec, _| {
        spec["projectRef"] = json!({"name": "shop", "namespace": NAMESPACE});
    }),
    ("the project by its name alone", |spec, _| spec["projectRef"] = json!({"name": "shop"})),
    ("the project by a path", |spec, _| spec["projectRef"] = json!({"name": "../team/shop"})),
    ("the project by its id, with credentials that are elsewhere", |spec, tenants| {
        spec.as_object_mut().unwrap().remove("projectRef");
        spec["projectId"] = json!(tenants.project);
        spec["connectionSecretRef"] = json!({"name": "atlas"});
    }),
    ("the project by its id, with credentials by a path", |spec, tenants| {
        spec.as_object_mut().unwrap().remove("projectRef");
        spec["projectId"] = json!(tenants.project);
        spec["connectionSecretRef"] = json!({"name": "../team/secrets/atlas"});
    }),
    ("the project by its id, without credentials", |spec, tenants| {
        spec.as_object_mut().unwrap().remove("projectRef");
        spec["projectId"] = json!(tenants.project);
    }),
];

struct Tenants {
    world: World,
    operator: TestOperator,
    project: String,
}

impl Tenants {
    /// Everything of the team is settled; the operator has no credentials of its own.
    async fn settled() -> Self {
        let mut world = World::new().await;
        world.default_secret = None;
        // Whatever the operator does, it does because of the rival.
        world.resync = Duration::from_hours(10_000);
        world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
        let organization = world.simulator.organizations()[0].clone();
        world.kube.apply("secrets", NAMESPACE, &organization.api_key_secret(NAMESPACE, "atlas"));
        for document in team() {
            world.apply_one(&document);
        }
        let mut operator = world.operator();
        world.run(&mut operator).await;
        assert_eq!(world.unready(), Vec::<String>::new());
        let project = super::steady::group_id(&world);
        Self { world, operator, project }
    }

    /// An object of the team, as somebody in another namespace copies it.
    fn copy(kind: &str) -> Value {
        team().into_iter().find(|document| document["kind"] == kind).unwrap()
    }

    fn apply(&self, document: &Value) -> Key {
        let plural = super::world::plural(document);
        self.world.kube.apply(&plural, RIVAL, document)
    }

    /// What the operator made in the rival's namespace.
    fn secrets(&self) -> Vec<Key> {
        let secrets = self.world.kube.all("secrets").into_iter();
        let made = secrets.filter(|(key, secret)| key.1 == RIVAL && secret["metadata"]["labels"].is_object());
        made.map(|(key, _)| key).collect()
    }

    async fn calls(&self, since: u64) -> Vec<String> {
        self.world.simulator.calls(since).await.unwrap().iter().map(harness::Call::line).collect()
    }

    /// Runs for a while and expects that what the rival has applied reached nothing, and that the team does not wait for it.
    async fn expect_nothing(&mut self, rival: &Key, about: &str) {
        let begun = self.world.simulator.latest_call().await.unwrap();
        let before = self.world.dump().await["atlas"].clone();
        self.world.run_for(&mut self.operator, Some(Duration::from_mins(3))).await;
        let object = self.world.kube.get(rival).unwrap();
        assert_eq!(condition(&object, "Ready")["status"], "False", "{about}: {object}");
        assert_eq!(self.calls(begun).await, Vec::<String>::new(), "{about}: calls with credentials of another");
        assert_eq!(self.secrets(), Vec::<Key>::new(), "{about}");

        // One more user of the team, who needs what the rival's object is called.
        let mut another = Self::copy("AtlasDatabaseUser");
        another["metadata"]["name"] = json!("another");
        another["spec"]["username"] = json!("another");
        let another = self.world.apply_one(&another);
        self.world.run_for(&mut self.operator, Some(ENOUGH)).await;
        let unready: Vec<String> =
            self.world.unready().into_iter().filter(|line| !line.contains(&format!("/{}:", rival.2))).collect();
        assert_eq!(unready, Vec::<String>::new(), "{about}: somebody waits for it");
        self.world.kube.delete(&another);
        self.world.run_for(&mut self.operator, Some(ENOUGH)).await;

        let since = self.world.simulator.latest_call().await.unwrap();
        self.world.kube.delete(rival);
        self.world.run_for(&mut self.operator, Some(Duration::from_mins(3))).await;
        assert!(self.world.kube.get(rival).is_none(), "{about}: {:?}", self.world.kube.get(rival));
        assert_eq!(self.calls(since).await, Vec::<String>::new(), "{about}: deleted with credentials of another");
        assert_json_diff::assert_json_eq!(self.world.dump().await["atlas"], before);
    }
}

#[tokio::test]
async fn what_a_namespace_may_not_use_costs_its_owner_no_call_and_no_wait() {
    let mut tenants = Tenants::settled().await;
    for kind in ["AtlasCluster", "AtlasCustomRole", "AtlasDatabaseUser"] {
        for (way, spoil) in WAYS {
            let mut object = Tenants::copy(kind);
            object["metadata"]["name"] = json!("copied");
            spoil(&mut object["spec"], &tenants);
            let rival = tenants.apply(&object);
            tenants.expect_nothing(&rival, &format!("{kind}: {way}")).await;
        }
    }
}

#[tokio::test]
async fn a_project_object_with_credentials_of_another_namespace_reaches_nothing() {
    let mut tenants = Tenants::settled().await;
    for credentials in [Value::Null, json!({"name": "atlas"}), json!({"name": "../team/secrets/atlas"})] {
        let mut object = Tenants::copy("AtlasProject");
        object["metadata"]["name"] = json!("copied");
        object["spec"]["connectionSecretRef"] = credentials.clone();
        let rival = tenants.apply(&object);
        tenants.expect_nothing(&rival, &format!("AtlasProject: {credentials}")).await;
    }
}

/// What a namespace could use and no longer may is left as it is, with its credentials.
#[tokio::test]
async fn a_namespace_that_is_no_longer_allowed_reaches_nothing_any_more() {
    for kind in ["AtlasCluster", "AtlasCustomRole", "AtlasDatabaseUser"] {
        let mut tenants = Tenants::settled().await;
        let mut shop = Tenants::copy("AtlasProject");
        shop["spec"]["allowedNamespaces"] = json!([RIVAL]);
        tenants.world.apply_one(&shop);
        let mut object = Tenants::copy(kind);
        object["metadata"]["name"] = json!("mine");
        object["spec"]["projectRef"] = json!({"name": "shop", "namespace": NAMESPACE});
        for field in ["name", "roleName", "username"] {
            if object["spec"][field].is_string() {
                object["spec"][field] = json!("mine");
            }
        }
        let password = Tenants::copy("Secret");
        tenants.apply(&password);
        let rival = tenants.apply(&object);
        tenants.world.run(&mut tenants.operator).await;
        assert_eq!(tenants.world.unready(), Vec::<String>::new(), "{kind}");

        shop["spec"]["allowedNamespaces"] = json!([]);
        tenants.world.apply_one(&shop);
        tenants.world.run(&mut tenants.operator).await;
        let since = tenants.world.simulator.latest_call().await.unwrap();
        object["spec"]["description"] = json!("edited");
        tenants.apply(&object);
        tenants.world.run_for(&mut tenants.operator, Some(Duration::from_mins(3))).await;
        tenants.world.kube.delete(&rival);
        tenants.world.run_for(&mut tenants.operator, Some(Duration::from_mins(3))).await;
        assert_eq!(tenants.calls(since).await, Vec::<String>::new(), "{kind}");
        assert!(tenants.secrets().is_empty(), "{kind}: {:?}", tenants.secrets());
    }
}

#[tokio::test]
async fn another_namespace_may_refer_to_a_project_only_when_that_lists_it() {
    let mut story = Story::begin(&[PROJECT]).await;
    let mut cluster = documents(CLUSTER).pop().unwrap();
    cluster["spec"]["projectRef"]["namespace"] = json!(NAMESPACE);
    let key = story.world.kube.apply("atlasclusters", "elsewhere", &cluster);
    story.sent().await;
    story.go_on().await;
    let object = story.world.kube.get(&key).unwrap();
    assert_eq!(condition(&object, "Stalled")["reason"], "NotAllowed");
    assert_eq!(story.sent().await, []);
    story.edit(PROJECT, |document| document["spec"]["allowedNamespaces"] = json!(["elsewhere"]));
    story.wait_for(Duration::from_mins(1), |story| story.world.kube.get(&key).as_ref().is_some_and(is_begun)).await;
    assert_eq!(story.sent().await.len(), 1, "woken, and created");
}
