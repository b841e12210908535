//! Outcomes of participants who were skipped because they had no address: who of them has one now, and making those undecided
//! again. Sending to them is left to `fanmail retry`.

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::ledger::deliveries::has_no_address;
use crate::store::schema::deliveries;

/// Those who are read at once.
const PAGE: i64 = 1_000;

impl Store {
    /// Deletes the outcomes of those who were skipped without an address, take part in the event and have an address now, so that
    /// they are undecided again, and returns their number. Those whose row cannot be read stay skipped. A page at a time, each in
    /// a transaction of its own: if it is interrupted, it can be repeated.
    ///
    /// `None` when the lease is not valid any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn reopen_without_address(
        &self,
        lease: Lease,
        notification: &Notification,
    ) -> Result<Option<usize>, StoreError> {
        let (mut reopened, mut after) = (0, None);
        loop {
            let skipped = self.run("read who had no address", |connection| {
                read_without_address(connection, notification.id, after)
            })?;
            let Some(last) = skipped.last() else { return Ok(Some(reopened)) };
            after = Some(*last);
            let people = self.find_readable(notification, &skipped)?;
            let with_address = people.into_iter().filter(|participant| participant.email.is_some());
            let ids: Vec<ParticipantId> = with_address.map(|participant| participant.id).collect();
            if ids.is_empty() {
                continue;
            }
            let delete =
                |connection: &mut AnyConnection| delete_without_address(connection, notification.id, &ids);
            match self.reopen(lease, delete)? {
                Some(number) => reopened += number,
                None => return Ok(None),
            }
        }
    }

    /// Those of the participants who take part. Where one cannot be read, the others are read in halves.
    pub(crate) fn find_readable(
        &self,
        notification: &Notification,
        ids: &[ParticipantId],
    ) -> Result<Vec<Participant>, StoreError> {
        match self.find_participants(notification, ids) {
            Err(error) if error.is_unreadable() && ids.len() > 1 => {
                let (lower, upper) = ids.split_at(ids.len() / 2);
                let mut found = self.find_readable(notification, lower)?;
                found.extend(self.find_readable(notification, upper)?);
                Ok(found)
            }
            Err(error) if error.is_unreadable() => Ok(Vec::new()),
            found => found,
        }
    }
}

fn read_without_address(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    after: Option<ParticipantId>,
) -> QueryResult<Vec<ParticipantId>> {
    let of_notification = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(has_no_address())
        .select(deliveries::participant_id)
        .order(deliveries::participant_id)
        .limit(PAGE);
    match after {
        Some(after) => of_notification.filter(deliveries::participant_id.gt(after)).load(connection),
        None => of_notification.load(connection),
    }
}

fn delete_without_address(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    ids: &[ParticipantId],
) -> QueryResult<usize> {
    let outcomes = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.eq_any(ids));
    diesel::delete(outcomes.filter(has_no_address())).execute(connection)
}
