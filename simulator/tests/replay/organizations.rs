//! The prior states of records about what belongs to an organization, and about the single documents of a project.
use serde_json::{Value, json};

use super::corpus::Record;
use super::prior::{Asked, items};
use crate::bench::{self, Bench, Call};

const TEAMS: &str = "/orgs/{orgId}/teams";
const TEAM: &str = "/orgs/{orgId}/teams/{teamId}";
const TEAM_BY_NAME: &str = "/orgs/{orgId}/teams/byName/{teamName}";
const GROUP_TEAMS: &str = "/groups/{groupId}/teams";
const GROUP_TEAM: &str = "/groups/{groupId}/teams/{teamId}";
const POLICIES: &str = "/orgs/{orgId}/resourcePolicies";
const POLICY: &str = "/orgs/{orgId}/resourcePolicies/{resourcePolicyId}";
const VALIDATION: &str = "/orgs/{orgId}/resourcePolicies:validate";
const CERTIFICATES: &str = "/groups/{groupId}/databaseUsers/{username}/certs";
const WINDOW: &str = "/groups/{groupId}/maintenanceWindow";
const AUDITING: &str = "/groups/{groupId}/auditLog";
const CUSTOM_DNS: &str = "/groups/{groupId}/awsCustomDNS";
const SECURITY: &str = "/groups/{groupId}/userSecurity";
const MAPPING: &str = "/groups/{groupId}/userSecurity/ldap/userToDNMapping";

/// Whether a record is about one of these.
pub fn concern(record: &Record) -> bool {
    let single = [CERTIFICATES, WINDOW, AUDITING, CUSTOM_DNS, SECURITY, MAPPING];
    let listed = [TEAMS, TEAM, TEAM_BY_NAME, GROUP_TEAMS, GROUP_TEAM, POLICIES, POLICY, VALIDATION];
    single.iter().chain(&listed).any(|path| *path == record.template())
}

/// Brings a world into the state in which a record was made, and says what to ask.
pub fn asked<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let call = call.param("orgId", bench::ORGANIZATION);
    match record.template() {
        TEAMS | TEAM | TEAM_BY_NAME => team(bench, record, call),
        GROUP_TEAMS | GROUP_TEAM => group_team(bench, record, call),
        POLICIES | POLICY | VALIDATION => policy(bench, record, call),
        CERTIFICATES => certificates(bench, record, call),
        WINDOW if record.method == "PATCH" => Ok(call.body(json!({"dayOfWeek": 1, "hourOfDay": 1}))),
        AUDITING | CUSTOM_DNS | SECURITY | WINDOW => single(bench, record, call),
        _ => {
            let ldap = json!({"ldap": record.response_body["ldap"]});
            bench.prepare(Call::new("PATCH", SECURITY).body(ldap))?;
            Ok(call)
        }
    }
}

/// Writes the described document, or looks at what was written before.
fn single<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let description = record.response_body.clone();
    match record.method.as_str() {
        "PATCH" => Ok(call.body(description)),
        "GET" => {
            bench.prepare(Call::new("PATCH", record.template()).body(description))?;
            Ok(call)
        }
        _ => Ok(call),
    }
}

fn create_team(bench: &mut Bench, name: &str) -> Result<String, String> {
    let body = json!({"name": name, "usernames": ["somebody@example.com"]});
    let team = bench.prepare(Call::new("POST", TEAMS).param("orgId", bench::ORGANIZATION).body(body))?;
    Ok(team["id"].as_str().unwrap_or_default().to_owned())
}

fn team<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let description = &record.response_body;
    let name = |team: &Value| team["name"].as_str().unwrap_or("team").to_owned();
    if record.method == "POST" {
        return Ok(call.body(json!({"name": description["name"], "usernames": description["usernames"]})));
    }
    let mut described = items(description);
    if described.is_empty() {
        described.push(&Value::Null);
    }
    let mut ids = Vec::new();
    for team in &described {
        let before = if record.method == "PATCH" { "before".to_owned() } else { name(team) };
        ids.push(create_team(bench, &before)?);
    }
    let call = call.param("teamId", ids.remove(0)).param("teamName", name(described[0]));
    Ok(if record.method == "PATCH" { call.body(json!({"name": description["name"]})) } else { call })
}

fn group_team<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let id = create_team(bench, "team")?;
    let described = items(&record.response_body);
    let roles = described.first().map_or_else(|| json!(["GROUP_READ_ONLY"]), |team| team["roleNames"].clone());
    let assignment = json!([{"teamId": id, "roleNames": roles}]);
    if record.method == "POST" {
        return Ok(call.body(assignment));
    }
    bench.prepare(Call::new("POST", GROUP_TEAMS).body(assignment))?;
    Ok(call.param("teamId", id).body(json!({"roleNames": roles})))
}

fn policy<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    if record.method == "POST" {
        return Ok(call.body(record.request_body.clone()));
    }
    let mut id = "000000000000000000000000".to_owned();
    if record.status < 400 {
        let mut described = items(&record.response_body);
        let someone = json!({"name": "policy", "policies": [{"body": "text"}]});
        if !described.iter().any(|policy| policy["name"].is_string()) {
            described = vec![&someone];
        }
        for policy in described {
            let texts: Vec<Value> =
                items(&policy["policies"]).iter().map(|policy| json!({"body": policy["body"]})).collect();
            let mut body = json!({"name": policy["name"], "policies": texts});
            if let Some(description) = policy.get("description") {
                body["description"] = description.clone();
            }
            let create = Call::new("POST", POLICIES).param("orgId", bench::ORGANIZATION).body(body);
            bench.prepare(create)?["id"].as_str().unwrap_or_default().clone_into(&mut id);
        }
    }
    let call = call.param("resourcePolicyId", id);
    Ok(if record.method == "PATCH" { call.body(record.request_body.clone()) } else { call })
}

fn certificates<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let user = json!({
        "databaseName": "$external", "username": "reader", "x509Type": "MANAGED",
        "roles": [{"databaseName": "admin", "roleName": "atlasAdmin"}],
    });
    bench.prepare(Call::new("POST", "/groups/{groupId}/databaseUsers").body(user))?;
    for _ in items(record.response_body.get("results").unwrap_or(&Value::Null)) {
        bench.prepare(Call::new("POST", CERTIFICATES).param("username", "reader").body(json!({})))?;
    }
    Ok(call.param("username", "reader").body(json!({"monthsUntilExpiration": 3})))
}
