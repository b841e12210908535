//! How long to wait before the next attempt: doubling, with jitter, capped. Randomness is a parameter; counting the
//! attempts is left to the callers.

use std::time::Duration;

/// A schedule of growing pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// No pause is longer, jitter included.
    pub cap: Duration,
}

impl Backoff {
    /// For a server that is expected back soon: 1 s, doubling, at most 30 s.
    pub const RECONNECT: Self = Self { first: Duration::from_secs(1), cap: Duration::from_secs(30) };

    /// The pause after `failures` (from 1) failures in a row. `jitter`, from 0 to 1, moves it by up to a fifth in
    /// either direction, so that threads that failed together do not all retry together. Near the cap the range ends there.
    #[must_use]
    pub fn pause(&self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let plain = self.first.saturating_mul(1 << doublings).min(self.cap);
        let [shortest, longest] = [plain.mul_f64(0.8), plain.mul_f64(1.2).min(self.cap)];
        shortest + longest.saturating_sub(shortest).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS_5: Backoff = Backoff { first: Duration::from_secs(5), cap: Duration::from_secs(60) };

    #[test]
    fn doubles_up_to_the_cap() {
        let pauses: Vec<u64> = (1..=6).map(|failures| SECONDS_5.pause(failures, 0.5).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 54, 54]);
    }

    #[test]
    fn jitter_is_at_most_a_fifth_and_never_exceeds_the_cap() {
        assert_eq!(SECONDS_5.pause(1, 0.0), Duration::from_secs(4));
        assert_eq!(SECONDS_5.pause(1, 1.0), Duration::from_secs(6));
        assert_eq!(SECONDS_5.pause(9, 1.0), Duration::from_secs(60));
    }

    #[test]
    fn pauses_at_the_cap_differ() {
        let pauses = [0.0, 0.5, 0.75, 1.0].map(|jitter| SECONDS_5.pause(9, jitter).as_secs());
        assert_eq!(pauses, [48, 54, 57, 60]);
    }

    #[test]
    fn no_number_of_failures_overflows() {
        assert_eq!(SECONDS_5.pause(u32::MAX, 1.0), Duration::from_secs(60));
        assert_eq!(SECONDS_5.pause(0, 0.5), Duration::from_secs(5));
    }
}
