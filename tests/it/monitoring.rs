//! Metrics as Prometheus gets them, and the alerts and the dashboard that are made of them.
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use atlas_operator::server;
use harness::{go_tool, repository};
use serde_json::Value;

use crate::{docs::page::pages, everything};

/// The most series that one replica may expose.
const MOST_SERIES: usize = 2000;
const RULES: &str = "deploy/monitoring/rules.yaml";
const DASHBOARD: &str = "deploy/monitoring/dashboard.json";
const CASES: &str = "tests/monitoring/rules.test.yaml";

/// What `/metrics` answers when everything has been counted over so many objects.
async fn exposed(objects: usize) -> String {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(server::metrics(listener, everything::counted(objects)));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = client.get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
    serving.abort();
    text
}

/// The series of an exposition, by their name.
fn series(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut series: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap();
        series.entry(&line[..end]).or_default().push(line);
    }
    series
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_series_is_bounded_with_ten_thousand_objects() {
    let text = exposed(10_000).await;
    let by_name = series(&text);
    let number: usize = by_name.values().map(Vec::len).sum();
    println!("{number} series with 10,000 objects");
    for (name, lines) in &by_name {
        println!("{:5} {name}", lines.len());
    }
    assert!(number <= MOST_SERIES, "{number}");
    let few: usize = series(&exposed(400).await).values().map(Vec::len).sum();
    assert_eq!(number, few, "the number grows with the number of objects");
    for name in ["object-", "namespace-", "Canary", "Perhaps"] {
        assert!(!text.contains(name), "{name}");
    }
    let counted: u64 = by_name["atlas_operator_objects"].iter().map(|line| value(line)).sum();
    assert_eq!(counted, 10_000);
    // The oldest that is there: what is gone is not waited for.
    let oldest = by_name["atlas_operator_queue_oldest_seconds"].iter().map(|line| value(line)).max().unwrap();
    // 90 s when it was counted, and as long again as the machine took to get here; what is gone is at 500 s.
    assert!((90..=400).contains(&oldest), "{oldest} s");
    assert_eq!(value(by_name["atlas_operator_queue_depth"][0]), 2);
}

/// The value of a line, without its fraction.
fn value(line: &str) -> u64 {
    line.rsplit(' ').next().unwrap().split('.').next().unwrap().parse().unwrap()
}

/// Every name of a metric, and every label that is asked about, in a text with expressions.
fn asked(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (start, _) in text.match_indices("atlas_operator_") {
        let rest = &text[start..];
        let end = rest.find(|letter| !part(letter)).unwrap_or(rest.len());
        let labels = asked.entry(rest[..end].to_owned()).or_default();
        if let Some((matchers, _)) = rest[end..].strip_prefix('{').and_then(|matchers| matchers.split_once('}')) {
            let names = matchers.split(',').filter_map(|matcher| matcher.split(['=', '!']).next());
            // What the scrape adds is not in the exposition.
            labels.extend(names.filter(|name| !["namespace", "job"].contains(name)).map(str::to_owned));
        }
    }
    asked
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

/// Every expression of the dashboard.
fn expressions(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == "expr" || name == "query" => vec![text.clone()],
                value => expressions(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_dashboard_ask_for_nothing_that_is_not_exposed() {
    let text = exposed(1000).await;
    let series = series(&text);
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let dashboard = expressions(&dashboard).join("\n");
    for (place, text) in [(RULES, &read(RULES)), (DASHBOARD, &dashboard)] {
        let asked = asked(text);
        assert!(asked.len() > 5, "{place}: {asked:?}");
        for (name, labels) in asked {
            let lines = series.get(name.as_str()).unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
            for label in labels {
                let has = lines.iter().any(|line| line.contains(&format!("{label}=\"")));
                assert!(has, "{place}: {name} has no label {label}");
            }
        }
    }
    // And what is exposed is shown, but for what belongs to a histogram.
    let shown = asked(&dashboard);
    let unseen: Vec<_> = series.keys().filter(|name| !shown.contains_key(**name)).collect();
    let of_histogram = |name: &str| ["_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end));
    assert!(unseen.iter().all(|name| of_histogram(name)), "not in the dashboard: {unseen:?}");
}

/// The alerts of the rules.
fn alerts() -> Vec<Value> {
    let rules: Value = serde_saphyr::from_str(&read(RULES)).unwrap();
    let groups = rules["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn every_alert_has_a_page_and_cases_in_which_it_fires_and_resolves() {
    let cases: Value = serde_saphyr::from_str(&read(CASES)).unwrap();
    let cases: Vec<&Value> = cases["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap())
        .collect();
    let overview = read("docs/alerts.md");
    let mut runbooks: BTreeSet<String> =
        pages().into_iter().map(|page| page.path).filter(|path| path.starts_with("docs/runbooks/")).collect();
    let alerts = alerts();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in &alerts {
        let name = alert["alert"].as_str().unwrap();
        let page = format!("docs/runbooks/{name}.md");
        assert_eq!(alert["annotations"]["runbook_url"], page.as_str());
        assert!(runbooks.remove(&page), "there is no {page}");
        assert!(overview.contains(&format!("(runbooks/{name}.md)")), "docs/alerts.md does not link to {page}");
        // In the order of time: it fires at some time, and at a later one it does not.
        let of_it = cases.iter().filter(|case| case["alertname"] == name);
        let fires: Vec<bool> = of_it.map(|case| !case["exp_alerts"].as_array().unwrap().is_empty()).collect();
        let is_whole = !fires.is_empty() && fires.chunks(3).all(|fires| fires == [false, true, false]);
        assert!(is_whole, "{name}: in each case it is quiet, fires, and resolves: {fires:?}");
    }
    assert!(runbooks.is_empty(), "pages without an alert: {runbooks:?}");
}

#[test]
fn prometheus_itself_takes_the_rules_and_their_cases() {
    // The cases name the rules by a file beside them.
    let folder = tempfile::tempdir().unwrap();
    for (file, name) in [(RULES, "rules.yaml"), (CASES, "rules.test.yaml")] {
        std::fs::copy(repository().join(file), folder.path().join(name)).unwrap();
    }
    let promtool = go_tool("tests/monitoring", "github.com/prometheus/prometheus/cmd/promtool").unwrap();
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]] {
        let output = Command::new(&promtool).args(arguments).current_dir(folder.path()).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "{arguments:?}: {said}");
        println!("{}", said.trim());
    }
}
