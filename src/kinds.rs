//! The catalogue: a kind is one file and one line here.
//!
//! Whatever must exist for each kind (definitions, watches, permissions, metrics, the laws of the tests) is derived
//! from [`all`], so that adding a kind touches nothing else.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::kind::{Documents, Erased, Invalid, Kind, definition};

mod common;

pub use common::{ProjectPointer, SecretPointer, Tag};

macro_rules! kinds {
    ($($module:ident :: $kind:ident),* $(,)?) => {
        $(pub mod $module;)*

        /// Every kind, in the order in which objects are usually made: what others refer to comes first.
        pub fn all() -> &'static [&'static dyn Kind] {
            static ALL: &[&dyn Kind] = &[$(&Erased::<$module::$kind>::new()),*];
            ALL
        }
    };
}

kinds! {
    project::AtlasProject,
    cluster::AtlasCluster,
    custom_role::AtlasCustomRole,
    database_user::AtlasDatabaseUser,
}

/// The kind that all others belong to.
pub const PROJECT: &str = <project::AtlasProject as crate::kind::Describe>::KIND;
/// The kind that users connect to.
pub const CLUSTER: &str = <cluster::AtlasCluster as crate::kind::Describe>::KIND;

/// The kind of that name: `AtlasCluster`.
pub fn by_name(name: &str) -> Option<&'static dyn Kind> {
    all().iter().copied().find(|kind| kind.name() == name)
}

/// The smallest spec of `kind` that says what Atlas reports, from the documents by part name.
pub fn import(kind: &dyn Kind, observed: &Documents) -> Result<Value, Invalid> {
    let mut spec = kind.import(observed);
    if !spec.is_object() {
        return Err(Invalid::new("spec", format!("nothing of {} can be made of this", kind.name())));
    }
    definition::prune_spec(&mut spec, &kind.definition());
    Ok(spec)
}

/// The definition of every kind, in catalogue order.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    all().iter().map(|kind| kind.definition()).collect()
}

/// [`definitions`] as the files that `kubectl apply` reads: name and content.
pub fn manifests() -> Result<Vec<(String, String)>, serde_saphyr::ser::Error> {
    let manifest = |definition: CustomResourceDefinition| {
        let name = format!("{}_{}.yaml", definition.spec.group, definition.spec.names.plural);
        Ok((name, format!("{HEADER}{}", serde_saphyr::to_string(&definition)?)))
    };
    definitions().into_iter().map(manifest).collect()
}

/// The first line of each generated file.
const HEADER: &str = "# Generated from src/kinds by `make crds`; changes made here are lost.\n";

#[cfg(test)]
mod tests;
