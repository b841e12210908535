//! Who is at work on this database, for people who ask: each worker says every few seconds that it is there, and
//! what troubles it. Nothing depends on it; leases decide who works at what.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::workers;

/// A worker that has said nothing for this long is forgotten.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(1);

/// A worker, as it has last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name, which is that of its leases.
    pub name: String,
    /// Since when it is there, UTC.
    pub started_at: NaiveDateTime,
    /// How long it has said nothing.
    pub silent_for: Duration,
    /// What troubles it, a line each; empty when all is well.
    pub troubles: String,
}

impl Store {
    /// Says that the worker `name` is there, and what troubles it: a line each, or nothing.
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
                let forgotten = workers::seen_at.lt(clock - FORGOTTEN_AFTER);
                diesel::delete(workers::table.filter(forgotten)).execute(connection)?;
            }
            Ok(())
        })
    }

    /// Takes the worker off the list: it has stopped.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn forget_worker(&self, name: &str) -> Result<(), StoreError> {
        self.write("forget a worker", |connection| {
            diesel::delete(workers::table.find(name)).execute(connection).map(drop)
        })
    }

    /// All workers, those that have been there longest first.
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
