//! Messages that cannot be opened at once, and those that become dead letters.

use std::time::Instant;

use super::sessions::OtherWorker;
use super::*;
use crate::process_id;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::row::NotificationState;
use crate::store::ledger::sessions::EndOfSession;
use crate::worker::tests::support::{REQUEST, wait_until};

const AWAY: &str = "ALTER TABLE notifications RENAME TO notifications_away";
const BACK: &str = "ALTER TABLE notifications_away RENAME TO notifications";

#[test]
fn the_dispatcher_settles_while_the_database_is_away_and_opens_the_messages_later() {
    let worker = TestWorker::new(3, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    worker.execute(AWAY);
    broker.deliver(receipt(1, 2), named("m2"), &updated(EVENT));
    broker.deliver(receipt(1, 3), named("m3"), "no JSON");
    assert_eq!(broker.dead_letter().0, receipt(1, 3));
    wait_until("the problem is known", || worker.problems().contains("could not open messages"));
    // What the session before has left is forgotten, also by the opener.
    broker.deliver(receipt(2, 1), Identity { redelivered: true, ..named("m2") }, &updated(EVENT));
    broker.deliver(receipt(2, 2), named("m4"), &updated(EVENT));
    worker.execute(BACK);
    assert_eq!(broker.settlement(), acked(2, 1));
    broker.confirm([receipt(2, 1)]);
    assert_eq!(broker.settlement(), acked(2, 2));
    wait_until("the problem is over", || worker.problems().is_empty());
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 9);
}

#[test]
fn a_worker_stops_in_time_while_the_database_is_away() {
    let mut worker = TestWorker::new(3, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("marker"), "marker");
    assert_eq!(broker.dead_letter().0, receipt(1, 1));
    worker.execute(AWAY);
    broker.deliver(receipt(1, 2), named("m1"), &updated(EVENT));
    wait_until("the problem is known", || worker.problems().contains("could not open messages"));
    drop(worker.handle.take());
    let (sender, closed) = bounded(1);
    thread::spawn(move || sender.send(broker.close()));
    assert_eq!(closed.recv_timeout(TIMEOUT).expect("the end in time"), [], "nothing is acked");
    worker.execute(BACK);
}

#[test]
fn a_message_whose_audience_cannot_be_read_is_set_aside_and_holds_up_no_other() {
    let worker = TestWorker::new(3, 1);
    worker.store.add_event(&event(EventId::Number(7))).unwrap();
    worker.join_event(EventId::Number(7), &["of-7@example.com"]);
    worker.execute(
        "ALTER TABLE participants RENAME TO people; CREATE VIEW participants AS SELECT
         CASE event_id WHEN 7 THEN abs(-9223372036854775807 - 1) ELSE id END AS id, event_id, email, name, locale
         FROM people",
    );
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EventId::Number(7)));
    broker.deliver(receipt(1, 2), named("m2"), &updated(EVENT));
    broker.deliver(receipt(1, 3), without_message_id(false), &updated(EVENT));
    let mut settled = [broker.settlement(), broker.settlement()];
    settled.sort_unstable_by_key(|settlement| *settlement == acked(1, 2));
    assert_eq!(settled, [acked(1, 1), acked(1, 2)]);
    broker.confirm([receipt(1, 1), receipt(1, 2)]);
    assert_eq!(broker.settlement(), acked(1, 3));
    assert_eq!(worker.problems(), "", "the database works");
    let set_aside = worker.store.list_set_aside(9).unwrap();
    assert_eq!(set_aside.len(), 1);
    let reason = set_aside[0].record.reason.clone().unwrap();
    assert!(reason.contains("its participants cannot be read: integer overflow"), "{reason}");
    worker.wait_until_acked(set_aside[0].record.notification.id.0);
    // The broker has lost the ack.
    broker.deliver(
        receipt(2, 1),
        Identity { redelivered: true, ..named("m1") },
        &updated(EventId::Number(7)),
    );
    assert_eq!(broker.settlement(), acked(2, 1));
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 6);
}

#[test]
fn waiting_notifications_are_free_for_others_after_a_stop() {
    let (mut worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    for tag in 1..=3 {
        broker.deliver(receipt(1, tag), named(&format!("m{tag}")), &updated(EVENT));
    }
    let state = |id| worker.store.find_notification(NotificationId(id)).unwrap().map(|record| record.state);
    wait_until("all are open", || (2..=3).all(|id| state(id) == Some(NotificationState::Waiting)));
    assert!((1..=3).all(|id| record(&worker, id).holder.is_some()));
    drop(worker.handle.take());
    drop(open_gate);
    assert_eq!(broker.close(), []);
    assert!((1..=3).all(|id| record(&worker, id).holder.is_none()), "their leases are released");
    let mut other = OtherWorker::new(&worker, "elsewhere:7");
    for tag in 1..=3 {
        let again = Identity { redelivered: true, ..named(&format!("m{tag}")) };
        let opened = other.open(REQUEST, again);
        assert!(matches!(opened, Opened::Ours { resumed, .. } if resumed == (tag == 1)), "{opened:?}");
    }
}

#[test]
fn a_message_whose_event_is_missing_is_acked_as_a_dead_letter_and_its_notification_with_it() {
    let worker = TestWorker::new(3, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EventId::Number(77)));
    assert_eq!(broker.dead_letter().0, receipt(1, 1));
    // The dead letter could not be stored before the session was lost.
    let again = || Identity { redelivered: true, ..named("m1") };
    broker.deliver(receipt(2, 1), again(), &updated(EventId::Number(77)));
    let (which, reason) = broker.dead_letter();
    assert_eq!(which, receipt(2, 1));
    assert!(reason.starts_with("event 77 is not in the database"), "{reason}");
    // The next one of the event does not wait for the dead letter.
    broker.deliver(receipt(2, 2), named("m2"), &updated(EventId::Number(77)));
    assert_eq!(broker.dead_letter().0, receipt(2, 2));
    assert_eq!((record(&worker, 1).acked_at, record(&worker, 2).acked_at), (None, None));
    broker.confirm([receipt(2, 1), receipt(2, 2)]);
    worker.wait_until_acked(1);
    worker.wait_until_acked(2);
    assert_eq!(broker.close(), []);
    assert_eq!(
        worker.count("broker_sessions WHERE closed_at IS NOT NULL"),
        1,
        "no ack of this session is missing"
    );
}

#[test]
fn a_message_id_of_another_notification_makes_a_dead_letter_and_the_next_one_goes_on() {
    let worker = TestWorker::new(3, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    broker.deliver(receipt(1, 2), named("m1"), r#"{"type":"CANCELLED","event_id":123}"#);
    broker.deliver(receipt(1, 3), named("m3"), &updated(EVENT));
    let mut settled = [broker.settlement(), broker.settlement()];
    settled.sort_unstable_by_key(|settlement| matches!(settlement, Settlement::DeadLetter(..)));
    assert_eq!(settled[0], acked(1, 1));
    let Settlement::DeadLetter(which, reason) = &settled[1] else { panic!() };
    assert_eq!(*which, receipt(1, 2));
    assert!(reason.contains("used before, by notification 1 for UPDATED of event 123"), "{reason}");
    broker.confirm([receipt(1, 1), receipt(1, 2)]);
    assert_eq!(broker.settlement(), acked(1, 3));
    assert_eq!(broker.close(), []);
}

/// Another worker has opened an equal message, and its session may be alive. The same message, or another equal one, is delivered
/// here.
fn delivered_while_another_worker_may_hold_it(other: &str) -> (TestWorker, OtherWorker, Opened, Broker) {
    let worker = TestWorker::new(3, 1);
    let mut other = OtherWorker::new(&worker, other);
    let opened = other.open(REQUEST, without_message_id(false));
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), without_message_id(true), &updated(EVENT));
    broker.deliver(receipt(1, 2), named("other"), r#"{"type":"UPDATED","event_id":9}"#);
    assert_eq!(broker.dead_letter().0, receipt(1, 2), "of an event that is not in the database");
    (worker, other, opened, broker)
}

/// The same pid as ours, but started at another time.
fn exited_process() -> String {
    let ours = process_id::this_process();
    let mut parts: Vec<&str> = ours.split(':').collect();
    parts[2] = "1";
    let exited = parts.join(":");
    assert!(process_id::has_exited(&exited), "{exited}");
    exited
}

#[test]
fn a_redelivered_message_is_the_notification_of_a_session_that_turns_out_to_be_lost() {
    let (worker, other, opened, broker) = delivered_while_another_worker_may_hold_it("elsewhere:7");
    assert_eq!(worker.relay.accepted().len(), 0, "it is not known yet");
    worker.store.release_lease(OtherWorker::lease(&opened)).unwrap();
    worker.store.end_session(&other.session, EndOfSession::Lost { alive_at: None }, &[]).unwrap();
    assert_eq!(broker.settlement(), acked(1, 1));
    assert_eq!(record(&worker, 1).state, NotificationState::Completed);
    assert_eq!(worker.relay.accepted().len(), 3, "one notification");
    assert_eq!(broker.close(), []);
}

#[test]
fn a_redelivered_message_is_a_new_notification_if_the_other_session_is_seen_alive() {
    let (worker, other, opened, broker) = delivered_while_another_worker_may_hold_it("elsewhere:7");
    let settlement = loop {
        worker.store.report_session(&other.session, Instant::now(), None).unwrap();
        if let Ok(settlement) = broker.settlements.recv_timeout(Duration::from_millis(20)) {
            break settlement;
        }
    };
    assert_eq!(settlement, acked(1, 1));
    let first = record(&worker, 1);
    assert_eq!((first.state, first.epoch), (NotificationState::Running, OtherWorker::lease(&opened).epoch));
    assert_eq!(worker.relay.accepted().len(), 3, "the other worker sends the mails of the other message");
    assert_eq!(broker.close(), []);
}

#[test]
fn a_redelivered_message_is_the_notification_of_a_worker_that_has_exited() {
    let (worker, _, _, broker) = delivered_while_another_worker_may_hold_it(&exited_process());
    assert_eq!(broker.settlement(), acked(1, 1));
    assert_eq!(record(&worker, 1).state, NotificationState::Completed);
    assert_eq!(worker.relay.accepted().len(), 3, "one notification");
    assert_eq!(broker.close(), []);
}

#[test]
fn a_redelivered_message_that_no_notification_fits_waits_for_the_other_sessions() {
    let worker = TestWorker::new(3, 1);
    let other = OtherWorker::new(&worker, "elsewhere:7");
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), without_message_id(true), &updated(EVENT));
    broker.deliver(receipt(1, 2), named("other"), r#"{"type":"UPDATED","event_id":9}"#);
    assert_eq!(broker.dead_letter().0, receipt(1, 2), "of an event that is not in the database");
    assert_eq!(
        worker.count("notifications WHERE message_key IS NULL"),
        0,
        "the other worker may still open it"
    );
    worker.store.end_session(&other.session, EndOfSession::Lost { alive_at: None }, &[]).unwrap();
    assert_eq!(broker.settlement(), acked(1, 1));
    assert_eq!(worker.relay.accepted().len(), 3);
    assert_eq!(broker.close(), []);
}

#[test]
fn a_redelivered_message_that_no_notification_fits_does_not_wait_for_a_worker_that_has_exited() {
    let worker = TestWorker::new(3, 1);
    let _other = OtherWorker::new(&worker, &exited_process());
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), without_message_id(true), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    assert_eq!(broker.close(), []);
}

#[test]
fn the_last_ack_is_recorded_before_the_session_is_closed() {
    let worker = TestWorker::new(3, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.confirm([receipt(1, 1)]);
    assert_eq!(broker.close(), []);
    assert!(record(&worker, 1).acked_at.is_some(), "recorded before the session was closed");
    assert_eq!(worker.count("broker_sessions WHERE closed_at IS NOT NULL"), 1);
}
