//! Dry-run mode: its mails are in the outbox, its outcomes are told apart, and the relay can send these mails later.

use std::fs;
use std::path::Path;

use testkit::scenario::Scenario;
use testkit::wait::wait_until;

/// How many files below `folder` have the extension.
fn files_with(extension: &str, folder: &Path) -> usize {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: std::path::PathBuf| {
        if path.is_dir() {
            files_with(extension, &path)
        } else {
            usize::from(path.extension().is_some_and(|found| found == extension))
        }
    };
    paths.map(count).sum()
}

#[test]
fn dry_run_mode_writes_its_mails_to_the_outbox_and_the_relay_can_send_them_later() {
    let mut scenario = Scenario::with_relay("outbox", 12)
        .env("EMAIL_DUMMY_MODE", "True")
        .env("EMAIL_OUTBOX_DIR", "outbox")
        .build();
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    let ended = worker.stop();
    scenario.check_redacted(&ended.err);
    let with = |extension: &str| files_with(extension, &scenario.path("outbox"));
    assert_eq!((with("eml"), with("html")), (12, 12));

    // Two mails have failed, and one is deferred, of a relay before.
    scenario
        .ledger
        .execute("UPDATE deliveries SET status = 'failed', smtp_code = 450 WHERE participant_id <= 2");
    scenario.ledger.execute(
        "INSERT INTO deferrals (notification_id, participant_id, tries, next_try_at, smtp_code) \
         SELECT notification_id, participant_id, 1, '2040-01-01 00:00:00', 450 FROM deliveries WHERE participant_id = 3",
    );
    scenario.ledger.execute("DELETE FROM deliveries WHERE participant_id = 3");
    let counts = |scenario: &Scenario| {
        let line = scenario.status().remove(0);
        ["sent", "dry_run", "failed", "deferred", "pending"].map(|key| line[key].as_u64().unwrap())
    };
    let retry = ["retry", "--notification", "1"];
    let dummy_too = ["retry", "--notification", "1", "--dummy-too"];
    let dry = scenario.run(&retry);
    assert_eq!(dry.code, Some(1), "{dry:?}");
    assert!(
        dry.out.contains("EMAIL_DUMMY_MODE=True): 3 failed, deferred or pending mails left as before"),
        "{dry:?}"
    );
    let refused = scenario.run(&dummy_too);
    assert!(refused.code == Some(2) && refused.err.contains("set EMAIL_DUMMY_MODE=False"), "{refused:?}");
    assert_eq!(counts(&scenario), [9, 9, 2, 1, 0]);
    assert!(scenario.status_text().contains("(dry run)"));
    assert_eq!(scenario.smtp.log().connections, 0);

    scenario.environment.insert("EMAIL_DUMMY_MODE".to_owned(), "False".to_owned());
    let real = scenario.run_ok(&retry);
    assert!(real.contains("9 of those sent are of dry-run mode and got no mail; to send to them"), "{real}");
    assert_eq!((scenario.smtp.accepted(), counts(&scenario)), (3, [12, 9, 0, 0, 0]));
    scenario.run_ok(&dummy_too);
    scenario.run_ok(&dummy_too);
    assert_eq!((scenario.smtp.accepted(), counts(&scenario)), (12, [12, 0, 0, 0, 0]));
    assert_eq!(scenario.duplicates(), 0);
}

/// A worker is killed in the middle, and the broker gives its message to a dry run.
#[test]
fn a_dry_run_leaves_a_notification_that_is_half_sent_to_workers_that_send() {
    let mut scenario = Scenario::with_relay("dry-beside", 40).connections(2).build();
    let worker = scenario.worker_in_the_middle(2, 10, Some("half"));
    worker.kill();
    scenario.smtp.gate().open();
    scenario.wait_until_held(0);
    scenario.environment.insert("EMAIL_DUMMY_MODE".to_owned(), "True".to_owned());
    let dry = scenario.worker();
    dry.wait_for_log("is left to workers with EMAIL_DUMMY_MODE=False");
    wait_until("the ack", || scenario.ledger.notifications()[0].acked);
    let status = scenario.run(&["status"]);
    assert!(status.code == Some(1) && status.out.contains("set_aside"), "{status:?}");
    assert!(format!("{}{}", status.out, status.err).contains("a dry run has met it"), "{status:?}");
    dry.stop();
    assert_eq!(scenario.run(&["retry", "--notification", "1"]).code, Some(1), "nor does a dry retry send it");
    assert_eq!(scenario.ledger.outcomes("sent"), 10);

    scenario.environment.insert("EMAIL_DUMMY_MODE".to_owned(), "False".to_owned());
    let worker = scenario.worker();
    wait_until("the others", || scenario.ledger.outcomes("sent") == 40);
    scenario.stop_and_check(worker);
    assert!(scenario.duplicates() <= 2);
    assert_eq!(scenario.smtp.delivered_ids().len(), 40);
}
