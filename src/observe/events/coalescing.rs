//! UPDATEDs that wait until no further one of their event has come for a while.

use chrono::NaiveDateTime;

use log::Level;

use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::observe::events::fields::log_about;
use crate::observe::metrics::Metrics;

/// It waits, in the place of those that have waited before.
pub fn waits(
    metrics: &Metrics,
    notification: &Notification,
    until: NaiveDateTime,
    replaced: &[NotificationId],
) {
    metrics.superseded.inc_by(replaced.len() as u64);
    let replaced: Vec<String> = replaced.iter().map(ToString::to_string).collect();
    log_about!(
        Level::Info, notification, superseded = replaced.len();
        "notification {} ({notification}) waits for further updates of its event until {}{}",
        notification.id,
        until.format("%T%.3fZ"),
        if replaced.is_empty() {
            String::new()
        } else {
            format!("; it takes the place of notification {}, which nobody gets", replaced.join(" and "))
        }
    );
}

/// Its time has come.
pub fn begins(notification: &Notification) {
    log_about!(
        Level::Debug, notification;
        "notification {} ({notification}) has waited for further updates of its event",
        notification.id
    );
}
