//! Where a cluster can be reached. Host names use the first 23 letters of the cluster's name, so those must be unique in
//! a project.
use serde_json::{Value, json};

use super::topology::node_count;
use crate::families::body::{self, Document};
use crate::world::chance::Chance;

/// How much of a cluster's name goes into host names (recorded).
pub const PREFIX_LENGTH: usize = 23;

/// The domain of all clusters.
const DOMAIN: &str = "mongodb.net";

/// The connection strings that depend on something beside the cluster.
const PRIVATE: [&str; 5] = ["awsPrivateLink", "awsPrivateLinkSrv", "private", "privateEndpoint", "privateSrv"];

/// Nodes of a free or flex cluster (recorded).
const TENANT_NODES: i64 = 3;

/// The first letters of a name, as far as host names tell it apart.
pub fn prefix(name: &str) -> String {
    name.chars().take(PREFIX_LENGTH).collect::<String>().to_lowercase()
}

/// The words in a cluster's host names.
#[derive(Clone)]
pub struct Hosts {
    prefix: String,
    suffix: String,
    /// Names the machines that a free or flex cluster shares with others; dedicated ones are called after the cluster.
    shared: Option<String>,
    replica_set: String,
}

impl Hosts {
    /// Dedicated clusters of one project share a suffix (recorded).
    pub fn dedicated(name: &str, suffix: &str, chance: &mut Chance) -> Self {
        Self { prefix: prefix(name), suffix: suffix.to_owned(), shared: None, replica_set: chance.word(6) }
    }

    /// A cluster on shared machines has a suffix of its own (recorded).
    pub fn shared(name: &str, chance: &mut Chance) -> Self {
        Self { prefix: prefix(name), suffix: chance.word(7), shared: Some(chance.word(7)), replica_set: chance.word(6) }
    }

    /// The shards of a dedicated cluster, as host names have them, with the number of their nodes. Where the first shard
    /// holds the cluster's configuration it goes by another name (recorded).
    pub fn shards(&self, document: &Document) -> Vec<(String, i64)> {
        let embedded = usize::from(is_embedded(document));
        let name = |shard: usize| match shard.checked_sub(embedded) {
            Some(number) => format!("shard-{number:02}"),
            None => "config-00".to_owned(),
        };
        nodes(document).into_iter().enumerate().map(|(shard, nodes)| (name(shard), nodes)).collect()
    }

    /// What the replica set of a shard is called (recorded for the first).
    pub fn replica_set_name(&self, shard: usize) -> String {
        format!("atlas-{}-shard-{shard}", self.replica_set)
    }

    /// The name of a node's machine, which is not the one of connection strings (recorded).
    pub fn machine(&self, part: &str, node: i64) -> String {
        format!("atlas-{}-{part}-{node:02}.{}.{DOMAIN}", self.replica_set, self.suffix)
    }

    /// The name of a node in connection strings.
    pub fn alias(&self, part: &str, node: i64) -> String {
        format!("{}-{part}-{node:02}.{}.{DOMAIN}", self.prefix, self.suffix)
    }

    pub fn srv(&self) -> String {
        format!("mongodb+srv://{}.{}.{DOMAIN}", self.prefix, self.suffix)
    }

    /// A replica set of so many nodes.
    pub fn replica_set(&self, nodes: i64) -> String {
        let machine = self.shared.as_ref().map_or_else(|| self.prefix.clone(), |word| format!("ac-{word}"));
        let hosts = self.hosts(&format!("{machine}-shard-00"), nodes, 27017);
        format!(
            "mongodb://{}/?ssl=true&authSource=admin&replicaSet=atlas-{}-shard-0",
            hosts.join(","),
            self.replica_set
        )
    }

    /// A sharded cluster, reached through the `mongos` on its nodes.
    fn sharded(&self, document: &Document) -> String {
        let shards = self.shards(document).into_iter();
        let hosts = shards.flat_map(|(part, nodes)| self.hosts(&format!("{}-{part}", self.prefix), nodes, 27016));
        let hosts: Vec<String> = hosts.collect();
        format!("mongodb://{}/?ssl=true&authSource=admin", hosts.join(","))
    }

    fn hosts(&self, machine: &str, nodes: i64, port: u16) -> Vec<String> {
        (0..nodes).map(|node| format!("{machine}-{node:02}.{}.{DOMAIN}:{port}", self.suffix)).collect()
    }

    /// What a free or flex cluster shows: its service name at once, its hosts once it can be reached (recorded).
    pub fn shared_strings(&self, reachable: bool) -> Value {
        let mut strings = json!({"standardSrv": self.srv()});
        if reachable {
            strings["standard"] = self.replica_set(TENANT_NODES).into();
        }
        strings
    }
}

pub fn is_sharded(document: &Document) -> bool {
    body::text(document, "clusterType") != "REPLICASET"
}

fn is_embedded(document: &Document) -> bool {
    is_sharded(document) && body::text(document, "configServerType") == "EMBEDDED"
}

/// Whether a cluster has hosts that can be reached.
pub fn is_reachable(document: &Document) -> bool {
    document.get("connectionStrings").is_some_and(|strings| strings.get("standard").is_some())
}

/// How many nodes each shard has, in all its regions.
fn nodes(document: &Document) -> Vec<i64> {
    let of_region = |region| super::topology::NODE_KINDS.map(|kind| node_count(region, kind)).into_iter().sum::<i64>();
    body::documents(document, "replicationSpecs")
        .map(|spec| body::documents(spec, "regionConfigs").map(of_region).sum())
        .collect()
}

/// Writes the connection strings of a cluster that can be reached. Those that belong to private endpoints and peered
/// networks come and go with these and stay.
pub fn refresh(document: &mut Document, hosts: &Hosts) {
    let mut fresh = strings(document, hosts, true);
    let old = document.get("connectionStrings").and_then(Value::as_object);
    let private = old.into_iter().flatten().filter(|(name, _)| PRIVATE.contains(&name.as_str()));
    for (name, value) in private {
        fresh[name] = value.clone();
    }
    document.insert("connectionStrings".to_owned(), fresh);
}

/// The connection strings of a cluster, before and after it can be reached (recorded).
pub fn strings(document: &Document, hosts: &Hosts, reachable: bool) -> Value {
    if hosts.shared.is_some() {
        return hosts.shared_strings(reachable);
    }
    let specs: Vec<&Document> = body::documents(document, "replicationSpecs").collect();
    let mut strings = json!({});
    if is_sharded(document) {
        strings["privateEndpoint"] = json!([]);
        let mut providers = specs.iter().flat_map(|spec| body::documents(spec, "regionConfigs"));
        // Clusters with nodes of other providers have no such string (recorded).
        if providers.all(|region| body::text(region, "providerName") == "AWS") {
            strings["awsPrivateLinkSrv"] = json!({});
        }
    }
    if reachable {
        strings["standardSrv"] = hosts.srv().into();
        strings["standard"] = if is_sharded(document) {
            hosts.sharded(document).into()
        } else {
            hosts.replica_set(nodes(document).iter().sum()).into()
        };
    }
    strings
}
