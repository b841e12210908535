//! How the rate grows while the relay throttles nothing: slowly around the rate at which it last did, faster above, and
//! up to where the limit is of no use. When the relay throttles is left to `controller`.

use std::time::{Duration, Instant};

/// The fastest growth, and the growth of slow start: per second.
const FASTEST: f64 = 0.1;

/// The largest growth for one mail.
const FASTEST_PER_MAIL: f64 = 0.02;

/// The rate after a throttle, as a share of the limit.
const DECREASE: f64 = 0.95;

/// A climb from there to the limit takes at least so many seconds,
const MIN_CLIMB: f64 = 10.0;

/// so many mails: each climb may end with a refused one,
const MIN_CLIMB_MAILS: f64 = 30.0;

/// so many times the pause that the relay names, which follows each climb,
const NAMED_PAUSES_PER_CLIMB: f64 = 20.0;

/// and so many times the longest recovery: a relay that counts mails per minute has to see the effect of a change.
const RECOVERIES_PER_CLIMB: f64 = 2.0;

/// Above this multiple of the limit, the growth doubles every fifth of a climb: the relay allows more now.
const ABOVE_LIMIT: f64 = 1.05;

/// Slots that are used less often than every second one say nothing about the relay: the rate does not grow.
const MAX_UNUSED_SLOTS: f64 = 2.0;

/// A limit ends at this rate: faster than the lanes,
const FREE_RATE: f64 = 10_000.0;

/// or at this multiple of the rate at which the relay last throttled, but not sooner than this after it,
const FREE_ABOVE: (f64, Duration) = (2.5, Duration::from_secs(60));

/// or a smaller multiple after a longer time: there may be no use for more.
const FREE_AFTER: (f64, Duration) = (1.5, Duration::from_secs(600));

/// What is known of the limit of the relay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Mails per second.
    pub rate: f64,
    /// Whether it is only an average over a time in which the relay accepted nothing for long.
    pub estimated: bool,
    /// The pause that follows each throttle, if the relay names one.
    pub named_pause: Option<Duration>,
    /// The longest time for which the relay refused mails.
    pub longest_recovery: Duration,
}

/// A rate that grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Mails per second.
    rate: f64,
    limit: Limit,
    /// Per second, as a share of the limit.
    speed: f64,
    /// The time in which the growth doubles, in seconds; `None` in slow start.
    doubling: Option<f64>,
    since: Instant,
    last_mail: Instant,
}

impl Growth {
    /// Growth from below the first estimate, fast: the relay has throttled once.
    #[must_use]
    pub fn slow_start(limit: Limit, now: Instant) -> Self {
        let rate = limit.rate * DECREASE;
        Self { rate, limit, speed: FASTEST, doubling: None, since: now, last_mail: now }
    }

    /// Growth from below the limit, slowly.
    #[must_use]
    pub fn below(limit: Limit, now: Instant) -> Self {
        let seconds = |duration: Duration| duration.as_secs_f64();
        let climb = MIN_CLIMB
            .max(MIN_CLIMB_MAILS / limit.rate)
            .max(NAMED_PAUSES_PER_CLIMB * limit.named_pause.map_or(0.0, seconds))
            .max(RECOVERIES_PER_CLIMB * seconds(limit.longest_recovery));
        let speed = (1.0 - DECREASE) / climb;
        Self { doubling: Some(climb / 5.0), speed, ..Self::slow_start(limit, now) }
    }

    /// The current rate, in mails per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether the limit was an estimate, and wrong: the rate has become much higher than that.
    #[must_use]
    pub fn disproves_estimate(&self) -> bool {
        self.limit.estimated && self.rate > self.limit.rate * 1.25
    }

    /// The relay has taken a mail.
    pub fn mail_taken(&mut self, now: Instant) {
        let gap = now.saturating_duration_since(self.last_mail).as_secs_f64();
        self.last_mail = now;
        if gap * self.rate > MAX_UNUSED_SLOTS {
            return;
        }
        let (base, fastest) = match self.doubling {
            None => (self.rate, FASTEST),
            Some(_) => (self.limit.rate, FASTEST * self.rate / self.limit.rate),
        };
        if let Some(doubling) = self.doubling
            && self.rate > self.limit.rate * ABOVE_LIMIT
        {
            self.speed *= (gap / doubling).exp2();
        }
        self.speed = self.speed.min(fastest);
        self.rate += (base * self.speed * gap).min(self.rate * FASTEST_PER_MAIL);
    }

    /// Whether the limit is of no use any more.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        let is_above = |(factor, after): (f64, Duration)| {
            let after = after.max(self.limit.longest_recovery * 5);
            self.rate >= self.limit.rate * factor && now.saturating_duration_since(self.since) >= after
        };
        self.rate >= FREE_RATE || is_above(FREE_ABOVE) || is_above(FREE_AFTER)
    }
}
