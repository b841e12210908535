//! `SMTP_RATE_PER_SECOND`: one limit over all lanes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shutdown::Shutdown;

/// Gives out turns, evenly spaced. A pause is not saved up for a burst afterwards.
#[derive(Debug)]
pub struct RateLimiter {
    /// Between two mails; `None` is no limit.
    interval: Option<Duration>,
    next: Mutex<Instant>,
}

impl RateLimiter {
    /// At most `per_second` turns a second.
    #[must_use]
    pub fn new(per_second: Option<u32>) -> Self {
        let interval = per_second.filter(|rate| *rate > 0).map(|rate| Duration::from_secs(1) / rate);
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    /// Whether there is a limit at all.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.interval.is_some()
    }

    /// Waits for a turn; `false` when the worker is to stop instead.
    pub fn acquire(&self, shutdown: &Shutdown) -> bool {
        match self.reserve(Instant::now()) {
            Some(pause) if !pause.is_zero() => !shutdown.wait(pause),
            _ => true,
        }
    }

    /// Takes the next free turn and says how long it is until then.
    fn reserve(&self, now: Instant) -> Option<Duration> {
        let interval = self.interval?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(now);
        *next = turn + interval;
        Some(turn - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_evenly_spaced_and_a_pause_is_not_saved_up() {
        let rate_limiter = RateLimiter::new(Some(10));
        let start = Instant::now() + Duration::from_secs(1);
        let pauses: Vec<u128> =
            (0..4).filter_map(|_| rate_limiter.reserve(start)).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 300]);
        let later = start + Duration::from_secs(60);
        let pauses: Vec<u128> =
            (0..2).filter_map(|_| rate_limiter.reserve(later)).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [0, 100]);
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        assert_eq!(RateLimiter::new(None).reserve(Instant::now()), None);
    }
}
