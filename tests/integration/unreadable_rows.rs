//! One row of many cannot be read, because an expression of a view fails for it. Everyone else gets the mail, the notification is
//! set aside without a place of `PREFETCH`, and it is completed when the row can be read: everyone once.

use serde_json::Value;

use crate::systems::on_every_system;
use testkit::http;
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::wait_until;

on_every_system!(one_of_many one_that_fails_like_an_outage);

const PEOPLE: usize = 250;
/// An event with one participant.
const OTHER: i64 = 77;

/// Puts a view over the participants that fails for one of them: a number that is too large, or more than one row where one is
/// expected.
fn break_row(scenario: &Scenario, system: System, id: i64) {
    let failing = match system {
        System::Sqlite => "abs(-9223372036854775807 - 1)",
        #[cfg(any(feature = "mysql", feature = "postgres"))]
        _ => "(SELECT others.name FROM people others WHERE others.event_id = people.event_id)",
    };
    scenario.ledger.execute("ALTER TABLE participants RENAME TO people");
    scenario.ledger.execute(&format!(
        "CREATE VIEW participants AS SELECT id, event_id, email,
            CASE WHEN id = {id} THEN {failing} ELSE name END AS name, locale FROM people"
    ));
}

fn mend_row(scenario: &Scenario) {
    scenario.ledger.execute("DROP VIEW participants");
    scenario.ledger.execute("ALTER TABLE people RENAME TO participants");
}

/// The only notification that is set aside lacks this participant.
#[track_caller]
fn check_set_aside(scenario: &Scenario, id: i64) {
    let ended = scenario.run(&["status", "--format", "json"]);
    assert_eq!(ended.code, Some(1), "somebody got no mail: {ended:?}");
    let lines: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let line = lines.iter().find(|line| line["state"] == "set_aside").unwrap();
    assert_eq!((&line["sent"], &line["pending"]), (&(PEOPLE - 1).into(), &1.into()), "{line}");
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("1 participant cannot be read (id {id}): ")), "{reason}");
    assert!(line["next_try_at"].is_string() && line["acked_at"].is_string(), "{line}");
    let words = "is set aside, and 1 participant got no mail yet: 1 participant cannot be read";
    assert!(ended.err.contains(words), "{}", ended.err);
}

#[track_caller]
fn check_health(worker: &Process, port: u16) {
    wait_until("the note", || {
        http::get(port, "/healthz").contains("note: database: 1 notification is set aside")
    });
    let health = http::get(port, "/healthz");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(http::get(port, "/metrics").contains("\nfanmail_set_aside 1\n"));
    assert_eq!(worker.log().matches("WARN").count(), 1, "{}", worker.log());
    assert_eq!(worker.log().matches("ERROR").count(), 0, "{}", worker.log());
}

fn one_of_many(system: System) {
    let port = free_port();
    let scenario = Scenario::with_relay("unreadable", PEOPLE)
        .database(system)
        .connections(4)
        .env("PREFETCH", "1")
        .env("HTTP_ADDR", &format!("127.0.0.1:{port}"))
        .build();
    scenario.seed(OTHER, 1);
    let id = scenario.people()[PEOPLE / 2].id;
    break_row(&scenario, system, id);
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, None);
    scenario.queue.publish("UPDATED", OTHER, None);
    wait_until("both messages to be acked", || {
        scenario.ledger.count("notifications WHERE acked_at IS NOT NULL") == 2
    });
    assert_eq!(
        (scenario.smtp.accepted(), scenario.queue.depth()),
        (PEOPLE, 0),
        "one of them of the other event"
    );
    check_set_aside(&scenario, id);
    check_health(&worker, port);
    assert!(worker.log().contains("is set aside: 1 participant cannot be read"), "{}", worker.log());
    worker.stop();

    let retried = scenario.run(&["retry", "--notification", "1"]);
    assert_eq!(retried.code, Some(1), "{retried:?}");
    assert!(retried.err.contains("correct the data or the view"), "{}", retried.err);
    check_set_aside(&scenario, id);
    mend_row(&scenario);
    if matches!(system, System::Sqlite) {
        scenario.run_ok(&["retry", "--notification", "1"]);
    } else {
        scenario.ledger.execute("UPDATE notifications SET not_before = completed_at");
        let worker = scenario.worker();
        wait_until("the last mail", || scenario.ledger.completed() == 2);
        worker.stop();
    }
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE + 1, 0));
    assert_eq!(scenario.status()[0]["reason"], Value::Null);
    scenario.check_completed();
}

/// An expression that fails with the words, and on servers with the code, of a database that does not work, and what makes it.
fn like_an_outage(system: System) -> (&'static str, &'static str) {
    match system {
        System::Sqlite => ("SELECT 1", "json_extract('{}', 'database is locked')"),
        #[cfg(feature = "postgres")]
        System::Postgresql => (
            "CREATE FUNCTION gone() RETURNS text STABLE LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'terminating connection' USING ERRCODE = '08006'; END $$",
            "gone()",
        ),
        #[cfg(feature = "mysql")]
        System::Mariadb => (
            "CREATE FUNCTION gone() RETURNS TEXT BEGIN
                SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found; try restarting transaction';
                RETURN NULL;
             END",
            "gone()",
        ),
    }
}

/// The other event gets its mail although the first one had the only place of `PREFETCH`.
fn one_that_fails_like_an_outage(system: System) {
    let scenario =
        Scenario::with_relay("raised", PEOPLE).database(system).connections(4).env("PREFETCH", "1").build();
    scenario.seed(OTHER, 1);
    let id = scenario.people()[PEOPLE / 2].id;
    let (setup, failing) = like_an_outage(system);
    scenario.ledger.execute(setup);
    scenario.ledger.execute("ALTER TABLE participants RENAME TO people");
    scenario.ledger.execute(&format!(
        "CREATE VIEW participants AS SELECT id, event_id, email,
            CASE WHEN id = {id} THEN {failing} ELSE name END AS name, locale FROM people"
    ));
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, None);
    scenario.queue.publish("UPDATED", OTHER, None);
    wait_until("both messages to be acked", || {
        scenario.ledger.count("notifications WHERE acked_at IS NOT NULL") == 2
    });
    check_set_aside(&scenario, id);
    assert_eq!(scenario.smtp.accepted(), PEOPLE);
    worker.stop();
    mend_row(&scenario);
    scenario.run_ok(&["retry", "--notification", "1"]);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE + 1, 0));
    scenario.check_completed();
}

// Not with MariaDB: in a transaction, its client library waits for ever after an error among the rows of a result.
#[test]
fn an_event_that_fails_like_an_outage_on_sqlite() {
    an_event_that_fails_like_an_outage(System::Sqlite);
}

#[test]
#[cfg(feature = "postgres")]
fn an_event_that_fails_like_an_outage_on_postgresql() {
    an_event_that_fails_like_an_outage(System::Postgresql);
}

/// Nothing of it can be read, not even the keys.
fn an_event_that_fails_like_an_outage(system: System) {
    let scenario = Scenario::with_relay("raised-event", 3).database(system).build();
    scenario.seed(OTHER, 1);
    let worker = scenario.worker();
    worker.wait_for_log("taking messages from");
    let (setup, failing) = like_an_outage(system);
    scenario.ledger.execute(setup);
    scenario.ledger.execute("ALTER TABLE participants RENAME TO people");
    scenario.ledger.execute(&format!(
        "CREATE VIEW participants AS SELECT id, event_id, email, name, locale FROM people
            WHERE event_id <> {EVENT} OR {failing} IS NULL"
    ));
    for event in [EVENT, OTHER, EVENT] {
        scenario.queue.publish("UPDATED", event, None);
    }
    wait_until("the messages to be acked", || {
        scenario.ledger.count("notifications WHERE acked_at IS NOT NULL") == 3
    });
    let set_aside = format!("notifications WHERE state = 'set_aside' AND event_id = {EVENT}");
    assert_eq!((scenario.ledger.count(&set_aside), scenario.smtp.accepted()), (2, 1));
    mend_row(&scenario);
    scenario.ledger.execute("UPDATE notifications SET not_before = completed_at");
    worker.stop();
    let worker = scenario.worker();
    wait_until("the other mails", || scenario.ledger.completed() == 3);
    worker.stop();
    assert_eq!(scenario.smtp.accepted(), 7);
    scenario.check_completed();
}

/// It was completed before the view had two people with one key.
#[test]
fn a_retry_of_a_completed_notification_notes_keys_of_several_people() {
    let scenario = Scenario::with_relay("doubled", 3).build();
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, None);
    wait_until("the mails", || scenario.ledger.completed() == 1);
    worker.stop();
    let id = scenario.people()[1].id;
    scenario.ledger.execute("ALTER TABLE participants RENAME TO people");
    scenario.ledger.execute(&format!(
        "CREATE VIEW participants AS SELECT id, event_id, email, name, locale FROM people
            UNION ALL SELECT id, event_id, 'other@example.com', name, locale FROM people WHERE id = {id}"
    ));
    let output = scenario.run_ok(&["retry", "--notification", "1"]);
    let note = format!("note: 1 key of participants has rows with several addresses (id {id});");
    assert!(output.contains(&note), "{output}");
    assert_eq!(scenario.smtp.accepted(), 3);
}
