//! Retries: how often and when a mail is tried again, and the waiting room of those that are not due yet.

use std::time::Duration;

use crate::config::worker::WorkerConfig;
use crate::domain::backoff::Backoff;

/// No pause between two tries is longer, however many retries are allowed.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How often and when a mail is tried again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    max_retries: u32,
    backoff: Backoff,
}

impl RetryPolicy {
    /// The configured policy: `MAX_RETRIES`, the first after `RETRY_DELAY`, then doubling.
    #[must_use]
    pub fn new(config: &WorkerConfig) -> Self {
        let cap = LONGEST_PAUSE.max(config.retry_delay);
        Self { max_retries: config.max_retries, backoff: Backoff { first: config.retry_delay, cap } }
    }

    /// Whether a mail that was put to the relay `attempts` times may be tried again.
    #[must_use]
    pub fn allows_another(&self, attempts: u32) -> bool {
        attempts <= self.max_retries
    }

    /// The pause after `attempts` tries; `jitter` is from 0 to 1.
    #[must_use]
    pub fn pause(&self, attempts: u32, jitter: f64) -> Duration {
        self.backoff.pause(attempts, jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_doubles_and_ends() {
        let backoff = Backoff { first: Duration::from_secs(5), cap: LONGEST_PAUSE };
        let policy = RetryPolicy { max_retries: 3, backoff };
        let allowed: Vec<bool> = (1..=5).map(|attempts| policy.allows_another(attempts)).collect();
        assert_eq!(allowed, [true, true, true, false, false]);
        let pauses: Vec<u64> = (1..=3).map(|attempts| policy.pause(attempts, 0.5).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20]);
        assert_eq!(policy.pause(30, 0.5), LONGEST_PAUSE);
    }

    #[test]
    fn no_retries_means_one_try() {
        let backoff = Backoff { first: Duration::from_secs(5), cap: LONGEST_PAUSE };
        assert!(!RetryPolicy { max_retries: 0, backoff }.allows_another(1));
    }
}
