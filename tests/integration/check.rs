//! `fanmail check`: what works, what does not, and what the relay thinks of `FROM_EMAIL`.

use std::fs;

use serde_json::Value;
use testkit::certificates::{Authority, Issued};
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::stream::Tls;
use testkit::smtp::{Capabilities, RecipientFault, SmtpServer};

#[test]
fn check_reports_what_does_not_work() {
    let scenario = Scenario::with_relay("check", 1).build();
    let fine = scenario.run(&["check"]);
    assert_eq!(fine.code, Some(0), "{fine:?}");
    assert_eq!(scenario.smtp.accepted(), 0);
    for (variable, line) in [("LAVINMQ_PORT", "broker"), ("SMTP_PORT", "relay")] {
        let mut environment = scenario.environment.clone();
        environment.insert(variable.to_owned(), free_port().to_string());
        let ended = Process::start(scenario.dir.path(), &environment, &["check"]).wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let failed: Vec<&str> = ended.out.lines().filter(|text| text.contains("FAILED")).collect();
        assert_eq!(failed.len(), 1, "{}", ended.out);
        assert!(failed[0].starts_with(line), "{}", failed[0]);
        scenario.check_redacted(&(ended.out + &ended.err));
    }
}

/// One that ends soon is a warning. One that has ended is told once: by the check of the relay, which cannot be used.
#[test]
fn check_tells_when_a_certificate_ends() {
    let relay = |issued: Issued| {
        let tls = Some((Tls::StartTls, issued));
        SmtpServer::with_capabilities(Capabilities { tls, ..Capabilities::default() })
    };
    let authority = Authority::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), authority.pem()).unwrap();
    let builder = Scenario::builder("check-certificate").relay(relay(authority.issue())).participants(1);
    let builder = builder.env("SMTP_USE_TLS", "True").env("SMTP_CA_FILE", file.path().to_str().unwrap());
    let scenario = builder.build();
    let ended = scenario.run(&["check", "--format", "json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    let found: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(found["result"], "ok", "a warning fails nothing");
    let checks = found["checks"].as_array().unwrap();
    let certificates = checks.iter().find(|check| check["name"] == "certificates").unwrap();
    assert_eq!(certificates["result"], "warning", "{certificates}");
    let warning = &certificates["warnings"][0];
    // It ends tomorrow, or today if midnight has come since.
    let begin =
        format!("the certificate of the relay (127.0.0.1:{}) ends to", scenario.environment["SMTP_PORT"]);
    assert!(warning["cause"].as_str().unwrap().starts_with(&begin), "{warning}");
    assert_eq!(warning["cure"], "renew it on the server");

    let expired = relay(authority.issue_expired());
    let mut environment = scenario.environment.clone();
    environment.insert("SMTP_PORT".to_owned(), expired.port.to_string());
    let ended = Process::start(scenario.dir.path(), &environment, &["check"]).wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.out.matches("certificate has expired").count(), 1, "{}", ended.out);
    assert_eq!(ended.out.matches("FAILED").count(), 1, "{}", ended.out);
    assert!(
        ended.out.contains("note     relay: not checked, because it does not work: see there"),
        "{}",
        ended.out
    );
}

/// Postfix refuses a sender, the EHLO name and relaying no earlier than at RCPT.
#[test]
fn check_asks_whether_the_relay_takes_mail_for_from_email() {
    for (reply, code, word, told) in [
        (
            "553 5.7.1 Sender address rejected: not owned by user u",
            1,
            "FAILED",
            "FROM_EMAIL was refused at RCPT TO: 553 5.7.1 Sender address rejected: not owned by user u; set FROM_EMAIL",
        ),
        ("554 5.7.1 Relay access denied", 1, "FAILED", "Relay access denied; log in (SMTP_USERNAME"),
        ("550 5.1.1 User unknown", 0, "ok", "FROM_EMAIL as sender; no mail was sent"),
        ("450 4.2.0 Greylisted", 0, "ok", "FROM_EMAIL as sender; no mail was sent"),
        ("450 4.7.1 Slow down", 0, "ok", "connected; encrypted: "),
    ] {
        let scenario = Scenario::with_relay("check-rcpt", 1).build();
        let from_email = &scenario.environment["FROM_EMAIL"];
        scenario.smtp.fail_recipient(from_email, RecipientFault::Rcpt(reply), 1);
        let ended = scenario.run(&["check"]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        let line = ended.out.lines().find(|line| line.starts_with("relay")).unwrap();
        assert!(line.contains(word) && line.contains(told), "{line}");
        assert_eq!(line.contains("it accepts the name"), told.contains("as sender"), "{line}");
        assert!(ended.out.contains(&format!(": {reply}; ")), "{}", ended.out);
        scenario.check_redacted(&(ended.out + &ended.err));
    }
}

/// What would go wrong with the first mail is told before it, without an address.
#[test]
fn check_looks_at_the_data() {
    let scenario = Scenario::with_relay("check-data", 2).build();
    let execute = |sql: &str| scenario.ledger.execute(sql);
    execute(&format!(
        "INSERT INTO participants (event_id, email, name) VALUES ({EVENT}, 'MARKER@example..org', 'MARKER')"
    ));
    let checked = scenario.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for told in [
        "note     looked at 1 event and the first 1000 participants of each: 3 participants with keys from 1 to 3\n",
        "note     1 participant with an address that cannot be written: the address has an invalid domain, such as \
         M…@example..org (participant 3 of event ",
    ] {
        assert!(checked.out.contains(told), "{}", checked.out);
    }
    execute("ALTER TABLE participants RENAME TO people");
    execute(
        "CREATE VIEW participants AS SELECT id, event_id, email, name, locale FROM people
         UNION ALL SELECT id, event_id, 'MARKER@example.org', name, locale FROM people WHERE id = 2",
    );
    let checked = scenario.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let line = checked.out.lines().find(|line| line.starts_with("database")).unwrap();
    let failed = "FAILED   more than one row of an event has the same participants.id, with several addresses (1 key, \
         such as 2 in event ";
    assert!(line.contains(failed), "{line}");
    assert!(!checked.out.contains("MARKER"), "{}", checked.out);
}

/// A zone that fanmail does not know is counted by `check`, told once in the log, and shown as UTC.
#[test]
fn an_unknown_time_zone_is_counted_and_told_once() {
    let scenario = Scenario::with_relay("check-zones", 1).build();
    scenario.ledger.execute(&format!("UPDATE events SET timezone = 'Middle-earth' WHERE id = {EVENT}"));
    let checked = scenario.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let note =
        "1 event with a time zone that fanmail does not know, such as \"Middle-earth\"; their mails show UTC";
    assert!(checked.out.contains(note), "{}", checked.out);

    let worker = scenario.worker();
    for notifications in 1..=2 {
        scenario.publish("UPDATED");
        scenario.wait_for_acks(notifications);
    }
    let log = worker.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("not a time zone")).collect();
    assert!(matches!(told[..], [line] if line.contains("WARN") && !line.contains("Middle")), "{log}");
    scenario.stop_and_check(worker);
    for mail in &scenario.smtp.log().received {
        let text = String::from_utf8_lossy(&mail.raw).into_owned();
        assert!(text.contains("(UTC+0)"), "{text}");
    }
}
