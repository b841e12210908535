//! Keys that several rows of an event have. Rows with one address are one participant. Rows with several addresses are
//! perhaps several people: what follows is left to `fan_out`, telling it before the first mail to `check`.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::participant::comparable_address;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::{participants, recipients};
use crate::store::source::columns::{AppKey, AppText, not_blank};
use crate::store::source::event_keys::{AppEvent, of_event};
use crate::store::source::keyed_pages::{Columns, EMAIL, Values};
use crate::store::source::keys::KeyExpressions;
use crate::store::source::listed::{lookup_key, with_keys};

/// Most keys that are looked at. One is enough to tell.
pub const DOUBLED_MAX: u16 = 1000;

/// Most keys of which the rows are read in one query.
const KEYS_PER_QUERY: usize = 100;

/// Which rows of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubledRows {
    /// Several, with any content.
    Any,
    /// Several with different addresses.
    WithAddresses,
}

impl Store {
    /// The recipients of the notification whose keys such rows of the event have, up to a thousand; `None` if there is no such key, listed
    /// or not. Reads all keys of the event, and addresses only if some keys are doubled.
    ///
    /// # Errors
    /// When the database does not answer, or a key or an address that is needed cannot be read.
    pub fn find_doubled_recipients(
        &self,
        key: KeyExpressions,
        notification_id: NotificationId,
        event_id: EventId,
        rows: DoubledRows,
    ) -> Result<Option<Vec<ParticipantId>>, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        let mut keys = self.run("look for doubled keys", |connection| {
            find_doubled_texts(connection, key, event, Doubled::Any)
        })?;
        if !keys.is_empty() && rows == DoubledRows::WithAddresses {
            let app_keys = self.app_keys()?;
            keys = self.run("compare the rows of doubled keys", |connection| {
                find_differing_texts(connection, key, lookup_key(app_keys)?, event)
            })?;
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let found: Vec<(ParticipantId, Option<String>)> =
            self.run("read the recipients with doubled keys", |connection| {
                recipients::table
                    .filter(recipients::notification_id.eq(notification_id))
                    .filter(recipients::user_key.eq_any(&keys))
                    .select((recipients::id, recipients::user_key))
                    .order(recipients::id)
                    .load(connection)
            })?;
        let doubled: HashSet<&str> = keys.iter().map(String::as_str).collect();
        let is_doubled = |key: &Option<String>| key.as_deref().is_some_and(|key| doubled.contains(key));
        Ok(Some(found.into_iter().filter(|(_, key)| is_doubled(key)).map(|(id, _)| id).collect()))
    }
}

/// Which keys of several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubled {
    /// All.
    Any,
    /// Those of rows with several addresses, except the first ones.
    WithAddresses {
        /// How many these are.
        offset: i64,
    },
}

/// The keys that several rows of the event have, where they are text.
pub(crate) fn find_doubled_texts(
    connection: &mut AnyConnection,
    key: KeyExpressions,
    event: AppEvent,
    which: Doubled,
) -> QueryResult<Vec<String>> {
    let email = dispatch::exact_email(connection);
    let keys: Vec<AppText> = select_doubled::<Text>(key.exact[0], email, event, which).load(connection)?;
    Ok(keys.into_iter().map(|AppText(key)| key).collect())
}

/// The same where they are whole numbers.
pub(crate) fn find_doubled_numbers(
    connection: &mut AnyConnection,
    event: AppEvent,
    which: Doubled,
) -> QueryResult<Vec<i64>> {
    let email = dispatch::exact_email(connection);
    let keys: Vec<AppKey> = select_doubled::<BigInt>("id", email, event, which).load(connection)?;
    Ok(keys.into_iter().map(|AppKey(key)| key).collect())
}

fn select_doubled<Key>(
    key: &'static str,
    email: &'static str,
    event: AppEvent,
    which: Doubled,
) -> Statement<'static, Key> {
    let mut statement = Statement::new("SELECT user_key FROM (SELECT ").sql(key).sql(" AS user_key");
    if which != Doubled::Any {
        statement = statement.sql(", ").sql(email).sql(" AS an_email");
    }
    statement = statement
        .sql(" FROM participants WHERE ")
        .event(event)
        .sql(" AND id IS NOT NULL) AS every_key GROUP BY user_key HAVING COUNT(*) > 1");
    if which != Doubled::Any {
        statement = statement.sql(" AND COUNT(DISTINCT an_email) > 1");
    }
    statement = statement.sql(" ORDER BY user_key LIMIT ").number(DOUBLED_MAX.into());
    if let Doubled::WithAddresses { offset } = which {
        statement = statement.sql(" OFFSET ").number(offset);
    }
    statement
}

/// The keys of which the rows have several addresses, up to a thousand, where they are text.
pub(crate) fn find_differing_texts(
    connection: &mut AnyConnection,
    key: KeyExpressions,
    lookup: KeyExpressions,
    event: AppEvent,
) -> QueryResult<Vec<String>> {
    let read = |connection: &mut AnyConnection, keys: &[String]| {
        let statement = Statement::<Columns>::new("SELECT ")
            .sql(lookup.text)
            .sql(" AS user_key, ")
            .fragment(&EMAIL)
            .sql(", '', '', '' FROM participants WHERE ")
            .event(event)
            .sql(" AND ");
        let statement = with_keys(statement, lookup, keys.iter().map(String::as_str));
        let rows: Vec<Values> = statement.prepared_each_time().load(connection)?;
        Ok(rows.into_iter().filter_map(|(key, email, ..)| Some((key?.0, not_blank(email)))).collect())
    };
    let find = |connection: &mut AnyConnection, which| find_doubled_texts(connection, key, event, which);
    find_differing(connection, find, read)
}

/// The same where they are whole numbers.
pub(crate) fn find_differing_numbers(
    connection: &mut AnyConnection,
    event: AppEvent,
) -> QueryResult<Vec<i64>> {
    let read = |connection: &mut AnyConnection, keys: &[i64]| {
        let rows: Vec<(AppKey, Option<AppText>)> = of_event!(event, participants::event_id, is_of_event => {
            participants::table
                .filter(is_of_event)
                .filter(participants::id.eq_any(keys.iter().copied().map(ParticipantId)))
                .select((participants::id, EMAIL))
                .load(connection)
        })?;
        Ok(rows.into_iter().map(|(AppKey(key), email)| (key, not_blank(email))).collect())
    };
    let find = |connection: &mut AnyConnection, which| find_doubled_numbers(connection, event, which);
    find_differing(connection, find, read)
}

/// SQL compares whole addresses; in what it finds, capitals of the domain do not count.
fn find_differing<Key: Eq + Hash>(
    connection: &mut AnyConnection,
    find: impl Fn(&mut AnyConnection, Doubled) -> QueryResult<Vec<Key>>,
    read: impl Fn(&mut AnyConnection, &[Key]) -> QueryResult<Vec<(Key, Option<String>)>>,
) -> QueryResult<Vec<Key>> {
    let mut offset = 0;
    loop {
        let mut keys = find(connection, Doubled::WithAddresses { offset })?;
        let are_all = keys.len() < usize::from(DOUBLED_MAX);
        let mut addresses: HashMap<Key, HashSet<String>> = HashMap::new();
        for keys in keys.chunks(KEYS_PER_QUERY) {
            for (key, email) in read(connection, keys)? {
                addresses.entry(key).or_default().extend(email.as_deref().map(comparable_address));
            }
        }
        keys.retain(|key| addresses.get(key).is_none_or(|addresses| addresses.len() > 1));
        if are_all || !keys.is_empty() {
            return Ok(keys);
        }
        offset += i64::from(DOUBLED_MAX);
    }
}
