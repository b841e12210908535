//! A notification that a newer one of its event supersedes is not sent again: nobody is to get "updated" after "cancelled". Those who
//! have no outcome yet are skipped.

use crate::commands::output::say;
use crate::domain::notification::Notification;
use crate::store::ledger::row::NotificationRecord;
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::fan_out::superseding;
use crate::worker::lease::held::HeldLease;

/// Whether the notification may be sent. Then older ones that it supersedes have ended.
///
/// # Errors
/// When it is superseded, a shutdown is requested first, or the lease is lost.
pub(super) fn check(context: &Context, record: &NotificationRecord, held: &HeldLease) -> Result<(), Halt> {
    if !held.begin() {
        return Err(Halt::TakenOver);
    }
    match superseding::find_newer(context, &record.notification, record.details.as_ref())? {
        Some(newer) => Err(Halt::Superseded(newer)),
        None => superseding::end_older(context, &record.notification, held),
    }
}

/// After a `halt` because the notification is superseded: skips everyone without an outcome. Returns the notification as it is now.
pub(super) fn close(
    context: &Context,
    notification: &Notification,
    held: &HeldLease,
    halt: &Halt,
) -> Notification {
    let Halt::Superseded(newer) = halt else { return *notification };
    if let Err(halt) = superseding::close(context, notification, held, *newer) {
        say(&format!("notification {} is not closed, and a worker does that: {halt:?}", notification.id));
    }
    match context.store.find_notification(notification.id) {
        Ok(Some(record)) => record.notification,
        Ok(None) | Err(_) => *notification,
    }
}
