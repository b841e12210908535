//! Deferred mails whose participant or event cannot be read when they are due.

use super::*;

/// The first mail to each of two people is deferred, and so is the second one to the first of them. Each is due at once.
fn deferred() -> TestWorker {
    let refuses = |to: &str, tried, _: &dyn Fn() -> Tally| match (to, tried) {
        (_, 0) | ("p1@example.com", 1) => Err(TRANSIENT),
        _ => Ok(()),
    };
    let worker = TestWorker::with_relay_and_timing(2, 1, refuses, schedule(&[1, 1]));
    complete(&worker);
    assert_eq!(worker.tally(1).deferred, 2);
    worker
}

/// Makes `column` fail where `condition` holds.
fn break_table(worker: &TestWorker, table: &str, columns: &str, column: &str, condition: &str) {
    let failing = format!("CASE WHEN {condition} THEN abs(-9223372036854775807 - 1) ELSE {column} END");
    let columns = columns.replace(column, &format!("{failing} AS {column}"));
    worker.execute(&format!(
        "ALTER TABLE {table} RENAME TO {table}_rows; CREATE VIEW {table} AS SELECT {columns} FROM {table}_rows"
    ));
}

fn mend(worker: &TestWorker, table: &str) {
    worker.execute(&format!(
        "DROP VIEW {table}; ALTER TABLE {table}_rows RENAME TO {table};
         UPDATE deferrals SET next_try_at = '2020-01-01 00:00:00'"
    ));
}

/// The sweep finds `people` whose mail it cannot make, more often than the schedule has steps; these words say why.
fn postpone_often(worker: &TestWorker, people: i64, words: &str) {
    let postponed = format!("deferrals WHERE detail LIKE '%{words}%' AND next_try_at > '2021-01-01'");
    for round in 0..4 {
        wait_until(&format!("try {round}"), || worker.count(&postponed) == people);
        let kept = "deferrals WHERE tries = 1 AND smtp_code = 450";
        assert_eq!(worker.count(kept), people, "the relay was not asked, so no step is used up");
        if round < 3 {
            worker.execute("UPDATE deferrals SET next_try_at = '2020-01-01 00:00:00'");
        }
    }
}

#[test]
fn a_participant_who_cannot_be_read_uses_up_no_step() {
    let worker = deferred();
    break_table(&worker, "participants", "id, event_id, email, name, locale", "name", "id = 1");
    let sweep = sweep(&worker);
    wait_until("the other one", || worker.count("deferrals") == 1);
    assert_eq!(worker.relay.accepted(), ["p2@example.com"]);
    postpone_often(&worker, 1, "cannot be read: integer overflow");
    assert_eq!(worker.context.metrics.deferred.get(), 2, "no mail was deferred again");
    mend(&worker, "participants");
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_eq!(worker.tally(1), Tally { participants: 2, sent: 2, ..Tally::default() });
    assert_each_once(&worker.relay.accepted(), 2);
    assert_eq!(worker.relay.tries_for("p1@example.com"), 3, "the schedule has had both of its steps");
    stop(worker, sweep);
}

#[test]
fn an_event_that_cannot_be_read_uses_up_no_step() {
    let worker = deferred();
    let columns = "id, title, description, location, starts_at, ends_at, timezone, url, updated_at";
    break_table(&worker, "events", columns, "title", "id = 123");
    let sweep = sweep(&worker);
    postpone_often(&worker, 2, "its event cannot be read: integer overflow");
    assert_eq!(worker.relay.tries(), 2);
    mend(&worker, "events");
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_eq!(worker.tally(1), Tally { participants: 2, sent: 2, ..Tally::default() });
    assert_each_once(&worker.relay.accepted(), 2);
    stop(worker, sweep);
}
