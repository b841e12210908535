//! Reading the people of an event, a page at a time, in key order.

use super::{Store, StoreError};
use crate::domain::participant::Participant;

impl Store {
    /// Up to `limit` participants of the event with `after < id <= up_to`, in key order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_page(
        &self,
        _event_id: i64,
        _after: i64,
        _up_to: i64,
        _limit: u32,
    ) -> Result<Vec<Participant>, StoreError> {
        todo!()
    }
}
