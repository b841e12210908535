//! Addresses that get no mail: `fanmail suppressions` beside running workers, what the relay refuses, the application's opt-outs, and a worker
//! that is killed in the middle.

use std::fs;

use serde_json::Value;

use crate::systems::on_every_system;
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::system::System;

const LANES: usize = 2;
const PERMANENT_TOO: [&str; 4] = ["retry", "--notification", "1", "--permanent-too"];

on_every_system!(
    who_is_suppressed_in_the_middle_of_a_fan_out_gets_no_mail
    opt_outs_of_the_application_are_asked_for
);

fn counts(scenario: &Scenario, notification: usize) -> [u64; 4] {
    let line = scenario.status().remove(notification);
    ["sent", "failed", "skipped", "pending"].map(|key| line[key].as_u64().unwrap())
}

/// Two pages are read by the time that the first mails are held; the last ones are not.
fn who_is_suppressed_in_the_middle_of_a_fan_out_gets_no_mail(system: System) {
    let scenario = Scenario::with_relay("suppressed", 120)
        .database(system)
        .connections(LANES)
        .env("BATCH_SIZE", "10")
        .build();
    let people = scenario.people();
    let address = |index: usize| people[index].email.to_uppercase();
    scenario.run_ok(&["suppressions", "add", &address(50), "--reason", "unsubscribed"]);
    scenario.smtp.gate().close_after(Point::BeforeReply, 5);
    scenario.queue.publish("UPDATED", 123, Some("suppressed"));
    let worker = scenario.worker();
    scenario.wait_until_held(LANES);
    let out = scenario.run_ok(&["suppressions", "add", &address(110), &address(119)]);
    assert!(out.contains("added 2 suppressions (scope all)"), "{out}");
    worker.kill();
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(counts(&scenario, 0), [117, 0, 3, 0]);
    let skipped = |reason: &str| {
        scenario.ledger.count(&format!("deliveries WHERE status = 'skipped' AND detail = '{reason}'"))
    };
    assert_eq!((skipped("unsubscribed"), skipped("blocked")), (1, 2));
    assert!(scenario.duplicates() <= LANES, "those in flight at the kill");
    // Cancellations reach everyone.
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    assert_eq!(counts(&scenario, 1), [120, 0, 0, 0]);
    worker.stop();

    let removed = scenario.run_ok(&["suppressions", "remove", &people[50].email]);
    assert!(
        removed.contains("removed 1 suppression; skipped mails are sent with: fanmail retry"),
        "{removed}"
    );
    scenario.run_ok(&PERMANENT_TOO);
    scenario.run_ok(&PERMANENT_TOO);
    assert_eq!(counts(&scenario, 0), [118, 0, 2, 0]);
    // A purge of everything leaves the list as it is.
    scenario.ledger.execute(
        "UPDATE notifications SET completed_at = '2020-01-01 10:00:00', acked_at = '2020-01-01 10:00:00'",
    );
    scenario.run_ok(&["purge", "--older-than", "90d"]);
    assert_eq!((scenario.ledger.count("deliveries"), scenario.ledger.count("suppressions")), (0, 2));
}

fn opt_outs_of_the_application_are_asked_for(system: System) {
    let mut scenario = Scenario::with_relay("optouts", 6).database(system).connections(LANES).build();
    let people = scenario.people();
    scenario.ledger.execute(&format!(
        "CREATE VIEW optouts AS SELECT '{}' AS email, 'all' AS scope UNION ALL SELECT '{}', 'event:123'
         UNION ALL SELECT '{}', 'no scope' UNION ALL SELECT ' Somebody@example.org', 'all'",
        people[0].email.to_lowercase(),
        people[1].email,
        people[2].email
    ));
    let check = scenario.run_ok(&["check"]);
    assert!(check.contains("optouts, which is not read; to mail nobody in it, set OPTOUTS=True"), "{check}");
    scenario.environment.insert("OPTOUTS".to_owned(), "True".to_owned());
    let check = scenario.run_ok(&["check"]);
    assert!(check.contains("the scope \"no scope\" is none, and counts as all"), "{check}");
    assert!(
        check.contains("optouts: 1 row of the first 4 with blanks or capitals in the address"),
        "{check}"
    );
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!(counts(&scenario, 0), [3, 0, 3, 0]);
    assert_eq!(scenario.ledger.count("deliveries WHERE detail = 'opted-out'"), 3);
    worker.stop();
    scenario.ledger.execute("DROP VIEW optouts");
    let check = scenario.run(&["check"]);
    assert_eq!(check.code, Some(1));
    assert!(check.out.contains("nobody is mailed until it can be read"), "{}", check.out);
}

#[test]
fn an_address_that_the_relay_refuses_is_asked_once_and_again_when_it_is_removed() {
    let scenario = Scenario::with_relay("refused-address", 5).connections(LANES).build();
    let gone = scenario.people()[2].email.clone();
    scenario.smtp.fail_recipient(&gone, RecipientFault::Rcpt("550 5.1.1 User unknown"), 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!(counts(&scenario, 0), [4, 1, 0, 0]);
    let blocked = scenario.people()[3].email.clone();
    scenario.smtp.fail_recipient(
        &blocked,
        RecipientFault::Rcpt("550 5.7.1 You may not send to this list"),
        1,
    );
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    let log = worker.log();
    scenario.check_redacted(&log);
    assert_eq!(counts(&scenario, 1), [4, 0, 1, 0]);
    let list = scenario.run_ok(&["suppressions", "list", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    assert_eq!(list.len(), 1, "a refusal that may be about us is none: {list:?}");
    assert_eq!(
        [&list[0]["reason"], &list[0]["scope"], &list[0]["source"]],
        ["refused", "everything", "relay"]
    );
    assert!(!list[0]["address"].as_str().unwrap().contains(&gone), "{list:?}");
    worker.stop();
    scenario.run_ok(&PERMANENT_TOO);
    assert_eq!(counts(&scenario, 0)[2], 1, "it is on the list");
    scenario.run_ok(&["suppressions", "remove", &gone]);
    scenario.run_ok(&PERMANENT_TOO);
    assert_eq!(counts(&scenario, 0), [5, 0, 0, 0]);
}

#[test]
fn a_list_is_exported_and_imported() {
    let scenario = Scenario::with_relay("suppressions-csv", 1).build();
    let file = scenario.dir.path().join("unwanted.csv");
    let path = file.to_str().unwrap();
    let good = "E-mail;Reason\nann@example.org;bounced\nBob@Example.org;\n ann@example.org ;bounced\n";
    fs::write(&file, format!("{good}\nnobody;\ncat@example.org;spam\n")).unwrap();
    let bad = scenario.run(&["suppressions", "import", path]);
    assert_eq!(bad.code, Some(1));
    let name = format!("{path}, line ");
    assert!(
        bad.err.contains(&format!("{name}6: the address has no @\n{name}7: reason is none of unsub")),
        "{bad:?}"
    );
    assert!(bad.err.contains("nothing was imported because of 2 bad lines"), "{bad:?}");
    assert!(!bad.err.contains("nobody") && scenario.ledger.count("suppressions") == 0);

    fs::write(&file, good).unwrap();
    let dry = scenario.run_ok(&["suppressions", "import", "--dry-run", path]);
    assert!(dry.contains(": 3 suppressions: 2 new, 1 on the list already"), "{dry}");
    assert_eq!(scenario.ledger.count("suppressions"), 0);
    let imported = scenario.run_ok(&["suppressions", "import", path, "--reason", "unsubscribed"]);
    assert!(imported.starts_with("imported ") && imported.contains(": 3 suppressions: 2 new"), "{imported}");
    let again = scenario.run_ok(&["suppressions", "import", path, "--reason", "unsubscribed"]);
    assert!(again.contains(": 0 new, 3 on the list already"), "{again}");

    let list = scenario.run_ok(&["suppressions", "list"]);
    assert!(list.contains("a***@example.org") && !list.contains("ann@"), "{list}");
    let whole = scenario.run_ok(&["suppressions", "list", "--addresses", "--reason", "bounced"]);
    assert!(
        whole.contains("bounced  everything  import  ann@example.org") && whole.lines().count() == 2,
        "{whole}"
    );

    let export = scenario.run_ok(&["suppressions", "export"]);
    let lines: Vec<&str> = export.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "address,scope,reason,source,created_at,address_hash"));
    assert!(export.contains("bob@example.org,all,unsubscribed,import,"), "{export}");
    scenario.ledger.execute("DELETE FROM suppressions");
    // Rows whose address was deleted are known by their hash.
    fs::write(&file, export.replace("ann@example.org", "")).unwrap();
    scenario.run_ok(&["suppressions", "import", path]);
    let found = scenario.run_ok(&["suppressions", "list", "ann@example.org"]);
    assert!(found.contains("bounced  everything  import  ("), "{found}");
}
