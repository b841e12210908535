//! What mails tell of an event that changes while its notification is sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::support::opening::open_and_run;
use super::support::{REQUEST, TRANSIENT, TestWorker, Timing, named, wait_until};
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::outcome::Tally;
use crate::worker::deferral_sweep;
use crate::worker::fan_out::context::FanOutResult;

/// The subjects that say these titles, of any kind of mail that has the word.
fn assert_told(worker: &TestWorker, title: &str, mails: usize) {
    let subjects = worker.relay.subjects();
    assert!(subjects.iter().all(|subject| subject.contains(title)), "{subjects:?}");
    assert_eq!(worker.relay.mails().len(), mails);
}

fn complete(worker: &TestWorker, id: &str, kind: Kind) {
    let result = open_and_run(&worker.context, &named(id), Message { kind, ..REQUEST });
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
}

/// A worker that was stopped after about 100 of 250 mails.
fn interrupted() -> TestWorker {
    let handle = Arc::new(Mutex::new(None));
    let (trigger, seen) = (Arc::clone(&handle), Mutex::new(0));
    let mut worker = TestWorker::with_relay(250, 2, move |_, _, _| {
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        if *seen == 100 {
            drop(trigger.lock().unwrap().take());
        }
        Ok(())
    });
    *handle.lock().unwrap() = worker.handle.take();
    assert_eq!(open_and_run(&worker.context, &named("m1"), REQUEST), FanOutResult::Interrupted);
    let sent = worker.tally(1).sent;
    assert!((100..200).contains(&sent), "{sent}");
    // It has exited.
    worker.execute("UPDATE notifications SET lease_owner = NULL, lease_until = NULL");
    worker.another()
}

fn rename(worker: &TestWorker, title: &str) {
    worker.execute(&format!("UPDATE events SET title = '{title}'"));
}

#[test]
fn a_fan_out_that_resumes_tells_what_it_began_with() {
    let worker = interrupted();
    rename(&worker, "Another one");
    complete(&worker, "m1", Kind::Updated);
    assert_eq!(worker.tally(1), Tally { participants: 250, sent: 250, ..Tally::default() });
    assert_told(&worker, "A meeting", 250);
}

#[test]
fn a_snapshot_that_cannot_be_read_is_left_alone_and_the_event_is_told_as_it_is() {
    let worker = interrupted();
    let damaged = "notifications WHERE event_snapshot = 'damaged'";
    worker.execute("UPDATE notifications SET event_snapshot = 'damaged'");
    rename(&worker, "Another one");
    complete(&worker, "m1", Kind::Updated);
    assert_eq!((worker.tally(1).sent, worker.count(damaged)), (250, 1));
    assert_eq!(worker.relay.subjects().len(), 2);
}

#[test]
fn a_row_of_an_older_version_tells_the_event_as_it_is_and_keeps_that() {
    let worker = interrupted();
    worker.execute("UPDATE notifications SET event_snapshot = NULL");
    rename(&worker, "Another one");
    complete(&worker, "m1", Kind::Updated);
    assert_eq!(worker.tally(1).sent, 250);
    assert_eq!(worker.count("notifications WHERE event_snapshot LIKE '%Another one%'"), 1);
}

#[test]
fn an_event_that_is_gone_stops_the_mails() {
    let worker = interrupted();
    worker.execute("DELETE FROM events");
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::DeadLetter { .. }), "{result:?}");
}

/// Everyone is deferred once, and due at once.
fn deferred() -> TestWorker {
    let timing =
        Timing { max_retries: 0, defer_schedule: vec![Duration::from_millis(20)], ..Timing::default() };
    let worker = TestWorker::with_relay_and_timing(
        5,
        1,
        |_, tried, _| if tried == 0 { Err(TRANSIENT) } else { Ok(()) },
        timing,
    );
    complete(&worker, "m1", Kind::Updated);
    assert_eq!(worker.tally(1).deferred, 5);
    worker
}

fn sweep(worker: &mut TestWorker) {
    let sweep = deferral_sweep::start(&worker.context).unwrap();
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    drop(worker.handle.take());
    sweep.join().unwrap();
}

#[test]
fn a_deferred_mail_tells_what_the_first_ones_told() {
    let mut worker = deferred();
    rename(&worker, "Another one");
    sweep(&mut worker);
    assert_told(&worker, "A meeting", 5);
}

#[test]
fn a_deferred_mail_tells_nothing_older_than_a_later_notification() {
    let mut worker = deferred();
    rename(&worker, "Another one");
    complete(&worker, "m2", Kind::Updated);
    sweep(&mut worker);
    assert_told(&worker, "Another one", 10);
}
