//! Outcomes of participants whose address another one has, who gets the mail: who that is, and whether it is certain that the
//! address gets one. Who they are now, and whether two addresses are one, is left to the worker.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::outcome::{Status, Verdict};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::row::DeferralRow;
use crate::store::schema::{INSERT_ROWS, deliveries};

/// A participant with such an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkippedForAddress {
    /// Its key.
    pub id: ParticipantId,
    /// The one that is to get the mail. `None` when that one has got it, or was skipped because of a newer notification.
    pub first: Option<ParticipantId>,
}

/// A participant who is tried in the place of one who has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Its key.
    pub id: ParticipantId,
    /// Those who have the same address and stay skipped.
    pub others: Vec<ParticipantId>,
}

/// What an outcome says about the address of its participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressOutcome {
    /// It was tried: `sent` or `failed`.
    Tried,
    /// This other participant has it.
    Other(ParticipantId),
    /// Nothing.
    Skipped,
}

impl AddressOutcome {
    fn new(status: &str, detail: Option<&str>) -> Self {
        if status != Status::Skipped.as_str() {
            return Self::Tried;
        }
        detail.and_then(Verdict::first_with_address).map_or(Self::Skipped, Self::Other)
    }

    /// Who has the mail to the address of participant `id`, whose outcome this is.
    #[must_use]
    pub fn participant_with_mail(self, id: ParticipantId) -> Option<ParticipantId> {
        match self {
            Self::Tried => Some(id),
            Self::Other(first) => Some(first),
            Self::Skipped => None,
        }
    }
}

impl Store {
    /// The outcomes of the participants with `after < id <= up_to`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn address_outcomes_between(
        &self,
        notification_id: NotificationId,
        after: impl Into<Option<ParticipantId>>,
        up_to: ParticipantId,
    ) -> Result<HashMap<ParticipantId, AddressOutcome>, StoreError> {
        let first = ParticipantId::first_after(after.into());
        self.run("read which participants are decided", |connection| {
            let rows: Vec<(ParticipantId, String, Option<String>)> = deliveries::table
                .filter(deliveries::notification_id.eq(notification_id))
                .filter(deliveries::participant_id.ge(first))
                .filter(deliveries::participant_id.le(up_to))
                .select((deliveries::participant_id, deliveries::status, deliveries::detail))
                .load(connection)?;
            let outcome = |(id, status, detail): (ParticipantId, String, Option<String>)| {
                (id, AddressOutcome::new(&status, detail.as_deref()))
            };
            Ok(rows.into_iter().map(outcome).collect())
        })
    }

    /// Up to `limit` of those behind `after` who were skipped in favour of another one with the same address, in key order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_skipped_for_address(
        &self,
        notification_id: NotificationId,
        after: impl Into<Option<ParticipantId>>,
        limit: u32,
    ) -> Result<Vec<SkippedForAddress>, StoreError> {
        let Some(first) = ParticipantId::first_behind(after.into()) else { return Ok(Vec::new()) };
        self.run("read who was skipped because of their address", |connection| {
            let rows: Vec<Row> = of_notification(notification_id)
                .filter(deliveries::participant_id.ge(first))
                .filter(has_same_address())
                .order(deliveries::participant_id)
                .limit(limit.into())
                .select((deliveries::participant_id, deliveries::detail))
                .load(connection)?;
            without_settled(connection, notification_id, rows)
        })
    }

    /// Those who were skipped in favour of one of these participants, in key order. Reads all outcomes of the notification.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_skipped_for(
        &self,
        notification_id: NotificationId,
        firsts: &[ParticipantId],
    ) -> Result<Vec<SkippedForAddress>, StoreError> {
        self.run("read who was skipped because of their address", |connection| {
            let details = firsts.iter().map(|first| format!("{}{first}", Verdict::SAME_ADDRESS));
            let rows: Vec<Row> = of_notification(notification_id)
                .filter(deliveries::status.eq(Status::Skipped.as_str()))
                .filter(deliveries::detail.eq_any(details.collect::<Vec<_>>()))
                .order(deliveries::participant_id)
                .select((deliveries::participant_id, deliveries::detail))
                .load(connection)?;
            without_settled(connection, notification_id, rows)
        })
    }

    /// Deletes such outcomes of these participants, who are undecided then. `false` when the lease is not valid any more; then
    /// nothing has changed.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn reopen_skipped_for_address(
        &self,
        lease: Lease,
        ids: &[ParticipantId],
    ) -> Result<bool, StoreError> {
        self.write("reopen outcomes", |connection| {
            if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
                return Ok(false);
            }
            ids.chunks(INSERT_ROWS).try_for_each(|ids| delete(connection, lease.notification_id, ids))?;
            Ok(true)
        })
    }

    /// Defers the successors until now, and has the outcomes of the others name them. `false` when the lease is not valid any
    /// more; then nothing has changed. May be repeated.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn defer_successors(&self, lease: Lease, successors: &[Successor]) -> Result<bool, StoreError> {
        let id = lease.notification_id;
        self.write("defer mails", |connection| {
            if dispatch::lock_notifications(connection, &[id])? != [lease] {
                return Ok(false);
            }
            let now = dispatch::clock(connection)?;
            for successor in successors {
                delete(connection, id, &[successor.id])?;
                for others in successor.others.chunks(INSERT_ROWS) {
                    let detail = format!("{}{}", Verdict::SAME_ADDRESS, successor.id);
                    let others = of_notification(id)
                        .filter(deliveries::participant_id.eq_any(others))
                        .filter(has_same_address());
                    diesel::update(others).set(deliveries::detail.eq(detail)).execute(connection)?;
                }
            }
            let row = |successor: &Successor| DeferralRow {
                notification_id: id,
                participant_id: successor.id,
                tries: 1,
                next_try_at: now,
                smtp_code: None,
                detail: "the participant with the same address has left".to_owned(),
            };
            dispatch::insert_deferrals(connection, &successors.iter().map(row).collect::<Vec<_>>())?;
            Ok(true)
        })
    }
}

/// Key and detail.
type Row = (ParticipantId, Option<String>);

#[diesel::dsl::auto_type]
fn of_notification(notification_id: NotificationId) -> _ {
    deliveries::table.filter(deliveries::notification_id.eq(notification_id))
}

/// The outcomes of those who were skipped in favour of another participant with the same address.
#[diesel::dsl::auto_type]
pub(crate) fn has_same_address() -> _ {
    let status: &'static str = Status::Skipped.as_str();
    deliveries::status.eq(status).and(deliveries::detail.like("same address as %"))
}

fn delete(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    ids: &[ParticipantId],
) -> QueryResult<()> {
    let outcomes = of_notification(notification_id).filter(deliveries::participant_id.eq_any(ids));
    diesel::delete(outcomes.filter(has_same_address())).execute(connection).map(drop)
}

/// Adds who is to get the mail. One that cannot be told is taken for one that has got it.
fn without_settled(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    rows: Vec<Row>,
) -> QueryResult<Vec<SkippedForAddress>> {
    let first = |detail: &Option<String>| detail.as_deref().and_then(Verdict::first_with_address);
    let ids: HashSet<ParticipantId> = rows.iter().filter_map(|(_, detail)| first(detail)).collect();
    let ids: Vec<ParticipantId> = ids.into_iter().collect();
    let mut settled = HashSet::new();
    for ids in ids.chunks(INSERT_ROWS) {
        settled.extend(find_settled(connection, notification_id, ids)?);
    }
    let skipped = |(id, detail): Row| SkippedForAddress {
        id,
        first: first(&detail).filter(|first| !settled.contains(first)),
    };
    Ok(rows.into_iter().map(skipped).collect())
}

/// The outcomes of mails that went to the address. What came back from there would come back again.
#[diesel::dsl::auto_type]
fn went_out() -> _ {
    let sent: &'static str = Status::Sent.as_str();
    let bounced: &'static str = Status::Bounced.as_str();
    let complained: &'static str = Status::Complained.as_str();
    deliveries::status.eq(sent).or(deliveries::status.eq(bounced)).or(deliveries::status.eq(complained))
}

/// Those of the participants who have got the mail, or were skipped because of a newer notification.
fn find_settled(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    ids: &[ParticipantId],
) -> QueryResult<Vec<ParticipantId>> {
    let has_newer = deliveries::detail
        .eq(Verdict::CANCELLED)
        .or(deliveries::detail.like(format!("{}%", Verdict::SUPERSEDED_BY)));
    let outdated = deliveries::status.eq(Status::Skipped.as_str()).and(has_newer);
    of_notification(notification_id)
        .filter(deliveries::participant_id.eq_any(ids))
        .filter(went_out().or(outdated))
        .select(deliveries::participant_id)
        .load(connection)
}
