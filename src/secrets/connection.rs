//! Publishes one Secret for each user and cluster, and removes it when either goes.
//!
//! A Secret appears only when it can be used: the user is applied, and the cluster has been seen settled with an SRV
//! address. Its keys are those of the Service Binding specification, plus every address that Atlas gives.
use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    engine::{
        object::KindRef,
        outcome::{self, Outcome},
        pass::Pass,
        resolve::{Resolved, kubernetes},
        tell::MANAGER,
        wake::Topic,
    },
    kind::{Connection, Declared},
    kinds::CLUSTER,
};

/// The label by which a user's Secrets are found; its value is the uid of the user object.
const OWNER: &str = "atlas-operator.io/owner-uid";
/// The type of Secret that Service Binding tools look for.
const TYPE: &str = "servicebinding.io/mongodb";
/// Everything but unreserved characters (RFC 3986) is escaped in the user information of an address.
const USER_INFORMATION: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The longest name of a Secret.
const LONGEST_NAME: usize = 253;

impl Pass<'_> {
    /// Makes the object's connection Secrets what they should be.
    pub(crate) async fn publish(&mut self, declared: &dyn Declared, resolved: &Resolved) -> Result<(), Outcome> {
        let Some(connection) = declared.connection() else { return Ok(()) };
        let Some(project_id) = &resolved.given.project_id else { return Ok(()) };
        self.watching.on(Topic::Members(CLUSTER, project_id.clone()));
        let api = self.secrets();
        let existing = self.published(&api).await?;
        let mut names = Vec::new();
        for (cluster, addresses) in self.clusters(&connection, project_id, &existing) {
            let name = secret_name(&connection, &resolved.project_name, &cluster);
            let Some(data) = content(&connection, resolved, &addresses) else { continue };
            // Whoever deletes or edits a published Secret wakes its owner.
            self.watching.on(Topic::Secret(self.object.namespace_name().to_owned(), name.clone()));
            self.put(&api, existing.get(&name), &name, &cluster, data).await?;
            names.push(name);
        }
        names.sort();
        for name in existing.keys().filter(|name| !names.contains(name)) {
            self.drop_secret(&api, name).await?;
        }
        if names.is_empty() {
            self.status.own.remove("connectionSecrets");
        } else {
            self.status.own.insert("connectionSecrets".to_owned(), json!(names));
        }
        Ok(())
    }

    /// Removes all of the object's connection Secrets.
    pub(crate) async fn unpublish(&mut self) -> Result<(), Outcome> {
        if self.status.own.get("connectionSecrets").is_none() {
            return Ok(());
        }
        let api = self.secrets();
        for name in self.published(&api).await?.keys() {
            self.drop_secret(&api, name).await?;
        }
        Ok(())
    }

    /// The clusters in scope that can be connected to, with their addresses.
    fn clusters(
        &self,
        connection: &Connection,
        project_id: &str,
        existing: &BTreeMap<String, Secret>,
    ) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for object in self.engine.objects(CLUSTER) {
            let status = self.engine.ledger.status(&object);
            let kind = self.engine.kind(CLUSTER);
            let declared = object.spec.as_deref().and_then(|raw| kind.and_then(|kind| kind.read(raw).ok()));
            let Some(name) = declared.as_deref().and_then(Declared::atlas_name) else { continue };
            let in_scope = connection.clusters.is_empty() || connection.clusters.iter().any(|cluster| cluster == name);
            if status.common.atlas.project_id.as_deref() != Some(project_id)
                || status.common.atlas.id.is_none()
                || object.is_leaving()
                || !in_scope
            {
                continue;
            }
            // A cluster that is changing stays usable; one that was never settled is not yet.
            let settled = outcome::is_ready(&status.common, object.metadata.generation.unwrap_or_default());
            let known = existing.values().any(|secret| cluster_of(secret) == Some(name));
            if settled || known {
                found.push((name.to_owned(), status.own.get("connectionStrings").cloned().unwrap_or_default()));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    async fn published(&self, api: &Api<Secret>) -> Result<BTreeMap<String, Secret>, Outcome> {
        let mine = ListParams::default().labels(&format!("{OWNER}={}", self.object.own_uid()));
        let list = api.list(&mine).await.map_err(|error| kubernetes("list connection Secrets", &error))?;
        Ok(list.items.into_iter().filter_map(|secret| Some((secret.metadata.name.clone()?, secret))).collect())
    }

    async fn put(
        &self,
        api: &Api<Secret>,
        existing: Option<&Secret>,
        name: &str,
        cluster: &str,
        data: BTreeMap<String, ByteString>,
    ) -> Result<(), Outcome> {
        if existing.is_some_and(|secret| secret.data.as_ref() == Some(&data)) {
            return Ok(());
        }
        let mut secret = Secret { type_: Some(TYPE.to_owned()), data: Some(data), ..Secret::default() };
        secret.metadata.name = Some(name.to_owned());
        secret.metadata.labels = Some(BTreeMap::from([
            ("app.kubernetes.io/managed-by".to_owned(), MANAGER.to_owned()),
            (OWNER.to_owned(), self.object.own_uid().to_owned()),
        ]));
        secret.metadata.annotations =
            Some(BTreeMap::from([("atlas-operator.io/cluster".to_owned(), cluster.to_owned())]));
        secret.metadata.owner_references =
            self.object.controller_owner_ref(&KindRef::of(self.kind)).map(|reference| vec![reference]);
        let written = if existing.is_some() {
            let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
            let patch = json!({ "data": secret.data });
            api.patch(name, &params, &Patch::Merge(patch)).await
        } else {
            let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
            api.create(&params, &secret).await
        };
        match written {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 && existing.is_none() => Err(Outcome::Refused {
                reason: outcome::Reason::AlreadyExists,
                message: format!(
                    "The connection Secret {name} exists and is not this object's. Remove it, or set \
                     spec.connectionSecret.name."
                ),
            }),
            Err(error) => Err(kubernetes(&format!("write connection Secret {name}"), &error)),
        }
    }

    async fn drop_secret(&self, api: &Api<Secret>, name: &str) -> Result<(), Outcome> {
        match api.delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(kubernetes(&format!("remove connection Secret {name}"), &error)),
        }
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.engine.kube.clone(), self.object.namespace_name())
    }
}

fn cluster_of(secret: &Secret) -> Option<&str> {
    secret.metadata.annotations.as_ref()?.get("atlas-operator.io/cluster").map(String::as_str)
}

/// The data of a connection Secret; `None` while there is no SRV address.
fn content(connection: &Connection, resolved: &Resolved, addresses: &Value) -> Option<BTreeMap<String, ByteString>> {
    let srv = addresses["standardSrv"].as_str()?;
    let password = resolved.given.secrets.get(connection.password)?.expose_secret();
    let user = utf8_percent_encode(&connection.username, USER_INFORMATION).to_string();
    let secret = utf8_percent_encode(password, USER_INFORMATION).to_string();
    let with_user = |address: &str| {
        let (scheme, rest) = address.split_once("://")?;
        Some(format!("{scheme}://{user}:{secret}@{rest}"))
    };
    let host = srv.split_once("://").map_or(srv, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let mut data = BTreeMap::from([
        ("type", "mongodb".to_owned()),
        ("provider", "mongodb-atlas".to_owned()),
        ("host", host.to_owned()),
        // The port of every Atlas cluster; with an SRV address drivers learn it from DNS.
        ("port", "27017".to_owned()),
        ("uri", with_user(srv)?),
        ("username", connection.username.clone()),
        ("password", password.to_owned()),
        ("database", connection.auth_database.clone()),
    ]);
    let others = [
        ("standard", "connectionStringStandard"),
        ("standardSrv", "connectionStringStandardSrv"),
        ("private", "connectionStringPrivate"),
        ("privateSrv", "connectionStringPrivateSrv"),
    ];
    for (from, to) in others {
        if let Some(address) = addresses[from].as_str().and_then(with_user) {
            data.insert(to, address);
        }
    }
    Some(data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes()))).collect())
}

/// `{project}-{cluster}-{user}`, made fit for a name; where that loses something, a hash keeps names apart.
fn secret_name(connection: &Connection, project: &str, cluster: &str) -> String {
    if let Some(name) = &connection.secret_name {
        return name.clone();
    }
    let plain = format!("{project}-{cluster}-{}", connection.username);
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
    use super::*;

    fn connection(username: &str) -> Connection {
        Connection {
            username: username.to_owned(),
            auth_database: "admin".to_owned(),
            password: "password",
            clusters: Vec::new(),
            secret_name: None,
        }
    }

    #[test]
    fn a_name_that_fits_is_taken_as_it_is() {
        assert_eq!(secret_name(&connection("orders-api"), "shop", "orders"), "shop-orders-orders-api");
    }

    #[test]
    fn names_that_differ_only_in_what_is_not_allowed_stay_apart() {
        let names: std::collections::BTreeSet<_> =
            ["a_b", "a-b", "A-b", "a@b", "a.-b"].iter().map(|user| secret_name(&connection(user), "p", "c")).collect();
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
        let (one, other) = ("x".repeat(300), "x".repeat(299) + "y");
        let (one, other) = (secret_name(&connection(&one), "p", "c"), secret_name(&connection(&other), "p", "c"));
        assert!(one.len() <= LONGEST_NAME && one != other);
    }
}
