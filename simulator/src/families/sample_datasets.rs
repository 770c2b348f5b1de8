//! Loading sample data into a cluster: a request that is being worked on for about a minute. The data themselves are not
//! simulated.
use serde_json::{Value, json};

use super::body::{self, Document};
use super::{errors, project, project_mut, recorded, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;

/// The name of the collection in paths.
const COLLECTION: &str = "sampleDatasetLoad";

/// Seconds from `WORKING` to `COMPLETED` (measured, 166 cases).
const LOAD: Quantiles = Quantiles::new(36.0, 42.0, 50.0, 65.0, 196.0, 265.0);

pub fn operations() -> Vec<Operation> {
    const LOAD: &str = "/groups/{groupId}/sampleDatasetLoad/{name}";
    const ONE: &str = "/groups/{groupId}/sampleDatasetLoad/{sampleDatasetId}";
    vec![recorded(Method::Post, LOAD, sets::CLUSTERS, load), specified(Method::Get, ONE, sets::CLUSTERS, get)]
}

fn load(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let (name, group) = (request.param("name"), request.param("groupId"));
    if !project(world, request)?.deployment_names().any(|known| known == name) {
        return Err(errors::cluster_not_found(name, group));
    }
    let now = world.now;
    let id = world.chance.identifier(now);
    let load = Document::from_iter([
        ("_id".to_owned(), id.clone().into()),
        ("clusterName".to_owned(), name.into()),
        ("completeDate".to_owned(), Value::Null),
        ("createDate".to_owned(), body::moment(now)),
        ("errorMessage".to_owned(), Value::Null),
        ("state".to_owned(), json!("WORKING")),
    ]);
    project_mut(world, request)?.sample_datasets.push(load.clone());
    let length = world.chance.duration(&LOAD);
    world.after(length, Subject::new(group, COLLECTION, &id), "loaded", complete);
    Ok(Reply::document(201, Value::Object(load)))
}

fn complete(world: &mut World, subject: &Subject) {
    let now = world.now;
    let loads = world.project_mut(&subject.group).map(|project| project.sample_datasets.iter_mut());
    if let Some(load) = loads.into_iter().flatten().find(|load| body::text(load, "_id") == subject.name) {
        load.insert("completeDate".to_owned(), body::moment(now));
        load.insert("state".to_owned(), json!("COMPLETED"));
    }
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let id = request.param("sampleDatasetId");
    let load = project(world, request)?.sample_datasets.iter().find(|load| body::text(load, "_id") == id);
    let load = load.ok_or_else(|| errors::sample_dataset_not_found(id))?;
    Ok(Reply::document(200, Value::Object(load.clone())))
}
