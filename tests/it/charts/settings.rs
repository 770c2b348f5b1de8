//! The operator's settings as the chart takes them: what would end its start is refused before anything is installed.
use atlas_operator::cli;
use serde_json::{Value, json};

use super::{OPERATOR, folder, template};
use crate::configuration::WRONG;

/// A setting whose grammar a schema cannot tell: a wrong one ends the start.
const BEYOND_A_SCHEMA: &str = "log";

fn schema() -> Value {
    let schema = std::fs::read_to_string(folder(OPERATOR).join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    schema["properties"]["settings"]["properties"].clone()
}

/// A text as YAML has it: a number, or itself.
fn value(text: &str) -> Value {
    text.parse().map_or_else(|_| json!(text), |number: i64| json!(number))
}

/// Whether the program takes a setting.
fn takes(name: &str, text: &str) -> bool {
    cli::command().try_get_matches_from(["atlas-operator", "run", &format!("--{name}={text}")]).is_ok()
}

/// Every setting is in reach of the chart, by its flag's name or by a value of its own.
#[test]
fn the_settings_are_those_of_the_operator() {
    /// What other values and the chart itself set.
    const OTHERS: [&str; 12] = [
        "atlas-ca-file",
        "atlas-proxy",
        "atlas-proxy-credentials",
        "config",
        "default-secret",
        "health",
        "leader-election",
        "lease-duration",
        "lease-name",
        "lease-namespace",
        "metrics",
        "namespace",
    ];
    let schema = schema();
    let mut settings: Vec<&str> = schema.as_object().unwrap().keys().map(String::as_str).collect();
    settings.extend(OTHERS);
    settings.sort_unstable();
    let command = cli::command();
    let mut flags: Vec<&str> =
        command.find_subcommand("run").unwrap().get_arguments().filter_map(clap::Arg::get_long).collect();
    flags.sort_unstable();
    assert_eq!(settings, flags);
}

#[tokio::test]
async fn what_would_end_the_start_is_refused() {
    let schema = schema();
    let mut refused = 0;
    for (name, texts, _) in WRONG.iter().filter(|(name, ..)| !schema[name].is_null() && *name != BEYOND_A_SCHEMA) {
        for text in *texts {
            let said = template(OPERATOR, &json!({"settings": {*name: value(text)}})).await.unwrap_err();
            assert!(said.contains(name), "{name}={text}: {said}");
            refused += 1;
        }
    }
    assert!(refused > 10, "{refused}");
}

#[tokio::test]
async fn the_chart_takes_what_the_operator_takes() {
    for (name, setting) in schema().as_object().unwrap() {
        for text in setting["enum"].as_array().into_iter().flatten() {
            assert!(takes(name, text.as_str().unwrap()), "{name}: {text}");
        }
    }
    let durations = [
        "4s", "5s", "9s", "10s", "99s", "100s", "299s", "300s", "301s", "1m", "5m", "6m", "10m", "1h", "999m",
        "10079m", "10080m", "10081m", "9h", "99h", "159h", "168h", "169h", "99999s", "599999s", "603999s", "604800s",
        "604801s",
    ];
    let cases = durations
        .iter()
        .flat_map(|text| [("resync", *text), ("lease-duration", *text)])
        .chain(["0", "1", "256", "257"].map(|text| ("concurrency", text)))
        .chain(
            ["https://cloud.mongodb.com", "https://cloud.mongodbgov.com/", "http://localhost:8080", "http://10.0.0.1"]
                .map(|text| ("atlas-url", text)),
        )
        .chain(
            ["http://collector:4318", "https://collector/otlp", "grpc://collector"].map(|text| ("otlp-endpoint", text)),
        );
    for (name, text) in cases {
        let values = match name {
            "lease-duration" => json!({"leaderElection": {"leaseDuration": text}}),
            name => json!({"settings": {name: value(text)}}),
        };
        let rendered = template(OPERATOR, &values).await;
        assert_eq!(rendered.is_ok(), takes(name, text), "{name}={text}: {rendered:?}");
    }
}
