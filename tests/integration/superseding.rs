//! A newer notification of an event ends an older one: nobody gets "updated" after "cancelled", also when workers are killed or share
//! the work.

use std::collections::BTreeSet;

use crate::systems::on_every_system;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::smtp::log::ReceivedMail;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 3;

on_every_system!(
    a_cancellation_ends_an_update_in_the_middle
    killed_before_and_after_the_cancellation_begins
    two_workers_have_the_older_and_the_newer_one
);

fn scenario(name: &str, people: usize) -> ScenarioBuilder {
    Scenario::with_relay(name, people).connections(LANES).env("SUPERSEDE", "on")
}

/// The notifications of the mails that the relay has got, in the order in which they came.
fn notifications_of_mails(scenario: &Scenario) -> Vec<i64> {
    scenario.smtp.read_log(|log| log.received.iter().map(ReceivedMail::notification).collect())
}

/// No mail of notification 1 came after the first one of notification 2, which everyone has got.
#[track_caller]
fn check_cancelled_last(scenario: &Scenario, people: usize) {
    let mails = notifications_of_mails(scenario);
    let updates = mails.iter().take_while(|of| **of == 1).count();
    assert!(mails[updates..].iter().all(|of| *of == 2), "updated after cancelled: {:?}", &mails[updates..]);
    let recipients = scenario.smtp.read_log(|log| {
        let cancelled = log.received[updates..].iter().map(|mail| mail.recipient.clone());
        cancelled.collect::<BTreeSet<_>>()
    });
    assert_eq!(recipients.len(), people);
    let lines = scenario.status();
    assert_eq!(
        (&lines[0]["superseded_by"], &lines[0]["pending"], &lines[0]["deferred"]),
        (&2.into(), &0.into(), &0.into())
    );
    assert_eq!((&lines[1]["superseded_by"].is_null(), &lines[1]["sent"]), (&true, &people.into()));
}

fn a_cancellation_ends_an_update_in_the_middle(system: System) {
    let scenario = scenario("superseded", 1_200).database(system).build();
    let worker = scenario.worker_in_the_middle(LANES, 50, Some("update"));
    scenario.publish("CANCELLED");
    wait_until("the cancellation to be opened", || scenario.ledger.count("notifications") == 2);
    scenario.smtp.gate().open();
    scenario.wait_for_acks(2);
    check_cancelled_last(&scenario, 1_200);
    let sent = notifications_of_mails(&scenario).iter().filter(|of| **of == 1).count();
    let rest = "deliveries WHERE notification_id = 1 AND status = 'skipped' AND detail = 'superseded by 2'";
    assert_eq!(scenario.ledger.count(rest), 1_200 - sent);
    assert!(sent < 1_200, "the update was sent to the end");
    assert!(scenario.status_text().contains("superseded by 2"), "{}", scenario.status_text());
    let retry = scenario.run(&["retry", "--notification", "1"]);
    assert_eq!(retry.code, Some(1));
    assert!(retry.err.contains("superseded by notification 2"), "{}", retry.err);
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

/// Without a record of them, the mails in flight count as skipped.
fn killed_before_and_after_the_cancellation_begins(system: System) {
    let scenario = scenario("superseded-killed", 300).database(system).build();
    let killed = scenario.worker_in_the_middle(LANES, 40, Some("update"));
    scenario.publish("CANCELLED");
    wait_until("the cancellation to be opened", || scenario.ledger.count("notifications") == 2);
    killed.kill();
    scenario.wait_until_held(0);
    // The next worker ends the update, and is killed while it cancels.
    scenario.smtp.gate().close_after(Point::BeforeReply, 70);
    let killed = scenario.worker();
    scenario.wait_until_held(LANES);
    assert_eq!(scenario.ledger.completed(), 1);
    killed.kill();
    scenario.wait_until_held(0);
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(2);
    check_cancelled_last(&scenario, 300);
    assert_eq!(scenario.status()[0]["sent"], 40);
    assert!(scenario.duplicates() <= LANES, "{}", scenario.duplicates());
    worker.stop();
}

fn two_workers_have_the_older_and_the_newer_one(system: System) {
    // At full speed, the update may be sent to its end before its worker looks whether it is superseded.
    let setup = scenario("superseded-two", 600).env("PREFETCH", "1").env("SMTP_RATE", "150/s");
    let scenario = setup.database(system).build();
    let one = scenario.worker_in_the_middle(LANES, 30, Some("update"));
    let other = scenario.worker();
    wait_until("the other worker to consume", || scenario.queue.consumers() == 2);
    scenario.publish("CANCELLED");
    wait_until("the newer one to wait for the older one", || {
        scenario.ledger.count("notifications WHERE superseded_by = 2") == 1
    });
    assert_eq!(scenario.smtp.gate().held(), LANES, "it has sent nothing yet");
    scenario.smtp.gate().open();
    scenario.wait_for_acks(2);
    check_cancelled_last(&scenario, 600);
    assert!(other.log().contains("completed: 600 sent"), "{}", other.log());
    assert!(one.log().contains("superseded by notification 2"), "{}", one.log());
    other.stop();
    scenario.stop_and_check(one);
}

/// All messages are acked while the last update waits, and its worker is killed. The next worker finds it in the ledger.
#[test]
fn a_burst_of_updates_is_one_mail_for_each_also_after_a_restart() {
    let scenario = scenario("coalesced", 40).env("COALESCE", "3s,60s").build();
    let killed = scenario.worker();
    for _ in 0..5 {
        scenario.publish("UPDATED");
    }
    wait_until("the acks", || scenario.ledger.count("notifications WHERE acked_at IS NOT NULL") == 5);
    assert_eq!((scenario.ledger.completed(), scenario.queue.depth()), (4, 0));
    let status = scenario.run(&["status"]);
    assert!(
        status.err.contains("Waiting for further updates of their events: notification 5 (until "),
        "{status:?}"
    );
    let retry = scenario.run(&["retry", "--notification", "5"]);
    assert!(retry.err.contains("waits for further updates"), "{retry:?}");
    killed.kill();
    let worker = scenario.worker();
    scenario.wait_for_acks(5);
    assert_eq!((scenario.smtp.accepted(), scenario.smtp.delivered_ids().len()), (40, 40));
    let superseded: Vec<_> = scenario.status().iter().map(|line| line["superseded_by"].as_i64()).collect();
    assert_eq!(superseded, [Some(2), Some(3), Some(4), Some(5), None]);
    scenario.stop_and_check(worker);
}

#[test]
fn deferred_mails_are_not_tried_after_the_cancellation() {
    let setup = scenario("superseded-deferred", 30).env("MAX_RETRIES", "0").env("DEFER_SCHEDULE", "1s 1s 1s");
    let scenario = setup.build();
    for person in scenario.people().iter().take(10) {
        scenario.smtp.fail_recipient(&person.email, RecipientFault::Rcpt("450 4.2.1 Busy"), 1);
    }
    scenario.queue.publish("UPDATED", EVENT, Some("update"));
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    scenario.wait_for_deferrals();
    let mails = notifications_of_mails(&scenario);
    let first = mails.iter().position(|of| *of == 2).unwrap();
    assert!(mails[first..].iter().all(|of| *of == 2), "{mails:?}");
    assert_eq!(scenario.status()[0]["superseded_by"], 2);
    scenario.stop_and_check(worker);
}
