//! How far the fan-outs of this process are: done, total, rate and time left, for the log, for reminders in an outage and for pages about
//! this process. Counting the people is left to `worker::fan_out`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::sync::lock;
use crate::text::count::count;

/// Between two progress lines of all fan-outs of this process.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// The fan-outs that run now. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct FanOuts(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    by_id: BTreeMap<NotificationId, FanOutProgress>,
    told_at: Option<Instant>,
}

/// How far one fan-out is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FanOutProgress {
    /// Its notification.
    pub notification: Notification,
    /// When it began in this process.
    pub begun: Instant,
    /// People with an outcome or a deferral, also those whom an earlier fan-out has decided.
    pub done: u64,
    /// All people; `None` until they are counted, about a second after the begin.
    pub total: Option<u64>,
    /// Mails per second, in the half minute before `changed`.
    pub rate: f64,
    /// When these numbers last changed: in an outage that is a while ago.
    pub changed: Instant,
    /// Whether counting the people has been tried.
    is_counted: bool,
}

impl FanOutProgress {
    /// The time until the end at this rate, if that can be told.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let left = self.pending()?;
        #[expect(clippy::cast_precision_loss, reason = "no audience has 2^53 people")]
        Duration::try_from_secs_f64(left as f64 / self.rate).ok()
    }

    /// How many people are neither decided nor deferred, if they are counted.
    #[must_use]
    pub fn pending(&self) -> Option<u64> {
        Some(self.total?.saturating_sub(self.done))
    }
}

impl FanOuts {
    /// A fan-out begins, when `done` people are decided already.
    #[must_use]
    pub fn begin(&self, notification: &Notification, done: u64, now: Instant) -> RunningFanOut {
        let total = notification.audience.known_size();
        let progress = FanOutProgress {
            notification: *notification,
            begun: now,
            done,
            total,
            rate: 0.0,
            changed: now,
            is_counted: total.is_some(),
        };
        lock(&self.0).by_id.insert(notification.id, progress);
        RunningFanOut { fan_outs: self.clone(), id: notification.id }
    }

    /// All of them, by the keys of their notifications.
    #[must_use]
    pub fn running(&self) -> Vec<FanOutProgress> {
        lock(&self.0).by_id.values().copied().collect()
    }

    /// The notifications of those that have run for so long and whose people are not counted.
    #[must_use]
    pub fn uncounted(&self, age: Duration, now: Instant) -> Vec<Notification> {
        let running = lock(&self.0);
        let old =
            running.by_id.values().filter(|progress| now.saturating_duration_since(progress.begun) >= age);
        old.filter(|progress| !progress.is_counted).map(|progress| progress.notification).collect()
    }

    /// The people of a notification are counted; `None` if that is not possible.
    pub fn set_total(&self, id: NotificationId, total: Option<u64>) {
        if let Some(progress) = lock(&self.0).by_id.get_mut(&id) {
            (progress.total, progress.is_counted) = (total, true);
        }
    }

    /// Whether the log may have a progress line now: at most one each second.
    #[must_use]
    pub fn may_tell(&self, now: Instant) -> bool {
        let mut running = lock(&self.0);
        let may = running.told_at.is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_LINES);
        if may {
            running.told_at = Some(now);
        }
        may
    }

    /// The mails that wait while a part is away, of those fan-outs whose people are counted.
    #[must_use]
    pub fn waiting_mails(&self) -> u64 {
        self.running().iter().filter_map(FanOutProgress::pending).sum()
    }

    /// What waits while a part is away: `at least 120 mails of 2 notifications`. `None` if no fan-out runs.
    #[must_use]
    pub fn describe_waiting(&self) -> Option<String> {
        let running = self.running();
        if running.is_empty() {
            return None;
        }
        let notifications = count(running.len() as u64, "notification");
        let pending = running.iter().filter_map(FanOutProgress::pending).sum();
        let counted = running.iter().filter(|progress| progress.total.is_some()).count();
        Some(match counted {
            0 => format!("the mails of {notifications}"),
            some if some < running.len() => {
                format!("at least {} of {notifications}", count(pending, "mail"))
            }
            _ => format!("{} of {notifications}", count(pending, "mail")),
        })
    }
}

/// A fan-out that runs until this is dropped.
#[derive(Debug)]
pub struct RunningFanOut {
    fan_outs: FanOuts,
    id: NotificationId,
}

impl RunningFanOut {
    /// How far it is now. Returns that with the total, if the people are counted.
    #[must_use]
    pub fn advance(&self, done: u64, rate: f64, now: Instant) -> Option<FanOutProgress> {
        let mut running = lock(&self.fan_outs.0);
        let progress = running.by_id.get_mut(&self.id)?;
        (progress.done, progress.rate, progress.changed) = (done, rate, now);
        // Some may have come since they were counted.
        progress.total = progress.total.map(|total| total.max(done));
        Some(*progress)
    }
}

impl Drop for RunningFanOut {
    fn drop(&mut self) {
        lock(&self.fan_outs.0).by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audience::Audience;
    use crate::domain::ids::{EventId, ParticipantId};
    use crate::domain::kind::Kind;
    use crate::domain::priority::Priority;

    fn notification(id: i64) -> Notification {
        Notification {
            id: NotificationId(id),
            kind: Kind::Updated,
            event_id: Some(EventId::Number(1)),
            audience: Audience::Event { id: EventId::Number(1), up_to: ParticipantId(100) },
            priority: Priority::default(),
        }
    }

    #[test]
    fn the_time_left_is_known_once_the_people_are_counted_and_mails_are_sent() {
        let (fan_outs, now) = (FanOuts::default(), Instant::now());
        let running = fan_outs.begin(&notification(7), 10, now);
        assert_eq!(running.advance(20, 5.0, now).unwrap().left(), None);
        fan_outs.set_total(NotificationId(7), Some(120));
        assert_eq!(running.advance(20, 5.0, now).unwrap().left(), Some(Duration::from_secs(20)));
        assert_eq!(running.advance(20, 0.0, now).unwrap().left(), None);
        let late = running.advance(130, 5.0, now).unwrap();
        assert_eq!((late.total, late.left()), (Some(130), Some(Duration::ZERO)));
        drop(running);
        assert_eq!(fan_outs.running(), []);
    }

    #[test]
    fn what_waits_is_told_as_far_as_it_is_known() {
        let (fan_outs, now) = (FanOuts::default(), Instant::now());
        let waiting = || fan_outs.describe_waiting().unwrap_or_default();
        assert_eq!(waiting(), "");
        let _first = fan_outs.begin(&notification(7), 0, now);
        assert_eq!(waiting(), "the mails of 1 notification");
        fan_outs.set_total(NotificationId(7), Some(120));
        assert_eq!(waiting(), "120 mails of 1 notification");
        let _second = fan_outs.begin(&notification(8), 0, now);
        assert_eq!(waiting(), "at least 120 mails of 2 notifications");
    }

    #[test]
    fn all_fan_outs_together_have_a_line_a_second() {
        let (fan_outs, start) = (FanOuts::default(), Instant::now());
        let at = |milliseconds| fan_outs.may_tell(start + Duration::from_millis(milliseconds));
        assert_eq!([0, 500, 999, 1000, 1500, 2000].map(at), [true, false, false, true, false, true]);
    }
}
