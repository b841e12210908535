//! Which notifications are acked: the broker is known to have the ack of their message.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::NaiveDateTime;
use diesel::dsl::not;
use diesel::prelude::*;

use crate::domain::ids::NotificationId;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::EarlierTime;
use crate::store::backend::dispatch;
use crate::store::backend::prepared::PreparedUpdate;
use crate::store::error::StoreError;
use crate::store::ledger::completion::LOCKED_BATCH;
use crate::store::ledger::identity::sessions::Sessions;
use crate::store::schema::{INSERT_ROWS, notifications};

/// A notification whose message was acked, with the receipt that was acked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckedMessage {
    /// The notification.
    pub notification_id: NotificationId,
    /// The name of the session that acked it, as [`crate::domain::session::BrokerSession::name`] gives it.
    pub session: String,
    /// The delivery tag in that session.
    pub tag: u64,
    /// When the ack was sent. The ledger is to have this time: which acks a crash makes the broker forget depends on the pauses
    /// between them, and an ack may be recorded much later.
    pub sent_at: Instant,
}

impl AckedMessage {
    fn tag(&self) -> i64 {
        i64::try_from(self.tag).unwrap_or(i64::MAX)
    }
}

impl Store {
    /// Records that the broker has these acks, in one transaction. Changes nothing about a notification that another receipt
    /// holds by now: its message has come again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn record_acks(&self, acked: &[AckedMessage]) -> Result<(), StoreError> {
        if let [one] = acked {
            // The common case is one statement, without a transaction around it.
            return self
                .write_once("record that a message is acked", |connection| record_ack(connection, one));
        }
        self.write("record that messages are acked", |connection| record_acks(connection, acked, false))
    }

    /// Which of these notifications are known to be acked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_acked(&self, ids: &[NotificationId]) -> Result<Vec<NotificationId>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.run("find out which messages are acked", |connection| {
            notifications::table
                .filter(notifications::id.eq_any(ids))
                .filter(notifications::acked_at.is_not_null())
                .order(notifications::id)
                .select(notifications::id)
                .load(connection)
        })
    }
}

/// Records acks in a write transaction of the caller. `locked`: their notifications are locked already.
pub(crate) fn record_acks(
    connection: &mut AnyConnection,
    acked: &[AckedMessage],
    locked: bool,
) -> QueryResult<()> {
    let mut sorted: Vec<&AckedMessage> = acked.iter().collect();
    // Every transaction that locks several notifications does so in key order.
    sorted.sort_unstable_by_key(|one| one.notification_id);
    if sorted.len() < LOCKED_BATCH || !dispatch::has_round_trips(connection) {
        return sorted.iter().try_for_each(|one| record_ack(connection, one));
    }
    if !locked {
        let ids: Vec<NotificationId> = sorted.iter().map(|one| one.notification_id).collect();
        dispatch::lock_notifications(connection, &ids)?;
    }
    let mut together: BTreeMap<(&str, Instant), Vec<&AckedMessage>> = BTreeMap::new();
    for one in &sorted {
        together.entry((&one.session, one.sent_at)).or_default().push(one);
    }
    for ((session, sent_at), acked) in together {
        let tags = acked.iter().map(|one| one.tag());
        // A tag of a session names one message, which belongs to one notification.
        let held = notifications::table
            .filter(notifications::id.eq_any(acked.iter().map(|one| one.notification_id)))
            .filter(notifications::broker_session.eq(session))
            .filter(notifications::delivery_tag.eq_any(tags))
            .filter(notifications::acked_at.is_null());
        diesel::update(held)
            .set(notifications::acked_at.eq(EarlierTime::of(sent_at).nullable()))
            .execute(connection)?;
    }
    Ok(())
}

/// A statement that is prepared already.
fn record_ack(connection: &mut AnyConnection, one: &AckedMessage) -> QueryResult<()> {
    let held = notifications::id
        .eq(one.notification_id)
        .and(notifications::broker_session.eq(&one.session))
        .and(notifications::delivery_tag.eq(one.tag()))
        .and(notifications::acked_at.is_null());
    let acked_at = notifications::acked_at.eq(EarlierTime::of(one.sent_at).nullable());
    PreparedUpdate::new(acked_at, held).execute(connection).map(drop)
}

/// Records the acks that no worker has recorded, because it was killed right after them, and that `sessions` prove. Only those of
/// messages without a `message_id`: a message that has one swallows no other.
pub(crate) fn record_proven_acks(
    connection: &mut AnyConnection,
    sessions: &Sessions<'_>,
    clock: NaiveDateTime,
) -> QueryResult<()> {
    let ended = || {
        notifications::table
            .filter(notifications::acked_at.is_null())
            .filter(notifications::completed_at.is_not_null())
            .filter(not(notifications::message_key.is_not_null()))
    };
    let ids: Vec<NotificationId> =
        ended().order(notifications::id).select(notifications::id).load(connection)?;
    for ids in ids.chunks(INSERT_ROWS) {
        // From here on, no other worker attaches a message to them.
        dispatch::lock_notifications(connection, ids)?;
        let columns =
            (notifications::id, notifications::broker_session, notifications::completed_at.assume_not_null());
        let ended: Vec<(NotificationId, Option<String>, NaiveDateTime)> =
            ended().filter(notifications::id.eq_any(ids)).select(columns).load(connection)?;
        let acked = ended.into_iter().filter(|(_, session, ended_at)| {
            !sessions.is_of_another_queue(session.as_deref())
                && sessions.was_acked(session.as_deref(), *ended_at, clock)
        });
        diesel::update(notifications::table.filter(notifications::id.eq_any(acked.map(|(id, _, _)| id))))
            .set(notifications::acked_at.eq(notifications::completed_at))
            .execute(connection)?;
    }
    Ok(())
}
