//! The whole configuration: against `.env.example`, against a `.env` of the earlier service, and its problems.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use ::log::LevelFilter;

use crate::config::broker::hosts::BrokerHost;
use crate::config::database::Backend;
use crate::config::dotenv::Dotenv;
use crate::config::email::Route;
use crate::config::email::login::LoginMethod;
use crate::config::email::rate::Rate;
use crate::config::email::relay::Relay;
use crate::config::email::security::Security;
use crate::config::environment::Environment;
use crate::config::problem::Problem;

use super::*;

mod broker_names;
mod log_rotation;
mod off_loopback;
mod rate;
mod relay;
mod secrets;

const EXAMPLE: &str = include_str!("../../.env.example");

fn read(text: &str) -> Result<Config, ConfigErrors> {
    let Dotenv { variables, unreadable_lines, .. } = Dotenv::read(text, &BTreeMap::new());
    assert_eq!(unreadable_lines, [0; 0], "{text}");
    Config::from_lookup(&|name| variables.get(name).cloned())
}

/// The problems of a configuration, one per line.
fn problems(text: &str) -> String {
    let errors = read(text).unwrap_err();
    let lines: Vec<String> = errors.problems().iter().map(Problem::to_string).collect();
    lines.join("\n")
}

#[test]
fn the_example_documents_exactly_the_variables_that_are_read() {
    let documented: BTreeSet<String> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name.to_owned())
        .collect();
    let (second_names, names): (BTreeSet<String>, BTreeSet<String>) =
        Config::variables().into_iter().partition(|name| name.starts_with("BROKER_"));
    assert_eq!(documented, names);
    // The example names the second names in one sentence.
    assert_eq!(second_names.len(), 8, "{second_names:?}");
    for name in second_names {
        assert!(EXAMPLE.contains(&name), "{name}");
    }
}

#[test]
fn the_example_shows_the_defaults() {
    let (example, mut defaults) = (read(EXAMPLE).unwrap(), read("").unwrap());
    // The example names the file of the default.
    let default_file = defaults.database.default_file.take().unwrap();
    assert_eq!(defaults.database.backend, Backend::Sqlite(default_file));
    assert_eq!(format!("{example:#?}"), format!("{defaults:#?}"));
    assert_eq!(example.broker.password, defaults.broker.password);
}

#[test]
fn the_commented_lines_of_the_example_are_valid() {
    let lines: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| line.trim_start_matches('#'))
        .filter(|line| {
            line.split_once('=').is_some_and(|(name, _)| !name.ends_with("_FILE") || name == "LOG_FILE")
        })
        .collect();
    // The two logins exclude each other, and the example has no DKIM key and no secret for links: what it had, everyone would know.
    let without = |prefix: &str| {
        let is_kept = |line: &&str| !line.starts_with(prefix) && !line.starts_with("DKIM_");
        let kept = lines.iter().copied().filter(is_kept).collect::<Vec<_>>().join("\n");
        assert!(problems(&kept).starts_with("UNSUBSCRIBE_SECRET is not set"), "{kept}");
        kept.replace("UNSUBSCRIBE_SECRET=", "UNSUBSCRIBE_SECRET=0123456789abcdef0123456789abcdef")
    };
    let all = without("SMTP_OAUTH_");
    let config = read(&all).unwrap();
    assert!(config.broker.tls && config.broker.hosts[0].to_string() == "broker.example.org:5671");
    assert_eq!(config.email.rate.map(Rate::interval), Some(Duration::from_millis(20)));
    assert!(config.log.file.is_some() && config.http.addr.is_some());
    let real = all.replace("EMAIL_DUMMY_MODE=True", "EMAIL_DUMMY_MODE=False");
    let Route::Smtp(relay) = read(&real).unwrap().email.route else { panic!("not the relay") };
    assert_eq!(relay.security, Security::StartTls);
    assert!(matches!(relay.login.unwrap().method, LoginMethod::Password(_)));
    let tokens = without("SMTP_PASSWORD").replace("EMAIL_DUMMY_MODE=True", "EMAIL_DUMMY_MODE=False");
    let Route::Smtp(relay) = read(&tokens).unwrap().email.route else { panic!("not the relay") };
    assert!(matches!(relay.login.unwrap().method, LoginMethod::OAuth(_)));
}

#[test]
fn a_dotenv_of_the_earlier_service_is_accepted_unchanged() {
    let text = r#"
# LavinMQ
LAVINMQ_HOST=localhost
LAVINMQ_PORT=5672
LAVINMQ_USERNAME=guest
LAVINMQ_PASSWORD='p@ss#w$rd'
LAVINMQ_QUEUE=event_notifications
LAVINMQ_VHOST=/

# Database
DATABASE_URL="sqlite:///notification_service.db"
DATABASE_ECHO=False

EMAIL_DUMMY_MODE=False   # set to True for tests
SMTP_HOST=smtp.gmail.com
SMTP_PORT=587
SMTP_USERNAME=
SMTP_PASSWORD=
SMTP_USE_TLS=True
FROM_EMAIL=noreply@example.com
FROM_NAME=Event Notification Service

BATCH_SIZE=100
MAX_RETRIES=3
RETRY_DELAY=5
LOG_LEVEL=warning
"#;
    let config = read(text).unwrap();
    assert_eq!(
        (config.broker.tls, &config.broker.hosts[..]),
        (false, &[BrokerHost { name: "localhost".to_owned(), port: 5672 }][..])
    );
    assert_eq!(config.broker.password.expose(), "p@ss#w$rd");
    assert_eq!(config.database.backend, Backend::Sqlite("notification_service.db".into()));
    assert_eq!(config.email.from_name, "Event Notification Service");
    assert_eq!(config.log.level, LevelFilter::Warn);
    assert_eq!(config.worker.retry_delay, Duration::from_secs(5));
    let Route::Smtp(relay) = config.email.route else {
        panic!("not the relay");
    };
    assert_eq!((relay.host.as_str(), relay.port), ("smtp.gmail.com", 587));
    assert_eq!(relay.security, Security::AnyTls);
    assert!(relay.login.is_none());
}

#[test]
fn all_problems_are_reported_together() {
    let text = "SMTP_PORT=smtp\nBATCH_SIZE=0\nPREFETCH=1001\nRETRY_DELAY=inf\nSMTP_TIMEOUT=0\nDEFER_SCHEDULE=5m 15\n\
                EMAIL_DUMMY_MODE=Fasle\nLOG_LEVEL=LOUD\nLOG_FORMAT=xml\nHTTP_ADDR=9090\nLAVINMQ_HOST=amqp://b\n\
                LAVINMQ_PORT=tcp://10.0.0.1:5672\nFROM_EMAIL=Me <me@example.org>\nFROM_NAME=\"a\\nb\"\n";
    assert_eq!(
        read(text).unwrap_err().to_string(),
        r#"the configuration has 14 problems:
  LAVINMQ_HOST is "amqp://b"; expected a host name or an address, without scheme; or several with commas, each with :port if it has one of its own
  LAVINMQ_PORT was set by Kubernetes for a service called lavinmq; set it to a port yourself, or set enableServiceLinks: false for the pod
  EMAIL_DUMMY_MODE is "Fasle"; expected True or False
  SMTP_PORT is "smtp"; expected a whole number from 1 to 65535
  SMTP_TIMEOUT is "0"; expected seconds, from 0.1 to 3600
  FROM_EMAIL is "Me <me@example.org>"; expected one address such as events@example.org, without a name; write a domain with non-ASCII letters in its xn-- form
  FROM_NAME is "a\nb"; expected a name on one line
  BATCH_SIZE is "0"; expected a whole number from 1 to 10000
  PREFETCH is "1001"; expected a whole number from 1 to 1000
  RETRY_DELAY is "inf"; expected seconds, from 0.01 to 3600
  DEFER_SCHEDULE has "15"; expected a number with its unit: s, m, h or d, for example 5m
  HTTP_ADDR is "9090"; expected an address and a port such as 127.0.0.1:9090 or 0.0.0.0:9090
  LOG_LEVEL is "LOUD"; expected TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL
  LOG_FORMAT is "xml"; expected text or json
.env.example explains every variable"#
    );
}

#[test]
fn sending_mail_needs_a_relay_and_a_sender() {
    let found = problems("EMAIL_DUMMY_MODE=off\nSMTP_USERNAME=me\n");
    for start in
        ["SMTP_HOST is not set", "SMTP_PASSWORD is not set, but SMTP_USERNAME is", "FROM_EMAIL is not set"]
    {
        assert!(found.lines().any(|line| line.starts_with(start)), "{start}: {found}");
    }
    assert_eq!(found.lines().count(), 3, "{found}");
    // Dry-run mode needs neither.
    assert!(read("SMTP_USERNAME=me\n").is_ok());
}

#[test]
fn an_amqp_url_wins_and_is_percent_decoded() {
    let broker = |url: &str| read(&format!("LAVINMQ_HOST=other\nLAVINMQ_PORT=tcp://x\nAMQP_URL={url}\n"));
    let parts = |url: &str| {
        let broker = broker(url).unwrap().broker;
        let password = broker.password.expose();
        let hosts: Vec<String> =
            broker.hosts.iter().map(|host| format!("{} {}", host.name, host.port)).collect();
        let hosts = hosts.join(" + ");
        format!("{} {hosts} {} {password} {}", broker.tls, broker.username, broker.vhost)
    };
    assert_eq!(parts("amqp://localhost"), "false localhost 5672 guest guest /");
    assert_eq!(parts("amqps://u:p@h/"), "true h 5671 u p /");
    assert_eq!(parts("amqps://u:p@[::1]:99/%2F"), "true ::1 99 u p /");
    assert_eq!(parts("amqp://u:p@h//"), "false h 5672 u p /");
    assert_eq!(parts("amqp://a%40b:p%2Fq%3A%25@h:1/team%2Fone"), "false h 1 a@b p/q:% team/one");
    assert_eq!(parts("amqp://u:p@a,b:5673/v"), "false a 5672 + b 5673 u p v");
    assert_eq!(
        parts("amqps://u:p,q@a:1,[::1]:2,::1,10.0.0.1/"),
        "true a 1 + ::1 2 + ::1 5671 + 10.0.0.1 5671 u p,q /"
    );
    assert_eq!(
        parts("amqp://localhost,127.0.0.1:5673"),
        "false localhost 5672 + 127.0.0.1 5673 guest guest /"
    );
    assert_eq!(parts("amqp://u:p@a, b"), "false a 5672 + b 5672 u p /");
    for url in [
        "http://u:MARKER@h",
        "u:MARKER@h",
        "amqp://u:MAR/KER@h",
        "amqp://u:MAR#KER@h",
        "amqp://u:MARKER@h/v?heartbeat=0",
        "amqp://u:MARKER@h:0",
        "amqp://u:MARKER%FF@h",
        "amqp:///MARKER",
        "amqp://u:MARKER@a,",
        "amqp://u:MARKER@a,,b",
        "amqp://u:MARKER@,b",
        "amqp://u:MARKER@a,b:0",
        "amqp://u:MARKER@a,b:65536/v",
        "amqp://u:MARKER@a,b:+1",
        "amqp://u:MARKER@a,::1:x",
        "amqp://u:MARKER@a,amqp://u:MARKER@b",
        "amqp://u:MARK,MAR/KER@a,b",
    ] {
        let found = broker(url).unwrap_err().to_string();
        assert!(found.contains("\n  AMQP_URL ") && !found.contains("MAR"), "{url}: {found}");
    }
}

#[test]
fn a_value_that_is_not_utf8_is_a_problem() {
    let lookup = |name: &str| (name == "SMTP_PASSWORD").then(|| "p\u{fffd}ss".to_owned());
    let errors = Config::from_lookup(&lookup).unwrap_err();
    assert!(errors.to_string().contains("SMTP_PASSWORD is not UTF-8 text"), "{errors}");
}
