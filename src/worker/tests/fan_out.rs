//! One fan-out, its lanes and the ledger.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::support::opening::open_and_run;
use super::support::{REQUEST, TRANSIENT, TestWorker, named};
use crate::channels::Class;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::outcome::Tally;
use crate::store::ledger::row::NotificationState;
use crate::worker::fan_out::context::FanOutResult;

mod completion;
pub(super) mod text_keys;

fn run(worker: &TestWorker) -> FanOutResult {
    open_and_run(&worker.context, &named("m1"), REQUEST)
}

fn completed(result: &FanOutResult) -> bool {
    matches!(result, FanOutResult::Completed(_))
}

#[test]
fn everyone_is_mailed_once_over_several_pages_and_lanes() {
    let worker = TestWorker::new(250, 4);
    assert!(completed(&run(&worker)));
    let accepted = worker.relay.accepted();
    assert_eq!(accepted.len(), 250);
    assert_eq!(accepted.iter().collect::<HashSet<_>>().len(), 250);
    assert_eq!(worker.tally(1), Tally { participants: 250, sent: 250, ..Tally::default() });

    assert!(completed(&run(&worker)), "the same message again is only acked");
    assert_eq!(worker.relay.accepted().len(), 250);
}

#[test]
fn an_event_without_participants_is_completed_at_once() {
    let worker = TestWorker::new(0, 1);
    assert!(completed(&run(&worker)));
    assert_eq!(worker.tally(1), Tally::default());
}

#[test]
fn an_unknown_event_and_a_reused_message_id_are_dead_letters() {
    let worker = TestWorker::new(1, 1);
    let unknown = Message::new(Kind::Created, EventId::Number(9));
    let FanOutResult::DeadLetter { reason, .. } = open_and_run(&worker.context, &named("m0"), unknown) else {
        panic!()
    };
    assert_eq!(reason, "event 9 is not in the database, and did not appear within 0 s");
    let abandoned = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    assert_eq!((abandoned.state, abandoned.holder), (NotificationState::Abandoned, None));
    assert_eq!(abandoned.reason, Some(reason));

    assert!(completed(&run(&worker)));
    let other = Message { kind: Kind::Cancelled, ..REQUEST };
    let FanOutResult::DeadLetter { reason, .. } = open_and_run(&worker.context, &named("m1"), other) else {
        panic!()
    };
    assert!(reason.contains("used before, by notification 2 for UPDATED of event 123"), "{reason}");
}

#[test]
fn a_recipient_whose_envelope_was_pipelined_when_a_connection_was_lost_is_not_pipelined_again() {
    let is_lost = |to: &str, tried| to.contains("7@") && tried == 0;
    let worker =
        TestWorker::with_relay(
            300,
            1,
            move |to, tried, _| {
                if is_lost(to, tried) { Err(Class::Breakdown) } else { Ok(()) }
            },
        );
    assert!(completed(&run(&worker)));
    assert_eq!(worker.tally(1).sent, 300);
    let pipelined = worker.relay.pipelined();
    let mut suspects = HashSet::new();
    let mut lost = HashSet::new();
    for (to, next) in &pipelined {
        assert!(!suspects.contains(next) && !lost.contains(next), "{next} is pipelined behind {to}");
        if to.contains("7@") && lost.insert(to) {
            suspects.insert(next);
        }
    }
    assert!(!suspects.is_empty(), "else this proves nothing: {pipelined:?}");
}

#[test]
fn a_transient_refusal_waits_while_others_are_sent() {
    let worker = TestWorker::with_relay(250, 1, |to, tried, _| {
        if to == "p1@example.com" && tried < 2 { Err(TRANSIENT) } else { Ok(()) }
    });
    assert!(completed(&run(&worker)));
    let accepted = worker.relay.accepted();
    assert_eq!(accepted.len(), 250);
    let position = accepted.iter().position(|to| to == "p1@example.com");
    assert!(position > Some(1), "accepted as number {position:?}");
    assert_eq!(worker.tally(1).sent, 250);
}

#[test]
fn retries_are_bounded_and_the_notification_completes() {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let worker = TestWorker::with_relay(3, 2, move |to, _, _| match to {
        "p1@example.com" => {
            counted.fetch_add(1, Ordering::Relaxed);
            Err(TRANSIENT)
        }
        "p2@example.com" => Err(Class::Permanent),
        _ => Ok(()),
    });
    assert!(completed(&run(&worker)));
    assert_eq!(tries.load(Ordering::Relaxed), 4, "one attempt and three retries");
    assert_eq!(
        worker.tally(1),
        Tally { participants: 3, sent: 1, failed: 2, failed_permanent: 1, ..Tally::default() }
    );
    let epoch = worker.store.find_notification(NotificationId(1)).unwrap().unwrap().epoch;
    let lease = Lease { notification_id: NotificationId(1), epoch };
    assert_eq!(worker.store.reopen_failed(lease, false).unwrap(), Some(1), "the other one is permanent");
}

#[test]
fn a_relay_failure_is_charged_to_no_recipient_however_long_it_lasts() {
    let failures = AtomicU32::new(0);
    let worker = TestWorker::with_relay(50, 4, move |_, _, _| {
        if failures.fetch_add(1, Ordering::Relaxed) < 100 { Err(Class::RelayFailure) } else { Ok(()) }
    });
    assert!(completed(&run(&worker)));
    assert_eq!(worker.relay.accepted().len(), 50);
    assert_eq!(worker.tally(1).sent, 50);
}

#[test]
fn a_relay_that_refuses_some_lanes_gets_everything_from_the_others() {
    // One lane at a time: a lane that submits while another one does is refused, as by a limit of one connection.
    let busy = Mutex::new(());
    let worker = TestWorker::with_relay(200, 4, move |_, _, _| {
        let Ok(_alone) = busy.try_lock() else {
            return Err(Class::RelayFailure);
        };
        thread::yield_now();
        Ok(())
    });
    assert!(completed(&run(&worker)));
    assert_eq!(worker.tally(1).sent, 200);
}

#[test]
fn as_many_lanes_send_as_the_relay_allows_connections_and_later_all() {
    let (most, attempts) = (Arc::new(AtomicUsize::new(2)), Arc::new(AtomicU32::new(0)));
    let (limit, refused) = (Arc::clone(&most), Arc::clone(&attempts));
    let connections = Arc::new(Mutex::new(HashSet::new()));
    let connected = Arc::clone(&connections);
    let worker = TestWorker::with_relay(200, 4, move |_, _, _| {
        // The lanes are the threads.
        let (mut connected, lane) = (connected.lock().unwrap(), thread::current().id());
        if connected.contains(&lane) || connected.len() < limit.load(Ordering::Relaxed) {
            connected.insert(lane);
            Ok(())
        } else {
            refused.fetch_add(1, Ordering::Relaxed);
            Err(Class::RelayFailure)
        }
    });
    let in_use = || worker.context.metrics.connections_in_use.get();
    // Small notifications, as many as it takes.
    let notifications = Cell::new(0);
    let send_until_in_use = |expected: u64| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while in_use() != expected {
            assert!(Instant::now() < deadline, "{} of {expected} in use", in_use());
            notifications.set(notifications.get() + 1);
            let result = open_and_run(&worker.context, &named(&notifications.get().to_string()), REQUEST);
            assert!(completed(&result));
        }
    };
    send_until_in_use(2);
    most.store(4, Ordering::Relaxed);
    let before = attempts.load(Ordering::Relaxed);
    send_until_in_use(4);
    assert_eq!(attempts.load(Ordering::Relaxed), before, "each probe succeeds");
    assert_eq!(worker.relay.accepted().len(), 200 * notifications.get());

    // Lanes without a permit end as well when there is no more work.
    most.store(2, Ordering::Relaxed);
    connections.lock().unwrap().clear();
    send_until_in_use(2);
    let TestWorker { threads, context, .. } = worker;
    drop(context);
    threads.join();
}

#[test]
fn one_address_over_which_the_relay_always_breaks_down_fails_in_the_end() {
    let worker =
        TestWorker::with_relay(
            20,
            2,
            |to, _, _| {
                if to == "p3@example.com" { Err(Class::Breakdown) } else { Ok(()) }
            },
        );
    assert!(completed(&run(&worker)));
    assert_eq!(worker.tally(1), Tally { participants: 20, sent: 19, failed: 1, ..Tally::default() });
}

#[test]
fn a_missing_address_is_skipped_and_an_impossible_one_fails() {
    let worker = TestWorker::new(1, 1);
    worker.join(&[" ", "not an address", "last@example.com"]);
    assert!(completed(&run(&worker)));
    assert_eq!(worker.relay.accepted(), ["p1@example.com", "last@example.com"]);
    assert_eq!(
        worker.tally(1),
        Tally {
            participants: 4,
            sent: 2,
            failed: 1,
            failed_permanent: 1,
            skipped: 1,
            no_address: 1,
            ..Tally::default()
        }
    );
}

#[test]
fn a_participant_who_joins_later_is_not_part_of_it() {
    let worker = TestWorker::new(10, 1);
    assert!(completed(&run(&worker)));
    worker.join(&["late@example.com"]);
    assert!(completed(&run(&worker)));
    assert_eq!(worker.relay.accepted().len(), 10);
    assert_eq!(worker.tally(1).participants, 10);
}

#[test]
fn a_lane_sends_no_second_body_before_its_last_outcome_is_recorded() {
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&recorded);
    let worker = TestWorker::with_relay(120, 1, move |_, _, tally| {
        seen.lock().unwrap().push(tally().sent);
        Ok(())
    });
    assert!(completed(&run(&worker)));
    assert_eq!(*recorded.lock().unwrap(), (0..120).collect::<Vec<u64>>());
}

#[test]
fn a_shutdown_in_the_middle_skips_nobody_and_mails_nobody_twice() {
    let handle = Arc::new(Mutex::new(None));
    let seen = AtomicU32::new(0);
    let trigger = Arc::clone(&handle);
    let mut worker = TestWorker::with_relay(300, 4, move |_, _, _| {
        if seen.fetch_add(1, Ordering::Relaxed) == 150 {
            drop(trigger.lock().unwrap().take());
        }
        Ok(())
    });
    *handle.lock().unwrap() = worker.handle.take();
    assert_eq!(run(&worker), FanOutResult::Interrupted);
    let first: HashSet<String> = worker.relay.accepted().into_iter().collect();
    assert!((151..300).contains(&first.len()), "{} were sent", first.len());
    let tally = worker.tally(1);
    assert!(tally.adds_up() && tally.sent == first.len() as u64, "{tally:?}");

    let pending: Vec<_> =
        worker.store.read_page(EventId::Number(123), ParticipantId(0), ParticipantId::MAX, 300).unwrap();
    let decided =
        worker.store.decided_between(NotificationId(1), ParticipantId(0), ParticipantId::MAX).unwrap();
    assert!(pending.iter().all(|one| {
        decided.contains(&one.id) == first.contains(one.email.as_deref().unwrap_or_default())
    }));
}
