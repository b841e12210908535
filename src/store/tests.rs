//! What a database must do for fanmail (`conformance`, the same for each system), what both servers must
//! (`servers`), and what only concerns one system.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use tempfile::TempDir;

use super::Store;
use crate::config::database::Backend;
use crate::config::database::DatabaseConfig;
use crate::domain::audience::Audience;
use crate::domain::event::DateOrTime;
use crate::domain::ids::{Epoch, EventId, NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::notification::Notification;
use crate::domain::outcome::{Outcome, Permanence, Status, Verdict};
use crate::domain::participant::Participant;
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::deferrals::Deferral;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::Opened;
use crate::store::source::keys::{AppKeys, ParticipantKeys};
use crate::store::source::new_rows::NewParticipant;
use crate::store::source::participants::find_audience;
use crate::store::tests::consumer::{ask, open, open_and_hold};

mod application_tables;
mod clock_shift;
mod conformance;
mod consumer;
mod event_keys;
mod migrations;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod servers;
mod sqlite;
mod upgrade;

/// All of them, in order.
const MIGRATIONS: [&str; 13] = [
    "0001_tables",
    "0002_workers",
    "0003_channels_and_audiences",
    "0004_broker_sessions",
    "0005_event_keys",
    "0006_outbox",
    "0007_notices",
    "0008_reminders",
    "0009_queues",
    "0010_coalescing",
    "0011_suppressions",
    "0012_bounces",
    "0013_erasures",
];

/// The event of most tests.
const EVENT: EventId = EventId::Number(7);
const OTHER_EVENT: EventId = EventId::Number(8);

fn config_in(dir: &TempDir) -> DatabaseConfig {
    DatabaseConfig { backend: Backend::Sqlite(dir.path().join("test.db")), echo: false, default_file: None }
}

/// A SQLite file without tables.
fn empty_sqlite() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::connect(&config_in(&dir), 4).unwrap();
    (dir, store)
}

fn execute(store: &Store, sql: &str) {
    store.run("execute", |connection| connection.batch_execute(sql)).unwrap();
}

/// The participants of [`EVENT`] up to this one.
fn participants_up_to(id: i64) -> Audience {
    Audience::Event { id: EVENT, up_to: ParticipantId(id) }
}

/// Adds participants; in a fresh database their keys count from 1.
fn add_people(store: &Store, event_id: EventId, count: u32) {
    let make = |n| NewParticipant {
        event_id: event_id.number().unwrap(),
        email: format!("p{n}@example.com"),
        name: format!("Person {n}"),
        locale: None,
    };
    store.add_participants(count, make).unwrap();
}

/// The newest participant as a notification that is opened now would freeze it.
fn last_participant_id(store: &Store, event_id: EventId) -> i64 {
    let keys = AppKeys { participants: ParticipantKeys::OfEachRow, ..store.app_keys().unwrap() };
    let last = store.run("find the newest", |connection| find_audience(connection, keys, event_id)).unwrap();
    last.end().0
}

/// A page of the participants of the event of most tests.
fn page(store: &Store, after: i64, up_to: i64, limit: u32) -> Vec<Participant> {
    store.read_page(EVENT, ParticipantId(after), ParticipantId(up_to), limit).unwrap()
}

/// A page of due deferrals, each with its participant, unless that has left the event.
fn due_people(
    store: &Store,
    notification: &Notification,
    after: impl Into<Option<ParticipantId>>,
    limit: u32,
) -> Vec<(Deferral, Option<Participant>)> {
    let due = store.read_due_page(notification.id, after, limit).unwrap();
    let ids: Vec<ParticipantId> = due.iter().map(|deferral| deferral.participant_id).collect();
    let people = store.find_participants(notification, &ids).unwrap();
    let person = |id| people.iter().find(|person| person.id == id).cloned();
    due.into_iter().map(|deferral| (deferral.clone(), person(deferral.participant_id))).collect()
}

/// Which participants of a range have an outcome.
fn decided(store: &Store, notification_id: NotificationId, after: i64, up_to: i64) -> HashSet<i64> {
    let decided = store.decided_between(notification_id, ParticipantId(after), ParticipantId(up_to)).unwrap();
    decided.into_iter().map(|id| id.0).collect()
}

/// A time as RFC 3339 writes it, or a date.
fn shown(moment: Option<DateOrTime>) -> Option<String> {
    moment.map(|moment| match moment {
        DateOrTime::Time(time) => time.to_rfc3339(),
        DateOrTime::Date(date) => date.to_string(),
    })
}

fn message(kind: Kind) -> Message {
    Message::new(kind, EVENT)
}

fn named(id: &str, redelivered: bool) -> Identity {
    Identity { message_id: Some(id.to_owned()), redelivered }
}

fn without_message_id(redelivered: bool) -> Identity {
    Identity { message_id: None, redelivered }
}

fn lease_request(owner: &str) -> LeaseRequest {
    LeaseRequest { owner: owner.to_owned(), term: Duration::from_secs(30) }
}

fn lease(notification_id: NotificationId, epoch: i64) -> Lease {
    Lease { notification_id, epoch: Epoch(epoch) }
}

/// The lease of the worker that opened a notification by [`open`].
fn first_lease(notification_id: NotificationId) -> Lease {
    lease(notification_id, 1)
}

/// Completes a notification, by its newest lease.
fn complete(store: &Store, notification_id: NotificationId) {
    let epoch = store.find_notification(notification_id).unwrap().unwrap().epoch;
    assert_eq!(complete_under(store, Lease { notification_id, epoch }), Completion::Completed);
}

/// Completes a notification under this lease, as if everyone were decided.
fn complete_under(store: &Store, lease: Lease) -> Completion {
    let completing = Completing { lease, after: Some(ParticipantId::MAX), listed: false };
    let completions = store.complete_notifications(&[completing]).unwrap();
    assert_eq!(completions.len(), 1);
    completions[0]
}

fn outcome(notification: &Notification, participant_id: i64, status: Status) -> Outcome {
    let verdict = match status {
        // Only a report makes the last two of it.
        Status::Sent | Status::Bounced | Status::Complained => Verdict::Sent(None),
        Status::Skipped => Verdict::skipped(Verdict::NO_ADDRESS),
        Status::Failed => failed(Permanence::Transient),
    };
    Outcome {
        lease: first_lease(notification.id),
        participant_id: ParticipantId(participant_id),
        attempts: 1,
        deferrals: 0,
        verdict,
    }
}

fn failed(permanence: Permanence) -> Verdict {
    Verdict::Failed { permanence, code: Some(450), detail: "4.2.2 mailbox full".to_owned() }
}

fn record(store: &Store, notification: &Notification, status: Status, ids: impl IntoIterator<Item = i64>) {
    let outcomes: Vec<_> = ids.into_iter().map(|id| outcome(notification, id, status)).collect();
    assert_eq!(store.record_outcomes(&outcomes).unwrap(), BTreeSet::new());
}
