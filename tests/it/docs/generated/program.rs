//! Flags and metrics.
use atlas_operator::cli;

use super::{code, table};
use crate::everything;

pub fn flags() -> String {
    let command = cli::command();
    let run = command.find_subcommand("run").unwrap();
    let row = |flag: &clap::Arg| {
        let defaults: Vec<_> = flag.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let words: Vec<_> = flag.get_possible_values().iter().map(|word| code(word.get_name())).collect();
        let mut help = flag.get_help().unwrap().to_string();
        if !words.is_empty() {
            help = format!("{help}: {}", words.join(" or "));
        }
        vec![
            code(&format!("--{}", flag.get_long().unwrap())),
            code(&flag.get_env().unwrap().to_string_lossy()),
            defaults.iter().map(|value| code(value)).collect::<Vec<_>>().join(", "),
            help,
        ]
    };
    table(&["flag", "variable", "default", "meaning"], run.get_arguments().map(row))
}

/// Everything that is counted, so that everything is exposed.
pub fn metrics() -> String {
    // The objects' stores and a client that is never used need a runtime around them.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let metrics = {
        let _within = runtime.enter();
        everything::counted(1000)
    };
    let text = metrics.expose();
    let mut rows = Vec::new();
    for (name, help) in text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' ')) {
        let type_ = text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        // What OpenMetrics puts behind the name, and which of the series of a histogram has its labels.
        let (suffix, sample) = match type_ {
            "counter" => ("_total", "_total"),
            "info" => ("_info", "_info"),
            "histogram" => ("", "_bucket"),
            _ => ("", ""),
        };
        let sample = text.lines().find(|line| line.starts_with(&format!("{name}{sample}{{"))).unwrap_or_default();
        let labels: Vec<_> = labels(sample).into_iter().filter(|label| *label != "le").map(code).collect();
        rows.push(vec![code(&format!("{name}{suffix}")), type_.to_owned(), labels.join(", "), help.to_owned()]);
    }
    table(&["metric", "type", "labels", "what it counts"], rows)
}

/// The names of the labels of a line of an exposition: each stands before `="`, and what is in quotes is a value, with a
/// backslash before a quote that does not end it.
fn labels(sample: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = sample.split_once('{').map_or("", |(_, rest)| rest);
    while let Some((name, value)) = rest.split_once("=\"") {
        names.push(name.trim_start_matches(','));
        let mut escaped = false;
        let end = value.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        rest = end.map_or("", |end| &value[end + 1..]);
    }
    names
}

#[test]
fn labels_are_found_whatever_their_values_are() {
    let sample = r#"requests_total{operation="/groups/{groupId},x=\"y\"",method="GET",status="2xx"} 1"#;
    assert_eq!(labels(sample), ["operation", "method", "status"]);
    assert_eq!(labels("depth 1"), Vec::<&str>::new());
    let requests =
        metrics().lines().find(|row| row.contains("atlas_operator_atlas_requests_total")).unwrap().to_owned();
    assert!(requests.contains("`status`"), "{requests}");
}
