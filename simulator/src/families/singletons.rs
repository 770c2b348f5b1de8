//! Documents of which every project has exactly one. They come with the project, with Atlas's defaults, have no
//! creation, and never answer 404; what deletes such a document brings its defaults back.
use std::collections::BTreeMap;

use super::body::Document;
use super::{audit_log, custom_dns, maintenance_window, settings, user_security};
use crate::world::Project;

/// What a new project has, by the last segment of each document's path.
pub fn defaults() -> BTreeMap<&'static str, Document> {
    BTreeMap::from([
        (audit_log::NAME, audit_log::defaults()),
        (custom_dns::NAME, custom_dns::defaults()),
        (maintenance_window::NAME, maintenance_window::defaults()),
        (settings::NAME, settings::defaults()),
        (user_security::NAME, user_security::defaults()),
    ])
}

impl Project {
    /// The document of this name as it is.
    pub fn singleton(&self, name: &str) -> Document {
        self.singletons.get(name).cloned().unwrap_or_default()
    }

    /// The document of this name, to be changed.
    pub fn singleton_mut(&mut self, name: &'static str) -> &mut Document {
        self.singletons.entry(name).or_default()
    }
}
