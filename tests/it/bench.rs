//! The counting benchmark: what the operator sends to Atlas and to Kubernetes, in the situations that cost most.
//!
//! The engine is the real one, at the defaults of the program, and so is the simulator; time is virtual and Kubernetes
//! is the one in this process, so the figures are counts and the same on every machine. `make bench` prints them as a
//! table and writes them as JSON; the README's table is made of them, and is stale when they change.
mod cost;
pub mod scenery;

use std::time::Duration;

use atlas_operator::{cli, engine::Clock};
use serde_json::{Value, json};

use self::cost::{Cost, Meter};
use crate::{
    docs::{generated, page::pages},
    laws::world::{TestOperator, World, condition},
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
/// How long a cluster is built in these scenarios.
const BUILDING: Duration = Duration::from_mins(10);
/// After this time nothing is left to do but to wait for it.
const BEGINNING: Duration = Duration::from_mins(2);
/// Within this time a cluster that has become usable is looked at: the longest time between two looks.
const LONGEST_LOOK: i64 = 30;
const POST_USER: &str = "POST /groups/{groupId}/databaseUsers";

/// One row of the table.
struct Row {
    /// What it is called in the JSON.
    name: String,
    what: String,
    cost: Cost,
}

impl Row {
    fn new(name: &str, what: &str, cost: Cost) -> Self {
        Self { name: name.to_owned(), what: what.to_owned(), cost }
    }
}

/// `--resync` when nobody gives it.
fn default_resync() -> Duration {
    let matches = cli::command().get_matches_from(["atlas-operator", "run"]);
    *matches.subcommand().unwrap().1.get_one("resync").unwrap()
}

/// A settled project in which there may be any number of users.
async fn begin() -> (World, TestOperator) {
    let mut world = World::new().await;
    world.resync = default_resync();
    world.provide_credentials();
    world.apply_one(&scenery::password());
    let project = world.apply_one(&scenery::project());
    let mut operator = world.operator();
    settle(&world, &mut operator).await;
    let object = world.kube.get(&project).unwrap();
    let (path, limit) = scenery::raised_limit(object["status"]["atlas"]["id"].as_str().unwrap());
    world.simulator.merge(&path, &limit).await.unwrap();
    (world, operator)
}

/// Lets time pass, by seconds, until everything is Ready.
async fn settle(world: &World, operator: &mut TestOperator) {
    let deadline = world.clock.now() + 2 * BUILDING;
    while !world.unready().is_empty() {
        assert!(world.clock.now() < deadline, "{:?}", world.unready());
        world.run_for(operator, Some(SECOND)).await;
    }
}

async fn count(world: &World, operator: &mut TestOperator, objects: impl IntoIterator<Item = Value>) -> Cost {
    let meter = Meter::start(world, operator).await;
    for object in objects {
        world.apply_one(&object);
    }
    settle(world, operator).await;
    meter.read(world, operator).await
}

/// 1 project with its access list, 3 clusters and 5 users, settled: one resync, and a day.
async fn steady() -> (Row, Row) {
    let (world, mut operator) = begin().await;
    let objects = (1..=3).map(scenery::cluster).chain(scenery::users("user", 5, None));
    count(&world, &mut operator, objects).await;

    // All that is in a project is looked at together, once that has come about.
    world.run_for(&mut operator, Some(2 * world.resync)).await;
    let mut rounds = Vec::new();
    for span in [world.resync, DAY] {
        let meter = Meter::start(&world, &operator).await;
        world.run_for(&mut operator, Some(span)).await;
        rounds.push(meter.read(&world, &operator).await);
    }
    let [round, day] = rounds.try_into().unwrap();
    assert_eq!((round.passes, day.passes), (9, 9 * 144), "each object is looked at once every ten minutes");
    for cost in [&round, &day] {
        assert_eq!((cost.mutating(), cost.writes, cost.events), (0, 0, 0), "what is settled is only read: {cost:?}");
    }
    let what = "A project with an access list, 3 clusters and 5 users, all settled";
    (Row::new("resync", &format!("{what}: one resync"), round), Row::new("day", &format!("{what}: a day"), day))
}

/// 3 clusters that are built, with `users` users waiting for each: what is sent while all wait, and until all are Ready.
async fn building(users: usize) -> (Cost, Cost) {
    let (mut world, _) = begin().await;
    // No resync falls into this time: it is counted above.
    world.resync = DAY;
    let mut operator = world.operator();
    world.simulator.settings(&json!({"creationSeconds": BUILDING.as_secs()})).await.unwrap();
    let usable = world.clock.now() + BUILDING;
    let meter = Meter::start(&world, &operator).await;
    for number in 1..=3 {
        world.apply_one(&scenery::cluster(number));
        for user in scenery::users(&format!("user-{number}"), users, Some(number)) {
            world.apply_one(&user);
        }
    }
    world.run_for(&mut operator, Some(BEGINNING)).await;
    let wait = Meter::start(&world, &operator).await;
    world.run_for(&mut operator, Some(BUILDING.saturating_sub(BEGINNING + SECOND))).await;
    let waited = wait.read(&world, &operator).await;
    while !all_can_connect(&world) {
        let late = world.clock.now().duration_since(usable).as_secs();
        assert!(late <= LONGEST_LOOK, "{late} s after the clusters are usable: {:?}", world.unready());
        world.run_for(&mut operator, Some(SECOND)).await;
    }
    (waited, meter.read(&world, &operator).await)
}

/// Whether all is Ready, Secrets with the addresses of clusters included. A cluster that is makes its users so within the
/// same second: they are woken by it, and their timed retry would come up to a minute later.
fn all_can_connect(world: &World) -> bool {
    let is_ready = |object: &Value| condition(object, "Ready")["status"] == "True";
    let clusters = world.kube.all("atlasclusters");
    for (_, cluster) in clusters.iter().filter(|(_, cluster)| is_ready(cluster)) {
        for (key, user) in world.kube.all("atlasdatabaseusers") {
            if user["spec"]["scopes"][0]["name"] == cluster["spec"]["name"] {
                let secrets = user["status"]["connectionSecrets"].as_array().map(Vec::len);
                assert!(is_ready(&user) && secrets == Some(1), "{} was not woken: {}", key.2, user["status"]);
            }
        }
    }
    clusters.iter().all(|(_, cluster)| is_ready(cluster))
}

async fn waiting() -> Vec<Row> {
    let (alone, without) = building(0).await;
    let (together, with) = building(50).await;
    assert_eq!(together.operations, alone.operations, "users that wait add no call");
    let what = "3 clusters that build for 10 minutes, until they are Ready";
    vec![
        Row::new("building", what, without),
        Row::new("buildingWithUsers", &format!("{what}, with 50 users for each who wait for it"), with),
    ]
}

/// 100 users that are applied at once.
async fn created() -> Row {
    let (world, mut operator) = begin().await;
    let cost = count(&world, &mut operator, scenery::users("user", 100, None)).await;
    assert_eq!((cost.of(POST_USER), cost.mutating()), (100, 100));
    Row::new("created", "100 users created", cost)
}

/// The start of an operator that finds everything settled.
async fn restart(users: usize) -> Row {
    let (world, mut operator) = begin().await;
    count(&world, &mut operator, scenery::users("user", users, None)).await;
    drop(operator);
    let mut operator = world.operator();
    let meter = Meter::start(&world, &operator).await;
    world.run_for(&mut operator, Some(Duration::ZERO)).await;
    let cost = meter.read(&world, &operator).await;
    assert_eq!(cost.passes, users + 1, "each object is looked at once");
    assert_eq!((cost.mutating(), cost.writes, cost.events), (0, 0, 0), "a start changes nothing: {cost:?}");
    Row { name: format!("restart{users}"), what: format!("The operator starts, with {users} settled users"), cost }
}

/// What is quickly counted is counted with every run of the tests.
#[tokio::test]
async fn the_readme_says_what_it_costs() {
    let mut rows = vec![steady().await.0];
    rows.extend(waiting().await);
    rows.extend([created().await, restart(100).await]);
    let pages = pages();
    for line in table(&rows).lines() {
        assert!(pages[0].text.contains(line), "the README does not say {line}; `UPDATE_DOCS=1 make bench` mends that");
    }
}

/// All of it, for `make bench`.
#[tokio::test]
#[ignore = "`make bench` runs it: it takes a minute"]
async fn everything_is_counted() {
    let (round, day) = steady().await;
    let mut rows = vec![round, day];
    rows.extend(waiting().await);
    rows.extend([created().await, restart(100).await, restart(1000).await]);
    for Row { what, cost, .. } in &rows {
        println!("{what}: {} passes", cost.passes);
        for (operation, calls) in &cost.operations {
            println!("{calls:>8}  {operation}");
        }
    }
    let table = table(&rows);
    println!("\n{table}");
    if let Some(file) = std::env::var_os("BENCH_JSON") {
        let figures: serde_json::Map<_, _> = rows.iter().map(|row| (row.name.clone(), row.cost.json())).collect();
        std::fs::write(file, serde_json::to_string_pretty(&figures).unwrap()).unwrap();
    }
    generated::keep_current("counted", &[("costs".to_owned(), table)]);
}

fn table(rows: &[Row]) -> String {
    let headings = ["what happens", "calls to Atlas", "that write", "HTTP requests", "writes to Kubernetes"];
    let row = |Row { what, cost, .. }: &Row| {
        let figures = [cost.calls(), cost.mutating(), cost.requests, usize::try_from(cost.writes).unwrap()];
        [what.clone()].into_iter().chain(figures.map(|figure| figure.to_string())).collect()
    };
    generated::table(&headings, rows.iter().map(row))
}
