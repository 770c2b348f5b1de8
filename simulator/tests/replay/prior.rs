//! Brings a world into the state in which a record was made, and says what to ask it then.
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::corpus::{Record, Scene};
use super::{beside, clusters, hints, organizations, sent};
use crate::bench::{self, Bench, Call};

const ACCESS_LIST: &str = "/groups/{groupId}/accessList";
const ACCESS_ENTRY: &str = "/groups/{groupId}/accessList/{entryValue}";
const FLEX_CLUSTERS: &str = "/groups/{groupId}/flexClusters";
const FLEX: &str = "/groups/{groupId}/flexClusters/{name}";
const USERS: &str = "/groups/{groupId}/databaseUsers";
const USER: &str = "/groups/{groupId}/databaseUsers/{databaseName}/{username}";
const ROLES: &str = "/groups/{groupId}/customDBRoles/roles";
const ROLE: &str = "/groups/{groupId}/customDBRoles/roles/{roleName}";

/// The call to make, or why the prior state cannot be reached.
pub type Asked<'a> = Result<Call<'a>, String>;

/// The answer of a world that was brought into the state of a record. `before` is what was seen of the same cluster at
/// another time, for records that do not describe it themselves.
pub fn answer(scene: Scene, before: Option<&Value>) -> Result<(u16, Value), String> {
    let mut bench = Bench::new(1);
    let record = scene.record();
    let call = Call::new(&record.method, record.template()).version(record.api_version.as_deref());
    let call = if record.status >= 400 {
        refusal(&mut bench, scene, before, call)
    } else {
        asked(&mut bench, scene, before, call)
    };
    Ok(bench.call(call?))
}

fn asked<'a>(bench: &mut Bench, scene: Scene<'a>, before: Option<&Value>, call: Call<'a>) -> Asked<'a> {
    let record = scene.record();
    let description = &record.response_body;
    if organizations::concern(record) {
        return organizations::asked(bench, record, call);
    }
    if beside::concern(record) {
        return beside::asked(bench, record, call);
    }
    match (record.method.as_str(), record.template()) {
        ("GET", "/orgs") => Ok(call.query("name", "")),
        ("GET", "/orgs/{orgId}") => Ok(call.param("orgId", bench::ORGANIZATION)),
        ("GET", "/groups") => {
            let own = bench.group.clone();
            bench.prepare(Call::new("DELETE", "/groups/{groupId}").param("groupId", own))?;
            for project in items(description) {
                create_project(bench, project)?;
            }
            Ok(call)
        }
        ("POST", "/groups") => {
            let mut body = bench::project("another");
            if let Some(tags) = description.get("tags") {
                body["tags"] = tags.clone();
            }
            Ok(call.body(body))
        }
        ("GET" | "DELETE", "/groups/{groupId}") => Ok(call.param("groupId", create_project(bench, description)?)),
        ("PATCH", "/groups/{groupId}") => Ok(call.body(json!({"name": "renamed", "tags": description["tags"]}))),
        ("GET", "/groups/{groupId}/settings") => Ok(call),
        ("PATCH", "/groups/{groupId}/settings") => {
            Ok(call.body(json!({"isCollectDatabaseSpecificsStatisticsEnabled": false})))
        }
        (_, ACCESS_LIST | ACCESS_ENTRY) => access_list(bench, record, call),
        (_, USERS | USER) => user(bench, record, call),
        (_, ROLES | ROLE) => role(bench, scene, call),
        (_, FLEX_CLUSTERS | FLEX) => flex(bench, record, call),
        ("GET", "/groups/{groupId}/clusters/provider/regions") => {
            let provider = &description["results"][0];
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let size = word(&provider["instanceSizes"][0]["name"]);
            Ok(call.query("providers", word(&provider["provider"])).query("tier", size))
        }
        _ => clusters::asked(bench, scene, before, call),
    }
}

/// Brings a world into a state in which it should refuse.
fn refusal<'a>(bench: &mut Bench, scene: Scene<'a>, before: Option<&Value>, call: Call<'a>) -> Asked<'a> {
    let record = scene.record();
    let name = record.cluster_name();
    let call = call.param("clusterName", name).param("name", name).body(record.request_body.clone());
    match record.response_body["errorCode"].as_str().unwrap_or_default() {
        // The project of the bench is there already.
        "GROUP_ALREADY_EXISTS" => return Ok(call.body(bench::project("bench"))),
        "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API" => create_flex(bench, name)?,
        "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED" => clusters::create_protected(bench, name)?,
        "CLUSTER_NOT_FOUND" => {}
        _ => {
            if let Some(before) = before {
                clusters::bring(bench, scene, before)?;
            }
        }
    }
    Ok(call)
}

/// The documents of a list, or the one document that is not in a list.
pub fn items(description: &Value) -> Vec<&Value> {
    match description.get("results").unwrap_or(description) {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        single => vec![single],
    }
}

fn create_project(bench: &mut Bench, description: &Value) -> Result<String, String> {
    let mut body = bench::project(description["name"].as_str().unwrap_or("deleted"));
    if let Some(tags) = description.get("tags") {
        body["tags"] = tags.clone();
    }
    let project = bench.prepare(Call::new("POST", "/groups").body(body))?;
    Ok(project["id"].as_str().unwrap_or_default().to_owned())
}

/// A day from now: within what an expiry may be.
fn tomorrow(bench: &Bench) -> String {
    (bench.world.now + SignedDuration::from_hours(24)).to_string()
}

fn access_list<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let expiry = tomorrow(bench);
    let asked = record.last_segment().replace("%2F", "/");
    let described = items(&record.response_body);
    let mut entries: Vec<Value> = described.into_iter().map(|entry| hints::access_entry(entry, &expiry)).collect();
    if entries.is_empty() {
        entries.push(json!({"cidrBlock": asked}));
    }
    if record.method == "POST" {
        return Ok(call.body(json!(entries)));
    }
    bench.prepare(Call::new("POST", ACCESS_LIST).body(json!(entries)))?;
    Ok(call.param("entryValue", asked))
}

fn user<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let expiry = tomorrow(bench);
    let description = &record.response_body;
    let someone = json!({"databaseName": "admin", "username": "someone", "scopes": [],
        "roles": [{"databaseName": "admin", "roleName": "atlasAdmin"}]});
    let mut users = items(description);
    if users.is_empty() {
        users.push(&someone);
    }
    for user in &users {
        let mut user = (*user).clone();
        provide(bench, &user)?;
        if record.method == "PATCH" {
            // Another role and no scope before the change.
            user["roles"] = json!([{"databaseName": "admin", "roleName": "backup"}]);
            user["scopes"] = json!([]);
        }
        if record.method != "POST" {
            bench.prepare(Call::new("POST", USERS).body(sent_user(record, hints::user(&user, &expiry))))?;
        }
    }
    let word = |name: &str| users[0][name].as_str().unwrap_or_default().to_owned();
    let call = call.param("databaseName", word("databaseName")).param("username", word("username"));
    Ok(match record.method.as_str() {
        "POST" => call.body(sent_user(record, hints::user(description, &expiry))),
        "PATCH" => {
            let body = json!({"roles": description["roles"], "scopes": description["scopes"]});
            call.body(if record.is_command_line() { sent::changed_user(body, description) } else { body })
        }
        _ => call,
    })
}

fn sent_user(record: &Record, body: Value) -> Value {
    if record.is_command_line() { sent::user(body) } else { body }
}

/// The clusters and roles that a user refers to.
fn provide(bench: &mut Bench, user: &Value) -> Result<(), String> {
    for scope in items(&user["scopes"]) {
        let name = scope["name"].as_str().unwrap_or_default();
        if bench.call(Call::new("GET", FLEX).param("name", name)).0 == 404 {
            create_flex(bench, name)?;
        }
    }
    for role in items(&user["roles"]) {
        // Built-in names are refused, which is as good as having them.
        bench.call(Call::new("POST", ROLES).body(json!({
            "roleName": role["roleName"],
            "actions": [{"action": "FIND", "resources": [{"db": "any", "collection": ""}]}],
        })));
    }
    Ok(())
}

/// A role is written as the command line wrote it; roles that a list shows and nobody wrote here are made from the list.
fn role<'a>(bench: &mut Bench, scene: Scene<'a>, call: Call<'a>) -> Asked<'a> {
    let record = scene.record();
    let description = &record.response_body;
    if record.method == "POST" {
        return Ok(call.body(sent::role(record)));
    }
    let earlier = scene.earlier(&["POST", "PATCH"], &[ROLES, ROLE]);
    if record.template() == ROLE && !earlier.is_empty() {
        let name = record.last_segment();
        for write in earlier {
            let call = Call::new(&write.method, write.template()).param("roleName", name);
            bench.prepare(call.body(sent::role(write)))?;
        }
        let call = call.param("roleName", name);
        return Ok(if record.method == "PATCH" { call.body(sent::role(record)) } else { call });
    }
    let actions = json!([{"action": "LIST_SESSIONS", "resources": [{"cluster": true}]}]);
    let another = json!({"roleName": "another", "actions": actions});
    let mut roles: Vec<Value> = items(description).into_iter().cloned().collect();
    if roles.is_empty() {
        roles.push(another);
    }
    for role in &roles {
        bench.prepare(Call::new("POST", ROLES).body(role.clone()))?;
    }
    Ok(call.param("roleName", roles[0]["roleName"].as_str().unwrap_or_default()))
}

fn create_flex(bench: &mut Bench, name: &str) -> Result<(), String> {
    let settings = json!({"backingProviderName": "AWS", "regionName": "US_EAST_1"});
    let body = json!({"name": name, "providerSettings": settings});
    bench.prepare(Call::new("POST", FLEX_CLUSTERS).body(body)).map(drop)
}

fn sent_flex(record: &Record, description: &Value) -> Value {
    let body = hints::flex(description);
    if record.is_command_line() { sent::flex(body) } else { body }
}

fn flex<'a>(bench: &mut Bench, record: &'a Record, call: Call<'a>) -> Asked<'a> {
    let description = &record.response_body;
    if record.method == "POST" {
        return Ok(call.body(sent_flex(record, description)));
    }
    if record.method == "DELETE" {
        create_flex(bench, record.cluster_name())?;
    }
    for described in items(description) {
        let name = described["name"].as_str().unwrap_or_default();
        bench.prepare(Call::new("POST", FLEX_CLUSTERS).body(sent_flex(record, described)))?;
        if described["connectionStrings"].get("standard").is_some() {
            bench.wait(FLEX, name, |flex| flex["stateName"] == "IDLE")?;
        }
        if described["stateName"] == "DELETING" {
            bench.prepare(Call::new("DELETE", FLEX).param("name", name))?;
        }
    }
    Ok(call.param("name", record.cluster_name()))
}
