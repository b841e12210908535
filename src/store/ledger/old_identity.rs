//! Which notification a message belongs to.
//!
//! A `message_id` decides for ever. A message without one is new, unless the broker marks it as redelivered: then it belongs
//! to the newest notification of the same kind and event, also without a `message_id`, that is running, or completed without
//! a recorded ack.

use diesel::dsl::{max, not};
use diesel::prelude::*;

use crate::domain::channel::ChannelName;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::row::{NotificationRow, NotificationState};
use crate::store::schema::notifications;

/// The notification of a message; `None` when the message is new. `owner` is the worker that has received the message.
pub(crate) fn find_of_message(
    connection: &mut AnyConnection,
    identity: &Identity,
    message: Message,
    owner: &str,
) -> QueryResult<Option<NotificationRow>> {
    match identity.key() {
        Some(key) => find_by_key(connection, key),
        None if identity.redelivered => find_newest_unacked(connection, message),
        None => find_lost_insert(connection, message, owner),
    }
}

fn find_by_key(connection: &mut AnyConnection, key: &str) -> QueryResult<Option<NotificationRow>> {
    notifications::table
        .filter(notifications::message_key.eq(key))
        .filter(notifications::channel.eq(ChannelName::Email.as_str()))
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()
}

/// The newest one whose ack is not recorded. A completed one counts only while no newer one exists: if its ack was never
/// recorded because the worker died, it must not swallow a message of a later day.
fn find_newest_unacked(
    connection: &mut AnyConnection,
    message: Message,
) -> QueryResult<Option<NotificationRow>> {
    let newest_unacked = without_message_id(message)
        .filter(notifications::acked_at.is_null())
        .order(notifications::id.desc())
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = newest_unacked else {
        return Ok(None);
    };
    let newest: Option<NotificationId> =
        without_message_id(message).select(max(notifications::id)).first(connection)?;
    let may_match = row.state == NotificationState::Running.as_str() || newest == Some(row.id);
    Ok(may_match.then_some(row))
}

/// One that this worker has opened without knowing it: the reply to the commit was lost, and the operation is repeated. A
/// worker runs one notification of an event at a time, so a running one that it has leased can be nothing else.
fn find_lost_insert(
    connection: &mut AnyConnection,
    message: Message,
    owner: &str,
) -> QueryResult<Option<NotificationRow>> {
    without_message_id(message)
        .filter(notifications::state.eq(NotificationState::Running.as_str()))
        .filter(notifications::lease_owner.eq(owner))
        .order(notifications::id.desc())
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()
}

/// The notifications of this kind and event whose messages had no `message_id`. Written so that SQLite finds them by the
/// event: for `message_key IS NULL` it expects one row, as for any key, and would read all notifications without a key (2 ms
/// at 5,000).
#[diesel::dsl::auto_type]
pub(crate) fn without_message_id(message: Message) -> _ {
    let (event_id, kind): (EventId, &'static str) = (message.event_id, message.kind.as_str());
    let channel: &'static str = ChannelName::Email.as_str();
    notifications::table
        .filter(notifications::event_id.eq(event_id))
        .filter(notifications::kind.eq(kind))
        .filter(notifications::channel.eq(channel))
        .filter(not(notifications::message_key.is_not_null()))
}
