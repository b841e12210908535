//! Notifications that are set aside, mostly because something of the application's data cannot be read, and tried again.

use std::time::Duration;

use log::Level;

use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::observe::events::fields::log_about;
use crate::observe::health::{Health, Part};
use crate::observe::metrics::Metrics;
use crate::text::count::count;
use crate::text::duration::at_most;

/// How many are named.
const MAX_NAMED: usize = 5;

/// A notification is set aside. It is tried again after `pause`.
pub fn begins(notification: &Notification, reason: &str, pause: Duration) {
    let id = notification.id;
    log_about!(
        Level::Warn, notification, reason = reason, seconds = pause.as_secs();
        "notification {id} ({notification}) is set aside: {reason}. No other notification waits for it, and its message is \
         acked. Correct the data or the view. It is tried again in {} and then every few minutes; at once with: fanmail \
         retry --notification {id}",
        at_most(pause)
    );
}

/// It was tried again in vain.
pub fn still(notification: &Notification, reason: &str) {
    log_about!(
        Level::Debug, notification, reason = reason;
        "notification {} ({notification}) stays set aside: {reason}",
        notification.id
    );
}

/// Its event is gone, so that it is tried no more.
pub fn abandoned(notification: &Notification, reason: &str) {
    log_about!(
        Level::Warn, notification, reason = reason;
        "notification {0} ({notification}) was set aside and is abandoned now: {reason}. Put the event back, then send with: \
         fanmail retry --notification {0}",
        notification.id
    );
}

/// These are set aside, by all workers; `more` if there are others.
pub fn counted(health: &Health, metrics: &Metrics, ids: &[NotificationId], more: bool) {
    metrics.set_aside.set(ids.len() as u64);
    if ids.is_empty() {
        return health.clear_note(Part::Database);
    }
    let named: Vec<String> = ids.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let others = if ids.len() > MAX_NAMED { ", …" } else { "" };
    let (at_least, are) = (if more { "at least " } else { "" }, if ids.len() == 1 { "is" } else { "are" });
    health.set_note(
        Part::Database,
        format!(
            "{at_least}{} {are} set aside: {}{others}; see why with: fanmail status",
            count(ids.len() as u64, "notification"),
            named.join(", ")
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_names_some_and_goes_with_the_last() {
        let (health, metrics) = (Health::default(), Metrics::default());
        let ids: Vec<NotificationId> = (1..=7).map(NotificationId).collect();
        counted(&health, &metrics, &ids[..1], false);
        assert_eq!(
            health.notes(),
            "note: database: 1 notification is set aside: 1; see why with: fanmail status\n"
        );
        counted(&health, &metrics, &ids, true);
        assert!(health.notes().contains("at least 7 notifications are set aside"), "{}", health.notes());
        assert!(health.notes().contains(": 1, 2, 3, 4, 5, …; see"), "{}", health.notes());
        assert_eq!((metrics.set_aside.get(), health.problems().as_str()), (7, ""));
        counted(&health, &metrics, &[], false);
        assert_eq!((health.notes().as_str(), metrics.set_aside.get()), ("", 0));
    }
}
