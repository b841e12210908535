//! The outbox, from its rows to the mails.

use super::*;
use crate::domain::priority::Priority;
use crate::domain::reminder::ReminderOffset;
use crate::observe::health::Health;
use crate::worker::outbox;
use crate::worker::reminders::Reminders;
use crate::worker::tests::support::wait_until;

const ODD: EventId = EventId::Number(7);

/// A worker with another event, over whose participants each query fails as if the database were in use.
fn worker_with_odd_event() -> TestWorker {
    let worker = TestWorker::new(2, 1);
    worker.store.add_event(&event(ODD)).unwrap();
    worker.join_event(ODD, &["seven@example.com"]);
    worker.execute(
        "ALTER TABLE participants RENAME TO people;
         CREATE VIEW participants AS SELECT
            CASE event_id WHEN 7 THEN json_extract('{}', 'database is locked') ELSE id END AS id, event_id, email, name, locale
            FROM people",
    );
    worker
}

fn write(worker: &TestWorker, message_id: &str, event_id: EventId) {
    worker.store.add_to_outbox(message_id, &updated(event_id), None, Priority::default()).unwrap();
}

#[test]
fn a_row_whose_event_fails_like_an_outage_holds_up_no_other() {
    let mut worker = worker_with_odd_event();
    write(&worker, "odd", ODD);
    write(&worker, "even", EVENT);
    let broker = Broker::start(&worker);
    let taking = outbox::start(&worker.context, None, None).unwrap();
    wait_until("the mails of the other one", || worker.relay.accepted().len() == 2);
    write(&worker, "later", EVENT);
    wait_until("the mails of a later one", || worker.relay.accepted().len() == 4);
    assert_eq!(worker.count("outbox WHERE taken_at IS NULL"), 0);
    assert!(record(&worker, 1).state.is_open() && worker.problems().is_empty());
    drop(worker.handle.take());
    assert_eq!(broker.close(), []);
    taking.join().unwrap();
}

#[test]
fn a_reminder_whose_event_fails_like_an_outage_holds_up_no_other() {
    let mut worker = worker_with_odd_event();
    worker.execute("UPDATE events SET starts_at = datetime('now', '+59 minutes')");
    let broker = Broker::start(&worker);
    let offset = ReminderOffset::from_seconds(3600).unwrap();
    Reminders::new(&worker.context, &Health::default(), vec![offset]).look().unwrap();
    wait_until("the mails of the other one", || worker.relay.accepted().len() == 2);
    wait_until("its end", || worker.count("notifications WHERE state = 'completed'") == 1);
    assert_eq!(worker.count("notifications"), 2);
    drop(worker.handle.take());
    assert_eq!(broker.close(), []);
}
