//! What of one document waits for another, and what is remembered of a document that is as it should be.
use std::collections::BTreeMap;

use serde_json::Value;

/// What is remembered of what was wanted when the object was last settled, in the kind's own words: so a value that Atlas
/// moved since is told from one that the spec moved.
pub type Settled = BTreeMap<String, String>;

/// A change of a document that Atlas takes only once a field of another document of the object is cleared.
///
/// The other direction needs no word: parts come in their order, so what a part permits is set before the parts behind
/// it make use of that.
#[derive(Debug)]
pub struct Clearing {
    /// The field of this document whose change waits.
    pub change: &'static str,
    /// The part whose field is cleared first.
    pub part: &'static str,
    /// That field.
    pub field: &'static str,
    /// Whether a value of the field stands in the way of the change of this document.
    pub stands: fn(desired: &Value, observed: &Value, field: &Value) -> bool,
    /// What a person can do where the spec does not clear it, as a sentence.
    pub message: &'static str,
}
