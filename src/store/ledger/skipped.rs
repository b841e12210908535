//! Outcomes of participants who were skipped because they had no address, or because it was suppressed: who of them may get the mail now,
//! and making those undecided again. Sending to them is left to `fanmail retry`.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::domain::outcome::{Status, Verdict};
use crate::domain::participant::Participant;
use crate::domain::suppression::SuppressionReason;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
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
        let have_address = |people: &[Participant]| {
            Ok(people.iter().filter(|one| one.email.is_some()).map(|one| one.id).collect())
        };
        self.reopen_skipped(lease, notification, &[Verdict::NO_ADDRESS], have_address)
    }

    /// The same for those whose address was suppressed, and is not any more.
    ///
    /// # Errors
    /// When the database does not answer, or `optouts` cannot be read.
    pub fn reopen_suppressed(
        &self,
        lease: Lease,
        notification: &Notification,
        optouts: bool,
    ) -> Result<Option<usize>, StoreError> {
        let words: Vec<&str> = SuppressionReason::EVERY.iter().map(|reason| reason.as_str()).collect();
        self.reopen_skipped(lease, notification, &words, |people| {
            self.find_unsuppressed(notification, people, optouts)
        })
    }

    /// The same for those who were skipped with one of these `details`. `find` returns which of them may get the mail now.
    fn reopen_skipped(
        &self,
        lease: Lease,
        notification: &Notification,
        details: &[&str],
        find: impl Fn(&[Participant]) -> Result<Vec<ParticipantId>, StoreError>,
    ) -> Result<Option<usize>, StoreError> {
        let (mut reopened, mut after) = (0, None);
        loop {
            let skipped = self.run("read who was skipped", |connection| {
                read_skipped(connection, notification.id, details, after)
            })?;
            let Some(last) = skipped.last() else { return Ok(Some(reopened)) };
            after = Some(*last);
            let ids = find(&self.find_readable(notification, &skipped)?)?;
            if ids.is_empty() {
                continue;
            }
            let delete =
                |connection: &mut AnyConnection| delete_skipped(connection, notification.id, details, &ids);
            match self.reopen(lease, delete)? {
                Some(number) => reopened += number,
                None => return Ok(None),
            }
        }
    }

    /// Those of the participants who take part. Where one cannot be read, the others are read in halves.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_readable(
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

    /// Those of the participants who have an address that is not suppressed.
    fn find_unsuppressed(
        &self,
        notification: &Notification,
        people: &[Participant],
        optouts: bool,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        let reasons = match self.suppression_lookup(optouts)? {
            None => HashMap::new(),
            Some(lookup) => {
                let addresses: Vec<&str> = people.iter().filter_map(|one| one.email.as_deref()).collect();
                self.find_reasons(&lookup, &addresses, notification.kind, notification.event_id)?
            }
        };
        let is_free = |address: &String| !reasons.contains_key(address);
        Ok(people.iter().filter(|one| one.email.as_ref().is_some_and(is_free)).map(|one| one.id).collect())
    }
}

fn read_skipped(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    details: &[&str],
    after: Option<ParticipantId>,
) -> QueryResult<Vec<ParticipantId>> {
    let Some(first) = ParticipantId::first_behind(after) else { return Ok(Vec::new()) };
    deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.ge(first))
        .filter(deliveries::status.eq(Status::Skipped.as_str()))
        .filter(deliveries::detail.eq_any(details))
        .select(deliveries::participant_id)
        .order(deliveries::participant_id)
        .limit(PAGE)
        .load(connection)
}

fn delete_skipped(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    details: &[&str],
    ids: &[ParticipantId],
) -> QueryResult<usize> {
    let skipped = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.eq_any(ids))
        .filter(deliveries::status.eq(Status::Skipped.as_str()))
        .filter(deliveries::detail.eq_any(details));
    diesel::delete(skipped).execute(connection)
}
