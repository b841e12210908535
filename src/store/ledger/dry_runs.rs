//! Whether a dry run or a worker that sends has begun a notification, as its outcomes say. What follows from it is left to the worker.

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::outcome::{Status, Verdict};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::ledger::snapshots::got_mail;
use crate::store::schema::{deferrals, deliveries};

impl Store {
    /// Whether the relay was asked about a mail of this notification: a recipient got one, was refused, or is deferred.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_asked_relay(&self, id: NotificationId) -> Result<bool, StoreError> {
        self.run("find out whether mails of a notification were sent", |connection| {
            let asked: Option<ParticipantId> = deliveries::table
                .filter(deliveries::notification_id.eq(id))
                .filter(
                    got_mail()
                        .or(deliveries::smtp_code.is_not_null())
                        .or(deliveries::reported_at.is_not_null()),
                )
                .select(deliveries::participant_id)
                .first(connection)
                .optional()?;
            let deferred: Option<ParticipantId> = deferrals::table
                .filter(deferrals::notification_id.eq(id))
                .select(deferrals::participant_id)
                .first(connection)
                .optional()?;
            Ok(asked.is_some() || deferred.is_some())
        })
    }

    /// Deletes the outcomes of a dry run that was interrupted, so that these people get their mails, and returns their number. `None`
    /// when the lease is not valid any more; then nothing has changed.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn forget_dry_run(&self, lease: Lease) -> Result<Option<usize>, StoreError> {
        let id = lease.notification_id;
        if self.run("find out whether a dry run has begun", |connection| is_of_dry_run(connection, id))? {
            self.reopen_dry_run(lease)
        } else {
            Ok(Some(0))
        }
    }
}

/// Whether the first of its mails is one of a dry run. Only the first one is read of those that were sent: there may be a million, and
/// workers of both kinds share no notification.
pub(crate) fn is_of_dry_run(connection: &mut AnyConnection, id: NotificationId) -> QueryResult<bool> {
    let first: Option<(Option<i32>, Option<String>)> = deliveries::table
        .filter(deliveries::notification_id.eq(id))
        .filter(deliveries::status.eq(Status::Sent.as_str()))
        .order(deliveries::participant_id)
        .select((deliveries::smtp_code, deliveries::detail))
        .first(connection)
        .optional()?;
    Ok(first.is_some_and(|(code, detail)| code.is_none() && detail.as_deref() == Some(Verdict::DRY_RUN)))
}
