//! Finds out how the application's tables hold the keys of events and of participants, and whether they have zones, once. How a database names
//! the types of its columns is left to `backend`.

use diesel::connection::SimpleConnection as _;

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::store::Store;
use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::source::event_keys::EventKeys;
use crate::store::source::keys::{AppKeys, ParticipantKeys};
use crate::store::source::zone_column::ZoneColumn;
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

    /// How the tables hold the keys of events.
    ///
    /// # Errors
    /// When the database does not answer, or holds them in different ways.
    pub(crate) fn event_keys(&self) -> Result<EventKeys, StoreError> {
        Ok(self.app_keys()?.events)
    }

    /// How the tables hold the keys of participants.
    ///
    /// # Errors
    /// When the database does not answer, or holds the keys of events in different ways.
    pub(crate) fn participant_keys(&self) -> Result<ParticipantKeys, StoreError> {
        Ok(self.app_keys()?.participants)
    }

    /// How the tables hold both: found once.
    ///
    /// # Errors
    /// When the database does not answer, or holds the keys of events in different ways.
    pub(crate) fn app_keys(&self) -> Result<AppKeys, StoreError> {
        let known = *lock(&self.app_keys);
        known.map_or_else(|| self.find_app_keys(), Ok)
    }

    /// Looks for it again.
    ///
    /// # Errors
    /// When the database does not answer, or holds the keys of events in different ways.
    pub(crate) fn find_app_keys(&self) -> Result<AppKeys, StoreError> {
        let (events, participants) = self.run("use events and participants", dispatch::find_app_keys)?;
        let keys = AppKeys { events, participants, zones: self.find_zone_column("participants")? };
        *lock(&self.app_keys) = Some(keys);
        Ok(keys)
    }

    /// Whether participants can have a zone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_participant_zones(&self) -> Result<bool, StoreError> {
        Ok(self.find_app_keys()?.zones.exists)
    }

    /// Reads people. A view may be replaced by one without the column while workers run.
    ///
    /// # Errors
    /// Those of `read`, or when the database does not answer.
    pub(crate) fn with_app_keys<T>(
        &self,
        read: impl Fn(AppKeys) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let keys = self.app_keys()?;
        match read(keys) {
            Err(error) if keys.zones.exists && error.is_about_column() => {
                // The keys are left: looking at them would read rows, and one of them may fail.
                let found = AppKeys { zones: self.find_zone_column("participants")?, ..keys };
                if found == keys {
                    return Err(error);
                }
                *lock(&self.app_keys) = Some(found);
                read(found)
            }
            result => result,
        }
    }

    /// Whether this table or view has the column and lets it be read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) fn find_zone_column(&self, table: &str) -> Result<ZoneColumn, StoreError> {
        let look = |connection: &mut AnyConnection| {
            let prefix = dispatch!(connection, AnyConnection => dialect::DESCRIBE_QUERY);
            connection.batch_execute(&format!("{prefix}SELECT timezone FROM {table} WHERE 1 = 0"))
        };
        match self.run("look for a column timezone", look) {
            Ok(()) => Ok(ZoneColumn { exists: true }),
            Err(error) if error.is_transient() => Err(error),
            // Where the table itself cannot be read, the next statement says so.
            Err(_) => Ok(ZoneColumn { exists: false }),
        }
    }
}
