//! Where a document of Atlas lives, how it comes, changes and goes, and how its fields compare.
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Clearing, Documents, Settled, Slots};
use crate::atlas::Version;

/// One Atlas document, or one list of entries, that an object owns at one address.
#[derive(Clone, Debug)]
pub struct Part {
    /// A short name, unique in the object: `group`, `settings`, `ipAccessList`.
    pub name: &'static str,
    /// Where it lives and how it behaves.
    pub route: &'static Route,
    /// Values for the templates. `groupId` is added by the engine.
    pub slots: Slots,
    /// What Atlas should report, with only what the user set: an object, or an array of entries.
    pub desired: Value,
    /// Fields that are sent only with the creating POST: an object.
    pub at_creation: Value,
    /// The query of the creating POST: what only the creation takes, and no document shows.
    pub query_at_creation: Vec<(&'static str, String)>,
    /// The query of the DELETE: what becomes of what the resource leaves behind.
    pub at_deletion: Vec<(&'static str, String)>,
    /// Of a list of entries: those that nobody declared here are removed too.
    pub exclusive: bool,
    /// Whether the spec says anything about it. A list that it does not mention is looked at only while entries of it
    /// are remembered as the object's own, so that they go.
    pub declared: bool,
}

impl Part {
    /// A part with nothing special about it.
    pub fn new(name: &'static str, route: &'static Route, desired: Value) -> Self {
        Self {
            name,
            route,
            slots: Slots::new(),
            desired,
            at_creation: Value::Object(Map::new()),
            query_at_creation: Vec::new(),
            at_deletion: Vec::new(),
            exclusive: false,
            declared: true,
        }
    }

    /// Atlas's id of `document`, or its natural key where Atlas gives none.
    pub fn identity(&self, document: &Value) -> String {
        let natural = || self.slots.values().cloned().collect::<Vec<_>>().join("/");
        document["id"].as_str().map_or_else(natural, str::to_owned)
    }

    /// A list of entries that the spec does not mention.
    pub fn undeclared(name: &'static str, route: &'static Route) -> Self {
        Self { declared: false, ..Self::new(name, route, Value::Array(Vec::new())) }
    }
}

/// One operation's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Below `/api/atlas/v2`: `/groups/{groupId}/clusters/{clusterName}`.
    pub template: &'static str,
    /// The version of this operation.
    pub version: Version,
}

impl Endpoint {
    /// An operation at `template` in `version`.
    pub const fn new(template: &'static str, version: Version) -> Self {
        Self { template, version }
    }
}

/// The address of a part and the manners of the document there.
#[derive(Debug)]
pub struct Route {
    /// GET of the document, or of the whole list of entries.
    pub read: Endpoint,
    /// GET by a natural key while Atlas's id is unknown.
    pub find: Option<Endpoint>,
    /// The fields that say which resource an answer is about: a slot of its address, and the field of the same value.
    pub names: &'static [(&'static str, &'static str)],
    /// Fields of a document that carries no name, of which an answer to `read` shows at least one.
    pub known_by: &'static [&'static str],
    /// Where documents like this one are listed, each as GET answers it, and known by the fields of `names`.
    pub listed: Option<Endpoint>,
    /// How it comes into being.
    pub create: Create,
    /// PATCH of the document. Entries are changed as [`Entries::alter`] says.
    pub update: Endpoint,
    /// How it goes.
    pub delete: Delete,
    /// A document or a list of entries.
    pub shape: Shape,
    /// The slot that Atlas's own `id` fills, when the document is addressed by it.
    pub id_slot: Option<&'static str>,
    /// The field with the state of an asynchronous resource: `stateName`.
    pub state: Option<&'static str>,
    /// The field with the time of creation, to tell our own creation from an older resource.
    pub created: Option<&'static str>,
    /// The field with the time at which Atlas removes it by itself: `deleteAfterDate`.
    pub expires: Option<&'static str>,
    /// Writes to this family are sent one at a time in a project, or Atlas loses some of them.
    pub serial: bool,
    /// Fields that every update must carry beside those that change: what Atlas requires of each request, and what it
    /// might otherwise take for cleared.
    pub carries: &'static [&'static str],
    /// Fields that are not plain.
    pub fields: &'static [Field],
    /// Adjusts what is wanted to what Atlas may change by itself (autoscaling) before the two are compared.
    pub yields: Option<fn(desired: &mut Value, observed: &Value, settled: &Settled)>,
    /// What is remembered of the wanted document once it is so, for `yields`.
    pub remembers: Option<fn(desired: &Value) -> Settled>,
    /// Changes that wait until a field of another document is cleared.
    pub after: &'static [Clearing],
    /// Rules over states that forbid an update or a deletion now.
    pub guard: Option<Guard>,
    /// What else may stand under this name, and how it becomes what is wanted.
    pub passage: Option<Passage>,
    /// What a person should know about an update before it is sent, as sentences: that a shard is built anew.
    pub announces: Option<fn(desired: &Value, observed: &Value) -> Vec<String>>,
}

/// The ways between the forms that a resource may have under one name.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// Where the resource may stand instead: addresses that share their names with this one.
    pub others: &'static [&'static Route],
    /// Where upgrades to this form are posted.
    pub upgrades: &'static [Endpoint],
    /// What is to be done about what stands there, or here.
    pub way: fn(desired: &Value, observed: &Value) -> Way,
}

/// How something becomes what is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// It is of the wanted form already.
    Here,
    /// By an upgrade. What comes of it has another id, and is between two addresses for a while.
    Upgrade(Box<Upgrade>),
    /// Not at all.
    Never(Hold),
}

/// A POST that makes one kind of resource another under the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct Upgrade {
    /// Where it is posted.
    pub endpoint: Endpoint,
    /// What is posted.
    pub body: Value,
    /// The part of what is wanted that will be so afterwards; the rest is changed once that is done.
    pub becomes: Value,
}

/// Decides whether what is about to be done is allowed in the state that Atlas reports.
pub type Guard = fn(intent: Intent, desired: &Value, observed: &Value) -> Option<Hold>;

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// An update with at least one change that is not to the field given as [`Policy::Alone`].
    Update,
    /// A deletion.
    Delete,
}

/// Why something is not done, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The field that decides: `spec.paused`.
    pub path: &'static str,
    /// A sentence that names the way out.
    pub message: String,
    /// The PATCH that lifts it, where the spec says that this is wanted: it is sent instead, and what was held follows.
    pub lift: Option<Value>,
}

/// How a part comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// POST to the collection.
    Post(Endpoint),
    /// It comes with its parent, with Atlas's defaults.
    WithParent,
    /// Not by this object: when it is not there, that is said of the field that names it.
    Never {
        /// The field: `spec.projectId`.
        path: &'static str,
        /// What is missing and what to do, as a sentence.
        message: &'static str,
    },
}

/// How a part goes.
#[derive(Clone, Copy, Debug)]
pub enum Delete {
    /// DELETE of the document; for entries, of one entry (slot `entry`).
    Delete(Endpoint),
    /// DELETE of one entry, which a query of its key tells from the others.
    Selected(Endpoint, fn(key: &str) -> Vec<(&'static str, String)>),
    /// DELETE of one entry (slot `entry`) gives it Atlas's default back, and Atlas may go on listing it: by the function
    /// such an entry is known.
    Reset(Endpoint, fn(entry: &Value) -> bool),
    /// One DELETE that empties the list of entries; those that stay are added again.
    All(Endpoint),
    /// It goes with its parent.
    WithParent,
}

/// What is at the address.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// One document.
    Document,
    /// A list of which we own some entries.
    Entries(&'static Entries),
}

/// A list of entries, each known by a key.
#[derive(Debug)]
pub struct Entries {
    /// The normalised key of an entry, declared or observed.
    pub key: fn(&Value) -> String,
    /// The entries in what GET answers, when that is not simply their list. It sees what was read of the parts before,
    /// by part name.
    pub of: Option<fn(answer: &Value, before: &Documents) -> Value>,
    /// How entries come.
    pub add: Add,
    /// How entries change.
    pub alter: Alter,
}

/// How entries of a list come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Add {
    /// By a POST of all that are lacking.
    Together(Endpoint),
    /// By a POST of a document whose one field is the list of all that are lacking.
    Wrapped(Endpoint, &'static str),
    /// By a POST of each.
    Singly(Endpoint),
    /// They are there from the beginning.
    Never,
}

/// How entries of a list change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alter {
    /// By being added again.
    Again,
    /// By a PATCH of one, without its key (slot `entry`).
    Patch(Endpoint),
    /// By being deleted and added.
    Replace,
}

/// A field that is not plain, and how it is not.
#[derive(Debug)]
pub struct Field {
    /// The path in the document: `replicationSpecs[].regionConfigs[].electableSpecs.diskSizeGB`.
    pub path: &'static str,
    /// How it compares.
    pub policy: Policy,
}

/// How a field compares, and how it travels.
#[derive(Clone, Copy, Debug)]
pub enum Policy {
    /// Atlas cannot change it after creation.
    Immutable,
    /// Atlas makes some changes of it and not others: the way out, as a sentence, where it does not.
    Guarded(fn(before: &Value, after: &Value) -> Option<String>),
    /// Some changes of it are not made now, but hold up no other change: why, from the whole documents.
    Stays(fn(desired: &Value, observed: &Value) -> Option<Hold>),
    /// It is no field to be patched, but set and cleared by a POST of its own.
    Verb {
        /// Sets it.
        set: Endpoint,
        /// Clears it: what is wanted is `null`.
        clear: Endpoint,
        /// What is posted to set it.
        body: fn(wanted: &Value) -> Value,
        /// Whether that comes after the other changes of the document, and not before them.
        is_late: fn(desired: &Value, observed: &Value) -> bool,
    },
    /// Atlas never returns it; it is sent when the Secret behind it changes.
    WriteOnly,
    /// Order carries no meaning; elements are matched by these keys (none: by value). Replaced whole.
    Set(&'static [&'static str]),
    /// Two spellings of the same value: both sides are compared in this form.
    Same(fn(&Value) -> Value),
    /// Atlas replaces the list whole, so what is sent is the list that this makes of what is wanted and observed.
    Whole(fn(desired: &Value, observed: &Value) -> Value),
    /// It must be the only field of its PATCH: sent before all others when it turns `false`, after them otherwise.
    Alone,
}

/// How far Atlas got with what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is under way.
    Settled,
    /// Something is under way: Atlas's name for the state.
    Busy(String),
    /// It is on its way out.
    Leaving,
}

impl Route {
    /// A document that is posted to a collection, and read, changed and deleted at an address of its own, all in one
    /// version. What is special is set beside it: `Route { serial: true, ..Route::document(…) }`.
    pub const fn document(collection: &'static str, member: &'static str, version: Version) -> Self {
        Self {
            create: Create::Post(Endpoint::new(collection, version)),
            delete: Delete::Delete(Endpoint::new(member, version)),
            ..Self::singleton(member, version)
        }
    }

    /// A document that comes with its parent, goes with it, and is only ever read and changed.
    pub const fn singleton(address: &'static str, version: Version) -> Self {
        Self {
            read: Endpoint::new(address, version),
            find: None,
            names: &[],
            known_by: &[],
            listed: None,
            create: Create::WithParent,
            update: Endpoint::new(address, version),
            delete: Delete::WithParent,
            shape: Shape::Document,
            id_slot: None,
            state: None,
            created: None,
            expires: None,
            serial: false,
            carries: &[],
            fields: &[],
            yields: None,
            remembers: None,
            after: &[],
            guard: None,
            passage: None,
            announces: None,
        }
    }

    /// A list that comes with its parent, whose entries are deleted one by one at `member` (slot `entry`).
    pub const fn entries(
        list: &'static str,
        member: &'static str,
        version: Version,
        entries: &'static Entries,
    ) -> Self {
        Self {
            delete: Delete::Delete(Endpoint::new(member, version)),
            shape: Shape::Entries(entries),
            ..Self::singleton(list, version)
        }
    }

    /// The keys of the entries of `list` that somebody made, unlike those that Atlas lists by itself.
    pub fn made(&self, list: &Value) -> Vec<String> {
        let Shape::Entries(entries) = self.shape else { return Vec::new() };
        let is_default = |entry: &Value| matches!(self.delete, Delete::Reset(_, is_default) if is_default(entry));
        list.as_array().into_iter().flatten().filter(|entry| !is_default(entry)).map(entries.key).collect()
    }

    /// How far Atlas got, by the state that `document` shows. States are Atlas's own; an unknown one is under way,
    /// because every settled one is known.
    pub fn progress(&self, document: &Value) -> Progress {
        let Some(field) = self.state else { return Progress::Settled };
        match document[field].as_str() {
            None | Some("IDLE") => Progress::Settled,
            Some("DELETING" | "DELETED") => Progress::Leaving,
            Some(state) => Progress::Busy(state.to_owned()),
        }
    }

    /// Whether the policy of `path` is such that `test` holds.
    pub fn has(&self, path: &str, test: impl Fn(&Policy) -> bool) -> bool {
        self.fields.iter().any(|field| field.path == path && test(&field.policy))
    }

    /// When Atlas removes, or has removed, this document by itself.
    pub fn expiry(&self, document: &Value) -> Option<Timestamp> {
        document[self.expires?].as_str()?.parse().ok()
    }
}
