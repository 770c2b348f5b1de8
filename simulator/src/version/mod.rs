//! Versioned media types: `application/vnd.atlas.YYYY-MM-DD+json`, chosen for each operation by `Accept`.
//!
//! A date is served or it is not. What Atlas does for a date between two versions or in the future is not established,
//! so every date that the operation does not list gets the 406 that is known.
use crate::api::{ApiError, Operation, VersionDate};

/// What comes before the date of a version in a media type.
const PREFIX: &str = "application/vnd.atlas.";

/// The version that a request asks for.
///
/// # Errors
/// 406 `INVALID_VERSION_DATE` when `Accept` names no date or one that the operation is not served under, or when the
/// body's `Content-Type` names such a date. Bodies may also be plain `application/json`.
pub fn choose(
    operation: &Operation,
    accept: Option<&str>,
    content_type: Option<&str>,
) -> Result<VersionDate, ApiError> {
    if let [only] = operation.versions
        && only.is_none()
    {
        return Ok(*only);
    }
    let served = |date: &str| operation.versions.iter().copied().find(|version| version.date == date);
    let body_is_known = content_type.and_then(date).is_none_or(|date| served(date).is_some());
    accept.and_then(date).and_then(served).filter(|_| body_is_known).ok_or_else(refusal)
}

/// The date in the first versioned media type of a header, also when no operation knows it.
pub fn date(header: &str) -> Option<&str> {
    let mut media_types = header.split(',').map(|entry| entry.split(';').next().unwrap_or_default().trim());
    media_types.find_map(|media| media.strip_prefix(PREFIX)?.strip_suffix("+json"))
}

/// The `Content-Type` of a successful answer in a version.
pub fn content_type(version: VersionDate) -> String {
    if version.is_none() {
        return "application/json".to_owned();
    }
    format!("{PREFIX}{}+json;charset=utf-8", version.date)
}

fn refusal() -> ApiError {
    ApiError::new(406, "INVALID_VERSION_DATE", "Invalid accept header or version date.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::api::{EndpointSet, Evidence, Method, Reply, Scope};

    fn operation() -> Operation {
        Operation {
            method: Method::Get,
            path: "/things",
            versions: const { &[VersionDate::new("2023-02-01"), VersionDate::new("2024-08-05")] },
            set: EndpointSet { name: "things", scope: Scope::User, capacity: 1, refill: 1 },
            evidence: Evidence::SpecOnly,
            handler: |_, _| Ok(Reply::empty(200)),
        }
    }

    fn chosen(accept: Option<&str>, content_type: Option<&str>) -> Option<&'static str> {
        choose(&operation(), accept, content_type).ok().map(|version| version.date)
    }

    #[test]
    fn the_date_of_accept_decides() {
        assert_eq!(chosen(Some("application/vnd.atlas.2023-02-01+json"), None), Some("2023-02-01"));
        assert_eq!(chosen(Some("text/html, application/vnd.atlas.2024-08-05+json;q=0.9"), None), Some("2024-08-05"));
    }

    #[test]
    fn no_date_or_an_unknown_one_is_refused() {
        for accept in [None, Some("*/*"), Some("application/json"), Some("application/vnd.atlas.+json")] {
            assert_eq!(chosen(accept, None), None, "{accept:?}");
        }
        for date in ["2024-01-01", "2099-01-01", "preview", "2024-8-5"] {
            assert_eq!(chosen(Some(&format!("application/vnd.atlas.{date}+json")), None), None, "{date}");
        }
        assert_eq!(chosen(Some("application/vnd.atlas.2024-08-05+gzip"), None), None);
    }

    #[test]
    fn a_body_is_plain_json_or_of_a_known_date() {
        let accept = Some("application/vnd.atlas.2024-08-05+json");
        assert_eq!(chosen(accept, Some("application/json")), Some("2024-08-05"));
        assert_eq!(chosen(accept, accept), Some("2024-08-05"));
        assert_eq!(chosen(accept, Some("application/vnd.atlas.2022-01-01+json")), None);
    }
}
