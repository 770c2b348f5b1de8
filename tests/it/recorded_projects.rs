//! What Atlas was recorded to say of projects, of the documents in them and of custom roles, held against the kinds:
//! whatever Atlas shows can be made into a spec that the definition takes and that wants nothing changed.
use std::collections::{BTreeMap, BTreeSet};

use atlas_operator::{engine::plan::Step, kind::Documents, kinds};
use serde_json::{Value, json};

use crate::{
    definition::Definition,
    recorded_clusters::{Recording, everywhere, left_to_do, recordings},
};

/// Documents of one object, as Atlas shows them.
struct Shown {
    kind: &'static str,
    documents: Documents,
    about: String,
}

/// Which part of a project is at a path below the project.
const SECTIONS: [(&str, &str); 6] = [
    ("/settings", "settings"),
    ("/limits", "limits"),
    ("/accessList", "ipAccessList"),
    ("/maintenanceWindow", "maintenanceWindow"),
    ("/auditLog", "auditing"),
    ("/teams", "teams"),
];

/// The members of a list, be it bare or a page; a document that is none is the only one.
fn members(answer: &Value) -> Vec<Value> {
    match answer["results"].as_array().or_else(|| answer.as_array()) {
        Some(members) => members.clone(),
        None => vec![answer.clone()],
    }
}

/// What a recording shows, as documents of objects. What is in a project is shown in `group`.
fn shown(recording: &Recording, group: &Value) -> Vec<Shown> {
    let about = format!("{} {} {}", recording.test, recording.method, recording.path);
    let object = |kind, documents| Shown { kind, documents, about: about.clone() };
    let below = recording.path.strip_prefix("/groups/{groupId}");
    if recording.path == "/groups" || below == Some("") {
        let groups = members(&recording.answer).into_iter().filter(|group| group["name"].is_string());
        return groups.map(|group| object("AtlasProject", [("group", group)].into())).collect();
    }
    let Some(below) = below else { return Vec::new() };
    if below.starts_with("/customDBRoles/roles") {
        let roles = members(&recording.answer).into_iter().filter(|role| role["roleName"].is_string());
        return roles.map(|role| object("AtlasCustomRole", [("role", role)].into())).collect();
    }
    let section = SECTIONS.iter().find(|(path, _)| below == *path);
    let Some((_, part)) = section.filter(|_| !recording.answer.is_null()) else { return Vec::new() };
    // A list is observed as its members.
    let document = match recording.answer["results"].as_array() {
        Some(members) => Value::Array(members.clone()),
        None => recording.answer.clone(),
    };
    vec![object("AtlasProject", [("group", group.clone()), (*part, document)].into())]
}

/// Every list, and every list in it, the other way round.
fn reverse(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.reverse();
            items.iter_mut().for_each(reverse);
        }
        Value::Object(fields) => fields.values_mut().for_each(reverse),
        _ => {}
    }
}

/// The same documents as Atlas may show them another day, by what is different about them.
fn other_days(documents: &Documents) -> Vec<(&'static str, Documents)> {
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut documents = documents.clone();
        documents.values_mut().for_each(change);
        documents
    };
    vec![
        ("reordered", altered(&reverse)),
        (
            "with fields that are new",
            altered(&|document| {
                everywhere(document, &|fields| drop(fields.insert("newsOfTheDay".to_owned(), json!(true))));
            }),
        ),
        (
            "with other defaults",
            altered(&|document| {
                for (field, value) in [("isSchemaAdvisorEnabled", json!(false)), ("clusterCount", json!(7))] {
                    if document[field] == true || document[field].is_number() {
                        document[field] = value;
                    }
                }
            }),
        ),
    ]
}

#[test]
fn what_atlas_shows_of_projects_and_roles_makes_a_spec_that_wants_nothing_changed() {
    let Some(recordings) = recordings() else { return };
    let is_group = |recording: &&Recording| recording.path == "/groups/{groupId}" && recording.method == "GET";
    let group = &recordings.iter().find(is_group).unwrap().answer;
    let definitions: BTreeMap<&str, Definition> =
        kinds::all().iter().map(|kind| (kind.name(), Definition::of(*kind))).collect();
    let mut kinds_of_documents: BTreeMap<&str, usize> = BTreeMap::new();
    for Shown { kind, documents, about } in recordings.iter().flat_map(|recording| shown(recording, group)) {
        let part = documents.keys().find(|part| **part != "group").copied().unwrap_or("group");
        *kinds_of_documents.entry(part).or_default() += 1;
        let definition = &definitions[kind];
        let mut spec = kinds::import(definition.kind, &documents).unwrap();
        if kind != kinds::PROJECT {
            spec["projectRef"] = json!({"name": "shop"});
        }
        let object = json!({"metadata": {"name": "a"}, "spec": spec});
        let verdict = definition.judge(&object, None);
        verdict.unwrap_or_else(|errors| panic!("{about}: {errors} in {spec:#}"));
        assert_eq!(left_to_do(definition.kind, &spec, &documents), Step::Done, "{about}: {spec:#}");
        for (day, documents) in other_days(&documents) {
            assert_eq!(left_to_do(definition.kind, &spec, &documents), Step::Done, "{about}, {day}: {spec:#}");
        }
    }
    println!("imported, by part: {kinds_of_documents:?}");
    let parts: BTreeSet<&str> = kinds_of_documents.keys().copied().collect();
    let expected = ["group", "ipAccessList", "maintenanceWindow", "role", "settings", "teams"];
    assert_eq!(parts, BTreeSet::from(expected), "neither limits nor auditing of a project were recorded");
}
