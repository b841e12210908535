//! docs/metrics.md, the alerts and the dashboard, held against what `/metrics` shows.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::*;

/// Each metric with its type: of histograms the name without `_bucket`, `_sum` and `_count`.
fn described() -> BTreeMap<String, String> {
    let monitor = Monitor::default();
    drop(monitor.metrics.queues.of("mails"));
    let text = plain(&monitor);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// Each metric that is named between backticks in the first cell of a table, with the first word of the second cell.
fn documented() -> BTreeMap<String, String> {
    let text = fs::read_to_string("docs/metrics.md").unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let of_row = |row: &str| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let kind = cells[1].split([',', ' ']).next().unwrap_or_default().to_owned();
        let names: Vec<String> = cells[0].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        names.into_iter().map(move |name| (name, kind.clone())).collect::<Vec<_>>()
    };
    rows.flat_map(of_row).collect()
}

/// Words of a `PromQL` expression that may be names of metrics of ours.
fn names(expression: &str) -> Vec<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words
        .filter(|word| word.starts_with("fanmail_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// Those that are not in `/metrics`.
fn unknown(expression: &str) -> Vec<String> {
    let described = described();
    let is_known = |name: &String| {
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let is_histogram = |name: &str| described.get(name).is_some_and(|kind| kind == "histogram");
        of_histogram.is_some_and(is_histogram) || (described.contains_key(name) && !is_histogram(name))
    };
    names(expression).into_iter().filter(|name| !is_known(name)).collect()
}

/// All texts at the key `expr`, at any depth.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn the_page_has_every_metric_with_its_type_and_no_other() {
    assert_eq!(documented(), described());
}

#[test]
fn every_query_of_the_dashboard_names_metrics_that_exist() {
    let text = fs::read_to_string("deploy/grafana/fanmail.json").unwrap();
    let mut found = Vec::new();
    expressions(&serde_json::from_str(&text).unwrap(), &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for expression in found {
        assert_eq!(unknown(&expression), Vec::<String>::new(), "{expression}");
        assert!(!names(&expression).is_empty(), "{expression}");
    }
}

#[test]
fn every_alert_names_metrics_that_exist_and_says_what_to_do() {
    let text = fs::read_to_string("deploy/prometheus/alerts.yml").unwrap();
    let operations = fs::read_to_string("docs/operations.md").unwrap();
    let rules: Vec<&str> = text.split("- alert: ").skip(1).collect();
    assert!(rules.len() > 10);
    for rule in rules {
        let expression: String = rule.lines().take_while(|line| !line.contains("labels:")).collect();
        assert_eq!(unknown(&expression), Vec::<String>::new(), "{rule}");
        for annotation in
            ["severity: ", "summary: ", "description: \"", "command: \"", "runbook: docs/operations.md#"]
        {
            assert_eq!(rule.matches(annotation).count(), 1, "{annotation}: {rule}");
        }
        for query in rule.split("{{ range query ").skip(1) {
            let query = query.split(" }}").next().unwrap();
            assert_eq!((unknown(query), names(query).len()), (Vec::new(), 1), "{rule}");
        }
        let anchor = rule.split("operations.md#").nth(1).unwrap().lines().next().unwrap();
        let is_it = |heading: &str| {
            heading.to_lowercase().replace(' ', "-").replace(['`', ',', '.', '?', ':'], "") == anchor
        };
        let headings = operations.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
        assert!(headings.into_iter().any(is_it), "no heading {anchor} in docs/operations.md");
    }
}
