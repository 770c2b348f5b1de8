//! Publishes one Secret for each user and cluster, and removes it when either goes.
//!
//! A Secret appears only when it can be used: the user is applied, and the cluster has been brought up with an SRV
//! address. Its keys are those of the Service Binding specification, plus every address that Atlas gives, or those of
//! the user's template.
//!
//! It stays as long as the user's object and the cluster in Atlas do, whatever becomes of the cluster's object. Where the
//! addresses come from stands in [`addresses`](super::addresses).
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::{
    addresses::{Fate, Known},
    content::{self, Flaw, Target},
    names::Purpose,
    owned::{Data, Owned},
};
use crate::{
    engine::{
        outcome::{Outcome, Reason},
        pass::Pass,
        resolve::{Resolved, invalid},
        wake::Topic,
    },
    kind::{Connection, Declared, Documents, Home, Invalid, Login},
};

/// Where the status lists the names of the Secrets.
pub const PUBLISHED: &str = "connectionSecrets";
/// The type of Secret that Service Binding tools look for.
const TYPE: &str = "servicebinding.io/mongodb";
/// The annotation with the cluster that a Secret is for; what an object owns without it is no connection Secret.
const FOR_CLUSTER: &str = "atlas-operator.io/cluster";
const WAY_OUT: &str = "Remove it, or set spec.connectionSecret.name.";

impl Pass<'_> {
    /// Makes the object's connection Secrets what they should be. A user of certain clusters waits for the address of
    /// each that has an object.
    pub(crate) async fn publish(
        &mut self,
        declared: &dyn Declared,
        resolved: &Resolved,
        observed: &Documents,
    ) -> Result<(), Outcome> {
        let Some(connection) = declared.connection(&resolved.given, observed) else { return self.unpublish().await };
        let Some(project_id) = &resolved.given.project_id else { return Ok(()) };
        let password = match connection.login {
            Login::Password(field) => resolved.given.secrets.get(field),
            Login::Outside { .. } => None,
        };
        let home = declared.needs().home;
        let mut clusters = self.known_clusters(&connection, project_id);
        // Whoever deletes or edits a published Secret wakes its owner.
        let name_of = |cluster: &String| self.secret_name(&connection, &home, &resolved.project_name, cluster);
        let wanted: BTreeSet<String> = self.listed().chain(clusters.keys().map(name_of)).collect();
        for name in wanted {
            self.watching.on(Topic::Secret(self.object.namespace_name().to_owned(), name));
        }
        let existing = self.published().await?;
        // Of what has a Secret, and is not seen by its own object, Atlas is asked.
        let with_secret: BTreeSet<&String> = existing.values().filter_map(annotation).collect();
        for cluster in with_secret {
            let unseen = matches!(clusters.get(cluster), None | Some(Known::Unseen { .. }));
            if !unseen || !includes(&connection, cluster) {
                continue;
            }
            match self.fate(resolved, cluster).await {
                Fate::There(addresses) => drop(clusters.insert(cluster.clone(), Known::Kept(addresses))),
                Fate::Unknown => drop(clusters.insert(cluster.clone(), Known::Unseen { expected: false })),
                Fate::Gone => drop(clusters.remove(cluster)),
            }
        }
        let (mut names, mut lacking) = (BTreeSet::new(), Vec::new());
        for (cluster, known) in clusters {
            let of_cluster = || existing.values().filter(|secret| annotation(secret) == Some(&cluster));
            let has_secret = of_cluster().next().is_some();
            let addresses = match &known {
                Known::Up(addresses) => Some(addresses),
                Known::Kept(addresses) => Some(addresses).filter(|_| has_secret),
                Known::Unseen { .. } => None,
            };
            let data = match addresses {
                None => None,
                Some(addresses) => {
                    let target = Target { project: &resolved.project_name, cluster: &cluster, addresses };
                    content::data(&connection, password, &target).map_err(|flaw| refused(&connection, &flaw))?
                }
            };
            if let Some(data) = data {
                let name = self.secret_name(&connection, &home, &resolved.project_name, &cluster);
                self.watching.on(Topic::Secret(self.object.namespace_name().to_owned(), name.clone()));
                self.put_connection(existing.get(&name), &name, &cluster, data).await?;
                names.insert(name);
            } else if has_secret {
                // It stays as it is until there is something better to put into it.
                names.extend(of_cluster().filter_map(|secret| secret.metadata.name.clone()));
            } else if matches!(known, Known::Up(_) | Known::Unseen { expected: true }) {
                lacking.push(cluster);
            }
        }
        for (name, secret) in &existing {
            if !names.contains(name) {
                self.engine.drop_secret(self.object, secret).await?;
            }
        }
        if names.is_empty() {
            self.status.own.remove(PUBLISHED);
        } else {
            self.status.own.insert(PUBLISHED.to_owned(), json!(names));
        }
        match lacking.first() {
            Some(cluster) if !connection.clusters.is_empty() => Err(Outcome::Waiting {
                reason: Reason::DependencyNotReady,
                message: format!("The address of cluster {cluster} is not known yet; see the AtlasCluster object."),
            }),
            _ => Ok(()),
        }
    }

    /// Removes all of the object's connection Secrets.
    pub(crate) async fn unpublish(&mut self) -> Result<(), Outcome> {
        if !self.status.own.contains_key(PUBLISHED) {
            return Ok(());
        }
        for secret in self.published().await?.values() {
            self.engine.drop_secret(self.object, secret).await?;
        }
        self.status.own.remove(PUBLISHED);
        Ok(())
    }

    /// The names of the Secrets that were published last.
    fn listed(&self) -> impl Iterator<Item = String> {
        let names = self.status.own.get(PUBLISHED).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned)
    }

    fn secret_name(&self, connection: &Connection, home: &Home, project: &str, cluster: &str) -> String {
        if let Some(name) = &connection.secret_name {
            return name.clone();
        }
        let namespace = match home {
            Home::Project(reference) => reference.namespace.as_deref(),
            Home::Organization | Home::Existing(_) | Home::ProjectId(_) => None,
        };
        let purpose = Purpose {
            namespace: namespace.filter(|namespace| *namespace != self.object.namespace_name()),
            project,
            cluster,
            user: &connection.username,
            database: &connection.auth_database,
        };
        purpose.secret_name()
    }

    async fn published(&self) -> Result<BTreeMap<String, Secret>, Outcome> {
        let mut owned = self.engine.owned_secrets(self.object).await?;
        owned.retain(|_, secret| annotation(secret).is_some());
        Ok(owned)
    }

    async fn put_connection(
        &self,
        existing: Option<&Secret>,
        name: &str,
        cluster: &str,
        data: Data,
    ) -> Result<(), Outcome> {
        if existing.is_some_and(|secret| {
            secret.data.as_ref() == Some(&data) && annotation(secret).is_some_and(|name| name == cluster)
        }) {
            return Ok(());
        }
        let annotations = BTreeMap::from([(FOR_CLUSTER.to_owned(), cluster.to_owned())]);
        let owned = Owned { name, type_: TYPE, annotations, data, way_out: WAY_OUT };
        self.engine.put_secret(self.kind, self.object, existing, owned, false).await.map(drop)
    }
}

/// Whether a user may use a cluster.
pub(super) fn includes(connection: &Connection, cluster: &str) -> bool {
    connection.clusters.is_empty() || connection.clusters.iter().any(|name| name == cluster)
}

fn annotation(secret: &Secret) -> Option<&String> {
    secret.metadata.annotations.as_ref()?.get(FOR_CLUSTER)
}

/// Refuses what cannot be made, by the place in the spec that decides.
fn refused(connection: &Connection, flaw: &Flaw) -> Outcome {
    let path = match connection.template {
        Some(_) => format!("spec.connectionSecret.template.{}", flaw.key()),
        None => "spec.connectionSecret".to_owned(),
    };
    invalid(&Invalid::new(path, flaw.to_string()))
}
