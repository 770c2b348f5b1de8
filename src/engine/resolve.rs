//! Finds what an object refers to: its project, credentials, Secrets, and objects that must be in Atlas first.
//!
//! Objects are looked up in what is watched, Secrets are read when needed. Nothing here calls Atlas, so an object
//! that waits for something costs no call. Every reference becomes a topic to be woken by, found or not.
use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::Api;
use secrecy::SecretString;

use super::{
    Engine, claims,
    object::Object,
    outcome::{Outcome, Reason},
    wake::{Subject, Topic, Watching},
};
use crate::{
    atlas,
    kind::{By, Declared, Given, Home, Invalid, Kind, ObjectNeed, ProjectReference, SecretNeed, SecretSource},
    kinds::PROJECT,
    status::{SecretReference, Status},
};

/// Everything that a spec refers to, found.
pub struct Resolved {
    /// A client with the object's credentials.
    pub client: atlas::Client,
    /// Where those came from.
    pub credentials: SecretReference,
    /// What the kind needs to name its parts.
    pub given: Given,
    /// Which version of each Secret was read, by field.
    pub versions: BTreeMap<&'static str, String>,
    /// The Secrets that the operator keeps values in which it made, by field.
    pub made: BTreeMap<&'static str, String>,
    /// The name that the project goes by in the names of connection Secrets.
    pub project_name: String,
}

/// Who asks for what it refers to.
pub struct Asking<'a> {
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// The object.
    pub object: &'a Object,
    /// What is known of it.
    pub status: &'a Status,
    /// Whether values may be made that are not there yet.
    pub makes_secrets: bool,
}

/// What resolution found out of an object's home.
struct Place {
    project_id: Option<String>,
    project_name: String,
    /// The credentials that the project refers to.
    credentials: Option<SecretReference>,
}

impl Engine {
    /// Finds everything that `declared` refers to. What it looked for is woken for.
    pub async fn resolve(
        &self,
        asking: &Asking<'_>,
        declared: &dyn Declared,
        watching: &mut Watching<'_>,
    ) -> Result<Resolved, Outcome> {
        let object = asking.object;
        let needs = declared.needs();
        let namespace = object.namespace_name();
        let place = self.place(asking, &needs.home, watching)?;
        let own = needs.credentials.map(|name| SecretReference { namespace: namespace.to_owned(), name });
        let credentials = own.or(place.credentials).or_else(|| self.options.default_secret.clone());
        let credentials = credentials.ok_or_else(no_credentials)?;
        let client = self.client(&credentials, watching).await?;
        let mut given = Given {
            org_id: client.org_id().to_owned(),
            project_id: place.project_id,
            created: object.created(),
            ..Given::default()
        };
        self.await_claim(asking, declared, &given, &credentials, watching)?;
        for need in &needs.objects {
            let Some(project_id) = &given.project_id else { continue };
            let name = match &need.by {
                By::AtlasName(name) => {
                    watching.on(Topic::Named(need.kind, project_id.clone(), name.clone()));
                    self.await_named(asking, need, name, project_id)?;
                    name.clone()
                }
                By::Object(name) => self.await_object(need, name, project_id, namespace, watching)?,
            };
            given.names.insert(need.path.clone(), name);
        }
        let (mut versions, mut made) = (BTreeMap::new(), BTreeMap::new());
        for need in &needs.secrets {
            let (secret, name, key) = match &need.source {
                SecretSource::Named { name, key } => {
                    (self.named_secret(namespace, need.path, name, key, watching).await?, name.clone(), key.as_str())
                }
                SecretSource::Made => {
                    let Some((secret, name)) = self.made_secret(asking, need.field, watching).await? else { continue };
                    made.insert(need.field, name.clone());
                    (secret, name, need.field)
                }
            };
            let (value, version) = secret_value(&secret, need, &format!("{namespace}/{name}"), key)?;
            given.secrets.insert(need.field, value);
            versions.insert(need.field, version);
        }
        Ok(Resolved { client, credentials, given, versions, made, project_name: place.project_name })
    }

    /// Lets an object go on only if its resource is nobody else's.
    fn await_claim(
        &self,
        asking: &Asking<'_>,
        declared: &dyn Declared,
        given: &Given,
        credentials: &SecretReference,
        watching: &mut Watching<'_>,
    ) -> Result<(), Outcome> {
        let &Asking { kind, object, status, makes_secrets } = asking;
        if let Some(key) = declared.key() {
            let project = given.project_id.clone().filter(|_| kind.name() != PROJECT).unwrap_or_default();
            watching.on(Topic::Named(kind.name(), project, key));
        }
        // What is only observed may be managed by another object.
        if !makes_secrets {
            return Ok(());
        }
        let place = claims::Place {
            project_id: given.project_id.as_deref(),
            org_id: Some(&given.org_id),
            credentials: Some(credentials),
        };
        self.check_claim(kind, object, status, &place)
    }

    fn place(&self, asking: &Asking<'_>, home: &Home, watching: &mut Watching<'_>) -> Result<Place, Outcome> {
        let namespace = asking.object.namespace_name();
        match home {
            // An id in the status that is not sure is not used: the project is found by its name.
            Home::Organization => Ok(Place {
                project_id: self.project_id(asking.object, asking.status),
                project_name: String::new(),
                credentials: None,
            }),
            Home::Existing(id) => {
                Ok(Place { project_id: Some(id.clone()), project_name: String::new(), credentials: None })
            }
            Home::ProjectId(id) => {
                Ok(Place { project_id: Some(id.clone()), project_name: id.clone(), credentials: None })
            }
            Home::Project(reference) => self.project(namespace, reference, watching),
        }
    }

    fn project(
        &self,
        namespace: &str,
        reference: &ProjectReference,
        watching: &mut Watching<'_>,
    ) -> Result<Place, Outcome> {
        let theirs = reference.namespace.as_deref().unwrap_or(namespace);
        let name = reference.name.as_str();
        watching.on(Topic::Object(Subject { kind: PROJECT, namespace: theirs.to_owned(), name: name.to_owned() }));
        let waiting = |reason, message| Outcome::Waiting { reason, message };
        let missing = || self.missing("spec.projectRef", PROJECT, theirs, name);
        let project = self.object(PROJECT, theirs, name).ok_or_else(missing)?;
        let kind = self.kind(PROJECT);
        let read = |raw: &_| kind.map(|kind| kind.read(raw));
        let needs = match project.spec.as_deref().and_then(read) {
            Some(Ok(declared)) => declared.needs(),
            Some(Err(_)) | None => {
                return Err(waiting(
                    Reason::DependencyNotReady,
                    format!("spec.projectRef: the spec of AtlasProject {theirs}/{name} cannot be read."),
                ));
            }
        };
        if theirs != namespace && !needs.allowed_namespaces.iter().any(|allowed| allowed == namespace) {
            return Err(Outcome::Refused {
                reason: Reason::NotAllowed,
                message: format!(
                    "spec.projectRef: AtlasProject {theirs}/{name} does not let namespace {namespace} refer to it. \
                     Add {namespace} to its spec.allowedNamespaces."
                ),
            });
        }
        if project.is_leaving() {
            return Err(waiting(
                Reason::DependencyNotReady,
                format!("spec.projectRef: AtlasProject {theirs}/{name} is being deleted."),
            ));
        }
        let status = self.ledger.status(&project);
        let project_id = self.project_id(&project, &status).ok_or_else(|| {
            if status.common.atlas.project_id.is_some() {
                // Its own reconcile finds out, which a start does for every object.
                let message = format!("spec.projectRef: the id of AtlasProject {theirs}/{name} is being confirmed.");
                return waiting(Reason::ConfirmingAbsence, message);
            }
            waiting(
                Reason::DependencyNotReady,
                format!("spec.projectRef: AtlasProject {theirs}/{name} is not in Atlas yet; see its conditions."),
            )
        })?;
        let credentials = needs.credentials.map(|name| SecretReference { namespace: theirs.to_owned(), name });
        Ok(Place { project_id: Some(project_id), project_name: name.to_owned(), credentials })
    }

    /// Waits for an object that is declared here and not in Atlas yet; where none is declared, Atlas decides. What is
    /// applied together is seen one by one, so a new object gives the one that it needs a moment to appear.
    ///
    /// Only objects count that may be in this project, and one that is usable serves, whatever others of its name do.
    fn await_named(&self, asking: &Asking<'_>, need: &ObjectNeed, name: &str, project_id: &str) -> Result<(), Outcome> {
        let namespace = asking.object.namespace_name();
        let (mut known, mut pending) = (false, None);
        for entry in self.claims.named(need.kind, name) {
            let Some(object) = self.object_of(&entry.subject) else { continue };
            if !self.is_trusted(&entry, object.own_uid(), namespace)
                || self.project_of(&entry).as_deref() != Some(project_id)
            {
                continue;
            }
            if self.is_usable(&object, &self.ledger.status(&object)) {
                return Ok(());
            }
            known = true;
            // One that is on its way out is Atlas's to judge: what uses it already goes on, until it is gone.
            if !object.is_leaving() {
                pending = Some(object);
            }
        }
        if let Some(object) = pending {
            return Err(not_in_atlas(need, object.namespace_name(), object.own_name()));
        }
        if !known && asking.status.common.atlas.id.is_none() && asking.object.is_new(self.clock.now()) {
            let message =
                format!("{}: no {} declares {name}; looking again before that is believed.", need.path, need.kind);
            return Err(Outcome::Waiting { reason: Reason::ConfirmingAbsence, message });
        }
        Ok(())
    }

    /// The Atlas name of an object of this namespace, once it is in Atlas.
    fn await_object(
        &self,
        need: &ObjectNeed,
        name: &str,
        project_id: &str,
        namespace: &str,
        watching: &mut Watching<'_>,
    ) -> Result<String, Outcome> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        watching.on(Topic::Object(Subject { kind: need.kind, namespace: namespace.clone(), name: name.clone() }));
        let missing = || self.missing(&need.path, need.kind, &namespace, &name);
        let object = self.object(need.kind, &namespace, &name).ok_or_else(missing)?;
        let declared = object.spec.as_deref().and_then(|raw| self.kind(need.kind)?.read(raw).ok());
        let atlas_name = declared.as_deref().and_then(Declared::atlas_name).ok_or_else(missing)?.to_owned();
        let status = self.ledger.status(&object);
        let entry = self.claims.entry(&Subject { kind: need.kind, namespace: namespace.clone(), name: name.clone() });
        match (self.is_usable(&object, &status), entry.and_then(|entry| self.project_of(&entry))) {
            (true, Some(theirs)) if theirs == project_id => Ok(atlas_name),
            (_, Some(theirs)) if theirs != project_id => Err(Outcome::Refused {
                reason: Reason::InvalidSpec,
                message: format!("{}: {} {namespace}/{name} is in another project.", need.path, need.kind),
            }),
            _ => Err(not_in_atlas(need, &namespace, &name)),
        }
    }

    /// A wait for an object that is not there, as far as can be seen.
    fn missing(&self, path: &str, kind: &str, namespace: &str, name: &str) -> Outcome {
        let (reason, message) = match self.unreadable.about(kind, namespace) {
            None => (
                Reason::DependencyNotFound,
                format!("{path}: there is no {kind} {namespace}/{name}. Create it, or mend the reference."),
            ),
            Some(unseen) => (
                Reason::DependencyNotReady,
                format!("{path}: whether there is {kind} {namespace}/{name} is not known. {unseen}"),
            ),
        };
        Outcome::Waiting { reason, message }
    }

    pub(super) async fn client(
        &self,
        reference: &SecretReference,
        watching: &mut Watching<'_>,
    ) -> Result<atlas::Client, Outcome> {
        let SecretReference { namespace, name } = reference;
        watching.on(Topic::Secret(namespace.clone(), name.clone()));
        let secret = self.read_secret(namespace, name).await?.ok_or_else(|| Outcome::Waiting {
            reason: Reason::CredentialsNotFound,
            message: format!(
                "There is no Secret {namespace}/{name} with Atlas credentials. Create it with the keys orgId and \
                 publicApiKey, privateApiKey (or clientId, clientSecret)."
            ),
        })?;
        let uid = secret.metadata.uid.clone().unwrap_or_default();
        let version = secret.metadata.resource_version.clone().unwrap_or_default();
        let data: BTreeMap<String, Vec<u8>> =
            secret.data.unwrap_or_default().into_iter().map(|(key, ByteString(value))| (key, value)).collect();
        self.clients
            .get(&reference.to_string(), &format!("{uid}/{version}"), || atlas::Credentials::from_secret(&data))
            .map_err(|error| Outcome::Refused {
                reason: Reason::CredentialsInvalid,
                message: format!("Secret {namespace}/{name}: {error}. Fix it, and it goes on by itself."),
            })
    }

    /// A Secret that somebody provides, once it is there.
    async fn named_secret(
        &self,
        namespace: &str,
        path: &str,
        name: &str,
        key: &str,
        watching: &mut Watching<'_>,
    ) -> Result<Secret, Outcome> {
        watching.on(Topic::Secret(namespace.to_owned(), name.to_owned()));
        self.read_secret(namespace, name).await?.ok_or_else(|| Outcome::Waiting {
            reason: Reason::SecretNotFound,
            message: format!("{path}: there is no Secret {namespace}/{name}. Create it with the key {key}."),
        })
    }

    /// A Secret as it is now, if it is there.
    pub(crate) async fn read_secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, Outcome> {
        let api = Api::<Secret>::namespaced(self.kube.clone(), namespace);
        api.get_opt(name).await.map_err(|error| kubernetes(&format!("read Secret {namespace}/{name}"), &error))
    }
}

/// The value that is needed, and which version it is.
pub(crate) fn secret_value(
    secret: &Secret,
    need: &SecretNeed,
    shown: &str,
    key: &str,
) -> Result<(SecretString, String), Outcome> {
    let SecretNeed { path, min_length, max_length, .. } = need;
    let invalid = |problem: String| Outcome::Waiting { reason: Reason::SecretInvalid, message: problem };
    let value = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .ok_or_else(|| invalid(format!("{path}: Secret {shown} has no key {key}. Add it, or name another key.")))?;
    let text = std::str::from_utf8(&value.0)
        .map_err(|_| invalid(format!("{path}: key {key} of Secret {shown} is not text in UTF-8.")))?;
    if text.chars().count() < *min_length {
        return Err(invalid(format!(
            "{path}: key {key} of Secret {shown} is shorter than the {min_length} characters that Atlas wants."
        )));
    }
    if text.chars().count() > *max_length {
        return Err(invalid(format!("{path}: key {key} of Secret {shown} is longer than {max_length} characters.")));
    }
    let uid = secret.metadata.uid.as_deref().unwrap_or_default();
    let version = secret.metadata.resource_version.as_deref().unwrap_or_default();
    Ok((SecretString::from(text.to_owned()), format!("{uid}/{version}")))
}

fn not_in_atlas(need: &ObjectNeed, namespace: &str, name: &str) -> Outcome {
    Outcome::Waiting {
        reason: Reason::DependencyNotReady,
        message: format!(
            "{}: {} {namespace}/{name} is not ready in Atlas yet; see its conditions.",
            need.path, need.kind
        ),
    }
}

/// The outcome of a Kubernetes request that failed.
pub fn kubernetes(what: &str, error: &kube::Error) -> Outcome {
    let detail = match error {
        kube::Error::Api(status) => status.message.clone(),
        // Other errors can carry addresses and certificates; their class says enough.
        _ => "no usable answer".to_owned(),
    };
    Outcome::Failed { reason: Reason::KubernetesUnavailable, message: format!("Could not {what}: {detail}") }
}

/// The outcome of a spec that cannot be acted on.
pub fn invalid(error: &Invalid) -> Outcome {
    Outcome::Refused { reason: Reason::InvalidSpec, message: error.to_string() }
}

pub(super) fn no_credentials() -> Outcome {
    Outcome::Refused {
        reason: Reason::CredentialsNotFound,
        message: "No Atlas credentials: set spec.connectionSecretRef here or on the project, or start the operator \
                  with --default-secret."
            .to_owned(),
    }
}
