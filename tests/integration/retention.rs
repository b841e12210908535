//! `fanmail purge`: it deletes old notifications beside a running worker, and an interrupted purge leaves no
//! inconsistent notification.

use serde_json::Value;

use testkit::process::{Environment, Process};
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;

const PURGE: [&str; 3] = ["purge", "--older-than", "90d"];

/// Adds notifications with this number of outcomes each, completed and acked in 2020.
fn add_old(scenario: &Scenario, notifications: usize, outcomes: usize) {
    scenario.ledger.execute(&format!(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {notifications})
         INSERT INTO notifications (message_key, kind, event_id, audience, max_participant_id, state,
            received_at, completed_at, acked_at)
         SELECT 'old-' || {outcomes} || '-' || n, 'UPDATED', {EVENT}, 'event', {outcomes}, 'completed',
            '2020-01-01 10:00:00', '2020-01-01 11:00:00', '2020-01-01 11:00:01' FROM number;
         WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {outcomes})
         INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
         SELECT id, n, 'sent', 1, 0, '2020-01-01 10:30:00' FROM notifications, number
         WHERE max_participant_id = {outcomes} AND completed_at = '2020-01-01 11:00:00';"
    ));
}

fn old_notifications(scenario: &Scenario) -> usize {
    scenario.ledger.count("notifications WHERE received_at < '2021-01-01'")
}

fn old_outcomes(scenario: &Scenario) -> usize {
    scenario.ledger.count("deliveries WHERE decided_at < '2021-01-01'")
}

#[test]
fn a_purge_does_not_touch_the_work_of_a_running_worker() {
    let scenario = Scenario::with_relay("purge", 300).build();
    add_old(&scenario, 100, 20);
    add_old(&scenario, 1, 30_000);
    scenario.smtp.gate().close_after(Point::BeforeReply, 50);
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    scenario.wait_until_held(4);

    let plan: Value =
        serde_json::from_str(&scenario.run_ok(&[&PURGE[..], &["--dry-run", "--format", "json"]].concat()))
            .unwrap();
    assert_eq!((&plan["notifications"], &plan["outcomes"]), (&Value::from(101), &Value::from(32_000)));
    assert_eq!((&plan["dry_run"], &plan["oldest"]), (&Value::from(true), &"2020-01-01T11:00:00.000Z".into()));
    assert_eq!((old_notifications(&scenario), old_outcomes(&scenario)), (101, 32_000));

    let purge = scenario.start(&PURGE);
    scenario.smtp.gate().open();
    let ended = purge.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("deleted 101 notifications with 32000 outcomes\n"), "{}", ended.out);
    assert_eq!((old_notifications(&scenario), old_outcomes(&scenario)), (0, 0));
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (300, 0));
    scenario.stop_and_check(worker);
}

/// Ends a purge in the middle, and checks what is left.
fn cut_off(name: &str, end: impl FnOnce(Process)) {
    const OUTCOMES: usize = 200_000;
    let scenario = Scenario::with_relay(name, 20).build();
    add_old(&scenario, 1, OUTCOMES);
    let purge = scenario.start(&PURGE);
    wait_until("the purge to begin", || old_outcomes(&scenario) < OUTCOMES);
    end(purge);
    let left = old_outcomes(&scenario);
    assert!(left > 0, "it was over before it could be ended");

    // Its message may still arrive: it is a new notification, and everyone gets a mail.
    assert_eq!(scenario.status(), Vec::<Value>::new());
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, Some(&format!("old-{OUTCOMES}-1")));
    scenario.wait_for_acks(1);
    assert_eq!(scenario.status()[0]["sent"], 20);
    assert_eq!(old_outcomes(&scenario), left);

    let out = scenario.run_ok(&PURGE);
    assert!(out.contains(&format!("deleted 0 notifications with {left} outcomes\n")), "{out}");
    assert_eq!(old_outcomes(&scenario), 0);
    scenario.stop_and_check(worker);
}

#[test]
fn a_stopped_purge_can_be_continued() {
    cut_off("purge-stop", |purge| {
        purge.terminate();
        let ended = purge.wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.out.contains("interrupted, continue with the same command"), "{}", ended.out);
    });
}

#[test]
fn a_killed_purge_can_be_continued() {
    cut_off("purge-kill", |purge| drop(purge.kill()));
}

#[test]
fn an_invalid_age_is_refused_with_an_example() {
    let dir = tempfile::tempdir().unwrap();
    for (age, says) in [
        ("90", "such as 12h, 90d or 2w"),
        ("3m", "such as"),
        ("0d", "at least 1h"),
        ("99999w", "at most 36500d"),
    ] {
        let ended = Process::start(dir.path(), &Environment::new(), &["purge", "--older-than", age]).wait();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(says), "{}", ended.err);
    }
    let ended = Process::start(dir.path(), &Environment::new(), &["purge"]).wait();
    assert_eq!(ended.code, Some(2), "an age is asked for: {ended:?}");
    assert!(ended.err.contains("--older-than <AGE>"), "{}", ended.err);
}
