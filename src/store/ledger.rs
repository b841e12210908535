//! The ledger: notifications and what became of each of their mails.

use std::collections::HashSet;

use super::{Store, StoreError};
use crate::domain::notification::{Identity, Notification, Request};
use crate::domain::outcome::{Outcome, Tally};

/// What the ledger says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Its fan-out is to run: it is new, or was interrupted.
    Running {
        /// The notification.
        notification: Notification,
        /// Whether an earlier run had begun.
        resumed: bool,
    },
    /// All its people were decided before: it only wants an ack.
    Completed(Notification),
    /// Its `message_id` belongs to a notification that asks for something else.
    Conflict(Notification),
}

impl Store {
    /// Finds the notification that a message belongs to, or opens a new one, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn open_notification(&self, _identity: &Identity, _request: Request) -> Result<Opened, StoreError> {
        todo!()
    }

    /// Which participants with `after < id <= up_to` have an outcome already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn decided_between(
        &self,
        _notification_id: i64,
        _after: i64,
        _up_to: i64,
    ) -> Result<HashSet<i64>, StoreError> {
        todo!()
    }

    /// Commits outcomes, all or none. An outcome that is there already stays as it is.
    ///
    /// # Errors
    /// When the database does not answer; then none of them is recorded.
    pub fn record_outcomes(&self, _outcomes: &[Outcome]) -> Result<(), StoreError> {
        todo!()
    }

    /// Marks a notification as completed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn complete_notification(&self, _notification_id: i64) -> Result<(), StoreError> {
        todo!()
    }

    /// Notes that the broker knows of the acks of these notifications.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn mark_acked(&self, _notification_ids: &[i64]) -> Result<(), StoreError> {
        todo!()
    }

    /// How the people of a notification add up.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn tally(&self, _notification: &Notification) -> Result<Tally, StoreError> {
        todo!()
    }
}
