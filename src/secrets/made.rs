//! Values that the operator makes up because nobody named any, each kept in a Secret that the object owns.
use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use rand::distr::{Alphanumeric, SampleString};

use super::{names, owned::Owned};
use crate::{
    engine::{
        Engine,
        object::Object,
        outcome::{Outcome, Reason},
        pass::Pass,
        plan::Scene,
        resolve::{Asking, Resolved, secret_value},
        wake::{Topic, Watching},
    },
    kind::{Declared, SecretNeed, SecretSource},
};

/// How many letters and digits a value has: 190 bits, which nobody guesses, and no character that an address or a
/// shell would change.
const LENGTH: usize = 32;

impl Engine {
    /// The Secret with a value for `field`, which is made if it is not there, and its name. `None` where nothing may be
    /// made, or not yet: what Atlas has already may be somebody else's, and is not given another password.
    ///
    /// It is in Kubernetes before anything is sent to Atlas, so the value that Atlas has is never lost with an answer.
    pub(crate) async fn made_secret(
        &self,
        asking: &Asking<'_>,
        field: &'static str,
        watching: &mut Watching<'_>,
    ) -> Result<Option<(Secret, String)>, Outcome> {
        let Asking { object, makes_secrets, status, .. } = asking;
        let atlas = &status.common.atlas;
        let name = name_of(object, field);
        watching.on(Topic::Secret(object.namespace_name().to_owned(), name.clone()));
        if let Some(secret) = self.owned_secret(object, &name, &way_out(field)).await? {
            return Ok(Some((secret, name)));
        }
        if !makes_secrets || atlas.id.is_none() && atlas.pending.is_none() {
            return Ok(None);
        }
        self.make_secret(asking, field).await.map(Some)
    }

    /// Makes a Secret with a value for `field`, where there was none.
    async fn make_secret(&self, asking: &Asking<'_>, field: &'static str) -> Result<(Secret, String), Outcome> {
        let name = name_of(asking.object, field);
        let value = Alphanumeric.sample_string(&mut rand::rng(), LENGTH);
        let owned = Owned {
            name: &name,
            type_: "Opaque",
            annotations: BTreeMap::new(),
            data: BTreeMap::from([(field.to_owned(), ByteString(value.into_bytes()))]),
            way_out: &way_out(field),
        };
        let secret = self.put_secret(asking.kind, asking.object, None, owned, false).await?;
        Ok((secret, name))
    }
}

impl Pass<'_> {
    /// Makes the values that nobody named, for a resource that is this object's to make or change.
    pub(crate) async fn make_secrets(&self, declared: &dyn Declared, resolved: &mut Resolved) -> Result<(), Outcome> {
        let asking = Asking { kind: self.kind, object: self.object, status: &self.status, makes_secrets: true };
        for need in declared.needs().secrets.iter().filter(|need| is_unmade(need, resolved)).collect::<Vec<_>>() {
            let (secret, name) = self.engine.make_secret(&asking, need.field).await?;
            let shown = format!("{}/{name}", self.object.namespace_name());
            let (value, version) = secret_value(&secret, need, &shown, need.field)?;
            resolved.given.secrets.insert(need.field, value);
            resolved.versions.insert(need.field, version);
            resolved.made.insert(need.field, name);
        }
        Ok(())
    }
}

/// Refuses to take over what is identical in all that can be compared and would get a value that is made here: a
/// password that nobody who uses it knows.
pub(crate) fn takeover(scene: &Scene, declared: &dyn Declared, resolved: &Resolved) -> Option<Outcome> {
    let document = scene.see(scene.parts.first()?).document()?;
    if scene.owns(document) || scene.adoption().is_some() {
        return None;
    }
    let needs = declared.needs();
    let SecretNeed { field, path, .. } = needs.secrets.iter().find(|need| is_unmade(need, resolved))?;
    Some(Outcome::Refused {
        reason: Reason::AlreadyExists,
        message: format!(
            "It exists in Atlas already, and its {field} would be replaced by a new one: whoever uses the present one \
             could no longer log in. Nothing was changed. Name the Secret that holds the {field} in {path}, or set \
             the annotation atlas-operator.io/adopt: always to replace it."
        ),
    })
}

/// Whether a value is to be made that is not there.
fn is_unmade(need: &SecretNeed, resolved: &Resolved) -> bool {
    need.source == SecretSource::Made && !resolved.given.secrets.contains_key(need.field)
}

fn name_of(object: &Object, field: &str) -> String {
    names::of_object(object.own_name(), &format!("generated-{field}"))
}

fn way_out(field: &str) -> String {
    format!("Remove it, or name a Secret with the {field} in the spec.")
}
