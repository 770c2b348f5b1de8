//! What Atlas gives out once and a Secret keeps: asked for when nothing is kept, and again before that ends.
use jiff::Timestamp;

use super::{Purpose, Scene, Sending, Step, call};
use crate::{
    atlas::{Body, Method, MissingSlot},
    kind::Issue,
};

/// What Atlas is to give out, and what is kept of it.
#[derive(Clone, Debug)]
pub struct Issuance {
    /// What it is asked for.
    pub issue: Issue,
    /// The life of what is kept; `None` when nothing usable is.
    pub kept: Option<Kept>,
}

/// How long something is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

impl Issuance {
    /// When it is replaced; `None` when nothing is there to replace.
    ///
    /// Never in the first half of its life: were Atlas to give shorter lives than it was asked for, each would
    /// otherwise be replaced at once.
    pub fn renewal(&self) -> Option<Timestamp> {
        let Kept { from, until } = self.kept?;
        let half = from.saturating_add(until.duration_since(from) / 2).unwrap_or(until);
        Some(until.saturating_sub(self.issue.renew_before).unwrap_or(until).max(half))
    }
}

/// The next step for what is to be kept.
pub(super) fn issue(scene: &Scene) -> Result<Step, MissingSlot> {
    let Some(issuance) = &scene.issuance else { return Ok(Step::Done) };
    if issuance.renewal().is_some_and(|at| at > scene.now) {
        return Ok(Step::Done);
    }
    let Issue { name, endpoint, slots: own, body, .. } = &issuance.issue;
    let mut slots = scene.slots.clone();
    slots.extend(own.clone());
    Ok(Step::Send(Sending {
        part: name,
        purpose: Purpose::Issue,
        call: call(Method::POST, *endpoint, &slots, Some(Body::new(body.clone())))?,
        entry: None,
        changes: Vec::new(),
        notes: Vec::new(),
        certain: true,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use jiff::SignedDuration;
    use serde_json::Value;

    use super::*;
    use crate::kind::{Endpoint, Slots};

    #[test]
    fn it_is_replaced_before_its_end_and_not_in_the_first_half_of_its_life() {
        let day = |number: i64| Timestamp::from_second(number * 86_400).unwrap();
        let issuance = |kept| Issuance {
            issue: Issue {
                name: "certificate",
                endpoint: Endpoint::new("/certs", "2023-01-01"),
                slots: Slots::new(),
                body: Value::Null,
                secret_name: None,
                renew_before: SignedDuration::from_hours(14 * 24),
            },
            kept,
        };
        let renewal = |from, until| issuance(Some(Kept { from, until })).renewal().unwrap();
        assert_eq!(issuance(None).renewal(), None);
        assert_eq!(renewal(day(100), day(190)), day(176));
        assert_eq!(renewal(day(100), day(110)), day(105), "shorter than was asked for");
    }
}
