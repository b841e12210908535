//! Notifications that another process closes without completing them, while a worker waits for it.

use super::*;

#[test]
fn a_notification_that_another_worker_abandons_is_a_dead_letter_for_the_same_reason() {
    let worker = TestWorker::new(5, 1);
    let lease = opened_elsewhere(&worker, Duration::from_secs(30));
    // The event is in the database by now. The message is a dead letter all the same.
    let waiting = wait_for_elsewhere(&worker);
    assert!(worker.store.abandon_notification(lease, "no such event").unwrap());
    let FanOutResult::DeadLetter { reason, notification } = waiting.join().unwrap() else { panic!() };
    assert_eq!((reason.as_str(), notification.map(|one| one.id)), ("no such event", Some(NotificationId(1))));
    assert_eq!(worker.relay.tries(), 0);
}

#[test]
fn an_event_that_is_gone_does_not_close_a_notification_that_another_worker_has() {
    let worker = TestWorker::new(5, 1);
    let lease = opened_elsewhere(&worker, Duration::from_secs(30));
    worker.execute("DELETE FROM events");
    let waiting = wait_for_elsewhere(&worker);
    // All that shows is that it does not end.
    thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished());
    assert_eq!(entry(&worker).state, NotificationState::Running);
    // The other one read the event before.
    complete(&worker, lease);
    assert!(matches!(waiting.join().unwrap(), FanOutResult::Completed(_)));
}

/// Another worker has abandoned the notification of `m1`, and `fanmail retry` sends it after all.
fn retried_elsewhere(worker: &TestWorker) -> Lease {
    let lease = opened_elsewhere(worker, Duration::from_secs(30));
    assert!(worker.store.abandon_notification(lease, "no such event").unwrap());
    worker.store.take_over(lease, None, lease.epoch.next(), &other(Duration::from_secs(30))).unwrap().unwrap()
}

#[test]
fn an_abandoned_notification_is_waited_for_while_a_retry_sends_it() {
    let worker = TestWorker::new(5, 1);
    let retry = retried_elsewhere(&worker);
    let waiting = wait_for_elsewhere(&worker);
    // All that shows is that it does not end.
    thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished(), "it would be a dead letter although everyone is sent to");
    assert!(worker.store.complete_abandoned(retry).unwrap());
    assert!(matches!(waiting.join().unwrap(), FanOutResult::Completed(_)));
    assert_eq!(worker.relay.tries(), 0);
}

#[test]
fn an_abandoned_notification_that_a_retry_gives_up_is_a_dead_letter() {
    let worker = TestWorker::new(5, 1);
    let retry = retried_elsewhere(&worker);
    let waiting = wait_for_elsewhere(&worker);
    worker.store.release_lease(retry).unwrap();
    let FanOutResult::DeadLetter { reason, notification } = waiting.join().unwrap() else { panic!() };
    assert_eq!((reason.as_str(), notification.map(|one| one.id)), ("no such event", Some(NotificationId(1))));
    assert_eq!((worker.relay.tries(), entry(&worker).state), (0, NotificationState::Abandoned));
}

#[test]
fn an_abandoned_notification_is_a_dead_letter_when_its_retry_was_killed() {
    let worker = TestWorker::with_term(5, 1, Duration::from_millis(300));
    let lease = opened_elsewhere(&worker, Duration::from_secs(30));
    assert!(worker.store.abandon_notification(lease, "no such event").unwrap());
    worker
        .store
        .take_over(lease, None, lease.epoch.next(), &other(Duration::from_millis(1)))
        .unwrap()
        .unwrap();
    let result = wait_for_elsewhere(&worker).join().unwrap();
    assert!(matches!(result, FanOutResult::DeadLetter { notification: Some(_), .. }), "{result:?}");
    assert_eq!(worker.relay.tries(), 0);
}
