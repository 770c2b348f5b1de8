//! The states of a deployment, a cluster or a flex cluster alike, and how it moves through them by itself.
//!
//! ```text
//! CREATING ─────────────▶ IDLE ──change──▶ UPDATING ────────────▶ IDLE
//!     └──▶ UPDATING ──────▲                    └──▶ REPAIRING ────▲
//! any ──delete──▶ DELETING ──▶ gone
//! ```
//!
//! A deployment is never locked: a change while it is created joins the creation, a change while it is updated begins
//! the wait anew, and a deletion is accepted in any state.
use serde_json::Value;

use super::body::{self, Document};
use crate::world::World;
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;

pub const CREATING: &str = "CREATING";
pub const IDLE: &str = "IDLE";
pub const UPDATING: &str = "UPDATING";
pub const DELETING: &str = "DELETING";
/// After an update that went wrong.
pub const REPAIRING: &str = "REPAIRING";

/// The share of creations that pass through `UPDATING` on their way to `IDLE` (measured: 228 of 1,882).
const DETOURS: f64 = 0.12;

/// How long a kind of deployment takes.
pub struct Pace {
    /// `CREATING` to `IDLE`.
    pub create: Quantiles,
    /// `CREATING` to `UPDATING`, for those that go that way.
    pub detour: Quantiles,
    /// `UPDATING` to `IDLE`.
    pub update: Quantiles,
    /// `DELETING` to gone.
    pub delete: Quantiles,
}

/// What a timer does to a subject.
pub type Act = fn(&mut World, &Subject);

/// What a family does when one of its deployments enters a state.
pub struct Steps {
    pub idle: Act,
    pub updating: Act,
    pub gone: Act,
}

pub fn state(document: &Document) -> &str {
    body::text(document, "stateName")
}

pub fn enter(document: &mut Document, state: &str) {
    document.insert("stateName".to_owned(), state.into());
}

/// Sets the timers of a creation that begins now.
pub fn creation(world: &mut World, subject: Subject, pace: &Pace, steps: &Steps) {
    if let Some(fixed) = world.creation {
        world.after(fixed, subject, "IDLE", steps.idle);
    } else if world.chance.happens(DETOURS) {
        let detour = world.chance.duration(&pace.detour);
        let update = world.chance.duration(&pace.update);
        world.after(detour, subject.clone(), "UPDATING", steps.updating);
        world.after(detour + update, subject, "IDLE", steps.idle);
    } else {
        let create = world.chance.duration(&pace.create);
        world.after(create, subject, "IDLE", steps.idle);
    }
}

/// Sets the timer of a change that begins now. The caller has entered `UPDATING`.
pub fn change(world: &mut World, subject: Subject, pace: &Pace, steps: &Steps) {
    world.cancel(&subject);
    let update = world.chance.duration(&pace.update);
    world.after(update, subject, "IDLE", steps.idle);
}

/// Sets the timer of a deletion that begins now. The caller has entered `DELETING`.
pub fn deletion(world: &mut World, subject: Subject, pace: &Pace, steps: &Steps) {
    world.cancel(&subject);
    let delete = world.chance.duration(&pace.delete);
    world.after(delete, subject, "gone", steps.gone);
}

/// What a document shows differently while it is being deleted: its backup is off and its tags are gone (recorded).
pub fn strip_for_deletion(document: &mut Document) {
    enter(document, DELETING);
    document.insert("tags".to_owned(), Value::Array(Vec::new()));
}
