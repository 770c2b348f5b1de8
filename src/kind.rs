//! The whole vocabulary in which a kind describes itself.
//!
//! A kind is data and a few pure functions: what it needs to know first ([`Needs`]), which Atlas documents it owns
//! ([`Part`]), where they live ([`Route`]), and how their fields compare ([`Field`]). The engine turns that into calls;
//! a kind never sends one. Nothing here does I/O or reads a clock.
use std::{collections::BTreeMap, marker::PhantomData};

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, core::object::HasSpec};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use crate::atlas::Version;

mod definition;

/// The API group of every kind.
pub const GROUP: &str = "atlas-operator.io";
/// The API version of every kind.
pub const VERSION: &str = "v1";

/// Values for the `{slots}` of a route's templates, not yet encoded.
pub type Slots = BTreeMap<&'static str, String>;

// ---------------------------------------------------------------------------------------------------------------
// What a kind is

/// A custom resource type, written down once in its own file and listed once in [`crate::kinds`].
///
/// Implemented on the type that `#[derive(CustomResource)]` makes.
pub trait Describe: CustomResourceExt + HasSpec<Spec: Declare> + Send + Sync + 'static {
    /// `AtlasProject`.
    const KIND: &'static str;
    /// `atlasprojects`.
    const PLURAL: &'static str;
    /// What becomes of the Atlas resource when its object is deleted and no annotation says otherwise.
    const DELETION: Deletion;
    /// Invalid examples are what the tests derive bad input from; a valid one is what the laws run on.
    fn examples() -> Vec<Example>;
}

/// A manifest that the laws run on, with what must be there beside it.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What this example shows, as a short name.
    pub name: &'static str,
    /// The object and all it refers to, as YAML documents; the last one is the example itself.
    pub manifest: &'static str,
    /// A field of the spec that can be changed in place: JSON pointer below `/spec`, and another valid value as JSON.
    /// None where Atlas changes nothing in place.
    pub edit: Option<(&'static str, &'static str)>,
    /// The same field in the Atlas document: the resource's path below `/api/atlas/v2` with `{groupId}`, and a merge
    /// patch (JSON) that makes Atlas drift from the spec. None where Atlas would not let it be healed.
    pub drift: Option<(&'static str, &'static str)>,
}

/// A spec, read from an object.
pub trait Declare: DeserializeOwned + Send + Sync + 'static {
    /// What must be known before anything can be said about Atlas.
    fn needs(&self) -> Needs;
    /// The documents this object owns, the one that is the object itself first.
    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid>;
    /// What users see of Atlas in `status`, from the documents observed (by part name). A JSON object.
    fn report(&self, observed: &BTreeMap<&'static str, Value>) -> Value {
        let _ = observed;
        Value::Object(serde_json::Map::new())
    }
    /// The secrets that the object publishes for others to connect with, when it is settled.
    fn connection(&self) -> Option<Connection> {
        None
    }
    /// The name others call it by inside its project: a cluster's name, a custom role's name.
    fn atlas_name(&self) -> Option<&str> {
        None
    }
}

/// A kind without its types: what the engine is written against.
pub trait Kind: Send + Sync {
    /// `AtlasProject`.
    fn name(&self) -> &'static str;
    /// `atlasprojects`.
    fn plural(&self) -> &'static str;
    /// The definition that `kubectl apply` installs.
    fn definition(&self) -> CustomResourceDefinition;
    /// See [`Describe::DELETION`].
    fn deletion(&self) -> Deletion;
    /// Reads a spec; the error names the field.
    fn read(&self, spec: &RawValue) -> Result<Box<dyn Declared>, Invalid>;
    /// See [`Describe::examples`].
    fn examples(&self) -> Vec<Example>;
}

/// [`Declare`] without its types.
pub trait Declared: Send + Sync {
    /// See [`Declare::needs`].
    fn needs(&self) -> Needs;
    /// See [`Declare::parts`].
    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid>;
    /// See [`Declare::report`].
    fn report(&self, observed: &BTreeMap<&'static str, Value>) -> Value;
    /// See [`Declare::connection`].
    fn connection(&self) -> Option<Connection>;
    /// See [`Declare::atlas_name`].
    fn atlas_name(&self) -> Option<&str>;
}

impl<T: Declare> Declared for T {
    fn needs(&self) -> Needs {
        Declare::needs(self)
    }
    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        Declare::parts(self, given)
    }
    fn report(&self, observed: &BTreeMap<&'static str, Value>) -> Value {
        Declare::report(self, observed)
    }
    fn connection(&self) -> Option<Connection> {
        Declare::connection(self)
    }
    fn atlas_name(&self) -> Option<&str> {
        Declare::atlas_name(self)
    }
}

/// Makes a [`Kind`] of a type that describes one; used by the catalogue alone.
pub struct Erased<K>(PhantomData<fn() -> K>);

impl<K> Erased<K> {
    /// The kind `K`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K> Default for Erased<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Describe> Kind for Erased<K> {
    fn name(&self) -> &'static str {
        K::KIND
    }
    fn plural(&self) -> &'static str {
        K::PLURAL
    }
    fn definition(&self) -> CustomResourceDefinition {
        definition::complete(K::crd())
    }
    fn deletion(&self) -> Deletion {
        K::DELETION
    }
    fn read(&self, spec: &RawValue) -> Result<Box<dyn Declared>, Invalid> {
        let spec: K::Spec =
            serde_json::from_str(spec.get()).map_err(|error| Invalid::new("spec", error.to_string()))?;
        Ok(Box::new(spec))
    }
    fn examples(&self) -> Vec<Example> {
        K::examples()
    }
}

/// What becomes of the Atlas resource when its object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is deleted.
    Delete,
    /// It stays as it is, and is no longer managed.
    Retain,
}

/// A spec that cannot be acted on, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Invalid {
    /// The field: `spec.replicationSpecs[0].zoneName`.
    pub path: String,
    /// What is wrong and what to do, as a sentence.
    pub message: String,
}

impl Invalid {
    /// The field at `path` is wrong because of `message`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// What a kind needs

/// A reference to an AtlasProject object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectReference {
    /// The namespace, when it is not the referrer's own.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
}

/// Where an object belongs in Atlas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// Directly in the organization: it is a project.
    Organization,
    /// In the project that an AtlasProject object declares.
    Project(ProjectReference),
    /// In the project with this id.
    ProjectId(String),
}

/// Everything that must be known first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Where it belongs.
    pub home: Home,
    /// `spec.connectionSecretRef.name`: the credentials, in the object's own namespace.
    pub credentials: Option<String>,
    /// Values from Secrets in the object's own namespace.
    pub secrets: Vec<SecretNeed>,
    /// Objects that must be in Atlas first, if there are any by that name.
    pub objects: Vec<ObjectNeed>,
    /// `spec.allowedNamespaces`, for those who refer to this object from elsewhere.
    pub allowed_namespaces: Vec<String>,
}

impl Needs {
    /// Nothing but a home.
    pub fn at(home: Home) -> Self {
        Self { home, credentials: None, secrets: Vec::new(), objects: Vec::new(), allowed_namespaces: Vec::new() }
    }
}

/// One key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretNeed {
    /// The top-level field of the Atlas document that it fills: `password`. It must be [`Policy::WriteOnly`].
    pub field: &'static str,
    /// The reference in the spec, for messages: `spec.passwordSecretRef`.
    pub path: &'static str,
    /// The Secret's name.
    pub name: String,
    /// The key in it.
    pub key: String,
    /// The shortest value that Atlas takes, in characters.
    pub min_length: usize,
}

/// An object of another kind in the same project, known by its Atlas name.
///
/// When such an object exists, the referrer waits until it is in Atlas. When none does, Atlas decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectNeed {
    /// `AtlasCluster`.
    pub kind: &'static str,
    /// Its name in Atlas.
    pub name: String,
    /// The reference in the spec, for messages: `spec.scopes[0].name`.
    pub path: String,
}

/// Every need, met.
#[derive(Clone, Default)]
pub struct Given {
    /// The organization of the credentials.
    pub org_id: String,
    /// The project it belongs to; for a project itself, its own id once it has one.
    pub project_id: Option<String>,
    /// Secret values by document field.
    pub secrets: BTreeMap<&'static str, SecretString>,
}

/// What a database user publishes for applications: one Secret for each cluster it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The database user.
    pub username: String,
    /// Where it authenticates: `admin` or `$external`.
    pub auth_database: String,
    /// The field of [`Given::secrets`] that holds the password.
    pub password: &'static str,
    /// The clusters it may use, by name; all of the project's when empty.
    pub clusters: Vec<String>,
    /// A fixed name for the Secret instead of `{project}-{cluster}-{user}`.
    pub secret_name: Option<String>,
}

// ---------------------------------------------------------------------------------------------------------------
// Where it lives, and how it compares

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
    /// How it comes into being.
    pub create: Create,
    /// PATCH of the document; for entries the upserting POST.
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
    pub yields: Option<fn(desired: &mut Value, observed: &Value)>,
    /// Rules over states that forbid an update or a deletion now.
    pub guard: Option<Guard>,
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
}

/// How a part comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// POST to the collection.
    Post(Endpoint),
    /// It comes with its parent, with Atlas's defaults.
    WithParent,
}

/// How a part goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delete {
    /// DELETE of the document; for entries, of one entry (slot `entry`).
    Delete(Endpoint),
    /// It goes with its parent.
    WithParent,
}

/// What is at the address.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// One document.
    Document,
    /// A list of which we own some entries, each known by a key that is also its address.
    Entries {
        /// The normalised key of an entry, declared or observed.
        key: fn(&Value) -> String,
    },
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
            guard: None,
        }
    }

    /// A list that comes with its parent; entries are added and changed by a POST of several, and deleted one by one at
    /// `member`, whose slot `entry` is the entry's key.
    pub const fn entries(
        list: &'static str,
        member: &'static str,
        version: Version,
        key: fn(&Value) -> String,
    ) -> Self {
        Self {
            delete: Delete::Delete(Endpoint::new(member, version)),
            shape: Shape::Entries { key },
            ..Self::singleton(list, version)
        }
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
