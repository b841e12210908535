//! Outcomes of participants who were skipped because their address is suppressed: who of them may get mails again, and making those
//! undecided again. Sending to them is left to `fanmail retry`.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::domain::outcome::Status;
use crate::domain::suppression::SuppressionReason;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::deliveries;

/// Those who are read at once.
const PAGE: i64 = 1_000;

impl Store {
    /// Deletes the outcomes of those who were skipped because their address was suppressed, take part, and whose address is not any more,
    /// so that they are undecided again, and returns their number. Those whose row cannot be read stay skipped. A page at a time, each in
    /// a transaction of its own: if it is interrupted, it can be repeated.
    ///
    /// `None` when the lease is not valid any more.
    ///
    /// # Errors
    /// When the database does not answer, or `optouts` cannot be read.
    pub fn reopen_suppressed(
        &self,
        lease: Lease,
        notification: &Notification,
        optouts: bool,
    ) -> Result<Option<usize>, StoreError> {
        let (mut reopened, mut after) = (0, None);
        loop {
            let skipped = self.run("read who was suppressed", |connection| {
                read_suppressed(connection, notification.id, after)
            })?;
            let Some(last) = skipped.last() else { return Ok(Some(reopened)) };
            after = Some(*last);
            let ids = self.find_unsuppressed(notification, &skipped, optouts)?;
            if ids.is_empty() {
                continue;
            }
            let delete =
                |connection: &mut AnyConnection| delete_suppressed(connection, notification.id, &ids);
            match self.reopen(lease, delete)? {
                Some(number) => reopened += number,
                None => return Ok(None),
            }
        }
    }

    /// Those of the participants who may get the mail now.
    fn find_unsuppressed(
        &self,
        notification: &Notification,
        ids: &[ParticipantId],
        optouts: bool,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        let people = self.find_readable(notification, ids)?;
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

/// The outcomes of participants whose address was suppressed.
#[diesel::dsl::auto_type]
fn is_suppressed() -> _ {
    let status: &'static str = Status::Skipped.as_str();
    let words: Vec<&'static str> = SuppressionReason::EVERY.iter().map(|reason| reason.as_str()).collect();
    deliveries::status.eq(status).and(deliveries::detail.eq_any(words))
}

fn read_suppressed(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    after: Option<ParticipantId>,
) -> QueryResult<Vec<ParticipantId>> {
    if after == Some(ParticipantId::MAX) {
        return Ok(Vec::new());
    }
    deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.ge(ParticipantId::first_after(after)))
        .filter(is_suppressed())
        .select(deliveries::participant_id)
        .order(deliveries::participant_id)
        .limit(PAGE)
        .load(connection)
}

fn delete_suppressed(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    ids: &[ParticipantId],
) -> QueryResult<usize> {
    let outcomes = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.eq_any(ids));
    diesel::delete(outcomes.filter(is_suppressed())).execute(connection)
}
