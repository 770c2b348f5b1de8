//! A status is memory and not authority: restored, copied or written by hand it reaches nothing that its object may not
//! reach.
use std::time::Duration;

use harness::SimulatorOptions;
use serde_json::{Value, json};

use super::{
    fake_kube::Key,
    world::{TestOperator, World, documents},
};

/// What each of two tenants declares, in a namespace and an organization, or at least a project, of its own.
const TENANT: &str = r"
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {password: 'correct horse battery'}
---
apiVersion: atlas-operator.io/v1
kind: AtlasProject
metadata: {name: project}
spec: {name: NAME, connectionSecretRef: {name: credentials}}
---
apiVersion: atlas-operator.io/v1
kind: AtlasCluster
metadata: {name: cluster}
spec:
  projectRef: {name: project}
  name: orders
  clusterType: REPLICASET
  replicationSpecs:
  - regionConfigs:
    - {providerName: AWS, regionName: EU_WEST_1, priority: 7, electableSpecs: {instanceSize: M10, nodeCount: 3}}
---
apiVersion: atlas-operator.io/v1
kind: AtlasCustomRole
metadata: {name: role}
spec: {projectRef: {name: project}, roleName: audit, actions: [{action: FIND, resources: [{db: orders, collection: ''}]}]}
---
apiVersion: atlas-operator.io/v1
kind: AtlasDatabaseUser
metadata: {name: user}
spec:
  projectRef: {name: project}
  username: api
  passwordSecretRef: {name: password}
  roles: [{roleName: audit, databaseName: admin}]
  scopes: [{name: orders, type: CLUSTER}]
";

const PLURALS: [&str; 4] = ["atlasprojects", "atlasclusters", "atlascustomroles", "atlasdatabaseusers"];

struct Tenants {
    world: World,
    operator: TestOperator,
}

impl Tenants {
    /// Two tenants whose objects are Ready: with an organization and a key each, or with one of both.
    async fn begin(shares_key: bool) -> Self {
        let organizations = if shares_key { vec!["One".to_owned()] } else { vec!["One".to_owned(), "Two".to_owned()] };
        let mut world = World::around(SimulatorOptions { organizations, ..SimulatorOptions::default() }).await;
        // Passes of settled objects must not come between.
        world.resync = Duration::from_hours(24 * 30);
        for (index, namespace) in ["a", "b"].into_iter().enumerate() {
            let organization = &world.simulator.organizations()[if shares_key { 0 } else { index }];
            world.kube.apply("secrets", namespace, &organization.api_key_secret(namespace, "credentials"));
            for document in documents(&TENANT.replace("NAME", &format!("Project {namespace}"))) {
                let plural = match document["kind"].as_str().unwrap() {
                    "Secret" => "secrets".to_owned(),
                    kind => format!("{}s", kind.to_lowercase()),
                };
                world.kube.apply(&plural, namespace, &document);
            }
        }
        let mut operator = world.operator();
        world.run(&mut operator).await;
        assert!(world.unready().is_empty(), "{}", world.describe());
        Self { world, operator }
    }

    fn status(&self, namespace: &str, plural: &str) -> Value {
        self.world.kube.get(&key(namespace, plural)).unwrap()["status"].clone()
    }

    /// All that a tenant must not lose by another's doing.
    async fn of_a(&self) -> Value {
        let group = self.status("a", "atlasprojects")["atlas"]["projectId"].as_str().unwrap().to_owned();
        let atlas = self.world.simulator.state().await.unwrap()["groups"][&group].clone();
        let kube: Vec<_> =
            [&PLURALS[..], &["secrets"]].concat().into_iter().flat_map(|plural| self.world.kube.all(plural)).collect();
        json!([atlas, kube.into_iter().filter(|(key, _)| key.1 == "a").map(|(_, object)| object).collect::<Vec<_>>()])
    }

    /// The calls with the other tenant's key, or to its project.
    async fn calls_to_a(&self, group: &str, key: Option<&str>) -> Vec<String> {
        let calls = self.world.simulator.calls(0).await.unwrap();
        let is_theirs = |call: &&harness::Call| {
            call.path.contains(group) || key.is_some_and(|key| call.principal.as_deref() == Some(key))
        };
        calls.iter().filter(is_theirs).map(|call| format!("{} {}", call.method, call.path)).collect()
    }
}

fn key(namespace: &str, plural: &str) -> Key {
    let name = plural
        .trim_start_matches("atlas")
        .trim_start_matches("custom")
        .trim_start_matches("database")
        .trim_end_matches('s');
    (plural.to_owned(), namespace.to_owned(), name.to_owned())
}

/// The JSON pointers of every value within.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in members {
        let pointer = format!("{at}/{name}");
        found.push(pointer.clone());
        pointers(value, &pointer, found);
    }
}

/// What a deletion reads: with a key of one's own, and with one that both tenants have.
const DECIDING: [&[&str]; 2] = [&["", "/atlas/credentials"], &["", "/atlas/id", "/atlas/projectId"]];

/// Every field of every stored status replaced by the other tenant's value, with a key of one's own and with one that
/// both have, while the operator runs and while it does not.
#[tokio::test]
async fn a_forged_status_costs_another_tenant_nothing() {
    for (shares_key, restarts) in [(false, false), (true, false), (true, true)] {
        let mut tenants = Tenants::begin(shares_key).await;
        for plural in PLURALS {
            let mut places = vec![String::new()];
            pointers(&tenants.status("a", plural), "", &mut places);
            // Conditions are what the operator says and never what it reads back.
            places.retain(|place| !place.starts_with("/conditions/") && place != "/observedGeneration");
            for place in places {
                tenants.forge(plural, &place, false, restarts).await;
            }
        }
    }
}

#[tokio::test]
async fn a_forged_status_deletes_nothing_of_another_tenant() {
    for (shares_key, places) in [false, true].into_iter().zip(DECIDING) {
        for plural in PLURALS {
            for (index, place) in places.iter().enumerate() {
                let mut tenants = Tenants::begin(shares_key).await;
                tenants.forge(plural, place, true, index % 2 == 0).await;
            }
        }
    }
}

impl Tenants {
    /// Replaces one field of a status of b's by what a's has there, and lets the operator reconcile that object.
    async fn forge(&mut self, plural: &str, place: &str, deletes: bool, restarts: bool) {
        let case = format!("{plural} {place:?} deletes={deletes} restarts={restarts}");
        let theirs = self.status("a", plural);
        let group = self.status("a", "atlasprojects")["atlas"]["projectId"].as_str().unwrap().to_owned();
        let organizations = self.world.simulator.organizations();
        let principal = (organizations.len() > 1).then(|| organizations[0].public_key.clone());
        let mine = key("b", plural);
        let mut forged = self.status("b", plural);
        let Some(value) = theirs.pointer(place) else { panic!("{case}: not there") };
        set(&mut forged, place, value);
        let before = self.of_a().await;
        self.world.kube.forge_status(&mine, forged);
        let mut object = self.world.kube.get(&mine).unwrap();
        object["metadata"]["annotations"] =
            json!({"atlas-operator.io/deletion": "delete", "atlas-operator.io/reconcile-at": case});
        self.world.kube.apply(plural, "b", &object);
        if deletes {
            self.world.kube.delete(&mine);
        }
        self.world.simulator.clear_calls().await.unwrap();
        if restarts {
            self.operator = self.world.operator();
        }
        self.world.run(&mut self.operator).await;
        // A start reads everything, with whatever key.
        if !restarts {
            let calls = self.calls_to_a(&group, principal.as_deref()).await;
            assert_eq!(calls, [""; 0], "{case}: {}", self.world.describe());
        }
        assert_json_diff::assert_json_eq!(before, self.of_a().await);
    }
}

fn set(value: &mut Value, pointer: &str, to: &Value) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        *value = to.clone();
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.insert(name.to_owned(), to.clone())),
        Some(Value::Array(items)) => match name.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
            Some(item) => *item = to.clone(),
            None => items.push(to.clone()),
        },
        // What holds it is not there: it comes with it.
        _ => {
            set(value, parent, &json!({}));
            if let Some(fields) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
                fields.insert(name.to_owned(), to.clone());
            }
        }
    }
}
