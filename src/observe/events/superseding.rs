//! Notifications that a newer one of their event supersedes.

use log::Level;

use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::observe::events::fields::log_about;
use crate::observe::metrics::Metrics;
use crate::text::count::count;

/// It is completed before it has reached anyone.
pub fn before_it_began(metrics: &Metrics, notification: &Notification, newer: NotificationId) {
    metrics.superseded.inc();
    log_about!(
        Level::Info, notification, newer = newer;
        "notification {} ({notification}) is superseded by notification {newer} before it began; nobody gets it, and everyone gets \
         that one",
        notification.id
    );
}

/// It is completed: `skipped` people had no outcome, and get the newer one only.
pub fn ended(metrics: &Metrics, notification: &Notification, newer: NotificationId, skipped: u64) {
    metrics.superseded.inc();
    log_about!(
        Level::Info, notification, newer = newer, skipped = skipped;
        "notification {} ({notification}) is superseded by notification {newer}: {} skipped, and everyone gets that one",
        notification.id,
        count(skipped, "participant")
    );
}
