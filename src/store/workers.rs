//! The workers of this database, for `fanmail status`: each worker reports every few seconds that it runs, with
//! its problems and notes. The session of a worker that reports is not taken for lost. Which worker works on what, the leases
//! decide.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::workers;

/// A worker that has not reported for this long is removed.
const REMOVED_AFTER: TimeDelta = TimeDelta::days(1);

/// A worker at its last report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name, the owner of its leases.
    pub name: String,
    /// When it started, UTC.
    pub started_at: NaiveDateTime,
    /// Time since its last report.
    pub silent_for: Duration,
    /// Its problems and notes, one a line; empty when it has none.
    pub troubles: String,
}

impl Store {
    /// Reports that the worker `name` runs, with its problems and notes, one a line.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn report_worker(&self, name: &str, troubles: &str) -> Result<(), StoreError> {
        self.write("report a worker", |connection| {
            let clock = dispatch::clock(connection)?;
            let known = diesel::update(workers::table.find(name))
                .set((workers::seen_at.eq(clock), workers::troubles.eq(troubles)))
                .execute(connection)?;
            if known == 0 {
                let worker = (
                    workers::name.eq(name),
                    workers::started_at.eq(clock),
                    workers::seen_at.eq(clock),
                    workers::troubles.eq(troubles),
                );
                diesel::insert_into(workers::table).values(worker).execute(connection)?;
                let forgotten = workers::seen_at.lt(clock - REMOVED_AFTER);
                diesel::delete(workers::table.filter(forgotten)).execute(connection)?;
            }
            Ok(())
        })
    }

    /// For how long the worker `name` has not reported; `None`: it has stopped, or never reported.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_worker_silence(&self, name: &str) -> Result<Option<Duration>, StoreError> {
        self.run("find out when a worker has reported", |connection| {
            let clock = dispatch::clock(connection)?;
            let seen_at: Option<NaiveDateTime> =
                workers::table.find(name).select(workers::seen_at).first(connection).optional()?;
            Ok(seen_at.map(|seen_at| (clock - seen_at).to_std().unwrap_or_default()))
        })
    }

    /// Removes a worker that has stopped.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn remove_worker(&self, name: &str) -> Result<(), StoreError> {
        self.write("remove a worker", |connection| {
            diesel::delete(workers::table.find(name)).execute(connection).map(drop)
        })
    }

    /// All workers, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_workers(&self) -> Result<Vec<Worker>, StoreError> {
        type WorkerRow = (String, NaiveDateTime, NaiveDateTime, String);
        self.run("list the workers", |connection| {
            let clock = dispatch::clock(connection)?;
            let columns = (workers::name, workers::started_at, workers::seen_at, workers::troubles);
            let rows: Vec<WorkerRow> = workers::table
                .order((workers::started_at, workers::name))
                .select(columns)
                .load(connection)?;
            let worker = |(name, started_at, seen_at, troubles): WorkerRow| Worker {
                name,
                started_at,
                silent_for: (clock - seen_at).to_std().unwrap_or_default(),
                troubles,
            };
            Ok(rows.into_iter().map(worker).collect())
        })
    }
}
