//! Disks: one size for all nodes of a cluster, and what comes with a disk.
use serde_json::{Value, json};

use super::hardware::{Provider, default_disk, is_nvme};
use super::topology::hardware_of;
use crate::api::ApiError;
use crate::families::body::{self, Document};
use crate::families::errors;

/// A smaller wish is raised to this many GB, a larger one than the other is refused (specification).
const SMALLEST: f64 = 10.0;
const LARGEST: f64 = 4096.0;

/// What a standard AWS volume does at least, and for each GB, in operations a second (published for gp3).
const STANDARD_IOPS: i64 = 3000;
const STANDARD_IOPS_PER_GB: f64 = 3.0;

/// What the disk of an M40_NVME does (recorded); larger ones do as much for each GB (assumed).
const NVME_IOPS: f64 = 135_125.0;
const NVME_IOPS_DISK: f64 = 380.0;

/// What an Azure volume does, in operations a second, and the throughput of volumes that show it (recorded).
const AZURE_IOPS: i64 = 3500;
const THROUGHPUT: i64 = 125;

const STANDARD: &str = "STANDARD";

/// The one disk size that a request names, if it names any.
pub fn requested(shards: &[Document], beside: Option<f64>) -> Result<Option<f64>, ApiError> {
    let named = shards
        .iter()
        .flat_map(|spec| hardware_of(spec).filter_map(|(_, specs)| specs.get("diskSizeGB").and_then(Value::as_f64)));
    let mut sizes: Vec<f64> = match beside {
        // A size beside the shards is the wish of a request that sent the old shards along.
        Some(size) => vec![size],
        None => named.collect(),
    };
    sizes.dedup();
    match sizes.as_slice() {
        [] => Ok(None),
        [size] if *size <= 0.0 || size.fract() != 0.0 => Err(errors::disk_size_not_whole(*size)),
        [size] if *size > LARGEST => Err(errors::disk_size_invalid(*size)),
        [size] => Ok(Some(size.max(SMALLEST))),
        _ => Err(errors::disk_size_inconsistent()),
    }
}

/// The size that all disks of a cluster get: that of an NVMe size cannot be chosen (published; the refusal is assumed),
/// else the one that was asked for, else the one there was, else the largest default.
pub fn settle(shards: &[Document], asked: Option<f64>, previous: &[Document]) -> Result<f64, ApiError> {
    let sizes = || shards.iter().flat_map(hardware_of).map(|(_, specs)| body::text(specs, "instanceSize"));
    let largest_default = || sizes().map(default_disk).fold(0.0, f64::max);
    if sizes().any(is_nvme) {
        let fixed = sizes().filter(|size| is_nvme(size)).map(default_disk).fold(0.0, f64::max);
        return match asked {
            Some(other) if (other - fixed).abs() >= 1.0 => Err(errors::disk_size_invalid(other)),
            _ => Ok(fixed),
        };
    }
    Ok(asked.or_else(|| previous.iter().find_map(size)).unwrap_or_else(largest_default))
}

/// The disk size of a settled shard.
pub fn size(spec: &Document) -> Option<f64> {
    hardware_of(spec).find_map(|(_, specs)| specs.get("diskSizeGB")?.as_f64())
}

/// Writes what comes with the disk of one node kind, which differs by provider (recorded for AWS and Azure; GCP by the
/// specification). `sources` are the places to take it from, the first that has it wins.
pub fn equip(settled: &mut Document, provider: &Provider, asked: Option<&Document>, sources: &[Option<&Document>]) {
    let size = body::text(settled, "instanceSize").to_owned();
    let before = |name: &str| sources.iter().flatten().find_map(|specs| specs.get(name)).cloned();
    let wish = |name: &str| asked.and_then(|specs| specs.get(name)).cloned();
    match provider.name {
        "AWS" => {
            // NVMe sizes come with provisioned volumes for their backup, and never with standard ones (specification).
            let default = if is_nvme(&size) { "PROVISIONED" } else { STANDARD };
            let old = before("ebsVolumeType").filter(|volume| volume != STANDARD || !is_nvme(&size));
            let volume = wish("ebsVolumeType").or(old.clone()).unwrap_or_else(|| default.into());
            // The speed of another volume says nothing about this one.
            let kept = before("diskIOPS").filter(|_| old.as_ref() == Some(&volume) && !is_nvme(&size));
            let default = if is_nvme(&size) { nvme_speed(&size) } else { STANDARD_IOPS };
            let speed = wish("diskIOPS").or(kept).unwrap_or_else(|| default.into());
            // Shown for the second generation only (specification).
            if size.ends_with("GEN_2") && volume == STANDARD {
                settled.insert("diskThroughput".to_owned(), THROUGHPUT.into());
            }
            settled.extend([("diskIOPS".to_owned(), speed), ("ebsVolumeType".to_owned(), volume)]);
        }
        "AZURE" => {
            let speed = wish("diskIOPS").or_else(|| before("diskIOPS")).unwrap_or_else(|| AZURE_IOPS.into());
            settled.extend([("diskIOPS".to_owned(), speed), ("diskThroughput".to_owned(), json!(THROUGHPUT))]);
        }
        _ => {}
    }
}

fn nvme_speed(size: &str) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a disk has at most a few thousand GB")]
    let speed = (default_disk(size) / NVME_IOPS_DISK * NVME_IOPS) as i64;
    speed
}

/// A standard volume does what its size gives (published); only provisioned ones can be asked for more, and an NVMe size
/// has none (specification; the refusal is assumed).
pub fn check_speed(specs: &Document, disk: f64) -> Result<(), ApiError> {
    let volume = body::text(specs, "ebsVolumeType");
    if volume == STANDARD && is_nvme(body::text(specs, "instanceSize")) {
        return Err(errors::invalid_attribute("ebsVolumeType"));
    }
    let Some(speed) = body::whole(specs, "diskIOPS").filter(|_| volume == STANDARD) else { return Ok(()) };
    #[expect(clippy::cast_possible_truncation, reason = "a disk has at most a few thousand GB")]
    let most = STANDARD_IOPS.max((disk * STANDARD_IOPS_PER_GB) as i64);
    if speed <= most {
        return Ok(());
    }
    let size = body::text(specs, "instanceSize");
    Err(errors::disk_iops_invalid(speed, disk, size, volume, &format!("at most {most}")))
}
