//! Which connections to the broker are alive, as far as the ledger knows: for `fanmail status` and `fanmail retry`. What a
//! session means for the identity of a message is left to `identity`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::process_id;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::row::NotificationRecord;
use crate::store::schema::broker_sessions;

/// Sessions that are not known to have ended, with their workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveSessions(BTreeMap<String, String>);

impl Store {
    /// The sessions that have not ended, whose worker has not exited, and which the broker has answered within `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_live_sessions(&self, limit: Duration) -> Result<LiveSessions, StoreError> {
        self.run("list the connections to the broker", |connection| {
            let clock = dispatch::clock(connection)?;
            let sessions: Vec<(String, String, NaiveDateTime)> = broker_sessions::table
                .filter(broker_sessions::lost_at.is_null())
                .filter(broker_sessions::closed_at.is_null())
                .select((broker_sessions::name, broker_sessions::worker, broker_sessions::seen_at))
                .load(connection)?;
            let is_live = |worker: &str, seen_at: NaiveDateTime| {
                (clock - seen_at).to_std().unwrap_or_default() <= limit && !process_id::has_exited(worker)
            };
            let live = sessions.into_iter().filter(|(_, worker, seen_at)| is_live(worker, *seen_at));
            Ok(LiveSessions(live.map(|(name, worker, _)| (name, worker)).collect()))
        })
    }
}

impl LiveSessions {
    /// The worker that holds the message of this notification.
    #[must_use]
    pub fn worker_with_message_of(&self, record: &NotificationRecord) -> Option<&str> {
        record.broker_session.as_ref().and_then(|session| self.0.get(session)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use tempfile::TempDir;

    use super::*;
    use crate::config::database::{Backend, DatabaseConfig};

    #[test]
    fn sessions_that_are_lost_closed_or_silent_and_those_of_exited_workers_are_not_live() {
        let dir = TempDir::new().unwrap();
        let config = DatabaseConfig {
            backend: Backend::Sqlite(dir.path().join("test.db")),
            echo: false,
            default_file: None,
        };
        let store = Store::connect(&config, 1).unwrap();
        store.migrate().unwrap();
        let ours = process_id::this_process();
        // A process that this one can see, with its pid and another start time: it has exited.
        let exited = {
            let mut words: Vec<&str> = ours.split(':').collect();
            words[2] = "1";
            words.join(":")
        };
        assert!(process_id::has_exited(&exited));
        let now = "STRFTIME('%Y-%m-%d %H:%M:%f', 'now')";
        let rows = format!(
            "INSERT INTO broker_sessions (name, worker, opened_at, seen_at, lost_at, closed_at) VALUES
                ('{ours}/1', '{ours}', '2026-01-01 10:00:00', {now}, {now}, NULL),
                ('{ours}/3', '{ours}', '2026-01-01 10:00:00', {now}, NULL, {now}),
                ('{ours}/2', '{ours}', '2026-01-01 10:00:00', {now}, NULL, NULL),
                ('web-2:1/1', 'web-2:1', '2026-01-01 10:00:00', '2026-01-01 10:00:00', NULL,
                    NULL),
                ('{exited}/1', '{exited}', '2026-01-01 10:00:00', {now}, NULL, NULL)"
        );
        store.run("add sessions", |connection| connection.batch_execute(&rows)).unwrap();
        let live = store.list_live_sessions(Duration::from_secs(60)).unwrap();
        assert_eq!(live, LiveSessions([(format!("{ours}/2"), ours)].into()));
    }
}
