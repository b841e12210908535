//! Keys that are text and that several rows of an event have. Rows with one address are one participant. Rows with several addresses are
//! perhaps several people: what follows is left to `fan_out`, telling it before the first mail to `check`.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::participant::{ParticipantRow as _, comparable_address};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::recipients;
use crate::store::source::columns::AppText;
use crate::store::source::event_keys::AppEvent;
use crate::store::source::keyed_pages::{Columns, EMAIL, Values, into_person};
use crate::store::source::keys::KeyExpressions;
use crate::store::source::listed::{lookup_key, with_keys};

/// Most keys that are looked at. One is enough to tell.
pub const DOUBLED_MAX: u16 = 1000;

/// Most keys of which the rows are read in one query.
const KEYS_PER_QUERY: usize = 100;

/// Which rows of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubledRows {
    /// Several, whatever they hold.
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
            keys = self.find_with_addresses(key, event)?;
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

    /// Those of which the rows have several addresses, up to a thousand. SQL compares whole addresses; in what it finds, capitals of the
    /// domain do not count.
    fn find_with_addresses(&self, key: KeyExpressions, event: AppEvent) -> Result<Vec<String>, StoreError> {
        let app_keys = self.app_keys()?;
        let mut offset = 0;
        loop {
            let differing = self.run("look for doubled keys", |connection| {
                let keys = find_doubled_texts(connection, key, event, Doubled::WithAddresses { offset })?;
                let are_all = keys.len() < usize::from(DOUBLED_MAX);
                let differing = keep_differing(connection, lookup_key(app_keys)?, event, keys)?;
                Ok((are_all || !differing.is_empty()).then_some(differing))
            })?;
            match differing {
                Some(keys) => return Ok(keys),
                None => offset += i64::from(DOUBLED_MAX),
            }
        }
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

/// The keys that several rows of the event have.
pub(crate) fn find_doubled_texts(
    connection: &mut AnyConnection,
    key: KeyExpressions,
    event: AppEvent,
    which: Doubled,
) -> QueryResult<Vec<String>> {
    let ([exact, _], email) = (key.exact, dispatch::exact_email(connection));
    let mut statement =
        Statement::<Text>::new("SELECT user_key FROM (SELECT ").sql(exact).sql(" AS user_key");
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
    let keys: Vec<AppText> = statement.load(connection)?;
    Ok(keys.into_iter().map(|AppText(key)| key).collect())
}

/// Those of the keys of which the rows have several addresses.
fn keep_differing(
    connection: &mut AnyConnection,
    lookup: KeyExpressions,
    event: AppEvent,
    mut keys: Vec<String>,
) -> QueryResult<Vec<String>> {
    let mut same = HashSet::new();
    for keys in keys.chunks(KEYS_PER_QUERY) {
        let statement = Statement::<Columns>::new("SELECT ")
            .sql(lookup.text)
            .sql(" AS user_key, ")
            .fragment(&EMAIL)
            .sql(", '', '' FROM participants WHERE ")
            .event(event)
            .sql(" AND ");
        let statement = with_keys(statement, lookup, keys.iter().map(String::as_str));
        let rows: Vec<Values> = statement.prepared_each_time().load(connection)?;
        let mut addresses: HashMap<String, HashSet<String>> = HashMap::new();
        for person in rows.into_iter().filter_map(into_person) {
            let address = person.columns().0.map(comparable_address);
            addresses.entry(person.key).or_default().extend(address);
        }
        let one = addresses.into_iter().filter(|(_, addresses)| addresses.len() <= 1);
        same.extend(one.map(|(key, _)| key));
    }
    keys.retain(|key| !same.contains(key));
    Ok(keys)
}
