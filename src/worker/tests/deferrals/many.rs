//! More deferrals than fit into a retry queue or a run, and many notifications at once.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::domain::ids::EventId;
use crate::domain::message::Message;
use crate::store::source::new_rows::NewParticipant;
use crate::worker::tests::support::{event, person};

#[test]
fn a_relay_that_refuses_more_people_than_the_retry_queue_holds_stops_no_paging_and_fails_nobody() {
    let retry_delay = Duration::from_secs(2);
    let timing = Timing { max_retries: 3, retry_delay, ..schedule(&[50]) };
    let mut worker = TestWorker::with_relay_and_timing(1_000, 4, greylisting(1), timing);
    worker.context_mut().retry_queue_limit = 20;
    complete(&worker);
    let tally = worker.tally(1);
    assert_eq!((tally.failed, tally.sent + tally.deferred), (0, 1_000));
    // A few more than fit into the queue were sent if the first retry was due before the last page was read.
    assert!((20..200).contains(&tally.sent), "{tally:?}");
    let relay = worker.relay.clone();
    assert_eq!(sweep_to_the_end(worker).sent, 1_000);
    assert_each_once(&relay.accepted(), 1_000);
}

#[test]
fn without_deferrals_a_full_retry_queue_stops_the_paging() {
    let mut worker = TestWorker::with_relay_and_timing(500, 2, greylisting(3), Timing::default());
    worker.context_mut().retry_queue_limit = 20;
    complete(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 500, sent: 500, ..Tally::default() });
}

#[test]
fn more_people_than_one_run_takes_are_sent_in_several_runs() {
    let worker = TestWorker::with_relay_and_timing(2_300, 4, greylisting(1), schedule(&[10]));
    complete(&worker);
    assert_eq!(worker.tally(1).deferred, 2_300);
    worker.execute(
        "CREATE TABLE runs (epoch BIGINT);
         CREATE TRIGGER a_run AFTER UPDATE OF epoch ON notifications BEGIN INSERT INTO runs VALUES (NEW.epoch); END",
    );
    let (relay, sweep) = (worker.relay.clone(), sweep(&worker));
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_eq!((worker.tally(1).sent, worker.count("runs")), (2_300, 3), "three runs after the fan-out");
    stop(worker, sweep);
    assert_each_once(&relay.accepted(), 2_300);
}

#[test]
fn small_notifications_are_not_held_up_by_those_that_are_greylisted() {
    const NOTIFICATIONS: u32 = 2_000;
    let worker = TestWorker::with_relay_and_timing(
        0,
        4,
        |to, tried, _| if to.contains("0-of-") && tried == 0 { Err(TRANSIENT) } else { Ok(()) },
        // The retries of a fan-out come after the end of the test.
        Timing { max_retries: 3, retry_delay: TIMEOUT * 5, ..schedule(&[100]) },
    );
    for id in 1..=NOTIFICATIONS {
        let event_id = EventId::Number(1000 + i64::from(id));
        worker.store.add_event(&event(event_id)).unwrap();
        let email = format!("p{id}-of-{event_id}@example.com");
        let someone = |_| NewParticipant { event_id: event_id.number().unwrap(), ..person(&email) };
        worker.store.add_participants(1, someone).unwrap();
    }
    let sweep = sweep(&worker);
    // As many fan-outs at a time as PREFETCH allows.
    let (next, stopping) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicBool::new(false)));
    let fan_outs: Vec<_> = (0..4)
        .map(|_| {
            let (context, next, stopping) =
                (Arc::clone(&worker.context), Arc::clone(&next), Arc::clone(&stopping));
            thread::spawn(move || {
                loop {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id > NOTIFICATIONS || stopping.load(Ordering::Relaxed) {
                        return;
                    }
                    let message =
                        Message { event_id: Some(EventId::Number(1000 + i64::from(id))), ..REQUEST };
                    let _result = open_and_run(&context, &named(&id.to_string()), message);
                }
            })
        })
        .collect();
    // Two of the four places may wait for a retry, and do.
    wait_until("everyone but two", || worker.relay.accepted().len() == NOTIFICATIONS as usize - 2);
    stopping.store(true, Ordering::Relaxed);
    assert_each_once(&worker.relay.accepted(), NOTIFICATIONS as usize - 2);
    assert_eq!(worker.context.metrics.failed.get(), 0);
    stop(worker, sweep);
    for thread in fan_outs {
        thread.join().unwrap();
    }
}
