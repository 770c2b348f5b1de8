use serde_json::{Value, json};

use super::done;
use crate::bench::{Bench, Call, ORGANIZATION};

fn of_organization<'a>() -> Call<'a> {
    Call::new("GET", "/orgs/{orgId}/users").param("orgId", ORGANIZATION)
}

fn of_project<'a>() -> Call<'a> {
    Call::new("GET", "/groups/{groupId}/users")
}

fn names(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|person| person["username"].as_str().unwrap()).collect()
}

#[test]
fn an_organization_has_an_owner_who_owns_its_projects() {
    let mut bench = Bench::new(1);
    let people = done(&mut bench, of_organization());
    let owner = &people["results"][0];
    assert_eq!(owner["orgMembershipStatus"], "ACTIVE");
    assert_eq!(owner["id"].as_str().unwrap().len(), 24);
    let roles = json!({"groupRoleAssignments": [{"groupId": bench.group, "groupRoles": ["GROUP_OWNER"]}],
        "orgRoles": ["ORG_OWNER"]});
    assert_eq!(owner["roles"], roles);
    let own = done(&mut bench, of_project());
    assert_eq!(names(&own), [owner["username"].as_str().unwrap()]);
    assert_eq!(own["results"][0]["roles"], json!(["GROUP_OWNER"]));
    assert_eq!(own["results"][0]["id"], owner["id"]);
    assert_eq!(own["results"][0].get("teamIds"), None);
}

#[test]
fn a_team_brings_its_people_into_the_project() {
    let mut bench = Bench::new(1);
    let people = done(&mut bench, of_organization());
    let member = names(&people)[1].to_owned();
    let team = Call::new("POST", "/orgs/{orgId}/teams").param("orgId", ORGANIZATION);
    let team = done(&mut bench, team.body(json!({"name": "readers", "usernames": [member]})));
    let assignment = json!([{"teamId": team["id"], "roleNames": ["GROUP_READ_ONLY"]}]);
    done(&mut bench, Call::new("POST", "/groups/{groupId}/teams").body(assignment));
    let listed = done(&mut bench, of_organization().query("username", &member));
    assert_eq!(listed["results"][0]["teamIds"], json!([team["id"]]));
    assert_eq!(listed["totalCount"], 1);
    assert_eq!(done(&mut bench, of_project())["totalCount"], 1);
    let flat = done(&mut bench, of_project().query("flattenTeams", "true"));
    assert_eq!(names(&flat).len(), 2);
    assert_eq!(flat["results"][1]["roles"], json!(["GROUP_READ_ONLY"]));
    let all = done(&mut bench, of_project().query("flattenTeams", "true").query("includeOrgUsers", "true"));
    assert_eq!(names(&all).len(), 3);
    assert_eq!(done(&mut bench, of_project().query("orgMembershipStatus", "PENDING"))["totalCount"], 0);
}
