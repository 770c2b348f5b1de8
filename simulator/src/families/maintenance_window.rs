//! When Atlas may maintain a project's clusters: a day and an hour of the week.
//!
//! A change answers 200 without any body. A project that never set a window has no day in its document; that it is
//! absent, rather than the 0 that some clients read, is not verified. The simulator never has maintenance to do, so
//! nothing ever holds a change or a deferral up.
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::body::{self, Document, Shape, optional, required};
use super::{project, project_mut, recorded, sets, specified};
use crate::api::{ApiError, Method, Operation, Reply, Request};
use crate::world::World;
use crate::world::timers::Subject;

/// The last segment of its path.
pub const NAME: &str = "maintenanceWindow";

/// How long maintenance takes that was asked for at once. Assumed; an hour is what Atlas lets one expect.
const MAINTENANCE: SignedDuration = SignedDuration::from_hours(1);

/// The header in which answers without a body name their version, instead of `Content-Type` (recorded).
const VERSION_WITHOUT_BODY: (&str, &str) = ("x-content-type", "application/vnd.atlas.2023-01-01+json");

const HOUR: Shape = Shape::Whole(0, 23);

const FIELDS: &[body::Field] = &[
    required("dayOfWeek", Shape::Whole(1, 7)),
    optional("autoDeferOnceEnabled", Shape::Flag),
    optional("hourOfDay", HOUR),
    optional("protectedHours", Shape::Object(&[optional("endHourOfDay", HOUR), optional("startHourOfDay", HOUR)])),
    optional("startASAP", Shape::Flag),
    optional("numberOfDeferrals", Shape::ReadOnly),
    optional("timeZoneId", Shape::ReadOnly),
];

pub fn operations() -> Vec<Operation> {
    const PATH: &str = "/groups/{groupId}/maintenanceWindow";
    const SET: crate::api::EndpointSet = sets::MAINTENANCE_WINDOW;
    vec![
        recorded(Method::Get, PATH, SET, get),
        recorded(Method::Patch, PATH, SET, update),
        recorded(Method::Delete, PATH, SET, reset),
        specified(Method::Post, "/groups/{groupId}/maintenanceWindow/defer", SET, defer),
        specified(Method::Post, "/groups/{groupId}/maintenanceWindow/autoDefer", SET, toggle_deferral),
    ]
}

/// What only the server writes, and a deferral that is off.
pub fn defaults() -> Document {
    Document::from_iter([
        ("autoDeferOnceEnabled".to_owned(), json!(false)),
        ("numberOfDeferrals".to_owned(), json!(0)),
        ("startASAP".to_owned(), json!(false)),
        ("timeZoneId".to_owned(), json!("UTC")),
    ])
}

fn done(status: u16) -> Reply {
    let (name, value) = VERSION_WITHOUT_BODY;
    Reply::empty(status).header(name, value)
}

fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, Value::Object(project(world, request)?.singleton(NAME))))
}

/// What is not sent stays, an hour that was never sent is midnight (assumed), and deferrals begin anew
/// (specification). A start at once is over when the maintenance is.
fn update(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = body::complete(&request.body, FIELDS)?;
    let at_once = body::flag(&sent, "startASAP");
    let window = project_mut(world, request)?.singleton_mut(NAME);
    window.extend(sent);
    window.entry("hourOfDay").or_insert_with(|| json!(0));
    window.insert("numberOfDeferrals".to_owned(), json!(0));
    if at_once {
        let subject = Subject::new(request.param("groupId"), NAME, "startASAP");
        world.cancel(&subject);
        world.after(MAINTENANCE, subject, "maintenance is over", |world, subject| {
            if let Some(project) = world.project_mut(&subject.group) {
                project.singleton_mut(NAME).insert("startASAP".to_owned(), json!(false));
            }
        });
    }
    Ok(done(200))
}

fn reset(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    *project_mut(world, request)?.singleton_mut(NAME) = defaults();
    Ok(done(204))
}

/// Each call puts the maintenance off once more. The real API does so only shortly before maintenance begins; how it
/// refuses at other times is not known.
fn defer(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let window = project_mut(world, request)?.singleton_mut(NAME);
    let deferrals = body::whole(window, "numberOfDeferrals").unwrap_or_default() + 1;
    window.insert("numberOfDeferrals".to_owned(), deferrals.into());
    Ok(done(200))
}

/// A switch, so calling it twice changes nothing.
fn toggle_deferral(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let window = project_mut(world, request)?.singleton_mut(NAME);
    let deferred = body::flag(window, "autoDeferOnceEnabled");
    window.insert("autoDeferOnceEnabled".to_owned(), json!(!deferred));
    Ok(done(200))
}
