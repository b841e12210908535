//! Reminders that are not sent, or not to everyone.

use crate::domain::kind::Kind;
use crate::observe::events::reminders::MISSED;
use crate::report::advice::{is_abandoned, without_mail};
use crate::report::naming::{id_of, name};
use crate::report::notifications::NotificationLine;

/// Whether it is a reminder that is not sent any more.
pub(super) fn is_left_out(line: &NotificationLine) -> bool {
    is_abandoned(line) && line.record.notification.kind == Kind::Reminder
}

/// Those that were missed before anybody got one.
pub(super) fn missed(lines: &[NotificationLine]) -> Option<String> {
    let missed = || {
        let is_missed = |line: &&NotificationLine| {
            line.record.reason.as_deref().is_some_and(|reason| reason.starts_with(MISSED))
        };
        lines.iter().filter(|line| is_left_out(line) && without_mail(line) == 0).filter(is_missed)
    };
    let named = name(missed(), |line| {
        let event = line.record.notification.event_id.map(|id| id.to_string()).unwrap_or_default();
        format!("{} (event {event})", line.id())
    })?;
    Some(format!(
        "Reminders that were missed, and are not sent: {named}. To send one all the same: fanmail retry --notification {}",
        id_of(missed())
    ))
}

/// The problem of one that some people got, if it is a reminder. `pending` are the others.
pub(super) fn cut_short(line: &NotificationLine, pending: &str) -> Option<String> {
    let reason = line.record.reason.as_deref().unwrap_or("no reason is recorded");
    is_left_out(line).then(|| {
        format!(
            "notification {0} is abandoned, and {pending} got no mail: {reason}. To send to them all the same: fanmail retry \
             --notification {0}. Else do nothing: fanmail purge deletes the notification",
            line.id()
        )
    })
}
