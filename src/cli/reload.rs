//! Reads the configuration file again when it changes.
//!
//! Of what it says, the log filter takes effect while the program runs; everything else needs a restart, and the log
//! says so. A file that has become wrong is told of, and changes nothing. The file is looked at, not watched: Kubernetes
//! changes a mounted ConfigMap by turning a symbolic link, which watches of a file do not see.
use std::{ffi::OsString, path::Path, time::Duration};

use super::{Action, configuration, options::Options};
use crate::telemetry::logs::Filter;

/// How often the file is looked at. The kubelet needs up to a minute to bring a changed ConfigMap there.
const EVERY: Duration = Duration::from_secs(5);

/// Follows the file of `options` for ever.
pub(super) async fn follow(path: &Path, mut options: Options, arguments: Vec<OsString>, filter: Filter) {
    // Nothing yet: what the file says at the first look is compared with what the program was started with, since it may
    // have changed in between.
    let mut seen = None;
    loop {
        tokio::time::sleep(EVERY).await;
        let content = Some(tokio::fs::read(path).await.ok());
        if content == seen {
            continue;
        }
        seen = content;
        match configuration::read(&arguments).map(|command| command.action) {
            Ok(Action::Run(changed)) => options = apply(options, &changed, &filter),
            Ok(Action::Crds(_) | Action::Rbac(_) | Action::Version) => {}
            Err(stop) => tracing::warn!(error = %stop, "the changed configuration cannot be used; the old one stays"),
        }
    }
}

/// Takes over what can be changed, and answers what is in effect.
fn apply(options: Options, changed: &Options, filter: &Filter) -> Options {
    let mut in_effect = options;
    if changed.log != in_effect.log {
        // Said under the old filter, since the new one may be narrower.
        tracing::info!(log = changed.log, "what is logged changes");
        match filter.set(&changed.log) {
            Ok(()) => in_effect.log.clone_from(&changed.log),
            Err(error) => tracing::warn!(error, "what is logged has not changed"),
        }
    }
    if *changed != in_effect {
        tracing::warn!("the configuration has changed in more than the log; the rest takes effect at the next start");
    }
    in_effect
}
