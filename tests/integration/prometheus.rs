//! A real Prometheus beside a real worker: it reads all metrics, the alerts fire when relay, broker and worker are away, and each query of the
//! dashboard works. No series is added by anything that happens.

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::broker::Broker;
use testkit::database_proxy::DatabaseProxy;
use testkit::http::{address_of, get_from_worker};
use testkit::prometheus::{Prometheus, promtool};
use testkit::queue::properties;
use testkit::scenario::Scenario;

/// The alerts with times for a test: no waiting, and what has happened within seconds.
fn hasty_rules() -> String {
    let rules = fs::read_to_string("deploy/prometheus/alerts.yml").unwrap();
    let lines = rules.lines().filter(|line| !line.trim_start().starts_with("for: "));
    lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("[15m]", "[3s]")
        .replace("[30m]", "[3s]")
        .replace("> 1800", "> 1")
        + "\n"
}

#[test]
fn prometheus_reads_all_metrics_and_the_alerts_fire() {
    let proxy = DatabaseProxy::passing(Broker::shared().port);
    let scenario = Scenario::with_relay("prometheus", 20)
        .env("LAVINMQ_PORT", &proxy.port.to_string())
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("MAX_RETRIES", "0")
        .build();
    let worker = scenario.worker();
    let prometheus = Prometheus::start(address_of(&worker), &hasty_rules());
    prometheus.wait_for("the broker", || prometheus.value("fanmail_up{part=\"broker\"}") == Some(1.0));
    let series = prometheus.series();

    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    prometheus.wait_for("the mails", || prometheus.value("fanmail_sent_total") == Some(20.0));
    for (expression, value) in [
        ("min(fanmail_up)", 1.0),
        ("fanmail_publish_to_first_mail_seconds_count", 1.0),
        ("fanmail_publish_to_complete_seconds_count", 1.0),
        ("fanmail_smtp_seconds_count{phase=\"body\"}", 20.0),
        ("count(fanmail_build_info{version!=\"\"})", 1.0),
        ("fanmail_consumers", 1.0),
        ("fanmail_mails_in_flight + fanmail_unrecorded", 0.0),
    ] {
        prometheus.wait_for(expression, || prometheus.value(expression) == Some(value));
    }
    let types = prometheus.api("metadata?limit=1000");
    for (name, kind) in
        [("fanmail_sent", "counter"), ("fanmail_smtp_seconds", "histogram"), ("fanmail_up", "gauge")]
    {
        assert_eq!(types[name][0]["type"], kind, "OpenMetrics was asked for");
    }
    let plain = get_from_worker(&worker, "/metrics");
    assert!(plain.contains("\nfanmail_sent_total 20\n") && !plain.contains("# EOF"), "{plain}");
    prometheus.wait_for("no alert", || prometheus.firing().is_empty());

    scenario.smtp.go_down();
    scenario.publish("UPDATED");
    prometheus.wait_for_alert("FanmailBreakerOpen");
    prometheus.wait_for("one alert for one cause", || prometheus.firing() == ["FanmailBreakerOpen"]);
    prometheus.wait_for("the backlog", || prometheus.value("fanmail_backlog_recipients") == Some(20.0));
    queries_of_the_dashboard_work(&prometheus);
    scenario.queue.publish_raw(b"no JSON", properties(None));
    prometheus.wait_for_alert("FanmailDeadLetters");
    proxy.cut_off();
    prometheus.wait_for_alert("FanmailBrokerAway");
    assert!(prometheus.query("fanmail_messages_waiting >= 0").is_empty(), "it is not known");
    prometheus.wait_for("the same series as before", || prometheus.series() == series);
    worker.kill();
    prometheus.wait_for_alert("FanmailDown");
}

/// Each expression of the dashboard, with what Grafana puts in place of its variables.
fn queries_of_the_dashboard_work(prometheus: &Prometheus) {
    let text = fs::read_to_string("deploy/grafana/fanmail.json").unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut number = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let filled = expression.replace("$instance", ".*").replace("$__rate_interval", "1m");
            assert!(!prometheus.query(&filled).is_empty(), "{}: {filled} gives nothing", panel["title"]);
            number += 1;
        }
    }
    assert!(number > 50, "{number}");
}

#[test]
fn promtool_finds_the_alerts_right() {
    let dir = Path::new("deploy/prometheus");
    promtool(&["check", "rules", "alerts.yml"], dir);
    promtool(&["test", "rules", "alerts_test.yml"], dir);
}
