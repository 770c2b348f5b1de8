//! Stories of projects: whose the entries of their lists are, adoption by id, teams by name.
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::somebody::Somebody,
    stories::Story,
    world::{NAMESPACE, condition},
};

const PROJECT: &str = r"
apiVersion: atlas-operator.io/v1
kind: AtlasProject
metadata: {name: shop}
spec:
  name: Shop
  limits: [{name: atlas.project.deployment.clusters, value: 20}]
  ipAccessList: [{cidrBlock: 203.0.113.0/24, comment: office}]
  maintenanceWindow: {dayOfWeek: 1, hourOfDay: 0}
  auditing: {enabled: true, auditFilter: '{}'}
  teams: [{name: Support, roleNames: [GROUP_READ_ONLY, GROUP_DATA_ACCESS_ADMIN]}]
";

const ACCESS_LIST: &str = "/groups/{groupId}/accessList";
const TEAMS: &str = "/groups/{groupId}/teams";
/// Longer than the operator leaves a settled object alone.
const A_WHILE: Duration = Duration::from_hours(3);

/// A story of a project in an organization with two teams, and somebody else who works there.
async fn begin(manifests: &[&str]) -> (Story, Somebody) {
    let mut story = Story::begin(&[]).await;
    let somebody = Somebody::of(&story.world.simulator, &story.world.simulator.organizations()[0]);
    somebody.make_teams().await;
    for manifest in manifests {
        story.edit(manifest, |_| {});
    }
    story.go_on().await;
    (story, somebody)
}

fn shop(story: &Story) -> Value {
    story.get("atlasprojects", "shop").unwrap()
}

async fn lines(story: &Story) -> Vec<String> {
    story.sent().await.into_iter().map(|(line, _)| line).collect()
}

/// Somebody adds two entries to the access list and gives another team a role; answers that team's id.
async fn interfere(story: &Story, somebody: &Somebody) -> String {
    let entries = json!([{"cidrBlock": "192.0.2.0/24", "comment": "vpn"}, {"ipAddress": "198.51.100.7"}]);
    somebody.post_in(&story.group(), ACCESS_LIST, entries).await;
    let auditors = somebody.make_team("Auditors").await;
    let role = json!([{"teamId": auditors, "roleNames": ["GROUP_READ_ONLY"]}]);
    somebody.post_in(&story.group(), TEAMS, role).await;
    story.sent().await;
    auditors
}

#[tokio::test]
async fn entries_of_others_are_left_alone_and_shown_unless_the_list_is_exclusive() {
    let (mut story, somebody) = begin(&[PROJECT]).await;
    assert_eq!(shop(&story)["status"]["others"], Value::Null);
    let auditors = interfere(&story, &somebody).await;
    story.wait(A_WHILE).await;
    assert_eq!(story.sent().await, []);
    let others = json!({
        "ipAccessList": {"count": 2, "entries": ["192.0.2.0/24", "198.51.100.7/32"]},
        "teams": {"count": 1, "entries": [auditors]},
    });
    assert_eq!(shop(&story)["status"]["others"], others, "limits that Atlas sets by itself are nobody's");

    story.edit(PROJECT, |document| document["spec"]["ipAccessListExclusive"] = json!(true));
    story.go_on().await;
    assert_eq!(lines(&story).await, ["DELETE accessList/192.0.2.0%2F24", "DELETE accessList/198.51.100.7%2F32"]);
    assert_eq!(shop(&story)["status"]["others"], json!({"teams": {"count": 1, "entries": [auditors]}}));
    assert_eq!(story.access_list().await, 1);
}

#[tokio::test]
async fn lists_that_leave_the_spec_take_along_what_was_ours_and_documents_stay() {
    let (mut story, somebody) = begin(&[PROJECT]).await;
    interfere(&story, &somebody).await;
    story.edit(PROJECT, |document| document["spec"] = json!({"name": "Shop"}));
    story.go_on().await;
    let sent = lines(&story).await;
    let [limit, entry, team] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(limit, "DELETE limits/atlas.project.deployment.clusters");
    assert_eq!(entry, "DELETE accessList/203.0.113.0%2F24");
    assert!(team.starts_with("DELETE teams/"), "{sent:?}");
    let state = story.world.simulator.state().await.unwrap()["groups"][&story.group()].clone();
    assert_eq!(story.access_list().await, 2);
    assert_eq!(state["teams"].as_object().unwrap().len(), 1);
    assert_eq!(state["maintenanceWindow"]["dayOfWeek"], 1);
    assert_eq!(state["auditLog"]["enabled"], true);

    // What is no longer managed costs nothing.
    story.world.simulator.clear_calls().await.unwrap();
    story.wait(A_WHILE).await;
    let calls = story.world.simulator.calls(0).await.unwrap();
    let group = format!("/api/atlas/v2/groups/{}", story.group());
    assert!(!calls.is_empty() && calls.iter().all(|call| call.path == group), "{calls:?}");
}

#[tokio::test]
async fn a_limit_that_leaves_the_list_gets_its_default_back_once() {
    let (mut story, _) = begin(&[PROJECT]).await;
    story.sent().await;
    story.edit(PROJECT, |document| document["spec"]["limits"] = json!([]));
    story.wait(A_WHILE).await;
    assert_eq!(lines(&story).await, ["DELETE limits/atlas.project.deployment.clusters"]);
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
}

#[tokio::test]
async fn roles_of_a_team_are_a_set_and_are_patched() {
    let (mut story, _) = begin(&[PROJECT]).await;
    story.sent().await;
    let with_roles = |roles: Value| move |document: &mut Value| document["spec"]["teams"][0]["roleNames"] = roles;
    story.edit(PROJECT, with_roles(json!(["GROUP_DATA_ACCESS_ADMIN", "GROUP_READ_ONLY"])));
    story.go_on().await;
    assert_eq!(story.sent().await, [], "another order is no change");
    story.edit(PROJECT, with_roles(json!(["GROUP_OWNER"])));
    story.go_on().await;
    let sent = story.sent().await;
    let [(line, body)] = &sent[..] else { panic!("{sent:?}") };
    assert!(line.starts_with("PATCH teams/"), "{line}");
    assert_eq!(body["roleNames"], json!(["GROUP_OWNER"]));
}

#[tokio::test]
async fn a_window_is_patched_with_its_day_and_its_hour_be_it_midnight() {
    let (mut story, _) = begin(&[PROJECT]).await;
    story.sent().await;
    story.edit(PROJECT, |document| document["spec"]["maintenanceWindow"]["autoDeferOnceEnabled"] = json!(true));
    story.go_on().await;
    let body = json!({"dayOfWeek": 1, "hourOfDay": 0, "autoDeferOnceEnabled": true});
    assert_eq!(story.sent().await, [("PATCH maintenanceWindow".to_owned(), body)]);
}

#[tokio::test]
async fn a_team_that_is_not_there_stalls_until_somebody_makes_it() {
    let (mut story, somebody) = begin(&[]).await;
    story.edit(PROJECT, |document| document["spec"]["teams"][0]["name"] = json!("Research"));
    story.go_on().await;
    assert_eq!(condition(&shop(&story), "Stalled")["reason"], "DependencyNotFound", "{}", story.world.describe());
    assert!(condition(&shop(&story), "Ready")["message"].as_str().unwrap().starts_with("spec.teams[0].name: "));
    somebody.make_team("Research").await;
    story.wait(A_WHILE).await;
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
}

#[tokio::test]
async fn a_project_is_adopted_by_its_id_and_never_made_again() {
    let (mut story, somebody) = begin(&[]).await;
    let id = somebody.make_project("Shop").await;
    story.sent().await;
    let adopt = |document: &mut Value| document["spec"] = json!({"name": "Shop", "projectId": id});
    story.edit(PROJECT, adopt);
    story.go_on().await;
    assert!(story.world.unready().is_empty(), "{}", story.world.describe());
    assert_eq!(shop(&story)["status"]["atlas"]["id"], id);
    assert_eq!(story.sent().await, []);

    story.world.simulator.remove(&format!("/groups/{id}")).await.unwrap();
    story.wait(A_WHILE).await;
    let stalled = condition(&shop(&story), "Stalled");
    assert_eq!(stalled["reason"], "DependencyNotFound", "{}", story.world.describe());
    assert!(stalled["message"].as_str().unwrap().starts_with("spec.projectId: "), "{stalled}");
    assert_eq!(story.sent().await, [], "it is not made again");

    story.world.kube.delete(&("atlasprojects".into(), NAMESPACE.into(), "shop".into()));
    story.go_on().await;
    assert!(story.get("atlasprojects", "shop").is_none(), "nothing holds the object");
}

#[tokio::test]
async fn a_project_with_an_id_and_another_name_is_not_renamed_unasked() {
    let (mut story, somebody) = begin(&[]).await;
    let id = somebody.make_project("Store").await;
    story.sent().await;
    let adopt = |document: &mut Value| document["spec"] = json!({"name": "Shop", "projectId": id});
    story.edit(PROJECT, adopt);
    story.go_on().await;
    assert_eq!(condition(&shop(&story), "Stalled")["reason"], "AlreadyExists");
    assert_eq!(shop(&story)["status"]["drift"][0]["path"], "name");
    assert_eq!(story.sent().await, []);
    story.edit(PROJECT, |document| {
        adopt(document);
        document["metadata"]["annotations"] = json!({"atlas-operator.io/adopt": "always"});
    });
    story.go_on().await;
    assert_eq!(story.sent().await, [("PATCH ".to_owned(), json!({"name": "Shop"}))]);
}

#[tokio::test]
async fn a_project_is_not_deleted_while_a_namespace_that_may_refer_to_it_cannot_be_listed() {
    let (mut story, _) = begin(&[PROJECT]).await;
    let allow = |namespaces: Value| {
        move |document: &mut Value| {
            document["spec"]["allowedNamespaces"] = namespaces;
            document["metadata"]["annotations"] = json!({"atlas-operator.io/deletion": "delete"});
        }
    };
    story.edit(PROJECT, allow(json!(["elsewhere"])));
    story.go_on().await;
    let unreadable = &story.operator.engine.unreadable;
    unreadable.refused("AtlasCluster", "elsewhere");
    unreadable.refused("AtlasCluster", "of-no-concern");
    story.sent().await;
    story.world.kube.delete(&("atlasprojects".to_owned(), NAMESPACE.to_owned(), "shop".to_owned()));
    story.wait(A_WHILE).await;
    let ready = condition(&shop(&story), "Ready");
    assert_eq!(ready["reason"], "ChildrenExist", "{ready}");
    assert!(ready["message"].as_str().unwrap().contains("AtlasCluster in namespace elsewhere"), "{ready}");
    assert_eq!(lines(&story).await, Vec::<String>::new());
    story.edit(PROJECT, allow(json!([])));
    story.wait(A_WHILE).await;
    assert!(story.get("atlasprojects", "shop").is_none());
}
