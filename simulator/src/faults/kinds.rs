//! The kinds of fault: what happens to a call that is struck.
use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::auth::Gate;
use crate::http::answer::{Answer, error_body};
use crate::pacing::too_many_requests;
use crate::settings::{BucketSize, Settings};

/// The faults that have a name. Most are edge answers that were observed; the rest is what a network can do.
///
/// The first line of each is what `GET /_sim/faults/kinds` says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request is refused with `VALIDATION_ERROR`
    #[serde(rename = "400")]
    BadRequest,
    /// A fresh challenge although the credentials are right; ordered for several calls it is a loop
    #[serde(rename = "401-challenge-loop")]
    ChallengeLoop,
    /// No body and no challenge
    #[serde(rename = "401-empty")]
    UnauthorizedEmpty,
    /// No body
    #[serde(rename = "403-empty")]
    ForbiddenEmpty,
    /// `IP_ADDRESS_NOT_ON_ACCESS_LIST` with the caller's address
    #[serde(rename = "403-ip-access-list")]
    ForbiddenAddress,
    /// `RESOURCE_NOT_FOUND`, which Atlas also answers in passing
    #[serde(rename = "404")]
    NotFound,
    /// `UNEXPECTED_ERROR` with status 409
    #[serde(rename = "409")]
    Conflict,
    /// `VERSION_GONE`
    #[serde(rename = "410")]
    Gone,
    /// The rate limit is exceeded, with `Retry-After: 0`
    #[serde(rename = "429-retry-after-0")]
    TooManyNow,
    /// The rate limit is exceeded, with `Retry-After: 60`
    #[serde(rename = "429-retry-after-60")]
    TooManyLater,
    /// The rate limit is exceeded, without a `Retry-After`
    #[serde(rename = "429-no-header")]
    TooManyUnsaid,
    /// `UNEXPECTED_ERROR`
    #[serde(rename = "500")]
    InternalError,
    /// A page of a gateway in HTML
    #[serde(rename = "502-html")]
    BadGateway,
    /// No body
    #[serde(rename = "503-empty")]
    Unavailable,
    /// Never answers; the connection stays open until the client gives up
    Timeout,
    /// The connection is closed without an answer
    Reset,
    /// A complete HTTP answer whose JSON stops in the middle
    TruncatedJson,
    /// The answer says that it is HTML
    WrongContentType,
    /// The answer says that it is compressed, and is not
    GzipGarbage,
}

/// An answer of the caller's own making, in the standard error shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Custom {
    pub status: u16,
    pub error_code: String,
    #[serde(default)]
    pub detail: String,
    #[serde(default)]
    pub parameters: Vec<Value>,
}

/// What becomes of a struck call.
pub enum Fate {
    Answer(Answer),
    Reset,
    Hold,
}

/// What a fault may need to know of the call that it strikes.
pub struct Scene<'a> {
    /// Decoded, without the query.
    pub path: &'a str,
    pub address: &'a str,
    /// What the handler answered, when it has run.
    pub answered: Option<Answer>,
    /// On the clients' clock.
    pub now: Timestamp,
    pub settings: &'a Settings,
}

/// The bucket that an invented 429 speaks of: the example of the documentation.
const BUCKET: BucketSize = BucketSize { capacity: 10, refill: 5 };

/// The body that is damaged when no handler has written one.
const UNDAMAGED: &str = r#"{"links":[],"results":[],"totalCount":0}"#;

const HTML: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                    <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";

/// Every kind with what it does, as `GET /_sim/faults/kinds` shows it.
pub fn list() -> Value {
    let line = |kind: &Kind| {
        let help = kind.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        json!({"kind": kind.name(), "does": help.unwrap_or_default()})
    };
    Kind::value_variants().iter().map(line).collect()
}

impl Kind {
    /// The name that orders and reports have for it.
    pub fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }

    pub fn fate(self, scene: Scene, gate: &mut Gate) -> Fate {
        let Scene { path, address, answered, now, settings } = scene;
        let damaged = || answered.unwrap_or_else(|| Answer::with_body(200, "application/json", UNDAMAGED));
        let limited = |seconds| Answer::error(&too_many_requests(path, BUCKET, seconds));
        Fate::Answer(match self {
            Self::Timeout => return Fate::Hold,
            Self::Reset => return Fate::Reset,
            Self::ChallengeLoop => gate.challenge(now, settings),
            Self::UnauthorizedEmpty => Answer::empty(401),
            Self::ForbiddenEmpty => Answer::empty(403),
            Self::Unavailable => Answer::empty(503),
            Self::BadGateway => Answer::with_body(502, "text/html", HTML),
            Self::TooManyNow => limited(0).header("retry-after", "0"),
            Self::TooManyLater => limited(60).header("retry-after", "60"),
            Self::TooManyUnsaid => limited(0),
            Self::ForbiddenAddress => Answer::error(&not_on_access_list(address)),
            // The codes of the next five are the API's least telling ones for their status.
            Self::BadRequest => error(400, "VALIDATION_ERROR", "The request is not valid.", &[]),
            Self::NotFound => {
                let detail = format!("Cannot find resource {path}.");
                error(404, "RESOURCE_NOT_FOUND", &detail, &[json!(path)])
            }
            Self::Conflict => error(409, "UNEXPECTED_ERROR", "Unexpected error.", &[]),
            Self::Gone => error(410, "VERSION_GONE", "This version of the resource is no longer available.", &[]),
            Self::InternalError => error(500, "UNEXPECTED_ERROR", "Unexpected error.", &[]),
            Self::TruncatedJson => {
                let mut answer = damaged();
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            Self::WrongContentType => {
                let mut answer = damaged();
                answer.replace("content-type", "text/html");
                answer
            }
            Self::GzipGarbage => {
                let mut answer = damaged();
                answer.replace("content-encoding", "gzip");
                answer
            }
        })
    }
}

impl Custom {
    /// # Errors
    /// The status is none that HTTP has for an answer.
    pub fn check(self) -> Result<Self, String> {
        if (200..=599).contains(&self.status) {
            Ok(self)
        } else {
            Err(format!("{} is no status of an answer", self.status))
        }
    }

    pub fn answer(&self) -> Answer {
        error(self.status, &self.error_code, &self.detail, &self.parameters)
    }
}

/// The 403 for a caller whose address the organization does not allow.
pub fn not_on_access_list(address: &str) -> ApiError {
    let detail = format!("IP address {address} is not allowed to access this resource.");
    ApiError::new(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", detail).with([address])
}

fn error(status: u16, code: &str, detail: &str, parameters: &[Value]) -> Answer {
    Answer::json(status, &error_body(status, code, detail, parameters)).header("x-error-code", code)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::auth::directory::Directory;

    fn fate(kind: &str, answered: Option<Answer>) -> Fate {
        let kind: Kind = serde_json::from_value(json!(kind)).unwrap();
        let settings = Settings::default();
        let path = "/api/atlas/v2/groups";
        let scene = Scene { path, address: "127.0.0.1", answered, now: Timestamp::UNIX_EPOCH, settings: &settings };
        kind.fate(scene, &mut Gate::new(1, Directory::new(1, &[]).unwrap()))
    }

    fn answer(kind: &str, answered: Option<Answer>) -> Answer {
        match fate(kind, answered) {
            Fate::Answer(answer) => answer,
            Fate::Reset | Fate::Hold => panic!("{kind} has no answer"),
        }
    }

    #[test]
    fn every_kind_has_the_status_of_its_name() {
        let kinds = Kind::value_variants()
            .iter()
            .map(|kind| kind.name())
            .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()));
        for kind in kinds {
            let answer = answer(&kind, None);
            assert_eq!(answer.status.to_string(), kind[..3], "{kind}");
            assert_eq!(kind.ends_with("empty"), answer.body.is_empty(), "{kind}");
            assert_eq!(kind == "401-challenge-loop", answer.has("www-authenticate"), "{kind}");
        }
    }

    #[test]
    fn the_list_says_of_each_kind_what_it_does() {
        let list = list();
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), Kind::value_variants().len());
        for line in list {
            assert!(serde_json::from_value::<Kind>(line["kind"].clone()).is_ok(), "{line}");
            assert!(line["does"].as_str().is_some_and(|help| !help.is_empty()), "{line}");
        }
    }

    #[test]
    fn the_three_429_differ_in_their_header() {
        let header = |kind: &str| {
            let answer = answer(kind, None);
            answer.headers.into_iter().find(|(name, _)| *name == "retry-after").map(|(_, value)| value)
        };
        assert_eq!(header("429-retry-after-0").as_deref(), Some("0"));
        assert_eq!(header("429-retry-after-60").as_deref(), Some("60"));
        assert_eq!(header("429-no-header"), None);
    }

    #[test]
    fn damage_is_done_to_the_answer_that_was_given() {
        let given = Answer::json(201, &json!({"id": "1", "name": "two"}));
        let truncated = answer("truncated-json", Some(given.clone()));
        assert_eq!((truncated.status, truncated.body.as_slice()), (201, &given.body[..given.body.len() / 2]));
        assert!(serde_json::from_slice::<Value>(&truncated.body).is_err());
        let html = answer("wrong-content-type", Some(given.clone()));
        assert_eq!((html.body.clone(), html.headers[0].1.as_str()), (given.body.clone(), "text/html"));
        let garbage = answer("gzip-garbage", Some(given.clone()));
        assert!(garbage.has("content-encoding") && garbage.body == given.body);
        assert!(serde_json::from_slice::<Value>(&answer("truncated-json", None).body).is_err());
    }

    #[test]
    fn two_kinds_never_answer() {
        assert!(matches!(fate("timeout", None), Fate::Hold));
        assert!(matches!(fate("reset", None), Fate::Reset));
    }
}
