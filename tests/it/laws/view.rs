//! Objects of one collection share a listing of it, and nothing is done because of that listing alone.
use serde_json::json;

use super::{
    steady::group_id,
    world::{RESYNC, TestOperator, World},
};
use crate::bench::scenery;

const LIST: &str = "/databaseUsers?";
const USERS: usize = 4;

/// A project and four users, settled, that have been looked at together.
async fn settled() -> (World, TestOperator) {
    let world = World::new().await;
    world.provide_credentials();
    world.apply_one(&scenery::password());
    world.apply_one(&scenery::project());
    for user in scenery::users("user", USERS, None) {
        world.apply_one(&user);
    }
    let mut operator = world.operator();
    world.run_for(&mut operator, Some(2 * RESYNC)).await;
    assert_eq!(world.unready(), Vec::<String>::new());
    world.simulator.clear_calls().await.unwrap();
    (world, operator)
}

/// The requests about users since this was last asked, without the digest challenges: how many lists, and the others.
async fn about_users(world: &World) -> (usize, Vec<String>) {
    let mut lines: Vec<String> = Vec::new();
    for call in world.simulator.calls(0).await.unwrap() {
        if call.principal.is_some() && call.path.contains("/databaseUsers") {
            lines.push(call.line());
        }
    }
    world.simulator.clear_calls().await.unwrap();
    let all = lines.len();
    lines.retain(|line| !line.contains(LIST));
    let short = |line: &String| format!("{} {}", &line[..4], line.rsplit('/').next().unwrap_or_default());
    (all - lines.len(), lines.iter().map(short).collect())
}

#[tokio::test]
async fn what_a_listing_shows_is_read_by_name_before_anything_is_done() {
    let (world, mut operator) = settled().await;
    world.run_for(&mut operator, Some(4 * RESYNC)).await;
    assert_eq!(about_users(&world).await, (4, Vec::new()), "four rounds, one list each");

    let path = |name: &str| format!("/groups/{}/databaseUsers/admin/{name}", group_id(&world));
    world.simulator.merge(&path("user-2"), &json!({"roles": []})).await.unwrap();
    world.simulator.remove(&path("user-3")).await.unwrap();
    world.run_for(&mut operator, Some(RESYNC)).await;
    let (lists, mut others) = about_users(&world).await;
    others.sort();
    let expected = [
        // Seen to differ, mended, seen to be mended.
        "GET  user-2",
        "GET  user-2",
        // Seen to be absent, and again; once more before it is created, and then seen to be there.
        "GET  user-3",
        "GET  user-3",
        "GET  user-3",
        "GET  user-3",
        "PATC user-2",
        "POST databaseUsers",
    ];
    assert_eq!((lists, others), (1, expected.map(str::to_owned).to_vec()));
    assert_eq!(world.unready(), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_listing_everything_is_read_by_name() {
    let (world, mut operator) = settled().await;
    let error = json!({"status": 404, "errorCode": "USER_NOT_FOUND"});
    let fault = json!({"operation": "GET /groups/*/databaseUsers", "error": error, "times": -1});
    world.simulator.add_fault(&fault).await.unwrap();
    let (writes, events) = (world.kube.writes(), world.kube.events().len());
    let rounds = 5;
    world.run_for(&mut operator, Some(RESYNC * rounds)).await;
    let (lists, others) = about_users(&world).await;
    let rounds = usize::try_from(rounds).unwrap();
    assert!(lists >= rounds, "{lists}");
    assert_eq!(others.len(), rounds * USERS, "{others:?}");
    assert!(others.iter().all(|line| line.starts_with("GET")), "{others:?}");
    assert_eq!((world.kube.writes(), world.kube.events().len()), (writes, events), "{}", world.describe());
}
