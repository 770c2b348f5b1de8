//! `atlas-operator rbac`
//!
//! The one source of the rights of the operator, and of the people who work with its objects. The chart reads what this
//! prints (`charts/atlas-operator/files/rbac/`), `deploy/` is made from the chart, and tests compare the operator's part of
//! it with the requests of a real run.
use clap::{Args, ValueEnum};

use crate::{kind::GROUP, kinds};

/// The flags of `rbac`.
#[derive(Args)]
pub struct Options {
    /// Print only the rules for this
    scope: Option<Scope>,
}

/// Where rules hold, or for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Every namespace that is watched: a Role in each, or a ClusterRole for all
    Watched,
    /// The cluster, when all namespaces are watched: a ClusterRole
    Cluster,
    /// The namespace of the operator itself, where replicas agree on a leader: a Role
    Leader,
    /// People who may look at objects of the operator's kinds
    Viewer,
    /// People who may make and change them
    Editor,
}

/// What an operator does in a namespace that it watches, beside what it does with its own kinds.
const WATCHED: &str = "\
# Credentials and passwords are read; connection Secrets are written, and removed when their user or cluster goes.
- apiGroups: [\"\"]
  resources: [secrets]
  verbs: [create, delete, get, list, patch, watch]
# An Event tells of each change of state; one that repeats is counted by a patch.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
";

const CLUSTER: &str = "\
# Annotations of a namespace set policies for the objects in it.
- apiGroups: [\"\"]
  resources: [namespaces]
  verbs: [list, watch]
";

const LEADER: &str = "\
# The lease by which one of several replicas works.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create, get, update]
";

/// The rules for one scope, as they stand in a Role; those on the operator's own kinds are taken from the catalogue.
pub fn rules(scope: Scope) -> String {
    match scope {
        Scope::Watched => format!("{}{WATCHED}", on_own_kinds()),
        Scope::Cluster => CLUSTER.to_owned(),
        Scope::Leader => LEADER.to_owned(),
        Scope::Viewer => format!("{}  verbs: [get, list, watch]\n", own_kinds("")),
        // Not the status: the operator takes what stands there for its own memory.
        Scope::Editor => format!("{}  verbs: [create, delete, deletecollection, patch, update]\n", own_kinds("")),
    }
}

/// The rules of one scope, or of each under its name.
pub fn rbac(options: &Options) -> String {
    let Some(scope) = options.scope else {
        let named = |scope: &Scope| Some(format!("{}:\n{}", scope.to_possible_value()?.get_name(), rules(*scope)));
        return Scope::value_variants().iter().filter_map(named).collect();
    };
    rules(scope)
}

fn on_own_kinds() -> String {
    format!(
        "# Users own these objects. The operator patches its finalizer into their metadata, and nothing else.\n\
         {}  verbs: [list, patch, watch]\n{}  verbs: [patch]\n",
        own_kinds(""),
        own_kinds("/status"),
    )
}

/// The beginning of a rule on every kind, or on a subresource of every kind.
fn own_kinds(subresource: &str) -> String {
    let mut resources: Vec<String> =
        kinds::all().iter().map(|kind| format!("{}{subresource}", kind.plural())).collect();
    resources.sort_unstable();
    format!("- apiGroups: [{GROUP}]\n  resources: [{}]\n", resources.join(", "))
}
