//! The settings of a project: twelve switches in a document of their own, which exists as long as its project and has
//! no creation and no deletion.
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional};
use super::{groups, project, project_mut, recorded, sets};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;

/// The last segment of its path.
pub const NAME: &str = "settings";

const FIELDS: &[body::Field] = &[
    optional("isAtlasHomePageAiAssistantEnabled", Shape::Flag),
    optional("isClusterAiAssistantEnabled", Shape::Flag),
    optional("isCollectDatabaseSpecificsStatisticsEnabled", Shape::Flag),
    optional("isDataExplorerEnabled", Shape::Flag),
    optional("isDataExplorerGenAIFeaturesEnabled", Shape::Flag),
    optional("isDataExplorerGenAISampleDocumentPassingEnabled", Shape::Flag),
    optional("isDataValidationEnabled", Shape::Flag),
    optional("isExtendedStorageSizesEnabled", Shape::Flag),
    optional("isNativeRerankingEnabled", Shape::Flag),
    optional("isPerformanceAdvisorEnabled", Shape::Flag),
    optional("isRealtimePerformancePanelEnabled", Shape::Flag),
    optional("isSchemaAdvisorEnabled", Shape::Flag),
];

/// The switches that a new project has off; all others are on (recorded).
const OFF: [&str; 3] =
    ["isDataExplorerGenAISampleDocumentPassingEnabled", "isExtendedStorageSizesEnabled", "isNativeRerankingEnabled"];

pub fn operations() -> Vec<Operation> {
    const PATH: &str = "/groups/{groupId}/settings";
    vec![recorded(Method::Get, PATH, sets::PROJECT, get), recorded(Method::Patch, PATH, sets::PROJECT, update)]
}

/// The settings of a new project.
pub fn defaults() -> Document {
    FIELDS.iter().map(|field| (field.name.to_owned(), json!(!OFF.contains(&field.name)))).collect()
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let settings = project(world, request)?.singleton(NAME);
    Ok(Reply::document(200, Value::Object(settings)).header("location", groups::unusable_location(request)))
}

fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::partial(&request.body, FIELDS)?;
    project_mut(world, request)?.singleton_mut(NAME).extend(sent);
    get(world, request)
}
