//! What `fanmail retry` does when the event of a notification is not in the database: it refuses, or closes a notification whose
//! message is lost.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;

use crate::commands::output::say;
use crate::domain::lease::Lease;
use crate::domain::missing_event::MissingEvent;
use crate::process_id;
use crate::store::Store;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::row::NotificationRecord;
use crate::text::count::count;

/// Why the notification cannot be sent, and what to do.
pub(super) fn refusal(record: &NotificationRecord, missing: &MissingEvent) -> String {
    let id = record.notification.id;
    if missing.similar.is_some() {
        return format!("notification {id} cannot be sent: {missing}");
    }
    format!(
        "event {} of notification {id} is not in the database; put it back, then run the same command again",
        missing.event_id
    )
}

/// Closes a notification that waits for a lost message, as abandoned. It can be sent when the event is back.
///
/// # Errors
/// When another process has started to send it, or when the database does not answer.
pub(super) fn close(
    store: &Store,
    record: &NotificationRecord,
    missing: &MissingEvent,
    term: Duration,
) -> anyhow::Result<ExitCode> {
    let id = record.notification.id;
    let lease_request = LeaseRequest { owner: process_id::this_process(), term };
    let seen = Lease { notification_id: id, epoch: record.epoch };
    let seen_until = record.holder.as_ref().map(|holder| holder.until);
    let reason = format!("{missing}; its message was lost");
    let lease = store.take_over(seen, seen_until, record.epoch.of_take_over(), &lease_request)?;
    let is_closed = match lease {
        Some(lease) => store.abandon_lost(lease, &reason)?,
        None => false,
    };
    if !is_closed {
        bail!("another process has started to send notification {id} meanwhile; see: fanmail status");
    }
    say(&format!("notification {id} is closed as abandoned: {reason}"));
    say(&format!(
        "if the event comes back, send with: fanmail retry --notification {id}; otherwise fanmail purge deletes the notification \
         when it is old"
    ));
    let pending = store.tally(&record.notification)?.pending;
    if pending > 0 {
        say(&format!("{} got no mail", count(pending, "participant")));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
