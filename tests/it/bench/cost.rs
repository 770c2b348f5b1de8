//! What a stretch of time cost: counted from the simulator's log of calls and the fake Kubernetes, never measured.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::laws::world::{TestOperator, World};

/// Where the paths of the versioned API begin.
const BASE_PATH: &str = "/api/atlas/v2";

/// All that was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Calls to Atlas by operation, each counted once however often it was challenged.
    pub operations: BTreeMap<String, usize>,
    /// HTTP requests to Atlas: the calls, and the digest challenges before some of them.
    pub requests: usize,
    /// Requests to Kubernetes that changed an object or a Secret.
    pub writes: u64,
    /// Events that were published.
    pub events: usize,
    /// Passes over objects, most of which send nothing.
    pub passes: usize,
}

impl Cost {
    /// Calls to Atlas.
    pub fn calls(&self) -> usize {
        self.operations.values().sum()
    }

    /// Calls of the operation `name`, such as `GET /groups/{groupId}`.
    pub fn of(&self, name: &str) -> usize {
        self.operations.get(name).copied().unwrap_or_default()
    }

    /// Calls that change something.
    pub fn mutating(&self) -> usize {
        self.operations.iter().filter(|(name, _)| !name.starts_with("GET ")).map(|(_, calls)| calls).sum()
    }

    pub fn json(&self) -> Value {
        json!({
            "calls": self.calls(),
            "requests": self.requests,
            "operations": self.operations,
            "kubernetesWrites": self.writes,
            "events": self.events,
            "passes": self.passes,
        })
    }
}

/// Where all counters stood when counting began.
pub struct Meter {
    call: u64,
    writes: u64,
    events: usize,
    passes: usize,
}

impl Meter {
    /// Counts from now on.
    pub async fn start(world: &World, operator: &TestOperator) -> Self {
        Self {
            call: world.simulator.latest_call().await.unwrap(),
            writes: world.kube.writes(),
            events: world.kube.events().len(),
            passes: operator.passes,
        }
    }

    /// What has been sent since.
    pub async fn read(&self, world: &World, operator: &TestOperator) -> Cost {
        let known = operations(world).await;
        let calls = world.simulator.calls(self.call).await.unwrap();
        let mut counted = BTreeMap::new();
        for call in calls.iter().filter(|call| call.principal.is_some()) {
            *counted.entry(operation(&known, &call.method, &call.path)).or_default() += 1;
        }
        Cost {
            operations: counted,
            requests: calls.len(),
            writes: world.kube.writes() - self.writes,
            events: world.kube.events().len() - self.events,
            passes: operator.passes - self.passes,
        }
    }
}

/// Every operation that the simulator has, as `METHOD /template`.
async fn operations(world: &World) -> Vec<String> {
    let coverage = world.simulator.coverage().await.unwrap();
    let names = coverage.as_array().into_iter().flatten().map(|entry| entry["operation"].as_str().unwrap().to_owned());
    names.collect()
}

/// The operation of a request: the one of the most literal template that fits.
fn operation(known: &[String], method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_start_matches(BASE_PATH).split('/').collect();
    let fits = |name: &&String| {
        let (verb, template) = name.split_once(' ').unwrap();
        let template: Vec<&str> = template.split('/').collect();
        verb == method
            && template.len() == segments.len()
            && template.iter().zip(&segments).all(|(slot, segment)| slot.starts_with('{') || slot == segment)
    };
    let literal = |name: &&String| std::cmp::Reverse(name.matches('{').count());
    known.iter().filter(fits).max_by_key(literal).cloned().unwrap_or_else(|| panic!("{method} {path} is no operation"))
}

#[test]
fn a_request_is_counted_under_the_most_literal_template_that_fits() {
    let known = ["GET /groups/{groupId}", "POST /groups/{groupId}/clusters", "GET /groups/{groupId}/clusters/{name}"];
    let known: Vec<String> =
        known.into_iter().chain(["GET /groups/{groupId}/clusters/all"]).map(str::to_owned).collect();
    for (method, path, expected) in [
        ("GET", "/api/atlas/v2/groups/5f", 0),
        ("POST", "/api/atlas/v2/groups/5f/clusters", 1),
        ("GET", "/api/atlas/v2/groups/5f/clusters/a%2Fb?x=1", 2),
        ("GET", "/api/atlas/v2/groups/5f/clusters/all", 3),
    ] {
        assert_eq!(operation(&known, method, path), known[expected], "{method} {path}");
    }
}
