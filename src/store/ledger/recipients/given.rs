//! The recipients whom a message has named: those with an address as they are listed, and those with a user id as the application's
//! table of users has them now.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::message::details::DetailsJson;
use crate::domain::participant::Participant;
use crate::domain::user::SeveralAddresses;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::schema::recipients;
use crate::store::source::users::FoundUsers;

/// A row of `recipients`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = recipients)]
struct GivenRow {
    id: ParticipantId,
    user_key: Option<String>,
    email: Option<String>,
    name: Option<String>,
    locale: Option<String>,
    data: Option<String>,
}

impl Store {
    /// Those with these numbers, in any order. A user id without a row in `users` is left out.
    ///
    /// # Errors
    /// When the database does not answer, or one of them cannot be read.
    pub(super) fn find_given(
        &self,
        notification_id: NotificationId,
        ids: &[ParticipantId],
    ) -> Result<Vec<Participant>, StoreError> {
        let rows: Vec<GivenRow> = self.run("read recipients", |connection| {
            recipients::table
                .filter(recipients::notification_id.eq(notification_id))
                .filter(recipients::id.eq_any(ids))
                .select(GivenRow::as_select())
                .load(connection)
        })?;
        let keys: Vec<&str> = rows.iter().filter_map(|row| row.user_key.as_deref()).collect();
        let users = if keys.is_empty() { HashMap::new() } else { self.find_users(&keys)? };
        let people = rows.into_iter().map(|row| row.into_participant(&users));
        let people: Result<Vec<Option<Participant>>, SeveralAddresses> = people.collect();
        let people = people.map_err(|error| StoreError::unreadable("read a user", &error))?;
        Ok(people.into_iter().flatten().collect())
    }
}

impl GivenRow {
    fn into_participant(self, users: &FoundUsers) -> Result<Option<Participant>, SeveralAddresses> {
        let Self { id, user_key, email, name, locale, data } = self;
        let details = data.as_deref().map(DetailsJson::from_ledger);
        let Some(key) = user_key else {
            let name = name.unwrap_or_default();
            // The message gives none, and no event that has a time.
            let timezone = None;
            return Ok(Some(Participant { id, key: None, email, name, locale, timezone, details }));
        };
        let user = users.get(&key).cloned().transpose()?;
        Ok(user.map(|user| Participant { details, ..user.numbered(id, &key) }))
    }
}
