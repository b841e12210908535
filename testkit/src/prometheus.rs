//! Prometheus: a server of a test's own that scrapes one worker, and promtool.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::cleanup::ChildGuard;
use crate::http;
use crate::ports::free_port;
use crate::wait::{TIMEOUT, wait_for_program};

/// A Prometheus that scrapes a worker twice a second. Dropping it ends it.
pub struct Prometheus {
    port: u16,
    dir: TempDir,
    _process: ChildGuard,
}

impl Prometheus {
    /// Starts one with these rules, as the job `fanmail`.
    pub fn start(target: SocketAddr, rules: &str) -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        fs::write(dir.path().join("rules.yml"), rules).unwrap();
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 200ms}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs: [{{job_name: fanmail, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let process = ChildGuard::spawn(
            Command::new("prometheus")
                .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .current_dir(dir.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        );
        let prometheus = Self { port, dir, _process: process };
        prometheus.wait_for("its first scrape", || {
            prometheus.get("/-/ready").contains(" 200 OK\r\n") && prometheus.value("up") == Some(1.0)
        });
        prometheus
    }

    /// The result of a query, a series each.
    #[track_caller]
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let Value::Object(mut data) = self.api(&format!("query?query={}", encoded(expression))) else {
            panic!()
        };
        let Some(Value::Array(result)) = data.remove("result") else { panic!("{expression}: {data:?}") };
        result
    }

    /// The value of an expression with one series, if it has one.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Option<f64> {
        let [one] = &self.query(expression)[..] else { return None };
        one["value"][1].as_str().unwrap().parse().ok()
    }

    /// All series that begin with `fanmail_`, each with its labels.
    #[track_caller]
    pub fn series(&self) -> Vec<String> {
        let mut series: Vec<String> =
            self.query("{__name__=~\"fanmail_.*\"}").iter().map(|one| one["metric"].to_string()).collect();
        series.sort_unstable();
        series
    }

    /// The names of the alerts that fire, in order.
    #[track_caller]
    pub fn firing(&self) -> Vec<String> {
        let firing = self.query("group by (alertname) (ALERTS{alertstate=\"firing\"})");
        let mut names: Vec<String> =
            firing.iter().map(|alert| alert["metric"]["alertname"].as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Waits until this alert fires.
    #[track_caller]
    pub fn wait_for_alert(&self, name: &str) {
        self.wait_for(name, || self.firing().iter().any(|firing| firing == name));
    }

    /// Waits until the condition is true. What it has logged is shown if it does not come true.
    #[track_caller]
    pub fn wait_for(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let log = || fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        wait_for_program(what, TIMEOUT, log, || condition().then_some(()));
    }

    /// What its API answers.
    #[track_caller]
    pub fn api(&self, path: &str) -> Value {
        let response = self.get(&format!("/api/v1/{path}"));
        let Some((_, body)) = response.split_once("\r\n\r\n") else { return Value::Null };
        let mut answer: Value =
            serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {response}"));
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    fn get(&self, path: &str) -> String {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        // HTTP/1.0: the body comes in one piece.
        http::try_send(address, &format!("GET {path} HTTP/1.0\r\n\r\n")).unwrap_or_default()
    }
}

/// Runs promtool, which has to be content. Returns what it has printed.
#[track_caller]
pub fn promtool(arguments: &[&str], dir: &Path) -> String {
    let output = Command::new("promtool").args(arguments).current_dir(dir).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "promtool {arguments:?}: {text}");
    text
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
