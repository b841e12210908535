//! Keys that are text and that several rows of an event have. Rows that are the same in every column are one participant. Rows that
//! differ are perhaps two people: what follows is left to `fan_out`, telling it before the first mail to `check`.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::recipients;
use crate::store::source::columns::AppText;
use crate::store::source::event_keys::AppEvent;
use crate::store::source::keyed_pages::{EMAIL, LOCALE, NAME};
use crate::store::source::keys::KeyExpressions;

/// Most keys that are looked at. One is enough to tell.
pub(crate) const DOUBLED_MAX: i64 = 1000;

impl Store {
    /// The recipients of the notification whose keys rows of the event have that differ, up to a thousand; `None` if there is no such
    /// key, listed or not. If a row cannot be read, each key of several rows counts. Reads all keys of the event, and the rest of the
    /// rows only if some keys are doubled.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be read.
    pub fn find_doubled_recipients(
        &self,
        key: KeyExpressions,
        notification_id: NotificationId,
        event_id: EventId,
    ) -> Result<Option<Vec<ParticipantId>>, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        let find = |differing: bool| {
            self.run("look for doubled keys", |connection| {
                find_doubled_texts(connection, key, event, differing)
            })
        };
        let mut keys = find(false)?;
        if !keys.is_empty()
            && let Ok(differing) = find(true)
        {
            keys = differing;
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

/// The keys that several rows of the event have; if so, only those of rows that are `differing` in another column.
pub(crate) fn find_doubled_texts(
    connection: &mut AnyConnection,
    key: KeyExpressions,
    event: AppEvent,
    differing: bool,
) -> QueryResult<Vec<String>> {
    let [exact, _] = key.exact;
    let mut statement =
        Statement::<Text>::new("SELECT user_key FROM (SELECT ").sql(exact).sql(" AS user_key");
    if differing {
        statement =
            statement.sql(", ").fragment(&EMAIL).sql(" AS an_email, ").fragment(&NAME).sql(" AS a_name, ");
        statement = statement.fragment(&LOCALE).sql(" AS a_locale");
    }
    statement = statement
        .sql(" FROM participants WHERE ")
        .event(event)
        .sql(" AND id IS NOT NULL) AS every_key GROUP BY user_key HAVING COUNT(*) > 1");
    if differing {
        statement = statement.sql(
            " AND (COUNT(DISTINCT an_email) > 1 OR COUNT(an_email) NOT IN (0, COUNT(*))
                OR COUNT(DISTINCT a_name) > 1 OR COUNT(a_name) NOT IN (0, COUNT(*))
                OR COUNT(DISTINCT a_locale) > 1 OR COUNT(a_locale) NOT IN (0, COUNT(*)))",
        );
    }
    let keys: Vec<AppText> =
        statement.sql(" ORDER BY user_key LIMIT ").number(DOUBLED_MAX).load(connection)?;
    Ok(keys.into_iter().map(|AppText(key)| key).collect())
}
