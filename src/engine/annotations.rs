//! Reads the policies that annotations of an object and of its namespace set.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{core::PartialObjectMeta, runtime::reflector::ObjectRef};

use super::{
    Engine,
    object::Object,
    outcome::{Outcome, Reason},
    policy::Policies,
};
use crate::kind::Kind;

impl Engine {
    /// The policies that hold for `object`; none while those of its namespace are not known.
    pub(super) fn policies(&self, kind: &dyn Kind, object: &Object) -> Result<Policies, Outcome> {
        let of_namespace = match &self.namespaces {
            None => BTreeMap::new(),
            Some(store) => {
                let name = object.namespace_name();
                let Some(namespace) = store.get(&ObjectRef::<PartialObjectMeta<Namespace>>::new(name)) else {
                    let message = format!("Namespace {name}, whose annotations may set policies, is not known yet.");
                    return Err(Outcome::Waiting { reason: Reason::DependencyNotReady, message });
                };
                namespace.metadata.annotations.clone().unwrap_or_default()
            }
        };
        let of_object = object.metadata.annotations.clone().unwrap_or_default();
        Policies::of(&of_object, &of_namespace, self.options.policies, kind.deletion())
            .map_err(|error| Outcome::Refused { reason: Reason::InvalidSpec, message: error.to_string() })
    }

    /// Which of an object and its namespace an annotation is taken from, if it is on one.
    pub(super) fn policy_of(&self, object: &Object, annotation: &str) -> Option<String> {
        let is_set = |annotations: &Option<BTreeMap<String, String>>| {
            annotations.as_ref().is_some_and(|annotations| annotations.contains_key(annotation))
        };
        if is_set(&object.metadata.annotations) {
            return Some("this object".to_owned());
        }
        let namespace = object.namespace_name();
        let found = self.namespaces.as_ref()?.get(&ObjectRef::new(namespace))?;
        is_set(&found.metadata.annotations).then(|| format!("namespace {namespace}"))
    }
}
