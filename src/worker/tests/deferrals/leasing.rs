//! Several workers and the deferrals of one ledger: each mail is tried by one of them at a time.

use crossbeam_channel::bounded;

use super::*;
use crate::domain::ids::EventId;
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::outcome::{Outcome, Verdict};
use crate::store::ledger::leases::LeaseRequest;
use crate::store::source::new_rows::NewParticipant;
use crate::worker::deferral_sweep::run::has_vanished;
use crate::worker::tests::support::{event, person};

/// A sweep on another machine has begun with notification 1.
fn leased_elsewhere(worker: &TestWorker, request: &LeaseRequest) -> Lease {
    let seen = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    let lease = Lease { notification_id: NotificationId(1), epoch: seen.epoch };
    worker.store.take_over(lease, None, lease.epoch.next(), request).unwrap().unwrap()
}

fn elsewhere(term: Duration) -> LeaseRequest {
    LeaseRequest { owner: "elsewhere:1:2:3:4:5".to_owned(), term }
}

/// Everyone is deferred, and due at once. Leases last 300 ms.
fn deferred(people: u32) -> TestWorker {
    let timing = Timing { lease_timeout: Duration::from_millis(300), ..schedule(&[20]) };
    let worker = TestWorker::with_relay_and_timing(people, 2, greylisting(1), timing);
    complete(&worker);
    worker
}

#[test]
fn two_workers_share_the_deferrals_and_mail_nobody_twice() {
    let worker = TestWorker::with_relay_and_timing(0, 2, greylisting(1), schedule(&[100]));
    for id in 1..=40 {
        let event_id = EventId::Number(1000 + id);
        worker.store.add_event(&event(event_id)).unwrap();
        let event = 1000 + id;
        let someone = |n| NewParticipant { event_id: event, ..person(&format!("p{n}-of-{id}@example.com")) };
        worker.store.add_participants(10, someone).unwrap();
        let result = open_and_run(
            &worker.context,
            &named(&id.to_string()),
            Message { event_id: Some(event_id), ..REQUEST },
        );
        assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    }
    let other = worker.another();
    let sweeps = [sweep(&worker), sweep(&other)];
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_each_once(&worker.relay.accepted(), 400);
    assert_eq!(worker.relay.tries(), 800);
    assert_eq!((worker.refused_outcomes(), other.refused_outcomes()), (0, 0));
    let [of_worker, of_other] = sweeps;
    stop(worker, of_worker);
    stop(other, of_other);
}

#[test]
fn a_sweep_that_was_killed_is_continued_by_another_worker() {
    let worker = deferred(50);
    // It has sent ten, and does not release its lease.
    let lease = leased_elsewhere(&worker, &elsewhere(Duration::from_millis(1)));
    let sent = |id| Outcome {
        lease,
        participant_id: ParticipantId(id),
        attempts: 2,
        deferrals: 1,
        verdict: Verdict::Sent(None),
    };
    worker.store.record_outcomes(&(1..=10).map(sent).collect::<Vec<_>>()).unwrap();
    let relay = worker.relay.clone();
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 50, sent: 50, ..Tally::default() });
    let accepted = relay.accepted();
    assert_each_once(&accepted, 40);
    assert!(!accepted.contains(&"p10@example.com".to_owned()));
}

#[test]
fn a_sweep_that_renews_its_lease_is_left_alone() {
    let worker = deferred(5);
    let request = elsewhere(Duration::from_millis(1));
    let lease = leased_elsewhere(&worker, &request);
    let sweep = sweep(&worker);
    // Its lease is expired at every look, but it is renewed.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(20));
        assert_eq!(worker.store.renew_leases(&[lease], &request).unwrap(), []);
    }
    assert_eq!(worker.relay.tries(), 5);
    worker.store.release_lease(lease).unwrap();
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_eq!(worker.tally(1).sent, 5);
    stop(worker, sweep);
}

#[test]
fn a_sweep_that_lost_its_lease_transmits_no_further_body() {
    let (open_gate, gate) = bounded::<()>(0);
    let worker = TestWorker::with_relay_and_timing(
        50,
        2,
        move |_, tried, _| {
            if tried == 0 {
                return Err(TRANSIENT);
            }
            assert!(gate.recv().is_err(), "the gate only ever closes");
            Ok(())
        },
        schedule(&[20]),
    );
    complete(&worker);
    let sweep = sweep(&worker);
    wait_until("two mails in flight", || worker.relay.tries() == 52);
    let seen = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    let ours = Lease { notification_id: NotificationId(1), epoch: seen.epoch };
    let until = seen.holder.map(|holder| holder.until);
    let request = elsewhere(Duration::from_secs(3600));
    worker.store.take_over(ours, until, ours.epoch.next(), &request).unwrap().unwrap();
    drop(open_gate);
    wait_until("the refusal", || worker.refused_outcomes() == 2);
    assert_eq!((worker.relay.accepted().len(), worker.tally(1).deferred), (2, 50));
    stop(worker, sweep);
}

#[test]
fn a_running_notification_is_left_to_its_fan_out() {
    let (open_gate, gate) = bounded::<()>(0);
    let worker = TestWorker::with_relay_and_timing(
        2,
        1,
        move |to, tried, _| match (to, tried) {
            ("p1@example.com", 0) => Err(TRANSIENT),
            ("p1@example.com", _) => Ok(()),
            _ => {
                assert!(gate.recv().is_err(), "the gate only ever closes");
                Ok(())
            }
        },
        schedule(&[1]),
    );
    let context = Arc::clone(&worker.context);
    let running = thread::spawn(move || open_and_run(&context, &named("m1"), REQUEST));
    wait_until("a deferral", || worker.store.count_deferrals().unwrap() == 1);
    let before = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    let sweep = sweep(&worker);
    wait_until("the first look", || worker.context.metrics.deferrals.get() == 1);
    // All that shows is that it does nothing.
    thread::sleep(Duration::from_millis(500));
    let record = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    assert_eq!((record.epoch, worker.relay.tries()), (before.epoch, 2));
    drop(open_gate);
    assert!(matches!(running.join().unwrap(), FanOutResult::Completed(_)));
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_each_once(&worker.relay.accepted(), 2);
    stop(worker, sweep);
}

#[test]
fn a_resumed_fan_out_leaves_deferred_people_to_the_sweep() {
    let handle = Arc::new(std::sync::Mutex::new(None));
    let trigger = Arc::clone(&handle);
    let mut worker = TestWorker::with_relay_and_timing(
        100,
        1,
        move |to, tried, _| {
            if to == "p50@example.com" {
                drop(trigger.lock().unwrap().take());
            }
            if to == "p1@example.com" && tried == 0 { Err(TRANSIENT) } else { Ok(()) }
        },
        schedule(&[20]),
    );
    *handle.lock().unwrap() = worker.handle.take();
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert_eq!(result, FanOutResult::Interrupted);
    assert!(worker.tally(1).pending > 0, "{:?}", worker.tally(1));
    let next = worker.another();
    complete(&next);
    assert_eq!(next.tally(1), Tally { participants: 100, sent: 99, deferred: 1, ..Tally::default() });
    assert_eq!(sweep_to_the_end(next).sent, 100);
    assert_each_once(&worker.relay.accepted(), 100);
}

#[test]
fn a_lost_lease_is_laid_to_another_worker_only_while_the_row_is_there() {
    let worker = deferred(2);
    let seen = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    let has_vanished = || has_vanished(&worker.context, &seen).unwrap();
    leased_elsewhere(&worker, &elsewhere(Duration::from_secs(30)));
    assert!(!has_vanished());
    // In a copy of the database that was restored, its key may belong to another notification.
    worker.execute("UPDATE notifications SET message_key = 'm2'");
    assert!(has_vanished());
    worker.execute("DELETE FROM deferrals; DELETE FROM deliveries; DELETE FROM notifications");
    assert!(has_vanished());
}
