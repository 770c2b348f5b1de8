//! When Atlas may maintain the clusters of a project: one document that comes with the project, unset.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::kind::Route;

/// The weekly hour at which Atlas begins maintenance, in the time zone that is set for the project in the Atlas console
/// (UTC at first). Atlas does urgent maintenance at any time. Taken out of the spec, the window stays as it is in Atlas.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindow {
    /// The day of the week: 1 for Sunday, 2 for Monday, up to 7 for Saturday.
    #[schemars(range(min = 1, max = 7))]
    pub day_of_week: i32,
    /// The hour of the day: 0 for midnight up to 23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 23))]
    pub hour_of_day: Option<i32>,
    /// Whether each maintenance is put off by one week, once. Atlas's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_defer_once_enabled: Option<bool>,
    /// Hours of every day in which no maintenance begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_hours: Option<ProtectedHours>,
}

/// A time of the day, in the time zone of the maintenance window.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtectedHours {
    /// The hour at which it begins: 0 for midnight up to 23.
    #[schemars(range(min = 0, max = 23))]
    pub start_hour_of_day: i32,
    /// The hour at which it ends: 0 for midnight up to 23.
    #[schemars(range(min = 0, max = 23))]
    pub end_hour_of_day: i32,
}

pub(super) static ROUTE: Route = Route {
    // Atlas requires the day in every request, and a day without its hour might mean midnight.
    carries: &["dayOfWeek", "hourOfDay"],
    // A project that never had a window shows no day.
    known_by: &["dayOfWeek", "autoDeferOnceEnabled", "numberOfDeferrals"],
    ..Route::singleton("/groups/{groupId}/maintenanceWindow", VERSION)
};
