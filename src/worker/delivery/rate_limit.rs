//! `SMTP_RATE_PER_SECOND`: one limit over all lanes. How many of them have a connection is left to `connection_limit`.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::shutdown::Shutdown;
use crate::sync::lock;

/// Gives out slots, evenly spaced. Unused slots are not saved up for a burst.
#[derive(Debug)]
pub struct RateLimiter {
    /// Time between two slots; `None` means no limit.
    interval: Option<Duration>,
    /// The next free slot.
    next: Mutex<Instant>,
}

impl RateLimiter {
    /// At most `per_second` slots a second; `None` and 0 mean no limit.
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

    /// Waits for a slot; `false` when a shutdown is requested first.
    pub fn acquire(&self, shutdown: &Shutdown) -> bool {
        match self.reserve(Instant::now()) {
            Some(pause) if !pause.is_zero() => !shutdown.wait(pause),
            _ => true,
        }
    }

    /// Takes the next free slot, and says how long it is until then. `None` without a limit.
    fn reserve(&self, now: Instant) -> Option<Duration> {
        let interval = self.interval?;
        let mut next = lock(&self.next);
        let slot = (*next).max(now);
        *next = slot + interval;
        Some(slot - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_evenly_spaced_and_unused_ones_are_not_saved_up() {
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
    fn without_a_limit_there_is_no_wait() {
        assert_eq!(RateLimiter::new(None).reserve(Instant::now()), None);
    }
}
