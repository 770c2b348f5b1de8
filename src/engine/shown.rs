//! What a status shows of the resource in Atlas, and of how it differs from the spec.
use std::collections::BTreeMap;

use serde_json::Value;

use super::{diff::Change, outcome::whole_second, pass::Pass, plan::Scene, resolve::Resolved};
use crate::{
    kind::Declared,
    secrets::PUBLISHED,
    status::{Drift, OperationType, as_kept},
};

/// How many differences are shown in `status.drift`; the schema allows no more.
const SHOWN_DRIFT: usize = 32;
/// The longest value shown in `status.drift`, in characters.
const LONGEST_VALUE: usize = 200;

impl Pass<'_> {
    pub(super) fn report(&mut self, scene: &Scene, declared: &dyn Declared, resolved: &Resolved) {
        let published = self.status.own.remove(PUBLISHED);
        let mut shown = declared.report(&documents(scene));
        self.remember_addresses(declared, scene, &shown);
        let operation = self.status.common.operation.as_ref();
        if operation.is_some_and(|operation| operation.type_ == OperationType::Upgrade) {
            // On the way Atlas shows less and less of it, and for a while nothing; what was known comes back with it.
            shown = over(Value::Object(std::mem::take(&mut self.status.own)), shown);
        }
        if let Value::Object(own) = shown {
            self.status.own = own.into_iter().filter_map(|(name, value)| Some((name, as_kept(value)?))).collect();
        }
        // What was published stays so until something else is.
        self.status.own.extend(published.map(|names| (PUBLISHED.to_owned(), names)));
        let made = resolved.made.iter().map(|(field, name)| (format!("{field}Secret"), name.clone().into()));
        self.status.own.extend(made);
    }

    pub(super) fn show(&mut self, changes: &[Change]) {
        let now = whole_second(self.engine.clock.now());
        let before = std::mem::take(&mut self.status.common.drift);
        let shown = |value: &Value| {
            let text = value.to_string();
            if text.chars().count() <= LONGEST_VALUE {
                return text;
            }
            text.chars().take(LONGEST_VALUE).chain(['…']).collect()
        };
        self.status.common.drift = changes
            .iter()
            .take(SHOWN_DRIFT)
            .map(|change| Drift {
                since: before.iter().find(|old| old.path == change.path).map_or(now, |old| old.since),
                path: change.path.clone(),
                desired: shown(&change.after),
                observed: shown(&change.before),
            })
            .collect();
    }
}

/// The documents that were seen, by part.
pub(super) fn documents(scene: &Scene) -> BTreeMap<&'static str, Value> {
    scene.observed.iter().filter_map(|(name, observed)| Some((*name, observed.document()?.clone()))).collect()
}

/// What is shown now, over what was shown before: what a document within lacks stays as it was.
fn over(before: Value, now: Value) -> Value {
    match (before, now) {
        (Value::Object(mut all), Value::Object(now)) => {
            for (name, value) in now {
                let before = all.remove(&name).unwrap_or_default();
                all.insert(name, over(before, value));
            }
            Value::Object(all)
        }
        (_, now) => now,
    }
}
