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
        let labels = sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let labels: Vec<_> = labels.split(',').filter_map(|label| label.split_once('=')).collect();
        rows.push(vec![
            code(&format!("{name}{suffix}")),
            type_.to_owned(),
            labels
                .iter()
                .filter(|(label, _)| *label != "le")
                .map(|(label, _)| code(label))
                .collect::<Vec<_>>()
                .join(", "),
            help.to_owned(),
        ]);
    }
    table(&["metric", "type", "labels", "what it counts"], rows)
}
