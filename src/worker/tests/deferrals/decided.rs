//! Deferred people for whom there is no mail any more, and those whom an operator tries again by hand.

use super::*;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::outcome::Counts;
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::Halt;

/// Everyone of a completed notification is deferred, and due at once.
fn deferred(people: u32) -> TestWorker {
    let worker = TestWorker::with_relay_and_timing(people, 2, greylisting(1), schedule(&[20, 20]));
    complete(&worker);
    assert_eq!(worker.tally(1).deferred, u64::from(people));
    worker
}

#[test]
fn an_update_is_skipped_when_the_event_was_cancelled_since() {
    let worker = deferred(150);
    let cancelled = Message { kind: Kind::Cancelled, ..REQUEST };
    let result = open_and_run(&worker.context, &named("m2"), cancelled);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    let relay = worker.relay.clone();
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 150, skipped: 150, ..Tally::default() });
    assert_each_once(&relay.accepted(), 150);
    assert_eq!(relay.tries(), 300, "the update once, and the cancellation once");
}

#[test]
fn a_deferred_cancellation_is_sent() {
    let worker = TestWorker::with_relay_and_timing(3, 1, greylisting(1), schedule(&[20]));
    for id in ["m1", "m2"] {
        let cancelled = Message { kind: Kind::Cancelled, ..REQUEST };
        let result = open_and_run(&worker.context, &named(id), cancelled);
        assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    }
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 3, sent: 3, ..Tally::default() });
}

#[test]
fn people_who_have_left_are_skipped_and_the_others_are_sent() {
    let worker = deferred(5);
    worker.execute("DELETE FROM participants WHERE id IN (2, 5)");
    let relay = worker.relay.clone();
    let tally = sweep_to_the_end(worker);
    assert_eq!(tally, Tally { participants: 5, sent: 3, skipped: 2, ..Tally::default() });
    assert_eq!(relay.accepted().len(), 3);
}

#[test]
fn an_event_that_is_gone_is_a_temporary_failure() {
    let worker = deferred(150);
    worker.execute("DELETE FROM events");
    let (relay, store) = (worker.relay.clone(), worker.store.clone());
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 150, failed: 150, ..Tally::default() });
    assert_eq!(relay.accepted(), Vec::<String>::new());
    assert!(store.find_notification(NotificationId(1)).unwrap().unwrap().holder.is_none());
}

/// What `fanmail retry` does.
fn retry(worker: &TestWorker) -> Result<Counts, Halt> {
    let record = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    let event = worker.store.find_event(REQUEST.event_id.unwrap()).unwrap();
    let held = worker.context.leases.take_over(&record, record.epoch.next()).unwrap().unwrap();
    let (notification, scope) = (record.notification, Scope::UndecidedAndDeferred);
    let (held_by_claim, one_mail_per_address) = (Arc::clone(&held), worker.context.one_mail_per_address);
    let claim = Claim {
        notification,
        facts: NotificationFacts::new(notification.kind, event, MessageDetails::default()),
        held: held_by_claim,
        resumed: true,
        published_at: None,
        scope,
        one_mail_per_address,
    };
    let result = fan_out::send_claimed(&worker.context, &claim, |_| {});
    worker.context.leases.release(&held);
    result
}

#[test]
fn a_retry_tries_deferred_mails_now() {
    let worker = TestWorker::with_relay_and_timing(250, 4, greylisting(4), schedule(&[3_600_000]));
    complete(&worker);
    for _ in 0..3 {
        assert_eq!(retry(&worker), Ok(Counts { deferred: 250, ..Counts::default() }));
        let tries = deferral_of(&worker, 7).map(|deferral| deferral.tries);
        assert_eq!(tries, Some(1), "an attempt by hand is no step of the schedule");
    }
    assert_eq!(retry(&worker), Ok(Counts { sent: 250, ..Counts::default() }));
    assert_each_once(&worker.relay.accepted(), 250);
    assert_eq!(worker.store.count_deferrals().unwrap(), 0);
}

#[test]
fn an_interrupted_retry_leaves_the_rest_to_the_sweep() {
    let handle = Arc::new(std::sync::Mutex::new(None));
    let (trigger, seen) = (Arc::clone(&handle), AtomicU32::new(0));
    let mut worker = TestWorker::with_relay_and_timing(
        200,
        2,
        move |_, tried, _| {
            if tried == 0 {
                return Err(TRANSIENT);
            }
            if seen.fetch_add(1, Ordering::Relaxed) == 50 {
                drop(trigger.lock().unwrap().take());
            }
            Ok(())
        },
        schedule(&[20]),
    );
    complete(&worker);
    *handle.lock().unwrap() = worker.handle.take();
    assert_eq!(retry(&worker), Err(Halt::Stopping));
    let sent = worker.relay.accepted().len() as u64;
    assert_eq!(worker.tally(1), Tally { participants: 200, sent, deferred: 200 - sent, ..Tally::default() });
    assert_eq!(sweep_to_the_end(worker.another()).sent, 200);
    assert_each_once(&worker.relay.accepted(), 200);
}
