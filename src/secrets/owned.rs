//! Secrets that belong to an object.
use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
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
/// The longest name of a Secret.
const LONGEST_NAME: usize = 253;

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
        let owner = secret.metadata.labels.as_ref().and_then(|labels| labels.get(OWNER));
        if owner.map(String::as_str) == Some(object.own_uid()) { Ok(Some(secret)) } else { Err(taken(name, way_out)) }
    }

    /// Every Secret of an object, by name.
    pub(super) async fn owned_secrets(&self, object: &Object) -> Result<BTreeMap<String, Secret>, Outcome> {
        let mine = ListParams::default().labels(&format!("{OWNER}={}", object.own_uid()));
        let list = self.secrets(object).list(&mine).await.map_err(|error| kubernetes("list Secrets", &error))?;
        Ok(list.items.into_iter().filter_map(|secret| Some((secret.metadata.name.clone()?, secret))).collect())
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
        let written = if let Some(existing) = existing {
            let params = PatchParams { field_manager: Some(MANAGER.to_owned()), dry_run, ..PatchParams::default() };
            let patch = json!({"metadata": {"annotations": annotations}, "data": replacing(existing, &data)});
            api.patch(name, &params, &Patch::Merge(patch)).await
        } else {
            let mut secret = Secret { type_: Some(type_.to_owned()), data: Some(data), ..Secret::default() };
            secret.metadata.name = Some(name.to_owned());
            secret.metadata.labels = Some(BTreeMap::from([
                ("app.kubernetes.io/managed-by".to_owned(), MANAGER.to_owned()),
                (OWNER.to_owned(), object.own_uid().to_owned()),
            ]));
            secret.metadata.annotations = Some(annotations);
            secret.metadata.owner_references =
                object.controller_owner_ref(&KindRef::of(kind)).map(|reference| vec![reference]);
            api.create(&PostParams { field_manager: Some(MANAGER.to_owned()), dry_run }, &secret).await
        };
        match written {
            Err(kube::Error::Api(status)) if status.code == 409 && existing.is_none() => Err(taken(name, way_out)),
            other => other.map_err(|error| kubernetes(&format!("write Secret {name}"), &error)),
        }
    }

    /// Whether a namespace is being deleted, so that nothing can be made in it any more. Said by the API server to
    /// whoever may make Secrets there; namespaces themselves cannot be read everywhere.
    pub(crate) async fn is_going(&self, namespace: &str) -> Result<bool, Outcome> {
        let api = Api::<Secret>::namespaced(self.kube.clone(), namespace);
        let mut probe = Secret::default();
        probe.metadata.generate_name = Some(format!("{MANAGER}-"));
        let asked = api.create(&PostParams { field_manager: Some(MANAGER.to_owned()), dry_run: true }, &probe).await;
        match asked {
            Ok(_) => Ok(false),
            // A definite answer: the namespace is being deleted, or the operator may not know.
            Err(kube::Error::Api(status)) if (400..500).contains(&status.code) && status.code != 429 => {
                Ok(status.details.is_some_and(|details| details.causes.iter().any(|cause| cause.reason == GOING)))
            }
            Err(error) => Err(kubernetes(&format!("find out whether namespace {namespace} is being deleted"), &error)),
        }
    }

    /// Removes a Secret, if it is there.
    pub(super) async fn drop_secret(&self, object: &Object, name: &str) -> Result<(), Outcome> {
        match self.secrets(object).delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(kubernetes(&format!("remove Secret {name}"), &error)),
        }
    }

    fn secrets(&self, object: &Object) -> Api<Secret> {
        Api::namespaced(self.kube.clone(), object.namespace_name())
    }
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

/// A name made fit for a Secret; where that loses something, a hash keeps names apart.
pub(super) fn fit(plain: &str) -> String {
    let fit: String = plain
        .to_ascii_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' || letter == '-' { letter } else { '-' })
        .collect();
    let trimmed = fit.trim_matches(['-', '.']);
    // A label may not end where another begins with a hyphen (`a.-b`), so dots stay only between letters.
    let fit: String = trimmed.replace(".-", "--").replace("-.", "--").replace("..", "--");
    if fit == plain && fit.len() <= LONGEST_NAME {
        return fit;
    }
    let hash = plain.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut short = fit;
    short.truncate(LONGEST_NAME - 9);
    format!("{}-{hash:08x}", short.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_name_that_fits_is_taken_as_it_is() {
        assert_eq!(fit("shop-orders-orders-api"), "shop-orders-orders-api");
    }

    #[test]
    fn names_that_differ_only_in_what_is_not_allowed_stay_apart() {
        let names: std::collections::BTreeSet<_> =
            ["p-a_b", "p-a-b", "p-A-b", "p-a@b", "p-a.-b"].iter().map(|name| fit(name)).collect();
        assert_eq!(names.len(), 5, "{names:?}");
        for name in &names {
            let labels_fit =
                name.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
            assert!(
                labels_fit && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_long_name_is_cut_and_stays_unique() {
        let (one, other) = (fit(&"x".repeat(300)), fit(&("x".repeat(299) + "y")));
        assert!(one.len() <= LONGEST_NAME && one != other);
    }

    #[test]
    fn a_patch_removes_the_keys_that_are_no_more() {
        let data = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), ByteString(b"x".to_vec()))).collect();
        let existing = Secret { data: Some(data(&["old", "same"])), ..Secret::default() };
        assert_eq!(replacing(&existing, &data(&["new", "same"])), json!({"old": null, "new": "eA==", "same": "eA=="}));
    }
}
