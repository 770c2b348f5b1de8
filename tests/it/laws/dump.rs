//! A whole world as text that is the same in each run.
use std::collections::BTreeMap;

use atlas_operator::kinds;
use serde_json::Value;

use super::world::World;

impl World {
    /// The whole world without what differs from run to run: ids, times, addresses.
    pub async fn dump(&self) -> Value {
        let mut atlas = self.simulator.state().await.unwrap();
        let teams = team_names(&atlas);
        strip(&mut atlas);
        // Groups are listed by id; without ids the order is the name's.
        let mut groups: Vec<Value> =
            atlas["groups"].as_object().into_iter().flatten().map(|(_, group)| group.clone()).collect();
        groups.sort_by_key(Value::to_string);
        let mut objects = BTreeMap::new();
        for plural in kinds::all().iter().map(|kind| kind.plural()).chain(["secrets"]) {
            for (key, mut object) in self.kube.all(plural) {
                if plural == "secrets" {
                    object["data"] =
                        object["data"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
                }
                strip(&mut object);
                objects.insert(format!("{}/{}/{}", key.0, key.1, key.2), object);
            }
        }
        // Teams are known by their ids in projects and in what is remembered; their names are the same in each run.
        let mut text = serde_json::json!({"atlas": groups, "objects": objects}).to_string();
        for (id, name) in teams {
            text = text.replace(&id, &name);
        }
        serde_json::from_str(&text).unwrap()
    }
}

/// The teams of every organization, by id.
fn team_names(atlas: &Value) -> Vec<(String, String)> {
    let organizations = atlas["organizations"].as_array().into_iter().flatten();
    let teams = organizations.flat_map(|organization| organization["teams"].as_object().into_iter().flatten());
    teams.map(|(id, team)| (id.clone(), team["name"].as_str().unwrap().to_owned())).collect()
}

/// Removes what differs from run to run.
fn strip(value: &mut Value) {
    const VOLATILE: &[&str] = &[
        "id",
        "groupId",
        "orgId",
        "uid",
        "zoneId",
        "clusterId",
        "created",
        "createDate",
        "featureCompatibilityVersionExpirationDate",
        "links",
        "resourceVersion",
        "connectionStrings",
        "creationTimestamp",
        "deletionTimestamp",
        "lastTransitionTime",
        "startedAt",
        "since",
        "projectId",
        "sent",
        "ownerReferences",
        "labels",
        "mongoDBVersion",
        "_timers",
        "_dates",
        // Ids and blocks of networks, in the order in which clusters came.
        "containers",
        // An answer that is lost costs one more, and none can be taken back.
        "certificates",
        "notAfter",
        // A password is sent again when nobody knows any more which one was.
        "_passwordChanges",
        "_active",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !VOLATILE.contains(&name.as_str()) || name == "labels" && value.is_array());
            fields.values_mut().for_each(strip);
        }
        // An id stands for what it names, and is another in each run.
        Value::String(text) if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            *value = Value::String("(id)".to_owned());
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
