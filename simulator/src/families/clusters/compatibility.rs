//! Pinning the feature compatibility version of a cluster, so that a new major version can be left again.
//!
//! No recording has it. A pin keeps the version where it is and names the day on which it is let go; pinning again moves
//! the day only (specification). That a change of it takes the cluster to `UPDATING`, as every other change does, and
//! that the pin ends by itself in the same way, is assumed.
use jiff::{SignedDuration, Timestamp};

use super::versions::{PINNED_UNTIL, follow};
use super::{COLLECTION, Cluster, cluster_mut, lifecycle};
use crate::api::{ApiError, Reply, Request, VersionDate};
use crate::families::body::{self, Field, Shape, optional};
use crate::families::states::DELETING;
use crate::families::{errors, expiry};
use crate::world::World;
use crate::world::timers::Subject;

pub const VERSIONS: &[VersionDate] = &[VersionDate::new("2024-05-30")];

/// How long a pin lasts when nothing is said, and at most (specification).
const LONGEST_DAYS: i64 = 28;

const FIELDS: &[Field] = &[optional("expirationDate", Shape::Instant), optional("links", Shape::ReadOnly)];

/// What the end of a pin is about: other changes of the cluster must not cancel it.
const PINS: &str = "pinnedFeatureCompatibilityVersions";

/// The subject of the timer that ends the pin of a cluster.
pub fn subject(group: &str, name: &str) -> Subject {
    Subject::new(group, PINS, name)
}

pub fn pin(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let sent = match &request.body {
        serde_json::Value::Null => body::Document::new(),
        body => body::partial(body, FIELDS)?,
    };
    let longest = SignedDuration::from_hours(24 * LONGEST_DAYS);
    let until = match body::instant(&sent, "expirationDate") {
        None => world.client.saturating_add(longest).unwrap_or(Timestamp::MAX),
        Some(date) => expiry::check(date, world.client, LONGEST_DAYS).map(|()| date)?,
    };
    let document = &mut changeable(world, request)?.document;
    let before = document.insert(PINNED_UNTIL.to_owned(), body::moment(until));
    if before.as_ref() != document.get(PINNED_UNTIL) {
        let subject = subject(request.param("groupId"), request.param("clusterName"));
        world.cancel(&subject);
        world.on(until, subject, "pin ends", end);
        lifecycle::changed(world, request.param("groupId"), request.param("clusterName"));
    }
    Ok(Reply::empty(204))
}

/// Letting go of what is not pinned changes nothing (assumed).
pub fn unpin(world: &mut World, request: &Request) -> Result<Reply, ApiError> {
    let cluster = changeable(world, request)?;
    if release(cluster) {
        world.cancel(&subject(request.param("groupId"), request.param("clusterName")));
        lifecycle::changed(world, request.param("groupId"), request.param("clusterName"));
    }
    Ok(Reply::empty(204))
}

/// Whether there was a pin.
fn release(cluster: &mut Cluster) -> bool {
    let pinned = cluster.document.remove(PINNED_UNTIL).is_some();
    if pinned {
        follow(&mut cluster.document);
    }
    pinned
}

fn end(world: &mut World, pin: &Subject) {
    let subject = Subject::new(&pin.group, COLLECTION, &pin.name);
    if let Some(cluster) = lifecycle::of(world, &subject)
        && cluster.state() != DELETING
        && release(cluster)
    {
        lifecycle::changed(world, &pin.group, &pin.name);
    }
}

/// The cluster, if its versions are its own to choose. The answer for one that is not is assumed for free clusters and
/// those on the track of continuous releases; that the latter cannot is published.
fn changeable<'a>(world: &'a mut World, request: &Request) -> Result<&'a mut Cluster, ApiError> {
    let cluster = cluster_mut(world, request)?;
    cluster.check_changeable()?;
    if cluster.is_tenant() {
        Err(errors::tenant_update_unsupported())
    } else if body::text(&cluster.document, "versionReleaseSystem") == "CONTINUOUS" {
        Err(errors::feature_unsupported())
    } else {
        Ok(cluster)
    }
}
