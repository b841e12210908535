//! Reads participants whose keys are text: a page at a time in the order of their keys, some by their keys, and those that the
//! ledger does not list. What is text in a key is left to `keys`, the list to `ledger::recipients`.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::backend::dispatch;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::participants;
use crate::store::source::columns::{AppText, not_blank};
use crate::store::source::event_keys::AppEvent;
use crate::store::source::keys::{AppKeys, KeyExpressions, ParticipantKeys, listable};

/// A participant with the application's key, which is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedPerson {
    /// The application's key.
    pub key: String,
    email: Option<String>,
    name: String,
    locale: Option<String>,
}

impl KeyedPerson {
    /// The participant under the number that the ledger has given to this key.
    #[must_use]
    pub fn numbered(self, id: ParticipantId) -> Participant {
        let Self { email, name, locale, .. } = self;
        Participant { id, email, name, locale }
    }
}

/// A page in the order of the keys. No two of its keys are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedPage {
    /// The people.
    pub people: Vec<KeyedPerson>,
    /// Whether no participant is behind them.
    pub is_last: bool,
}

/// Columns of a row: key, address, name, locale.
type Columns = (Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
type Values = (Option<AppText>, Option<AppText>, Option<AppText>, Option<AppText>);

impl Store {
    /// How the keys of this event's participants, which are text, are written. With SQLite this looks at all of them.
    ///
    /// # Errors
    /// When the database does not answer, or when the keys are whole numbers.
    pub fn text_key(&self, event_id: EventId) -> Result<KeyExpressions, StoreError> {
        let keys = self.app_keys()?;
        self.run("read the types of keys", |connection| find_text_key(connection, keys, event_id))
    }

    /// At least `limit` participants of the event with keys behind `after`, in the order of their keys, or all that there are. More
    /// than `limit` come where the database holds keys for equal that are not: a page ends between keys that differ for it as well.
    ///
    /// # Errors
    /// When the database does not answer, or when a key cannot be listed.
    pub fn read_keyed_page(
        &self,
        key: KeyExpressions,
        event_id: EventId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<KeyedPage, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        self.run("read a page of participants", |connection| {
            let mut rows = page(key, event, after, limit).load::<Values>(connection)?;
            let is_last = rows.len() < limit as usize;
            if key.has_equals
                && !is_last
                && let Some((Some(AppText(last)), ..)) = rows.last().cloned()
            {
                rows.extend(equal_keys(key, event, &last).load::<Values>(connection)?);
            }
            Ok(KeyedPage { people: distinct(event_id, rows)?, is_last })
        })
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
    /// When the database does not answer, or when a key cannot be listed.
    pub fn find_unlisted_keys(
        &self,
        key: KeyExpressions,
        notification_id: NotificationId,
        event_id: EventId,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        self.run("look for participants who joined late", |connection| {
            let statement = Statement::<Text>::new("SELECT user_key FROM (");
            let keys: Vec<AppText> = unlisted(statement, key, notification_id, event)
                .sql(") AS unlisted LIMIT ")
                .number(limit.into())
                .load(connection)?;
            keys.into_iter().map(|AppText(key)| listable(event_id, key)).collect()
        })
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
            dispatch::text_key_of_rows(connection, event_id, keys.events.in_participants(event_id))
        }
        ParticipantKeys::Numbers => Err(no_text()),
    }
}

/// The same for keys that are looked up. With SQLite too, this looks at no row.
fn lookup_key(keys: AppKeys) -> QueryResult<KeyExpressions> {
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
    let mut numbers: HashMap<&str, ParticipantId> =
        listed.iter().map(|(id, key)| (key.as_str(), *id)).collect();
    let mut statement = stored_as(select(key, event).sql(key.order).sql(" IN ("), key, first);
    for (_, other) in others {
        statement = stored_as(statement.sql(", "), key, other);
    }
    let rows: Vec<Values> = statement.sql(")").prepared_each_time().load(connection)?;
    // Of a key that is doubled, the first row counts.
    let person = |person: KeyedPerson| Some((numbers.remove(person.key.as_str())?, person));
    let found = rows.into_iter().filter_map(into_person).filter_map(person);
    Ok(found.map(|(id, person)| person.numbered(id)).collect())
}

/// Adds what a row with this key may have stored. Of rows that are found with it, only those whose text is the key have it.
fn stored_as<'a>(
    statement: Statement<'a, Columns>,
    key: KeyExpressions,
    text: &'a str,
) -> Statement<'a, Columns> {
    let [before, behind] = key.bound;
    let mut statement = statement.sql(before).text(text).sql(behind);
    if !key.any_type {
        return statement;
    }
    if let Ok(number) = text.parse::<i64>() {
        statement = statement.sql(", ").number(number);
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

const EMAIL: AsText<participants::email> = AsText(participants::email);
const NAME: AsText<participants::name> = AsText(participants::name);
const LOCALE: AsText<participants::locale> = AsText(participants::locale);

fn select(key: KeyExpressions, event: AppEvent) -> Statement<'static, Columns> {
    Statement::new("SELECT ")
        .sql(key.text)
        // Named, so that ORDER BY does not take this column for `id`.
        .sql(" AS user_key, ")
        .fragment(&EMAIL)
        .sql(", ")
        .fragment(&NAME)
        .sql(", ")
        .fragment(&LOCALE)
        .sql(" FROM participants WHERE ")
        .event(event)
        .sql(" AND ")
}

fn page(key: KeyExpressions, event: AppEvent, after: Option<&str>, limit: u32) -> Statement<'_, Columns> {
    let [before, behind] = key.bound;
    let of_event = select(key, event);
    let page = match after {
        Some(after) => of_event.sql(key.order).sql(" > ").sql(before).text(after).sql(behind),
        None => of_event.sql("id IS NOT NULL"),
    };
    page.sql(" ORDER BY ").sql(key.order).sql(" LIMIT ").number(limit.into())
}

/// All rows whose keys are equal to this one for the database.
fn equal_keys(key: KeyExpressions, event: AppEvent, last: &str) -> Statement<'_, Columns> {
    let [before, behind] = key.bound;
    select(key, event).sql(key.order).sql(" = ").sql(before).text(last).sql(behind)
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

/// The first row of each key.
fn distinct(event_id: EventId, rows: Vec<Values>) -> QueryResult<Vec<KeyedPerson>> {
    let mut known = HashSet::with_capacity(rows.len());
    let mut people = Vec::with_capacity(rows.len());
    for mut person in rows.into_iter().filter_map(into_person) {
        person.key = listable(event_id, person.key)?;
        if known.insert(person.key.clone()) {
            people.push(person);
        }
    }
    Ok(people)
}

/// `None` without a key.
fn into_person((key, email, name, locale): Values) -> Option<KeyedPerson> {
    let AppText(key) = key?;
    Some(KeyedPerson {
        key,
        email: not_blank(email),
        name: not_blank(name).unwrap_or_default(),
        locale: not_blank(locale),
    })
}
