//! `ONE_MAIL_PER_ADDRESS=True`: each address gets one mail, over pages, after a crash, on one page, and with `fanmail retry`.

use std::collections::{BTreeMap, BTreeSet};

use crate::systems::on_every_system;
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::system::System;

const LANES: usize = 2;

on_every_system!(each_address_gets_one_mail);

/// The messages of each address, by their Message-IDs.
fn mails_by_address(scenario: &Scenario) -> BTreeMap<String, BTreeSet<String>> {
    let mut mails: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mail in scenario.smtp.log().received {
        mails.entry(mail.recipient.to_lowercase()).or_default().insert(mail.message_id);
    }
    mails
}

fn counts(scenario: &Scenario, notification: usize) -> [u64; 4] {
    let line = scenario.status().remove(notification);
    ["sent", "failed", "skipped", "same_address"].map(|key| line[key].as_u64().unwrap())
}

/// Two families of six, and 48 others.
fn each_address_gets_one_mail(system: System) {
    let mut scenario = Scenario::with_relay("one-mail", 60)
        .database(system)
        .connections(LANES)
        .env("ONE_MAIL_PER_ADDRESS", "True")
        .env("BATCH_SIZE", "7")
        .build();
    scenario.ledger.execute(
        "UPDATE participants SET email = 'fay@example.org' WHERE id % 10 = 0;
         UPDATE participants SET email = 'gil@Example.org' WHERE id % 10 = 1;
         UPDATE participants SET email = 'gil@example.ORG' WHERE id IN (31, 51);",
    );
    let check = scenario.run_ok(&["check"]);
    assert!(check.contains("10 participants with the address of another participant"), "{check}");
    scenario.smtp.fail_recipient("gil@Example.org", RecipientFault::Rcpt("550 No such user"), 1);
    scenario.worker_in_the_middle(LANES, 12, Some("one-mail")).kill();
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(counts(&scenario, 0), [49, 1, 10, 10]);
    let detail = |first: i64| {
        let detail = format!("deliveries WHERE status = 'skipped' AND detail = 'same address as {first}'");
        scenario.ledger.count(&detail)
    };
    assert_eq!((detail(1), detail(10)), (5, 5));
    assert!(scenario.status_text().contains("skipped (same address)"));
    worker.stop();

    // The one whose mail failed has left. The retry goes on with one mail for each address, as it was begun.
    scenario.ledger.execute("DELETE FROM participants WHERE id = 1");
    scenario.environment.insert("ONE_MAIL_PER_ADDRESS".to_owned(), "False".to_owned());
    let retry = ["retry", "--notification", "1", "--permanent-too"];
    scenario.run_ok(&retry);
    scenario.run_ok(&retry);
    assert_eq!(counts(&scenario, 0), [50, 0, 9, 9]);
    assert_eq!((detail(1), detail(11), detail(10)), (0, 4, 5));
    let mails = mails_by_address(&scenario);
    assert!(mails.len() == 50 && mails.values().all(|mails| mails.len() == 1), "{mails:?}");
    assert!(scenario.duplicates() <= LANES, "those in flight at the crash");
    scenario.check_completed();

    // All of them are on one page.
    scenario.environment.insert("ONE_MAIL_PER_ADDRESS".to_owned(), "True".to_owned());
    scenario.environment.insert("BATCH_SIZE".to_owned(), "100".to_owned());
    let worker = scenario.worker();
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    assert_eq!(counts(&scenario, 1), [50, 0, 9, 9]);
    assert!(mails_by_address(&scenario).values().all(|mails| mails.len() == 2));
    scenario.stop_and_check(worker);
}
