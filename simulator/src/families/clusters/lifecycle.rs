//! How long clusters take, and what happens when they enter a state.
//!
//! The numbers are seconds, measured on the vendor's test environments. For creations the median, the 90th and 99th
//! percentile and the maximum of each kind are known; its least and its 10th percentile are assumed at about 70 and 85
//! hundredths of the median, as the distribution over all kinds runs.
use super::{COLLECTION, Cluster, compatibility, connection, view};
use crate::families::clusters::topology::hardware_of;
use crate::families::states::{self, CREATING, IDLE, Pace, REPAIRING, Steps, UPDATING};
use crate::families::{body, containers};
use crate::world::World;
use crate::world::chance::Quantiles;
use crate::world::timers::Subject;

const DETOUR: Quantiles = Quantiles::new(4.0, 476.0, 690.0, 1267.0, 1845.0, 2072.0);
pub const UPDATE: Quantiles = Quantiles::new(0.0, 5.0, 41.0, 707.0, 1222.0, 1774.0);
const DELETE: Quantiles = Quantiles::new(25.0, 36.0, 167.0, 209.0, 945.0, 2171.0);

/// Until a cluster leaves `IDLE` after its process arguments were changed. The tail of what was measured belongs to
/// spontaneous updates and is left out.
pub const UNTIL_ARGUMENTS_APPLY: Quantiles = Quantiles::new(0.0, 1.0, 5.0, 33.0, 33.0, 33.0);

/// From `UPDATING` to `REPAIRING` and from there to `IDLE` (14 cases).
const UNTIL_REPAIR: Quantiles = Quantiles::new(324.0, 330.0, 440.0, 521.0, 589.0, 589.0);
const REPAIR: Quantiles = Quantiles::new(284.0, 287.0, 298.0, 347.0, 376.0, 376.0);

/// The share of clusters that were repaired after they had been resumed while they were still being paused (measured: 14
/// of 61).
const REPAIRED_AFTER_RESUME: f64 = 0.23;

const M10: Pace = Pace {
    create: Quantiles::new(375.0, 455.0, 536.0, 794.0, 1489.0, 7269.0),
    detour: DETOUR,
    update: UPDATE,
    delete: DELETE,
};
/// Only the median is known; the tail is that of M10.
const M20: Pace = Pace { create: Quantiles::new(371.0, 450.0, 530.0, 794.0, 1489.0, 7269.0), ..M10 };
const M30: Pace = Pace { create: Quantiles::new(293.0, 355.0, 418.0, 637.0, 1471.0, 1471.0), ..M10 };
/// From nine cases.
const AZURE: Pace = Pace { create: Quantiles::new(453.0, 550.0, 647.0, 1537.0, 1537.0, 1537.0), ..M10 };
const SHARDED: Pace = Pace {
    create: Quantiles::new(559.0, 679.0, 799.0, 1374.0, 1895.0, 1895.0),
    delete: Quantiles::new(122.0, 148.0, 174.0, 208.0, 1092.0, 1092.0),
    ..M10
};
/// Free clusters have no measured detour of their own; it takes as long as a creation.
const FREE: Pace = Pace {
    create: Quantiles::new(4.0, 7.0, 10.0, 26.0, 207.0, 228.0),
    detour: Quantiles::new(4.0, 7.0, 10.0, 26.0, 207.0, 228.0),
    update: UPDATE,
    delete: Quantiles::new(25.0, 28.0, 33.0, 62.0, 533.0, 533.0),
};

/// How long a cluster of this kind takes.
pub fn pace(cluster: &Cluster) -> &'static Pace {
    let specs = cluster.specs();
    let mut regions = specs.iter().flat_map(|spec| body::documents(spec, "regionConfigs"));
    let size = specs.iter().flat_map(hardware_of).next().map_or("", |(_, specs)| body::text(specs, "instanceSize"));
    if cluster.is_tenant() {
        &FREE
    } else if connection::is_sharded(&cluster.document) {
        &SHARDED
    } else if regions.any(|region| body::text(region, "providerName") == "AZURE") {
        &AZURE
    } else {
        match size {
            "M10" => &M10,
            "M20" => &M20,
            _ => &M30,
        }
    }
}

pub const STEPS: Steps = Steps { idle: become_idle, updating: become_updating, gone: vanish };

pub fn of<'a>(world: &'a mut World, subject: &Subject) -> Option<&'a mut Cluster> {
    world.project_mut(&subject.group)?.cluster_mut(&subject.name)
}

/// From here on the cluster can be reached, at hosts as its nodes now are.
fn become_idle(world: &mut World, subject: &Subject) {
    if let Some(cluster) = of(world, subject) {
        states::enter(&mut cluster.document, IDLE);
        connection::refresh(&mut cluster.document, &cluster.hosts);
        containers::follow(world, &subject.group);
    }
}

fn become_updating(world: &mut World, subject: &Subject) {
    if let Some(cluster) = of(world, subject) {
        states::enter(&mut cluster.document, UPDATING);
    }
}

/// A cluster of which backups are retained goes on to be listed where that is asked for, as it last was (assumed).
fn vanish(world: &mut World, subject: &Subject) {
    world.cancel(&compatibility::subject(&subject.group, &subject.name));
    let Some(project) = world.project_mut(&subject.group) else { return };
    if let Some(at) = project.clusters.iter().position(|cluster| cluster.name() == subject.name) {
        let cluster = project.clusters.remove(at);
        if body::flag(&cluster.document, "retainBackups") {
            project.retained_clusters.push(view::current(&cluster));
        }
    }
    project.successors.remove(&subject.name);
    containers::follow(world, &subject.group);
}

/// A change was made just now: an idle cluster leaves `IDLE` with it, one that is busy is busy for longer, and one that
/// is being created takes the change along.
pub fn changed(world: &mut World, group: &str, name: &str) {
    updated(world, &Subject::new(group, COLLECTION, name));
}

/// [`changed`] for whoever has the subject at hand.
pub fn updated(world: &mut World, subject: &Subject) {
    let Some(cluster) = of(world, subject) else { return };
    if cluster.state() == CREATING {
        return;
    }
    states::enter(&mut cluster.document, UPDATING);
    let pace = pace(cluster);
    states::change(world, subject.clone(), pace, &STEPS);
}

/// The cluster is being updated, which goes wrong and is put right.
pub fn updated_and_repaired(world: &mut World, subject: &Subject) {
    let Some(cluster) = of(world, subject) else { return };
    states::enter(&mut cluster.document, UPDATING);
    world.cancel(subject);
    let begin = world.chance.duration(&UNTIL_REPAIR);
    let repair = world.chance.duration(&REPAIR);
    world.after(begin, subject.clone(), REPAIRING, |world, subject| {
        if let Some(cluster) = of(world, subject) {
            states::enter(&mut cluster.document, REPAIRING);
        }
    });
    world.after(begin + repair, subject.clone(), IDLE, STEPS.idle);
}

/// The cluster was resumed while it was still being paused, which sometimes needs a repair.
pub fn resumed_in_flight(world: &mut World, group: &str, name: &str) {
    let subject = Subject::new(group, COLLECTION, name);
    if world.chance.happens(REPAIRED_AFTER_RESUME) {
        updated_and_repaired(world, &subject);
    } else {
        updated(world, &subject);
    }
}

/// The process arguments were changed: an idle cluster leaves `IDLE` a moment later (recorded).
pub fn arguments_changed(world: &mut World, group: &str, name: &str) {
    let Some(cluster) = of(world, &Subject::new(group, COLLECTION, name)) else { return };
    if cluster.state() != IDLE {
        return changed(world, group, name);
    }
    let (subject, pace) = (cluster.subject(), pace(cluster));
    world.cancel(&subject);
    let begin = world.chance.duration(&UNTIL_ARGUMENTS_APPLY);
    let update = world.chance.duration(&pace.update);
    world.after(begin, subject.clone(), UPDATING, STEPS.updating);
    world.after(begin + update, subject, IDLE, STEPS.idle);
}
