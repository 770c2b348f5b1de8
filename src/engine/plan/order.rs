//! In which order the documents of one object change, where that is not simply their order.
use super::{Cause, Observed, Purpose, Refusal, Scene, Sending, Step, document, refuse};
use crate::{
    atlas::MissingSlot,
    kind::{Clearing, Hold, Part, Shape, Way},
};

/// The step of a part, unless the object forbids it now or something of another part comes first.
pub(super) fn permitted(scene: &Scene, index: usize, part: &Part, step: Step) -> Result<Step, MissingSlot> {
    let Step::Send(sending) = step else { return Ok(step) };
    if index > 0 {
        return document::beside(scene, part, sending);
    }
    match part.route.after.iter().find(|clearing| is_awaited(scene, part, &sending, clearing)) {
        Some(clearing) => clear(scene, clearing, sending),
        None => Ok(Step::Send(sending)),
    }
}

/// Whether a call waits until a field of another document is cleared.
fn is_awaited(scene: &Scene, part: &Part, sending: &Sending, clearing: &Clearing) -> bool {
    let Observed::Present(seen) = scene.see(part) else { return false };
    let Some(other) = scene.parts.iter().find(|other| other.name == clearing.part) else { return false };
    let Some(there) = scene.see(other).document() else { return false };
    sending.purpose == Purpose::Update
        && sending.changes.iter().any(|change| change.root() == clearing.change)
        && (clearing.stands)(&scene.desired(part, seen), seen, &there[clearing.field])
}

/// What is done first: the call that clears the field, where that is wanted.
fn clear(scene: &Scene, clearing: &Clearing, sending: Sending) -> Result<Step, MissingSlot> {
    let other = scene.parts.iter().find(|other| other.name == clearing.part);
    let Some((other, Observed::Present(there))) = other.map(|other| (other, scene.see(other))) else {
        return Ok(Step::Send(sending));
    };
    let step = match other.route.shape {
        Shape::Document => document::settle(scene, other, there)?,
        Shape::Entries(_) => Step::Done,
    };
    match step {
        Step::Send(first) if first.changes.iter().any(|change| change.root() == clearing.field) => {
            document::beside(scene, other, first)
        }
        step @ Step::Wait { .. } => Ok(step),
        _ => {
            let (path, value) = ("spec", &there[clearing.field]);
            let message = format!("{}.{} is {value}. {}", other.name, clearing.field, clearing.message);
            Ok(refuse(Cause::Held, Hold { path, message, lift: None }, sending.changes))
        }
    }
}

/// Whether the other documents of an object go on changing though this one is refused: its obstacle may be one of
/// theirs, and is none for them.
pub(super) fn is_passed(scene: &Scene, part: &Part, refusal: &Refusal) -> bool {
    let Observed::Present(seen) = scene.see(part) else { return false };
    let is_in_form = part.route.passage.is_none_or(|passage| (passage.way)(&part.desired, seen) == Way::Here);
    matches!(refusal.cause, Cause::Held | Cause::Immutable) && is_in_form
}
