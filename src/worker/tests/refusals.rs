//! A relay that refuses people for reasons that may be ours: no recipient fails for the relay's sake, and whom it refuses for
//! good fails alone.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::support::opening::open_and_run;
use super::support::{REQUEST, TestWorker, Timing, event, named, person, wait_until};
use crate::app::ProbeIntervals;
use crate::channels::Class;
use crate::domain::backoff::Backoff;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::outcome::{Permanence, Tally};
use crate::store::source::new_rows::NewParticipant;
use crate::worker::fan_out::context::FanOutResult;

const REFUSED: Class = Class::Suspect(Permanence::Permanent);
const MINUTE: Duration = Duration::from_secs(60);
/// Far less than a retry or a probe of `slow_timing` takes, and far more than a fan-out without them.
const SOON: Duration = Duration::from_secs(30);

/// A worker that waits for a minute before each retry and each probe.
fn slow_timing() -> Timing {
    let pause = Backoff { first: MINUTE, cap: MINUTE };
    let probes = ProbeIntervals { relay: pause, connections: pause };
    Timing { retry_delay: MINUTE, probes, ..Timing::default() }
}

/// The number of participant `p<number>@example.com`.
fn number(address: &str) -> u32 {
    address.trim_start_matches('p').split('@').next().unwrap().parse().unwrap()
}

fn run(worker: &TestWorker) {
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)));
}

/// Time for twenty people to be asked before anyone has used up four attempts.
fn patient_timing() -> Timing {
    Timing { retry_delay: Duration::from_secs(1), ..Timing::default() }
}

/// A relay that refuses everyone after `first` mails, until the returned flag is set.
fn worker_with_outage(people: u32, first: u32) -> (TestWorker, Arc<AtomicBool>) {
    let (ended, accepted) = (Arc::new(AtomicBool::new(false)), AtomicU32::new(0));
    let is_over = Arc::clone(&ended);
    let decide = move |_: &str, _: u32, _: &dyn Fn() -> Tally| {
        if is_over.load(Ordering::Relaxed) || accepted.fetch_add(1, Ordering::Relaxed) < first {
            Ok(())
        } else {
            Err(REFUSED)
        }
    };
    (TestWorker::with_relay_and_timing(people, 4, decide, patient_timing()), ended)
}

/// Waits until the breaker is open and `tries` mails were submitted.
fn wait_for_outage(worker: &TestWorker, tries: u32) {
    wait_until("an open breaker", || {
        worker.context.metrics.breaker_open.get() == 1 && worker.relay.tries() >= tries
    });
}

#[test]
fn a_relay_that_refuses_everyone_fails_nobody_and_everyone_is_mailed_when_it_ends() {
    for first in [0, 20] {
        let (worker, ended) = worker_with_outage(100, first);
        thread::scope(|scope| {
            let running = scope.spawn(|| run(&worker));
            wait_for_outage(&worker, first + 60);
            let sent = u64::from(first);
            assert_eq!(
                worker.tally(1),
                Tally { participants: 100, sent, pending: 100 - sent, ..Tally::default() }
            );
            ended.store(true, Ordering::Relaxed);
            running.join().unwrap();
        });
        assert_eq!(worker.tally(1), Tally { participants: 100, sent: 100, ..Tally::default() });
        assert_eq!(worker.context.metrics.breaker_open.get(), 0);
        assert_eq!(worker.relay.accepted().iter().collect::<HashSet<_>>().len(), 100);
    }
}

#[test]
fn people_of_many_small_notifications_count_together() {
    let (worker, ended) = worker_with_outage(0, 0);
    let events: Vec<EventId> = (1..=100).map(|n| EventId::Number(1000 + n)).collect();
    for &event_id in &events {
        worker.store.add_event(&event(event_id)).unwrap();
        let email = format!("p{event_id}@example.com");
        let one = NewParticipant { email, ..person("") };
        let one = NewParticipant { event_id: event_id.number().unwrap(), ..one };
        worker.store.add_participants(1, |_| one.clone()).unwrap();
    }
    thread::scope(|scope| {
        let worker = &worker;
        let run = |event_id: EventId| {
            let message = Message::new(Kind::Updated, event_id);
            open_and_run(&worker.context, &named(&event_id.to_string()), message)
        };
        let running: Vec<_> = events.iter().map(|&event_id| scope.spawn(move || run(event_id))).collect();
        wait_for_outage(worker, 60);
        assert_eq!(worker.context.metrics.failed.get(), 0);
        ended.store(true, Ordering::Relaxed);
        for one in running {
            assert!(matches!(one.join().unwrap(), FanOutResult::Completed(_)));
        }
    });
    assert_eq!((worker.context.metrics.sent.get(), worker.context.metrics.failed.get()), (100, 0));
}

#[test]
fn three_people_behind_a_relay_that_refuses_everyone_are_deferred() {
    let timing = Timing { defer_schedule: vec![MINUTE], ..Timing::default() };
    let worker = TestWorker::with_relay_and_timing(3, 2, |_, _, _| Err(REFUSED), timing);
    run(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 3, deferred: 3, ..Tally::default() });
}

#[test]
fn without_deferrals_they_fail_for_now_and_a_plain_retry_reaches_them() {
    let worker = TestWorker::with_relay(3, 2, |_, _, _| Err(REFUSED));
    run(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 3, failed: 3, ..Tally::default() });
}

#[test]
fn a_person_whom_the_relay_refuses_for_good_fails_alone_at_the_second_attempt() {
    let refuse_one = |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        if number(to) == 500 { Err(REFUSED) } else { Ok(()) }
    };
    let worker = TestWorker::with_relay_and_timing(1000, 4, refuse_one, slow_timing());
    let started_at = Instant::now();
    run(&worker);
    assert!(started_at.elapsed() < SOON, "{:?}", started_at.elapsed());
    let expected =
        Tally { participants: 1000, sent: 999, failed: 1, failed_permanent: 1, ..Tally::default() };
    assert_eq!(worker.tally(1), expected);
    assert_eq!(worker.relay.tries_for("p500@example.com"), 2);
    assert_eq!(worker.relay.tries(), 1001);
}

#[test]
fn a_list_with_mostly_dead_addresses_is_worked_through_at_full_speed() {
    let mostly_dead = |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        if number(to) > 900 { Ok(()) } else { Err(Class::Permanent) }
    };
    let worker = TestWorker::with_relay_and_timing(1000, 4, mostly_dead, slow_timing());
    let started_at = Instant::now();
    run(&worker);
    assert!(started_at.elapsed() < SOON, "{:?}", started_at.elapsed());
    let expected =
        Tally { participants: 1000, sent: 100, failed: 900, failed_permanent: 900, ..Tally::default() };
    assert_eq!((worker.tally(1), worker.relay.tries()), (expected, 1000));
}

#[test]
fn many_people_who_are_refused_for_good_all_fail_and_do_not_hold_up_the_list() {
    // The last ones are accepted: without that, the relay could not be told from one that has all_may_go to refuse everyone.
    let is_refused = |to: &str| number(to) * 7 % 10 < 3 && number(to) <= 950;
    let decide = move |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        if is_refused(to) { Err(REFUSED) } else { Ok(()) }
    };
    let worker = TestWorker::with_relay_and_timing(1000, 4, decide, slow_timing());
    let started_at = Instant::now();
    run(&worker);
    assert!(started_at.elapsed() < SOON, "{:?}", started_at.elapsed());
    let expected =
        Tally { participants: 1000, sent: 715, failed: 285, failed_permanent: 285, ..Tally::default() };
    assert_eq!(worker.tally(1), expected);
    let accepted = worker.relay.accepted();
    assert_eq!(accepted.iter().collect::<HashSet<_>>().len(), 715);
    assert!(accepted.len() == 715 && !accepted.iter().any(|to| is_refused(to)));
}

/// A worker of a relay that refuses everyone at example.com until the returned flag is set, and that is probed a few times
/// within `SOON`.
fn worker_with_refused_domain(people: u32) -> (TestWorker, Arc<AtomicBool>) {
    let ended = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&ended);
    let refuse_domain = move |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        if to.ends_with("@example.com") && !is_over.load(Ordering::Relaxed) { Err(REFUSED) } else { Ok(()) }
    };
    let pause = Backoff { first: Duration::from_millis(500), cap: MINUTE };
    let timing = Timing { probes: ProbeIntervals { relay: pause, connections: pause }, ..slow_timing() };
    (TestWorker::with_relay_and_timing(people, 4, refuse_domain, timing), ended)
}

#[test]
fn a_block_of_people_of_one_domain_holds_up_nobody_behind_it() {
    let (worker, _) = worker_with_refused_domain(60);
    worker.store.add_participants(400, |n| person(&format!("q{n}@example.org"))).unwrap();
    let started_at = Instant::now();
    run(&worker);
    assert!(started_at.elapsed() < SOON, "{:?}", started_at.elapsed());
    let expected =
        Tally { participants: 460, sent: 400, failed: 60, failed_permanent: 60, ..Tally::default() };
    assert_eq!(worker.tally(1), expected);
}

#[test]
fn a_notification_for_people_of_one_domain_holds_up_no_other_notification() {
    let (worker, ended) = worker_with_refused_domain(60);
    let other_event = EventId::Number(7);
    let other = Message::new(Kind::Updated, other_event);
    worker.store.add_event(&event(other_event)).unwrap();
    worker.join_event(other_event, &["ann@example.org", "bob@example.org"]);
    thread::scope(|scope| {
        let refused = scope.spawn(|| run(&worker));
        wait_for_outage(&worker, 20);
        let started_at = Instant::now();
        let result = open_and_run(&worker.context, &named("m2"), other);
        assert!(matches!(result, FanOutResult::Completed(_)));
        assert!(started_at.elapsed() < SOON, "{:?}", started_at.elapsed());
        assert_eq!((worker.context.metrics.sent.get(), worker.context.metrics.failed.get()), (2, 0));
        ended.store(true, Ordering::Relaxed);
        refused.join().unwrap();
    });
    assert_eq!(worker.tally(1), Tally { participants: 60, sent: 60, ..Tally::default() });
}

#[test]
fn a_mail_in_flight_when_the_relay_turns_bad_confirms_nothing() {
    let (open_gate, gate) = bounded::<()>(0);
    let (start, all_may_go) = bounded::<()>(0);
    let start = Mutex::new(Some(start));
    let timing = Timing { defer_schedule: vec![MINUTE], ..Timing::default() };
    let decide = move |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        if number(to) == 1 {
            drop(start.lock().unwrap().take());
            assert!(gate.recv().is_err(), "the gate only ever closes");
            return Ok(());
        }
        assert!(all_may_go.recv().is_err(), "the first mail is in flight before anyone is refused");
        Err(REFUSED)
    };
    let worker = TestWorker::with_relay_and_timing(11, 2, decide, timing);
    thread::scope(|scope| {
        let running = scope.spawn(|| run(&worker));
        wait_until("everyone else is refused", || worker.relay.tries_for("p11@example.com") > 0);
        drop(open_gate);
        running.join().unwrap();
    });
    assert_eq!(worker.tally(1), Tally { participants: 11, sent: 1, deferred: 10, ..Tally::default() });
    assert_eq!(worker.relay.tries(), 1 + 10 * 4, "retried like temporary failures");
}

#[test]
fn whom_the_relay_refused_before_it_recovered_is_forgiven() {
    // Everyone is refused before that, and half of them once more after it.
    let refused = Mutex::new((HashSet::new(), HashSet::new()));
    let decide = move |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        let mut refused = refused.lock().unwrap();
        let (before, after) = &mut *refused;
        let recovered = before.len() == 60;
        before.insert(to.to_owned());
        let is_refused = !recovered || number(to).is_multiple_of(2) && after.insert(to.to_owned());
        if is_refused { Err(REFUSED) } else { Ok(()) }
    };
    let worker = TestWorker::with_relay_and_timing(60, 4, decide, patient_timing());
    run(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 60, sent: 60, ..Tally::default() });
}

#[test]
fn one_machine_of_the_relay_that_refuses_everyone_fails_nobody() {
    // The lanes are the threads: each has its connection, to one machine.
    let bad_lane = Mutex::new(None);
    let timing = Timing { defer_schedule: vec![MINUTE], ..Timing::default() };
    let decide = move |_: &str, _: u32, _: &dyn Fn() -> Tally| {
        let lane = thread::current().id();
        if *bad_lane.lock().unwrap().get_or_insert(lane) == lane { Err(REFUSED) } else { Ok(()) }
    };
    let worker = TestWorker::with_relay_and_timing(300, 3, decide, timing);
    run(&worker);
    let tally = worker.tally(1);
    assert_eq!((tally.failed, tally.sent + tally.deferred), (0, 300), "{tally:?}");
}
