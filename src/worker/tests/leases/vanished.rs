//! Rows that vanish: deleted by hand, or not in a copy of the database that was restored. Everyone is sent to, and no message
//! is acked for a notification that is not there.

use super::*;
use crate::worker::tests::support::unnamed;

const DELETE: &str = "DELETE FROM deliveries; DELETE FROM notifications";

fn notification_of(result: &FanOutResult) -> NotificationId {
    let FanOutResult::Completed(notification) = result else { panic!("{result:?}") };
    notification.id
}

/// How many of `accepted` are different people.
fn people(accepted: &[String]) -> usize {
    accepted.iter().collect::<std::collections::HashSet<_>>().len()
}

/// Another worker has opened an equal message, with id or without. The database gives its notification the key 1, as in a copy
/// that was restored.
fn opened_in_the_copy(worker: &TestWorker, identity: &Identity) -> Lease {
    let (_, opened) = open(&worker.store, &other(Duration::from_secs(30)), identity, REQUEST);
    let Opened::Ours { lease, .. } = opened else { panic!("{opened:?}") };
    worker.execute(&format!("UPDATE notifications SET id = 1 WHERE id = {}", lease.notification_id));
    Lease { notification_id: NotificationId(1), ..lease }
}

#[test]
fn a_running_notification_whose_row_vanishes_is_opened_anew_and_sent_to_everyone() {
    let (worker, open_gate) = worker_with_gate(50, 2);
    let running = run_elsewhere(&worker);
    wait_until("two mails in flight", || worker.relay.tries() == 2);
    worker.execute(DELETE);
    drop(open_gate);
    let id = notification_of(&running.join().unwrap());
    assert_eq!(worker.refused_outcomes(), 2, "they were in flight");
    let accepted = worker.relay.accepted();
    assert_eq!((accepted.len(), people(&accepted)), (52, 50), "they are mailed again");
    assert_eq!(worker.tally(id.0).sent, 50);
    let record = worker.store.find_notification(id).unwrap().unwrap();
    assert_eq!((record.state, record.message_key.as_deref()), (NotificationState::Completed, Some("m1")));
}

#[test]
fn a_row_that_vanishes_while_another_worker_has_it_is_opened_anew() {
    let worker = TestWorker::new(5, 1);
    opened_elsewhere(&worker, Duration::from_secs(30));
    let waiting = wait_for_elsewhere(&worker);
    worker.execute(DELETE);
    let id = notification_of(&waiting.join().unwrap());
    assert_eq!((worker.relay.accepted().len(), worker.tally(id.0).sent), (5, 5));
}

#[test]
fn a_message_without_id_whose_key_belongs_to_an_equal_one_in_a_restored_copy_is_sent_all_the_same() {
    let (worker, open_gate) = worker_with_gate(50, 2);
    let running = run_in_thread(&worker, unnamed());
    wait_until("two mails in flight", || worker.relay.tries() == 2);
    worker.execute(DELETE);
    let theirs = opened_in_the_copy(&worker, &unnamed());
    drop(open_gate);
    wait_until("the refusal", || worker.refused_outcomes() == 2);
    complete(&worker, theirs);
    let id = notification_of(&running.join().unwrap());
    assert_ne!(id, theirs.notification_id);
    assert_eq!(worker.tally(id.0).sent, 50);
    assert_eq!(worker.tally(1).sent, 0, "none of our outcomes is in their row");
    let accepted = worker.relay.accepted();
    assert_eq!((accepted.len(), people(&accepted)), (52, 50));
}

#[test]
fn a_message_id_finds_its_notification_in_a_restored_copy() {
    let (worker, open_gate) = worker_with_gate(50, 2);
    let running = run_elsewhere(&worker);
    wait_until("two mails in flight", || worker.relay.tries() == 2);
    worker.execute(DELETE);
    let theirs = opened_in_the_copy(&worker, &named("m1"));
    drop(open_gate);
    wait_until("the refusal", || worker.refused_outcomes() == 2);
    assert!(!running.is_finished(), "it waits for the other worker");
    worker.store.release_lease(theirs).unwrap();
    assert_eq!(notification_of(&running.join().unwrap()), NotificationId(1));
    assert_eq!((worker.tally(1).sent, people(&worker.relay.accepted())), (50, 50));
}

#[test]
fn a_copy_that_is_from_before_the_last_takeover_still_has_the_notification() {
    let worker = TestWorker::new(5, 1);
    let lease = opened_elsewhere(&worker, Duration::from_secs(30));
    worker.execute(&format!("UPDATE notifications SET epoch = {}", lease.epoch.0 + 500));
    let waiting = wait_for_elsewhere(&worker);
    // All that shows is that it has looked.
    thread::sleep(Duration::from_millis(100));
    worker.execute(&format!("UPDATE notifications SET epoch = {}", lease.epoch.0));
    worker.store.release_lease(lease).unwrap();
    assert_eq!(notification_of(&waiting.join().unwrap()), NotificationId(1));
    assert_eq!(worker.tally(1).sent, 5);
}

/// The fan-out has not looked at the row before, so only the message tells that the row is another one.
#[test]
fn a_row_that_belongs_to_another_message_by_now_is_not_taken_for_the_one_of_a_message() {
    let identities = [(named("m1"), named("m2")), (unnamed(), named("m2")), (named("m1"), unnamed())];
    for (ours, theirs) in identities {
        let worker = TestWorker::new(5, 1);
        let request = other(Duration::from_secs(30));
        let (_, opened) = open(&worker.store, &request, &ours, REQUEST);
        let Opened::Ours { notification, .. } = opened else { panic!("{opened:?}") };
        worker.execute(DELETE);
        complete(&worker, opened_in_the_copy(&worker, &theirs));
        let result = opening::run(&worker.context, &ours, REQUEST, OpenedAs::Elsewhere(notification));
        let id = notification_of(&result);
        assert_ne!(id, NotificationId(1));
        assert_eq!((worker.relay.accepted().len(), worker.tally(id.0).sent), (5, 5));
    }
}

#[test]
fn a_row_of_another_kind_is_not_taken_for_the_one_of_a_message() {
    let worker = TestWorker::new(5, 1);
    opened_elsewhere(&worker, Duration::from_secs(30));
    let seen = entry(&worker).notification;
    worker.execute(DELETE);
    complete(&worker, opened_in_the_copy(&worker, &unnamed()));
    worker.execute("UPDATE notifications SET message_key = NULL, kind = 'CANCELLED' WHERE id = 1");
    let result = opening::run(&worker.context, &unnamed(), REQUEST, OpenedAs::Elsewhere(seen));
    assert_ne!(notification_of(&result), NotificationId(1));
    assert_eq!(worker.relay.accepted().len(), 5);
}
