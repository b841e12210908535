//! The tag of this ledger, which is part of Message-IDs. The migration makes it, and nothing changes it.

use diesel::prelude::*;

use crate::domain::ids::NotificationId;
use crate::domain::installation::Installation;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::schema::installation;

impl Store {
    /// Reads the tag of this ledger. It never changes, so once for each process is enough.
    ///
    /// # Errors
    /// When the database does not answer, or the row was removed.
    pub fn find_installation(&self) -> Result<Installation, StoreError> {
        let found = self.run("read the tag of this installation", |connection| {
            installation::table
                .select((installation::id, installation::untagged_up_to))
                .first::<(String, NotificationId)>(connection)
                .optional()
        })?;
        let Some((tag, untagged_up_to)) = found else {
            return Err(StoreError::no_installation());
        };
        Ok(Installation { tag, untagged_up_to })
    }
}
