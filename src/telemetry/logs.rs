//! Structured logs: text for people, JSON for machines. [`lines`](super::lines) writes them.
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, reload, util::SubscriberInitExt};

use super::{lines::Lines, traces::Traces};

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What passes into the log; it can be changed while the program runs.
#[derive(Clone)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

impl Filter {
    /// Lets pass what `filter` says from now on.
    pub fn set(&self, filter: &str) -> Result<(), String> {
        self.0.reload(parse(filter)?).map_err(|error| error.to_string())
    }
}

/// A filter that can be used, as it was given.
pub fn check(filter: &str) -> Result<String, String> {
    parse(filter).map(|_| filter.to_owned())
}

fn parse(filter: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(filter).map_err(|_| "must be a level, or MODULE=LEVEL separated by commas".to_owned())
}

/// Writes what passes `filter` (`info`, or `atlas_operator=debug,kube=warn`) to standard error, and hands spans to
/// `traces`, whatever the filter.
pub fn install(format: Format, filter: &str, traces: Option<&Traces>) -> Result<Filter, String> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = Lines::new(format, std::io::stderr).with_filter(filter);
    let registry = tracing_subscriber::registry().with(lines).with(traces.map(Traces::layer));
    registry.try_init().map_err(|_| "the log is set up already".to_owned())?;
    Ok(Filter(handle))
}
