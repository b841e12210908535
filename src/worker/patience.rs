//! Patience with the database: what it cannot do now is tried again until it can, and the log says so once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::domain::backoff::Backoff;
use crate::health::Health;
use crate::shutdown::Stop;
use crate::store::StoreError;

/// Between tries. The first comes soon: most trouble is a lock that lasts a moment.
const TRIES: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(10) };

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
        Self { away: Arc::default(), health, stop }
    }

    /// Asks until the database answers.
    ///
    /// # Errors
    /// When the worker is to stop before it does.
    pub fn ask<T>(&self, mut question: impl FnMut() -> Result<T, StoreError>) -> Result<T, Stopped> {
        let mut failures = 0;
        loop {
            match question() {
                Ok(answer) => return Ok(self.answered(failures, answer)),
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
                Ok(answer) => return self.answered(failures, answer),
                Err(error) => failures = self.note_failure(failures, &error),
            }
            std::thread::sleep(TRIES.pause(failures, fastrand::f64()));
        }
    }

    /// Asks once, and tells the others' log how it went; `failing` remembers that from one time to the next.
    pub fn try_once<T>(
        &self,
        failing: &mut bool,
        question: impl FnOnce() -> Result<T, StoreError>,
    ) -> Option<T> {
        let answer = question();
        let failed_before = std::mem::replace(failing, answer.is_err());
        match answer {
            Ok(answer) => Some(self.answered(u32::from(failed_before), answer)),
            Err(error) => {
                self.note_failure(0, &error);
                None
            }
        }
    }

    /// Only a question that had failed can tell that the trouble is over: others may have been answered all along.
    fn answered<T>(&self, failures: u32, answer: T) -> T {
        if failures > 0 && self.away.swap(false, Ordering::Relaxed) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown::stop_pair;

    fn trouble() -> StoreError {
        StoreError::new("test", &"out of order")
    }

    #[test]
    fn asks_until_there_is_an_answer_and_tells_health_meanwhile() {
        let (_handle, stop) = stop_pair();
        let health = Health::default();
        let patience = Patience::new(stop, health.clone());
        let mut tries = 0;
        let answer = patience.ask(|| {
            tries += 1;
            if tries == 2 {
                assert!(health.troubles().contains("out of order"));
                assert_eq!(patience.ask(|| Ok(1)), Ok(1), "another question");
                assert_ne!(health.troubles(), "", "does not end the trouble of this one");
            }
            if tries < 3 { Err(trouble()) } else { Ok(7) }
        });
        assert_eq!((answer, tries, health.troubles().as_str()), (Ok(7), 3, ""));
    }

    #[test]
    fn a_stop_ends_a_question_but_not_what_must_not_be_forgotten() {
        let (handle, stop) = stop_pair();
        drop(handle);
        let patience = Patience::new(stop, Health::default());
        assert_eq!(patience.ask(|| Err::<(), _>(trouble())), Err(Stopped));
        let mut tries = 0;
        let answer = patience.insist(|| {
            tries += 1;
            if tries < 2 { Err(trouble()) } else { Ok(tries) }
        });
        assert_eq!(answer, 2);
    }
}
