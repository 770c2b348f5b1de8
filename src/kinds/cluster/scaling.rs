//! How far Atlas may change nodes by itself.
use kube::{KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    hardware::{INSTANCE_SIZE, INSTANCE_SIZE_MESSAGE},
    merge::list,
    size::ordered,
};

/// How far Atlas may change nodes by itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoScaling {
    /// Between which sizes nodes may be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<ComputeAutoScaling>,
    /// Whether disks may grow.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "diskGB")]
    pub disk_gb: Option<DiskAutoScaling>,
}

/// Between which sizes Atlas may move nodes.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "!has(self.enabled) || !self.enabled || (has(self.maxInstanceSize) && has(self.scaleDownEnabled))"
    )
        .message("compute scaling needs maxInstanceSize and scaleDownEnabled (true or false) when it is enabled")
        .field_path(".enabled"),
    validation = Rule::new(
        "!has(self.scaleDownEnabled) || !self.scaleDownEnabled \
         || (has(self.enabled) && self.enabled && has(self.minInstanceSize))"
    )
        .message("scaling down needs enabled: true and minInstanceSize, the smallest size to go to")
        .field_path(".scaleDownEnabled"),
    validation = Rule::new(
        "!has(self.predictiveEnabled) || !self.predictiveEnabled || (has(self.enabled) && self.enabled)"
    )
        .message("predictive scaling moves nodes within the bounds of compute scaling: set enabled: true as well")
        .field_path(".predictiveEnabled"),
    validation = Rule::new(format!(
        "!has(self.minInstanceSize) || !has(self.maxInstanceSize) || {}",
        ordered("self.minInstanceSize", "<=", "self.maxInstanceSize")
    ))
        .message("minInstanceSize must not be larger than maxInstanceSize")
        .field_path(".minInstanceSize")
)]
pub struct ComputeAutoScaling {
    /// Whether Atlas may move nodes to another size when they are busy. While it is false the bounds may stay: they
    /// count once it is true again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether Atlas may move nodes to a larger size before they are busy, from what it saw on days before. Not every
    /// organization has it. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictive_enabled: Option<bool>,
    /// Whether it may also move them to a smaller size when they are idle. Required when scaling is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_enabled: Option<bool>,
    /// The smallest size, as M10. Required when nodes may be scaled down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(INSTANCE_SIZE).message(INSTANCE_SIZE_MESSAGE))]
    pub min_instance_size: Option<String>,
    /// The largest size, as M40. Required when scaling is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(INSTANCE_SIZE).message(INSTANCE_SIZE_MESSAGE))]
    pub max_instance_size: Option<String>,
}

/// Whether Atlas may enlarge disks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskAutoScaling {
    /// Whether disks grow when they are nearly full. They never shrink by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Whether disks that grow by themselves are to stop growing.
pub(super) fn stops_disks(desired: &Value, observed: &Value) -> bool {
    let is_any = |document: &Value, enabled: bool| {
        let mut regions = list(&document["replicationSpecs"]).iter().flat_map(|shard| list(&shard["regionConfigs"]));
        regions.any(|region| region["autoScaling"]["diskGB"]["enabled"] == enabled)
    };
    is_any(observed, true) && is_any(desired, false)
}

/// Where Atlas scales nodes, they start within its bounds.
pub(super) fn within(specs: &str, scaling: &str) -> Rule {
    let bound = |bound: &str, order: &str| {
        let limit = format!("self.{scaling}.compute.{bound}");
        let size = format!("self.{specs}.instanceSize");
        format!("(!has({limit}) || {})", ordered(&size, order, &limit))
    };
    Rule::new(format!(
        "!has(self.{specs}) || !has(self.{scaling}) || !has(self.{scaling}.compute) \
         || !has(self.{scaling}.compute.enabled) || !self.{scaling}.compute.enabled || ({} && {})",
        bound("minInstanceSize", ">="),
        bound("maxInstanceSize", "<=")
    ))
    .message(
        format!("{specs}.instanceSize must lie within minInstanceSize and maxInstanceSize of {scaling}.compute")
            .as_str(),
    )
    .field_path(format!(".{specs}"))
}
