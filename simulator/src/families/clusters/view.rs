//! How a cluster looks from outside.
use serde_json::{Value, json};

use super::{COLLECTION, Cluster, FIRST, LEGACY, first_version, legacy};
use crate::api::{ApiError, Request};
use crate::families::body::{self, Document};
use crate::families::segment;

/// A node kind and the field that shows what it has in effect.
const EFFECTIVE: [(&str, &str); 3] = [
    ("analyticsSpecs", "effectiveAnalyticsSpecs"),
    ("electableSpecs", "effectiveElectableSpecs"),
    ("readOnlySpecs", "effectiveReadOnlySpecs"),
];

/// A cluster in the version that is asked for, with its links.
pub fn shown(cluster: &Cluster, request: &Request) -> Result<Value, ApiError> {
    if request.version == FIRST.date || request.version.is_empty() {
        return first_version::view(cluster, request);
    }
    let mut document = if request.version == LEGACY.date { legacy::view(cluster)? } else { current(cluster) };
    document.insert("links".to_owned(), links(cluster, request));
    Ok(Value::Object(document))
}

/// The three links of a cluster, the same in all versions (recorded).
pub fn links(cluster: &Cluster, request: &Request) -> Value {
    let path = format!("/groups/{}/{COLLECTION}/{}", request.param("groupId"), segment(cluster.name()));
    let related = |name: &str| json!({"href": request.href(&format!("{path}/backup/{name}")), "rel": format!("https://cloud.mongodb.com/{name}")});
    json!([request.self_link(&path), related("restoreJobs"), related("snapshots")])
}

/// A cluster in the newest version, without links. What is in effect equals what is described: a change is visible at
/// once, and autoscaling moves the description itself.
pub fn current(cluster: &Cluster) -> Document {
    let mut document = cluster.document.clone();
    let specs = cluster.document.get("replicationSpecs").cloned().unwrap_or_default();
    document.insert("effectiveReplicationSpecs".to_owned(), specs);
    if !cluster.is_tenant() {
        let specs = document.get_mut("replicationSpecs").and_then(Value::as_array_mut);
        let specs = specs.into_iter().flatten().filter_map(Value::as_object_mut);
        for region in specs.filter_map(|spec| spec.get_mut("regionConfigs")?.as_array_mut()).flatten() {
            for (described, effective) in EFFECTIVE {
                region[effective] = region[described].clone();
            }
        }
    }
    document
}

/// What the answer to a write leaves out: tags, when none were sent (recorded for creations).
pub fn without_unsent_tags(mut answer: Value, sent: &Document) -> Value {
    if !sent.contains_key("tags")
        && let Some(answer) = answer.as_object_mut()
        && body::list(answer, "tags").is_empty()
    {
        answer.remove("tags");
    }
    answer
}
