//! The whole vocabulary in which a kind describes itself.
//!
//! A kind is data and a few pure functions: what it needs to know first ([`Needs`]), which Atlas documents it owns
//! ([`Part`]), where they live ([`Route`]), and how their fields compare ([`Field`]). The engine turns that into calls;
//! a kind never sends one. Nothing here does I/O or reads a clock.
use std::{collections::BTreeMap, marker::PhantomData};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, core::object::HasSpec};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use crate::status::OperationType;

mod answer;
pub mod definition;
mod needs;
mod order;
mod route;
pub mod template;

pub use answer::is_about;
pub use needs::{
    By, Connection, Given, Home, Issue, Login, Lookup, Needs, ObjectNeed, ProjectReference, SecretNeed, SecretSource,
};
pub use order::{Clearing, Settled};
pub use route::{
    Add, Alter, Create, Delete, Endpoint, Entries, Field, Guard, Hold, Intent, Part, Passage, Policy, Progress, Route,
    Shape, Upgrade, Way,
};

/// The API group of every kind.
pub const GROUP: &str = "atlas-operator.io";
/// The API version of every kind.
pub const VERSION: &str = "v1";

/// Documents of Atlas, by the name of the part that each is of.
pub type Documents = BTreeMap<&'static str, Value>;

/// Fields of a spec by the error codes of Atlas that are about them, where a code says so by itself. Entries of lists are
/// written `[]`.
pub type Blames = &'static [(&'static [&'static str], &'static str)];

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
    /// Which field of the spec an error code of Atlas is about.
    const BLAMES: Blames = &[];
    /// Invalid examples are what the tests derive bad input from; a valid one is what the laws run on.
    fn examples() -> Vec<Example>;
    /// The smallest spec that says what Atlas reports, from the documents by part name; what the definition does not
    /// know, and nulls, may stay in it: the catalogue removes them. Null when there is no such spec.
    fn import(observed: &Documents) -> Value {
        let _ = observed;
        Value::Null
    }
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
    /// The first of those, as far as a deletion needs it: what is wrong with the rest of a spec does not hold it up.
    fn itself(&self, given: &Given) -> Result<Part, Invalid>;
    /// What users see of Atlas in `status`, from the documents observed (by part name). A JSON object.
    fn report(&self, observed: &Documents) -> Value {
        let _ = observed;
        Value::Object(serde_json::Map::new())
    }
    /// The secrets that the object publishes for others to connect with, when it is settled; none takes away what there
    /// is.
    fn connection(&self, given: &Given, observed: &Documents) -> Option<Connection> {
        let _ = (given, observed);
        None
    }
    /// What Atlas is asked to give out once the documents are as they should be.
    fn issue(&self) -> Option<Issue> {
        None
    }
    /// The name others call it by inside its project: a cluster's name, a custom role's name.
    fn atlas_name(&self) -> Option<&str> {
        None
    }
    /// What tells its resource from others of its kind in the same parent.
    fn key(&self) -> Option<String> {
        self.atlas_name().map(str::to_owned)
    }
    /// How long such an operation usually takes, in words, where that is known.
    fn usually(&self, operation: OperationType, observed: &Documents) -> Option<&'static str> {
        let _ = (operation, observed);
        None
    }
    /// What a person should know of an object that is as its spec says, as a sentence.
    fn remark(&self, observed: &Documents) -> Option<&'static str> {
        let _ = observed;
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
    /// See [`Describe::BLAMES`].
    fn blames(&self) -> Blames;
    /// The field that an error code of Atlas is about, if the code says so.
    fn blamed(&self, code: &str) -> Option<&'static str> {
        self.blames().iter().find(|(codes, _)| codes.contains(&code)).map(|(_, field)| *field)
    }
    /// Reads a spec; the error names the field.
    fn read(&self, spec: &RawValue) -> Result<Box<dyn Declared>, Invalid>;
    /// See [`Describe::examples`].
    fn examples(&self) -> Vec<Example>;
    /// See [`Describe::import`].
    fn import(&self, observed: &Documents) -> Value;
}

/// [`Declare`] without its types.
pub trait Declared: Send + Sync {
    /// See [`Declare::needs`].
    fn needs(&self) -> Needs;
    /// See [`Declare::parts`].
    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid>;
    /// See [`Declare::itself`].
    fn itself(&self, given: &Given) -> Result<Part, Invalid>;
    /// See [`Declare::report`].
    fn report(&self, observed: &Documents) -> Value;
    /// See [`Declare::connection`].
    fn connection(&self, given: &Given, observed: &Documents) -> Option<Connection>;
    /// See [`Declare::issue`].
    fn issue(&self) -> Option<Issue>;
    /// See [`Declare::atlas_name`].
    fn atlas_name(&self) -> Option<&str>;
    /// See [`Declare::key`].
    fn key(&self) -> Option<String>;
    /// See [`Declare::usually`].
    fn usually(&self, operation: OperationType, observed: &Documents) -> Option<&'static str>;
    /// See [`Declare::remark`].
    fn remark(&self, observed: &Documents) -> Option<&'static str>;
}

impl<T: Declare> Declared for T {
    fn needs(&self) -> Needs {
        Declare::needs(self)
    }
    fn parts(&self, given: &Given) -> Result<Vec<Part>, Invalid> {
        Declare::parts(self, given)
    }
    fn itself(&self, given: &Given) -> Result<Part, Invalid> {
        Declare::itself(self, given)
    }
    fn report(&self, observed: &Documents) -> Value {
        Declare::report(self, observed)
    }
    fn connection(&self, given: &Given, observed: &Documents) -> Option<Connection> {
        Declare::connection(self, given, observed)
    }
    fn issue(&self) -> Option<Issue> {
        Declare::issue(self)
    }
    fn atlas_name(&self) -> Option<&str> {
        Declare::atlas_name(self)
    }
    fn key(&self) -> Option<String> {
        Declare::key(self)
    }
    fn usually(&self, operation: OperationType, observed: &Documents) -> Option<&'static str> {
        Declare::usually(self, operation, observed)
    }
    fn remark(&self, observed: &Documents) -> Option<&'static str> {
        Declare::remark(self, observed)
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
    fn blames(&self) -> Blames {
        K::BLAMES
    }
    fn read(&self, spec: &RawValue) -> Result<Box<dyn Declared>, Invalid> {
        let spec: K::Spec =
            serde_json::from_str(spec.get()).map_err(|error| Invalid::new("spec", error.to_string()))?;
        Ok(Box::new(spec))
    }
    fn examples(&self) -> Vec<Example> {
        K::examples()
    }
    fn import(&self, observed: &Documents) -> Value {
        K::import(observed)
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
