//! The recordings, and which of them the families can be asked about.
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

const ROOT: &str = "/api/atlas/v2";

/// One recorded answer. Only recordings of the Terraform provider have the body of the request.
#[derive(Deserialize)]
pub struct Record {
    pub source: String,
    pub test: String,
    /// The part of the test, where it has parts.
    #[serde(default)]
    pub step: Option<String>,
    pub method: String,
    /// With placeholders.
    pub path: String,
    pub raw_path: String,
    pub api_version: Option<String>,
    pub status: u16,
    #[serde(default)]
    pub request_body: Value,
    #[serde(default)]
    pub response_body: Value,
}

impl Record {
    /// The path below the root of the API, with placeholders.
    pub fn template(&self) -> &str {
        self.path.strip_prefix(ROOT).unwrap_or(&self.path)
    }

    /// The last segment of the path as it was called.
    pub fn last_segment(&self) -> &str {
        self.raw_path.rsplit('/').next().unwrap_or_default()
    }

    /// The name of the cluster in the path as it was called.
    pub fn cluster_name(&self) -> &str {
        let mut segments = self.raw_path.split('/').skip_while(|segment| !segment.to_lowercase().ends_with("clusters"));
        segments.nth(1).unwrap_or_default()
    }

    /// Whether this is a request to one of the paths that was carried out.
    pub fn is_sent(&self, methods: &[&str], paths: &[&str]) -> bool {
        self.status < 300 && methods.contains(&self.method.as_str()) && paths.contains(&self.template())
    }

    /// Operation and version, as they are counted.
    pub fn label(&self) -> String {
        let version = self.api_version.as_deref().unwrap_or("any version");
        format!("{} {} {} {version}", self.method, self.template(), self.status)
    }

    /// Whether the vendor's command line sent this.
    pub fn is_command_line(&self) -> bool {
        self.source == "cli"
    }

    /// The recordings of the Terraform provider are from March to November 2025, the others from August 2026.
    pub fn is_from_2025(&self) -> bool {
        self.source == "terraform"
    }

    /// Whether a list that is always an array is something else: some records were moved to another path.
    fn is_bare_list_with_an_object(&self) -> bool {
        self.method == "GET" && self.template().ends_with("/resourcePolicies") && !self.response_body.is_array()
    }

    /// Why the families are not asked about this record, if they are not.
    pub fn excluded(&self) -> Option<&'static str> {
        if self.source == "terraform-template" {
            Some("made by hand, not recorded")
        } else if self.test.starts_with("TestMockRoundTripper") && self.is_bare_list_with_an_object() {
            Some("a recorder's test of itself, put together by hand")
        } else if self.status == 401 {
            Some("answered before a family is asked: credentials")
        } else if self.response_body["errorCode"] == "GROUP_NOT_FOUND" {
            Some("answered before a family is asked: unknown project")
        } else {
            None
        }
    }
}

/// One record among those that were made before and after it.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub records: &'a [Record],
    pub position: usize,
}

impl<'a> Scene<'a> {
    pub fn record(&self) -> &'a Record {
        &self.records[self.position]
    }

    /// What the same test had sent to these paths before, and what was not refused.
    pub fn earlier(&self, methods: &[&str], paths: &[&str]) -> Vec<&'a Record> {
        let test = &self.record().test;
        let sent = |record: &&Record| record.test == *test && record.is_sent(methods, paths);
        self.records[..self.position].iter().filter(sent).collect()
    }
}

/// Where the recordings are: in the folder that `ATLAS_API_DATA` names, or beside the repository.
pub fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/atlas-api");
    #[expect(clippy::disallowed_methods, reason = "where test data lies is no configuration of the program")]
    let folder = std::env::var_os("ATLAS_API_DATA").map_or(beside, PathBuf::from);
    folder.join("recorded.jsonl").is_file().then_some(folder)
}

/// All records, in the order in which they were made within each test.
pub fn load(folder: &std::path::Path) -> Vec<Record> {
    let text = fs::read_to_string(folder.join("recorded.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
