//! Follows a fan-out that takes long: how fast it is, and when the log has a line about it. Those that are done within a second or two cost
//! nothing here. How the line reads is left to `observe::events`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::domain::notification::Notification;
use crate::domain::outcome::Counts;
use crate::observe::events;
use crate::observe::progress::{FanOuts, RunningFanOut};
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::claim::Claim;
use crate::worker::fan_out::context::Context;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Before the first line.
const QUIET: Duration = Duration::from_secs(2);
/// The longest pause between two lines.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The rate is that of so long. Looks come with outcomes, so a slow relay has few of them.
const RATE_OF: Duration = Duration::from_secs(30);

/// One fan-out, for as long as it runs.
#[derive(Debug)]
pub(super) struct ProgressWatch<'a> {
    fan_outs: &'a FanOuts,
    running: RunningFanOut,
    /// The outcomes of earlier fan-outs.
    before: Counts,
    begun: Instant,
    look_at: Instant,
    tell_at: Instant,
    /// How many were done at the last looks.
    samples: VecDeque<(Instant, u64)>,
    /// The rate at the last look, and whether nothing was done for long before that.
    last: (f64, bool),
}

impl<'a> ProgressWatch<'a> {
    /// A fan-out begins. If it resumes a notification, the ledger says what is done.
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub(super) fn start(context: &'a Context, claim: &Claim, now: Instant) -> Result<Self, Stopped> {
        let tally = || context.store.tally_without_participants(claim.notification.id);
        let before = if claim.resumed {
            context.database_retry.until_ok(tally).map(Counts::from)?
        } else {
            Counts::default()
        };
        Ok(Self::new(&context.fan_outs, &claim.notification, before, now))
    }

    /// The outcomes of earlier fan-outs.
    pub(super) fn before(&self) -> Counts {
        self.before
    }

    fn new(fan_outs: &'a FanOuts, notification: &Notification, before: Counts, now: Instant) -> Self {
        Self {
            fan_outs,
            running: fan_outs.begin(notification, before.total(), now),
            before,
            begun: now,
            look_at: now + LOOK,
            tell_at: now + QUIET,
            samples: VecDeque::from([(now, before.total())]),
            last: (0.0, false),
        }
    }

    /// Outcomes are recorded. `counts` are those of this fan-out.
    pub(super) fn advanced(&mut self, counts: Counts, now: Instant) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        let counts = self.before + counts;
        let rate = self.measure(counts.total(), now);
        if let Some(progress) = self.running.advance(counts.total(), rate, now)
            && now >= self.tell_at
            && self.fan_outs.may_tell(now)
        {
            self.tell_at = now + pause_after(now.saturating_duration_since(self.begun));
            events::notification::progress(&progress, counts);
        }
    }

    /// Mails per second since the last look that is half a minute ago, or since the begin. After an outage, the first look says little
    /// about what follows, and the time before does not count.
    fn measure(&mut self, done: u64, now: Instant) -> f64 {
        let is_long = |from: Instant, to: Instant| to.saturating_duration_since(from) >= RATE_OF;
        let is_after_pause = self.samples.back().is_some_and(|(at, _)| is_long(*at, now));
        while let (Some((first, _)), Some((second, _))) = (self.samples.front(), self.samples.get(1))
            && (is_long(*second, now) || is_long(*first, *second))
        {
            self.samples.pop_front();
        }
        let (since, done_then) = self.samples.front().copied().unwrap_or((now, done));
        self.samples.push_back((now, done));
        let lasted = now.saturating_duration_since(since).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let mails = done.saturating_sub(done_then) as f64;
        let measured = if lasted > 0.0 { mails / lasted } else { 0.0 };
        let rate = if is_after_pause && !self.last.1 { self.last.0 } else { measured };
        self.last = (rate, is_after_pause);
        rate
    }
}

/// The pause after a line: a tenth of the time that the fan-out has taken, so that lines are as far apart as it is worth knowing. A minute has
/// some thirty lines, an hour about a hundred, and a day 1,500; with one a second, a day would have 86,400.
fn pause_after(lasted: Duration) -> Duration {
    (lasted / 10).clamp(LOOK, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audience::Audience;
    use crate::domain::ids::{EventId, NotificationId, ParticipantId};
    use crate::domain::kind::Kind;
    use crate::domain::priority::Priority;

    #[test]
    fn an_hour_has_about_a_hundred_lines_and_the_first_seconds_have_none() {
        let lines = |seconds: u64| {
            let (mut at, mut lines) = (QUIET, 0);
            while at < Duration::from_secs(seconds) {
                lines += 1;
                at += pause_after(at);
            }
            lines
        };
        assert_eq!([2, 3, 10, 60, 3600, 86_400].map(lines), [0, 1, 8, 27, 101, 1481]);
    }

    #[test]
    fn the_rate_is_that_of_the_last_half_minute() {
        let (fan_outs, start) = (FanOuts::default(), Instant::now());
        let event = EventId::Number(1);
        let notification = Notification {
            id: NotificationId(7),
            kind: Kind::Updated,
            event_id: Some(event),
            audience: Audience::Event { id: event, up_to: ParticipantId(9) },
            priority: Priority::default(),
        };
        let mut watch =
            ProgressWatch::new(&fan_outs, &notification, Counts { sent: 1000, ..Counts::default() }, start);
        let mut after = |seconds: u64, sent| {
            let counts = Counts { sent, ..Counts::default() };
            watch.advanced(counts, start + Duration::from_secs(seconds));
            let progress = fan_outs.running()[0];
            (progress.done, progress.rate)
        };
        assert_eq!(after(0, 5), (1000, 0.0), "too early");
        assert_eq!(after(10, 100), (1100, 10.0));
        for second in 11..=60 {
            let _ = after(second, 100 + 3 * (second - 10));
        }
        assert_eq!(after(61, 253), (1253, 3.0));
        // A relay that became slow: a mail in ten seconds.
        for (sent, second) in (254..).zip((71..=101).step_by(10)) {
            let _ = after(second, sent);
        }
        assert_eq!(after(111, 258), (1258, 0.1));
        // An outage of the relay, and then it is quick again.
        assert_eq!(after(411, 259), (1259, 0.1));
        assert_eq!(after(412, 279), (1279, 20.0));
        // A mail in forty seconds.
        let looks = [452, 492, 532].map(|second| after(second, 280 + (second - 452) / 40));
        assert_eq!(looks, [(1280, 20.0), (1281, 0.025), (1282, 0.025)]);
        drop(watch);
        assert_eq!(fan_outs.running(), []);
    }
}
