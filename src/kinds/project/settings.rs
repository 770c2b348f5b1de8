//! What is switched on for everybody who works in a project: one document that comes with the project.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::kind::Route;

/// Switches of a project. Atlas adds some over time and gives each a default; only those set here are managed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Whether the AI assistant on the home page of the Atlas console may be used. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_atlas_home_page_ai_assistant_enabled: Option<bool>,
    /// Whether the AI assistant may be used on clusters of the project. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_cluster_ai_assistant_enabled: Option<bool>,
    /// Whether statistics are collected for each database. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_collect_database_specifics_statistics_enabled: Option<bool>,
    /// Whether documents can be looked at and changed in the Data Explorer of the Atlas console. Atlas's default is
    /// true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_data_explorer_enabled: Option<bool>,
    /// Whether the Data Explorer may use generative AI, which sends requests to services outside of Atlas. Atlas's
    /// default is true.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "isDataExplorerGenAIFeaturesEnabled")]
    pub is_data_explorer_gen_ai_features_enabled: Option<bool>,
    /// Whether the generative AI of the Data Explorer may be shown samples of field values. Atlas's default is false.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "isDataExplorerGenAISampleDocumentPassingEnabled"
    )]
    pub is_data_explorer_gen_ai_sample_document_passing_enabled: Option<bool>,
    /// Whether data validation runs on the clusters of the project. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_data_validation_enabled: Option<bool>,
    /// Whether clusters may have more storage than their tier ordinarily allows. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_extended_storage_sizes_enabled: Option<bool>,
    /// Whether aggregations may re-rank results with a language model. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_native_reranking_enabled: Option<bool>,
    /// Whether the Performance Advisor and the Query Profiler are on. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_performance_advisor_enabled: Option<bool>,
    /// Whether the real-time performance panel is on. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_realtime_performance_panel_enabled: Option<bool>,
    /// Whether the Schema Advisor is on. Atlas's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_schema_advisor_enabled: Option<bool>,
}

/// A PATCH changes the switches that it names and no other.
pub(super) static ROUTE: Route = Route {
    known_by: &["isDataExplorerEnabled", "isPerformanceAdvisorEnabled", "isSchemaAdvisorEnabled"],
    ..Route::singleton("/groups/{groupId}/settings", VERSION)
};

/// Each switch with the value that Atlas gives it in a new project: what differs was chosen by somebody.
pub(super) const DEFAULTS: [(&str, bool); 12] = [
    ("isAtlasHomePageAiAssistantEnabled", true),
    ("isClusterAiAssistantEnabled", true),
    ("isCollectDatabaseSpecificsStatisticsEnabled", true),
    ("isDataExplorerEnabled", true),
    ("isDataExplorerGenAIFeaturesEnabled", true),
    ("isDataExplorerGenAISampleDocumentPassingEnabled", false),
    ("isDataValidationEnabled", true),
    ("isExtendedStorageSizesEnabled", false),
    ("isNativeRerankingEnabled", false),
    ("isPerformanceAdvisorEnabled", true),
    ("isRealtimePerformancePanelEnabled", true),
    ("isSchemaAdvisorEnabled", true),
];
