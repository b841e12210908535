//! Finds out how the application's tables hold the keys of events and of participants, once. How a database names the types of its columns is left
//! to `backend`.

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::source::event_keys::EventKeys;
use crate::store::source::keys::{AppKeys, ParticipantKeys};
use crate::sync::lock;

impl Store {
    /// Which keys the application's events have.
    ///
    /// # Errors
    /// When the database does not answer, or holds them in different ways.
    pub fn event_key_type(&self) -> Result<EventKeyType, StoreError> {
        Ok(self.event_keys()?.key_type)
    }

    /// The key of the event that `key` means in this database: a UUID may be written in several forms.
    ///
    /// # Errors
    /// When no event can have this key, or the database does not answer.
    pub fn accept_event(&self, key: EventId) -> Result<EventId, StoreError> {
        let accepted = self.event_key_type()?.accept(key);
        accepted.map_err(|reason| StoreError::new(&format!("use the event key {key}"), &reason))
    }

    /// How the tables hold the keys of events: found once.
    ///
    /// # Errors
    /// When the database does not answer, or holds them in different ways.
    pub(crate) fn event_keys(&self) -> Result<EventKeys, StoreError> {
        let known = *lock(&self.event_keys);
        known.map_or_else(|| self.find_event_keys(), Ok)
    }

    /// How the tables hold the keys of participants: found once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) fn participant_keys(&self) -> Result<ParticipantKeys, StoreError> {
        if let Some(keys) = self.known_keys.get() {
            return Ok(keys);
        }
        let keys = self.run("read the type of participants.id", dispatch::participant_keys)?;
        self.known_keys.set(keys);
        Ok(keys)
    }

    /// How the tables hold both: found once.
    ///
    /// # Errors
    /// When the database does not answer, or holds the keys of events in different ways.
    pub(crate) fn app_keys(&self) -> Result<AppKeys, StoreError> {
        Ok(AppKeys { events: self.event_keys()?, participants: self.participant_keys()? })
    }

    /// Looks for it again.
    ///
    /// # Errors
    /// When the database does not answer, or holds them in different ways.
    pub(crate) fn find_event_keys(&self) -> Result<EventKeys, StoreError> {
        let keys = self.run("use events and participants", dispatch::find_event_keys)?;
        *lock(&self.event_keys) = Some(keys);
        Ok(keys)
    }
}
