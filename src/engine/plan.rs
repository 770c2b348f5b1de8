//! Decides the next step, and nothing else.
//!
//! [`next`] answers one question: given what is wanted, what is seen and what is remembered, what is to be done now?
//! It does no I/O and reads no clock. The reconciler sends the step and looks again; [`predict`](super::predict)
//! assumes instead that the step did what it should, and asks again until nothing is left. So a printed plan and a run are the same rules,
//! and a crash between two steps needs no memory of a script. How a document gets there is in [`document`], how a list
//! of entries does in [`entries`].
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::diff::{Change, diff};
use crate::{
    atlas::{Body, Call, Method, MissingSlot, path},
    kind::{Endpoint, Hold, Part, Policy, Route, Settled, Shape, Slots},
};

mod document;
mod entries;
mod issue;
mod order;

pub use issue::{Issuance, Kept};

/// How far Atlas's clock may be behind ours before a resource of our own making looks older than its creation.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long after a call Atlas may still show a resource as settled that is about to be at work: some seconds were
/// seen, after upgrades and changes of process arguments.
const SETTLING: SignedDuration = SignedDuration::from_secs(15);

/// How long an upgrade may take before what Atlas shows is believed again; up to 25 minutes were seen.
pub(super) const LONGEST_UPGRADE: SignedDuration = SignedDuration::from_hours(1);

/// How long Atlas may go on showing the old resource as settled once an upgrade was asked for.
const STALE_BODY: SignedDuration = SignedDuration::from_mins(2);

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
    /// What Atlas is to give out beside the documents.
    pub issuance: Option<Issuance>,
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
#[derive(Clone, Debug)]
pub enum Observed {
    /// Not looked at, because its address is not known yet.
    Unknown,
    /// It is not there.
    Absent,
    /// A document, or an array of entries.
    Present(Value),
    /// A document at another address that shares its names with this one.
    Elsewhere(&'static Route, Value),
    /// Each address says that it is at another: it is being moved.
    Between,
}

/// What is remembered of earlier passes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Atlas's id, or the natural key: present once the resource is this object's.
    pub id: Option<String>,
    /// When a creation was begun whose end was not seen.
    pub pending: Option<Timestamp>,
    /// When an upgrade was begun whose end was not seen.
    pub upgrading: Option<Timestamp>,
    /// When Atlas was last asked for something that is not known to be done.
    pub asked: Option<Timestamp>,
    /// Keys of list entries that are this object's, by part.
    pub entries: BTreeMap<String, Vec<String>>,
    /// What was wanted of the first part when the object was last settled.
    pub settled: Settled,
    /// Parts of which Atlas has refused a call in this pass.
    pub refused: Vec<&'static str>,
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
    /// All is as it should be, but Atlas was asked for something only a moment ago: look again then.
    Rest {
        /// When what Atlas shows can be believed.
        until: Timestamp,
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
    /// The entry of a list that it is about, by key, where it is about one.
    pub entry: Option<String>,
    /// The differences it mends.
    pub changes: Vec<Change>,
    /// What a person should know about it, as sentences.
    pub notes: Vec<String>,
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
    /// To make it another kind of resource under the same name.
    Upgrade,
    /// To be given what is then kept in a Secret.
    Issue,
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
    /// It is not there, and somebody else was to make it.
    Missing,
}

impl Sending {
    fn new(part: &Part, purpose: Purpose, call: Call, changes: Vec<Change>) -> Self {
        Self { part: part.name, purpose, call, entry: None, changes, notes: Vec::new(), certain: true }
    }
}

impl Observed {
    /// The document, wherever it is.
    pub fn document(&self) -> Option<&Value> {
        match self {
            Self::Present(document) | Self::Elsewhere(_, document) => Some(document),
            Self::Unknown | Self::Absent | Self::Between => None,
        }
    }

    /// Whether Atlas says that it is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// Whether `since` is less than `limit` away from `now`. A time far ahead, which only a damaged status holds, is not.
pub(super) fn is_within(limit: SignedDuration, since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since).abs() < limit
}

impl Memory {
    /// Whether an upgrade was begun not longer ago than `limit`.
    fn is_upgrading(&self, now: Timestamp, limit: SignedDuration) -> bool {
        self.upgrading.is_some_and(|since| is_within(limit, since, now))
    }
}

impl Scene {
    pub(crate) fn see(&self, part: &Part) -> &Observed {
        self.observed.get(part.name).unwrap_or(&Observed::Unknown)
    }

    fn slots(&self, part: &Part) -> Slots {
        let mut slots = self.slots.clone();
        slots.extend(part.slots.clone());
        slots
    }

    /// Whether an upgrade that was begun may explain that Atlas shows nothing.
    pub fn is_upgrading(&self) -> bool {
        self.memory.is_upgrading(self.now, LONGEST_UPGRADE)
    }

    /// Whether the resource that Atlas shows as the object's first part is this object's: the one that it knows by id,
    /// or what an upgrade makes of that.
    pub fn owns(&self, document: &Value) -> bool {
        let Some(first) = self.parts.first() else { return false };
        let is_known = self.memory.id.as_ref().is_some_and(|id| *id == first.identity(document));
        is_known || self.memory.id.is_some() && self.memory.upgrading.is_some() || self.began(document)
    }

    /// Whether a creation that was begun made this document.
    fn began(&self, document: &Value) -> bool {
        let Some(since) = self.memory.pending else { return false };
        let created = self.parts.first().and_then(|part| part.route.created).map(|field| &document[field]);
        match created.and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok()) {
            Some(created) => since.duration_since(created) <= CLOCK_SKEW,
            // Atlas does not date this resource, so the name is all there is to know it by.
            None => true,
        }
    }

    /// Whether the resource exists but is not this object's to change, and if so why.
    pub fn adoption(&self) -> Option<Refusal> {
        let document = self.see(self.parts.first()?).document()?;
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
            let Some(seen) = self.see(part).document() else { continue };
            let changes = match part.route.shape {
                Shape::Document => diff(&self.desired(part, seen), seen, part.route.fields),
                Shape::Entries(entries) => entries::differences(self, part, entries, seen),
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
    fn desired(&self, part: &Part, seen: &Value) -> Value {
        let mut desired = part.desired.clone();
        // What was set until a moment ends by itself then, and is not set again.
        let has_passed = |value: &Value| {
            let moment = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            moment.is_some_and(|moment| moment <= self.now)
        };
        if let Some(fields) = desired.as_object_mut() {
            let is_verb = |name: &str| part.route.has(name, |policy| matches!(policy, Policy::Verb { .. }));
            fields.retain(|name, value| !(has_passed(value) && is_verb(name)));
        }
        if let Some(yields) = part.route.yields {
            yields(&mut desired, seen, &self.memory.settled);
        }
        desired
    }

    /// What is to be remembered now that all is as it should be.
    pub fn settled(&self) -> Settled {
        let first = self.parts.first();
        first.and_then(|part| Some((part.route.remembers?)(&part.desired))).unwrap_or_default()
    }

    /// A call to an operation of a part.
    fn call(&self, part: &Part, method: Method, endpoint: Endpoint, body: Option<Body>) -> Result<Call, MissingSlot> {
        call(method, endpoint, &self.slots(part), body)
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
    let mut last = Step::Done;
    let mut refused = None;
    for (index, part) in scene.parts.iter().enumerate() {
        if let Some(refusal) = document::expired(scene, part) {
            return Ok(Step::Refuse(refusal));
        }
        let step = match (scene.see(part), part.route.shape) {
            (Observed::Present(seen), Shape::Document) => document::settle(scene, part, seen)?,
            (Observed::Present(seen), Shape::Entries(entries)) => entries::fill(scene, part, entries, seen)?,
            (Observed::Elsewhere(route, seen), _) => document::fetch(scene, part, route, seen)?,
            (Observed::Between, _) => Step::Wait { part: part.name, state: "UPDATING".to_owned() },
            (Observed::Unknown, _) if is_empty(&part.desired) => Step::Done,
            (Observed::Unknown, Shape::Document) => document::guess(scene, part)?,
            (Observed::Unknown, Shape::Entries(entries)) => {
                entries::fill(scene, part, entries, &Value::Array(Vec::new()))?
            }
            (Observed::Absent, _) if scene.is_upgrading() => {
                Step::Wait { part: part.name, state: "UPDATING".to_owned() }
            }
            (Observed::Absent, _) => document::create(scene, part)?,
        };
        match step {
            Step::Done => {}
            Step::Send(_) if scene.memory.refused.contains(&part.name) => {}
            Step::Send(sending) if document::is_last(part, &sending) => last = Step::Send(sending),
            step => match order::permitted(scene, index, part, step)? {
                Step::Refuse(refusal) if order::is_passed(scene, part, &refusal) => {
                    refused.get_or_insert(refusal);
                }
                step => return Ok(step),
            },
        }
    }
    if let Some(refusal) = refused {
        return Ok(Step::Refuse(refusal));
    }
    let step = issue::issue(scene)?;
    if step != Step::Done {
        return Ok(step);
    }
    let is_asynchronous = scene.parts.first().is_some_and(|part| part.route.state.is_some());
    let asked = scene.memory.asked.filter(|asked| is_asynchronous && is_within(SETTLING, *asked, scene.now));
    Ok(match asked.and_then(|asked| asked.checked_add(SETTLING).ok()) {
        Some(until) => Step::Rest { until },
        None => last,
    })
}

fn remove(scene: &Scene) -> Result<Step, MissingSlot> {
    let Some(first) = scene.parts.first() else { return Ok(Step::Done) };
    if scene.see(first).document().is_some_and(|document| !scene.owns(document)) {
        return Ok(Step::Done);
    }
    for part in scene.parts.iter().rev() {
        let step = match (scene.see(part), part.route.shape) {
            (Observed::Present(seen), Shape::Document) => document::remove(scene, part, part.route, seen)?,
            (Observed::Elsewhere(route, seen), _) => document::remove(scene, part, route, seen)?,
            (Observed::Between, _) => Step::Wait { part: part.name, state: "UPDATING".to_owned() },
            _ => Step::Done,
        };
        if step != Step::Done {
            return Ok(step);
        }
    }
    Ok(Step::Done)
}

fn refuse(cause: Cause, hold: Hold, changes: Vec<Change>) -> Step {
    Step::Refuse(Refusal { cause, path: hold.path.to_owned(), message: hold.message, changes })
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
    few(changes.iter().map(|change| &change.path))
}

/// Names for a sentence: all, or the first five of them and how many there are beside.
pub fn few(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    const SHOWN: usize = 5;
    let mut names = names.into_iter();
    let shown: Vec<_> = names.by_ref().take(SHOWN).map(|name| name.as_ref().to_owned()).collect();
    let shown = shown.join(", ");
    match names.count() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
