//! Secrets that belong to an object.
//!
//! To whom a Secret belongs says its controller, the owner reference by which Kubernetes removes it too. A label finds it,
//! and proves nothing: whoever copies a Secret copies its labels. Nothing is changed or removed that was not seen: each
//! request carries the uid and the version of the Secret that it is about.
use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::{Map, Value, json};

use crate::{
    engine::{
        Engine,
        object::{KindRef, Object},
        outcome::{Outcome, Reason},
        resolve::kubernetes,
        tell::MANAGER,
    },
    kind::Kind,
};

/// The label by which an object's Secrets are found; its value is the uid of the object.
const OWNER: &str = "atlas-operator.io/owner-uid";

/// The values of a Secret, by key.
pub(super) type Data = BTreeMap<String, ByteString>;

/// A Secret as it should be.
pub(super) struct Owned<'a> {
    pub(super) name: &'a str,
    /// Its type, which Kubernetes never changes.
    pub(super) type_: &'static str,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) data: Data,
    /// What can be done when the name is taken: a sentence.
    pub(super) way_out: &'a str,
}

impl Engine {
    /// The Secret of this name, if it is there; somebody else's is refused.
    pub(super) async fn owned_secret(
        &self,
        object: &Object,
        name: &str,
        way_out: &str,
    ) -> Result<Option<Secret>, Outcome> {
        let Some(secret) = self.read_secret(object.namespace_name(), name).await? else { return Ok(None) };
        if is_owned(&secret, object) { Ok(Some(secret)) } else { Err(taken(name, way_out)) }
    }

    /// Every Secret of an object, by name.
    pub(super) async fn owned_secrets(&self, object: &Object) -> Result<BTreeMap<String, Secret>, Outcome> {
        let mine = ListParams::default().labels(&format!("{OWNER}={}", object.own_uid()));
        let list = self.secrets(object).list(&mine).await.map_err(|error| kubernetes("list Secrets", &error))?;
        let owned = list.items.into_iter().filter(|secret| is_owned(secret, object));
        Ok(owned.filter_map(|secret| Some((secret.metadata.name.clone()?, secret))).collect())
    }

    /// Makes a Secret what it should be, or only finds out whether that could be done. Answers it as it is then.
    pub(super) async fn put_secret(
        &self,
        kind: &'static dyn Kind,
        object: &Object,
        existing: Option<&Secret>,
        owned: Owned<'_>,
        dry_run: bool,
    ) -> Result<Secret, Outcome> {
        let Owned { name, type_, annotations, data, way_out } = owned;
        let api = self.secrets(object);
        let labels = BTreeMap::from([
            ("app.kubernetes.io/managed-by".to_owned(), MANAGER.to_owned()),
            (OWNER.to_owned(), object.own_uid().to_owned()),
        ]);
        let failed = |error| kubernetes(&format!("write Secret {name}"), &error);
        let change = async |existing: &Secret| {
            let params = PatchParams { field_manager: Some(MANAGER.to_owned()), dry_run, ..PatchParams::default() };
            let ObjectMeta { uid, resource_version, .. } = &existing.metadata;
            let metadata =
                json!({"uid": uid, "resourceVersion": resource_version, "annotations": annotations, "labels": labels});
            let patch = json!({"metadata": metadata, "data": replacing(existing, &data)});
            api.patch(name, &params, &Patch::Merge(patch)).await.map_err(failed)
        };
        if let Some(existing) = existing {
            return change(existing).await;
        }
        let mut secret = Secret { type_: Some(type_.to_owned()), data: Some(data.clone()), ..Secret::default() };
        secret.metadata.name = Some(name.to_owned());
        secret.metadata.labels = Some(labels.clone());
        secret.metadata.annotations = Some(annotations.clone());
        secret.metadata.owner_references =
            object.controller_owner_ref(&KindRef::of(kind)).map(|reference| vec![reference]);
        match api.create(&PostParams { field_manager: Some(MANAGER.to_owned()), dry_run }, &secret).await {
            // One whose label somebody took away is not found by it.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                match self.owned_secret(object, name, way_out).await? {
                    Some(existing) => change(&existing).await,
                    None => Err(taken(name, way_out)),
                }
            }
            other => other.map_err(failed),
        }
    }

    /// Whether a namespace is being deleted, so that nothing can be made in it any more. Said by the API server to
    /// whoever may make Secrets there; namespaces themselves cannot be read everywhere.
    pub(crate) async fn is_going(&self, namespace: &str) -> Result<bool, Outcome> {
        match self.probe(namespace).await {
            Ok(()) => Ok(false),
            // A definite answer of the API server: the namespace is being deleted, or the operator may not know. A conflict,
            // too many requests, or an answer of something in between say nothing.
            Err(kube::Error::Api(status)) if matches!(status.reason.as_str(), "Forbidden" | "NotFound" | "Invalid") => {
                Ok(status.details.is_some_and(|details| details.causes.iter().any(|cause| cause.reason == GOING)))
            }
            Err(error) => Err(kubernetes(&format!("find out whether namespace {namespace} is being deleted"), &error)),
        }
    }

    /// Whether a namespace is known not to be there.
    pub async fn lacks_namespace(&self, namespace: &str) -> bool {
        matches!(self.probe(namespace).await, Err(kube::Error::Api(status)) if status.code == 404)
    }

    /// Asks whether a Secret could be made in a namespace: this takes no right that the operator does not need anyway.
    async fn probe(&self, namespace: &str) -> Result<(), kube::Error> {
        let api = Api::<Secret>::namespaced(self.kube.clone(), namespace);
        let mut probe = Secret::default();
        probe.metadata.generate_name = Some(format!("{MANAGER}-"));
        api.create(&PostParams { field_manager: Some(MANAGER.to_owned()), dry_run: true }, &probe).await.map(drop)
    }

    /// Removes a Secret of the object's, if it is still that.
    pub(super) async fn drop_secret(&self, object: &Object, secret: &Secret) -> Result<(), Outcome> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let mut version = secret.metadata.resource_version.clone();
        for _ in 0..MOST_TRIES {
            let params = DeleteParams {
                preconditions: Some(Preconditions { uid: secret.metadata.uid.clone(), resource_version: version }),
                ..DeleteParams::default()
            };
            match self.secrets(object).delete(name, &params).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
                // It is another one by now, or was changed: whether it is still this object's is seen anew.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(kubernetes(&format!("remove Secret {name}"), &error)),
            }
            let Some(now) = self.read_secret(object.namespace_name(), name).await? else { return Ok(()) };
            if now.metadata.uid != secret.metadata.uid || !is_owned(&now, object) {
                return Ok(());
            }
            version = now.metadata.resource_version;
        }
        let message = format!("Could not remove Secret {name}: it is being changed again and again.");
        Err(Outcome::Failed { reason: Reason::KubernetesUnavailable, message })
    }

    fn secrets(&self, object: &Object) -> Api<Secret> {
        Api::namespaced(self.kube.clone(), object.namespace_name())
    }
}

/// How often a Secret is asked to go that is changed meanwhile.
const MOST_TRIES: u32 = 3;

/// Whether a Secret belongs to an object.
fn is_owned(secret: &Secret, object: &Object) -> bool {
    let owners = secret.metadata.owner_references.iter().flatten();
    owners.filter(|owner| owner.controller == Some(true)).any(|owner| owner.uid == object.own_uid())
}

/// The cause that the API server names for whatever is to be made in a namespace that is being deleted.
const GOING: &str = "NamespaceTerminating";

/// A merge patch (RFC 7386) that leaves exactly `data`.
fn replacing(existing: &Secret, data: &Data) -> Value {
    let gone = existing.data.iter().flatten().filter(|(key, _)| !data.contains_key(*key));
    let mut patch: Map<String, Value> = gone.map(|(key, _)| (key.clone(), Value::Null)).collect();
    patch.extend(data.iter().map(|(key, value)| (key.clone(), json!(value))));
    Value::Object(patch)
}

fn taken(name: &str, way_out: &str) -> Outcome {
    Outcome::Refused {
        reason: Reason::AlreadyExists,
        message: format!("The Secret {name} exists and is not this object's. {way_out}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_patch_removes_the_keys_that_are_no_more() {
        let data = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), ByteString(b"x".to_vec()))).collect();
        let existing = Secret { data: Some(data(&["old", "same"])), ..Secret::default() };
        assert_eq!(replacing(&existing, &data(&["new", "same"])), json!({"old": null, "new": "eA==", "same": "eA=="}));
    }
}
