//! The API server's audit log: who asked for what, and what came of it.
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Error;

/// One line per request, without bodies. The first stage is left out (it repeats the others), and so is what the API
/// server asks of itself and the probes of `/readyz`.
pub(crate) const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "users": ["system:apiserver"]},
    {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
    {"level": "Metadata"}
  ]
}"#;

/// The log of one control plane. A request's line is written when its handler ends, which for a long answer can be
/// an instant after the caller has read it: count after the events that prove the request done, or with
/// [`crate::eventually`].
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
}

/// One request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// `admin`, or `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Empty for the core group, and for what is no resource (`/version`).
    pub group: String,
    /// Plural, lower case; empty for what is no resource.
    pub resource: String,
    /// `status`, `token`, …; empty for the resource itself.
    pub subresource: String,
    /// Empty for what is cluster-wide, and for a list over all namespaces.
    pub namespace: String,
    /// Empty for lists.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// HTTP status; a request that RBAC denies has 403. 0 when the server recorded none.
    pub code: u16,
    /// When the line was written, RFC 3339.
    pub time: String,
}

impl AuditEvent {
    /// Whether it asked for a change, successful or not.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    /// Whether it was refused for lack of permission.
    pub fn is_denied(&self) -> bool {
        self.code == 403
    }

    /// `verb resource.group/subresource`, as RBAC rules are read: `patch atlasclusters.atlas-operator.io/status`.
    pub fn permission(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        format!("{} {}{dot}{}{slash}{}", self.verb, self.resource, self.group, self.subresource)
    }
}

impl AuditLog {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The place where the next line will stand, for [`AuditLog::since`].
    pub fn position(&self) -> Result<u64, Error> {
        Ok(self.path.metadata().map_err(Error::file(&self.path))?.len())
    }

    /// The requests recorded after `position`, each once, oldest first. A watch counts when it begins.
    pub fn since(&self, position: u64) -> Result<Vec<AuditEvent>, Error> {
        let mut text = String::new();
        let mut file = File::open(&self.path).map_err(Error::file(&self.path))?;
        file.seek(SeekFrom::Start(position)).map_err(Error::file(&self.path))?;
        file.read_to_string(&mut text).map_err(Error::file(&self.path))?;
        parse(&text)
    }

    /// Every request since the start.
    pub fn all(&self) -> Result<Vec<AuditEvent>, Error> {
        self.since(0)
    }
}

fn parse(text: &str) -> Result<Vec<AuditEvent>, Error> {
    // The last line may be half written.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete
        .lines()
        .map(|line| serde_json::from_str::<Line>(line).map_err(Error::unreadable("a line of the audit log")))
        .filter(|line| line.as_ref().map_or(true, Line::counts))
        .map(|line| line.map(AuditEvent::from))
        .collect()
}

/// The fields of `audit.k8s.io/v1` `Event` that the harness reads.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: Reference,
    #[serde(default)]
    response_status: Status,
    stage_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reference {
    resource: String,
    namespace: String,
    name: String,
    api_group: String,
    subresource: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

impl Line {
    /// A watch that was granted has two lines, one when it begins and one when it ends; a refused one has the latter
    /// only, with its error.
    fn counts(&self) -> bool {
        self.verb != "watch" || self.stage != "ResponseComplete" || self.response_status.code >= 400
    }
}

impl From<Line> for AuditEvent {
    fn from(line: Line) -> Self {
        Self {
            user: line.user.username,
            verb: line.verb,
            group: line.object_ref.api_group,
            resource: line.object_ref.resource,
            subresource: line.object_ref.subresource,
            namespace: line.object_ref.namespace,
            name: line.object_ref.name,
            uri: line.request_uri,
            code: line.response_status.code,
            time: line.stage_timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn line(stage: &str, verb: &str, code: u16) -> String {
        format!(
            r#"{{"kind":"Event","level":"Metadata","auditID":"1","stage":"{stage}","requestURI":"/x","verb":"{verb}","user":{{"username":"u"}},"objectRef":{{"resource":"atlasclusters","apiGroup":"atlas-operator.io","subresource":"status"}},"responseStatus":{{"metadata":{{}},"code":{code}}},"stageTimestamp":"2026-01-01T00:00:00.000000Z"}}"#
        ) + "\n"
    }

    #[test]
    fn a_watch_counts_once_and_a_denied_watch_too() {
        let text = line("ResponseStarted", "watch", 200) + &line("ResponseComplete", "watch", 200);
        assert_eq!(parse(&text).unwrap().len(), 1);
        let denied = parse(&line("ResponseComplete", "watch", 403)).unwrap();
        assert!(denied[0].is_denied());
    }

    #[test]
    fn a_line_that_is_half_written_waits_for_its_other_half() {
        let whole = line("ResponseComplete", "patch", 200);
        let events = parse(&(whole.clone() + &whole[..40])).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].permission(), "patch atlasclusters.atlas-operator.io/status");
        assert!(events[0].is_write());
    }
}
