//! Whether what was asked of a cluster has happened, and the test of a failover. Neither is recorded.
use serde_json::json;

use super::{FIRST, cluster, cluster_mut, lifecycle};
use crate::api::{ApiError, Reply, Request, VersionDate};
use crate::families::errors;
use crate::families::states::IDLE;
use crate::world::World;

pub const RESTART: &[VersionDate] = &[FIRST, VersionDate::new("2023-02-01")];

/// Changes are applied once a cluster rests (assumed: the specification speaks of changes of users alone, which are
/// applied at once here).
pub fn get(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let rests = cluster(world, request)?.state() == IDLE;
    Ok(Reply::document(200, json!({"changeStatus": if rests { "APPLIED" } else { "PENDING" }})))
}

/// Another node of each shard becomes its primary, for which the cluster is `UPDATING` for a while (assumed).
pub fn restart_primaries(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let cluster = cluster_mut(world, request)?;
    if cluster.is_tenant() {
        return Err(errors::tenant_update_unsupported());
    }
    cluster.check_changeable()?;
    if cluster.state() != IDLE {
        return Err(errors::cannot_restart_with_pending_changes(cluster.name()));
    }
    cluster.failovers += 1;
    lifecycle::changed(world, request.param("groupId"), request.param("clusterName"));
    Ok(Reply::braces(200))
}
