//! Mails that are deferred: what `status` and `retry` make of them, and what ends them.

use std::time::Duration;

use serde_json::Value;

use crate::systems::on_every_system;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::Step;
use testkit::system::System;
use testkit::wait::wait_until;

const GREYLISTED: &str = "450 4.2.0 Greylisted";

on_every_system!(greylisted_people_get_their_mails_from_the_next_worker);

/// A relay that greylists everyone whose number in the list is divisible by ten, until the policies are cleared.
fn greylisting(name: &str, participants: usize, schedule: &str) -> Scenario {
    greylisted(with_short_retries(name, participants, schedule).build())
}

fn with_short_retries(name: &str, participants: usize, schedule: &str) -> ScenarioBuilder {
    Scenario::with_relay(name, participants)
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "1")
        .env("DEFER_SCHEDULE", schedule)
}

fn greylisted(scenario: Scenario) -> Scenario {
    let people: Vec<String> = scenario.people().into_iter().step_by(10).map(|person| person.email).collect();
    let whom = move |address: &str| people.iter().any(|email| email == address);
    let for_ever = Duration::from_secs(86_400);
    scenario.smtp.add_policy(Policy::greylist(Step::Rcpt, GREYLISTED, for_ever, whom));
    scenario
}

/// The worker that deferred them ends; another one tries them when they are due.
fn greylisted_people_get_their_mails_from_the_next_worker(system: System) {
    let scenario =
        greylisted(with_short_retries("deferred-next", 200, "3s 1s 1s 1s 1s 1s").database(system).build());
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.count("deferrals")), (180, 20));
    let lines = scenario.status();
    assert_eq!((&lines[0]["deferred"], &lines[0]["pending"]), (&Value::from(20), &Value::from(0)));
    worker.stop();
    scenario.smtp.clear_policies();
    let worker = scenario.worker();
    scenario.wait_for_deferrals();
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.smtp.accepted()), (200, 200));
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

#[test]
fn status_shows_who_is_deferred_and_retry_tries_them_at_once() {
    let scenario = greylisting("deferred-status", 30, "1h 1h");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    worker.stop();
    let line = &scenario.status()[0];
    for (key, number) in [("sent", 27), ("failed", 0), ("deferred", 3), ("pending", 0)] {
        assert_eq!(line[key], number, "{key} in {line}");
    }
    assert_eq!(line["state"], "completed");
    assert!(line["next_try_at"].as_str().is_some(), "{line}");
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(0), "nothing is wrong with it: {ended:?}");
    assert!(ended.out.contains("deferred"), "{}", ended.out);
    let advice = "Deferred: notification 1 (3 recipients, next attempt ";
    assert!(ended.err.contains(advice), "{}", ended.err);
    assert!(ended.err.contains("fanmail retry --notification 1"), "{}", ended.err);

    // Still greylisted: they stay deferred, and none has failed.
    let ended = scenario.run(&["retry", "--notification", "1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(format!("{}{}", ended.out, ended.err).contains("3 deferred"), "{ended:?}");
    assert_eq!((scenario.ledger.count("deferrals"), scenario.smtp.accepted()), (3, 27));

    scenario.smtp.clear_policies();
    scenario.run_ok(&["retry", "--notification", "1"]);
    assert_eq!((scenario.ledger.count("deferrals"), scenario.ledger.outcomes("sent")), (0, 30));
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (30, 0));
    scenario.check_completed();
}

#[test]
fn a_person_who_is_refused_at_each_step_of_the_schedule_fails() {
    let scenario = greylisting("deferred-end", 10, "0.5s 0.5s");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    scenario.wait_for_deferrals();
    let rows = scenario.ledger.deliveries();
    let failed: Vec<_> = rows.iter().filter(|row| row.status == "failed").collect();
    let [row] = failed[..] else { panic!("{failed:?}") };
    assert_eq!((row.participant_id, row.smtp_code), (scenario.people()[0].id, Some(450)));
    assert!(row.detail.as_ref().unwrap().contains("Greylisted"), "{row:?}");
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'failed' AND NOT permanent"), 1);
    // Two attempts before the ack, and one at each step.
    assert_eq!(scenario.smtp.log().refusals.len(), 4);
    scenario.stop_and_check(worker);
}

/// An update that arrives after the cancellation would confuse.
#[test]
fn a_deferred_update_is_skipped_when_the_event_was_cancelled_meanwhile() {
    let scenario = greylisting("deferred-cancel", 10, "3s 1s 1s 1s 1s 1s");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    scenario.smtp.clear_policies();
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    scenario.wait_for_deferrals();
    let skipped: Vec<_> =
        scenario.ledger.deliveries().into_iter().filter(|row| row.status == "skipped").collect();
    let [row] = &skipped[..] else { panic!("{skipped:?}") };
    assert_eq!((row.notification_id, row.participant_id), (1, scenario.people()[0].id));
    assert!(row.detail.as_ref().unwrap().contains("cancelled"), "{row:?}");
    assert_eq!(scenario.ledger.outcomes("sent"), 19);
    scenario.stop_and_check(worker);
}

#[test]
fn a_deferred_person_who_leaves_the_event_is_skipped() {
    let scenario = greylisting("deferred-left", 20, "3s 1s 1s 1s 1s 1s");
    let people = scenario.people();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    scenario.ledger.execute(&format!("DELETE FROM participants WHERE id = {}", people[0].id));
    scenario.smtp.clear_policies();
    scenario.wait_for_deferrals();
    let counts = ["sent", "failed", "skipped"].map(|status| scenario.ledger.outcomes(status));
    assert_eq!(counts, [19, 0, 1]);
    worker.stop();
}

/// New notifications do not wait for those that are deferred, also not those of the same event.
#[test]
fn deferred_mails_hold_up_no_other_notification() {
    let scenario = greylisting("deferred-others", 100, "1h");
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    scenario.queue.publish("UPDATED", EVENT, None);
    scenario.wait_for_acks(2);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.count("deferrals")), (180, 20));
    worker.stop();
    assert_eq!(scenario.queue.depth(), 0);
}

/// The relay takes the mail, and says so only after `SMTP_DATA_TIMEOUT`: one more copy, and not at once.
#[test]
fn a_reply_that_comes_too_late_leads_to_one_more_copy_after_the_pause() {
    let scenario = with_short_retries("deferred-late", 5, "2s 2s").env("SMTP_DATA_TIMEOUT", "1").build();
    let person = scenario.people()[2].clone();
    let late = RecipientFault::LateReply(Duration::from_secs(3));
    scenario.smtp.fail_recipient(&person.email, late, 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    wait_until("its deferral", || scenario.ledger.count("deferrals WHERE smtp_code = 354") == 1);
    scenario.wait_for_deferrals();
    let copies = scenario.smtp.delivered_ids()[&scenario.ledger.message_id(1, person.id)];
    assert_eq!((copies, scenario.duplicates(), scenario.ledger.outcomes("sent")), (2, 1, 5));
    let log = scenario.smtp.log();
    let times: Vec<_> =
        log.received.iter().filter(|mail| mail.recipient == person.email).map(|mail| mail.at).collect();
    let pause = times[1].saturating_duration_since(times[0]);
    assert!(pause >= Duration::from_millis(1_000 + 1_800), "{pause:?}");
    scenario.stop_and_check(worker);
}
