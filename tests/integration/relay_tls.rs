//! TLS to the relay, with an authority of the tests: no secret is sent before TLS, and none to a server without a valid
//! certificate. All of these are relay failures, and no recipient is charged.

use std::io::Write as _;

use fanmail::channels::email::smtp;
use fanmail::config::Config;
use fanmail::config::email::Route;
use tempfile::NamedTempFile;

use testkit::certificates::{Authority, Issued};
use testkit::process::Process;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{DOMAIN, RELAY_PASSWORD, RELAY_USER, Scenario};
use testkit::smtp::stream::Tls;
use testkit::smtp::{Capabilities, SmtpServer};

fn relay(tls: Option<(Tls, Issued)>) -> SmtpServer {
    let credentials = Some((RELAY_USER.to_owned(), RELAY_PASSWORD.to_owned()));
    SmtpServer::with_capabilities(Capabilities { credentials, tls, ..Capabilities::default() })
}

/// A file with the certificates of these authorities.
fn ca_file(authorities: &[&Authority]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    for authority in authorities {
        file.write_all(authority.pem().as_bytes()).unwrap();
    }
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// A fan-out that logs in at this relay after STARTTLS. `MAX_RETRIES` is 0, so that one charged attempt is a failure.
fn scenario(name: &str, participants: usize, relay: SmtpServer) -> ScenarioBuilder {
    Scenario::builder(name)
        .relay(relay)
        .participants(participants)
        .env("SMTP_USE_TLS", "True")
        .env("SMTP_USERNAME", RELAY_USER)
        .env("SMTP_PASSWORD", RELAY_PASSWORD)
        .env("MAX_RETRIES", "0")
}

/// Everyone got a mail, no recipient was charged, and no secret was sent in plain text.
#[track_caller]
fn all_were_mailed_over_tls(scenario: &Scenario, worker: Process) {
    scenario.wait_for_acks(1);
    assert_eq!(scenario.ledger.outcomes("sent"), scenario.people().len());
    assert_eq!(scenario.duplicates(), 0);
    no_secret_in_plain_text(&scenario.smtp);
    scenario.stop_and_check(worker);
}

/// The lines in plain text contain no secret.
#[track_caller]
fn no_secret_in_plain_text(relay: &SmtpServer) {
    let log = relay.log();
    assert!(!log.plain_text.is_empty(), "no client connected");
    for line in &log.plain_text {
        let verb = line.split([' ', '\r']).next().unwrap();
        assert!(["EHLO", "STARTTLS", "QUIT"].contains(&verb), "in plain text: {line:?}");
    }
    assert_eq!(log.violations, Vec::<String>::new());
}

/// Nobody got a mail, no recipient was charged, and the log names this cause.
#[track_caller]
fn is_a_relay_failure(scenario: &Scenario, worker: &Process, cause: &str) {
    worker.wait_for_log("the relay does not work");
    let log = worker.log();
    assert!(log.contains(cause), "{cause:?} is not in the log:\n{log}");
    scenario.check_redacted(&log);
    assert_eq!((scenario.smtp.log().received.len(), scenario.ledger.count("deliveries")), (0, 0));
    assert_eq!(scenario.smtp.log().commands.get("AUTH"), None, "the password was sent");
    no_secret_in_plain_text(&scenario.smtp);
}

#[test]
fn a_fan_out_with_a_login_over_starttls_adds_up() {
    let (other, ours) = (Authority::new(), Authority::new());
    let file = ca_file(&[&other, &ours]);
    let scenario = scenario("starttls", 300, relay(Some((Tls::StartTls, ours.issue()))))
        .env("SMTP_CA_FILE", path(&file))
        .env("SMTP_MAX_PER_CONNECTION", "20")
        .build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    all_were_mailed_over_tls(&scenario, worker);
    let log = scenario.smtp.log();
    assert!(log.connections >= 15, "{}", log.connections);
    for verb in ["STARTTLS", "AUTH"] {
        assert_eq!(log.commands[verb], log.connections, "{verb}");
    }
}

#[test]
fn a_relay_with_an_untrusted_certificate_gets_nothing() {
    let (ours, other) = (Authority::new(), Authority::new());
    let scenario = scenario("stranger", 40, relay(Some((Tls::StartTls, ours.issue())))).build();
    let (right, wrong) = (ca_file(&[&ours]), ca_file(&[&other]));
    scenario.publish("UPDATED");
    for ca in [None, Some(path(&wrong))] {
        let mut environment = scenario.environment.clone();
        environment.extend(ca.map(|ca| ("SMTP_CA_FILE".to_owned(), ca.to_owned())));
        let worker = Process::start(scenario.dir.path(), &environment, &["worker"]);
        is_a_relay_failure(
            &scenario,
            &worker,
            "the relay's certificate is refused: unable to get local issuer",
        );
        assert!(worker.log().contains("SMTP_CA_FILE"));
        worker.stop();
    }
    let mut environment = scenario.environment.clone();
    environment.insert("SMTP_CA_FILE".to_owned(), path(&right).to_owned());
    all_were_mailed_over_tls(&scenario, Process::start(scenario.dir.path(), &environment, &["worker"]));
}

#[test]
fn an_invalid_certificate_is_refused_until_it_is_replaced() {
    let authority = Authority::new();
    let file = ca_file(&[&authority]);
    for (bad, cause) in [
        (authority.issue_for("other.example"), "certificate is refused: IP address mismatch"),
        (authority.issue_expired(), "certificate is refused: certificate has expired"),
    ] {
        let scenario = scenario("bad-certificate", 40, relay(Some((Tls::StartTls, bad))))
            .env("SMTP_CA_FILE", path(&file))
            .build();
        let worker = scenario.worker();
        scenario.publish("UPDATED");
        is_a_relay_failure(&scenario, &worker, cause);
        assert!(scenario.smtp.log().failed_handshakes > 0);
        scenario.smtp.configure(|settings| settings.certificate = Some(authority.issue()));
        all_were_mailed_over_tls(&scenario, worker);
    }
}

#[test]
fn a_relay_without_starttls_gets_no_password_and_no_mail() {
    // Or an attacker on the network has removed STARTTLS from the reply to EHLO.
    let scenario = scenario("no-starttls", 40, relay(None)).build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_a_relay_failure(&scenario, &worker, "does not offer STARTTLS, so nothing was sent");
    worker.stop();
    assert_eq!(scenario.ledger.count("deliveries"), 0);
    no_secret_in_plain_text(&scenario.smtp);
}

#[test]
fn text_injected_behind_the_reply_to_starttls_is_a_relay_failure() {
    let authority = Authority::new();
    let file = ca_file(&[&authority]);
    let scenario = scenario("injection", 40, relay(Some((Tls::StartTls, authority.issue()))))
        .env("SMTP_CA_FILE", path(&file))
        .build();
    // Taken for the reply to EHLO under TLS, it would choose how to log in, and each later reply would be taken for the
    // reply to the next command.
    let injected = "250-relay.test\r\n250 AUTH PLAIN LOGIN".to_owned();
    scenario.smtp.configure(|settings| settings.injected = Some(injected));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_a_relay_failure(&scenario, &worker, "sent more than the reply to STARTTLS before TLS began");
    scenario.smtp.configure(|settings| settings.injected = None);
    all_were_mailed_over_tls(&scenario, worker);
}

/// `fanmail check` with this relay and this kind of TLS.
fn probe(server: &SmtpServer, tls: Tls, host: &str, ca: Option<&str>) -> Result<String, String> {
    let port = server.port.to_string();
    let lookup = |name: &str| {
        let value = match name {
            "EMAIL_DUMMY_MODE" => "False",
            "SMTP_HOST" => host,
            "SMTP_PORT" => &port,
            "SMTP_USERNAME" => RELAY_USER,
            "SMTP_PASSWORD" => RELAY_PASSWORD,
            "SMTP_SECURITY" if tls == Tls::Implicit => "tls",
            "SMTP_SECURITY" => "starttls",
            "SMTP_TIMEOUT" => "5",
            "SMTP_CA_FILE" => return ca.map(str::to_owned),
            "FROM_EMAIL" => return Some(format!("events@{DOMAIN}")),
            _ => return None,
        };
        Some(value.to_owned())
    };
    let Route::Smtp(relay) = Config::from_lookup(&lookup).unwrap().email.route else {
        panic!("not the relay");
    };
    smtp::probe::probe(&relay, &format!("events@{DOMAIN}"))
        .map(|found| found.summary)
        .map_err(|refusal| refusal.detail)
}

#[test]
fn starttls_and_implicit_tls_verify_certificates_alike() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (right, wrong, both) = (ca_file(&[&ours]), ca_file(&[&other]), ca_file(&[&other, &ours]));
    for tls in [Tls::StartTls, Tls::Implicit] {
        let server = relay(Some((tls, ours.issue())));
        for ca in [&right, &both] {
            for host in ["localhost", "127.0.0.1"] {
                let sentence = probe(&server, tls, host, Some(path(ca))).unwrap();
                assert!(sentence.contains("encrypted: yes"), "{sentence}");
            }
        }
        let logins = server.log().commands["AUTH"];
        for (certificate, ca, cause) in [
            (ours.issue(), None, "unable to get local issuer certificate"),
            (ours.issue(), Some(&wrong), "unable to get local issuer certificate"),
            (ours.issue_for("localhost.example.org"), Some(&right), "hostname mismatch"),
            (ours.issue_expired(), Some(&right), "certificate has expired"),
            (ours.issue_expired(), Some(&both), "certificate has expired"),
        ] {
            server.configure(|settings| settings.certificate = Some(certificate));
            let refused = probe(&server, tls, "localhost", ca.map(path)).unwrap_err();
            assert!(refused.contains(cause), "{tls:?}: {refused}");
            assert!(refused.contains("SMTP_CA_FILE") && !refused.contains("error:"), "{refused}");
        }
        assert_eq!(server.log().commands["AUTH"], logins, "the password was sent");
        if tls == Tls::StartTls {
            no_secret_in_plain_text(&server);
        } else {
            assert_eq!(server.log().plain_text, Vec::<String>::new());
        }
    }
}

#[test]
fn a_mismatch_of_starttls_and_implicit_tls_is_reported() {
    let authority = Authority::new();
    let file = ca_file(&[&authority]);
    let starttls = relay(Some((Tls::StartTls, authority.issue())));
    let refused = probe(&starttls, Tls::Implicit, "localhost", Some(path(&file))).unwrap_err();
    assert!(refused.contains("this port seems to want STARTTLS: set SMTP_SECURITY=starttls"), "{refused}");
    assert_eq!(starttls.log().commands.get("AUTH"), None);
    let implicit = relay(Some((Tls::Implicit, authority.issue())));
    let refused = probe(&implicit, Tls::StartTls, "localhost", Some(path(&file))).unwrap_err();
    assert!(refused.contains("set SMTP_SECURITY=tls"), "{refused}");
}
