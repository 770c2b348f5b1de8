//! How one document becomes what it should be, and goes.
use serde_json::{Map, Value};

use super::{
    super::diff::{Change, diff},
    Cause, Observed, Purpose, Refusal, STALE_BODY, Scene, Sending, Step, merge, refuse,
};
use crate::{
    atlas::{Body, Method, MissingSlot},
    kind::{Create, Delete, Hold, Intent, Part, Policy, Progress, Route, Way},
};

/// What Atlas shows as the value of a field that it never returns, in changes.
const HIDDEN: &str = "(secret)";

/// A document whose time is over, whether Atlas has removed it already or is about to.
pub(super) fn expired(scene: &Scene, part: &Part) -> Option<Refusal> {
    let expiry = part.route.expiry(&part.desired).filter(|expiry| *expiry <= scene.now)?;
    Some(Refusal {
        cause: Cause::Expired,
        path: format!("spec.{}", part.route.expires.unwrap_or_default()),
        message: format!("Its time ended at {expiry}, so it is not made again. Set a later time, or delete it."),
        changes: Vec::new(),
    })
}

/// The next step for a document that is not there.
pub(super) fn create(scene: &Scene, part: &Part) -> Result<Step, MissingSlot> {
    let endpoint = match part.route.create {
        Create::Post(endpoint) => endpoint,
        // Atlas sometimes shows a child only some seconds after its parent.
        Create::WithParent => return Ok(Step::Wait { part: part.name, state: "CREATING".to_owned() }),
        Create::Never { path, message } => {
            let hold = Hold { path, message: format!("{path}: {message}"), lift: None };
            return Ok(refuse(Cause::Missing, hold, Vec::new()));
        }
    };
    let desired = scene.desired(part, &Value::Null);
    let changes = diff(&desired, &Value::Null, part.route.fields);
    let mut document = part.at_creation.clone();
    merge(&mut document, &desired);
    // What travels alone follows once the rest is there: a cluster is not created paused.
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|name, _| !part.route.has(name, |policy| matches!(policy, Policy::Alone | Policy::Verb { .. })));
    }
    let body = scene
        .secrets
        .iter()
        .fold(Body::new(document), |body, (field, secret)| body.with_secret(&format!("/{field}"), secret.clone()));
    let mut call = scene.call(part, Method::POST, endpoint, Some(body))?;
    call.query.clone_from(&part.query_at_creation);
    Ok(Step::Send(Sending::new(part, Purpose::Create, call, changes)))
}

/// The next step for a document that comes with its parent, and whose values nobody knows yet: only in a plan.
pub(super) fn guess(scene: &Scene, part: &Part) -> Result<Step, MissingSlot> {
    let changes = diff(&part.desired, &Value::Null, part.route.fields);
    Ok(match update(scene, part, &Value::Null, changes)? {
        Step::Send(sending) => Step::Send(Sending { certain: false, ..sending }),
        other => other,
    })
}

/// The next step for a document that stands at another address.
pub(super) fn fetch(scene: &Scene, part: &Part, route: &Route, seen: &Value) -> Result<Step, MissingSlot> {
    if let Some(wait) = wait(part, route, seen) {
        return Ok(wait);
    }
    let way = part.route.passage.map_or(Way::Here, |passage| (passage.way)(&part.desired, seen));
    Ok(go(scene, part, seen, way)?.unwrap_or(Step::Wait { part: part.name, state: "UPDATING".to_owned() }))
}

/// The next step for a document that is there.
pub(super) fn settle(scene: &Scene, part: &Part, seen: &Value) -> Result<Step, MissingSlot> {
    if let Some(wait) = wait(part, part.route, seen) {
        return Ok(wait);
    }
    let way = part.route.passage.map_or(Way::Here, |passage| (passage.way)(&part.desired, seen));
    if let Some(step) = go(scene, part, seen, way)? {
        return Ok(step);
    }
    let mut changes = diff(&scene.desired(part, seen), seen, part.route.fields);
    let (never, mutable): (Vec<_>, Vec<_>) = changes.drain(..).partition(|change| change.never.is_some());
    if let Some(Change { path, before, after, never: Some(way_out) }) = never.first() {
        let message = format!("Atlas cannot change {path} from {before} to {after}. {way_out}");
        let path = format!("spec.{path}");
        return Ok(Step::Refuse(Refusal { cause: Cause::Immutable, path, message, changes: never }));
    }
    let (stays, mut changes) = staying(part, &scene.desired(part, seen), seen, mutable);
    for field in scene.stale.iter().filter(|field| part.route.has(field, |policy| matches!(policy, Policy::WriteOnly)))
    {
        changes.push(Change {
            path: (*field).to_owned(),
            before: Value::Null,
            after: Value::String(HIDDEN.to_owned()),
            never: None,
        });
    }
    match (update(scene, part, seen, changes)?, stays) {
        (Step::Done, Some((hold, changes))) => Ok(refuse(Cause::Held, hold, changes)),
        (step, _) => Ok(step),
    }
}

/// What is not changed now, and why; and the other changes.
#[allow(clippy::type_complexity)]
fn staying(
    part: &Part,
    desired: &Value,
    seen: &Value,
    changes: Vec<Change>,
) -> (Option<(Hold, Vec<Change>)>, Vec<Change>) {
    let found = part.route.fields.iter().find_map(|field| match field.policy {
        Policy::Stays(why) if changes.iter().any(|change| change.root() == field.path) => {
            Some((field.path, why(desired, seen)?))
        }
        _ => None,
    });
    let Some((field, hold)) = found else { return (None, changes) };
    let (stays, others) = changes.into_iter().partition(|change| change.root() == field);
    (Some((hold, stays)), others)
}

fn wait(part: &Part, route: &Route, seen: &Value) -> Option<Step> {
    let state = match route.progress(seen) {
        Progress::Settled => return None,
        Progress::Busy(state) => state,
        // Somebody else is deleting it; once it is gone it will be made again.
        Progress::Leaving => "DELETING".to_owned(),
    };
    Some(Step::Wait { part: part.name, state })
}

/// The step that takes what is seen to the wanted form; none when it is of that form.
fn go(scene: &Scene, part: &Part, seen: &Value, way: Way) -> Result<Option<Step>, MissingSlot> {
    Ok(match way {
        Way::Here => None,
        Way::Never(hold) => Some(refuse(Cause::Immutable, hold, diff(&part.desired, seen, &[]))),
        // For a while Atlas goes on showing what was there before, as if nothing had been asked.
        Way::Upgrade(_) if scene.memory.is_upgrading(scene.now, STALE_BODY) => {
            Some(Step::Wait { part: part.name, state: "UPDATING".to_owned() })
        }
        Way::Upgrade(upgrade) => {
            let changes = diff(&upgrade.becomes, seen, &[]);
            let call = scene.call(part, Method::POST, upgrade.endpoint, Some(Body::new(upgrade.body)))?;
            Some(Step::Send(Sending::new(part, Purpose::Upgrade, call, changes)))
        }
    })
}

/// In which call a change travels; earlier ones are sent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// It must be alone, and lifts what would hold the others.
    First,
    /// By a POST of its own, before what it is to have a say in.
    Early,
    /// With others in one PATCH.
    Together,
    /// By a POST of its own, which wants the others done.
    Late,
    /// It must be alone, and holds what would come after it.
    Last,
}

fn turn(part: &Part, seen: &Value, change: &Change) -> Turn {
    if is_alone(part, change) {
        return if change.after == Value::Bool(false) { Turn::First } else { Turn::Last };
    }
    let is_late = part.route.fields.iter().find_map(|field| match field.policy {
        Policy::Verb { is_late, .. } if field.path == change.root() => Some(is_late(&part.desired, seen)),
        _ => None,
    });
    match is_late {
        Some(true) => Turn::Late,
        Some(false) => Turn::Early,
        None => Turn::Together,
    }
}

fn is_alone(part: &Part, change: &Change) -> bool {
    part.route.has(change.root(), |policy| matches!(policy, Policy::Alone))
}

/// One call that carries the changed fields whose turn it is, and only those.
fn update(scene: &Scene, part: &Part, seen: &Value, changes: Vec<Change>) -> Result<Step, MissingSlot> {
    let Some(now) = changes.iter().map(|change| turn(part, seen, change)).min() else { return Ok(Step::Done) };
    let changes: Vec<Change> = changes.into_iter().filter(|change| turn(part, seen, change) == now).collect();
    if matches!(now, Turn::Early | Turn::Together | Turn::Late)
        && let Some(step) = held(scene, part, seen, &changes)?
    {
        return Ok(step);
    }
    let desired = scene.desired(part, seen);
    if let (Turn::Early | Turn::Late, Some(change)) = (now, changes.first()) {
        return verb(scene, part, change.clone());
    }
    let mut document = Map::new();
    let mut secrets = Vec::new();
    for change in &changes {
        let root = change.root();
        if let Some((field, secret)) = scene.secrets.get_key_value(root) {
            secrets.push((*field, secret.clone()));
            continue;
        }
        let whole = part.route.fields.iter().find_map(|field| match field.policy {
            Policy::Whole(merge) if field.path == root => Some(merge),
            _ => None,
        });
        let value = whole.map_or_else(|| desired[root].clone(), |merge| merge(&desired[root], &seen[root]));
        document.insert(root.to_owned(), value);
    }
    for field in part.route.carries {
        let known = [&desired, &part.at_creation, seen].into_iter().find_map(|source| source.get(*field));
        if let (Some(value), false) = (known, document.contains_key(*field)) {
            document.insert((*field).to_owned(), value.clone());
        }
    }
    let body = secrets.into_iter().fold(Body::new(Value::Object(document)), |body, (field, secret)| {
        body.with_secret(&format!("/{field}"), secret)
    });
    let call = scene.call(part, Method::PATCH, part.route.update, Some(body))?;
    let notes = part.route.announces.map_or_else(Vec::new, |announces| announces(&desired, seen));
    Ok(Step::Send(Sending { notes, ..Sending::new(part, Purpose::Update, call, changes) }))
}

/// What is done instead of changes that the state of a document forbids now.
fn held(scene: &Scene, part: &Part, seen: &Value, changes: &[Change]) -> Result<Option<Step>, MissingSlot> {
    let hold = part.route.guard.and_then(|guard| guard(Intent::Update, &scene.desired(part, seen), seen));
    let Some(hold) = hold else { return Ok(None) };
    Ok(Some(match hold.lift {
        Some(lift) => self::lift(scene, part, part.route, seen, lift)?,
        None => refuse(Cause::Held, hold, changes.to_vec()),
    }))
}

/// A call about a document that came with the object, unless the state of the object itself forbids changes.
pub(super) fn beside(scene: &Scene, part: &Part, sending: Sending) -> Result<Step, MissingSlot> {
    let seen = scene.parts.first().map(|first| (first, scene.see(first)));
    let Some((first, Observed::Present(seen))) = seen else { return Ok(Step::Send(sending)) };
    let named = |change: &Change| Change { path: format!("{}.{}", part.name, change.path), ..change.clone() };
    let changes: Vec<Change> = sending.changes.iter().map(named).collect();
    Ok(held(scene, first, seen, &changes)?.unwrap_or(Step::Send(sending)))
}

/// Whether a call must come after all others of the object, because it forbids them.
pub(super) fn is_last(part: &Part, sending: &Sending) -> bool {
    let holds = |change: &Change| is_alone(part, change) && change.after != Value::Bool(false);
    sending.purpose == Purpose::Update && sending.changes.first().is_some_and(holds)
}

/// The POST that sets or clears a field which cannot be patched.
fn verb(scene: &Scene, part: &Part, change: Change) -> Result<Step, MissingSlot> {
    let verb = part.route.fields.iter().find_map(|field| match field.policy {
        Policy::Verb { set, clear, body, .. } if field.path == change.root() => Some((set, clear, body)),
        _ => None,
    });
    let Some((set, clear, body)) = verb else { return Ok(Step::Done) };
    let wanted = &part.desired[change.root()];
    let call = if wanted.is_null() {
        scene.call(part, Method::POST, clear, None)?
    } else {
        scene.call(part, Method::POST, set, Some(Body::new(body(wanted))))?
    };
    Ok(Step::Send(Sending::new(part, Purpose::Update, call, vec![change])))
}

/// The PATCH that lifts a hold.
fn lift(scene: &Scene, part: &Part, route: &Route, seen: &Value, lift: Value) -> Result<Step, MissingSlot> {
    let changes = diff(&lift, seen, route.fields);
    let call = scene.call(part, Method::PATCH, route.update, Some(Body::new(lift)))?;
    Ok(Step::Send(Sending::new(part, Purpose::Update, call, changes)))
}

/// The next step for a document that should go.
pub(super) fn remove(scene: &Scene, part: &Part, route: &Route, seen: &Value) -> Result<Step, MissingSlot> {
    let Delete::Delete(endpoint) = route.delete else { return Ok(Step::Done) };
    if route.progress(seen) == Progress::Leaving {
        return Ok(Step::Wait { part: part.name, state: "DELETING".to_owned() });
    }
    if let Some(hold) = route.guard.and_then(|guard| guard(Intent::Delete, &part.desired, seen)) {
        return match (hold.lift.clone(), route.progress(seen)) {
            // What is at work takes no such change.
            (Some(_), Progress::Busy(state)) => Ok(Step::Wait { part: part.name, state }),
            (Some(lift), _) => self::lift(scene, part, route, seen, lift),
            (None, _) => Ok(refuse(Cause::Held, hold, Vec::new())),
        };
    }
    let mut call = scene.call(part, Method::DELETE, endpoint, None)?;
    call.query.clone_from(&part.at_deletion);
    Ok(Step::Send(Sending::new(part, Purpose::Delete, call, Vec::new())))
}
