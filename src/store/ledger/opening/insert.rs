//! Inserting the notifications of new messages, all of a call in one statement.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::channel::ChannelName;
use crate::domain::ids::{Epoch, EventId, NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::message::details::DetailsJson;
use crate::domain::notification::Notification;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::backend::dispatch;
use crate::store::backend::errors::is_unreadable;
use crate::store::backend::insert_parts::insert_parts;
use crate::store::ledger::opening::attach::Attachment;
use crate::store::ledger::opening::coalesce::coalesce;
use crate::store::ledger::opening::row::NewNotification;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::ledger::recipients::row::RecipientRow;
use crate::store::ledger::row::NotificationState;
use crate::store::source::keys::AppKeys;
use crate::store::source::participants::find_audiences;

/// Inserts notifications for the arrivals with the indices `new`, and freezes their audiences.
pub(crate) fn insert(
    connection: &mut AnyConnection,
    worker: &str,
    arrivals: &[Arrival],
    new: &[usize],
    attachment: &Attachment<'_>,
    opened: &mut [Option<Opened>],
) -> QueryResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let event_ids: Vec<EventId> = new.iter().filter_map(|index| arrivals[*index].message.event_id).collect();
    let audiences = match new {
        [one] if arrivals[*one].asked_at.is_some() => {
            find_readable_audiences(connection, attachment.keys, &event_ids)?
        }
        _ => find_audiences(connection, attachment.keys, &event_ids)?,
    };
    let names: Vec<String> = new.iter().map(|index| arrivals[*index].session_name(worker)).collect();
    let received_at = DatabaseTime::now();
    let rows: Vec<NewNotification<'_>> = new
        .iter()
        .zip(&names)
        .map(|(index, name)| {
            let arrival = &arrivals[*index];
            let audience = audience_of(&arrival.message, &audiences);
            new_row(arrival, name, audience, attachment, received_at)
        })
        .collect();
    let ids = dispatch::insert_notifications(connection, &rows)?;
    list_given(connection, ids.iter().copied().zip(new.iter().map(|index| &arrivals[*index].message)))?;
    let messages = ids.iter().copied().zip(new.iter().map(|index| &arrivals[*index].message));
    let mut waiting = coalesce(connection, attachment.coalescing, attachment.clock, messages)?;
    for ((index, row), id) in new.iter().zip(&rows).zip(ids) {
        let arrival = &arrivals[*index];
        let new = opened_new(arrival, row, audience_of(&arrival.message, &audiences), id);
        opened[*index] = Some(match (waiting.remove(&id), new) {
            (Some(waits), Opened::Ours { notification, .. }) => {
                Opened::LeftToLedger { notification, waits: Some(waits) }
            }
            (_, new) => new,
        });
    }
    Ok(())
}

/// The same for a message that is tried alone after a call has failed. An event whose participants cannot be read is left out:
/// its audience is frozen as soon as they can. In a savepoint, because an error ends a transaction of `PostgreSQL`. A view may raise any
/// error, also that of a lost connection: if the transaction goes on, the database works.
fn find_readable_audiences(
    connection: &mut AnyConnection,
    keys: AppKeys,
    event_ids: &[EventId],
) -> QueryResult<HashMap<EventId, Audience>> {
    match connection.transaction(|connection| find_audiences(connection, keys, event_ids)) {
        Err(error) if is_unreadable(connection, &error) || dispatch::clock(connection).is_ok() => {
            Ok(HashMap::new())
        }
        audiences => audiences,
    }
}

/// Who the notification of a message is for. The audience of an event that is not known is not frozen.
pub(crate) fn audience_of(message: &Message, audiences: &HashMap<EventId, Audience>) -> Audience {
    match message.event_id {
        Some(id) => audiences.get(&id).copied().unwrap_or(Audience::Event { id, up_to: ParticipantId::MIN }),
        None => Audience::Given { count: count_of(message) },
    }
}

fn count_of(message: &Message) -> i64 {
    let recipients = message.recipients.as_ref().map_or(0, |recipients| recipients.len());
    i64::try_from(recipients).unwrap_or(i64::MAX)
}

/// Lists the recipients of new notices, each with its place in the message as its number.
pub(crate) fn list_given<'a>(
    connection: &mut AnyConnection,
    new: impl Iterator<Item = (NotificationId, &'a Message)>,
) -> QueryResult<()> {
    let rows: Vec<RecipientRow<'_>> = new
        .flat_map(|(id, message)| {
            let recipients = message.recipients.iter().flat_map(|recipients| recipients.iter());
            recipients.zip(1..).map(move |(one, number)| RecipientRow::given(id, ParticipantId(number), one))
        })
        .collect();
    insert_parts(&rows, RecipientRow::size).try_for_each(|rows| dispatch::insert_recipients(connection, rows))
}

fn new_row<'a>(
    arrival: &'a Arrival,
    session: &'a str,
    audience: Audience,
    attachment: &Attachment<'a>,
    received_at: DatabaseTime,
) -> NewNotification<'a> {
    let (key, starts_at_once) = (arrival.identity.key(), arrival.starts_at_once);
    NewNotification {
        broker_session: Some(session),
        delivery_tag: Some(arrival.tag()),
        delivered_at: Some(attachment.clock),
        ..row_of(&arrival.message, key, audience, starts_at_once, attachment, received_at)
    }
}

/// The row of a message, without its place at the broker.
pub(crate) fn row_of<'a>(
    message: &'a Message,
    key: Option<&'a str>,
    audience: Audience,
    starts_at_once: bool,
    attachment: &Attachment<'a>,
    received_at: DatabaseTime,
) -> NewNotification<'a> {
    let (event_id, event_key) = match &message.event_id {
        Some(EventId::Number(id)) => (Some(*id), None),
        Some(EventId::Text(key)) => (None, Some(key.as_str())),
        None => (None, None),
    };
    let state = if starts_at_once { NotificationState::Running } else { NotificationState::Waiting };
    NewNotification {
        message_key: key,
        channel: ChannelName::Email.as_str(),
        kind: message.kind.as_str(),
        event_id,
        event_key,
        audience: audience.as_str(),
        max_participant_id: audience.end(),
        priority: message.priority.unwrap_or_default().number(),
        content: message.details.as_ref().map(DetailsJson::as_str),
        content_digest: if key.is_none() { message.digest() } else { None },
        state: state.as_str(),
        received_at,
        lease_owner: attachment.owner,
        lease_until: attachment.until,
        epoch: Epoch::random(),
        broker_session: None,
        delivery_tag: None,
        delivered_at: None,
        acked_at: None,
    }
}

fn opened_new(
    arrival: &Arrival,
    row: &NewNotification<'_>,
    audience: Audience,
    id: NotificationId,
) -> Opened {
    Opened::Ours {
        notification: Notification {
            id,
            kind: arrival.message.kind,
            event_id: audience.event_id(),
            audience,
            priority: arrival.message.priority.unwrap_or_default(),
        },
        lease: Lease { notification_id: id, epoch: row.epoch },
        resumed: false,
        started: arrival.starts_at_once && audience.is_frozen(),
    }
}

/// What messages with the `message_id` of a message turn out to be that came in the same call and was new: pairs of their indices. The
/// notification keeps the place of the first one.
pub(crate) fn open_copies(arrivals: &[Arrival], same: &[(usize, usize)], opened: &mut [Option<Opened>]) {
    for (index, first) in same {
        let is_same = arrivals[*index].message.asks_for_same(&arrivals[*first].message);
        opened[*index] = match opened[*first] {
            Some(Opened::Ours { notification, lease, .. }) if is_same => {
                Some(Opened::Held { notification, lease })
            }
            Some(Opened::LeftToLedger { notification, .. }) if is_same => {
                Some(Opened::LeftToLedger { notification, waits: None })
            }
            Some(Opened::Ours { notification, .. } | Opened::LeftToLedger { notification, .. }) => {
                Some(Opened::Conflict(notification))
            }
            _ => continue,
        };
    }
}
