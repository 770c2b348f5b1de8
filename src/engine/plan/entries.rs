//! How a list becomes what it should be: entries that are declared are kept true, entries that were ours and are no
//! longer declared go, and those that others made stay, unless the list is to be whole.
use serde_json::{Map, Value};

use super::{
    super::diff::{Change, diff},
    Cause, Purpose, Refusal, Scene, Sending, Step, few, items,
};
use crate::{
    atlas::{Body, Call, Method, MissingSlot},
    kind::{Add, Alter, Delete, Endpoint, Entries, Part},
};

/// An entry that is wanted, and not there as it should be.
struct Lack<'a> {
    key: String,
    wanted: &'a Value,
    /// Whether there is one of this key.
    there: bool,
    changes: Vec<Change>,
}

/// Every difference between the entries that are wanted and those that are seen.
pub(super) fn differences(scene: &Scene, part: &Part, entries: &Entries, seen: &Value) -> Vec<Change> {
    let mut changes: Vec<Change> = lacking(scene, part, entries, seen).into_iter().flat_map(named).collect();
    if part.exclusive {
        changes.extend(leaving(scene, part, entries, seen).iter().map(|key| gone(key)));
    }
    changes
}

/// The next step for a list: what is lacking, then what is to go.
pub(super) fn fill(scene: &Scene, part: &Part, entries: &Entries, seen: &Value) -> Result<Step, MissingSlot> {
    // What is there from the beginning is there even where the list does not show it.
    let is_there = |lack: &Lack<'_>| lack.there || entries.add == Add::Never;
    let mut lacking = lacking(scene, part, entries, seen);
    let altered = lacking.iter().position(is_there);
    match (entries.alter, altered) {
        (Alter::Patch(endpoint), Some(index)) => patch(scene, part, endpoint, lacking.swap_remove(index)),
        (Alter::Replace, Some(index)) => delete(scene, part, entries, seen, &lacking[index].key),
        _ if lacking.is_empty() => shed(scene, part, entries, seen),
        _ => add(scene, part, entries, lacking),
    }
}

/// A PATCH of one entry that carries what differs, and what every update of it must.
fn patch(scene: &Scene, part: &Part, endpoint: Endpoint, lack: Lack<'_>) -> Result<Step, MissingSlot> {
    let changed = lack.changes.iter().map(Change::root).chain(part.route.carries.iter().copied());
    let fields = changed.map(|field| (field.to_owned(), lack.wanted[field].clone()));
    let body = Some(Body::new(Value::Object(fields.collect())));
    let mut slots = scene.slots(part);
    slots.insert("entry", lack.key.clone());
    let call = super::call(Method::PATCH, endpoint, &slots, body)?;
    // What is there from the beginning and was not seen may be as it should be already.
    let certain = lack.there;
    Ok(Step::Send(Sending { certain, ..about(part, call, lack) }))
}

fn add(scene: &Scene, part: &Part, entries: &Entries, lacking: Vec<Lack<'_>>) -> Result<Step, MissingSlot> {
    let all = || Value::Array(lacking.iter().map(|lack| lack.wanted.clone()).collect());
    let (endpoint, body) = match entries.add {
        Add::Never => return Ok(Step::Done),
        Add::Together(endpoint) => (endpoint, all()),
        Add::Wrapped(endpoint, field) => (endpoint, Value::Object(Map::from_iter([(field.to_owned(), all())]))),
        Add::Singly(endpoint) => {
            let Some(first) = lacking.into_iter().next() else { return Ok(Step::Done) };
            let call = scene.call(part, Method::POST, endpoint, Some(Body::new(first.wanted.clone())))?;
            return Ok(Step::Send(about(part, call, first)));
        }
    };
    let call = scene.call(part, Method::POST, endpoint, Some(Body::new(body)))?;
    let changes = lacking.into_iter().flat_map(named).collect();
    Ok(Step::Send(Sending::new(part, Purpose::Update, call, changes)))
}

/// The next step towards a list without what should not be in it.
fn shed(scene: &Scene, part: &Part, entries: &Entries, seen: &Value) -> Result<Step, MissingSlot> {
    match leaving(scene, part, entries, seen).first() {
        Some(key) => delete(scene, part, entries, seen, key),
        None => Ok(Step::Done),
    }
}

fn delete(scene: &Scene, part: &Part, entries: &Entries, seen: &Value, key: &str) -> Result<Step, MissingSlot> {
    if let Some(refusal) = spared(scene, part, entries, seen, key) {
        return Ok(Step::Refuse(refusal));
    }
    let mut slots = scene.slots(part);
    slots.insert("entry", key.to_owned());
    let call = match part.route.delete {
        Delete::WithParent => return Ok(Step::Done),
        Delete::Delete(endpoint) | Delete::Reset(endpoint, _) | Delete::All(endpoint) => {
            super::call(Method::DELETE, endpoint, &slots, None)?
        }
        Delete::Selected(endpoint, query) => {
            Call { query: query(key), ..super::call(Method::DELETE, endpoint, &slots, None)? }
        }
    };
    let sending = Sending::new(part, Purpose::Update, call, vec![gone(key)]);
    Ok(Step::Send(Sending { entry: Some(key.to_owned()), ..sending }))
}

/// Where one DELETE takes all entries along, there is none while some are others': between it and the POST that would
/// bring them back, a crash would lose them, for nothing remembers them.
fn spared(scene: &Scene, part: &Part, entries: &Entries, seen: &Value, key: &str) -> Option<Refusal> {
    if !matches!(part.route.delete, Delete::All(_)) {
        return None;
    }
    let declared: Vec<String> = items(&part.desired).iter().map(entries.key).collect();
    let leaving = leaving(scene, part, entries, seen);
    let mut others = part.route.made(seen);
    others.retain(|other| !declared.contains(other) && !leaving.contains(other));
    if others.is_empty() {
        return None;
    }
    let path = format!("spec.{}", part.name);
    let message = format!(
        "Atlas takes entries out of {name} only all at once, and would take along what others made there: {others}. \
         Declare those in {path} as well, and they are set again after {key} is gone; or remove them in Atlas; or \
         put {key} back.",
        name = part.name,
        others = few(others),
    );
    Some(Refusal { cause: Cause::Held, path, message, changes: Vec::new() })
}

/// A call about one entry.
fn about(part: &Part, call: Call, lack: Lack<'_>) -> Sending {
    let entry = Some(lack.key.clone());
    Sending { entry, ..Sending::new(part, Purpose::Update, call, named(lack).collect()) }
}

/// The entries that are wanted and not there as they should be.
fn lacking<'a>(scene: &Scene, part: &'a Part, entries: &Entries, seen: &Value) -> Vec<Lack<'a>> {
    // Atlas removes entries whose time has passed by itself, and refuses to take them again.
    let lives = |entry: &&Value| part.route.expiry(entry).is_none_or(|expiry| expiry > scene.now);
    items(&part.desired)
        .iter()
        .filter(lives)
        .map(|wanted| {
            let key = (entries.key)(wanted);
            let there = items(seen).iter().find(|other| (entries.key)(other) == key);
            let mut changes = diff(wanted, there.unwrap_or(&Value::Null), part.route.fields);
            if entries.add == Add::Never {
                // It is there, shown or not, so its key is no change.
                changes.retain(|change| !makes_key(entries, wanted, change.root()));
            }
            Lack { key, wanted, there: there.is_some(), changes }
        })
        .filter(|lack| !lack.changes.is_empty())
        .collect()
}

/// Whether an entry would be another without a field.
fn makes_key(entries: &Entries, entry: &Value, field: &str) -> bool {
    let mut without = entry.clone();
    without[field] = Value::Null;
    (entries.key)(&without) != (entries.key)(entry)
}

/// The entries that are there and should not be.
fn leaving(scene: &Scene, part: &Part, entries: &Entries, seen: &Value) -> Vec<String> {
    let declared: Vec<String> = items(&part.desired).iter().map(entries.key).collect();
    let ours = scene.memory.entries.get(part.name).map_or(&[][..], Vec::as_slice);
    let mut leaving = part.route.made(seen);
    leaving.retain(|key| !declared.contains(key) && (part.exclusive || ours.contains(key)));
    leaving
}

fn named(lack: Lack<'_>) -> impl Iterator<Item = Change> {
    let key = lack.key;
    lack.changes.into_iter().map(move |change| Change { path: format!("[{key}].{}", change.path), ..change })
}

fn gone(key: &str) -> Change {
    Change { path: format!("[{key}]"), before: Value::String(key.to_owned()), after: Value::Null, never: None }
}
