//! MongoDB versions: what a cluster runs follows from the release track and the major version that is asked for.
use crate::api::ApiError;
use crate::families::body::{self, Document};
use crate::families::errors;

/// Major versions that new clusters can have, with the release that each gets (recorded: 7.0 and 8.0 in August 2026,
/// 8.2 in November 2025).
const RELEASES: [(&str, &str); 3] = [("7.0", "7.0.40"), ("8.0", "8.0.29"), (NEWEST, "8.2.2")];

/// Major versions that existed and are no longer offered (assumed where the line runs).
const DEPRECATED: [&str; 8] = ["3.4", "3.6", "4.0", "4.2", "4.4", "5.0", "6.0", "6.3"];

/// What a cluster gets that asks for nothing (recorded).
const DEFAULT: &str = "8.0";

/// What the track of continuous releases leads to (recorded).
const NEWEST: &str = "8.2";

/// Writes the versions that follow from what is asked for. The document already has the release track.
pub fn settle(document: &mut Document, asked: Option<&str>) -> Result<(), ApiError> {
    let current = body::text(document, "mongoDBVersion").to_owned();
    let continuous = body::text(document, "versionReleaseSystem") == "CONTINUOUS";
    // A client that sends back the version it read asks for nothing.
    let major = match asked.filter(|asked| !current.starts_with(asked)) {
        Some(asked) if DEPRECATED.contains(&asked) => return Err(errors::mongodb_version_deprecated()),
        Some(_) if continuous => return Err(errors::auto_upgrades_choose_the_version()),
        Some(asked) if asked == NEWEST || !RELEASES.iter().any(|(major, _)| *major == asked) => {
            return Err(errors::mongodb_version_invalid(asked));
        }
        Some(asked) => asked,
        None if continuous => NEWEST,
        None if current.is_empty() => DEFAULT,
        None => return Ok(()),
    };
    if number(major) < number(&current) {
        return Err(errors::cluster_upgrade_invalid());
    }
    let release = RELEASES.iter().find(|(known, _)| *known == major).map_or("", |(_, release)| release);
    for (field, value) in
        [("featureCompatibilityVersion", major), ("mongoDBMajorVersion", major), ("mongoDBVersion", release)]
    {
        document.insert(field.to_owned(), value.into());
    }
    Ok(())
}

/// The major version as two numbers that can be compared; zeros for none.
pub fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
