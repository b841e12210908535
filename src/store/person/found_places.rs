//! Where in the ledger a person is a recipient, and where others' rows on the lists of recipients have the address in them.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::ledger::tally::of_event;
use crate::store::person::{FormerKeys, Person, Place, ROWS_PER_PAGE, START};
use crate::store::schema::{INSERT_ROWS, deferrals, deliveries, notifications, recipients};

/// Recipients who are found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundPlaces {
    /// Those who are the person.
    pub own: BTreeSet<Place>,
    /// Others, with texts that have the address in them.
    pub others: BTreeSet<Place>,
}

/// A row of `recipients`: notification, number, key, address, name and data.
type Columns = (BigInt, BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
type Values = (NotificationId, ParticipantId, Option<String>, Option<String>, Option<String>, Option<String>);

const GIVEN: Audience = Audience::Given { count: 0 };

impl Store {
    /// Where the person is a recipient. Reads all lists of recipients, and for each key of the operator's that is a number, looks at each
    /// notification.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_places(&self, person: &Person) -> Result<FoundPlaces, StoreError> {
        let mut found = FoundPlaces { own: self.find_participants_of(person)?, ..FoundPlaces::default() };
        self.find_recipients(&Search::new(person, true), &mut found)?;
        found.others = &found.others - &found.own;
        Ok(found)
    }

    /// The same without looking at the texts of others.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_own_places(&self, person: &Person) -> Result<BTreeSet<Place>, StoreError> {
        let mut found = FoundPlaces { own: self.find_participants_of(person)?, ..FoundPlaces::default() };
        self.find_recipients(&Search::new(person, false), &mut found)?;
        Ok(found.own)
    }

    /// Where a participant with this key is a recipient, of an event or of any: as a number that outcomes and deferrals name, and on the lists
    /// of recipients, all of which are read for a key of any event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_places_of_key(
        &self,
        event_id: Option<EventId>,
        key: &str,
    ) -> Result<BTreeSet<Place>, StoreError> {
        const WHAT: &str = "look for a participant in the ledger";
        let Some(event_id) = event_id else {
            let mut places = BTreeSet::new();
            if let Ok(number) = key.parse() {
                self.find_number(number, &mut places)?;
            }
            places.extend(self.run(WHAT, |connection| find_listed(connection, key))?);
            return Ok(places);
        };
        let places = self.run(WHAT, |connection| find_participant(connection, event_id, key))?;
        Ok(places.into_iter().collect())
    }

    fn find_participants_of(&self, person: &Person) -> Result<BTreeSet<Place>, StoreError> {
        let mut own = BTreeSet::new();
        for row in &person.participants {
            let Some(event_id) = row.event_id else { continue };
            own.extend(self.find_places_of_key(Some(event_id), &row.key)?);
        }
        for key in person.keys.participants.iter().filter_map(|key| key.parse().ok()) {
            self.find_number(key, &mut own)?;
        }
        Ok(own)
    }

    /// The participants with this key, of any event.
    fn find_number(&self, key: ParticipantId, own: &mut BTreeSet<Place>) -> Result<(), StoreError> {
        let mut after = NotificationId::MIN;
        loop {
            let (last, places) = self.run("look for a participant in the ledger", |connection| {
                let ids: Vec<NotificationId> = notifications::table
                    .filter(notifications::id.gt(after))
                    .filter(notifications::audience.eq("event"))
                    .order(notifications::id)
                    .limit(i64::from(ROWS_PER_PAGE))
                    .select(notifications::id)
                    .load(connection)?;
                Ok((ids.last().copied(), with_number(connection, &ids, key)?))
            })?;
            let Some(last) = last else { return Ok(()) };
            after = last;
            own.extend(places);
        }
    }

    fn find_recipients(&self, search: &Search<'_>, found: &mut FoundPlaces) -> Result<(), StoreError> {
        let mut after = START;
        loop {
            let (rows, audiences) = self.run("look for an address among the recipients", |connection| {
                let rows: Vec<Values> = search.statement(after).load(connection)?;
                let ids: BTreeSet<NotificationId> = rows.iter().map(|row| row.0).collect();
                let audiences: HashMap<NotificationId, String> = notifications::table
                    .filter(notifications::id.eq_any(ids))
                    .select((notifications::id, notifications::audience))
                    .load_iter(connection)?
                    .collect::<QueryResult<_>>()?;
                Ok((rows, audiences))
            })?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Place { notification_id: last.0, participant_id: last.1 };
            for row in rows {
                let place = Place { notification_id: row.0, participant_id: row.1 };
                let audience = audiences.get(&place.notification_id).map(String::as_str);
                if search.is_own(&row, audience) {
                    found.own.insert(place);
                } else if search.others && search.is_in_others(&row) {
                    found.others.insert(place);
                }
            }
        }
    }
}

/// The participant with this key, in the notifications of the event.
fn find_participant(connection: &mut AnyConnection, event_id: EventId, key: &str) -> QueryResult<Vec<Place>> {
    let all: Vec<(NotificationId, String)> =
        of_event(Some(event_id)).select((notifications::id, notifications::audience)).load(connection)?;
    let with = |word: &str| -> Vec<NotificationId> {
        all.iter().filter(|(_, audience)| audience == word).map(|(id, _)| *id).collect()
    };
    let mut places = match key.parse() {
        Ok(number) => with_number(connection, &with("event"), number)?,
        Err(_) => Vec::new(),
    };
    for ids in with("recipients").chunks(INSERT_ROWS) {
        let listed: Vec<(NotificationId, ParticipantId)> = recipients::table
            .filter(recipients::notification_id.eq_any(ids))
            .filter(recipients::user_key.eq(key))
            .select((recipients::notification_id, recipients::id))
            .load(connection)?;
        places.extend(listed.into_iter().map(place));
    }
    Ok(places)
}

/// The participants with this key, of any event, on the lists of recipients.
fn find_listed(connection: &mut AnyConnection, key: &str) -> QueryResult<Vec<Place>> {
    let of_participants =
        notifications::table.filter(notifications::audience.eq("recipients")).select(notifications::id);
    let listed: Vec<(NotificationId, ParticipantId)> = recipients::table
        .filter(recipients::user_key.eq(key))
        .filter(recipients::notification_id.eq_any(of_participants))
        .select((recipients::notification_id, recipients::id))
        .load(connection)?;
    Ok(listed.into_iter().map(place).collect())
}

/// The outcomes and deferrals of this participant in these notifications.
fn with_number(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
    number: ParticipantId,
) -> QueryResult<Vec<Place>> {
    let mut places = Vec::new();
    for ids in ids.chunks(INSERT_ROWS) {
        let decided: Vec<(NotificationId, ParticipantId)> = deliveries::table
            .filter(deliveries::notification_id.eq_any(ids))
            .filter(deliveries::participant_id.eq(number))
            .select((deliveries::notification_id, deliveries::participant_id))
            .load(connection)?;
        let deferred: Vec<(NotificationId, ParticipantId)> = deferrals::table
            .filter(deferrals::notification_id.eq_any(ids))
            .filter(deferrals::participant_id.eq(number))
            .select((deferrals::notification_id, deferrals::participant_id))
            .load(connection)?;
        places.extend(decided.into_iter().chain(deferred).map(place));
    }
    Ok(places)
}

fn place((notification_id, participant_id): (NotificationId, ParticipantId)) -> Place {
    Place { notification_id, participant_id }
}

/// What is looked for among the recipients.
struct Search<'a> {
    person: &'a Person,
    patterns: [String; 2],
    /// Keys, as they are and in small letters: a UUID may be written in either.
    keys: Vec<String>,
    /// Whether rows of others are wanted that have the address in their texts.
    others: bool,
}

impl<'a> Search<'a> {
    fn new(person: &'a Person, others: bool) -> Self {
        let FormerKeys { participants, users } = &person.keys;
        let keys = person.users.iter().map(|row| &row.key).chain(participants).chain(users);
        let forms = keys.flat_map(|key| [key.clone(), key.to_ascii_lowercase()]);
        let keys: BTreeSet<String> = forms.collect();
        Self { person, patterns: person.address.patterns(), keys: keys.into_iter().collect(), others }
    }

    /// The rows behind a place that may be about the person.
    fn statement(&self, after: Place) -> Statement<'_, Columns> {
        let [pattern, encoded] = &self.patterns;
        let mut statement = Statement::new(
            "SELECT notification_id, id, user_key, email, name, data FROM recipients WHERE (notification_id > ",
        )
        .number(after.notification_id.0)
        .sql(" OR (notification_id = ")
        .number(after.notification_id.0)
        .sql(" AND id > ")
        .number(after.participant_id.0)
        .sql(")) AND (LOWER(email) LIKE ")
        .text(pattern)
        .sql(" OR LOWER(user_key) LIKE ")
        .text(pattern);
        if self.others {
            for (column, pattern) in [("name", pattern), ("data", pattern), ("data", encoded)] {
                statement = statement.sql(" OR LOWER(").sql(column).sql(") LIKE ").text(pattern);
            }
        }
        for key in &self.keys {
            statement = statement.sql(" OR LOWER(user_key) = ").text(key).sql(" OR user_key = ").text(key);
        }
        statement
            .sql(") ORDER BY notification_id, id LIMIT ")
            .number(ROWS_PER_PAGE.into())
            .prepared_each_time()
    }

    /// Keys of users are those of recipients whom a message names, and not those of an event's participants.
    fn is_own(&self, (_, _, key, email, _, _): &Values, audience: Option<&str>) -> bool {
        let address = &self.person.address;
        let Person { users, keys, .. } = self.person;
        let is_key = |key: &str| {
            let is_users = audience == Some(GIVEN.as_str());
            let former = if is_users { &keys.users } else { &keys.participants };
            former.iter().any(|own| is_same(own, key))
                || (is_users && users.iter().any(|row| is_same(&row.key, key)))
        };
        email.as_deref().is_some_and(|email| address.is(email))
            || key.as_deref().is_some_and(|key| address.is_in(key) || is_key(key))
    }

    fn is_in_others(&self, (_, _, _, _, name, data): &Values) -> bool {
        let address = &self.person.address;
        name.as_deref().is_some_and(|name| address.is_in(name))
            || data.as_deref().is_some_and(|data| address.is_in_json(data))
    }
}

/// Whether two keys are one. A message may write the digits of a UUID in capitals.
fn is_same(own: &str, key: &str) -> bool {
    let is_uuid =
        |key: &str| key.len() == 36 && key.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    own == key || (is_uuid(own) && own.eq_ignore_ascii_case(key))
}
