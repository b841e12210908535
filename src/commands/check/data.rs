//! Looks at the rows of the application before the first mail does: the newest events and the first participants of each,
//! within a limit of time, because a view without an index may take minutes. What is said about them is left to `summary`.

use std::thread;
use std::time::Instant;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::commands::check::data::looks::{Limits, Look};
use crate::commands::check::data::summary::Summary;
use crate::store::Store;
use crate::store::error::StoreError;

pub mod looks;
pub mod summary;

/// Looks, for as long as the limits allow. A query that takes longer is left behind with its thread: the process ends soon.
pub fn look(store: &Store, limits: Limits) -> Summary {
    let mut summary = Summary::new(limits);
    let deadline = Instant::now() + limits.time;
    let (sender, looks) = bounded(1);
    let store = store.clone();
    let look_at_all = move || Looking { store, limits, sender }.look_at_all();
    if let Err(error) = thread::Builder::new().name("look".to_owned()).spawn(look_at_all) {
        log::error!("cannot start a thread to look at the data: {error}");
    }
    loop {
        match looks.recv_deadline(deadline) {
            Ok(look) => summary.add(look),
            Err(RecvTimeoutError::Timeout) => return summary.out_of_time(),
            Err(RecvTimeoutError::Disconnected) => return summary,
        }
    }
}

/// The thread that looks.
struct Looking {
    store: Store,
    limits: Limits,
    sender: Sender<Look>,
}

/// Nothing waits for the results any more.
struct GivenUp;

impl Looking {
    fn look_at_all(self) {
        if let Err(GivenUp) = self.look_at_events() {
            log::debug!("stopped looking at the data: the time is over");
        }
    }

    /// What is quick comes first.
    fn look_at_events(&self) -> Result<(), GivenUp> {
        let events = match self.store.newest_events(self.limits.events) {
            Ok(events) => events,
            Err(error) => return self.send(Look::Failed(error)),
        };
        self.send(Look::Events(events.len()))?;
        self.found(self.store.event_key_type().map(Look::EventKeys))?;
        let mut found = 0;
        for event in &events {
            match self.store.count_event_rows(*event) {
                Ok(rows) if rows > 1 => self.send(Look::Rows(*event, rows))?,
                Ok(_) => {
                    let times = self.store.find_unreadable_times(*event);
                    self.found(times.map(|columns| Look::Times(*event, columns)))?;
                }
                Err(error) => self.send(Look::Failed(error))?,
            }
            let sample = self.store.sample_participants(*event, self.limits.participants);
            found += sample
                .as_ref()
                .map_or(1, |sample| sample.readable.len() + usize::from(sample.unreadable > 0));
            self.found(sample.map(|sample| Look::Participants(*event, sample)))?;
        }
        if found == 0 && !events.is_empty() {
            match self.store.has_participants() {
                Ok(false) => {}
                any => self.found(any.map(|_| Look::NoneTakesPart))?,
            }
        }
        match self.store.count_unknown_zones() {
            Ok(None) => {}
            Ok(Some(zones)) => self.send(Look::Zones(zones))?,
            Err(error) => self.send(Look::Failed(error))?,
        }
        for event in &events {
            self.found(self.store.find_doubled_keys(*event).map(|keys| Look::Doubled(*event, keys)))?;
        }
        Ok(())
    }

    fn found(&self, look: Result<Look, StoreError>) -> Result<(), GivenUp> {
        self.send(look.unwrap_or_else(Look::Failed))
    }

    fn send(&self, look: Look) -> Result<(), GivenUp> {
        self.sender.send(look).map_err(|_| GivenUp)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

    use super::*;
    use crate::config::database::{Backend, DatabaseConfig};

    const LIMITS: Limits = Limits { events: 2, participants: 3, time: Duration::from_secs(60) };

    /// A database whose participants are this query.
    fn store(participants: &str) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let config = DatabaseConfig {
            backend: Backend::Sqlite(dir.path().join("test.db")),
            echo: false,
            default_file: None,
        };
        let store = Store::connect(&config, 1).unwrap();
        SqliteConnection::establish(dir.path().join("test.db").to_str().unwrap())
            .unwrap()
            .batch_execute(&format!(
                "CREATE TABLE events (id INTEGER, title TEXT, description TEXT, location TEXT, starts_at TEXT,
                    ends_at TEXT, timezone TEXT, url TEXT, updated_at TEXT);
                 INSERT INTO events (id, title, starts_at) VALUES (6, '', NULL), (7, '', 'soon'), (8, '', NULL);
                 CREATE VIEW participants AS {participants}"
            ))
            .unwrap();
        (dir, store)
    }

    #[test]
    fn everything_is_looked_at_within_the_limits() {
        let (_dir, store) = store(
            "SELECT value AS id, 7 AS event_id, iif(key > 2, key || '@x.org', NULL) AS email, NULL AS name, NULL AS locale
             FROM json_each('[1, 2, 3, 4, 4]')",
        );
        let summary = look(&store, LIMITS);
        let notes = summary.notes();
        assert_eq!(
            notes[0],
            "looked at the 2 newest events and the first 3 participants of each: 3 participants with keys from 1 to 3"
        );
        assert!(notes[1].starts_with("1 event with something in starts_at"), "{notes:?}");
        assert_eq!(notes[2..], ["3 participants without an address, who are skipped"]);
        let problems = summary.problems();
        assert!(problems.len() == 1 && problems[0].contains("(1 key, such as 4 in event 7)"), "{problems:?}");
    }

    #[test]
    fn an_event_with_several_rows_is_a_problem_and_hides_no_other() {
        let (dir, store) =
            store("SELECT 1 AS id, 6 AS event_id, 'a@b.c' AS email, NULL AS name, NULL AS locale");
        SqliteConnection::establish(dir.path().join("test.db").to_str().unwrap())
            .unwrap()
            .batch_execute(
                "INSERT INTO events (id, title) SELECT 7, 'Ball' FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8]')",
            )
            .unwrap();
        let summary = look(&store, Limits { events: 3, ..LIMITS });
        assert!(summary.notes()[0].starts_with("looked at the 3 newest events "), "{summary:?}");
        let problems = summary.problems();
        assert!(
            problems.len() == 1
                && problems[0].starts_with(
                    "more than one row of events has the same id (1 event, such as event 7 with 9 rows); "
                ),
            "{problems:?}"
        );
    }

    #[test]
    fn participants_of_no_event_are_noted() {
        let row = "SELECT 1 AS id, 70 AS event_id, NULL AS email, NULL AS name, NULL AS locale";
        for (participants, noted) in [(row.to_owned(), true), (format!("{row} WHERE 0"), false)] {
            let (_dir, store) = store(&participants);
            let notes = look(&store, LIMITS).notes();
            assert_eq!(
                notes.iter().any(|note| note.starts_with("none of these events has")),
                noted,
                "{notes:?}"
            );
        }
    }

    #[test]
    fn a_view_that_takes_long_does_not_hold_up_check() {
        let (_dir, store) = store(
            "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 500000)
             SELECT id, 7 AS event_id, NULL AS email, NULL AS name, NULL AS locale FROM n",
        );
        let summary = look(&store, Limits { time: Duration::from_millis(10), ..LIMITS });
        assert!(
            summary.notes()[0].contains("; not everything, because 0 s were over (doubled"),
            "{summary:?}"
        );
        assert_eq!(summary.problems(), Vec::<String>::new());
    }
}
