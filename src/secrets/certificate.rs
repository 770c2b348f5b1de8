//! Certificates that Atlas issues, kept in a Secret.
//!
//! Atlas shows a private key once and never again, so one that was lost on the way is replaced by another. Whether the
//! Secret can be written is tried before Atlas is asked: were it found out afterwards, each attempt would leave a
//! certificate behind that is valid for months and that nobody has.
use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    names,
    owned::{Data, Owned},
    pem,
};
use crate::{
    engine::{
        outcome::{Outcome, Reason},
        pass::Pass,
        plan::{Issuance, Kept, Scene},
        wake::Topic,
    },
    kind::Issue,
};

/// The type that ingress controllers, proxies and drivers know: `tls.crt` and `tls.key`.
const TYPE: &str = "kubernetes.io/tls";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// Both, one behind the other: what drivers of MongoDB call a `tlsCertificateKeyFile`.
const BOTH: &str = "tls.pem";

const WAY_OUT: &str = "Remove it, or set spec.certificate.secretName.";

impl Pass<'_> {
    /// What is kept of what Atlas is to issue. Whoever deletes or edits its Secret wakes the object.
    pub(crate) async fn issuance(&mut self, issue: Issue) -> Result<Issuance, Outcome> {
        let name = self.keeper(&issue);
        self.watching.on(Topic::Secret(self.object.namespace_name().to_owned(), name.clone()));
        let secret = self.engine.owned_secret(self.object, &name, WAY_OUT).await?;
        let kept = secret.and_then(|secret| life(&secret.data?));
        if let Some(Kept { until, .. }) = kept {
            let shown = json!({"secretName": name, "notAfter": until});
            self.status.own.insert(issue.name.to_owned(), shown);
        }
        Ok(Issuance { issue, kept })
    }

    /// Finds out whether what Atlas is about to issue could be kept.
    pub(crate) async fn try_keeping(&self, scene: &Scene) -> Result<(), Outcome> {
        let empty = [CERTIFICATE, KEY, BOTH].map(|key| (key.to_owned(), ByteString::default()));
        self.put(scene, Data::from(empty), true).await
    }

    /// Keeps what Atlas issued.
    pub(crate) async fn keep(&self, scene: &Scene, text: &SecretString) -> Result<(), Outcome> {
        let identity = pem::read(text).map_err(|flaw| Outcome::Failed {
            reason: Reason::AtlasUnavailable,
            message: format!("What Atlas issued cannot be used: {flaw}. It is asked for another."),
        })?;
        let key = identity.key.expose_secret();
        let both = format!("{}{key}", identity.certificate);
        let data = [(CERTIFICATE, identity.certificate), (KEY, key.to_owned()), (BOTH, both)];
        let data = data.map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes())));
        self.put(scene, Data::from(data), false).await
    }

    async fn put(&self, scene: &Scene, data: Data, dry_run: bool) -> Result<(), Outcome> {
        let Some(issuance) = &scene.issuance else { return Ok(()) };
        let name = self.keeper(&issuance.issue);
        let existing = self.engine.owned_secret(self.object, &name, WAY_OUT).await?;
        let owned = Owned { name: &name, type_: TYPE, annotations: BTreeMap::new(), data, way_out: WAY_OUT };
        self.engine.put_secret(self.kind, self.object, existing.as_ref(), owned, dry_run).await.map(drop)
    }

    /// The name of the Secret.
    fn keeper(&self, issue: &Issue) -> String {
        issue.secret_name.clone().unwrap_or_else(|| names::of_object(self.object.own_name(), issue.name))
    }
}

/// The life of a certificate that is there with its key.
fn life(data: &Data) -> Option<Kept> {
    let whole = [CERTIFICATE, KEY, BOTH].iter().all(|key| data.get(*key).is_some_and(|value| !value.0.is_empty()));
    let certificate = std::str::from_utf8(&data.get(CERTIFICATE)?.0).ok()?;
    pem::life(certificate).filter(|_| whole)
}
