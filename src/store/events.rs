//! Reading events.

use super::{Store, StoreError};
use crate::domain::event::Event;

impl Store {
    /// The event, if the database has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_event(&self, _event_id: i64) -> Result<Option<Event>, StoreError> {
        todo!()
    }
}
