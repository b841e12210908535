//! How often the relay has throttled one mail: in a fan-out, and in the runs of the sweep, each of which is shorter than it takes to
//! charge the mail. What follows from a throttle is left to `throttling`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::sync::lock;

/// Throttles of one mail that slow down the others. If the relay throttles it again while it accepts others, it means
/// its recipient.
const MAX_SLOWDOWNS: u32 = 5;

/// Throttles of one mail that are not charged as attempts. Without a limit, a recipient for whom the relay accepts few
/// mails would be asked for again and again. A 4yz counts only if the relay has replied to other mails meanwhile.
const MAX_UNCHARGED: u32 = 20;

/// Most mails of which the throttles are kept for the next run of the sweep. Each takes about 80 bytes.
const MAX_KEPT: usize = 10_000;

/// The next run should be over by then: other notifications have their turn before.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// How often the relay has throttled one mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttles {
    /// With a reply to another mail since the last time. After many throttles with a 5yz, all of them.
    counted: u32,
    /// How many mails the relay had replied to when it last throttled this one.
    replies: u64,
    /// With a 5yz.
    with_5yz: u32,
}

impl Throttles {
    /// One more, after the relay has replied to `replies` mails. While it throttles every mail, that is not because of this one. A 5yz
    /// with words of the pace may be final in fact. If it is the last mail of the worker, the relay never replies to another one, and
    /// without this the mail would be submitted for ever.
    pub fn count(&mut self, replies: u64, with_5yz: bool) {
        self.counted += u32::from(self.counted == 0 || replies > self.replies);
        self.replies = replies;
        self.with_5yz += u32::from(with_5yz);
        if self.with_5yz > MAX_UNCHARGED {
            self.counted = self.counted.max(self.with_5yz);
        }
    }

    /// Whether the last one says something about the pace of the other mails.
    #[must_use]
    pub fn slow_down_others(self) -> bool {
        self.counted <= MAX_SLOWDOWNS
    }

    /// Whether the last one is charged as an attempt.
    #[must_use]
    pub fn are_charged(self) -> bool {
        self.counted > MAX_UNCHARGED
    }
}

/// Those of deferred mails that a run of the sweep has left to the next one. Shared by all runs of the process.
#[derive(Debug, Default)]
pub struct KeptThrottles(Mutex<HashMap<(NotificationId, ParticipantId), (Throttles, Instant)>>);

impl KeptThrottles {
    /// Keeps those of a mail that is left to the next run.
    pub fn keep(&self, notification_id: NotificationId, participant_id: ParticipantId, throttles: Throttles) {
        if throttles == Throttles::default() {
            return;
        }
        let mut kept = lock(&self.0);
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (_, kept_at)| kept_at.elapsed() < KEPT_FOR);
        }
        if kept.len() < MAX_KEPT {
            kept.insert((notification_id, participant_id), (throttles, Instant::now()));
        }
    }

    /// What the runs before have counted.
    #[must_use]
    pub fn take(&self, notification_id: NotificationId, participant_id: ParticipantId) -> Throttles {
        let kept = lock(&self.0).remove(&(notification_id, participant_id));
        kept.map(|(throttles, _)| throttles).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_counts_again_only_after_the_relay_has_replied_to_another_mail() {
        let mut throttles = Throttles::default();
        let counted = [0, 0, 0, 7, 7, 8].map(|replies| {
            throttles.count(replies, false);
            throttles.counted
        });
        assert_eq!(counted, [1, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn throttles_are_kept_once_for_the_mail_that_they_are_of() {
        let kept = KeptThrottles::default();
        let (notification, id, mut throttles) = (NotificationId(7), ParticipantId(1), Throttles::default());
        kept.keep(notification, id, throttles);
        assert!(lock(&kept.0).is_empty(), "nothing to keep");
        throttles.count(0, true);
        kept.keep(notification, id, throttles);
        assert_eq!(kept.take(NotificationId(8), id), Throttles::default());
        assert_eq!(kept.take(notification, id), throttles);
        assert_eq!(kept.take(notification, id), Throttles::default());
    }
}
