//! Whether an event was cancelled after something: for messages about it that are older, and come late.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::dry_runs::is_of_dry_run;
use crate::store::ledger::tally::of_event;
use crate::store::schema::notifications;

/// A notification that an event is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancellation {
    /// The notification.
    pub id: NotificationId,
    /// When its message was received.
    pub received_at: NaiveDateTime,
}

impl Store {
    /// The newest cancellation of the event, but none of a dry run, whose mails nobody got.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_cancellation(&self, event_id: EventId) -> Result<Option<Cancellation>, StoreError> {
        self.run("find out whether an event was cancelled", |connection| {
            let cancelled: Vec<(NotificationId, NaiveDateTime)> = of_event(Some(event_id))
                .filter(notifications::kind.eq(Kind::Cancelled.as_str()))
                .order(notifications::id.desc())
                .select((notifications::id, notifications::received_at))
                .load(connection)?;
            for (id, received_at) in cancelled {
                if !is_of_dry_run(connection, id)? {
                    return Ok(Some(Cancellation { id, received_at }));
                }
            }
            Ok(None)
        })
    }
}
