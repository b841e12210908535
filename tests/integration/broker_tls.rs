//! TLS to the broker (amqps), with an authority of the tests: a real RabbitMQ with a TLS listener, and a worker that
//! connects to no other port.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use testkit::broker::Broker;
use testkit::certificates::{Authority, Issued};
use testkit::ports::free_port;
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

/// RabbitMQ sends the certificate of its authority along with its own.
const UNKNOWN: &str = "its certificate is refused: self-signed certificate in certificate chain";

/// A broker with a TLS listener, and its files.
struct Encrypted {
    broker: Arc<Broker>,
    /// Port of amqps, on 127.0.0.1 and on 127.0.0.2; the latter is in no certificate.
    port: u16,
    authority: Authority,
    dir: TempDir,
}

impl Encrypted {
    fn new() -> Self {
        let (authority, dir) = (Authority::new(), tempfile::tempdir().unwrap());
        let port = free_port();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let conf = format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\nlisteners.ssl.2 = 127.0.0.2:{port}\n\
             ssl_options.cacertfile = {}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
             ssl_options.verify = verify_none\n",
            at("ca.pem"),
            at("certificate.pem"),
            at("key.pem")
        );
        let encrypted = Self { broker: Broker::own_with(&conf, ""), port, authority, dir };
        encrypted.write("ca.pem", &encrypted.authority.pem());
        encrypted.write("stranger.pem", &Authority::new().pem());
        let both = format!("{}{}", Authority::new().pem(), encrypted.authority.pem());
        encrypted.write("both.pem", &both);
        encrypted.show(&encrypted.authority.issue());
        encrypted.broker.start();
        encrypted
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Sets the certificate for the next start.
    fn show(&self, certificate: &Issued) {
        self.write("certificate.pem", &certificate.certificate);
        self.write("key.pem", &certificate.key);
    }

    /// A scenario that knows only the TLS port.
    fn scenario(&self, name: &str, participants: usize) -> Scenario {
        Scenario::with_relay(name, participants)
            .broker(&self.broker)
            .env("LAVINMQ_USE_TLS", "True")
            .env("LAVINMQ_PORT", &self.port.to_string())
            .env("AMQP_CA_FILE", &self.dir.path().join("ca.pem").display().to_string())
            .build()
    }
}

/// The line of `fanmail check` about the broker, with this host and this CA file.
fn check(scenario: &mut Scenario, host: &str, ca: Option<&Path>) -> String {
    scenario.environment.insert("LAVINMQ_HOST".to_owned(), host.to_owned());
    scenario.environment.remove("AMQP_CA_FILE");
    let ca = ca.map(|ca| ("AMQP_CA_FILE".to_owned(), ca.display().to_string()));
    scenario.environment.extend(ca);
    let ended = scenario.run(&["check"]);
    scenario.check_redacted(&format!("{}{}", ended.out, ended.err));
    ended.out.lines().find(|line| line.starts_with("broker")).unwrap().to_owned()
}

#[test]
fn a_fan_out_over_amqps_adds_up() {
    let encrypted = Encrypted::new();
    let scenario = encrypted.scenario("amqps", 200);
    let worker = scenario.worker();
    scenario.run_ok(&["publish", "--type", "UPDATED", "--event", "123"]);
    scenario.queue.publish_raw(b"not a notification", amiquip::AmqpProperties::default());
    scenario.wait_for_acks(1);
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    let listed = scenario.run_ok(&["dead-letters", "list"]);
    assert!(listed.contains("JSON"), "{listed}");
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.duplicates()), (200, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn a_broker_with_an_invalid_certificate_is_refused() {
    let encrypted = Encrypted::new();
    let mut scenario = encrypted.scenario("amqps-refused", 10);
    let file = |name: &str| encrypted.dir.path().join(name);
    for ca in ["ca.pem", "both.pem"] {
        for host in ["127.0.0.1", "localhost"] {
            let line = check(&mut scenario, host, Some(&file(ca)));
            assert!(line.contains(" ok "), "{ca}, {host}: {line}");
        }
    }
    let mut refused = |host: &str, ca: Option<&Path>, cause: &str| {
        let line = check(&mut scenario, host, ca);
        assert!(line.contains(" FAILED ") && line.contains("no TLS connection to"), "{line}");
        assert!(line.contains(cause) && line.contains("AMQP_CA_FILE"), "{line}");
    };
    refused("127.0.0.1", None, UNKNOWN);
    refused("127.0.0.1", Some(&file("stranger.pem")), UNKNOWN);
    refused("127.0.0.2", Some(&file("ca.pem")), "IP address mismatch");
    encrypted.show(&encrypted.authority.issue_expired());
    encrypted.broker.restart();
    refused("127.0.0.1", Some(&file("ca.pem")), "certificate has expired");
    encrypted.show(&encrypted.authority.issue_for("other.example"));
    encrypted.broker.restart();
    refused("localhost", Some(&file("ca.pem")), "hostname mismatch");

    // A worker waits for such a broker until its certificate is valid.
    scenario.environment.insert("LAVINMQ_HOST".to_owned(), "localhost".to_owned());
    scenario.environment.insert("AMQP_CA_FILE".to_owned(), file("ca.pem").display().to_string());
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    worker.wait_for_log("no TLS connection to localhost");
    assert_eq!(scenario.ledger.count("notifications"), 0);
    encrypted.show(&encrypted.authority.issue());
    encrypted.broker.restart();
    scenario.wait_for_acks(1);
    assert_eq!(scenario.ledger.outcomes("sent"), 10);
    scenario.stop_and_check(worker);
}
