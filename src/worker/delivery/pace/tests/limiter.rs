//! Limiters as relays have them, in virtual time.

use std::collections::VecDeque;

/// What a relay allows. Times are in seconds.
#[derive(Debug, Clone, Copy)]
pub enum Limiter {
    /// So many mails in any window of this length.
    Sliding { window: f64, mails: usize },
    /// So many mails in each window; with `counts_refused`, refused ones count (Postfix's anvil); with `names_pause`,
    /// the relay says how long the window lasts.
    Fixed { window: f64, mails: usize, counts_refused: bool, names_pause: bool },
    /// A token bucket.
    Bucket { rate: f64, burst: f64 },
    /// A sliding window of a second that changes at a time; `usize::MAX` is no limit.
    Changing { at: f64, before: usize, after: usize },
    /// A sliding window of a second, and each refusal asks for 5 seconds that the relay does not need.
    Cautious { mails: usize },
}

/// A limiter at work.
pub struct Relay {
    limiter: Limiter,
    accepted: VecDeque<f64>,
    window: f64,
    in_window: usize,
    tokens: f64,
    last: f64,
}

impl Relay {
    pub fn new(limiter: Limiter) -> Self {
        let tokens = if let Limiter::Bucket { burst, .. } = limiter { burst } else { 0.0 };
        Self { limiter, accepted: VecDeque::new(), window: -1.0, in_window: 0, tokens, last: 0.0 }
    }

    /// Accepts a mail at `time`, or throttles it and may name a pause.
    pub fn decide(&mut self, time: f64) -> Result<(), Option<f64>> {
        match self.limiter {
            Limiter::Sliding { window, mails } => self.slide(time, window, mails).ok_or(None),
            Limiter::Changing { at, before, after } => {
                self.slide(time, 1.0, if time < at { before } else { after }).ok_or(None)
            }
            Limiter::Cautious { mails } => self.slide(time, 1.0, mails).ok_or(Some(5.0)),
            Limiter::Fixed { window, mails, counts_refused, names_pause } => {
                let number = (time / window).floor();
                if number > self.window {
                    (self.window, self.in_window) = (number, 0);
                }
                let accepts = self.in_window < mails;
                self.in_window += usize::from(accepts || counts_refused);
                accepts.then_some(()).ok_or(names_pause.then_some((number + 1.0) * window - time))
            }
            Limiter::Bucket { rate, burst } => {
                self.tokens = (self.tokens + (time - self.last) * rate).min(burst);
                self.last = time;
                let accepts = self.tokens >= 1.0;
                self.tokens -= f64::from(u8::from(accepts));
                accepts.then_some(()).ok_or(None)
            }
        }
    }

    fn slide(&mut self, time: f64, window: f64, mails: usize) -> Option<()> {
        while self.accepted.front().is_some_and(|at| time - at >= window) {
            self.accepted.pop_front();
        }
        (self.accepted.len() < mails).then(|| self.accepted.push_back(time))
    }
}

impl Limiter {
    /// Mails per second that it allows from `from` to `to` when no more than `demand` are submitted.
    #[expect(clippy::cast_precision_loss, reason = "counts of mails")]
    pub fn allowed(&self, from: f64, to: f64, demand: f64) -> f64 {
        match *self {
            Self::Sliding { window, mails } | Self::Fixed { window, mails, .. } => {
                demand.min(mails as f64 / window)
            }
            Self::Bucket { rate, .. } => demand.min(rate),
            Self::Cautious { mails } => demand.min(mails as f64),
            Self::Changing { at, before, after } => {
                let share = ((at - from) / (to - from)).clamp(0.0, 1.0);
                demand.min(before as f64) * share + demand.min(after as f64) * (1.0 - share)
            }
        }
    }
}
