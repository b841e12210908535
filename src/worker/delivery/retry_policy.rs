//! How often and when a mail is tried again. The recipients whose retry is not due yet are left to `fan_out::retries`.

use std::time::Duration;

use crate::config::worker::WorkerConfig;
use crate::domain::backoff::Backoff;

/// No pause between two attempts is longer, unless `RETRY_DELAY` is.
const MAX_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How often and when a mail is tried again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    max_retries: u32,
    backoff: Backoff,
}

impl RetryPolicy {
    /// `MAX_RETRIES` retries, the first one after `RETRY_DELAY`, then with doubled pauses.
    #[must_use]
    pub fn new(config: &WorkerConfig) -> Self {
        let cap = MAX_PAUSE.max(config.retry_delay);
        Self { max_retries: config.max_retries, backoff: Backoff { first: config.retry_delay, cap } }
    }

    /// Whether there is another attempt after `attempts` of them.
    #[must_use]
    pub fn allows_another(&self, attempts: u32) -> bool {
        attempts <= self.max_retries
    }

    /// The pause after `attempts` attempts (from 1). `jitter`, from 0 to 1, spreads it by a fifth in either direction.
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
        let backoff = Backoff { first: Duration::from_secs(5), cap: MAX_PAUSE };
        let policy = RetryPolicy { max_retries: 3, backoff };
        let allowed: Vec<bool> = (1..=5).map(|attempts| policy.allows_another(attempts)).collect();
        assert_eq!(allowed, [true, true, true, false, false]);
        let pauses: Vec<u64> = (1..=3).map(|attempts| policy.pause(attempts, 0.5).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20]);
        assert_eq!(policy.pause(30, 0.5), MAX_PAUSE);
    }

    #[test]
    fn no_retries_means_one_attempt() {
        let backoff = Backoff { first: Duration::from_secs(5), cap: MAX_PAUSE };
        assert!(!RetryPolicy { max_retries: 0, backoff }.allows_another(1));
    }
}
