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
    let rows = select
        .sql(", ")
        .fragment(&EMAIL)
        .sql(", ")
        .fragment(&NAME)
        .sql(", ")
        .fragment(&LOCALE)
        .sql(" FROM ")
        .sql(table)
        .sql(" WHERE ")
        .sql(before)
        .text(&pattern)
        .sql(behind)
        .load_iter::<Values, _>(connection)?;
    rows.filter_map(|row| row.map(|values| read(values, address)).transpose()).collect()
}

/// `None` if it is another address, or the row has no key.
fn read((event_id, key, email, name, locale): Values, address: &WrittenAddress) -> Option<AppRow> {
    let AppText(email) = email.filter(|AppText(email)| address.is(email))?;
    let event_id = event_id.and_then(|AppText(event_id)| EventId::from_text(&event_id).ok());
    Some(AppRow { event_id, key: key?.0, email, name: not_blank(name), locale: not_blank(locale) })
}
