//! How fast running notifications get on, and when they are done: from how many people were decided at several moments.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::ids::NotificationId;
use crate::report::notifications::NotificationLine;

/// What is longer ago says nothing about the rate.
const WINDOW: Duration = Duration::from_secs(30);

/// How far a notification is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Progress {
    /// Its key.
    pub notification: NotificationId,
    /// People with an outcome, or deferred.
    pub done: u64,
    /// People who wait.
    pub pending: u64,
    /// How many a second, if that is known.
    pub per_second: Option<f64>,
    /// How long the rest takes at that rate.
    pub seconds_left: Option<u64>,
}

/// The moments at which notifications were seen.
#[derive(Debug, Default)]
pub struct ProgressWatch {
    seen: HashMap<NotificationId, VecDeque<(Instant, u64)>>,
}

impl ProgressWatch {
    /// How far each of the unfinished ones is. `now`: when they were read.
    pub fn observe(&mut self, lines: &[NotificationLine], now: Instant) -> Vec<Progress> {
        let unfinished: Vec<&NotificationLine> = lines.iter().filter(|line| line.is_unfinished()).collect();
        self.seen.retain(|id, _| unfinished.iter().any(|line| line.id() == *id));
        unfinished.into_iter().map(|line| self.of(line, now)).collect()
    }

    fn of(&mut self, line: &NotificationLine, now: Instant) -> Progress {
        let (done, pending) = (line.tally.decided() + line.tally.deferred, line.tally.pending);
        let seen = self.seen.entry(line.id()).or_default();
        while seen.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            seen.pop_front();
        }
        let per_second = seen.front().and_then(|(at, before)| rate(done.saturating_sub(*before), now, *at));
        seen.push_back((now, done));
        let seconds_left = per_second.filter(|rate| *rate > 0.0).map(|rate| seconds(pending, rate));
        Progress { notification: line.id(), done, pending, per_second, seconds_left }
    }
}

/// With one decimal; `None` over less than half a second, which is a guess.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown with one decimal")]
fn rate(number: u64, now: Instant, before: Instant) -> Option<f64> {
    let lasted = now.saturating_duration_since(before).as_secs_f64();
    (lasted >= 0.5).then(|| (number as f64 / lasted * 10.0).round() / 10.0)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates"
)]
fn seconds(pending: u64, rate: f64) -> u64 {
    (pending as f64 / rate).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::notifications::tests::line;
    use crate::store::ledger::row::NotificationState;

    #[test]
    fn the_rate_is_that_of_the_last_half_minute() {
        let (mut watch, begun) = (ProgressWatch::default(), Instant::now());
        let mut see = |seconds: u64, sent: u64| {
            let running = line(7, NotificationState::Running, [1000, sent, 0, 0, 1000 - sent]);
            let done = line(8, NotificationState::Completed, [3, 3, 0, 0, 0]);
            let progress = watch.observe(&[running, done], begun + Duration::from_secs(seconds));
            assert_eq!(progress.len(), 1);
            (progress[0].done, progress[0].per_second, progress[0].seconds_left)
        };
        assert_eq!(see(0, 0), (0, None, None));
        assert_eq!(see(0, 1), (1, None, None));
        assert_eq!(see(10, 100), (100, Some(10.0), Some(90)));
        assert_eq!(see(20, 400), (400, Some(20.0), Some(30)));
        assert_eq!(see(45, 401), (401, Some(0.0), None), "it has stood still since");
    }
}
