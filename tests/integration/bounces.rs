//! Mails that come back: from a real Postfix, and in the middle of a fan-out.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use testkit::bounce::dsn;
use testkit::postfix::Postfix;
use testkit::program;
use testkit::scenario::{DOMAIN, EVENT, Scenario};
use testkit::smtp::{RecipientFault, SmtpServer};
use testkit::system::System;
use testkit::wait::wait_until;

use crate::systems::on_every_system;

on_every_system!(bounces_in_the_middle_of_a_fan_out_are_recorded_and_suppress);

/// With `BOUNCE_ADDRESS` in the domain of the sender.
fn bounce_address() -> String {
    format!("bounces@{DOMAIN}")
}

/// Postfix accepts everyone; the next server does not know one of them, and Postfix sends a delivery status notification to the
/// envelope sender.
#[test]
fn a_mail_that_a_real_postfix_returns_is_bounced_and_its_address_suppressed() {
    let next = SmtpServer::start();
    let Some(postfix) = Postfix::start(next.port, DOMAIN) else { return };
    let scenario = Scenario::builder("bounces-postfix")
        .participants(5)
        .env("BOUNCE_ADDRESS", &bounce_address())
        .env("SMTP_PORT", &postfix.port.to_string())
        .build();
    let gone = scenario.people().remove(2);
    next.fail_recipient(
        &gone.email,
        RecipientFault::Rcpt("550 5.1.1 <x@example.com>: User unknown"),
        usize::MAX,
    );
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!(scenario.ledger.outcomes("sent"), 5, "Postfix accepts everyone");
    let new = postfix.maildir().join("new");
    wait_until("the bounce", || fs::read_dir(&new).is_ok_and(|files| files.count() == 1));

    let maildir = postfix.maildir().to_str().unwrap().to_owned();
    let out = scenario.run_ok(&["bounces", "--maildir", &maildir]);
    assert_eq!(out, "1 mail: 1 bounced\n", "{}", postfix.log());
    assert_eq!(fs::read_dir(&new).unwrap().count(), 0, "it is moved to cur");
    let rows = format!(
        "deliveries WHERE status = 'bounced' AND reported_code = '5.1.1' AND participant_id = {}",
        gone.id
    );
    assert_eq!(scenario.ledger.count(&rows), 1);
    assert_eq!(scenario.ledger.count("suppressions WHERE reason = 'bounced'"), 1);
    let line = &scenario.status()[0];
    assert_eq!((&line["sent"], &line["bounced"]), (&4.into(), &1.into()));
    assert!(scenario.status_text().contains("bounced"));

    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    let ended = worker.stop();
    scenario.check_redacted(&ended.err);
    let line = &scenario.status()[1];
    assert_eq!((&line["sent"], &line["skipped"]), (&4.into(), &1.into()));
}

/// A bounce of each third mail comes back as soon as the relay has taken it, while the others are sent.
fn bounces_in_the_middle_of_a_fan_out_are_recorded_and_suppress(system: System) {
    let people = 90;
    let scenario = Scenario::with_relay("bounces-middle", people)
        .database(system)
        .env("BOUNCE_ADDRESS", &bounce_address())
        .build();
    let worker = scenario.worker_in_the_middle(4, 30, None);
    let senders =
        || -> Vec<String> { scenario.smtp.log().received.iter().map(|mail| mail.sender.clone()).collect() };
    let first = senders();
    let unique: std::collections::BTreeSet<&String> = first.iter().collect();
    assert_eq!(unique.len(), first.len(), "no two mails share an envelope sender");
    for sender in first.iter().take(20) {
        let code = bounce(&scenario, &dsn(sender, "5.1.1"));
        // The last ones are not recorded yet.
        assert!(matches!(code, Some(0 | 75)), "{code:?}");
    }
    let returned = scenario.ledger.outcomes("bounced");
    assert!(returned > 10, "{returned}");
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    for sender in first.iter().take(20) {
        assert_eq!(bounce(&scenario, &dsn(sender, "5.1.1")), Some(0));
    }
    scenario.stop_and_check(worker);
    assert_eq!((scenario.ledger.outcomes("bounced"), scenario.ledger.outcomes("sent")), (20, people - 20));
    assert_eq!(scenario.ledger.count("suppressions"), 20);
}

#[test]
fn what_comes_through_a_pipe_is_taken_or_tried_again() {
    let mut scenario =
        Scenario::with_relay("bounces-pipe", 3).env("BOUNCE_ADDRESS", &bounce_address()).build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
    let sender = scenario.smtp.log().received[0].sender.clone();
    // The same addresses, written otherwise.
    scenario.ledger.execute("UPDATE participants SET email = ' ' || upper(email)");
    let mails = [
        (dsn(&sender, "5.1.1"), "bounced"),
        (dsn(&sender.to_uppercase(), "5.1.1"), "repeated"),
        (dsn(&sender.replacen('+', "+a", 1), "5.1.1"), "forged"),
        (dsn("somebody@example.org", "5.1.1"), "foreign"),
        (format!("To: {sender}\r\nSubject: Automatic reply: hello\r\n\r\nAway."), "auto-reply"),
        (String::new(), "foreign"),
        ("x".repeat(50 * 1024 * 1024), "foreign"),
    ];
    for (mail, _) in &mails {
        assert_eq!(bounce(&scenario, mail), Some(0));
    }
    for (result, number) in
        [("bounced", 1), ("repeated", 1), ("forged", 1), ("foreign", 3), ("auto-reply", 1)]
    {
        let rows = format!("bounce_counts WHERE result = '{result}' AND number = {number}");
        assert_eq!(scenario.ledger.count(&rows), 1, "{result}");
    }
    // As the list has all others.
    assert_eq!(scenario.ledger.count("suppressions WHERE address = lower(trim(address))"), 1);
    let ended = scenario.run(&["status"]);
    assert!(
        ended.code == Some(0) && ended.err.contains("had a code that is not of this database"),
        "{ended:?}"
    );
    let checked = scenario.run(&["check"]);
    assert!(checked.out.contains("mails come back to bounces+TOKEN@sender.example; so far: "), "{checked:?}");

    let recipient = OsStr::from_bytes(b"bounces+\xff@sender.example");
    let arguments = [OsStr::new("--recipient"), recipient];
    assert_eq!(bounce_with(&scenario, &arguments, &mails[1].0), Some(0), "of any bytes");

    let wrong = [OsStr::new("--wrong")];
    assert_eq!(bounce_with(&scenario, &wrong, &mails[1].0), Some(75), "an option that there is not");
    let full = File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(bounce_to(&scenario, &[], &mails[1].0, full.into()), Some(75), "nothing can be written");

    let there =
        scenario.environment.insert("DATABASE_URL".to_owned(), "sqlite:////nowhere/fanmail.db".to_owned());
    assert_eq!(bounce(&scenario, &mails[0].0), Some(75), "the database is away");
    scenario.environment.insert("DATABASE_URL".to_owned(), there.unwrap());
    scenario.environment.remove("BOUNCE_ADDRESS");
    assert_eq!(bounce(&scenario, &mails[0].0), Some(75), "a configuration that is wrong loses no bounce");
    let event = EVENT.to_string();
    assert_eq!(scenario.run(&["bounces", "--maildir", &event]).code, Some(1));
}

/// Runs `fanmail bounces` with this mail, and returns its exit code.
fn bounce(scenario: &Scenario, mail: &str) -> Option<i32> {
    bounce_with(scenario, &[], mail)
}

/// The same with arguments.
fn bounce_with(scenario: &Scenario, arguments: &[&OsStr], mail: &str) -> Option<i32> {
    bounce_to(scenario, arguments, mail, Stdio::null())
}

/// The same with a standard output.
fn bounce_to(scenario: &Scenario, arguments: &[&OsStr], mail: &str, out: Stdio) -> Option<i32> {
    let mut child = Command::new(program::fanmail())
        .arg("bounces")
        .args(arguments)
        .current_dir(scenario.dir.path())
        .env_clear()
        .envs(&scenario.environment)
        .stdin(Stdio::piped())
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A configuration that is wrong is told before anything is read.
    if let Err(error) = stdin.write_all(mail.as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    drop(stdin);
    child.wait().unwrap().code()
}
