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

/// When a pinned feature compatibility version is let go; absent while none is pinned.
pub const PINNED_UNTIL: &str = "featureCompatibilityVersionExpirationDate";

const COMPATIBILITY: &str = "featureCompatibilityVersion";

/// Writes the versions that follow from what is asked for. The document already has the release track. A pinned feature
/// compatibility version stays, and the one major version before the current one can be gone back to as long as it is
/// pinned (published).
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
    let pinned = document.contains_key(PINNED_UNTIL);
    let back = pinned && number(major) == number(body::text(document, COMPATIBILITY));
    if number(major) < number(&current) && !back {
        return Err(errors::cluster_upgrade_invalid());
    }
    let release = RELEASES.iter().find(|(known, _)| *known == major).map_or("", |(_, release)| release);
    document.extend([("mongoDBMajorVersion".to_owned(), major.into()), ("mongoDBVersion".to_owned(), release.into())]);
    if !pinned {
        follow(document);
    }
    Ok(())
}

/// The feature compatibility version becomes the major version.
pub fn follow(document: &mut Document) {
    let major = body::text(document, "mongoDBMajorVersion").to_owned();
    document.insert(COMPATIBILITY.to_owned(), major.into());
}

/// The major version as two numbers that can be compared; zeros for none.
pub fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
