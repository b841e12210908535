//! Looks up the users whom messages name by their ids: in the application's table or view `users`, which only such messages need.
//! What a text has to be cast to is found by the folders of the databases.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::result::Error;

#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::domain::event_key_type::EventKeyType;
use crate::domain::participant::keep_one;
use crate::domain::user::{SeveralAddresses, User};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::backend::dispatch;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::users;
use crate::store::source::keyed_pages::{Columns, KeyedPerson, Values, into_person};
use crate::store::source::listed::stored_as;
use crate::store::source::user_ids::UserIds;
use crate::store::source::zone_column::ZoneColumn;
use crate::sync::lock;

/// Most ids in one query. For a list of a thousand, PostgreSQL reads all of a table of 100,000 users, and MariaDB makes a table of the
/// list (`in_predicate_conversion_threshold`).
const IDS_PER_QUERY: usize = 100;

/// The columns that the application gives, perhaps by a view.
const COLUMNS: [&str; 4] = ["id", "email", "name", "locale"];

const EMAIL: AsText<users::email> = AsText(users::email);
const NAME: AsText<users::name> = AsText(users::name);
const LOCALE: AsText<users::locale> = AsText(users::locale);

/// Users by their ids, as they were asked for. An id is left out that no row has, or that none can have.
pub type FoundUsers = HashMap<String, Result<User, SeveralAddresses>>;

impl Store {
    /// The users with these ids.
    ///
    /// # Errors
    /// When there is no table or view `users`, or it lacks a column, or a row cannot be read: the error is unreadable data. When the
    /// database does not answer.
    pub fn find_users(&self, ids: &[&str]) -> Result<FoundUsers, StoreError> {
        self.look_up(ids).map_err(|error| self.find_missing_columns(error, "users", &COLUMNS))
    }

    /// Whether there is a table or view `users` that can be read. Where a server does not show what it grants nothing on, there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read, or the database does not answer.
    pub fn check_users(&self) -> Result<bool, StoreError> {
        let read = |connection: &mut AnyConnection| match dispatch::find_user_ids(connection)? {
            Some(_) => read_nothing(connection).map(|()| true),
            None => Ok(false),
        };
        match self.run("read users", read) {
            Err(error) if error.is_about_users() => Ok(false),
            Err(error) => Err(self.find_missing_columns(error, "users", &COLUMNS)),
            found => found,
        }
    }

    /// How the table holds ids is found once, and again when one is not found: it may be another table or view by now.
    fn look_up(&self, ids: &[&str]) -> Result<FoundUsers, StoreError> {
        let look_up_as = |(kind, zones)| {
            self.run("look up users by their ids", |connection| find_users(connection, kind, zones, ids))
        };
        let known = *lock(&self.user_ids);
        let Some(known) = known else { return self.find_user_ids().and_then(look_up_as) };
        let found = look_up_as(known);
        if found.as_ref().is_ok_and(|found| ids.iter().all(|id| found.contains_key(*id))) {
            return found;
        }
        match self.find_user_ids()? {
            kind if kind == known => found,
            other => look_up_as(other),
        }
    }

    fn find_user_ids(&self) -> Result<(UserIds, ZoneColumn), StoreError> {
        let found = self.run("read the type of users.id", |connection| {
            if let Some(found) = dispatch::find_user_ids(connection)? {
                return Ok(found);
            }
            // The database has the words for what is missing: the table, the column, or the right to read it.
            read_nothing(connection)?;
            Err(Error::DeserializationError("the catalogue of the database has no column users.id".into()))
        })?;
        let found = (found, self.find_zone_column("users")?);
        *lock(&self.user_ids) = Some(found);
        Ok(found)
    }
}

/// Fails if the table or a column is missing, or may not be read.
fn read_nothing(connection: &mut AnyConnection) -> QueryResult<()> {
    users::table.limit(0).execute(connection).map(drop)
}

/// The users with these ids. Two ids are the same when all their bytes are, except UUIDs, which a database writes in one form only.
pub(crate) fn find_users(
    connection: &mut AnyConnection,
    kind: UserIds,
    zones: ZoneColumn,
    ids: &[&str],
) -> QueryResult<FoundUsers> {
    // In one order, so that the statement is the same each time.
    let mut asked: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for id in ids {
        if let Some(stored) = kind.key_type().stored_form(id) {
            asked.entry(stored).or_default().push(id);
        }
    }
    let stored: Vec<&str> = asked.keys().map(String::as_str).collect();
    let mut found: HashMap<String, (KeyedPerson, bool)> = HashMap::with_capacity(stored.len());
    for stored in stored.chunks(IDS_PER_QUERY) {
        let rows: Vec<Values> = select(kind, zones, stored).prepared_each_time().load(connection)?;
        for mut person in rows.into_iter().filter_map(into_person) {
            match found.entry(kind.read(&person.key)) {
                Entry::Occupied(mut kept) => {
                    let (kept, differ) = kept.get_mut();
                    *differ |= keep_one(kept, &mut person);
                }
                Entry::Vacant(new) => drop(new.insert((person, false))),
            }
        }
    }
    Ok(by_asked(&asked, found))
}

/// Rows that a collation holds for equal, and that were not asked for, are left out.
fn by_asked(asked: &BTreeMap<String, Vec<&str>>, found: HashMap<String, (KeyedPerson, bool)>) -> FoundUsers {
    let mut users = FoundUsers::with_capacity(found.len());
    for (stored, (person, differ)) in found {
        let user = if differ { Err(SeveralAddresses) } else { Ok(person.into_user()) };
        let ids = asked.get(&stored).into_iter().flatten();
        users.extend(ids.map(|id| ((*id).to_owned(), user.clone())));
    }
    users
}

/// The rows that have one of these ids, along the index: in the collation of the column, so that others may be among them.
fn select<'a>(kind: UserIds, zones: ZoneColumn, ids: &[&'a str]) -> Statement<'a, Columns> {
    let text = match kind {
        #[cfg(any(feature = "mysql", feature = "postgres"))]
        UserIds::Column { text, .. } => text,
        UserIds::OfEachRow(_) => dispatch::LOOKUP_KEY_OF_ROWS.text,
    };
    let mut statement = Statement::new("SELECT ")
        .sql(text)
        .sql(" AS user_key, ")
        .fragment(&EMAIL)
        .sql(", ")
        .fragment(&NAME)
        .sql(", ")
        .fragment(&LOCALE)
        .sql(", ")
        .fragment(zones.piece())
        .sql(" FROM users WHERE id IN (");
    for (index, id) in ids.iter().enumerate() {
        statement = compare(if index == 0 { statement } else { statement.sql(", ") }, kind, id);
    }
    statement.sql(")")
}

/// Adds what a row with this id has stored.
fn compare<'a>(statement: Statement<'a, Columns>, kind: UserIds, id: &'a str) -> Statement<'a, Columns> {
    match kind {
        #[cfg(any(feature = "mysql", feature = "postgres"))]
        UserIds::Column { column, .. } => match (column.keys, id.parse::<i64>(), column.cast) {
            (EventKeyType::Number, Ok(number), _) => statement.number(number),
            (_, _, Some(cast)) => statement.sql("CAST(").text(id).sql(" AS ").sql(cast).sql(")"),
            (_, _, None) => statement.text(id),
        },
        UserIds::OfEachRow(_) => stored_as(statement, dispatch::LOOKUP_KEY_OF_ROWS, id),
    }
}
