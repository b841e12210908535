//! How fast running notifications get on, and when they are done: from how many recipients were decided at several moments.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::ids::NotificationId;
use crate::observe::progress::FanOutProgress;
use crate::report::notifications::NotificationLine;
use crate::text::duration::at_most;

/// The rate is that of this time.
const WINDOW: Duration = Duration::from_secs(30);

/// What a fan-out says of its rate holds for so long.
const FRESH: Duration = Duration::from_secs(5);

/// Two looks that are nearer than this say nothing of a rate.
const SHORTEST: Duration = Duration::from_millis(500);

/// How far a notification is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Progress {
    /// Its key.
    pub notification: NotificationId,
    /// Recipients with an outcome, or deferred.
    pub done: u64,
    /// Recipients who wait.
    pub pending: u64,
    /// How many a second; `None`: it was looked at only once.
    pub per_second: Option<f64>,
    /// How long the rest takes at that rate.
    pub seconds_left: Option<u64>,
}

impl Progress {
    /// Without a rate yet, that of the fan-out in this process is as good: it has counted before the first look. One that has not changed
    /// for a while says nothing of now.
    pub fn add_rate_of(&mut self, fan_out: &FanOutProgress, now: Instant) {
        let is_new = now.saturating_duration_since(fan_out.changed) < FRESH;
        if self.per_second.is_none() && is_new && fan_out.rate > 0.0 {
            self.per_second = Some(one_decimal(fan_out.rate));
            self.seconds_left = Some(seconds(self.pending, fan_out.rate));
        }
    }

    /// `1000 of 250000 (0 %), 1234/s, 4 min left`
    #[must_use]
    pub fn to_text(&self) -> String {
        let (done, total) = (self.done, self.done.saturating_add(self.pending));
        let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
        let rate = match self.per_second {
            None => String::new(),
            Some(rate) if rate < 10.0 => format!(", {rate:.1}/s"),
            Some(rate) => format!(", {rate:.0}/s"),
        };
        let left = match self.seconds_left {
            _ if self.pending == 0 => String::new(),
            Some(left) => format!(", {} left", at_most(Duration::from_secs(left))),
            None if self.per_second.is_some() => ", stands still".to_owned(),
            None => String::new(),
        };
        format!("{done} of {total} ({percent} %){rate}{left}")
    }
}

/// What was seen of the unfinished notifications in the last half minute.
#[derive(Debug, Default)]
pub struct ProgressTracker {
    seen: HashMap<NotificationId, VecDeque<(Instant, u64)>>,
}

impl ProgressTracker {
    /// How far each of the unfinished ones is. `now`: when they were read.
    pub fn observe(&mut self, lines: &[NotificationLine], now: Instant) -> Vec<Progress> {
        let unfinished: Vec<&NotificationLine> = lines.iter().filter(|line| line.is_unfinished()).collect();
        self.seen.retain(|id, _| unfinished.iter().any(|line| line.id() == *id));
        let of = |line: &&NotificationLine| {
            let tally = &line.tally;
            self.add(line.id(), now, tally.decided() + tally.deferred, tally.pending)
        };
        unfinished.iter().map(of).collect()
    }

    fn add(&mut self, id: NotificationId, now: Instant, done: u64, pending: u64) -> Progress {
        let seen = self.seen.entry(id).or_default();
        // Less than before: a retry has begun.
        if seen.back().is_some_and(|(_, before)| *before > done) {
            seen.clear();
        }
        seen.push_back((now, done));
        while seen.len() > 2 && seen.get(1).is_some_and(|(at, _)| now - *at >= WINDOW) {
            seen.pop_front();
        }
        let first = seen.front().filter(|(at, _)| now - *at >= SHORTEST);
        let per_second = first.map(|(at, before)| rate(done - before, now - *at));
        let seconds_left = per_second.filter(|rate| *rate > 0.0).map(|rate| seconds(pending, rate));
        Progress { notification: id, done, pending, per_second, seconds_left }
    }
}

/// With one decimal.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown with one decimal")]
fn rate(number: u64, lasted: Duration) -> f64 {
    one_decimal(number as f64 / lasted.as_secs_f64())
}

fn one_decimal(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
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
    use crate::observe::progress::FanOuts;
    use crate::report::notifications::tests::line;
    use crate::store::ledger::row::NotificationState;

    #[test]
    fn the_rate_is_that_of_the_last_half_minute() {
        let (mut tracker, begun) = (ProgressTracker::default(), Instant::now());
        let mut at = |seconds: u64, sent: u64| {
            let running = line(7, NotificationState::Running, [10_000, sent, 0, 0, 10_000 - sent]);
            let done = line(8, NotificationState::Completed, [3, 3, 0, 0, 0]);
            let progress = tracker.observe(&[running, done], begun + Duration::from_secs(seconds));
            assert_eq!(progress.len(), 1);
            progress[0].to_text()
        };
        let texts = [at(0, 0), at(10, 1000), at(40, 1300), at(70, 1300), at(75, 10), at(76, 10_000)];
        insta::assert_snapshot!(texts.join("\n"), @r"
        0 of 10000 (0 %)
        1000 of 10000 (10 %), 100/s, 90 s left
        1300 of 10000 (13 %), 10/s, 15 min left
        1300 of 10000 (13 %), 0.0/s, stands still
        10 of 10000 (0 %)
        10000 of 10000 (100 %), 9990/s
        ");
    }

    #[test]
    fn a_fan_out_of_this_process_has_a_rate_at_the_first_look() {
        let (fan_outs, now) = (FanOuts::default(), Instant::now());
        let running = line(7, NotificationState::Running, [1000, 100, 0, 0, 900]);
        let fan_out = fan_outs.begin(&running.record.notification, 0, now);
        let mut tracker = ProgressTracker::default();
        let mut look = |rate, later| {
            let advanced = fan_out.advance(100, rate, now).unwrap();
            let mut progress = tracker.observe(std::slice::from_ref(&running), now)[0];
            progress.add_rate_of(&advanced, now + Duration::from_secs(later));
            tracker = ProgressTracker::default();
            progress.to_text()
        };
        let texts = [look(33.33, 1), look(33.33, 60), look(0.0, 1)];
        insta::assert_snapshot!(texts.join("\n"), @r"
        100 of 1000 (10 %), 33/s, 28 s left
        100 of 1000 (10 %)
        100 of 1000 (10 %)
        ");
    }

    #[test]
    fn a_finished_notification_is_forgotten() {
        let mut tracker = ProgressTracker::default();
        let running = line(7, NotificationState::Running, [1000, 10, 0, 0, 990]);
        tracker.observe(&[running], Instant::now());
        assert_eq!(tracker.observe(&[], Instant::now()), []);
        assert!(tracker.seen.is_empty());
        assert_eq!(tracker.add(NotificationId(7), Instant::now(), 0, 0).to_text(), "0 of 0 (100 %)");
    }
}
