//! Notifications of which something cannot be read: they are set aside, tried again, and completed once it can be read.

use std::collections::HashSet;
use std::sync::Arc;

use super::support::opening::open_and_run;
use super::support::{EVENT, REQUEST, TRANSIENT, TestWorker, Timing, named, unnamed, wait_until};
use crate::domain::ids::NotificationId;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::outcome::Tally;
use crate::observe::health::Health;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::worker::fan_out::context::FanOutResult;
use crate::worker::{deferral_sweep, set_aside_sweep};

mod gone_templates;
mod odd_rows;
mod postponed;
mod text_keys;

/// A view over a table in which the expression of this column fails for some rows.
fn break_view(worker: &TestWorker, table: &str, column: &str, condition: &str) {
    let columns = match table {
        "events" => "id, title, description, location, starts_at, ends_at, timezone, url, updated_at",
        _ => "id, event_id, email, name, locale",
    };
    let failing = format!("CASE WHEN {condition} THEN abs(-9223372036854775807 - 1) ELSE {column} END");
    let columns = columns.replace(column, &format!("{failing} AS {column}"));
    worker.execute(&format!(
        "ALTER TABLE {table} RENAME TO {table}_rows; CREATE VIEW {table} AS SELECT {columns} FROM {table}_rows"
    ));
}

fn mend(worker: &TestWorker, table: &str) {
    worker.execute(&format!("DROP VIEW {table}; ALTER TABLE {table}_rows RENAME TO {table}"));
}

fn record(worker: &TestWorker, id: i64) -> NotificationRecord {
    worker.store.find_notification(NotificationId(id)).unwrap().unwrap()
}

fn state(worker: &TestWorker, id: i64) -> NotificationState {
    record(worker, id).state
}

/// Opens a message, and its notification is set aside for a reason with these words.
fn set_aside(worker: &TestWorker, id: i64, words: &str) {
    let result = open_and_run(&worker.context, &named(&format!("m{id}")), REQUEST);
    assert!(matches!(result, FanOutResult::SetAside(notification) if notification.id.0 == id), "{result:?}");
    let record = record(worker, id);
    assert_eq!((record.state, record.holder), (NotificationState::SetAside, None));
    let reason = record.reason.unwrap();
    assert!(reason.contains(words), "{reason}");
}

/// Runs the sweep once over those that are set aside, as if they were due.
fn sweep(worker: &TestWorker) {
    let before: Vec<_> = worker.store.list_set_aside(9).unwrap();
    worker.execute("UPDATE notifications SET not_before = '2020-01-01 00:00:00'");
    let next = worker.another();
    let health = Health::default();
    let sweep = set_aside_sweep::start(&next.context, &health).unwrap();
    wait_until("every try", || {
        let tried = |id| {
            let record = record(worker, id);
            record.state != NotificationState::SetAside || record.not_before > before[0].record.completed_at
        };
        before.iter().all(|one| tried(one.record.notification.id.0))
    });
    stop(next);
    sweep.join().unwrap();
}

fn stop(mut worker: TestWorker) {
    drop(worker.handle.take());
}

fn assert_each_once(worker: &TestWorker, people: usize) {
    let accepted = worker.relay.accepted();
    let different: HashSet<_> = accepted.iter().collect();
    assert_eq!((accepted.len(), different.len()), (people, people));
}

#[test]
fn everyone_but_the_people_who_cannot_be_read_is_mailed_and_they_later() {
    let mut worker = TestWorker::new(250, 4);
    worker.context_mut().page_size = 40;
    break_view(&worker, "participants", "name", "id IN (17, 18, 203)");
    set_aside(&worker, 1, "3 participants cannot be read (id 17, 18, 203): integer overflow");
    assert_each_once(&worker, 247);
    assert_eq!(worker.tally(1), Tally { participants: 250, sent: 247, pending: 3, ..Tally::default() });
    assert_eq!(worker.problems(), "", "the database works");

    sweep(&worker);
    assert_each_once(&worker, 247);
    assert_eq!(state(&worker, 1), NotificationState::SetAside);
    mend(&worker, "participants");
    worker.join(&["later@example.com"]);
    sweep(&worker);
    assert_each_once(&worker, 250);
    assert!(!worker.relay.accepted().contains(&"later@example.com".to_owned()), "the audience was frozen");
    let record = record(&worker, 1);
    assert_eq!((record.state, record.reason, record.holder), (NotificationState::Completed, None, None));
}

#[test]
fn a_page_without_any_row_that_can_be_read_does_not_end_the_fan_out() {
    let mut worker = TestWorker::new(30, 2);
    worker.context_mut().page_size = 10;
    break_view(&worker, "participants", "email", "id BETWEEN 11 AND 20");
    set_aside(&worker, 1, "10 participants cannot be read (id 11, 12, 13, 14, 15, …): integer overflow");
    assert_each_once(&worker, 20);
    // A shorter page, of one person.
    worker.context_mut().page_size = 1;
    set_aside(&worker, 2, "10 participants cannot be read");
    assert_eq!(worker.relay.accepted().len(), 40);
}

#[test]
fn an_event_that_cannot_be_read_mails_nobody_and_its_audience_is_frozen() {
    let worker = TestWorker::new(5, 1);
    break_view(&worker, "events", "title", "id = 123");
    set_aside(&worker, 1, "its event cannot be read: integer overflow");
    worker.join(&["later@example.com"]);
    assert_eq!(worker.relay.tries(), 0);
    mend(&worker, "events");
    sweep(&worker);
    assert_each_once(&worker, 5);
    assert_eq!(state(&worker, 1), NotificationState::Completed);
}

#[test]
fn an_event_with_rows_that_differ_mails_nobody_until_it_has_one() {
    let worker = TestWorker::new(5, 1);
    worker.execute(
        "ALTER TABLE events RENAME TO events_rows;
         CREATE VIEW events AS SELECT id, title || n AS title, description, location, starts_at, ends_at, timezone, url,
            updated_at FROM events_rows JOIN (SELECT '' AS n UNION ALL SELECT '!')",
    );
    set_aside(&worker, 1, "event 123 has 2 rows in events, which differ in title; an event needs one row");
    assert_eq!(worker.relay.tries(), 0);
    mend(&worker, "events");
    sweep(&worker);
    assert_each_once(&worker, 5);
    assert_eq!(state(&worker, 1), NotificationState::Completed);
}

#[test]
fn a_table_that_is_gone_sets_aside_and_comes_back() {
    let worker = TestWorker::new(5, 1);
    // In the middle of a fan-out, for all that the worker can tell.
    worker.execute("ALTER TABLE events RENAME TO moved");
    set_aside(&worker, 1, "no such table: events; for tables of your own, first make the views");
    worker.execute("ALTER TABLE moved RENAME TO events");
    sweep(&worker);
    assert_each_once(&worker, 5);
}

#[test]
fn the_next_notification_does_not_wait_and_an_update_is_skipped_after_a_cancellation() {
    let worker = TestWorker::new(4, 1);
    break_view(&worker, "participants", "name", "id = 2");
    set_aside(&worker, 1, "1 participant cannot be read (id 2)");
    let cancelled = Message::new(Kind::Cancelled, EVENT);
    let result = open_and_run(&worker.context, &unnamed(), cancelled);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    assert_eq!(worker.relay.accepted().len(), 6);
    // The update needs not be read for that.
    sweep(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 4, sent: 3, skipped: 1, ..Tally::default() });
    assert_eq!(
        [1, 2].map(|id| state(&worker, id)),
        [NotificationState::Completed, NotificationState::SetAside]
    );
    mend(&worker, "participants");
    sweep(&worker);
    assert_eq!((worker.tally(2).sent, worker.relay.accepted().len()), (4, 7));
}

#[test]
fn an_event_that_is_gone_by_then_abandons_it() {
    let worker = TestWorker::new(4, 1);
    break_view(&worker, "events", "title", "id = 123");
    set_aside(&worker, 1, "its event cannot be read");
    mend(&worker, "events");
    worker.execute("DELETE FROM events");
    sweep(&worker);
    let record = record(&worker, 1);
    assert_eq!(record.state, NotificationState::Abandoned);
    assert!(record.reason.unwrap().contains("event 123 is not in the database"));
}

#[test]
fn a_deferred_mail_waits_for_what_cannot_be_read_and_the_others_are_sent() {
    let timing = Timing {
        max_retries: 0,
        defer_schedule: vec![std::time::Duration::from_millis(1)],
        ..Timing::default()
    };
    let worker = TestWorker::with_relay_and_timing(
        4,
        1,
        |_, tried, _| if tried == 0 { Err(TRANSIENT) } else { Ok(()) },
        timing,
    );
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    break_view(&worker, "participants", "name", "id = 2");
    let sweep = deferral_sweep::start(&worker.context).unwrap();
    wait_until("the others", || worker.relay.accepted().len() == 3);
    wait_until("the next try", || {
        worker.count("deferrals WHERE detail LIKE 'cannot be read: %' AND next_try_at > '2021-01-01'") == 1
    });
    mend(&worker, "participants");
    worker.execute("UPDATE deferrals SET next_try_at = '2020-01-01 00:00:00'");
    wait_until("the last one", || worker.store.count_deferrals().unwrap() == 0);
    assert_eq!(worker.tally(1), Tally { participants: 4, sent: 4, ..Tally::default() });
    stop(worker);
    sweep.join().unwrap();
}

#[test]
fn with_one_mail_for_each_address_people_who_could_not_be_read_are_looked_at_later() {
    let mut worker = TestWorker::new(5, 1);
    worker.config.worker.one_mail_per_address = true;
    worker.context_mut().one_mail_per_address = true;
    worker.context_mut().page_size = 2;
    worker.execute("UPDATE participants SET email = 'p1@example.com' WHERE id IN (2, 3)");
    break_view(&worker, "participants", "name", "id IN (2, 4)");
    set_aside(&worker, 1, "2 participants cannot be read (id 2, 4)");
    let tally =
        Tally { participants: 5, sent: 2, skipped: 1, same_address: 1, pending: 2, ..Tally::default() };
    assert_eq!(worker.tally(1), tally);
    // Now one who was kept back until all pages were read.
    worker.execute("UPDATE participants_rows SET email = 'p5@example.com' WHERE id = 4");
    sweep(&worker);
    assert_eq!(worker.tally(1), tally);
    mend(&worker, "participants");
    sweep(&worker);
    let tally = Tally { participants: 5, sent: 2, skipped: 3, same_address: 3, ..Tally::default() };
    assert_eq!(worker.tally(1), tally);
    assert_each_once(&worker, 2);
}

/// The query for addresses that several participants have reads all of them at once.
#[test]
fn one_address_that_cannot_be_read_holds_up_nobody_else_with_one_mail_for_each_address() {
    let mut worker = TestWorker::new(6, 1);
    worker.config.worker.one_mail_per_address = true;
    worker.context_mut().one_mail_per_address = true;
    worker.context_mut().page_size = 2;
    worker.execute("UPDATE participants SET email = 'p1@example.com' WHERE id IN (4, 6)");
    break_view(&worker, "participants", "email", "id = 3");
    set_aside(&worker, 1, "1 participant cannot be read (id 3): integer overflow");
    let tally =
        Tally { participants: 6, sent: 3, skipped: 2, same_address: 2, pending: 1, ..Tally::default() };
    assert_eq!(worker.tally(1), tally);
    assert_each_once(&worker, 3);
    sweep(&worker);
    assert_eq!(worker.tally(1), tally);
    mend(&worker, "participants");
    worker.execute("UPDATE participants SET email = 'p1@EXAMPLE.com' WHERE id = 3");
    sweep(&worker);
    let tally = Tally { participants: 6, sent: 3, skipped: 3, same_address: 3, ..Tally::default() };
    assert_eq!(worker.tally(1), tally);
    assert_each_once(&worker, 3);
}

#[test]
fn health_and_metrics_tell_of_those_that_are_set_aside() {
    let worker = TestWorker::new(4, 1);
    break_view(&worker, "participants", "name", "id = 2");
    let health = Health::default();
    let sweep = set_aside_sweep::start(&worker.context, &health).unwrap();
    set_aside(&worker, 1, "1 participant cannot be read (id 2)");
    wait_until("the note", || health.notes().contains("1 notification is set aside"));
    assert_eq!((health.problems().as_str(), worker.context.metrics.set_aside.get()), ("", 1));
    mend(&worker, "participants");
    worker.execute("UPDATE notifications SET not_before = '2020-01-01 00:00:00'");
    worker.context.set_aside.0.try_send(()).unwrap_or_default();
    wait_until("the note to go", || health.notes().is_empty());
    assert_each_once(&worker, 4);
    let context = Arc::clone(&worker.context);
    stop(worker);
    sweep.join().unwrap();
    assert_eq!(context.metrics.set_aside.get(), 0);
}
