//! Values that the operator makes up because nobody named any, each kept in a Secret that the object owns.
use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use rand::distr::{Alphanumeric, SampleString};

use super::{names, owned::Owned};
use crate::engine::{
    Engine,
    outcome::Outcome,
    resolve::Asking,
    wake::{Topic, Watching},
};

/// How many letters and digits a value has: 190 bits, which nobody guesses, and no character that an address or a
/// shell would change.
const LENGTH: usize = 32;

impl Engine {
    /// The Secret with a value for `field`, which is made if it is not there, and its name. `None` where nothing may be
    /// made.
    ///
    /// It is in Kubernetes before anything is sent to Atlas, so the value that Atlas has is never lost with an answer.
    pub(crate) async fn made_secret(
        &self,
        asking: &Asking<'_>,
        field: &'static str,
        watching: &mut Watching<'_>,
    ) -> Result<Option<(Secret, String)>, Outcome> {
        let Asking { kind, object, makes_secrets, .. } = asking;
        let name = names::of_object(object.own_name(), &format!("generated-{field}"));
        watching.on(Topic::Secret(object.namespace_name().to_owned(), name.clone()));
        let way_out = format!("Remove it, or name a Secret with the {field} in the spec.");
        if let Some(secret) = self.owned_secret(object, &name, &way_out).await? {
            return Ok(Some((secret, name)));
        }
        if !makes_secrets {
            return Ok(None);
        }
        let value = Alphanumeric.sample_string(&mut rand::rng(), LENGTH);
        let owned = Owned {
            name: &name,
            type_: "Opaque",
            annotations: BTreeMap::new(),
            data: BTreeMap::from([(field.to_owned(), ByteString(value.into_bytes()))]),
            way_out: &way_out,
        };
        let secret = self.put_secret(*kind, object, None, owned, false).await?;
        Ok(Some((secret, name)))
    }
}
