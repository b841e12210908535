//! `fanmail retry` of notifications that are not completed: abandoned ones, and those whose message is lost. And that it gives
//! its lease up.

use std::time::Duration;

use serde_json::Value;

use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;

const RETRY: [&str; 3] = ["retry", "--notification", "1"];
const RETRY_LOST: [&str; 4] = ["retry", "--notification", "1", "--message-lost"];

/// A scenario whose only notification has 20 participants, of whom 5 got their mail.
fn interrupted(name: &str, state: &str) -> Scenario {
    let scenario = Scenario::with_relay(name, 20).connections(2).build();
    scenario.ledger.execute(&format!(
        "INSERT INTO notifications (kind, channel, event_id, audience, max_participant_id, state, received_at, epoch)
         SELECT 'UPDATED', 'email', {EVENT}, 'event', max(id), '{state}', '2026-01-01 10:00:00', 5 FROM participants;
         INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
         SELECT 1, id, 'sent', 1, 0, '2026-01-01 10:00:01' FROM participants ORDER BY id LIMIT 5;"
    ));
    scenario
}

/// The same, abandoned because its event was deleted.
fn abandoned(name: &str) -> Scenario {
    let scenario = interrupted(name, "abandoned");
    scenario.ledger.execute(&format!(
        "UPDATE notifications SET reason = 'event {EVENT} is not in the database', completed_at = '2026-01-01 10:01:00',
            acked_at = '2026-01-01 10:01:00';
         CREATE TABLE removed AS SELECT * FROM events;
         DELETE FROM events;"
    ));
    scenario
}

fn put_event_back(scenario: &Scenario) {
    scenario.ledger.execute("INSERT INTO events SELECT * FROM removed");
}

/// The only line of `fanmail status --format json`, whatever its exit code.
fn status_line(scenario: &Scenario) -> Value {
    let lines: Vec<Value> = serde_json::from_str(&scenario.run(&["status", "--format", "json"]).out).unwrap();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    line.clone()
}

#[test]
fn an_abandoned_notification_is_sent_when_its_event_is_back() {
    let scenario = abandoned("retry-abandoned");
    let line = status_line(&scenario);
    assert_eq!((&line["state"], &line["pending"]), (&"abandoned".into(), &15.into()), "{line}");
    assert_eq!(line["reason"], format!("event {EVENT} is not in the database"));
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.err.contains("is abandoned, and 15 participants got no mail: event 123 is not"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("fanmail retry --notification 1"), "{}", ended.err);
    let ended = scenario.run(&RETRY);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("put it back, then run the same command again"), "{}", ended.err);

    put_event_back(&scenario);
    scenario.run_ok(&RETRY);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
    let line = status_line(&scenario);
    assert_eq!((&line["state"], &line["sent"]), (&"completed".into(), &20.into()), "{line}");
    assert_eq!((&line["reason"], &line["worker"]), (&Value::Null, &Value::Null), "{line}");
    assert_eq!(scenario.run(&["status"]).code, Some(0));
    scenario.run_ok(&RETRY);
    assert_eq!(scenario.smtp.accepted(), 15, "there is nothing left to send");
}

/// The message came before the event, and before its participants.
#[test]
fn an_abandoned_notification_without_an_audience_is_for_everyone_who_takes_part_at_the_retry() {
    let scenario = abandoned("retry-audience");
    scenario.ledger.execute("DELETE FROM deliveries; UPDATE notifications SET max_participant_id = 0");
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(0), "no participant is pending: {ended:?}");
    assert!(
        ended.err.contains("Abandoned, and no participant is pending: notification 1 (event 123 "),
        "{}",
        ended.err
    );
    put_event_back(&scenario);
    scenario.run_ok(&RETRY);
    let line = status_line(&scenario);
    assert_eq!((&line["state"], &line["sent"]), (&"completed".into(), &20.into()), "{line}");
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (20, 0));
}

#[test]
fn an_interrupted_retry_gives_its_lease_up_and_leaves_an_abandoned_notification_abandoned() {
    let scenario = abandoned("retry-interrupted");
    put_event_back(&scenario);
    scenario.smtp.gate().close_after(Point::BeforeReply, 4);
    let retry = scenario.start(&RETRY);
    scenario.wait_until_held(2);
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("pending: fanmail retry is running ("), "{}", ended.err);
    let second = scenario.run(&RETRY);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains("is being sent again by"), "{}", second.err);
    retry.terminate();
    scenario.smtp.gate().open();
    let ended = retry.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("interrupted; continue with the same command"), "{}", ended.out);
    let line = status_line(&scenario);
    assert_eq!((&line["state"], &line["worker"]), (&"abandoned".into(), &Value::Null), "{line}");
    assert_ne!(line["pending"], 0, "{line}");
    scenario.run_ok(&RETRY);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
    assert_eq!(status_line(&scenario)["state"], "completed");
}

#[test]
fn a_lost_message_of_an_event_that_does_not_exist_is_closed_and_sent_when_the_event_is_back() {
    let scenario = interrupted("retry-no-event", "running");
    scenario.ledger.execute("CREATE TABLE removed AS SELECT * FROM events; DELETE FROM events;");
    assert_eq!(scenario.run(&RETRY).code, Some(1), "its message may come");
    assert_eq!(status_line(&scenario)["state"], "running");
    let ended = scenario.run(&RETRY_LOST);
    assert_eq!(ended.code, Some(1), "people got no mail: {ended:?}");
    let closed =
        "notification 1 is closed as abandoned: event 123 is not in the database; its message was lost\n";
    assert!(ended.out.contains(closed) && ended.out.contains("15 participants got no mail"), "{}", ended.out);
    let line = status_line(&scenario);
    assert_eq!((&line["state"], &line["pending"]), (&"abandoned".into(), &15.into()), "{line}");
    put_event_back(&scenario);
    scenario.run_ok(&RETRY);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
    assert_eq!(status_line(&scenario)["state"], "completed");
}

/// Nothing that fails after the lease is taken keeps it: here the outcomes that are tried again cannot be deleted.
#[test]
fn a_retry_that_fails_gives_its_lease_up() {
    let scenario = abandoned("retry-fails");
    put_event_back(&scenario);
    scenario.ledger.execute(
        "UPDATE deliveries SET status = 'failed';
         CREATE TRIGGER broken BEFORE DELETE ON deliveries BEGIN SELECT raise(ABORT, 'this trigger is broken'); END;",
    );
    let ended = scenario.run(&RETRY);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("this trigger is broken"), "{}", ended.err);
    assert_eq!(
        scenario.ledger.count("notifications WHERE epoch > 5 AND lease_owner IS NULL"),
        1,
        "leased and given up"
    );
    scenario.ledger.execute("DROP TRIGGER broken");
    scenario.run_ok(&RETRY);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (20, 0));
}

#[test]
fn a_closed_standard_output_does_not_end_a_retry() {
    let scenario = abandoned("retry-closed");
    put_event_back(&scenario);
    let wrapper = ["sh", "-c", "exec \"$@\" >&-", "sh"].map(str::to_owned);
    let retry =
        testkit::process::Process::start_under(&wrapper, scenario.dir.path(), &scenario.environment, &RETRY);
    assert_eq!(retry.wait().code, Some(0));
    let line = status_line(&scenario);
    assert_eq!((&line["state"], &line["worker"]), (&"completed".into(), &Value::Null), "{line}");
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
}

#[test]
fn a_notification_whose_message_is_lost_is_sent_and_completed() {
    for state in ["running", "waiting"] {
        let scenario = interrupted(&format!("retry-lost-{state}"), state);
        let ended = scenario.run(&["status"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.contains("Without a worker: notification 1. "), "{}", ended.err);
        assert!(ended.err.contains("fanmail retry --notification 1 --message-lost"), "{}", ended.err);
        let ended = scenario.run(&RETRY);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.err.contains(&format!("notification 1 is {state}, and no worker has its message")),
            "{}",
            ended.err
        );
        assert_eq!(scenario.smtp.accepted(), 0);
        scenario.run_ok(&RETRY_LOST);
        let line = status_line(&scenario);
        assert_eq!((&line["state"], &line["sent"]), (&"completed".into(), &20.into()), "{line}");
        assert_eq!((&line["worker"], &line["acked_at"]), (&Value::Null, &Value::Null), "{line}");
        assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
    }
}

#[test]
fn a_message_that_a_worker_has_is_not_lost() {
    let scenario = interrupted("retry-held", "running");
    scenario.ledger.execute(
        "INSERT INTO broker_sessions (name, worker, opened_at, seen_at)
         SELECT 'other:1/1', 'other:1', now, now FROM (SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'now') AS now);
         UPDATE notifications SET broker_session = 'other:1/1', delivery_tag = 1;",
    );
    assert_eq!(scenario.run(&["status"]).err, "", "the worker goes on with it");
    let ended = scenario.run(&RETRY_LOST);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("the worker other:1 has its message"), "{}", ended.err);
    assert_eq!(scenario.smtp.accepted(), 0);

    scenario.ledger.execute("UPDATE broker_sessions SET lost_at = seen_at");
    scenario.run_ok(&RETRY_LOST);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
}

/// Cut off from its database it cannot renew its lease, but it may be alive: a term is waited for.
#[test]
fn a_holder_that_may_be_alive_is_waited_for() {
    let scenario = interrupted("retry-silent", "running");
    scenario
        .ledger
        .execute("UPDATE notifications SET lease_owner = 'other:1', lease_until = '2026-01-01 10:00:30';");
    let mut environment = scenario.environment.clone();
    environment.insert("LEASE_TIMEOUT".to_owned(), "2".to_owned());
    let retry = testkit::process::Process::start(scenario.dir.path(), &environment, &RETRY_LOST);
    let started_at = std::time::Instant::now();
    let ended = retry.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(started_at.elapsed() >= Duration::from_secs(2), "{:?}", started_at.elapsed());
    let says = "other:1 has stopped renewing its lease of notification 1; waiting 2 s in case it is alive";
    assert!(ended.out.contains(says), "{}", ended.out);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
}
