//! Whose a mail is: the application's key, and the address that the application has now. A person who has left has none.

use std::collections::HashMap;

use serde::Serialize;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::person::Place;
use crate::text::clean::shown_key;
use crate::text::mask::masked_line;

/// Longest key that is shown, in characters.
const KEY_MAX: usize = 600;

/// Notifications that are kept at hand.
const MAX_KNOWN: usize = 1_000;

/// The application's key for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PersonKey {
    /// A text.
    Text(String),
    /// A whole number, or the number of a person whom a message names by the address.
    Number(ParticipantId),
}

impl PersonKey {
    /// On one line, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Text(key) => shown_key(key, KEY_MAX),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// The recipient of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownPerson {
    /// The key.
    pub participant: PersonKey,
    /// The address; `None` if the application has none any more, or its row cannot be read.
    pub address: Option<String>,
}

impl ShownPerson {
    /// A person of whom the ledger alone knows.
    #[must_use]
    pub fn unknown(place: Place) -> Self {
        Self { participant: PersonKey::Number(place.participant_id), address: None }
    }

    /// The same without what is before the `@`, but the first letter.
    #[must_use]
    pub fn masked(self) -> Self {
        Self { address: self.address.map(|address| masked_line(&address)), ..self }
    }
}

/// Looks people up.
pub struct People<'a> {
    store: &'a Store,
    /// Notifications that were looked up; `None`: it was deleted meanwhile.
    known: HashMap<NotificationId, Option<Notification>>,
}

impl<'a> People<'a> {
    /// Looks into this database.
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store, known: HashMap::new() }
    }

    /// These recipients of a notification. One whose row cannot be read has no address.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_all(
        &mut self,
        notification_id: NotificationId,
        ids: &[ParticipantId],
    ) -> Result<HashMap<ParticipantId, ShownPerson>, StoreError> {
        let mut people: HashMap<ParticipantId, ShownPerson> = ids
            .iter()
            .map(|&participant_id| {
                (participant_id, ShownPerson::unknown(Place { notification_id, participant_id }))
            })
            .collect();
        let Some(notification) = self.notification(notification_id)? else { return Ok(people) };
        if notification.audience.is_listed() {
            for (id, key) in self.store.find_listed_keys(notification_id, ids)? {
                people.entry(id).and_modify(|person| person.participant = PersonKey::Text(key));
            }
        }
        for participant in self.store.find_readable(&notification, ids)? {
            people.entry(participant.id).and_modify(|person| person.address = participant.email);
        }
        Ok(people)
    }

    fn notification(&mut self, id: NotificationId) -> Result<Option<Notification>, StoreError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let found = self.store.find_notification(id)?.map(|record| record.notification);
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(id, found);
        Ok(found)
    }
}
