//! What a database must do for fanmail (`conformance`, the same for each system), and what only concerns
//! SQLite.

use diesel::connection::SimpleConnection;
use tempfile::TempDir;

use super::Store;
use super::seeding::NewParticipant;
use crate::config::DatabaseConfig;
use crate::config::database::Backend;
use crate::domain::notification::{Identity, Kind, Notification, Request};
use crate::domain::outcome::{Outcome, Status};
use crate::store::ledger::Opened;

mod conformance;
mod sqlite;

/// The event of most tests.
const EVENT: i64 = 7;

fn config_in(dir: &TempDir) -> DatabaseConfig {
    DatabaseConfig { backend: Backend::Sqlite(dir.path().join("test.db")), echo: false }
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

/// Adds participants; in a fresh database their keys count from 1.
fn add_people(store: &Store, event_id: i64, count: u32) {
    let make = |n| NewParticipant {
        event_id,
        email: format!("p{n}@example.com"),
        name: format!("Person {n}"),
        locale: None,
    };
    store.add_participants(count, make).unwrap();
}

/// The newest participant as a notification that is opened now would freeze it.
fn last_participant_id(store: &Store, event_id: i64) -> i64 {
    store
        .run("find the newest", |connection| super::participants::find_last_id(connection, event_id))
        .unwrap()
}

fn request(kind: Kind) -> Request {
    Request { kind, event_id: EVENT }
}

fn named(id: &str, redelivered: bool) -> Identity {
    Identity { message_id: Some(id.to_owned()), redelivered }
}

fn nameless(redelivered: bool) -> Identity {
    Identity { message_id: None, redelivered }
}

/// Opens a new notification.
fn open(store: &Store) -> Notification {
    let opened = store.open_notification(&nameless(false), request(Kind::Updated)).unwrap();
    let Opened::Running { notification, resumed: false } = opened else {
        panic!("not new: {opened:?}");
    };
    notification
}

fn outcome(notification: &Notification, participant_id: i64, status: Status) -> Outcome {
    Outcome {
        notification_id: notification.id,
        participant_id,
        status,
        attempts: 1,
        permanent: false,
        smtp_code: Some(250),
        detail: Some("2.0.0 Ok".to_owned()),
    }
}

fn record(store: &Store, notification: &Notification, status: Status, ids: impl IntoIterator<Item = i64>) {
    let outcomes: Vec<_> = ids.into_iter().map(|id| outcome(notification, id, status)).collect();
    store.record_outcomes(&outcomes).unwrap();
}
