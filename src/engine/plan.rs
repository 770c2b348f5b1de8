//! Decides the next step, and nothing else.
//!
//! [`next`] answers one question: given what is wanted, what is seen and what is remembered, what is to be done now?
//! It does no I/O and reads no clock. The reconciler sends the step and looks again; [`predict`](super::predict)
//! assumes instead that the step did what it should, and asks again until nothing is left. So a printed plan and a run are the same rules,
//! and a crash between two steps needs no memory of a script.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::diff::{Change, diff};
use crate::{
    atlas::{Body, Call, Method, MissingSlot, path},
    kind::{Create, Delete, Endpoint, Intent, Part, Policy, Progress, Shape, Slots},
};

/// What Atlas shows as the value of a field that it never returns, in changes.
const HIDDEN: &str = "(secret)";

/// How far Atlas's clock may be behind ours before a resource of our own making looks older than its creation.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// All that a decision depends on.
#[derive(Clone)]
pub struct Scene {
    /// Whether the object should be in Atlas or gone from it.
    pub wanted: Wanted,
    /// The documents of the object, the one that is the object itself first.
    pub parts: Vec<Part>,
    /// What Atlas reports of each part, by name.
    pub observed: BTreeMap<&'static str, Observed>,
    /// Slots that all parts share.
    pub slots: Slots,
    /// What was done before, from the status.
    pub memory: Memory,
    /// What to do with a resource that is there already.
    pub adopt: Adopt,
    /// The values of write-only fields.
    pub secrets: BTreeMap<&'static str, SecretString>,
    /// Write-only fields whose Secret is not the version that was last sent.
    pub stale: Vec<&'static str>,
    /// The time at which this is decided.
    pub now: Timestamp,
}

/// Whether the object should be in Atlas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// As its spec says.
    Present,
    /// Not at all.
    Gone,
}

/// What Atlas reports of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// Not looked at, because its address is not known yet.
    Unknown,
    /// It is not there.
    Absent,
    /// A document, or an array of entries.
    Present(Value),
}

/// What is remembered of earlier passes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Atlas's id, or the natural key: present once the resource is this object's.
    pub id: Option<String>,
    /// When a creation was begun whose end was not seen.
    pub pending: Option<Timestamp>,
    /// Keys of list entries that are this object's, by part.
    pub entries: BTreeMap<String, Vec<String>>,
}

/// What to do with a resource that is in Atlas already and not known to be this object's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopt {
    /// Manage it if it is as the spec says; otherwise touch nothing and say what differs.
    Identical,
    /// Manage it, and make it as the spec says.
    Always,
    /// Touch nothing.
    Never,
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send a call.
    Send(Sending),
    /// Atlas is at work: the part, and Atlas's name for the state it is in.
    Wait {
        /// Which part.
        part: &'static str,
        /// `CREATING`, `UPDATING`, …
        state: String,
    },
    /// What is wanted must not, or cannot, be done.
    Refuse(Refusal),
    /// Nothing is left to do.
    Done,
}

/// A mutating call, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// Which part it is about.
    pub part: &'static str,
    /// What it is for.
    pub purpose: Purpose,
    /// The request.
    pub call: Call,
    /// The differences it mends.
    pub changes: Vec<Change>,
    /// `false` in a plan when Atlas's defaults, unknown until seen, may make the call unnecessary.
    pub certain: bool,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To bring the object into being.
    Create,
    /// To change it.
    Update,
    /// To remove it.
    Delete,
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The kind of obstacle.
    pub cause: Cause,
    /// The field that decides.
    pub path: String,
    /// A sentence for a person, with the way out.
    pub message: String,
    /// The differences that stay.
    pub changes: Vec<Change>,
}

/// The kinds of obstacle that a planner can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The resource is there already and is not this object's.
    AlreadyExists,
    /// Atlas cannot change the field.
    Immutable,
    /// The state of the resource forbids it.
    Held,
    /// The time the resource was to live has passed.
    Expired,
}

impl Scene {
    pub(super) fn see(&self, part: &Part) -> &Observed {
        self.observed.get(part.name).unwrap_or(&Observed::Unknown)
    }

    fn slots(&self, part: &Part) -> Slots {
        let mut slots = self.slots.clone();
        slots.extend(part.slots.clone());
        slots
    }

    /// Whether the resource that Atlas shows as the object's first part is this object's.
    pub fn owns(&self, document: &Value) -> bool {
        self.memory.id.is_some() || self.began(document)
    }

    /// Whether a creation that was begun made this document.
    fn began(&self, document: &Value) -> bool {
        let Some(since) = self.memory.pending else { return false };
        let created = self.parts.first().and_then(|part| part.route.created).map(|field| &document[field]);
        match created.and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok()) {
            Some(created) => created >= since - CLOCK_SKEW,
            // Atlas does not date this resource, so the name is all there is to know it by.
            None => true,
        }
    }

    /// Whether the resource exists but is not this object's to change, and if so why.
    pub fn adoption(&self) -> Option<Refusal> {
        let first = self.parts.first()?;
        let Observed::Present(document) = self.see(first) else { return None };
        if self.owns(document) {
            return None;
        }
        let changes = match self.adopt {
            Adopt::Always => return None,
            Adopt::Never => Vec::new(),
            Adopt::Identical => {
                let changes = self.differences();
                if changes.is_empty() {
                    return None;
                }
                changes
            }
        };
        Some(Refusal {
            cause: Cause::AlreadyExists,
            path: "spec".to_owned(),
            message: match self.adopt {
                Adopt::Never => "It exists in Atlas already and was not made by this object. To manage it, set the \
                                 annotation atlas-operator.io/adopt to identical or always."
                    .to_owned(),
                Adopt::Identical | Adopt::Always => format!(
                    "It exists in Atlas already and differs from the spec in {}. Nothing was changed. Make the spec \
                     equal to it, or set the annotation atlas-operator.io/adopt: always to change it to the spec.",
                    list(&changes)
                ),
            },
            changes,
        })
    }

    /// Every difference between what is wanted and what is seen, over all parts.
    pub fn differences(&self) -> Vec<Change> {
        let mut all = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            let Observed::Present(seen) = self.see(part) else { continue };
            let changes = match part.route.shape {
                Shape::Document => diff(&Self::desired(part, seen), seen, part.route.fields),
                Shape::Entries { key } => self.lacking(part, seen, key).1,
            };
            // The first part is the object itself, so its fields need no prefix.
            all.extend(changes.into_iter().map(|change| match index {
                0 => change,
                _ => Change { path: format!("{}.{}", part.name, change.path), ..change },
            }));
        }
        all
    }

    /// What is wanted of a document, with what Atlas may change by itself left to Atlas.
    fn desired(part: &Part, seen: &Value) -> Value {
        let mut desired = part.desired.clone();
        if let Some(yields) = part.route.yields {
            yields(&mut desired, seen);
        }
        desired
    }

    /// The entries that are wanted and not there as they should be, and how they differ.
    fn lacking(&self, part: &Part, seen: &Value, key: fn(&Value) -> String) -> (Vec<Value>, Vec<Change>) {
        let mut entries = Vec::new();
        let mut all = Vec::new();
        for wanted in self.living(part) {
            let name = key(wanted);
            let there = items(seen).iter().find(|other| key(other) == name);
            let mut changes = match there {
                Some(there) => diff(wanted, there, part.route.fields),
                None => diff(wanted, &Value::Null, part.route.fields),
            };
            if !changes.is_empty() {
                entries.push(wanted.clone());
            }
            for change in &mut changes {
                change.path = format!("[{name}].{}", change.path);
            }
            all.append(&mut changes);
        }
        (entries, all)
    }

    /// Wanted entries whose time has not passed: Atlas removes those by itself and refuses to take them again.
    fn living<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Value> {
        items(&part.desired).iter().filter(|entry| part.route.expiry(entry).is_none_or(|expiry| expiry > self.now))
    }
}

fn call(method: Method, endpoint: Endpoint, slots: &Slots, body: Option<Body>) -> Result<Call, MissingSlot> {
    Ok(Call {
        method,
        path: path(endpoint.template, slots)?,
        query: Vec::new(),
        template: endpoint.template,
        version: endpoint.version,
        body,
    })
}

/// What is to be done now.
pub fn next(scene: &Scene) -> Result<Step, MissingSlot> {
    match scene.wanted {
        Wanted::Present => establish(scene),
        Wanted::Gone => remove(scene),
    }
}

fn establish(scene: &Scene) -> Result<Step, MissingSlot> {
    if let Some(refusal) = scene.adoption() {
        return Ok(Step::Refuse(refusal));
    }
    for part in &scene.parts {
        let step = match (scene.see(part), part.route.shape) {
            (Observed::Present(seen), Shape::Document) => settle(scene, part, seen)?,
            (Observed::Present(seen), Shape::Entries { key }) => fill(scene, part, seen, key)?,
            (Observed::Unknown, _) if is_empty(&part.desired) => Step::Done,
            // Only in a plan: the document comes with its parent, and what Atlas puts in it is not known before.
            (Observed::Unknown, Shape::Document) => {
                let changes = diff(&part.desired, &Value::Null, part.route.fields);
                let Step::Send(sending) = update(scene, part, &Value::Null, changes)? else { continue };
                Step::Send(Sending { certain: false, ..sending })
            }
            (Observed::Unknown, Shape::Entries { key }) => fill(scene, part, &Value::Array(Vec::new()), key)?,
            (Observed::Absent, _) => create(scene, part)?,
        };
        if step != Step::Done {
            return Ok(step);
        }
    }
    Ok(Step::Done)
}

fn create(scene: &Scene, part: &Part) -> Result<Step, MissingSlot> {
    let Create::Post(endpoint) = part.route.create else {
        // Atlas sometimes shows a child only some seconds after its parent.
        return Ok(Step::Wait { part: part.name, state: "CREATING".to_owned() });
    };
    if let Some(expiry) = part.route.expiry(&part.desired).filter(|expiry| *expiry <= scene.now) {
        return Ok(Step::Refuse(Refusal {
            cause: Cause::Expired,
            path: format!("spec.{}", part.route.expires.unwrap_or_default()),
            message: format!("Its time ended at {expiry}, so it is not made again. Set a later date, or delete it."),
            changes: Vec::new(),
        }));
    }
    let changes = diff(&part.desired, &Value::Null, part.route.fields);
    let mut document = part.at_creation.clone();
    merge(&mut document, &part.desired);
    // What travels alone follows once the rest is there: a cluster is not created paused.
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|name, _| !part.route.has(name, |policy| matches!(policy, Policy::Alone)));
    }
    let body = scene
        .secrets
        .iter()
        .fold(Body::new(document), |body, (field, secret)| body.with_secret(&format!("/{field}"), secret.clone()));
    let call = call(Method::POST, endpoint, &scene.slots(part), Some(body))?;
    Ok(Step::Send(Sending { part: part.name, purpose: Purpose::Create, call, changes, certain: true }))
}

/// The next step for a document that is there.
fn settle(scene: &Scene, part: &Part, seen: &Value) -> Result<Step, MissingSlot> {
    match part.route.progress(seen) {
        Progress::Busy(state) => return Ok(Step::Wait { part: part.name, state }),
        // Somebody else is deleting it; once it is gone it will be made again.
        Progress::Leaving => return Ok(Step::Wait { part: part.name, state: "DELETING".to_owned() }),
        Progress::Settled => {}
    }
    let mut changes = diff(&Scene::desired(part, seen), seen, part.route.fields);
    let (immutable, mutable): (Vec<_>, Vec<_>) = changes.drain(..).partition(|change| change.immutable);
    if let Some(first) = immutable.first() {
        let message = format!(
            "Atlas cannot change {} after creation: it is {}, the spec says {}. Put the old value back, or delete \
             this object and create another.",
            first.path, first.before, first.after
        );
        let path = format!("spec.{}", first.path);
        return Ok(Step::Refuse(Refusal { cause: Cause::Immutable, path, message, changes: immutable }));
    }
    let mut changes = mutable;
    for field in scene.stale.iter().filter(|field| part.route.has(field, |policy| matches!(policy, Policy::WriteOnly)))
    {
        changes.push(Change {
            path: (*field).to_owned(),
            before: Value::Null,
            after: Value::String(HIDDEN.to_owned()),
            immutable: false,
        });
    }
    update(scene, part, seen, changes)
}

/// One PATCH that carries the changed fields, and only those.
fn update(scene: &Scene, part: &Part, seen: &Value, changes: Vec<Change>) -> Result<Step, MissingSlot> {
    let desired = Scene::desired(part, seen);
    let alone = |change: &Change| part.route.has(change.root(), |policy| matches!(policy, Policy::Alone));
    let (alone, together): (Vec<_>, Vec<_>) = changes.into_iter().partition(alone);
    let first = alone.iter().any(|change| change.after == Value::Bool(false));
    let changes = if together.is_empty() || first { alone } else { together };
    let Some(change) = changes.first() else { return Ok(Step::Done) };
    if !first
        && !part.route.has(change.root(), |policy| matches!(policy, Policy::Alone))
        && let Some(hold) = part.route.guard.and_then(|guard| guard(Intent::Update, &desired, seen))
    {
        return Ok(held(hold, changes));
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
    let call = call(Method::PATCH, part.route.update, &scene.slots(part), Some(body))?;
    Ok(Step::Send(Sending { part: part.name, purpose: Purpose::Update, call, changes, certain: true }))
}

/// The next step for a list of entries: what is lacking in one call, then what left the spec one by one.
fn fill(scene: &Scene, part: &Part, seen: &Value, key: fn(&Value) -> String) -> Result<Step, MissingSlot> {
    let (entries, changes) = scene.lacking(part, seen, key);
    if !entries.is_empty() {
        let body = Some(Body::new(Value::Array(entries)));
        let call = call(Method::POST, part.route.update, &scene.slots(part), body)?;
        return Ok(Step::Send(Sending { part: part.name, purpose: Purpose::Update, call, changes, certain: true }));
    }
    let Delete::Delete(endpoint) = part.route.delete else { return Ok(Step::Done) };
    let declared: Vec<String> = items(&part.desired).iter().map(key).collect();
    let ours = scene.memory.entries.get(part.name).map_or(&[][..], Vec::as_slice);
    let leaving =
        ours.iter().find(|name| !declared.contains(name) && items(seen).iter().any(|entry| key(entry) == **name));
    let Some(name) = leaving else { return Ok(Step::Done) };
    let mut slots = scene.slots(part);
    slots.insert("entry", name.clone());
    let changes = vec![Change {
        path: format!("[{name}]"),
        before: Value::String(name.clone()),
        after: Value::Null,
        immutable: false,
    }];
    let call = call(Method::DELETE, endpoint, &slots, None)?;
    Ok(Step::Send(Sending { part: part.name, purpose: Purpose::Update, call, changes, certain: true }))
}

fn remove(scene: &Scene) -> Result<Step, MissingSlot> {
    let Some(first) = scene.parts.first() else { return Ok(Step::Done) };
    if let Observed::Present(document) = scene.see(first)
        && !scene.owns(document)
    {
        return Ok(Step::Done);
    }
    for part in scene.parts.iter().rev() {
        let (Observed::Present(seen), Shape::Document) = (scene.see(part), part.route.shape) else { continue };
        let Delete::Delete(endpoint) = part.route.delete else { continue };
        if part.route.progress(seen) == Progress::Leaving {
            return Ok(Step::Wait { part: part.name, state: "DELETING".to_owned() });
        }
        if let Some(hold) = part.route.guard.and_then(|guard| guard(Intent::Delete, &part.desired, seen)) {
            return Ok(held(hold, Vec::new()));
        }
        let call = call(Method::DELETE, endpoint, &scene.slots(part), None)?;
        let changes = Vec::new();
        return Ok(Step::Send(Sending { part: part.name, purpose: Purpose::Delete, call, changes, certain: true }));
    }
    Ok(Step::Done)
}

fn held(hold: crate::kind::Hold, changes: Vec<Change>) -> Step {
    Step::Refuse(Refusal { cause: Cause::Held, path: hold.path.to_owned(), message: hold.message, changes })
}

// ---------------------------------------------------------------------------------------------------------------
// Small things

/// Puts the fields of `over` into `under`.
pub fn merge(under: &mut Value, over: &Value) {
    let Value::Object(over) = over else { return };
    if !under.is_object() {
        *under = Value::Object(Map::new());
    }
    for (name, value) in over {
        under[name] = value.clone();
    }
}

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[][..], Vec::as_slice)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The first few paths of changes, as a phrase.
pub fn list(changes: &[Change]) -> String {
    const SHOWN: usize = 5;
    let mut paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    let more = paths.len().saturating_sub(SHOWN);
    paths.truncate(SHOWN);
    let shown = paths.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
