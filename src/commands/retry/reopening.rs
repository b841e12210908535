//! Which outcomes `fanmail retry` deletes, so that their recipients are sent to again; and what a dry run leaves alone.

use crate::commands::retry::RetryArgs;
use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::store::error::StoreError;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Context;

/// Whether this is a dry run, and a worker that sends has begun the notification: a dry run would record the other mails as sent.
pub(super) fn is_left_alone(context: &Context, id: NotificationId) -> Result<bool, Stopped> {
    let Context { store, database_retry, dummy, .. } = context;
    if *dummy { database_retry.until_ok(|| store.has_asked_relay(id)) } else { Ok(false) }
}

/// Deletes the outcomes that are tried again, and starts a notification that is not completed. `None` when the lease is not
/// valid any more. A dry run deletes none: it would replace failures by outcomes of mails that it does not send.
pub(super) fn reopen(
    context: &Context,
    record: &NotificationRecord,
    lease: Lease,
    args: &RetryArgs,
) -> Result<Result<Option<Notification>, StoreError>, Stopped> {
    let Context { store, database_retry, .. } = context;
    database_retry.while_transient(|| {
        if !context.dummy && store.reopen_failed(lease, args.permanent_too)?.is_none() {
            return Ok(None);
        }
        if !context.dummy
            && args.permanent_too
            && (store.reopen_without_address(lease, &record.notification)?.is_none()
                || store.reopen_suppressed(lease, &record.notification, context.optouts)?.is_none())
        {
            return Ok(None);
        }
        if args.dummy_too && store.reopen_dry_run(lease)?.is_none() {
            return Ok(None);
        }
        match record.state {
            NotificationState::Completed => Ok(Some(record.notification)),
            NotificationState::Abandoned | NotificationState::SetAside => store.freeze_audience(lease),
            NotificationState::Waiting | NotificationState::Running => store.start_notification(lease),
        }
    })
}
