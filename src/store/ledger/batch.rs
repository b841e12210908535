//! Snapshots, outcomes, suppressions, completions and acks of one batch in one transaction: a commit is the dearest part of each. What each of them
//! does is left to `snapshots`, `deliveries`, `suppressions`, `completion` and `acks`.

use std::collections::BTreeSet;

use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::domain::outcome::Outcome;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::acks::{AckedMessage, record_acks};
use crate::store::ledger::completion::{Completing, Completion, complete_all};
use crate::store::ledger::deliveries::insert_outcomes;
use crate::store::ledger::snapshots::insert_snapshots;
use crate::store::ledger::snapshots::row::NewSnapshot;
use crate::store::suppressions::{NewSuppression, insert_suppressions};

/// What is written together.
#[derive(Debug, Clone, Copy, Default)]
pub struct LedgerBatch<'a> {
    /// The events as they are shown. A snapshot is refused without a word if its lease is not valid.
    pub snapshots: &'a [NewSnapshot<'a>],
    /// What became of mails.
    pub outcomes: &'a [Outcome],
    /// Addresses that the relay says do not exist.
    pub suppressions: &'a [NewSuppression],
    /// Notifications to be completed.
    pub completing: &'a [Completing],
    /// Messages whose ack the broker has.
    pub acked: &'a [AckedMessage],
}

impl LedgerBatch<'_> {
    /// Whether there are things of several kinds in it, which one transaction makes one.
    #[must_use]
    pub fn needs_transaction(&self) -> bool {
        let Self { snapshots, outcomes, suppressions, completing, acked } = self;
        let kinds = [
            snapshots.is_empty(),
            outcomes.is_empty(),
            suppressions.is_empty(),
            completing.is_empty(),
            acked.is_empty(),
        ];
        kinds.iter().filter(|is_empty| !**is_empty).count() > 1
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBatch {
    /// The leases that are not valid any more, as [`Store::record_outcomes`] returns them.
    pub refused: BTreeSet<Lease>,
    /// One for each notification that was to be completed, in their order.
    pub completions: Vec<Completion>,
}

impl Store {
    /// Writes the snapshots, and does in the same transaction what [`Self::record_outcomes`], [`Self::complete_notifications`] and
    /// [`Self::record_acks`] do, in this order.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed, or the reply to the commit was lost: all of it may be
    /// repeated.
    pub fn record_batch(&self, batch: LedgerBatch<'_>) -> Result<RecordedBatch, StoreError> {
        let LedgerBatch { snapshots, outcomes, suppressions, completing, acked } = batch;
        let ids: BTreeSet<NotificationId> = (outcomes.iter().map(|outcome| outcome.lease.notification_id))
            .chain(snapshots.iter().map(|one| one.lease.notification_id))
            .chain(completing.iter().map(|one| one.lease.notification_id))
            .chain(acked.iter().map(|one| one.notification_id))
            .collect();
        let ids: Vec<NotificationId> = ids.into_iter().collect();
        let keys = self.event_keys()?;
        self.write("record a batch", |connection| {
            // Every transaction that locks several notifications does so in key order. SQLite has locked them already.
            let locked = if dispatch::has_round_trips(connection) {
                Some(dispatch::lock_notifications(connection, &ids)?)
            } else {
                None
            };
            insert_snapshots(connection, snapshots)?;
            let refused = insert_outcomes(connection, outcomes)?;
            insert_suppressions(connection, suppressions)?;
            let completions = complete_all(connection, &keys, completing, locked.as_deref())?;
            record_acks(connection, acked, locked.is_some())?;
            Ok(RecordedBatch { refused, completions })
        })
    }
}
