//! What Atlas may say in passing is believed when it says the same again, some seconds later: that a resource or an entry
//! is not there, or that a call is not allowed.
use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    ledger::Doubt,
    observe::Observation,
    outcome::{Outcome, Reason},
    pass::Pass,
    plan::{self, Observed},
};
use crate::{
    atlas::Class,
    kind::{Create, Part, Shape},
};

impl Pass<'_> {
    /// Whether Atlas, asked twice, no longer has what was here; then its identity is forgotten.
    pub(super) fn is_lost(&mut self, parts: &[Part], observation: &Observation) -> Result<bool, Outcome> {
        let Some(first) = parts.first() else { return Ok(false) };
        let atlas = &mut self.status.common.atlas;
        let absent = observation.parts.get(first.name).is_some_and(Observed::is_absent);
        // While it is upgraded it may be at no address; the planner waits.
        if !absent || atlas.id.is_none() || atlas.upgrading.is_some() {
            return Ok(false);
        }
        // What has come to its end is gone as was to be expected.
        if first.route.expiry(&first.desired).is_none_or(|end| end > self.engine.clock.now()) {
            self.confirm_absence()?;
        }
        self.engine.claims.revoke(self.object.own_uid());
        self.engine.ledger.forget_lists(self.object);
        let atlas = &mut self.status.common.atlas;
        atlas.id = None;
        atlas.pending = None;
        atlas.sent = BTreeMap::new();
        atlas.entries = BTreeMap::new();
        atlas.settled = BTreeMap::new();
        if first.route.id_slot.is_some() {
            atlas.project_id = None;
        }
        // A temporary resource that is gone has come to its end, and what somebody else made is not made here; what
        // follows says so.
        Ok(first.route.expiry(&first.desired).is_none() && !matches!(first.route.create, Create::Never { .. }))
    }

    pub(super) fn confirm_absence(&self) -> Result<(), Outcome> {
        self.confirm(&Doubt::Absent, "Atlas does not show it; it is read again before that is believed.")
    }

    /// A resource that was absent a moment ago and is there is left alone until it has been there for some seconds.
    pub(super) fn confirm_presence(&self) -> Result<(), Outcome> {
        if !matches!(self.engine.ledger.doubt(self.object), Some(Doubt::Absent | Doubt::Back)) {
            return Ok(());
        }
        self.confirm(&Doubt::Back, "Atlas shows it, and did not a moment ago; it is read again before it is changed.")
    }

    /// A list that lacks entries of this object is read again before anything is done about that or forgotten, unless
    /// they were not there before, or were just deleted. A process that has just started cannot know that.
    pub(super) fn confirm_entries(&self, parts: &[Part], observation: &Observation) -> Result<(), Outcome> {
        let (ledger, now) = (&self.engine.ledger, self.engine.clock.now());
        let (mut listed, mut lacking) = (Vec::new(), Vec::new());
        for part in parts {
            let (Shape::Entries(entries), Some(Observed::Present(seen))) =
                (part.route.shape, observation.parts.get(part.name))
            else {
                continue;
            };
            let keys: Vec<String> = plan::items(seen).iter().map(entries.key).collect();
            // Atlas removes entries whose time has passed by itself.
            let is_over = |entry: &&Value| part.route.expiry(entry).is_some_and(|expiry| expiry <= now);
            let over: Vec<String> = plan::items(&part.desired).iter().filter(is_over).map(entries.key).collect();
            let ours = self.status.common.atlas.entries.get(part.name).into_iter().flatten();
            let missed = ours.filter(|key| !keys.contains(key) && !over.contains(key));
            let missed = missed.filter(|key| ledger.was_listed(self.object, part.name, key));
            lacking.extend(missed.map(|key| (part.name, key.clone())));
            listed.push((part.name, keys));
        }
        if !lacking.is_empty() {
            let names: Vec<String> = lacking.iter().map(|(part, key)| format!("{part}[{key}]")).collect();
            let message =
                format!("Atlas does not show {}; that is read again before it is believed.", plan::few(&names));
            self.confirm(&Doubt::Shrunk(lacking), &message)?;
        }
        for (part, keys) in listed {
            ledger.listed(self.object, part, keys);
        }
        Ok(())
    }

    /// Goes on once Atlas has been saying `doubt` for some seconds.
    pub(super) fn confirm(&self, doubt: &Doubt, message: &str) -> Result<(), Outcome> {
        if self.engine.ledger.is_confirmed(self.object, doubt, self.engine.clock.now()) {
            return Ok(());
        }
        Err(Outcome::Waiting { reason: Reason::ConfirmingAbsence, message: message.to_owned() })
    }

    /// Whether Atlas has been refusing calls of this object in this way for some seconds.
    pub(super) fn is_refused(&self, class: Class) -> bool {
        self.engine.ledger.is_confirmed(self.object, &Doubt::Refused(class), self.engine.clock.now())
    }
}
