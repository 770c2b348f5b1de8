//! The operator's process is killed again and again while a script makes, edits, renames and deletes objects.
//!
//! In the end Atlas is as the objects say, nothing is there twice, nothing was made anew that was never deleted, and no
//! object and no Secret is left that should have gone. The laws crash the operator at every call; here it is the process,
//! on the real API server, at moments that nobody chose.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use harness::eventually;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    examples::{cluster, password, project, role, user},
    kube::Kube,
    stage::{Scenery, Stage},
};

/// Other numbers are other scripts.
const SEED: u64 = 7;
/// Kills with every run of the tests, of which a part falls into the deletion of everything.
const KILLS: usize = 20;
/// Kills of the long form.
const MANY_KILLS: usize = 200;
/// An operator lives so long at most: from its first list to well into its work.
const LONGEST_LIFE: Duration = Duration::from_millis(2500);
/// What a person does, one thing after another.
const PACE: Duration = Duration::from_millis(150);
/// For all that is left to do once nobody kills any more.
const PATIENCE: Duration = Duration::from_mins(5);

const CLUSTERS: usize = 4;
const USERS: usize = 40;
const ROLES: usize = 5;
const ENTRIES: usize = 30;

/// By kind and name of the object.
type Key = (&'static str, String);

/// What a script has applied, and what it does next.
struct Script {
    kube: Kube,
    namespace: &'static str,
    chance: StdRng,
    wanted: BTreeMap<Key, Value>,
    /// What was taken away, and may come back.
    gone: Vec<(Key, Value)>,
    /// The names in Atlas of what was deleted at some time.
    deleted: BTreeSet<String>,
    steps: BTreeMap<&'static str, usize>,
}

fn key(object: &Value) -> Key {
    let kind = atlas_operator::kinds::by_name(object["kind"].as_str().unwrap()).unwrap().name();
    (kind, object["metadata"]["name"].as_str().unwrap().to_owned())
}

/// What the resource of an object is called in Atlas.
fn natural(object: &Value) -> String {
    let spec = &object["spec"];
    [&spec["username"], &spec["roleName"], &spec["name"]].iter().find_map(|name| name.as_str()).unwrap().to_owned()
}

impl Script {
    fn new(stage: &Stage, namespace: &'static str) -> Self {
        Self {
            kube: Kube(stage.kube.0.clone()),
            namespace,
            chance: StdRng::seed_from_u64(SEED),
            wanted: BTreeMap::new(),
            gone: Vec::new(),
            deleted: BTreeSet::new(),
            steps: BTreeMap::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.chance.random_range(0..bound)
    }

    async fn apply(&mut self, object: Value) {
        self.kube.apply(self.namespace, &object).await;
        self.wanted.insert(key(&object), object);
    }

    async fn delete(&mut self, key: &Key) {
        self.kube.delete(self.namespace, key.0, &key.1).await;
        self.wanted.remove(key);
    }

    /// Everything as it is at first.
    async fn begin(&mut self) {
        self.kube.apply(self.namespace, &password("password", "correct-horse-battery")).await;
        let mut shop = project("shop", "Shop");
        let entry = |number| json!({"ipAddress": format!("203.0.113.{number}"), "comment": format!("gate {number}")});
        shop["spec"]["ipAccessList"] = (1..=ENTRIES).map(entry).collect();
        self.apply(shop).await;
        for number in 1..=CLUSTERS {
            self.apply(cluster(&format!("cluster-{number}"))).await;
        }
        for number in 1..=USERS {
            let mut user = user(&format!("user-{number}"));
            user["spec"]["scopes"] = json!([{"name": format!("cluster-{}", number % CLUSTERS + 1), "type": "CLUSTER"}]);
            self.apply(user).await;
        }
        for number in 1..=ROLES {
            self.apply(role(&format!("role-{number}"))).await;
        }
    }

    /// Does one more thing.
    async fn step(&mut self) {
        let keys: Vec<Key> = self.wanted.keys().filter(|(_, name)| name != "shop").cloned().collect();
        let at = self.below(keys.len());
        let key = keys[at].clone();
        let object = self.wanted[&key].clone();
        let what = match self.below(10) {
            0..=4 => self.edit(object).await,
            5 => self.edit_entries().await,
            6 | 7 => self.rename(&key, object).await,
            // A cluster takes its time; the others come and go.
            8 if key.0 != "AtlasCluster" => {
                self.delete(&key).await;
                self.deleted.insert(natural(&object));
                self.gone.push((key, object));
                "deleted"
            }
            _ => match self.gone.pop() {
                // Kubernetes refuses nothing while the old one leaves, but what is applied to it is lost with it.
                Some((key, object)) if self.kube.get(self.namespace, key.0, &key.1).await.is_none() => {
                    self.apply(object).await;
                    "made again"
                }
                Some(gone) => {
                    self.gone.push(gone);
                    "still there"
                }
                None => "nothing",
            },
        };
        *self.steps.entry(what).or_default() += 1;
    }

    async fn edit(&mut self, mut object: Value) -> &'static str {
        let number = self.below(1000);
        let kind = key(&object).0;
        let spec = &mut object["spec"];
        match kind {
            "AtlasCluster" => spec["tags"] = json!([{"key": "edit", "value": format!("{number}")}]),
            "AtlasDatabaseUser" => {
                spec["roles"] = json!([{"roleName": "read", "databaseName": format!("db-{number}")}]);
            }
            _ => spec["actions"] = json!([{"action": "FIND", "resources": [{"db": format!("db-{number}")}]}]),
        }
        self.apply(object).await;
        "edited"
    }

    async fn edit_entries(&mut self) -> &'static str {
        let (at, number) = (self.below(ENTRIES), self.below(10_000));
        let mut shop = self.wanted[&("AtlasProject", "shop".to_owned())].clone();
        let address = format!("198.51.{}.{}", number / 100, number % 100);
        shop["spec"]["ipAccessList"][at] = json!({"ipAddress": address, "comment": "moved"});
        let mut addresses = BTreeSet::new();
        let entries = shop["spec"]["ipAccessList"].as_array().unwrap();
        if entries.iter().all(|entry| addresses.insert(entry["ipAddress"].to_string())) {
            self.apply(shop).await;
        }
        "edited entries"
    }

    /// What becomes of an object whose file is renamed: one is applied and the other pruned, in either order.
    async fn rename(&mut self, old: &Key, mut object: Value) -> &'static str {
        let number = self.steps.values().sum::<usize>();
        object["metadata"]["name"] = json!(format!("{}-{number}", natural(&object)));
        if self.below(2) == 0 {
            self.apply(object).await;
            self.delete(old).await;
            "renamed, the new one first"
        } else {
            self.deleted.insert(natural(&object));
            self.delete(old).await;
            self.apply(object).await;
            "renamed, the old one first"
        }
    }
}

/// What is in the only project there is, by what it is and its name.
async fn in_atlas(stage: &Stage) -> BTreeMap<String, Value> {
    let atlas = stage.simulator.state().await.unwrap();
    let groups: Vec<&Value> = atlas["groups"].as_object().unwrap().values().collect();
    assert_eq!(groups.len(), 1, "{groups:#?}");
    let mut found = BTreeMap::new();
    for (family, name) in [
        ("clusters", "name"),
        ("databaseUsers", "username"),
        ("customDBRoles", "roleName"),
        ("accessList", "ipAddress"),
    ] {
        let members: Vec<&Value> = match &groups[0][family] {
            Value::Object(members) => members.values().collect(),
            Value::Array(members) => members.iter().collect(),
            other => panic!("{family} is {other}: {}", groups[0]),
        };
        for member in members {
            let before = found.insert(format!("{family} {}", member[name].as_str().unwrap()), member.clone());
            assert!(before.is_none(), "twice: {member}");
        }
    }
    found
}

/// What should be there, by the same names.
fn as_specified(wanted: &BTreeMap<Key, Value>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for object in wanted.values() {
        let family = match object["kind"].as_str().unwrap() {
            "AtlasCluster" => "clusters",
            "AtlasDatabaseUser" => "databaseUsers",
            "AtlasCustomRole" => "customDBRoles",
            _ => {
                let entries = object["spec"]["ipAccessList"].as_array().unwrap().iter();
                names.extend(entries.map(|entry| format!("accessList {}", entry["ipAddress"].as_str().unwrap())));
                continue;
            }
        };
        names.insert(format!("{family} {}", natural(object)));
    }
    names
}

/// What a document of Atlas must show of the object that is about it.
fn expect_same(object: &Value, document: &Value) {
    let spec = &object["spec"];
    match object["kind"].as_str().unwrap() {
        "AtlasCluster" if spec["tags"].is_array() => assert_eq!(document["tags"], spec["tags"], "{object}"),
        "AtlasDatabaseUser" => assert_eq!(document["roles"], spec["roles"], "{object}"),
        "AtlasCustomRole" => {
            let database = |actions: &Value| actions[0]["resources"][0]["db"].clone();
            assert_eq!(database(&document["actions"]), database(&spec["actions"]), "{object}");
        }
        _ => {}
    }
}

impl Stage {
    /// Waits until there are no objects of the operator's kinds left in a namespace.
    async fn empty_within(&self, namespace: &str, patience: Duration) {
        eventually(patience, &format!("{namespace} to be empty"), || async {
            let objects = self.kube.objects(namespace).await;
            let told = |object: &Value| format!("{} {}", object["metadata"]["name"], object["status"]);
            if objects.is_empty() { Ok(()) } else { Err(objects.iter().map(told).collect::<Vec<_>>().join("\n")) }
        })
        .await
        .unwrap();
    }

    /// Waits until every connection Secret in a namespace belongs to an object that is there.
    async fn no_orphans(&self, namespace: &str) {
        eventually(PATIENCE, "Secrets without an owner to be gone", || async {
            let objects = self.kube.objects(namespace).await;
            let mut orphans = self.kube.connection_secrets(namespace).await;
            let owner = |secret: &Value| secret["metadata"]["ownerReferences"][0]["uid"].clone();
            orphans.retain(|secret| objects.iter().all(|object| object["metadata"]["uid"] != owner(secret)));
            let name = |secret: &Value| secret["metadata"]["name"].to_string();
            if orphans.is_empty() { Ok(()) } else { Err(orphans.iter().map(name).collect::<Vec<_>>().join(", ")) }
        })
        .await
        .unwrap();
    }
}

/// Kills operators, each at some moment of its life, until that was done so often.
async fn kill(stage: &mut Stage, chance: &mut StdRng, times: usize) {
    for _ in 0..times {
        let life = chance.random_range(Duration::ZERO..LONGEST_LIFE);
        tokio::time::sleep(life).await;
        stage.kill_operator();
    }
}

async fn killed(namespace: &'static str, kills: usize) {
    let begun = Instant::now();
    let mut stage = Stage::shared(Scenery::of(namespace).arguments(&["--deletion", "delete"])).await;
    stage.provide_credentials(namespace, stage.organization()).await;
    let mut script = Script::new(&stage, namespace);
    let mut chance = StdRng::seed_from_u64(SEED + 1);

    let (creation, edits) = (kills / 5, kills * 3 / 5);
    tokio::join!(script.begin(), kill(&mut stage, &mut chance, creation));
    stage.wait_operator().await;
    stage.all_ready_within(namespace, PATIENCE).await;
    let first = in_atlas(&stage).await;
    assert_eq!(first.keys().cloned().collect::<BTreeSet<_>>(), as_specified(&script.wanted));

    {
        let killing = kill(&mut stage, &mut chance, edits);
        let scripting = async {
            loop {
                script.step().await;
                tokio::time::sleep(PACE).await;
            }
        };
        tokio::select! {
            () = killing => {}
            () = scripting => {}
        }
    }
    stage.wait_operator().await;
    stage.all_ready_within(namespace, PATIENCE).await;
    let last = in_atlas(&stage).await;
    assert_eq!(last.keys().cloned().collect::<BTreeSet<_>>(), as_specified(&script.wanted));
    for object in script.wanted.values().filter(|object| object["kind"] != "AtlasProject") {
        let name = natural(object);
        let (_, document) = last.iter().find(|(key, _)| key.ends_with(&format!(" {name}"))).unwrap();
        expect_same(object, document);
    }
    // What nobody deleted is what it was.
    let ids = |all: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
        let clusters = all.iter().filter(|(key, _)| key.starts_with("clusters "));
        let lasting = clusters.filter(|(key, _)| !script.deleted.contains(key.trim_start_matches("clusters ")));
        lasting.map(|(key, cluster)| (key.clone(), cluster["id"].clone())).collect()
    };
    assert_eq!(ids(&last), ids(&first));
    stage.no_orphans(namespace).await;

    let everything: Vec<Key> = script.wanted.keys().cloned().collect();
    let deleting = async {
        for key in &everything {
            script.delete(key).await;
        }
    };
    tokio::join!(deleting, kill(&mut stage, &mut chance, kills - creation - edits));
    stage.wait_operator().await;
    stage.empty_within(namespace, PATIENCE).await;
    assert_eq!(stage.simulator.state().await.unwrap()["groups"], json!({}), "left in Atlas");
    let left = stage.kube.connection_secrets(namespace).await;
    assert!(left.is_empty(), "{left:#?}");
    println!("{kills} kills in {:.0} s; {:?}", begun.elapsed().as_secs_f64(), script.steps);
    stage.end().await;
}

#[tokio::test]
async fn whatever_moment_it_is_killed_at_atlas_is_as_the_objects_say() {
    killed("killed", KILLS).await;
}

#[tokio::test]
#[ignore = "the same with ten times as many kills, which takes some ten minutes"]
async fn whichever_of_two_hundred_moments_it_is_killed_at_atlas_is_as_the_objects_say() {
    killed("killed-often", MANY_KILLS).await;
}
