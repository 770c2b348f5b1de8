//! What a kind must know before it can say anything about Atlas, and what it is given.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;

use super::{Endpoint, Slots};

/// A reference to an AtlasProject object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectReference {
    /// The namespace, when it is not the referrer's own.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
}

/// Where an object belongs in Atlas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// Directly in the organization: it is a project.
    Organization,
    /// It is the project with this id, which is in Atlas already.
    Existing(String),
    /// In the project that an AtlasProject object declares.
    Project(ProjectReference),
    /// In the project with this id.
    ProjectId(String),
}

/// Everything that must be known first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Where it belongs.
    pub home: Home,
    /// `spec.connectionSecretRef.name`: the credentials, in the object's own namespace.
    pub credentials: Option<String>,
    /// Values from Secrets in the object's own namespace.
    pub secrets: Vec<SecretNeed>,
    /// Objects that must be in Atlas first.
    pub objects: Vec<ObjectNeed>,
    /// What Atlas must be asked for first: ids of what the spec names.
    pub lookups: Vec<Lookup>,
    /// `spec.allowedNamespaces`, for those who refer to this object from elsewhere.
    pub allowed_namespaces: Vec<String>,
}

impl Needs {
    /// Nothing but a home.
    pub fn at(home: Home) -> Self {
        Self {
            home,
            credentials: None,
            secrets: Vec::new(),
            objects: Vec::new(),
            lookups: Vec::new(),
            allowed_namespaces: Vec::new(),
        }
    }
}

/// One value that is kept in a Secret of the object's own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretNeed {
    /// The top-level field of the Atlas document that it fills: `password`. It must be
    /// [`Policy::WriteOnly`](super::Policy::WriteOnly).
    pub field: &'static str,
    /// The reference in the spec, for messages: `spec.passwordSecretRef`.
    pub path: &'static str,
    /// Whose it is.
    pub source: SecretSource,
    /// The shortest value that Atlas takes, in characters.
    pub min_length: usize,
    /// The longest value that is taken, in characters.
    pub max_length: usize,
}

/// Where a secret value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// Somebody provides it.
    Named {
        /// The Secret's name.
        name: String,
        /// The key in it.
        key: String,
    },
    /// The operator makes it up and keeps it in a Secret that the object owns: `{object}-generated-{field}`, under the
    /// key `{field}`. As long as that Secret is there, no other value is made.
    Made,
}

/// An object of another kind in the same project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectNeed {
    /// `AtlasCluster`.
    pub kind: &'static str,
    /// How it is referred to.
    pub by: By,
    /// The reference in the spec, for messages, and the key of the answer in [`Given::names`]: `spec.scopes[0].name`.
    pub path: String,
}

/// How an object is referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// By its name in Atlas. When such an object exists, the referrer waits until it is in Atlas; when none does, Atlas
    /// decides.
    AtlasName(String),
    /// By the name of the object, in the referrer's namespace. The referrer waits until it is there and in Atlas.
    Object(String),
}

/// A document of Atlas that is read to learn one field of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The key of the answer in [`Given::found`].
    pub key: String,
    /// Where it is read.
    pub endpoint: Endpoint,
    /// Values for the template. `orgId`, and `groupId` where it is known, are added by the engine.
    pub slots: Slots,
    /// The fields that say what an answer is about: a slot of the address, and the field of the same value.
    pub names: &'static [(&'static str, &'static str)],
    /// The field whose text is the answer: `id`.
    pub field: &'static str,
    /// The reference in the spec, for messages: `spec.teams[0].name`.
    pub path: String,
}

/// Every need, met.
#[derive(Clone, Default)]
pub struct Given {
    /// The organization of the credentials.
    pub org_id: String,
    /// The project it belongs to; for a project itself, its own id once it has one.
    pub project_id: Option<String>,
    /// Secret values by document field.
    pub secrets: BTreeMap<&'static str, SecretString>,
    /// When the object was created in Kubernetes.
    pub created: Option<Timestamp>,
    /// The Atlas names of the objects of [`Needs::objects`] that are there, by [`ObjectNeed::path`].
    pub names: BTreeMap<String, String>,
    /// The answers to [`Needs::lookups`], by key.
    pub found: BTreeMap<String, String>,
}

/// What a database user publishes for applications: one Secret for each cluster it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The database user.
    pub username: String,
    /// The database that Atlas lists it under: `admin` or `$external`.
    pub auth_database: String,
    /// What an application must bring.
    pub login: Login,
    /// The clusters it may use, by name; all of the project's when empty.
    pub clusters: Vec<String>,
    /// A fixed name for the Secret instead of `{project}-{cluster}-{user}`.
    pub secret_name: Option<String>,
    /// Keys and their [templates](super::template), in place of the usual ones.
    pub template: Option<BTreeMap<String, String>>,
}

impl Connection {
    /// What an address says about where the user is known: whoever logs in by something outside of the database is
    /// known outside of it, also members of a group that Atlas lists under `admin`.
    pub fn auth_source(&self) -> &str {
        match self.login {
            Login::Password(_) => &self.auth_database,
            Login::Outside { .. } => "$external",
        }
    }
}

/// How a database user proves who it is, as far as an address says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// With a password: the field of [`Given::secrets`] that holds it.
    Password(&'static str),
    /// With something that is known outside of the database.
    Outside {
        /// What MongoDB calls it: `MONGODB-X509`.
        mechanism: &'static str,
        /// Whether the address holds the user's name.
        named: bool,
    },
}

/// Something secret that Atlas gives out once, and that is then kept in a Secret which the object owns: a certificate
/// with its private key, in PEM (RFC 7468).
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// What it is: `certificate`.
    pub name: &'static str,
    /// POST of `body`, answered with the text.
    pub endpoint: Endpoint,
    /// Values for the template. `groupId` is added by the engine.
    pub slots: Slots,
    /// What is posted.
    pub body: Value,
    /// The name of the Secret instead of `{object}-{name}`.
    pub secret_name: Option<String>,
    /// How long before its end it is replaced; never before half of its life has passed.
    pub renew_before: SignedDuration,
}
