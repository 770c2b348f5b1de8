//! Writes that the real API cannot take at the same time.
//!
//! Access lists and custom roles of a project must be written one after the other. The specification warns of it for
//! the one, and other clients hold a lock for both, because two writes at once lose entries or end in a 500. Requests
//! are decided here one at a time, so nothing of the kind would ever happen by itself. When the setting
//! `serialWriteMilliseconds` gives such a write a length, it begins when the request arrives, is decided when that time
//! is over, and is harmed by every other write to the same list that was decided in between.
use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::{ApiError, EndpointSet, Operation};
use crate::families::access_list::{self, AccessEntry};
use crate::families::{errors, sets};
use crate::http::Incoming;
use crate::http::route::Found;
use crate::state::{Shared, State};

/// How many writes to each list of each project were carried out.
#[derive(Default)]
pub struct Writes(BTreeMap<(String, &'static str), u64>);

/// A write that has begun.
pub struct Begun {
    group: String,
    set: &'static str,
    /// How many writes came before it.
    earlier: u64,
    /// The access list as it was then.
    access_list: Vec<AccessEntry>,
    /// How long it takes.
    pub length: Duration,
}

/// Which list a write to this endpoint set is about, if it is one that takes no two at once.
fn is_serial(set: &EndpointSet) -> bool {
    [sets::ACCESS_LIST, sets::CUSTOM_ROLES].contains(set)
}

/// Notes the beginning of a write, if the setting is on and the request is such a write.
pub fn begin(shared: &Shared, incoming: &Incoming) -> Option<Begun> {
    let mut state = shared.lock();
    let length = Duration::from_millis(state.settings.serial_write_milliseconds);
    if length.is_zero() {
        return None;
    }
    let Found::Operation { operation, params, .. } = shared.router.find(&incoming.method, &incoming.path) else {
        return None;
    };
    if !operation.method.mutates() || !is_serial(&operation.set) {
        return None;
    }
    state.tick();
    let group = params.get("groupId")?.clone();
    let access_list = state.world.project(&group)?.access_list.clone();
    let set = operation.set.name;
    let earlier = state.writes.count(&group, set);
    Some(Begun { group, set, earlier, access_list, length })
}

impl Writes {
    fn count(&self, group: &str, set: &'static str) -> u64 {
        self.0.get(&(group.to_owned(), set)).copied().unwrap_or_default()
    }

    /// Notes that a write was carried out.
    pub fn done(&mut self, operation: &Operation, group: &str) {
        if operation.method.mutates() && is_serial(&operation.set) {
            *self.0.entry((group.to_owned(), operation.set.name)).or_default() += 1;
        }
    }
}

impl Begun {
    /// What other writes since the beginning do to this one: a failure, or nothing but that the list is as it was then.
    ///
    /// # Errors
    /// 500 `UNEXPECTED_ERROR`.
    pub fn harm(self, state: &mut State) -> Result<(), ApiError> {
        if state.writes.count(&self.group, self.set) == self.earlier {
            return Ok(());
        }
        if self.set != sets::ACCESS_LIST.name {
            return Err(errors::unexpected());
        }
        access_list::restore(&mut state.world, &self.group, self.access_list);
        Ok(())
    }
}
