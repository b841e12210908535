//! Closing a notification without completing it, for a reason. What a retry does with it later is left to `retrying`.

use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::error::StoreError;
use crate::store::ledger::leases::no_lease;
use crate::store::ledger::row::NotificationState;
use crate::store::schema::{deferrals, deliveries, notifications, recipients};

impl Store {
    /// Marks a notification as abandoned for a `reason`, and ends its lease. `false` when the lease is not valid any more;
    /// then nothing has changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn abandon_notification(&self, lease: Lease, reason: &str) -> Result<bool, StoreError> {
        self.write("abandon a notification", |connection| abandon(connection, lease, reason))
    }

    /// The same, and if nothing has become of any recipient yet, the notification is for no one: its message had the key of no
    /// event, and a collation found participants of another one. If an event has that key later, those count who take part then.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn abandon_for_no_one(&self, lease: Lease, reason: &str) -> Result<bool, StoreError> {
        self.write("abandon a notification", |connection| {
            let abandoned = abandon(connection, lease, reason)?;
            if abandoned && is_untouched(connection, lease.notification_id)? {
                set_for_no_one(connection, lease.notification_id)?;
            }
            Ok(abandoned)
        })
    }

    /// Marks a notification as abandoned whose message is lost. If nothing has become of any recipient yet, its ack counts as
    /// recorded, so that a purge takes it: if the message comes after all, nobody has got a mail before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn abandon_lost(&self, lease: Lease, reason: &str) -> Result<bool, StoreError> {
        self.write("abandon a notification", |connection| {
            let abandoned = abandon(connection, lease, reason)?;
            if abandoned && is_untouched(connection, lease.notification_id)? {
                diesel::update(notifications::table.find(lease.notification_id))
                    .set(notifications::acked_at.eq(DatabaseTime::now().nullable()))
                    .execute(connection)?;
            }
            Ok(abandoned)
        })
    }
}

/// The same in a write transaction of the caller.
pub(crate) fn abandon(connection: &mut AnyConnection, lease: Lease, reason: &str) -> QueryResult<bool> {
    let leased =
        notifications::table.find(lease.notification_id).filter(notifications::epoch.eq(lease.epoch));
    let abandoned = diesel::update(leased.filter(notifications::state.eq_any(NotificationState::UNDECIDED)))
        .set((
            notifications::state.eq(NotificationState::Abandoned.as_str()),
            notifications::completed_at.eq(DatabaseTime::now().nullable()),
            notifications::reason.eq(reason),
            no_lease(),
        ))
        .execute(connection)?;
    // It is abandoned already if the reply to the first try was lost.
    let abandoned_before = leased.filter(notifications::state.eq(NotificationState::Abandoned.as_str()));
    Ok(abandoned > 0 || abandoned_before.count().get_result::<i64>(connection)? > 0)
}

/// The notification is for no one.
pub(crate) fn set_for_no_one(connection: &mut AnyConnection, id: NotificationId) -> QueryResult<()> {
    let nobody = Audience::Event { id: EventId::Number(0), up_to: ParticipantId::MIN };
    diesel::update(notifications::table.find(id))
        .set((
            notifications::audience.eq(nobody.as_str()),
            notifications::max_participant_id.eq(nobody.end()),
        ))
        .execute(connection)
        .map(drop)
}

/// Whether no recipient of the notification is decided, deferred or listed.
pub(crate) fn is_untouched(connection: &mut AnyConnection, id: NotificationId) -> QueryResult<bool> {
    let decided: Option<ParticipantId> = deliveries::table
        .filter(deliveries::notification_id.eq(id))
        .select(deliveries::participant_id)
        .first(connection)
        .optional()?;
    let deferred: Option<ParticipantId> = deferrals::table
        .filter(deferrals::notification_id.eq(id))
        .select(deferrals::participant_id)
        .first(connection)
        .optional()?;
    let listed: Option<ParticipantId> = recipients::table
        .filter(recipients::notification_id.eq(id))
        .select(recipients::id)
        .first(connection)
        .optional()?;
    Ok(decided.is_none() && deferred.is_none() && listed.is_none())
}
