//! How a stage is set.
use std::path::PathBuf;

use harness::SimulatorOptions;

use super::SPEED;

/// How a stage is set.
pub struct Scenery {
    /// Its namespaces; the first has the name of the test's subject. On a shared plane the operator watches these.
    pub namespaces: Vec<String>,
    /// How many organizations the simulator has.
    pub organizations: usize,
    /// How many seconds of Atlas pass in one.
    pub speed: f64,
    /// More arguments of `atlas-operator run`.
    pub arguments: Vec<String>,
    /// What the operator logs.
    pub log_filter: String,
    /// Whether requests and answers are checked against the published description of the API, where it is at hand.
    /// Reading it takes the simulator seconds.
    pub checked: bool,
    /// Where the operator looks for Atlas, when that is not the simulator itself.
    pub atlas_url: Option<String>,
    /// Where the simulator listens, when a test must know before it starts.
    pub port: Option<u16>,
}

impl Default for Scenery {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            organizations: 1,
            speed: SPEED,
            arguments: Vec::new(),
            log_filter: "info".to_owned(),
            checked: false,
            atlas_url: None,
            port: None,
        }
    }
}

impl Scenery {
    /// One namespace, one organization.
    pub fn of(namespace: &str) -> Self {
        Self { namespaces: vec![namespace.to_owned()], ..Self::default() }
    }

    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    pub fn simulator(&self) -> SimulatorOptions {
        SimulatorOptions {
            speed: self.speed,
            openapi: self.checked.then(openapi).flatten(),
            organizations: (1..=self.organizations).map(|number| format!("Organization {number}")).collect(),
            port: self.port,
            ..SimulatorOptions::default()
        }
    }
}

/// The published description of the API; none where the data of the API is not at hand, which is then said.
fn openapi() -> Option<PathBuf> {
    let folder = std::env::var_os("ATLAS_API_DATA")
        .map_or_else(|| harness::repository().join("../shared/atlas-api"), PathBuf::from);
    let file = folder.join("openapi.yaml");
    if file.is_file() {
        return Some(file);
    }
    println!(
        "requests and answers are not checked against the API's description: ATLAS_API_DATA names no folder with it"
    );
    None
}
