//! Reads participants whose keys are text: some by their keys, and the keys that the ledger does not list. What is text in a key is
//! left to `keys`, pages of them to `keyed_pages`, the list to `ledger::recipients`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Text};

use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::participant::{Participant, keep_one};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::source::columns::AppText;
use crate::store::source::event_keys::AppEvent;
use crate::store::source::keyed_pages::{Columns, KeyedPerson, Values, into_person, select};
use crate::store::source::keys::{AppKeys, KeyExpressions, ParticipantKeys, why_unlistable};

/// Keys that the ledger does not list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlistedKeys {
    /// Those that it can list.
    pub keys: Vec<String>,
    /// How many others there are.
    pub unlistable: u64,
    /// Why it cannot list one of these.
    pub why: Option<String>,
    /// Whether no other key is left.
    pub are_all: bool,
}

impl Store {
    /// How the keys of this event's participants, which are text, are written. With SQLite this looks at all of them.
    ///
    /// # Errors
    /// When the database does not answer, or when the keys are whole numbers.
    pub fn text_key(&self, event_id: EventId) -> Result<KeyExpressions, StoreError> {
        let keys = self.app_keys()?;
        self.run("read the types of keys", |connection| find_text_key(connection, keys, event_id))
    }

    /// Those of the participants who take part in the event, by the numbers that the ledger has given to their keys, in any order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_keyed(
        &self,
        event_id: EventId,
        listed: &[(ParticipantId, String)],
    ) -> Result<Vec<Participant>, StoreError> {
        let keys = self.app_keys()?;
        self.run("read participants by their keys", |connection| {
            find_keyed(connection, keys, event_id, listed)
        })
    }

    /// Up to `limit` keys of participants of the event that the ledger does not list for the notification. Reads all keys: one
    /// aggregate, and no join, which a planner with old statistics makes quadratic.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be read.
    pub fn find_unlisted_keys(
        &self,
        key: KeyExpressions,
        notification_id: NotificationId,
        event_id: EventId,
        limit: u32,
    ) -> Result<UnlistedKeys, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        let found: Vec<AppText> = self.run("look for participants who joined late", |connection| {
            let statement = Statement::<Text>::new("SELECT user_key FROM (");
            unlisted(statement, key, notification_id, event)
                .sql(") AS unlisted LIMIT ")
                .number(limit.into())
                .load(connection)
        })?;
        let are_all = found.len() < limit as usize;
        let mut unlisted = UnlistedKeys { keys: Vec::new(), unlistable: 0, why: None, are_all };
        for AppText(key) in found {
            match why_unlistable(event_id, &key) {
                None => unlisted.keys.push(key),
                Some(why) => {
                    unlisted.unlistable += 1;
                    unlisted.why.get_or_insert(why);
                }
            }
        }
        Ok(unlisted)
    }

    /// Whether a participant of the event has no key: NULL.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_people_without_key(&self, event_id: EventId) -> Result<bool, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        self.run("look for participants without a key", |connection| {
            let statement =
                Statement::<BigInt>::new("SELECT COUNT(*) FROM (SELECT 1 AS one FROM participants WHERE ");
            let found: i64 =
                statement.event(event).sql(" AND id IS NULL LIMIT 1) AS found").get_result(connection)?;
            Ok(found > 0)
        })
    }
}

/// How the keys of this event's participants are written.
pub(crate) fn find_text_key(
    connection: &mut AnyConnection,
    keys: AppKeys,
    event_id: EventId,
) -> QueryResult<KeyExpressions> {
    match keys.participants {
        ParticipantKeys::Texts(key) => Ok(key),
        ParticipantKeys::OfEachRow => {
            dispatch::text_key_of_rows(connection, keys.events.in_participants(event_id))
        }
        ParticipantKeys::Numbers => Err(no_text()),
    }
}

/// The same for keys that are looked up. With SQLite too, this looks at no row.
pub(crate) fn lookup_key(keys: AppKeys) -> QueryResult<KeyExpressions> {
    match keys.participants {
        ParticipantKeys::Texts(key) => Ok(key),
        ParticipantKeys::OfEachRow => Ok(dispatch::LOOKUP_KEY_OF_ROWS),
        ParticipantKeys::Numbers => Err(no_text()),
    }
}

fn no_text() -> Error {
    let problem = "participants.id has whole numbers, and had text when the notification was opened";
    Error::DeserializationError(problem.into())
}

/// Those of the participants who take part in the event, by the numbers that the ledger has given to their keys, in any order.
pub(crate) fn find_keyed(
    connection: &mut AnyConnection,
    keys: AppKeys,
    event_id: EventId,
    listed: &[(ParticipantId, String)],
) -> QueryResult<Vec<Participant>> {
    let (key, event) = (lookup_key(keys)?, keys.events.in_participants(event_id));
    let Some(((_, first), others)) = listed.split_first() else { return Ok(Vec::new()) };
    let numbers: HashMap<&str, ParticipantId> = listed.iter().map(|(id, key)| (key.as_str(), *id)).collect();
    let mut statement =
        with_keys(select(key, keys.zones, event), key, listed.iter().map(|(_, key)| key.as_str()));
    if key.has_equals && others.is_empty() {
        // A row whose key is equal for the database may be the one that cannot be read.
        statement = statement.sql(" AND ").sql(key.exact[0]).sql(" = ").key(key.exact_bound, first);
    }
    let rows: Vec<Values> = statement.prepared_each_time().load(connection)?;
    let mut found: HashMap<ParticipantId, KeyedPerson> = HashMap::with_capacity(rows.len());
    for mut person in rows.into_iter().filter_map(into_person) {
        let Some(id) = numbers.get(person.key.as_str()) else { continue };
        match found.entry(*id) {
            Entry::Occupied(mut kept) => drop(keep_one(kept.get_mut(), &mut person)),
            Entry::Vacant(new) => drop(new.insert(person)),
        }
    }
    Ok(found.into_iter().map(|(id, person)| person.numbered(id)).collect())
}

/// Adds the condition for rows that may have one of these keys, of which there is at least one.
pub(crate) fn with_keys<'a>(
    statement: Statement<'a, Columns>,
    key: KeyExpressions,
    keys: impl IntoIterator<Item = &'a str>,
) -> Statement<'a, Columns> {
    let mut statement = statement.sql(key.order).sql(" IN (");
    for (index, text) in keys.into_iter().enumerate() {
        statement = stored_as(if index == 0 { statement } else { statement.sql(", ") }, key, text);
    }
    statement.sql(")")
}

/// Adds what a row with this key may have stored. Of rows that are found with it, only those whose text is the key have it.
pub(crate) fn stored_as<'a>(
    statement: Statement<'a, Columns>,
    key: KeyExpressions,
    text: &'a str,
) -> Statement<'a, Columns> {
    let mut statement = statement.key(key.bound, text);
    if !key.any_type {
        return statement;
    }
    if let Ok(number) = text.parse::<i64>() {
        statement = statement.sql(", ").number(number);
    } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
        statement = statement.sql(", CAST(").text(text).sql(" AS REAL)");
    }
    if text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        statement = statement.sql(", unhex(").text(text).sql(")");
    }
    statement
}

/// How many keys of participants of the event the ledger does not list for the notification.
pub(crate) fn count_unlisted(
    connection: &mut AnyConnection,
    keys: AppKeys,
    notification_id: NotificationId,
    event_id: EventId,
) -> QueryResult<u64> {
    let key = lookup_key(keys)?;
    let event = keys.events.in_participants(event_id);
    let statement = Statement::<BigInt>::new("SELECT COUNT(*) FROM (");
    let count: i64 =
        unlisted(statement, key, notification_id, event).sql(") AS unlisted").get_result(connection)?;
    Ok(count.unsigned_abs())
}

/// Adds the query of the keys that the ledger does not list.
fn unlisted<Row>(
    statement: Statement<'_, Row>,
    key: KeyExpressions,
    notification_id: NotificationId,
    event: AppEvent,
) -> Statement<'_, Row> {
    let [exact, exact_listed] = key.exact;
    statement
        .sql("SELECT user_key FROM (SELECT ")
        .sql(exact)
        .sql(" AS user_key, 0 AS listed FROM participants WHERE ")
        .event(event)
        .sql(" AND id IS NOT NULL UNION ALL SELECT ")
        .sql(exact_listed)
        .sql(", 1 FROM recipients WHERE notification_id = ")
        .number(notification_id.0)
        .sql(") AS every_key GROUP BY user_key HAVING MAX(listed) = 0")
}
