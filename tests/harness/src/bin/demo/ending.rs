//! The end of `make demo ONCE=1`: deletes what the demo applied and checks that Atlas kept what the deletion policies
//! say: data-bearing kinds (project, cluster) are retained by default, the rest is deleted.
use std::fmt;
use std::time::Duration;

use harness::{Error, eventually, repository};
use serde_json::Value;

use crate::Failure;
use crate::stage::{CREDENTIALS, NAMESPACE, Stage};

/// For `kubectl delete` to see each object gone.
const DELETED: &str = "--timeout=120s";
/// For the connection Secrets to follow their user.
const SECRETS_GONE: Duration = Duration::from_mins(1);

/// Deletes, waits, checks, and ends the operator as a pod's end would.
pub(crate) async fn tear_down(stage: &Stage) -> Result<(), Failure> {
    let before = stage.simulator.latest_call().await?;
    let deleted = delete(stage).await;
    deleted.map_err(|error| format!("{error}\nThe operator's last lines:\n{}", stage.operator.last_lines()))?;
    check(stage, before).await?;
    let status = stage.operator.stop().await?;
    if !status.success() {
        let log = stage.operator.last_lines();
        return Err(format!("the operator ended with {status} after SIGTERM:\n{log}").into());
    }
    println!("Everything is torn down.");
    Ok(())
}

async fn delete(stage: &Stage) -> Result<(), Error> {
    let folder = repository().join("examples/quickstart");
    let delete =
        ["delete", "-n", NAMESPACE, DELETED, "-f"].map(Into::into).into_iter().chain([folder.into_os_string()]);
    let printed = stage.control_plane.kubectl(delete).run().await?;
    println!("\n$ kubectl delete -n {NAMESPACE} -f examples/quickstart\n{printed}");
    eventually(SECRETS_GONE, "the connection Secrets to go", || async {
        match stage.connection_secrets().await {
            Ok(secrets) if secrets.is_empty() => Ok(()),
            Ok(secrets) => Err(format!("{} Secrets", secrets.len())),
            Err(error) => Err(error.to_string()),
        }
    })
    .await?;
    stage.control_plane.kubectl(["delete", "secret", "-n", NAMESPACE, CREDENTIALS]).run().await?;
    stage.control_plane.kubectl(["delete", "namespace", NAMESPACE, DELETED]).run().await?;
    Ok(())
}

/// What the deletion did in Atlas, by the calls it took and by what is left.
async fn check(stage: &Stage, before: u64) -> Result<(), Failure> {
    let calls = stage.simulator.mutating_calls(before).await?;
    let calls: Vec<String> = calls.iter().map(harness::Call::line).collect();
    println!("Calls that changed Atlas: {}", calls.join(", "));
    let only_the_user = matches!(&calls[..], [call] if call.starts_with("DELETE ") && call.contains("/databaseUsers/"));
    if !only_the_user {
        return Err(format!("expected one DELETE, of the database user, but the calls were {calls:?}").into());
    }
    let left = Left::of(&stage.simulator.state().await?);
    println!("Left in Atlas: {left}");
    let expected = Left { projects: 1, clusters: 1, users: 0 };
    if left != expected {
        return Err(format!("expected to be left in Atlas: {expected}; but found: {left}").into());
    }
    Ok(())
}

/// How many of each the simulator holds.
#[derive(PartialEq, Eq)]
struct Left {
    projects: usize,
    clusters: usize,
    users: usize,
}

impl Left {
    fn of(state: &Value) -> Self {
        let groups = state["groups"].as_object();
        let count = |collection: &str| {
            let collections = groups.into_iter().flatten().map(|(_, group)| &group[collection]);
            collections
                .map(|value| {
                    value.as_array().map_or_else(|| value.as_object().map_or(0, serde_json::Map::len), Vec::len)
                })
                .sum()
        };
        Self {
            projects: groups.map_or(0, serde_json::Map::len),
            clusters: count("clusters"),
            users: count("databaseUsers"),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { projects, clusters, users } = self;
        write!(formatter, "projects {projects}, clusters {clusters}, database users {users}")
    }
}
