//! Reading and changing state behind the API's back, for tests and for whoever drives the simulator. Paths are those of
//! the API, below `/api/atlas/v2`.
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::timers::Subject;
use super::{Project, World};
use crate::families::body::{self, Document};
use crate::families::{access_list, clusters, custom_roles, database_users, flex_clusters, groups, limits};

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
    let users = project.database_users.iter().map(|user| (database_users::identity(user), json!(user)));
    let roles = project.custom_roles.iter().map(|role| (custom_roles::name(role).to_owned(), json!(role)));
    json!({
        "document": groups::current(project),
        "settings": project.settings,
        "limits": limits::current(project),
        "accessList": entries.collect::<Document>(),
        "clusters": clusters.collect::<Document>(),
        "flexClusters": flex.collect::<Document>(),
        "_upgrading": project.successors.keys().collect::<Vec<_>>(),
        "_retainedClusters": project.retained_clusters,
        "databaseUsers": users.collect::<Document>(),
        "customDBRoles": roles.collect::<Document>(),
    })
}

/// A path as decoded segments.
fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

/// The document at a path, to be changed.
fn document<'a>(world: &'a mut World, path: &[&str]) -> Option<&'a mut Document> {
    let ["groups", group, rest @ ..] = path else { return None };
    let project = world.project_mut(group)?;
    match rest {
        [] => Some(&mut project.document),
        ["settings"] => Some(&mut project.settings),
        ["clusters", name] => project.cluster_mut(name).map(|cluster| &mut cluster.document),
        ["clusters", name, "processArgs"] => project.cluster_mut(name).map(|cluster| &mut cluster.process_args),
        ["flexClusters", name] => project.flex_cluster_mut(name).map(|flex| &mut flex.document),
        ["databaseUsers", database, name] => {
            let identity = format!("{database}/{name}");
            project.database_users.iter_mut().find(|user| database_users::identity(user) == identity)
        }
        ["customDBRoles", "roles", name] => {
            project.custom_roles.iter_mut().find(|role| custom_roles::name(role) == *name)
        }
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
    let target = document(world, &parts).ok_or_else(|| nothing(path))?;
    body::merge(target, changes);
    Ok(())
}

pub fn remove(world: &mut World, path: &str) -> Result<(), String> {
    let decoded = segments(path);
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let ["groups", group, rest @ ..] = parts.as_slice() else { return Err(nothing(path)) };
    if rest.is_empty() {
        return if world.remove_project(group) { Ok(()) } else { Err(nothing(path)) };
    }
    let project = world.project_mut(group).ok_or_else(|| nothing(path))?;
    if let ["clusters" | "flexClusters", name] = rest {
        project.successors.remove(*name);
    }
    let subject = match rest {
        ["clusters", name] => take(&mut project.clusters, |cluster| cluster.name() == *name)
            .then(|| Subject::new(group, clusters::COLLECTION, name)),
        ["flexClusters", name] => take(&mut project.flex_clusters, |flex| flex.name() == *name)
            .then(|| Subject::new(group, flex_clusters::COLLECTION, name)),
        ["databaseUsers", database, name] => {
            let identity = format!("{database}/{name}");
            take(&mut project.database_users, |user| database_users::identity(user) == identity)
                .then(|| Subject::new(group, database_users::COLLECTION, &identity))
        }
        ["customDBRoles", "roles", name] => take(&mut project.custom_roles, |role| custom_roles::name(role) == *name)
            .then(|| Subject::new(group, "customDBRoles/roles", name)),
        ["accessList", parts @ ..] => access_list::normalized(&parts.join("/")).and_then(|value| {
            take(&mut project.access_list, |entry| entry.value() == value)
                .then(|| Subject::new(group, access_list::COLLECTION, &value))
        }),
        ["limits", name] => project.limits.remove(*name).map(|_| Subject::new(group, "limits", name)),
        _ => None,
    };
    let subject = subject.ok_or_else(|| nothing(path))?;
    world.cancel(&subject);
    world.cancel(&clusters::pin_subject(&subject.group, &subject.name));
    Ok(())
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
