//! Repeats database calls until they succeed, and reports once that they do not. Which errors may pass is left to the
//! store, what is done while waiting to the callers.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::observe::events;
use crate::observe::events::database::DatabaseOutage;
use crate::observe::health::Health;
use crate::observe::progress::FanOuts;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::sync::lock;

mod readable;

/// Pauses between attempts. The first one is short: most failures are locks that last a moment.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(10) };

/// A query without an answer counts as failed after so long: a server that hangs, or a network that drops every packet,
/// returns no error. SQLite gives up by then: 5 s for a connection, and 5 s for the lock.
const UNANSWERED: Duration = Duration::from_secs(10);

/// Shared by all threads that use the database, so that one log line speaks for all of them. All clones are one.
#[derive(Debug, Clone)]
pub struct DatabaseRetry {
    queries: Arc<Mutex<Queries>>,
    health: Health,
    shutdown: Shutdown,
    /// Where the database is asked whether it works.
    store: Option<Store>,
    /// What waits in an outage, for the log.
    fan_outs: FanOuts,
}

/// A shutdown is requested, and the database has not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// The queries that are not answered yet.
#[derive(Debug, Default)]
struct Queries {
    pending: HashMap<u64, PendingQuery>,
    next: u64,
    last_logged: Option<Instant>,
    /// When the first of those that fail has failed.
    failing_since: Option<Instant>,
}

#[derive(Debug)]
struct PendingQuery {
    started_at: Instant,
    failed: bool,
}

impl DatabaseRetry {
    /// Reports to `health`, and stops repeating on a shutdown.
    #[must_use]
    pub fn new(shutdown: Shutdown, health: Health) -> Self {
        Self { queries: Arc::default(), health, shutdown, store: None, fan_outs: FanOuts::default() }
    }

    /// The same, which asks the database whether it works when a query over the application's tables fails as if it did not.
    #[must_use]
    pub fn asking(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    /// The same, whose reminders in an outage tell what these fan-outs wait for.
    #[must_use]
    pub fn telling_of(self, fan_outs: FanOuts) -> Self {
        Self { fan_outs, ..self }
    }

    /// Repeats a query until it succeeds.
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub fn until_ok<T>(&self, query: impl FnMut() -> Result<T, StoreError>) -> Result<T, Stopped> {
        // `gives_up` is always false, so the inner result is never `Err`.
        self.retry_unless(|_| false, query)?.map_err(|_| Stopped)
    }

    /// Repeats a query until it succeeds or fails permanently, and returns either.
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub fn while_transient<T>(
        &self,
        query: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, Stopped> {
        self.retry_unless(|error| !error.is_transient(), query)
    }

    fn retry_unless<T>(
        &self,
        gives_up: impl Fn(&StoreError) -> bool,
        mut query: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, Stopped> {
        let mut attempt = self.begin();
        loop {
            match attempt.once(&mut query) {
                Err(error) if !gives_up(&error) => attempt.failed(&error),
                result => return Ok(result),
            }
            if self.shutdown.wait(attempt.pause()) {
                return Err(Stopped);
            }
        }
    }

    /// Repeats a query until it succeeds, also during a shutdown: for outcomes that must not be lost.
    /// `SHUTDOWN_TIMEOUT` is the limit, which ends the process.
    pub fn until_ok_uninterruptible<T>(&self, mut query: impl FnMut() -> Result<T, StoreError>) -> T {
        let mut attempt = self.begin();
        loop {
            match attempt.once(&mut query) {
                Ok(result) => return result,
                Err(error) => attempt.failed(&error),
            }
            thread::sleep(attempt.pause());
        }
    }

    /// Runs a query once, for a caller with other work between attempts; `None` when it fails. `attempt` carries over
    /// to the next call.
    pub fn try_once<'a, T>(
        &'a self,
        attempt: &mut Option<QueryAttempt<'a>>,
        query: impl FnOnce() -> Result<T, StoreError>,
    ) -> Option<T> {
        let current = attempt.get_or_insert_with(|| self.begin());
        match current.once(query) {
            Ok(result) => {
                *attempt = None;
                Some(result)
            }
            // The first failure over one row is no news about the database.
            Err(error) if current.failures == 0 && (error.is_unreadable() || self.database_answers()) => {
                log::debug!("{error}");
                current.failures += 1;
                None
            }
            Err(error) => {
                current.failed(&error);
                None
            }
        }
    }

    /// Starts the thread that notices queries without an answer, for as long as the process lives.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn watch(&self) -> io::Result<()> {
        let database_retry = self.clone();
        thread::Builder::new().name("database-watch".to_owned()).spawn(move || {
            loop {
                thread::sleep(UNANSWERED / 10);
                database_retry.check_unanswered(UNANSWERED, events::REMINDER);
            }
        })?;
        Ok(())
    }

    /// Reports queries without an answer, and again those that were reported `log_interval` ago.
    fn check_unanswered(&self, limit: Duration, log_interval: Duration) {
        let mut queries = lock(&self.queries);
        let unanswered: Vec<u64> = queries
            .pending
            .iter()
            .filter(|(_, query)| query.started_at.elapsed() >= limit)
            .map(|(id, _)| *id)
            .collect();
        for id in unanswered {
            let Some(query) = queries.pending.get(&id) else { continue };
            if !query.failed || !queries.were_logged_within(log_interval) {
                let reason = format!("database: no answer for {} s", query.started_at.elapsed().as_secs());
                self.report_failure(&mut queries, id, &reason, log_interval);
            }
        }
    }

    /// Logs the first of the queries that fail at the same time, and one more now and then: the cause may have changed.
    fn report_failure(&self, queries: &mut Queries, id: u64, reason: &str, log_interval: Duration) {
        let now = Instant::now();
        if !queries.failed() {
            events::database::failing(&self.health, reason);
            (queries.last_logged, queries.failing_since) = (Some(now), Some(now));
        } else if queries.were_logged_within(log_interval) {
            events::database::still_failing(&self.health, reason);
        } else {
            let outage = DatabaseOutage {
                reason,
                lasted: queries.failing_for(now),
                calls: queries.pending.values().filter(|query| query.failed).count() as u64,
                next_within: BACKOFF.cap,
            };
            events::database::still_away(&self.health, &self.fan_outs, &outage);
            queries.last_logged = Some(now);
        }
        if let Some(query) = queries.pending.get_mut(&id) {
            query.failed = true;
        }
    }

    fn begin(&self) -> QueryAttempt<'_> {
        let mut queries = lock(&self.queries);
        let id = queries.next;
        queries.next += 1;
        queries.pending.insert(id, PendingQuery { started_at: Instant::now(), failed: false });
        QueryAttempt { database_retry: self, id, failures: 0, succeeded: false }
    }
}

impl Queries {
    /// Whether a failure was logged within this time.
    fn were_logged_within(&self, time: Duration) -> bool {
        self.last_logged.is_some_and(|last_logged| last_logged.elapsed() < time)
    }

    /// For how long queries have failed.
    fn failing_for(&self, now: Instant) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn failed(&self) -> bool {
        self.pending.values().any(|query| query.failed)
    }
}

/// One query, from its first attempt to its answer.
#[derive(Debug)]
pub struct QueryAttempt<'a> {
    database_retry: &'a DatabaseRetry,
    id: u64,
    failures: u32,
    succeeded: bool,
}

impl QueryAttempt<'_> {
    /// The answer is not needed any more. Without this, a query that is given up counts as a problem until another one that
    /// has failed succeeds.
    pub fn withdraw(mut self) {
        self.succeeded = true;
    }

    fn once<T>(&mut self, query: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failures > 0
            && let Some(query) = lock(&self.database_retry.queries).pending.get_mut(&self.id)
        {
            query.started_at = Instant::now();
        }
        let result = query();
        self.succeeded = result.is_ok();
        result
    }

    fn failed(&mut self, error: &StoreError) {
        self.failures += 1;
        self.database_retry.report_failure(
            &mut lock(&self.database_retry.queries),
            self.id,
            &error.to_string(),
            events::REMINDER,
        );
    }

    /// How long to wait before the next attempt, after at least one has failed.
    #[must_use]
    pub fn pause(&self) -> Duration {
        BACKOFF.pause(self.failures, fastrand::f64())
    }
}

impl Drop for QueryAttempt<'_> {
    /// Healthy again once every failed query has succeeded. Other successes prove little: reads may work while writes
    /// fail.
    fn drop(&mut self) {
        let mut queries = lock(&self.database_retry.queries);
        let ended = queries.pending.remove(&self.id);
        if self.succeeded && ended.is_some_and(|query| query.failed) && !queries.failed() {
            let lasted = queries.failing_for(Instant::now());
            events::database::restored(&self.database_retry.health, lasted);
        }
    }
}

#[cfg(test)]
mod tests;
