//! Pages of participants whose keys are text, in the order of their keys. What is text in a key is left to `keys`, people who are
//! looked up by their keys to `listed`.
//!
//! A page goes on behind keys that the ledger cannot list, and its keys can be read without the rest of the rows.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::{Participant, ParticipantRow, keep_one};
use crate::domain::user::User;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::participants;
use crate::store::source::columns::{AppText, not_blank};
use crate::store::source::event_keys::AppEvent;
use crate::store::source::keys::{KeyExpressions, why_unlistable};
use crate::store::source::zone_column::ZoneColumn;

/// A participant with the application's key, which is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedPerson {
    /// The application's key.
    pub key: String,
    email: Option<String>,
    name: String,
    locale: Option<String>,
    timezone: Option<String>,
}

impl KeyedPerson {
    /// The participant under the number that the ledger has given to this key.
    #[must_use]
    pub fn numbered(self, id: ParticipantId) -> Participant {
        let Self { key, email, name, locale, timezone } = self;
        Participant { id, key: Some(key.into_boxed_str()), email, name, locale, timezone, details: None }
    }

    /// The same as a user, whose id is the key.
    pub(crate) fn into_user(self) -> User {
        let Self { email, name, locale, timezone, .. } = self;
        User { email, name, locale, timezone }
    }
}

impl ParticipantRow for KeyedPerson {
    fn columns(&self) -> [Option<&str>; 4] {
        [self.email.as_deref(), Some(&self.name), self.locale.as_deref(), self.timezone.as_deref()]
    }
}

/// A page in the order of the keys. No two of its keys are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedPage {
    /// The people whose keys the ledger can list.
    pub people: Vec<KeyedPerson>,
    /// Why it cannot list the key of another one, if so.
    pub unlistable: Option<String>,
    /// Whether another row has the key of one of them.
    pub has_doubled: bool,
    /// Where the next page begins.
    pub end: KeyPosition,
    /// Whether no participant is behind them.
    pub is_last: bool,
}

/// A place in the order of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPosition {
    /// Behind this key, or at the beginning.
    key: Option<String>,
    /// And behind so many rows that follow, whose keys cannot be compared with, because they are not UTF-8.
    rows: u32,
}

impl KeyPosition {
    /// Behind this key.
    #[must_use]
    pub fn behind(key: String) -> Self {
        Self { key: Some(key), rows: 0 }
    }

    /// Whether this is the beginning.
    #[must_use]
    pub fn is_start(&self) -> bool {
        *self == Self::default()
    }

    /// Behind these rows, which begin here.
    fn behind_rows(&self, key: KeyExpressions, rows: &[Values]) -> Self {
        // Where keys may be equal, they are UTF-8.
        let is_comparable = |text: &str| key.has_equals || !text.contains(char::REPLACEMENT_CHARACTER);
        let last = rows.iter().rposition(|(key, ..)| key.as_ref().is_some_and(|key| is_comparable(&key.0)));
        let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
        match last.and_then(|last| Some((last, rows[last].0.clone()?))) {
            Some((last, AppText(key))) => Self { key: Some(key), rows: count(rows.len() - 1 - last) },
            None => Self { key: self.key.clone(), rows: self.rows.saturating_add(count(rows.len())) },
        }
    }
}

/// Columns of a row: key, address, name, locale, time zone.
pub(crate) type Columns = (Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
pub(crate) type Values =
    (Option<AppText>, Option<AppText>, Option<AppText>, Option<AppText>, Option<AppText>);

impl Store {
    /// At least `limit` participants of the event with keys behind `after`, in the order of their keys, or all that there are. More
    /// than `limit` come where the database holds keys for equal that are not: a page ends between keys that differ for it as well.
    /// Fewer come where keys cannot be listed.
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read.
    pub fn read_keyed_page(
        &self,
        key: KeyExpressions,
        event_id: EventId,
        after: &KeyPosition,
        limit: u32,
    ) -> Result<KeyedPage, StoreError> {
        self.read_page_of("read a page of participants", select, key, event_id, after, limit)
    }

    /// The same, of which only the keys are read: the people have nothing else.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be read.
    pub fn read_page_keys(
        &self,
        key: KeyExpressions,
        event_id: EventId,
        after: &KeyPosition,
        limit: u32,
    ) -> Result<KeyedPage, StoreError> {
        self.read_page_of("read the keys of participants", select_key, key, event_id, after, limit)
    }

    fn read_page_of(
        &self,
        operation: &'static str,
        select: impl Fn(KeyExpressions, ZoneColumn, AppEvent) -> Statement<'static, Columns>,
        key: KeyExpressions,
        event_id: EventId,
        after: &KeyPosition,
        limit: u32,
    ) -> Result<KeyedPage, StoreError> {
        self.with_app_keys(|keys| {
            let event = keys.events.in_participants(event_id);
            self.run(operation, |connection| {
                let of_event = || select(key, keys.zones, event);
                Ok(into_page(key, event_id, after, load_page(connection, of_event, key, after, limit)?))
            })
        })
    }
}

pub(crate) const EMAIL: AsText<participants::email> = AsText(participants::email);
pub(crate) const NAME: AsText<participants::name> = AsText(participants::name);
pub(crate) const LOCALE: AsText<participants::locale> = AsText(participants::locale);

/// The rows of an event; a condition follows.
pub(crate) fn select(key: KeyExpressions, zones: ZoneColumn, event: AppEvent) -> Statement<'static, Columns> {
    Statement::new("SELECT ")
        .sql(key.text)
        // Named, so that ORDER BY does not take this column for `id`.
        .sql(" AS user_key, ")
        .fragment(&EMAIL)
        .sql(", ")
        .fragment(&NAME)
        .sql(", ")
        .fragment(&LOCALE)
        .sql(", ")
        .fragment(zones.piece())
        .sql(" FROM participants WHERE ")
        .event(event)
        .sql(" AND ")
}

/// The same with nothing but the keys.
fn select_key(key: KeyExpressions, _: ZoneColumn, event: AppEvent) -> Statement<'static, Columns> {
    Statement::new("SELECT ")
        .sql(key.text)
        .sql(" AS user_key, '', '', '', '' FROM participants WHERE ")
        .event(event)
        .sql(" AND ")
}

/// The rows of a page, and whether no others follow.
fn load_page(
    connection: &mut AnyConnection,
    of_event: impl Fn() -> Statement<'static, Columns>,
    key: KeyExpressions,
    after: &KeyPosition,
    limit: u32,
) -> QueryResult<(Vec<Values>, bool)> {
    // One row more tells whether the last key goes on behind the page.
    let mut rows = page(of_event(), key, after, limit.saturating_add(1)).load::<Values>(connection)?;
    if rows.len() <= limit as usize {
        return Ok((rows, true));
    }
    let next = rows.pop().and_then(|(next, ..)| next);
    if let Some((Some(last), ..)) = rows.last()
        && (key.has_equals || next.as_ref() == Some(last))
    {
        let AppText(last) = last.clone();
        rows.extend(equal_keys(of_event(), key, &last).load::<Values>(connection)?);
    }
    Ok((rows, false))
}

fn page<'a>(
    of_event: Statement<'a, Columns>,
    key: KeyExpressions,
    after: &'a KeyPosition,
    limit: u32,
) -> Statement<'a, Columns> {
    let page = match &after.key {
        Some(after) => of_event.sql(key.order).sql(" > ").key(key.bound, after),
        None => of_event.sql("id IS NOT NULL"),
    };
    let page = page.sql(" ORDER BY ").sql(key.order).sql(" LIMIT ").number(limit.into());
    if after.rows == 0 { page } else { page.sql(" OFFSET ").number(after.rows.into()) }
}

/// All rows whose keys are equal to this one for the database.
fn equal_keys<'a>(
    of_event: Statement<'a, Columns>,
    key: KeyExpressions,
    last: &'a str,
) -> Statement<'a, Columns> {
    of_event.sql(key.order).sql(" = ").key(key.bound, last)
}

/// One row of each key that can be listed.
fn into_page(
    key: KeyExpressions,
    event_id: EventId,
    after: &KeyPosition,
    (rows, is_last): (Vec<Values>, bool),
) -> KeyedPage {
    let end = after.behind_rows(key, &rows);
    let mut known = HashMap::with_capacity(rows.len());
    let mut page = KeyedPage {
        people: Vec::with_capacity(rows.len()),
        unlistable: None,
        has_doubled: false,
        end,
        is_last,
    };
    for mut person in rows.into_iter().filter_map(into_person) {
        if let Some(why) = why_unlistable(event_id, &person.key) {
            page.unlistable.get_or_insert(why);
        } else if let Some(kept) = known.get(&person.key).and_then(|index| page.people.get_mut(*index)) {
            page.has_doubled = true;
            keep_one(kept, &mut person);
        } else {
            known.insert(person.key.clone(), page.people.len());
            page.people.push(person);
        }
    }
    page
}

/// `None` without a key.
pub(crate) fn into_person((key, email, name, locale, timezone): Values) -> Option<KeyedPerson> {
    let AppText(key) = key?;
    Some(KeyedPerson {
        key,
        email: not_blank(email),
        name: not_blank(name).unwrap_or_default(),
        locale: not_blank(locale),
        timezone: not_blank(timezone),
    })
}
