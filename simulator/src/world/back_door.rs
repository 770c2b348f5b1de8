//! Reading and changing state behind the API's back, for tests and for whoever drives the simulator. Paths are those of
//! the API, below `/api/atlas/v2`.
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::timers::Subject;
use super::{Organization, Possessions, Project, World};
use crate::families::body::{self, Document};
use crate::families::{
    access_list, clusters, containers, custom_roles, database_users, flex_clusters, groups, limits, project_teams,
    resource_policies, teams,
};

/// An organization and what it owns.
pub fn organization(organization: &Organization, possessions: Option<&Possessions>) -> Value {
    let by = |documents: Option<&Vec<Document>>, key: fn(&Document) -> &str| -> Document {
        documents.into_iter().flatten().map(|document| (key(document).to_owned(), json!(document))).collect()
    };
    json!({
        "id": organization.id,
        "name": organization.name,
        "resourcePolicies": by(possessions.map(|own| &own.resource_policies), resource_policies::id),
        "teams": by(possessions.map(|own| &own.teams), teams::id),
    })
}

/// Everything in a project.
pub fn snapshot(project: &Project) -> Value {
    let entries = project.access_list.iter().map(|entry| {
        let mut document = entry.document.clone();
        document.insert("_active".to_owned(), entry.active.into());
        (entry.value().to_owned(), Value::Object(document))
    });
    let clusters = project.clusters.iter().map(|cluster| {
        let mut document = clusters::current(cluster);
        document.insert("_processArgs".to_owned(), Value::Object(clusters::process_args(cluster)));
        document.insert("_globalWrites".to_owned(), clusters::global_writes(cluster));
        (cluster.name().to_owned(), Value::Object(document))
    });
    let flex = project.flex_clusters.iter().map(|flex| (flex.name().to_owned(), json!(flex.document)));
    let users = project.database_users.iter().map(|user| {
        let mut document = user.document.clone();
        document.insert("_passwordChanges".to_owned(), user.password_changes.into());
        (database_users::identity(&user.document), Value::Object(document))
    });
    let roles = project.custom_roles.iter().map(|role| (custom_roles::name(role).to_owned(), json!(role)));
    let teams = project.teams.iter().map(|team| (project_teams::id(team).to_owned(), json!(team)));
    let mut certificates: BTreeMap<&str, Vec<&Document>> = BTreeMap::new();
    for certificate in &project.certificates {
        certificates.entry(&certificate.username).or_default().push(&certificate.document);
    }
    let mut shown = json!({
        "document": groups::current(project),
        "limits": limits::current(project),
        "accessList": entries.collect::<Document>(),
        "certificates": certificates,
        "clusters": clusters.collect::<Document>(),
        "flexClusters": flex.collect::<Document>(),
        "_upgrading": project.successors.keys().collect::<Vec<_>>(),
        "_retainedClusters": project.retained_clusters,
        "databaseUsers": users.collect::<Document>(),
        "customDBRoles": roles.collect::<Document>(),
        "ldapVerifications": project.ldap_verifications,
        "sampleDatasets": project.sample_datasets,
        "containers": project.containers,
        "teams": teams.collect::<Document>(),
    });
    for (name, document) in &project.singletons {
        shown[*name] = json!(document);
    }
    shown
}

/// A path as decoded segments.
fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

/// The document at a path, to be changed.
fn document<'a>(world: &'a mut World, path: &[&str]) -> Option<&'a mut Document> {
    match path {
        ["groups", group, rest @ ..] => in_project(world.project_mut(group)?, rest),
        ["orgs", org, rest @ ..] => in_organization(world.possessions_mut(org)?, rest),
        _ => None,
    }
}

fn in_organization<'a>(possessions: &'a mut Possessions, path: &[&str]) -> Option<&'a mut Document> {
    match path {
        ["teams", id] => possessions.teams.iter_mut().find(|team| teams::id(team) == *id),
        ["resourcePolicies", id] => {
            possessions.resource_policies.iter_mut().find(|policy| resource_policies::id(policy) == *id)
        }
        _ => None,
    }
}

fn in_project<'a>(project: &'a mut Project, path: &[&str]) -> Option<&'a mut Document> {
    match path {
        [] => Some(&mut project.document),
        [name] => project.singletons.iter_mut().find_map(|(known, document)| (known == name).then_some(document)),
        ["clusters", name] => project.cluster_mut(name).map(|cluster| &mut cluster.document),
        ["clusters", name, "processArgs"] => project.cluster_mut(name).map(|cluster| &mut cluster.process_args),
        ["flexClusters", name] => project.flex_cluster_mut(name).map(|flex| &mut flex.document),
        ["databaseUsers", database, name] => {
            project.database_user_mut(&format!("{database}/{name}")).map(|user| &mut user.document)
        }
        ["customDBRoles", "roles", name] => {
            project.custom_roles.iter_mut().find(|role| custom_roles::name(role) == *name)
        }
        ["teams", id] => project.teams.iter_mut().find(|team| project_teams::id(team) == *id),
        ["containers", id] => project.containers.iter_mut().find(|container| containers::id(container) == *id),
        // A block may be written with its slash as it is.
        ["accessList", parts @ ..] => {
            let value = access_list::normalized(&parts.join("/"))?;
            let entry = project.access_list.iter_mut().find(|entry| entry.value() == value)?;
            Some(&mut entry.document)
        }
        _ => None,
    }
}

pub fn merge(world: &mut World, path: &str, changes: &Document) -> Result<(), String> {
    let decoded = segments(path);
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    if let ["groups", group, "limits", name] = parts.as_slice() {
        let project = world.project_mut(group).filter(|_| limits::exists(name));
        let project = project.ok_or_else(|| nothing(path))?;
        let value = body::whole(changes, "value").ok_or("the patch of a limit must hold a whole number `value`")?;
        project.limits.insert((*name).to_owned(), value);
        return Ok(());
    }
    if let ["groups", group, "clusters", name, "globalWrites"] = parts.as_slice() {
        let cluster = world.project_mut(group).and_then(|project| project.cluster_mut(name));
        return clusters::merge_global_writes(cluster.ok_or_else(|| nothing(path))?, changes);
    }
    let target = document(world, &parts).ok_or_else(|| nothing(path))?;
    body::merge(target, changes);
    Ok(())
}

pub fn remove(world: &mut World, path: &str) -> Result<(), String> {
    let decoded = segments(path);
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let removed = match parts.as_slice() {
        ["groups", group] => world.remove_project(group),
        ["groups", group, rest @ ..] => {
            let subject = world.project_mut(group).and_then(|project| remove_from_project(project, group, rest));
            if let Some(subject) = &subject {
                world.cancel(subject);
                if subject.collection == clusters::COLLECTION {
                    world.cancel(&clusters::pin_subject(&subject.group, &subject.name));
                    containers::follow(world, group);
                }
            }
            subject.is_some()
        }
        ["orgs", org, "teams", id] => {
            for project in world.projects.values_mut() {
                project.teams.retain(|team| project_teams::id(team) != *id);
            }
            world.possessions_mut(org).is_some_and(|own| take(&mut own.teams, |team| teams::id(team) == *id))
        }
        ["orgs", org, "resourcePolicies", id] => world
            .possessions_mut(org)
            .is_some_and(|own| take(&mut own.resource_policies, |policy| resource_policies::id(policy) == *id)),
        _ => false,
    };
    if removed { Ok(()) } else { Err(nothing(path)) }
}

/// Removes what a path names, and says what may still have been about to happen to it.
fn remove_from_project(project: &mut Project, group: &str, path: &[&str]) -> Option<Subject> {
    if let ["clusters" | "flexClusters", name] = path {
        project.successors.remove(*name);
    }
    match path {
        ["clusters", name] => take(&mut project.clusters, |cluster| cluster.name() == *name)
            .then(|| Subject::new(group, clusters::COLLECTION, name)),
        ["flexClusters", name] => take(&mut project.flex_clusters, |flex| flex.name() == *name)
            .then(|| Subject::new(group, flex_clusters::COLLECTION, name)),
        ["databaseUsers", database, name] => {
            let identity = format!("{database}/{name}");
            take(&mut project.database_users, |user| database_users::identity(&user.document) == identity)
                .then(|| Subject::new(group, database_users::COLLECTION, &identity))
        }
        ["customDBRoles", "roles", name] => take(&mut project.custom_roles, |role| custom_roles::name(role) == *name)
            .then(|| Subject::new(group, "customDBRoles/roles", name)),
        ["teams", id] => {
            take(&mut project.teams, |team| project_teams::id(team) == *id).then(|| Subject::new(group, "teams", id))
        }
        ["accessList", parts @ ..] => access_list::normalized(&parts.join("/")).and_then(|value| {
            take(&mut project.access_list, |entry| entry.value() == value)
                .then(|| Subject::new(group, access_list::COLLECTION, &value))
        }),
        ["limits", name] => project.limits.remove(*name).map(|_| Subject::new(group, "limits", name)),
        _ => None,
    }
}

/// Removes what matches, and says whether anything did.
fn take<T>(items: &mut Vec<T>, matches: impl Fn(&T) -> bool) -> bool {
    let before = items.len();
    items.retain(|item| !matches(item));
    items.len() < before
}

fn nothing(path: &str) -> String {
    format!("there is nothing at {path} that could be changed")
}
