//! The event of a message is deleted: before its message is worked on, in the middle of a fan-out, while it is looked up,
//! and between a deferral and the next attempt. The message becomes a dead letter with a reason, its notification is
//! closed as `abandoned` with that reason, and everything that is said about it is true.

use serde_json::Value;

use crate::counted::count_duplicates;
use crate::systems::on_every_system;
use testkit::process::{Exit, Process};
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::Step;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 4;
const PEOPLE: usize = 60;
/// Mails whose outcomes are in the ledger when the worker is killed.
const BEFORE: usize = 20;

on_every_system!(
    deleted_before_the_message_is_worked_on
    deleted_in_the_middle_with_a_message_id
    deleted_in_the_middle_without_a_message_id
    published_once_more_when_the_event_is_back
    purged
    deleted_while_the_message_waits
    stopped_and_killed_while_the_event_is_looked_up
    deleted_between_the_deferral_and_the_next_attempt
);

fn scenario(system: System, name: &str) -> Scenario {
    Scenario::with_relay(name, PEOPLE).database(system).connections(LANES).build()
}

/// Deletes the row of the event, and its people stay.
fn delete_event(scenario: &Scenario) {
    scenario.ledger.execute(&format!("DELETE FROM events WHERE id = {EVENT}"));
}

fn restore_event(scenario: &Scenario) {
    scenario.ledger.execute(&format!("INSERT INTO events (id, title) VALUES ({EVENT}, 'Ball')"));
}

/// A worker was killed in the middle, and the event deleted. Another worker has dealt with the message. Returns the mails
/// that the relay has got.
fn abandoned_in_the_middle(scenario: &Scenario, message_id: Option<&str>) -> (Process, usize) {
    scenario.worker_in_the_middle(LANES, BEFORE, message_id).kill();
    scenario.wait_until_held(0);
    delete_event(scenario);
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    check_abandoned(scenario, BEFORE);
    check_dead_letter(scenario);
    (worker, BEFORE + LANES)
}

/// The only notification is abandoned, with this number of people who got their mail.
#[track_caller]
fn check_abandoned(scenario: &Scenario, sent: usize) {
    wait_until("the notification to be abandoned", || {
        scenario.ledger.count("notifications WHERE state = 'abandoned' AND acked_at IS NOT NULL") == 1
    });
    assert_eq!(scenario.ledger.notifications().len(), 1);
    let ended = scenario.run(&["status", "--format", "json"]);
    assert_eq!(ended.code, Some(1), "people are pending: {ended:?}");
    let lines: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let line = &lines[0];
    assert_eq!((&line["state"], &line["sent"]), (&"abandoned".into(), &sent.into()), "{line}");
    assert_eq!((&line["pending"], &line["failed"]), (&(PEOPLE - sent).into(), &0.into()), "{line}");
    assert!(line["reason"].as_str().unwrap().contains(&format!("event {EVENT} ")), "{line}");
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let pending = format!("{} participants", PEOPLE - sent);
    for words in ["abandoned", "notification 1 ", &pending, "fanmail retry --notification 1"] {
        assert!(format!("{}{}", ended.out, ended.err).contains(words), "{words:?} is missing: {ended:?}");
    }
    for wrong in ["goes on", "lost their worker", "Lost their worker", "Waiting for a worker"] {
        assert!(!ended.err.contains(wrong), "{}", ended.err);
    }
}

/// Takes the only dead letter. It says why.
#[track_caller]
fn check_dead_letter(scenario: &Scenario) {
    let letters = scenario.queue.take_dead_letters();
    assert_eq!((letters.len(), scenario.queue.depth()), (1, 0));
    let reason = letters[0].reason();
    assert!(reason.contains(&format!("event {EVENT} ")), "{reason}");
}

/// `fanmail retry` refuses it, and says why.
#[track_caller]
fn retry_is_refused(scenario: &Scenario) {
    let Exit { code, err, .. } = scenario.run(&["retry", "--notification", "1"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(&format!("event {EVENT} ")), "{err}");
}

/// `fanmail retry` sends to everyone who is pending, and completes the notification.
#[track_caller]
fn retry_completes_it(scenario: &Scenario, duplicates: usize) {
    restore_event(scenario);
    let out = scenario.run_ok(&["retry", "--notification", "1"]);
    assert!(out.contains(&format!("{PEOPLE} sent")), "{out}");
    assert_eq!(count_duplicates(scenario), duplicates);
    assert_eq!(scenario.status()[0]["state"], "completed");
    scenario.check_completed();
}

fn deleted_before_the_message_is_worked_on(system: System) {
    let scenario = scenario(system, "event-before");
    scenario.publish("UPDATED");
    delete_event(&scenario);
    let worker = scenario.worker();
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    check_abandoned(&scenario, 0);
    check_dead_letter(&scenario);
    assert_eq!(scenario.smtp.accepted(), 0);
    retry_is_refused(&scenario);
    worker.stop();
    retry_completes_it(&scenario, 0);
}

fn deleted_in_the_middle(system: System, name: &str, message_id: Option<&str>) {
    let scenario = scenario(system, name);
    let (worker, mails) = abandoned_in_the_middle(&scenario, message_id);
    assert_eq!(scenario.smtp.delivered_ids().len(), mails);
    retry_is_refused(&scenario);
    // Also beside a worker.
    retry_completes_it(&scenario, LANES);
    worker.stop();
}

fn deleted_in_the_middle_with_a_message_id(system: System) {
    deleted_in_the_middle(system, "event-middle-id", Some("of the event"));
}

fn deleted_in_the_middle_without_a_message_id(system: System) {
    deleted_in_the_middle(system, "event-middle", None);
}

/// The same message id is the same notification.
fn published_once_more_when_the_event_is_back(system: System) {
    let scenario = scenario(system, "event-again");
    let (worker, _) = abandoned_in_the_middle(&scenario, Some("once more"));
    // The event is still away: it is abandoned again.
    scenario.queue.publish("UPDATED", EVENT, Some("once more"));
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    check_abandoned(&scenario, BEFORE);
    check_dead_letter(&scenario);
    restore_event(&scenario);
    scenario.queue.publish("UPDATED", EVENT, Some("once more"));
    wait_until("the notification to be completed", || scenario.ledger.completed() == 1);
    scenario.wait_for_acks(1);
    worker.stop();
    assert_eq!(count_duplicates(&scenario), LANES);
    assert_eq!(scenario.status()[0]["reason"], Value::Null);
    scenario.check_completed();
}

fn purged(system: System) {
    let scenario = scenario(system, "event-purged");
    let (worker, _) = abandoned_in_the_middle(&scenario, None);
    let purge = ["purge", "--older-than", "90d"];
    let out = scenario.run_ok(&purge);
    assert!(out.contains("deleted 0 notifications "), "it is young: {out}");
    let long_ago = "received_at = '2020-01-01 10:00:00', completed_at = '2020-01-01 11:00:00', acked_at = '2020-01-01 11:00:01'";
    scenario.ledger.execute(&format!("UPDATE notifications SET {long_ago} WHERE state = 'abandoned'"));
    let out = scenario.run_ok(&purge);
    assert!(out.contains(&format!("deleted 1 notification with {BEFORE} outcomes")), "{out}");
    assert_eq!((scenario.ledger.count("notifications"), scenario.ledger.count("deliveries")), (0, 0));
    assert_eq!(scenario.run(&["status"]).code, Some(0), "nothing is left to be said");
    worker.stop();
}

/// The running one has read the event before, and goes on. The one that waits behind it is abandoned.
fn deleted_while_the_message_waits(system: System) {
    let scenario = scenario(system, "event-waiting");
    scenario.smtp.gate().close_after(Point::BeforeReply, BEFORE);
    let worker = scenario.worker();
    scenario.queue.publish("CREATED", EVENT, None);
    scenario.wait_until_held(LANES);
    scenario.queue.publish("UPDATED", EVENT, None);
    wait_until("the worker to hold both messages", || scenario.queue.depth() == 0);
    delete_event(&scenario);
    scenario.smtp.gate().open();
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    let done = "notifications WHERE acked_at IS NOT NULL AND state =";
    wait_until("both to be closed", || {
        ["completed", "abandoned"]
            .iter()
            .all(|state| scenario.ledger.count(&format!("{done} '{state}'")) == 1)
    });
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE, 0));
    check_dead_letter(&scenario);
    restore_event(&scenario);
    worker.stop();
    scenario.run_ok(&["retry", "--notification", "2"]);
    assert_eq!(count_duplicates(&scenario), 0);
    scenario.check_completed();
}

/// Nothing is decided yet: the message goes back to the queue, and is the same notification when it comes again.
fn stopped_and_killed_while_the_event_is_looked_up(system: System) {
    let mut scenario = scenario(system, "event-lookup");
    scenario.environment.insert("EVENT_LOOKUP_GRACE".to_owned(), "60".to_owned());
    delete_event(&scenario);
    scenario.queue.publish("CREATED", EVENT, None);
    scenario.queue.publish("UPDATED", EVENT, Some("with id"));
    let looking_up = || {
        let worker = scenario.worker();
        worker.wait_for_log("is not in the database yet");
        worker
    };
    let stopped = looking_up().stop();
    assert_eq!((scenario.queue.depth(), scenario.queue.dead_depth()), (2, 0), "{}", stopped.err);
    looking_up().kill();
    let worker = looking_up();
    assert_eq!(scenario.run(&["status"]).code, Some(0), "nothing is wrong yet");
    restore_event(&scenario);
    scenario.wait_for_acks(2);
    worker.stop();
    assert_eq!((scenario.ledger.notifications().len(), scenario.ledger.outcomes("sent")), (2, 2 * PEOPLE));
    assert_eq!(count_duplicates(&scenario), 0);
    scenario.check_completed();
}

/// The message is acked already: the mails are `failed`, and can be sent when the event is back.
fn deleted_between_the_deferral_and_the_next_attempt(system: System) {
    let scenario = Scenario::with_relay("event-deferred", PEOPLE)
        .database(system)
        .connections(LANES)
        .env("MAX_RETRIES", "0")
        .env("DEFER_SCHEDULE", "2s 2s 2s")
        .build();
    let forever = std::time::Duration::from_secs(3600);
    let third = |address: &str| address.bytes().map(u32::from).sum::<u32>() % 3 == 0;
    scenario.smtp.add_policy(Policy::greylist(Step::Rcpt, "450 4.2.0 Greylisted, try later", forever, third));
    let deferred = scenario.people().iter().filter(|person| third(&person.email)).count();
    assert!(deferred > 0, "else this proves nothing");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    delete_event(&scenario);
    scenario.wait_for_deferrals();
    scenario.smtp.clear_policies();
    let line = &scenario.status()[0];
    assert_eq!((&line["state"], &line["failed"]), (&"completed".into(), &deferred.into()), "{line}");
    let ended = scenario.run(&["status"]);
    assert!(ended.err.contains(&format!("notification 1 ({deferred} temporary, 0 permanent)")), "{ended:?}");
    worker.stop();
    retry_is_refused(&scenario);
    retry_completes_it(&scenario, 0);
}
