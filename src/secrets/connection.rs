//! Publishes one Secret for each user and cluster, and removes it when either goes.
//!
//! A Secret appears only when it can be used: the user is applied, and the cluster has been brought up with an SRV
//! address. Its keys are those of the Service Binding specification, plus every address that Atlas gives, or those of
//! the user's template.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::{
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
    kinds::CLUSTER,
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
        self.watching.on(Topic::Members(CLUSTER, project_id.clone()));
        let existing = self.published().await?;
        let password = match connection.login {
            Login::Password(field) => resolved.given.secrets.get(field),
            Login::Outside { .. } => None,
        };
        let (mut names, mut lacking) = (Vec::new(), Vec::new());
        for (cluster, addresses) in self.clusters(&connection, project_id) {
            let target = Target { project: &resolved.project_name, cluster: &cluster, addresses: &addresses };
            let data = content::data(&connection, password, &target).map_err(|flaw| refused(&connection, &flaw))?;
            let Some(data) = data else {
                lacking.push(cluster);
                continue;
            };
            let name = self.secret_name(&connection, declared, &resolved.project_name, &cluster);
            // Whoever deletes or edits a published Secret wakes its owner.
            self.watching.on(Topic::Secret(self.object.namespace_name().to_owned(), name.clone()));
            self.put_connection(existing.get(&name), &name, &cluster, data).await?;
            names.push(name);
        }
        // The cluster of one may be in a namespace that cannot be listed at present.
        let sees_all = self.engine.unreadable.sees_all(CLUSTER);
        let others: Vec<_> = existing.iter().filter(|(name, _)| !names.contains(name)).collect();
        for (name, secret) in others {
            if sees_all {
                self.engine.drop_secret(self.object, secret).await?;
            } else {
                names.push(name.clone());
            }
        }
        names.sort();
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

    /// The clusters in scope that are up, with their addresses.
    fn clusters(&self, connection: &Connection, project_id: &str) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for object in self.engine.objects(CLUSTER) {
            let status = self.engine.ledger.status(&object);
            let kind = self.engine.kind(CLUSTER);
            let declared = object.spec.as_deref().and_then(|raw| kind.and_then(|kind| kind.read(raw).ok()));
            let Some(name) = declared.as_deref().and_then(Declared::atlas_name) else { continue };
            let in_scope = connection.clusters.is_empty() || connection.clusters.iter().any(|cluster| cluster == name);
            let here = status.common.atlas.project_id.as_deref() == Some(project_id);
            // A cluster that is changing stays usable; one that was never up is not yet.
            if here && in_scope && status.common.is_established() && !object.is_leaving() {
                found.push((name.to_owned(), status.own.get("connectionStrings").cloned().unwrap_or_default()));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    fn secret_name(&self, connection: &Connection, declared: &dyn Declared, project: &str, cluster: &str) -> String {
        if let Some(name) = &connection.secret_name {
            return name.clone();
        }
        let home = declared.needs().home;
        let namespace = match &home {
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
