//! `fanmail send-test`: one mail, through the relay, and nothing in the ledger.

use testkit::folder::names_in;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;

const TO_ME: [&str; 3] = ["send-test", "--to", "me@example.net"];

#[test]
fn one_mail_goes_to_one_address_and_the_ledger_is_unchanged() {
    let scenario = Scenario::with_relay("send-test", 2).build();
    let second = scenario.people().remove(1);
    let (event, key) = (EVENT.to_string(), second.id.to_string());
    let of_event = ["--type", "cancelled", "--event", &event, "--participant", &key];
    let arguments = [&TO_ME[..], &of_event].concat();
    let outputs = [scenario.run_ok(&arguments), scenario.run_ok(&arguments), scenario.run_ok(&TO_ME)];
    let log = scenario.smtp.log();
    assert_eq!(log.received.len(), outputs.len());
    for (mail, out) in log.received.iter().zip(&outputs) {
        assert_eq!(mail.recipient, "me@example.net");
        let raw = String::from_utf8_lossy(&mail.raw);
        let id = raw.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
        assert!(
            out.contains(id) && out.contains("\nreply:       250 ") && out.contains("encrypted: no"),
            "{out}"
        );
    }
    let ids: Vec<_> =
        outputs.iter().map(|out| out.lines().find(|line| line.starts_with("Message-ID"))).collect();
    assert_ne!(ids[0], ids[1], "mail systems drop a mail whose Message-ID they know");
    let first = String::from_utf8_lossy(&log.received[0].raw);
    assert!(first.contains(&format!("To: {} <me@example.net>", second.name)), "{first}");
    assert!(first.contains("Lantern Evening") && !first.contains(&second.email), "{first}");
    // Its entry is not that of the event: a calendar would not take the changes of notifications any more.
    let real = scenario.ledger.message_id(1, 1);
    let tag = real.strip_prefix("<n1.p1.").and_then(|rest| rest.split('@').next()).unwrap();
    assert!(first.contains(&format!("UID:fanmail-{tag}test-event-{EVENT}")), "{first}");
    for table in ["notifications", "deliveries", "deferrals", "outbox"] {
        assert_eq!(scenario.ledger.count(table), 0, "{table}");
    }
}

#[test]
fn a_relay_that_does_not_take_the_mail_is_told_with_what_to_do() {
    let mut scenario = Scenario::with_relay("send-test-refused", 0).build();
    for (fault, reply, told) in [
        (
            RecipientFault::Rcpt as fn(&'static str) -> RecipientFault,
            "554 5.7.1 <me@example.net>: Relay access denied",
            "log in (SMTP_USERNAME, SMTP_PASSWORD)",
        ),
        (RecipientFault::Rcpt, "550 5.1.1 <me@example.net>: unknown", "is the address of --to right?"),
        (RecipientFault::Dot, "451 4.7.1 Greylisted", "try again in some minutes"),
    ] {
        scenario.smtp.fail_recipient("me@example.net", fault(reply), 1);
        let ended = scenario.run(&TO_ME);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("127.0.0.1") && ended.err.contains(&reply[..10]), "{}", ended.err);
        assert!(ended.err.contains(told), "{}", ended.err);
    }
    scenario.environment.insert("SMTP_PORT".to_owned(), testkit::ports::free_port().to_string());
    let ended = scenario.run(&TO_ME);
    assert!(ended.code == Some(1) && ended.err.contains("cannot connect"), "{ended:?}");
    let ended = scenario.run(&["send-test", "--to", "Me <me@example.net>"]);
    assert!(ended.code == Some(2) && ended.err.contains("the address has"), "{ended:?}");
    assert_eq!(scenario.smtp.accepted(), 0);
}

#[test]
fn in_dry_run_mode_it_is_refused_or_written_to_a_file() {
    let mut scenario = Scenario::with_relay("send-test-dry", 0).env("EMAIL_DUMMY_MODE", "True").build();
    let ended = scenario.run(&TO_ME);
    assert!(ended.code == Some(2) && ended.err.contains("set EMAIL_DUMMY_MODE=False"), "{ended:?}");
    scenario.environment.insert("EMAIL_OUTBOX_DIR".to_owned(), "mails".to_owned());
    let out = scenario.run_ok(&TO_ME);
    assert!(out.contains("is not sent, but written to mails"), "{out}");
    assert_eq!((names_in(&scenario.path("mails")).len(), scenario.smtp.log().connections), (2, 0));
}

#[test]
fn it_goes_nowhere_but_where_mails_may_go() {
    let mut scenario =
        Scenario::with_relay("send-test-reach", 0).env("EMAIL_ALLOW_DOMAINS", "example.org").build();
    let ended = scenario.run(&TO_ME);
    assert!(ended.code == Some(1) && ended.err.contains("not in EMAIL_ALLOW_DOMAINS"), "{ended:?}");
    scenario.environment.remove("EMAIL_ALLOW_DOMAINS");
    scenario.environment.insert("EMAIL_REDIRECT_TO".to_owned(), "other@example.org".to_owned());
    let out = scenario.run_ok(&TO_ME);
    assert!(out.contains("Sent to other@example.org") && out.contains("EMAIL_REDIRECT_TO"), "{out}");
}
