//! A ledger of 0.2.0, with notifications whose messages had no id: running, interrupted, completed, acked or not. The
//! messages that the broker delivers again find them.

use super::{MIGRATIONS, PEOPLE, accepted, applied, migrations};
use crate::systems::on_every_system;
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::wait_until;

on_every_system!(
    redelivered_messages_find_their_notifications
    interrupted_by_the_upgrade_and_never_delivered_again
);

/// Outcomes of a notification that was interrupted.
const OUTCOMES: i64 = 100;

/// The notifications of [`add_rows`], by their ids.
const RUNNING: i64 = 1;
const RELEASED: i64 = 2;
const NOT_ACKED: i64 = 3;
const ACKED: i64 = 4;
const WITH_ID: i64 = 5;
/// Number of rows.
const ROWS: usize = 5;

fn scenario(system: System, name: &str) -> Scenario {
    let relay = Scenario::with_relay(name, 0).database(system).tables(migrations(system, 3));
    let scenario = relay.env("LEASE_TIMEOUT", "2").build();
    add_rows(&scenario);
    assert_eq!(scenario.run_ok(&["migrate"]), applied(4..=MIGRATIONS.len()));
    scenario
}

/// Rows as 0.2.0 leaves them. Each notification is about an event of its own, which has [`PEOPLE`] participants.
fn add_rows(scenario: &Scenario) {
    let event = |notification: i64| EVENT + notification;
    for notification in 1..=i64::try_from(ROWS).unwrap() {
        let first = PEOPLE * (notification - 1);
        let people: Vec<String> = (1..=PEOPLE)
            .map(|n| {
                format!("({}, {}, 'p{n}.{notification}@example.org', 'Ann')", first + n, event(notification))
            })
            .collect();
        let (state, times, lease) = match notification {
            RUNNING => ("running", "NULL, NULL", "'elsewhere:4711:8123:0:4026:1f2e', '2026-01-02 10:05:00'"),
            NOT_ACKED => ("completed", "'2026-01-02 10:05:00', NULL", "NULL, NULL"),
            ACKED => ("completed", "'2026-01-02 10:05:00', '2026-01-02 10:05:01'", "NULL, NULL"),
            _ => ("running", "NULL, NULL", "NULL, NULL"),
        };
        let key = if notification == WITH_ID { "'with id'" } else { "NULL" };
        let (outcomes, last) = (if state == "running" { OUTCOMES } else { PEOPLE }, first + PEOPLE);
        let rows: Vec<String> = (first + 1..=first + outcomes)
            .map(|id| format!("({notification}, {id}, 'sent', 1, FALSE, 250, NULL, '2026-01-02 10:01:00')"))
            .collect();
        scenario.ledger.execute(&format!(
            "INSERT INTO events (id, title) VALUES ({event}, 'Ball');
             INSERT INTO participants (id, event_id, email, name) VALUES {people};
             INSERT INTO notifications (message_key, kind, event_id, audience, max_participant_id, state, received_at,
                completed_at, acked_at, lease_owner, lease_until, epoch)
                VALUES ({key}, 'UPDATED', {event}, 'event', {last}, '{state}', '2026-01-02 10:00:00', {times}, {lease}, 3);
             INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, smtp_code, detail,
                decided_at) VALUES {rows}",
            event = event(notification),
            people = people.join(", "),
            rows = rows.join(", "),
        ));
    }
}

fn publish(scenario: &Scenario, notification: i64) {
    let body = format!(r#"{{"type":"UPDATED","event_id":{}}}"#, EVENT + notification);
    let id = (notification == WITH_ID).then_some("with id");
    scenario.queue.publish_raw(body.as_bytes(), properties(id));
}

/// The recipients of all mails, sorted.
fn recipients(scenario: &Scenario) -> Vec<String> {
    let mut recipients: Vec<String> =
        accepted(scenario).into_iter().map(|(_, recipient)| recipient).collect();
    recipients.sort();
    recipients
}

/// The recipients of a notification with numbers above this one, sorted with those of others.
fn sorted(parts: &[(i64, i64)]) -> Vec<String> {
    let mut all: Vec<String> = parts
        .iter()
        .flat_map(|(notification, above)| {
            (above + 1..=PEOPLE).map(move |n| format!("p{n}.{notification}@example.org"))
        })
        .collect();
    all.sort();
    all
}

fn redelivered_messages_find_their_notifications(system: System) {
    let scenario = scenario(system, "upgrade-0-2-0");
    for notification in [RUNNING, RELEASED, NOT_ACKED, WITH_ID] {
        publish(&scenario, notification);
    }
    assert_eq!(scenario.queue.redeliver_all(), 4);
    // This one was acked before the upgrade: an equal message is another one.
    publish(&scenario, ACKED);
    let worker = scenario.worker();
    scenario.wait_for_acks(ROWS + 1);
    assert_eq!(
        recipients(&scenario),
        sorted(&[(RUNNING, OUTCOMES), (RELEASED, OUTCOMES), (WITH_ID, OUTCOMES), (ACKED, 0)])
    );
    assert_eq!(scenario.ledger.notifications().len(), ROWS + 1, "one for the message that is new");
    for line in scenario.status() {
        assert_eq!((&line["sent"], &line["pending"]), (&PEOPLE.into(), &0.into()), "{line}");
    }
    worker.stop();
    assert_eq!((scenario.queue.depth(), scenario.queue.dead_depth()), (0, 0));
}

/// A new message is not theirs, and they stay visible.
fn interrupted_by_the_upgrade_and_never_delivered_again(system: System) {
    let scenario = scenario(system, "upgrade-lost");
    let worker = scenario.worker();
    publish(&scenario, RELEASED);
    publish(&scenario, NOT_ACKED);
    wait_until("both to be acked", || {
        scenario.ledger.count(&format!("notifications WHERE id > {ROWS} AND acked_at IS NOT NULL")) == 2
    });
    assert_eq!(recipients(&scenario), sorted(&[(RELEASED, 0), (NOT_ACKED, 0)]));
    worker.stop();
    let running: Vec<(i64, String)> =
        scenario.ledger.notifications().into_iter().map(|row| (row.id, row.state)).collect();
    let state = |id: i64| &running.iter().find(|(found, _)| *found == id).unwrap().1;
    assert_eq!([RUNNING, RELEASED, WITH_ID].map(state), ["running", "running", "running"]);
    let ended = scenario.run(&["status"]);
    assert!(ended.err.contains(&format!("Lost their worker: notification {RUNNING} (")), "{ended:?}");
    assert!(
        ended.err.contains(&format!("Without a worker: notifications {RELEASED}, {WITH_ID}. ")),
        "{ended:?}"
    );
}
