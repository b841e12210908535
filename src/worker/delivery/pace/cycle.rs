//! What one cycle says about the limit of the relay. A cycle lasts from one recovery to the next: the relay accepts
//! mails, throttles one, refuses the probes, and accepts a probe.

use std::time::{Duration, Instant};

/// A recovery that took a smaller share of the cycle: the relay refused a mail because the rate was a little too high.
const SHORT_RECOVERY: f64 = 0.1;

/// A cycle with less time or fewer mails before the throttle is short: the rate is more than a little too high.
const SHORT_CYCLE: f64 = 2.0;
const SHORT_CYCLE_MAILS: f64 = 20.0;

/// What is left of the rate after so many short cycles in a row. One of them proves little: a lane may have been late,
/// or the relay still counts the mails of the time before.
const LEFT_AFTER_SHORT_CYCLES: [f64; 5] = [1.0, 0.95, 0.85, 0.7, 0.5];

/// With fewer mails before the first throttle, the average says how long the relay refused, and nothing about its limit.
const MIN_MAILS_OF_AVERAGE: u64 = 20;

/// The first rate when nothing better is known: one mail a second.
const FIRST_RATE: f64 = 1.0;

/// What an average leaves of the rate at least.
const LEFT_AFTER_AVERAGE: f64 = 0.5;

/// The lowest rate: one mail in ten minutes.
pub const MIN_RATE: f64 = 1.0 / 600.0;

/// The current cycle, and how many short ones were before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// The recovery before.
    pub since: Instant,
    /// The count of mails at that time.
    pub taken_before: u64,
    short_cycles: usize,
}

/// The time from a throttle to the next accepted mail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recovery {
    /// When the relay throttled.
    pub since: Instant,
    /// The current pause.
    pub pause: Duration,
    /// The pause that the relay asked for last.
    pub named_pause: Option<Duration>,
    /// The rate before it; `None` without a limit.
    pub rate: Option<f64>,
    /// Whether an average has proved wrong in this cycle.
    pub distrusts_average: bool,
    /// Probes that the relay throttled.
    pub failed_probes: u32,
}

impl Cycle {
    /// The first cycle.
    #[must_use]
    pub fn new(since: Instant, taken_before: u64) -> Self {
        Self { since, taken_before, short_cycles: 0 }
    }

    /// The next cycle, after this one ended with a throttle at `throttled`, at the rate `rate`.
    #[must_use]
    pub fn next(&self, rate: Option<f64>, throttled: Instant, now: Instant, taken: u64) -> Self {
        let is_short = rate.is_some_and(|rate| self.is_short(rate, throttled));
        let short_cycles = if is_short { self.short_cycles + 1 } else { 0 };
        Self { since: now, taken_before: taken, short_cycles }
    }

    /// Whether a throttle at `now` makes it short.
    #[must_use]
    pub fn is_short(&self, rate: f64, now: Instant) -> bool {
        (now - self.since).as_secs_f64() < SHORT_CYCLE.max(SHORT_CYCLE_MAILS / rate)
    }

    /// Whether nothing can be learned from the first recovery: the relay throttled almost from the beginning.
    #[must_use]
    pub fn says_little(&self, recovery: &Recovery, taken: u64) -> bool {
        recovery.rate.is_none() && taken.saturating_sub(self.taken_before) < MIN_MAILS_OF_AVERAGE
    }

    /// The limit of the relay, in mails per second, and whether it is only an average: the relay has accepted a mail
    /// again, and `taken` mails so far.
    #[must_use]
    pub fn limit(&self, recovery: &Recovery, now: Instant, taken: u64) -> (f64, bool) {
        let average = self.average(recovery, now, taken).max(MIN_RATE);
        let Some(rate) = recovery.rate else {
            return (if self.says_little(recovery, taken) { average.max(FIRST_RATE) } else { average }, true);
        };
        let took_long = now - recovery.since > (now - self.since).mul_f64(SHORT_RECOVERY)
            && (recovery.failed_probes > 0 || recovery.named_pause.is_some());
        if self.is_short(rate, recovery.since) {
            let step = (self.short_cycles + 1).min(LEFT_AFTER_SHORT_CYCLES.len() - 1);
            (average.clamp(rate * LEFT_AFTER_SHORT_CYCLES[step], rate), false)
        } else if took_long && !recovery.distrusts_average {
            (average.clamp(rate * LEFT_AFTER_AVERAGE, rate), true)
        } else {
            (rate, false)
        }
    }

    /// Mails per second from the recovery before until the relay would have accepted one again. When that was, somewhere
    /// in the last pause, is not known.
    #[expect(clippy::cast_precision_loss, reason = "a count of mails")]
    fn average(&self, recovery: &Recovery, now: Instant, taken: u64) -> f64 {
        let late = if recovery.failed_probes > 0 { recovery.pause / 2 } else { Duration::ZERO };
        let length = (now - self.since).saturating_sub(late).as_secs_f64();
        taken.saturating_sub(self.taken_before) as f64 / length.max(0.001)
    }
}
