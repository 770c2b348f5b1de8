//! One watched type for every kind: metadata decoded, `spec` and `status` kept as the bytes they came in.
//!
//! The loop is compiled once, memory is bytes, and an object that cannot be decoded is a pass that ends in a
//! condition on that object, not a hole in a watch.
use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt, core::DynamicResourceScope};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    kind::{GROUP, Kind, VERSION},
    status::Status,
};

/// The finalizer by which the operator learns of a deletion before it happens, and its field manager.
pub const FINALIZER: &str = "atlas-operator.io/finalizer";

/// Within which all objects of one folder are applied and seen: `kubectl apply` makes some ten in a second.
const APPLIED_TOGETHER: SignedDuration = SignedDuration::from_secs(5);

/// Which custom resource type an [`Object`] is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct KindRef {
    /// `AtlasProject`.
    pub kind: &'static str,
    /// `atlasprojects`.
    pub plural: &'static str,
}

impl KindRef {
    /// The type that `kind` describes.
    pub fn of(kind: &dyn Kind) -> Self {
        Self { kind: kind.name(), plural: kind.plural() }
    }
}

/// A custom resource of any kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// Decoded metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The spec as it came in.
    #[serde(default)]
    pub spec: Option<Box<RawValue>>,
    /// The status as it came in.
    #[serde(default)]
    pub status: Option<Box<RawValue>>,
}

impl Resource for Object {
    type DynamicType = KindRef;
    type Scope = DynamicResourceScope;
    fn kind(kind: &KindRef) -> Cow<'_, str> {
        kind.kind.into()
    }
    fn group(_: &KindRef) -> Cow<'_, str> {
        GROUP.into()
    }
    fn version(_: &KindRef) -> Cow<'_, str> {
        VERSION.into()
    }
    fn plural(kind: &KindRef) -> Cow<'_, str> {
        kind.plural.into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Object {
    /// Whether the operator has said something about this generation, and it is not being deleted.
    pub fn is_seen_through(&self) -> bool {
        let generation = self.metadata.generation.unwrap_or_default();
        !self.is_leaving() && self.read_status().common.observed_generation == generation
    }

    /// Its namespace; every kind is namespaced.
    pub fn namespace_name(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Its name.
    pub fn own_name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Its uid.
    pub fn own_uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// When it was created in Kubernetes.
    pub fn created(&self) -> Option<Timestamp> {
        self.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    /// Whether it was made so lately that what was applied with it may not have been seen yet.
    pub fn is_new(&self, now: Timestamp) -> bool {
        // The clocks of two machines differ in either direction.
        self.created().is_some_and(|created| now.duration_since(created).abs() < APPLIED_TOGETHER)
    }

    /// Whether it is being deleted.
    pub fn is_leaving(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether our finalizer is on it.
    pub fn is_held(&self) -> bool {
        self.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// The status; see [`Status::decode`] for one that another release wrote.
    pub fn read_status(&self) -> Status {
        self.status.as_ref().map(|raw| Status::decode(raw.get())).unwrap_or_default()
    }

    /// The spec as a document, for the few fields that are the same in every kind.
    pub fn spec_value(&self) -> Value {
        self.spec.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}
