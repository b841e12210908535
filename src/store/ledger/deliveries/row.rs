//! A row of `deliveries` to be. Writing it is left to the folder above and to `backend`.

use diesel::prelude::*;

use crate::domain::ids::{Epoch, NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::outcome::{Outcome, Permanence, Verdict};
use crate::store::backend::clock::DatabaseTime;
use crate::store::schema::deliveries;

/// A row of `deliveries` to be, with the epoch that its notification must have.
#[derive(Insertable)]
#[diesel(table_name = deliveries, treat_none_as_default_value = false)]
pub(crate) struct DeliveryRow {
    #[diesel(skip_insertion)]
    pub epoch: Epoch,
    pub notification_id: NotificationId,
    pub participant_id: ParticipantId,
    pub status: &'static str,
    pub attempts: i32,
    pub permanent: bool,
    pub smtp_code: Option<i32>,
    pub detail: Option<String>,
    pub decided_at: DatabaseTime,
}

impl DeliveryRow {
    /// `None` for a mail that is deferred.
    pub fn new(outcome: &Outcome, decided_at: DatabaseTime) -> Option<Self> {
        let (permanent, smtp_code, detail) = match &outcome.verdict {
            Verdict::Sent(None) => (false, None, None),
            Verdict::Sent(Some(said)) => (false, Some(said.code), Some(said.words.as_str())),
            Verdict::DryRun => (false, None, Some(Verdict::DRY_RUN)),
            Verdict::Skipped(reason) => (false, None, Some(reason.as_str())),
            Verdict::Failed { permanence, code, detail } => {
                (*permanence == Permanence::Permanent, *code, Some(detail.as_str()))
            }
            Verdict::Deferred { .. } => return None,
        };
        Some(Self {
            epoch: outcome.lease.epoch,
            notification_id: outcome.lease.notification_id,
            participant_id: outcome.participant_id,
            status: outcome.verdict.status()?.as_str(),
            attempts: i32::try_from(outcome.attempts).unwrap_or(i32::MAX),
            permanent,
            smtp_code: smtp_code.map(i32::from),
            detail: detail.map(str::to_owned),
            decided_at,
        })
    }

    /// Whether its lease is one of the current ones.
    pub fn is_valid(&self, current: &[Lease]) -> bool {
        current.contains(&Lease { notification_id: self.notification_id, epoch: self.epoch })
    }
}
