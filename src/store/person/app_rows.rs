//! The rows of the application that have the address of a person. Reads all of them: only the application could have an index.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::domain::address_hash::AddressHash;
use crate::domain::ids::EventId;
use crate::domain::written_address::WrittenAddress;
use crate::store::Store;
use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::backend::as_text::AsText;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::person::{AppRow, FormerKeys, Person};
use crate::store::schema::{participants, users};
use crate::store::source::columns::{AppText, not_blank};
use crate::store::source::keys::ParticipantKeys;
use crate::store::source::listed::lookup_key;

/// Event, key, address, name and language.
type Columns = (Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
type Values = (Option<AppText>, Option<AppText>, Option<AppText>, Option<AppText>, Option<AppText>);

const EVENT_OF_PARTICIPANT: AsText<participants::event_id> = AsText(participants::event_id);
const PARTICIPANT: AsText<participants::id> = AsText(participants::id);
const EMAIL: AsText<participants::email> = AsText(participants::email);
const NAME: AsText<participants::name> = AsText(participants::name);
const LOCALE: AsText<participants::locale> = AsText(participants::locale);

const USER: AsText<users::id> = AsText(users::id);

impl Store {
    /// The person with this address, with the keys that the application has for it now. `keys` are others of the same person. Reads all
    /// participants and users.
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read.
    pub fn find_person(
        &self,
        address: WrittenAddress,
        hash: AddressHash,
        keys: FormerKeys,
    ) -> Result<Person, StoreError> {
        let keys_of_application = self.app_keys()?;
        let participants = self.run("look for an address among the participants", |connection| {
            let select = Statement::new("SELECT ").fragment(&EVENT_OF_PARTICIPANT).sql(", ");
            let select = match keys_of_application.participants {
                ParticipantKeys::Numbers => select.fragment(&PARTICIPANT),
                // As the ledger lists them.
                _ => select.sql(lookup_key(keys_of_application)?.text),
            };
            find_rows(connection, select, "participants", &address)
        })?;
        let has_users = match self.check_users() {
            // A table of this name for something else, of which fanmail has never read a row.
            Err(error) if error.is_unreadable() => false,
            found => found?,
        };
        let users = if has_users {
            self.run("look for an address among the users", |connection| {
                find_rows(connection, Statement::new("SELECT NULL, ").fragment(&USER), "users", &address)
            })?
        } else {
            Vec::new()
        };
        Ok(Person { address, hash, participants, users, keys })
    }

    /// The participants with this key, of an event or of any. One without an address has an empty one. Reads all participants, unless the
    /// application has an index by their keys.
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read.
    pub fn find_participants_with_key(
        &self,
        event_id: Option<EventId>,
        key: &str,
    ) -> Result<Vec<AppRow>, StoreError> {
        let keys = self.app_keys()?;
        let number: Option<i64> = key.parse().ok();
        self.run("look for a participant", |connection| {
            let select = Statement::<Columns>::new("SELECT ").fragment(&EVENT_OF_PARTICIPANT).sql(", ");
            let (select, column) = match (keys.participants, number) {
                (ParticipantKeys::Numbers, None) => return Ok(Vec::new()),
                (ParticipantKeys::Numbers, Some(_)) => (select.fragment(&PARTICIPANT), "id"),
                // As the ledger lists them.
                _ => {
                    let column = lookup_key(keys)?.text;
                    (select.sql(column), column)
                }
            };
            let from = with_texts(select, "participants").sql(column).sql(" = ");
            let mut statement = match (keys.participants, number) {
                (ParticipantKeys::Numbers, Some(number)) => from.number(number),
                _ => from.text(key),
            };
            if let Some(event_id) = event_id {
                statement = statement.sql(" AND ").event(keys.events.in_participants(event_id));
            }
            let rows = statement.load_iter::<Values, _>(connection)?;
            let rows: Vec<AppRow> =
                rows.filter_map(|row| row.map(into_row).transpose()).collect::<QueryResult<_>>()?;
            // Equal for the database may be more than the same.
            Ok(rows.into_iter().filter(|row| row.key == key || number.is_some()).collect())
        })
    }
}

/// The rows of a table that have the address. `select` begins with event and key.
fn find_rows<'a>(
    connection: &mut AnyConnection,
    select: Statement<'a, Columns>,
    table: &'a str,
    address: &WrittenAddress,
) -> QueryResult<Vec<AppRow>> {
    let [before, behind] = dispatch!(connection, AnyConnection => dialect::EMAIL_LIKE);
    let [pattern, _] = address.patterns();
    let rows = with_texts(select, table)
        .sql(before)
        .text(&pattern)
        .sql(behind)
        .load_iter::<Values, _>(connection)?;
    rows.filter_map(|row| row.map(|values| read(values, address)).transpose()).collect()
}

/// Adds the other columns, and the beginning of the condition.
fn with_texts<'a>(select: Statement<'a, Columns>, table: &'a str) -> Statement<'a, Columns> {
    let select = select.sql(", ").fragment(&EMAIL).sql(", ").fragment(&NAME).sql(", ").fragment(&LOCALE);
    select.sql(" FROM ").sql(table).sql(" WHERE ")
}

/// `None` if it is another address, or the row has no key.
fn read(values: Values, address: &WrittenAddress) -> Option<AppRow> {
    if !values.2.as_ref().is_some_and(|AppText(email)| address.is(email)) {
        return None;
    }
    into_row(values)
}

/// `None` if the row has no key.
fn into_row((event_id, key, email, name, locale): Values) -> Option<AppRow> {
    let email = email.map_or_else(String::new, |AppText(email)| email);
    let event_id = event_id.and_then(|AppText(event_id)| EventId::from_text(&event_id).ok());
    Some(AppRow { event_id, key: key?.0, email, name: not_blank(name), locale: not_blank(locale) })
}
