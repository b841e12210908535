//! What Prometheus and people see. That Prometheus itself reads it, tests/integration/prometheus.rs shows.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;
use crate::domain::bounce_result::BounceResult;
use crate::observe::metrics::times::observe;

mod documents;

fn plain(monitor: &Monitor) -> String {
    render(monitor, Format::Plain).unwrap()
}

/// Everything in front of the value of each line: the name, and the labels in order. The formats write them in different orders, and the
/// bucket 1 of one is 1.0 in the other.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series);
    let ordered = |series: &str| {
        let series = series.replace(".0\"", "\"");
        let (name, labels) = series.split_once('{').unwrap_or((&series, ""));
        let mut labels: Vec<&str> =
            labels.trim_end_matches('}').split("\",").map(|label| label.trim_end_matches('"')).collect();
        labels.sort_unstable();
        format!("{name} {labels:?}")
    };
    series.map(ordered).collect()
}

#[test]
fn the_formats_have_the_same_series_and_differ_in_their_types_and_end() {
    let monitor = Monitor::default();
    monitor.metrics.sent.inc_by(3);
    monitor.metrics.pace_per_second.set(0.5);
    let [plain, open] = [Format::Plain, Format::OpenMetrics].map(|format| render(&monitor, format).unwrap());
    assert_eq!(series(&plain), series(&open));
    for (text, name) in [(&plain, "fanmail_sent_total"), (&open, "fanmail_sent")] {
        let expected = format!(
            "# HELP {name} Mails that the relay accepted, and those of dry-run mode.\n# TYPE {name} counter\n\
             fanmail_sent_total 3\n"
        );
        assert!(text.contains(&expected), "{text}");
        assert!(text.contains("\nfanmail_pace_per_second 0.5\n"), "{text}");
    }
    assert!(open.ends_with("\n# EOF\n") && !plain.contains("EOF"), "{open}");
}

#[test]
fn every_metric_has_a_name_help_and_type_of_its_own() {
    let text = plain(&Monitor::default());
    let described: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for name in &described {
        assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{name}");
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} "))).unwrap();
        assert!(help.ends_with('.') && !help.ends_with(".."), "{name}: {help}");
        assert!(name.starts_with("fanmail_") || name.starts_with("process_"), "{name}");
    }
}

#[test]
fn a_part_is_up_until_one_of_its_queues_has_a_problem() {
    let monitor = Monitor::default();
    let up = |text: &str| {
        let line =
            |line: &str| line.strip_prefix("fanmail_up{part=\"")?.strip_suffix("\"} 0").map(str::to_owned);
        text.lines().filter_map(line).collect::<Vec<String>>()
    };
    assert_eq!(up(&plain(&monitor)), Vec::<String>::new());
    assert_eq!(plain(&monitor).matches("fanmail_up{").count(), Part::ALL.len());
    monitor.health.of_queue("mails").set_problem(Part::Broker, "away".to_owned());
    monitor.health.of_queue("urgent").set_problem(Part::Broker, "away".to_owned());
    monitor.health.of_queue("urgent").clear_problem(Part::Broker);
    monitor.health.set_problem(Part::Publications, "away".to_owned());
    monitor.health.set_note(Part::Relay, "slow".to_owned());
    assert_eq!(up(&plain(&monitor)), ["broker", "replies_and_events"]);
    monitor.health.of_queue("mails").clear_problem(Part::Broker);
    assert_eq!(up(&plain(&monitor)), ["replies_and_events"]);
}

#[test]
fn a_client_gets_the_format_that_it_asks_for() {
    // As Prometheus 2.42 and 3 ask.
    for accept in [
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    ] {
        assert_eq!(Format::accepted(accept), Format::OpenMetrics);
    }
    for accept in ["", "*/*", "text/html,application/xhtml+xml", "text/plain;version=0.0.4"] {
        assert_eq!(Format::accepted(accept), Format::Plain);
    }
}

#[test]
fn the_process_is_told_of() {
    let text = plain(&Monitor::default());
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    };
    assert!(value("process_start_time_seconds") > 1.7e9);
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") >= 3.0 && value("process_max_fds") > 3.0);
    let build = format!("fanmail_build_info{{version=\"{}\",commit=\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&build), "{text}");
}

/// Everything that the process may ever do to its metrics.
fn use_all(monitor: &Monitor) {
    let metrics = &monitor.metrics;
    for result in BounceResult::COUNTED {
        metrics.bounces.set(result, u64::MAX);
    }
    for part in Part::ALL.into_iter().chain([Part::Recipients]) {
        let health = monitor.health.of_queue("a queue \"of no configuration\"\n");
        health.set_problem(part, "user@example.org\nfanmail_up{part=\"x\"} 1".to_owned());
        health.set_note(part, "a note".to_owned());
    }
    for time in [Duration::ZERO, Duration::from_millis(3), Duration::MAX] {
        let times = &metrics.times;
        let smtp = [&times.smtp.connect, &times.smtp.envelope, &times.smtp.body];
        for histogram in smtp.into_iter().chain([&times.page, &times.commit]) {
            observe(histogram, time);
        }
    }
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    for published_at in [None, Some(first), Some(Utc::now()), Some(last)] {
        metrics.times.first_mail.observe_since(published_at);
        metrics.times.completion.observe_since(published_at);
    }
    metrics.pace_per_second.set(f64::INFINITY);
    metrics.backlog.oldest.set(f64::NAN);
    metrics.sent.inc_by(u64::MAX);
    metrics.unrecorded.dec();
}

#[test]
fn what_comes_in_adds_no_series() {
    let monitor = Monitor::default();
    let queue = monitor.metrics.queues.of("mails \"of\\ours\"\n");
    monitor.metrics.queues.of("urgent").waiting.set(7.0);
    let before = plain(&monitor);
    for waiting in ["{queue=\"mails \\\"of\\\\ours\\\"\\n\"} NaN\n", "{queue=\"urgent\"} 7"] {
        assert!(before.contains(&format!("\nfanmail_messages_waiting{waiting}")), "{before}");
    }
    use_all(&monitor);
    queue.consumers.set(2.0);
    queue.forget();
    monitor.metrics.queues.of("urgent").forget();
    assert_eq!(series(&plain(&monitor)), series(&before));
    assert_eq!(series(&render(&monitor, Format::OpenMetrics).unwrap()), series(&before));
}

#[test]
fn the_labels_are_these_and_only_queues_come_from_the_configuration() {
    let monitor = Monitor::default();
    drop(monitor.metrics.queues.of("mails"));
    let text = plain(&monitor);
    let labels: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_once('{')?.1.rsplit_once('}'))
        .flat_map(|(labels, _)| labels.split("\",").map(|label| label.split('=').next().unwrap_or_default()))
        .collect();
    let expected = ["commit", "features", "le", "part", "phase", "queue", "version"];
    assert_eq!(labels, BTreeSet::from(expected));
}
