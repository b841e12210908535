//! Patience with the database: what it cannot do now is tried again until it can, and the log says so once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::domain::backoff::Backoff;
use crate::health::Health;
use crate::shutdown::Stop;
use crate::store::StoreError;

/// Between tries. The first comes soon: most trouble is a lock that lasts a moment.
const TRIES: Backoff = Backoff {
    first: Duration::from_millis(200),
    cap: Duration::from_secs(10),
};

/// Shared by all threads that use the database, so that its absence is logged once and not by each.
#[derive(Debug, Clone)]
pub struct Patience {
    away: Arc<AtomicBool>,
    health: Health,
    stop: Stop,
}

/// The worker is to stop; the database has not answered until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl Patience {
    /// Patience that ends when the worker is to stop.
    #[must_use]
    pub fn new(stop: Stop, health: Health) -> Self {
        Self {
            away: Arc::default(),
            health,
            stop,
        }
    }

    /// Asks until the database answers.
    ///
    /// # Errors
    /// When the worker is to stop before it does.
    pub fn ask<T>(&self, mut question: impl FnMut() -> Result<T, StoreError>) -> Result<T, Stopped> {
        let mut failures = 0;
        loop {
            match question() {
                Ok(answer) => return Ok(self.answered(answer)),
                Err(error) => failures = self.note_failure(failures, &error),
            }
            if self.stop.wait(TRIES.pause(failures, fastrand::f64())) {
                return Err(Stopped);
            }
        }
    }

    /// Asks until the database answers, even when the worker is to stop: for what must not be forgotten. The
    /// limit is `SHUTDOWN_TIMEOUT`, which ends the process.
    pub fn insist<T>(&self, mut question: impl FnMut() -> Result<T, StoreError>) -> T {
        let mut failures = 0;
        loop {
            match question() {
                Ok(answer) => return self.answered(answer),
                Err(error) => failures = self.note_failure(failures, &error),
            }
            std::thread::sleep(TRIES.pause(failures, fastrand::f64()));
        }
    }

    fn answered<T>(&self, answer: T) -> T {
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            log::info!("the database works again");
            self.health.well("database");
        }
        answer
    }

    fn note_failure(&self, failures: u32, error: &StoreError) -> u32 {
        if self.away.swap(true, Ordering::Relaxed) {
            log::debug!("still: {error}");
        } else {
            log::error!("{error}; nothing is acked or forgotten, and it is tried again until it works");
            self.health.trouble("database", error.to_string());
        }
        failures + 1
    }
}
