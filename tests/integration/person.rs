//! `fanmail person` beside running workers, killed in the middle, and with input that is no address.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::systems::on_every_system;
use testkit::process::Exit;
use testkit::program;
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 2;
/// Notices to one person, so many that an erasure takes many steps.
const NOTICES: usize = 1000;

on_every_system!(
    who_is_erased_in_the_middle_of_a_fan_out_gets_no_mail
    an_erasure_that_is_killed_is_finished_by_the_next_one
);

fn counts(scenario: &Scenario, notification: usize) -> [u64; 4] {
    let line = scenario.status().remove(notification);
    ["sent", "failed", "skipped", "pending"].map(|key| line[key].as_u64().unwrap())
}

/// Runs `fanmail` with this as its standard input.
fn run_with_input(scenario: &Scenario, arguments: &[&str], input: &str) -> Exit {
    let mut child = Command::new(program::fanmail())
        .args(arguments)
        .current_dir(scenario.dir.path())
        .env_clear()
        .envs(&scenario.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Exit { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn export(scenario: &Scenario, address: &str) -> Value {
    serde_json::from_str(&scenario.run_ok(&["person", "export", address])).unwrap()
}

/// The page of the first one is read by the time that she is erased; that of the second one is not.
fn who_is_erased_in_the_middle_of_a_fan_out_gets_no_mail(system: System) {
    let scenario = Scenario::with_relay("erased", 120)
        .database(system)
        .connections(LANES)
        .env("BATCH_SIZE", "10")
        .build();
    let people = scenario.people();
    let (refused, unread) = (people[1].email.clone(), people[110].email.clone());
    scenario.smtp.fail_recipient(&refused, RecipientFault::Rcpt("554 5.2.1 Mailbox disabled, go away"), 9);
    scenario.smtp.gate().close_after(Point::BeforeReply, 5);
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    scenario.wait_until_held(LANES);
    let out = scenario.run_ok(&["person", "erase", &unread.to_uppercase(), "--by", "a test"]);
    assert!(out.contains("the application has the address in 1 row of participants"), "{out}");
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    assert_eq!(counts(&scenario, 0), [118, 1, 1, 0]);
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'skipped' AND detail = 'erased'"), 1);

    let mail = export(&scenario, &refused)["mails"][0].clone();
    assert_eq!(mail["outcome"]["smtp_code"], 554);
    assert!(mail["outcome"]["detail"].as_str().unwrap().contains("go away"), "{mail}");
    let dry = scenario.run_ok(&["person", "erase", &refused, "--dry-run"]);
    assert!(dry.contains("would erase the words of 1 outcome"), "{dry}");
    assert_eq!(export(&scenario, &refused)["mails"][0], mail);
    let exit = run_with_input(&scenario, &["person", "erase", "-"], &format!("{refused}\r\n"));
    assert_eq!(exit.code, Some(0), "{}", exit.out);
    assert!(exit.out.contains("erased the words of 1 outcome"), "{}", exit.out);
    let document = export(&scenario, &refused);
    assert_eq!(document["mails"][0]["outcome"]["detail"], Value::Null);
    assert_eq!(document["suppressions"][0]["reason"], "erased");
    assert_eq!(document["suppressions"][0]["address"], Value::Null);
    assert_eq!(document["erasures"].as_array().unwrap().len(), 1);

    // Neither a retry nor the cancellation is mailed to her.
    scenario.run_ok(&["retry", "--notification", "1", "--permanent-too"]);
    assert_eq!(counts(&scenario, 0), [118, 0, 2, 0]);
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    assert_eq!(counts(&scenario, 1), [118, 0, 2, 0]);
    worker.stop();
    let log = scenario.run_ok(&["person", "log"]);
    assert!(log.contains("by a test") && log.lines().count() == 2, "{log}");
    for text in [&refused, &unread] {
        assert!(!log.contains(text.as_str()), "{log}");
    }
    scenario.run_ok(&["suppressions", "remove", &refused]);
    scenario.run(&["retry", "--notification", "2", "--permanent-too"]);
    assert_eq!(counts(&scenario, 1), [118, 1, 1, 0], "the relay is asked about her again");
}

fn an_erasure_that_is_killed_is_finished_by_the_next_one(system: System) {
    let scenario = Scenario::with_relay("killed-erasure", 1).database(system).build();
    let text = "'{\"notice\":{\"message\":\"Dear Ada\"}}'";
    let rows = |row: &dyn Fn(usize) -> String| (1..=NOTICES).map(row).collect::<Vec<_>>().join(", ");
    scenario.ledger.execute(&format!(
        "INSERT INTO notifications (id, kind, audience, max_participant_id, state, received_at, completed_at, acked_at, content)
            VALUES {};
         INSERT INTO recipients (notification_id, id, email, name) VALUES {};
         INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, smtp_code, detail, decided_at)
            VALUES {}",
        rows(&|id| {
            let at = "'2026-01-01 10:00:00'";
            format!("({id}, 'NOTICE', 'given', 1, 'completed', {at}, {at}, {at}, {text})")
        }),
        rows(&|id| format!("({id}, 1, 'Ada@Example.org', 'Ada')")),
        rows(&|id| format!("({id}, 1, 'failed', 1, TRUE, 550, 'no', '2026-01-01 10:00:00')")),
    ));
    let found = export(&scenario, "ada@example.org");
    assert_eq!(found["mails"].as_array().unwrap().len(), NOTICES);
    let left = || scenario.ledger.count("recipients WHERE email IS NOT NULL");
    for _ in 0..2 {
        let erasure = scenario.start(&["person", "erase", "ada@example.org"]);
        let before = left();
        wait_until("a step of the erasure", || left() < before || before == 0);
        erasure.kill();
        assert_eq!(
            left(),
            scenario.ledger.count("deliveries WHERE detail IS NOT NULL"),
            "each step is whole"
        );
    }
    let out = scenario.run_ok(&["person", "erase", "ada@example.org"]);
    assert!(out.contains("the address gets no mail from now on"), "{out}");
    assert_eq!((left(), scenario.ledger.count("deliveries WHERE detail IS NOT NULL")), (0, 0));
    assert_eq!(scenario.ledger.count("notifications WHERE content LIKE '%Ada%'"), 0);
    let document = export(&scenario, "ada@example.org");
    assert_eq!(document["mails"], Value::Array(Vec::new()));
    let erasures = document["erasures"].as_array().unwrap();
    let sum = |key: &str| erasures.iter().map(|one| one[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("recipients"), sum("outcomes")), (NOTICES as u64, NOTICES as u64), "{erasures:?}");
    assert!(erasures.iter().all(|one| one["ended_at"].is_string()), "{erasures:?}");
    assert!(scenario.status().iter().all(|line| line["participants"] == line["failed"]));
}

#[test]
fn what_is_no_address_is_refused_and_not_repeated() {
    let scenario = Scenario::with_relay("no-address", 1).build();
    for (address, reason) in [
        ("Ada <secret@example.org>", "give the address alone, without a name and angle brackets"),
        ("ada@example.org,secret@example.org", "give one address at a time"),
        ("secret", "the address has no @"),
        ("", "the address is empty"),
    ] {
        for verb in ["export", "erase"] {
            let exit = scenario.run(&["person", verb, address]);
            assert_eq!(exit.code, Some(1));
            assert!(exit.err.contains(reason) && !exit.err.contains("secret"), "{}", exit.err);
        }
    }
    let two = scenario.run(&["person", "erase", "a@example.org", "b@example.org"]);
    assert_eq!(two.code, Some(2));
    let both = run_with_input(&scenario, &["person", "erase", "-"], "a@example.org\nb@example.org\n");
    assert_eq!(both.code, Some(1));
    assert!(both.err.contains("give one address at a time"), "{}", both.err);
    let by = scenario.run(&["person", "erase", "a@example.org", "--by", "for A@example.org"]);
    assert!(by.err.contains("--by has the address in it"), "{}", by.err);
    assert_eq!(scenario.ledger.count("suppressions"), 0);
    let nobody = scenario.run(&["person", "export", "nobody@example.org"]);
    assert_eq!(nobody.code, Some(0));
    assert!(nobody.err.contains("nothing was found"), "{}", nobody.err);
    let nobody = scenario.run_ok(&["person", "erase", "nobody@example.org"]);
    assert!(nobody.contains("erased nothing"), "{nobody}");
    assert_eq!(scenario.ledger.count("suppressions"), 1, "her rows may be deleted already");
}
