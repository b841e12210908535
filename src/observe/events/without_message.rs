//! Notifications that no message of the broker carries.

use log::Level;

use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::observe::events::fields::log_about;
use crate::process_id;

/// Its event is gone. No dead letter tells of it.
pub fn abandoned(notification: &Notification, reason: &str) {
    log_about!(
        Level::Warn, notification, reason = reason;
        "notification {0} ({notification}) is abandoned: {reason}. Put the event back, then send with: fanmail retry \
         --notification {0}",
        notification.id
    );
}

/// Its row is not there any more, and no message brings it back.
pub fn vanished(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {} ({notification}) is not in the database any more: its rows were deleted, or the database was \
         restored from an older copy. No message of the broker carries it, so nothing more is sent for it",
        notification.id
    );
}

/// Its worker has exited or is silent, and this one goes on with it.
pub fn resumed(notification: &Notification, owner: Option<&str>) {
    let worker = owner.map(process_id::display_name);
    log_about!(
        Level::Info, notification, other_worker = worker;
        "notification {} ({notification}), which no message carries, is taken over{}",
        notification.id,
        worker.map_or(String::new(), |worker| format!(" from worker {worker}, which has exited or is silent"))
    );
}

/// It is about no event, and this version sends only those that are.
pub fn not_about_an_event(id: NotificationId) {
    log::debug!(notification = id; "notification {id} is not about an event, and is left to a newer fanmail");
}
