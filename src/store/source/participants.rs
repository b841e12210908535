//! Reads the participants of an event, a page at a time, in key order.

use std::collections::{HashMap, HashSet};

use diesel::dsl::max;
use diesel::prelude::*;

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::participants;
use crate::store::source::columns::{AppKey, AppText, not_blank};

impl Store {
    /// Up to `limit` participants of the event with `after < id <= up_to`, in key order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_page(
        &self,
        event_id: EventId,
        after: ParticipantId,
        up_to: ParticipantId,
        limit: u32,
    ) -> Result<Vec<Participant>, StoreError> {
        self.run("read a page of participants", |connection| {
            find_page(connection, event_id, after.max(ParticipantId(0)), up_to, limit)
        })
        .map(|rows| rows.into_iter().map(ParticipantRow::into_participant).collect())
    }
}

fn find_page(
    connection: &mut AnyConnection,
    event_id: EventId,
    after: ParticipantId,
    up_to: ParticipantId,
    limit: u32,
) -> QueryResult<Vec<ParticipantRow>> {
    participants::table
        .filter(participants::event_id.eq(event_id))
        .filter(participants::id.gt(after))
        .filter(participants::id.le(up_to))
        .order(participants::id)
        .limit(limit.into())
        .select(ParticipantRow::as_select())
        .load(connection)
}

/// The keys of such a page.
pub(crate) fn find_page_ids(
    connection: &mut AnyConnection,
    event_id: EventId,
    after: ParticipantId,
    up_to: ParticipantId,
    limit: u32,
) -> QueryResult<Vec<ParticipantId>> {
    participants::table
        .filter(participants::event_id.eq(event_id))
        .filter(participants::id.gt(after.max(ParticipantId(0))))
        .filter(participants::id.le(up_to))
        .order(participants::id)
        .limit(limit.into())
        .select(participants::id)
        .load_iter(connection)?
        .map(|id: QueryResult<AppKey>| id.map(|AppKey(id)| ParticipantId(id)))
        .collect()
}

/// Those of the participants who take part in the event, in any order.
pub(crate) fn find_by_ids(
    connection: &mut AnyConnection,
    event_id: EventId,
    ids: &[ParticipantId],
) -> QueryResult<Vec<Participant>> {
    let rows: Vec<ParticipantRow> = participants::table
        .filter(participants::event_id.eq(event_id))
        .filter(participants::id.eq_any(ids))
        .select(ParticipantRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(ParticipantRow::into_participant).collect())
}

/// The largest key of a participant of the event; 0 when the event has none. Only positive keys count, everywhere.
pub(crate) fn find_last_id(connection: &mut AnyConnection, event_id: EventId) -> QueryResult<ParticipantId> {
    participants::table
        .filter(participants::event_id.eq(event_id))
        .select(max(participants::id))
        .first(connection)
        .map(|id: Option<AppKey>| ParticipantId(id.map_or(0, |AppKey(id)| id.max(0))))
}

/// The same for many events.
pub(crate) fn find_last_ids(
    connection: &mut AnyConnection,
    event_ids: &[EventId],
) -> QueryResult<HashMap<EventId, ParticipantId>> {
    let distinct: HashSet<EventId> = event_ids.iter().copied().collect();
    distinct.into_iter().map(|event_id| Ok((event_id, find_last_id(connection, event_id)?))).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = participants)]
struct ParticipantRow {
    id: AppKey,
    email: Option<AppText>,
    name: Option<AppText>,
    locale: Option<AppText>,
}

impl ParticipantRow {
    fn into_participant(self) -> Participant {
        Participant {
            id: ParticipantId(self.id.0),
            email: not_blank(self.email),
            name: not_blank(self.name).unwrap_or_default(),
            locale: not_blank(self.locale),
        }
    }
}
