//! The whole plan: the planner run against its own predictions.
//!
//! After each step it is assumed that Atlas did what it was asked, and the planner is asked again. The predictions are
//! themselves under test: the calls of a run are compared with the plan that was made before it.
use jiff::Timestamp;
use serde_json::Value;

use super::plan::{Kept, Observed, Purpose, Scene, Sending, Step, items, merge, next};
use crate::{
    atlas::{Body, Method, MissingSlot},
    kind::{Add, Delete, Entries, Part, Policy, Progress, Shape, Way},
};

/// Stands in a plan for the id that only a create will know.
pub const NEW_ID: &str = "_new_";

/// A plan longer than this is a rule that does not end; no kind comes near it.
const LONGEST_PLAN: usize = 200;

/// Every step from what is seen to what is wanted, each assumed to succeed.
pub fn whole(mut scene: Scene) -> Result<Vec<Step>, MissingSlot> {
    let mut steps = Vec::new();
    while steps.len() < LONGEST_PLAN {
        let step = next(&scene)?;
        match &step {
            Step::Done => break,
            Step::Refuse(_) => {
                steps.push(step);
                break;
            }
            Step::Send(sending) => scene.assume(sending),
            Step::Wait { part, .. } => scene.finish(part),
            Step::Rest { .. } => scene.memory.asked = None,
        }
        steps.push(step);
    }
    Ok(steps)
}

impl Scene {
    /// What Atlas will report once it has taken a call.
    fn assume(&mut self, sending: &Sending) {
        let Some(index) = self.parts.iter().position(|part| part.name == sending.part) else {
            // It is no document.
            if let Some(issuance) = &mut self.issuance {
                issuance.kept = Some(Kept { from: self.now, until: Timestamp::MAX });
            }
            return;
        };
        let part = self.parts[index].clone();
        let body = sending.call.body.as_ref().map(Body::json);
        self.stale.retain(|field| !sending.changes.iter().any(|change| change.path == **field));
        let after = match (sending.purpose, part.route.shape, self.see(&part)) {
            (Purpose::Create, ..) => {
                let mut document = body.cloned().unwrap_or_default();
                // What travels alone does not travel with the creation, and is off until it does.
                for field in part.route.fields.iter().filter(|field| matches!(field.policy, Policy::Alone)) {
                    document[field.path] = Value::Bool(false);
                }
                enter(&mut document, part.route.state, "CREATING");
                self.stale.clear();
                if index == 0 {
                    if let Some(slot) = part.route.id_slot {
                        document["id"] = NEW_ID.into();
                        self.slots.insert(slot, NEW_ID.to_owned());
                    }
                    self.memory.id = Some(part.identity(&document));
                }
                Observed::Present(document)
            }
            (Purpose::Update, Shape::Document, Observed::Present(seen)) => {
                Observed::Present(Self::changed(&part, sending, seen, part.route.state))
            }
            (Purpose::Update, Shape::Document, Observed::Elsewhere(route, seen)) => {
                Observed::Elsewhere(route, Self::changed(&part, sending, seen, route.state))
            }
            (Purpose::Update, Shape::Document, _) => Observed::Present(part.desired.clone()),
            (Purpose::Update, Shape::Entries(entries), seen) => {
                Observed::Present(Value::Array(listed(&part, entries, sending, seen)))
            }
            (Purpose::Upgrade, _, seen) => {
                let way = part.route.passage.zip(seen.document()).map(|(way, seen)| (way.way)(&part.desired, seen));
                let Some(Way::Upgrade(upgrade)) = way else { return };
                let mut document = upgrade.becomes;
                enter(&mut document, part.route.state, "UPDATING");
                self.memory.id = Some(part.identity(&document));
                Observed::Present(document)
            }
            (Purpose::Delete, _, Observed::Present(seen)) if part.route.state.is_some() => {
                let mut document = seen.clone();
                enter(&mut document, part.route.state, "DELETING");
                Observed::Present(document)
            }
            (Purpose::Delete, _, Observed::Elsewhere(route, seen)) if route.state.is_some() => {
                let mut document = seen.clone();
                enter(&mut document, route.state, "DELETING");
                Observed::Elsewhere(route, document)
            }
            (Purpose::Delete, ..) => Observed::Absent,
            (Purpose::Issue, _, seen) => seen.clone(),
        };
        self.observed.insert(part.name, after);
    }

    /// What Atlas will report of a document once it has taken an update.
    fn changed(part: &Part, sending: &Sending, seen: &Value, state: Option<&'static str>) -> Value {
        let mut document = seen.clone();
        if let Some(change) = sending.changes.first()
            && part.route.has(change.root(), |policy| matches!(policy, Policy::Verb { .. }))
        {
            document[change.root()] = part.desired[change.root()].clone();
            return document;
        }
        let body = sending.call.body.as_ref().map(Body::json);
        for (name, value) in body.and_then(Value::as_object).into_iter().flatten() {
            let merged = part.route.has(name, |policy| matches!(policy, Policy::Whole(_)));
            document[name] = if merged { overlay(&seen[name], value) } else { value.clone() };
        }
        enter(&mut document, state, "UPDATING");
        document
    }

    /// What Atlas will report once it is no longer at work on a part.
    fn finish(&mut self, name: &'static str) {
        let Some(part) = self.parts.iter().find(|part| part.name == name).cloned() else { return };
        let after = match self.see(&part) {
            Observed::Present(seen) if part.route.progress(seen) == Progress::Leaving => Observed::Absent,
            Observed::Present(seen) => {
                let mut document = seen.clone();
                enter(&mut document, part.route.state, "IDLE");
                Observed::Present(document)
            }
            Observed::Elsewhere(route, seen) if route.progress(seen) == Progress::Leaving => Observed::Absent,
            Observed::Elsewhere(route, seen) => {
                let mut document = seen.clone();
                enter(&mut document, route.state, "IDLE");
                Observed::Elsewhere(route, document)
            }
            Observed::Absent | Observed::Unknown | Observed::Between => Observed::Unknown,
        };
        self.observed.insert(name, after);
    }
}

/// What Atlas will list once it has taken a call about entries.
fn listed(part: &Part, entries: &Entries, sending: &Sending, seen: &Observed) -> Vec<Value> {
    let key = entries.key;
    let mut list = seen.document().map(|seen| items(seen).to_vec()).unwrap_or_default();
    let body = sending.call.body.as_ref().map(Body::json).cloned().unwrap_or_default();
    let about = sending.entry.as_deref().unwrap_or_default();
    if sending.call.method == Method::DELETE {
        let empties = matches!(part.route.delete, Delete::All(_));
        list.retain(|entry| !empties && key(entry) != about);
    } else if sending.call.method == Method::PATCH {
        match list.iter_mut().find(|entry| key(entry) == about) {
            Some(entry) => merge(entry, &body),
            None => list.extend(items(&part.desired).iter().find(|entry| key(entry) == about).cloned()),
        }
    } else {
        let added = match entries.add {
            Add::Together(_) => items(&body).to_vec(),
            Add::Wrapped(_, field) => items(&body[field]).to_vec(),
            Add::Singly(_) => vec![body],
            Add::Never => Vec::new(),
        };
        list.retain(|entry| !added.iter().any(|new| key(new) == key(entry)));
        list.extend(added);
    }
    list
}

fn enter(document: &mut Value, field: Option<&'static str>, state: &str) {
    if let Some(field) = field {
        document[field] = Value::String(state.to_owned());
    }
}

/// What becomes of a list that is sent whole with some things left out: those stay as they were at their place.
fn overlay(under: &Value, over: &Value) -> Value {
    match over {
        Value::Object(fields) => {
            let mut all = under.as_object().cloned().unwrap_or_default();
            for (name, value) in fields {
                let value = overlay(&under[name], value);
                all.insert(name.clone(), value);
            }
            Value::Object(all)
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| overlay(&under[index], item)).collect(),
        other => other.clone(),
    }
}
