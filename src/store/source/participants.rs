//! Reads the participants of an event, a page at a time, in key order. Keys are whole numbers here; those that are text are left to
//! `listed`.

use std::collections::{BTreeSet, HashMap};

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel::{QueryableByName, sql_query};

use crate::domain::audience::Audience;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::{Participant, keep_one};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::participants;
use crate::store::source::columns::{AppKey, AppText, LargestKey, not_blank};
use crate::store::source::event_keys::{AppEvent, of_event};
use crate::store::source::keys::{AppKeys, ParticipantKeys};
use crate::store::source::zone_column::ZoneColumn;

/// Participants in a page of [`Store::for_each_page`].
const PAGE: u32 = 1000;

/// Most events that one query asks about.
const EVENTS_PER_QUERY: usize = 100;

impl Store {
    /// Up to `limit` participants of the event with `after < id <= up_to`, in key order. Without `after`, from the smallest key
    /// on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_page(
        &self,
        event_id: EventId,
        after: impl Into<Option<ParticipantId>>,
        up_to: ParticipantId,
        limit: u32,
    ) -> Result<Vec<Participant>, StoreError> {
        self.read_range(event_id, ParticipantId::first_after(after.into()), up_to, limit)
    }

    /// The same with `first <= id <= up_to`.
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read.
    pub fn read_range(
        &self,
        event_id: EventId,
        first: ParticipantId,
        up_to: ParticipantId,
        limit: u32,
    ) -> Result<Vec<Participant>, StoreError> {
        self.with_app_keys(|keys| {
            let event = keys.events.in_participants(event_id);
            self.run("read a page of participants", |connection| {
                read_rows(connection, keys.zones, event, first, up_to, limit)
            })
        })
    }

    /// The keys of such a page.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be read.
    pub fn read_page_ids(
        &self,
        event_id: EventId,
        after: impl Into<Option<ParticipantId>>,
        up_to: ParticipantId,
        limit: u32,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        let after = after.into();
        let event = self.event_keys()?.in_participants(event_id);
        self.run("read the keys of participants", |connection| {
            find_page_ids(connection, event, after, up_to, limit)
        })
    }

    /// Whether the largest keys of these events' participants can be read, as for notifications that are opened.
    ///
    /// # Errors
    /// When they cannot, or the database does not answer.
    pub fn check_audiences(&self, event_ids: &[EventId]) -> Result<(), StoreError> {
        let keys = self.app_keys()?;
        self.run("read the largest keys of participants", |connection| {
            find_audiences(connection, keys, event_ids).map(drop)
        })
    }

    /// Calls `use_page` with all participants of the event, a thousand at a time, in key order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn for_each_page(
        &self,
        event_id: EventId,
        mut use_page: impl FnMut(Vec<Participant>),
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.read_page(event_id, after, ParticipantId::MAX, PAGE)?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map(|person| person.id);
            use_page(page);
            if is_last || after == Some(ParticipantId::MAX) {
                return Ok(());
            }
        }
    }
}

/// The participants with `$of_event` and `$first <= id <= $up_to`, in key order. Not `id > after`: nothing is before the
/// smallest key.
macro_rules! page {
    ($of_event:expr, $first:expr, $up_to:expr, $limit:expr) => {
        participants::table
            .filter($of_event)
            .filter(participants::id.ge($first))
            .filter(participants::id.le($up_to))
            .order(participants::id)
            .limit(i64::from($limit))
    };
}

/// The keys of such a page.
pub(crate) fn find_page_ids(
    connection: &mut AnyConnection,
    event: AppEvent,
    after: Option<ParticipantId>,
    up_to: ParticipantId,
    limit: u32,
) -> QueryResult<Vec<ParticipantId>> {
    let first = ParticipantId::first_after(after);
    of_event!(event, participants::event_id, is_of_event => {
        page!(is_of_event, first, up_to, limit)
            .select(participants::id)
            .load_iter(connection)?
            .map(|id: QueryResult<AppKey>| id.map(|AppKey(id)| ParticipantId(id)))
            .collect()
    })
}

/// Up to `limit` participants of the event with `first <= id <= up_to`, in key order.
pub(crate) fn read_rows(
    connection: &mut AnyConnection,
    zones: ZoneColumn,
    event: AppEvent,
    first: ParticipantId,
    up_to: ParticipantId,
    limit: u32,
) -> QueryResult<Vec<Participant>> {
    let rows: Vec<ParticipantRow> = of_event!(event, participants::event_id, is_of_event => {
        page!(is_of_event, first, up_to, limit).select(columns(zones)).load(connection)
    })?;
    Ok(rows.into_iter().map(ParticipantRow::into_participant).collect())
}

/// Those of the participants who take part in the event, each once.
pub(crate) fn find_by_ids(
    connection: &mut AnyConnection,
    zones: ZoneColumn,
    event: AppEvent,
    ids: &[ParticipantId],
) -> QueryResult<Vec<Participant>> {
    let rows: Vec<ParticipantRow> = of_event!(event, participants::event_id, is_of_event => {
        participants::table
            .filter(is_of_event)
            .filter(participants::id.eq_any(ids))
            .select(columns(zones))
            .load(connection)
    })?;
    let mut people: Vec<_> = rows.into_iter().map(ParticipantRow::into_participant).collect();
    people.sort_by_key(|person| person.id);
    people.dedup_by(|next, kept| {
        let is_same = next.id == kept.id;
        if is_same {
            keep_one(kept, next);
        }
        is_same
    });
    Ok(people)
}

/// The largest key of a participant of the event.
pub(crate) fn find_largest_key(
    connection: &mut AnyConnection,
    event: AppEvent,
) -> QueryResult<Option<LargestKey>> {
    of_event!(event, participants::event_id, is_of_event => {
        participants::table.filter(is_of_event).select(max(participants::id)).first(connection)
    })
}

/// Whom a notification that is opened now is for: everyone up to the largest key of a participant of the event.
pub(crate) fn find_audience(
    connection: &mut AnyConnection,
    keys: AppKeys,
    event_id: EventId,
) -> QueryResult<Audience> {
    if matches!(keys.participants, ParticipantKeys::Texts(_)) {
        return Ok(Audience::Recipients { id: event_id });
    }
    let largest = find_largest_key(connection, keys.events.in_participants(event_id))?;
    Ok(match largest {
        None => Audience::Event { id: event_id, up_to: ParticipantId::MIN },
        Some(LargestKey::Number(id)) => Audience::Event { id: event_id, up_to: ParticipantId(id) },
        Some(LargestKey::Text) => Audience::Recipients { id: event_id },
    })
}

/// An event, and the largest key of its participants.
#[derive(QueryableByName)]
struct LastIdRow {
    #[diesel(sql_type = BigInt)]
    event_id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_id: Option<AppKey>,
}

/// The same for many events.
pub(crate) fn find_audiences(
    connection: &mut AnyConnection,
    keys: AppKeys,
    event_ids: &[EventId],
) -> QueryResult<HashMap<EventId, Audience>> {
    let distinct: BTreeSet<EventId> = event_ids.iter().copied().collect();
    let is_few = distinct.len() < 3 || !dispatch::has_round_trips(connection);
    let are_numbers =
        keys.events.key_type == EventKeyType::Number && keys.participants == ParticipantKeys::Numbers;
    if is_few || !are_numbers {
        let audience = |event_id| Ok((event_id, find_audience(connection, keys, event_id)?));
        return distinct.into_iter().map(audience).collect();
    }
    let mut audiences = HashMap::new();
    let distinct: Vec<i64> = distinct.into_iter().filter_map(EventId::number).collect();
    for event_ids in distinct.chunks(EVENTS_PER_QUERY) {
        // One look at the index for each event; with GROUP BY, PostgreSQL would read all keys of each.
        let one = |id: &i64| {
            format!(
                "SELECT CAST({id} AS {}) AS event_id,
                    (SELECT MAX(id) FROM participants WHERE event_id = {id}) AS last_id",
                dispatch::bigint(connection)
            )
        };
        let statement = event_ids.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ");
        let rows: Vec<LastIdRow> = sql_query(statement).load(connection)?;
        let audience = |LastIdRow { event_id, last_id }| {
            let id = EventId::Number(event_id);
            let up_to = last_id.map_or(ParticipantId::MIN, |AppKey(id)| ParticipantId(id));
            (id, Audience::Event { id, up_to })
        };
        audiences.extend(rows.into_iter().map(audience));
    }
    Ok(audiences)
}

/// What is read of a participant.
type Columns = (
    participants::id,
    AsText<participants::email>,
    AsText<participants::name>,
    AsText<participants::locale>,
    ZoneColumn,
);

fn columns(zones: ZoneColumn) -> Columns {
    use participants::{email, id, locale, name};
    (id, AsText(email), AsText(name), AsText(locale), zones)
}

#[derive(Queryable)]
struct ParticipantRow {
    id: AppKey,
    email: Option<AppText>,
    name: Option<AppText>,
    locale: Option<AppText>,
    timezone: Option<AppText>,
}

impl ParticipantRow {
    fn into_participant(self) -> Participant {
        Participant {
            key: None,
            id: ParticipantId(self.id.0),
            email: not_blank(self.email),
            name: not_blank(self.name).unwrap_or_default(),
            locale: not_blank(self.locale),
            timezone: not_blank(self.timezone),
            details: None,
        }
    }
}
