//! Projects, which the API calls groups.
//!
//! A project's name is unique in its organization. Tags are replaced as a whole, and come back in an order of their own.
//! A project goes at once, but not before the last of its clusters is gone, including those that are being deleted.
use serde_json::{Value, json};

use super::body::{self, Document, Shape, TAGS, optional, required};
use super::{errors, order, project, project_mut, recorded, sets, singletons, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::{Project, World};

/// Most projects of one organization, without a request to the vendor (published; the refusal is recorded).
const MOST_PROJECTS: usize = 250;

/// What a creation may hold. `regionUsageRestrictions` is for Atlas for Government, which keeps and shows it; commercial
/// Atlas refuses it (specification), in a way that is not known, so the simulator takes it from everybody.
const CREATION: &[body::Field] = &[
    required("name", Shape::Text(usize::MAX)),
    required("orgId", Shape::Text(24)),
    optional("regionUsageRestrictions", Shape::Choice(&["COMMERCIAL_FEDRAMP_REGIONS_ONLY", "GOV_REGIONS_ONLY"])),
    optional("tags", TAGS),
    optional("withDefaultAlertsSettings", Shape::Flag),
    optional("clusterCount", Shape::ReadOnly),
    optional("created", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("links", Shape::ReadOnly),
];

/// What a project got at its creation for good is taken and ignored (assumed; other clients treat it so).
const UPDATE: &[body::Field] = &[
    optional("name", Shape::Text(usize::MAX)),
    optional("tags", TAGS),
    optional("regionUsageRestrictions", Shape::ReadOnly),
    optional("withDefaultAlertsSettings", Shape::ReadOnly),
    optional("orgId", Shape::ReadOnly),
    optional("clusterCount", Shape::ReadOnly),
    optional("created", Shape::ReadOnly),
    optional("id", Shape::ReadOnly),
    optional("links", Shape::ReadOnly),
];

pub fn operations() -> Vec<Operation> {
    vec![
        recorded(Method::Get, "/groups", sets::PROJECT_LIST, list),
        recorded(Method::Post, "/groups", sets::PROJECT_LIST, create),
        specified(Method::Get, "/groups/byName/{groupName}", sets::PROJECT_LIST, get_by_name),
        recorded(Method::Get, "/groups/{groupId}", sets::PROJECT, get),
        recorded(Method::Patch, "/groups/{groupId}", sets::PROJECT, update),
        recorded(Method::Delete, "/groups/{groupId}", sets::PROJECT, delete),
    ]
}

/// A project without its links.
pub fn current(project: &Project) -> Document {
    let mut document = project.document.clone();
    document.insert("clusterCount".to_owned(), project.deployment_names().count().into());
    document
}

fn shown(project: &Project, request: &Request, alone: bool) -> Value {
    let path = format!("/groups/{}", body::text(&project.document, "id"));
    let related: &[&str] =
        if alone { &["containers", "clusters", "databaseUsers", "peers", "processes", "whitelist"] } else { &[] };
    let related = related.iter().map(|name| {
        json!({"href": request.href(&format!("{path}/{name}")), "rel": format!("https://cloud.mongodb.com/{name}")})
    });
    let mut document = current(project);
    order::unsteady(&mut document, "tags", request.now);
    document.insert("links".to_owned(), std::iter::once(request.self_link(&path)).chain(related).collect());
    Value::Object(document)
}

fn of_organization<'a>(world: &'a World, organization: &'a str) -> impl Iterator<Item = &'a Project> {
    world.projects().filter(move |project| body::text(&project.document, "orgId") == organization)
}

fn named<'a>(world: &'a World, organization: &'a str, name: &str) -> Option<&'a Project> {
    of_organization(world, organization).find(|project| body::text(&project.document, "name") == name)
}

/// In the order of their names, as recorded.
#[expect(clippy::unnecessary_wraps, reason = "the signature of every handler")]
fn list(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let mut projects: Vec<&Project> = of_organization(world, &request.org_id).collect();
    projects.sort_by_key(|project| body::text(&project.document, "name"));
    Ok(Reply::page(200, projects.into_iter().map(|project| shown(project, request, false)).collect()))
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, shown(project(world, request)?, request, true)))
}

fn get_by_name(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let name = request.param("groupName");
    let project = named(world, &request.org_id, name).ok_or_else(|| errors::group_name_not_found(name))?;
    Ok(Reply::document(200, shown(project, request, true)))
}

/// One to 64 letters, digits, spaces and some signs. The specification forbids spaces, yet recorded names have them.
fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |letter: char| letter.is_alphanumeric() || "-_.(),:&@+' ".contains(letter);
    if (1..=64).contains(&name.chars().count()) && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(errors::invalid_group_name(name))
    }
}

/// The user who is to own a new project is named in the query. Users are not simulated, so any id will do.
fn check_owner(request: &Request) -> Result<(), ApiError> {
    const NAME: &str = "projectOwnerId";
    let is_id = |text: &String| text.len() == 24 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    if request.query.get(NAME).is_none_or(is_id) { Ok(()) } else { Err(errors::invalid_query_parameter(NAME)) }
}

fn create(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    check_owner(request)?;
    let sent = body::complete(&request.body, CREATION)?;
    let (name, organization) = (body::text(&sent, "name"), body::text(&sent, "orgId"));
    if organization != request.org_id {
        return Err(errors::user_cannot_access_organization());
    }
    check_name(name)?;
    if named(world, organization, name).is_some() {
        return Err(errors::group_already_exists(name));
    }
    if of_organization(world, organization).count() >= MOST_PROJECTS {
        return Err(errors::too_many_groups(organization, MOST_PROJECTS));
    }
    let id = world.chance.identifier(world.now);
    let mut project = Project {
        document: Document::from_iter([
            ("created".to_owned(), body::moment(world.now)),
            ("id".to_owned(), id.clone().into()),
            ("name".to_owned(), name.into()),
            ("orgId".to_owned(), organization.into()),
            ("tags".to_owned(), body::list(&sent, "tags").into()),
            (
                "withDefaultAlertsSettings".to_owned(),
                sent.get("withDefaultAlertsSettings").cloned().unwrap_or(Value::Bool(true)),
            ),
        ]),
        singletons: singletons::defaults(),
        limits: std::collections::BTreeMap::new(),
        access_list: Vec::new(),
        clusters: Vec::new(),
        flex_clusters: Vec::new(),
        successors: std::collections::BTreeMap::new(),
        retained_clusters: Vec::new(),
        database_users: Vec::new(),
        certificates: Vec::new(),
        ldap_verifications: Vec::new(),
        sample_datasets: Vec::new(),
        containers: Vec::new(),
        teams: Vec::new(),
        custom_roles: Vec::new(),
        host_suffix: world.chance.word(6),
        released_names: std::collections::BTreeMap::new(),
    };
    if let Some(restrictions) = sent.get("regionUsageRestrictions") {
        project.document.insert("regionUsageRestrictions".to_owned(), restrictions.clone());
    }
    let mut answer = shown(&project, request, true);
    // The answer to a creation shows tags only when tags were sent; GET shows an empty list (recorded).
    if !sent.contains_key("tags")
        && let Some(answer) = answer.as_object_mut()
    {
        answer.remove("tags");
    }
    world.add_project(id, project);
    Ok(Reply::document(201, answer).header("location", unusable_location(request)))
}

/// The `Location` that Atlas sends with projects and settings points nowhere (recorded).
pub fn unusable_location(request: &Request) -> String {
    format!("{}//api/atlas/v1.0", request.host)
}

fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, UPDATE)?;
    let id = request.param("groupId");
    if let Some(name) = sent.get("name").and_then(Value::as_str) {
        check_name(name)?;
        let taken = named(world, &request.org_id, name).is_some_and(|other| body::text(&other.document, "id") != id);
        if taken {
            return Err(errors::group_already_exists(name));
        }
    }
    let project = project_mut(world, request)?;
    project.document.extend(sent);
    Ok(Reply::document(200, shown(project, request, true)))
}

fn delete(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    if project(world, request)?.deployment_names().next().is_some() {
        return Err(errors::group_has_active_clusters());
    }
    world.remove_project(request.param("groupId"));
    Ok(Reply::braces(202))
}
