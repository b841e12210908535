//! Patience with the database: what it cannot do now is tried again until it can, and the log says so once.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::observe::health::{Health, Part};
use crate::shutdown::Shutdown;
use crate::store::error::StoreError;

/// Between tries. The first comes soon: most trouble is a lock that lasts a moment.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(10) };

/// A question that is unanswered for so long is trouble, even though nobody has said so yet: a server that hangs,
/// or a network that swallows everything, gives no error. SQLite gives up by then: 5 s in line, and 5 s for the lock.
const UNANSWERED: Duration = Duration::from_secs(10);

/// How often trouble that lasts is told.
const LOG_INTERVAL: Duration = Duration::from_secs(300);

/// Shared by all threads that use the database, so that its absence is told once and not by each.
#[derive(Debug, Clone)]
pub struct DatabaseRetry {
    queries: Arc<Mutex<Queries>>,
    health: Health,
    shutdown: Shutdown,
}

/// The worker is to stop; the database has not answered until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// What the database is being asked.
#[derive(Debug, Default)]
struct Queries {
    pending: HashMap<u64, PendingQuery>,
    next: u64,
    last_logged: Option<Instant>,
}

#[derive(Debug)]
struct PendingQuery {
    started_at: Instant,
    failed: bool,
}

impl DatabaseRetry {
    /// Patience that ends when the worker is to stop.
    #[must_use]
    pub fn new(shutdown: Shutdown, health: Health) -> Self {
        Self { queries: Arc::default(), health, shutdown }
    }

    /// Asks until the database answers.
    ///
    /// # Errors
    /// When the worker is to stop before it does.
    pub fn until_ok<T>(&self, query: impl FnMut() -> Result<T, StoreError>) -> Result<T, Stopped> {
        // An error is never kept, so it never is the answer.
        self.retry_unless(|_| false, query)?.map_err(|_| Stopped)
    }

    /// Asks until the database answers, or has an error that no waiting will mend; gives either.
    ///
    /// # Errors
    /// When the worker is to stop before that.
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

    /// Asks until the database answers, even when the worker is to stop: for what must not be forgotten. The
    /// limit is `SHUTDOWN_TIMEOUT`, which ends the process.
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

    /// Asks once, for those who have other things to do between tries; `attempt` is for the next of them.
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
            Err(error) => {
                current.failed(&error);
                None
            }
        }
    }

    /// Starts to look after questions that nobody answers, for as long as the process lives.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn watch(&self) -> io::Result<()> {
        let database_retry = self.clone();
        thread::Builder::new().name("database-watch".to_owned()).spawn(move || {
            loop {
                thread::sleep(UNANSWERED / 10);
                database_retry.check_unanswered(UNANSWERED);
            }
        })?;
        Ok(())
    }

    fn check_unanswered(&self, limit: Duration) {
        let mut queries = self.lock();
        let unanswered = |query: &&PendingQuery| !query.failed && query.started_at.elapsed() >= limit;
        let ids: Vec<u64> =
            queries.pending.iter().filter(|(_, query)| unanswered(query)).map(|(id, _)| *id).collect();
        for id in ids {
            self.report_failure(&mut queries, id, &format!("database: no answer for {} s", limit.as_secs()));
        }
    }

    /// Only the first of the questions that are in trouble at a time is worth a line, and now and then one more: the
    /// cause may be another by then.
    fn report_failure(&self, queries: &mut Queries, id: u64, reason: &str) {
        let logged_lately =
            queries.last_logged.is_some_and(|last_logged| last_logged.elapsed() < LOG_INTERVAL);
        if queries.failed() && logged_lately {
            log::debug!("still: {reason}");
        } else {
            log::error!("{reason}; nothing is acked or forgotten, and it is tried again until it works");
            queries.last_logged = Some(Instant::now());
        }
        if let Some(query) = queries.pending.get_mut(&id) {
            query.failed = true;
        }
        self.health.set_problem(Part::Database, reason.trim_start_matches("database: ").to_owned());
    }

    fn begin(&self) -> QueryAttempt<'_> {
        let mut queries = self.lock();
        let id = queries.next;
        queries.next += 1;
        queries.pending.insert(id, PendingQuery { started_at: Instant::now(), failed: false });
        QueryAttempt { database_retry: self, id, failures: 0, succeeded: false }
    }

    fn lock(&self) -> MutexGuard<'_, Queries> {
        // Every change is a single insert, remove or assignment, so a panic elsewhere leaves it whole.
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queries {
    fn failed(&self) -> bool {
        self.pending.values().any(|query| query.failed)
    }
}

/// One question, from its first try to its answer.
#[derive(Debug)]
pub struct QueryAttempt<'a> {
    database_retry: &'a DatabaseRetry,
    id: u64,
    failures: u32,
    succeeded: bool,
}

impl QueryAttempt<'_> {
    fn once<T>(&mut self, query: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failures > 0
            && let Some(query) = self.database_retry.lock().pending.get_mut(&self.id)
        {
            query.started_at = Instant::now();
        }
        let result = query();
        self.succeeded = result.is_ok();
        result
    }

    fn failed(&mut self, error: &StoreError) {
        self.failures += 1;
        self.database_retry.report_failure(&mut self.database_retry.lock(), self.id, &error.to_string());
    }

    fn pause(&self) -> Duration {
        BACKOFF.pause(self.failures, fastrand::f64())
    }
}

impl Drop for QueryAttempt<'_> {
    /// The trouble is over when the last question that was in trouble has its answer: that others are answered
    /// proves little, as one may read while nobody can write.
    fn drop(&mut self) {
        let mut queries = self.database_retry.lock();
        let ended = queries.pending.remove(&self.id);
        if self.succeeded && ended.is_some_and(|query| query.failed) && !queries.failed() {
            log::info!("the database works again");
            self.database_retry.health.clear_problem(Part::Database);
        }
    }
}

#[cfg(test)]
mod tests;
